// SPDX-License-Identifier: Apache-2.0
#include "report/md_part.h"

#include "report/counts.h"
#include "report/footprint.h"
#include "report/heat.h"
#include "report/negotiated.h"

#include <string.h>

/* What a reader scrolls through in a text file; beyond it report.html is the better place. */
#define HEAT_COLUMNS 8
#define ROWS_MAX     80

static const struct scale mib = { .divide = 1048576.0, .unit = "MiB" };
static const struct scale plain = { .divide = 1, .unit = "", .whole = true };

static void left_out(struct out *o, size_t count, const char *what)
{
	if (count > ROWS_MAX)
		out_fmt(o, "\n%zu more %s are in report.html; every number is in results.csv.\n",
			count - ROWS_MAX, what);
}

static void cell_name(struct out *o, const struct cell *c)
{
	struct mode m = cell_mode(c);
	CLEANUP(freep) char *mode = NULL;
	CLEANUP(freep) char *name = NULL;

	m.name_window = c->window_bytes > 0;
	mode = mode_name(&m);
	if (!mode || asprintf(&name, "%s%s%s / %s%s%s %s", c->stack, c->variant ? "+" : "",
			      c->variant ? c->variant : "", c->vmm ? c->vmm : "host",
			      c->kernel ? " / " : "", c->kernel ? c->kernel : "", mode) < 0) {
		name = NULL;
		o->error = -ENOMEM;
		return;
	}
	md_text(o, name);
}

static void heat_place(struct out *o, const struct heat *h, size_t row, size_t column)
{
	const struct figure *f = heat_at(h, row, column)->figure;
	char number[NUMBER_SIZE];
	struct ratio r;
	double gain;

	switch (f ? f->state : FIGURE_ABSENT) {
	case FIGURE_ABSENT: return;
	case FIGURE_NA: out_fmt(o, "n/a (n%zu)", f->cell->note); return;
	case FIGURE_FAILED: out_str(o, "**failed**"); return;
	case FIGURE_PENDING: out_str(o, "pending"); return;
	case FIGURE_NO_VALUE: out_str(o, "no value"); return;
	case FIGURE_VALUE: break;
	}
	r = heat_ratio(h, row, column, HEAT_OWN, &gain);
	if (r.verdict == COMPARE_NONE)
		out_str(o, "\xe2\x80\x93");
	else if (r.verdict == COMPARE_BASE)
		out_str(o, "base");
	else
		out_fmt(o, "%s%s", r.verdict == COMPARE_WITHIN ? "\\~" : "",
			text_ratio(gain, number));
}

static void heat_row_name(struct out *o, const struct heat_row *row)
{
	CLEANUP(freep) char *name = row_name(row->row);
	CLEANUP(freep) char *mode = row->row->baseline ? strdup("") : mode_name(&row->mode);

	if (!name || !mode) {
		o->error = -ENOMEM;
		return;
	}
	md_text(o, name);
	out_str(o, " ");
	md_text(o, mode);
}

static void heat_block(struct out *o, const struct heat *h, size_t first)
{
	size_t end = first + HEAT_COLUMNS < h->column_count ? first + HEAT_COLUMNS
							    : h->column_count;

	out_str(o, "\n| stack, mode |");
	for (size_t c = first; c < end; c++) {
		out_str(o, " ");
		md_text(o, h->column[c]->workload->id);
		out_str(o, " |");
	}
	out_str(o, "\n|---|");
	for (size_t c = first; c < end; c++)
		out_str(o, "---:|");
	for (size_t r = 0; r < h->row_count && r < ROWS_MAX; r++) {
		out_str(o, "\n| ");
		heat_row_name(o, &h->row[r]);
		out_str(o, " |");
		for (size_t c = first; c < end; c++) {
			out_str(o, " ");
			heat_place(o, h, r, c);
			out_str(o, " |");
		}
	}
	out_str(o, "\n");
}

