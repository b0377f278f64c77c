/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_DEVICE_RINGS_H
#define VQ_CONFORMANCE_DEVICE_RINGS_H

/* What the areas of queues and rings share. Those that return bool are words of checks: false, and the verdict is set. */

#include "base/clock.h"
#include "conformance/check.h"
#include "conformance/front/packed.h"
#include "conformance/front/split.h"

#include <fcntl.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/signalfd.h>

#define BIT(n)		 (UINT64_C(1) << (n))
#define FEATURE_INDIRECT BIT(VIRTIO_RING_F_INDIRECT_DESC)
#define FEATURE_EVENT	 BIT(VIRTIO_RING_F_EVENT_IDX)
#define FEATURE_PACKED	 BIT(VIRTIO_F_RING_PACKED)
#define IN_HEADER	 sizeof(struct fuse_in_header)
#define OUT_HEADER	 sizeof(struct fuse_out_header)
#define RINGS_SEED	 1
#define RINGS_TEXT	 160
/* Requests of one batch at most. */
#define BATCH_MAX 256
/* A chain that makes no sense need not come back. How long silence is listened to. */
#define SILENCE_MS 200
/* A request that must come although another one is held. */
#define MEANWHILE_MS 1000
/* Until the device has reached the host's file. */
#define HELD_MS 3000

struct rings_text {
	char text[RINGS_TEXT];
};

static inline const char *rings_say(struct rings_text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
static inline const char *rings_say(struct rings_text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(t->text, sizeof(t->text), fmt, ap);
	va_end(ap);
	return t->text;
}

/* ---- requests ---- */

/** rings_submit() - prepared and made available. 0 or FRONT_FAILED. */
static inline int rings_submit(struct front *f, const struct front_op *op,
			       struct front_request **ret)
{
	int e = front_prepare(f, op, ret);

	return e == 0 ? front_submit(*ret) : e;
}

/** rings_within() - ask, and wait for so long only. A result as front_wait(). */
static inline int rings_within(struct front *f, const struct front_op *op, uint64_t ms)
{
	struct front_request *q = NULL;
	int e = rings_submit(f, op, &q);

	if (e == 0)
		e = front_wait(q, clock_deadline_ms(ms));
	front_request_free(q);
	return e;
}

/** rings_root() - GETATTR of the root on queue @queue. */
static inline int rings_root(struct front *f, unsigned queue)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	op.queue = queue;
	return front_do(f, &op, NULL, 0, NULL);
}

/** rings_batch() - @count times @op, published by one index and one kick; all must come back, well. */
static inline bool rings_batch(struct check_run *r, const struct front_op *op, unsigned count)
{
	struct front_request *q[BATCH_MAX] = { NULL };
	struct rings_text t;
	bool good = true;

	for (unsigned i = 0; good && i < count; i++) {
		good = check_ok(r, "prepare", front_prepare(r->f, op, &q[i]));
		if (good && front_enqueue(q[i]) != 0)
			good = check_ok(r, "put into the ring", FRONT_FAILED);
	}
	if (good)
		front_kick(r->f, q[0]->queue);
	for (unsigned i = 0; good && i < count; i++)
		good = check_ok(r, rings_say(&t, "request %u of a batch of %u", i, count),
				front_wait(q[i], front_deadline(r->f)));
	for (unsigned i = 0; i < count; i++)
		front_request_free(q[i]);
	return good;
}

/* ---- a request that the host holds back ---- */

/*
 * The host has a write lease on a file: an OPEN of it waits in the device until the host gives the lease up.
 * That the device has come so far is told by a signal, and nobody sleeps for it.
 */
struct held {
	int fd;
	int signal_fd;
	uint64_t nodeid;
	struct front_request *open;
};
#define HELD_NONE                         \
	{                                 \
		.fd = -1, .signal_fd = -1 \
	}

static inline void held_end(struct held *h)
{
	fd_closep(&h->fd);
	fd_closep(&h->signal_fd);
	front_request_free(h->open);
	h->open = NULL;
}

static inline bool held_wait(struct check_run *r, struct held *h)
{
	uint64_t end_ns = clock_deadline_ms(HELD_MS);
	struct pollfd p = { .fd = h->signal_fd, .events = POLLIN };

	while (poll(&p, 1, 5) == 0) {
		(void)front_poll(r->f);
		if (!check_has(r, h->open->state == FRONT_IN_FLIGHT,
			       "an OPEN that a lease on the host's file can hold back"))
			return false;
		if (clock_now_ns() > end_ns)
			return check_ok(r, "OPEN reaches the host's file", FRONT_TIMEOUT);
	}
	return true;
}

