/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_SUITES_H
#define VQ_RUN_SUITES_H

#include "run/pass.h"

/* What a run consists of besides its cells: suites of checks, run by programs of their own. */

/** suites_parse() - "bench", "device", "guest", or several parted by ','; 0: no such word, or none at all. */
unsigned suites_parse(const char *words);
/** suites_json() - an array of the words. New reference. */
json_t *suites_json(unsigned suites);

/**
 * suites_daemons() - those of the plan's stacks that the device suite can check: virtio-fs with a daemon of its
 * own. A plan without cells stands for all of the stack table.
 * @glob: only those whose id matches; NULL: all.
 * Return: 0 or -ENOMEM; @ret is owned.
 */
int suites_daemons(const struct plan *p, const char *glob, const struct stack ***ret,
		   size_t *ret_count) MUST_USE;

/** suites_describe() - the "suites" and "conformance" of a run.json that is about to begin. */
int suites_describe(json_t *run, const struct plan *p) MUST_USE;
/** suites_same() - is it the "conformance" of that plan? */
bool suites_same(json_t *run, const struct plan *p);
/** suites_resume() - what is not on disk, or is to be tried again, is pending. How many are. */
size_t suites_resume(struct store *s, bool retry_failed);

struct suites_request {
	const char *home;
	const struct plan *plan;
	struct pass_context *context; /* of the guest suite */
	const char *only;	      /* glob of its checks; NULL: all */
	json_t *const *broken; /* programs that cannot be used, and why, as probe_versions() says */
};

/**
 * suites_run() - all that is pending, each into conformance/STACK of the run folder, or conformance/CELL. What goes
 * wrong with one is its result; run.json is saved after each.
 * Return: 0; -errno when results cannot be written.
 */
int suites_run(struct store *s, const struct suites_request *q, struct err *reterr) MUST_USE;

/* How daemons and cells fared. */
struct suites_outcome {
	size_t passed, failed, broken, na, pending;
};
void suites_count(json_t *run, struct suites_outcome *ret);

#endif
