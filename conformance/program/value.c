// SPDX-License-Identifier: Apache-2.0
/* Words, numbers and values of one line. */
#include "conformance/program/cursor.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

int cursor_fail(struct cursor *c, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return err_set(c->reterr, -EINVAL, "line %u: %s", c->line, text);
}

bool cursor_skip(struct cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\r'))
		c->at++;
	if (c->at < c->end && *c->at == '#')
		c->at = c->end;
	return c->at < c->end;
}

bool cursor_take(struct cursor *c, char wanted)
{
	if (c->at == c->end || *c->at != wanted)
		return false;
	c->at++;
	return true;
}

size_t cursor_word(struct cursor *c, const char **ret)
{
	*ret = c->at;
	while (c->at < c->end &&
	       (isalnum((unsigned char)*c->at) || (*c->at != '\0' && strchr("-_:.", *c->at))))
		c->at++;
	return (size_t)(c->at - *ret);
}

/* Digits of a number in 0x.., 0.. or decimal, from @text on; where it ends is told. */
static bool to_number(const char *text, size_t size, uint64_t *ret)
{
	char digits[32];
	char *end;

	if (size == 0 || size >= sizeof(digits) || !isdigit((unsigned char)text[0]))
		return false;
	memcpy(digits, text, size);
	digits[size] = '\0';
	errno = 0;
	*ret = strtoull(digits, &end, 0);
	return errno == 0 && *end == '\0';
}

