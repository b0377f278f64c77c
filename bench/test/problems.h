/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_PROBLEMS_H
#define VQ_TEST_PROBLEMS_H

#include "base/buf.h"

/*
 * What a check found wrong. A check collects and asserts at its end: no cmocka assert runs while a
 * CLEANUP variable is live.
 */
struct problems {
	struct buf text;
	size_t count;
};

void problem(struct problems *p, const char *fmt, ...) PRINTF_LIKE(2, 3);

/** problems_tell() - all of them on stderr; there are none then. Return: how many there were. */
size_t problems_tell(struct problems *p);

#endif
