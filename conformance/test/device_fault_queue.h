/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_TEST_DEVICE_FAULT_QUEUE_H
#define VQ_CONFORMANCE_TEST_DEVICE_FAULT_QUEUE_H

/* Faults of virtqueues that only a driver with a certain habit notices. */

#include "conformance/front/packed.h"
#include "conformance/front/split.h"
#include "conformance/test/device_fault.h"

static int feature_notification(struct fixture *t)
{
	return seen_if(t->f->offered & BIT(0));
}

/* A GETATTR that must come back within a moment. */
static int ask_soon(struct fixture *t)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	return do_within(t, &op, t->with ? SHORT_MS : LONG_MS);
}

/* Is it there, and does it serve? */
static int unserved(struct fixture *t)
{
	front_evidence_allow(t->f->evidence, FRONT_FAULT_GONE);
	return seen_if(ask_soon(t) != 0);
}

/* By hand: header and arguments, reply; what is done to them is the provocation. */
struct by_hand {
	struct front_buf *in;
	struct front_buf *out;
	struct front_buf *table;
	struct vring_desc *d;
};

static int by_hand_new(struct fixture *t, struct by_hand *m)
{
	struct fuse_in_header h = { .opcode = FUSE_GETATTR, .unique = 99, .nodeid = FRONT_ROOT };

	m->in = front_buf_new(t->f->memory, sizeof(h) + sizeof(struct fuse_getattr_in));
	m->out = front_buf_new(t->f->memory, 16 + sizeof(struct fuse_attr_out));
	m->table = front_buf_new(t->f->memory, 4 * sizeof(*m->d));
	if (!m->in || !m->out || !m->table)
		return -ENOMEM;
	memset(m->in->at, 0, m->in->size);
	memset(m->out->at, 0xff, m->out->size);
	memset(m->table->at, 0, m->table->size);
	h.len = (uint32_t)m->in->size;
	memcpy(m->in->at, &h, sizeof(h));
	m->d = (struct vring_desc *)(void *)m->table->at;
	m->d[0] = (struct vring_desc){ m->in->guest, h.len, VRING_DESC_F_NEXT, 1 };
	m->d[1] = (struct vring_desc){ m->out->guest, (uint32_t)m->out->size, VRING_DESC_F_WRITE,
				       0 };
	return 0;
}

/* Its table in one descriptor with these @flags. Was it served with success? */
static int by_table(struct fixture *t, const struct by_hand *m, uint32_t len, uint16_t flags)
{
	struct front_span span = { m->table->guest, len,
				   (uint16_t)(VRING_DESC_F_INDIRECT | flags) };
	uint64_t end_ns = clock_deadline_ms(t->with ? SHORT_MS : LONG_MS);
	struct fuse_out_header h;
	struct front_used used;
	int n;

	front_evidence_allow(t->f->evidence, FRONT_FAULT_USED_LEN);
	TRY(front_ring_add(&t->f->ring[1], &span, 1, NULL, 0, NULL, NULL));
	(void)front_ring_kick(&t->f->ring[1]);
	while ((n = front_ring_pop(&t->f->ring[1], &used)) == 0 && clock_now_ns() < end_ns)
		(void)poll(NULL, 0, 1);
	memcpy(&h, m->out->at, sizeof(h));
	return n == 1 && used.len == m->out->size && h.error == 0;
}

static int table_with_write(struct fixture *t)
{
	struct by_hand m;

	TRY(by_hand_new(t, &m));
	return seen_if(!by_table(t, &m, 32, VRING_DESC_F_WRITE));
}

static int table_with_rest(struct fixture *t)
{
	struct by_hand m;

	TRY(by_hand_new(t, &m));
	m.d[2] = (struct vring_desc){ front_guest_nowhere(t->f->memory), 8, 0, 0 };
	return seen_if(!by_table(t, &m, 48, 0));
}

static int table_with_next(struct fixture *t)
{
	struct by_hand m;

	TRY(by_hand_new(t, &m));
	m.d[1].next = htole16(77);
	return seen_if(!by_table(t, &m, 32, 0));
}

