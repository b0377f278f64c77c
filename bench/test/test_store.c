// SPDX-License-Identifier: Apache-2.0
/*
 * The folder of a run: what is written when, and what a status becomes. What a kill leaves is in
 * test_store_kill.c.
 */
#include "stored.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"

#define PATIENCE_S 100
#define ROUNDS	   3

static const struct metric_def cached = {
	.name = "cached", .unit = "B", .better = BETTER_LOWER, .kind = KIND_MEMORY
};

/* A run with both cells pending. */
static void begin(struct stored *f)
{
	stored_good(f, store_create(f->out, true, "p", &f->store, &f->err));
	(void)json_object_set_new(f->store.run, "versions",
				  json_pack("{s:s,s:s,s:s}", "qemu-bookworm", "7.2", "c-bookworm",
					    "7.2d", "kernel bookworm", "6.1"));
	stored_good(f, store_save_run(&f->store, &f->err));
	stored_good(f, store_add_cells(&f->store, &f->cells, "tcg", &f->err));
}

/* Begin a pass with one raw file in its folder. */
static void begin_pass(struct stored *f, unsigned round)
{
	char *dir = NULL;
	char *raw;

	pass_result_free(&f->pass);
	stored_good(
		f, store_pass_begin(&f->store, stored_guest(f), stored_turn(round), &dir, &f->err));
	raw = fs_path("%s/fio-cold.json", dir);
	stored_good(f, fs_write_atomic(raw, "{}", 2, &f->err));
	free(raw);
	free(dir);
}

static int commit(struct stored *f, unsigned round)
{
	return store_pass_commit(&f->store, stored_guest(f), stored_turn(round), ROUNDS, &f->pass,
				 &f->err);
}

static void commit_ok(struct stored *f, unsigned round, double value)
{
	begin_pass(f, round);
	f->pass.wall_ns = 3 * NS_PER_S;
	f->pass.work_ns = 2 * NS_PER_S;
	f->pass.guest = "reused";
	assert_int_equal(pass_add_metric(&f->pass, "cold", &stored_speed, value, "fio-cold.json",
					 "jobs[0].read.bw_bytes"),
			 0);
	stored_good(f, commit(f, round));
}

static void commit_as(struct stored *f, unsigned round, enum pass_status status, const char *reason)
{
	begin_pass(f, round);
	f->pass.status = status;
	(void)snprintf(f->pass.reason, sizeof(f->pass.reason), "%s", reason);
	assert_int_equal(pass_add_metric(&f->pass, "cold", &stored_speed, 5, "fio-cold.json", "x"),
			 0);
	stored_good(f, commit(f, round));
}

static void assert_status(struct stored *f, const char *status, const char *reason)
{
	json_t *cell = stored_cell(f, stored_guest(f));

	assert_string_equal(json_str_at(cell, "status", ""), status);
	if (reason)
		assert_string_equal(json_str_at(cell, "reason", ""), reason);
	else
		assert_true(json_is_null(json_object_get(cell, "reason")));
	assert_string_equal(store_cell_status(&f->store, stored_guest(f)), status);
}

/* --- folders --- */

/* Goal: each run has a folder of its own and `latest` is the newest. Method: two within a second. */
static void folders_and_latest(void **state)
{
	struct stored *f = *state;
	struct store second = { 0 };
	char base[96], link[96], target[256] = { 0 };
	const char *name;

	(void)snprintf(base, sizeof(base), "%s/results/runs", f->dir);
	(void)snprintf(link, sizeof(link), "%s/results/latest", f->dir);
	stored_good(f, store_create(base, false, "smoke", &f->store, &f->err));
	name = strrchr(f->store.dir, '/') + 1;
	assert_int_equal(strlen(name), strlen("20261122T101500Z-smoke"));
	assert_string_equal(name + 16, "-smoke");
	assert_true(readlink(link, target, sizeof(target) - 1) > 0);
	assert_string_equal(target + strlen("runs/"), name);
	/* The clock may pass a second between two calls, hardly between each two of three. */
	for (unsigned i = 0; i < 3; i++) {
		stored_good(f, store_create(base, false, "smoke", &second, &f->err));
		assert_string_not_equal(second.dir, f->store.dir);
		name = strrchr(second.dir, '/') + 1;
		memset(target, 0, sizeof(target));
		assert_true(readlink(link, target, sizeof(target) - 1) > 0);
		assert_memory_equal(target, "runs/", 5);
		assert_string_equal(target + 5, name);
		store_free(&second);
	}
	assert_int_equal(access(link, F_OK), 0);
}

