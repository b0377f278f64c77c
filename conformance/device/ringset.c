// SPDX-License-Identifier: Apache-2.0
/* What a ring is told before it runs and while it does: size, addresses, descriptors of kicks and calls. */
#include "conformance/device/areas.h"
#include "conformance/device/vhost.h"

#include <poll.h>
#include <sys/eventfd.h>

/* Requests in a row. */
#define REQUESTS 5
/* GETATTRs with a new call descriptor; and how long the old one is watched. */
#define CALLS	 20
#define QUIET_MS 50

static const struct front_options patient_not = { .timeout_ms = 1500 };

/* The ring itself says nothing of it before it starts: any device must see these three. */
static void num_refused(struct check_run *r)
{
	const struct front_message list[] = {
		vring_message(VHOST_USER_SET_VRING_NUM, 1, 65536),
		vring_message(VHOST_USER_SET_VRING_NUM, 1, UINT32_MAX),
		vring_message(VHOST_USER_SET_VRING_NUM, 1, 0),
	};

	refuse_all(r, list, ARRAY_SIZE(list), "a size that no ring has");
}

static void addr_refused(struct check_run *r, struct vhost_user_vring_addr addr, const char *what)
{
	struct front_message m = front_message_of(VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr));
	struct err err = { "" };

	allow_refusal(r);
	(void)answer_to(r, &m);
	if (!goes_on(r)) {
		WANT(check_left_cleanly(r));
		return;
	}
	/* Started all the same it must do no harm; a good address later is taken. */
	(void)!front_set_vring_fd(&r->f->channel, VHOST_USER_SET_VRING_KICK, 1,
				  r->f->ring[1].kick_fd);
	front_ring_kick_anyway(&r->f->ring[1]);
	(void)!front_set_vring_enable(&r->f->channel, 1, true);
	if (!goes_on(r)) {
		WANT(check_left_cleanly(r));
		return;
	}
	(void)!front_get_vring_base(&r->f->channel, 1, &r->f->base[1]);
	if (!goes_on(r)) {
		WANT(check_left_cleanly(r));
		return;
	}
	WANT_THAT(r, front_start(r->f, &err) == 0, "a good address is taken afterwards",
		  "after %s: %s", what, err.text);
	WANT_OK(r, "INIT", front_init(r->f, 0, NULL));
}

static void addr_nowhere(struct check_run *r)
{
	struct vhost_user_vring_addr addr;

	WANT_OK(r, "memory", front_map_memory(r->f));
	r->f->mapped = true;
	front_ring_addr(&r->f->ring[1], &addr);
	addr.used_user_addr = front_guest_nowhere(r->f->memory);
	addr_refused(r, addr, "an address outside of memory");
}

static void addr_guest(struct check_run *r)
{
	struct vhost_user_vring_addr addr = { .index = 1 };

	WANT_OK(r, "memory", front_map_memory(r->f));
	r->f->mapped = true;
	addr.desc_user_addr = r->f->ring[1].part[0]->guest;
	addr.avail_user_addr = r->f->ring[1].part[1]->guest;
	addr.used_user_addr = r->f->ring[1].part[2]->guest;
	addr_refused(r, addr, "guest addresses of a ring");
}

static void addr_odd(struct check_run *r)
{
	struct vhost_user_vring_addr addr;

	WANT_OK(r, "memory", front_map_memory(r->f));
	r->f->mapped = true;
	front_ring_addr(&r->f->ring[1], &addr);
	addr.desc_user_addr += 1;
	addr.avail_user_addr += 1;
	addr.used_user_addr += 1;
	addr_refused(r, addr, "addresses that are not aligned");
}

static void kick_replaced(struct check_run *r)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct front_ring *ring = &r->f->ring[1];

	WANT_HOST(r, "eventfd", fd);
	WANT(rings_stop(r));
	fd_closep(&ring->kick_fd);
	ring->kick_fd = fd;
	WANT(rings_start(r));
	WANT(check_served(r, "another kick descriptor"));
	WANT(check_served(r, "another kick descriptor"));
}

static void call_replaced(struct check_run *r)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct front_ring *ring = &r->f->ring[1];
	int old = ring->call_fd;
	struct pollfd p = { .fd = old, .events = POLLIN };
	uint64_t calls;

	WANT_HOST(r, "eventfd", fd);
	WANT_OK(r, "SET_VRING_CALL with another descriptor",
		front_set_vring_fd(&r->f->channel, VHOST_USER_SET_VRING_CALL, 1, fd));
	ring->call_fd = fd;
	(void)!read(old, &calls, sizeof(calls));
	/* More than one: a driver that finds an answer before it sleeps need not be told. */
	for (int i = 0; i < CALLS; i++)
		WANT(check_served(r, "another call descriptor"));
	WANT_THAT(r, poll(&p, 1, QUIET_MS) == 0, "nothing at the old descriptor",
		  "it was signalled");
	(void)close(old);
}

static void call_none(struct check_run *r)
{
	WANT_OK(r, "SET_VRING_CALL without a descriptor",
		front_set_vring_fd(&r->f->channel, VHOST_USER_SET_VRING_CALL, 1, -1));
	for (int i = 0; i < REQUESTS; i++) {
		struct front_request *q;

		WANT_OK(r, "GETATTR, not waited for", submit_getattr(r, &q));
		WANT_THAT(r, came_back(q, SOON_MS), "the request is used", "it is not");
		WANT_OK(r, "GETATTR", q->result);
	}
}

