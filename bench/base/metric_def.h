/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_BASE_METRIC_DEF_H
#define VQ_BASE_METRIC_DEF_H

#include <jansson.h>

/* How two values of a metric are compared. */
enum metric_better { BETTER_NONE, BETTER_HIGHER, BETTER_LOWER };

/* What a metric depends on: DESIGN "Fair measurement". */
enum metric_kind { KIND_TIME, KIND_COUNT, KIND_TIMED_COUNT, KIND_MEMORY };

/*
 * One number of a pass. Result names are "<phase>.<name>". `path` is the field of the phase's
 * raw JSON it is read from; NULL when the harness measures it itself.
 */
struct metric_def {
	const char *name;
	const char *title;
	const char *unit; /* B, B/s, 1/s, ns, s, 1 */
	enum metric_better better;
	enum metric_kind kind;
	const char *path;
	/*
	 * For a percentile: where its number of samples is read, and how many of them lie beyond
	 * it (1 in N). A percentile needs 100 samples beyond it, or it is left out.
	 */
	const char *samples_path;
	unsigned beyond_one_in;
	/*
	 * For a number that is no single field: computes it from the raw JSON of the phase. `path`
	 * then names the field that it mainly rests on. -ENODATA: there is none in this pass.
	 */
	int (*compute)(json_t *raw, double *ret);
};

static inline const char *metric_better_name(enum metric_better b)
{
	static const char *const names[] = { "none", "higher", "lower" };

	return names[b];
}

static inline const char *metric_kind_name(enum metric_kind k)
{
	static const char *const names[] = { "time", "count", "timed-count", "memory" };

	return names[k];
}

#endif
