/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_PRESSURE_H
#define VQ_REPORT_PRESSURE_H

#include "base/proc.h"

#include "report/model.h"

/*
 * Window pressure: what a working set costs as it outgrows a DAX window, from the cells of the workloads
 * window-ORDER-OPERATION-SIZEm that map, each beside the one that does not.
 */

/* One working set. */
struct pressure_point {
	double working_set; /* bytes */
	double ratio;	    /* working set by window */
	const struct cell *on;
	const struct cell *off; /* NULL: none */
	double rate;		/* bytes per second */
	double rate_off;	/* NAN: none */
	double mappings;	/* setups by MiB touched; NAN: not counted */
	double reclaims;	/* removals by MiB touched; NAN: not counted */
};

enum knee {
	KNEE_FEW_POINTS, /* fewer than KNEE_POINTS: nothing is said */
	KNEE_NONE,	 /* throughput never falls below half of the best */
	KNEE_FOUND,
};

/* A line through fewer points has no bend. */
#define KNEE_POINTS 3

/* What every caption says; one place, so that it is what pressure_knee() does. */
#define KNEE_DEFINITION                                                                         \
	"Knee: the largest working set, going up from that of the best throughput, before the " \
	"throughput falls below half of the best"

/**
 * pressure_knee() - where a curve bends. @rate: in the order of the working sets. @ret_last: the point of the
 * knee; KNEE_FOUND only. The point behind it is the first below half of the best.
 */
enum knee pressure_knee(const double *rate, size_t count, size_t *ret_last);

/* One stack and mode, one window, one order and operation; points by working set. */
struct pressure_curve {
	const char *name; /* "seq-read": its first name_size bytes */
	size_t name_size;
	size_t first;
	size_t count;
	double best;
	double best_off; /* 0: no cell without DAX */
	enum knee knee;
	size_t knee_at; /* index of a point; KNEE_FOUND only */
};

/* Curves that share all but order and operation: one picture. */
struct pressure_figure {
	size_t first;
	size_t count;
	char *svg;	 /* owned; NULL: see svg_error */
	char *svg_error; /* owned */
};

struct pressure {
	struct pressure_point *point; /* owned */
	size_t point_count;
	struct pressure_curve *curve; /* owned */
	size_t curve_count;
	struct pressure_figure *figure; /* owned */
	size_t figure_count;
};

/** pressure_build() - @ret is zero-initialised and belongs to the caller in any case. 0 or -ENOMEM. */
int pressure_build(const struct run *r, struct pressure *ret) MUST_USE;
void pressure_free(struct pressure *p);

/** pressure_knee_text() - the knee of a curve in words: "1 times the window (half lost at 2)". Returns @ret. */
#define KNEE_TEXT_SIZE 96
const char *pressure_knee_text(const struct pressure *p, const struct pressure_curve *c,
			       char ret[KNEE_TEXT_SIZE]);

/** pressure_script() - gnuplot commands of all figures. pressure_take() - their SVG, from what it wrote. */
int pressure_script(const struct pressure *p, struct out *script) MUST_USE;
int pressure_take(struct pressure *p, const struct proc_output *out, const char *why) MUST_USE;

/** pressure_colour() - "#rrggbb" of a curve, by its name. */
const char *pressure_colour(const struct pressure_curve *c);

/* What the throughput of such a workload is called, and its bytes. */
#define PRESSURE_RATE	 "warm.window_bw"
#define PRESSURE_TOUCHED "warm.touched"

#endif
