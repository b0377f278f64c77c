// SPDX-License-Identifier: Apache-2.0
#include "conformance/runner/trace.h"

#include "base/json.h"
#include "conformance/runner/areas.h"

#include <string.h>

#define SCHEMA	    1
#define EVERY_CHECK "(every check)"

static bool names(const struct check *c, const char *id)
{
	char word[64];

	for (const char *at = c->rows; (at = words_next(at, word, sizeof(word)));)
		if (strcmp(word, id) == 0)
			return true;
	return false;
}

/* Checks that name @id, and "every check" where the front end looks after it itself. New reference. */
static json_t *checks_of(const struct check_area *const *areas, size_t count, const char *id)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < areas[i]->count; j++)
			if (names(&areas[i]->checks[j], id))
				(void)json_array_append_new(list,
							    json_string(areas[i]->checks[j].id));
	for (unsigned i = 0; i < FRONT_FAULT_COUNT; i++)
		if (strcmp(front_faults[i].requirement, id) == 0) {
			(void)json_array_append_new(list, json_string(EVERY_CHECK));
			break;
		}
	return list;
}

static json_t *item(const char *kind, const char *id, const char *text, json_t *take_checks,
		    const char *waiver)
{
	const char *state = json_array_size(take_checks) ? "checked"
			    : waiver			 ? "waived"
							 : "untraced";

	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "kind", kind, "id", id, "text", text,
			 "state", state, "checks", take_checks, "waiver",
			 waiver ? json_string(waiver) : json_null());
}

static void count(json_t *one, size_t *checked, size_t *waived, size_t *untraced)
{
	const char *state = json_str_at(one, "state", "");

	*checked += strcmp(state, "checked") == 0;
	*waived += strcmp(state, "waived") == 0;
	*untraced += strcmp(state, "untraced") == 0;
}

struct source {
	const struct check_area *const *areas;
	size_t count;
	trace_waived *waived;
};

static void trace_rows(const struct source *s, struct trace *t, json_t *list)
{
	const struct spec_row *row;

	for (size_t i = 0; (row = spec_row_at(i)); i++) {
		const char *waiver = s->waived(row->id, SPEC_D);
		char text[512];
		json_t *one;

		if (!(row->means & SPEC_D))
			continue;
		t->rows++;
		(void)snprintf(text, sizeof(text), "%s; %s: %s", spec_level_name(row->level),
			       row->source, row->text);
		one = item("requirement", row->id, text, checks_of(s->areas, s->count, row->id),
			   waiver);
		count(one, &t->rows_checked, &t->rows_waived, &t->rows_untraced);
		t->spare += waiver && strcmp(json_str_at(one, "state", ""), "checked") == 0;
		(void)json_array_append_new(list, one);
	}
}

/* Why a row is not checked by whatever means; NULL: it is not waived, or not in all of them. */
static const char *waived_whole(const struct source *s, const char *id)
{
	const struct spec_row *row = spec_find(id);
	const char *reason = NULL;

	for (unsigned i = 0; row && i < SPEC_MEANS_BITS; i++) {
		if (!(row->means & 1U << i))
			continue;
		reason = s->waived(id, (enum spec_means)(1U << i));
		if (!reason)
			return NULL;
	}
	return reason;
}

/* A statement is traced when one of its rows is: it may be split into more than one asks for. */
static void trace_sentences(const struct source *s, struct trace *t, json_t *list)
{
	size_t n;
	const struct spec_sentence *all = spec_sentences(&n);

	for (size_t i = 0; i < n; i++) {
		const struct spec_sentence *x = &all[i];
		const char *waiver = NULL;
		json_t *checks = json_array();
		char text[320] = "rows:";
		char id[128];
		json_t *one;

		for (size_t j = 0; j < SPEC_SENTENCE_ROWS && x->rows[j]; j++) {
			json_t *more = checks_of(s->areas, s->count, x->rows[j]);
			size_t used = strlen(text);

			(void)json_array_extend(checks, more);
			json_decref(more);
			waiver = waiver ? waiver : waived_whole(s, x->rows[j]);
			(void)snprintf(text + used, sizeof(text) - used, " %s", x->rows[j]);
		}
		(void)snprintf(id, sizeof(id), "%s, %s, %s %u", x->document, x->section,
			       spec_role_name(x->role), x->ordinal);
		one = item("sentence", id, text, checks, waiver);
		t->sentences++;
		count(one, &t->sentences_checked, &t->sentences_waived, &t->sentences_untraced);
		(void)json_array_append_new(list, one);
	}
}

