// SPDX-License-Identifier: Apache-2.0
/* What programs read: JSON as DESIGN fixes it, TAP 13, and the common schema of JUnit. */
#include "conformance/runner/suite.h"

#include "base/clock.h"

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

static json_t *text_or_null(const char *text)
{
	json_t *s = text[0] ? json_stringn(text, strlen(text)) : json_null();

	/* What a daemon says need not be UTF-8. */
	return s ? s : json_string("(not UTF-8)");
}

static json_t *result_json(const struct suite *s, size_t index)
{
	const struct check_result *r = &s->result[index];
	enum known known = suite_known(s, index, NULL);
	json_t *one = check_json(s->check[index]);

	if (!one)
		return NULL;
	(void)json_object_set_new(one, "verdict", json_string(verdict_name(r->verdict)));
	(void)json_object_set_new(one, "expected", text_or_null(r->expected));
	(void)json_object_set_new(one, "seen", text_or_null(r->seen));
	(void)json_object_set_new(one, "broken_row", text_or_null(r->row));
	(void)json_object_set_new(one, "known",
				  known_name(known) ? json_string(known_name(known)) : json_null());
	(void)json_object_set_new(one, "fate", text_or_null(r->fate));
	(void)json_object_set_new(one, "duration_ms",
				  json_real((double)r->duration_ns / (double)NS_PER_MS));
	if (r->verdict != CHECK_PASS && r->verdict != CHECK_SKIP) {
		(void)json_object_set_new(one, "evidence", text_or_null(r->evidence));
		(void)json_object_set_new(one, "log", text_or_null(r->log));
	}
	return one;
}

json_t *output_json(const struct suite *s)
{
	json_t *checks = json_array();

	for (size_t i = 0; i < s->count; i++)
		(void)json_array_append_new(checks, result_json(s, i));
	return json_pack("{s:i, s:s, s:{s:s, s:s}, s:I, s:o}", "schema", SCHEMA, "suite", "device",
			 "target", "name", s->target->id, "version", s->target->version, "seed",
			 (json_int_t)s->options->seed, "checks", checks);
}

int output_list(const struct conform_options *o, FILE *out)
{
	json_auto_t *all = NULL;
	json_t *list = json_array();
	struct suite s;
	struct err err;
	int e = suite_select(o, &s, &err);

	for (size_t i = 0; e == 0 && i < s.count; i++) {
		if (o->format == OUTPUT_JSON)
			(void)json_array_append_new(list, check_json(s.check[i]));
		else
			(void)fprintf(out, "%-40s %-8s %s\n", s.check[i]->id,
				      spec_level_name(check_level(s.check[i])), s.check[i]->title);
	}
	if (e == 0)
		suite_free(&s);
	all = json_pack("{s:i, s:s, s:o}", "schema", SCHEMA, "suite", "device", "checks", list);
	if (o->format == OUTPUT_JSON && e == 0)
		(void)json_dumpf(all, out, JSON_INDENT(2));
	return e;
}

/* One line, without what TAP reads as its own. */
static void tap_text(const char *text, FILE *out)
{
	for (; *text; text++)
		(void)fputc(*text == '\n' || *text == '#' ? ' ' : *text, out);
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
			tap_text(r->seen, out);
		}
		(void)fputc('\n', out);
		if (good)
			continue;
		(void)fprintf(out, "  ---\n  verdict: %s\n  expected: |\n    ",
			      verdict_name(r->verdict));
		tap_text(r->expected, out);
		(void)fprintf(out, "\n  seen: |\n    ");
		tap_text(r->seen, out);
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

	(void)fprintf(out, "    <testcase name=\"%s\" classname=\"virtiofs.device\" time=\"%.6f\"",
		      s->check[i]->id, clock_seconds(r->duration_ns));
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
		      "  <testsuite name=\"virtiofs.device.%s\" tests=\"%zu\" failures=\"%zu\" "
		      "errors=\"%zu\" skipped=\"%zu\" time=\"%.6f\">\n",
		      s->target->id, s->count, t.of[CHECK_FAIL],
		      t.of[CHECK_BROKEN] + t.of[CHECK_UNSET], t.of[CHECK_SKIP],
		      clock_seconds(s->duration_ns));
	for (size_t i = 0; i < s->count; i++)
		junit_case(s, i, out);
	(void)fprintf(out, "  </testsuite>\n</testsuites>\n");
}
