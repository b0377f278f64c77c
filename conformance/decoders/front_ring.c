// SPDX-License-Identifier: Apache-2.0
/* The driver's side of a ring whose memory a device writes as it likes: used elements, flags, event fields. */
#include "conformance/decoders/fuzz.h"

#include "conformance/front/packed.h"
#include "conformance/front/ring.h"

#define STEPS 256

static struct front_evidence *evidence;
static struct front_memory *memory;
static struct front_ring ring[4]; /* split, packed; with EVENT_IDX as well */

static void prepare(void)
{
	static const struct front_memory_options o = { .regions = 2,
						       .region_bytes = { 64 * KIB, 256 * KIB } };
	struct err err;

	if (memory)
		return;
	evidence = front_evidence_new(16);
	if (!evidence || front_memory_new(&o, evidence, &memory, &err) < 0)
		abort();
	for (unsigned i = 0; i < ARRAY_SIZE(ring); i++)
		if (front_ring_open(&ring[i], i & 1 ? &front_packed_ops : &front_split_ops, i,
				    i & 1 ? 11 : 8, i & 2, memory, evidence) < 0)
			abort();
}

/* Up to three pieces, direct or in a table. */
static void add(struct front_ring *r, unsigned how)
{
	struct front_span spans[3];
	unsigned count = 1 + how % 3;

	for (unsigned i = 0; i < count; i++)
		spans[i] = (struct front_span){ 4096 * i, 64,
						i + 1 == count ? VRING_DESC_F_WRITE : 0 };
	(void)!front_ring_add(r, spans, how & 4 ? 0 : count, spans, how & 4 ? count : 0, r, NULL);
}

static void step(struct front_ring *r, struct fuzz_in *in)
{
	unsigned what = (unsigned)fuzz_number(in, 1);
	struct front_buf *area = r->part[what >> 4 & 1 ? 2 : 0];
	struct front_used used;
	size_t at;

	switch (what % 8) {
	case 0: add(r, what >> 4); break;
	case 1: (void)front_ring_kick(r); break;
	case 2:
	case 3:
		at = (size_t)(fuzz_number(in, 1) % area->size);
		(void)fuzz_copy(in, area->at + at,
				(1 + (what >> 5)) < area->size - at ? 1 + (what >> 5)
								    : area->size - at);
		break;
	case 4: (void)front_ring_arm(r); break;
	case 5: front_ring_quiet(r); break;
	default:
		if (front_ring_pop(r, &used) == 1 && used.cookie != r)
			abort();
		break;
	}
}

int fuzz_target(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct front_ring *r;
	unsigned which = (unsigned)fuzz_number(&in, 1);

	prepare();
	r = &ring[which % ARRAY_SIZE(ring)];
	r->light = which & 4;
	front_evidence_clear(evidence);
	front_ring_reset(r, which & 1 ? UINT32_C(0x80008000) : (which & 8 ? 0xfffe : 0));
	for (unsigned i = 0; i < STEPS && in.left > 0; i++)
		step(r, &in);
	for (unsigned i = 0; i < r->size; i++)
		if (r->chain[i].busy)
			front_ring_forget(r, (uint16_t)i);
	return 0;
}
