// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "conformance/ref/dax/share.h"

#include "conformance/ref/fault/fault.h"
#include "conformance/ref/ledger/ledger.h"

/* How often a request is tried anew because the size of its file has changed under it. */
#define SIZE_CHANGES_MAX 4

int dax_window_new(struct dax_share *share, const struct ref_window *front, struct dax_window **ret,
		   struct err *reterr)
{
	struct dax_window *w = calloc(1, sizeof(*w));

	if (!w)
		return err_set(reterr, -ENOMEM, "out of memory for a DAX window");
	w->share = share;
	w->front = front;
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_mutex_init(&w->count_lock, NULL);
	(void)pthread_mutex_lock(&share->lock);
	w->next = share->windows;
	share->windows = w;
	(void)pthread_mutex_unlock(&share->lock);
	*ret = w;
	return 0;
}

struct dax_window *dax_window_free(struct dax_window *w)
{
	struct dax_window **link;

	if (!w)
		return NULL;
	(void)pthread_mutex_lock(&w->share->lock);
	while (w->users)
		(void)pthread_cond_wait(&w->share->unused, &w->share->lock);
	for (link = &w->share->windows; *link != w;)
		link = &(*link)->next;
	*link = w->next;
	(void)pthread_mutex_unlock(&w->share->lock);
	/* Whoever frees a window has no front end any more that could be told. */
	dax_window_clear(w, true);
	dax_table_free(&w->table);
	(void)pthread_mutex_destroy(&w->lock);
	(void)pthread_mutex_destroy(&w->count_lock);
	free(w);
	return NULL;
}

void dax_window_counts(struct dax_window *w, struct dax_counts *ret)
{
	(void)pthread_mutex_lock(&w->count_lock);
	*ret = w->counts;
	(void)pthread_mutex_unlock(&w->count_lock);
}

