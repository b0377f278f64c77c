// SPDX-License-Identifier: Apache-2.0
#include "report/counts.h"

#include <math.h>
#include <string.h>

#define OPS "ops."

/* What follows the phase in PHASE.NAME. */
static const char *behind_phase(const char *metric)
{
	const char *dot = strchr(metric, '.');

	return dot ? dot + 1 : "";
}

static bool is_opcode(const char *name)
{
	return strncmp(name, OPS, strlen(OPS)) == 0 && strcmp(name, OPS "all") != 0;
}

bool counts_is_one(const char *metric)
{
	static const char *const names[] = {
		"bytes_to_device",
		"bytes_from_device",
		"kicks",
		"interrupts",
	};
	const char *name = behind_phase(metric);

	if (strncmp(name, OPS, strlen(OPS)) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

bool counts_exact(const struct value *v)
{
	return v->sample[v->at_min] == v->sample[v->at_max];
}

const struct value *counts_value(const struct counts_line *l, const char *name)
{
	for (size_t i = 0; i < l->cell->value_count; i++) {
		const struct value *v = &l->cell->value[i];

		if (strncmp(v->name, l->phase, l->phase_size) == 0 &&
		    v->name[l->phase_size] == '.' && strcmp(v->name + l->phase_size + 1, name) == 0)
			return v;
	}
	return NULL;
}

/* Has this cell a line of this phase already? Its lines are the last ones. */
static bool has_line(const struct counts *c, const struct cell *cell, const char *phase,
		     size_t size)
{
	for (size_t i = c->line_count; i > 0 && c->line[i - 1].cell == cell; i--)
		if (c->line[i - 1].phase_size == size &&
		    strncmp(c->line[i - 1].phase, phase, size) == 0)
			return true;
	return false;
}

static int add_lines(struct counts *c, const struct cell *cell)
{
	for (size_t i = 0; i < cell->value_count; i++) {
		const char *name = cell->value[i].name;
		size_t size = strcspn(name, ".");
		struct counts_line *list;

		if (!counts_is_one(name) || has_line(c, cell, name, size))
			continue;
		list = reallocarray(c->line, c->line_count + 1, sizeof(*list));
		if (!list)
			return -ENOMEM;
		c->line = list;
		list[c->line_count++] = (struct counts_line){ cell, name, size };
	}
	return 0;
}

/* How often each opcode was seen in all lines. */
static json_t *sum_opcodes(const struct counts *c)
{
	json_t *sums = json_object();

	for (size_t i = 0; i < c->line_count; i++) {
		const struct cell *cell = c->line[i].cell;

		/* Once per cell, not once for each of its phases. */
		if (i > 0 && c->line[i - 1].cell == cell)
			continue;
		for (size_t j = 0; j < cell->value_count; j++) {
			const struct value *v = &cell->value[j];
			const char *name = behind_phase(v->name);
			double before;

			if (!is_opcode(name))
				continue;
			before = json_number_value(json_object_get(sums, name));
			/* JSON has no infinity; made-up figures may add up to one. */
			if (!isfinite(before + v->median))
				continue;
			if (json_object_set_new(sums, name, json_real(before + v->median)) < 0) {
				json_decref(sums);
				return NULL;
			}
		}
	}
	return sums;
}

static bool is_shown(const struct counts *c, const char *name)
{
	for (size_t i = 0; i < c->opcode_count; i++)
		if (strcmp(c->opcode[i], name) == 0)
			return true;
	return false;
}

/* The name as a cell has it: those of the sums go with them. */
static const char *find_name(const struct counts *c, const char *name)
{
	for (size_t i = 0; i < c->line_count; i++)
		for (size_t j = 0; j < c->line[i].cell->value_count; j++)
			if (strcmp(behind_phase(c->line[i].cell->value[j].name), name) == 0)
				return behind_phase(c->line[i].cell->value[j].name);
	return NULL;
}

static int choose_opcodes(struct counts *c)
{
	json_auto_t *sums = sum_opcodes(c);
	const char *key;
	json_t *sum;

	if (!sums)
		return -ENOMEM;
	while (c->opcode_count < COUNTS_OPCODES_MAX) {
		const char *best = NULL;
		double most = -1;

		json_object_foreach(sums, key, sum) {
			if (is_shown(c, key) || json_number_value(sum) <= most)
				continue;
			best = key;
			most = json_number_value(sum);
		}
		if (!best)
			break;
		c->opcode[c->opcode_count++] = find_name(c, best);
	}
	c->others = json_object_size(sums) > c->opcode_count;
	return 0;
}

int counts_build(const struct run *r, const struct workload_info *w, struct counts *ret)
{
	for (size_t i = 0; i < r->cell_count; i++) {
		const struct cell *c = &r->cell[i];

		if (c->placed && &r->workload[c->workload_index] == w && add_lines(ret, c) < 0)
			return -ENOMEM;
	}
	return choose_opcodes(ret);
}

void counts_free(struct counts *c)
{
	free(c->line);
	*c = (struct counts){ 0 };
}

double counts_others(const struct counts *c, const struct counts_line *l)
{
	double sum = 0;

	for (size_t i = 0; i < l->cell->value_count; i++) {
		const struct value *v = &l->cell->value[i];
		const char *name = behind_phase(v->name);

		if (strncmp(v->name, l->phase, l->phase_size) == 0 &&
		    v->name[l->phase_size] == '.' && is_opcode(name) && !is_shown(c, name))
			sum += v->median;
	}
	return sum;
}
