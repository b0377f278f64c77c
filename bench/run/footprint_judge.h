/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_FOOTPRINT_JUDGE_H
#define VQ_RUN_FOOTPRINT_JUDGE_H

#include "metric/footprint.h"

#include <stdbool.h>

/* What may stay unexplained of the host's own change. */
#define FOOTPRINT_TOLERANCE 0.05

/* One attempt in figures. */
struct footprint_outcome {
	unsigned guests;
	double guest_cached; /* the caller's: Cached of the guests */
	int64_t terms[FOOTPRINT_TERM_COUNT];
	int64_t total;
	int64_t host_change;
	int64_t unexplained;
	bool explained; /* |unexplained| is within the tolerance */
	/* What the host did beside: not part of the sum, but a hint at what came between. */
	struct {
		int64_t anon;	/* anonymous memory of other processes */
		int64_t cached; /* page cache of other files */
		int64_t shmem;	/* shared memory that is no guest's RAM */
	} beside;
};

/** footprint_judge() - fill all but guest_cached. */
void footprint_judge(const struct footprint_sample *before, const struct footprint_sample *after,
		     unsigned guests, struct footprint_outcome *o);

/** footprint_outcome_json() - the object whose fields are the cell's metrics. New reference. */
json_t *footprint_outcome_json(const struct footprint_outcome *o);

/** footprint_attempt_json() - with all that was read. New reference. */
json_t *footprint_attempt_json(const struct footprint_outcome *o,
			       const struct footprint_sample *before,
			       const struct footprint_sample *after);

/** footprint_describe() - the check in words, in @scratch. */
const char *footprint_describe(const struct footprint_outcome *o, char *scratch, size_t size);

#endif
