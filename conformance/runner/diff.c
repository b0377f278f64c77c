// SPDX-License-Identifier: Apache-2.0
/* Two results side by side: two daemons, or two versions of one. */
#include "conformance/runner/doc.h"
#include "conformance/runner/result.h"

#include "base/json.h"

#include <string.h>

#define SCHEMA 1

/* What of a check is compared; texts of a check that did not fail say nothing. */
static bool is_same(json_t *a, json_t *b)
{
	static const char *const always[] = { "verdict", "fate" };

	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		if (strcmp(doc_text(a, always[i]), doc_text(b, always[i])) != 0)
			return false;
	return !doc_is(a, "FAIL") || strcmp(doc_text(a, "seen"), doc_text(b, "seen")) == 0;
}

static json_t *side(json_t *check)
{
	static const char *const keys[] = {
		"verdict", "expected", "seen", "fate", "known", "repeat"
	};
	json_t *one;

	if (!check)
		return json_null();
	one = json_object();
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		json_t *v = json_object_get(check, keys[i]);

		(void)json_object_set_new(one, keys[i], v ? json_incref(v) : json_null());
	}
	return one;
}

static int add(struct diff_result *d, json_t *list, json_t *a, json_t *b)
{
	json_t *c = a ? a : b;
	json_t *one = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "id", doc_text(c, "id"), "title",
				doc_text(c, "title"), "level", doc_text(c, "level"), "clause",
				doc_text(c, "clause"), "a", side(a), "b", side(b));

	d->only_a += !b;
	d->only_b += !a;
	d->differ += a && b;
	return json_array_append_new(list, one) < 0 ? -ENOMEM : 0;
}

static json_t *target(const struct doc *d)
{
	return json_pack("{s:s, s:s, s:I}", "name", d->name, "version", d->version, "checks",
			 (json_int_t)json_object_size(d->checks));
}

int diff_make(const struct doc *a, const struct doc *b, struct diff_result *ret)
{
	struct diff_result d = { 0 };
	json_t *list = json_array();
	const char *id;
	json_t *one;
	int e = 0;

	json_object_foreach(a->checks, id, one) {
		json_t *other = json_object_get(b->checks, id);

		if (other && is_same(one, other)) {
			d.same++;
			continue;
		}
		d.worse += doc_is(one, "PASS") && doc_is(other, "FAIL") && doc_binds(b, other);
		e = e < 0 ? e : add(&d, list, one, other);
	}
	json_object_foreach(b->checks, id, one)
		if (e == 0 && !json_object_get(a->checks, id))
			e = add(&d, list, NULL, one);
	d.json = json_pack("{s:i, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:o}", "schema", SCHEMA,
			   "suite", a->suite, "a", target(a), "b", target(b), "same",
			   (json_int_t)d.same, "differ", (json_int_t)d.differ, "only_a",
			   (json_int_t)d.only_a, "only_b", (json_int_t)d.only_b, "worse",
			   (json_int_t)d.worse, "differences", list);
	*ret = d;
	return d.json ? e : -ENOMEM;
}

void diff_free(struct diff_result *d)
{
	json_decref(d->json);
	d->json = NULL;
}

static void print_side(const char *name, json_t *s, FILE *out)
{
	const char *fate = doc_text(s, "fate");
	const char *seen = doc_text(s, "seen");

	if (json_is_null(s)) {
		(void)fprintf(out, "     %-9s not run\n", name);
		return;
	}
	(void)fprintf(out, "     %-9s %s%s", name, doc_text(s, "verdict"), *seen ? ": " : "");
	plain_text(seen, strlen(seen), out);
	(void)fprintf(out, "%s%s\n", *fate ? "; daemon " : "", fate);
}

void diff_print(const struct diff_result *d, FILE *out)
{
	static const char *const sides[] = { "a", "b" };
	json_t *one;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sides); i++) {
		json_t *t = json_object_get(d->json, sides[i]);

		(void)fprintf(out, "%s: %s, %s, %lld checks\n", sides[i], doc_text(t, "name"),
			      doc_text(t, "version"),
			      (long long)json_integer_value(json_object_get(t, "checks")));
	}
	json_array_foreach(json_object_get(d->json, "differences"), i, one) {
		(void)fprintf(out, "%s: %s\n     clause    %s, %s\n", doc_text(one, "id"),
			      doc_text(one, "title"), doc_text(one, "level"),
			      doc_text(one, "clause"));
		for (size_t j = 0; j < ARRAY_SIZE(sides); j++)
			print_side(sides[j], json_object_get(one, sides[j]), out);
	}
	(void)fprintf(out,
		      "%zu differ, %zu are the same, %zu only in a, %zu only in b; b fails %zu "
		      "required checks that a passes\n",
		      d->differ, d->same, d->only_a, d->only_b, d->worse);
}
