// SPDX-License-Identifier: Apache-2.0
/* Rings that no driver may make, and memory that changes under the device's hands: it lives. */
#include "conformance/device/areas.h"
#include "conformance/device/rawchain.h"

#define W	  VRING_DESC_F_WRITE
#define N	  VRING_DESC_F_NEXT
#define RING_SIZE 128
#define GARBAGE	  20

static const struct raw_piece good[2] = { { RAW_AT_IN, RAW_IN, N, RAW_NEXT },
					  { RAW_AT_OUT, RAW_OUT, W, 0 } };

/* Whatever comes of a broken ring is allowed but the end of the device. */
static bool survived(struct check_run *r)
{
	uint32_t len;
	enum raw_fate fate;

	front_evidence_allow(r->f->evidence, FRONT_FAULT_USED_ID);
	front_evidence_allow(r->f->evidence, FRONT_FAULT_USED_INDEX);
	front_evidence_allow(r->f->evidence, FRONT_FAULT_USED_LEN);
	fate = raw_wait(r, 1, &len);
	/* The ring itself may be beyond help: what is left must work. */
	return raw_survived(r, fate == RAW_USED ? RAW_SILENT : fate);
}

static void head_beyond(struct check_run *r)
{
	static const uint16_t heads[] = { RING_SIZE, RING_SIZE + 1, 0x8000, UINT16_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		front_split_offer(&r->f->ring[1], heads[i]);
		front_ring_publish(&r->f->ring[1]);
		front_ring_kick_anyway(&r->f->ring[1]);
		WANT(survived(r));
	}
}

static void index_jumps(struct check_run *r)
{
	static const uint16_t steps[] = { RING_SIZE + 1, 0x8000, UINT16_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct front_ring *ring = &r->f->ring[1];

		front_split_set_index(ring, (uint16_t)(ring->avail_idx + steps[i]));
		front_ring_kick_anyway(ring);
		WANT(survived(r));
	}
}

/* The same head in two entries: one buffer cannot be used twice at a time. */
static void head_twice(struct check_run *r)
{
	struct front_ring *ring = &r->f->ring[1];
	struct raw m;
	int head;

	front_evidence_allow(r->f->evidence, FRONT_FAULT_USED_ID);
	WANT(raw_new(r, &m));
	head = raw_offer(r, 1, &m, good, 2);
	WANT_THAT(r, head >= 0, "a chain in the ring", "none");
	front_split_offer(ring, (uint16_t)head);
	front_split_offer(ring, (uint16_t)head);
	front_ring_publish(ring);
	front_ring_kick_anyway(ring);
	WANT(survived(r));
	WANT(raw_checked(r, &m, RAW_OUT));
}

/* Another head in front of the same reply buffers while the first is not back. */
static void head_in_flight(struct check_run *r)
{
	CLEANUP(held_end) struct held h = HELD_NONE;
	struct front_ring *ring = &r->f->ring[1];

	front_evidence_allow(r->f->evidence, FRONT_FAULT_USED_ID);
	front_evidence_allow(r->f->evidence, FRONT_FAULT_USED_INDEX);
	WANT(held_begin(r, &h, "file", 1));
	front_split_offer(ring, h.open->id);
	front_ring_publish(ring);
	front_ring_kick_anyway(ring);
	fd_closep(&h.fd);
	WANT_OK(r, "FORGET while that head is there twice", front_forget(r->f, 4711, 1));
	front_evidence_allow(r->f->evidence, FRONT_FAULT_NOT_USED);
	(void)!front_wait(h.open, clock_deadline_ms(MEANWHILE_MS));
	WANT(raw_renew(r));
}

