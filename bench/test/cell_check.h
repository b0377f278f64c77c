/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_CELL_CHECK_H
#define VQ_TEST_CELL_CHECK_H

#include "problems.h"

#include "run/plan.h"

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>

/*
 * What a cell of the plan `test` must have left on disk; for real_run. Nothing in here asserts.
 */
struct plan_left {
	char out[PATH_MAX]; /* folder of the run */
	struct plan plan;
};

/** plan_left_says() - is this text in a file of the run? The name is relative to its folder. */
bool plan_left_says(const struct plan_left *left, const char *relative, const char *word);

/**
 * cell_check_must_be_na() - a mode that the stack does not have, DAX without a window, a mapping that
 * the mode refuses, a root that is absent.
 */
bool cell_check_must_be_na(const struct cell *c);

/** cell_check_number() - a number in a document; -1 when there is none. */
double cell_check_number(json_t *root, const char *path);

/* One check of one cell; what is wrong is added to @p. */
typedef void cell_check(const struct plan_left *left, const struct cell *c, json_t *cell,
			struct problems *p);

cell_check cell_check_status;  /* ok or n/a, and as many passes as that takes */
cell_check cell_check_na;      /* the reason is in words of this very pass */
cell_check cell_check_metrics; /* each sample is what its source holds */
cell_check cell_check_states;  /* the state before each phase was reached */
cell_check cell_check_cached;  /* the guest caches what the mode says */
cell_check cell_check_told;    /* the daemon was told the mode */

#endif
