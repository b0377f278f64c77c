/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FUZZ_FUZZ_H
#define VQ_FUZZ_FUZZ_H

#include "conformance/program/program.h"

/* Programs that nobody wrote, and how they become small. */

/**
 * fuzz_generate() - program @index of @seed: the same ones always, on every machine. NULL: out of memory.
 * Mild: what a guest may ask, with arguments that may be refused. @hostile: also what none may do.
 */
struct program *fuzz_generate(uint64_t seed, uint64_t index, bool hostile) MUST_USE;

struct fuzz_minimise {
	/* Does @p still show it? Negative: no more questions. */
	int (*shows)(void *context, const struct program *p);
	void *context;
	unsigned trials; /* at most */
};

/**
 * fuzz_minimise() - drop steps, then fields, then bytes and numbers, as long as it still shows.
 * @p: is changed. Return: how many trials it took.
 */
unsigned fuzz_minimise(struct program **p, const struct fuzz_minimise *how);

#endif
