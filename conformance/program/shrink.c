// SPDX-License-Identifier: Apache-2.0
/* A program that becomes smaller stays one that can be read: what is no longer given is a number from there on. */
#include "conformance/program/program.h"

#include <assert.h>
#include <string.h>

static void forget(struct program_step *s, enum program_family family, uint32_t index)
{
	for (size_t i = 0; i < s->field_count; i++) {
		struct program_value *v = &s->field[i].value;

		for (size_t k = 0; k < v->count; k++)
			if (v->part[k].kind == PART_SYMBOL && v->part[k].family == family &&
			    v->part[k].index == index)
				v->part[k].kind = PART_NUMBER;
	}
}

/* Up to the next step that gives it again. */
static void forget_given(struct program *p, size_t from, unsigned family, uint32_t index)
{
	for (size_t i = 0; i < from; i++)
		if (p->step[i]->give[family] == index + 1)
			return;
	for (size_t i = from; i < p->count; i++) {
		forget(p->step[i], (enum program_family)family, index);
		if (p->step[i]->give[family] == index + 1)
			return;
	}
}

static bool is_buffer(const struct program_part *part, uint64_t index)
{
	return part->kind == PART_SYMBOL && part->index == index &&
	       (part->family == PROGRAM_BUFFER || part->family == PROGRAM_VBUFFER);
}

static bool makes_buffer(const struct program_step *s, uint64_t *ret)
{
	const struct program_value *v = program_get(s, "buffer");

	*ret = v && v->count ? v->part[0].number : 0;
	return s->verb->act == ACT_MEMORY;
}

static void forget_buffer(struct program *p, size_t from, uint64_t index)
{
	uint64_t other;

	for (size_t i = 0; i < from; i++)
		if (makes_buffer(p->step[i], &other) && other == index)
			return;
	for (size_t i = from; i < p->count; i++)
		for (size_t k = 0; k < p->step[i]->field_count; k++) {
			struct program_value *v = &p->step[i]->field[k].value;

			for (size_t n = 0; n < v->count; n++)
				if (is_buffer(&v->part[n], index))
					v->part[n].kind = PART_NUMBER;
		}
}

void program_drop_step(struct program *p, size_t index)
{
	struct program_step *s;
	uint64_t buffer;

	assert(index < p->count);
	s = p->step[index];
	p->count--;
	memmove(&p->step[index], &p->step[index + 1],
		(p->count - index) * sizeof(struct program_step *));
	for (unsigned family = 0; family < PROGRAM_GIVEN; family++)
		if (s->give[family])
			forget_given(p, index, family, s->give[family] - 1);
	if (makes_buffer(s, &buffer))
		forget_buffer(p, index, buffer);
	program_step_free(s);
}

void program_drop_field(struct program_step *s, size_t index)
{
	assert(index < s->field_count);
	program_value_free(&s->field[index].value);
	s->field_count--;
	memmove(&s->field[index], &s->field[index + 1],
		(s->field_count - index) * sizeof(s->field[0]));
}
