// SPDX-License-Identifier: Apache-2.0
/* The report of the canned run damaged in every way. Run from the top of the checkout. */
#include "report_fixture.h"

#include "base/fs.h"
#include "base/rng.h"
#include "base/strv.h"

#include "report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define FILE_MAX     (16 * MIB)
#define DAX_CELL     "rust-trixie.qemu-backports.auto.nowb.always.bookworm.seqread-psync"
#define MISSING_CELL "c-bookworm.qemu-bookworm.auto.nowb.none.bookworm.metadata"

static int damage_key(const char *name, const char *key, bool remove_it)
{
	json_auto_t *v = fixture_load(GOLDEN "/run", name);
	bool is_object = json_is_object(json_object_get(v, key));

	if (!v || !json_object_get(v, key))
		return -1;
	if (remove_it)
		(void)json_object_del(v, key);
	else
		(void)json_object_set_new(v, key, is_object ? json_array() : json_object());
	return fixture_save(name, v);
}

/* Keys of a document as an owned list. */
static int list_keys(const char *name, struct strv *ret)
{
	json_auto_t *v = fixture_load(GOLDEN "/run", name);
	const char *key;
	json_t *value;

	json_object_foreach(v, key, value)
		strv_add(ret, key);
	return strv_failed(ret) ? -1 : 0;
}

static void cell_keys_are_required(void **state)
{
	struct strv keys = { 0 };
	size_t before;
	size_t failed;
	size_t cells;

	(void)state;
	assert_int_equal(fixture_render(&before, &cells), 0);
	assert_int_equal(list_keys("cells/" GOOD_CELL "/cell.json", &keys), 0);
	for (size_t i = 0; i < 2 * keys.count; i++) {
		assert_int_equal(
			damage_key("cells/" GOOD_CELL "/cell.json", keys.item[i / 2], i % 2), 0);
		assert_int_equal(fixture_render(&failed, &cells), 0);
		assert_int_equal(failed, before + 1);
	}
	strv_free(&keys);
}

/* Keys that old runs lack and that the report does not read. */
static bool is_later_key(const char *key)
{
	static const char *const keys[] = { "cause",	   "expected_s", "elapsed_s",
					    "resumptions", "attached",	 "vmms",
					    "kernels",	   "suites",	 "conformance" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

static void run_keys_are_required(void **state)
{
	struct strv keys = { 0 };
	size_t failed;
	size_t cells;

	(void)state;
	assert_int_equal(list_keys("run.json", &keys), 0);
	for (size_t i = 0; i < 2 * keys.count; i++) {
		if (is_later_key(keys.item[i / 2]))
			continue;
		/* Nothing but free keys is required of image. */
		assert_int_equal(damage_key("run.json", keys.item[i / 2], i % 2), 0);
		assert_int_equal(fixture_render(&failed, &cells), -EBADMSG);
	}
	strv_free(&keys);
}

/* A device of the VMM itself is shown as any virtio-fs; a kind that nobody knows is damage. */
static void kinds_are_known(void **state)
{
	static const struct {
		const char *kind;
		int result;
	} kinds[] = { { "vmm-virtiofs", 0 }, { "vmm", -EBADMSG } };
	size_t before;
	size_t failed;
	size_t cells;

	(void)state;
	assert_int_equal(fixture_render(&before, &cells), 0);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		json_t *v = fixture_load(GOLDEN "/run", "run.json");

		assert_int_equal(json_object_set_new(json_at(v, "stacks[0]"), "kind",
						     json_string(kinds[i].kind)),
				 0);
		assert_int_equal(fixture_save("run.json", v), 0);
		json_decref(v);
		assert_int_equal(fixture_render(&failed, &cells), kinds[i].result);
		if (kinds[i].result == 0)
			assert_int_equal(failed, before);
	}
}

/* One change inside a cell.json, by path; the cell must be shown as failed. */
static int damage_inside(const char *path, const char *key, json_t *take_value)
{
	json_auto_t *v = fixture_load(GOLDEN "/run", "cells/" GOOD_CELL "/cell.json");
	json_t *at = v ? json_at(v, path) : NULL;
	int e = at ? json_object_set_new(at, key, take_value) : -1;

	return e < 0 ? e : fixture_save("cells/" GOOD_CELL "/cell.json", v);
}

static void contradictions_fail_the_cell(void **state)
{
	const struct {
		const char *path;
		const char *key;
		json_t *value;
	} damages[] = {
		{ "", "id", json_string("another") },
		{ "", "schema", json_integer(2) },
		{ "", "status", json_string("fine") },
		{ "", "status", json_string("failed") },
		{ "", "stack", json_string("unheard-of") },
		{ "", "workload", json_string("unheard-of") },
		{ "", "window_bytes", json_string("1") },
		{ "metrics[0]", "median", json_real(1.5) },
		{ "metrics[0]", "median", json_null() },
		{ "metrics[0]", "samples", json_pack("[s]", "1") },
		{ "metrics[0]", "samples", json_pack("[i]", 1) },
		{ "metrics[0]", "sources", json_array() },
		{ "metrics[0]", "better", json_string("bigger") },
		{ "metrics[0]", "kind", json_null() },
		{ "metrics[0]", "unit", json_integer(1) },
		{ "rounds[0]", "dir", json_null() },
		{ "states[0]", "reached", json_string("yes") },
		{ "commands[0]", "argv", json_pack("[i]", 1) },
		{ "commands[0]", "who", json_string("me") },
	};
	size_t before;
	size_t failed;
	size_t cells;

	(void)state;
	assert_int_equal(fixture_render(&before, &cells), 0);
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		assert_int_equal(damage_inside(damages[i].path, damages[i].key, damages[i].value),
				 0);
		assert_int_equal(fixture_render(&failed, &cells), 0);
		assert_int_equal(failed, before + 1);
	}
}

