/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CHECK_RUN_H
#define VQ_CHECK_RUN_H

#include "conformance/guest/check.h"

struct run_totals {
	unsigned of[CHECK_BROKEN + 1]; /* by verdict */
	bool stuck;
};

/** run_start() - what all checks share. 0 or -errno. */
int run_start(const struct check_env *env);
/** run_one() - check number @index of the suite, in a process of its own; tells of it. 0; -errno when nobody listens. */
int run_one(const struct check_env *env, const struct check *c, unsigned index,
	    struct run_totals *t);

#endif
