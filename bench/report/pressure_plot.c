// SPDX-License-Identifier: Apache-2.0
/* The window-pressure curves of one stack, mode and window: three panels over working set by window. */
#include "report/pressure.h"

#include "report/gnuplot.h"
#include "report/plot.h"

#include <math.h>
#include <string.h>

/* Pixels. */
#define WIDTH  760
#define HEIGHT 640
/* Logarithms have no 0: what is smaller than this is drawn here, and the axis says 0. */
#define FLOOR 0.0001
/* Room beside the first and the last working set, in parts of it. */
#define SIDE 1.25
/* Knees at one place would hide each other: each is this much to the right of the one before, in parts. */
#define KNEE_STEP 0.025

/* Both sides of a page are light or dark: nothing here is black or white. */
static const char grey[] = "#8a8f98";

static const char *const series[] = { "seq-read", "rand-read", "seq-write", "rand-write" };

const char *pressure_colour(const struct pressure_curve *c)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(series) && (strlen(series[i]) != c->name_size ||
					  strncmp(series[i], c->name, c->name_size) != 0))
		i++;
	return plot_colour(i);
}

static void number(struct out *o, double v)
{
	if (isfinite(v))
		out_fmt(o, " %.9g", fmax(v, FLOOR));
	else
		out_str(o, " NaN");
}

static void data(struct out *o, const struct pressure *p, size_t curve)
{
	const struct pressure_curve *c = &p->curve[curve];

	out_fmt(o, "$p%zu << EOD\n", curve);
	for (size_t i = c->first; i < c->first + c->count; i++) {
		const struct pressure_point *n = &p->point[i];

		out_fmt(o, "%.9g", n->ratio);
		number(o, n->rate / c->best);
		number(o, c->best_off > 0 ? n->rate_off / c->best_off : (double)NAN);
		number(o, n->mappings);
		number(o, n->reclaims);
		out_str(o, "\n");
	}
	out_str(o, "EOD\n");
}

static bool any_number(const struct pressure *p, const struct pressure_curve *c, size_t at)
{
	for (size_t i = c->first; i < c->first + c->count; i++) {
		double number;

		memcpy(&number, (const char *)&p->point[i] + at, sizeof(number));
		if (isfinite(number))
			return true;
	}
	return false;
}

/* Lines and dots: gnuplot draws markers by reference to ids, which a page of many plots cannot have. */
static void line(struct out *o, const struct pressure *p, size_t curve, int column,
		 const char *title)
{
	const struct pressure_curve *c = &p->curve[curve];
	const char *colour = pressure_colour(c);

	out_fmt(o, "$p%zu using 1:%d with lines lw %s lc rgb '%s' ", curve, column,
		column == 3 ? "1.4 dt (4,4)" : "2", colour);
	if (title) {
		CLEANUP(freep) char *text = NULL;

		if (asprintf(&text, "%.*s%s", (int)c->name_size, c->name, title) < 0) {
			text = NULL;
			o->error = -ENOMEM;
			return;
		}
		out_str(o, "title ");
		gnuplot_quoted(o, text);
	} else {
		out_str(o, "notitle");
	}
	out_fmt(o, ", $p%zu using 1:%d with circles fs solid noborder lc rgb '%s' notitle", curve,
		column, colour);
}

static void knees(struct out *o, const struct pressure *p, const struct pressure_figure *f)
{
	double shift = 1;

	for (size_t i = f->first; i < f->first + f->count; i++) {
		const struct pressure_curve *c = &p->curve[i];

		if (c->knee != KNEE_FOUND)
			continue;
		out_fmt(o,
			"set arrow from first %.6g, graph 0 to first %.6g, graph 1 nohead lw 1.6 "
			"dt (2,2) lc rgb '%s'\n",
			p->point[c->knee_at].ratio * shift, p->point[c->knee_at].ratio * shift,
			pressure_colour(c));
		shift += KNEE_STEP;
	}
}

struct panel {
	const char *title;
	int column;
	int column_off;	    /* 0: only with DAX */
	const char *high;   /* end of the axis */
	size_t at;	    /* of a number that tells whether there is anything */
	double bottom, top; /* in parts of the picture */
};

