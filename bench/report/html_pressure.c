// SPDX-License-Identifier: Apache-2.0
/* Window pressure: a picture of all curves of one window, the knee of each, and the figures. */
#include "report/page.h"

#include "report/dax.h"
#include "report/text.h"

#include <math.h>

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

static void number_cell(struct page *p, double v)
{
	if (isfinite(v))
		html_elemf(&p->html, "td", "n", "%.3g", v);
	else
		dash(p);
}

static void curve_name(struct page *p, const struct pressure_curve *c)
{
	html_textf(&p->html, "%.*s", (int)c->name_size, c->name);
}

static void point_row(struct page *p, const struct pressure_curve *c,
		      const struct pressure_point *n, bool first, const struct scale *s)
{
	html_open(&p->html, "tr", NULL);
	html_open(&p->html, "th", "scope", "row", NULL);
	if (first)
		curve_name(p, c);
	html_close(&p->html, "th");
	html_elemf(&p->html, "td", "n", "%.4g", n->ratio);
	html_elemf(&p->html, "td", "n", "%.0f", n->working_set / mib.divide);
	value_cell(p, n->on, PRESSURE_RATE, s);
	value_cell(p, n->off, PRESSURE_RATE, s);
	html_elem(&p->html, "td", "u", s->unit);
	html_elemf(&p->html, "td", "n v", "%.3g", n->rate / c->best);
	number_cell(p, c->best_off > 0 ? n->rate_off / c->best_off : (double)NAN);
	number_cell(p, n->mappings);
	value_cell(p, n->on, DAX_REMOVALS, &plain);
	html_close(&p->html, "tr");
	html_newline(&p->html);
}

static void figure_table(struct page *p, const struct pressure_figure *f)
{
	const struct pressure *all = &p->tables->pressure;

	page_fold(p, NULL, "The figures", f->count == 1);
	page_table_open(p, "lines");
	html_raw(&p->html,
		 "<thead><tr><th></th><th class=\"n\">working set by window</th>"
		 "<th class=\"n\">MiB</th><th class=\"n\">this</th><th class=\"n\">never</th>"
		 "<th></th><th class=\"n\">by its best</th><th class=\"n\">never, by its best</th>"
		 "<th class=\"n\">mappings per MiB</th><th class=\"n\">reclaims</th>"
		 "</tr></thead><tbody>\n");
	for (size_t i = f->first; i < f->first + f->count; i++) {
		const struct pressure_curve *c = &all->curve[i];

		for (size_t j = c->first; j < c->first + c->count; j++) {
			const struct pressure_point *n = &all->point[j];
			const struct value *v = cell_value(n->on, PRESSURE_RATE);
			struct scale s = scale_pick(v->unit, v->name, v->median);

			point_row(p, c, n, j == c->first, &s);
		}
	}
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
	html_close(&p->html, "details");
}

static void knees(struct page *p, const struct pressure_figure *f)
{
	const struct pressure *all = &p->tables->pressure;
	char text[KNEE_TEXT_SIZE];

	html_open(&p->html, "ul", "class", "small", NULL);
	for (size_t i = f->first; i < f->first + f->count; i++) {
		html_open(&p->html, "li", NULL);
		curve_name(p, &all->curve[i]);
		html_textf(&p->html, ": %s", pressure_knee_text(all, &all->curve[i], text));
		html_close(&p->html, "li");
	}
	html_close(&p->html, "ul");
	html_newline(&p->html);
}

static void picture(struct page *p, const struct pressure_figure *f)
{
	if (f->svg) {
		html_open(&p->html, "figure", "role", "img", "aria-label",
			  "throughput, mappings and reclaims against working set by window", NULL);
		html_raw(&p->html, f->svg);
		html_close(&p->html, "figure");
	} else if (f->svg_error) {
		html_elemf(&p->html, "p", "missing small", "No plot: %s", f->svg_error);
	}
}

void page_pressure(struct page *p)
{
	const struct pressure *all = &p->tables->pressure;

	if (all->figure_count == 0)
		return;
	html_elem(&p->html, "h3", NULL, "Window pressure");
	html_elem(&p->html, "p", "dim small",
		  "A program goes round a mapping of as many bytes as the working set. Above: "
		  "throughput, by the best of its own curve, with the window (full lines) and with "
		  "dax=never (broken lines); below: mappings made, and mappings taken away to make "
		  "room, per MiB touched. " KNEE_DEFINITION
		  "; marked by a dotted line of the curve's colour, the half by a grey one.");
	for (size_t i = 0; i < all->figure_count; i++) {
		const struct pressure_figure *f = &all->figure[i];
		const struct cell *c = all->point[all->curve[f->first].first].on;

		html_open(&p->html, "h4", NULL);
		page_cell_name(p, c);
		html_close(&p->html, "h4");
		picture(p, f);
		knees(p, f);
		figure_table(p, f);
	}
}
