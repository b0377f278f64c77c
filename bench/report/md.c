// SPDX-License-Identifier: Apache-2.0
#include "report/md.h"

#include "report/md_part.h"
#include "report/repro.h"

#include <ctype.h>
#include <string.h>

void md_text(struct out *o, const char *s)
{
	CLEANUP(freep) char *clean = text_clean_str(s);

	if (!clean) {
		o->error = -ENOMEM;
		return;
	}
	for (const char *c = clean; *c; c++) {
		bool in_word = c > clean && isalnum((unsigned char)c[-1]) &&
			       isalnum((unsigned char)c[1]);

		if (*c == '<')
			out_str(o, "&lt;");
		else if (*c == '>')
			out_str(o, "&gt;");
		else if (*c == '&')
			out_str(o, "&amp;");
		else if (strchr("\\`*[]|~", *c) || (*c == '_' && !in_word) ||
			 (*c == '#' && c == clean))
			out_fmt(o, "\\%c", *c);
		else
			out_bytes(o, c, 1);
	}
}

static void head(const struct run *r, struct out *o)
{
	json_t *root = r->root;
	const char *key;
	json_t *v;

	out_str(o, "# ");
	md_text(o, json_str_at(root, "plan.title", ""));
	out_str(o, "\n\n");
	for (size_t i = 0; r->cell_count > 0 && i < CELL_STATUS_COUNT; i++)
		if (r->status_count[i] > 0 || i == CELL_OK || i == CELL_FAILED)
			out_fmt(o, "%s%zu %s", i ? ", " : "", r->status_count[i],
				cell_status_names[i]);
	if (r->cell_count > 0)
		out_fmt(o, " of %zu cells. ", r->cell_count);
	out_str(o, "Run ");
	md_text(o, json_str_at(root, "status", ""));
	out_str(o, ", plan ");
	md_text(o, json_str_at(root, "plan.name", ""));
	out_str(o, ", started ");
	md_text(o, json_str_at(root, "started", ""));
	out_fmt(o, ", %" JSON_INTEGER_FORMAT " rounds, seed %" JSON_INTEGER_FORMAT ".\n\n",
		json_integer_value(json_at(root, "plan.rounds")),
		json_integer_value(json_at(root, "seed")));
	if (r->tcg)
		out_str(o, "> **Software CPU emulation (TCG): absolute times mean nothing outside "
			   "this "
			   "run; read ratios. The counts and memory figures do not depend on "
			   "it.**\n\n");
	out_str(o, "Versions: host kernel ");
	md_text(o, text_dash(json_str_at(root, "host.kernel", NULL)));
	json_object_foreach(json_object_get(root, "versions"), key, v) {
		out_str(o, "; ");
		md_text(o, key);
		out_str(o, " ");
		md_text(o, text_dash(json_string_value(v)));
	}
	if (r->cell_count == 0) {
		out_str(o, ".\n");
		return;
	}
	out_str(o,
		".\n\nTables of a workload hold: median (smallest\xe2\x80\x93largest round); m: ratio to the row's "
		"first mode without DAX; s: ratio to the first row of the column.\n");
}

static void ratio(struct out *o, const char *what, const struct ratio *r)
{
	static const char *const sign[] = {
		[COMPARE_NONE] = "",	      [COMPARE_BASE] = "",	  [COMPARE_WITHIN] = "",
		[COMPARE_BETTER] = " better", [COMPARE_WORSE] = " worse",
	};
	char number[NUMBER_SIZE];

	if (r->verdict == COMPARE_BASE)
		out_fmt(o, ", %sbase", what);
	else if (r->verdict != COMPARE_NONE)
		out_fmt(o, ", %s\xc3\x97%s%s", what, text_ratio(r->value, number),
			sign[r->verdict]);
	else if (r->why_not)
		out_fmt(o, ", %s%s", what, r->why_not);
}

static void figure(struct out *o, const struct grid *g, const struct figure *f, bool baseline)
{
	char number[NUMBER_SIZE];
	const struct value *v = f->value;

	switch (f->state) {
	case FIGURE_NA: out_fmt(o, "n/a (n%zu)", f->cell->note); return;
	case FIGURE_FAILED: out_str(o, "**failed**"); return;
	case FIGURE_PENDING: out_str(o, "pending"); return;
	case FIGURE_NO_VALUE: out_str(o, "no value"); return;
	case FIGURE_ABSENT: return;
	case FIGURE_VALUE: break;
	}
	out_fmt(o, "**%s**", scale_number(&g->scale, v->median, number));
	if (v->sample_count == 1) {
		out_str(o, " n=1");
	} else {
		out_fmt(o, " (%s\xe2\x80\x93",
			scale_number(&g->scale, v->sample[v->at_min], number));
		out_fmt(o, "%s)", scale_number(&g->scale, v->sample[v->at_max], number));
	}
	ratio(o, baseline ? "" : "m ", &f->mode);
	if (!baseline)
		ratio(o, "s ", &f->stack);
	if (f->mark)
		out_fmt(o, " (d%zu)", f->mark);
}

