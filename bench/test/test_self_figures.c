// SPDX-License-Identifier: Apache-2.0
/* The project's own figures: their rows, joined from several files; and what is made of the cells of DAX. */
#include "self_dax.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ROW(name, ok, from)                                                                  \
	"{\"name\":\"" name "\",\"value\":1.5,\"unit\":\"s\",\"target\":\"<= 2\",\"ok\":" ok \
	",\"samples_file\":\"" from "\"}"

static char dir[] = "/tmp/vq-figures-XXXXXX";
static struct err err;

static const char *at(const char *name)
{
	static char path[2][128];
	static unsigned turn;

	turn = !turn;
	(void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static void put(const char *name, const char *text)
{
	if (fs_write_atomic(at(name), text, strlen(text), &err) < 0)
		fail_msg("%s", err.text);
}

/* The names in the file, with a space behind each. */
static void names_are(const char *name, const char *expected)
{
	struct buf seen = { 0 };
	json_t *all = NULL;
	json_t *row;
	size_t i;

	if (json_load_path(at(name), &all, &err) < 0)
		fail_msg("%s", err.text);
	json_array_foreach(all, i, row)
		(void)buf_printf(&seen, "%s ", json_string_value(json_object_get(row, "name")));
	json_decref(all);
	assert_string_equal(buf_text(&seen), expected);
	buf_free(&seen);
}

/* Goal: one file has all rows, and each once. Method: merge, again, with fewer, and into none. */
static void rows_are_merged(void **state)
{
	(void)state;
	put("self", "[" ROW("a", "true", "s") "," ROW("b", "false", "s") "]");
	put("load", "{\"figures\":[" ROW("x", "true", "l") "," ROW("y", "true", "l") "]}");
	assert_int_equal(figures_merge(at("self"), at("load"), &err), 0);
	names_are("self", "a b x y ");
	assert_int_equal(figures_merge(at("self"), at("load"), &err), 0);
	names_are("self", "a b x y ");
	put("load", "{\"figures\":[" ROW("z", "true", "l") "]}");
	assert_int_equal(figures_merge(at("self"), at("load"), &err), 0);
	names_are("self", "a b z ");
	assert_int_equal(figures_merge(at("fresh"), at("load"), &err), 0);
	names_are("fresh", "z ");
}

/* Goal: a run that failed loses nobody's rows. Method: no file, a broken one, no rows, one that is none. */
static void a_failed_run_loses_nothing(void **state)
{
	static const char *const bad[] = {
		"{\"figures\":[",
		"{\"figures\":[]}",
		"[]",
		"{\"figures\":[" ROW("x", "true", "l") ",{\"name\":\"y\"}]}",
		"{\"figures\":[" ROW("x", "\"yes\"", "l") "]}",
	};

	(void)state;
	put("self", "[" ROW("a", "true", "s") "]");
	assert_int_equal(figures_merge(at("self"), at("nothing"), &err), -ENOENT);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put("load", bad[i]);
		assert_true(figures_merge(at("self"), at("load"), &err) < 0);
	}
	names_are("self", "a ");
}

static void put_cell(const char *id, const char *status, double grown, double fast, double own)
{
	static const char *const names[] = { "guest-cold.bw",
					     "warm.bw",
					     "guest-cold.guest_cached_before",
					     "guest-cold.guest_cached_after",
					     "dax.workload.map_time",
					     "dax.workload.told_time",
					     "dax.workload.device_time" };
	const double values[] = { 100, fast, 1000, 1000 + grown, 2, 1, own };
	char folder[256];
	char path[300];
	json_t *cell = json_pack("{s:s,s:s,s:[]}", "status", status, "reason", "said so",
				 "metrics");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)json_array_append_new(json_object_get(cell, "metrics"),
					    json_pack("{s:s,s:[f,f,f]}", "name", names[i],
						      "samples", values[i], values[i], values[i]));
	(void)snprintf(folder, sizeof(folder), "%s/run/cells/%s", dir, id);
	(void)snprintf(path, sizeof(path), "%s/cell.json", folder);
	assert_int_equal(fs_mkdirs(folder, 0755, &err), 0);
	assert_int_equal(json_save_atomic(path, cell, &err), 0);
	json_decref(cell);
}

#define CELL "refdev.qemu-backports.auto.nowb."

/* @ret_ok: a letter for each row: + or -. */
static int rows_of(double kept, double grown, double fast, double own, const char *status,
		   char ret_ok[8])
{
	struct figures f = { json_object(), json_array(), "s" };
	json_t *row;
	size_t i;
	int e;

	put_cell(CELL "none.bookworm.seqread-100m", "ok", kept, 100, 0);
	put_cell(CELL "always.128m.bookworm.seqread-100m", status, grown, 100, own);
	put_cell(CELL "always.128m.bookworm.mapread-100m", "ok", grown, fast, own);
	e = self_dax_take(&f, at("run"), &err);
	if (e == 0)
		e = self_dax_rows(&f);
	(void)memset(ret_ok, 0, 8);
	json_array_foreach(f.rows, i, row)
		ret_ok[i] = json_is_true(json_object_get(row, "ok")) ? '+' : '-';
	json_decref(f.rows);
	json_decref(f.samples);
	return e;
}

/* Goal: each figure of DAX can be missed, and only met when it is. Method: one number changed at a time. */
static void figures_of_dax_can_be_missed(void **state)
{
	char ok[8];

	(void)state;
	assert_int_equal(rows_of(104e6, 2e4, 500, 0.25, "ok", ok), 0);
	assert_string_equal(ok, "++++");
	assert_int_equal(rows_of(104e6, 2e4, 500, 0.4, "ok", ok), 0);
	assert_string_equal(ok, "-+++");
	assert_int_equal(rows_of(104e6, 2e4, 390, 0.1, "ok", ok), 0);
	assert_string_equal(ok, "+-++");
	assert_int_equal(rows_of(104e6, 2e6, 500, 0.1, "ok", ok), 0);
	assert_string_equal(ok, "++-+");
	/* A count that does not grow without DAX says nothing of DAX. */
	assert_int_equal(rows_of(5e6, 2e4, 500, 0.1, "ok", ok), 0);
	assert_string_equal(ok, "++--");
	assert_int_equal(rows_of(104e6, 2e4, 500, 0.1, "failed", ok), -EIO);
	assert_non_null(strstr(err.text, "said so"));
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return fs_remove_tree(dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_merged),
		cmocka_unit_test(a_failed_run_loses_nothing),
		cmocka_unit_test(figures_of_dax_can_be_missed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
