// SPDX-License-Identifier: Apache-2.0
/* The heat map: everything that was run on one screen, each place a link to its figures. */
#include "report/page.h"

#include "report/heat.h"

#include <string.h>

static void column_heads(struct page *p, const struct heat *h)
{
	html_raw(&p->html, "<thead><tr><th class=\"corner\">Stack, mode</th>");
	for (size_t c = 0; c < h->column_count; c++) {
		const struct grid *g = heat_grid(h, c);
		CLEANUP(out_free) struct out title = { 0 };
		char anchor[32];

		out_fmt(&title, "%s: %s, %s", h->column[c]->workload->title, g->metric, g->title);
		(void)snprintf(anchor, sizeof(anchor), "#w%zu",
			       (size_t)(h->column[c] - p->tables->table));
		html_open(&p->html, "th", "scope", "col", NULL);
		html_open(&p->html, "a", "href", anchor, "title", buf_text(&title.text), NULL);
		html_text(&p->html, h->column[c]->workload->id);
		html_close(&p->html, "a");
		html_close(&p->html, "th");
	}
	html_raw(&p->html, "</tr></thead><tbody>\n");
}

/* A line that names what the rows below it have in common. */
static void group_head(struct page *p, const struct heat *h, const struct row *row)
{
	CLEANUP(freep) char *name = row_name(row);
	char columns[32];

	if (!name) {
		p->html.out.error = -ENOMEM;
		return;
	}
	(void)snprintf(columns, sizeof(columns), "%zu", h->column_count);
	html_open(&p->html, "tr", "class", "group", NULL);
	html_open(&p->html, "th", "scope", "rowgroup", "title", row->stack->title, NULL);
	html_text(&p->html, name);
	html_close(&p->html, "th");
	html_open(&p->html, "td", "colspan", columns, NULL);
	html_close(&p->html, "td");
	html_close(&p->html, "tr");
	html_newline(&p->html);
}

/* What a reader who hovers or listens gets: the figure, its spread, what it is compared to. */
static void value_title(struct out *o, const struct grid *g, const struct figure *f,
			const struct ratio *r)
{
	static const char *const words[] = {
		[COMPARE_NONE] = "",
		[COMPARE_BASE] = "; the base",
		[COMPARE_WITHIN] =
			"; the rounds of both sides overlap, or a side has one round only",
		[COMPARE_BETTER] = "; better in every round",
		[COMPARE_WORSE] = "; worse in every round",
	};
	const struct value *v = f->value;
	char number[NUMBER_SIZE];

	out_fmt(o, "%s: %s %s", g->metric, scale_number(&g->scale, v->median, number),
		g->scale.unit);
	if (v->sample_count > 1) {
		out_fmt(o, " (%s", scale_number(&g->scale, v->sample[v->at_min], number));
		out_fmt(o, "\xe2\x80\x93%s)",
			scale_number(&g->scale, v->sample[v->at_max], number));
	}
	out_str(o, r->verdict == COMPARE_NONE && r->why_not ? "; " : words[r->verdict]);
	if (r->verdict == COMPARE_NONE && r->why_not)
		out_str(o, r->why_not);
}

static void value_place(struct page *p, const struct heat *h, size_t row, size_t column,
			enum heat_base base)
{
	const struct figure *f = heat_at(h, row, column)->figure;
	CLEANUP(out_free) struct out title = { 0 };
	char anchor[32];
	char number[NUMBER_SIZE];
	char css[32];
	double gain;
	struct ratio r = heat_ratio(h, row, column, base, &gain);

	value_title(&title, heat_grid(h, column), f, &r);
	(void)snprintf(anchor, sizeof(anchor), "#c%zu", (size_t)(f->cell - p->run->cell));
	(void)snprintf(css, sizeof(css), "h%d%s", heat_step(gain) + HEAT_STEPS,
		       r.verdict == COMPARE_BASE ? " one" : "");
	html_open(&p->html, "td", "class", r.verdict == COMPARE_NONE ? "no" : css, NULL);
	html_open(&p->html, "a", "href", anchor, "title", buf_text(&title.text), NULL);
	if (r.verdict == COMPARE_NONE)
		html_text(&p->html, "\xe2\x80\x93");
	else
		html_textf(&p->html, "%s%s", r.verdict == COMPARE_WITHIN ? "~" : "",
			   text_ratio(gain, number));
	html_close(&p->html, "a");
	html_close(&p->html, "td");
}

/* A place without a value leads to the reason. */
static void reason_place(struct page *p, const struct figure *f, const char *css, char kind,
			 size_t number, const char *text)
{
	char anchor[32];

	(void)snprintf(anchor, sizeof(anchor), "#%c%zu", kind, number);
	html_open(&p->html, "td", "class", css, NULL);
	html_open(&p->html, "a", "href", anchor, "title", f->cell->reason, NULL);
	html_text(&p->html, text);
	html_close(&p->html, "a");
	html_close(&p->html, "td");
}

