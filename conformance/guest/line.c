// SPDX-License-Identifier: Apache-2.0
#include "conformance/guest/line.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void line_clear(struct line *w)
{
	w->count = 0;
	w->used = 0;
	w->start[0] = 0;
}

/* The word that is being made ends here. */
static int close_word(struct line *w)
{
	if (w->count == LINE_WORDS || w->used == LINE_ROOM)
		return -E2BIG;
	w->text[w->used++] = '\0';
	w->start[++w->count] = w->used;
	return 0;
}

int line_add(struct line *w, const void *bytes, size_t size)
{
	if (w->count == LINE_WORDS || size >= LINE_ROOM - w->used)
		return -E2BIG;
	memcpy(w->text + w->used, bytes, size);
	w->used += size;
	return close_word(w);
}

int line_add_text(struct line *w, const char *text)
{
	return line_add(w, text, strlen(text));
}

int line_add_number(struct line *w, int64_t number)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)number);
	return line_add_text(w, text);
}

const char *line_at(const struct line *w, unsigned index)
{
	return index < w->count ? w->text + w->start[index] : "";
}

size_t line_size(const struct line *w, unsigned index)
{
	return index < w->count ? w->start[index + 1] - w->start[index] - 1 : 0;
}

int line_number(const struct line *w, unsigned index, int64_t *ret)
{
	const char *text = line_at(w, index);
	const char *digits = text + (text[0] == '-');
	long long value;

	if (!*digits || strspn(digits, "0123456789") != line_size(w, index) - (text[0] == '-'))
		return -EINVAL;
	errno = 0;
	value = strtoll(text, NULL, 10);
	if (errno != 0)
		return -EINVAL;
	*ret = value;
	return 0;
}

static bool is_plain(char c)
{
	return c > ' ' && c <= '~' && c != '%';
}

/* The value of a hexadecimal digit as line_format() writes it; -1: it is none. */
static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* One word up to the blank or the end. Returns how many characters it has; -EBADMSG; -E2BIG. */
static int parse_word(struct line *w, const char *line, size_t size)
{
	size_t at = 0;

	if (size > 0 && line[0] == '%' && (size == 1 || line[1] == ' '))
		return close_word(w) < 0 ? -E2BIG : 1;
	for (; at < size && line[at] != ' '; at++) {
		char c = line[at];

		if (c == '%') {
			int high = size - at > 2 ? digit(line[at + 1]) : -1;
			int low = high >= 0 ? digit(line[at + 2]) : -1;

			if (low < 0)
				return -EBADMSG;
			c = (char)(high << 4 | low);
			at += 2;
		} else if (!is_plain(c)) {
			return -EBADMSG;
		}
		if (w->used == LINE_ROOM)
			return -E2BIG;
		w->text[w->used++] = c;
	}
	if (at == 0)
		return -EBADMSG;
	return close_word(w) < 0 ? -E2BIG : (int)at;
}

int line_parse(struct line *w, const char *line, size_t size)
{
	line_clear(w);
	if (size >= LINE_SIZE)
		return -E2BIG;
	for (size_t at = 0;;) {
		int n = parse_word(w, line + at, size - at);

		if (n < 0)
			return n;
		at += (size_t)n;
		if (at == size)
			return 0;
		at++; /* the blank; another word must follow */
	}
}

size_t line_format(const struct line *w, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0;

	for (unsigned i = 0; i < w->count; i++) {
		const char *bytes = line_at(w, i);
		size_t size = line_size(w, i);

		if (i > 0)
			ret[used++] = ' ';
		if (size == 0)
			ret[used++] = '%';
		for (size_t j = 0; j < size; j++) {
			unsigned char c = (unsigned char)bytes[j];

			if (is_plain((char)c)) {
				ret[used++] = (char)c;
				continue;
			}
			ret[used++] = '%';
			ret[used++] = digits[c >> 4];
			ret[used++] = digits[c & 15];
		}
	}
	ret[used++] = '\n';
	return used;
}
