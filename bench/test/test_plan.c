// SPDX-License-Identifier: Apache-2.0
/* Plans: what is accepted, how a mistake is told, selection, order, and the plans that we ship. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fs.h"
#include "run/estimate.h"
#include "run/plan.h"

#define SHIPPED "bench/plans"

struct fixture {
	char dir[64];
	char file[96];
	struct err err;
	struct plan plan;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/vq-test-plan-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	(void)snprintf(f->file, sizeof(f->file), "%s/mine.conf", f->dir);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int e = fs_remove_tree(f->dir, NULL);

	plan_free(&f->plan);
	free(f);
	return e < 0 ? -1 : 0;
}

static int load(struct fixture *f, const char *text)
{
	FILE *out = fopen(f->file, "we");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
	plan_free(&f->plan);
	return plan_load(f->dir, "mine", &f->plan, &f->err);
}

static void assert_says(const struct fixture *f, const char *part)
{
	if (!strstr(f->err.text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, f->err.text);
}

static void assert_ids(const struct fixture *f, const char *const *ids)
{
	size_t n = 0;

	for (; ids[n]; n++) {
		assert_true(n < f->plan.cells.count);
		assert_string_equal(f->plan.cells.item[n].id, ids[n]);
	}
	assert_int_equal(f->plan.cells.count, n);
}

#define IDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define GUEST(lists)                                                                   \
	"cells \"g\" {\nstacks={\"c-bookworm\"}\nvmms={\"qemu-backports\"}\nkernels={" \
	"\"bookworm\"}\n" lists "\n}\n"

#define REFDEV(vmm, rest)                                                                  \
	"cells \"r\" {\nstacks={\"refdev\"}\nvmms={\"" vmm "\"}\nkernels={\"bookworm\"}\n" \
	"caches={\"auto\"}\n" rest "dax={\"none\", \"always\"}\nworkloads={\"metadata\"}\n}\n"
#define BASELINE(stack, lists)                                                        \
	"cells \"b\" {\nstacks={\"" stack "\"}\nvmms={\"qemu-backports\"}\nkernels={" \
	"\"bookworm\"}\n" lists "workloads={\"metadata\"}\n}\n"

/* Goal: a section is the cross product of its lists, in their order. Method: a small one. */
static void cross_product(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		load(f, "title = \"T\"\nrounds = 4\nobserved = 2\ntime_ms = 50\nseed = 9\n" GUEST(
				"caches={\"none\", \"auto\"}\nwriteback={\"on\", \"off\"}\n"
				"dax={\"inode\"}\nworkloads={\"metadata\"}")),
		0);
	assert_string_equal(f->plan.name, "mine");
	assert_string_equal(f->plan.title, "T");
	assert_int_equal(f->plan.rounds, 4);
	assert_int_equal(f->plan.observed, 2);
	assert_int_equal(f->plan.time_ms, 50);
	assert_int_equal(f->plan.seed, 9);
	assert_ids(f, IDS("c-bookworm.qemu-backports.none.wb.inode.bookworm.metadata",
			  "c-bookworm.qemu-backports.none.nowb.inode.bookworm.metadata",
			  "c-bookworm.qemu-backports.auto.wb.inode.bookworm.metadata",
			  "c-bookworm.qemu-backports.auto.nowb.inode.bookworm.metadata"));
}

/* Goal: what is left out has the stated default; baselines have no modes. Method: a bare plan. */
static void defaults(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		load(f, "cells \"b\" {\nstacks={\"null\"}\nworkloads={\"metadata\"}\n}\n" GUEST(
				"caches={\"auto\"}\nworkloads={\"metadata\"}")),
		0);
	assert_int_equal(f->plan.rounds, 1);
	assert_int_equal(f->plan.observed, 1);
	assert_int_equal(f->plan.time_ms, 700);
	assert_int_equal(f->plan.seed, 1);
	assert_string_equal(f->plan.title, "");
	assert_ids(f, IDS("null.metadata",
			  "c-bookworm.qemu-backports.auto.nowb.none.bookworm.metadata"));
	assert_null(f->plan.cells.item[0].vmm);
	assert_null(f->plan.cells.item[0].kernel);
}

