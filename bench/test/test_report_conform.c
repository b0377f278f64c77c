// SPDX-License-Identifier: Apache-2.0
/* Conformance in the report of the canned run, whole and damaged. Run from the top of the checkout. */
#include "report_fixture.h"

#include "report/conform.h"
#include "report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define RUST "conformance/rust-trixie/device.json"

struct loaded {
	struct run run;
	struct conform c;
	int e;
};

static struct loaded load(void)
{
	struct loaded l = { .run = RUN_INIT };
	struct err err = { "" };

	l.e = run_load(fixture_run, &l.run, &err);
	if (l.e == 0)
		l.e = conform_build(&l.run, &conform_suites(&(size_t){ 0 })[0], &l.c);
	return l;
}

static void unload(struct loaded *l)
{
	conform_free(&l->c);
	run_free(&l->run);
}

/* Goal: each result is counted once, under what it is. Method: the canned results, counted by hand. */
static void counts(void **state)
{
	static const struct {
		size_t daemon;
		bool normative;
		size_t of[CONFORM_STATES];
	} rows[] = {
		{ 0, true, { [CONFORM_PASSED] = 2, [CONFORM_SKIPPED] = 2 } },
		{ 0, false, { [CONFORM_PASSED] = 4, [CONFORM_FAILED] = 1 } },
		{ 1, true, { [CONFORM_PASSED] = 3, [CONFORM_NOTED] = 1 } },
		{ 1, false, { [CONFORM_PASSED] = 3, [CONFORM_KNOWN] = 1, [CONFORM_FAILED] = 1 } },
		{ 2, true, { [CONFORM_PASSED] = 4 } },
		{ 2, false, { [CONFORM_PASSED] = 4, [CONFORM_BROKEN] = 1 } },
		{ 3, true, { 0 } },
		{ 4, true, { 0 } },
	};
	struct loaded l = load();

	(void)state;
	assert_int_equal(l.e, 0);
	assert_int_equal(l.c.count, 5);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct conform_counts n;

		conform_count(&l.c.daemon[rows[i].daemon], NULL, rows[i].normative, &n);
		for (size_t s = 0; s < CONFORM_STATES; s++)
			assert_int_equal(n.of[s], rows[i].of[s]);
	}
	assert_non_null(l.c.daemon[4].damage.text[0] ? l.c.daemon[4].damage.text : NULL);
	unload(&l);
}

static void differences(void **state)
{
	struct loaded l = load();

	(void)state;
	assert_true(conform_differs(&l.c, "names.slash"));
	assert_true(conform_differs(&l.c, "sample-session.may-end")); /* the fate alone, too */
	assert_false(conform_differs(&l.c, "names.lookup-found"));
	assert_true(conform_is_failure(&l.c, "sample-session.may-end"));
	assert_false(conform_is_failure(&l.c, "names.lookup-found"));
	unload(&l);
}

/* Goal: a requirement has the worst result of its checks, and a broken one counts for itself alone. */
static void requirements(void **state)
{
	static const struct {
		size_t daemon;
		const char *row;
		enum conform_state state;
	} rows[] = {
		{ 0, "VIRTIO-FS-SEC-006", CONFORM_PASSED },
		{ 1, "VIRTIO-FS-SEC-006", CONFORM_KNOWN },
		{ 0, "VIRTIO-VQ-008", CONFORM_FAILED },
		{ 1, "VIRTIO-VQ-008", CONFORM_PASSED },
		{ 1, "VIRTIO-FS-QUEUE-005", CONFORM_FAILED },
		{ 0, "VIRTIO-FS-QUEUE-005", CONFORM_PASSED },
		{ 2, "VIRTIO-FS-QUEUE-006", CONFORM_PASSED }, /* every check looks after it */
		{ 0, "VIRTIO-FS-CFG-002", CONFORM_SKIPPED },
		{ 2, "VIRTIO-FS-CFG-004", CONFORM_ABSENT },
		{ 3, "VIRTIO-FS-QUEUE-006", CONFORM_ABSENT }, /* n/a: nothing was run */
	};
	struct loaded l = load();
	char *checks;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (conform_row_state(&l.c.daemon[rows[i].daemon], spec_find(rows[i].row)) !=
		    rows[i].state)
			fail_msg("%s at daemon %zu: %s", rows[i].row, rows[i].daemon,
				 conform_word(conform_row_state(&l.c.daemon[rows[i].daemon],
								spec_find(rows[i].row))));
	checks = conform_row_checks(&l.c, spec_find("VIRTIO-FS-CFG-003"));
	assert_string_equal(checks, "config.tag-tail");
	free(checks);
	checks = conform_row_checks(&l.c, spec_find("VIRTIO-FS-QUEUE-005"));
	assert_string_equal(checks, "sample-ring.used-length, every check");
	free(checks);
	unload(&l);
}

