/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_BASE_STRV_H
#define VQ_BASE_STRV_H

#include "base/cleanup.h"

#include <stddef.h>

/*
 * A NULL-terminated list of owned strings: an argv under construction. Zero-initialise it ({0}).
 * Out of memory is sticky: later additions do nothing and strv_failed() says so, so that a
 * builder needs one check at its end.
 */
struct strv {
	char **item;
	size_t count;
	int failed;
};

void strv_add(struct strv *v, const char *text);
void strv_addf(struct strv *v, const char *fmt, ...) PRINTF_LIKE(2, 3);
/** strv_add_all() - append every string of a NULL-terminated list. */
void strv_add_all(struct strv *v, const char *const *list);
int strv_failed(const struct strv *v) MUST_USE;
void strv_free(struct strv *v);

/** strv_join_quoted() - as a line that a shell would read back; owned, NULL when out of memory. */
char *strv_join_quoted(char *const *argv) MUST_USE;

#endif