/* Goal: parts that a stack does not have are left out of its ids. Method: a list of unlike stacks. */
static void unlike_stacks(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		load(f, "cells \"m\" {\nstacks={\"rust-sid\", \"9p\", \"blk\", \"local\"}\n"
			"vmms={\"qemu-backports\"}\nkernels={\"trixie\"}\n"
			"caches={\"none\"}\nwriteback={\"on\", \"off\"}\n"
			"workloads={\"metadata\"}\n}\n" BASELINE(
				"9p", "caches={\"loose\"}\nvariants={\"default\", \"msize1m\"}\n")),
		0);
	assert_ids(f, IDS("rust-sid.qemu-backports.none.wb.none.trixie.metadata",
			  "rust-sid.qemu-backports.none.nowb.none.trixie.metadata",
			  "9p.qemu-backports.none.trixie.metadata",
			  "blk.qemu-backports.trixie.metadata", "local.metadata",
			  "9p.qemu-backports.loose.bookworm.metadata",
			  "9p+msize1m.qemu-backports.loose.bookworm.metadata"));
}

/* Goal: a cell that two sections name is run once. Method: overlapping sections and lists. */
static void duplicates_are_removed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		load(f,
		     "cells \"a\" {\nstacks={\"null\", \"null\"}\nworkloads={\"metadata\"}\n}\n"
		     "cells \"b\" {\nstacks={\"local\", \"null\"}\nworkloads={\"metadata\"}\n}\n"),
		0);
	assert_ids(f, IDS("null.metadata", "local.metadata"));
}

