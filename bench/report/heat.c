// SPDX-License-Identifier: Apache-2.0
#include "report/heat.h"

#include "report/compare.h"

#include <assert.h>
#include <math.h>
#include <string.h>

bool heat_same_group(const struct heat_row *a, const struct heat_row *b)
{
	return a->row->stack == b->row->stack && text_same(a->row->variant, b->row->variant) &&
	       text_same(a->row->vmm, b->row->vmm) && text_same(a->row->kernel, b->row->kernel) &&
	       text_same(a->row->accelerator, b->row->accelerator);
}

/* A figure of a table, on its way to its place. */
struct entry {
	struct heat_row at;
	size_t column;
	size_t order; /* rows keep the order of the tables among equals */
	const struct figure *figure;
};

static int compare_or_null(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

static int compare_rows(const struct heat_row *a, const struct heat_row *b)
{
	const struct row *x = a->row;
	const struct row *y = b->row;
	int d = (x->stack->kind > y->stack->kind) - (x->stack->kind < y->stack->kind);

	/* Stacks are one array: their order is that of run.json. */
	if (d == 0)
		d = (x->stack > y->stack) - (x->stack < y->stack);
	if (d == 0)
		d = compare_or_null(x->variant, y->variant);
	if (d == 0)
		d = compare_or_null(x->vmm, y->vmm);
	if (d == 0)
		d = compare_or_null(x->kernel, y->kernel);
	if (d == 0)
		d = compare_or_null(x->accelerator, y->accelerator);
	if (d == 0 && !x->baseline && !y->baseline)
		d = table_compare_modes(&a->mode, &b->mode);
	return d ? d : x->baseline - y->baseline;
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a;
	const struct entry *y = b;
	int d = compare_rows(&x->at, &y->at);

	if (d == 0)
		d = (x->column > y->column) - (x->column < y->column);
	return d ? d : (x->order > y->order) - (x->order < y->order);
}

static size_t figure_count(const struct table *t)
{
	return t->grid_count > 0 ? t->row_count * t->column_count : 0;
}

static size_t collect(const struct heat *h, struct entry *list)
{
	size_t n = 0;

	for (size_t c = 0; c < h->column_count; c++) {
		const struct table *t = h->column[c];

		assert(t);
		for (size_t i = 0; i < figure_count(t); i++) {
			const struct row *row = &t->row[i / t->column_count];

			if (t->grid[0].figure[i].state == FIGURE_ABSENT)
				continue;
			list[n] = (struct entry){ .at = { .row = row },
						  .column = c,
						  .order = n,
						  .figure = &t->grid[0].figure[i] };
			if (!row->baseline)
				list[n].at.mode = t->mode[i % t->column_count];
			n++;
		}
	}
	qsort(list, n, sizeof(*list), compare_entries);
	return n;
}

/* Two cells with the same words have rows of their own, as they have in the tables. */
static size_t number_rows(struct heat *h, struct entry *list, size_t count)
{
	size_t rows = 0;

	for (size_t i = 0; i < count; i++) {
		bool same = i > 0 && compare_rows(&list[i - 1].at, &list[i].at) == 0;
		bool twice = same && list[i - 1].column == list[i].column;

		rows += !same || twice;
		list[i].order = rows - 1;
		if (!same || twice)
			h->row[rows - 1] = list[i].at;
	}
	return rows;
}

static const struct figure *find_common(const struct heat *h, size_t column,
					const struct row **ret_row)
{
	const struct table *t = h->column[column];
	const struct grid *g = &t->grid[0];

	for (size_t r = 0; r < t->row_count; r++) {
		const struct row *row = &t->row[r];

		if (row->stack->kind != STACK_BASELINE || strcmp(row->stack->id, "local") != 0 ||
		    row_on_host_under_tcg(h->tables->run, row, g->kind))
			continue;
		*ret_row = row;
		if (table_figure(t, g, r, 0)->state == FIGURE_VALUE)
			return table_figure(t, g, r, 0);
	}
	return compare_table_base(t, g, ret_row);
}

int heat_build(const struct tables *t, struct heat *ret)
{
	CLEANUP(freep) struct entry *list = NULL;
	size_t total = 0;
	size_t n;

	ret->tables = t;
	ret->column = calloc(t->count + 1, sizeof(*ret->column));
	if (!ret->column)
		return -ENOMEM;
	for (size_t i = 0; i < t->count; i++) {
		if (figure_count(&t->table[i]) == 0)
			continue;
		ret->column[ret->column_count++] = &t->table[i];
		total += figure_count(&t->table[i]);
	}
	list = calloc(total + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	n = collect(ret, list);
	ret->row = calloc(n + 1, sizeof(*ret->row));
	if (!ret->row)
		return -ENOMEM;
	ret->common = calloc(ret->column_count + 1, sizeof(*ret->common));
	if (!ret->common)
		return -ENOMEM;
	for (size_t c = 0; c < ret->column_count; c++)
		ret->common[c].figure = find_common(ret, c, &ret->common[c].row);
	ret->row_count = number_rows(ret, list, n);
	ret->slot = calloc(ret->row_count * ret->column_count + 1, sizeof(*ret->slot));
	if (!ret->slot)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		ret->slot[list[i].order * ret->column_count + list[i].column] =
			(struct heat_slot){ .figure = list[i].figure, .row = list[i].at.row };
	return 0;
}

void heat_free(struct heat *h)
{
	free(h->row);
	free(h->column);
	free(h->slot);
	free(h->common);
	*h = (struct heat){ 0 };
}

const struct grid *heat_grid(const struct heat *h, size_t column)
{
	return &h->column[column]->grid[0];
}

const struct heat_slot *heat_at(const struct heat *h, size_t row, size_t column)
{
	return &h->slot[row * h->column_count + column];
}

struct ratio heat_ratio(const struct heat *h, size_t row, size_t column, enum heat_base base,
			double *ret_gain)
{
	const struct heat_slot *s = heat_at(h, row, column);
	const struct grid *g = heat_grid(h, column);
	const struct heat_slot *common = &h->common[column];
	struct ratio r;

	*ret_gain = 1;
	if (base == HEAT_OWN && !s->row->baseline)
		r = s->figure->mode;
	else
		r = compare_pair(h->tables->run, s->row, s->figure, common->row, common->figure);
	if (r.verdict == COMPARE_NONE)
		return r;
	*ret_gain = g->better == BETTER_LOWER ? 1 / r.value : r.value;
	return r;
}

char *heat_common_name(const struct heat *h)
{
	const struct row *first = NULL;
	CLEANUP(freep) char *name = NULL;
	char *text = NULL;
	bool same = true;

	for (size_t c = 0; c < h->column_count; c++) {
		const struct row *row = h->common[c].figure ? h->common[c].row : NULL;

		if (!first)
			first = row;
		same &= !row || (row->stack == first->stack && text_same(row->vmm, first->vmm));
	}
	name = first ? row_name(first) : strdup("nothing, because no such row has a value");
	if (!name || asprintf(&text, "%s%s%s", name,
			      first && !first->baseline ? " in its first mode without DAX" : "",
			      same ? "" : " (where that has no value, the next row that has)") < 0)
		return NULL;
	return text;
}

int heat_step(double gain)
{
	double step;

	if (isnan(gain) || gain < 0)
		return 0;
	/* Two steps for each doubling; log2(0) is -inf and stays in the last colour. */
	step = round(2 * log2(gain));
	return (int)fmax(-HEAT_STEPS, fmin(HEAT_STEPS, step));
}

/*
 * Orange to blue through grey: told apart with any kind of colour vision, and the end of each
 * side is the darkest (on light pages) or the lightest (on dark ones). Texts have a contrast of
 * 4.5 or more (WCAG 2.1, 1.4.3); test_report_text computes it.
 */
static const struct heat_colour light[] = {
	{ "#a04a05", "#ffffff" }, { "#d9731a", "#16191d" }, { "#ef9a47", "#16191d" },
	{ "#f7bd7c", "#16191d" }, { "#fbd9b0", "#16191d" }, { "#fdeedb", "#16191d" },
	{ "#f2f3f5", "#16191d" }, { "#e3eef8", "#16191d" }, { "#c9def1", "#16191d" },
	{ "#a6cae6", "#16191d" }, { "#74aed6", "#16191d" }, { "#458fc8", "#16191d" },
	{ "#1c62a8", "#ffffff" },
};

static const struct heat_colour dark[] = {
	{ "#f0b866", "#101318" }, { "#cf9034", "#101318" }, { "#94600d", "#ffffff" },
	{ "#7a5312", "#ffffff" }, { "#5c4119", "#ffffff" }, { "#43341f", "#ffffff" },
	{ "#262c35", "#ffffff" }, { "#23384d", "#ffffff" }, { "#234a6e", "#ffffff" },
	{ "#235f94", "#ffffff" }, { "#2d72b0", "#ffffff" }, { "#4f97d6", "#101318" },
	{ "#86bff0", "#101318" },
};

_Static_assert(ARRAY_SIZE(light) == 2 * HEAT_STEPS + 1, "a colour for each step");
_Static_assert(ARRAY_SIZE(dark) == 2 * HEAT_STEPS + 1, "a colour for each step");

struct heat_colour heat_colour(int step, bool dark_page)
{
	return (dark_page ? dark : light)[step + HEAT_STEPS];
}

void heat_style(struct out *o)
{
	for (int page = 0; page < 2; page++) {
		out_str(o, page ? "@media(prefers-color-scheme:dark){" : "");
		for (int step = -HEAT_STEPS; step <= HEAT_STEPS; step++) {
			struct heat_colour c = heat_colour(step, page == 1);

			out_fmt(o, ".h%d{background:%s;color:%s}", step + HEAT_STEPS, c.back,
				c.text);
		}
		out_str(o, page ? "}\n" : "\n");
	}
}
