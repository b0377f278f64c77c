// SPDX-License-Identifier: Apache-2.0
/* What programs read: JSON as DESIGN fixes it, TAP 13, and the common schema of JUnit. */
#include "conformance/runner/suite.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

#include <ctype.h>
#include <string.h>

#define SCHEMA 1

static json_t *check_json(const struct check *c)
{
	const struct spec_row *row = check_row(c);
	char party[SPEC_SET_TEXT];

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", c->id, "title", c->title, "level",
			 spec_level_name(check_level(c)), "party",
			 row ? spec_party_text(row->party, party) : "", "clause",
			 row ? row->source : "", "rows", c->rows);
}

/* "/" and "/srv" are the name of no single place, and a relative path may be any text ("." above all). */
static bool is_telling(const char *folder)
{
	return folder && folder[0] == '/' && folder[1] && strchr(folder + 1, '/');
}

/* A byte of a file's name, as far as text tells. */
static bool is_of_name(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_-.~+", c)) || (unsigned char)c >= 0x80;
}

/* Does the path @size bytes long at @at end there, or at a '/'? A full stop may be that of a sentence. */
static bool ends_at(const char *at, size_t size)
{
	const char *end = at + size;

	return !is_of_name(*end) || (*end == '.' && !is_of_name(end[1]) && end[1] != '/');
}

/* The next place in @from where @folder stands as a path, or as the first part of one. @text: where it all begins. */
static const char *find_folder(const char *text, const char *from, const char *folder)
{
	const char *at;

	for (; (at = strstr(from, folder)); from = at + 1)
		if ((at == text || (!is_of_name(at[-1]) && at[-1] != '/')) &&
		    ends_at(at, strlen(folder)))
			return at;
	return NULL;
}

/* Folders of this machine and of this run say nothing about a daemon, and differ from run to run. */
static int hide_folder(char **text, const char *folder, const char *as)
{
	CLEANUP(buf_free) struct buf hidden = { 0 };
	const char *from = *text;
	const char *at;
	int e = 0;

	if (!is_telling(folder))
		return 0;
	while (e == 0 && (at = find_folder(*text, from, folder))) {
		e = buf_printf(&hidden, "%.*s%s", (int)(at - from), from, as);
		from = at + strlen(folder);
		if (*from == '/' && strspn(from + 1, "0123456789") > 0)
			from += 1 + strspn(from + 1, "0123456789"); /* of one check in it */
	}
	if (e == 0)
		e = buf_printf(&hidden, "%s", from);
	if (e == 0) {
		free(*text);
		*text = buf_take(&hidden);
	}
	return *text ? e : -ENOMEM;
}

static json_t *text_or_null(const struct suite *s, const char *text)
{
	CLEANUP(freep) char *copy = NULL;
	json_t *j;

	if (!text || !text[0])
		return json_null();
	copy = strdup(text);
	if (!copy || hide_folder(&copy, s->dir, "{dir}") < 0 ||
	    hide_folder(&copy, s->home, "{home}") < 0)
		return NULL;
	j = json_string(copy);
	if (j)
		return j;
	/* What a daemon says need not be UTF-8. */
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	return json_string(copy);
}

/* Does a standard require what decided the verdict? */
static bool is_normative(const struct check *c, const struct check_result *r)
{
	const struct spec_row *row = r->row[0] ? spec_find(r->row) : NULL;

	row = row ? row : check_row(c);
	return row && spec_is_normative(row);
}

static void add_failure(json_t *one, const struct suite *s, size_t index)
{
	const struct check_result *r = &s->result[index];
	bool failed = r->verdict != CHECK_PASS && r->verdict != CHECK_SKIP;
	CLEANUP(freep) char *repeat = output_repeat(s, s->check[index]);

	(void)json_object_set_new(one, "repeat", text_or_null(s, repeat));
	(void)json_object_set_new(one, "evidence", text_or_null(s, failed ? r->evidence : NULL));
	(void)json_object_set_new(one, "log", text_or_null(s, failed ? r->log : NULL));
}

