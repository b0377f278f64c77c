/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_GUEST_TRIM_H
#define VQ_GUEST_TRIM_H

#include "guest/guest.h"

/**
 * guest_trim() - give every page of guest RAM that is all zero back to the host.
 *
 * QEMU allocates each page of a guest that it restores, also those that were never touched before it
 * was saved: it reads a page to see whether it is zero already, and that allocates it. Afterwards the
 * guest has what one that was booted has. The guest is paused meanwhile.
 * Return: 0; -ENOENT when the VMM holds no RAM file.
 */
int guest_trim(struct guest *g, struct err *reterr) MUST_USE;

/** trim_zero_pages() - punch a hole into a file for each page of it that is all zero. */
int trim_zero_pages(int fd) MUST_USE;

#endif
