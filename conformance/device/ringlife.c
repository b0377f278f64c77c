// SPDX-License-Identifier: Apache-2.0
/* The states of a ring: when it is served, what stops it, what may be changed while it runs. */
#include "conformance/device/areas.h"
#include "conformance/device/vhost.h"

/* Requests before each stop. */
#define REQUESTS 5

static void not_before_kick(struct check_run *r)
{
	struct front_op op = front_op_init(7, 38, 0, 0);
	struct front_request *q;

	WANT_OK(r, "memory", front_map_memory(r->f));
	WANT_OK(r, "NUM, BASE, ADDR, KICK and CALL", front_start_ring(r->f, 1, 0));
	WANT_OK(r, "INIT, made available", front_prepare(r->f, &op, &q));
	WANT_OK(r, "INIT, made available", front_enqueue(q));
	front_ring_publish(&r->f->ring[1]);
	WANT(check_enable(r, 1, true));
	WANT(check_not_served(r, q, "before the first kick"));
	front_ring_kick_anyway(&r->f->ring[1]);
	WANT_OK(r, "INIT after the kick", front_wait(q, front_deadline(r->f)));
}

static void not_while_disabled(struct check_run *r)
{
	struct front_op op = front_op_init(7, 38, 0, 0);
	struct front_request *q;

	WANT(rings_start(r));
	WANT(check_enable(r, 1, false));
	WANT_OK(r, "INIT, made available", front_prepare(r->f, &op, &q));
	WANT_OK(r, "INIT, made available", front_enqueue(q));
	front_ring_publish(&r->f->ring[1]);
	front_ring_kick_anyway(&r->f->ring[1]);
	WANT(check_not_served(r, q, "while the ring was disabled"));
	WANT(check_enable(r, 1, true));
	front_ring_kick_anyway(&r->f->ring[1]);
	WANT_OK(r, "INIT once the ring is enabled", front_wait(q, front_deadline(r->f)));
}

/* A disabled ring may be processed, but nothing may come of it: a request that is given up is none that was done. */
static void disabled_again(struct check_run *r)
{
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "second" : "first";
		struct front_op op = front_op_mkdir(FRONT_ROOT, name, 0755);
		struct front_request *q;
		bool early;

		WANT(check_enable(r, 1, false));
		WANT_OK(r, "MKDIR, not waited for", front_prepare(r->f, &op, &q));
		WANT_OK(r, "MKDIR, not waited for", front_submit(q));
		early = came_back(q, SILENT_MS);
		WANT_THAT(r, !host_exists(r->share, name), "no folder while the ring is disabled",
			  "MKDIR was done");
		WANT(check_enable(r, 1, true));
		front_ring_kick_anyway(&r->f->ring[1]);
		if (early)
			continue;
		WANT_OK(r, "MKDIR once the ring is enabled", front_wait(q, front_deadline(r->f)));
		WANT_THAT(r, host_exists(r->share, name), "the folder on the host",
			  "it is not there");
	}
}

static void base_returned(struct check_run *r)
{
	uint32_t base = 0;

	for (int i = 0; i < REQUESTS; i++)
		WANT(check_served(r, "INIT"));
	WANT_OK(r, "GET_VRING_BASE of the request queue",
		front_get_vring_base(&r->f->channel, 1, &base));
	WANT_SAME(r, r->f->ring[1].avail_idx, "its next available index", base);
	WANT_OK(r, "GET_VRING_BASE of hiprio", front_get_vring_base(&r->f->channel, 0, &base));
	WANT_SAME(r, r->f->ring[0].avail_idx, "its next available index", base);
}

static void stopped(struct check_run *r)
{
	struct front_request *q;

	WANT(rings_stop(r));
	WANT_OK(r, "GETATTR into a stopped ring", submit_getattr(r, &q));
	front_ring_kick_anyway(&r->f->ring[1]);
	WANT(check_not_served(r, q, "after GET_VRING_BASE"));
	WANT(rings_start(r));
	front_ring_kick_anyway(&r->f->ring[1]);
	WANT_OK(r, "GETATTR once the ring runs again", front_wait(q, front_deadline(r->f)));
}

static void stop_and_go(struct check_run *r)
{
	for (int i = 0; i < 20; i++) {
		for (int j = 0; j < REQUESTS; j++)
			WANT(check_served(r, "a restart"));
		WANT(rings_stop(r));
		WANT(rings_start(r));
	}
	WANT(check_served(r, "20 restarts"));
}

/* The index runs over its 16 bits within these requests. */
static void base_taken(struct check_run *r)
{
	const uint32_t base = 65533;
	struct err err = { "" };

	WANT_OK(r, "memory", front_map_memory(r->f));
	r->f->mapped = true;
	for (unsigned i = 0; i < r->f->ring_count; i++)
		r->f->base[i] = base;
	for (unsigned i = 0; i < r->f->ring_count; i++) {
		front_ring_reset(&r->f->ring[i], base);
		/* As a device leaves it: tell me of the next one. */
		*front_split_avail_event(&r->f->ring[i]) = htole16((uint16_t)base);
	}
	r->f->kept = true;
	WANT_THAT(r, front_start(r->f, &err) == 0, "the rings start", "%s", err.text);
	WANT_OK(r, "INIT", front_init(r->f, 0, NULL));
	for (int i = 0; i < 2 * REQUESTS; i++)
		WANT(check_served(r, "a base of 65533"));
}

