// SPDX-License-Identifier: Apache-2.0
#include "report/plot.h"

#include "base/clock.h"
#include "base/proc.h"

#include <math.h>
#include <string.h>
#include <sys/mman.h>

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

/* A report of 20 workloads takes about 2 s; a hung gnuplot must not hang the run's end. */
#define GNUPLOT_MS	   60000
#define GNUPLOT_OUTPUT_MAX (256 * MIB)

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

/* A gnuplot string in single quotes: nothing is expanded there; what could end it is replaced. */
static void quoted(struct out *o, const char *text)
{
	CLEANUP(out_free) struct out clean = { 0 };
	const char *s;

	text_clean(&clean, text, strlen(text), TEXT_ONE_LINE);
	out_str(o, "'");
	for (s = buf_text(&clean.text); *s; s++)
		out_bytes(o, strchr("'\\`\"@", *s) ? "_" : s, 1);
	out_str(o, "'");
	if (clean.error < 0)
		o->error = clean.error;
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
		quoted(o, name);
		out_fmt(o, " %.3f", l->row_y[r]);
	}
	out_fmt(o, ")\nset lmargin %.0f\nunset label\nset xlabel ", (double)longest * NAME_WIDTH);
	out_fmt(&axis, "%s%s%s%s", *g->phase ? g->phase : "", *g->phase ? ": " : "",
		*g->scale.unit ? g->scale.unit : "number", g->better == BETTER_NONE ? "" : ", ");
	out_str(&axis, directions[g->better]);
	quoted(o, buf_text(&axis.text));
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
	quoted(o, title);
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
	out_fmt(o, "print '@@%p'\n", (const void *)g);
	out_bytes(o, buf_text(&plot.text), plot.text.size);
	out_str(o, "\nset output\nprint '@@'\n");
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

/* Add `s` without what would clash when many plots share a page: ids, tooltips, fixed black. */
static void add_line(struct out *o, const char *s, size_t size)
{
	static const struct {
		const char *from;
		const char *to;
	} changes[] = {
		{ "\"black\"", "\"currentColor\"" },
		{ "'black'", "'currentColor'" },
		{ "rgb(  0,   0,   0)", "currentColor" },
	};
	const char *end = s + size;

	while (s < end) {
		size_t skip = 0;

		for (size_t i = 0; i < ARRAY_SIZE(changes) && skip == 0; i++) {
			size_t n = strlen(changes[i].from);

			if ((size_t)(end - s) >= n && memcmp(s, changes[i].from, n) == 0) {
				out_str(o, changes[i].to);
				skip = n;
			}
		}
		if (skip == 0) {
			out_bytes(o, s, 1);
			skip = 1;
		}
		s += skip;
	}
}

static bool has(const char *line, size_t size, const char *what)
{
	return memmem(line, size, what, strlen(what)) != NULL;
}

/* From the text of one plot to markup that can be inlined; NULL with a cause otherwise. */
static char *inline_svg(const char *s, size_t size, const char **ret_cause)
{
	CLEANUP(out_free) struct out o = { 0 };
	const char *end = s + size;
	bool in_defs = false;

	*ret_cause = "gnuplot's output is not the SVG that was expected";
	if (!has(s, size, "<svg") || !has(s, size, "</svg>") || has(s, size, "<script") ||
	    has(s, size, "<foreignObject") || has(s, size, "<image"))
		return NULL;
	while (s < end) {
		const char *stop = memchr(s, '\n', (size_t)(end - s));
		size_t n = stop ? (size_t)(stop - s) + 1 : (size_t)(end - s);

		in_defs |= has(s, n, "<defs>");
		if (has(s, n, "<g id=\""))
			out_str(&o, "<g>\n");
		else if (!in_defs && n > 1 && !has(s, n, "<?xml") && !has(s, n, "<use ") &&
			 !has(s, n, "<title>") && !has(s, n, "<desc>") && !has(s, n, "xmlns:xlink"))
			add_line(&o, s, n);
		in_defs &= !has(s, n, "</defs>");
		s += n;
	}
	if (o.error < 0) {
		*ret_cause = "out of memory";
		return NULL;
	}
	return buf_take(&o.text);
}

static int take_plot(struct grid *g, const struct proc_output *out, const char *why)
{
	CLEANUP(freep) char *tag = NULL;
	const char *from;
	const char *to = NULL;
	const char *cause;

	if (asprintf(&tag, "@@%p\n", (const void *)g) < 0) {
		tag = NULL;
		return -ENOMEM;
	}
	from = strstr(buf_text(&out->out), tag);
	if (from) {
		from += strlen(tag);
		to = strstr(from, "\n@@\n");
	}
	if (to)
		g->svg = inline_svg(from, (size_t)(to - from), &cause);
	else
		cause = why;
	if (!g->svg)
		g->svg_error = strdup(cause);
	return g->svg || g->svg_error ? 0 : -ENOMEM;
}

static int run_gnuplot(const struct out *script, struct proc_output *out, struct err *err)
{
	static const char *const argv[] = { "gnuplot", "-d", "-", NULL };
	CLEANUP(fd_closep) int fd = memfd_create("gnuplot script", MFD_CLOEXEC);
	struct proc_spec spec = { .argv = (char *const *)argv, .stdin_fd = fd };
	int e;

	if (fd < 0)
		return err_errno(err, -errno, "cannot make room for the gnuplot script");
	for (size_t done = 0; done < script->text.size;) {
		ssize_t n = pwrite(fd, script->text.data + done, script->text.size - done,
				   (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, -errno, "cannot write the gnuplot script");
		done += (size_t)n;
	}
	e = proc_run(&spec, GNUPLOT_OUTPUT_MAX, clock_deadline_ms(GNUPLOT_MS), out, err);
	if (e < 0)
		return err_prefix(err, e, "gnuplot");
	if (out->status != 0)
		return err_set(err, -EIO, "gnuplot failed: %.600s", buf_text(&out->err));
	return 0;
}

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
	if (e < 0)
		return e;
	(void)run_gnuplot(&script, &out, &err);
	for (size_t i = 0; i < t->count; i++)
		for (size_t j = 0; j < t->table[i].grid_count; j++)
			if (t->table[i].grid[j].drawn &&
			    take_plot(&t->table[i].grid[j], &out, err.text) < 0)
				return -ENOMEM;
	return 0;
}