static void damaged_cells_are_told(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(damage_key("cells/" GOOD_CELL "/cell.json", "metrics", true), 0);
	assert_int_equal(report_write(fixture_run, &err), 0);
	assert_true(fixture_contains("report.html", "cell.json is damaged: metrics is missing"));
	assert_true(fixture_contains("report.html", "cell.json cannot be opened: No such file"));
	assert_true(fixture_contains("report.html", "not valid JSON: premature end of input"));
	assert_true(fixture_contains("results.csv", MISSING_CELL
				     ",c-bookworm,,qemu-bookworm,bookworm,auto,false,"
				     "none,,,metadata,tcg,failed,cell.json cannot be opened"));
	assert_true(
		fixture_contains("report.md", "- " MISSING_CELL ": cell.json cannot be opened"));
}

static char big[5 * MIB];

static void unreadable_cells_do_not_hang(void **state)
{
	char path[256];
	size_t before;
	size_t failed;
	size_t cells;

	(void)state;
	assert_int_equal(fixture_render(&before, &cells), 0);
	memset(big, ' ', sizeof(big));
	assert_int_equal(fixture_write("cells/" GOOD_CELL "/cell.json", big, sizeof(big)), 0);
	assert_int_equal(fixture_render(&failed, &cells), 0);
	assert_int_equal(failed, before + 1);
	(void)snprintf(path, sizeof(path), "%s/cells/" GOOD_CELL "/cell.json", fixture_run);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(fixture_render(&failed, &cells), 0);
	assert_int_equal(failed, before + 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(fixture_render(&failed, &cells), 0);
	assert_int_equal(failed, before + 1);
}

static int add_cell(const char *id)
{
	json_auto_t *v = fixture_load(GOLDEN "/run", "run.json");

	if (!v || json_array_append_new(json_object_get(v, "cells"), json_string(id)) < 0)
		return -1;
	return fixture_save("run.json", v);
}

static void ids_cannot_leave_the_folder(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(add_cell("../../evil"), 0);
	assert_int_equal(report_write(fixture_run, &err), 0);
	assert_true(fixture_contains("results.csv",
				     "../../evil,,,,,,,,,,,,failed,the cell's id is not fit"));
	assert_true(
		fixture_contains("report.html", "the cell&#39;s id is not fit for a file name"));
	assert_int_equal(add_cell(GOOD_CELL), 0);
	assert_int_equal(report_write(fixture_run, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "listed twice"));
}

static void sources_cannot_leave_the_folder(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(damage_inside("metrics[0]", "sources",
				       json_pack("[s,s,s]", "../../../etc/passwd#a",
						 "javascript:alert(1)#b", "/etc/passwd#c")),
			 0);
	assert_int_equal(report_write(fixture_run, &err), 0);
	assert_true(fixture_contains("report.html", "raw file missing"));
	assert_false(fixture_contains("report.html", "href=\"javascript"));
	assert_false(fixture_contains("report.html", "href=\"/etc"));
	assert_false(fixture_contains("report.html", "href=\"../"));
}

/* Its cells were not published, and it is of before there were variants and observed passes. */
static void an_old_run_is_still_read(void **state)
{
	size_t failed = 0;
	size_t cells = 0;

	(void)state;
	assert_int_equal(fixture_copy("bench/test/golden/report/old-run"), 0);
	assert_int_equal(fixture_render(&failed, &cells), 0);
	assert_int_equal(cells, 32);
	assert_int_equal(failed, cells);
}

static void no_run_no_report(void **state)
{
	char path[128];
	struct err err;

	(void)state;
	assert_int_equal(report_write("/nonexistent/run", &err), -ENOENT);
	(void)snprintf(path, sizeof(path), "%s/run.json", fixture_run);
	assert_int_equal(truncate(path, 1000), 0);
	assert_int_equal(report_write(fixture_run, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "run.json"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(report_write(fixture_run, &err), -ENOENT);
	assert_int_equal(report_summary(fixture_run, stderr, &err), -ENOENT);
}

/* One to four bytes of a file changed, dropped or doubled. */
static void mutate(struct rng *rng, char *text, size_t *size)
{
	static const char likely[] = "\"{}[]:,0-9.eE\\ntfu\x80\xff\n";
	uint64_t count = 1 + rng_below(rng, 4);

	while (count-- > 0 && *size > 2) {
		size_t at = (size_t)rng_below(rng, *size - 1);

		switch (rng_below(rng, 4)) {
		case 0: text[at] = (char)rng_below(rng, 256); break;
		case 1: text[at] = likely[rng_below(rng, sizeof(likely) - 1)]; break;
		case 2:
			memmove(text + at, text + at + 1, *size - at - 1);
			--*size;
			break;
		default: *size = rng_below(rng, 8) ? *size : at; break;
		}
	}
}

static int mutate_file(const char *name, struct rng *rng)
{
	CLEANUP(freep) char *path = fs_path(GOLDEN "/run/%s", name);
	CLEANUP(buf_free) struct buf b = { 0 };
	struct err err;
	size_t size;

	if (!path || fs_read(path, FILE_MAX, &b, &err) < 0)
		return -1;
	size = b.size;
	mutate(rng, b.data, &size);
	return fixture_write(name, b.data, size);
}

static int restore_file(const char *name)
{
	CLEANUP(freep) char *text = fixture_read(GOLDEN "/run", name);

	return text ? fixture_write(name, text, strlen(text)) : -1;
}

static void mutated_files_never_crash(void **state)
{
	static const char *const files[] = {
		"run.json",
		"cells/" GOOD_CELL "/cell.json",
		"cells/" DAX_CELL "/cell.json",
		"cells/rust-trixie.qemu-backports.auto.nowb.always.bookworm.randread-4k/cell.json",
		"cells/c-bookworm.qemu-bookworm.auto.nowb.always.bookworm.seqread-psync/cell.json",
		"cells/local.seqread-psync/cell.json",
		"conformance/rust-trixie/device.json",
	};
	enum { MUTATIONS = 60 };
	struct rng rng = { .state = 20261122 };
	size_t failed;
	size_t cells;
	size_t hit = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		for (int j = 0; j < MUTATIONS; j++) {
			int e;

			assert_int_equal(mutate_file(files[i], &rng), 0);
			e = fixture_render(&failed, &cells);
			assert_true(e == 0 || (i == 0 && e < 0));
			assert_true(e < 0 || cells > 0);
			hit += e < 0 || failed > 3;
		}
		assert_int_equal(restore_file(files[i]), 0);
	}
	/* Most changes hit the structure; the rest only changed a text. */
	assert_true(hit > ARRAY_SIZE(files) * MUTATIONS / 2);
}

static int fake_gnuplot(const char *script)
{
	CLEANUP(freep) char *path = fs_path("%s/bin", fixture_dir);
	CLEANUP(freep) char *file = fs_path("%s/bin/gnuplot", fixture_dir);
	CLEANUP(file_closep) FILE *f = NULL;
	struct err err;

	if (!path || !file || fs_mkdirs(path, 0755, &err) < 0)
		return -1;
	f = fopen(file, "we");
	if (!f || fputs(script, f) < 0 || fchmod(fileno(f), 0755) < 0)
		return -1;
	return setenv("PATH", path, 1);
}

static void without_gnuplot_the_page_says_so(void **state)
{
	char *path = strdup(getenv("PATH"));
	struct err err;

	(void)state;
	assert_int_equal(setenv("PATH", "/nonexistent", 1), 0);
	assert_int_equal(report_write(fixture_run, &err), 0);
	assert_true(fixture_contains("report.html", "No plot: gnuplot: "));
	assert_false(fixture_contains("report.html", "<svg"));
	assert_int_equal(fake_gnuplot("#!/bin/sh\necho 'no <svg> here' >&2\nexit 3\n"), 0);
	assert_int_equal(report_write(fixture_run, &err), 0);
	assert_true(
		fixture_contains("report.html", "No plot: gnuplot failed: no &lt;svg&gt; here"));
	assert_int_equal(fake_gnuplot("#!/bin/sh\necho nothing\n"), 0);
	assert_int_equal(report_write(fixture_run, &err), 0);
	assert_true(fixture_contains("report.html", "No plot: gnuplot wrote no such plot"));
	assert_int_equal(setenv("PATH", path, 1), 0);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(cell_keys_are_required, fixture_fresh),
		cmocka_unit_test_setup(run_keys_are_required, fixture_fresh),
		cmocka_unit_test_setup(kinds_are_known, fixture_fresh),
		cmocka_unit_test_setup(contradictions_fail_the_cell, fixture_fresh),
		cmocka_unit_test_setup(damaged_cells_are_told, fixture_fresh),
		cmocka_unit_test_setup(unreadable_cells_do_not_hang, fixture_fresh),
		cmocka_unit_test_setup(ids_cannot_leave_the_folder, fixture_fresh),
		cmocka_unit_test_setup(sources_cannot_leave_the_folder, fixture_fresh),
		cmocka_unit_test_setup(no_run_no_report, fixture_fresh),
		cmocka_unit_test(an_old_run_is_still_read),
		cmocka_unit_test_setup(mutated_files_never_crash, fixture_fresh),
		cmocka_unit_test_setup(without_gnuplot_the_page_says_so, fixture_fresh),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown) ? 1 : 0;
}
