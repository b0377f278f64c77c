// SPDX-License-Identifier: Apache-2.0
#include "run/resume.h"

#include "base/buf.h"
#include "base/json.h"
#include "run/suites.h"

#include <string.h>

static bool same_id(json_t *list, size_t i, const struct cell *c)
{
	const char *id = json_string_value(json_array_get(list, i));

	return id && strcmp(id, c->id) == 0;
}

static bool same_order(json_t *list, const struct plan *p, unsigned round)
{
	CLEANUP(freep) size_t *index = plan_order(p, round);

	if (!index || json_array_size(list) != p->cells.count)
		return false;
	for (size_t i = 0; i < p->cells.count; i++)
		if (!same_id(list, i, &p->cells.item[index[i]]))
			return false;
	return true;
}

int resume_check_plan(json_t *run, const struct plan *p, struct err *reterr)
{
	json_t *cells = json_object_get(run, "cells");
	json_t *order = json_object_get(run, "order");
	bool same = suites_same(run, p) && json_array_size(cells) == p->cells.count &&
		    json_array_size(order) == p->rounds + p->observed;

	for (size_t i = 0; same && i < p->cells.count; i++)
		same = same_id(cells, i, &p->cells.item[i]);
	for (unsigned round = 1; same && round <= p->rounds + p->observed; round++)
		same = same_order(json_array_get(order, round - 1), p, round);
	if (same)
		return 0;
	return err_set(reterr, -EINVAL,
		       "the run cannot go on: its plan.conf and options do not give the %zu cells "
		       "and the order that its run.json records (was one of them edited, or the "
		       "program changed?); begin a new run",
		       json_array_size(cells));
}

static void add_difference(json_t *list, const char *what, json_t *was, json_t *now)
{
	CLEANUP(freep) char *a = was ? json_dumps(was, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	CLEANUP(freep) char *b = now ? json_dumps(now, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

	(void)json_array_append_new(list, json_sprintf("%s: was %.200s, is %.200s", what,
						       a ? a : "nothing", b ? b : "nothing"));
}

static void compare(json_t *list, const char *group, json_t *was, json_t *now, const char *key)
{
	json_t *a = json_object_get(was, key);
	json_t *b = json_object_get(now, key);
	char what[128];

	(void)snprintf(what, sizeof(what), "%s %s", group, key);
	/* null: it could not be told then; a part that was repaired is no other one */
	if (a && !json_is_null(a) && !(b && json_equal(a, b)))
		add_difference(list, what, a, b);
}

json_t *resume_differences(json_t *was, json_t *now)
{
	/* Memory in use by firmware changes from boot to boot: it is no difference. */
	static const char *const host[] = { "kernel", "cpu_model", "cpus", "share_fs" };
	json_t *list = json_array();
	json_t *versions = json_object_get(was, "versions");
	json_t *image = json_object_get(was, "image");
	const char *key;
	json_t *value;

	for (size_t i = 0; i < ARRAY_SIZE(host); i++)
		compare(list, "host", json_object_get(was, "host"), json_object_get(now, "host"),
			host[i]);
	/* Only a run that looked at its host knows which accelerator it used. */
	if (json_object_size(json_object_get(was, "host")))
		compare(list, "accelerator", json_object_get(was, "accelerator"),
			json_object_get(now, "accelerator"), "used");
	json_object_foreach(versions, key, value)
		compare(list, "version of", versions, json_object_get(now, "versions"), key);
	if (json_object_size(image) && !json_equal(image, json_object_get(now, "image")))
		(void)json_array_append_new(
			list, json_string("guest image: its manifest is not the recorded one"));
	return list;
}

int resume_refuse(json_t *differences, struct err *reterr)
{
	CLEANUP(buf_free) struct buf text = { .max = 1500 };
	size_t i;
	json_t *item;

	json_array_foreach(differences, i, item)
		(void)buf_printf(&text, "\n  %s", json_string_value(item));
	return err_set(
		reterr, -ESTALE,
		"this is no longer what the run was begun with:%s\nIts results would be mixed: "
		"begin a new run, or go on all the same with --force.",
		buf_text(&text));
}

void resume_record(json_t *run, json_t *at, size_t passes_before, json_t *differences)
{
	json_t *list = json_object_get(run, "resumptions");

	if (!json_is_array(list)) {
		list = json_array();
		(void)json_object_set_new(run, "resumptions", list);
	}
	(void)json_array_append_new(list,
				    json_pack("{s:o,s:I,s:O}", "at", at, "passes_before",
					      (json_int_t)passes_before, "forced", differences));
}

static bool same_guest(json_t *a, json_t *b)
{
	return strcmp(json_str_at(a, "vmm", ""), json_str_at(b, "vmm", "")) == 0 &&
	       strcmp(json_str_at(a, "kernel", ""), json_str_at(b, "kernel", "")) == 0;
}

void resume_merge_guests(json_t *run, json_t *take_now)
{
	json_t *merged = json_array();
	json_t *before;
	json_t *guest;
	size_t i;

	json_array_foreach(json_object_get(run, "guests"), i, before) {
		bool again = false;
		size_t j;

		json_array_foreach(take_now, j, guest)
			again |= same_guest(before, guest);
		if (!again)
			(void)json_array_append(merged, before);
	}
	(void)json_array_extend(merged, take_now);
	json_decref(take_now);
	(void)json_object_set_new(run, "guests", merged);
}

struct turn turn_of(const struct plan *p, unsigned round)
{
	if (round <= p->rounds)
		return (struct turn){ PASS_TIMED, round };
	return (struct turn){ PASS_OBSERVED, round - p->rounds };
}

size_t resume_pending(const struct store *s, const struct plan *p)
{
	size_t pending = 0;

	for (size_t i = 0; i < p->cells.count; i++) {
		const struct cell *c = &p->cells.item[i];

		if (strcmp(store_cell_status(s, c), "n/a") == 0)
			continue;
		for (unsigned round = 1; round <= p->rounds + plan_observed(p, c); round++)
			pending += !store_has_pass(s, c, turn_of(p, round));
	}
	return pending;
}