static json_t *result_json(const struct suite *s, size_t index)
{
	const struct check *c = s->check[index];
	const struct check_result *r = &s->result[index];
	const struct known_row *row;
	enum known known = suite_known(s, index, &row);
	json_t *one = check_json(c);

	if (!one)
		return NULL;
	(void)json_object_set_new(one, "normative", json_boolean(is_normative(c, r)));
	(void)json_object_set_new(one, "sends", json_string(c->sends));
	(void)json_object_set_new(one, "verdict", json_string(verdict_name(r->verdict)));
	(void)json_object_set_new(one, "expected", text_or_null(s, r->expected));
	(void)json_object_set_new(one, "seen", text_or_null(s, r->seen));
	(void)json_object_set_new(one, "broken_row", text_or_null(s, r->row));
	(void)json_object_set_new(one, "known", text_or_null(s, known_name(known)));
	(void)json_object_set_new(one, "known_status", text_or_null(s, row ? row->status : NULL));
	(void)json_object_set_new(one, "known_reason", text_or_null(s, row ? row->reason : NULL));
	(void)json_object_set_new(one, "fate", text_or_null(s, r->fate));
	(void)json_object_set_new(one, "duration_ms",
				  json_num((double)r->duration_ns / (double)NS_PER_MS));
	add_failure(one, s, index);
	if (s->more && json_object_update(one, s->more[index]) < 0) {
		json_decref(one);
		return NULL;
	}
	return one;
}

static bool has_area(const struct suite *s, const struct check_area *a)
{
	size_t n = strlen(a->id);

	for (size_t i = 0; i < s->count; i++)
		if (strncmp(s->check[i]->id, a->id, n) == 0 && s->check[i]->id[n] == '.')
			return true;
	return false;
}

/* Those that anything was run of, in their order. */
static json_t *areas_json(const struct suite *s)
{
	size_t count;
	const struct check_area *const *area = device_areas(&count);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		if (has_area(s, area[i]))
			(void)json_array_append_new(list, json_pack("{s:s, s:s}", "id", area[i]->id,
								    "title", area[i]->title));
	return list;
}

/* Rows that the front end looks after in every check. */
static json_t *always_json(void)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < FRONT_FAULT_COUNT; i++) {
		json_t *id = json_string(front_faults[i].requirement);
		bool known = false;
		size_t j;
		json_t *other;

		json_array_foreach(list, j, other)
			known = known || json_equal(other, id);
		(void)(known ? 0 : json_array_append(list, id));
		json_decref(id);
	}
	return list;
}

json_t *output_json(const struct suite *s)
{
	json_t *checks = json_array();

	for (size_t i = 0; i < s->count; i++)
		(void)json_array_append_new(checks, result_json(s, i));
	return json_pack("{s:i, s:s, s:{s:s, s:s}, s:I, s:b, s:o, s:o, s:o, s:o}", "schema", SCHEMA,
			 "suite", s->name, "target", "name", s->target->id, "version",
			 s->target->version, "seed", (json_int_t)s->options->seed, "strict",
			 (int)s->options->strict, "duration_ms",
			 json_num((double)s->duration_ns / (double)NS_PER_MS), "areas",
			 s->areas ? json_incref(s->areas) : areas_json(s), "always",
			 s->areas ? json_array() : always_json(), "checks", checks);
}

void output_list_checks(const char *name, const struct check *const *c, size_t count,
			const struct conform_options *o, FILE *out)
{
	json_t *list = json_array();
	json_auto_t *all = NULL;

	for (size_t i = 0; i < count; i++) {
		if (o->format == OUTPUT_JSON)
			(void)json_array_append_new(list, check_json(c[i]));
		else
			(void)fprintf(out, "%-40s %-8s %s\n", c[i]->id,
				      spec_level_name(check_level(c[i])), c[i]->title);
	}
	all = json_pack("{s:i, s:s, s:o}", "schema", SCHEMA, "suite", name, "checks", list);
	if (o->format != OUTPUT_JSON)
		return;
	(void)json_dumpf(all, out, JSON_INDENT(2));
	(void)fputc('\n', out);
}