static void named(struct out *o, char *take_name)
{
	if (take_name)
		md_text(o, take_name);
	else
		o->error = -ENOMEM;
	free(take_name);
}

static void grid(struct out *o, const struct table *t, const struct grid *g)
{
	static const char *const direction[] = {
		[BETTER_NONE] = "",
		[BETTER_HIGHER] = ", higher is better",
		[BETTER_LOWER] = ", lower is better",
	};

	out_str(o, "\n**");
	md_text(o, g->metric);
	out_str(o, "**: ");
	md_text(o, g->title);
	if (*g->scale.unit) {
		out_str(o, ", ");
		md_text(o, g->scale.unit);
	}
	out_fmt(o, "%s\n\n| stack |", direction[g->better]);
	for (size_t c = 0; c < t->mode_count; c++) {
		out_str(o, " ");
		named(o, mode_name(&t->mode[c]));
		out_str(o, " |");
	}
	out_str(o, t->mode_count ? "\n|---|" : " value |\n|---|");
	for (size_t c = 0; c < t->column_count; c++)
		out_str(o, "---:|");
	for (size_t r = 0; r < t->row_count; r++) {
		out_str(o, "\n| ");
		named(o, row_name(&t->row[r]));
		out_str(o, t->row[r].baseline ? " (baseline) |" : " |");
		for (size_t c = 0; c < t->column_count; c++) {
			out_str(o, " ");
			figure(o, g, table_figure(t, g, r, c), t->row[r].baseline);
			out_str(o, " |");
		}
	}
	out_str(o, "\n");
}

static void table(struct out *o, const struct table *t)
{
	out_str(o, "\n## ");
	md_text(o, t->workload->title);
	out_str(o, "\n\n");
	md_text(o, t->workload->question);
	out_str(o, " Decides: ");
	md_text(o, t->workload->decides);
	out_str(o, "\n");
	if (t->row_count == 0)
		out_str(o, "\nThe plan has no readable cell of this workload.\n");
	for (size_t i = 0; t->row_count > 0 && i < t->grid_count; i++)
		grid(o, t, &t->grid[i]);
	for (size_t i = 0; i < t->difference_count; i++) {
		out_fmt(o, "\n(d%zu) ", i + 1);
		md_text(o, t->difference[i]);
		out_str(o, "\n");
	}
}

/* Longer lists are in report.html. */
#define REASONS_MAX 40

static void not_applicable(const struct run *r, struct out *o)
{
	if (r->note_count > 0)
		out_str(o, "\n## n/a\n\n");
	for (size_t i = 0; i < r->note_count && i < REASONS_MAX; i++) {
		out_fmt(o, "- n%zu (%zu cell%s): ", i + 1, r->note[i].cell_count,
			r->note[i].cell_count == 1 ? "" : "s");
		md_text(o, r->note[i].reason);
		out_str(o, "\n");
	}
	if (r->note_count > REASONS_MAX)
		out_fmt(o, "- %zu more reasons are in report.html\n", r->note_count - REASONS_MAX);
}

static void failed(const struct run *r, struct out *o)
{
	size_t shown = 0;

	if (r->status_count[CELL_FAILED] > 0)
		out_str(o, "\n## Failed\n\n");
	for (size_t i = 0; i < r->cell_count; i++) {
		if (r->cell[i].status != CELL_FAILED || shown++ >= REASONS_MAX)
			continue;
		out_str(o, "- ");
		md_text(o, r->cell[i].id);
		out_str(o, ": ");
		md_text(o, r->cell[i].reason);
		out_str(o, "\n");
	}
	if (shown > REASONS_MAX)
		out_fmt(o, "- %zu more cells are in report.html\n", shown - REASONS_MAX);
}

/* Tables of workloads that a text file can hold; the heat map has all of them. */
#define TABLES_MAX 8

static void tables(const struct tables *t, struct out *o)
{
	for (size_t i = 0; i < t->count && i < TABLES_MAX; i++)
		table(o, &t->table[i]);
	if (t->count <= TABLES_MAX)
		return;
	out_fmt(o,
		"\n## %zu more workloads\n\nTheir tables are in report.html, every number is "
		"in results.csv:",
		t->count - TABLES_MAX);
	for (size_t i = TABLES_MAX; i < t->count; i++) {
		out_str(o, i > TABLES_MAX ? ", " : " ");
		md_text(o, t->table[i].workload->id);
	}
	out_str(o, ".\n");
}

int md_write(const struct tables *t, struct out *ret)
{
	CLEANUP(freep) char *command = repro_command(t->run, NULL);

	if (!command)
		return -ENOMEM;
	head(t->run, ret);
	/* As in report.html: the headline first, and that is not times under TCG. */
	if (!t->run->tcg)
		md_heat(t, ret);
	failed(t->run, ret);
	md_conform(t->run, ret);
	md_dax(t, ret);
	md_footprint(t->run, ret);
	md_counts(t->run, ret);
	if (t->run->tcg)
		md_heat(t, ret);
	tables(t, ret);
	md_negotiated(t->run, ret);
	not_applicable(t->run, ret);
	out_fmt(ret, "\n## Repeat\n\n    %s\n", command);
	return ret->error;
}
