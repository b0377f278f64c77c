/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RELAY_RELAY_H
#define VQ_RELAY_RELAY_H

#include "base/proc.h"

#include <jansson.h>

/*
 * A relay is a small child process between a VMM and a virtio-fs daemon. It passes vhost-user
 * messages on and serves the guest's virtqueues itself, through shadow rings that the daemon
 * serves. So it sees each request once and in order, and counts it, whatever the daemon is.
 */
#define RELAY_NAME "vq-relay" /* as the kernel shows the process */

struct relay_config {
	int listen_fd;		   /* listening socket for the VMM; borrowed */
	const char *daemon_socket; /* path that the daemon listens on */
	uid_t uid;		   /* who the relay runs as; 0: stays who we are */
	gid_t gid;
};

struct relay;

/**
 * relay_start() - connect to the daemon and start relaying for the first VMM that connects.
 * The child dies with this thread; it ends by itself when the VMM leaves (after it has left the
 * daemon), when the daemon leaves, and when it is stopped.
 */
int relay_start(const struct relay_config *c, struct relay **ret, struct err *reterr) MUST_USE;

/**
 * relay_snapshot() - what was carried since the start: {negotiated, masked, queues, total}, as in
 * results/README.md. Waits shortly for requests in flight.
 * Return: 0; -ETIMEDOUT; -EPIPE when the relay has ended, with its last words in @reterr.
 */
int relay_snapshot(struct relay *r, uint64_t deadline_ns, json_t **ret, struct err *reterr)
	MUST_USE;

/**
 * relay_ops() - requests taken since the start by opcode, of all queues; @count: at most FUSE_OPCODES.
 * Opcodes beyond are counted as 0, which FUSE does not use.
 * Read from memory that the relay shares: at any time, also in forked children of the driver.
 */
void relay_ops(const struct relay *r, uint64_t *ret, size_t count);

/** relay_pid() - of the child process, for those who watch or account. */
pid_t relay_pid(const struct relay *r);

/**
 * relay_stop() - end it and free @r (may be NULL).
 * Return: 0; -EPROTO when it had ended because something was wrong, with its last words.
 */
int relay_stop(struct relay *r, struct err *reterr);

#endif