int output_list(const struct conform_options *o, FILE *out)
{
	struct suite s;
	struct err err;
	int e = suite_select(o, &s, &err);

	if (e < 0)
		return e;
	output_list_checks(s.name, s.check, s.count, o, out);
	suite_free(&s);
	return 0;
}

void output_tap(const struct suite *s, FILE *out)
{
	(void)fprintf(out, "TAP version 13\n1..%zu\n", s->count);
	for (size_t i = 0; i < s->count; i++) {
		const struct check_result *r = &s->result[i];
		bool good = r->verdict == CHECK_PASS || r->verdict == CHECK_SKIP;

		(void)fprintf(out, "%sok %zu - %s", good ? "" : "not ", i + 1, s->check[i]->id);
		if (r->verdict == CHECK_SKIP) {
			(void)fprintf(out, " # SKIP ");
			plain_text(r->seen, sizeof(r->seen), out);
		}
		(void)fputc('\n', out);
		if (good)
			continue;
		(void)fprintf(out, "  ---\n  verdict: %s\n  expected: |\n    ",
			      verdict_name(r->verdict));
		plain_text(r->expected, sizeof(r->expected), out);
		(void)fprintf(out, "\n  seen: |\n    ");
		plain_text(r->seen, sizeof(r->seen), out);
		(void)fprintf(out, "\n  ...\n");
	}
}

/* XML 1.0 has no control characters, not even escaped. */
static void xml_text(const char *text, FILE *out)
{
	static const struct {
		char c;
		const char *as;
	} entity[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" } };

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		const char *as = NULL;

		for (size_t i = 0; i < ARRAY_SIZE(entity); i++)
			if (*text == entity[i].c)
				as = entity[i].as;
		if (as)
			(void)fputs(as, out);
		else
			(void)fputc((c < 0x20 && c != '\n' && c != '\t') || c > 0x7e ? '?' : c,
				    out);
	}
}

static void junit_case(const struct suite *s, size_t i, FILE *out)
{
	static const char *const tag[] = {
		[CHECK_UNSET] = "error",  [CHECK_PASS] = NULL,	    [CHECK_FAIL] = "failure",
		[CHECK_SKIP] = "skipped", [CHECK_BROKEN] = "error",
	};
	const struct check_result *r = &s->result[i];
	const char *t = tag[r->verdict];

	(void)fprintf(out, "    <testcase name=\"%s\" classname=\"virtiofs.%s\" time=\"%.6f\"",
		      s->check[i]->id, s->name, clock_seconds(r->duration_ns));
	if (!t) {
		(void)fprintf(out, "/>\n");
		return;
	}
	(void)fprintf(out, ">\n      <%s message=\"", t);
	xml_text(r->seen, out);
	(void)fprintf(out, "\"");
	if (r->verdict == CHECK_SKIP) {
		(void)fprintf(out, "/>\n    </testcase>\n");
		return;
	}
	(void)fprintf(out, " type=\"%s\">expected: ", verdict_name(r->verdict));
	xml_text(r->expected, out);
	(void)fprintf(out, "\n");
	xml_text(r->evidence, out);
	(void)fprintf(out, "</%s>\n    </testcase>\n", t);
}

void output_junit(const struct suite *s, FILE *out)
{
	struct suite_totals t;

	suite_count(s, &t);
	(void)fprintf(out,
		      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
		      "  <testsuite name=\"virtiofs.%s.%s\" tests=\"%zu\" failures=\"%zu\" "
		      "errors=\"%zu\" skipped=\"%zu\" time=\"%.6f\">\n",
		      s->name, s->target->id, s->count, t.of[CHECK_FAIL],
		      t.of[CHECK_BROKEN] + t.of[CHECK_UNSET], t.of[CHECK_SKIP],
		      clock_seconds(s->duration_ns));
	for (size_t i = 0; i < s->count; i++)
		junit_case(s, i, out);
	(void)fprintf(out, "  </testsuite>\n</testsuites>\n");
}
