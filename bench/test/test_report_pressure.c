// SPDX-License-Identifier: Apache-2.0
/* Window pressure: which points make a curve, which curves a figure, and where a curve bends. */
#include "report/pressure.h"

#include "base/cleanup.h"
#include "report/dax.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB_D 1048576.0
#define CELLS 24
#define EACH  4

static struct stack_info stacks[] = { { .id = "refdev", .kind = STACK_VIRTIOFS } };
static struct cell cells[CELLS];
static struct value values[CELLS][EACH];
static struct run run;

static int begin(void **state)
{
	(void)state;
	memset(cells, 0, sizeof(cells));
	memset(values, 0, sizeof(values));
	run = (struct run){ .stack = stacks, .stack_count = 1, .cell = cells };
	return 0;
}

static void value(struct cell *c, const char *name, double median)
{
	c->value[c->value_count++] = (struct value){ .name = name, .unit = "B", .median = median };
}

static struct cell *pressure(const char *workload, const char *dax, unsigned window_mib,
			     double rate)
{
	struct cell *c = &cells[run.cell_count];

	*c = (struct cell){ .id = workload,
			    .placed = true,
			    .status = CELL_OK,
			    .stack = "refdev",
			    .workload = workload,
			    .vmm = "qemu-backports",
			    .kernel = "bookworm",
			    .cache = "auto",
			    .dax = dax,
			    .accelerator = "tcg",
			    .window_bytes = (json_int_t)window_mib << 20,
			    .value = values[run.cell_count] };
	run.cell_count++;
	value(c, PRESSURE_RATE, rate);
	value(c, PRESSURE_TOUCHED, 64 * MIB_D);
	return c;
}

/* Goal: points in order, curves apart, figures by window. Method: given in another order; one name that is no such workload. */
static void curves_and_figures(void **state)
{
	struct pressure p = { 0 };
	struct cell *c;

	(void)state;
	pressure("window-seq-read-64m", "always", 16, 100);
	pressure("window-rand-read-8m", "always", 16, 900);
	pressure("window-seq-read-8m", "always", 16, 1000);
	c = pressure("window-seq-read-16m", "always", 16, 600);
	value(c, DAX_SETUPS, 32);
	value(c, DAX_REMOVALS, 16);
	pressure("window-seq-read-8m", "always", 64, 1000);
	pressure("window-seq-read", "always", 16, 1);
	pressure("window-seq-read-16m", "never", 16, 2000);
	assert_int_equal(pressure_build(&run, &p), 0);
	assert_int_equal(p.point_count, 5);
	assert_int_equal(p.curve_count, 3);
	assert_int_equal(p.figure_count, 2);
	assert_int_equal(p.figure[0].count + p.figure[1].count, 3);
	for (size_t i = 0; i < p.curve_count; i++) {
		const struct pressure_curve *k = &p.curve[i];
		const struct pressure_point *n = &p.point[k->first];

		if (k->count == 1) {
			assert_int_equal(k->knee, KNEE_FEW_POINTS);
			continue;
		}
		assert_int_equal(k->count, 3);
		assert_memory_equal(k->name, "seq-read", k->name_size);
		assert_true(n[0].ratio == 0.5 && n[1].ratio == 1 && n[2].ratio == 4);
		assert_true(isnan(n[0].mappings) && isnan(n[0].rate_off));
		assert_true(n[1].mappings == 0.5 && n[1].reclaims == 0.25);
		assert_true(n[1].rate_off == 2000 && k->best_off == 2000 && k->best == 1000);
		assert_int_equal(k->knee, KNEE_FOUND);
		assert_int_equal(k->knee_at, k->first + 1);
	}
	pressure_free(&p);
}

/* Goal: the knee is what its definition says. Method: tables of rates, with the point and the kind. */
static void knee_by_definition(void **state)
{
	static const struct {
		double rate[6];
		size_t count;
		enum knee knee;
		size_t at;
	} cases[] = {
		{ { 1000, 600, 100 }, 3, KNEE_FOUND, 1 },
		{ { 1000, 499, 100 }, 3, KNEE_FOUND, 0 },
		{ { 1000, 500, 499 }, 3, KNEE_FOUND, 1 }, /* a half is not below a half */
		{ { 1000, 900, 800 }, 3, KNEE_NONE, 0 },
		{ { 400, 1000, 700, 100 },
		  4,
		  KNEE_FOUND,
		  2 }, /* what comes before the best is no bend */
		{ { 400, 1000, 300, 250 }, 4, KNEE_FOUND, 1 },
		{ { 100, 200, 1000 }, 3, KNEE_NONE, 0 },
		{ { 1000, 100, 900, 90 }, 4, KNEE_FOUND, 0 }, /* the first time counts */
		{ { 1000, 100 }, 2, KNEE_FEW_POINTS, 0 },
		{ { 0 }, 0, KNEE_FEW_POINTS, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t at = 0;

		assert_int_equal(pressure_knee(cases[i].rate, cases[i].count, &at), cases[i].knee);
		assert_int_equal(at, cases[i].at);
	}
}

/* Goal: every kind of knee is said in words. Method: a curve of each. */
static void knees_in_words(void **state)
{
	struct pressure_point point[3] = { { .ratio = 0.5 }, { .ratio = 1 }, { .ratio = 2 } };
	struct pressure p = { .point = point };
	struct pressure_curve c = { .count = 2 };
	char text[KNEE_TEXT_SIZE];

	(void)state;
	assert_string_equal(pressure_knee_text(&p, &c, text),
			    "not enough points for a knee (2 of 3)");
	c = (struct pressure_curve){ .count = 3, .knee = KNEE_NONE };
	assert_string_equal(pressure_knee_text(&p, &c, text), "no knee up to 2 times the window");
	c = (struct pressure_curve){ .count = 3, .knee = KNEE_FOUND, .knee_at = 1 };
	assert_string_equal(pressure_knee_text(&p, &c, text),
			    "knee at 1 times the window (2 is below half)");
}

/* Goal: another mode, kernel or window is another figure; what does not map is no point. */
static void what_is_no_point(void **state)
{
	struct pressure p = { 0 };

	(void)state;
	pressure("window-seq-read-8m", "never", 16, 1000);
	pressure("window-seq-read-8m", "always", 16, 0);
	pressure("window-seq-read-16m", "always", 16, 1000)->status = CELL_FAILED;
	assert_int_equal(pressure_build(&run, &p), 0);
	assert_int_equal(p.point_count, 0);
	assert_int_equal(p.figure_count, 0);
	pressure_free(&p);
	pressure("window-seq-read-8m", "always", 16, 10);
	pressure("window-seq-read-8m", "always", 16, 10)->kernel = "backports";
	pressure("window-seq-read-8m", "inode", 16, 10);
	pressure("window-seq-read-8m", "always", 64, 10);
	assert_int_equal(pressure_build(&run, &p), 0);
	assert_int_equal(p.figure_count, 4);
	pressure_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(curves_and_figures, begin),
		cmocka_unit_test_setup(knee_by_definition, begin),
		cmocka_unit_test_setup(knees_in_words, begin),
		cmocka_unit_test_setup(what_is_no_point, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
