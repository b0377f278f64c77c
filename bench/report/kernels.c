// SPDX-License-Identifier: Apache-2.0
#include "report/kernels.h"

#include "report/dax.h"
#include "report/table.h"
#include "stats/stats.h"

#include <string.h>

/* Counts that a kernel decides, not the time that a phase had. */
static const struct {
	const char *what;
	const char *metric;
} counts[] = {
	{ "mappings made", DAX_SETUPS },
	{ "mappings removed", DAX_REMOVALS },
	{ "requests, cold", "cold.ops.all" },
	{ "requests, warm", "warm.ops.all" },
};

/* The time, then each count. */
#define LINES_MAX (1 + ARRAY_SIZE(counts))

/* A place in the order of run.json; unknown ones come last. */
static size_t rank(const struct run *r, const char *kernel)
{
	json_t *list = json_object_get(r->root, "kernels");
	const json_t *k;
	size_t i;

	json_array_foreach(list, i, k)
		if (strcmp(json_str_at((json_t *)k, "id", ""), kernel) == 0)
			return i;
	return SIZE_MAX;
}

static bool asks_to_map(const struct cell *c)
{
	return c->placed && c->kernel && c->window_bytes > 0 && c->dax &&
	       (strcmp(c->dax, "always") == 0 || strcmp(c->dax, "inode") == 0) &&
	       c->status != CELL_PENDING;
}

static bool equal_but_kernel(const struct cell *a, const struct cell *b)
{
	return a->window_bytes == b->window_bytes && a->writeback == b->writeback &&
	       text_same(a->stack, b->stack) && text_same(a->variant, b->variant) &&
	       text_same(a->workload, b->workload) && text_same(a->vmm, b->vmm) &&
	       text_same(a->cache, b->cache) && text_same(a->dax, b->dax) &&
	       text_same(a->accelerator, b->accelerator) && !text_same(a->kernel, b->kernel);
}

static bool before(const struct run *r, const struct cell *a, const struct cell *b)
{
	size_t x = rank(r, a->kernel);
	size_t y = rank(r, b->kernel);

	return x != y ? x < y : strcmp(a->kernel, b->kernel) < 0;
}

/* The same cell of the kernel that is listed first; NULL: there is none before @c. */
static const struct cell *base_of(const struct run *r, const struct cell *c)
{
	const struct cell *base = NULL;

	for (size_t i = 0; i < r->cell_count; i++) {
		const struct cell *o = &r->cell[i];

		if (asks_to_map(o) && equal_but_kernel(o, c) && before(r, o, base ? base : c))
			base = o;
	}
	return base;
}

static void add_line(struct kernels *k, struct kernel_line l)
{
	l.order = k->count;
	k->line[k->count++] = l;
}

static void add_count(struct kernels *k, struct kernel_line l)
{
	if (!l.va || !l.vb)
		return;
	if (l.va->median == l.vb->median) {
		k->equal++;
		return;
	}
	k->different++;
	add_line(k, l);
}

static void add_pair(const struct run *r, struct kernels *k, const struct cell *a,
		     const struct cell *b)
{
	const struct workload_info *w = &r->workload[b->workload_index];
	struct kernel_line l = { .a = a, .b = b };

	k->pairs++;
	if (a->status != CELL_OK || b->status != CELL_OK || dax_tails_differ(a, b)) {
		l.refused = a->status == b->status;
		if (a->status != b->status || a->status == CELL_OK)
			add_line(k, l);
		return;
	}
	l.metric = json_string_value(json_array_get(w->headline, 0));
	l.va = l.metric ? cell_value(a, l.metric) : NULL;
	l.vb = l.metric ? cell_value(b, l.metric) : NULL;
	if (l.va && l.vb)
		add_line(k, l);
	/* How often a working set goes round depends on how fast it does. */
	if (cell_value(a, PRESSURE_RATE))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		l.what = counts[i].what;
		l.metric = counts[i].metric;
		l.va = cell_value(a, l.metric);
		l.vb = cell_value(b, l.metric);
		add_count(k, l);
	}
}

static int compare_lines(const void *a, const void *b, void *run)
{
	const struct kernel_line *x = a;
	const struct kernel_line *y = b;
	int order = cell_compare_place(run, x->b, y->b);

	if (order == 0)
		order = (x->b->workload_index > y->b->workload_index) -
			(x->b->workload_index < y->b->workload_index);
	return order ? order : (x->order > y->order) - (x->order < y->order);
}

bool kernel_line_is_time(const struct kernel_line *l)
{
	return l->metric && !l->what;
}

/* Above 1 when the second kernel is the better one; 0 when there is no such ratio. */
static double speed_of(const struct kernel_line *l)
{
	if (!kernel_line_is_time(l) || l->va->kind != KIND_TIME || !(l->va->median > 0) ||
	    !(l->vb->median > 0))
		return 0;
	if (l->va->better == BETTER_LOWER)
		return l->va->median / l->vb->median;
	return l->vb->median / l->va->median;
}

static bool same_kernels(const struct kernel_line *l, const struct kernel_speed *s)
{
	return text_same(l->a->kernel, s->a) && text_same(l->b->kernel, s->b);
}

static int sum_up(const struct kernels *k, struct kernel_speed *s)
{
	CLEANUP(freep) double *ratio = calloc(k->count, sizeof(*ratio));

	if (!ratio)
		return -ENOMEM;
	for (size_t i = 0; i < k->count; i++)
		if (same_kernels(&k->line[i], s) && speed_of(&k->line[i]) > 0)
			ratio[s->pairs++] = speed_of(&k->line[i]);
	if (stats_median(ratio, s->pairs, &s->median) < 0)
		return 0;
	return stats_range(ratio, s->pairs, &s->low, &s->high);
}

static int sum_up_all(struct kernels *k)
{
	int e = 0;

	k->speed = calloc(k->count + 1, sizeof(*k->speed));
	if (!k->speed)
		return -ENOMEM;
	for (size_t i = 0; e == 0 && i < k->count; i++) {
		size_t j = 0;

		while (j < k->speed_count && !same_kernels(&k->line[i], &k->speed[j]))
			j++;
		if (j < k->speed_count)
			continue;
		k->speed[k->speed_count] = (struct kernel_speed){ .a = k->line[i].a->kernel,
								  .b = k->line[i].b->kernel };
		e = sum_up(k, &k->speed[k->speed_count++]);
	}
	return e;
}

int kernels_build(const struct run *r, struct kernels *ret)
{
	ret->line = calloc(r->cell_count * LINES_MAX + 1, sizeof(*ret->line));
	if (!ret->line)
		return -ENOMEM;
	for (size_t i = 0; i < r->cell_count; i++) {
		const struct cell *base;

		if (!asks_to_map(&r->cell[i]))
			continue;
		base = base_of(r, &r->cell[i]);
		if (base)
			add_pair(r, ret, base, &r->cell[i]);
	}
	qsort_r(ret->line, ret->count, sizeof(*ret->line), compare_lines, (void *)r);
	return sum_up_all(ret);
}

void kernels_free(struct kernels *k)
{
	free(k->line);
	free(k->speed);
	*k = (struct kernels){ 0 };
}