/* A plan that is refused, and what is said of it. */
static const struct {
	const char *plan;
	const char *says[4];
} wrong_plans[] = {
	{ "title = \"x\"\nmemory_mb = 5\n", { "mine.conf:2: ", "memory_mb" } },
	{ "cells \"s\" {\nstacks = {\"null\"}\nspeed = 3\n}\n", { "mine.conf:3: ", "speed" } },
	{ "rounds = many\n", { "mine.conf:1: ", "rounds" } },
	{ "cells \"s\" {\nstacks = {\"null\"\n", { "mine.conf:" } },
	{ "", { "mine.conf has no cells" } },
	{ "rounds = 2\nseed = 1\nrounds = 3\n",
	  { "mine.conf:3: 'rounds' is given a second time (first in line 1)" } },
	{ "cells \"s\" {\nstacks={\"null\"}\n\nstacks={\"local\"}\n}\n",
	  { "mine.conf:4: 'stacks' is given a second time (first in line 2)" } },
	{ "cells \"s\" {\nstacks={\"null\"}\nworkloads={\"metadata\",\n\"meta\"}\n}\n",
	  { "mine.conf:4: cells \"s\": 'meta' is no known word" } },
	{ "rounds = 0\n", { "mine.conf:1: rounds = 0 is not from 1 to 1000" } },
	{ "rounds = -3\n", { "mine.conf:1: rounds = -3 is not from 1 to 1000" } },
	{ "observed = -1\n", { "mine.conf:1: observed = -1 is not from 0 to 1000" } },
	{ "rounds = 1001\n", { "rounds = 1001 is not from 1 to 1000" } },
	{ "time_ms = 9\n", { "mine.conf:1: time_ms = 9 is not from 10 to 3600000" } },
	{ "grace_ms = 5\n", { "mine.conf:1: grace_ms = 5 is not from 1000 to 3600000" } },
	{ "seed = -1\n", { "mine.conf:1: seed = -1 is not from 0 to 2147483647" } },
	{ "cells \"s\" {\nworkloads={\"metadata\"}\n}\n",
	  { "mine.conf:1: cells \"s\" names no 'stacks'" } },
	{ "cells \"s\" {\nstacks={\"null\"}\n}\n", { "cells \"s\" names no 'workloads'" } },
	{ "cells \"s\" {\nstacks={\"attached\"}\nworkloads={\"metadata\"}\n}\n",
	  { "'attached' is no known word of 'stacks'" } },
	{ "cells \"s\" {\nstacks={\"nul\"}\nworkloads={\"metadata\"}\n}\n",
	  { "mine.conf:2: cells \"s\": 'nul' is no known word of 'stacks'",
	    "virtiofs-qual list" } },
	{ "cells \"s\" {\nstacks={\"null\"}\nworkloads={\"meta\"}\n}\n",
	  { "'meta' is no known word of 'workloads'", "virtiofs-qual list" } },
	{ "cells \"s\" {\nstacks={\"null\"}\nworkloads={\"footprint-1\"}\n}\n",
	  { "mine.conf:3: cells \"s\": workload footprint-1 counts the memory of guests",
	    "stack null has none" } },
	{ "cells \"s\" {\nstacks={\"blk\"}\nvmms={\"qemu-backports\"}\nkernels={\"bookworm\"}\nworkloads={\"footprint-2\"}\n}\n",
	  { "mine.conf:5: cells \"s\": workload footprint-2 gives one tree to 2 guests",
	    "take footprint-2-private" } },
	{ "cells \"s\" {\nstacks={\"c-bookworm\"}\ncaches={\"auto\"}\nworkloads={\"metadata\"}\n}\n",
	  { "mine.conf:1: cells \"s\": stack c-bookworm needs 'vmms' and 'kernels'" } },
	{ "cells \"s\" {\nstacks={\"c-bookworm\"}\nvmms={\"kvmtool\"}\nkernels={\"bookworm\"}\n}\n",
	  { "'kvmtool' is no known word of 'vmms'" } },
	{ "cells \"s\" {\nstacks={\"c-bookworm\"}\nvmms={\"qemu-bookworm\"}\nkernels={\"6.1\"}\n}\n",
	  { "'6.1' is no known word of 'kernels'" } },
	{ GUEST("workloads={\"metadata\"}"), { "cells \"g\": stack c-bookworm needs 'caches'" } },
	{ GUEST("caches={\"fast\"}\nworkloads={\"metadata\"}"),
	  { "mine.conf:5: cells \"g\": 'fast' is no known word of 'caches'",
	    "none, never, metadata, auto, always; 9p: none, mmap, loose" } },
	{ GUEST("caches={\"auto\"}\ndax={\"yes\"}\nworkloads={\"metadata\"}"),
	  { "'yes' is no known word of 'dax'", "none, never, inode or always" } },
	{ GUEST("caches={\"auto\"}\nwriteback={\"yes\"}\nworkloads={\"metadata\"}"),
	  { "'yes' is no known word of 'writeback'", "on or off" } },
	{ GUEST("caches={\"auto\"}\nwriteback={}\nworkloads={\"metadata\"}"),
	  { "cells \"g\"", "'writeback'" } },
	{ GUEST("caches={\"auto\"}\nvariants={\"pool4\", \"fast\"}\nworkloads={\"metadata\"}"),
	  { "mine.conf:6: cells \"g\": stack c-bookworm has no option 'fast'; it has default" } },
	{ GUEST("caches={\"auto\"}\nvariants={}\nworkloads={\"metadata\"}"),
	  { "cells \"g\"", "'variants'" } },
	{ BASELINE("9p", "caches={\"loose\"}\nwriteback={\"on\"}\n"),
	  { "cells \"b\": stack 9p knows no 'writeback'", "\"off\"" } },
	{ BASELINE("blk", "dax={\"always\"}\n"),
	  { "cells \"b\": stack blk knows no 'dax'", "\"none\"" } },
	{ BASELINE("9p", ""), { "stack 9p needs 'caches'" } },
	{ GUEST("caches={\"auto\"}\ndax={}\nworkloads={\"metadata\"}"),
	  { "cells \"g\"", "'dax'" } },
	{ GUEST("caches={\"auto\"}\nwindows={}\nworkloads={\"metadata\"}"),
	  { "cells \"g\"", "'windows'" } },
	{ REFDEV("qemu-backports", "windows={\"64m\", \"48m\"}\n"),
	  { "mine.conf:6: cells \"r\": '48m' is no known word of 'windows'",
	    "a power of two in MiB from 2m to 256m, as 64m; vmm.window-size: QEMU aborts when" } },
	{ REFDEV("qemu-backports", "windows={\"512m\"}\n"),
	  { "'512m' is no known word", "vmm.slots: QEMU aborts at more than 512 regions" } },
	{ REFDEV("qemu-backports", "windows={\"1m\"}\n"), { "'1m' is no known word" } },
	{ REFDEV("qemu-backports", "windows={\"64\"}\n"), { "'64' is no known word" } },
	{ REFDEV("qemu-bookworm", ""),
	  { "mine.conf:3: cells \"r\"", "VMM qemu-bookworm has no generic vhost-user device",
	    "fs-device" } },
	{ GUEST("caches={\"auto\"}\nworkloads={\"metadata\"}")
		  GUEST("caches={\"none\"}\nworkloads={\"metadata\"}"),
	  { "mine.conf:", "'g'" } },
};

