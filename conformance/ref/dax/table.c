// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/dax/table.h"

#include <assert.h>
#include <string.h>

static bool aligned(uint64_t value)
{
	return value % DAX_PAGE_BYTES == 0;
}

/* Is [offset, offset + len) a non-empty range of whole pages below @end? */
static bool fits(uint64_t offset, uint64_t len, uint64_t end)
{
	uint64_t last;

	return len && aligned(offset) && aligned(len) &&
	       !__builtin_add_overflow(offset, len, &last) && last <= end;
}

int dax_check_map(const struct fuse_setupmapping_in *in, uint64_t window_bytes)
{
	const uint64_t known = FUSE_SETUPMAPPING_FLAG_READ | FUSE_SETUPMAPPING_FLAG_WRITE;

	if (!in->flags || in->flags & ~known)
		return -EINVAL;
	if (!fits(in->moffset, in->len, window_bytes) ||
	    !fits(in->foffset, in->len, DAX_FILE_END_MAX))
		return -EINVAL;
	return 0;
}

int dax_check_unmap(const struct fuse_removemapping_one *one, uint64_t window_bytes)
{
	return fits(one->moffset, one->len, window_bytes) ? 0 : -EINVAL;
}

struct dax_extent dax_extent_all(void)
{
	return (struct dax_extent){ .file_end = DAX_FILE_END_MAX, .tail_at = UINT64_MAX };
}

struct dax_extent dax_extent_pages(uint64_t file_size)
{
	struct dax_extent x = dax_extent_all();

	if (file_size < DAX_FILE_END_MAX)
		x.file_end = (file_size + DAX_PAGE_BYTES - 1) / DAX_PAGE_BYTES * DAX_PAGE_BYTES;
	return x;
}

struct dax_extent dax_extent_shadow(uint64_t file_size)
{
	struct dax_extent x = dax_extent_all();

	if (file_size >= DAX_FILE_END_MAX)
		return x;
	x.file_end = file_size / DAX_PAGE_BYTES * DAX_PAGE_BYTES;
	if (file_size > x.file_end)
		x.tail_at = x.file_end;
	return x;
}

size_t dax_table_find(const struct dax_table *t, uint64_t offset)
{
	size_t low = 0;
	size_t high = t->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->at[middle].offset + t->at[middle].len <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int dax_table_reserve(struct dax_table *t, const struct dax_plan *p)
{
	size_t removes = p->count - p->adds;
	size_t want = t->count + p->adds + removes * DAX_PIECES_MAX;
	struct dax_fragment *at;
	size_t room;

	if (p->error)
		return p->error;
	if (t->count - removes + p->adds > DAX_FRAGMENTS_MAX)
		return -ENOMEM;
	if (want <= t->room)
		return 0;
	room = want * 2;
	at = realloc(t->at, room * sizeof(*at));
	if (!at)
		return -ENOMEM;
	t->at = at;
	t->room = room;
	return 0;
}

void dax_table_insert(struct dax_table *t, const struct dax_fragment *f)
{
	size_t i = dax_table_find(t, f->offset);

	assert(t->count < t->room);
	assert(i == t->count || f->offset + f->len <= t->at[i].offset);
	memmove(&t->at[i + 1], &t->at[i], (t->count - i) * sizeof(*t->at));
	t->at[i] = *f;
	t->count++;
}

struct dax_fragment dax_table_remove(struct dax_table *t, uint64_t offset)
{
	size_t i = dax_table_find(t, offset);
	struct dax_fragment f;

	assert(i < t->count && t->at[i].offset == offset);
	f = t->at[i];
	t->count--;
	memmove(&t->at[i], &t->at[i + 1], (t->count - i) * sizeof(*t->at));
	return f;
}

void dax_table_free(struct dax_table *t)
{
	free(t->at);
	*t = (struct dax_table){ 0 };
}
