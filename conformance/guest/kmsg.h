/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CHECK_KMSG_H
#define VQ_CHECK_KMSG_H

#include <stdbool.h>
#include <stddef.h>

/* What the guest's kernel says: nothing that a check does may make it complain. */

/** kmsg_open() - from now on. 0 or -errno. */
int kmsg_open(void);
/**
 * kmsg_look() - what was said since the last look: its end in @ret_log (lines), the first complaint in
 * @ret_complaint. Returns whether there was one.
 */
bool kmsg_look(char *ret_log, size_t log_size, char *ret_complaint, size_t complaint_size);
/** kmsg_is_complaint() - does the line say that something is wrong with the kernel? */
bool kmsg_is_complaint(const char *line);

#endif
