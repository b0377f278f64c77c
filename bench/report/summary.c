// SPDX-License-Identifier: Apache-2.0
#include "report/summary.h"

#include "report/conform.h"

#include "report/compare.h"

#include <string.h>

/* Columns of a terminal: 26 + 3 x 24 with one space between stay within 100. */
#define NAME_COLUMNS   26
#define FIGURE_COLUMNS 23
#define LINE_COLUMNS   100

/* @text cut to @columns characters and padded; text from a run never breaks the table. */
static void padded(struct out *o, const char *text, size_t columns)
{
	CLEANUP(freep) char *clean = text_clean_str(text);
	size_t used = 0;
	const char *s = clean;

	if (!clean) {
		o->error = -ENOMEM;
		return;
	}
	while (*s && used < columns) {
		size_t n = 1;

		while (((unsigned char)s[n] & 0xc0) == 0x80)
			n++;
		out_bytes(o, s, n);
		s += n;
		used++;
	}
	for (; used < columns; used++)
		out_str(o, " ");
}

static void value_text(struct out *o, const struct grid *g, size_t at, size_t base, bool is_base)
{
	CLEANUP(out_free) struct out text = { 0 };
	const struct value *v = g->figure[at].value;
	double base_median = g->figure[base].value->median;
	char number[NUMBER_SIZE];

	if (at == base && !is_base)
		out_str(&text, "the base");
	else
		out_fmt(&text, "%s%s%s", scale_number(&g->scale, v->median, number),
			*g->scale.unit ? " " : "", g->scale.unit);
	if (at != base && base_median > 0)
		out_fmt(&text, " x%s", text_ratio(v->median / base_median, number));
	out_str(o, " ");
	padded(o, buf_text(&text.text), FIGURE_COLUMNS);
}

/* Which cell a figure is of: mode when the row is the base's, else stack and mode. */
static void where_text(struct out *o, const struct table *t, size_t at, size_t base, bool is_base)
{
	CLEANUP(out_free) struct out text = { 0 };
	CLEANUP(freep) char *mode = mode_name(&t->mode[at % t->column_count]);
	const struct row *row = &t->row[at / t->column_count];

	if (!mode) {
		o->error = -ENOMEM;
		return;
	}
	if (is_base || at / t->column_count != base / t->column_count)
		out_fmt(&text, "%s ", row->stack->id);
	if (is_base || at != base)
		out_str(&text, strncmp(mode, "cache=", 6) == 0 ? mode + 6 : mode);
	out_str(o, " ");
	padded(o, buf_text(&text.text), FIGURE_COLUMNS);
}

static void one_grid(struct out *o, const struct table *t, const struct grid *g)
{
	struct glance_pick pick;

	padded(o, t->workload->id, NAME_COLUMNS);
	if (!glance_choose(t, g, &pick)) {
		out_fmt(o, " %s\n  ", glance_nothing(t, g));
		padded(o, g->metric, NAME_COLUMNS - 2);
		out_str(o, "\n");
		return;
	}
	value_text(o, g, pick.base, pick.base, true);
	if (g->better != BETTER_NONE) {
		value_text(o, g, pick.best, pick.base, false);
		value_text(o, g, pick.worst, pick.base, false);
	}
	out_str(o, "\n  ");
	padded(o, g->metric, NAME_COLUMNS - 2);
	where_text(o, t, pick.base, pick.base, true);
	if (g->better != BETTER_NONE) {
		where_text(o, t, pick.best, pick.base, false);
		where_text(o, t, pick.worst, pick.base, false);
	}
	out_str(o, "\n");
}

static void failures(struct out *o, const struct run *r)
{
	enum { SHOWN_MAX = 5 };
	size_t shown = 0;

	for (size_t i = 0; i < r->cell_count; i++) {
		const struct cell *c = &r->cell[i];

		if (c->status != CELL_FAILED || shown++ >= SHOWN_MAX)
			continue;
		out_str(o, "failed ");
		padded(o, c->id, LINE_COLUMNS - 7);
		out_str(o, "\n       ");
		padded(o, c->reason, LINE_COLUMNS - 7);
		out_str(o, "\n");
	}
	if (shown > SHOWN_MAX)
		out_fmt(o, "failed %zu more cells: see the report\n", shown - SHOWN_MAX);
	if (shown > 0)
		out_str(o, "\n");
}

