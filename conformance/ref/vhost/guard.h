/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_VHOST_GUARD_H
#define VQ_REF_VHOST_GUARD_H

#include <stddef.h>

#include "base/cleanup.h"

/*
 * Guest memory that is gone must not kill the device. A front end may shrink the file behind a region after
 * it has given it, and a region of somebody's DAX window is a file that any guest may truncate: touching it
 * is SIGBUS, and one process may serve several guests. A page that is missing in a guarded range is replaced
 * by one of zeros; whoever took the page away is the only one who sees wrong data.
 */

/** guard_install() - of the process, once; the handler of SIGBUS stays. 0 or -errno. */
int guard_install(void) MUST_USE;

/** guard_add() - watch [@base, @base + @size); a ticket for guard_remove(), or -ENOSPC. */
int guard_add(const void *base, size_t size) MUST_USE;

/** guard_remove() - before the range is unmapped; a negative ticket is fine. */
void guard_remove(int ticket);

/** guard_hits() - pages replaced since the start. */
unsigned long guard_hits(void);

#endif