/* Goal: only devices that can have a window are crossed with sizes. Method: refdev beside others. */
static void windows(void **state)
{
	static const char *const wanted[] = {
		"refdev.qemu-backports.auto.nowb.none.bookworm.metadata",
		"refdev.qemu-backports.auto.nowb.always.16m.bookworm.metadata",
		"refdev.qemu-backports.auto.nowb.always.128m.bookworm.metadata",
		"refdev+fs-device.qemu-backports.auto.nowb.none.bookworm.metadata",
		"refdev+fs-device.qemu-backports.auto.nowb.always.bookworm.metadata",
		"rust-trixie.qemu-backports.auto.nowb.none.bookworm.metadata",
		"rust-trixie.qemu-backports.auto.nowb.always.bookworm.metadata",
	};
	struct fixture *f = *state;

	assert_int_equal(
		load(f,
		     REFDEV("qemu-backports",
			    "windows={\"16m\", \"128m\"}\n"
			    "variants={\"default\", \"fs-device\"}\n") "cells \"other\" {\nstacks={\"rust-trixie\"}\n"
								       "vmms={\"qemu-backports\"}\nkernels={\"bookworm\"}\n"
								       "caches={\"auto\"}\ndax={\"none\", \"always\"}\n"
								       "windows={\"16m\", \"128m\"}\nworkloads={\"metadata\"}\n}\n"),
		0);
	assert_int_equal(f->plan.cells.count, ARRAY_SIZE(wanted));
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		const struct cell *c = cells_find(&f->plan.cells, wanted[i]);

		if (!c)
			fail_msg("no cell %s", wanted[i]);
		assert_int_equal(c->window_bytes, strstr(wanted[i], ".16m.")	? 16 * MIB
						  : strstr(wanted[i], ".128m.") ? 128 * MIB
										: 0);
	}
}

/* Goal: every mistake names the file, the line or section, and what is allowed. Method: a row each. */
static void mistakes(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(wrong_plans); i++) {
		assert_int_equal(load(f, wrong_plans[i].plan), -EINVAL);
		for (size_t j = 0; j < ARRAY_SIZE(wrong_plans[i].says) && wrong_plans[i].says[j];
		     j++)
			assert_says(f, wrong_plans[i].says[j]);
		assert_null(f->plan.name);
	}
}

/* Goal: a plan that is not there is named with its file. Method: a name, a path, a folder. */
static void missing_plans(void **state)
{
	struct fixture *f = *state;
	char path[128];

	assert_int_equal(plan_load(f->dir, "nosuch", &f->plan, &f->err), -ENOENT);
	assert_says(f, "no plan 'nosuch'");
	(void)snprintf(path, sizeof(path), "%s/nosuch.conf", f->dir);
	assert_says(f, path);
	assert_int_equal(plan_load(SHIPPED, path, &f->plan, &f->err), -ENOENT);
	assert_int_equal(plan_load(f->dir, f->dir, &f->plan, &f->err), -ENOENT);
	assert_says(f, f->dir);
	assert_int_equal(plan_load(f->dir, "nosuch", &f->plan, NULL), -ENOENT);
}

/* Goal: a path is taken as it is, without the plan folder. Method: load by path from elsewhere. */
static void by_path(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, "cells \"a\" {\nstacks={\"null\"}\nworkloads={\"metadata\"}\n}\n"),
			 0);
	plan_free(&f->plan);
	assert_int_equal(plan_load("/nonexistent", f->file, &f->plan, &f->err), 0);
	assert_string_equal(f->plan.name, "mine");
}

