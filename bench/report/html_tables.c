// SPDX-License-Identifier: Apache-2.0
/* The headline: for each workload and metric a table and a plot. */
#include "report/page.h"

#include "stats/stats.h"

#include <string.h>

/* Intervals shown on hover: enough resamples for two digits. */
#define RESAMPLES  1000
#define CONFIDENCE 0.95

static const char *const direction_words[] = {
	[BETTER_NONE] = "",
	[BETTER_HIGHER] = "higher is better",
	[BETTER_LOWER] = "lower is better",
};

/* Hover text of a ratio: its bootstrap interval, or why there is none. Owned or NULL. */
static char *interval_text(const struct page *p, const struct value *v, const struct value *base)
{
	const struct stats_bootstrap how = {
		.level = CONFIDENCE,
		.resamples = RESAMPLES,
		.seed = (uint64_t)json_integer_value(json_object_get(p->run->root, "seed")),
	};
	struct stats_interval ci;
	char low[NUMBER_SIZE];
	char high[NUMBER_SIZE];
	char *text = NULL;
	int n;

	if (stats_ci_ratio(v->sample, v->sample_count, base->sample, base->sample_count, &how,
			   &ci) < 0)
		return NULL;
	if (ci.known)
		n = asprintf(&text, "95 %% interval of the ratio: %s to %s (percentile bootstrap)",
			     text_ratio(ci.low, low), text_ratio(ci.high, high));
	else
		n = asprintf(&text, "no interval: %s", ci.why_not);
	return n < 0 ? NULL : text;
}

static void ratio_line(struct page *p, const struct ratio *r, const char *what,
		       const struct value *v, const struct value *base, size_t mark)
{
	static const char *const css[] = {
		[COMPARE_NONE] = "r",	       [COMPARE_BASE] = "r",	    [COMPARE_WITHIN] = "r",
		[COMPARE_BETTER] = "r better", [COMPARE_WORSE] = "r worse",
	};
	static const char *const sign[] = {
		[COMPARE_NONE] = "",
		[COMPARE_BASE] = "",
		[COMPARE_WITHIN] = "",
		[COMPARE_BETTER] = " \xe2\x96\xb2",
		[COMPARE_WORSE] = " \xe2\x96\xbc",
	};
	CLEANUP(freep) char *hover = base && base != v ? interval_text(p, v, base) : NULL;
	char number[NUMBER_SIZE];

	html_open(&p->html, "div", "class", css[r->verdict], "title", hover, NULL);
	if (r->verdict == COMPARE_NONE)
		html_textf(&p->html, "%s: %s", what, r->why_not ? r->why_not : "no ratio");
	else if (r->verdict == COMPARE_BASE)
		html_textf(&p->html, "%s base", what);
	else
		html_textf(&p->html, "%s \xc3\x97%s%s", what, text_ratio(r->value, number),
			   sign[r->verdict]);
	if (mark)
		html_elemf(&p->html, "sup", NULL, "d%zu", mark);
	html_close(&p->html, "div");
}

static void other_state(struct page *p, const struct figure *f)
{
	switch (f->state) {
	case FIGURE_NA:
		html_open(&p->html, "span", "class", "na", "title", f->cell->reason, NULL);
		html_text(&p->html, "n/a ");
		html_open(&p->html, "sup", NULL);
		html_raw(&p->html, "<a href=\"#n");
		out_fmt(&p->html.out, "%zu\">n%zu</a>", f->cell->note, f->cell->note);
		html_close(&p->html, "sup");
		html_close(&p->html, "span");
		break;
	case FIGURE_FAILED:
		html_open(&p->html, "span", "class", "failed", "title", f->cell->reason, NULL);
		html_raw(&p->html, "<a href=\"#f");
		out_fmt(&p->html.out, "%zu\">failed</a>", (size_t)(f->cell - p->run->cell));
		html_close(&p->html, "span");
		break;
	case FIGURE_PENDING:
		html_elemf(&p->html, "span", "na",
			   "pending (%zu of %" JSON_INTEGER_FORMAT " rounds)", cell_rounds(f->cell),
			   json_integer_value(json_at(p->run->root, "plan.rounds")));
		break;
	case FIGURE_NO_VALUE: html_elem(&p->html, "span", "na", "no value"); break;
	case FIGURE_ABSENT:
	case FIGURE_VALUE: html_elem(&p->html, "span", "na", "\xc2\xb7"); break;
	}
}