/* Goal: every requirement that a client can check has its line, with what came of it. */
static void every_row_has_its_line(void **state)
{
	static const char line[] =
		"<td class=\"mono\">config.tag-tail</td><td class=\"na\">skipped</td><td>passed</td>"
		"<td>passed</td>";
	const struct conform device = { .suite = &conform_suites(&(size_t){ 0 })[0] };
	const struct conform guest = { .suite = &conform_suites(&(size_t){ 0 })[1] };
	const struct spec_row *row;
	struct err err;

	(void)state;
	assert_int_equal(report_write(fixture_run, &err), 0);
	for (size_t i = 0; (row = spec_row_at(i)); i++) {
		char head[96];

		(void)snprintf(head, sizeof(head), "<th scope=\"row\"><code>%s</code></th>",
			       row->id);
		if (fixture_contains("report.html", head) !=
		    (conform_row_is_listed(&device, row) || conform_row_is_listed(&guest, row)))
			fail_msg("%s", row->id);
	}
	assert_true(fixture_contains("report.html", line));
	assert_true(fixture_contains("report.md", "Requirements: c-bookworm: "));
}

/* Goal: whatever is wrong with device.json is told, and costs nothing else. */
static void damage_is_told(void **state)
{
	static const struct {
		const char *path;
		const char *key;
		const char *value; /* JSON; NULL: the key goes */
		const char *told;
	} rows[] = {
		{ "", "schema", "2", "schema is 2" },
		{ "", "suite", "\"bench\"", "none of its words" },
		{ "", "checks", NULL, "checks is missing" },
		{ "checks[3]", "verdict", "\"GOOD\"", "none of its words" },
		{ "checks[3]", "verdict", "[]", "checks[3].verdict" },
		{ "checks[3]", "rows", NULL, "rows is missing" },
		{ "checks[0]", "id", "7", "checks[0].id" },
		{ "areas[0]", "title", "{}", "areas[0].title" },
		{ "", "always", "[1]", "always[0]" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *v = fixture_load(GOLDEN "/run", RUST);
		json_t *at = *rows[i].path ? json_at(v, rows[i].path) : v;
		struct loaded l;

		assert_non_null(at);
		if (rows[i].value)
			(void)json_object_set_new(at, rows[i].key,
						  json_loads(rows[i].value, JSON_DECODE_ANY, NULL));
		else
			(void)json_object_del(at, rows[i].key);
		assert_int_equal(fixture_save(RUST, v), 0);
		json_decref(v);
		l = load();
		assert_int_equal(l.e, 0);
		assert_null(l.c.daemon[1].root);
		if (!strstr(l.c.daemon[1].damage.text, rows[i].told))
			fail_msg("\"%s\" is not in \"%s\"", rows[i].told,
				 l.c.daemon[1].damage.text);
		assert_int_equal(json_object_size(conform_check(&l.c.daemon[0], "names.slash")) > 0,
				 1);
		unload(&l);
	}
}

static void damaged_lists_are_refused(void **state)
{
	json_t *v = fixture_load(GOLDEN "/run", "run.json");
	size_t failed;
	size_t cells;

	(void)state;
	(void)json_object_set_new(json_at(v, "conformance[0]"), "status", json_string("fine"));
	assert_int_equal(fixture_save("run.json", v), 0);
	assert_int_equal(fixture_render(&failed, &cells), -EBADMSG);
	(void)json_object_set_new(v, "conformance", json_object());
	assert_int_equal(fixture_save("run.json", v), 0);
	assert_int_equal(fixture_render(&failed, &cells), -EBADMSG);
	(void)json_object_del(v, "conformance");
	assert_int_equal(fixture_save("run.json", v), 0);
	assert_int_equal(fixture_render(&failed, &cells), 0);
	json_decref(v);
}

/* Goal: a run of checks alone has a report of its own, without empty tables. */
static void checks_alone(void **state)
{
	json_t *v = fixture_load(GOLDEN "/run", "run.json");
	struct err err;

	(void)state;
	(void)json_object_set_new(v, "cells", json_array());
	(void)json_object_set_new(v, "workloads", json_array());
	(void)json_object_set_new(v, "stacks", json_array());
	(void)json_object_set_new(v, "order", json_array());
	assert_int_equal(fixture_save("run.json", v), 0);
	json_decref(v);
	assert_int_equal(report_write(fixture_run, &err), 0);
	assert_true(fixture_contains("report.html", "id=\"conformance\""));
	assert_false(fixture_contains("report.html", "id=\"glance\""));
	assert_false(fixture_contains("report.html", "of 0 cells"));
	assert_false(fixture_contains("report.md", "of 0 cells"));
	assert_true(fixture_contains("report.md", "written down as reported"));
}

/* A folder outside of the run is no results of it. */
static void stays_in_the_run(void **state)
{
	json_t *v = fixture_load(GOLDEN "/run", "run.json");
	struct loaded l;

	(void)state;
	(void)json_object_set_new(json_at(v, "conformance[0]"), "dir",
				  json_string("../run/conformance/c-bookworm"));
	assert_int_equal(fixture_save("run.json", v), 0);
	json_decref(v);
	l = load();
	assert_int_equal(l.e, 0);
	assert_null(l.c.daemon[0].root);
	unload(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(counts, fixture_fresh),
		cmocka_unit_test_setup(differences, fixture_fresh),
		cmocka_unit_test_setup(requirements, fixture_fresh),
		cmocka_unit_test_setup(every_row_has_its_line, fixture_fresh),
		cmocka_unit_test_setup(damage_is_told, fixture_fresh),
		cmocka_unit_test_setup(damaged_lists_are_refused, fixture_fresh),
		cmocka_unit_test_setup(checks_alone, fixture_fresh),
		cmocka_unit_test_setup(stays_in_the_run, fixture_fresh),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown) ? 1 : 0;
}
