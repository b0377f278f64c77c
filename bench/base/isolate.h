/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_BASE_ISOLATE_H
#define VQ_BASE_ISOLATE_H

#include "base/err.h"

#include <stdbool.h>

/*
 * Everything that a run starts lives in a private mount and PID namespace below one init process.
 * When that init ends, for whatever reason, the kernel kills what is left and drops the mounts: a
 * kill -9 of the driver leaves nothing behind.
 */

/** isolate_body - what runs inside. Return: exit status of the inner process. */
typedef int isolate_body(void *arg);

/* How an isolated body ended. */
struct isolate_result {
	bool interrupted; /* SIGINT, SIGTERM or SIGHUP arrived; all was killed */
	int status;	  /* exit status of the body; 128 + signal when it died of one */
};

/**
 * isolate_run() - run @body isolated and wait for it.
 * As root with plain namespaces, else with a user namespace where the host allows one.
 * Return: 0; -EPERM when the host forbids namespaces, with what to do in @reterr.
 */
int isolate_run(isolate_body *body, void *arg, struct isolate_result *ret, struct err *reterr)
	MUST_USE;

#endif
