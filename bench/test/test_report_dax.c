// SPDX-License-Identifier: Apache-2.0
/* What DAX changed: which cells are compared, what is saved, where a curve bends. */
#include "report/dax.h"

#include "base/cleanup.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB_D 1048576.0
#define CELLS 16
#define EACH  4

/* A run in memory: one stack, as many cells as are added. */
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

static struct cell *cell(const char *workload, const char *dax, unsigned window_mib)
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
	return c;
}

static void value(struct cell *c, const char *name, double median)
{
	c->value[c->value_count++] = (struct value){ .name = name, .unit = "B", .median = median };
}

/* Goal: like is compared with like. Method: a partner that differs in each dimension, then the one. */
static void partners_differ_in_the_mount_only(void **state)
{
	struct cell *on = cell("seqread-mmap", "always", 64);
	struct cell *other[6];
	struct dax d = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(other); i++)
		other[i] = cell("seqread-mmap", "never", 64);
	other[0]->window_bytes = 16 << 20;
	other[1]->kernel = "backports";
	other[2]->cache = "always";
	other[3]->variant = "shadow";
	other[4]->status = CELL_FAILED;
	other[5]->workload = "seqread-psync";
	assert_int_equal(dax_build(&run, &d), 0);
	assert_int_equal(d.line_count, 1);
	assert_ptr_equal(d.line[0].on, on);
	assert_null(d.line[0].off);
	dax_free(&d);
	other[3]->variant = NULL;
	assert_int_equal(dax_build(&run, &d), 0);
	assert_ptr_equal(d.line[0].off, other[3]);
	dax_free(&d);
}

/* Goal: what does not map is no line. Method: no window, not ok, never. */
static void only_cells_that_map(void **state)
{
	struct dax d = { 0 };

	(void)state;
	cell("seqread-mmap", "none", 0);
	cell("seqread-mmap", "never", 64);
	cell("seqread-mmap", "always", 0);
	cell("seqread-mmap", "always", 64)->status = CELL_NA;
	assert_int_equal(dax_build(&run, &d), 0);
	assert_int_equal(d.line_count, 0);
	dax_free(&d);
	cell("seqread-mmap", "inode", 64);
	assert_int_equal(dax_build(&run, &d), 0);
	assert_int_equal(d.line_count, 1);
	dax_free(&d);
}

/* Goal: the window's own cost is taken off. Method: 32 MiB not cached, a window of 64 MiB. */
static void saved_less_the_window(void **state)
{
	struct cell *on = cell("seqread-mmap", "always", 64);
	struct cell *off = cell("seqread-mmap", "never", 64);
	const struct dax_line l = { on, off };
	double cached;
	double net;

	(void)state;
	assert_false(dax_saved(&l, &cached, &net));
	value(on, "cold.guest_cached_after", 0);
	value(off, "cold.guest_cached_after", 5 * MIB_D);
	value(on, "warm.guest_cached_after", MIB_D);
	value(off, "warm.guest_cached_after", 33 * MIB_D);
	assert_true(dax_saved(&l, &cached, &net));
	assert_true(fabs(cached - 32 * MIB_D) < 1);
	assert_true(fabs(net - 31 * MIB_D) < 1);
	assert_false(dax_saved(&(const struct dax_line){ on, NULL }, &cached, &net));
}

static void pressure(const char *workload, unsigned window_mib, double rate, double setups)
{
	struct cell *c = cell(workload, "always", window_mib);

	value(c, DAX_PRESSURE_RATE, rate);
	value(c, DAX_PRESSURE_TOUCHED, 64 * MIB_D);
	value(c, "dax.workload.setups", setups);
}

/* Goal: points are in order, curves apart, the knee where throughput halves. Method: two of each. */
static void curves_have_a_knee(void **state)
{
	struct dax d = { 0 };

	(void)state;
	pressure("window-seq-read-64m", 16, 100, 32);
	pressure("window-rand-read-8m", 16, 900, 4);
	pressure("window-seq-read-8m", 16, 1000, 4);
	pressure("window-seq-read-16m", 16, 600, 8);
	pressure("window-seq-read-8m", 64, 1000, 4);
	pressure("window-seq-read", 16, 1, 1); /* no such workload */
	assert_int_equal(dax_build(&run, &d), 0);
	assert_int_equal(d.point_count, 5);
	assert_int_equal(d.curve_count, 3);
	for (size_t i = 0; i < d.curve_count; i++) {
		const struct dax_curve *c = &d.curve[i];
		const struct dax_point *p = &d.point[c->first];

		if (c->count != 3)
			continue;
		assert_memory_equal(c->name, "seq-read", c->name_size);
		assert_true(p[0].working_set < p[1].working_set);
		assert_true(p[1].working_set < p[2].working_set);
		assert_true(c->has_knee);
		assert_true(fabs(c->knee - 1) < 1e-9);
		assert_true(p[2].has_mappings);
		assert_true(fabs(p[2].mappings_per_mib - 0.5) < 1e-9);
		dax_free(&d);
		return;
	}
	fail_msg("no curve of three points");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(partners_differ_in_the_mount_only, begin),
		cmocka_unit_test_setup(only_cells_that_map, begin),
		cmocka_unit_test_setup(saved_less_the_window, begin),
		cmocka_unit_test_setup(curves_have_a_knee, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
