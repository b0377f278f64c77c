/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_LOCK_H
#define VQ_RUN_LOCK_H

#include "base/err.h"

/**
 * lock_take() - the lock of this machine: timings of two runs at once would falsify each other.
 * Return: a descriptor that holds the lock until it is closed; -EBUSY when another run has it;
 * -errno.
 */
int lock_take(struct err *reterr) MUST_USE;

#endif
