/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_DAX_H
#define VQ_REPORT_DAX_H

#include "report/model.h"

/*
 * What DAX changed: cells that map the window (dax=always, dax=inode) beside the cell that differs in
 * nothing but the mount, which does not (dax=never). What a working set beyond the window costs is in pressure.h.
 */

/* One cell that maps, with what it is compared to. */
struct dax_line {
	const struct cell *on;
	const struct cell *off;	    /* NULL: the run has none */
	const struct cell *refused; /* its partner, were tails of files served alike; or NULL */
};

struct dax {
	struct dax_line *line; /* owned */
	size_t line_count;
};

/** dax_build() - @ret is zero-initialised and belongs to the caller in any case. */
int dax_build(const struct run *r, struct dax *ret) MUST_USE;
void dax_free(struct dax *d);

/** dax_maps() - an ok cell of a device with a window, mounted so that it is used. */
bool dax_maps(const struct cell *c);

/** dax_line_of() - a cell that maps and its partner. O(cells). */
struct dax_line dax_line_of(const struct run *r, const struct cell *on);

/** dax_tails_differ() - is it known that two cells serve the last pages of files in two ways? Such are not compared. */
bool dax_tails_differ(const struct cell *a, const struct cell *b);

/** dax_any() - does any cell of the run map a window? */
bool dax_any(const struct run *r);

/**
 * dax_data_requests() - READ, WRITE, SETUPMAPPING and REMOVEMAPPING of the warm phase, from the observed pass. False: not
 * counted.
 */
bool dax_data_requests(const struct cell *c, double *ret);

/* What warm passes over mappings have shown: how many cells of how many. */
struct dax_warm {
	size_t silent;	/* cells whose proof saw 0 requests and 0 kicks */
	size_t proved;	/* of these, which have counted both */
	size_t no_data; /* cells whose warm phase asked for no data and no mapping */
	size_t counted; /* of these, which have counted operations */
};

struct dax_warm dax_warm_of(const struct dax *d);

/* The two in words, the same in each kind of report: silent, proved; no_data, counted. */
#define DAX_WARM_PROOF                                                                            \
	"A warm pass over a mapping: 0 requests and 0 kicks in %zu of %zu cells, counted by the " \
	"device while the guest read every page of the proof's file again."
#define DAX_WARM_PHASES                                                                              \
	"In the warm phases of the workloads, which open and close their files, %zu of %zu cells "   \
	"asked for no data and no mapping (READ, WRITE, SETUPMAPPING, REMOVEMAPPING); what is left " \
	"are requests on names, OPEN, FLUSH, RELEASE and FSYNC, and their kicks."

/** dax_saved() - guest page cache that @l does not use: bytes, less what the window itself takes. */
bool dax_saved(const struct dax_line *l, double *ret_cached, double *ret_net);

/* Why counts of requests may differ by one or two with nothing changed; part of the caption. */
#define DAX_COUNTS_NOTE \
	"With cache=auto names and attributes are valid for a second: a slower phase asks for them again."

/* A guest's kernel keeps a struct page (64 bytes) for each page (4 KiB) of a window. */
#define DAX_MEMMAP_PART (1.0 / 64)

/* What the device counted over the workload. */
#define DAX_SETUPS   "dax.workload.setups"
#define DAX_REMOVALS "dax.workload.removals"

#endif
