// SPDX-License-Identifier: Apache-2.0
#include "report/compare.h"

#include "report/dax.h"

#include <string.h>

bool row_on_host_under_tcg(const struct run *run, const struct row *row, enum metric_kind kind)
{
	return run->tcg && !row->vmm && (kind == KIND_TIME || kind == KIND_TIMED_COUNT);
}

size_t compare_base_column(const struct table *t, const struct grid *g, size_t row)
{
	for (size_t c = 0; c < t->mode_count; c++) {
		const char *dax = t->mode[c].dax;

		if (table_figure(t, g, row, c)->state == FIGURE_VALUE &&
		    (!dax || strcmp(dax, "none") == 0 || strcmp(dax, "never") == 0))
			return c;
	}
	return t->column_count;
}

size_t compare_base_row(const struct table *t, const struct grid *g, size_t column)
{
	for (size_t r = 0; r < t->row_count; r++)
		if (!t->row[r].baseline && table_figure(t, g, r, column)->state == FIGURE_VALUE)
			return r;
	return t->row_count;
}

static struct ratio no_ratio(const char *why_not)
{
	return (struct ratio){ .verdict = COMPARE_NONE, .why_not = why_not };
}

static enum comparison judge(const struct value *v, const struct value *base)
{
	bool above = v->sample[v->at_min] > base->sample[base->at_max];
	bool below = v->sample[v->at_max] < base->sample[base->at_min];

	if (v->sample_count < 2 || base->sample_count < 2 || (!above && !below) ||
	    v->better == BETTER_NONE)
		return COMPARE_WITHIN;
	return above == (v->better == BETTER_HIGHER) ? COMPARE_BETTER : COMPARE_WORSE;
}

static struct ratio ratio_of(const struct figure *f, const struct figure *base)
{
	if (!base)
		return no_ratio("no base value");
	if (f == base)
		return (struct ratio){ .verdict = COMPARE_BASE, .value = 1 };
	if (f->cell && base->cell && dax_tails_differ(f->cell, base->cell))
		return no_ratio("DAX tails differ (passthrough, shadow)");
	if (strcmp(f->value->unit, base->value->unit) != 0)
		return no_ratio("units differ");
	if (!(base->value->median > 0))
		return no_ratio("the base is 0");
	return (struct ratio){ .verdict = judge(f->value, base->value),
			       .value = f->value->median / base->value->median };
}

/* What two rows differ in, beyond the one thing that is compared. */
struct differ {
	const char *what;
	const char *a;
	const char *b;
};

static const char *version_of(const struct row *r, const char *who)
{
	return json_string_value(json_object_get(json_object_get(r->first->root, "versions"), who));
}

static const char *interrupts_of(const struct row *r)
{
	return json_str_at(r->first->root, "machine.interrupts", NULL);
}

/* Queue layout as text; NULL when it was not seen. */
static const char *queues_of(const struct row *r, char ret[NUMBER_SIZE])
{
	const json_t *n = json_object_get(r->first->root, "negotiated");
	const json_t *queues = json_object_get(n, "queues");
	const json_t *size = json_object_get(n, "queue_size");

	if (!json_is_integer(queues) || !json_is_integer(size))
		return NULL;
	(void)snprintf(ret, NUMBER_SIZE, "%" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT,
		       json_integer_value(queues), json_integer_value(size));
	return ret;
}

/* What only one side has recorded is no difference: old runs and stacks without rings lack it. */
static void add_known(struct differ *ret, size_t *n, const char *what, const char *a, const char *b)
{
	if (a && b && strcmp(a, b) != 0)
		ret[(*n)++] = (struct differ){ what, a, b };
}

/* Room for two texts that a difference points to. */
struct differ_text {
	char a[NUMBER_SIZE];
	char b[NUMBER_SIZE];
};

#define DIFFERENCES_MAX 8

static size_t list_differences(const struct row *a, const struct row *b, struct differ_text *text,
			       struct differ ret[DIFFERENCES_MAX])
{
	size_t n = 0;

	if (!text_same(a->variant, b->variant))
		ret[n++] = (struct differ){ "variant", a->variant, b->variant };

	if (!text_same(a->vmm, b->vmm))
		ret[n++] = (struct differ){ "VMM", a->vmm, b->vmm };
	else if (!text_same(version_of(a, "vmm"), version_of(b, "vmm")))
		ret[n++] = (struct differ){ "VMM version", version_of(a, "vmm"),
					    version_of(b, "vmm") };
	if (!text_same(a->kernel, b->kernel))
		ret[n++] = (struct differ){ "guest kernel", a->kernel, b->kernel };
	else if (!text_same(version_of(a, "kernel"), version_of(b, "kernel")))
		ret[n++] = (struct differ){ "guest kernel version", version_of(a, "kernel"),
					    version_of(b, "kernel") };
	if (!text_same(a->accelerator, b->accelerator))
		ret[n++] = (struct differ){ "accelerator", a->accelerator, b->accelerator };
	add_known(ret, &n, "queues", queues_of(a, text->a), queues_of(b, text->b));
	add_known(ret, &n, "interrupts", interrupts_of(a), interrupts_of(b));
	return n;
}

/* Find or add a note; its number, 0 when out of memory. */
static size_t note_number(struct table *t, char *take_text)
{
	char **list;

	for (size_t i = 0; i < t->difference_count; i++) {
		if (strcmp(t->difference[i], take_text) == 0) {
			free(take_text);
			return i + 1;
		}
	}
	list = reallocarray(t->difference, t->difference_count + 1, sizeof(*list));
	if (!list) {
		free(take_text);
		return 0;
	}
	t->difference = list;
	list[t->difference_count++] = take_text;
	return t->difference_count;
}

