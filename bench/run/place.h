/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_PLACE_H
#define VQ_RUN_PLACE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"

#include <jansson.h>
#include <stdbool.h>

struct agent;

/*
 * Where a workload runs: in a guest, through its agent, or on the host itself. A pass is the same
 * sequence of steps in both.
 */
struct place {
	struct agent *agent;	 /* NULL: the host */
	const char *dir;	 /* the share as seen there */
	const char *tmp;	 /* folder for job files and output */
	const char *program_dir; /* our static programs */
	unsigned step_ms;	 /* bound of a step around the phases */
};

struct place_result {
	bool ok;	/* exited 0 */
	bool lost;	/* the place itself is gone or does not answer */
	char fate[128]; /* in words */
	struct buf out;
	struct buf err;
	uint64_t run_ns;
};

/** place_run() - run a command there. 0 when it has a fate, good or bad; -errno when the place failed. */
int place_run(const struct place *p, const struct strv *argv, const struct strv *env,
	      unsigned deadline_ms, struct place_result *ret, struct err *reterr) MUST_USE;
void place_result_free(struct place_result *r);

/** place_put() - copy a file of the host there. place_get() - read a file from there. */
int place_put(const struct place *p, const char *host_path, const char *path, struct err *reterr)
	MUST_USE;
int place_get(const struct place *p, const char *path, struct buf *ret, struct err *reterr)
	MUST_USE;

/** place_cached() - bytes of "Cached" in /proc/meminfo there. */
int place_cached(const struct place *p, double *ret, struct err *reterr) MUST_USE;

/** place_read() - read a file, or all files below a folder, as a reader there would. */
int place_read(const struct place *p, const char *path, struct err *reterr) MUST_USE;

/** place_try() - ask with one call whether something is refused there: `vq-guest try`. New reference. */
int place_try(const struct place *p, const char *what, const char *path, json_t **ret,
	      struct err *reterr) MUST_USE;

#endif
