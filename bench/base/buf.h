/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_BASE_BUF_H
#define VQ_BASE_BUF_H

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * A growing byte buffer with a limit. `data` is always NUL-terminated behind `size` bytes once
 * anything was added, so that text can be used as a string. Zero-initialise it ({0}).
 */
struct buf {
	char *data;
	size_t size;
	size_t room;
	size_t max; /* 0 = no limit; else bytes beyond it are counted in `dropped` */
	size_t dropped;
};

/** buf_add() - append bytes; those beyond the limit are dropped and counted. 0 or -ENOMEM. */
int buf_add(struct buf *b, const void *data, size_t size);
int buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/** buf_text() - the content as a C string; "" when empty. Borrowed. */
const char *buf_text(const struct buf *b);
/** buf_take() - the content as an owned string (never NULL unless out of memory); @b is emptied. */
char *buf_take(struct buf *b);
void buf_clear(struct buf *b);
void buf_free(struct buf *b);

#endif
