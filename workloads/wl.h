/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_WORKLOADS_WL_H
#define VQ_WORKLOADS_WL_H

/* What our static workload programs share. They stand alone: no library, no other header of ours. */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/** wl_now_ns() - CLOCK_MONOTONIC in nanoseconds. */
static inline uint64_t wl_now_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) < 0)
		abort();
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/** wl_die() - "program: what: strerror" on stderr, exit status 1. */
static inline void __attribute__((noreturn)) wl_die(const char *program, const char *what)
{
	(void)fprintf(stderr, "%s: %s: %s\n", program, what, strerror(errno));
	exit(1);
}

/** wl_number() - a decimal argument in [min, max], or exit with status 2. */
static inline unsigned long wl_number(const char *program, const char *text, unsigned long min,
				      unsigned long max)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || end == text || *end || v < min || v > max) {
		(void)fprintf(stderr, "%s: '%s' is not a number from %lu to %lu\n", program, text,
			      min, max);
		exit(2);
	}
	return v;
}

#endif
