/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_TRACE_H
#define VQ_RUNNER_TRACE_H

#include "conformance/check.h"
#include "conformance/spec/spec.h"

#include <jansson.h>
#include <stdio.h>

/*
 * Is everything that a standard says looked at? Each requirement that a client can check, each normative
 * statement and each published bug that a client can bring about has a check of the device suite or a waiver.
 */

#define TRACE_WAIVED_PERCENT 5 /* of the requirements that a client can check, at most */

struct trace {
	size_t rows, rows_checked, rows_waived, rows_untraced;
	size_t sentences, sentences_checked, sentences_waived, sentences_untraced;
	size_t bugs, bugs_checked, bugs_waived, bugs_untraced;
	size_t spare; /* waivers of what has a check */
	bool many;    /* more than TRACE_WAIVED_PERCENT are waived */
	json_t *json; /* owned */
};

/** trace_waived - why @means of a row are not checked; NULL: they must be. */
typedef const char *trace_waived(const char *id, enum spec_means means);

/** trace_make() - of these areas, the catalogue and its waivers, spec_waived(). 0 or -ENOMEM. */
int trace_make(const struct check_area *const *areas, size_t count, trace_waived *waived,
	       struct trace *ret) MUST_USE;
/** trace_is_good() - nothing is untraced, and not too much is waived. */
bool trace_is_good(const struct trace *t);
/** trace_print() - what is untraced, then the counts. @all: what is checked as well. */
void trace_print(const struct trace *t, bool all, FILE *out);
void trace_free(struct trace *t);

#endif
