// SPDX-License-Identifier: Apache-2.0
#include "report/conform.h"

#include "report/load.h"
#include "report/shape.h"
#include "report/text.h"

#include <string.h>

#define DEVICE_JSON_MAX (64 * MIB)

static const struct conform_suite suites[] = {
	{ .id = "device",
	  .anchor = "conformance",
	  .title = "Conformance of the daemons",
	  .subject = "Daemon",
	  .about =
		  "The device suite plays VMM and driver over each daemon's socket, without a guest.",
	  .means = SPEC_D },
	{ .id = "guest",
	  .anchor = "guest",
	  .title = "Behaviour of mounts in real guests",
	  .subject = "Mount",
	  .about =
		  "The guest suite uses each mount as programs do, while the host changes the same "
		  "files: what may be seen, and when, is what its mode promises.",
	  .means = SPEC_G },
};

const struct conform_suite *conform_suites(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(suites);
	return suites;
}

static json_t *list_of(const struct run *r)
{
	return json_object_get(r->root, "conformance");
}

bool conform_has(const struct run *r, const char *id)
{
	json_t *entry;
	size_t i;

	json_array_foreach(list_of(r), i, entry)
		if (text_same(load_text(entry, "suite"), id))
			return true;
	return false;
}

const char *conform_text(json_t *check, const char *key)
{
	return json_string_value(json_object_get(check, key));
}

static bool is(json_t *check, const char *key, const char *word)
{
	return text_same(conform_text(check, key), word);
}

/* How much a result matters, where a check was repeated. */
static unsigned weight(json_t *check)
{
	static const char *const order[] = { "PASS", "SKIP", "BROKEN", "FAIL" };

	for (unsigned i = 0; i < ARRAY_SIZE(order); i++)
		if (is(check, "verdict", order[i]))
			return i;
	return 0;
}

static int add_area(struct conform *c, const char *id, const char *title)
{
	return json_object_get(c->areas, id)
		       ? 0
		       : json_object_set_new(c->areas, id, json_string(title));
}