int cursor_number(struct cursor *c, uint64_t most, uint64_t *ret)
{
	const char *word;
	size_t size = cursor_word(c, &word);
	uint64_t n = 0;

	if (!to_number(word, size, &n))
		return cursor_fail(
			c, "'%.*s' is no number: decimal, 0x hexadecimal or 0 octal is wanted",
			(int)(size < 40 ? size : 40), word);
	if (n > most)
		return cursor_fail(c, "%.*s is too large: at most %" PRIu64, (int)size, word, most);
	*ret = n;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool take_hex(struct cursor *c, uint8_t *ret)
{
	int high = c->end - c->at >= 2 ? hex_digit(c->at[0]) : -1;
	int low = high >= 0 ? hex_digit(c->at[1]) : -1;

	if (low < 0)
		return false;
	*ret = (uint8_t)(high << 4 | low);
	c->at += 2;
	return true;
}

int cursor_text(struct cursor *c, struct buf *ret)
{
	if (!cursor_take(c, '"'))
		return cursor_fail(c, "a text in double quotes is wanted");
	while (c->at < c->end && *c->at != '"') {
		uint8_t byte = (uint8_t)*c->at++;

		if (byte == '\\') {
			if (cursor_take(c, 'x')) {
				if (!take_hex(c, &byte))
					return cursor_fail(c, "\\x wants two hexadecimal digits");
			} else if (c->at < c->end && (*c->at == '"' || *c->at == '\\')) {
				byte = (uint8_t)*c->at++;
			} else {
				return cursor_fail(c, "behind \\ in a text comes x, \" or \\");
			}
		}
		if (buf_add(ret, &byte, 1) < 0)
			return -ENOMEM;
	}
	if (!cursor_take(c, '"'))
		return cursor_fail(c, "the text is not closed: a double quote is missing");
	return 0;
}

int cursor_symbol(struct cursor *c, enum program_family *ret_family, uint32_t *ret_index)
{
	const char *word = c->at;
	const char *digits = word;
	uint64_t index = 0;

	while (digits < c->end && isalpha((unsigned char)*digits))
		digits++;
	for (unsigned i = 0; i < PROGRAM_FAMILIES; i++) {
		const char *name = program_family_name((enum program_family)i);

		if (strlen(name) != (size_t)(digits - word) ||
		    memcmp(name, word, strlen(name)) != 0 || digits == c->end ||
		    !isdigit((unsigned char)*digits))
			continue;
		c->at = digits;
		if (cursor_number(c, PROGRAM_SYMBOLS_MAX - 1, &index) < 0)
			return -EINVAL;
		*ret_family = (enum program_family)i;
		*ret_index = (uint32_t)index;
		return 1;
	}
	return 0;
}

/* ---- parts of values ---- */

static int keep(struct program_part *part, enum program_part_kind kind, struct buf *b)
{
	part->kind = kind;
	part->size = b->size;
	part->data = (uint8_t *)buf_take(b);
	return part->data ? 0 : -ENOMEM;
}

static int part_text(struct cursor *c, struct program_part *part)
{
	CLEANUP(buf_free) struct buf b = { 0 };
	int e = cursor_text(c, &b);

	return e < 0 ? e : keep(part, PART_TEXT, &b);
}

static int part_hex(struct cursor *c, struct program_part *part)
{
	CLEANUP(buf_free) struct buf b = { 0 };
	uint8_t byte;

	while (take_hex(c, &byte))
		if (buf_add(&b, &byte, 1) < 0)
			return -ENOMEM;
	if (c->at < c->end && !strchr(" \t\r,#", *c->at))
		return cursor_fail(c, "hex: wants pairs of hexadecimal digits");
	return keep(part, PART_HEX, &b);
}

static int part_fill(struct cursor *c, struct program_part *part)
{
	const char *word;
	size_t size = cursor_word(c, &word);
	const char *colon = memchr(word, ':', size);
	uint64_t bytes;
	uint64_t seed;

	if (!colon || !to_number(word, (size_t)(colon - word), &bytes) ||
	    !to_number(colon + 1, (size_t)(word + size - colon - 1), &seed))
		return cursor_fail(c, "fill:BYTES:SEED is wanted, with two numbers");
	if (bytes > PROGRAM_BYTES_MAX || seed > UINT32_MAX)
		return cursor_fail(c, "fill: at most %d bytes, and a seed of 32 bits",
				   PROGRAM_BYTES_MAX);
	part->kind = PART_FILL;
	part->number = bytes;
	part->index = (uint32_t)seed;
	return 0;
}

static int part_narrow(struct cursor *c, struct program_part *part, unsigned bits)
{
	part->width = (uint8_t)(bits / 8);
	return cursor_number(c, UINT64_MAX >> (64 - bits), &part->number);
}

static bool take_prefix(struct cursor *c, const char *prefix)
{
	size_t size = strlen(prefix);

	if ((size_t)(c->end - c->at) < size || memcmp(c->at, prefix, size) != 0)
		return false;
	c->at += size;
	return true;
}

static int part_number(struct cursor *c, const struct program_param *param,
		       struct program_part *part)
{
	const char *word = c->at;
	size_t size;
	int e = cursor_symbol(c, &part->family, &part->index);

	if (e < 0)
		return e;
	if (e > 0) {
		part->kind = PART_SYMBOL;
		return cursor_take(c, '+') ? cursor_number(c, UINT64_MAX, &part->number) : 0;
	}
	size = cursor_word(c, &word);
	for (size_t i = 0; i < param->word_count; i++)
		if (param->words[i] && strlen(param->words[i]) == size &&
		    memcmp(param->words[i], word, size) == 0) {
			part->number = i;
			return 0;
		}
	if (size == strlen("root") && memcmp(word, "root", size) == 0) {
		part->number = 1; /* FUSE_ROOT_ID */
		return 0;
	}
	c->at = word;
	return cursor_number(c, UINT64_MAX, &part->number);
}

static int parse_part(struct cursor *c, const struct program_param *param,
		      struct program_part *part)
{
	static const struct {
		const char *prefix;
		unsigned bits;
	} narrow[] = { { "u8:", 8 }, { "u16:", 16 }, { "u32:", 32 }, { "u64:", 64 } };

	if (param->takes == TAKES_NUMBER)
		return part_number(c, param, part);
	if (c->at < c->end && *c->at == '"')
		return part_text(c, part);
	if (take_prefix(c, "hex:"))
		return part_hex(c, part);
	if (take_prefix(c, "fill:"))
		return part_fill(c, part);
	for (size_t i = 0; i < ARRAY_SIZE(narrow); i++)
		if (take_prefix(c, narrow[i].prefix))
			return part_narrow(c, part, narrow[i].bits);
	return part_number(c, param, part);
}

static size_t bytes_of(const struct program_part *part)
{
	switch (part->kind) {
	case PART_TEXT:
	case PART_HEX: return part->size;
	case PART_FILL: return part->number;
	case PART_NUMBER:
	case PART_SYMBOL: break;
	}
	return part->width;
}

int cursor_value(struct cursor *c, const struct program_param *param, struct program_value *ret)
{
	size_t bytes = 0;

	do {
		struct program_part *part = program_value_part(ret);
		int e;

		if (!part)
			return cursor_fail(c, "%s: at most %d parts", param->name,
					   PROGRAM_PARTS_MAX);
		e = parse_part(c, param, part);
		if (e < 0)
			return e;
		bytes += bytes_of(part);
		if (bytes > PROGRAM_BYTES_MAX)
			return cursor_fail(c, "%s: at most %d bytes", param->name,
					   PROGRAM_BYTES_MAX);
	} while (param->takes == TAKES_BYTES && cursor_take(c, ','));
	return 0;
}
