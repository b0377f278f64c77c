/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_LOCK_H
#define VQ_RUN_LOCK_H

#include "base/err.h"

#include <sys/types.h>

/**
 * lock_take() - the lock of this machine: timings of two runs at once would falsify each other.
 * One for all users. Processes forked by the holder hold it too, until the last of them is gone.
 * Return: a descriptor that holds the lock until it is closed; -EBUSY when another run has it,
 * with its process in @reterr; -errno.
 */
int lock_take(struct err *reterr) MUST_USE;

/** lock_holder() - process that took the lock; 0 when nobody has it or it cannot be told. */
pid_t lock_holder(void);

#endif
