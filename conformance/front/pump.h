/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FRONT_PUMP_H
#define VQ_FRONT_PUMP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What is served while the front end waits for something else: the back-end's own requests. A device
 * may need an answer on that socket before it answers on another, so no wait of the front end may be a
 * wait for one descriptor only. Source: QEMU's vhost-user text, "Back-end communication".
 *
 * Served inside the waits of the one thread, not by a thread of its own: a check then sees one order of
 * events, the same each time, and can hold an answer back exactly where it wants to. Threads that hammer
 * the window while it is remapped belong to the check; they touch window memory only.
 */
struct front_pump {
	int fd;		 /* to be watched; -1: none */
	uint64_t due_ns; /* call `serve` at that time as well; 0: never */
	void (*serve)(void *context);
	void *context;
	bool serving; /* no nesting */
	/*
	 * Is the device such that nothing will ever come of it, unless it is told something new? Asked now and
	 * then while nothing comes; NULL: nobody knows, and each deadline is waited for.
	 */
	bool (*stalled)(void *context);
	void *stalled_context;
};

/**
 * front_pump_wait() - poll() for @fds until @deadline_ns (absolute), serving in between.
 * Return: 0 when one of @fds has an event (their revents are set); 1 when something was served, which may
 * have changed what the caller waits for; -ETIMEDOUT, also before that time when the device has stalled.
 */
int front_pump_wait(struct front_pump *p, struct pollfd *fds, size_t count, uint64_t deadline_ns);

/** front_pump_stalled() - as front_pump.stalled says; false while something of ours is still to be done. */
bool front_pump_stalled(const struct front_pump *p);

/** front_pump_once() - serve what is there, without waiting. */
void front_pump_once(struct front_pump *p);

#endif