static void kick_none(struct check_run *r)
{
	struct vhost_user_vring_addr addr;
	struct front_op op = front_op_init(7, 38, 0, 0);
	struct front_request *q;

	WANT_OK(r, "memory", front_map_memory(r->f));
	WANT_OK(r, "SET_VRING_NUM", front_set_vring_num(&r->f->channel, 1, r->f->ring[1].size));
	WANT_OK(r, "SET_VRING_BASE", front_set_vring_base(&r->f->channel, 1, 0));
	front_ring_addr(&r->f->ring[1], &addr);
	WANT_OK(r, "SET_VRING_ADDR", front_set_vring_addr(&r->f->channel, &addr));
	WANT_OK(r, "SET_VRING_KICK without a descriptor",
		front_set_vring_fd(&r->f->channel, VHOST_USER_SET_VRING_KICK, 1, -1));
	WANT(check_enable(r, 1, true));
	WANT_OK(r, "INIT, made available", front_prepare(r->f, &op, &q));
	WANT_OK(r, "INIT, made available", front_enqueue(q));
	front_ring_publish(&r->f->ring[1]);
	WANT_THAT(r, came_back(q, SOON_MS), "the ring is looked at without a kick", "it is not");
}

static void one_queue(struct check_run *r)
{
	const struct front_op op = front_op_init(7, 38, 0, 0);
	struct front_request *q;

	WANT_OK(r, "memory", front_map_memory(r->f));
	WANT_OK(r, "NUM, BASE, ADDR, KICK and CALL of queue 1", front_start_ring(r->f, 1, 0));
	WANT(check_enable(r, 1, true));
	WANT_OK(r, "INIT", front_prepare(r->f, &op, &q));
	WANT_OK(r, "INIT", front_submit(q));
	WANT_THAT(r, came_back(q, SOON_MS), "the one queue that was started is served",
		  "it is not");
	WANT_OK(r, "INIT", q->result);
}

static const struct check checks[] = {
	{
		.id = "ringset.num-refused",
		.title = "sizes that no ring can have are refused",
		.rows = "VU-017 VIRTIO-VQ-024",
		.sends = "SET_VRING_NUM 65536, 4294967295, 0",
		.wants = "a failure is acknowledged, or the connection closed; no crash",
		.catches = "ack-success message-abort",
		.start = CHECK_NEGOTIATED,
		.protocol = PROTOCOL(REPLY_ACK),
		.may_die = true,
		.run = num_refused,
	},
	{
		.id = "ringset.addr-nowhere",
		.title = "a ring outside of memory harms nobody",
		.rows = "VU-006",
		.sends =
			"SET_VRING_ADDR with a used ring in no region, kick, stop; then good addresses",
		.wants = "the connection ends cleanly, or a session",
		.catches = "mem-user",
		.start = CHECK_NEGOTIATED,
		.protocol = PROTOCOL(REPLY_ACK),
		.may_die = true,
		.front = &patient_not,
		.run = addr_nowhere,
	},
	{
		.id = "ringset.addr-guest",
		.title = "ring addresses are user addresses, never guest addresses",
		.rows = "VU-005",
		.sends = "SET_VRING_ADDR with guest addresses, kick, stop; then user addresses",
		.wants = "the connection ends cleanly, or a session with the second",
		.catches = "mem-user",
		.start = CHECK_NEGOTIATED,
		.protocol = PROTOCOL(REPLY_ACK),
		.may_die = true,
		.front = &patient_not,
		.run = addr_guest,
	},
	{
		.id = "ringset.addr-unaligned",
		.title = "a ring that is not aligned harms nobody",
		.rows = "VU-006",
		.sends =
			"SET_VRING_ADDR with all three parts off by one, kick, stop; then good ones",
		.wants = "the connection ends cleanly, or a session",
		.catches = "message-abort",
		.start = CHECK_NEGOTIATED,
		.protocol = PROTOCOL(REPLY_ACK),
		.may_die = true,
		.front = &patient_not,
		.run = addr_odd,
	},
	{
		.id = "ringset.kick-replaced",
		.title = "a ring that is started again may have another kick descriptor",
		.rows = "VU-023 VU-003",
		.sends =
			"GET_VRING_BASE, start with another eventfd, GETATTR twice with kicks there",
		.wants = "both are used",
		.catches = "kick-kept",
		.front = &patient_not,
		.run = kick_replaced,
	},
	{
		.id = "ringset.call-replaced",
		.title = "a call descriptor can be replaced while a ring runs",
		.rows = "VU-023",
		.sends = "SET_VRING_CALL with a new eventfd, 20 GETATTRs",
		.wants = "the driver is told there, and not at the old one",
		.catches = "call-kept",
		.front = &patient_not,
		.run = call_replaced,
	},
	{
		.id = "ringset.call-none",
		.title = "a driver that polls needs no call descriptor",
		.rows = "VU-023",
		.sends = "SET_VRING_CALL without a descriptor, 5 requests",
		.wants = "all are used",
		.catches = "used-never:after=3",
		.front = &patient_not,
		.run = call_none,
	},
	{
		.id = "ringset.kick-none",
		.title = "a ring whose kick has no descriptor is looked at without kicks",
		.rows = "VU-003",
		.should = true,
		.sends = "SET_VRING_KICK without a descriptor, INIT without a kick",
		.wants = "used within 2 s",
		.catches = "kick-none",
		.start = CHECK_NEGOTIATED,
		.run = kick_none,
	},
	{
		.id = "ringset.one-queue",
		.title = "a driver may start one request queue and nothing else",
		.rows = "VU-002 VIRTIO-FS-CFG-013",
		.sends = "NUM, BASE, ADDR, KICK, CALL, ENABLE of queue 1 only; INIT",
		.wants = "it is used",
		.catches = "ring-waits-all",
		.start = CHECK_NEGOTIATED,
		.run = one_queue,
	},
};

const struct check_area area_ringset = { "ringset", "Setting up a ring", checks,
					 ARRAY_SIZE(checks) };
