/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_CHECKS_H
#define VQ_RUN_CHECKS_H

#include "run/pass.h"

#include <jansson.h>

/*
 * The guest suite on one cell: a share is served and mounted as for a pass, vq-check (conformance/guest) runs its checks
 * on the mount, and this side does what they ask for on the host. A guest that a check has brought down is replaced, and
 * the rest goes on. On a stack without a guest the program does both parts: the control of the checks themselves.
 */

/* Stands where a cell names its workload: nothing is laid out, and nothing is timed. */
extern const struct workload checks_workload;

/** checks_fit() - can the suite be run on that stack? */
bool checks_fit(const struct stack *s);

struct checks_result {
	enum pass_status status; /* PASS_OK: @results can be judged */
	char reason[2048];	 /* else, or what went wrong behind the last check */
	json_t *results;	 /* owned: what virtiofs-conform judges; results/README.md */
};

/**
 * checks_run() - all checks, or those whose id matches @only, which is globs parted by ",".
 * @versions: {id: first line} of daemons and VMMs.
 * @dir:      an existing folder for logs.
 * Return: 0; -errno when the harness itself is broken.
 */
int checks_run(struct pass_context *ctx, const struct cell *c, const char *only, json_t *versions,
	       const char *dir, struct checks_result *ret, struct err *reterr) MUST_USE;
void checks_result_free(struct checks_result *r);

/** checks_list() - what `vq-check list` of the program at @path says: an array, in order. */
int checks_list(const char *path, json_t **ret, struct err *reterr) MUST_USE;

/** checks_expect() - the oracle for a cell: "B01=I B02=T ...", in @ret. */
void checks_expect(const struct cell *c, char *ret, size_t size);

#endif
