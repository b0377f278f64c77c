/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_ESTIMATE_H
#define VQ_RUN_ESTIMATE_H

#include "run/plan.h"

/*
 * What a plan will take and what of it will be n/a, before anything runs. Times come from a table
 * that was measured under TCG on two cores; with KVM a run is faster. That a cell will be n/a is a
 * prediction from the tables only: the run asks, and what it is answered is the result.
 */
/* The device suite for one daemon: measured on two cores. */
#define ESTIMATE_DEVICE_S 25
/* The guest suite on one cell, under TCG, beside the start of its guest. */
#define ESTIMATE_GUEST_SUITE_S 45

struct estimate_stack {
	const struct stack *stack;
	size_t cells;
	size_t na;
	double seconds;
};

struct estimate {
	double seconds; /* of all */
	size_t guests;	/* kinds of guest that are booted */
	double guests_s;
	size_t na;
	struct estimate_stack *stack; /* those of the plan, in its order */
	size_t stack_count;
};

/** estimate_plan() - 0 or -ENOMEM. */
int estimate_plan(const struct plan *p, struct estimate *ret) MUST_USE;
void estimate_free(struct estimate *e);

/** estimate_na() - why a cell is expected to be n/a; NULL when it is not. In @scratch. */
const char *estimate_na(const struct cell *c, char *scratch, size_t size);

#endif
