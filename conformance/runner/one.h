/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_ONE_H
#define VQ_RUNNER_ONE_H

#include "conformance/runner/result.h"
#include "conformance/runner/target.h"

struct one_options {
	const char *dir;
	uint64_t seed;
	unsigned timeout_ms;  /* of each answer of the daemon, where the check does not say */
	const char *programs; /* folder for the programs of failed checks (record.h); NULL: none */
};

/**
 * one_check() - one check against a daemon of its own, in this process; for the child of the runner.
 * @o->dir: a folder to be made and removed. @ret: zero before; its fields are set as they become known.
 */
void one_check(const struct target *t, const struct check *c, const struct one_options *o,
	       struct check_result *ret);

#endif
