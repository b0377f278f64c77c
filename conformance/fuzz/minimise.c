// SPDX-License-Identifier: Apache-2.0
/* Delta debugging of programs: steps in halves down to single ones, then fields, then what the fields hold. */
#include "conformance/fuzz/fuzz.h"

#include <string.h>

struct work {
	struct program **p;
	const struct fuzz_minimise *how;
	unsigned trials;
	bool over;
};

static bool may_go_on(const struct work *w)
{
	return !w->over && w->trials < w->how->trials;
}

/* Keep @take if it still shows; is it kept? */
static bool try_keep(struct work *w, struct program *take)
{
	int shows;

	if (!take)
		return false;
	w->trials++;
	shows = w->how->shows(w->how->context, take);
	w->over = w->over || shows < 0;
	if (shows <= 0) {
		(void)program_free(take);
		return false;
	}
	(void)program_free(*w->p);
	*w->p = take;
	return true;
}

static struct program *without_steps(const struct program *p, size_t from, size_t count)
{
	struct program *c = program_clone(p);

	for (size_t i = 0; c && i < count && from < c->count; i++)
		program_drop_step(c, from);
	return c;
}

static bool drop_steps(struct work *w, size_t size)
{
	bool dropped = false;

	/* From the end: what comes behind the last thing that mattered goes first. */
	for (size_t at = (*w->p)->count; at > 0 && may_go_on(w);) {
		size_t from = at > size ? at - size : 0;

		dropped |= try_keep(w, without_steps(*w->p, from, at - from));
		at = from < (*w->p)->count ? from : (*w->p)->count;
	}
	return dropped;
}

static void fewer_steps(struct work *w)
{
	size_t size = (*w->p)->count / 2;

	for (; size > 1 && may_go_on(w); size /= 2)
		(void)drop_steps(w, size);
	while (may_go_on(w) && drop_steps(w, 1))
		;
}

static void fewer_fields(struct work *w)
{
	for (size_t i = 0; i < (*w->p)->count; i++)
		for (size_t k = (*w->p)->step[i]->field_count; k > 0 && may_go_on(w); k--) {
			struct program *c = program_clone(*w->p);

			/* A buffer without a number would be another one. */
			if (c && (*w->p)->step[i]->verb->act != ACT_MEMORY)
				program_drop_field(c->step[i], k - 1);
			else
				c = program_free(c);
			(void)try_keep(w, c);
		}
}

static struct program_value *value_at(struct program *p, size_t step, size_t field)
{
	return &p->step[step]->field[field].value;
}

/* Shorter bytes, a smaller number: one try of the kind @how on part @part. NULL: it does not apply. */
static struct program *simpler(const struct program *p, size_t step, size_t field, size_t part,
			       unsigned how)
{
	struct program *c = program_clone(p);
	struct program_part *at = c ? &value_at(c, step, field)->part[part] : NULL;

	if (!at)
		return NULL;
	if ((at->kind == PART_TEXT || at->kind == PART_HEX) && how == 0 && at->size > 8) {
		at->size /= 2;
		return c;
	}
	if (at->kind == PART_FILL && how == 0 && at->number > 16) {
		at->number /= 16;
		return c;
	}
	if (at->kind == PART_NUMBER && how == 1 && at->number > 1) {
		at->number = 0;
		return c;
	}
	if (at->kind == PART_NUMBER && how == 2 && at->number > 1) {
		at->number = 1;
		return c;
	}
	return program_free(c);
}

static bool simplify_part(struct work *w, size_t step, size_t field, size_t part)
{
	bool kept = false;

	if ((*w->p)->step[step]->verb->act == ACT_MEMORY &&
	    strcmp((*w->p)->step[step]->field[field].param->name, "buffer") == 0)
		return false;
	for (unsigned how = 0; how < 3 && !kept; how++)
		kept = may_go_on(w) && try_keep(w, simpler(*w->p, step, field, part, how));
	return kept;
}

static void simpler_values(struct work *w)
{
	for (size_t i = 0; i < (*w->p)->count; i++)
		for (size_t k = 0; k < (*w->p)->step[i]->field_count; k++)
			for (size_t n = 0; n < value_at(*w->p, i, k)->count; n++)
				/* Halving ends when a piece is small; 0 and 1 are tried once. */
				for (unsigned turn = 0; turn < 20; turn++)
					if (!simplify_part(w, i, k, n))
						break;
}

/* One thing that the front end does otherwise than by default. @how counts from 0; NULL: it does not apply. */
static struct program *plainer(const struct program *p, unsigned how)
{
	struct program *c = program_clone(p);
	bool *flags[] = { c ? &c->packed : NULL, c ? &c->no_indirect : NULL,
			  c ? &c->no_event : NULL, c ? &c->window : NULL };

	if (!c)
		return NULL;
	if (how < ARRAY_SIZE(flags) && *flags[how]) {
		*flags[how] = false;
		return c;
	}
	if (how == ARRAY_SIZE(flags) && (c->ring || c->regions)) {
		c->ring = c->regions = 0;
		return c;
	}
	return program_free(c);
}

static void plainer_front(struct work *w)
{
	for (unsigned how = 0; how < 5 && may_go_on(w); how++)
		(void)try_keep(w, plainer(*w->p, how));
}

static bool is_used(const struct program *p, unsigned family, uint32_t index)
{
	for (size_t i = 0; i < p->count; i++)
		for (size_t k = 0; k < p->step[i]->field_count; k++) {
			const struct program_value *v = &p->step[i]->field[k].value;

			for (size_t n = 0; n < v->count; n++)
				if (v->part[n].kind == PART_SYMBOL &&
				    v->part[n].family == (enum program_family)family &&
				    v->part[n].index == index)
					return true;
		}
	return false;
}

/* What is given and never used changes nothing: no trial is needed. */
static void fewer_symbols(struct program *p)
{
	for (size_t i = 0; i < p->count; i++)
		for (unsigned family = 0; family < PROGRAM_GIVEN; family++)
			if (p->step[i]->give[family] &&
			    !is_used(p, family, p->step[i]->give[family] - 1))
				p->step[i]->give[family] = 0;
}

unsigned fuzz_minimise(struct program **p, const struct fuzz_minimise *how)
{
	struct work w = { .p = p, .how = how };

	fewer_steps(&w);
	fewer_fields(&w);
	fewer_steps(&w);
	simpler_values(&w);
	plainer_front(&w);
	fewer_symbols(*p);
	return w.trials;
}