/*
 * Rows of two stacks are compared for the stack, rows of one stack for the one other thing that
 * differs. Anything more is named in a note.
 */
static int mark_differences(struct table *t, const struct row *row, const struct row *base,
			    size_t *ret)
{
	CLEANUP(out_free) struct out o = { 0 };
	struct differ_text text;
	struct differ d[DIFFERENCES_MAX];
	size_t n = list_differences(row, base, &text, d);
	size_t first = row->stack == base->stack ? 1 : 0;

	*ret = 0;
	if (n <= first)
		return 0;
	out_fmt(&o, "%s and its base %s differ in more than %s: ", row->stack->id, base->stack->id,
		first ? "one thing" : "the stack");
	for (size_t i = 0; i < n; i++)
		out_fmt(&o, "%s%s (%s; base: %s)", i ? ", " : "", d[i].what,
			d[i].a ? d[i].a : "none", d[i].b ? d[i].b : "none");
	if (o.error < 0)
		return o.error;
	*ret = note_number(t, buf_take(&o.text));
	return *ret ? 0 : -ENOMEM;
}

/* Times of two accelerators say nothing about each other. */
static bool accelerators_clash(const struct row *a, const struct row *b, enum metric_kind kind)
{
	return !text_same(a->accelerator, b->accelerator) &&
	       (kind == KIND_TIME || kind == KIND_TIMED_COUNT);
}

static int compare_stacks(struct table *t, struct grid *g, size_t row, size_t column)
{
	struct figure *f = &g->figure[row * t->column_count + column];
	size_t base = compare_base_row(t, g, column);

	if (accelerators_clash(&t->row[row], &t->row[base], f->value->kind)) {
		f->stack = no_ratio("accelerators differ");
		return 0;
	}
	f->stack = ratio_of(f, table_figure(t, g, base, column));
	return row == base ? 0 : mark_differences(t, &t->row[row], &t->row[base], &f->mark);
}

static const struct figure *first_base(const struct table *t, const struct grid *g, bool virtiofs,
				       const struct row **ret_row)
{
	for (size_t r = 0; r < t->row_count; r++) {
		const struct row *row = &t->row[r];
		size_t c = row->baseline ? t->column_count : compare_base_column(t, g, r);

		if (c == t->column_count || (row->stack->kind == STACK_VIRTIOFS) != virtiofs)
			continue;
		*ret_row = row;
		return table_figure(t, g, r, c);
	}
	return NULL;
}

const struct figure *compare_table_base(const struct table *t, const struct grid *g,
					const struct row **ret_row)
{
	const struct figure *f = first_base(t, g, true, ret_row);

	return f ? f : first_base(t, g, false, ret_row);
}

struct ratio compare_pair(const struct run *r, const struct row *row, const struct figure *f,
			  const struct row *base_row, const struct figure *base)
{
	enum metric_kind kind = f->value->kind;

	if (!base)
		return no_ratio("no base value");
	if (f == base)
		return ratio_of(f, base);
	if (row_on_host_under_tcg(r, row, kind) != row_on_host_under_tcg(r, base_row, kind))
		return no_ratio("not comparable: the host's CPU against an emulated one");
	if (row->vmm && base_row->vmm && accelerators_clash(row, base_row, kind))
		return no_ratio("accelerators differ");
	return ratio_of(f, base);
}

static void compare_baseline(const struct run *r, const struct table *t, struct grid *g, size_t row)
{
	struct figure *f = &g->figure[row * t->column_count];
	const struct row *base_row = NULL;
	const struct figure *base = compare_table_base(t, g, &base_row);

	/* Under TCG the host is no measure for guests even when there are none to compare with. */
	if (row_on_host_under_tcg(r, &t->row[row], f->value->kind))
		f->mode = no_ratio("not comparable: the host's CPU against an emulated one");
	else
		f->mode = compare_pair(r, &t->row[row], f, base_row, base);
}

int compare_grid(const struct run *r, struct table *t, struct grid *g)
{
	for (size_t i = 0; i < t->row_count * t->column_count; i++) {
		struct figure *f = &g->figure[i];
		size_t row = i / t->column_count;
		size_t base;

		if (f->state != FIGURE_VALUE)
			continue;
		if (t->row[row].baseline) {
			compare_baseline(r, t, g, row);
			continue;
		}
		base = compare_base_column(t, g, row);
		f->mode = ratio_of(f,
				   base == t->column_count ? NULL : table_figure(t, g, row, base));
		if (compare_stacks(t, g, row, i % t->column_count) < 0)
			return -ENOMEM;
	}
	return 0;
}

bool glance_choose(const struct table *t, const struct grid *g, struct glance_pick *ret)
{
	const struct row *row = NULL;
	const struct figure *base = compare_table_base(t, g, &row);
	double sign = g->better == BETTER_LOWER ? -1 : 1;

	if (!base)
		return false;
	ret->base = ret->best = ret->worst = (size_t)(base - g->figure);
	for (size_t i = 0; i < t->row_count * t->column_count; i++) {
		const struct figure *f = &g->figure[i];
		const struct row *r = &t->row[i / t->column_count];

		if (!f->value || r->baseline || r->stack->kind != row->stack->kind ||
		    accelerators_clash(r, row, g->kind))
			continue;
		if (sign * f->value->median > sign * g->figure[ret->best].value->median)
			ret->best = i;
		if (sign * f->value->median < sign * g->figure[ret->worst].value->median)
			ret->worst = i;
	}
	return true;
}

const char *glance_nothing(const struct table *t, const struct grid *g)
{
	for (size_t i = 0; i < t->row_count * t->column_count; i++)
		if (g->figure[i].value && !t->row[i / t->column_count].baseline)
			return "only with DAX: see its table";
	return "no value in any virtio-fs cell";
}
