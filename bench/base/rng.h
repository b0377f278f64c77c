/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_BASE_RNG_H
#define VQ_BASE_RNG_H

#include "base/cleanup.h"

#include <stddef.h>

/* A seeded generator (SplitMix64): the same seed gives the same order on every machine. */
struct rng {
	uint64_t state;
};

uint64_t rng_next(struct rng *r);
/** rng_below() - a value in [0, n); n > 0. Unbiased by rejection. */
uint64_t rng_below(struct rng *r, uint64_t n);
/** rng_shuffle() - Fisher-Yates on an index list. */
void rng_shuffle(struct rng *r, size_t *index, size_t count);
/** rng_fill() - incompressible bytes. */
void rng_fill(struct rng *r, void *data, size_t size);

#endif
