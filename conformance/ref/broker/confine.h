/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_BROKER_CONFINE_H
#define VQ_REF_BROKER_CONFINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* A system call that stays allowed; with @commands only where its second argument is one of them. */
struct confine_call {
	int number;
	const uint32_t *commands;
	size_t command_count;
};

/**
 * confine_capabilities() - of this process only @keep (a mask of 1 << CAP_...) is left, and nothing can bring
 * more: the bounding and ambient sets are empty, no_new_privs is on.
 */
int confine_capabilities(uint64_t keep) MUST_USE;

/* confine_calls() - any system call that is not listed ends the process. For good. */
int confine_calls(const struct confine_call *call, size_t count) MUST_USE;

#endif
