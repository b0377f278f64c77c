// SPDX-License-Identifier: Apache-2.0
/* A program as text. */
#include "conformance/program/program.h"

#include "conformance/front/evidence.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static int print_number(const struct program_param *param, uint64_t n, struct buf *b)
{
	if (n < param->word_count && param->words[n])
		return buf_printf(b, "%s", param->words[n]);
	switch (param->base) {
	case BASE_HEX: return buf_printf(b, "%#" PRIx64, n);
	case BASE_OCT: return buf_printf(b, "%#" PRIo64, n);
	case BASE_DEC: break;
	}
	/* What is a small negative number, or near a power of two, is easier to see so. */
	return n >= UINT64_C(1) << 31 ? buf_printf(b, "%#" PRIx64, n)
				      : buf_printf(b, "%" PRIu64, n);
}

static int print_text(const uint8_t *data, size_t size, struct buf *b)
{
	int e = buf_printf(b, "\"");

	for (size_t i = 0; e == 0 && i < size; i++) {
		char c = (char)data[i];

		if (c == '"' || c == '\\')
			e = buf_printf(b, "\\%c", c);
		else if (isascii(c) && isprint((unsigned char)c))
			e = buf_add(b, &c, 1);
		else
			e = buf_printf(b, "\\x%02x", data[i]);
	}
	return e < 0 ? e : buf_printf(b, "\"");
}

static int print_hex(const uint8_t *data, size_t size, struct buf *b)
{
	int e = buf_printf(b, "hex:");

	for (size_t i = 0; e == 0 && i < size; i++)
		e = buf_printf(b, "%02x", data[i]);
	return e;
}

static int print_symbol(const struct program_part *part, struct buf *b)
{
	int e = buf_printf(b, "%s%u", program_family_name(part->family), part->index);

	return e < 0 || part->number == 0 ? e : buf_printf(b, "+%" PRIu64, part->number);
}

static int print_part(const struct program_param *param, const struct program_part *part,
		      struct buf *b)
{
	bool narrow = param->takes == TAKES_BYTES && part->width != sizeof(uint64_t);

	switch (part->kind) {
	case PART_SYMBOL: return print_symbol(part, b);
	case PART_TEXT: return print_text(part->data, part->size, b);
	case PART_HEX: return print_hex(part->data, part->size, b);
	case PART_FILL: return buf_printf(b, "fill:%" PRIu64 ":%u", part->number, part->index);
	case PART_NUMBER: break;
	}
	if (narrow)
		return buf_printf(b, "u%u:%#" PRIx64, part->width * 8U, part->number);
	return print_number(param, part->number, b);
}

static int print_field(const struct program_field *f, struct buf *b)
{
	int e = buf_printf(b, " %s=", f->param->name);

	for (size_t i = 0; e == 0 && i < f->value.count; i++) {
		if (i > 0)
			e = buf_printf(b, ",");
		if (e == 0)
			e = print_part(f->param, &f->value.part[i], b);
	}
	return e;
}

int program_print_step(const struct program_step *s, struct buf *ret)
{
	bool first = true;
	int e = s->failed ? -ENOMEM : buf_printf(ret, "%s", s->verb->name);

	for (size_t i = 0; e == 0 && i < s->field_count; i++)
		e = print_field(&s->field[i], ret);
	for (unsigned i = 0; e == 0 && i < PROGRAM_GIVEN; i++) {
		if (!s->give[i])
			continue;
		e = buf_printf(ret, "%s %s%u", first ? " ->" : "",
			       program_family_name((enum program_family)i), s->give[i] - 1);
		first = false;
	}
	if (e == 0 && s->seen[0])
		e = buf_printf(ret, " => %s", s->seen);
	return e;
}

static const char *const starts[STARTS] = { "session", "rings", "negotiated", "connected" };

static int print_unsigned(struct buf *b, const char *name, unsigned value)
{
	return value ? buf_printf(b, " %s=%u", name, value) : 0;
}

static int print_front(const struct program *p, struct buf *b)
{
	int e = buf_printf(b, "front start=%s", starts[p->start]);

	if (e == 0)
		e = print_unsigned(b, "queues", p->queues);
	if (e == 0)
		e = print_unsigned(b, "ring", p->ring);
	if (e == 0)
		e = print_unsigned(b, "regions", p->regions);
	if (e == 0)
		e = print_unsigned(b, "packed", p->packed);
	if (e == 0)
		e = print_unsigned(b, "no-indirect", p->no_indirect);
	if (e == 0)
		e = print_unsigned(b, "no-event", p->no_event);
	if (e == 0)
		e = print_unsigned(b, "window", p->window);
	if (e == 0)
		e = print_unsigned(b, "timeout", p->timeout_ms);
	return e < 0 ? e : buf_printf(b, "\n");
}

static int print_quoted(const char *word, const char *text, struct buf *b)
{
	int e = buf_printf(b, "%s ", word);

	if (e == 0)
		e = print_text((const uint8_t *)text, strlen(text), b);
	return e < 0 ? e : buf_printf(b, "\n");
}

static int print_header(const struct program *p, struct buf *b)
{
	int e = buf_printf(b, "virtiofs-program %d\n", PROGRAM_VERSION);

	if (e == 0 && p->shows[0])
		e = print_quoted("shows", p->shows, b);
	if (e == 0 && p->daemon[0])
		e = print_quoted("daemon", p->daemon, b);
	for (size_t i = 0; e == 0 && i < p->option_count; i++)
		e = print_quoted("option", p->option[i], b);
	if (e == 0 && p->check[0])
		e = print_quoted("check", p->check, b);
	if (e == 0 && p->check[0])
		e = buf_printf(b, "seed %" PRIu64 "\n", p->seed);
	if (p->check[0] && p->count == 0)
		return e;
	return e < 0 ? e : print_front(p, b);
}

static int print_end(const struct program *p, struct buf *b)
{
	int e;

	if (!p->fate[0] && !p->violations)
		return 0;
	e = buf_printf(b, "end");
	if (e == 0 && p->fate[0])
		e = buf_printf(b, " fate=%s", p->fate);
	for (unsigned i = 0; e == 0 && i < FRONT_FAULT_COUNT; i++)
		if (p->violations >> i & 1)
			e = buf_printf(b, " violation=%s", front_faults[i].name);
	return e < 0 ? e : buf_printf(b, "\n");
}

int program_print(const struct program *p, struct buf *ret)
{
	int e = p->failed ? -ENOMEM : print_header(p, ret);

	for (size_t i = 0; e == 0 && i < p->count; i++) {
		e = program_print_step(p->step[i], ret);
		if (e == 0)
			e = buf_printf(ret, "\n");
	}
	return e < 0 ? e : print_end(p, ret);
}