/* What a descriptor said when it was taken is what counts. */
static void descriptor_changed(struct check_run *r)
{
	CLEANUP(held_end) struct held h = HELD_NONE;
	struct front_ring *ring = &r->f->ring[1];

	front_evidence_allow(r->f->evidence, FRONT_FAULT_DESC_WRITTEN);
	r->f->layout.kind = FRONT_CHAIN_DIRECT;
	WANT(held_begin(r, &h, "file", 1));
	for (uint16_t i = 0; i < ring->size; i++)
		front_split_desc(ring)[i] =
			(struct vring_desc){ .addr = htole64(front_guest_nowhere(r->f->memory)),
					     .len = htole32(UINT32_MAX),
					     .flags = htole16(N),
					     .next = htole16(UINT16_MAX) };
	fd_closep(&h.fd);
	front_evidence_allow(r->f->evidence, FRONT_FAULT_NOT_USED);
	(void)!front_wait(h.open, clock_deadline_ms(MEANWHILE_MS));
	WANT_THAT(r, front_is_alive(r->f), "the device goes on", "the device hung up");
	WANT_OK(r, "FORGET on the high priority queue, after that", front_forget(r->f, 4711, 1));
	WANT(raw_renew(r));
}

static void table_changed(struct check_run *r)
{
	CLEANUP(held_end) struct held h = HELD_NONE;
	struct front_chain *c;

	front_evidence_allow(r->f->evidence, FRONT_FAULT_DESC_WRITTEN);
	WANT(held_begin(r, &h, "file", 1));
	c = &r->f->ring[1].chain[h.open->id];
	WANT_THAT(r, c->table, "an indirect table", "none");
	memset(c->table->at, 0xff, c->table->size);
	WANT(held_let(r, &h));
	WANT(check_alive(r));
}

/* The header says something else by the time that the reply is made. */
static void request_changed(struct check_run *r)
{
	CLEANUP(held_end) struct held h = HELD_NONE;

	front_evidence_allow(r->f->evidence, FRONT_FAULT_READABLE_WRITTEN);
	front_evidence_allow(r->f->evidence, FRONT_FAULT_UNIQUE);
	WANT(held_begin(r, &h, "file", 1));
	for (unsigned i = 0; i < h.open->in_pieces; i++)
		memset(h.open->piece[i]->at, 0xff, h.open->piece[i]->size);
	fd_closep(&h.fd);
	WANT_ONE_OF(r, "OPEN whose request changed while it was served",
		    front_wait(h.open, front_deadline(r->f)), 0, FRONT_BROKEN, -EINVAL, -EIO,
		    -EBADF);
	WANT(check_alive(r));
}

/* The device's own part of the ring is written by the driver. */
static void used_ring_written(struct check_run *r)
{
	struct front_ring *ring = &r->f->ring[1];
	struct raw m;

	front_evidence_allow(r->f->evidence, FRONT_FAULT_USED_FLAGS);
	WANT(raw_new(r, &m));
	memset(front_split_used(ring), 0xff, ring->part[2]->size);
	WANT_THAT(r, raw_offer(r, 1, &m, good, 2) >= 0, "a chain in the ring", "none");
	WANT(survived(r));
	WANT(raw_checked(r, &m, RAW_OUT));
}

