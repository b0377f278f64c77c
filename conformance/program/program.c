// SPDX-License-Identifier: Apache-2.0
#include "conformance/program/program.h"

#include <assert.h>
#include <string.h>

/* ---- values ---- */

struct program_part *program_value_part(struct program_value *v)
{
	struct program_part *part;

	if (v->count == PROGRAM_PARTS_MAX)
		return NULL;
	part = reallocarray(v->part, v->count + 1, sizeof(*part));
	if (!part)
		return NULL;
	v->part = part;
	part = &v->part[v->count++];
	*part = (struct program_part){ .width = sizeof(uint64_t) };
	return part;
}

void program_value_free(struct program_value *v)
{
	for (size_t i = 0; i < v->count; i++)
		free(v->part[i].data);
	free(v->part);
	*v = (struct program_value){ 0 };
}

int program_value_copy(struct program_value *to, const struct program_value *from)
{
	struct program_value v = { 0 };

	for (size_t i = 0; i < from->count; i++) {
		struct program_part *part = program_value_part(&v);

		if (!part) {
			program_value_free(&v);
			return -ENOMEM;
		}
		*part = from->part[i];
		part->data = NULL;
		if (!from->part[i].data)
			continue;
		part->data = malloc(part->size + 1);
		if (!part->data) {
			program_value_free(&v);
			return -ENOMEM;
		}
		memcpy(part->data, from->part[i].data, part->size);
	}
	*to = v;
	return 0;
}

/* ---- life ---- */

struct program *program_new(void)
{
	return calloc(1, sizeof(struct program));
}

void program_step_free(struct program_step *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->field_count; i++)
		program_value_free(&s->field[i].value);
	free(s);
}

struct program *program_free(struct program *p)
{
	if (!p)
		return NULL;
	for (size_t i = 0; i < p->count; i++)
		program_step_free(p->step[i]);
	free(p->step);
	free(p);
	return NULL;
}

void program_freep(struct program **p)
{
	*p = program_free(*p);
}

static int add_step(struct program *p, struct program_step *take)
{
	if (p->count == PROGRAM_STEPS_MAX)
		return -E2BIG;
	if (p->count == p->room) {
		size_t room = p->room ? 2 * p->room : 16;
		struct program_step **step = reallocarray(p->step, room,
							  sizeof(struct program_step *));

		if (!step)
			return -ENOMEM;
		p->step = step;
		p->room = room;
	}
	p->step[p->count++] = take;
	return 0;
}

static struct program_step *step_clone(const struct program_step *s)
{
	struct program_step *c = malloc(sizeof(*c));

	if (!c)
		return NULL;
	*c = *s;
	c->field_count = 0;
	for (size_t i = 0; i < s->field_count; i++) {
		if (program_value_copy(&c->field[i].value, &s->field[i].value) < 0) {
			program_step_free(c);
			return NULL;
		}
		c->field_count++;
	}
	return c;
}

struct program *program_clone(const struct program *p)
{
	struct program *c = malloc(sizeof(*c));

	if (!c)
		return NULL;
	*c = *p;
	c->step = NULL;
	c->count = c->room = 0;
	for (size_t i = 0; i < p->count; i++) {
		struct program_step *s = step_clone(p->step[i]);

		if (!s || add_step(c, s) < 0) {
			program_step_free(s);
			return program_free(c);
		}
	}
	return c;
}

/* ---- builder ---- */

struct program_step *program_add(struct program *p, const char *verb)
{
	struct program_step *s = calloc(1, sizeof(*s));

	if (s) {
		s->verb = program_verb_find(verb, strlen(verb));
		assert(s->verb);
	}
	if (!s || add_step(p, s) < 0) {
		free(s);
		p->failed = true;
		return NULL;
	}
	return s;
}

static struct program_value *value_of(struct program_step *s, const char *field)
{
	const struct program_param *param = program_param_find(s->verb, field, strlen(field));

	assert(param);
	for (size_t i = 0; i < s->field_count; i++)
		if (s->field[i].param == param)
			return &s->field[i].value;
	if (s->field_count == PROGRAM_FIELDS_MAX)
		return NULL;
	s->field[s->field_count].param = param;
	s->field[s->field_count].value = (struct program_value){ 0 };
	return &s->field[s->field_count++].value;
}

