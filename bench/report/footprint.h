/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_FOOTPRINT_H
#define VQ_REPORT_FOOTPRINT_H

#include "report/model.h"

/*
 * Memory of one, two, three guests on one tree and on private trees: metrics footprint.* of the
 * workloads footprint-N and footprint-N-private.
 */

/* Disjoint terms, whose sum is footprint.total; then what is shown beside them. */
enum footprint_term {
	FOOT_GUEST_RAM,
	FOOT_SHARE_CACHE,
	FOOT_OTHER_FILES,
	FOOT_VMM_ANON,
	FOOT_DAEMON_ANON,
	FOOT_PAGE_TABLES,
	FOOT_SLAB,
	FOOT_TCG_BUFFER,
	FOOT_TOTAL,
	FOOT_HOST_CHANGE,
	FOOT_UNEXPLAINED,
	FOOT_GUEST_CACHED,
	FOOT_TERM_COUNT
};

struct footprint_info {
	const char *metric;
	const char *title;
};

extern const struct footprint_info footprint_infos[FOOT_TERM_COUNT];

/* One cell that has a total. */
struct footprint_line {
	const struct cell *cell;
	double guests;
	bool private_trees;
	const struct value *term[FOOT_TERM_COUNT]; /* NULL: not taken */
};

/* Lines of one stack and mode: shared trees by number of guests, then private ones. */
struct footprint_group {
	size_t first;
	size_t count;
	bool has_slope;
	double slope; /* bytes of each further guest on one tree */
	bool has_saving;
	double saving_guests;
	double saving;	    /* bytes that one tree saves against private ones, at the most guests */
	double saving_part; /* of what private trees take */
};

struct footprint {
	struct footprint_line *line; /* owned */
	size_t line_count;
	struct footprint_group *group; /* owned */
	size_t group_count;
};

/** footprint_build() - @ret is zero-initialised and belongs to the caller in any case. */
int footprint_build(const struct run *r, struct footprint *ret) MUST_USE;
void footprint_free(struct footprint *f);

/** footprint_is_term() - is a metric shown in this table? */
bool footprint_is_term(const char *metric);

/** footprint_slope() - least squares; false with fewer than two different @x. */
bool footprint_slope(const double *x, const double *y, size_t count, double *ret);

/** footprint_unexplained() - part of the host's change that the terms do not add up to. */
bool footprint_unexplained(const struct footprint_line *l, double *ret);

/* The sum of terms must come this close to the host's own change. */
#define FOOTPRINT_UNEXPLAINED_MAX 0.05

#endif
