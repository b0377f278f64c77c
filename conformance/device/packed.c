// SPDX-License-Identifier: Apache-2.0
/* Packed virtqueues, where a device offers them. */
#include "conformance/device/areas.h"
#include "conformance/device/opcodes.h"
#include "conformance/device/rawchain.h"

#define CALL_MS	 1000
#define QUIET_MS 30
#define ODD_SIZE 100

static bool is_packed(struct check_run *r)
{
	return check_has(r, front_has(r->f, VIRTIO_F_RING_PACKED), "virtio feature bit 34");
}

static void all_queues(struct check_run *r)
{
	WANT(is_packed(r));
	WANT(opcodes_all(r, "all"));
	WANT_OK(r, "FORGET", front_forget(r->f, 4711, 1));
	WANT_OK(r, "FORGET", front_forget(r->f, 4711, 1));
}

/* Slots are used one chain behind the other, across the end of the ring, again and again. */
static void wraps(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	WANT(is_packed(r));
	for (unsigned i = 0; i < 70; i++) {
		r->f->layout.kind = i % 3 ? FRONT_CHAIN_AUTO : FRONT_CHAIN_DIRECT;
		WANT_OK(r, "GETATTR across the end of the ring",
			rings_within(r->f, &op, MEANWHILE_MS));
	}
	WANT_OK(r, "FORGET", front_forget(r->f, 4711, 1));
}

/* What was used stays in its slot, and a kick shows it to the device once more. */
static void stale(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	WANT(is_packed(r));
	for (unsigned i = 0; i < 40; i++) {
		front_ring_kick_anyway(&r->f->ring[1]);
		WANT_OK(r, "GETATTR between kicks for nothing",
			rings_within(r->f, &op, MEANWHILE_MS));
		front_ring_kick_anyway(&r->f->ring[1]);
	}
	(void)front_poll(r->f);
	WANT_SAME(r, 0, "used descriptors that nobody waits for",
		  front_evidence_of(r->f->evidence, FRONT_FAULT_USED_ID));
}

static void out_of_order(struct check_run *r)
{
	CLEANUP(held_end) struct held h = HELD_NONE;
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	WANT(is_packed(r));
	r->f->layout.kind = FRONT_CHAIN_DIRECT;
	WANT(held_begin(r, &h, "file", 1));
	for (unsigned i = 0; i < 8; i++)
		WANT_OK(r, "GETATTR behind an OPEN that is held back",
			rings_within(r->f, &op, MEANWHILE_MS));
	WANT(held_let(r, &h));
	WANT_OK(r, "GETATTR", rings_root(r->f, 1));
}

static void chains(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	WANT(is_packed(r));
	for (unsigned every = 4; every < 60; every += 5) {
		struct say t;

		r->f->layout = (struct front_layout){ .kind = FRONT_CHAIN_DIRECT,
						      .in_every = every,
						      .out_every = every * 2 };
		(void)say(&t, "GETATTR in direct pieces of %u", every);
		WANT_OK(r, t.text, rings_within(r->f, &op, MEANWHILE_MS));
		WANT_OK(r, t.text, rings_within(r->f, &op, MEANWHILE_MS));
	}
}

/* The front end takes a length for 0 where WRITE is missing: look at the flag itself. */
static void write_flag(struct check_run *r)
{
	struct front_op op = front_op_forget(4711, 1);

	WANT(is_packed(r));
	for (unsigned i = 0; i < 20; i++) {
		const struct front_ring *ring = &r->f->ring[0];
		uint16_t slot = ring->used_slot;

		WANT_OK(r, "FORGET", rings_within(r->f, &op, MEANWHILE_MS));
		WANT_SAME(r, 0, "flag WRITE in the used descriptor of a FORGET",
			  le16toh(front_packed_desc(ring)[slot].flags) & VRING_DESC_F_WRITE);
	}
}

