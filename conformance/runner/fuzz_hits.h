/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_FUZZ_HITS_H
#define VQ_RUNNER_FUZZ_HITS_H

#include "conformance/runner/fuzz.h"

/* What a run of fuzz has come to: for fuzz.c, which finds it, and fuzz_output.c, which tells it. */

#define FUZZ_HITS_MAX 64
#define FUZZ_KEYS_MAX 512
#define FUZZ_REPEATS  5 /* runs of a program that became small */

/* One way to fall over. */
struct fuzz_hit {
	char what[64];
	char verb[PROGRAM_WORD];
	uint64_t index; /* of the first program */
	size_t times;
	unsigned repeated; /* of FUZZ_REPEATS */
	unsigned trials;   /* to make it small */
	struct program *program;
	char *path; /* written there; NULL: not */
	char said[300];
};

/* What large programs fell over by, and the hit that came of it: it is not made small again. */
struct fuzz_key {
	char text[128];
	size_t hit;
};

struct fuzz {
	const struct conform_options *o;
	const struct target *t;
	struct trial_options how;
	struct trial *trial;
	FILE *out;
	struct err *reterr;
	uint64_t programs, trials, steps;
	uint64_t not_tried;
	unsigned broken; /* in a row */
	char why[512];	 /* the last of them could not be tried */
	uint64_t start_ns;
	struct fuzz_hit hit[FUZZ_HITS_MAX];
	size_t hit_count;
	struct fuzz_key key[FUZZ_KEYS_MAX];
	size_t key_count;
};

void fuzz_tell_hit(const struct fuzz *f, const struct fuzz_hit *h);
void fuzz_print_json(const struct fuzz *f, double seconds);
void fuzz_print_summary(const struct fuzz *f, double seconds);

#endif
