// SPDX-License-Identifier: Apache-2.0
#include "conformance/front/pump.h"

#include "base/clock.h"

#include <assert.h>
#include <string.h>

/* Descriptors that one wait may watch: the socket, and call and error of each queue. */
#define WATCHED_MAX 160
/* How often it is asked whether the device has stalled. */
#define ASK_EVERY_MS 50

static bool can_serve(const struct front_pump *p)
{
	return p && !p->serving && p->serve && (p->fd >= 0 || p->due_ns);
}

static void serve(struct front_pump *p)
{
	p->serving = true;
	p->serve(p->context);
	p->serving = false;
}

static int wait_ms(const struct front_pump *p, uint64_t deadline_ns)
{
	int left = clock_left_ms(deadline_ns);

	if (can_serve(p) && p->due_ns) {
		int due = clock_left_ms(p->due_ns);

		left = due < left ? due : left;
	}
	return p && p->stalled && left > ASK_EVERY_MS ? ASK_EVERY_MS : left;
}

bool front_pump_stalled(const struct front_pump *p)
{
	return p && p->stalled && !p->serving && !p->due_ns && p->stalled(p->stalled_context);
}

int front_pump_wait(struct front_pump *p, struct pollfd *fds, size_t count, uint64_t deadline_ns)
{
	struct pollfd all[WATCHED_MAX];

	assert(count < WATCHED_MAX);
	for (;;) {
		bool pumping = can_serve(p);
		size_t n = count;
		int ready;

		if (count)
			memcpy(all, fds, count * sizeof(*fds));
		if (pumping)
			all[n++] = (struct pollfd){ .fd = p->fd, .events = POLLIN };
		ready = poll(all, n, wait_ms(p, deadline_ns));
		if (ready < 0)
			ready = 0; /* EINTR: the deadline is absolute */
		if (pumping && ((ready > 0 && all[count].revents) ||
				(p->due_ns && clock_now_ns() >= p->due_ns))) {
			ready -= ready > 0 && all[count].revents != 0;
			serve(p);
			if (ready <= 0)
				return 1;
		}
		if (ready > 0 && count > 0) {
			memcpy(fds, all, count * sizeof(*fds));
			return 0;
		}
		if (clock_now_ns() >= deadline_ns)
			return -ETIMEDOUT;
		if (ready == 0 && front_pump_stalled(p))
			return -ETIMEDOUT;
	}
}

void front_pump_once(struct front_pump *p)
{
	(void)front_pump_wait(p, NULL, 0, 0);
}
