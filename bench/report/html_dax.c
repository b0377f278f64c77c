// SPDX-License-Identifier: Apache-2.0
/* DAX: the proof, what it changed, and what a working set beyond the window costs. */
#include "report/page.h"

#include "report/dax.h"
#include "report/text.h"

#include <string.h>

static const struct scale mib = { .divide = 1048576.0, .unit = "MiB" };
static const struct scale plain = { .divide = 1, .unit = "", .whole = true };

static void dash(struct page *p)
{
	html_elem(&p->html, "td", "n na", "\xe2\x80\x93");
}

static void value_cell(struct page *p, const struct cell *c, const char *name,
		       const struct scale *s)
{
	const struct value *v = c ? cell_value(c, name) : NULL;

	if (!v) {
		dash(p);
		return;
	}
	html_open(&p->html, "td", "class", "n", NULL);
	page_median(p, v, s, NULL);
	html_close(&p->html, "td");
}

static void names(struct page *p, const struct cell *c, bool first)
{
	html_open(&p->html, "tr", NULL);
	html_open(&p->html, "th", "scope", "row", NULL);
	if (first)
		page_cell_name(p, c);
	html_close(&p->html, "th");
	html_elem(&p->html, "td", NULL, c->workload);
}

static bool starts_row(const struct page *p, const struct dax *d, size_t i)
{
	return i == 0 || cell_compare_place(p->run, d->line[i - 1].on, d->line[i].on) != 0;
}

static const struct {
	const char *metric;
	const char *title;
	const struct scale *scale;
} proofs[] = {
	{ "dax.proof.seen", "change seen", &plain },
	{ "dax.proof.requests", "requests for it", &plain },
	{ "dax.proof.cached", "guest cache grew, MiB", &mib },
	{ "dax.workload.setups", "mappings made", &plain },
	{ "dax.workload.removals", "removed", &plain },
	{ "dax.window.high_water", "window used, MiB", &mib },
};

static void proof_table(struct page *p, const struct dax *d)
{
	page_fold(p, NULL, "Proof and mappings of each cell", p->run->cell_count <= PAGE_SMALL_RUN);
	page_table_open(p, "lines");
	html_raw(&p->html, "<thead><tr><th>Stack, mode</th><th>Workload</th>");
	for (size_t i = 0; i < ARRAY_SIZE(proofs); i++)
		html_elem(&p->html, "th", "n", proofs[i].title);
	html_raw(&p->html, "</tr></thead><tbody>\n");
	for (size_t i = 0; i < d->line_count; i++) {
		names(p, d->line[i].on, starts_row(p, d, i));
		for (size_t j = 0; j < ARRAY_SIZE(proofs); j++)
			value_cell(p, d->line[i].on, proofs[j].metric, proofs[j].scale);
		html_close(&p->html, "tr");
		html_newline(&p->html);
	}
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
	html_close(&p->html, "details");
}

/* Requests and kicks of the last phase, counted in an observed pass. */
static void count_cell(struct page *p, const struct cell *c, const char *name)
{
	char metric[64];

	(void)snprintf(metric, sizeof(metric), "warm.%s", name);
	value_cell(p, c, metric, &plain);
}

static void ratio_cells(struct page *p, const struct dax_line *l, const char *metric)
{
	const struct value *on = cell_value(l->on, metric);
	const struct value *off = l->off ? cell_value(l->off, metric) : NULL;
	struct scale s = on ? scale_pick(on->unit, on->name, on->median) : plain;
	char number[NUMBER_SIZE];

	value_cell(p, l->off, metric, &s);
	value_cell(p, l->on, metric, &s);
	html_elem(&p->html, "td", "u", s.unit);
	if (on && off && off->median > 0)
		html_elem(&p->html, "td", "n v", text_ratio(on->median / off->median, number));
	else
		dash(p);
}

static void saved_cells(struct page *p, const struct dax_line *l)
{
	double cached;
	double net;
	char number[NUMBER_SIZE];

	if (!dax_saved(l, &cached, &net)) {
		dash(p);
		dash(p);
		return;
	}
	html_elem(&p->html, "td", "n", scale_number(&mib, cached, number));
	html_elem(&p->html, "td", "n v", scale_number(&mib, net, number));
}

