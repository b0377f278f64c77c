// SPDX-License-Identifier: Apache-2.0
/* What tables of the report are made of: bases, ratios, colours, slopes, counts, differences. */
#include "report_fixture.h"

#include "report/compare.h"
#include "report/counts.h"
#include "report/footprint.h"
#include "report/heat.h"
#include "report/negotiated.h"
#include "workload/workload.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NEVER	    "rust-trixie.qemu-backports.never.nowb.none.bookworm.seqread-psync"
#define POOL4	    "rust-trixie+pool4.qemu-backports.auto.nowb.none.bookworm.seqread-psync"
#define AUTO	    "rust-trixie.qemu-backports.auto.nowb.none.bookworm.seqread-psync"
#define AUTO_RANDOM "rust-trixie.qemu-backports.auto.nowb.none.bookworm.randread-4k"
#define LOCAL	    "local.seqread-psync"
#define LOST	    "9p.qemu-backports.mmap.bookworm.seqread-psync"

/* The canned run as read; every test has its own. */
static struct run run;
static struct tables tables;
static struct heat heat;

static int load_run(void)
{
	struct err err;

	run = (struct run)RUN_INIT;
	if (run_load(fixture_run, &run, &err) < 0 || tables_build(&run, &tables, &err) < 0)
		return -1;
	return heat_build(&tables, &heat);
}

static int setup(void **state)
{
	return fixture_fresh(state) < 0 || load_run() < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	heat_free(&heat);
	tables_free(&tables);
	run_free(&run);
	return 0;
}

static const struct cell *cell_of(const char *id)
{
	for (size_t i = 0; i < run.cell_count; i++)
		if (strcmp(run.cell[i].id, id) == 0)
			return &run.cell[i];
	return NULL;
}

/* The place of a cell in the map; false when it has none. */
static bool place_of(const char *id, size_t *ret_row, size_t *ret_column)
{
	for (size_t i = 0; i < heat.row_count * heat.column_count; i++) {
		if (!heat.slot[i].figure || strcmp(heat.slot[i].figure->cell->id, id) != 0)
			continue;
		*ret_row = i / heat.column_count;
		*ret_column = i % heat.column_count;
		return true;
	}
	return false;
}

static enum comparison verdict_of(const char *id, enum heat_base base, double *ret_gain)
{
	size_t row = 0;
	size_t column = 0;

	if (!place_of(id, &row, &column))
		return COMPARE_NONE;
	return heat_ratio(&heat, row, column, base, ret_gain).verdict;
}

static void every_cell_has_one_place(void **state)
{
	size_t places = 0;

	(void)state;
	for (size_t i = 0; i < heat.row_count * heat.column_count; i++)
		places += heat.slot[i].figure != NULL;
	assert_int_equal(places, run.cell_count);
	assert_true(cell_compare_place(&run, cell_of(AUTO), cell_of(POOL4)) < 0);
	assert_int_equal(cell_compare_place(&run, cell_of(AUTO), cell_of(AUTO_RANDOM)), 0);
	/* Also one whose cell.json is lost, by its id. */
	assert_non_null(cell_of(LOST));
	assert_string_equal(cell_of(LOST)->cache, "mmap");
	assert_string_equal(cell_of(LOST)->kernel, "bookworm");
}

static void the_base_is_the_uncached_mode_of_the_stack(void **state)
{
	double gain = 0;

	(void)state;
	assert_int_equal(verdict_of(NEVER, HEAT_OWN, &gain), COMPARE_BASE);
	assert_int_equal(
		verdict_of("rust-trixie.qemu-backports.auto.nowb.none.bookworm.seqread-psync",
			   HEAT_OWN, &gain),
		COMPARE_BETTER);
	assert_true(fabs(gain - 13.25) < 0.01);
	/* A variant is a stack of its own. */
	assert_int_equal(verdict_of(POOL4, HEAT_OWN, &gain), COMPARE_BASE);
	/* A stack without modes: the base of the first virtio-fs row. */
	assert_int_equal(verdict_of("blk.qemu-backports.bookworm.seqread-psync", HEAT_OWN, &gain),
			 COMPARE_BETTER);
	assert_true(gain > 1.8 && gain < 1.9);
}