/* GET_VRING_BASE waits for it, or it is not used before the ring runs again. */
static void stop_in_flight(struct check_run *r)
{
	struct front_message m = vring_message(VHOST_USER_GET_VRING_BASE, 1, 0);
	struct front_message reply;
	CLEANUP(held_end) struct held h = HELD_NONE;
	struct err err = { "" };
	int e;

	WANT(held_begin(r, &h, "held", 1));
	WANT_OK(r, "GET_VRING_BASE", front_send(&r->f->channel, &m));
	e = front_recv(&r->f->channel, &reply, clock_deadline_ms(4 * SILENT_MS));
	if (e == -ETIMEDOUT) {
		fd_closep(&h.fd);
		WANT_OK(r, "GET_VRING_BASE once the request can end",
			front_recv(&r->f->channel, &reply, front_deadline(r->f)));
		WANT_THAT(r, came_back(h.open, 0), "used before the ring has stopped",
			  "GET_VRING_BASE was answered first");
		return;
	}
	WANT_OK(r, "GET_VRING_BASE", e);
	r->f->base[1] = reply.body.state.num;
	fd_closep(&h.fd);
	WANT(check_not_served(r, h.open, "after GET_VRING_BASE was answered"));
	/* Where the other ring stands is asked for too; then both go on. */
	WANT_OK(r, "GET_VRING_BASE of hiprio",
		front_get_vring_base(&r->f->channel, 0, &r->f->base[0]));
	r->f->started = false;
	r->f->kept = true;
	WANT_THAT(r, front_start(r->f, &err) == 0, "the rings start again", "%s", err.text);
	front_ring_kick_anyway(&r->f->ring[1]);
	WANT_OK(r, "the OPEN that was in flight", front_wait(h.open, front_deadline(r->f)));
}

static const struct front_options patient_not = { .timeout_ms = 1500 };

static const struct check checks[] = {
	{
		.id = "ringlife.not-before-kick",
		.title = "a ring is not served before its first kick",
		.rows = "VU-024 VU-003 VIRTIO-DEV-001",
		.sends = "INIT in a ring that was set up and enabled, 40 ms later the kick",
		.wants = "not used before, used after",
		.catches = "ring-unkicked",
		.start = CHECK_NEGOTIATED,
		.run = not_before_kick,
	},
	{
		.id = "ringlife.not-while-disabled",
		.title = "a ring that was started disabled is not served",
		.rows = "VU-004",
		.sends = "INIT and a kick to a disabled ring, 40 ms later SET_VRING_ENABLE 1",
		.wants = "not used before, used after",
		.catches = "ring-disabled",
		.start = CHECK_NEGOTIATED,
		.run = not_while_disabled,
	},
	{
		.id = "ringlife.disabled-again",
		.title =
			"of a ring that is disabled while it runs nothing comes until it is enabled",
		.rows = "VU-004",
		.sends = "SET_VRING_ENABLE 0, MKDIR, 40 ms later SET_VRING_ENABLE 1; twice",
		.wants = "no folder on the host before; one after, unless MKDIR was given up",
		.catches = "ring-disabled",
		.run = disabled_again,
	},
	{
		.id = "ringlife.base-returned",
		.title = "GET_VRING_BASE says the next available index",
		.rows = "VIRTIO-FS-MIG-010",
		.sends = "GET_VRING_BASE of both rings after 6 requests",
		.wants = "the index that the driver would fill next",
		.catches = "base-wrong",
		.run = base_returned,
	},
	{
		.id = "ringlife.stopped",
		.title = "a ring that was stopped is not served",
		.rows = "VU-003 VIRTIO-FS-MIG-009",
		.sends =
			"GETATTR and a kick after GET_VRING_BASE, 40 ms later the ring is started again",
		.wants = "not used before, used after",
		.catches = "ring-stops-not",
		.front = &patient_not,
		.run = stopped,
	},
	{
		.id = "ringlife.stop-and-go",
		.title = "a ring goes on where it was stopped",
		.rows = "VIRTIO-FS-MIG-010 VU-003",
		.sends = "20 times 5 requests, GET_VRING_BASE, SET_VRING_BASE with what it said",
		.wants = "each request is used once",
		.catches = "base-wrong",
		.front = &patient_not,
		.run = stop_and_go,
	},
	{
		.id = "ringlife.base-taken",
		.title = "a ring begins where SET_VRING_BASE says",
		.rows = "VIRTIO-FS-MIG-010",
		.sends = "SET_VRING_BASE 65533, INIT, 10 requests",
		.wants = "all are used, across the end of the index",
		.catches = "base-ignored",
		.start = CHECK_NEGOTIATED,
		.front = &patient_not,
		.run = base_taken,
	},
	{
		.id = "ringlife.stop-in-flight",
		.title =
			"what is in flight when a ring is stopped is used before or after, not meanwhile",
		.rows = "VU-003 VIRTIO-FS-MIG-009",
		.sends = "GET_VRING_BASE while OPEN waits on the host; then it can go on",
		.wants =
			"GET_VRING_BASE waits for it, or it is used after the ring was started again",
		.catches = "used-after-stop",
		.run = stop_in_flight,
	},
	{
		.id = "ringlife.stop-in-flight-threads",
		.title =
			"with threads as well, what is in flight when a ring is stopped is used before or after, not meanwhile",
		.rows = "VU-003 VIRTIO-FS-MIG-009",
		.sends = "GET_VRING_BASE while OPEN waits on the host; then it can go on",
		.wants =
			"GET_VRING_BASE waits for it, or it is used after the ring was started again",
		.catches = "used-after-stop",
		.options = CHECK_THREADS4,
		.run = stop_in_flight,
	},
};

const struct check_area area_ringlife = { "ringlife", "Life of a ring", checks,
					  ARRAY_SIZE(checks) };
