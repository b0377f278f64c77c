// SPDX-License-Identifier: Apache-2.0
#include "report/table.h"

#include "report/compare.h"

#include "stats/stats.h"

#include <string.h>

static int compare_modes(const void *a, const void *b)
{
	return table_compare_modes(a, b);
}

size_t tables_mode_index(const struct tables *t, const struct mode *m)
{
	const struct mode *hit = bsearch(m, t->mode, t->mode_count, sizeof(*m), compare_modes);

	return hit ? (size_t)(hit - t->mode) : 0;
}

/* Sort, drop doubles, and find out which modes need their window to be told apart. */
static size_t unique_modes(struct mode *m, size_t count)
{
	size_t n = 0;

	qsort(m, count, sizeof(*m), compare_modes);
	for (size_t i = 0; i < count; i++)
		if (n == 0 || compare_modes(&m[n - 1], &m[i]) != 0)
			m[n++] = m[i];
	for (size_t i = 0; i + 1 < n; i++) {
		struct mode same = m[i];

		same.window_bytes = m[i + 1].window_bytes;
		if (compare_modes(&same, &m[i + 1]) == 0)
			m[i].name_window = m[i + 1].name_window = true;
	}
	return n;
}

static bool is_baseline(const struct run *r, const struct cell *c)
{
	return r->stack[c->stack_index].kind == STACK_BASELINE;
}

/* Modes of the virtio-fs cells of one workload, or of all (workload NULL). */
static int collect_modes(const struct run *r, const struct workload_info *w, struct mode **ret,
			 size_t *ret_count)
{
	struct mode *m = calloc(r->cell_count + 1, sizeof(*m));
	struct mode *less;
	size_t n = 0;

	if (!m)
		return -ENOMEM;
	for (size_t i = 0; i < r->cell_count; i++) {
		const struct cell *c = &r->cell[i];

		if (c->placed && c->cache && !is_baseline(r, c) &&
		    (!w || &r->workload[c->workload_index] == w))
			m[n++] = cell_mode(c);
	}
	*ret_count = unique_modes(m, n);
	less = reallocarray(m, *ret_count + 1, sizeof(*m));
	*ret = less ? less : m;
	return 0;
}

static bool row_fits(const struct row *row, const struct run *r, const struct cell *c)
{
	return row->stack == &r->stack[c->stack_index] && text_same(row->variant, c->variant) &&
	       text_same(row->vmm, c->vmm) && text_same(row->kernel, c->kernel) &&
	       text_same(row->accelerator, c->accelerator);
}

static size_t column_of(const struct table *t, const struct cell *c, bool baseline)
{
	struct mode m = cell_mode(c);
	const struct mode *hit;

	if (baseline)
		return 0;
	hit = bsearch(&m, t->mode, t->mode_count, sizeof(m), compare_modes);
	return hit ? (size_t)(hit - t->mode) : 0;
}

/* Two cells never share a slot: a second one with the same words gets a row of its own. */
static int place_cell(const struct run *r, struct table *t, const struct cell *c, bool baseline,
		      struct err *reterr)
{
	size_t column = column_of(t, c, baseline);
	size_t i = 0;

	while (i < t->row_count &&
	       (!row_fits(&t->row[i], r, c) || t->slot[i * t->column_count + column]))
		i++;
	if ((i + 1) * t->column_count > TABLE_SLOTS_MAX)
		return err_set(reterr, -E2BIG, "workload %s: the table has more than %d places",
			       t->workload->id, TABLE_SLOTS_MAX);
	if (i == t->row_count) {
		struct row *row = reallocarray(t->row, i + 1, sizeof(*row));
		const struct cell **slot;

		if (!row)
			return err_set(reterr, -ENOMEM, "out of memory");
		t->row = row;
		slot = reallocarray(t->slot, (i + 1) * t->column_count, sizeof(*slot));
		if (!slot)
			return err_set(reterr, -ENOMEM, "out of memory");
		t->slot = slot;
		memset(&slot[i * t->column_count], 0, t->column_count * sizeof(*slot));
		t->row[t->row_count++] = (struct row){
			.stack = &r->stack[c->stack_index],
			.variant = c->variant,
			.vmm = c->vmm,
			.kernel = c->kernel,
			.accelerator = c->accelerator,
			.first = c,
			.baseline = baseline,
		};
	}
	t->slot[i * t->column_count + column] = c;
	return 0;
}

static int place_stack(const struct run *r, struct table *t, size_t stack, struct err *reterr)
{
	enum stack_kind kind = r->stack[stack].kind;
	bool baseline = kind == STACK_BASELINE;
	bool modes = kind == STACK_VIRTIOFS || kind == STACK_9P;

	for (size_t i = 0; i < r->cell_count; i++) {
		const struct cell *c = &r->cell[i];
		int e;

		if (!c->placed || c->stack_index != stack ||
		    &r->workload[c->workload_index] != t->workload)
			continue;
		/* A damaged cell whose id does not tell its modes has no place. */
		if (modes && !c->cache && !c->root)
			continue;
		e = place_cell(r, t, c, baseline || !c->cache, reterr);
		if (e < 0)
			return e;
	}
	return 0;
}

/* Rows by kind of stack, then in the order of the stacks in run.json. */
static int place_cells(const struct run *r, struct table *t, struct err *reterr)
{
	for (unsigned int kind = 0; kind < STACK_KIND_COUNT; kind++) {
		for (size_t stack = 0; stack < r->stack_count; stack++) {
			int e = 0;

			if (r->stack[stack].kind == (enum stack_kind)kind)
				e = place_stack(r, t, stack, reterr);
			if (e < 0)
				return e;
		}
	}
	return 0;
}

