// SPDX-License-Identifier: Apache-2.0
/* DAX: what it changed, and the proof of it; html_pressure.c and html_kernels.c are parts of the same section. */
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
	{ "dax.proof.kicks", "kicks", &plain },
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
	html_raw(&p->html, "<th>tails</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < d->line_count; i++) {
		names(p, d->line[i].on, starts_row(p, d, i));
		for (size_t j = 0; j < ARRAY_SIZE(proofs); j++)
			value_cell(p, d->line[i].on, proofs[j].metric, proofs[j].scale);
		html_elem(&p->html, "td", NULL, text_dash(d->line[i].on->tail));
		html_close(&p->html, "tr");
		html_newline(&p->html);
	}
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
	html_close(&p->html, "details");
}

/* READ, WRITE and mappings of the warm phase. */
static void data_cell(struct page *p, const struct cell *c)
{
	double requests;
	char number[NUMBER_SIZE];

	if (c && dax_data_requests(c, &requests))
		html_elem(&p->html, "td", "n", scale_number(&plain, requests, number));
	else
		dash(p);
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
	html_open(&p->html, "td", NULL);
	html_text(&p->html, metric ? metric : "");
	if (l->refused)
		html_elem(&p->html, "span", "missing", " not compared: DAX tails differ");
	html_close(&p->html, "td");
	ratio_cells(p, l, metric ? metric : "");
	saved_cells(p, l);
	count_cell(p, l->off, "ops.all");
	count_cell(p, l->on, "ops.all");
	data_cell(p, l->off);
	data_cell(p, l->on);
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
		 "<th class=\"n\">of them for data, never</th><th class=\"n\">this</th>"
		 "<th class=\"n\">warm kicks, never</th><th class=\"n\">this</th>"
		 "</tr></thead><tbody>\n");
	for (size_t i = 0; i < d->line_count; i++)
		change_row(p, &d->line[i], starts_row(p, d, i));
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
}

static void warm_summary(struct page *p, const struct dax *d)
{
	const struct dax_warm w = dax_warm_of(d);

	if (w.proved > 0)
		html_elemf(&p->html, "p", NULL, DAX_WARM_PROOF, w.silent, w.proved);
	if (w.counted > 0)
		html_elemf(&p->html, "p", "dim small", DAX_WARM_PHASES, w.no_data, w.counted);
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
		warm_summary(p, &d);
		change_table(p, &d);
		page_pressure(p);
		page_kernels(p);
		proof_table(p, &d);
	}
	html_close(&p->html, "section");
}