static void under_tcg_the_host_is_no_base(void **state)
{
	double gain = 0;

	(void)state;
	assert_true(run.tcg);
	assert_int_equal(verdict_of(LOCAL, HEAT_COMMON, &gain), COMPARE_NONE);
	assert_int_equal(
		verdict_of("c-bookworm.qemu-bookworm.auto.nowb.none.bookworm.seqread-psync",
			   HEAT_COMMON, &gain),
		COMPARE_BASE);
	/* Elsewhere it is. */
	run.tcg = false;
	heat_free(&heat);
	assert_int_equal(heat_build(&tables, &heat), 0);
	assert_int_equal(verdict_of(LOCAL, HEAT_COMMON, &gain), COMPARE_BASE);
	assert_int_equal(verdict_of(NEVER, HEAT_COMMON, &gain), COMPARE_WORSE);
	assert_true(gain < 0.01);
}

/* Of latency, half the base is twice as good. */
static void lower_is_better_is_turned_round(void **state)
{
	double sample[] = { 50, 51 };
	double base_sample[] = { 100, 101 };
	const char *source[] = { "cells/a/r1/x#a", "cells/a/r2/x#a" };
	struct value v = { .better = BETTER_LOWER,
			   .unit = "ns",
			   .kind = KIND_COUNT,
			   .sample = sample,
			   .source = source,
			   .sample_count = 2,
			   .median = 50,
			   .at_max = 1 };
	struct value base = v;
	struct figure f[2];
	const struct row *row = heat.row[0].row;
	struct ratio r;

	(void)state;
	base.sample = base_sample;
	base.median = 100;
	f[0] = (struct figure){ .state = FIGURE_VALUE, .value = &v };
	f[1] = (struct figure){ .state = FIGURE_VALUE, .value = &base };
	r = compare_pair(&run, row, &f[0], row, &f[1]);
	assert_int_equal(r.verdict, COMPARE_BETTER);
	assert_true(fabs(r.value - 0.5) < 1e-9);
	assert_int_equal(compare_pair(&run, row, &f[1], row, &f[0]).verdict, COMPARE_WORSE);
	/* Rounds that overlap are no verdict. */
	base_sample[0] = 50.5;
	assert_int_equal(compare_pair(&run, row, &f[0], row, &f[1]).verdict, COMPARE_WITHIN);
	assert_int_equal(compare_pair(&run, row, &f[0], row, NULL).verdict, COMPARE_NONE);
	base.median = 0;
	assert_int_equal(compare_pair(&run, row, &f[0], row, &f[1]).verdict, COMPARE_NONE);
}

/* In the map more is always better: 390 MiB against 326 MiB is 1.2 times better for the latter. */
static void the_map_turns_them_round(void **state)
{
	double gain = 0;

	(void)state;
	assert_int_equal(
		verdict_of("rust-trixie.qemu-backports.auto.nowb.none.bookworm.footprint-1",
			   HEAT_COMMON, &gain),
		COMPARE_BETTER);
	assert_true(fabs(gain - 390.0 / 326.0) < 0.001);
}

static void steps_are_half_doublings(void **state)
{
	(void)state;
	assert_int_equal(heat_step(1), 0);
	assert_int_equal(heat_step(2), 2);
	assert_int_equal(heat_step(0.5), -2);
	assert_int_equal(heat_step(sqrt(2)), 1);
	assert_int_equal(heat_step(1.15), 0);
	assert_int_equal(heat_step(8), HEAT_STEPS);
	assert_int_equal(heat_step(1e300), HEAT_STEPS);
	assert_int_equal(heat_step(INFINITY), HEAT_STEPS);
	assert_int_equal(heat_step(0), -HEAT_STEPS);
	assert_int_equal(heat_step(NAN), 0);
	assert_int_equal(heat_step(-1), 0);
}

