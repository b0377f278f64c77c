/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_EXECUTOR_H
#define VQ_RUN_EXECUTOR_H

#include "opt/opt.h"
#include "run/plan.h"
#include "run/suites.h"

/* One run of a plan. */
struct run_request {
	const char *home; /* project folder */
	const char *out;  /* NULL: a new folder in results/runs */
	struct plan *plan;
	struct opts *opts;
	const char *attach;	 /* mount to be measured, or NULL */
	const char *user_kernel; /* folder made by guest-image/kernel, or NULL */
	const char *resume;	 /* go on with the run in this folder; NULL: a new run */
	bool retry_failed;	 /* passes of it that failed are run again */
	bool force;		 /* also on a machine that is not the same any more */
};

struct run_outcome {
	char *dir; /* run folder; owned */
	bool interrupted;
	bool nothing_to_do; /* a run that was complete already */
	size_t ok, na, failed, pending;
	struct suites_outcome suites;
};

/**
 * run_execute() - run all passes, isolated; results are on disk when it returns.
 * The caller holds the lock of this machine.
 * Return: 0 when it ran (look at the outcome); -ENOENT, -EBADMSG or -EINVAL when what is to be
 * resumed is no run, damaged, or not of this plan; -errno.
 */
int run_execute(const struct run_request *req, struct run_outcome *ret, struct err *reterr)
	MUST_USE;
void run_outcome_free(struct run_outcome *o);

#endif