/* One more part of a field; NULL, and known to have failed, when there is no room. */
static struct program_part *part_of(struct program_step *s, const char *field)
{
	struct program_value *v = s ? value_of(s, field) : NULL;
	struct program_part *part = v ? program_value_part(v) : NULL;

	if (s && !part)
		s->failed = true;
	return part;
}

/* A field of one number has one part. */
static struct program_part *only_part(struct program_step *s, const char *field)
{
	struct program_value *v = s ? value_of(s, field) : NULL;

	if (v)
		program_value_free(v);
	return part_of(s, field);
}

void program_add_number(struct program_step *s, const char *field, uint64_t number)
{
	struct program_part *part = only_part(s, field);

	if (part)
		part->number = number;
}

void program_add_symbol(struct program_step *s, const char *field, enum program_family family,
			uint32_t index, uint64_t plus)
{
	struct program_part *part = only_part(s, field);

	if (!part)
		return;
	part->kind = PART_SYMBOL;
	part->family = family;
	part->index = index;
	part->number = plus;
}

static void add_data(struct program_step *s, const char *field, enum program_part_kind kind,
		     const void *data, size_t size)
{
	struct program_part *part = part_of(s, field);

	if (!part)
		return;
	part->kind = kind;
	part->data = malloc(size + 1);
	if (!part->data) {
		s->failed = true;
		return;
	}
	if (size)
		memcpy(part->data, data, size);
	part->size = size;
}

void program_add_text(struct program_step *s, const char *field, const char *text)
{
	add_data(s, field, PART_TEXT, text, strlen(text));
}

void program_add_hex(struct program_step *s, const char *field, const void *data, size_t size)
{
	add_data(s, field, PART_HEX, data, size);
}

void program_add_fill(struct program_step *s, const char *field, size_t size, uint32_t seed)
{
	struct program_part *part = part_of(s, field);

	if (!part)
		return;
	part->kind = PART_FILL;
	part->number = size;
	part->index = seed;
}

void program_add_u(struct program_step *s, const char *field, uint64_t number, unsigned width)
{
	struct program_part *part = part_of(s, field);

	if (!part)
		return;
	part->number = number;
	part->width = (uint8_t)width;
}

void program_add_u_symbol(struct program_step *s, const char *field, enum program_family family,
			  uint32_t index, uint64_t plus)
{
	struct program_part *part = part_of(s, field);

	if (!part)
		return;
	part->kind = PART_SYMBOL;
	part->family = family;
	part->index = index;
	part->number = plus;
}

struct program_step *program_add_bytes(struct program *p, const void *data, size_t size,
				       unsigned queue, uint32_t room)
{
	struct program_step *s = program_add(p, "request");

	program_add_hex(s, "bytes", data, size);
	program_add_number(s, "queue", queue);
	program_add_number(s, "room", room);
	return s;
}

void program_give(struct program_step *s, enum program_family family, uint32_t index)
{
	if (s && (unsigned)family < PROGRAM_GIVEN && index < PROGRAM_SYMBOLS_MAX)
		s->give[family] = index + 1;
}

void program_seen(struct program_step *s, const char *what)
{
	if (s)
		(void)snprintf(s->seen, sizeof(s->seen), "%s", what);
}

/* ---- looking at it ---- */

const struct program_value *program_get(const struct program_step *s, const char *field)
{
	for (size_t i = 0; i < s->field_count; i++)
		if (strcmp(s->field[i].param->name, field) == 0)
			return &s->field[i].value;
	return NULL;
}

bool program_uses(const struct program *p, enum program_act act)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->step[i]->verb->act == act)
			return true;
	return false;
}

const char *program_family_name(enum program_family family)
{
	static const char *const names[PROGRAM_FAMILIES] = {
		"n",	  "f",	"u",	 "b",	   "desc",  "avail",   "used",
		"region", "vb", "vdesc", "vavail", "vused", "vregion", "nowhere",
	};

	assert((unsigned)family < PROGRAM_FAMILIES);
	return names[family];
}
