/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_SOCKET_H
#define VQ_RUN_SOCKET_H

#include "base/proc.h"
#include "run/world.h"

/* The sockets between daemon, relay and VMM: one that we make and hand on, or one that a daemon makes. */

/** socket_listen() - bind and listen; the descriptor, or -errno. */
int socket_listen(const char *path, struct err *reterr) MUST_USE;

/** socket_give() - to the VMM's user. */
int socket_give(const char *path, const struct world *w, struct err *reterr) MUST_USE;

/** socket_watch() - see new names in the folder of sockets; before the daemon starts. */
int socket_watch(struct err *reterr) MUST_USE;

/**
 * socket_await() - until the daemon listens at @path.
 * Return: 0; -ETIMEDOUT; -EOWNERDEAD when it ended before.
 */
int socket_await(const char *path, const struct proc *daemon, int watch_fd, struct err *reterr)
	MUST_USE;

#endif
