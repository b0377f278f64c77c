/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_PROGRAM_CURSOR_H
#define VQ_PROGRAM_CURSOR_H

#include "conformance/program/program.h"

/* Reading one line of a program: the words, numbers and values that it consists of. For parse.c and value.c. */

struct cursor {
	const char *at;
	const char *end; /* of the line */
	unsigned line;
	struct err *reterr;
};

/** cursor_fail() - "line N: ...". Return: -EINVAL. */
int cursor_fail(struct cursor *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/** cursor_skip() - blanks, and a comment. Is there something behind them? */
bool cursor_skip(struct cursor *c);
/** cursor_take() - is @c the next character? Then it is taken. */
bool cursor_take(struct cursor *c, char wanted);
/** cursor_word() - letters, digits, '-', '_', ':', '.' ; may be empty. */
size_t cursor_word(struct cursor *c, const char **ret);
/** cursor_number() - decimal, 0x or 0 octal, all of the word. 0 or -EINVAL. */
int cursor_number(struct cursor *c, uint64_t most, uint64_t *ret) MUST_USE;
/** cursor_text() - "..." into @ret as bytes. */
int cursor_text(struct cursor *c, struct buf *ret) MUST_USE;
/** cursor_symbol() - "n1": 1; 0: something else, nothing was taken; -EINVAL. */
int cursor_symbol(struct cursor *c, enum program_family *ret_family, uint32_t *ret_index) MUST_USE;
/** cursor_value() - what stands behind "field=". */
int cursor_value(struct cursor *c, const struct program_param *param, struct program_value *ret)
	MUST_USE;

#endif