static void trace_bugs(const struct source *s, struct trace *t, json_t *list)
{
	size_t n;
	const struct spec_bug *all = spec_bugs(&n);

	for (size_t i = 0; i < n; i++) {
		json_t *one;

		if (!(all[i].who & SPEC_BY_CLIENT) || !(all[i].means & SPEC_D))
			continue;
		t->bugs++;
		one = item("bug", all[i].id, all[i].title, checks_of(s->areas, s->count, all[i].id),
			   s->waived(all[i].id, SPEC_D));
		count(one, &t->bugs_checked, &t->bugs_waived, &t->bugs_untraced);
		(void)json_array_append_new(list, one);
	}
}

static json_t *counts(size_t all, size_t checked, size_t waived, size_t untraced)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "all", (json_int_t)all, "checked",
			 (json_int_t)checked, "waived", (json_int_t)waived, "untraced",
			 (json_int_t)untraced);
}

int trace_make(const struct check_area *const *areas, size_t area_count, trace_waived *waived,
	       struct trace *ret)
{
	const struct source s = { areas, area_count, waived };
	struct trace t = { 0 };
	json_t *list = json_array();

	trace_rows(&s, &t, list);
	trace_sentences(&s, &t, list);
	trace_bugs(&s, &t, list);
	t.many = t.rows_waived * 100 > t.rows * TRACE_WAIVED_PERCENT;
	t.json = json_pack(
		"{s:i, s:s, s:o, s:o, s:o, s:I, s:o}", "schema", SCHEMA, "suite", "device",
		"requirements", counts(t.rows, t.rows_checked, t.rows_waived, t.rows_untraced),
		"sentences",
		counts(t.sentences, t.sentences_checked, t.sentences_waived, t.sentences_untraced),
		"bugs", counts(t.bugs, t.bugs_checked, t.bugs_waived, t.bugs_untraced),
		"spare_waivers", (json_int_t)t.spare, "items", list);
	*ret = t;
	return t.json ? 0 : -ENOMEM;
}

bool trace_is_good(const struct trace *t)
{
	return !t->rows_untraced && !t->sentences_untraced && !t->bugs_untraced && !t->many &&
	       !t->spare;
}

static void print_item(json_t *one, bool all, FILE *out)
{
	const char *state = json_str_at(one, "state", "");
	const char *waiver = json_str_at(one, "waiver", NULL);
	json_t *check;
	size_t i;

	if (strcmp(state, "untraced") == 0)
		(void)fprintf(out, "UNTRACED %s %s: %s\n", json_str_at(one, "kind", ""),
			      json_str_at(one, "id", ""), json_str_at(one, "text", ""));
	else if (waiver && strcmp(state, "checked") == 0 &&
		 strcmp(json_str_at(one, "kind", ""), "requirement") == 0)
		(void)fprintf(out, "SPARE WAIVER of %s: it has a check\n",
			      json_str_at(one, "id", ""));
	else if (all) {
		(void)fprintf(out, "%s %s:", state, json_str_at(one, "id", ""));
		json_array_foreach(json_object_get(one, "checks"), i, check)
			(void)fprintf(out, " %s", json_string_value(check));
		(void)fprintf(out, "%s%s\n", waiver ? " " : "", waiver ? waiver : "");
	}
}

void trace_print(const struct trace *t, bool all, FILE *out)
{
	static const char form[] = "%-13s %4zu: %zu checked, %zu waived, %zu untraced%s\n";
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(t->json, "items"), i, one)
		print_item(one, all, out);
	(void)fprintf(out, form, "requirements", t->rows, t->rows_checked, t->rows_waived,
		      t->rows_untraced, t->many ? "; more than 5 % are waived" : "");
	(void)fprintf(out, form, "statements", t->sentences, t->sentences_checked,
		      t->sentences_waived, t->sentences_untraced, "");
	(void)fprintf(out, form, "bugs", t->bugs, t->bugs_checked, t->bugs_waived, t->bugs_untraced,
		      "");
}

void trace_free(struct trace *t)
{
	json_decref(t->json);
	t->json = NULL;
}
