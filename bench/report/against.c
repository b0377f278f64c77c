// SPDX-License-Identifier: Apache-2.0
#include "report/against.h"

#include "report/dax.h"
#include "report/text.h"

#include <string.h>

const char *against_refusal(const struct cell *base, const struct cell *new)
{
	if (!new)
		return "the other run has no such cell";
	if (base->status != CELL_OK || new->status != CELL_OK)
		return "it is not ok in both runs";
	if (!text_same(base->accelerator, new->accelerator))
		return "accelerators differ";
	if (dax_tails_differ(base, new))
		return "DAX tails differ (passthrough, shadow)";
	return NULL;
}

static const struct cell *find(const struct run *r, const struct cell *c)
{
	for (size_t i = 0; i < r->cell_count; i++)
		if (strcmp(r->cell[i].id, c->id) == 0)
			return &r->cell[i];
	return NULL;
}

int against_build(const struct run *base, const struct run *new, struct against *ret)
{
	ret->pair = calloc(base->cell_count + 1, sizeof(*ret->pair));
	if (!ret->pair)
		return -ENOMEM;
	for (size_t i = 0; i < base->cell_count; i++) {
		struct against_pair *p = &ret->pair[ret->count++];

		p->base = &base->cell[i];
		p->new = find(new, p->base);
		p->why_not = against_refusal(p->base, p->new);
		ret->compared += !p->why_not;
	}
	for (size_t i = 0; i < new->cell_count; i++)
		ret->only_new += !find(base, &new->cell[i]);
	return 0;
}

void against_free(struct against *a)
{
	free(a->pair);
	*a = (struct against){ 0 };
}

static json_t *headline(const struct run *base, const struct cell *c)
{
	return base->workload[c->workload_index].headline;
}

static void clean(struct out *o, const char *text)
{
	text_clean(o, text, strlen(text), TEXT_ONE_LINE);
}

static void pair_text(const struct run *base, const struct against_pair *p, struct out *o)
{
	char a[NUMBER_SIZE];
	char b[NUMBER_SIZE];
	char ratio[NUMBER_SIZE];
	const json_t *name;
	size_t i;

	clean(o, p->base->id);
	out_str(o, "\n");
	json_array_foreach(headline(base, p->base), i, name) {
		const char *metric = json_string_value(name);
		const struct value *x = cell_value(p->base, metric);
		const struct value *y = cell_value(p->new, metric);
		struct scale s;

		if (!x || !y || strcmp(x->unit, y->unit) != 0)
			continue;
		s = scale_pick(x->unit, x->name, x->median);
		out_str(o, "  ");
		clean(o, metric);
		out_fmt(o, "  %s -> %s %s", scale_number(&s, x->median, a),
			scale_number(&s, y->median, b), s.unit);
		if (x->median > 0)
			out_fmt(o, "  x%s", text_ratio(y->median / x->median, ratio));
		out_fmt(o, "  (%zu and %zu samples)\n", x->sample_count, y->sample_count);
	}
}

void against_text(const struct run *base, const struct against *a, struct out *ret)
{
	for (size_t i = 0; i < a->count; i++)
		if (!a->pair[i].why_not)
			pair_text(base, &a->pair[i], ret);
	for (size_t i = 0; i < a->count; i++) {
		if (!a->pair[i].why_not)
			continue;
		out_str(ret, "not compared: ");
		clean(ret, a->pair[i].base->id);
		out_fmt(ret, ": %s\n", a->pair[i].why_not);
	}
	out_fmt(ret, "%zu of %zu cells compared; %zu are in the other run only\n", a->compared,
		a->count, a->only_new);
}

static json_t *metrics_json(const struct run *base, const struct against_pair *p)
{
	json_t *list = json_array();
	const json_t *name;
	size_t i;

	if (p->why_not)
		return list;
	json_array_foreach(headline(base, p->base), i, name) {
		const struct value *x = cell_value(p->base, json_string_value(name));
		const struct value *y = cell_value(p->new, json_string_value(name));

		if (!x || !y || strcmp(x->unit, y->unit) != 0)
			continue;
		(void)json_array_append_new(
			list,
			json_pack("{s:s,s:s,s:o,s:o,s:o}", "name", x->name, "unit", x->unit, "base",
				  json_num(x->median), "new", json_num(y->median), "ratio",
				  x->median > 0 ? json_num(y->median / x->median) : json_null()));
	}
	return list;
}

json_t *against_json(const struct run *base, const struct against *a)
{
	json_t *cells = json_array();

	for (size_t i = 0; i < a->count; i++)
		(void)json_array_append_new(cells,
					    json_pack("{s:s,s:s?,s:o}", "id", a->pair[i].base->id,
						      "reason", a->pair[i].why_not, "metrics",
						      metrics_json(base, &a->pair[i])));
	return json_pack("{s:i,s:i,s:i,s:o}", "schema", 1, "compared", (int)a->compared, "only_new",
			 (int)a->only_new, "cells", cells);
}
