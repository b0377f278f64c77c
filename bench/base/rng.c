// SPDX-License-Identifier: Apache-2.0
#include "base/rng.h"

#include <assert.h>
#include <string.h>

/* Constants of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014). */
uint64_t rng_next(struct rng *r)
{
	uint64_t z;

	r->state += UINT64_C(0x9e3779b97f4a7c15);
	z = r->state;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
	uint64_t limit;
	uint64_t v;

	assert(n > 0);
	limit = UINT64_MAX - UINT64_MAX % n;
	do
		v = rng_next(r);
	while (v >= limit);
	return v % n;
}

void rng_shuffle(struct rng *r, size_t *index, size_t count)
{
	for (size_t i = count; i > 1; i--) {
		size_t j = (size_t)rng_below(r, i);
		size_t tmp = index[i - 1];

		index[i - 1] = index[j];
		index[j] = tmp;
	}
}

void rng_fill(struct rng *r, void *data, size_t size)
{
	unsigned char *p = data;

	while (size > 0) {
		uint64_t v = rng_next(r);
		size_t n = size < sizeof(v) ? size : sizeof(v);

		memcpy(p, &v, n);
		p += n;
		size -= n;
	}
}