/* WCAG 2.1: relative luminance of "#rrggbb". */
static double luminance(const char *colour)
{
	static const double weight[] = { 0.2126, 0.7152, 0.0722 };
	unsigned long rgb = strtoul(colour + 1, NULL, 16);
	double sum = 0;

	for (int i = 0; i < 3; i++) {
		double c = (double)(rgb >> (16 - 8 * i) & 0xff) / 255;

		sum += weight[i] * (c <= 0.03928 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4));
	}
	return sum;
}

static double contrast(double a, double b)
{
	return (fmax(a, b) + 0.05) / (fmin(a, b) + 0.05);
}

static void colours_can_be_read(void **state)
{
	(void)state;
	for (int dark = 0; dark < 2; dark++) {
		for (int step = -HEAT_STEPS; step <= HEAT_STEPS; step++) {
			struct heat_colour c = heat_colour(step, dark == 1);
			int inner = step > 0 ? step - 1 : step + 1;
			double here = luminance(c.back);
			double before = luminance(heat_colour(inner, dark == 1).back);

			assert_true(contrast(here, luminance(c.text)) >= 4.5);
			/* Away from the base it only gets darker, or only lighter. */
			if (step != 0)
				assert_true(dark ? here > before : here < before);
		}
	}
}

static void slope_is_least_squares(void **state)
{
	static const double guests[] = { 1, 2, 3, 4 };
	static const double total[] = { 110, 190, 310, 390 };
	static const double same[] = { 2, 2, 2 };
	double slope = 0;

	(void)state;
	assert_true(footprint_slope(guests, total, 4, &slope));
	assert_true(fabs(slope - 96) < 1e-9);
	assert_true(footprint_slope(guests, total, 2, &slope));
	assert_true(fabs(slope - 80) < 1e-9);
	assert_false(footprint_slope(guests, total, 1, &slope));
	assert_false(footprint_slope(guests, total, 0, &slope));
	assert_false(footprint_slope(same, total, 3, &slope));
}

/* Goal: a reader can add the terms up. Method: the workload's table against the report's columns. */
static void every_term_is_shown(void **state)
{
	const struct workload *w = workload_find("footprint-1");

	(void)state;
	assert_non_null(w);
	for (size_t i = 0; i < w->metric_count; i++) {
		bool shown = strcmp(w->metrics[i].name, "guests") ==
			     0; /* has a column of its own */

		for (size_t j = 0; j < FOOT_TERM_COUNT; j++)
			shown |= strcmp(footprint_infos[j].metric + strlen("footprint."),
					w->metrics[i].name) == 0;
		if (!shown)
			fail_msg("the report does not show footprint.%s", w->metrics[i].name);
	}
}

static void footprints_are_grouped(void **state)
{
	struct footprint f = { 0 };
	double part = 0;

	(void)state;
	/* The order of the cells in run.json does not matter. */
	for (size_t i = 0; i < run.cell_count / 2; i++) {
		struct cell c = run.cell[i];

		run.cell[i] = run.cell[run.cell_count - 1 - i];
		run.cell[run.cell_count - 1 - i] = c;
	}
	assert_int_equal(footprint_build(&run, &f), 0);
	assert_int_equal(f.line_count, 5);
	assert_int_equal(f.group_count, 2);
	/* One guest of the C daemon: no slope, and 40 MiB that no term has. */
	assert_false(f.group[0].has_slope);
	assert_false(f.group[0].has_saving);
	assert_true(footprint_unexplained(&f.line[0], &part));
	assert_true(part > FOOTPRINT_UNEXPLAINED_MAX);
	assert_true(f.group[1].has_slope);
	assert_true(fabs(f.group[1].slope / MIB - 258) < 0.01);
	/* Private trees have the share's cache three times. */
	assert_true(f.group[1].has_saving);
	assert_true(fabs(f.group[1].saving / MIB - 128) < 0.01);
	assert_int_equal(f.line[f.group[1].first + 3].private_trees, true);
	footprint_free(&f);
}

