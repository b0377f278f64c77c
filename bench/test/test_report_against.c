// SPDX-License-Identifier: Apache-2.0
/* Two runs side by side: what is compared, and what is named instead. Run from the top of the checkout. */
#include "report_fixture.h"

#include "report/against.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SHADOW "cells/refdev.qemu-backports.auto.nowb.always.64m.bookworm.seqread-mmap/cell.json"
#define ID     "refdev.qemu-backports.auto.nowb.always.64m.bookworm.seqread-mmap"

struct two {
	struct run base;
	struct run new;
	struct against a;
	char *text;
};

/* The canned run against its copy, which the caller has changed. */
static int compare(struct two *t)
{
	struct out o = { 0 };
	struct err err = { 0 };
	int e;

	*t = (struct two){ .base = RUN_INIT, .new = RUN_INIT };
	e = run_load(GOLDEN "/run", &t->base, &err);
	if (e == 0)
		e = run_load(fixture_run, &t->new, &err);
	if (e == 0)
		e = against_build(&t->base, &t->new, &t->a);
	if (e == 0) {
		against_text(&t->base, &t->a, &o);
		e = o.error;
		t->text = buf_take(&o.text);
	}
	out_free(&o);
	return e;
}

static void end(struct two *t)
{
	free(t->text);
	against_free(&t->a);
	run_free(&t->new);
	run_free(&t->base);
}

static int set(const char *key, json_t *take_value)
{
	json_t *cell = fixture_load(fixture_run, SHADOW);
	int e = cell ? json_object_set_new(cell, key, take_value) : -1;

	if (e == 0)
		e = fixture_save(SHADOW, cell);
	json_decref(cell);
	return e;
}

/* Goal: equal runs have equal cells. Method: the canned run against itself: every ok cell, and each ratio 1. */
static void a_run_against_itself(void **state)
{
	struct two t;
	size_t ok;

	(void)state;
	assert_int_equal(compare(&t), 0);
	ok = t.base.status_count[CELL_OK];
	assert_int_equal(t.a.compared, ok);
	assert_int_equal(t.a.only_new, 0);
	assert_non_null(
		strstr(t.text, ID "\n  cold.bw  300 -> 300 MiB/s  x1.00  (1 and 1 samples)\n"));
	assert_null(strstr(t.text, "x0."));
	end(&t);
}

/* Goal: DAX tails are not mixed. Method: the copy of a cell has served them in the other way. */
static void tails_are_refused(void **state)
{
	struct two t;
	json_t *json;
	json_t *cell;
	size_t i;
	bool named = false;

	(void)state;
	assert_int_equal(set("dax_tail", json_string("shadow")), 0);
	assert_int_equal(compare(&t), 0);
	assert_int_equal(t.a.compared, t.base.status_count[CELL_OK] - 1);
	assert_non_null(
		strstr(t.text, "not compared: " ID ": DAX tails differ (passthrough, shadow)\n"));
	assert_null(strstr(t.text, "\n" ID "\n"));
	json = against_json(&t.base, &t.a);
	assert_non_null(json);
	json_array_foreach(json_object_get(json, "cells"), i, cell) {
		if (strcmp(json_str_at(cell, "id", ""), ID) != 0)
			continue;
		named = strstr(json_str_at(cell, "reason", ""), "DAX tails differ") &&
			json_array_size(json_object_get(cell, "metrics")) == 0;
	}
	assert_true(named);
	json_decref(json);
	end(&t);
}

/* Goal: an old run that does not tell its tails is still compared. Method: the copy lacks the key. */
static void untold_tails_are_compared(void **state)
{
	struct two t;

	(void)state;
	assert_int_equal(set("dax_tail", json_null()), 0);
	assert_int_equal(compare(&t), 0);
	assert_int_equal(t.a.compared, t.base.status_count[CELL_OK]);
	end(&t);
}

/* Goal: each other reason has its words. Method: cells in memory that differ in one thing. */
static void other_refusals(void **state)
{
	struct cell base = { .status = CELL_OK, .accelerator = "tcg" };
	struct cell new = base;

	(void)state;
	assert_null(against_refusal(&base, &new));
	assert_non_null(strstr(against_refusal(&base, NULL), "no such cell"));
	new.status = CELL_FAILED;
	assert_non_null(strstr(against_refusal(&base, &new), "not ok"));
	new.status = CELL_OK;
	new.accelerator = "kvm";
	assert_non_null(strstr(against_refusal(&base, &new), "accelerators"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_run_against_itself, fixture_fresh),
		cmocka_unit_test_setup(tails_are_refused, fixture_fresh),
		cmocka_unit_test_setup(untold_tails_are_compared, fixture_fresh),
		cmocka_unit_test(other_refusals),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown) ? 1 : 0;
}