/* A descriptor that a front end can map read-write, of the file that it is said to be. */
static int check_file(const struct dax_file *f, uint64_t *ret_size)
{
	int flags = f->fd < 0 ? 0 : fcntl(f->fd, F_GETFL);
	struct stat st;

	/* Of a size that says nothing: behind it is the private mount, which claims one beyond all sizes. */
	if (f->fd < 0) {
		*ret_size = DAX_FILE_END_MAX;
		return 0;
	}
	if (flags < 0 || fstat(f->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_dev != f->dev || st.st_ino != f->ino)
		return -EINVAL;
	if ((flags & O_ACCMODE) != O_RDWR || flags & (O_APPEND | O_PATH))
		return -EACCES;
	*ret_size = (uint64_t)st.st_size;
	return 0;
}

/* With a reference. A file that is mapped nowhere yet costs a round trip to the broker. */
static int source_for(struct dax_share *share, const struct dax_file *f, struct dax_source **ret)
{
	bool shadow = !share->passthrough;
	int fd = -1;
	int e;

	*ret = dax_sources_find(&share->sources, f->dev, f->ino);
	if (*ret && f->fd < 0 && (*ret)->shadow) {
		dax_source_drop(&share->sources, *ret);
		return -EBADF;
	}
	if (*ret)
		return 0;
	if (f->fd < 0)
		return -EBADF;
	if (!shadow) {
		e = dax_passthrough_file(share->passthrough, f, &fd);
		/* Only what the host cannot do at all for this file; anything else is an error. */
		shadow = (e == -ELOOP || e == -EOPNOTSUPP) && share->shadow_allowed;
		if (e < 0 && !shadow)
			return e;
		if (shadow)
			share->mixed = true;
	}
	if (shadow) {
		fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
	}
	*ret = dax_sources_add(&share->sources, f->dev, f->ino, fd, shadow);
	return *ret ? 0 : -ENOMEM;
}

struct dax_extent dax_extent_now(const struct dax_source *s)
{
	const uint64_t limit = dax_source_limit(s);
	struct stat st;
	uint64_t size;

	if (!s->shadow)
		return dax_extent_pages(limit);
	size = fstat(s->fd, &st) < 0 ? 0 : (uint64_t)st.st_size;
	return dax_extent_shadow(size < limit ? size : limit);
}

/* Remember who may write; without a message that was the whole request. */
static void note_access(struct dax_window *w, const struct dax_fragment *want, bool silent)
{
	bool upgraded = false;

	if (!want->writable)
		return;
	for (size_t i = dax_table_find(&w->table, want->offset);
	     i < w->table.count && w->table.at[i].offset < want->offset + want->len; i++) {
		upgraded |= !w->table.at[i].writable;
		w->table.at[i].writable = true;
	}
	if (!silent || !upgraded)
		return;
	(void)pthread_mutex_lock(&w->count_lock);
	w->counts.upgrades++;
	(void)pthread_mutex_unlock(&w->count_lock);
	ledger_upgraded();
}

/* For a file of @size bytes that will end at @limit. */
static int map_sized(struct dax_window *w, const struct dax_fragment *want, uint64_t size,
		     uint64_t limit)
{
	const bool shadow = want->source->shadow;
	const uint64_t end = size < limit ? size : limit;
	struct dax_extent known = shadow ? dax_extent_shadow(end) : dax_extent_pages(end);
	/* A private mount takes more than the file has: what it grows by is there then. */
	struct dax_extent fresh = shadow ? known : dax_extent_pages(limit);
	struct dax_plan plan;
	int e;

	dax_plan_init(&plan);
	dax_plan_map(&plan, &w->table, want, &fresh, &known, dax_extent_now);
	e = dax_window_carry_out(w, &plan, false);
	if (e == 0)
		note_access(w, want, plan.count == 0);
	dax_plan_free(&plan);
	return e;
}

/* --fault: unmap and map again, one after the other. */
static void map_again(const struct dax_window *w, const struct dax_fragment *f)
{
	const struct ref_window *front = w->front;

	if (f->kind == DAX_FILE && front->unmap(front->context, f->offset, f->len) == 0)
		(void)!front->map(front->context, f->source->fd, f->file_offset, f->offset, f->len,
				  true);
}

/* --fault: what a range that is mapped already gives. 1: success without doing it; 0: go on; -errno. */
static int mapped_fault(const struct dax_window *w, const struct dax_fragment *want)
{
	size_t i = dax_table_find(&w->table, want->offset);
	const struct dax_fragment *f = i < w->table.count ? &w->table.at[i] : NULL;

	if (!f || f->offset >= want->offset + want->len)
		return 0;
	if (f->source == want->source &&
	    f->file_offset - f->offset == want->file_offset - want->offset) {
		if (fault_at(FAULT_UPGRADE_GAP))
			map_again(w, f);
		return fault_at(FAULT_MAP_UPGRADE) ? -EEXIST : 0;
	}
	if (fault_at(FAULT_MAP_OVERLAP))
		return -EEXIST;
	return fault_at(FAULT_MAP_REPLACE);
}

static int map_locked(struct dax_window *w, const struct dax_file *f,
		      const struct dax_fragment *want)
{
	uint64_t limit = dax_source_limit(want->source);
	uint64_t size = 0;
	int e = fault_hooked(FAULT_HOOK_REQUEST) ? mapped_fault(w, want) : 0;

	if (e != 0)
		return e < 0 ? e : 0;
	e = check_file(f, &size);

	/* A file that became shorter after we looked is refused by the front end; then we look again. */
	for (unsigned i = 0; e == 0 && i < SIZE_CHANGES_MAX; i++) {
		uint64_t before = size;

		e = map_sized(w, want, size, limit);
		limit = dax_source_limit(want->source);
		if (e == 0 || check_file(f, &size) < 0 || size == before)
			break;
		e = i + 1 < SIZE_CHANGES_MAX ? 0 : e;
	}
	return e;
}

int dax_map(struct dax_window *w, const struct dax_file *f, const struct fuse_setupmapping_in *in)
{
	struct dax_fragment want = { .offset = in->moffset,
				     .len = in->len,
				     .file_offset = in->foffset,
				     .writable = in->flags & FUSE_SETUPMAPPING_FLAG_WRITE };
	uint64_t size = 0;
	int e;

	if (!w->front->bytes)
		return -ENOSYS;
	e = dax_check_map(in, w->front->bytes);
	if (e < 0 && dax_check_map(in, UINT64_MAX) == 0 && fault_at(FAULT_MAP_PAST_WINDOW))
		e = 0;
	if (e == 0)
		e = check_file(f, &size);
	if (e == 0 && in->foffset + in->len > size && fault_at(FAULT_MAP_PAST_EOF))
		e = -EINVAL;
	if (e == 0)
		e = source_for(w->share, f, &want.source);
	if (e < 0)
		return e;
	assert(want.source);
	(void)pthread_mutex_lock(&w->lock);
	e = map_locked(w, f, &want);
	(void)pthread_mutex_unlock(&w->lock);
	dax_source_drop(&w->share->sources, want.source);
	return e;
}

/* --fault: an entry that is not just one mapping. Lock held. 0, or -errno to answer with. */
static int unmap_fault(const struct dax_window *w, struct fuse_removemapping_one *one)
{
	size_t i = dax_table_find(&w->table, one->moffset);
	const struct dax_fragment *f = i < w->table.count ? &w->table.at[i] : NULL;

	if (!f || (f->offset == one->moffset && f->len == one->len))
		return 0;
	if (fault_at(FAULT_UNMAP_EXACT))
		return -ENOENT;
	if (one->moffset + one->len < f->offset + f->len && fault_at(FAULT_UNMAP_WHOLE))
		*one = (struct fuse_removemapping_one){ f->offset, f->len };
	return 0;
}

int dax_unmap(struct dax_window *w, const struct fuse_removemapping_one *entries, unsigned count)
{
	int first = 0;

	if (!w->front->bytes)
		return -ENOSYS;
	for (unsigned i = 0; i < count; i++)
		if (dax_check_unmap(&entries[i], w->front->bytes) < 0)
			return -EINVAL;
	(void)pthread_mutex_lock(&w->lock);
	for (unsigned i = 0; i < count; i++) {
		struct fuse_removemapping_one one = entries[i];
		struct dax_plan plan;
		int e = fault_hooked(FAULT_HOOK_REQUEST) ? unmap_fault(w, &one) : 0;

		dax_plan_init(&plan);
		if (e == 0) {
			dax_plan_unmap(&plan, &w->table, one.moffset, one.len, dax_extent_now);
			e = dax_window_carry_out(w, &plan, false);
		}
		dax_plan_free(&plan);
		if (e < 0 && first == 0)
			first = e;
	}
	(void)pthread_mutex_unlock(&w->lock);
	return first;
}