/* Goal: no run is overwritten. Method: --out to an empty folder, to a run, to a file. */
static void out_is_not_overwritten(void **state)
{
	struct stored *f = *state;
	struct store second = { 0 };
	char path[128];

	begin(f);
	assert_string_equal(f->store.dir, f->out);
	assert_int_equal(store_create(f->out, true, "p", &second, &f->err), -EEXIST);
	assert_non_null(strstr(f->err.text, "already holds a run"));
	assert_non_null(strstr(f->err.text, f->out));
	assert_null(second.dir);
	(void)snprintf(path, sizeof(path), "%s/latest", f->dir);
	assert_int_equal(access(path, F_OK), -1);
	(void)snprintf(path, sizeof(path), "%s/run.json", f->out);
	assert_true(store_create(path, true, "p", &second, &f->err) < 0);
	assert_null(second.dir);
}

/* --- cells and passes --- */

static void commit_observed(struct stored *f, double reads)
{
	static const struct metric_def ops = {
		.name = "ops.READ", .unit = "1", .better = BETTER_LOWER, .kind = KIND_COUNT
	};
	const struct turn turn = { PASS_OBSERVED, 1 };
	char *dir = NULL;

	pass_result_free(&f->pass);
	stored_good(f, store_pass_begin(&f->store, stored_guest(f), turn, &dir, &f->err));
	assert_non_null(strstr(dir, "/o1.part"));
	free(dir);
	f->pass.wall_ns = 9 * NS_PER_S;
	f->pass.negotiated = json_pack("{s:s}", "fuse", "7.38");
	assert_int_equal(
		pass_add_metric(&f->pass, "cold", &ops, reads, "ops.json", "phases.cold.ops.READ"),
		0);
	stored_good(f, store_pass_commit(&f->store, stored_guest(f), turn, ROUNDS + 1, &f->pass,
					 &f->err));
}

/*
 * Goal: a cell is ok when its timed and its observed passes are, and an observed pass leaves counts
 * and no times. Method: three rounds and one observed pass, each looked at.
 */
static void observed_pass(void **state)
{
	struct stored *f = *state;
	json_t *cell, *m, *last;

	begin(f);
	for (unsigned round = 1; round <= ROUNDS; round++) {
		begin_pass(f, round);
		f->pass.wall_ns = (1 + round) * NS_PER_S;
		stored_good(f, store_pass_commit(&f->store, stored_guest(f), stored_turn(round),
						 ROUNDS + 1, &f->pass, &f->err));
		assert_status(f, "pending", NULL);
	}
	commit_observed(f, 128);
	assert_status(f, "ok", NULL);
	cell = stored_cell(f, stored_guest(f));
	assert_string_equal(json_str_at(cell, "negotiated.fuse", ""), "7.38");
	assert_string_equal(json_str_at(cell, "rounds[0].kind", ""), "timed");
	last = json_at(cell, "rounds[3]");
	assert_string_equal(json_str_at(last, "kind", ""), "observed");
	assert_int_equal(json_integer_value(json_object_get(last, "round")), 1);
	m = json_at(cell, "metrics[0]");
	assert_string_equal(json_str_at(m, "name", ""), "cold.ops.READ");
	assert_true(json_number_value(json_object_get(m, "median")) == 128);
	assert_non_null(strstr(json_str_at(m, "sources[0]", ""), "/o1/ops.json#phases.cold.ops"));
	/* Its wall time is no part of the overhead. */
	assert_true(json_number_value(json_object_get(cell, "overhead_s")) == 3);
}