void md_heat(const struct tables *t, struct out *o)
{
	CLEANUP(heat_free) struct heat h = { 0 };
	CLEANUP(freep) char *common = NULL;

	if (heat_build(t, &h) < 0) {
		o->error = -ENOMEM;
		return;
	}
	if (h.row_count == 0)
		return;
	common = heat_common_name(&h);
	out_str(o, "\n## All modes and workloads\n\nHow many times better than the first mode "
		   "without DAX of the same stack (rows without modes: than ");
	md_text(o, common ? common : "");
	out_str(o, "), by the first headline metric of each workload; metrics whose lower values "
		   "are better are turned round. \\~: the rounds of both sides overlap, or a "
		   "side has one round only.\n");
	for (size_t c = 0; c < h.column_count; c += HEAT_COLUMNS)
		heat_block(o, &h, c);
	left_out(o, h.row_count, "rows");
}

static void size_or_dash(struct out *o, bool known, double bytes)
{
	char number[NUMBER_SIZE];

	out_fmt(o, " %s |", known ? scale_number(&mib, bytes, number) : "\xe2\x80\x93");
}

static void footprint_line(struct out *o, const struct footprint_line *l)
{
	double part;

	out_str(o, "\n| ");
	cell_name(o, l->cell);
	out_fmt(o, " | %.0f | %s |", l->guests, l->private_trees ? "private" : "one");
	for (size_t i = 0; i < FOOT_TERM_COUNT; i++)
		size_or_dash(o, l->term[i], l->term[i] ? l->term[i]->median : 0);
	if (footprint_unexplained(l, &part))
		out_fmt(o, " %.1f %% |", 100 * part);
	else
		out_str(o, " \xe2\x80\x93 |");
}

void md_footprint(const struct run *r, struct out *o)
{
	CLEANUP(footprint_free) struct footprint f = { 0 };

	if (footprint_build(r, &f) < 0)
		o->error = -ENOMEM;
	if (f.line_count == 0)
		return;
	out_str(o,
		"\n## Memory per guest (MiB)\n\n| stack, mode | fewest guests | their total | "
		"each further guest | one tree saves | at guests |\n|---|---:|---:|---:|---:|---:|");
	for (size_t i = 0; i < f.group_count && i < ROWS_MAX; i++) {
		const struct footprint_group *g = &f.group[i];
		const struct footprint_line *l = &f.line[g->first];

		out_str(o, "\n| ");
		cell_name(o, l->cell);
		out_fmt(o, " | %.0f |", l->guests);
		size_or_dash(o, true, l->term[FOOT_TOTAL]->median);
		size_or_dash(o, g->has_slope, g->slope);
		size_or_dash(o, g->has_saving, g->saving);
		if (g->has_saving)
			out_fmt(o, " %.0f |", g->saving_guests);
		else
			out_str(o, " \xe2\x80\x93 |");
	}
	out_str(o, "\n");
	left_out(o, f.group_count, "stacks and modes");
	out_str(o, "\n| stack, mode | guests | tree |");
	for (size_t i = 0; i < FOOT_TERM_COUNT; i++)
		out_fmt(o, " %s |", footprint_infos[i].title);
	out_str(o, " unexplained |\n|---|---:|---|");
	for (size_t i = 0; i <= FOOT_TERM_COUNT; i++)
		out_str(o, "---:|");
	for (size_t i = 0; i < f.line_count && i < ROWS_MAX; i++)
		footprint_line(o, &f.line[i]);
	out_str(o, "\n");
	left_out(o, f.line_count, "lines");
}

static void count_place(struct out *o, const struct value *v)
{
	char number[NUMBER_SIZE];

	if (!v) {
		out_str(o, " \xe2\x80\x93 |");
		return;
	}
	out_fmt(o, " %s", scale_number(&plain, v->sample[v->at_min], number));
	if (!counts_exact(v))
		out_fmt(o, "\xe2\x80\x93%s", scale_number(&plain, v->sample[v->at_max], number));
	out_str(o, " |");
}

