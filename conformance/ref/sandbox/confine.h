/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_SANDBOX_CONFINE_H
#define VQ_REF_SANDBOX_CONFINE_H

/* What a process gives up of itself, for good: capabilities and system calls. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* Bits of an argument that is an int, or an unsigned one. */
#define CONFINE_INT UINT32_MAX

/* A system call that stays; with @values only if argument @arg, of which the bits of @mask count, is one of them. */
struct confine_call {
	int number;
	int error; /* it does not stay, but fails with this errno: callers can do without it */
	unsigned arg;
	uint64_t mask;
	const uint64_t *values;
	size_t value_count;
};

/**
 * confine_capabilities() - of this process only @keep (a mask of 1 << CAP_...) is left, and nothing can bring
 * more: the bounding and ambient sets are empty, no_new_privs is on.
 */
int confine_capabilities(uint64_t keep) MUST_USE;

/**
 * confine_calls() - any system call that is in none of the two lists is not made and ends the process with SIGSYS.
 * @more: may be NULL.
 * @tell: the number of the call is written to standard error first, by a handler of SIGSYS: the lists must then
 *        not let anybody replace it (rt_sigaction). Blocking SIGSYS is no way around: the kernel ends who does. False:
 *        the kernel ends the process at once, and its audit log has the number.
 */
int confine_calls(const struct confine_call *call, size_t count, const struct confine_call *more,
		  size_t more_count, bool tell) MUST_USE;

/* confine_held() - the capabilities that are in effect in this thread. */
uint64_t confine_held(void);

#endif