/* In a table id and all flags but WRITE are noise. */
static void table_flags(struct check_run *r)
{
	struct vring_packed_desc *d;
	struct fuse_out_header h;
	uint32_t len = 0;
	struct raw m;

	WANT(is_packed(r));
	NEED(r, front_has(r->f, VIRTIO_RING_F_INDIRECT_DESC), "virtio feature INDIRECT_DESC");
	WANT(raw_new(r, &m));
	d = (struct vring_packed_desc *)(void *)m.table->at;
	d[0].addr = htole64(m.in->guest);
	d[0].len = htole32(RAW_IN);
	d[1].addr = htole64(m.out->guest);
	d[1].len = htole32(RAW_OUT);
	d[0].id = d[1].id = htole16(0xbeef);
	d[0].flags = htole16(0xffff & ~(VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT));
	d[1].flags = htole16(0xffff & ~VRING_DESC_F_INDIRECT);
	/* Two entries, and no more. */
	m.table->size = 2 * sizeof(*d);
	WANT(check_host(r, "room in the ring",
			front_ring_add_table(&r->f->ring[1], m.table, RAW_OUT, NULL, NULL)));
	m.table->size = RAW_TABLE * sizeof(*d);
	(void)front_ring_kick(&r->f->ring[1]);
	WANT_THAT(r, raw_wait(r, 1, &len) == RAW_USED && len == RAW_OUT, "a reply of 120 bytes",
		  "used length %u", len);
	memcpy(&h, m.out->at, sizeof(h));
	WANT_SAME(r, m.unique, "unique", h.unique);
	WANT(check_alive(r));
}

static bool called(struct check_run *r, bool wanted, const char *what)
{
	struct front_ring *ring = &r->f->ring[1];
	struct pollfd p = { .fd = ring->call_fd, .events = POLLIN };
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct front_request *q;
	uint64_t end_ns = clock_deadline_ms(CALL_MS);
	bool done;

	(void)front_ring_take_calls(ring);
	if (!check_ok(r, "prepare", front_prepare(r->f, &op, &q)) ||
	    !check_ok(r, "put into the ring", front_enqueue(q)))
		return false;
	front_ring_publish(ring);
	front_ring_kick_anyway(ring);
	while (q->state == FRONT_IN_FLIGHT && clock_now_ns() < end_ns)
		(void)front_poll(r->f);
	done = q->state == FRONT_DONE;
	front_request_free(q);
	return check_that(r, done, "each request is used", "one was not") &&
	       check_that(r, (poll(&p, 1, wanted ? CALL_MS : QUIET_MS) == 1) == wanted, what, "%s",
			  wanted ? "no call" : "a call");
}

static void events(struct check_run *r)
{
	struct front_ring *ring = &r->f->ring[1];
	struct vring_packed_desc_event *wish;

	WANT(is_packed(r));
	wish = front_packed_driver_event(ring);
	for (unsigned i = 0; i < 40; i++) {
		wish->flags = htole16(VRING_PACKED_EVENT_FLAG_ENABLE);
		WANT(called(r, true, "a call, as events are enabled"));
		(void)front_ring_arm(ring);
		WANT(called(r, true, "a call, as the slot of the wish was used"));
	}
	front_ring_quiet(ring);
	WANT(called(r, false, "no call, as events are disabled"));
	NEED(r, ring->event_idx, "virtio feature EVENT_IDX");
	wish->off_wrap = htole16(
		(uint16_t)((ring->used_slot + ring->size / 2) % ring->size |
			   (ring->used_slot + ring->size / 2 >= ring->size ? !ring->used_wrap
									   : ring->used_wrap)
				   << VRING_PACKED_EVENT_F_WRAP_CTR));
	wish->flags = htole16(VRING_PACKED_EVENT_FLAG_DESC);
	WANT(called(r, false, "no call, as the slot of the wish is half a ring away"));
}

static void odd_size(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	uint64_t offered;

	/* No split ring could have that size: it is not even made before the offer is known. */
	WANT(check_host(r, "GET_FEATURES", front_get_features(&r->f->channel, &offered)));
	NEED(r, offered & FEATURE_PACKED, "virtio feature bit 34");
	WANT(check_session(r, r->f, 0));
	for (unsigned i = 0; i < 8; i++)
		WANT(rings_batch(r, &op, 90 + i));
	r->f->layout.kind = FRONT_CHAIN_DIRECT;
	for (unsigned i = 0; i < 8; i++)
		WANT(rings_batch(r, &op, 25));
}