static int table_with_noise(struct fixture *t)
{
	struct vring_packed_desc *p;
	struct by_hand m;

	TRY(by_hand_new(t, &m));
	p = (void *)m.d;
	p[0].flags = htole16(VRING_DESC_F_NEXT);
	p[1].flags = htole16(VRING_DESC_F_WRITE | VRING_DESC_F_NEXT);
	return seen_if(!by_table(t, &m, 32, 0));
}

/* A table of no bytes: no chain. The device must go on after it. */
static int bad_chain(struct fixture *t)
{
	struct by_hand m;

	TRY(by_hand_new(t, &m));
	(void)by_table(t, &m, 0, 0);
	return unserved(t);
}

static int bad_ring(struct fixture *t)
{
	struct fuse_forget_one one = { 4711, 1 };
	struct front_op op = front_op_batch_forget(&one, 1);

	front_evidence_allow(t->f->evidence, FRONT_FAULT_GONE);
	front_split_offer(&t->f->ring[1], 0xffff);
	front_ring_publish(&t->f->ring[1]);
	front_ring_kick_anyway(&t->f->ring[1]);
	(void)poll(NULL, 0, 50);
	return seen_if(do_within(t, &op, t->with ? SHORT_MS : LONG_MS) != 0);
}

static int empty_piece(struct fixture *t)
{
	static const uint32_t cuts[] = { 40, 0 };

	t->f->layout = (struct front_layout){ .in_cuts = cuts, .in_cut_count = 2 };
	return unserved(t);
}

static int avail_wrap(struct fixture *t)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	TRY(front_stop(t->f, &t->err));
	for (unsigned i = 0; i < t->f->ring_count; i++) {
		front_ring_reset(&t->f->ring[i], 65534);
		t->f->base[i] = 65534;
		*front_split_avail_event(&t->f->ring[i]) = htole16(65534);
	}
	TRY(front_start(t->f, &t->err));
	TRY(front_init(t->f, 0, NULL));
	return seen_if(do_within(t, &op, t->with ? SHORT_MS : LONG_MS) != 0);
}

/* Used, and was there a call? */
static int was_called(struct fixture *t, bool *ret)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct front_ring *ring = &t->f->ring[1];
	struct pollfd p = { .fd = ring->call_fd, .events = POLLIN };
	uint64_t end_ns = clock_deadline_ms(LONG_MS);
	struct front_request *r;

	(void)front_ring_take_calls(ring);
	TRY(front_prepare(t->f, &op, &r));
	TRY(front_enqueue(r));
	front_ring_publish(ring);
	front_ring_kick_anyway(ring);
	while (front_poll(t->f) == 0 && clock_now_ns() < end_ns)
		(void)poll(NULL, 0, 1);
	TRY(r->state != FRONT_DONE);
	front_request_free(r);
	*ret = poll(&p, 1, t->with ? SHORT_MS : LONG_MS) == 1;
	return 0;
}

static int event_unasked(struct fixture *t)
{
	bool called;

	(void)front_ring_arm(&t->f->ring[1]);
	*front_split_used_event(&t->f->ring[1]) = htole16(
		(uint16_t)(t->f->ring[1].used_idx + 0x8000));
	/* The first after a start is always told. */
	TRY(was_called(t, &called));
	TRY(was_called(t, &called));
	return seen_if(!called);
}

static int event_late(struct fixture *t)
{
	bool called;

	(void)front_ring_arm(&t->f->ring[1]);
	TRY(was_called(t, &called));
	return seen_if(!called);
}

static int event_flags(struct fixture *t)
{
	struct front_ring *ring = &t->f->ring[1];
	bool called;

	(void)front_ring_arm(ring);
	ring->avail_flags = VRING_AVAIL_F_NO_INTERRUPT;
	front_split_avail(ring)->flags = htole16(VRING_AVAIL_F_NO_INTERRUPT);
	TRY(was_called(t, &called));
	return seen_if(!called);
}