static size_t virtiofs_rows(const struct table *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->row_count; i++)
		n += !t->row[i].baseline;
	return n;
}

/* The base of a ratio, to compute its interval; NULL when there is none. */
static const struct value *base_value(const struct table *t, const struct grid *g, size_t row,
				      size_t column, bool of_mode)
{
	size_t count = of_mode ? t->column_count : t->row_count;

	for (size_t i = 0; i < count; i++) {
		const struct figure *f = of_mode ? table_figure(t, g, row, i)
						 : table_figure(t, g, i, column);

		if (f->state == FIGURE_VALUE &&
		    (of_mode ? f->mode.verdict : f->stack.verdict) == COMPARE_BASE)
			return f->value;
	}
	return NULL;
}

#define ANCHOR_SIZE 32

/* The id of a cell's first figure, which the heat map leads to; NULL for its other figures. */
static const char *cell_anchor(const struct page *p, const struct table *t, const struct grid *g,
			       const struct figure *f, char ret[ANCHOR_SIZE])
{
	if (g != t->grid || f->state != FIGURE_VALUE)
		return NULL;
	(void)snprintf(ret, ANCHOR_SIZE, "c%zu", (size_t)(f->cell - p->run->cell));
	return ret;
}

static void value_cell(struct page *p, const struct table *t, const struct grid *g, size_t row,
		       size_t column)
{
	const struct figure *f = table_figure(t, g, row, column);
	bool base = f->state == FIGURE_VALUE && f->mode.verdict == COMPARE_BASE &&
		    f->stack.verdict == COMPARE_BASE;
	char anchor[ANCHOR_SIZE];

	html_open(&p->html, "td", "class", base ? "n base" : "n", "id",
		  cell_anchor(p, t, g, f, anchor), NULL);
	if (f->state != FIGURE_VALUE) {
		other_state(p, f);
		html_close(&p->html, "td");
		return;
	}
	html_open(&p->html, "div", "class", "v", NULL);
	page_median(p, f->value, &g->scale, NULL);
	html_elemf(&p->html, "span", "u", " %s", g->scale.unit);
	html_close(&p->html, "div");
	page_spread(p, f->value, &g->scale);
	if (t->mode_count > 1)
		ratio_line(p, &f->mode, "mode", f->value, base_value(t, g, row, column, true), 0);
	if (virtiofs_rows(t) > 1)
		ratio_line(p, &f->stack, "stack", f->value, base_value(t, g, row, column, false),
			   f->mark);
	html_close(&p->html, "td");
}

/* A baseline has one value: it spans the modes and says what it may be compared with. */
static void baseline_cells(struct page *p, const struct table *t, const struct grid *g, size_t row)
{
	const struct figure *f = table_figure(t, g, row, 0);
	char anchor[ANCHOR_SIZE];
	char columns[32];
	char number[NUMBER_SIZE];

	(void)snprintf(columns, sizeof(columns), "%zu", t->column_count);
	html_open(&p->html, "td", "colspan", columns, "id", cell_anchor(p, t, g, f, anchor), NULL);
	if (f->state != FIGURE_VALUE) {
		other_state(p, f);
		html_close(&p->html, "td");
		return;
	}
	html_open(&p->html, "span", "class", "v", NULL);
	page_median(p, f->value, &g->scale, NULL);
	html_elemf(&p->html, "span", "u", " %s", g->scale.unit);
	html_close(&p->html, "span");
	page_spread(p, f->value, &g->scale);
	if (f->mode.verdict == COMPARE_NONE)
		html_elem(&p->html, "div", "r", f->mode.why_not ? f->mode.why_not : "");
	else
		html_elemf(&p->html, "div", "r", "\xc3\x97%s of the table's base",
			   text_ratio(f->mode.value, number));
	html_close(&p->html, "td");
}

