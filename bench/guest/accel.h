/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_GUEST_ACCEL_H
#define VQ_GUEST_ACCEL_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Is an accelerator usable? That /dev/kvm can be opened proves nothing: a virtual CPU may still
 * hang or be refused. So a real kernel is booted until our init says hello, against a deadline.
 */

/* What our init prints when the kernel command line holds "vq.probe=1". */
#define ACCEL_HELLO "VQ-PROBE-OK"

struct accel_probe {
	char *const *argv; /* VMM that boots the probe guest, console on stdout */
	char *const *env;
	uid_t uid;
	gid_t gid;
	unsigned deadline_ms;
};

struct accel_result {
	bool ok;
	char seen[512]; /* what happened, in one line */
};

/** accel_probe() - boot and see. Never fails: not being able to start is a result too. */
void accel_probe(const struct accel_probe *p, struct accel_result *ret);

#endif