static void change_row(struct page *p, const struct dax_line *l, bool first)
{
	const struct workload_info *w = &p->run->workload[l->on->workload_index];
	const char *metric = json_string_value(json_array_get(w->headline, 0));

	names(p, l->on, first);
	html_elem(&p->html, "td", NULL, metric ? metric : "");
	ratio_cells(p, l, metric ? metric : "");
	saved_cells(p, l);
	count_cell(p, l->off, "ops.all");
	count_cell(p, l->on, "ops.all");
	count_cell(p, l->off, "kicks");
	count_cell(p, l->on, "kicks");
	html_close(&p->html, "tr");
	html_newline(&p->html);
}

static void change_table(struct page *p, const struct dax *d)
{
	page_table_open(p, "lines");
	html_raw(&p->html,
		 "<thead><tr><th>Stack, mode</th><th>Workload</th><th>Metric</th>"
		 "<th class=\"n\">never</th><th class=\"n\">this</th><th></th>"
		 "<th class=\"n\">ratio</th><th class=\"n\">guest cache not used, MiB</th>"
		 "<th class=\"n\">less the window's own, MiB</th>"
		 "<th class=\"n\">warm requests, never</th><th class=\"n\">this</th>"
		 "<th class=\"n\">warm kicks, never</th><th class=\"n\">this</th>"
		 "</tr></thead><tbody>\n");
	for (size_t i = 0; i < d->line_count; i++)
		change_row(p, &d->line[i], starts_row(p, d, i));
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
}

static void point_row(struct page *p, const struct dax_point *l)
{
	const struct value *on = cell_value(l->on, DAX_PRESSURE_RATE);
	struct scale s = scale_pick(on->unit, on->name, on->median);

	html_open(&p->html, "tr", NULL);
	html_elemf(&p->html, "th", NULL, "%.4g", l->working_set / (double)l->on->window_bytes);
	html_elemf(&p->html, "td", "n", "%.0f", l->working_set / mib.divide);
	value_cell(p, l->on, DAX_PRESSURE_RATE, &s);
	value_cell(p, l->off, DAX_PRESSURE_RATE, &s);
	html_elem(&p->html, "td", "u", s.unit);
	if (l->has_mappings)
		html_elemf(&p->html, "td", "n", "%.3g", l->mappings_per_mib);
	else
		dash(p);
	value_cell(p, l->on, "dax.workload.removals", &plain);
	html_close(&p->html, "tr");
	html_newline(&p->html);
}

static void curve(struct page *p, const struct dax *d, const struct dax_curve *c)
{
	html_open(&p->html, "h4", NULL);
	page_cell_name(p, d->point[c->first].on);
	html_textf(&p->html, ": %.*s", (int)c->name_size, c->name);
	html_close(&p->html, "h4");
	if (c->has_knee && c->count > 1)
		html_elemf(&p->html, "p", "small",
			   "Knee: up to %.3g times the window the throughput is at least half of "
			   "the best.",
			   c->knee);
	page_table_open(p, "lines tall");
	html_raw(&p->html, "<thead><tr><th>Working set by window</th><th class=\"n\">MiB</th>"
			   "<th class=\"n\">this</th><th class=\"n\">never</th><th></th>"
			   "<th class=\"n\">mappings per MiB</th><th class=\"n\">removed</th>"
			   "</tr></thead><tbody>\n");
	for (size_t i = 0; i < c->count; i++)
		point_row(p, &d->point[c->first + i]);
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
}

void page_dax(struct page *p)
{
	CLEANUP(dax_free) struct dax d = { 0 };

	page_section(p, "dax", "DAX on and off");
	if (dax_build(p->run, &d) < 0)
		p->html.out.error = -ENOMEM;
	if (d.line_count == 0)
		html_elem(&p->html, "p", "dim", "This run has no cell that maps a DAX window.");
	if (d.line_count > 0) {
		html_elem(
			&p->html, "p", "dim small",
			"Each cell beside the one that differs in the mount only: the same device "
			"with the same window, which is not used (dax=never). Guest cache not used: "
			"what the guest's page cache holds less; a window itself takes a 64th of its "
			"size. Requests and kicks of the warm phase are from observed passes.");
		change_table(p, &d);
		if (d.curve_count > 0)
			html_elem(&p->html, "h3", NULL, "Window pressure");
		for (size_t i = 0; i < d.curve_count; i++)
			curve(p, &d, &d.curve[i]);
		proof_table(p, &d);
	}
	html_close(&p->html, "section");
}
