// SPDX-License-Identifier: Apache-2.0
#include "self_figures.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "stats/stats.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void figures_sample(struct figures *f, const char *name, double value)
{
	json_t *list = json_object_get(f->samples, name);

	if (!list) {
		list = json_array();
		(void)json_object_set_new(f->samples, name, list);
	}
	(void)json_array_append_new(list, json_num(value));
}

int figures_range(const struct figures *f, const char *name, struct range *ret)
{
	json_t *list = json_object_get(f->samples, name);
	size_t n = json_array_size(list);
	CLEANUP(freep) double *v = calloc(n + 1, sizeof(*v));

	if (!v || n == 0)
		return -ENOENT;
	ret->min = ret->max = json_number_value(json_array_get(list, 0));
	for (size_t i = 0; i < n; i++) {
		v[i] = json_number_value(json_array_get(list, i));
		ret->min = v[i] < ret->min ? v[i] : ret->min;
		ret->max = v[i] > ret->max ? v[i] : ret->max;
	}
	return stats_median(v, n, &ret->median);
}

void figures_row(struct figures *f, const char *name, double value, const char *unit,
		 const char *target, bool ok)
{
	(void)json_array_append_new(f->rows,
				    json_pack("{s:s,s:o,s:s,s:s,s:b,s:s}", "name", name, "value",
					      json_num(value), "unit", unit, "target", target, "ok",
					      ok, "samples_file", f->samples_file));
	(void)printf("%-44s %8.3f %-4s target %-24s %s\n", name, value, unit, target,
		     ok ? "met" : "MISSED");
}

void figures_note(const char *what, const struct range *r)
{
	(void)printf("  %-42s %8.3f (%.3f to %.3f)\n", what, r->median, r->min, r->max);
}

static const char *samples_file_of(const json_t *row)
{
	return json_string_value(json_object_get(row, "samples_file"));
}

static bool is_row(const json_t *row)
{
	return json_is_string(json_object_get(row, "name")) &&
	       json_is_number(json_object_get(row, "value")) &&
	       json_is_string(json_object_get(row, "unit")) &&
	       json_is_string(json_object_get(row, "target")) &&
	       json_is_boolean(json_object_get(row, "ok")) && samples_file_of(row);
}

static bool comes_from(json_t *rows, const char *samples_file)
{
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row)
		if (samples_file && strcmp(samples_file_of(row), samples_file) == 0)
			return true;
	return false;
}

int figures_merge(const char *into, const char *from, struct err *reterr)
{
	json_auto_t *other = NULL;
	json_auto_t *old = NULL;
	json_auto_t *all = json_array();
	json_t *add;
	json_t *row;
	size_t i;
	int e = json_load_path(from, &other, reterr);

	if (e < 0)
		return e;
	add = json_object_get(other, "figures");
	json_array_foreach(add, i, row)
		if (!is_row(row))
			return err_set(reterr, -EPROTO, "%s: figures[%zu] is no row", from, i);
	if (json_array_size(add) == 0)
		return err_set(reterr, -EPROTO, "%s holds no figures", from);
	if (access(into, F_OK) == 0) {
		e = json_load_path(into, &old, reterr);
		if (e < 0)
			return e;
	}
	json_array_foreach(old, i, row)
		if (!comes_from(add, samples_file_of(row)))
			(void)json_array_append(all, row);
	if (json_array_extend(all, add) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	return json_save_atomic(into, all, reterr);
}
