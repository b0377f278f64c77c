// SPDX-License-Identifier: Apache-2.0
/* DAX in report.md: what it changed, and the knee of each window-pressure curve. */
#include "report/md_part.h"

#include "report/dax.h"

#define ROWS_MAX 200

static const struct scale mib = { .divide = 1048576.0, .unit = "MiB" };

static void number(struct out *o, const struct cell *c, const char *metric, const struct scale *s)
{
	const struct value *v = c ? cell_value(c, metric) : NULL;
	char text[NUMBER_SIZE];

	out_fmt(o, " %s |", v ? scale_number(s, v->median, text) : "\xe2\x80\x93");
}

static void change_row(struct out *o, const struct run *r, const struct dax_line *l)
{
	const struct workload_info *w = &r->workload[l->on->workload_index];
	const char *metric = json_string_value(json_array_get(w->headline, 0));
	const struct value *on = metric ? cell_value(l->on, metric) : NULL;
	const struct value *off = metric && l->off ? cell_value(l->off, metric) : NULL;
	struct scale s = on ? scale_pick(on->unit, on->name, on->median) : mib;
	char text[NUMBER_SIZE];
	double cached;
	double net;

	out_str(o, "\n| ");
	md_text(o, l->on->id);
	out_str(o, " | ");
	md_text(o, metric ? metric : "");
	out_fmt(o, " (%s) |", s.unit);
	number(o, l->off, metric ? metric : "", &s);
	number(o, l->on, metric ? metric : "", &s);
	out_fmt(o, " %s |",
		on && off && off->median > 0 ? text_ratio(on->median / off->median, text)
					     : "\xe2\x80\x93");
	if (dax_saved(l, &cached, &net))
		out_fmt(o, " %s |", scale_number(&mib, net, text));
	else
		out_str(o, " \xe2\x80\x93 |");
}

static void knees(struct out *o, const struct dax *d)
{
	for (size_t i = 0; i < d->curve_count; i++) {
		const struct dax_curve *c = &d->curve[i];
		const struct cell *cell = d->point[c->first].on;

		if (!c->has_knee || c->count < 2)
			continue;
		out_str(o, "\nWindow pressure, ");
		md_text(o, cell->stack);
		out_fmt(o,
			" %.*s in a window of %.0f MiB: at least half of the best throughput up to "
			"%.3g times the window.\n",
			(int)c->name_size, c->name, (double)cell->window_bytes / mib.divide,
			c->knee);
	}
}

void md_dax(const struct run *r, struct out *o)
{
	CLEANUP(dax_free) struct dax d = { 0 };

	if (dax_build(r, &d) < 0)
		o->error = -ENOMEM;
	if (d.line_count == 0)
		return;
	out_str(o,
		"\n## DAX on and off\n\nEach cell beside the one that differs in the mount only "
		"(dax=never, the same window). Saved: guest page cache that is not used, less "
		"what the window itself takes.\n\n| cell | metric | never | this | ratio | saved, "
		"MiB |\n|---|---|---:|---:|---:|---:|");
	for (size_t i = 0; i < d.line_count && i < ROWS_MAX; i++)
		change_row(o, r, &d.line[i]);
	out_str(o, "\n");
	if (d.line_count > ROWS_MAX)
		out_fmt(o, "\n%zu more lines are in report.html.\n", d.line_count - ROWS_MAX);
	knees(o, &d);
}
