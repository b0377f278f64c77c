/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_POOL_H
#define VQ_RUNNER_POOL_H

#include "conformance/runner/result.h"
#include "conformance/runner/target.h"

#define POOL_JOBS_MAX 64

/* Checks in the order in which they run; several may be the same. */
struct pool_work {
	const struct target *target;
	const struct target *const *targets; /* one for each check instead; NULL: @target for all */
	const struct check *const *checks;
	size_t count;
	unsigned jobs;
	const char *dir; /* private; folders of checks are made in it */
	uint64_t seed;
	unsigned timeout_ms;  /* of each answer of the daemon */
	const char *programs; /* folder for those of failed checks; NULL: none */
	/* Called in the order of @checks, for each once; @index counts from 0. */
	void (*done)(void *context, size_t index, const struct check_result *r);
	void *context;
};

/**
 * pool_run() - each check in a process of its own, @jobs at once, each with a deadline; what a check leaves
 * running is killed. @ret: @count results.
 * Return: 0; -errno with text when a process could not be made.
 */
int pool_run(const struct pool_work *w, struct check_result *ret, struct err *reterr) MUST_USE;

#endif
