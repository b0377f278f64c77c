// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/dax/table.h"

#include <string.h>

#include "conformance/ref/fault/fault.h"

void dax_plan_init(struct dax_plan *p)
{
	p->step = p->few;
	p->room = ARRAY_SIZE(p->few);
	p->count = 0;
	p->adds = 0;
	p->error = 0;
}

void dax_plan_free(struct dax_plan *p)
{
	if (p->step != p->few)
		free(p->step);
	dax_plan_init(p);
}

static void grow(struct dax_plan *p)
{
	size_t room = p->room * 2;
	struct dax_step *step = malloc(room * sizeof(*step));

	if (!step) {
		p->error = -ENOMEM;
		return;
	}
	memcpy(step, p->step, p->count * sizeof(*step));
	if (p->step != p->few)
		free(p->step);
	p->step = step;
	p->room = room;
}

static void push(struct dax_plan *p, bool add, const struct dax_fragment *f)
{
	if (p->count == p->room && !p->error)
		grow(p);
	if (p->error)
		return;
	p->step[p->count++] = (struct dax_step){ .add = add, .f = *f };
	p->adds += add;
}

static uint64_t end_of(const struct dax_fragment *f)
{
	return f->offset + f->len;
}

/* The part [offset, end) of the window of @f, which must be inside it. */
static struct dax_fragment part_of(const struct dax_fragment *f, uint64_t offset, uint64_t end)
{
	struct dax_fragment part = *f;

	part.file_offset += offset - f->offset;
	part.offset = offset;
	part.len = end - offset;
	return part;
}

/* What can @f begin with under @x? Its first piece, cut to one kind. */
static struct dax_fragment first_piece(const struct dax_fragment *f, const struct dax_extent *x)
{
	struct dax_fragment piece = *f;
	uint64_t limit = UINT64_MAX;

	piece.tail = NULL;
	if (f->file_offset < x->file_end) {
		piece.kind = DAX_FILE;
		limit = x->file_end - f->file_offset;
	} else if (f->file_offset == x->tail_at) {
		piece.kind = DAX_TAIL;
		limit = DAX_PAGE_BYTES;
	} else {
		piece.kind = DAX_HOLE;
		if (x->tail_at != UINT64_MAX && x->tail_at > f->file_offset)
			limit = x->tail_at - f->file_offset;
	}
	if (piece.len > limit)
		piece.len = limit;
	return piece;
}

void dax_plan_pieces(struct dax_plan *p, const struct dax_fragment *f, const struct dax_extent *x)
{
	struct dax_fragment rest = *f;

	while (rest.len) {
		struct dax_fragment piece = first_piece(&rest, x);

		push(p, true, &piece);
		rest.offset += piece.len;
		rest.file_offset += piece.len;
		rest.len -= piece.len;
	}
}

static bool stays(const struct dax_fragment *f, const struct dax_extent *x)
{
	struct dax_fragment first;

	if (f->kind == DAX_FILE)
		return true;
	first = first_piece(f, x);
	return first.kind == f->kind && first.len == f->len;
}

static void reshape(struct dax_plan *p, const struct dax_fragment *f, const struct dax_extent *x)
{
	if (stays(f, x))
		return;
	push(p, false, f);
	dax_plan_pieces(p, f, x);
}

/* Same file at the same place: every page that both cover has the same content. */
static bool same_content(const struct dax_fragment *a, const struct dax_fragment *b)
{
	return a->source == b->source && a->file_offset - a->offset == b->file_offset - b->offset;
}

/*
 * What is left of @f goes back. The file may be shorter than when it was mapped: so what is left of a
 * mapping is cut to what can be mapped now.
 */
static void add_rest(struct dax_plan *p, const struct dax_fragment *f, uint64_t offset,
		     uint64_t end, dax_extent_of_source *extent)
{
	struct dax_fragment rest;
	struct dax_extent x;

	if (offset >= end)
		return;
	rest = part_of(f, offset, end);
	if (f->kind == DAX_FILE) {
		x = extent(f->source);
		dax_plan_pieces(p, &rest, &x);
	} else {
		push(p, true, &rest);
	}
}

static void displace(struct dax_plan *p, const struct dax_fragment *f, uint64_t offset,
		     uint64_t end, dax_extent_of_source *extent)
{
	push(p, false, f);
	if ((f->offset < offset || end < end_of(f)) && fault_at(FAULT_MAP_REST))
		return;
	add_rest(p, f, f->offset, offset, extent);
	add_rest(p, f, end, end_of(f), extent);
}

void dax_plan_map(struct dax_plan *p, const struct dax_table *t, const struct dax_fragment *want,
		  const struct dax_extent *fresh, const struct dax_extent *known,
		  dax_extent_of_source *extent)
{
	size_t first = dax_table_find(t, want->offset);
	uint64_t end = end_of(want);
	uint64_t at = want->offset;
	size_t i;

	for (i = first; i < t->count && t->at[i].offset < end; i++) {
		if (same_content(&t->at[i], want))
			reshape(p, &t->at[i], known);
		else
			displace(p, &t->at[i], want->offset, end, extent);
	}
	for (i = first; i <= t->count && at < end; i++) {
		bool last = i == t->count || t->at[i].offset >= end;
		uint64_t gap_end = last ? end : t->at[i].offset;
		struct dax_fragment gap;

		if (!last && !same_content(&t->at[i], want))
			continue;
		if (at < gap_end) {
			gap = part_of(want, at, gap_end);
			dax_plan_pieces(p, &gap, fresh);
		}
		at = last ? end : end_of(&t->at[i]);
	}
}

void dax_plan_unmap(struct dax_plan *p, const struct dax_table *t, uint64_t offset, uint64_t len,
		    dax_extent_of_source *extent)
{
	for (size_t i = dax_table_find(t, offset); i < t->count && t->at[i].offset < offset + len;
	     i++)
		displace(p, &t->at[i], offset, offset + len, extent);
}

void dax_plan_resize(struct dax_plan *p, const struct dax_table *t, const struct dax_source *s,
		     const struct dax_extent *x)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->at[i].source == s)
			reshape(p, &t->at[i], x);
}

void dax_plan_cut(struct dax_plan *p, const struct dax_table *t, const struct dax_source *s,
		  uint64_t end, dax_extent_of_source *extent)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct dax_fragment *f = &t->at[i];
		struct dax_fragment lost;
		uint64_t kept = end > f->file_offset ? end - f->file_offset : 0;

		if (f->source != s || f->kind == DAX_HOLE || kept >= f->len)
			continue;
		push(p, false, f);
		add_rest(p, f, f->offset, f->offset + kept, extent);
		lost = part_of(f, f->offset + kept, end_of(f));
		lost.kind = DAX_HOLE;
		lost.tail = NULL;
		push(p, true, &lost);
	}
}
