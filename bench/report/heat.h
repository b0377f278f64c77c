/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_HEAT_H
#define VQ_REPORT_HEAT_H

#include "report/table.h"

/*
 * The heat map: one row per stack, variant, VMM, kernel and mode, one column per workload (its
 * first headline metric), and how many times better each is than a base.
 */

/* What a column's ratios are to. */
enum heat_base {
	HEAT_OWN,    /* the same row's first mode without DAX; without modes: as HEAT_COMMON */
	HEAT_COMMON, /* one row for all: `local`, or where that would compare two CPUs the first
		      * virtio-fs row in its first mode */
};

struct heat_row {
	const struct row *row; /* the first of the tables that has it */
	struct mode mode;      /* of no meaning for rows without modes */
};

/* One place; figure is NULL where the plan has no such cell. */
struct heat_slot {
	const struct figure *figure;
	const struct row *row;
};

struct heat {
	const struct tables *tables;
	struct heat_row *row; /* owned */
	size_t row_count;
	size_t column_count;	     /* one per table that has cells and a headline */
	const struct table **column; /* owned */
	struct heat_slot *slot;	     /* owned: rows x columns */
	struct heat_slot *common;    /* owned: base of HEAT_COMMON per column; figure NULL: none */
};

/** heat_build() - @ret is zero-initialised and belongs to the caller in any case. 0 or -ENOMEM. */
int heat_build(const struct tables *t, struct heat *ret) MUST_USE;
void heat_free(struct heat *h);

/** heat_grid() - what a column shows. */
const struct grid *heat_grid(const struct heat *h, size_t column);

/** heat_slot() - borrowed. */
const struct heat_slot *heat_at(const struct heat *h, size_t row, size_t column);

/**
 * heat_ratio() - how a place compares to its base. @ret_gain: times better than the base (a
 * metric whose lower values are better is turned round); of no meaning without a verdict.
 */
struct ratio heat_ratio(const struct heat *h, size_t row, size_t column, enum heat_base base,
			double *ret_gain);

/** heat_common_name() - what the base of HEAT_COMMON is, for captions; owned, NULL: no memory. */
char *heat_common_name(const struct heat *h) MUST_USE;

/** heat_same_group() - do two rows differ in their mode only? */
bool heat_same_group(const struct heat_row *a, const struct heat_row *b);

/* Colours: half steps of log2, from 1/8 to 8; what is beyond has the last colour. */
#define HEAT_STEPS 6

/** heat_step() - -HEAT_STEPS (worst) ... 0 (the base) ... HEAT_STEPS (best). */
int heat_step(double gain);

struct heat_colour {
	const char *back; /* "#rrggbb" */
	const char *text;
};

/** heat_colour() - of a step, on light or on dark pages. */
struct heat_colour heat_colour(int step, bool dark);

/** heat_style() - the style sheet of those colours: classes "h0" to "h12". */
void heat_style(struct out *o);

#endif
