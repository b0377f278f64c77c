/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_BACKEND_H
#define VQ_RUN_BACKEND_H

#include "run/session.h"

/* What serves the share of a session: a daemon of ours, or the VMM itself. */

/** backend_start() - the daemon, listening; the folder of the VMM's 9p device. */
int backend_start(struct pass_context *ctx, struct session *s, struct pass_result *r,
		  struct err *reterr) MUST_USE;

/** backend_vmm_socket() - the vhost-user socket that the VMM is to use; NULL: its stack has none. */
const char *backend_vmm_socket(const struct session *s);

/** backend_refuses() - did the daemon leave at once, as one that does not know the mode? Fills @r with n/a. */
bool backend_refuses(struct session *s, struct pass_result *r);

/** backend_append() - add to the reason of @r, once, what became of the daemon and its last words. */
void backend_append(struct session *s, struct pass_result *r);

/**
 * backend_stop() - end the daemon.
 * @should_leave: its device is gone: one that crashes or hangs now fails the pass.
 */
void backend_stop(struct session *s, struct pass_result *r, bool should_leave);

/** backend_fate() - a process's fate, or that it is alive or stopped; in @scratch. */
const char *backend_fate(struct proc *p, char *scratch, size_t size);

#endif