static void counts_have_columns_for_the_frequent(void **state)
{
	struct counts c = { 0 };
	const struct counts_line *cold = NULL;

	(void)state;
	assert_int_equal(counts_build(&run, &run.workload[0], &c), 0);
	assert_int_equal(c.line_count, 9);
	assert_string_equal(c.opcode[0], "ops.READ");
	assert_int_equal(c.opcode_count, COUNTS_OPCODES_MAX);
	assert_true(c.others);
	for (size_t i = 0; i < c.line_count; i++)
		if (strcmp(c.line[i].cell->id, POOL4) == 0 && c.line[i].phase_size == 4 &&
		    strncmp(c.line[i].phase, "cold", 4) == 0)
			cold = &c.line[i];
	assert_non_null(cold);
	assert_int_equal(counts_value(cold, "ops.READ")->median, 64);
	assert_true(counts_exact(counts_value(cold, "ops.READ")));
	assert_false(counts_exact(counts_value(cold, "kicks")));
	assert_null(counts_value(cold, "ops.GETXATTR"));
	counts_free(&c);
	assert_true(counts_is_one("mount.ops.INIT"));
	assert_true(counts_is_one("cold.kicks"));
	assert_false(counts_is_one("cold.bw"));
	assert_false(counts_is_one("kicks"));
}

static void samples_know_their_pass(void **state)
{
	const struct value *bw = cell_value(cell_of(POOL4), "cold.bw");
	const struct value *kicks = cell_value(cell_of(POOL4), "cold.kicks");

	(void)state;
	assert_false(value_observed(bw, 2));
	assert_int_equal(value_round(bw, 2), 3);
	assert_true(value_observed(kicks, 1));
	assert_int_equal(value_round(kicks, 1), 2);
	assert_int_equal(cell_rounds(cell_of(POOL4)), 3);
}

/* The flags in common and those that are not, of one line. */
static bool flags_are(const struct negotiated *n, size_t line, bool common, const char *expected)
{
	struct out o = { 0 };
	bool same;

	negotiated_flags(n, &n->line[line], common, &o);
	same = strcmp(buf_text(&o.text), expected) == 0;
	out_free(&o);
	return same;
}

static void what_differs_is_marked(void **state)
{
	struct negotiated n = { 0 };
	json_t *neg = json_object_get(cell_of(NEVER)->root, "negotiated");
	json_t *machine = json_object_get(cell_of(NEVER)->root, "machine");

	(void)state;
	assert_int_equal(negotiated_build(&run, &n), 0);
	assert_int_equal(n.line_count, 3);
	assert_true(flags_are(&n, 0, true, "ASYNC_READ BIG_WRITES"));
	assert_true(flags_are(&n, 2, false, "MAX_PAGES WRITEBACK_CACHE"));
	negotiated_free(&n);
	/* The C daemon's cell in the same mode, but with other queues and interrupts. */
	assert_int_equal(json_object_set_new(neg, "queue_size", json_integer(128)), 0);
	assert_int_equal(json_object_set_new(machine, "interrupts", json_string("intx")), 0);
	((struct cell *)(uintptr_t)cell_of(NEVER))->cache = "none";
	assert_int_equal(negotiated_build(&run, &n), 0);
	assert_string_equal(n.line[1].differs, "stack, interrupts");
	negotiated_free(&n);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_cell_has_one_place),
		TEST(the_base_is_the_uncached_mode_of_the_stack),
		TEST(under_tcg_the_host_is_no_base),
		TEST(lower_is_better_is_turned_round),
		TEST(the_map_turns_them_round),
		TEST(footprints_are_grouped),
		cmocka_unit_test(every_term_is_shown),
		TEST(counts_have_columns_for_the_frequent),
		TEST(samples_know_their_pass),
		TEST(what_differs_is_marked),
		cmocka_unit_test(steps_are_half_doublings),
		cmocka_unit_test(colours_can_be_read),
		cmocka_unit_test(slope_is_least_squares),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown) ? 1 : 0;
}
