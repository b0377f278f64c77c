/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_LEDGER_PLACE_H
#define VQ_REF_LEDGER_PLACE_H

#include "conformance/ref/ledger/ledger.h"

#include <stdatomic.h>

/* What the ring and its writer share. */
struct ledger_place {
	_Atomic uint64_t number;
	struct ledger_event event;
};

/** ledger_first() - number of the oldest event that the ring may still have; @ret_end: behind the newest. */
uint64_t ledger_first(uint64_t *ret_end);

/** ledger_copy() - event @n; false when it is being written or was written over. */
bool ledger_copy(uint64_t n, struct ledger_event *ret);

#endif
