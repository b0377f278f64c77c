// SPDX-License-Identifier: Apache-2.0
#include "conformance/front/device.h"

#include "base/clock.h"

#include <assert.h>
#include <string.h>

#define RING_SIZE_DEFAULT 128
#define EVENTS_DEFAULT	  256
/* Looks at the rings between two looks at the sockets, when busy-polling. */
#define SPINS 256

bool front_has(const struct front *f, unsigned virtio_feature_bit)
{
	return f->features >> virtio_feature_bit & 1;
}

bool front_has_protocol(const struct front *f, unsigned bit)
{
	return f->protocol >> bit & 1;
}

bool front_is_alive(struct front *f)
{
	return front_channel_alive(&f->channel);
}

bool front_is_stalled(const struct front *f)
{
	return front_pump_stalled(&f->pump);
}

uint64_t front_deadline(const struct front *f)
{
	return clock_deadline_ms(f->options.timeout_ms);
}

static void fill_defaults(struct front_options *o)
{
	o->queues = o->queues ? o->queues : 1;
	o->ring_size = o->ring_size ? o->ring_size : RING_SIZE_DEFAULT;
	o->timeout_ms = o->timeout_ms ? o->timeout_ms : FRONT_TIMEOUT_MS;
	o->events = o->events ? o->events : EVENTS_DEFAULT;
	assert(o->queues < FRONT_QUEUES_MAX);
}

/* Sockets of a new connection; memory stays. */
static int connect_sockets(struct front *f, int take_fd, struct err *reterr)
{
	int e = 0;

	if (take_fd < 0)
		e = front_connect(f->options.path, front_deadline(f), &take_fd, reterr);
	if (e < 0)
		return e;
	front_channel_init(&f->channel, take_fd, "device", f->evidence, &f->pump,
			   f->options.timeout_ms);
	return front_window_new(&f->options.window_options, f->evidence, &f->pump, &f->channel,
				&f->window, reterr);
}

