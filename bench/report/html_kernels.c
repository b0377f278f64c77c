// SPDX-License-Identifier: Apache-2.0
/* DAX cells that are equal in all but the guest's kernel, where they differ. */
#include "report/page.h"

#include "report/dax.h"
#include "report/kernels.h"
#include "report/text.h"

#include <string.h>

static void values(struct page *p, const struct kernel_line *l)
{
	struct scale s = scale_pick(l->va->unit, l->va->name, l->va->median);
	char number[NUMBER_SIZE];

	html_elem(&p->html, "td", NULL, l->what ? l->what : l->metric);
	html_open(&p->html, "td", "class", "n", NULL);
	page_median(p, l->va, &s, NULL);
	page_spread(p, l->va, &s);
	html_close(&p->html, "td");
	html_open(&p->html, "td", "class", "n", NULL);
	page_median(p, l->vb, &s, NULL);
	page_spread(p, l->vb, &s);
	html_close(&p->html, "td");
	html_elem(&p->html, "td", "u", s.unit);
	if (l->va->median > 0)
		html_elem(&p->html, "td", "n v", text_ratio(l->vb->median / l->va->median, number));
	else
		html_elem(&p->html, "td", "n na", "\xe2\x80\x93");
}

static void statuses(struct page *p, const struct kernel_line *l)
{
	html_elem(&p->html, "td", NULL, l->refused ? "not compared: DAX tails differ" : "status");
	html_elem(&p->html, "td", "n",
		  l->refused ? text_dash(l->a->tail) : cell_status_names[l->a->status]);
	html_elem(&p->html, "td", "n",
		  l->refused ? text_dash(l->b->tail) : cell_status_names[l->b->status]);
	html_elem(&p->html, "td", NULL, "");
	html_elem(&p->html, "td", "n na", "\xe2\x80\x93");
}

static void row(struct page *p, const struct kernel_line *l, bool first)
{
	html_open(&p->html, "tr", NULL);
	html_open(&p->html, "th", "scope", "row", NULL);
	if (first) {
		page_cell_name(p, l->b);
		html_textf(&p->html, ": %s", l->b->workload);
	}
	html_close(&p->html, "th");
	html_elemf(&p->html, "td", NULL, "%s / %s", l->a->kernel, l->b->kernel);
	if (l->metric)
		values(p, l);
	else
		statuses(p, l);
	html_close(&p->html, "tr");
	html_newline(&p->html);
}

static void speeds(struct page *p, const struct kernels *k)
{
	char n[3][NUMBER_SIZE];

	page_table_open(p, "lines");
	html_raw(&p->html, "<thead><tr><th>Kernels</th><th class=\"n\">pairs with a time</th>"
			   "<th class=\"n\">speed of the second, by the first</th>"
			   "<th class=\"n\">smallest</th><th class=\"n\">largest</th></tr></thead>"
			   "<tbody>\n");
	for (size_t i = 0; i < k->speed_count; i++) {
		const struct kernel_speed *s = &k->speed[i];

		if (s->pairs == 0)
			continue;
		html_open(&p->html, "tr", NULL);
		html_elemf(&p->html, "th", NULL, "%s / %s", s->a, s->b);
		html_elemf(&p->html, "td", "n", "%zu", s->pairs);
		html_elem(&p->html, "td", "n v", text_ratio(s->median, n[0]));
		html_elem(&p->html, "td", "n", text_ratio(s->low, n[1]));
		html_elem(&p->html, "td", "n", text_ratio(s->high, n[2]));
		html_close(&p->html, "tr");
		html_newline(&p->html);
	}
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
}

static void lines(struct page *p, const struct kernels *k, bool times)
{
	size_t last = k->count;

	page_table_open(p, "lines");
	html_raw(&p->html,
		 "<thead><tr><th>Cell</th><th>Kernels</th><th>Figure</th><th class=\"n\">first</th>"
		 "<th class=\"n\">second</th><th></th><th class=\"n\">ratio</th></tr></thead>"
		 "<tbody>\n");
	for (size_t i = 0; i < k->count; i++) {
		if (kernel_line_is_time(&k->line[i]) != times)
			continue;
		row(p, &k->line[i], last == k->count || k->line[i].b != k->line[last].b);
		last = i;
	}
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
}

void page_kernels(struct page *p)
{
	CLEANUP(kernels_free) struct kernels k = { 0 };
	size_t other = 0;

	if (kernels_build(p->run, &k) < 0)
		p->html.out.error = -ENOMEM;
	if (k.pairs == 0)
		return;
	for (size_t i = 0; i < k.count; i++)
		other += !kernel_line_is_time(&k.line[i]);
	html_elem(&p->html, "h3", NULL, "Differences between kernels");
	html_elemf(
		&p->html, "p", "dim small",
		"%zu pairs of cells that map and are equal in all but the guest's kernel. Counts "
		"of mappings and requests: %zu are equal and not listed, %zu differ. " DAX_COUNTS_NOTE
		" One pair says "
		"little of speed; the median of all says more.",
		k.pairs, k.equal, k.different);
	speeds(p, &k);
	if (other > 0)
		lines(p, &k, false);
	page_fold(p, NULL, "Times and rates, pair by pair", false);
	lines(p, &k, true);
	html_close(&p->html, "details");
}
