/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_KERNELS_H
#define VQ_REPORT_KERNELS_H

#include "report/model.h"

/*
 * What differs between guest kernels: cells that map a DAX window and are equal in all but the kernel. A
 * time is always shown; counts, which should be equal, only where they are not.
 */

/* One figure of two cells, the kernel that is listed first before the other. */
struct kernel_line {
	const struct cell *a;
	const struct cell *b;
	const char *what;	/* the figure in words; NULL: `metric` says it */
	const char *metric;	/* NULL: the statuses differ, and there is no figure */
	const struct value *va; /* NULL where metric is, or DAX tails differ */
	const struct value *vb;
	bool refused; /* DAX tails differ: not compared */
	size_t order; /* as they were found: of one pair, the time first */
};

/* All pairs of two kernels in one line: how much faster the second one is. */
struct kernel_speed {
	const char *a;
	const char *b;
	size_t pairs; /* that have a time or a rate */
	double median;
	double low;
	double high;
};

struct kernels {
	struct kernel_line *line; /* owned */
	size_t count;
	struct kernel_speed *speed; /* owned */
	size_t speed_count;
	size_t pairs;	  /* of cells */
	size_t equal;	  /* counts that are the same and not listed */
	size_t different; /* counts that are listed */
};

/** kernels_build() - @ret is zero-initialised and belongs to the caller in any case. 0 or -ENOMEM. */
int kernels_build(const struct run *r, struct kernels *ret) MUST_USE;
void kernels_free(struct kernels *k);

/** kernel_line_is_time() - the headline of its workload; false: a count or a status, which should not differ. */
bool kernel_line_is_time(const struct kernel_line *l);

#endif
