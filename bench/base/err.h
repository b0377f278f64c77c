/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_BASE_ERR_H
#define VQ_BASE_ERR_H

#include "base/cleanup.h"

/* Text of one error, for a person: what failed, where, and what to do. Never allocated. */
struct err {
	char text[2048];
};

/**
 * err_set() - describe a failure and return its code.
 * @reterr: may be NULL (the text is then dropped).
 * @code:   negative errno; returned as it is, so that callers write `return err_set(...)`.
 */
int err_set(struct err *reterr, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/** err_errno() - like err_set() with ": strerror(-code)" appended. */
int err_errno(struct err *reterr, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/** err_prefix() - put "context: " before the text that is there; returns @code. */
int err_prefix(struct err *reterr, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
