// SPDX-License-Identifier: Apache-2.0
#include "report/plot.h"

#include "report/gnuplot.h"
#include "report/pressure.h"

#include <math.h>
#include <string.h>

/* Pixels. */
#define PLOT_WIDTH     760
#define BAR_HEIGHT     17
#define GROUP_GAP      0.8 /* in bars */
#define PLOT_MARGINS   66  /* axis, its title, room at the top */
#define LEGEND_LINE    18
#define LEGEND_COLUMNS 3
/* Room for the names of rows, in characters; of gnuplot's wide ones a name needs fewer. */
#define NAME_COLUMNS_MIN 39
#define NAME_WIDTH	 0.87

/*
 * Okabe and Ito, "Color Universal Design", 2008, without black (invisible on dark pages) and
 * yellow (on light ones): told apart with any kind of colour vision.
 */
static const char *const palette[] = {
	"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00",
};
static const char baseline_colour[] = "#8a8f98";

const char *plot_colour(size_t mode_index)
{
	return palette[mode_index % ARRAY_SIZE(palette)];
}

double plot_density(size_t mode_index)
{
	static const double densities[] = { 1, 0.5, 0.2 };
	size_t turn = mode_index / ARRAY_SIZE(palette);

	return densities[turn < ARRAY_SIZE(densities) ? turn : ARRAY_SIZE(densities) - 1];
}

bool plot_skips_row(const struct run *run, const struct row *row, enum metric_kind kind)
{
	return row_on_host_under_tcg(run, row, kind);
}

/* Where each bar of a plot is. */
struct layout {
	double *y;     /* per slot; NAN: no bar */
	double *row_y; /* middle of each row's bars; NAN: none */
	double end;
	size_t bars;
	size_t groups;
};

static void layout_free(struct layout *l)
{
	free(l->y);
	free(l->row_y);
}

static int lay_out(const struct tables *ts, const struct table *t, const struct grid *g,
		   struct layout *l)
{
	l->y = calloc(t->row_count * t->column_count + 1, sizeof(*l->y));
	l->row_y = calloc(t->row_count + 1, sizeof(*l->row_y));
	if (!l->y || !l->row_y)
		return -ENOMEM;
	for (size_t r = 0; r < t->row_count; r++) {
		double first = l->end;
		size_t bars = 0;

		for (size_t c = 0; c < t->column_count; c++) {
			double *y = &l->y[r * t->column_count + c];

			*y = NAN;
			if (table_figure(t, g, r, c)->state == FIGURE_ABSENT ||
			    plot_skips_row(ts->run, &t->row[r], g->kind))
				continue;
			*y = l->end++;
			bars++;
		}
		l->row_y[r] = bars ? (first + l->end - 1) / 2 : NAN;
		l->bars += bars;
		l->groups += bars > 0;
		l->end += bars ? GROUP_GAP : 0;
	}
	return 0;
}

static double scaled(const struct grid *g, double v)
{
	return v / g->scale.divide;
}

/* Data of one column as an inline block: value, y, low and high of the box, whiskers. */
static bool block(struct out *o, const struct tables *ts, const struct table *t,
		  const struct grid *g, const struct layout *l, size_t column, bool baseline)
{
	bool any = false;

	out_fmt(o, "$d%zu << EOD\n", baseline ? t->column_count : column);
	for (size_t r = 0; r < t->row_count; r++) {
		const struct figure *f = table_figure(t, g, r, column);
		double y = l->y[r * t->column_count + column];
		double v;

		if (!f->value || t->row[r].baseline != baseline ||
		    plot_skips_row(ts->run, &t->row[r], g->kind))
			continue;
		v = scaled(g, f->value->median);
		out_fmt(o, "%.9g %.3f %.9g %.9g %.3f %.3f %.9g %.9g\n", v, y, fmin(0, v),
			fmax(0, v), y - 0.43, y + 0.43,
			scaled(g, f->value->sample[f->value->at_min]),
			scaled(g, f->value->sample[f->value->at_max]));
		any = true;
	}
	out_str(o, "EOD\n");
	return any;
}

static void frame(struct out *o, const struct table *t, const struct grid *g,
		  const struct layout *l, size_t legend)
{
	static const char *const directions[] = {
		[BETTER_NONE] = "",
		[BETTER_HIGHER] = "higher is better",
		[BETTER_LOWER] = "lower is better",
	};
	CLEANUP(out_free) struct out axis = { 0 };
	size_t longest = NAME_COLUMNS_MIN;
	size_t legend_lines = (legend + LEGEND_COLUMNS - 1) / LEGEND_COLUMNS;
	double height = PLOT_MARGINS + BAR_HEIGHT * l->end + LEGEND_LINE * (double)legend_lines;

	out_fmt(o, "set terminal svg size %d,%.0f fixed noenhanced font 'sans-serif,12'\n",
		PLOT_WIDTH, height);
	out_fmt(o, "set yrange [%.2f:-0.8]\nset xrange [*<0:0<*]\nset ytics scale 0 (",
		l->end - GROUP_GAP);
	for (size_t r = 0, n = 0; r < t->row_count; r++) {
		CLEANUP(freep) char *name = isnan(l->row_y[r]) ? NULL : row_name(&t->row[r]);

		if (!name)
			continue;
		longest = text_columns(name) > longest ? text_columns(name) : longest;
		out_str(o, n++ ? "," : "");
		gnuplot_quoted(o, name);
		out_fmt(o, " %.3f", l->row_y[r]);
	}
	out_fmt(o, ")\nset lmargin %.0f\nunset label\nset xlabel ", (double)longest * NAME_WIDTH);
	out_fmt(&axis, "%s%s%s%s", *g->phase ? g->phase : "", *g->phase ? ": " : "",
		*g->scale.unit ? g->scale.unit : "number", g->better == BETTER_NONE ? "" : ", ");
	out_str(&axis, directions[g->better]);
	gnuplot_quoted(o, buf_text(&axis.text));
	out_str(o, "\n");
	if (axis.error < 0)
		o->error = axis.error;
}