static int header_short(struct fixture *t)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct front_request *r;

	TRY(front_prepare(t->f, &op, &r));
	TRY(front_request_resize(r, 39));
	r->raw = true;
	TRY(front_submit(r));
	front_evidence_allow(t->f->evidence, FRONT_FAULT_GONE);
	(void)!front_wait(r, front_deadline(t->f));
	front_request_free(r);
	return unserved(t);
}

static int in_len(struct fixture *t)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct front_request *r;
	uint32_t len = 48;
	int e;

	TRY(front_prepare(t->f, &op, &r));
	memcpy(r->in, &len, sizeof(len));
	TRY(front_submit(r));
	e = front_wait(r, front_deadline(t->f));
	front_request_free(r);
	return seen_if(e == 0);
}

/* A slow request in the first queue, and one in the second. */
static int other_queue(struct fixture *t)
{
	struct fuse_entry_out entry;
	struct front_op slow = front_op_lookup(FRONT_ROOT, "file");
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct front_request *a, *b;
	bool first;

	(void)entry;
	op.queue = 2;
	TRY(submit(t, &slow, &a));
	(void)poll(NULL, 0, 100); /* so that it was taken */
	TRY(submit(t, &op, &b));
	TRY(front_wait(b, front_deadline(t->f)));
	first = a->state == FRONT_IN_FLIGHT;
	TRY(front_wait(a, front_deadline(t->f)));
	front_request_free(a);
	front_request_free(b);
	return seen_if(!first);
}

static int forget_in_pieces(struct fixture *t)
{
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;

	TRY(front_lookup(t->f, FRONT_ROOT, "file", &entry));
	t->f->layout.in_every = 8;
	TRY(front_forget(t->f, entry.nodeid, 1));
	t->f->layout.in_every = 0;
	return seen_if(front_getattr(t->f, entry.nodeid, NULL, &attr) == 0);
}

static int interrupt_other(struct fixture *t)
{
	(void)!front_interrupt(t->f, 4711);
	TRY(ask_soon(t));
	return seen_if(ask_soon(t) == -EINTR);
}

static int packed_many(struct fixture *t)
{
	for (unsigned i = 0; i < 2U * t->f->ring[1].size; i++)
		if (ask_soon(t) != 0)
			return SEEN;
	return CLEAN;
}

static int packed_forget(struct fixture *t)
{
	const struct front_ring *ring = &t->f->ring[0];
	uint16_t slot = ring->used_slot;

	TRY(front_forget(t->f, 4711, 1));
	return seen_if(le16toh(front_packed_desc(ring)[slot].flags) & VRING_DESC_F_WRITE);
}

static const struct fault_case queue_cases[] = {
	CASE("feature-notification", feature_notification),
	CASE("packed-wrap", packed_many, .front = { .packed = true, .ring_size = 16 }),
	CASE("packed-write-flag", packed_forget, .front.packed = true),
	CASE("packed-table-flags", table_with_noise, .front.packed = true),
	CASE("packed-power-of-two", packed_many, .front = { .packed = true, .ring_size = 20 }),
	CASE("avail-no-wrap", avail_wrap),
	CASE("next-unflagged", table_with_next),
	CASE("indirect-write-flag", table_with_write),
	CASE("indirect-in-order", table_with_rest),
	CASE("event-unasked", event_unasked, .front.features_off = BIT(VIRTIO_RING_F_EVENT_IDX)),
	CASE("event-late", event_late),
	CASE("event-flags", event_flags),
	SHOWS("used-early:op=GETATTR", getattr_root, OUT_LEN, .front.busy_poll = true),
	CASE("bad-chain-exits", bad_chain),
	CASE("bad-chain-stops", bad_chain),
	CASE("bad-ring-exits", bad_ring),
	CASE("empty-piece-exits", empty_piece),
	CASE("bad-request-exits", header_short),
	CASE("in-len-ignored", in_len),
	CASE("queues-wait", other_queue, .front.queues = 2,
	     .words = "--queues=2 --threads=4 --fault=delay:LOOKUP:500"),
	CASE("forget-piecemeal", forget_in_pieces),
	CASE("interrupt-other", interrupt_other),
};

#endif