static const struct panel panels[] = {
	{ "throughput by best", 2, 3, "2", offsetof(struct pressure_point, rate), 0.54, 1 },
	{ "mappings per MiB", 4, 0, "1000", offsetof(struct pressure_point, mappings), 0.30, 0.55 },
	{ "reclaims per MiB", 5, 0, "1000", offsetof(struct pressure_point, reclaims), 0, 0.31 },
};

static void draw_panel(struct out *o, const struct pressure *p, const struct pressure_figure *f,
		       const struct panel *panel)
{
	CLEANUP(out_free) struct out plot = { 0 };
	bool first = panel == panels;

	for (size_t i = f->first; i < f->first + f->count; i++) {
		const struct pressure_curve *c = &p->curve[i];

		if (!any_number(p, c, panel->at))
			continue;
		out_str(&plot, plot.text.size ? ", " : "plot ");
		line(&plot, p, i, panel->column, first ? "" : NULL);
		if (panel->column_off && c->best_off > 0) {
			out_str(&plot, ", ");
			line(&plot, p, i, panel->column_off, ", dax=never");
		}
	}
	if (plot.error < 0)
		o->error = plot.error;
	if (plot.text.size == 0)
		return;
	out_fmt(o, "set ylabel '%s'\nset yrange [%g:%s]\nset origin 0,%.3f\nset size 1,%.3f\n",
		panel->title, FLOOR, panel->high, panel->bottom, panel->top - panel->bottom);
	if (first)
		out_fmt(o,
			"set arrow 99 from graph 0, first 0.5 to graph 1, first 0.5 nohead lw 1 "
			"lc rgb '%s'\n",
			grey);
	else
		out_str(o, "unset arrow 99\nunset key\n");
	if (panel == &panels[ARRAY_SIZE(panels) - 1])
		out_str(o, "set xlabel 'working set by window'\n");
	out_bytes(o, buf_text(&plot.text), plot.text.size);
	out_str(o, "\n");
}

static void draw(struct out *o, const struct pressure *p, const struct pressure_figure *f)
{
	double low = INFINITY;
	double high = 0;

	for (size_t i = f->first; i < f->first + f->count; i++)
		data(o, p, i);
	for (size_t i = 0; i < f->count; i++) {
		const struct pressure_curve *c = &p->curve[f->first + i];

		low = fmin(low, p->point[c->first].ratio);
		high = fmax(high, p->point[c->first + c->count - 1].ratio);
	}
	gnuplot_begin(o, f);
	out_fmt(o,
		"set terminal svg size %d,%d fixed noenhanced font 'sans-serif,12'\n"
		"set multiplot\nunset arrow\nunset xlabel\nset xrange [%.6g:%.6g]\n"
		"set key tmargin left horizontal Left reverse samplen 2\n",
		WIDTH, HEIGHT, low / SIDE, high * SIDE);
	knees(o, p, f);
	for (size_t i = 0; i < ARRAY_SIZE(panels); i++)
		draw_panel(o, p, f, &panels[i]);
	out_str(o, "unset multiplot");
	gnuplot_end(o);
}

static const char preamble[] =
	"unset label\nset yzeroaxis\nunset yzeroaxis\nset logscale x 2\nset logscale y 10\n"
	"set lmargin 12\nset style circle radius graph 0.006\n"
	"set xtics scale 0 ('1/32' 0.03125, '1/16' 0.0625, '1/8' 0.125, '1/4' 0.25, '1/2' 0.5, '1' 1, "
	"'2' 2, '4' 4, '8' 8)\n"
	"set ytics scale 0 ('0' 0.0001, '0.001' 0.001, '0.01' 0.01, '0.1' 0.1, '1' 1, '10' 10, '100' 100, '1000' "
	"1000)\n"
	"set grid ytics xtics lt 1 lw 0.6 lc rgb '#8a8f98' dt (2,4)\n";

int pressure_script(const struct pressure *p, struct out *script)
{
	if (p->figure_count > 0)
		out_str(script, preamble);
	for (size_t i = 0; i < p->figure_count; i++)
		draw(script, p, &p->figure[i]);
	return script->error;
}

int pressure_take(struct pressure *p, const struct proc_output *out, const char *why)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < p->figure_count; i++)
		e = gnuplot_take(out, &p->figure[i], why, &p->figure[i].svg,
				 &p->figure[i].svg_error);
	return e;
}
