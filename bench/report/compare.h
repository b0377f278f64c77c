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

/* What the overview shows of a grid: positions in grid.figure. */
struct glance_pick {
	size_t base; /* first virtio-fs row, its base mode */
	size_t best;
	size_t worst;
};

/** glance_choose() - false when no virtio-fs cell without DAX has a value. */
bool glance_choose(const struct table *t, const struct grid *g, struct glance_pick *ret);

#endif