static void place(struct page *p, const struct heat *h, size_t row, size_t column,
		  enum heat_base base)
{
	const struct figure *f = heat_at(h, row, column)->figure;

	switch (f ? f->state : FIGURE_ABSENT) {
	case FIGURE_VALUE: value_place(p, h, row, column, base); break;
	case FIGURE_NA: reason_place(p, f, "hatch", 'n', f->cell->note, "n/a"); break;
	case FIGURE_FAILED:
		reason_place(p, f, "fail", 'f', (size_t)(f->cell - p->run->cell), "failed");
		break;
	case FIGURE_PENDING: html_raw(&p->html, "<td title=\"pending\"></td>"); break;
	case FIGURE_NO_VALUE:
		html_raw(&p->html, "<td class=\"no\" title=\"no value\">?</td>");
		break;
	case FIGURE_ABSENT: html_raw(&p->html, "<td class=\"no\"></td>"); break;
	}
}

static void heat_rows(struct page *p, const struct heat *h, enum heat_base base)
{
	for (size_t r = 0; r < h->row_count; r++) {
		const struct heat_row *row = &h->row[r];
		CLEANUP(freep)
		char *name = row->row->baseline ? strdup("no modes") : mode_name(&row->mode);

		if (!name) {
			p->html.out.error = -ENOMEM;
			return;
		}
		if (r == 0 || !heat_same_group(&h->row[r - 1], row))
			group_head(p, h, row->row);
		html_open(&p->html, "tr", NULL);
		html_open(&p->html, "th", "scope", "row", NULL);
		html_text(&p->html, strncmp(name, "cache=", 6) == 0 ? name + 6 : name);
		html_close(&p->html, "th");
		for (size_t c = 0; c < h->column_count; c++)
			place(p, h, r, c, base);
		html_close(&p->html, "tr");
		html_newline(&p->html);
	}
}

static void one_map(struct page *p, const struct heat *h, enum heat_base base)
{
	html_open(&p->html, "div", "class", "heat", "role", "region", "tabindex", "0", "aria-label",
		  "Heat map: rows are stacks and modes, columns are workloads", NULL);
	html_open(&p->html, "table", NULL);
	html_newline(&p->html);
	column_heads(p, h);
	heat_rows(p, h, base);
	html_raw(&p->html, "</tbody>");
	html_close(&p->html, "table");
	html_close(&p->html, "div");
	html_newline(&p->html);
}

static void legend(struct page *p)
{
	static const char *const words[] = { "\xe2\x89\xa4 1/8", "1/4", "1/2", "1", "2", "4",
					     "\xe2\x89\xa5 8" };

	html_open(&p->html, "p", "class", "legend small", NULL);
	html_elem(&p->html, "span", "dim", "worse ");
	for (int step = -HEAT_STEPS; step <= HEAT_STEPS; step++) {
		char css[32];

		(void)snprintf(css, sizeof(css), "key h%d", step + HEAT_STEPS);
		html_elem(&p->html, "span", css,
			  step % 2 == 0 ? words[(step + HEAT_STEPS) / 2] : "\xc2\xa0");
	}
	html_elem(&p->html, "span", "dim", " better");
	html_elem(&p->html, "span", "key h6 one", "base");
	html_elem(&p->html, "span", "key hatch", "n/a");
	html_elem(&p->html, "span", "key fail", "failed");
	html_elem(&p->html, "span", "dim", " framed: pending; empty: not in the plan");
	html_close(&p->html, "p");
}

void page_heat(struct page *p)
{
	CLEANUP(heat_free) struct heat h = { 0 };
	CLEANUP(freep) char *common = NULL;

	if (heat_build(p->tables, &h) < 0) {
		p->html.out.error = -ENOMEM;
		return;
	}
	if (h.row_count == 0)
		return;
	common = heat_common_name(&h);
	if (!common) {
		p->html.out.error = -ENOMEM;
		return;
	}
	html_elemf(&p->html, "p", "dim small",
		   "Columns: workloads, each by its first headline metric. Number: how many times "
		   "better than the base of the same stack, that is its first mode in the order "
		   "none, never, metadata, mmap, auto, loose, always that has a value, without "
		   "DAX; metrics whose lower values are better are turned round. Rows of a stack "
		   "without modes: against %s. \"~\": the rounds of both sides overlap, or a "
		   "side has one round only. A place "
		   "leads to its figures or to the reason why it has none.",
		   common);
	legend(p);
	one_map(p, &h, HEAT_OWN);
	page_fold(p, NULL, "The same against one row for all stacks", false);
	html_elemf(&p->html, "p", "dim small",
		   "Base: %s. What would compare the host's CPU with an emulated one has no ratio.",
		   common);
	one_map(p, &h, HEAT_COMMON);
	html_close(&p->html, "details");
	html_newline(&p->html);
}