/* Goal: a cell is on disk before its first pass. Method: read what both kinds begin with. */
static void pending_cells(void **state)
{
	struct stored *f = *state;
	json_t *c;

	begin(f);
	c = stored_cell(f, stored_guest(f));
	assert_string_equal(json_str_at(c, "id", ""), stored_guest(f)->id);
	assert_string_equal(json_str_at(c, "stack", ""), "c-bookworm");
	assert_string_equal(json_str_at(c, "vmm", ""), "qemu-bookworm");
	assert_string_equal(json_str_at(c, "cache", ""), "auto");
	assert_string_equal(json_str_at(c, "dax", ""), "none");
	assert_true(json_is_true(json_object_get(c, "writeback")));
	assert_string_equal(json_str_at(c, "kernel", ""), "bookworm");
	assert_string_equal(json_str_at(c, "workload", ""), "seqread-psync");
	assert_string_equal(json_str_at(c, "accelerator", ""), "tcg");
	assert_string_equal(json_str_at(c, "versions.daemon", ""), "7.2d");
	assert_string_equal(json_str_at(c, "versions.vmm", ""), "7.2");
	assert_string_equal(json_str_at(c, "versions.kernel", ""), "6.1");
	assert_int_equal(json_array_size(json_object_get(c, "metrics")), 0);
	assert_status(f, "pending", NULL);
	c = stored_cell(f, &f->cells.item[1]);
	assert_string_equal(json_str_at(c, "accelerator", ""), "none");
	assert_true(json_is_null(json_object_get(c, "vmm")));
	assert_true(json_is_null(json_object_get(c, "cache")));
	assert_true(json_is_null(json_object_get(c, "dax")));
	assert_true(json_is_null(json_object_get(c, "writeback")));
	assert_string_equal(json_str_at(c, "status", ""), "pending");
}

/* Goal: a pass is complete in its folder, then named with samples, median, sources. Method: two. */
static void good_passes(void **state)
{
	struct stored *f = *state;
	json_t *c, *m;
	char path[320];

	begin(f);
	commit_ok(f, 1, 10);
	begin_pass(f, 2);
	f->pass.guest = "booted";
	f->pass.wall_ns = 5 * NS_PER_S;
	f->pass.work_ns = 2 * NS_PER_S;
	f->pass.states = json_pack("[{s:s}]", "phase", "cold");
	f->pass.commands = json_pack("[{s:s}]", "who", "daemon");
	pass_add_evidence(&f->pass, "mount", "bad \377 bytes", "dmesg.txt");
	pass_add_evidence(&f->pass, "plain", "seen", NULL);
	assert_int_equal(pass_add_metric(&f->pass, "cold", &stored_speed, 21, "a.json", "x.y"), 0);
	assert_int_equal(pass_add_metric(&f->pass, "warm", &cached, 4096, "b.json", "z"), 0);
	stored_good(f, commit(f, 2));
	c = stored_cell(f, stored_guest(f));
	m = json_at(c, "metrics[0]");
	assert_string_equal(json_str_at(m, "name", ""), "cold.bw");
	assert_string_equal(json_str_at(m, "unit", ""), "B/s");
	assert_string_equal(json_str_at(m, "better", ""), "higher");
	assert_string_equal(json_str_at(m, "kind", ""), "time");
	assert_int_equal(json_array_size(json_object_get(m, "samples")), 2);
	assert_int_equal(json_integer_value(json_at(m, "samples[0]")), 10);
	assert_int_equal(json_integer_value(json_at(m, "samples[1]")), 21);
	assert_true(json_number_value(json_at(m, "median")) == 15.5);
	(void)snprintf(path, sizeof(path), "cells/%s/r1/fio-cold.json#jobs[0].read.bw_bytes",
		       stored_guest(f)->id);
	assert_string_equal(json_str_at(m, "sources[0]", ""), path);
	m = json_at(c, "metrics[1]");
	assert_string_equal(json_str_at(m, "name", ""), "warm.cached");
	assert_string_equal(json_str_at(m, "kind", ""), "memory");
	assert_string_equal(json_str_at(m, "better", ""), "lower");
	assert_int_equal(json_array_size(json_object_get(m, "samples")), 1);
	/* 1 s and 3 s of overhead */
	assert_true(json_number_value(json_at(c, "overhead_s")) == 2);
	assert_string_equal(json_str_at(c, "evidence[0].seen", ""), "bad ? bytes");
	(void)snprintf(path, sizeof(path), "cells/%s/r2/dmesg.txt", stored_guest(f)->id);
	assert_string_equal(json_str_at(c, "evidence[0].file", ""), path);
	assert_true(json_is_null(json_at(c, "evidence[1].file")));
	assert_int_equal(json_integer_value(json_at(c, "states[0].round")), 2);
	assert_string_equal(json_str_at(c, "commands[0].who", ""), "daemon");
	assert_string_equal(json_str_at(c, "rounds[1].guest", ""), "booted");
	assert_status(f, "pending", NULL);
	(void)snprintf(path, sizeof(path), "cells/%s/r2/pass.json", stored_guest(f)->id);
	c = stored_file(f, path);
	assert_string_equal(json_str_at(c, "status", ""), "ok");
	assert_int_equal(json_integer_value(json_at(c, "round")), 2);
	assert_int_equal(json_integer_value(json_at(c, "metrics[cold.bw]")), 21);
	assert_string_equal(json_str_at(c, "evidence[0].file", ""), "dmesg.txt");
	assert_string_equal(json_str_at(c, "states[0].phase", ""), "cold");
	(void)snprintf(path, sizeof(path), "%s/cells/%s/r2.part", f->out, stored_guest(f)->id);
	assert_int_equal(access(path, F_OK), -1);
}