/** held_begin() - a new file @name, and an OPEN of it on @queue that does not come back before held_let(). */
static inline bool held_begin(struct check_run *r, struct held *h, const char *name, unsigned queue)
{
	struct fuse_entry_out entry;
	struct front_op op;
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGIO);
	if (!check_host(r, "make a file", host_fill(r->share, name, 4096, RINGS_SEED)) ||
	    !check_ok(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, name, &entry)))
		return false;
	h->nodeid = entry.nodeid;
	h->fd = host_open(r->share, name, O_RDWR, 0);
	if (!check_host(r, "open", h->fd) ||
	    !check_host(r, "block SIGIO", sigprocmask(SIG_BLOCK, &set, NULL)))
		return false;
	h->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (!check_host(r, "signalfd", h->signal_fd < 0 ? -errno : 0) ||
	    !check_host(r, "lease", fcntl(h->fd, F_SETLEASE, F_WRLCK) < 0 ? -errno : 0))
		return false;
	op = front_op_open(h->nodeid, O_RDONLY);
	op.queue = queue;
	return check_ok(r, "submit OPEN", rings_submit(r->f, &op, &h->open)) && held_wait(r, h);
}

/** held_let() - and now it must come back, with success. */
static inline bool held_let(struct check_run *r, struct held *h)
{
	fd_closep(&h->fd);
	return check_ok(r, "OPEN, once the host gives up its lease",
			front_wait(h->open, front_deadline(r->f)));
}

/* ---- rings begun again ---- */

/** rings_again() - stop all, change the size if @size, and start at @base; then a new session. Split only. */
static inline bool rings_again(struct check_run *r, unsigned size, uint16_t base)
{
	struct front *f = r->f;
	struct err err = { "" };
	int e = front_stop(f, &err);

	for (unsigned i = 0; e == 0 && size && i < f->ring_count; i++) {
		bool event_idx = f->ring[i].event_idx;
		const struct front_ring_ops *ops = f->ring[i].ops;

		front_ring_close(&f->ring[i]);
		e = front_ring_open(&f->ring[i], ops, i, (uint16_t)size, event_idx, f->memory,
				    f->evidence);
	}
	for (unsigned i = 0; e == 0 && i < f->ring_count; i++) {
		front_ring_reset(&f->ring[i], base);
		f->base[i] = base;
		/* As the device has left it at that index: it wants to be told of the next one. */
		if (f->ring[i].event_idx)
			*front_split_avail_event(&f->ring[i]) = htole16(base);
	}
	f->kept = true;
	if (e == 0)
		e = front_start(f, &err);
	return check_that(r, e == 0, "rings can be stopped and started again", "%s", err.text) &&
	       check_ok(r, "INIT of a new session", front_init(f, 0, NULL));
}

/* ---- chains by hand ---- */

/* A GETATTR of the root as the pieces of a chain can refer to it. */
struct raw {
	struct front_buf *in;
	struct front_buf *out;
	struct front_buf *table;
	uint64_t unique;
};

#define RAW_IN	  (IN_HEADER + sizeof(struct fuse_getattr_in))
#define RAW_OUT	  (OUT_HEADER + sizeof(struct fuse_attr_out))
#define RAW_TABLE 64

enum raw_place { RAW_AT_IN, RAW_AT_OUT, RAW_AT_NOWHERE, RAW_AT_TABLE, RAW_AT_WRAP };

/* A number of a descriptor as it is, instead of the place in the list. */
#define RAW_NUMBER(n) (0x10000 + (n))
#define RAW_NEXT      (-1)

struct raw_piece {
	enum raw_place place;
	uint32_t len;
	uint16_t flags;
	int next; /* RAW_NEXT: the one behind; index in this list; RAW_NUMBER() */
};

enum raw_fate {
	RAW_USED,
	RAW_ERROR,  /* the device said on the error descriptor that the ring is broken */
	RAW_SILENT, /* nothing was heard */
	RAW_GONE,
};

static inline bool raw_new(struct check_run *r, struct raw *m)
{
	struct fuse_in_header h = { .len = RAW_IN, .opcode = FUSE_GETATTR, .nodeid = FRONT_ROOT };

	m->in = front_buf_new(r->f->memory, RAW_IN);
	m->out = front_buf_new(r->f->memory, RAW_OUT);
	m->table = front_buf_new(r->f->memory, RAW_TABLE * sizeof(struct vring_desc));
	if (!check_host(r, "guest memory", m->in && m->out && m->table ? 0 : -ENOMEM))
		return false;
	r->f->next_unique += 2;
	h.unique = m->unique = r->f->next_unique;
	memset(m->in->at, 0, m->in->size);
	memcpy(m->in->at, &h, sizeof(h));
	memset(m->table->at, 0, m->table->size);
	front_buf_poison(m->out);
	return true;
}

static inline uint64_t raw_address(const struct front *f, const struct raw *m, enum raw_place place)
{
	switch (place) {
	case RAW_AT_IN: return m->in->guest;
	case RAW_AT_OUT: return m->out->guest;
	case RAW_AT_TABLE: return m->table->guest;
	case RAW_AT_WRAP: return UINT64_MAX - 15;
	case RAW_AT_NOWHERE: break;
	}
	return front_guest_nowhere(f->memory);
}

