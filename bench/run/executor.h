/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_EXECUTOR_H
#define VQ_RUN_EXECUTOR_H

#include "opt/opt.h"
#include "run/plan.h"

/* One run of a plan. */
struct run_request {
	const char *home; /* project folder */
	const char *out;  /* NULL: a new folder in results/runs */
	struct plan *plan;
	struct opts *opts;
	const char *attach;	 /* mount to be measured, or NULL */
	const char *user_kernel; /* folder made by guest-image/kernel, or NULL */
};

struct run_outcome {
	char *dir; /* run folder; owned */
	bool interrupted;
	size_t ok, na, failed, pending;
};

/**
 * run_execute() - run all passes, isolated; results are on disk when it returns.
 * Return: 0 when it ran (look at the outcome); -EBUSY when another run goes on; -errno.
 */
int run_execute(const struct run_request *req, struct run_outcome *ret, struct err *reterr)
	MUST_USE;
void run_outcome_free(struct run_outcome *o);

#endif
