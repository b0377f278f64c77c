/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_RESUME_H
#define VQ_RUN_RESUME_H

#include "run/plan.h"
#include "run/store.h"

/*
 * Going on with a run: the same cells in the same order, on a machine that measures the same.
 */

/** resume_check_plan() - -EINVAL unless @p gives the cells and the order that run.json records. */
int resume_check_plan(json_t *run, const struct plan *p, struct err *reterr) MUST_USE;

/**
 * resume_differences() - in what a machine differs from the one that a run was begun on.
 * @was, @now: objects with host, accelerator, versions and image as in run.json.
 * Return: new reference, an array of texts "what: was X, is Y"; what was never recorded is no
 * difference. NULL when out of memory.
 */
json_t *resume_differences(json_t *was, json_t *now);

/** resume_refuse() - says the differences and what to do. Returns -ESTALE. */
int resume_refuse(json_t *differences, struct err *reterr);

/** resume_record() - add {at, passes_before, forced} to run.json's "resumptions". */
void resume_record(json_t *run, json_t *at, size_t passes_before, json_t *differences);

/** resume_merge_guests() - run.json's "guests": @take_now, and those of before that are not in it. */
void resume_merge_guests(json_t *run, json_t *take_now);

/** turn_of() - what the @round-th round (from 1) is: timed ones first, whoever stops early has those. */
struct turn turn_of(const struct plan *p, unsigned round);

/** resume_pending() - passes that are still to be done; those of n/a cells are not. */
size_t resume_pending(const struct store *s, const struct plan *p);

#endif
