// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/dax/share.h"

#include <assert.h>
#include <fcntl.h>
#include <sys/stat.h>

int dax_share_open(const struct ref_options *o, struct dax_share **ret, struct err *reterr)
{
	struct dax_share *share = calloc(1, sizeof(*share));
	int e = 0;

	if (!share)
		return err_set(reterr, -ENOMEM, "out of memory for the DAX windows");
	dax_sources_init(&share->sources);
	(void)pthread_mutex_init(&share->lock, NULL);
	(void)pthread_cond_init(&share->unused, NULL);
	share->shadow_allowed = o->tail != REF_TAIL_PASSTHROUGH;
	if (o->tail == REF_TAIL_SHADOW)
		(void)err_set(&share->reason, 0, "--tail shadow");
	else
		e = dax_passthrough_open(o->shared_dir, &share->passthrough, &share->reason);
	if (e < 0 && !share->shadow_allowed) {
		if (reterr)
			*reterr = share->reason;
		(void)dax_share_close(share);
		return err_prefix(reterr, e, "--tail passthrough");
	}
	*ret = share;
	return 0;
}

struct dax_share *dax_share_close(struct dax_share *share)
{
	if (!share)
		return NULL;
	assert(!share->windows);
	share->passthrough = dax_passthrough_close(share->passthrough);
	dax_sources_destroy(&share->sources);
	(void)pthread_mutex_destroy(&share->lock);
	(void)pthread_cond_destroy(&share->unused);
	free(share);
	return NULL;
}

const char *dax_share_tail(const struct dax_share *share)
{
	if (!share->passthrough)
		return "shadow";
	return share->mixed ? "mixed" : "passthrough";
}

const char *dax_share_tail_reason(const struct dax_share *share)
{
	return share->reason.text;
}

/*
 * The window behind @before, or the first, with a user so that it stays; the user of @before is given
 * back. A window that came or went meanwhile is seen or not: it asks for the file's size itself.
 */
static struct dax_window *next_window(struct dax_share *share, struct dax_window *before)
{
	struct dax_window *w;

	(void)pthread_mutex_lock(&share->lock);
	w = before ? before->next : share->windows;
	if (w)
		w->users++;
	if (before && --before->users == 0)
		(void)pthread_cond_broadcast(&share->unused);
	(void)pthread_mutex_unlock(&share->lock);
	return w;
}

/* Change what @w maps of @s, group by group: what cannot be mapped becomes a hole, what must go goes. */
static void carry_out(struct dax_window *w, struct dax_plan *plan)
{
	(void)dax_window_carry_out(w, plan, true);
	(void)pthread_mutex_unlock(&w->lock);
	dax_plan_free(plan);
}

static void cut(struct dax_window *w, const struct dax_source *s, uint64_t size)
{
	struct dax_plan plan;

	dax_plan_init(&plan);
	(void)pthread_mutex_lock(&w->lock);
	dax_plan_cut(&plan, &w->table, s, dax_extent_pages(size).file_end, dax_extent_now);
	carry_out(w, &plan);
}

/* How far the file of @s is there, which @fd has open: asked for under the lock of the window that is changed. */
static struct dax_extent extent_of(const struct dax_source *s, int fd)
{
	const uint64_t limit = dax_source_limit(s);
	struct statx st;

	if (s->shadow)
		return dax_extent_now(s);
	if (statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &st) < 0)
		st.stx_size = 0;
	return dax_extent_pages(st.stx_size < limit ? st.stx_size : limit);
}

/* Mappings of the private mount are never taken back here. */
static void fit(struct dax_window *w, const struct dax_source *s, int fd)
{
	struct dax_extent x;
	struct dax_plan plan;

	dax_plan_init(&plan);
	(void)pthread_mutex_lock(&w->lock);
	x = extent_of(s, fd);
	dax_plan_resize(&plan, &w->table, s, &x);
	carry_out(w, &plan);
}

/* The first hole at or behind @offset of a file whose tail is a copy; NULL without one. */
static const struct dax_fragment *shadow_hole(const struct dax_table *t, uint64_t offset)
{
	for (size_t i = dax_table_find(t, offset); i < t->count; i++)
		if (t->at[i].kind == DAX_HOLE && t->at[i].source->shadow)
			return &t->at[i];
	return NULL;
}

/* All fragments of a source at once; those behind it that were its holes are none, or stay, then. */
void dax_window_refit(struct dax_window *w)
{
	const struct dax_fragment *hole;
	uint64_t next = 0;

	(void)pthread_mutex_lock(&w->lock);
	while ((hole = shadow_hole(&w->table, next))) {
		struct dax_extent x = dax_extent_now(hole->source);
		struct dax_plan plan;

		next = hole->offset + hole->len;
		dax_plan_init(&plan);
		dax_plan_resize(&plan, &w->table, hole->source, &x);
		(void)dax_window_carry_out(w, &plan, true);
		dax_plan_free(&plan);
	}
	(void)pthread_mutex_unlock(&w->lock);
}

void dax_before_shrink(struct dax_share *share, const struct dax_window *by, dev_t dev, ino_t ino,
		       uint64_t size, struct dax_shrink *ret)
{
	struct dax_source *s;

	if (ret) {
		*ret = (struct dax_shrink){ .dev = dev, .ino = ino, .size = size };
		dax_sources_shrink(&share->sources, ret);
	}
	s = dax_sources_find(&share->sources, dev, ino);
	if (!s)
		return;
	for (struct dax_window *w = next_window(share, NULL); w; w = next_window(share, w))
		if (w != by)
			cut(w, s, size);
	dax_source_drop(&share->sources, s);
}

void dax_after_resize(struct dax_share *share, const struct dax_file *f)
{
	struct dax_source *s = dax_sources_find(&share->sources, f->dev, f->ino);

	if (!s)
		return;
	(void)dax_tail_exchange(s);
	if (s->partial)
		for (struct dax_window *w = next_window(share, NULL); w; w = next_window(share, w))
			fit(w, s, f->fd);
	dax_source_drop(&share->sources, s);
}

void dax_after_shrink(struct dax_share *share, struct dax_shrink *shrink, const struct dax_file *f)
{
	dax_sources_shrunk(&share->sources, shrink);
	dax_after_resize(share, f);
}

int dax_sync(struct dax_share *share, dev_t dev, ino_t ino)
{
	struct dax_source *s;
	int e;

	if (share->passthrough && !share->mixed)
		return 0;
	s = dax_sources_find(&share->sources, dev, ino);
	if (!s)
		return 0;
	e = dax_tail_exchange(s);
	dax_source_drop(&share->sources, s);
	return e;
}

int dax_sync_all(struct dax_share *share)
{
	struct dax_source *s = NULL;
	int first = 0;

	if (share->passthrough && !share->mixed)
		return 0;
	while ((s = dax_sources_next(&share->sources, s))) {
		int e = dax_tail_exchange(s);

		if (first == 0)
			first = e;
	}
	return first;
}
