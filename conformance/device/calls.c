// SPDX-License-Identifier: Apache-2.0
/* Kicks and calls: who tells whom, when, and who asked not to be told. */
#include "conformance/device/areas.h"
#include "conformance/device/rings.h"

#include <sched.h>

/* How long a call may take to come, and how long one that must not come is waited for. */
#define CALL_MS	 1000
#define QUIET_MS 30
/* Before the index that follows 65535. */
#define NEAR_WRAP 65520

static const struct front_options no_event = { .features_off = FEATURE_EVENT };

/* Made available and kicked, without a wish of ours being changed. */
static bool send_one(struct check_run *r, struct front_request **ret)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	return check_ok(r, "prepare", front_prepare(r->f, &op, ret)) &&
	       check_ok(r, "put into the ring", front_enqueue(*ret));
}

static bool used(struct check_run *r, struct front_request *q)
{
	uint64_t end_ns = clock_deadline_ms(CALL_MS);

	while (q->state == FRONT_IN_FLIGHT && clock_now_ns() < end_ns) {
		(void)front_poll(r->f);
		(void)sched_yield();
	}
	return check_that(r, q->state == FRONT_DONE, "each request is used", "one was not") &&
	       check_ok(r, "GETATTR", q->result);
}

static bool called(struct front_ring *ring, int ms)
{
	struct pollfd p = { .fd = ring->call_fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

/* @count requests at once; then there was a call, or there was none. */
static bool round_trip(struct check_run *r, unsigned count, bool wanted, const char *what)
{
	struct front_ring *ring = &r->f->ring[1];
	struct front_request *q[16] = { NULL };
	bool good = true;
	bool was;

	(void)front_ring_take_calls(ring);
	for (unsigned i = 0; good && i < count; i++)
		good = send_one(r, &q[i]);
	front_ring_publish(ring);
	front_ring_kick_anyway(ring);
	for (unsigned i = 0; good && i < count; i++)
		good = used(r, q[i]);
	for (unsigned i = 0; i < count; i++)
		front_request_free(q[i]);
	if (!good)
		return false;
	was = called(ring, wanted ? CALL_MS : QUIET_MS);
	return check_that(r, was == wanted, what, "%s after used index %u, used_event %u, flags %u",
			  was ? "a call" : "no call", ring->used_idx,
			  le16toh(*front_split_used_event(ring)),
			  le16toh(front_split_avail(ring)->flags));
}

static void flags_zero(struct check_run *r)
{
	(void)front_ring_arm(&r->f->ring[1]);
	for (unsigned i = 0; i < 20; i++)
		WANT(round_trip(r, 1 + i % 4, true, "a call, as flags is 0"));
}

static void flags_one(struct check_run *r)
{
	front_ring_quiet(&r->f->ring[1]);
	for (unsigned i = 0; i < 3; i++)
		WANT(round_trip(r, 1 + i, false, "no call, as flags is 1"));
	/* And it is heard again as soon as that is over. */
	(void)front_ring_arm(&r->f->ring[1]);
	WANT(round_trip(r, 1, true, "a call, as flags is 0 again"));
}

static void used_event_ignored(struct check_run *r)
{
	struct front_ring *ring = &r->f->ring[1];

	(void)front_ring_arm(ring);
	for (unsigned i = 0; i < 10; i++) {
		*front_split_used_event(ring) = htole16((uint16_t)(ring->used_idx + 0x8000));
		WANT(round_trip(r, 1, true, "a call, as EVENT_IDX was not negotiated"));
	}
}

static void event_equal(struct check_run *r)
{
	WANT(rings_again(r, 0, NEAR_WRAP));
	for (unsigned i = 0; i < 32; i++) {
		(void)front_ring_arm(&r->f->ring[1]);
		WANT(round_trip(r, 1, true, "a call, as the index reached used_event"));
	}
}

static void event_in_batch(struct check_run *r)
{
	struct front_ring *ring = &r->f->ring[1];

	WANT(rings_again(r, 0, NEAR_WRAP));
	/* The first call after the start is always made by some: get it over. */
	(void)front_ring_arm(ring);
	WANT(round_trip(r, 1, true, "a call, as the index reached used_event"));
	for (unsigned k = 0; k < 8; k++) {
		*front_split_used_event(ring) = htole16((uint16_t)(ring->used_idx + k));
		WANT(round_trip(r, 8, true, "a call, as the index went past used_event"));
	}
}

static void event_far(struct check_run *r)
{
	struct front_ring *ring = &r->f->ring[1];

	(void)front_ring_arm(ring);
	WANT(round_trip(r, 1, true, "a call, as the index reached used_event"));
	for (unsigned i = 0; i < 3; i++) {
		front_ring_quiet(ring);
		WANT(round_trip(r, 1 + i, false, "no call, as used_event is far away"));
	}
}

static void event_not_flags(struct check_run *r)
{
	struct front_ring *ring = &r->f->ring[1];

	for (unsigned i = 0; i < 10; i++) {
		(void)front_ring_arm(ring);
		ring->avail_flags = VRING_AVAIL_F_NO_INTERRUPT;
		front_split_avail(ring)->flags = htole16(VRING_AVAIL_F_NO_INTERRUPT);
		WANT(round_trip(r, 1, true, "a call, as flags mean nothing with EVENT_IDX"));
	}
}

/* As a guest sleeps and is woken: a wish, a look, and then only the call. */
static void never_lost(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	for (unsigned i = 0; i < 1000; i++) {
		/* One whose wish was there before it: no look could find it instead of the call. */
		(void)front_ring_arm(&r->f->ring[1]);
		if (i % 10 == 9)
			WANT(round_trip(r, 1, true, "a call, as it was asked for"));
		WANT_OK(r, "GETATTR, told by a call alone", rings_within(r->f, &op, MEANWHILE_MS));
		WANT_SAME(r, 0, "requests that were used without a call",
			  front_evidence_of(r->f->evidence, FRONT_FAULT_LOST_CALL));
	}
}

static void used_flags(struct check_run *r)
{
	struct front_ring *ring = &r->f->ring[1];

	for (unsigned i = 0; i < 200; i++) {
		WANT_OK(r, "GETATTR", rings_root(r->f, 1));
		WANT_SAME(r, 0, "used.flags that cannot be",
			  front_evidence_of(r->f->evidence, FRONT_FAULT_USED_FLAGS));
		WANT_RANGE(r, 0, ring->event_idx ? 0 : 1, "used.flags",
			   le16toh(front_split_used(ring)->flags));
	}
}

static void kicks_for_nothing(struct check_run *r)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	for (unsigned i = 0; i < 20; i++) {
		for (unsigned j = 0; j < i; j++) {
			front_ring_kick_anyway(&r->f->ring[1]);
			front_ring_kick_anyway(&r->f->ring[0]);
		}
		WANT_OK(r, "GETATTR between kicks for nothing",
			rings_within(r->f, &op, MEANWHILE_MS));
	}
	/* What was served again would come back after this one at the latest. */
	WANT_OK(r, "GETATTR", rings_root(r->f, 1));
	(void)front_poll(r->f);
	WANT_SAME(r, 0, "used elements that nobody waits for",
		  front_evidence_of(r->f->evidence, FRONT_FAULT_USED_ID) +
			  front_evidence_of(r->f->evidence, FRONT_FAULT_USED_INDEX));
}

/* The index is looked at all the time, and what it says is there is there. */
static void data_before_index(struct check_run *r)
{
	enum { BYTES = 65536 };
	CLEANUP(freep) uint8_t *wanted = malloc(BYTES);
	struct fuse_entry_out e;
	struct fuse_open_out o;

	WANT(check_host(r, "memory", wanted ? 0 : -ENOMEM));
	host_bytes(wanted, 0, BYTES, RINGS_SEED);
	WANT(check_host(r, "make a file", host_fill(r->share, "file", BYTES, RINGS_SEED)));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &e));
	WANT_OK(r, "OPEN", front_open_file(r->f, e.nodeid, O_RDONLY, &o));
	for (unsigned i = 0; i < 30; i++) {
		struct front_op op = front_op_read(e.nodeid, o.fh, 0, BYTES);
		struct front_request *q;
		bool same;

		WANT_OK(r, "submit READ", rings_submit(r->f, &op, &q));
		if (!used(r, q)) {
			front_request_free(q);
			return;
		}
		same = check_same_bytes(r, wanted, BYTES, "READ, at the moment of its index",
					q->payload, q->payload_size);
		front_request_free(q);
		WANT(same);
	}
}

