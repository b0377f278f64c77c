// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/vhost/conn.h"

#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "conformance/ref/fault/fault.h"
#include "conformance/ref/ledger/ledger.h"
#include "conformance/ref/log.h"
#include "conformance/ref/vhost/guard.h"
#include "conformance/ref/vhost/notify.h"

/* A front end waits for each reply; one that has stopped reading is gone. */
#define SEND_MS 5000

/* Requests that are still in flight when the front end has left are waited for; a line says so that often. */
#define PATIENCE_MS 10000
/* How often that wait looks whether the program is to end. */
#define SLICE_MS 100
/* Requests that are in flight when the program ends get this long. */
#define END_MS 500

void conn_memory_changed(struct conn *c)
{
	for (unsigned i = 0; i < c->queue_count; i++) {
		ring_memory_changed(&c->queue[i].ring);
		/* A ring may have been waiting for just this. */
		queue_wake(&c->queue[i]);
	}
}

void conn_memory_set(struct conn *c, struct memory *take_table)
{
	struct memory *old;

	(void)pthread_mutex_lock(&c->memory.lock);
	old = c->memory.table;
	c->memory.table = take_table;
	atomic_fetch_add_explicit(&c->memory.generation, 1, memory_order_release);
	(void)pthread_mutex_unlock(&c->memory.lock);
	(void)memory_unref(old);
	conn_memory_changed(c);
}