/* A bar that is not there says why. */
static void empty_slots(struct out *o, const struct table *t, const struct grid *g,
			const struct layout *l)
{
	static const char *const words[] = {
		[FIGURE_ABSENT] = NULL, [FIGURE_VALUE] = NULL,	    [FIGURE_NO_VALUE] = "no value",
		[FIGURE_NA] = "n/a",	[FIGURE_FAILED] = "failed", [FIGURE_PENDING] = "pending",
	};

	for (size_t i = 0; i < t->row_count * t->column_count; i++)
		if (!isnan(l->y[i]) && words[g->figure[i].state])
			out_fmt(o,
				"set label '%s' at 0,%.3f left offset 0.5,0 font ',10' tc rgb "
				"'%s'\n",
				words[g->figure[i].state], l->y[i], baseline_colour);
}

static void one_series(struct out *o, size_t block_index, const char *colour, double density,
		       const char *title)
{
	out_fmt(o,
		"$d%zu using 1:2:3:4:5:6 with boxxyerror lc rgb '%s' fs solid %.2f border rgb '%s' "
		"title ",
		block_index, colour, density, colour);
	gnuplot_quoted(o, title);
	out_fmt(o, ", $d%zu using 1:2:7:8 with xerrorbars pt -2 lw 1.2 lc rgb 'black' notitle",
		block_index);
}

static int script_one(struct out *o, const struct tables *ts, const struct table *t,
		      const struct grid *g)
{
	CLEANUP(out_free) struct out plot = { 0 };
	CLEANUP(layout_free) struct layout l = { 0 };
	size_t series = 0;

	if (lay_out(ts, t, g, &l) < 0)
		return -ENOMEM;
	for (size_t c = 0; c < t->column_count; c++) {
		size_t index = c < t->mode_count ? tables_mode_index(ts, &t->mode[c]) : 0;
		CLEANUP(freep) char *name = c < t->mode_count ? mode_name(&t->mode[c]) : strdup("");

		if (!name)
			return -ENOMEM;
		if (!block(o, ts, t, g, &l, c, false))
			continue;
		out_str(&plot, series++ ? ", " : "plot ");
		one_series(&plot, c, plot_colour(index), plot_density(index), name);
	}
	if (block(o, ts, t, g, &l, 0, true)) {
		out_str(&plot, series++ ? ", " : "plot ");
		one_series(&plot, t->column_count, baseline_colour, 1, "baseline");
	}
	if (series == 0)
		return -ENODATA;
	frame(o, t, g, &l, series);
	empty_slots(o, t, g, &l);
	gnuplot_begin(o, g);
	out_bytes(o, buf_text(&plot.text), plot.text.size);
	gnuplot_end(o);
	return plot.error < 0 ? plot.error : o->error;
}

static const char preamble[] = "set encoding utf8\n"
			       "set print '-'\n"
			       "set border 0\n"
			       "set tics nomirror\n"
			       "set xtics scale 0 tc rgb '#8a8f98'\n"
			       "set grid xtics lt 1 lw 0.6 lc rgb '#8a8f98' dt (2,4)\n"
			       "set yzeroaxis lt 1 lw 1 lc rgb '#8a8f98'\n"
			       "set rmargin 3\n"
			       "set key tmargin left horizontal Left reverse samplen 1.2\n"
			       "set bars 0.5\n";

static int script_all(struct tables *t, struct out *o)
{
	for (size_t i = 0; i < t->count; i++) {
		for (size_t j = 0; j < t->table[i].grid_count; j++) {
			struct grid *g = &t->table[i].grid[j];
			int e = g->value_count > 0 ? script_one(o, t, &t->table[i], g) : -ENODATA;

			if (e == -ENOMEM)
				return e;
			g->drawn = e == 0;
		}
	}
	return o->error;
}

int plot_all(struct tables *t)
{
	CLEANUP(out_free) struct out script = { 0 };
	CLEANUP(proc_output_free) struct proc_output out = { 0 };
	struct err err = { .text = "gnuplot wrote no such plot" };
	int e;

	out_str(&script, preamble);
	e = script_all(t, &script);
	if (e == 0)
		e = pressure_script(&t->pressure, &script);
	if (e < 0)
		return e;
	(void)gnuplot_run(&script, &out, &err);
	for (size_t i = 0; i < t->count; i++) {
		for (size_t j = 0; j < t->table[i].grid_count; j++) {
			struct grid *g = &t->table[i].grid[j];

			if (g->drawn && gnuplot_take(&out, g, err.text, &g->svg, &g->svg_error) < 0)
				return -ENOMEM;
		}
	}
	return pressure_take(&t->pressure, &out, err.text);
}
