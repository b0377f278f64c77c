// SPDX-License-Identifier: Apache-2.0
/* One cell of a run: its cell.json, or what its id tells where that is of no use. */
#include "report/load.h"

#include "report/shape.h"

#include "stats/stats.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* The words below were accepted by shape_check_*(); the first one stands for any other. */
static enum cell_status status_of(const char *word)
{
	unsigned int i = CELL_STATUS_COUNT - 1;

	while (i > 0 && strcmp(word, cell_status_names[i]) != 0)
		i--;
	return (enum cell_status)i;
}

static enum metric_better better_of(const char *word)
{
	unsigned int i = BETTER_LOWER;

	while (i > 0 && strcmp(word, metric_better_name((enum metric_better)i)) != 0)
		i--;
	return (enum metric_better)i;
}

static enum metric_kind kind_of(const char *word)
{
	unsigned int i = KIND_MEMORY;

	while (i > 0 && strcmp(word, metric_kind_name((enum metric_kind)i)) != 0)
		i--;
	return (enum metric_kind)i;
}

/* How far a stored median may be from that of its samples: decimals of the writer. */
#define MEDIAN_TOLERANCE 1e-6

static int check_median(struct value *v, const json_t *o, struct err *reterr)
{
	const json_t *stored = json_object_get(o, "median");
	double low;
	double high;

	if (stats_median(v->sample, v->sample_count, &v->median) < 0 ||
	    stats_range(v->sample, v->sample_count, &low, &high) < 0)
		return err_set(reterr, -EBADMSG, "metric %.80s has no median", v->name);
	if (!json_is_number(stored) ||
	    fabs(json_number_value(stored) - v->median) > MEDIAN_TOLERANCE * fabs(v->median))
		return err_set(reterr, -EBADMSG,
			       "metric %.80s: the stored median is not that of its samples",
			       v->name);
	for (size_t i = 0; i < v->sample_count; i++) {
		if (fabs(v->sample[i] - v->median) < fabs(v->sample[v->at_median] - v->median))
			v->at_median = i;
		if (v->sample[i] < v->sample[v->at_min])
			v->at_min = i;
		if (v->sample[i] > v->sample[v->at_max])
			v->at_max = i;
	}
	return 0;
}

static int read_value(struct value *v, const json_t *o, struct err *reterr)
{
	const json_t *samples = json_object_get(o, "samples");
	const json_t *sources = json_object_get(o, "sources");

	v->name = load_text(o, "name");
	v->unit = load_text(o, "unit");
	v->better = better_of(load_text(o, "better"));
	v->kind = kind_of(load_text(o, "kind"));
	v->sample_count = json_array_size(samples);
	if (json_array_size(sources) != v->sample_count)
		return err_set(reterr, -EBADMSG, "metric %.80s has %zu samples but %zu sources",
			       v->name, v->sample_count, json_array_size(sources));
	v->sample = calloc(v->sample_count, sizeof(*v->sample));
	v->source = calloc(v->sample_count, sizeof(*v->source));
	if (!v->sample || !v->source)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (size_t i = 0; i < v->sample_count; i++) {
		v->sample[i] = json_number_value(json_array_get(samples, i));
		v->source[i] = json_string_value(json_array_get(sources, i));
	}
	return check_median(v, o, reterr);
}

static int read_values(struct cell *c, struct err *reterr)
{
	json_t *metrics = json_object_get(c->root, "metrics");
	const json_t *o;
	size_t i;
	int e;

	if (json_array_size(metrics) == 0)
		return 0;
	c->value = calloc(json_array_size(metrics), sizeof(*c->value));
	if (!c->value)
		return err_set(reterr, -ENOMEM, "out of memory");
	json_array_foreach(metrics, i, o) {
		/* A metric that no round could take is listed without samples. */
		if (json_array_size(json_object_get(o, "samples")) == 0)
			continue;
		e = read_value(&c->value[c->value_count++], o, reterr);
		if (e < 0)
			return e;
	}
	return 0;
}

static int read_dimensions(struct cell *c, struct err *reterr)
{
	const json_t *o = c->root;
	const json_t *window = json_object_get(o, "window_bytes");
	const json_t *writeback = json_object_get(o, "writeback");

	if (strcmp(load_text(o, "id"), c->id) != 0)
		return err_set(reterr, -EBADMSG, "it is of cell \"%.200s\"", load_text(o, "id"));
	c->stack = load_text(o, "stack");
	c->variant = load_text(o, "variant");
	c->workload = load_text(o, "workload");
	c->accelerator = load_text(o, "accelerator");
	c->vmm = load_text(o, "vmm");
	c->kernel = load_text(o, "kernel");
	c->cache = load_text(o, "cache");
	c->dax = load_text(o, "dax");
	c->tail = load_text(o, "dax_tail");
	c->writeback = json_is_null(writeback) ? -1 : json_is_true(writeback);
	c->window_bytes = json_is_null(window) ? -1 : json_integer_value(window);
	c->status = status_of(load_text(o, "status"));
	c->reason = load_text(o, "reason");
	if ((c->status == CELL_NA || c->status == CELL_FAILED) && !c->reason)
		return err_set(reterr, -EBADMSG, "status is %s without a reason",
			       cell_status_names[c->status]);
	return 0;
}

static void drop_values(struct cell *c)
{
	for (size_t i = 0; i < c->value_count; i++) {
		free(c->value[i].sample);
		free(c->value[i].source);
	}
	free(c->value);
	c->value = NULL;
	c->value_count = 0;
}

