// SPDX-License-Identifier: Apache-2.0
/* What was seen in a guest: what is made of it, and that a file which is not that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "conformance/runner/seen.h"

static json_t *check(const char *id, const char *rows, const char *verdict)
{
	return json_pack(
		"{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:n,s:s,s:f,s:s,s:s,s:s,s:n,s:s,s:s,s:[{s:s,s:i,s:s}]}",
		"area", "a", "area_title", "An area", "id", id, "title", "a title", "rows", rows,
		"does", "what it does", "wants", "what it wants", "catches", "verdict", verdict,
		"duration_ms", 2.5, "row", "B03", "expected", "this", "seen", "that", "note", "log",
		"a line", "fate", "alive", "figures", "name", "B03.stale_for", "value", 5, "unit",
		"ms");
}

static json_t *document(void)
{
	return json_pack(
		"{s:i,s:s,s:s,s:{s:s,s:s},s:f,s:[o,o,o]}", "schema", 1, "suite", "guest", "stack",
		"refdev", "target", "name", "refdev.x.guest", "version", "d 1; Linux 6.1",
		"duration_ms", 9.0, "checks", check("a.one", "B03 MULTI-008", "FAIL"),
		check("a.two", "VIRTIO-FS-CFG-001", "PASS"), check("a.three", "B01", "SKIP"));
}

/* Load a copy on disk, and take the document. 0, or the error with its text in @err. */
static int load(json_t *take_doc, struct seen *ret, struct err *err)
{
	static const struct conform_options options = { .format = OUTPUT_JSON };
	char file[] = "/tmp/vq-test-seen-XXXXXX";
	int fd = mkstemp(file);
	int e;

	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(json_save_atomic(file, take_doc, err), 0);
	json_decref(take_doc);
	e = seen_load(file, &options, ret, err);
	(void)unlink(file);
	return e;
}

static void judged(void **state)
{
	struct seen s = { 0 };
	struct err err = { "" };
	struct suite_totals t;
	json_t *all;

	(void)state;
	if (load(document(), &s, &err) < 0)
		fail_msg("%s", err.text);
	suite_count(&s.suite, &t);
	assert_int_equal(t.of[CHECK_PASS], 1);
	assert_int_equal(t.of[CHECK_SKIP], 1);
	assert_int_equal(t.required_failed, 1); /* a row of the matrix binds */
	assert_int_equal(suite_status(&s.suite), 1);
	all = output_json(&s.suite);
	assert_string_equal(json_str_at(all, "suite", ""), "guest");
	assert_string_equal(json_str_at(all, "areas[0].title", ""), "An area");
	assert_int_equal(json_array_size(json_object_get(all, "areas")), 1);
	assert_int_equal(json_array_size(json_object_get(all, "always")), 0);
	assert_string_equal(json_str_at(all, "checks[0].level", ""), "DEFACTO");
	assert_string_equal(json_str_at(all, "checks[0].sends", ""), "what it does");
	assert_string_equal(json_str_at(all, "checks[0].broken_row", ""), "B03");
	assert_string_equal(json_str_at(all, "checks[0].known", ""), "new");
	assert_string_equal(json_str_at(all, "checks[1].level", ""), "MUST");
	assert_int_equal(json_integer_value(json_at(all, "checks[0].figures[0].value")), 5);
	assert_true(json_is_null(json_at(all, "checks[0].note")));
	assert_non_null(strstr(json_str_at(all, "checks[0].repeat", ""), "--only=a.one"));
	json_decref(all);
	seen_free(&s);
}

/* One change of it must be refused. */
static void refuse(const char *path, const char *key, json_t *take_value)
{
	json_t *d = document();
	struct seen s = { 0 };
	struct err err = { "" };

	(void)json_object_set_new(*path ? json_at(d, path) : d, key, take_value);
	if (load(d, &s, &err) != -EBADMSG)
		fail_msg("%s.%s was taken", path, key);
	assert_true(err.text[0] != '\0');
	seen_free(&s);
}

static void mistakes(void **state)
{
	(void)state;
	refuse("", "schema", json_integer(2));
	refuse("", "suite", json_string("device"));
	refuse("", "checks", json_array());
	refuse("", "checks", json_string("all"));
	refuse("", "duration_ms", json_null());
	refuse("checks[1]", "verdict", json_string("GOOD"));
	refuse("checks[1]", "verdict", json_null());
	refuse("checks[1]", "duration_ms", json_integer(-1));
	refuse("checks[1]", "figures", json_null());
	refuse("checks[1]", "id", json_null());
	refuse("checks[1]", "does", json_integer(1));
	/* A level comes of a row: without one nothing would bind. */
	refuse("checks[1]", "rows", json_string("NO-SUCH-ROW"));
	refuse("checks[1]", "rows", json_string(""));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(judged),
		cmocka_unit_test(mistakes),
	};

	return cmocka_run_group_tests_name("conform_seen", tests, NULL, NULL) ? 1 : 0;
}
