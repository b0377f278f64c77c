/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RECORD_FEED_H
#define VQ_RECORD_FEED_H

#include "base/proc.h"

/*
 * A feed is a small child process that writes counters which somebody keeps in shared memory, in
 * the form of "vq-guest watch" (samples.h), at the same fixed times.
 */

/** record_read - the present values, in a forked child of the one who started the feed: what it
 * reads must lie in files, or in memory that is shared (MAP_SHARED) and mapped before.
 * 0, where RECORD_NO_VALUE is none; or -errno: no values at all. */
typedef int record_read(void *arg, uint64_t *ret_values, size_t count);

/* Larger than any value that can be recorded (samples.h). */
#define RECORD_NO_VALUE UINT64_MAX

struct feed {
	const char *path; /* file to write (truncated) */
	record_read *read;
	void *arg;
	size_t count;
	unsigned interval_ms;
};

int feed_start(const struct feed *f, struct proc *ret, struct err *reterr) MUST_USE;

/** feed_stop() - SIGTERM: it takes one more sample, and ends. */
void feed_stop(struct proc *p);

#endif
