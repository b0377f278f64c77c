/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_SEEN_H
#define VQ_RUNNER_SEEN_H

#include "conformance/runner/suite.h"

/*
 * What was seen by somebody else: checks that are rows of another program (vq-check), and what came of them, as
 * `virtiofs-qual run` keeps it. Judged, counted and written here as the checks of our own tables are.
 */
struct seen {
	struct suite suite;
	struct target target;
	struct check *checks; /* made of @root */
	json_t *root;
	json_t *areas;
};

/** seen_load() - -EBADMSG with what is wrong. @ret: seen_free(), on failure too. */
int seen_load(const char *path, const struct conform_options *o, struct seen *ret,
	      struct err *reterr) MUST_USE;
/** seen_list() - the checks of vq-check beside this program, without results. 0 again when they are there already. */
int seen_list(struct seen *s, struct err *reterr) MUST_USE;
void seen_free(struct seen *s);

#endif