/** raw_table() - fill @m's table with a list that ends with a piece of no length and no flags. */
static inline void raw_table(const struct front *f, const struct raw *m,
			     const struct raw_piece *list, unsigned max)
{
	struct vring_desc *d = (struct vring_desc *)(void *)m->table->at;

	for (unsigned i = 0; i < max && (list[i].len || list[i].flags); i++) {
		int next = list[i].next == RAW_NEXT ? (int)i + 1 : list[i].next;

		d[i].addr = htole64(raw_address(f, m, list[i].place));
		d[i].len = htole32(list[i].len);
		d[i].flags = htole16(list[i].flags);
		d[i].next = htole16((uint16_t)next);
	}
}

/** raw_offer() - a chain of the list, in descriptors that were free; published and kicked. Its head or -1. */
static inline int raw_offer(struct check_run *r, unsigned queue, const struct raw *m,
			    const struct raw_piece *list, unsigned max)
{
	struct front_ring *ring = &r->f->ring[queue];
	int at[16];
	unsigned count = 0;
	uint64_t writable = 0;

	for (; count < max && count < ARRAY_SIZE(at) && (list[count].len || list[count].flags);
	     count++) {
		at[count] = front_split_take(ring);
		if (!check_host(r, "a free descriptor", at[count]))
			return -1;
	}
	for (unsigned i = 0; i < count; i++) {
		int next = list[i].next;

		if (next == RAW_NEXT)
			next = i + 1 < count ? at[i + 1] : 0;
		else if (next < RAW_NUMBER(0) && next < (int)count)
			next = at[next];
		front_split_write(ring, (uint16_t)at[i], raw_address(r->f, m, list[i].place),
				  list[i].len, list[i].flags, (uint16_t)next);
	}
	/* All of `out` may be written, and no more, whatever the descriptors say. */
	writable = RAW_OUT;
	front_split_offer(ring, (uint16_t)at[0]);
	front_ring_expect(ring, (uint16_t)at[0], 1, writable, NULL);
	front_ring_publish(ring);
	front_ring_kick_anyway(ring);
	return at[0];
}

/** raw_wait() - what became of it; how many bytes were used. */
static inline enum raw_fate raw_wait(struct check_run *r, unsigned queue, uint32_t *ret_len)
{
	struct front_ring *ring = &r->f->ring[queue];
	struct pollfd p[3] = { { .fd = ring->call_fd, .events = POLLIN },
			       { .fd = ring->err_fd, .events = POLLIN },
			       { .fd = r->f->channel.fd, .events = POLLIN } };
	uint64_t end_ns = clock_deadline_ms(SILENCE_MS);
	struct front_used used;

	*ret_len = 0;
	for (;;) {
		uint64_t errors = ring->errors;

		(void)front_ring_arm(ring);
		if (front_ring_pop(ring, &used) == 1) {
			*ret_len = used.len;
			return RAW_USED;
		}
		if (!front_is_alive(r->f))
			return RAW_GONE;
		if (clock_now_ns() >= end_ns)
			return RAW_SILENT;
		(void)poll(p, ARRAY_SIZE(p), 20);
		(void)front_ring_take_calls(ring);
		if (ring->errors > errors)
			return RAW_ERROR;
	}
}

/** raw_checked() - the buffers' surroundings are whole, and behind the first @room bytes nothing is written. */
static inline bool raw_checked(struct check_run *r, const struct raw *m, uint64_t room)
{
	size_t at = front_buf_untouched(m->out, room < RAW_OUT ? room : RAW_OUT);

	(void)front_buf_check(r->f->memory, m->in, "a readable buffer");
	(void)front_buf_check(r->f->memory, m->out, "a writable buffer");
	(void)front_buf_check(r->f->memory, m->table, "an indirect table");
	return check_same(r, 0, "bytes beside the buffers that were written",
			  front_evidence_of(r->f->evidence, FRONT_FAULT_CANARY)) &&
	       check_same(r, m->out->size, "first byte behind the room that was written", at);
}

/** raw_renew() - rings and session begin again, by a reset where there is one. */
static inline bool raw_renew(struct check_run *r)
{
	struct err err = { "" };
	struct front *f = r->f;
	int e;

	if (front_has_protocol(f, VHOST_USER_PROTOCOL_F_STATUS) ||
	    front_has_protocol(f, VHOST_USER_PROTOCOL_F_RESET_DEVICE)) {
		e = front_reset(f, &err);
	} else {
		e = front_stop(f, &err);
		f->kept = false;
	}
	if (e == 0)
		e = front_start(f, &err);
	return check_that(r, e == 0, "the device can be reset and started after that", "%s",
			  err.text) &&
	       check_ok(r, "INIT of a new session", front_init(f, 0, NULL)) && check_alive(r);
}

/** raw_survived() - after @fate: the device is there, its other queue works, and so does a new session. */
static inline bool raw_survived(struct check_run *r, enum raw_fate fate)
{
	struct front_op forget = front_op_forget(4711, 1);

	if (!check_that(r, fate != RAW_GONE, "the device goes on", "the device hung up"))
		return false;
	if (fate == RAW_USED && !check_alive(r))
		return false;
	return check_ok(r, "FORGET on the high priority queue, after that",
			rings_within(r->f, &forget, MEANWHILE_MS)) &&
	       raw_renew(r);
}

#endif