static struct figure figure_of(const struct cell *c, const char *metric)
{
	static const enum figure_state states[CELL_STATUS_COUNT] = {
		[CELL_OK] = FIGURE_VALUE,
		[CELL_NA] = FIGURE_NA,
		[CELL_FAILED] = FIGURE_FAILED,
		[CELL_PENDING] = FIGURE_PENDING,
	};
	struct figure f = { .cell = c };

	if (!c)
		return f;
	f.state = states[c->status];
	if (f.state != FIGURE_VALUE)
		return f;
	f.value = cell_value(c, metric);
	if (!f.value)
		f.state = FIGURE_NO_VALUE;
	return f;
}

/* A unit that suits the middle of what the table shows. */
static int pick_scale(const struct table *t, struct grid *g)
{
	size_t count = t->row_count * t->column_count;
	CLEANUP(freep) double *medians = calloc(count + 1, sizeof(*medians));
	double typical = 1;
	size_t n = 0;

	if (!medians)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (g->figure[i].value && !t->row[i / t->column_count].baseline)
			medians[n++] = g->figure[i].value->median;
	for (size_t i = 0; n == 0 && i < count; i++)
		if (g->figure[i].value)
			medians[n++] = g->figure[i].value->median;
	if (n > 0 && stats_median(medians, n, &typical) < 0)
		typical = 1;
	g->scale = scale_pick(g->unit, g->metric, typical);
	return 0;
}

/* Unit, direction and kind: from the first cell that has it, else from run.json's list. */
static void describe_grid(const struct run *r, const struct table *t, struct grid *g)
{
	json_t *metrics = json_object_get(r->root, "metrics");
	const json_t *m;
	size_t i;

	g->title = run_metric_title(r, g->metric);
	g->unit = "";
	json_array_foreach(metrics, i, m)
		if (strcmp(json_string_value(json_object_get(m, "name")), g->metric) == 0)
			g->unit = json_string_value(json_object_get(m, "unit"));
	for (i = 0; i < t->row_count * t->column_count; i++) {
		const struct value *v = g->figure[i].value;

		if (!v)
			continue;
		if (g->value_count++ > 0 && strcmp(g->unit, v->unit) == 0)
			continue;
		g->unit = v->unit;
		g->better = v->better;
		g->kind = v->kind;
	}
}

static int build_grid(const struct run *r, struct table *t, struct grid *g, const char *metric,
		      struct err *reterr)
{
	size_t count = t->row_count * t->column_count;
	const char *dot = strchr(metric, '.');

	g->metric = metric;
	g->phase = strndup(metric, dot ? (size_t)(dot - metric) : 0);
	g->figure = calloc(count + 1, sizeof(*g->figure));
	if (!g->phase || !g->figure)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++)
		g->figure[i] = figure_of(t->slot[i], metric);
	describe_grid(r, t, g);
	if (pick_scale(t, g) < 0 || compare_grid(r, t, g) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	return 0;
}

static int build_table(const struct run *r, struct table *t, const struct workload_info *w,
		       struct err *reterr)
{
	const json_t *name;
	size_t i;
	int e;

	t->workload = w;
	if (collect_modes(r, w, &t->mode, &t->mode_count) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (t->mode_count > TABLE_MODES_MAX)
		return err_set(reterr, -E2BIG, "workload %s has more than %d modes", w->id,
			       TABLE_MODES_MAX);
	t->column_count = t->mode_count ? t->mode_count : 1;
	e = place_cells(r, t, reterr);
	if (e < 0)
		return e;
	t->grid = calloc(json_array_size(w->headline) + 1, sizeof(*t->grid));
	if (!t->grid)
		return err_set(reterr, -ENOMEM, "out of memory");
	json_array_foreach(w->headline, i, name) {
		e = build_grid(r, t, &t->grid[t->grid_count++], json_string_value(name), reterr);
		if (e < 0)
			return e;
	}
	return 0;
}

int tables_build(const struct run *r, struct tables *ret, struct err *reterr)
{
	int e;

	ret->run = r;
	ret->table = calloc(r->workload_count + 1, sizeof(*ret->table));
	if (!ret->table || pressure_build(r, &ret->pressure) < 0 ||
	    collect_modes(r, NULL, &ret->mode, &ret->mode_count) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (size_t i = 0; i < r->workload_count; i++) {
		e = build_table(r, &ret->table[ret->count++], &r->workload[i], reterr);
		if (e < 0)
			return e;
	}
	return 0;
}

static void grid_free(struct grid *g)
{
	free((char *)g->phase);
	free(g->figure);
	free(g->svg);
	free(g->svg_error);
}

void tables_free(struct tables *t)
{
	for (size_t i = 0; i < t->count; i++) {
		struct table *one = &t->table[i];

		for (size_t j = 0; j < one->grid_count; j++)
			grid_free(&one->grid[j]);
		for (size_t j = 0; j < one->difference_count; j++)
			free(one->difference[j]);
		free(one->difference);
		free(one->grid);
		free(one->slot);
		free(one->row);
		free(one->mode);
	}
	free(t->table);
	free(t->mode);
	pressure_free(&t->pressure);
	*t = (struct tables){ 0 };
}

const struct figure *table_figure(const struct table *t, const struct grid *g, size_t row,
				  size_t column)
{
	return &g->figure[row * t->column_count + column];
}
