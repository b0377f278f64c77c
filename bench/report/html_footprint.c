// SPDX-License-Identifier: Apache-2.0
/* Memory of one, two, three guests: what each further one costs, what one tree saves. */
#include "report/page.h"

#include "report/footprint.h"

static const struct scale mib = { .divide = 1048576.0, .unit = "MiB" };

static void size_cell(struct page *p, const struct value *v, const char *css, bool spread)
{
	html_open(&p->html, "td", "class", css, NULL);
	if (v) {
		page_median(p, v, &mib, NULL);
		if (spread && page_looks_spread(v, &mib))
			page_spread(p, v, &mib);
	} else {
		html_elem(&p->html, "span", "na", "\xe2\x80\x93");
	}
	html_close(&p->html, "td");
}

static void derived_cell(struct page *p, bool known, double bytes, const char *css)
{
	char number[NUMBER_SIZE];

	if (known)
		html_elem(&p->html, "td", css, scale_number(&mib, bytes, number));
	else
		html_elem(&p->html, "td", "n na", "\xe2\x80\x93");
}

static void derived_row(struct page *p, const struct footprint *f, const struct footprint_group *g)
{
	const struct footprint_line *first = &f->line[g->first];

	html_open(&p->html, "tr", NULL);
	html_open(&p->html, "th", "scope", "row", NULL);
	page_cell_name(p, first->cell);
	html_close(&p->html, "th");
	html_elemf(&p->html, "td", "n", "%.0f", first->guests);
	size_cell(p, first->term[FOOT_TOTAL], "n", false);
	derived_cell(p, g->has_slope, g->slope, "n v");
	derived_cell(p, g->has_saving, g->saving, "n v");
	if (g->has_saving)
		html_elemf(&p->html, "td", "n", "%.1f %% at %.0f guests", 100 * g->saving_part,
			   g->saving_guests);
	else
		html_elem(&p->html, "td", "n na", "\xe2\x80\x93");
	html_close(&p->html, "tr");
	html_newline(&p->html);
}

static void derived_table(struct page *p, const struct footprint *f)
{
	page_table_open(p, "lines tall");
	html_raw(&p->html, "<thead><tr><th>Stack, mode</th><th class=\"n\">Fewest guests</th>"
			   "<th class=\"n\">Their total<div class=\"u\">MiB</div></th>"
			   "<th class=\"n\">Each further guest<div class=\"u\">MiB</div></th>"
			   "<th class=\"n\">One tree saves<div class=\"u\">MiB</div></th>"
			   "<th class=\"n\">of private trees</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < f->group_count; i++)
		derived_row(p, f, &f->group[i]);
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
}

static void unexplained_cell(struct page *p, const struct footprint_line *l)
{
	double part;
	bool far;

	if (!footprint_unexplained(l, &part)) {
		html_elem(&p->html, "td", "n na", "\xe2\x80\x93");
		return;
	}
	far = part > FOOTPRINT_UNEXPLAINED_MAX || part < -FOOTPRINT_UNEXPLAINED_MAX;
	html_elemf(&p->html, "td", far ? "n failed" : "n", "%.1f %%%s", 100 * part,
		   far ? " (!)" : "");
}

static void term_heads(struct page *p)
{
	html_raw(&p->html, "<thead><tr><th>Stack, mode</th><th class=\"n\">Guests</th>"
			   "<th>Tree</th>");
	for (size_t i = 0; i < FOOT_TERM_COUNT; i++) {
		html_elem(&p->html, "th", "n", footprint_infos[i].title);
		if (i == FOOT_UNEXPLAINED)
			html_raw(&p->html, "<th class=\"n\">%</th>");
	}
	html_raw(&p->html, "</tr></thead><tbody>\n");
}

static void term_row(struct page *p, const struct footprint_line *l, bool first)
{
	html_open(&p->html, "tr", NULL);
	html_open(&p->html, "th", "scope", "row", NULL);
	if (first)
		page_cell_name(p, l->cell);
	html_close(&p->html, "th");
	html_elemf(&p->html, "td", "n", "%.0f", l->guests);
	html_elem(&p->html, "td", NULL, l->private_trees ? "private" : "one");
	for (size_t i = 0; i < FOOT_TERM_COUNT; i++) {
		size_cell(p, l->term[i],
			  i == FOOT_TOTAL	   ? "n v"
			  : i == FOOT_GUEST_CACHED ? "n dim"
						   : "n",
			  true);
		if (i == FOOT_UNEXPLAINED)
			unexplained_cell(p, l);
	}
	html_close(&p->html, "tr");
	html_newline(&p->html);
}

static void term_table(struct page *p, const struct footprint *f)
{
	page_fold(p, NULL, "Every term (MiB)", p->run->cell_count <= PAGE_SMALL_RUN);
	page_table_open(p, "lines");
	term_heads(p);
	for (size_t i = 0; i < f->group_count; i++)
		for (size_t j = 0; j < f->group[i].count; j++)
			term_row(p, &f->line[f->group[i].first + j], j == 0);
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
	html_close(&p->html, "details");
}

void page_footprint(struct page *p)
{
	CLEANUP(footprint_free) struct footprint f = { 0 };

	page_section(p, "footprint", "Memory per guest");
	if (footprint_build(p->run, &f) < 0)
		p->html.out.error = -ENOMEM;
	if (f.group_count == 0)
		html_elem(&p->html, "p", "dim", "This run has no footprint cell with a value.");
	if (f.group_count > 0) {
		html_elemf(
			&p->html, "p", "dim small",
			"Total: a sum of terms that do not overlap. Host change: what the host's "
			"own accounting says; unexplained: what of it the terms do not add up "
			"to, (!) beyond %.0f %%. Guest Cached is inside guest RAM and never "
			"added. Each further guest: slope of a least-squares line through the "
			"totals of guests on one tree.",
			100 * FOOTPRINT_UNEXPLAINED_MAX);
		derived_table(p, &f);
		term_table(p, &f);
	}
	html_close(&p->html, "section");
}
