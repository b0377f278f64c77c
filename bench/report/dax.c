// SPDX-License-Identifier: Apache-2.0
#include "report/dax.h"

#include "report/table.h"

#include <string.h>

bool dax_maps(const struct cell *c)
{
	return c->placed && c->status == CELL_OK && c->window_bytes > 0 && c->dax &&
	       (strcmp(c->dax, "always") == 0 || strcmp(c->dax, "inode") == 0);
}

bool dax_any(const struct run *r)
{
	for (size_t i = 0; i < r->cell_count; i++)
		if (dax_maps(&r->cell[i]))
			return true;
	return false;
}

/* The same in everything but that the guest does not map. */
static bool is_partner(const struct cell *c, const struct cell *on)
{
	return c->placed && c->status == CELL_OK && c->dax && strcmp(c->dax, "never") == 0 &&
	       c->window_bytes == on->window_bytes && c->writeback == on->writeback &&
	       text_same(c->stack, on->stack) && text_same(c->variant, on->variant) &&
	       text_same(c->workload, on->workload) && text_same(c->vmm, on->vmm) &&
	       text_same(c->kernel, on->kernel) && text_same(c->cache, on->cache) &&
	       text_same(c->accelerator, on->accelerator);
}

bool dax_tails_differ(const struct cell *a, const struct cell *b)
{
	return a->tail && b->tail && strcmp(a->tail, b->tail) != 0;
}

struct dax_line dax_line_of(const struct run *r, const struct cell *on)
{
	struct dax_line l = { .on = on };

	for (size_t i = 0; i < r->cell_count && !l.off; i++) {
		const struct cell *c = &r->cell[i];

		if (!is_partner(c, on))
			continue;
		if (dax_tails_differ(on, c))
			l.refused = c;
		else
			l.off = c;
	}
	return l;
}

static int compare_lines(const void *a, const void *b, void *run)
{
	const struct dax_line *x = a;
	const struct dax_line *y = b;
	int order = cell_compare_place(run, x->on, y->on);

	if (order)
		return order;
	return (x->on->workload_index > y->on->workload_index) -
	       (x->on->workload_index < y->on->workload_index);
}

int dax_build(const struct run *r, struct dax *ret)
{
	ret->line = calloc(r->cell_count + 1, sizeof(*ret->line));
	if (!ret->line)
		return -ENOMEM;
	for (size_t i = 0; i < r->cell_count; i++)
		if (dax_maps(&r->cell[i]))
			ret->line[ret->line_count++] = dax_line_of(r, &r->cell[i]);
	qsort_r(ret->line, ret->line_count, sizeof(*ret->line), compare_lines, (void *)r);
	return 0;
}

void dax_free(struct dax *d)
{
	free(d->line);
	*d = (struct dax){ 0 };
}

/* After the last phase that says what the guest has cached. */
static const struct value *cached(const struct cell *c)
{
	static const char tail[] = ".guest_cached_after";
	const struct value *last = NULL;

	for (size_t i = 0; i < c->value_count; i++) {
		const char *name = c->value[i].name;
		size_t n = strlen(name);

		if (n > strlen(tail) && strcmp(name + n - strlen(tail), tail) == 0)
			last = &c->value[i];
	}
	return last ? last : cell_value(c, "footprint.guest_cached");
}

bool dax_saved(const struct dax_line *l, double *ret_cached, double *ret_net)
{
	const struct value *on = cached(l->on);
	const struct value *off = l->off ? cached(l->off) : NULL;
	/* Each has a window of its own. */
	const struct value *guests = cell_value(l->on, "footprint.guests");

	if (!on || !off)
		return false;
	*ret_cached = off->median - on->median;
	*ret_net = *ret_cached -
		   (guests ? guests->median : 1) * (double)l->on->window_bytes * DAX_MEMMAP_PART;
	return true;
}

bool dax_data_requests(const struct cell *c, double *ret)
{
	static const char *const ops[] = { "warm.ops.READ", "warm.ops.WRITE",
					   "warm.ops.SETUPMAPPING", "warm.ops.REMOVEMAPPING" };

	if (!cell_value(c, "warm.ops.all"))
		return false;
	*ret = 0;
	/* An operation that no phase had is in no list. */
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		const struct value *v = cell_value(c, ops[i]);

		*ret += v ? v->median : 0;
	}
	return true;
}

struct dax_warm dax_warm_of(const struct dax *d)
{
	struct dax_warm w = { 0 };

	for (size_t i = 0; i < d->line_count; i++) {
		const struct cell *c = d->line[i].on;
		const struct value *r = cell_value(c, "dax.proof.requests");
		const struct value *k = cell_value(c, "dax.proof.kicks");
		double data;

		if (r && k) {
			w.proved++;
			w.silent += r->median <= 0 && k->median <= 0;
		}
		if (!dax_data_requests(c, &data))
			continue;
		w.counted++;
		w.no_data += data <= 0;
	}
	return w;
}
