/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RECORD_SAMPLES_H
#define VQ_RECORD_SAMPLES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * What a sampler wrote (format: guest-image/agent/guest_watch.c), read with care: a guest may send
 * anything. A line that is not what it should be is counted and left out; the rest is used.
 */

/** Bytes of one sampler's output that are written, and read. 80 values are some 700 bytes. */
#define RECORD_OUTPUT_MAX (16 * MIB)
/** Longest value: a 64-bit number, or a decimal fraction. */
#define RECORD_VALUE_SIZE 24

struct record_sample {
	uint64_t t_ns;			  /* the sampler's CLOCK_MONOTONIC */
	char (*value)[RECORD_VALUE_SIZE]; /* one per key; "" when there was none */
};

struct record_samples {
	struct record_sample *item;
	size_t count;
	size_t room;
	size_t keys;
	size_t bad_lines;
	char complaint[256]; /* about the first bad line */
	uint64_t late;	     /* as the sampler counted them */
	uint64_t skipped;
	uint64_t cpu_ns; /* that the sampler used */
	char reason[16]; /* why it ended: "signal", "limit"; "" when its last line is missing */
};

/** samples_parse() - @keys: number of values a line must have. 0 or -ENOMEM. */
int samples_parse(const char *text, size_t size, size_t keys, struct record_samples *ret,
		  struct err *reterr) MUST_USE;

/** samples_longest_gap_ns() - between two neighbours; 0 with fewer than two. @ret_over: number of
 * gaps longer than @limit_ns. */
uint64_t samples_longest_gap_ns(const struct record_samples *s, uint64_t limit_ns,
				size_t *ret_over);

void samples_free(struct record_samples *s);

#endif
