/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_RECORD_H
#define VQ_RUNNER_RECORD_H

#include "conformance/check.h"
#include "conformance/program/program.h"
#include "conformance/runner/target.h"

/*
 * What a check sends, as a program (conformance/program): requests with their answers, and what the host did in the
 * share; and the check's name, because only the check knows what is wrong about it (an answer, or what the host finds
 * afterwards). A check that does what no step of a recording says (chains of its own, messages, two requests at once, a
 * second front end) has only the name. `replay` shows the steps and lets the check decide.
 */
struct record;

/** record_new() - for one check, in its process. NULL: out of memory. */
struct record *record_new(const struct check *c, const struct target *t, uint64_t seed) MUST_USE;
struct record *record_free(struct record *x);

/** record_watch() - from now on @o's front ends and the host's acts in @share are recorded. */
void record_watch(struct record *x, struct front_options *o, const char *share);
/** record_end() - the check is over; @f: its front end, or NULL. */
void record_end(struct record *x, const struct front *f);

/** record_write() - the file of what was recorded; @shows: for a person. 0; -errno with text. */
int record_write(struct record *x, const char *shows, const char *path, struct err *reterr)
	MUST_USE;

/** record_name_only() - the program that only names a check. NULL: out of memory. */
struct program *record_name_only(const char *check, uint64_t seed, const char *daemon,
				 const char *shows) MUST_USE;

#endif