static bool stop_wanted(const struct conn *c)
{
	struct pollfd p = { .fd = c->stop_fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* Until ring @i has nothing in flight, and takes nothing. False when the program is to end before that. */
static bool drain_ring(struct conn *c, unsigned i)
{
	struct ring *r = &c->queue[i].ring;
	uint64_t line_ns = clock_deadline_ms(PATIENCE_MS);
	uint64_t end_ns = 0;
	int e;

	(void)pthread_mutex_lock(&r->lock);
	while ((e = ring_drain(r, clock_deadline_ms(SLICE_MS))) < 0) {
		conn_interrupt(c);
		if (end_ns == 0 && stop_wanted(c))
			end_ns = clock_deadline_ms(END_MS);
		if (end_ns != 0 && clock_now_ns() > end_ns)
			break;
		if (clock_now_ns() > line_ns) {
			ref_log(REF_LOG_WARN, "queue %u: waiting for %u requests that are blocked",
				r->index, r->in_flight);
			line_ns = clock_deadline_ms(PATIENCE_MS);
		}
	}
	(void)pthread_mutex_unlock(&r->lock);
	return e == 0;
}

bool conn_session_over(struct conn *c, const char *why)
{
	/* Whatever waits for the front end now waits for nothing. */
	shmem_hurry(c->shmem);
	conn_interrupt(c);
	for (unsigned i = 0; i < c->queue_count; i++)
		if (!drain_ring(c, i))
			return false;
	shmem_forget(c->shmem);
	if (c->used) {
		ref_log(REF_LOG_DEBUG, "session over: %s", why);
		if (!fault_at(FAULT_RESET_KEEPS_SESSION))
			c->handler->drop(c->handler->context, !fault_at(FAULT_RESET_UNMAPS));
	}
	c->used = false;
	for (unsigned i = 0; i < c->queue_count; i++) {
		struct ring *r = &c->queue[i].ring;

		(void)pthread_mutex_lock(&r->lock);
		ring_forget(r);
		r->draining = false;
		/* One that runs on may have a new session at once. */
		c->used = c->used || r->started;
		(void)pthread_mutex_unlock(&r->lock);
		queue_wake(&c->queue[i]);
	}
	return true;
}

static int ack(struct conn *c, const struct vhost_user_header *asked, const void *body, size_t size)
{
	int e = msg_send(c->fd, asked->request, VHOST_USER_FLAG_REPLY, body, size, -1,
			 clock_deadline_ms(SEND_MS));

	if (e < 0)
		ref_log(REF_LOG_WARN, "the front end does not take the reply to message %u: %s",
			asked->request, strerror(-e));
	return e;
}

static bool wants_ack(const struct conn *c, const struct vhost_user_header *h)
{
	return (c->protocol & (UINT64_C(1) << VHOST_USER_PROTOCOL_F_REPLY_ACK)) &&
	       ((h->flags & VHOST_USER_FLAG_NEED_REPLY) || fault_at(FAULT_ACK_UNASKED));
}

static int acknowledge(struct conn *c, const struct vhost_user_header *h, uint64_t failed)
{
	if (!wants_ack(c, h) || fault_at(FAULT_ACK_MISSING))
		return 0;
	if (failed && fault_at(FAULT_ACK_SUCCESS))
		failed = 0;
	if (!failed && fault_at(FAULT_ACK_FAILURE))
		failed = 1;
	if (fault_at(FAULT_ACK_TWICE))
		(void)ack(c, h, &failed, sizeof(failed));
	return ack(c, h, &failed, sizeof(failed));
}

/* The right shape? One line says what is wrong; the connection ends, because nobody knows what comes next. */
static bool well_formed(const struct conn_rule *rule, const struct msg *m)
{
	if (m->head.flags & VHOST_USER_FLAG_REPLY) {
		ref_log(REF_LOG_ERROR, "%s: the front end sent a reply; it is disconnected",
			rule->name);
	} else if (m->head.size < rule->size_min || m->head.size > rule->size_max) {
		ref_log(REF_LOG_ERROR, "%s with %u bytes; the front end is disconnected",
			rule->name, m->head.size);
	} else if (m->fd_count < rule->fds_min || m->fd_count > rule->fds_max) {
		ref_log(REF_LOG_ERROR, "%s with %zu descriptors; the front end is disconnected",
			rule->name, m->fd_count);
	} else {
		return true;
	}
	if (fault_at(FAULT_MESSAGE_ABORT))
		abort();
	return false;
}

static int unknown(struct conn *c, const struct msg *m)
{
	ref_log(REF_LOG_WARN, "message %u is not known, or was not negotiated", m->head.request);
	if (fault_at(FAULT_MESSAGE_ABORT))
		abort();
	return fault_at(FAULT_UNKNOWN_SILENT) ? 0 : acknowledge(c, &m->head, 1);
}

/* 0, or the connection is over. */
static int dispatch(struct conn *c, struct msg *m)
{
	const struct vhost_user_header head = m->head;
	const struct conn_rule *rule = conn_rule(head.request);
	struct err err = { "" };
	int n;

	if (!rule || (c->protocol & rule->protocol) != rule->protocol)
		return unknown(c, m);
	if (!well_formed(rule, m))
		return -EPROTO;
	if (fault_hooked(FAULT_HOOK_REQUEST))
		shmem_fault(c->shmem);
	n = rule->run(c, m, &err);
	if (n == CONN_LOST)
		return -EPROTO;
	if (n < 0)
		ref_log(REF_LOG_WARN, "%s: %s", rule->name, err.text);
	if (n < 0 && fault_at(FAULT_MESSAGE_ABORT))
		abort();
	if (rule->replies) {
		n = ack(c, &head, m->body.bytes, n > 0 ? (size_t)n : 0);
		return n < 0 || !fault_at(FAULT_ACK_GET) ? n : acknowledge(c, &head, 0);
	}
	return acknowledge(c, &head, n < 0);
}

static int dispatch_recorded(struct conn *c, struct msg *m)
{
	struct ledger_event event = { .kind = LEDGER_MESSAGE,
				      .code = m->head.request,
				      .bytes = m->head.size,
				      .start_ns = clock_now_ns() };

	c->received_ns = event.start_ns;
	event.result = dispatch(c, m);
	event.end_ns = clock_now_ns();
	ledger_add(&event);
	return event.result;
}

static void report_hits(unsigned long *seen)
{
	unsigned long now = guard_hits();

	if (now != *seen)
		ref_log(REF_LOG_WARN, "%lu pages of guest memory were gone when they were needed",
			now - *seen);
	*seen = now;
}

static void talk(struct conn *c)
{
	unsigned long hits = guard_hits();

	for (;;) {
		struct pollfd p[2] = { { .fd = c->fd, .events = POLLIN },
				       { .fd = c->stop_fd, .events = POLLIN } };
		struct err err;
		int n;

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (p[1].revents)
			return;
		n = msg_recv(c->fd, &c->in, &err);
		if (n < 0 && n != -ECONNRESET && fault_at(FAULT_MESSAGE_ABORT))
			abort();
		if (n < 0) {
			ref_log(n == -ECONNRESET ? REF_LOG_INFO : REF_LOG_ERROR, "%s", err.text);
			return;
		}
		if (n == 0)
			continue;
		n = dispatch_recorded(c, &c->in);
		msg_clear(&c->in);
		report_hits(&hits);
		if (n < 0)
			return;
	}
}

/* A ring that starts second waits for the first: its guest shall find its window whole as well. */
static void on_ring_start(void *context)
{
	struct conn *c = context;

	(void)pthread_mutex_lock(&c->resume_lock);
	if (shmem_resume(c->shmem) && c->handler->resumed)
		c->handler->resumed(c->handler->context);
	(void)pthread_mutex_unlock(&c->resume_lock);
}

static int init_queues(struct conn *c)
{
	unsigned count = c->options->queues + 1 + notify_is_on();

	if (count > CONN_QUEUES_MAX)
		count = CONN_QUEUES_MAX;
	for (; c->queue_count < count; c->queue_count++) {
		struct queue *q = &c->queue[c->queue_count];
		/* Nothing on the high priority queue may wait, so it needs no workers. */
		unsigned workers = c->queue_count == REF_HIPRIO ? 0 : c->options->threads;
		int e = queue_init(q, (uint16_t)c->queue_count, workers, &c->memory, c->handler);

		if (e < 0)
			return e;
		q->poll_us = c->options->poll_us;
		q->linger_us = c->options->linger_us;
		q->keeps_buffers = notify_is_on() && c->queue_count == NOTIFY_QUEUE;
		if (notify_is_on() && c->queue_count > NOTIFY_QUEUE)
			q->notify = &c->queue[NOTIFY_QUEUE];
		q->waits_all = fault_at(FAULT_RING_WAITS_ALL);
		q->on_start = on_ring_start;
		q->on_start_context = c;
	}
	return 0;
}

static void stop_queues(struct conn *c)
{
	for (unsigned i = 0; i < c->queue_count; i++) {
		struct ring *r = &c->queue[i].ring;

		/* Nothing new; what is in flight is not told to a guest whose VMM is gone. */
		(void)pthread_mutex_lock(&r->lock);
		r->enabled = false;
		fd_closep(&r->call_fd);
		(void)pthread_mutex_unlock(&r->lock);
	}
}

static void conn_free(struct conn *c)
{
	for (unsigned i = 0; i < c->queue_count; i++)
		queue_destroy(&c->queue[i]);
	(void)memory_unref(c->memory.table);
	(void)pthread_mutex_destroy(&c->memory.lock);
	(void)pthread_mutex_destroy(&c->resume_lock);
	msg_clear(&c->in);
	free(c);
}

int conn_serve(const struct ref_options *o, const struct ref_handler *h, struct shmem *shmem,
	       struct ref_window *window, int fd, int stop_fd)
{
	struct conn *c = calloc(1, sizeof(*c));
	bool over;
	int e;

	if (!c)
		return -ENOMEM;
	c->options = o;
	c->handler = h;
	c->shmem = shmem;
	c->window = window;
	c->fd = fd;
	c->stop_fd = stop_fd;
	(void)pthread_mutex_init(&c->resume_lock, NULL);
	(void)pthread_mutex_init(&c->memory.lock, NULL);
	c->memory.table = memory_new();
	e = c->memory.table ? init_queues(c) : -ENOMEM;
	if (e < 0) {
		conn_free(c);
		return e;
	}
	shmem_suspend(shmem);
	talk(c);
	while (fault_at(FAULT_LEAVING_HANGS))
		(void)poll(NULL, 0, SLICE_MS);
	stop_queues(c);
	shmem_detach(shmem);
	over = conn_session_over(c, "the front end has left");
	__atomic_store_n(&window->bytes, 0, __ATOMIC_RELAXED);
	if (!over) {
		ref_log(REF_LOG_WARN, "requests that do not end are left behind");
		return -EBUSY;
	}
	conn_free(c);
	return 0;
}
