// SPDX-License-Identifier: Apache-2.0
/* DAX in report.md: what it changed, the knee of each window-pressure curve, and what kernels change. */
#include "report/md_part.h"

#include "report/dax.h"
#include "report/kernels.h"

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
	out_str(o, l->refused ? " (not compared: DAX tails differ) | " : " | ");
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

static void knees(struct out *o, const struct pressure *p)
{
	char text[KNEE_TEXT_SIZE];

	if (p->curve_count == 0)
		return;
	out_str(o, "\n### Window pressure\n\n" KNEE_DEFINITION ".\n\n");
	for (size_t i = 0; i < p->curve_count && i < ROWS_MAX; i++) {
		const struct pressure_curve *c = &p->curve[i];
		const struct cell *cell = p->point[c->first].on;

		out_str(o, "- ");
		md_text(o, cell->stack);
		if (cell->variant) {
			out_str(o, "+");
			md_text(o, cell->variant);
		}
		out_str(o, " / ");
		md_text(o, text_dash(cell->kernel));
		out_fmt(o, " cache=%s dax=%s, window %.0f MiB, %.*s: %s\n", text_dash(cell->cache),
			cell->dax, (double)cell->window_bytes / mib.divide, (int)c->name_size,
			c->name, pressure_knee_text(p, c, text));
	}
}

static void kernel_row(struct out *o, const struct kernel_line *l)
{
	struct scale s;
	char a[NUMBER_SIZE];
	char b[NUMBER_SIZE];

	out_str(o, "\n| ");
	md_text(o, l->b->id);
	out_str(o, " | ");
	md_text(o, l->a->kernel);
	if (!l->metric) {
		out_fmt(o, " | %s | %s | %s | \xe2\x80\x93 |",
			l->refused ? "not compared: DAX tails differ" : "status",
			l->refused ? l->a->tail : cell_status_names[l->a->status],
			l->refused ? l->b->tail : cell_status_names[l->b->status]);
		return;
	}
	s = scale_pick(l->va->unit, l->va->name, l->va->median);
	out_str(o, " | ");
	md_text(o, l->what ? l->what : l->metric);
	out_fmt(o, "%s%s%s | %s | %s |", *s.unit ? " (" : "", s.unit, *s.unit ? ")" : "",
		scale_number(&s, l->va->median, a), scale_number(&s, l->vb->median, b));
	if (l->va->median > 0)
		out_fmt(o, " %s |", text_ratio(l->vb->median / l->va->median, a));
	else
		out_str(o, " \xe2\x80\x93 |");
}

static void kernel_speeds(struct out *o, const struct kernels *k)
{
	char n[3][NUMBER_SIZE];

	for (size_t i = 0; i < k->speed_count; i++) {
		const struct kernel_speed *s = &k->speed[i];

		if (s->pairs == 0)
			continue;
		out_str(o, "\n- ");
		md_text(o, s->b);
		out_str(o, " against ");
		md_text(o, s->a);
		out_fmt(o, ": speed %s (%s\xe2\x80\x93%s), %zu pair%s", text_ratio(s->median, n[0]),
			text_ratio(s->low, n[1]), text_ratio(s->high, n[2]), s->pairs,
			s->pairs == 1 ? "" : "s");
	}
	out_str(o, "\n");
}

static void kernel_table(const struct run *r, struct out *o)
{
	CLEANUP(kernels_free) struct kernels k = { 0 };
	size_t rows = 0;

	if (kernels_build(r, &k) < 0)
		o->error = -ENOMEM;
	if (k.pairs == 0)
		return;
	out_fmt(o,
		"\n### Differences between kernels\n\n%zu pairs of cells that map and are equal in "
		"all but the guest's kernel. Counts of mappings and requests: %zu are equal and not "
		"listed, %zu differ. " DAX_COUNTS_NOTE
		" Median of the pairs (smallest\xe2\x80\x93largest):\n",
		k.pairs, k.equal, k.different);
	kernel_speeds(o, &k);
	for (size_t i = 0; i < k.count; i++) {
		if (kernel_line_is_time(&k.line[i]) || rows++ >= ROWS_MAX)
			continue;
		if (rows == 1)
			out_str(o,
				"\n| cell | its kernel against | figure | that | this | ratio |\n"
				"|---|---|---|---:|---:|---:|");
		kernel_row(o, &k.line[i]);
	}
	if (rows > 0)
		out_str(o, "\n");
	if (rows > ROWS_MAX)
		out_fmt(o, "\n%zu more lines are in report.html.\n", rows - ROWS_MAX);
}

static void warm(struct out *o, const struct dax *d)
{
	const struct dax_warm w = dax_warm_of(d);

	if (w.proved > 0)
		out_fmt(o, "\n" DAX_WARM_PROOF "\n", w.silent, w.proved);
	if (w.counted > 0)
		out_fmt(o, "\n" DAX_WARM_PHASES "\n", w.no_data, w.counted);
}

void md_dax(const struct tables *t, struct out *o)
{
	const struct run *r = t->run;
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
	warm(o, &d);
	knees(o, &t->pressure);
	kernel_table(r, o);
}