static void base(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct err err = { "" };

	WANT(is_packed(r));
	for (unsigned i = 0; i < 12; i++) {
		const struct front_ring *ring = &r->f->ring[1];

		r->f->layout.kind = i % 2 ? FRONT_CHAIN_AUTO : FRONT_CHAIN_DIRECT;
		WANT(rings_batch(r, &op, 3));
		WANT_THAT(r, front_stop(r->f, &err) == 0, "rings can be stopped", "%s", err.text);
		WANT_SAME(r, ring->ops->base(ring), "GET_VRING_BASE", r->f->base[1]);
		WANT_THAT(r, front_start(r->f, &err) == 0, "and started", "%s", err.text);
	}
	WANT(check_alive(r));
}

static const struct front_options small = { .packed = true, .ring_size = 16 };
static const struct front_options usual = { .packed = true };
static const struct front_options odd = { .packed = true, .ring_size = ODD_SIZE };

#define CHECK(id_, title_, rows_, sends_, wants_, catches_, run_, front_, ...)              \
	{                                                                                   \
		.id = "packed." id_, .title = (title_), .rows = (rows_), .sends = (sends_), \
		.wants = (wants_), .catches = (catches_), .run = (run_), .front = (front_), \
		.features = FEATURE_PACKED, __VA_ARGS__                                     \
	}

static const struct check checks[] = {
	CHECK("all-queues", "with RING_PACKED all queues are packed", "VIRTIO-VQP-001",
	      "every opcode; FORGETs on hiprio", "all are served", "packed-hiprio", all_queues,
	      &usual, ),
	CHECK("wraps", "wrap counters begin with 1 and change at the end of the ring",
	      "VIRTIO-VQP-002", "70 GETATTRs, of 1 and of 4 slots, in a ring of 16", "all are used",
	      "packed-wrap", wraps, &small, ),
	CHECK("stale", "what was used is not taken again", "VIRTIO-VQP-003",
	      "80 kicks for nothing around 40 GETATTRs in a ring of 16", "each is used once",
	      "used-twice packed-wrap", stale, &small, ),
	CHECK("out-of-order", "chains are used in the order in which they end", "VIRTIO-VQP-004",
	      "an OPEN that a lease holds back, then 8 GETATTRs",
	      "used while the OPEN is in flight", "packed-slots used-never:op=OPEN", out_of_order,
	      &usual, .options = CHECK_THREADS4),
	CHECK("chains", "a chain is used by one descriptor, and skipped as a whole",
	      "VIRTIO-VQP-005", "GETATTRs in chains of 3 to 30 descriptors", "all are used",
	      "packed-slots", chains, &usual, ),
	CHECK("write-flag", "a used FORGET has no WRITE flag", "VIRTIO-VQP-006", "20 FORGETs",
	      "no WRITE in their used descriptors", "packed-write-flag", write_flag, &usual, ),
	CHECK("table-flags", "in a table only WRITE has a meaning", "VIRTIO-VQP-007",
	      "a GETATTR by a table whose ids and other flags are garbage", "success",
	      "packed-table-flags", table_flags, &usual, ),
	CHECK("events", "wishes for events are kept", "VIRTIO-VQP-008",
	      "GETATTRs with events enabled, at a slot, disabled, at a slot far away",
	      "a call, a call, none, none", "call-lost call-spurious", events, &small, ),
	CHECK("odd-size", "a ring of 100 slots works", "VIRTIO-VQP-009",
	      "batches of 90 to 97 chains by table, of 25 direct ones", "all are used",
	      "packed-power-of-two", odd_size, &odd, .start = CHECK_CONNECTED),
	CHECK("base", "GET_VRING_BASE has both positions with their wrap counters",
	      "VIRTIO-VQP-011", "12 times 3 GETATTRs, stop, start in a ring of 16",
	      "the driver's own positions", "base-wrong", base, &small, ),
};

const struct check_area area_packed = { "packed", "Packed virtqueues", checks, ARRAY_SIZE(checks) };
