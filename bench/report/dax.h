/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_DAX_H
#define VQ_REPORT_DAX_H

#include "report/model.h"

/*
 * What DAX changed: cells that map the window (dax=always, dax=inode) beside the cell that differs in
 * nothing but the mount, which does not (dax=never); and what a working set costs as it outgrows a window.
 */

/* One cell that maps, with what it is compared to. */
struct dax_line {
	const struct cell *on;
	const struct cell *off; /* NULL: the run has none */
};

/* One working set of a window-pressure workload. */
struct dax_point {
	double working_set; /* bytes */
	const struct cell *on;
	const struct cell *off; /* NULL: none */
	bool has_mappings;
	double mappings_per_mib; /* setups by MiB touched */
};

/* A curve: one stack and mode, one window, one order and direction; points by working set. */
struct dax_curve {
	const char *name; /* "seq-read": its first name_size bytes */
	size_t name_size;
	size_t first;
	size_t count;
	bool has_knee;
	double knee; /* largest working set by window that still has half of the best throughput */
};

struct dax {
	struct dax_line *line; /* owned */
	size_t line_count;
	struct dax_point *point; /* owned */
	size_t point_count;
	struct dax_curve *curve; /* owned */
	size_t curve_count;
};

/** dax_build() - @ret is zero-initialised and belongs to the caller in any case. */
int dax_build(const struct run *r, struct dax *ret) MUST_USE;
void dax_free(struct dax *d);

/** dax_any() - does any cell of the run map a window? */
bool dax_any(const struct run *r);

/** dax_saved() - guest page cache that @l does not use: bytes, less what the window itself takes. */
bool dax_saved(const struct dax_line *l, double *ret_cached, double *ret_net);

/* A guest's kernel keeps a struct page (64 bytes) for each page (4 KiB) of a window. */
#define DAX_MEMMAP_PART (1.0 / 64)

/* What the throughput of a window-pressure workload is called, and its bytes. */
#define DAX_PRESSURE_RATE    "warm.window_bw"
#define DAX_PRESSURE_TOUCHED "warm.touched"

#endif