/* Padding at the ends of lines is not for logs. */
static void trim_lines(struct out *o, const struct out *from)
{
	const char *s = buf_text(&from->text);

	while (*s) {
		size_t n = strcspn(s, "\n");
		size_t keep = n;

		while (keep > 0 && s[keep - 1] == ' ')
			keep--;
		out_bytes(o, s, keep);
		if (s[n])
			out_str(o, "\n");
		s += n + (s[n] != '\0');
	}
}

/* A screen; longer tables keep the first headline metric of each workload only. */
#define GRIDS_MAX 16

static void grids(struct out *o, const struct tables *t)
{
	size_t total = 0;
	size_t shown = 0;

	for (size_t i = 0; i < t->count; i++)
		total += t->table[i].grid_count;
	for (size_t i = 0; i < t->count; i++) {
		for (size_t j = 0; j < t->table[i].grid_count; j++) {
			if (total > GRIDS_MAX && (j > 0 || shown == GRIDS_MAX))
				continue;
			one_grid(o, &t->table[i], &t->table[i].grid[j]);
			shown++;
		}
	}
	if (shown < total)
		out_fmt(o, "%zu more headline metrics: see the report\n", total - shown);
}

/* One line for each daemon or mount of a suite. */
static void suite_lines(struct out *o, const struct run *r, const struct conform_suite *suite)
{
	CLEANUP(conform_free) struct conform c = { 0 };

	if (conform_build(r, suite, &c) < 0)
		o->error = -ENOMEM;
	for (size_t i = 0; i < c.count; i++) {
		CLEANUP(out_free) struct out line = { 0 };
		struct conform_counts n;
		char cell[CONFORM_CELL];

		conform_total(&c.daemon[i], &n);
		out_fmt(&line, "%s suite, %s: %s%s%s", suite->id, c.daemon[i].stack,
			c.daemon[i].status, n.all ? "; " : "", conform_cell(&n, cell));
		if (n.all == 0 && c.daemon[i].reason)
			out_fmt(&line, ", %s", c.daemon[i].reason);
		padded(o, buf_text(&line.text), LINE_COLUMNS);
		out_str(o, "\n");
	}
	if (c.count > 0)
		out_str(o, "\n");
}

static void daemons(struct out *o, const struct run *r)
{
	size_t count;
	const struct conform_suite *suites = conform_suites(&count);

	for (size_t i = 0; i < count; i++)
		suite_lines(o, r, &suites[i]);
}

static void headline(struct out *o, const struct tables *t)
{
	padded(o, "workload, metric", NAME_COLUMNS);
	out_str(o, " ");
	padded(o, "base", FIGURE_COLUMNS);
	out_str(o, " ");
	padded(o, "best", FIGURE_COLUMNS);
	out_str(o, " worst\n");
	grids(o, t);
	out_str(o, "\n");
}

int summary_write(const struct tables *t, struct out *ret)
{
	CLEANUP(out_free) struct out o = { 0 };
	const struct run *r = t->run;

	for (size_t i = 0; r->cell_count > 0 && i < CELL_STATUS_COUNT; i++)
		if (r->status_count[i] > 0 || i == CELL_OK || i == CELL_FAILED)
			out_fmt(&o, "%s%zu %s", i ? ", " : "", r->status_count[i],
				cell_status_names[i]);
	if (r->cell_count > 0)
		out_fmt(&o, " of %zu cells\n", r->cell_count);
	if (r->tcg)
		out_str(&o, "software CPU emulation (TCG): times mean nothing outside this run; "
			    "read ratios\n");
	out_str(&o, "\n");
	daemons(&o, r);
	if (r->cell_count > 0)
		headline(&o, t);
	failures(&o, r);
	out_fmt(&o, "report: %s/report.html\n", r->dir);
	trim_lines(ret, &o);
	return o.error < 0 ? o.error : ret->error;
}
