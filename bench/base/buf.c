// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#include <stdarg.h>
#include <string.h>

static int buf_reserve(struct buf *b, size_t more)
{
	size_t need;
	size_t room = b->room ? b->room : 256;
	char *p;

	if (__builtin_add_overflow(b->size, more, &need) || __builtin_add_overflow(need, 1, &need))
		return -ENOMEM;
	if (need <= b->room)
		return 0;
	while (room < need)
		if (__builtin_mul_overflow(room, 2, &room))
			return -ENOMEM;
	p = realloc(b->data, room);
	if (!p)
		return -ENOMEM;
	b->data = p;
	b->room = room;
	return 0;
}

int buf_add(struct buf *b, const void *data, size_t size)
{
	int e;

	if (b->max && size > b->max - b->size) {
		b->dropped += size - (b->max - b->size);
		size = b->max - b->size;
	}
	e = buf_reserve(b, size);
	if (e < 0)
		return e;
	if (size)
		memcpy(b->data + b->size, data, size);
	b->size += size;
	b->data[b->size] = '\0';
	return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	CLEANUP(freep) char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return buf_add(b, text, (size_t)n);
}

const char *buf_text(const struct buf *b)
{
	return b->data ? b->data : "";
}

char *buf_take(struct buf *b)
{
	char *p = b->data ? b->data : strdup("");

	*b = (struct buf){ .max = b->max };
	return p;
}

void buf_clear(struct buf *b)
{
	b->size = 0;
	b->dropped = 0;
	if (b->data)
		b->data[0] = '\0';
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}