/* Looked at while it runs: a device that has nothing to do sets flags again. */
static const struct front_options spins = { .busy_poll = true };
static const struct front_options no_event_spins = { .features_off = FEATURE_EVENT,
						     .busy_poll = true };

static const struct check checks[] = {
	{
		.id = "calls.flags-zero",
		.title = "without EVENT_IDX and with flags 0 the driver is told of what is used",
		.rows = "VIRTIO-VQ-014",
		.sends = "1 to 4 GETATTRs at a time; EVENT_IDX is off, avail.flags is 0",
		.wants = "a call after each batch",
		.catches = "call-lost event-idx-always",
		.front = &no_event,
		.run = flags_zero,
	},
	{
		.id = "calls.flags-one",
		.title = "without EVENT_IDX and with flags 1 the driver is left alone",
		.rows = "VIRTIO-VQ-014",
		.should = true,
		.sends = "1 to 3 GETATTRs at a time; EVENT_IDX is off, avail.flags is NO_INTERRUPT",
		.wants = "used, and no call within 30 ms; a call when flags is 0 again",
		.catches = "call-spurious",
		.front = &no_event,
		.run = flags_one,
	},
	{
		.id = "calls.used-event-unused",
		.title = "without EVENT_IDX used_event means nothing",
		.rows = "VIRTIO-VQ-014",
		.sends = "GETATTRs; EVENT_IDX is off, flags 0, used_event 32768 ahead",
		.wants = "a call after each",
		.catches = "call-lost event-unasked",
		.front = &no_event,
		.run = used_event_ignored,
	},
	{
		.id = "calls.event-equal",
		.title = "with EVENT_IDX the driver is told when the index reaches used_event",
		.rows = "VIRTIO-VQ-015",
		.sends = "32 GETATTRs across index 65535, used_event at the next index each time",
		.wants = "a call after each",
		.catches = "call-lost event-late",
		.features = FEATURE_EVENT,
		.run = event_equal,
	},
	{
		.id = "calls.event-in-batch",
		.title = "a used_event in the midst of a batch is not missed",
		.rows = "VIRTIO-VQ-015",
		.sends = "batches of 8 GETATTRs, used_event at the first to the last of them",
		.wants = "a call in each batch",
		.catches = "call-lost event-late",
		.features = FEATURE_EVENT,
		.run = event_in_batch,
	},
	{
		.id = "calls.event-far",
		.title = "with used_event far away the driver is left alone",
		.rows = "VIRTIO-VQ-015",
		.should = true,
		.sends = "1 to 3 GETATTRs at a time, used_event 32768 ahead",
		.wants = "used, and no call within 30 ms",
		.catches = "call-spurious",
		.features = FEATURE_EVENT,
		.run = event_far,
	},
	{
		.id = "calls.event-not-flags",
		.title = "with EVENT_IDX bit 0 of avail.flags means nothing",
		.rows = "VIRTIO-VQ-015",
		.sends = "GETATTRs with avail.flags NO_INTERRUPT, used_event at the next index",
		.wants = "a call after each",
		.catches = "call-lost event-flags",
		.features = FEATURE_EVENT,
		.run = event_not_flags,
	},
	{
		.id = "calls.never-lost",
		.title = "no request is ever used without the call that was asked for (EVENT_IDX)",
		.rows = "VIRTIO-VQ-015",
		.sends = "1000 GETATTRs, each waited for by its call alone",
		.wants = "all are told of within a second",
		.catches = "call-lost:after=500 event-late",
		.features = FEATURE_EVENT,
		.run = never_lost,
	},
	{
		.id = "calls.never-lost-flags",
		.title = "no request is ever used without the call that was asked for (flags)",
		.rows = "VIRTIO-VQ-014",
		.sends = "1000 GETATTRs, each waited for by its call alone; EVENT_IDX is off",
		.wants = "all are told of within a second",
		.catches = "call-lost:after=500",
		.front = &no_event,
		.run = never_lost,
	},
	{
		.id = "calls.used-flags-event",
		.title = "used.flags is 0 with EVENT_IDX",
		.rows = "VIRTIO-VQ-016",
		.sends = "200 GETATTRs",
		.wants = "used.flags is 0 after each",
		.catches = "ring-flags",
		.features = FEATURE_EVENT,
		.run = used_flags,
	},
	{
		.id = "calls.used-flags",
		.title = "used.flags is 0 or 1 without EVENT_IDX",
		.rows = "VIRTIO-VQ-016",
		.sends = "200 GETATTRs; EVENT_IDX is off",
		.wants = "used.flags is 0 or 1 after each",
		.catches = "ring-flags",
		.front = &no_event_spins,

		.run = used_flags,
	},
	{
		.id = "calls.kick-for-nothing",
		.title = "a kick for nothing does nothing",
		.rows = "VIRTIO-VQ-017",
		.sends = "0 to 19 kicks of both queues before each of 20 GETATTRs",
		.wants = "each GETATTR is used once",
		.catches = "kick-replays",
		.run = kicks_for_nothing,
	},
	{
		.id = "calls.data-before-index",
		.title = "the data is there before the used index says so",
		.rows = "VIRTIO-VQ-020",
		.sends = "30 READs of 64 KiB while another core looks at the used index",
		.wants = "header and all bytes at the moment that the index moves",
		.catches = "used-early:op=READ",
		.front = &spins,
		.run = data_before_index,
	},
};

const struct check_area area_calls = { "calls", "Kicks and calls", checks, ARRAY_SIZE(checks) };
