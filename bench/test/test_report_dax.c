// SPDX-License-Identifier: Apache-2.0
/* What DAX changed: which cells are compared, what is saved, what kernels change. */
#include "report/dax.h"
#include "report/kernels.h"

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
static struct workload_info workloads[1];
static struct cell cells[CELLS];
static struct value values[CELLS][EACH];
static struct run run;
static json_t *headline;

static int begin(void **state)
{
	(void)state;
	memset(cells, 0, sizeof(cells));
	memset(values, 0, sizeof(values));
	run = (struct run){
		.stack = stacks, .stack_count = 1, .workload = workloads, .cell = cells
	};
	workloads[0].headline = headline;
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
	const struct dax_line l = { .on = on, .off = off };
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
	assert_false(dax_saved(&(const struct dax_line){ .on = on }, &cached, &net));
	value(on, "footprint.guests", 3);
	assert_true(dax_saved(&l, &cached, &net));
	assert_true(fabs(net - 29 * MIB_D) < 1);
}

/* Goal: what serves tails in two ways is not compared. Method: the one partner, its tail the same, another, unknown. */
static void tails_are_not_mixed(void **state)
{
	struct cell *on = cell("seqread-mmap", "always", 64);
	struct cell *off = cell("seqread-mmap", "never", 64);
	struct dax_line l;

	(void)state;
	on->tail = "shadow";
	off->tail = "passthrough";
	l = dax_line_of(&run, on);
	assert_null(l.off);
	assert_ptr_equal(l.refused, off);
	off->tail = "shadow";
	l = dax_line_of(&run, on);
	assert_ptr_equal(l.off, off);
	assert_null(l.refused);
	off->tail = NULL; /* an old run does not say */
	assert_ptr_equal(dax_line_of(&run, on).off, off);
}

/* Goal: requests for data are told from those for names. Method: no observed pass; only names; one read. */
static void requests_for_data(void **state)
{
	struct cell *c = cell("seqread-mmap", "always", 64);
	double n = -1;

	(void)state;
	assert_false(dax_data_requests(c, &n));
	value(c, "warm.ops.all", 3);
	value(c, "warm.ops.OPEN", 3);
	assert_true(dax_data_requests(c, &n));
	assert_true(n == 0);
	value(c, "warm.ops.READ", 5);
	value(c, "warm.ops.SETUPMAPPING", 2);
	assert_true(dax_data_requests(c, &n));
	assert_true(n == 7);
}

/* Goal: "0 requests, 0 kicks" is said of cells that have shown it. Method: silent; a kick; kicks not counted; data asked for. */
static void warm_passes_are_counted(void **state)
{
	static const double kicks[] = { 0, 1 };
	struct dax d = { 0 };
	struct dax_warm w;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kicks); i++) {
		struct cell *c = cell("seqread-mmap", "always", 64);

		value(c, "dax.proof.requests", 0);
		value(c, "dax.proof.kicks", kicks[i]);
		value(c, "warm.ops.all", 3);
		value(c, "warm.ops.READ", (double)i);
	}
	value(cell("seqread-mmap", "inode", 64), "dax.proof.requests", 0);
	assert_int_equal(dax_build(&run, &d), 0);
	w = dax_warm_of(&d);
	assert_int_equal(w.silent, 1);
	assert_int_equal(w.proved, 2);
	assert_int_equal(w.no_data, 1);
	assert_int_equal(w.counted, 2);
	dax_free(&d);
}

/* Goal: pairs differ in the kernel only; equal counts are counted, others listed. Method: one pair, one count differs. */
static void kernels_are_told_apart(void **state)
{
	struct cell *old = cell("seqread-mmap", "always", 64);
	struct cell *new = cell("seqread-mmap", "always", 64);
	struct cell *other = cell("seqread-mmap", "always", 16);
	struct kernels k = { 0 };

	(void)state;
	old->kernel = "trixie";
	new->kernel = "backports"; /* without an order of run.json: by name */
	other->kernel = "trixie";
	value(old, "cold.bw", 200);
	value(new, "cold.bw", 100);
	value(old, DAX_SETUPS, 16);
	value(new, DAX_SETUPS, 16);
	value(old, "warm.ops.all", 3);
	value(new, "warm.ops.all", 5);
	assert_int_equal(kernels_build(&run, &k), 0);
	assert_int_equal(k.pairs, 1);
	assert_int_equal(k.equal, 1);
	assert_int_equal(k.different, 1);
	assert_int_equal(k.count, 2);
	assert_ptr_equal(k.line[0].a, new);
	assert_ptr_equal(k.line[0].b, old);
	assert_string_equal(k.line[0].metric, "cold.bw");
	assert_string_equal(k.line[1].metric, "warm.ops.all");
	assert_true(kernel_line_is_time(&k.line[0]) && !kernel_line_is_time(&k.line[1]));
	assert_int_equal(k.speed_count, 1);
	assert_int_equal(k.speed[0].pairs, 1);
	assert_true(k.speed[0].median == 2 && k.speed[0].low == 2 && k.speed[0].high == 2);
	kernels_free(&k);
}

/* Goal: what cannot be compared is named. Method: a failed cell; then two tails. */
static void kernels_without_figures(void **state)
{
	struct cell *a = cell("seqread-mmap", "always", 64);
	struct cell *b = cell("seqread-mmap", "always", 64);
	struct kernels k = { 0 };

	(void)state;
	b->kernel = "backports";
	value(a, "cold.bw", 200);
	a->status = CELL_FAILED;
	assert_int_equal(kernels_build(&run, &k), 0);
	assert_int_equal(k.count, 1);
	assert_null(k.line[0].metric);
	assert_false(k.line[0].refused);
	kernels_free(&k);
	a->status = CELL_OK;
	value(b, "cold.bw", 100);
	a->tail = "shadow";
	b->tail = "passthrough";
	assert_int_equal(kernels_build(&run, &k), 0);
	assert_int_equal(k.count, 1);
	assert_null(k.line[0].metric);
	assert_true(k.line[0].refused);
	kernels_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(partners_differ_in_the_mount_only, begin),
		cmocka_unit_test_setup(only_cells_that_map, begin),
		cmocka_unit_test_setup(saved_less_the_window, begin),
		cmocka_unit_test_setup(tails_are_not_mixed, begin),
		cmocka_unit_test_setup(requests_for_data, begin),
		cmocka_unit_test_setup(warm_passes_are_counted, begin),
		cmocka_unit_test_setup(kernels_are_told_apart, begin),
		cmocka_unit_test_setup(kernels_without_figures, begin),
	};

	int failed;

	headline = json_pack("[s]", "cold.bw");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(headline);
	return failed;
}
