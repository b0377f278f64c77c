/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_STACK_VMM_FAILURE_H
#define VQ_STACK_VMM_FAILURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Failures of VMMs themselves that are known, so that a pass that meets one says its name instead of "the guest
 * is lost". Each row was provoked with a guest; bench/test/real_dax_robust.c provokes those that can be had with what
 * is shipped.
 */

/* What is left of a VMM when a pass has failed. */
struct vmm_evidence {
	const char *log;       /* what it printed; "" */
	int signal;	       /* that ended it; 0: none, or it lives */
	bool reset;	       /* it told of a reset of its guest */
	uint64_t window_bytes; /* of the DAX window of its device; 0: none */
};

/* All that a row asks for must be seen. */
struct vmm_failure {
	const char *id;	   /* never changes, never reused */
	const char *title; /* what the VMM does, and when */
	const char *avoid; /* why a run does not meet it by default */
	const char *todo;  /* for whoever has met it */
	const char *log;   /* words that it prints; NULL: it says nothing */
	int signal;	   /* that ends it; 0: it lives on */
	bool reset;	   /* only after a reset of the guest */
	bool window;	   /* only with a DAX window */
	const char *seen;  /* versions that it was provoked with */
	const char *source;
};

const struct vmm_failure *vmm_failure_list(size_t *ret_count);

/** vmm_failure_find() - the row that fits all of @seen; NULL: none that is known. */
const struct vmm_failure *vmm_failure_find(const struct vmm_evidence *seen);

/** vmm_failure_is_certain() - does it leave words that nothing else does? Else it only fits what is seen. */
bool vmm_failure_is_certain(const struct vmm_failure *f);

/** vmm_window_failure() - what a window of that size would lead to; NULL: nothing that is known. */
const struct vmm_failure *vmm_window_failure(uint64_t window_bytes);

#endif
