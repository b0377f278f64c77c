// SPDX-License-Identifier: Apache-2.0
/*
 * What the shipped plans say about DAX: that the matrix is whole, that every order and operation of window pressure is
 * measured from a quarter of a window to eight, and that no plan asks for what is known to stop a guest for ever.
 * Run from the top of the checkout.
 */
#include "run/dax.h"
#include "run/estimate.h"
#include "run/plan.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SHIPPED	   "bench/plans"
#define DAX_PLAN_S (25 * 60)
#define RATIOS	   6 /* 1/4, 1/2, 1, 2, 4, 8 */
#define ALL_RATIOS ((1U << RATIOS) - 1)
#define EACH_OF_CACHE \
	(1U << CACHE_NEVER | 1U << CACHE_METADATA | 1U << CACHE_AUTO | 1U << CACHE_ALWAYS)

static struct plan plan;

static int setup(void **state)
{
	(void)state;
	plan = (struct plan){ 0 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	plan_free(&plan);
	return 0;
}

static void load(const char *name)
{
	struct err err = { 0 };

	if (plan_load(SHIPPED, name, &plan, &err) < 0)
		fail_msg("%s", err.text);
}

/* Bit of working set by window, a power of two from 1/4 on; 0: none of these. */
static unsigned ratio_bit(uint64_t bytes, uint64_t window)
{
	for (unsigned i = 0; i < RATIOS; i++)
		if (bytes * 4 == window << i)
			return 1U << i;
	return 0;
}

static unsigned ratios(const char *series, enum dax_mode dax, uint64_t window)
{
	unsigned seen = 0;

	for (size_t i = 0; i < plan.cells.count; i++) {
		const struct cell *c = &plan.cells.item[i];

		if (strncmp(c->workload->id, series, strlen(series)) == 0 && c->dax == dax &&
		    c->window_bytes == window)
			seen |= ratio_bit(c->workload->file_bytes, window);
	}
	return seen;
}

/* Goal: each curve goes from a quarter of a window to eight, with DAX and without. Method: count, on the smallest window. */
static void pressure_is_covered(void **state)
{
	static const char *const series[] = { "window-seq-read-", "window-rand-read-",
					      "window-seq-write-", "window-rand-write-" };

	(void)state;
	load("dax");
	for (size_t i = 0; i < ARRAY_SIZE(series); i++) {
		assert_int_equal(ratios(series[i], DAX_ALWAYS, 16 * MIB), ALL_RATIOS);
		assert_int_equal(ratios(series[i], DAX_NEVER, 16 * MIB), ALL_RATIOS);
		/* Larger ones have the points that the workloads' files reach. */
		assert_int_equal(ratios(series[i], DAX_ALWAYS, 64 * MIB), 0xf);
		assert_true(ratios(series[i], DAX_ALWAYS, 128 * MIB) != 0);
		assert_true(ratios(series[i], DAX_ALWAYS, 256 * MIB) != 0);
	}
}

/* Goal: all modes are crossed, and each that maps has its partner. Method: one set of caches for each dax. */
static void modes_are_crossed(void **state)
{
	unsigned caches[DAX_COUNT] = { 0 };

	(void)state;
	load("dax");
	for (size_t i = 0; i < plan.cells.count; i++) {
		const struct cell *c = &plan.cells.item[i];

		if (strcmp(c->workload->id, "seqread-psync") == 0)
			caches[c->dax] |= 1U << c->cache;
	}
	assert_int_equal(caches[DAX_NONE], EACH_OF_CACHE);
	assert_int_equal(caches[DAX_NEVER], EACH_OF_CACHE);
	assert_int_equal(caches[DAX_INODE], EACH_OF_CACHE);
	assert_int_equal(caches[DAX_ALWAYS], EACH_OF_CACHE);
}

/* Goal: the plan keeps its time. Method: its estimate. */
static void dax_fits_its_budget(void **state)
{
	struct estimate e = { 0 };

	(void)state;
	load("dax");
	assert_int_equal(estimate_plan(&plan, &e), 0);
	assert_true(e.seconds <= DAX_PLAN_S);
	estimate_free(&e);
}

/* Goal: no plan asks for the deadlock of Linux 6.1 with cache=never and DAX. Method: every plan with cells that map. */
static void old_kernels_are_spared(void **state)
{
	static const char *const plans[] = { "dax", "dax-smoke", "full", "quick", "test" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(plans); i++) {
		size_t mapping = 0;

		load(plans[i]);
		for (size_t j = 0; j < plan.cells.count; j++) {
			const struct cell *c = &plan.cells.item[j];

			mapping += dax_uses(c);
			if (dax_uses(c) && c->cache == CACHE_NEVER &&
			    strcmp(c->kernel->id, "bookworm") == 0)
				fail_msg("%s: %s", plans[i], c->id);
		}
		assert_true(mapping > 0);
		plan_free(&plan);
		plan = (struct plan){ 0 };
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pressure_is_covered),
		TEST(modes_are_crossed),
		TEST(dax_fits_its_budget),
		TEST(old_kernels_are_spared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
