// SPDX-License-Identifier: Apache-2.0
/* Kicks and calls: how the driver's are heard, and when it is told of what is finished. */
#include "conformance/ref/vhost/ring_notify.h"

#include <errno.h>
#include <sys/epoll.h>

#include "conformance/ref/fault/breaks.h"
#include "conformance/ref/ledger/ledger.h"
#include "conformance/ref/vhost/ring_pool.h"

/* The driver hears of what is finished at least so often, however much there is to serve. */
#define CALL_NS (50 * UINT64_C(1000))

/* The other side may have closed its end or never reads: neither is our trouble. */
void ring_signal(int fd)
{
	const uint64_t one = 1;

	if (fd >= 0)
		(void)!write(fd, &one, sizeof(one));
}

int ring_set_kick(struct ring *r, int take_fd)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };
	int error;

	/* Before it is closed: the front end has it too, so that closing would not end the watch. */
	if (r->kick_fd >= 0 && r->watch_fd >= 0)
		(void)epoll_ctl(r->watch_fd, EPOLL_CTL_DEL, r->kick_fd, NULL);
	fd_closep(&r->kick_fd);
	r->kick_fd = take_fd;
	e.data.u64 = ++r->kick_serial;
	if (take_fd < 0 || r->watch_fd < 0 ||
	    epoll_ctl(r->watch_fd, EPOLL_CTL_ADD, take_fd, &e) == 0)
		return 0;
	error = -errno;
	fd_closep(&r->kick_fd);
	return error;
}

/*
 * A kick is what starts the ring again, so one is wanted from here on, whatever was said while there was work.
 * And one that was read while requests are left in the ring would be lost: who starts the ring again passes
 * the same eventfd, so the kick is put back into it.
 */
void ring_return_kick(struct ring *r)
{
	bool left = r->kicked;
	uint64_t count;

	if (r->started && !r->broken && ring_view_refresh(r, false) == 0) {
		/* All that were seen. One that comes now is counted again, or its request is found below. */
		if (r->kick_fd >= 0)
			(void)!read(r->kick_fd, &count, sizeof(count));
		r->format->want_kick(r, true);
		r->kicks_wanted = true;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		left = r->format->available(r);
	}
	if (left)
		ring_signal(r->kick_fd);
}

void ring_call(struct ring *r)
{
	bool call;

	if (r->pushed == 0 || !r->started || !r->view)
		return;
	call = r->format->must_call(r);
	if (fault_hooked(FAULT_HOOK_CALL))
		call = fault_call(call);
	if (call) {
		ring_signal(r->call_fd);
		ledger_interrupt();
		if (r->call_after < r->size)
			r->call_after++;
	}
	r->called = r->called || call;
	r->never_called = false;
	r->pushed = 0;
	r->finished = 0;
	ring_view_tidy(r);
}

/*
 * When to tell the driver while there is more to serve. Never would be the fewest interrupts; but then it begins to
 * refill the ring when the last request is done, and each side sleeps while the other works. So it is told when half
 * is done, or before that: how many requests before is found by trying. When the ring ran dry although the driver was
 * told, it was told too late, and hears of half as many the next time; each time it was not, of one more.
 */
bool ring_call_due(const struct ring *r, const struct ring_request *rr)
{
	if (r->finished >= r->call_after || rr->pub.done_ns > r->finished_ns + CALL_NS)
		return true;
	return r->finished >= r->in_flight && !r->format->available(r);
}

void ring_ran_dry(struct ring *r)
{
	if (r->called)
		r->call_after = r->call_after > 1 ? r->call_after / 2 : 1;
	r->called = false;
}