static int join(struct conform *c, struct conform_daemon *d)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(d->root, "areas"), i, item)
		if (add_area(c, conform_text(item, "id"), conform_text(item, "title")) < 0)
			return -ENOMEM;
	json_array_foreach(json_object_get(d->root, "checks"), i, item) {
		const char *id = conform_text(item, "id");
		json_t *before = json_object_get(d->checks, id);
		char area[64];

		(void)snprintf(area, sizeof(area), "%.*s", (int)strcspn(id, "."), id);
		if (add_area(c, area, area) < 0)
			return -ENOMEM;
		if (!json_object_get(c->ids, id) && json_object_set(c->ids, id, item) < 0)
			return -ENOMEM;
		if ((!before || weight(before) < weight(item)) &&
		    json_object_set(d->checks, id, item) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int load_daemon(const struct run *r, json_t *entry, struct conform *c)
{
	struct conform_daemon *d = &c->daemon[c->count++];
	CLEANUP(freep) char *path = NULL;
	size_t size = 0;
	int e;

	*d = (struct conform_daemon){ .stack = load_text(entry, "stack"),
				      .status = load_text(entry, "status"),
				      .reason = load_text(entry, "reason"),
				      .version = load_text(entry, "version"),
				      .dir = load_text(entry, "dir"),
				      .checks = json_object() };
	if (!d->checks || asprintf(&path, "%s/%s.json", d->dir, c->suite->id) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (!run_has_file(r, path) &&
	    (strcmp(d->status, "n/a") == 0 || strcmp(d->status, "pending") == 0))
		return 0;
	e = load_json(r, path, strrchr(path, '/') + 1, DEVICE_JSON_MAX, &size, &d->root,
		      &d->damage);
	if (e == 0 && shape_check_device(d->root, &d->damage) < 0) {
		json_decref(d->root);
		d->root = NULL;
	}
	return e == -ENOMEM ? e : join(c, d);
}

int conform_build(const struct run *r, const struct conform_suite *suite, struct conform *ret)
{
	struct conform c = { .suite = suite, .areas = json_object(), .ids = json_object() };
	json_t *entry;
	size_t i;
	int e = c.areas && c.ids ? 0 : -ENOMEM;

	c.daemon = calloc(json_array_size(list_of(r)) + 1, sizeof(*c.daemon));
	if (!c.daemon)
		e = -ENOMEM;
	json_array_foreach(list_of(r), i, entry)
		if (e == 0 && text_same(load_text(entry, "suite"), suite->id))
			e = load_daemon(r, entry, &c);
	*ret = c;
	return e;
}

void conform_free(struct conform *c)
{
	for (size_t i = 0; i < c->count; i++) {
		json_decref(c->daemon[i].checks);
		json_decref(c->daemon[i].root);
	}
	free(c->daemon);
	json_decref(c->areas);
	json_decref(c->ids);
	*c = (struct conform){ 0 };
}

json_t *conform_check(const struct conform_daemon *d, const char *id)
{
	return json_object_get(d->checks, id);
}

static bool binds(const struct conform_daemon *d, json_t *check)
{
	return is(check, "level", "MUST") || is(check, "level", "DEFACTO") ||
	       (is(check, "level", "SHOULD") && json_is_true(json_object_get(d->root, "strict")));
}

enum conform_state conform_state(const struct conform_daemon *d, json_t *check)
{
	if (!check)
		return CONFORM_ABSENT;
	if (is(check, "verdict", "PASS"))
		return CONFORM_PASSED;
	if (is(check, "verdict", "SKIP"))
		return CONFORM_SKIPPED;
	if (is(check, "verdict", "BROKEN"))
		return CONFORM_BROKEN;
	if (!binds(d, check))
		return CONFORM_NOTED;
	return is(check, "known", "known") ? CONFORM_KNOWN : CONFORM_FAILED;
}

const char *conform_word(enum conform_state s)
{
	static const char *const words[] = {
		[CONFORM_PASSED] = "passed",   [CONFORM_FAILED] = "failed",
		[CONFORM_KNOWN] = "known",     [CONFORM_NOTED] = "noted",
		[CONFORM_SKIPPED] = "skipped", [CONFORM_BROKEN] = "broken",
		[CONFORM_ABSENT] = "not run",
	};

	return words[s];
}

const char *conform_source(json_t *check)
{
	const char *broken = conform_text(check, "broken_row");
	const struct spec_row *row = broken ? spec_find(broken) : NULL;

	return row ? row->source : conform_text(check, "clause");
}

void conform_count(const struct conform_daemon *d, const char *area, bool normative,
		   struct conform_counts *ret)
{
	size_t n = area ? strlen(area) : 0;
	const char *id;
	json_t *check;

	*ret = (struct conform_counts){ 0 };
	json_object_foreach(d->checks, id, check) {
		if ((area && (strncmp(id, area, n) != 0 || id[n] != '.')) ||
		    json_is_true(json_object_get(check, "normative")) != normative)
			continue;
		ret->of[conform_state(d, check)]++;
		ret->all++;
	}
}

void conform_total(const struct conform_daemon *d, struct conform_counts *ret)
{
	struct conform_counts practice;

	conform_count(d, NULL, true, ret);
	conform_count(d, NULL, false, &practice);
	for (unsigned s = 0; s < CONFORM_STATES; s++)
		ret->of[s] += practice.of[s];
	ret->all += practice.all;
}

const char *conform_cell(const struct conform_counts *n, char ret[CONFORM_CELL])
{
	size_t used = 0;

	ret[0] = '\0';
	for (unsigned s = 0; s < CONFORM_STATES; s++) {
		if (n->of[s] == 0)
			continue;
		(void)snprintf(ret + used, CONFORM_CELL - used, "%s%zu %s", used ? ", " : "",
			       n->of[s], conform_word((enum conform_state)s));
		used = strlen(ret);
	}
	return ret;
}

bool conform_is_failure(const struct conform *c, const char *id)
{
	for (size_t i = 0; i < c->count; i++) {
		json_t *check = conform_check(&c->daemon[i], id);

		if (is(check, "verdict", "FAIL") || is(check, "verdict", "BROKEN"))
			return true;
	}
	return false;
}

bool conform_differs(const struct conform *c, const char *id)
{
	json_t *first = NULL;

	for (size_t i = 0; i < c->count; i++) {
		json_t *check = conform_check(&c->daemon[i], id);

		if (check && first &&
		    (!text_same(conform_text(check, "verdict"), conform_text(first, "verdict")) ||
		     !text_same(conform_text(check, "fate"), conform_text(first, "fate"))))
			return true;
		first = first ? first : check;
	}
	return false;
}
