// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/dax/share.h"

#include "conformance/ref/fault/breaks.h"
#include "conformance/ref/ledger/ledger.h"

#include <assert.h>

/* Steps that need no array of their own for what is taken out. */
#define FEW_STEPS 8

/* The books: one lock for all of them, so that setups = removals + live whenever they are read. */
static void count_live(struct dax_window *w, const struct dax_fragment *f, bool add)
{
	struct dax_counts *c = &w->counts;

	if (f->kind == DAX_HOLE)
		return;
	(void)pthread_mutex_lock(&w->count_lock);
	if (add) {
		c->setups++;
		c->live++;
		c->live_bytes += f->len;
		if (c->live_bytes > c->live_bytes_max)
			c->live_bytes_max = c->live_bytes;
	} else {
		c->removals++;
		c->live--;
		c->live_bytes -= f->len;
	}
	(void)pthread_mutex_unlock(&w->count_lock);
	if (add)
		ledger_mapped(f->len);
	else
		ledger_unmapped(f->len);
}

static void count_refused(struct dax_window *w)
{
	(void)pthread_mutex_lock(&w->count_lock);
	w->counts.refused++;
	(void)pthread_mutex_unlock(&w->count_lock);
	ledger_refused();
}

static int map_private(const struct ref_window *front, const struct dax_fragment *f)
{
	CLEANUP(fd_closep) int fd = fault_private(f->source->fd, f->file_offset, f->len);

	return fd < 0 ? fd : front->map(front->context, fd, 0, f->offset, f->len, true);
}

/* The front end's part of an addition. */
static int front_map(struct dax_window *w, const struct dax_fragment *f)
{
	const struct ref_window *front = w->front;
	int e;

	if (f->kind == DAX_HOLE)
		return 0;
	if (f->kind == DAX_TAIL)
		e = front->map(front->context, f->tail->fd, 0, f->offset, f->len, true);
	else if (fault_at(FAULT_MAP_PRIVATE))
		e = map_private(front, f);
	else
		e = front->map(front->context, f->source->fd, f->file_offset, f->offset, f->len,
			       true);
	if (e < 0)
		count_refused(w);
	return e;
}

static int front_unmap(struct dax_window *w, const struct dax_fragment *f)
{
	int e = 0;

	if (f->kind != DAX_HOLE && !fault_at(FAULT_MAP_OVER_LIVE))
		e = w->front->unmap(w->front->context, f->offset, f->len);
	if (e < 0)
		count_refused(w);
	return e;
}

/* Into the table, with its references; the front end has it. */
static void enter(struct dax_window *w, const struct dax_fragment *f)
{
	if (f->kind != DAX_FILE)
		f->source->partial++;
	dax_table_insert(&w->table, f);
	count_live(w, f, true);
}

/* Out of the table; its references are the caller's now. Nobody stores into a copy any more: take it over. */
static struct dax_fragment leave(struct dax_window *w, uint64_t offset)
{
	struct dax_fragment f = dax_table_remove(&w->table, offset);

	if (f.tail)
		(void)dax_tail_exchange(f.source);
	if (f.kind != DAX_FILE)
		f.source->partial--;
	count_live(w, &f, false);
	return f;
}

static void release(struct dax_window *w, struct dax_fragment *f)
{
	if (f->tail)
		dax_tail_put(f->source, f->tail);
	dax_source_drop(&w->share->sources, f->source);
}

static int add(struct dax_window *w, const struct dax_fragment *planned)
{
	struct dax_fragment f = *planned;
	int e = 0;

	f.tail = NULL;
	dax_source_hold(&w->share->sources, f.source);
	if (f.kind == DAX_TAIL)
		e = dax_tail_get(f.source, f.file_offset, &f.tail);
	if (e == 0)
		e = front_map(w, &f);
	if (e < 0)
		release(w, &f);
	else
		enter(w, &f);
	return e;
}

static void add_hole(struct dax_window *w, const struct dax_fragment *planned)
{
	struct dax_fragment f = *planned;

	f.kind = DAX_HOLE;
	(void)add(w, &f);
}

static bool taken(const struct dax_table *t, const struct dax_fragment *f)
{
	size_t i = dax_table_find(t, f->offset);

	return i < t->count && t->at[i].offset < f->offset + f->len;
}

/* As much of it as can be mapped: the file may have become shorter since it was. */
static void put_back(struct dax_window *w, struct dax_fragment *f)
{
	struct dax_extent x = dax_extent_now(f->source);
	struct dax_plan pieces;

	dax_plan_init(&pieces);
	if (f->kind == DAX_HOLE) /* it says where the file ended when that was last known */
		x = (struct dax_extent){ .file_end = 0, .tail_at = UINT64_MAX };
	if (!taken(&w->table, f))
		dax_plan_pieces(&pieces, f, &x);
	for (size_t i = 0; i < pieces.count; i++)
		(void)add(w, &pieces.step[i].f);
	release(w, f);
	dax_plan_free(&pieces);
}

