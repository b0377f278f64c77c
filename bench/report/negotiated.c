// SPDX-License-Identifier: Apache-2.0
#include "report/negotiated.h"

#include "report/table.h"

#include <string.h>

const struct negotiated_field negotiated_fields[] = {
	{ .key = "fuse", .title = "FUSE" },
	{ .key = "max_write", .title = "max_write", .bytes = true },
	{ .key = "max_pages", .title = "max_pages" },
	{ .key = "max_readahead", .title = "max_readahead", .bytes = true },
	{ .key = "max_background", .title = "max_background" },
	{ .key = "map_alignment", .title = "map_alignment" },
	{ .key = "time_gran", .title = "time_gran" },
	{ .key = "queues", .title = "queues" },
	{ .key = "queue_size", .title = "queue size" },
	{ .key = "virtio_features", .title = "virtio features" },
	{ .key = "protocol_features", .title = "protocol features" },
	{ .key = "init_flags", .title = "INIT flags" },
};
const size_t negotiated_field_count = ARRAY_SIZE(negotiated_fields);

static const json_t *object_of(const struct negotiated_line *l)
{
	return json_object_get(l->cell->root, "negotiated");
}

static int compare_lines(const void *a, const void *b, void *run)
{
	const struct negotiated_line *x = a;
	const struct negotiated_line *y = b;
	int d = cell_compare_place(run, x->cell, y->cell);

	return d ? d : (x->cell > y->cell) - (x->cell < y->cell);
}

/* Cells of one place that agreed on the same are one line. Return: lines that are left. */
static size_t merge(const struct run *r, struct negotiated_line *line, size_t count)
{
	size_t n = 0;
	size_t group = 0;

	for (size_t i = 0; i < count; i++) {
		size_t j;

		if (n == 0 || cell_compare_place(r, line[n - 1].cell, line[i].cell) != 0)
			group = n;
		j = group;
		while (j < n && !json_equal(object_of(&line[j]), object_of(&line[i])))
			j++;
		if (j == n)
			line[n++] = line[i];
		else
			line[j].cell_count++;
	}
	return n;
}

static bool same_mode(const struct cell *a, const struct cell *b)
{
	struct mode x = cell_mode(a);
	struct mode y = cell_mode(b);

	return table_compare_modes(&x, &y) == 0;
}

static bool same_group(const struct cell *a, const struct cell *b)
{
	return a->stack_index == b->stack_index && text_same(a->variant, b->variant) &&
	       text_same(a->vmm, b->vmm) && text_same(a->kernel, b->kernel);
}

/* Stacks are compared in one mode, modes in one stack: the first line that allows either. */
static size_t base_of(const struct negotiated *n, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (same_group(n->line[i].cell, n->line[at].cell))
			return i;
	for (size_t i = 0; i < at; i++)
		if (same_mode(n->line[i].cell, n->line[at].cell))
			return i;
	return at;
}

static bool same_field(const struct negotiated_line *a, const struct negotiated_line *b,
		       const char *key)
{
	return json_equal(json_object_get(object_of(a), key), json_object_get(object_of(b), key));
}

static char *list_differences(const struct negotiated_line *a, const struct negotiated_line *b)
{
	const struct cell *x = a->cell;
	const struct cell *y = b->cell;
	const struct {
		const char *what;
		bool same;
	} things[] = {
		{ "stack", x->stack_index == y->stack_index },
		{ "variant", text_same(x->variant, y->variant) },
		{ "mode", same_mode(x, y) },
		{ "VMM", text_same(x->vmm, y->vmm) },
		{ "kernel", text_same(x->kernel, y->kernel) },
		{ "accelerator", text_same(x->accelerator, y->accelerator) },
		{ "queues", same_field(a, b, "queues") },
		{ "queue size", same_field(a, b, "queue_size") },
		{ "interrupts", text_same(json_str_at(x->root, "machine.interrupts", NULL),
					  json_str_at(y->root, "machine.interrupts", NULL)) },
	};
	CLEANUP(out_free) struct out o = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(things); i++)
		if (!things[i].same)
			out_fmt(&o, "%s%s", count++ ? ", " : "", things[i].what);
	/* One thing is what is compared. */
	if (count < 2)
		return strdup("");
	return o.error < 0 ? NULL : buf_take(&o.text);
}

int negotiated_build(const struct run *r, struct negotiated *ret)
{
	size_t count = 0;

	ret->run = r;
	ret->line = calloc(r->cell_count + 1, sizeof(*ret->line));
	if (!ret->line)
		return -ENOMEM;
	for (size_t i = 0; i < r->cell_count; i++)
		if (r->cell[i].placed &&
		    json_is_object(json_object_get(r->cell[i].root, "negotiated")))
			ret->line[count++] = (struct negotiated_line){ .cell = &r->cell[i],
								       .cell_count = 1 };
	qsort_r(ret->line, count, sizeof(*ret->line), compare_lines, (void *)r);
	ret->line_count = merge(r, ret->line, count);
	for (size_t i = 0; i < ret->line_count; i++) {
		struct negotiated_line *l = &ret->line[i];

		l->base = base_of(ret, i);
		l->differs = list_differences(l, &ret->line[l->base]);
		if (!l->differs)
			return -ENOMEM;
	}
	return 0;
}

void negotiated_free(struct negotiated *n)
{
	for (size_t i = 0; i < n->line_count; i++)
		free(n->line[i].differs);
	free(n->line);
	*n = (struct negotiated){ 0 };
}

const char *negotiated_text(const struct negotiated_line *l, const struct negotiated_field *f,
			    char ret[NUMBER_SIZE])
{
	const json_t *v = json_object_get(object_of(l), f->key);
	struct scale s;

	if (json_is_string(v))
		return json_string_value(v);
	if (!json_is_integer(v))
		return "-";
	if (!f->bytes) {
		(void)snprintf(ret, NUMBER_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		return ret;
	}
	s = scale_pick("B", f->key, json_number_value(v));
	(void)scale_number(&s, json_number_value(v), ret);
	(void)snprintf(ret + strlen(ret), NUMBER_SIZE - strlen(ret), " %s", s.unit);
	return ret;
}

static bool has_flag(const struct negotiated_line *l, const char *flag)
{
	const json_t *name;
	size_t i;

	json_array_foreach(json_object_get(object_of(l), "init_flag_names"), i, name)
		if (strcmp(json_string_value(name), flag) == 0)
			return true;
	return false;
}

static bool all_have(const struct negotiated *n, const char *flag)
{
	for (size_t i = 0; i < n->line_count; i++)
		if (!has_flag(&n->line[i], flag))
			return false;
	return true;
}

void negotiated_flags(const struct negotiated *n, const struct negotiated_line *l, bool common,
		      struct out *ret)
{
	const json_t *name;
	size_t count = 0;
	size_t i;

	json_array_foreach(json_object_get(object_of(l), "init_flag_names"), i, name)
		if (all_have(n, json_string_value(name)) == common)
			out_fmt(ret, "%s%s", count++ ? " " : "", json_string_value(name));
	if (count == 0)
		out_str(ret, "none");
}