int front_open(const struct front_options *o, struct front **ret, struct err *reterr)
{
	struct front *f = calloc(1, sizeof(*f));
	int e;

	if (!f)
		return err_set(reterr, -ENOMEM, "out of memory");
	f->options = *o;
	fill_defaults(&f->options);
	f->channel.fd = -1;
	f->pump.fd = -1;
	f->pump.stalled = o->stalled;
	f->pump.stalled_context = o->stalled_context;
	f->queue = 1;
	f->evidence = front_evidence_new(f->options.events);
	if (!f->evidence) {
		(void)front_free(f);
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	f->evidence->traffic = o->traffic;
	e = front_memory_new(&o->memory, f->evidence, &f->memory, reterr);
	if (e == 0)
		e = connect_sockets(f, o->fd > 0 ? o->fd : -1, reterr);
	if (e < 0) {
		(void)front_free(f);
		return e;
	}
	*ret = f;
	return 0;
}

int front_new(const struct front_options *o, struct front **ret, struct err *reterr)
{
	struct front *f = NULL;
	int e = front_open(o, &f, reterr);

	if (e < 0)
		return e;
	e = front_negotiate(f, reterr);
	if (e == 0)
		e = front_start(f, reterr);
	if (e < 0) {
		(void)front_free(f);
		return e;
	}
	*ret = f;
	return 0;
}

static void lose_requests(struct front *f, int result)
{
	struct front_request *next;

	for (struct front_request *r = f->requests; r; r = next) {
		next = r->next;
		front_request_lose(r, result);
	}
}

static void close_rings(struct front *f)
{
	lose_requests(f, FRONT_GONE);
	for (unsigned i = 0; i < FRONT_QUEUES_MAX; i++)
		front_ring_close(&f->ring[i]);
	f->ring_count = 0;
}

void front_hang_up(struct front *f)
{
	front_channel_close(&f->channel);
	f->window = front_window_free(f->window);
	lose_requests(f, FRONT_GONE);
	f->started = false;
	f->negotiated = false;
	f->mapped = false;
	f->kept = false;
}

int front_reconnect(struct front *f, struct err *reterr)
{
	int e;

	assert(f->options.path);
	front_hang_up(f);
	e = connect_sockets(f, -1, reterr);
	if (e == 0)
		e = front_negotiate(f, reterr);
	return e < 0 ? e : front_start(f, reterr);
}

int front_verify(struct front *f)
{
	int e = front_memory_check(f->memory);

	for (unsigned i = 0; i < f->ring_count; i++)
		for (int part = 0; part < 3; part++)
			if (front_buf_check(f->memory, f->ring[i].part[part], "a ring") < 0)
				e = -EBADMSG;
	return e;
}

struct front *front_free(struct front *f)
{
	if (!f)
		return NULL;
	front_hang_up(f);
	close_rings(f);
	while (f->requests) {
		struct front_request *r = f->requests;

		assert(r->state != FRONT_IN_FLIGHT);
		front_request_free(r);
	}
	f->memory = front_memory_free(f->memory);
	f->evidence = front_evidence_free(f->evidence);
	free(f);
	return NULL;
}

void front_kick(struct front *f, unsigned queue)
{
	(void)front_ring_kick(&f->ring[queue]);
}

static unsigned poll_ring(struct front_ring *r)
{
	struct front_used used;
	unsigned ended = 0;

	/* More than a ring holds at once is a device that runs ahead. */
	for (unsigned i = 0; i < 2U * r->size; i++) {
		int e = front_ring_pop(r, &used);

		if (e == 0)
			break;
		if (e < 0 || !used.cookie)
			continue;
		front_request_used(used.cookie, used.len);
		ended++;
	}
	return ended;
}

unsigned front_poll(struct front *f)
{
	unsigned ended = 0;

	for (unsigned i = 0; i < f->ring_count; i++)
		if (f->ring[i].ops)
			ended += poll_ring(&f->ring[i]);
	return ended;
}

/* Ask all rings to call. Is something there already? */
static bool arm(struct front *f)
{
	bool there = false;

	for (unsigned i = 0; i < f->ring_count; i++)
		there |= front_ring_arm(&f->ring[i]);
	return there;
}

/* @ret_left: has the socket something to say, or nothing more? Asking it each time would be a system call each. */
static int wait_called(struct front *f, uint64_t deadline_ns, bool *ret_left)
{
	struct pollfd pfd[1 + FRONT_QUEUES_MAX];
	size_t count = 0;
	int e;

	pfd[count++] = (struct pollfd){ .fd = f->channel.fd, .events = POLLIN };
	for (unsigned i = 0; i < f->ring_count; i++)
		pfd[count++] = (struct pollfd){ .fd = f->ring[i].call_fd, .events = POLLIN };
	e = front_pump_wait(&f->pump, pfd, count, deadline_ns);
	*ret_left = e != 0 || pfd[0].revents || f->channel.broken;
	for (unsigned i = 0; i < f->ring_count; i++)
		if (e != 0 || pfd[1 + i].revents)
			(void)front_ring_take_calls(&f->ring[i]);
	return e;
}

/* One turn of waiting. 1: requests have ended; 0: something may have come; FRONT_TIMEOUT; FRONT_GONE. */
static int wait_turn(struct front *f, uint64_t deadline_ns)
{
	bool look = true;
	int e;

	if (f->options.busy_poll) {
		for (unsigned i = 0; i < SPINS; i++)
			if (front_poll(f) > 0)
				return 1;
		front_pump_once(&f->pump);
		e = clock_now_ns() < deadline_ns ? 0 : -ETIMEDOUT;
	} else {
		if (arm(f))
			return 0;
		e = wait_called(f, deadline_ns, &look);
	}
	if (look && !front_channel_alive(&f->channel)) {
		/* What was used before it went away counts. */
		if (front_poll(f) > 0)
			return 1;
		front_fault(f->evidence, FRONT_FAULT_GONE, "with requests in flight");
		lose_requests(f, FRONT_GONE);
		return FRONT_GONE;
	}
	return e < 0 ? FRONT_TIMEOUT : 0;
}

/* The deadline has passed. What is there now has come without a call. */
static unsigned poll_late(struct front *f)
{
	unsigned ended = front_poll(f);

	if (ended > 0 && !f->options.busy_poll)
		front_fault(f->evidence, FRONT_FAULT_LOST_CALL,
			    "%u requests were used, nobody was told", ended);
	return ended;
}

int front_wait_any(struct front *f, uint64_t deadline_ns)
{
	for (;;) {
		int e;

		if (front_poll(f) > 0)
			return 0;
		e = wait_turn(f, deadline_ns);
		if (e > 0)
			return 0;
		if (e == FRONT_TIMEOUT && poll_late(f) > 0)
			return 0;
		if (e < 0)
			return e;
	}
}

int front_wait(struct front_request *r, uint64_t deadline_ns)
{
	struct front *f = r->front;
	char scratch[32];

	assert(r->state != FRONT_PREPARED);
	while (r->state == FRONT_IN_FLIGHT) {
		int e = front_wait_any(f, deadline_ns);

		if (e == FRONT_TIMEOUT && r->state == FRONT_IN_FLIGHT)
			front_fault(f->evidence, FRONT_FAULT_NOT_USED, "queue %u: %s, unique %llu",
				    r->queue, front_op_name(r->opcode, scratch, sizeof(scratch)),
				    (unsigned long long)r->unique);
		if (e < 0 && r->state == FRONT_IN_FLIGHT)
			return e;
	}
	return r->result;
}