static void counts_line(struct out *o, const struct counts *c, const struct counts_line *l)
{
	static const char *const names[] = {
		"ops.all", "bytes_to_device", "bytes_from_device", "kicks", "interrupts",
	};
	CLEANUP(freep) char *phase = strndup(l->phase, l->phase_size);
	char number[NUMBER_SIZE];
	size_t shown = 0;

	out_str(o, "\n| ");
	cell_name(o, l->cell);
	out_str(o, " | ");
	md_text(o, phase ? phase : "");
	out_str(o, " |");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		count_place(o, counts_value(l, names[i]));
	for (size_t i = 0; i < c->opcode_count; i++) {
		const struct value *v = counts_value(l, c->opcode[i]);

		if (!v || v->sample[v->at_max] == 0)
			continue;
		out_str(o, shown++ ? ", " : " ");
		md_text(o, strchr(c->opcode[i], '.') + 1);
		out_fmt(o, " %s", scale_number(&plain, v->sample[v->at_min], number));
		if (!counts_exact(v))
			out_fmt(o, "\xe2\x80\x93%s",
				scale_number(&plain, v->sample[v->at_max], number));
	}
	out_str(o, " |");
}

/* @seen: lines of the workloads before it, and then of this one too. */
static void counts_table(struct out *o, const struct run *r, const struct workload_info *w,
			 size_t *seen)
{
	CLEANUP(counts_free) struct counts c = { 0 };

	if (counts_build(r, w, &c) < 0) {
		o->error = -ENOMEM;
		return;
	}
	if (c.line_count == 0)
		return;
	if (*seen == 0)
		out_str(o, "\n## Operation counts\n\nFrom observed passes: untimed, every phase "
			   "once, counted by a relay between VMM and daemon. One number: all "
			   "passes counted the same; two: smallest and largest.\n");
	if (*seen < ROWS_MAX) {
		out_str(o, "\n**");
		md_text(o, w->id);
		out_str(o, "**\n\n| cell | phase | operations | bytes to device | bytes from "
			   "device | kicks | interrupts | most frequent |\n"
			   "|---|---|---:|---:|---:|---:|---:|---|");
		for (size_t i = 0; i < c.line_count && *seen + i < ROWS_MAX; i++)
			counts_line(o, &c, &c.line[i]);
		out_str(o, "\n");
	}
	*seen += c.line_count;
}

void md_counts(const struct run *r, struct out *o)
{
	size_t seen = 0;

	for (size_t i = 0; i < r->workload_count; i++)
		counts_table(o, r, &r->workload[i], &seen);
	left_out(o, seen, "lines");
}

static void negotiated_row(struct out *o, const struct negotiated *n,
			   const struct negotiated_line *l)
{
	CLEANUP(out_free) struct out flags = { 0 };
	char number[NUMBER_SIZE];

	out_str(o, "\n| ");
	cell_name(o, l->cell);
	out_str(o, " |");
	for (size_t i = 0; i < negotiated_field_count; i++) {
		out_str(o, " ");
		md_text(o, negotiated_text(l, &negotiated_fields[i], number));
		out_str(o, " |");
	}
	out_str(o, " ");
	negotiated_flags(n, l, false, &flags);
	md_text(o, buf_text(&flags.text));
	out_fmt(o, " | %s |", l->differs);
}

void md_negotiated(const struct run *r, struct out *o)
{
	CLEANUP(negotiated_free) struct negotiated n = { 0 };
	CLEANUP(out_free) struct out common = { 0 };

	if (negotiated_build(r, &n) < 0)
		o->error = -ENOMEM;
	if (n.line_count == 0)
		return;
	negotiated_flags(&n, &n.line[0], true, &common);
	out_str(o, "\n## What was negotiated\n\nINIT flags that every row has: ");
	md_text(o, buf_text(&common.text));
	out_str(o, ".\n\n| stack, mode |");
	for (size_t i = 0; i < negotiated_field_count; i++) {
		out_str(o, " ");
		md_text(o, negotiated_fields[i].title);
		out_str(o, " |");
	}
	out_str(o,
		" INIT flags that not all have | differs in more than what is compared |\n|---|");
	for (size_t i = 0; i < negotiated_field_count; i++)
		out_str(o, "---:|");
	out_str(o, "---|---|");
	for (size_t i = 0; i < n.line_count && i < ROWS_MAX; i++)
		negotiated_row(o, &n, &n.line[i]);
	out_str(o, "\n");
	left_out(o, n.line_count, "rows");
	for (size_t i = 0; i < r->stack_count; i++) {
		if (!r->stack[i].set_up)
			continue;
		out_str(o, "\n");
		md_text(o, r->stack[i].id);
		out_str(o, ": ");
		md_text(o, r->stack[i].set_up);
		out_str(o, "\n");
	}
}