void load_cell_free(struct cell *c)
{
	drop_values(c);
	json_decref(c->root);
	free(c->own_reason);
	free(c->own_id);
}

static bool find_places(const struct run *r, struct cell *c)
{
	size_t s = 0;
	size_t w = 0;

	while (s < r->stack_count && strcmp(r->stack[s].id, c->stack) != 0)
		s++;
	while (w < r->workload_count && strcmp(r->workload[w].id, c->workload) != 0)
		w++;
	if (s == r->stack_count || w == r->workload_count)
		return false;
	c->stack_index = s;
	c->workload_index = w;
	c->placed = true;
	return true;
}

static const char *null_word(const char *s)
{
	return strcmp(s, "none") == 0 || strcmp(s, "-") == 0 || *s == '\0' ? NULL : s;
}

enum id_part { PART_VMM, PART_CACHE, PART_WB, PART_DAX, PART_KERNEL, PART_COUNT };

/* What stands between stack and workload in an id, by kind of stack. */
static const struct {
	enum stack_kind kind;
	enum id_part part[PART_COUNT];
	size_t count;
} id_forms[] = {
	{ STACK_VIRTIOFS, { PART_VMM, PART_CACHE, PART_WB, PART_DAX, PART_KERNEL }, 5 },
	{ STACK_9P, { PART_VMM, PART_CACHE, PART_KERNEL }, 3 },
	{ STACK_BLK, { PART_VMM, PART_KERNEL }, 2 },
};

static void take_part(struct cell *c, enum id_part part, const char *word)
{
	switch (part) {
	case PART_VMM: c->vmm = null_word(word); break;
	case PART_CACHE: c->cache = word; break;
	case PART_WB: c->writeback = strcmp(word, "wb") == 0; break;
	case PART_DAX: c->dax = word; break;
	case PART_KERNEL: c->kernel = null_word(word); break;
	case PART_COUNT: break;
	}
}

/*
 * A cell without a readable cell.json still has its id: STACK[+VARIANT], what id_forms says, and
 * WORKLOAD. Ids of another form leave the cell without its modes; it is in the list of failed
 * cells in any case.
 */
static int place_by_id(const struct run *r, struct cell *c)
{
	const char *part[PART_COUNT + 3];
	size_t count = 0;
	char *s = strdup(c->id);
	char *variant;

	if (!s)
		return -ENOMEM;
	c->own_id = s;
	while (s && count < ARRAY_SIZE(part))
		part[count++] = strsep(&s, ".");
	if (count < 2 || count == ARRAY_SIZE(part))
		return 0;
	variant = strchr(c->own_id, '+');
	if (variant) {
		*variant = '\0';
		c->variant = variant + 1;
	}
	c->stack = part[0];
	c->workload = part[count - 1];
	if (!find_places(r, c)) {
		c->stack = c->workload = "";
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(id_forms); i++) {
		if (id_forms[i].kind != r->stack[c->stack_index].kind ||
		    id_forms[i].count != count - 2)
			continue;
		c->accelerator = json_str_at(r->root, "accelerator.used", "");
		for (size_t j = 0; j < id_forms[i].count; j++)
			take_part(c, id_forms[i].part[j], part[j + 1]);
	}
	return 0;
}

/* Forget what was read: the cell is reported by its id, with @err as the cause. */
static int cell_damage(const struct run *r, struct cell *c, const struct err *err)
{
	const char *id = c->id;

	load_cell_free(c);
	*c = (struct cell){ .id = id,
			    .damaged = true,
			    .status = CELL_FAILED,
			    .window_bytes = -1,
			    .writeback = -1,
			    .stack = "",
			    .workload = "",
			    .accelerator = "" };
	c->own_reason = strdup(err->text);
	c->reason = c->own_reason;
	return c->reason ? place_by_id(r, c) : -ENOMEM;
}

static bool id_is_file_name(const char *id)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._+=@,";

	return *id && *id != '.' && strlen(id) <= NAME_MAX && id[strspn(id, plain)] == '\0';
}

static int read_cell(const struct run *r, struct cell *c, size_t *total, struct err *reterr)
{
	CLEANUP(freep) char *path = cell_json_path(c);
	int e;

	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (!id_is_file_name(c->id))
		return err_set(reterr, -EINVAL, "the cell's id is not fit for a file name");
	if (*total > CELLS_JSON_MAX)
		return err_set(reterr, -EFBIG,
			       "cell.json was not read: the cells before it hold more than %u MiB",
			       (unsigned int)(CELLS_JSON_MAX / MIB));
	e = load_json(r, path, "cell.json", CELL_JSON_MAX, total, &c->root, reterr);
	if (e < 0)
		return e;
	e = shape_check_cell(c->root, reterr);
	if (e == 0)
		e = read_dimensions(c, reterr);
	if (e == 0)
		e = read_values(c, reterr);
	if (e == 0 && !find_places(r, c))
		e = err_set(reterr, -EBADMSG, "run.json does not list its stack or its workload");
	return e < 0 && e != -ENOMEM ? err_prefix(reterr, e, "cell.json is damaged") : e;
}

int load_cell(const struct run *r, struct cell *c, size_t *total, struct err *reterr)
{
	struct err err = { 0 };
	int e = read_cell(r, c, total, &err);

	if (e == -ENOMEM)
		return err_set(reterr, e, "out of memory");
	if (e == 0)
		return 0;
	return cell_damage(r, c, &err) < 0 ? err_set(reterr, -ENOMEM, "out of memory") : 0;
}