static void row_head(struct page *p, const struct row *row)
{
	html_open(&p->html, "th", "scope", "row", "title", row->stack->title, NULL);
	html_open(&p->html, "b", NULL);
	html_textf(&p->html, "%s%s%s", row->stack->id, row->variant ? "+" : "",
		   row->variant ? row->variant : "");
	html_close(&p->html, "b");
	html_elem(&p->html, "div", "s", row->vmm ? row->vmm : "on the host");
	if (row->kernel)
		html_elemf(&p->html, "div", "s", "kernel %s", row->kernel);
	if (row->baseline)
		html_elem(&p->html, "div", "s", "baseline");
	html_close(&p->html, "th");
}

/* A mode in a column head: one word per line, so that columns stay narrow. */
static void mode_head(struct page *p, const struct mode *m)
{
	CLEANUP(freep) char *name = mode_name(m);
	char *rest = name;

	if (!name) {
		p->html.out.error = -ENOMEM;
		return;
	}
	html_open(&p->html, "th", "class", "n", "scope", "col", NULL);
	for (size_t i = 0; rest && *rest; i++) {
		const char *word = strsep(&rest, " ");

		/* "window 256 MiB" stays together. */
		if (i > 0)
			html_raw(&p->html, strcmp(word, "MiB") == 0 ? "&nbsp;" : "<br>");
		html_text(&p->html, word);
	}
	html_close(&p->html, "th");
}

static void grid_table(struct page *p, const struct table *t, const struct grid *g)
{
	page_table_open(p, "grid");
	html_open(&p->html, "thead", NULL);
	html_open(&p->html, "tr", NULL);
	html_elem(&p->html, "th", NULL, "Stack");
	for (size_t c = 0; c < t->mode_count; c++)
		mode_head(p, &t->mode[c]);
	if (t->mode_count == 0)
		html_elem(&p->html, "th", NULL, "Value");
	html_close(&p->html, "tr");
	html_close(&p->html, "thead");
	html_open(&p->html, "tbody", NULL);
	html_newline(&p->html);
	for (size_t r = 0; r < t->row_count; r++) {
		html_open(&p->html, "tr", NULL);
		row_head(p, &t->row[r]);
		if (t->row[r].baseline)
			baseline_cells(p, t, g, r);
		else
			for (size_t c = 0; c < t->column_count; c++)
				value_cell(p, t, g, r, c);
		html_close(&p->html, "tr");
		html_newline(&p->html);
	}
	html_close(&p->html, "tbody");
	page_table_close(p);
}

static void grid_plot(struct page *p, const struct table *t, const struct grid *g)
{
	CLEANUP(freep) char *label = NULL;

	if (asprintf(&label, "Bar chart of %s: %s. The table holds the same figures.",
		     t->workload->id, g->metric) < 0) {
		label = NULL;
		p->html.out.error = -ENOMEM;
		return;
	}
	if (g->svg) {
		html_open(&p->html, "figure", "role", "img", "aria-label", label, NULL);
		html_raw(&p->html, g->svg);
		html_close(&p->html, "figure");
	} else if (g->svg_error) {
		html_elemf(&p->html, "p", "missing small", "No plot: %s", g->svg_error);
	}
	for (size_t r = 0; r < t->row_count; r++)
		if (row_on_host_under_tcg(p->run, &t->row[r], g->kind))
			html_elemf(&p->html, "p", "dim small",
				   "%s is not drawn: it ran on the host's CPU, the guests on an "
				   "emulated one.",
				   t->row[r].stack->id);
	html_newline(&p->html);
}

