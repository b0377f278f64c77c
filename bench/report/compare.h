/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_COMPARE_H
#define VQ_REPORT_COMPARE_H

#include "report/table.h"

/** compare_grid() - fill in the ratios of a grid, and @t's notes on differences. 0 or -ENOMEM. */
int compare_grid(const struct run *r, struct table *t, struct grid *g) MUST_USE;

/** compare_base_row() - the row that others are compared to in @column, or row_count. */
size_t compare_base_row(const struct table *t, const struct grid *g, size_t column);

/** compare_base_column() - the column that others are compared to in @row, or column_count. */
size_t compare_base_column(const struct table *t, const struct grid *g, size_t row);

/**
 * compare_table_base() - the one figure that rows without modes are compared to: that of the first
 * virtio-fs row (without one: of the first row with modes) in its base mode. NULL: no value.
 */
const struct figure *compare_table_base(const struct table *t, const struct grid *g,
					const struct row **ret_row);

/**
 * compare_pair() - the ratio of a figure to any other of its grid, or why there is none.
 * @base: NULL when there is no value to compare with.
 */
struct ratio compare_pair(const struct run *r, const struct row *row, const struct figure *f,
			  const struct row *base_row, const struct figure *base);

/* What the overview shows of a grid: positions in grid.figure. */
struct glance_pick {
	size_t base; /* first virtio-fs row, its base mode */
	size_t best;
	size_t worst;
};

/** glance_choose() - false when no cell with modes and without DAX has a value. */
bool glance_choose(const struct table *t, const struct grid *g, struct glance_pick *ret);

/** glance_nothing() - what to say when it is false: is there nothing at all, or only values with DAX? */
const char *glance_nothing(const struct table *t, const struct grid *g);

#endif
