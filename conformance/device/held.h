/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_DEVICE_HELD_H
#define VQ_CONFORMANCE_DEVICE_HELD_H

/* A request that the host holds back in the device, for as long as a check wants. */

#include "base/clock.h"
#include "conformance/device/words.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

/* Until the device has reached the host's file. */
#define HELD_MS 3000

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
	if (!check_host(r, "make a file", host_fill(r->share, name, 4096, 1)) ||
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
	return check_ok(r, "OPEN, not waited for", front_prepare(r->f, &op, &h->open)) &&
	       check_ok(r, "OPEN, not waited for", front_submit(h->open)) && held_wait(r, h);
}

/** held_let() - and now it must come back, with success. */
static inline bool held_let(struct check_run *r, struct held *h)
{
	fd_closep(&h->fd);
	return check_ok(r, "OPEN, once the host gives up its lease",
			front_wait(h->open, front_deadline(r->f)));
}

#endif