static void one_grid(struct page *p, const struct table *t, const struct grid *g)
{
	html_open(&p->html, "h4", NULL);
	if (*g->phase)
		html_elem(&p->html, "span",
			  strcmp(g->phase, "cold") == 0	  ? "phase cold"
			  : strcmp(g->phase, "warm") == 0 ? "phase warm"
							  : "phase",
			  g->phase);
	html_elem(&p->html, "span", "t", g->title);
	html_open(&p->html, "span", "class", "u", NULL);
	html_textf(&p->html, " \xc2\xb7 %s%s%s%s%s", g->metric, *g->scale.unit ? " \xc2\xb7 " : "",
		   g->scale.unit, g->better == BETTER_NONE ? "" : " \xc2\xb7 ",
		   direction_words[g->better]);
	html_close(&p->html, "span");
	html_close(&p->html, "h4");
	html_newline(&p->html);
	grid_table(p, t, g);
	grid_plot(p, t, g);
}

static void differences(struct page *p, const struct table *t)
{
	if (t->difference_count == 0)
		return;
	html_open(&p->html, "ul", "class", "notes", NULL);
	for (size_t i = 0; i < t->difference_count; i++)
		html_elemf(&p->html, "li", NULL, "d%zu  %s", i + 1, t->difference[i]);
	html_close(&p->html, "ul");
	html_newline(&p->html);
}

/* Pages with more workloads than this start with the first ones open. */
#define OPEN_TABLES 2

static void one_table(struct page *p, const struct table *t)
{
	size_t index = (size_t)(t - p->tables->table);
	CLEANUP(freep) char *title = NULL;
	char anchor[32];

	(void)snprintf(anchor, sizeof(anchor), "w%zu", index);
	if (asprintf(&title, "%s \xc2\xb7 %s", t->workload->title, t->workload->id) < 0) {
		title = NULL;
		p->html.out.error = -ENOMEM;
		return;
	}
	page_fold(p, anchor, title, p->run->cell_count <= PAGE_SMALL_RUN || index < OPEN_TABLES);
	html_open(&p->html, "p", "class", "ask", NULL);
	html_elem(&p->html, "b", NULL, "Question: ");
	html_text(&p->html, t->workload->question);
	html_close(&p->html, "p");
	html_open(&p->html, "p", "class", "ask", NULL);
	html_elem(&p->html, "b", NULL, "Decides: ");
	html_text(&p->html, t->workload->decides);
	html_close(&p->html, "p");
	html_newline(&p->html);
	if (t->row_count == 0)
		html_elem(&p->html, "p", "na", "The plan has no readable cell of this workload.");
	for (size_t i = 0; t->row_count > 0 && i < t->grid_count; i++)
		one_grid(p, t, &t->grid[i]);
	differences(p, t);
	html_close(&p->html, "details");
	html_newline(&p->html);
}

void page_tables(struct page *p)
{
	page_section(p, "headline", "Results");
	html_elem(&p->html, "p", "dim small",
		  "Each cell: median over rounds, smallest\xe2\x80\x93largest round (every number "
		  "leads "
		  "to the raw file it was read from), then two ratios. \"mode\": to the same row's "
		  "first mode without DAX. \"stack\": to the first row in the same column. "
		  "\xe2\x96\xb2 better and \xe2\x96\xbc worse are shown only where the rounds of "
		  "both "
		  "sides do not overlap. d1, d2: the rows differ in more than what is compared. "
		  "n1, n2: why there is no value.");
	html_open(&p->html, "div", "class", "workloads", NULL);
	for (size_t i = 0; i < p->tables->count; i++)
		one_table(p, &p->tables->table[i]);
	html_close(&p->html, "div");
	html_close(&p->html, "section");
}