/* Goal: selection keeps what every glob matches. Method: globs on each part of the smoke plan. */
static void selection(void **state)
{
	static const struct {
		struct plan_filter filter;
		const char *stack, *workload, *kernel;
	} rows[] = {
		{ { .stack_glob = "c-*" }, "c-bookworm", NULL, NULL },
		{ { .stack_glob = "loca?" }, "local", NULL, NULL },
		{ { .workload_glob = "metadata" }, NULL, "metadata", NULL },
		{ { .stack_glob = "rust-*",
		    .workload_glob = "seqread-*",
		    .cell_glob = "*.never.*" },
		  "rust-trixie",
		  NULL,
		  NULL },
		{ { .stack_glob = "c-*", .kernel = "user" }, "c-bookworm", NULL, "user" },
		{ { .cell_glob = "null.metadata" }, "null", "metadata", NULL },
	};
	struct fixture *f = *state;
	size_t all;

	assert_int_equal(plan_load(SHIPPED, "smoke", &f->plan, &f->err), 0);
	all = f->plan.cells.count;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		plan_free(&f->plan);
		assert_int_equal(plan_load(SHIPPED, "smoke", &f->plan, &f->err), 0);
		assert_int_equal(plan_select(&f->plan, &rows[i].filter, &f->err), 0);
		assert_in_range(f->plan.cells.count, 1, all - 1);
		for (size_t j = 0; j < f->plan.cells.count; j++) {
			const struct cell *c = &f->plan.cells.item[j];

			if (rows[i].stack)
				assert_string_equal(c->stack->id, rows[i].stack);
			if (rows[i].workload)
				assert_string_equal(c->workload->id, rows[i].workload);
			if (rows[i].kernel) {
				assert_string_equal(c->kernel->id, rows[i].kernel);
				assert_non_null(strstr(c->id, ".user."));
			}
		}
	}
	plan_free(&f->plan);
	assert_int_equal(plan_load(SHIPPED, "smoke", &f->plan, &f->err), 0);
	assert_int_equal(plan_select(&f->plan, &(struct plan_filter){ 0 }, &f->err), 0);
	assert_int_equal(f->plan.cells.count, all);
}

/* Goal: kernels that become the same one leave no double cells. Method: smoke has two. */
static void one_kernel_for_all(void **state)
{
	const struct plan_filter filter = { .kernel = "backports" };
	struct fixture *f = *state;

	assert_int_equal(plan_load(SHIPPED, "smoke", &f->plan, &f->err), 0);
	assert_int_equal(plan_select(&f->plan, &filter, &f->err), 0);
	for (size_t i = 0; i < f->plan.cells.count; i++) {
		const struct cell *c = &f->plan.cells.item[i];

		assert_ptr_equal(cells_find(&f->plan.cells, c->id), c);
		if (c->kernel)
			assert_string_equal(c->kernel->id, "backports");
	}
}

/* Goal: nothing selected is an error and leaves the plan alone. Method: a glob without a match. */
static void nothing_selected(void **state)
{
	const struct plan_filter filter = { .stack_glob = "nosuch" };
	struct fixture *f = *state;
	size_t all;

	assert_int_equal(plan_load(SHIPPED, "smoke", &f->plan, &f->err), 0);
	all = f->plan.cells.count;
	assert_int_equal(plan_select(&f->plan, &filter, &f->err), -ENOENT);
	assert_says(f, "nothing selected");
	assert_says(f, "smoke");
	assert_int_equal(f->plan.cells.count, all);
}

static void assert_permutation(const size_t *order, size_t count)
{
	unsigned char *seen = calloc(count, 1);

	for (size_t i = 0; i < count; i++) {
		assert_true(order[i] < count);
		assert_int_equal(seen[order[i]]++, 0);
	}
	free(seen);
}

/* Goal: an order is a permutation, the same for a seed, another for each round. Method: compare. */
static void order(void **state)
{
	struct fixture *f = *state;
	size_t *first, *again, *second, *reseeded;
	size_t bytes;

	assert_int_equal(plan_load(SHIPPED, "smoke", &f->plan, &f->err), 0);
	bytes = f->plan.cells.count * sizeof(*first);
	first = plan_order(&f->plan, 1);
	again = plan_order(&f->plan, 1);
	second = plan_order(&f->plan, 2);
	f->plan.seed++;
	reseeded = plan_order(&f->plan, 1);
	assert_permutation(first, f->plan.cells.count);
	assert_permutation(second, f->plan.cells.count);
	assert_memory_equal(first, again, bytes);
	assert_memory_not_equal(first, second, bytes);
	assert_memory_not_equal(first, reseeded, bytes);
	free(first);
	free(again);
	free(second);
	free(reseeded);
}