/* Goal: numbers of a failed pass are kept, but are no result. Method: good, failed, good. */
static void failed_pass(void **state)
{
	struct stored *f = *state;
	char path[320];
	json_t *c;

	begin(f);
	commit_ok(f, 1, 10);
	commit_as(f, 2, PASS_FAILED, "daemon died");
	commit_ok(f, 3, 30);
	c = stored_cell(f, stored_guest(f));
	assert_int_equal(json_array_size(json_at(c, "metrics[0].samples")), 2);
	assert_true(json_number_value(json_at(c, "metrics[0].median")) == 20);
	assert_true(json_number_value(json_at(c, "overhead_s")) == 1);
	assert_string_equal(json_str_at(c, "rounds[1].status", ""), "failed");
	assert_status(f, "failed", "daemon died");
	(void)snprintf(path, sizeof(path), "cells/%s/r2/pass.json", stored_guest(f)->id);
	assert_int_equal(json_integer_value(json_at(stored_file(f, path), "metrics[cold.bw]")), 5);
}

/* Goal: the first cause is the cause. Method: fail twice, with text that is no UTF-8. */
static void first_failure_counts(void **state)
{
	struct stored *f = *state;

	begin(f);
	begin_pass(f, 1);
	pass_fail(&f->pass, "first \377 %d", 1);
	pass_fail(&f->pass, "second");
	stored_good(f, commit(f, 1));
	assert_status(f, "failed", "first ? 1");
}

/* Goal: a reason names files relative to the run folder. Method: one with the folder in it. */
static void run_folder_is_hidden(void **state)
{
	struct stored *f = *state;
	char reason[600];

	begin(f);
	(void)snprintf(reason, sizeof(reason), "see %s/guests/a.log in %s.", f->store.dir,
		       f->store.dir);
	commit_as(f, 1, PASS_FAILED, reason);
	assert_status(f, "failed", "see guests/a.log in .");
}

