/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_PLOT_H
#define VQ_REPORT_PLOT_H

#include "report/table.h"

/**
 * plot_all() - draw every grid that has values, with one gnuplot process.
 * Each grid gets `svg` (markup fit to be inlined: no ids, no titles, colours that follow the
 * page) or `svg_error` (the cause). Return: 0 even without gnuplot; -ENOMEM.
 */
int plot_all(struct tables *t) MUST_USE;

/** plot_colour() - "#rrggbb" of a mode by its index in tables.mode. */
const char *plot_colour(size_t mode_index);

/** plot_density() - how much of that colour fills the bar: modes beyond the palette are paler. */
double plot_density(size_t mode_index);

/** plot_skips_row() - is a row left out of the plot of a metric of this kind? */
bool plot_skips_row(const struct run *run, const struct row *row, enum metric_kind kind);

#endif