/* xorshift, as a table of numbers that nobody chose. */
static uint64_t next_number(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void fill_ring(struct front_ring *ring, uint64_t *state)
{
	uint64_t *d = (uint64_t *)(void *)front_split_desc(ring);
	struct vring_avail *avail = front_split_avail(ring);

	for (unsigned i = 0; i < ring->size * sizeof(struct vring_desc) / sizeof(*d); i++)
		d[i] = next_number(state);
	/* Some of the flags and next ones shall lead somewhere. */
	for (unsigned i = 0; i < ring->size; i += 2) {
		front_split_desc(ring)[i].next = htole16(next_number(state) % ring->size);
		front_split_desc(ring)[i].flags = htole16(next_number(state) & 7);
	}
	for (unsigned i = 0; i < ring->size; i++)
		avail->ring[i] = htole16(next_number(state) % (ring->size + 1U));
}

static void garbage(struct check_run *r)
{
	uint64_t state = r->seed * 2654435761U + 88172645463325252U;

	front_evidence_allow(r->f->evidence, FRONT_FAULT_DESC_WRITTEN);
	for (unsigned i = 0; i < GARBAGE; i++) {
		struct front_ring *ring = &r->f->ring[1];

		fill_ring(ring, &state);
		front_split_set_index(ring, (uint16_t)(ring->avail_idx + ring->size / 2));
		front_ring_kick_anyway(ring);
		WANT(survived(r));
	}
}

#define LIVES "whatever becomes of that ring: FORGET on hiprio is used, and a new session works"

static const struct check checks[] = {
	{
		.id = "hostile.head-beyond",
		.title = "a head beyond the queue is noticed",
		.rows = "VIRTIO-VQ-008",
		.sends = "available entries of 128, 129, 32768, 65535 in a ring of 128",
		.wants = LIVES,
		.catches = "bad-ring-exits",
		.run = head_beyond,
	},
	{
		.id = "hostile.index-jumps",
		.title = "an available index that jumps further than the queue is noticed",
		.rows = "VIRTIO-VQ-008",
		.sends = "an index 129, 32768, 65535 further in a ring of 128",
		.wants = LIVES,
		.catches = "bad-ring-exits",
		.run = index_jumps,
	},
	{
		.id = "hostile.head-twice",
		.title = "a head that is made available three times kills nobody",
		.rows = "VIRTIO-VQ-008",
		.sends = "one GETATTR in three entries of the available ring",
		.wants = LIVES,
		.catches = "exit-at:GETATTR reply-overrun",
		.run = head_twice,
	},
	{
		.id = "hostile.head-in-flight",
		.title = "a head that is made available again while in flight kills nobody",
		.rows = "VIRTIO-VQ-008",
		.sends =
			"an OPEN that a lease holds back; its head once more; the lease is given up",
		.wants = LIVES,
		.catches = "exit-at:FORGET",
		.options = CHECK_THREADS4,
		.run = head_in_flight,
	},
	{
		.id = "hostile.descriptor-changed",
		.title = "descriptors that change while their request is served kill nobody",
		.rows = "VIRTIO-VQ-008",
		.sends =
			"an OPEN that a lease holds back; all descriptors are overwritten meanwhile",
		.wants = LIVES,
		.catches = "exit-at:FORGET",
		.run = descriptor_changed,
	},
	{
		.id = "hostile.table-changed",
		.title =
			"an indirect table that changes while its request is served changes nothing",
		.rows = "VIRTIO-VQ-012",
		.sends = "an OPEN that a lease holds back; its table is overwritten meanwhile",
		.wants = "the OPEN succeeds, in the buffers that it was given",
		.catches = "used-never:op=OPEN error:GETATTR:EIO",
		.features = FEATURE_INDIRECT,
		.run = table_changed,
	},
	{
		.id = "hostile.request-changed",
		.title = "a request that changes while it is served kills nobody",
		.rows = "VIRTIO-VQ-008",
		.sends =
			"an OPEN that a lease holds back; header and arguments become 0xff meanwhile",
		.wants = "success, or an error; the next request is served",
		.catches = "used-never:after=2 error:GETATTR:EIO",
		.run = request_changed,
	},
	{
		.id = "hostile.used-ring-written",
		.title = "a driver that writes the used ring kills nobody",
		.rows = "VIRTIO-VQ-008",
		.sends = "the used ring full of 0xff, then a GETATTR",
		.wants = LIVES,
		.catches = "exit-at:GETATTR reply-overrun",
		.run = used_ring_written,
	},
	{
		.id = "hostile.garbage",
		.title = "a ring full of garbage kills nobody",
		.rows = "VIRTIO-VQ-008",
		.sends = "20 times random descriptors and heads (by --seed), half a ring available",
		.wants = LIVES,
		.catches = "bad-ring-exits bad-chain-exits",
		.run = garbage,
	},
};

const struct check_area area_hostile = { "hostile", "Rings that make no sense", checks,
					 ARRAY_SIZE(checks) };
