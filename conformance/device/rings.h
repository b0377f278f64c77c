/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_DEVICE_RINGS_H
#define VQ_CONFORMANCE_DEVICE_RINGS_H

/* What the areas of queues and rings share. Those that return bool are words of checks: false, and the verdict is set. */

#include "base/clock.h"
#include "conformance/check.h"
#include "conformance/front/packed.h"
#include "conformance/front/split.h"

#include <assert.h>
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
/* What must still work after a chain that makes no sense: a device that hangs is waited for that long. */
#define SURVIVAL_MS 500
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

#endif