/* Goal: three rounds make every status they should. Method: one sequence per row. */
static void status_over_rounds(void **state)
{
	static const struct {
		enum pass_status pass[ROUNDS];
		unsigned count;
		const char *status;
		const char *reason;
	} rows[] = {
		{ { 0 }, 0, "pending", NULL },
		{ { PASS_OK }, 1, "pending", NULL },
		{ { PASS_OK, PASS_OK }, 2, "pending", NULL },
		{ { PASS_OK, PASS_OK, PASS_OK }, 3, "ok", NULL },
		{ { PASS_NA }, 1, "n/a", "reason 1" },
		{ { PASS_OK, PASS_NA }, 2, "n/a", "reason 2" },
		{ { PASS_FAILED }, 1, "failed", "reason 1" },
		{ { PASS_FAILED, PASS_OK, PASS_OK }, 3, "failed", "reason 1" },
		{ { PASS_OK, PASS_OK, PASS_FAILED }, 3, "failed", "reason 3" },
		{ { PASS_FAILED, PASS_FAILED, PASS_OK }, 3, "failed", "reason 1" },
		{ { PASS_FAILED, PASS_NA }, 2, "failed", "reason 1" },
		{ { PASS_NA, PASS_FAILED }, 2, "failed", "reason 2" },
	};
	struct stored *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin(f);
		for (unsigned r = 1; r <= rows[i].count; r++) {
			char reason[32];

			(void)snprintf(reason, sizeof(reason), "reason %u", r);
			if (rows[i].pass[r - 1] == PASS_OK)
				commit_ok(f, r, 1);
			else
				commit_as(f, r, rows[i].pass[r - 1], reason);
		}
		assert_status(f, rows[i].status, rows[i].reason);
		store_free(&f->store);
		stored_good(f, fs_remove_tree(f->out, &f->err));
	}
}

static void commit_tail(struct stored *f, unsigned round, const char *tail)
{
	begin_pass(f, round);
	f->pass.tail = tail;
	stored_good(f, commit(f, round));
}

/* Goal: how tails are served is in cell.json, and passes of two ways are no cell. Method: untold, one, the same, another. */
static void tails_are_not_mixed(void **state)
{
	struct stored *f = *state;

	begin(f);
	assert_true(json_is_null(json_object_get(stored_cell(f, stored_guest(f)), "dax_tail")));
	commit_tail(f, 1, NULL);
	assert_true(json_is_null(json_object_get(stored_cell(f, stored_guest(f)), "dax_tail")));
	commit_tail(f, 2, "shadow");
	commit_tail(f, 3, "shadow");
	assert_string_equal(json_str_at(stored_cell(f, stored_guest(f)), "dax_tail", ""), "shadow");
	assert_status(f, "ok", NULL);
	commit_tail(f, 4, "passthrough");
	assert_string_equal(json_str_at(stored_cell(f, stored_guest(f)), "dax_tail", ""), "shadow");
	assert_status(f, "failed",
		      "DAX tails were served by passthrough, and by shadow in earlier passes of "
		      "this cell");
}

/* Goal: what a killed pass left is no part of the next. Method: a leftover rN.part with a file. */
static void leftover_is_replaced(void **state)
{
	struct stored *f = *state;
	char path[400];

	begin(f);
	begin_pass(f, 1);
	(void)snprintf(path, sizeof(path), "%s/cells/%s/r1.part/stale", f->out,
		       stored_guest(f)->id);
	stored_good(f, fs_write_atomic(path, "x", 1, &f->err));
	commit_ok(f, 1, 1);
	(void)snprintf(path, sizeof(path), "%s/cells/%s/r1/stale", f->out, stored_guest(f)->id);
	assert_int_equal(access(path, F_OK), -1);
	(void)snprintf(path, sizeof(path), "%s/cells/%s/r1/fio-cold.json", f->out,
		       stored_guest(f)->id);
	assert_int_equal(access(path, F_OK), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stored_setup, stored_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(folders_and_latest),   TEST(out_is_not_overwritten),
		TEST(observed_pass),	    TEST(pending_cells),
		TEST(good_passes),	    TEST(failed_pass),
		TEST(first_failure_counts), TEST(status_over_rounds),
		TEST(run_folder_is_hidden), TEST(leftover_is_replaced),
		TEST(tails_are_not_mixed),
	};

	(void)alarm(PATIENCE_S);
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