/* Goal: what is expected to be n/a is told with its cause. Method: one cell a row, and its cost. */
static void estimates(void **state)
{
	static const struct {
		const char *plan;
		const char *says; /* NULL: nothing */
	} rows[] = {
		{ GUEST("caches={\"auto\"}\nworkloads={\"metadata\"}"), NULL },
		{ GUEST("caches={\"metadata\"}\nworkloads={\"metadata\"}"),
		  "c-bookworm is not known to have cache=metadata" },
		{ GUEST("caches={\"auto\"}\ndax={\"always\"}\nworkloads={\"metadata\"}"),
		  "no DAX window is known for c-bookworm" },
		{ GUEST("caches={\"none\"}\nworkloads={\"seqread-mmap\"}"), "mmap(MAP_SHARED)" },
		{ GUEST("caches={\"auto\"}\nworkloads={\"seqread-mmap\"}"), NULL },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct estimate e = { 0 };
		char scratch[160];
		const char *why;

		assert_int_equal(load(f, rows[i].plan), 0);
		why = estimate_na(&f->plan.cells.item[0], scratch, sizeof(scratch));
		if (!rows[i].says)
			assert_null(why);
		else if (!why || !strstr(why, rows[i].says))
			fail_msg("row %zu: %s", i, why ? why : "no reason");
		assert_int_equal(estimate_plan(&f->plan, &e), 0);
		assert_int_equal(e.stack_count, 1);
		assert_int_equal(e.guests, 1);
		assert_int_equal(e.na, rows[i].says != NULL);
		assert_true(e.seconds > e.guests_s && e.stack[0].seconds > 0);
		estimate_free(&e);
	}
}

/* Goal: more rounds, time and observed passes cost more. Method: change each. */
static void estimates_grow(void **state)
{
	struct fixture *f = *state;
	double last = 0;

	assert_int_equal(load(f, "observed = 0\ntime_ms = 100\n" GUEST(
					 "caches={\"auto\"}\nworkloads={\"seqread-psync\"}")),
			 0);
	for (unsigned i = 0; i < 4; i++) {
		struct estimate e = { 0 };

		f->plan.rounds = i < 1 ? 1 : 2;
		f->plan.time_ms = i < 2 ? 100 : 1000;
		f->plan.observed = i < 3 ? 0 : 1;
		assert_int_equal(estimate_plan(&f->plan, &e), 0);
		assert_true(e.seconds > last);
		last = e.seconds;
		estimate_free(&e);
	}
}

static int is_conf(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 5 && strcmp(d->d_name + n - 5, ".conf") == 0;
}

/*
 * Goal: what we ship loads, and its ids are file names. Method: every file of the folder: unique
 * ids of harmless characters, a title, modes that the stack is known to mount with.
 */
static void shipped_plans(void **state)
{
	struct fixture *f = *state;
	struct dirent **names = NULL;
	int n = scandir(SHIPPED, &names, is_conf, alphasort);
	unsigned known = 0;

	assert_true(n >= 2);
	for (int i = 0; i < n; i++) {
		names[i]->d_name[strlen(names[i]->d_name) - 5] = '\0';
		known += strcmp(names[i]->d_name, "smoke") == 0;
		known += strcmp(names[i]->d_name, "quick") == 0;
		if (plan_load(SHIPPED, names[i]->d_name, &f->plan, &f->err) < 0)
			fail_msg("%s", f->err.text);
		assert_string_equal(f->plan.name, names[i]->d_name);
		assert_true(f->plan.title[0] != '\0');
		for (size_t j = 0; j < f->plan.cells.count; j++) {
			const struct cell *c = &f->plan.cells.item[j];

			assert_ptr_equal(cells_find(&f->plan.cells, c->id), c);
			assert_int_equal(strspn(c->id, "abcdefghijklmnopqrstuvwxyz0123456789-.+"),
					 strlen(c->id));
			/* not cut off, and room for ".part" and the like */
			assert_true(strlen(c->id) < CELL_ID_SIZE - 1);
			assert_true(strlen(c->id) + 16 < NAME_MAX);
			/* only plans that show what is refused ask for it */
			if (strcmp(f->plan.name, "test") != 0 &&
			    strcmp(f->plan.name, "full") != 0 && c->cache != CACHE_UNSET &&
			    !(c->stack->cache_mask & 1U << c->cache))
				fail_msg("%s: not a mode of its stack", c->id);
		}
		plan_free(&f->plan);
		free(names[i]);
	}
	free(names);
	assert_int_equal(known, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cross_product),	TEST(defaults),
		TEST(unlike_stacks),	TEST(duplicates_are_removed),
		TEST(mistakes),		TEST(windows),
		TEST(missing_plans),	TEST(by_path),
		TEST(selection),	TEST(one_kernel_for_all),
		TEST(nothing_selected), TEST(estimates),
		TEST(estimates_grow),	TEST(order),
		TEST(shipped_plans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