static void take_away(struct dax_window *w, const struct dax_fragment *added)
{
	struct dax_fragment f;

	/* What the front end does not give up stays known: its range is never given to it again. */
	if (front_unmap(w, added) < 0)
		return;
	f = leave(w, added->offset);
	release(w, &f);
}

/* Everything before @done back to where it was, as far as the front end lets us; @out is what was removed. */
static void undo(struct dax_window *w, const struct dax_plan *p, size_t done,
		 struct dax_fragment *out)
{
	while (done-- > 0) {
		if (p->step[done].add)
			take_away(w, &p->step[done].f);
		else
			put_back(w, &out[done]);
	}
}

static int all_or_nothing(struct dax_window *w, const struct dax_plan *p, struct dax_fragment *out)
{
	int e = 0;
	size_t i;

	for (i = 0; i < p->count && e == 0; i++) {
		const struct dax_fragment *f = &p->step[i].f;

		if (p->step[i].add) {
			e = add(w, f);
		} else {
			e = front_unmap(w, f);
			if (e == 0)
				out[i] = leave(w, f->offset);
		}
	}
	if (e < 0) {
		undo(w, p, i - 1, out);
		return e;
	}
	for (i = 0; i < p->count; i++)
		if (!p->step[i].add)
			release(w, &out[i]);
	return 0;
}

/* Does @b go on where @a ends, in the window and in the file? */
static bool goes_on(const struct dax_fragment *a, const struct dax_fragment *b)
{
	return a->kind == DAX_FILE && a->source == b->source && a->offset + a->len == b->offset &&
	       a->file_offset + a->len == b->file_offset;
}

/* Take out what @run goes on from, and make @run begin there. Return: how many that were. */
static unsigned gather_left(struct dax_window *w, struct dax_fragment *run)
{
	unsigned count = 0;

	while (run->offset) {
		size_t i = dax_table_find(&w->table, run->offset - 1);
		struct dax_fragment left;

		if (i == w->table.count || !goes_on(&w->table.at[i], run) ||
		    front_unmap(w, &w->table.at[i]) < 0)
			break;
		left = leave(w, w->table.at[i].offset);
		run->offset = left.offset;
		run->file_offset = left.file_offset;
		run->len += left.len;
		release(w, &left);
		count++;
	}
	return count;
}

/*
 * The front end has refused @f, for lack of memory slots perhaps: make one mapping of those that lead up to
 * it and of itself, or, when it is of another kind, make room for it. The one place where live bytes go for
 * a moment, as otherwise bytes that the guest knows of would be missing for good. The caller has a reference
 * to the source.
 */
static int join_left(struct dax_window *w, const struct dax_fragment *f, int refusal)
{
	struct dax_fragment run = *f;
	int e;

	if (f->kind != DAX_FILE)
		run.len = 0;
	run.kind = DAX_FILE;
	if (gather_left(w, &run) == 0)
		return refusal;
	e = add(w, &run);
	if (e == 0)
		return f->kind == DAX_FILE ? 0 : add(w, f);
	if (f->kind == DAX_FILE)
		run.len -= f->len;
	if (add(w, &run) < 0)
		add_hole(w, &run);
	return e;
}

static int group_by_group(struct dax_window *w, const struct dax_plan *p)
{
	int first = 0;
	bool skip = false;

	for (size_t i = 0; i < p->count; i++) {
		const struct dax_fragment *f = &p->step[i].f;
		struct dax_fragment out;
		int e;

		if (p->step[i].add) {
			e = skip ? 0 : add(w, f);
			if (e < 0)
				e = join_left(w, f, e);
			if (e < 0)
				add_hole(w, f);
		} else {
			e = front_unmap(w, f);
			skip = e < 0;
			if (!skip) {
				out = leave(w, f->offset);
				release(w, &out);
			}
		}
		if (e < 0 && first == 0)
			first = e;
	}
	return first;
}

int dax_window_carry_out(struct dax_window *w, const struct dax_plan *p, bool go_on)
{
	struct dax_fragment few[FEW_STEPS] = { 0 };
	CLEANUP(freep) struct dax_fragment *many = NULL;
	int e;

	if (!p->count && !p->error)
		return 0;
	e = dax_table_reserve(&w->table, p);
	if (e < 0)
		return e;
	if (go_on)
		return group_by_group(w, p);
	if (p->count > FEW_STEPS) {
		many = calloc(p->count, sizeof(*many));
		if (!many)
			return -ENOMEM;
	}
	return all_or_nothing(w, p, many ? many : few);
}

void dax_window_clear(struct dax_window *w, bool gone)
{
	(void)pthread_mutex_lock(&w->lock);
	while (w->table.count) {
		struct dax_fragment f = w->table.at[w->table.count - 1];

		/* A refusal changes nothing: the session that knew of the mapping is over. */
		if (!gone)
			(void)front_unmap(w, &f);
		f = leave(w, f.offset);
		release(w, &f);
	}
	(void)pthread_mutex_unlock(&w->lock);
}
