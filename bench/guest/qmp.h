/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_GUEST_QMP_H
#define VQ_GUEST_QMP_H

#include "base/err.h"

#include <jansson.h>

/*
 * The QEMU Machine Protocol over a connected socket. One command at a time; events that arrive
 * meanwhile are kept (the newest QMP_EVENTS_MAX) until somebody waits for them.
 * Source: QEMU docs/interop/qmp-spec.
 */
struct qmp;

#define QMP_EVENTS_MAX 64

/** qmp_open() - greet and leave negotiation mode. Owns @take_fd from the call on. */
int qmp_open(int take_fd, uint64_t deadline_ns, struct qmp **ret, struct err *reterr) MUST_USE;
struct qmp *qmp_close(struct qmp *q);

/** qmp_version() - as QEMU greets: "11.1.3"; "" when it does not say. Borrowed. */
const char *qmp_version(const struct qmp *q);

/** qmp_set_log() - copy every line sent and received to @take_log (may be NULL: none). */
void qmp_set_log(struct qmp *q, FILE *take_log);

/**
 * qmp_command() - run a command.
 * @take_args: arguments object, or NULL. Released in every case.
 * @send_fd:   descriptor passed along (for getfd), or -1. Borrowed.
 * @ret:       the "return" value (new reference); may be NULL.
 * Return: 0; -EREMOTEIO with QEMU's class and text; -ETIMEDOUT; -ECONNRESET when QEMU is gone.
 */
int qmp_command(struct qmp *q, const char *name, json_t *take_args, int send_fd,
		uint64_t deadline_ns, json_t **ret, struct err *reterr) MUST_USE;

/**
 * qmp_wait_event() - until an event @name whose data has @key equal to @value (or any, with NULL).
 * Return: 0; -ETIMEDOUT; -ECONNRESET.
 */
int qmp_wait_event(struct qmp *q, const char *name, const char *key, const char *value,
		   uint64_t deadline_ns, struct err *reterr) MUST_USE;

#endif
