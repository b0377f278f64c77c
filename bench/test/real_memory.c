// SPDX-License-Identifier: Apache-2.0
/*
 * Memory footprint on real guests: the sum of the terms explains what the host has less of, shared
 * trees are counted once, and memory that no term counts is noticed. No cmocka assert runs while a
 * CLEANUP variable is live.
 */
#include "real_guest.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define CELL(what)  "rust-trixie.qemu-backports.auto.nowb.none.bookworm." what
#define TREE_BYTES  (64.0 * (double)MIB)
#define GUEST_BYTES (512.0 * (double)MIB)
#define TOLERANCE   0.05
#define ATTEMPTS    4
#define RUNS	    3
/* Memory that is in no term: more than what may stay unexplained of a guest, about 12 MiB. */
#define HOG_BYTES (64 * MIB)
/* Each is a cell of bench/plans style; the three of them take 12 s. */
static const char plan_text[] = "title = \"memory\"\nrounds = 1\ntime_ms = 300\nseed = 1\n"
				"cells \"memory\" {\n"
				"\tstacks = {\"rust-trixie\"}\n\tvmms = {\"qemu-backports\"}\n"
				"\tkernels = {\"bookworm\"}\n\tcaches = {\"auto\"}\n"
				"\tworkloads = {\"footprint-1\", \"footprint-2\", "
				"\"footprint-2-private\"}\n}\n";

static const char *const terms[] = { "guest_ram",   "share_cache", "other_files", "vmm_anon",
				     "daemon_anon", "page_tables", "slab",	  "tcg_buffer" };

struct fixture {
	char dir[PATH_MAX];
	char plan[PATH_MAX + 16];
	char out[PATH_MAX + 16];
	char log[PATH_MAX + 64];
	json_t *one, *two, *two_private; /* footprint.json of each */
	struct err err;
};

static struct fixture fx;

#define ARGS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static double number(json_t *root, const char *path)
{
	double v;

	if (json_number_at(root, path, &v) < 0)
		fail_msg("no number at %s", path);
	return v;
}

static double term(json_t *raw, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "footprint.%s", name);
	return number(raw, path);
}

static int load_raw(const char *out, const char *id, json_t **ret)
{
	CLEANUP(freep) char *path = fs_path("%s/cells/%s/r1/footprint.json", out, id);

	return path ? json_load_path(path, ret, &fx.err) : -ENOMEM;
}

/* ---- what the sum says ---- */

/* Goal: the sum is the sum, and explains the host. Method: add the terms up again, for each cell. */
static void sum_explains_the_host(void **state)
{
	json_t *const raw[] = { fx.one, fx.two, fx.two_private };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(raw); i++) {
		double change = term(raw[i], "host_change");
		double sum = 0;

		for (size_t j = 0; j < ARRAY_SIZE(terms); j++)
			sum += term(raw[i], terms[j]);
		assert_true(sum == term(raw[i], "total"));
		assert_true(change - sum == term(raw[i], "unexplained"));
		(void)printf(
			"figure: footprint %zu: total %.1f MiB, host %.1f MiB, unexplained %.2f %%\n",
			i, sum / (double)MIB, change / (double)MIB, 100 * (change - sum) / change);
		if (change - sum > TOLERANCE * change || sum - change > TOLERANCE * change)
			fail_msg("cell %zu: sum %.0f, host %.0f", i, sum, change);
	}
}

/*
 * Goal: each term is of the size that it must have. Method: cache=auto, so the tree is in the host's
 * page cache once per tree, and in the RAM of every guest.
 */
static void terms_are_plausible(void **state)
{
	json_t *const raw[] = { fx.one, fx.two, fx.two_private };
	static const double guests[] = { 1, 2, 2 };
	static const double trees[] = { 1, 1, 2 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(raw); i++) {
		double ram = term(raw[i], "guest_ram");
		double tree = term(raw[i], "share_cache");

		assert_true(term(raw[i], "guests") == guests[i]);
		/* The host may have reclaimed some; it cannot have more. */
		assert_true(tree <= trees[i] * TREE_BYTES && tree > 0.8 * trees[i] * TREE_BYTES);
		assert_true(term(raw[i], "guest_cached") >= guests[i] * TREE_BYTES);
		/* What a guest has read lies in its RAM, most of which it never touched. */
		assert_true(ram > term(raw[i], "guest_cached"));
		assert_true(ram < guests[i] * GUEST_BYTES / 2);
		assert_true(term(raw[i], "tcg_buffer") > guests[i] * (double)MIB);
		assert_true(term(raw[i], "tcg_buffer") < guests[i] * 256 * (double)MIB);
		assert_true(term(raw[i], "vmm_anon") > guests[i] * (double)MIB);
		assert_true(term(raw[i], "daemon_anon") > guests[i] * 64 * (double)KIB);
		assert_true(term(raw[i], "page_tables") > guests[i] * 64 * (double)KIB);
	}
	/* Every further guest has RAM of its own: as much as the first. */
	assert_true(term(fx.two, "guest_ram") > 1.9 * term(fx.one, "guest_ram"));
	assert_true(term(fx.two, "guest_ram") < 2.1 * term(fx.one, "guest_ram"));
	/* What sharing saves is one tree in the host's page cache. */
	assert_true(term(fx.two_private, "total") - term(fx.two, "total") > 0.7 * TREE_BYTES);
	assert_true(term(fx.two_private, "total") - term(fx.two, "total") < 1.3 * TREE_BYTES);
}

/* Goal: all processes of each guest were counted. Method: roles and guests in the raw file. */
static void every_process_is_counted(void **state)
{
	json_t *list = json_at(fx.two, "attempts[0].after.processes");
	unsigned vmms[3] = { 0 };
	unsigned daemons[3] = { 0 };
	double ram = 0;
	size_t i;
	json_t *p;

	(void)state;
	json_array_foreach(list, i, p) {
		double guest = number(p, "guest");

		assert_true(guest == 1 || guest == 2);
		if (strcmp(json_str_at(p, "role", ""), "vmm") == 0) {
			vmms[(int)guest]++;
			assert_true(number(p, "ram") > 0 && number(p, "ram_inode") != ram);
			ram = number(p, "ram_inode");
		} else {
			daemons[(int)guest]++;
		}
	}
	/* The daemon's sandbox makes it two processes. */
	for (i = 1; i <= 2; i++) {
		assert_int_equal(vmms[i], 1);
		assert_int_equal(daemons[i], 2);
	}
	assert_int_equal(json_array_size(json_at(fx.two, "attempts[0].before.processes")), 0);
}

/* Metrics of the rounds, and those that the observed pass has counted. */
static void count_metrics(json_t *cell, size_t *ret_timed, size_t *ret_observed)
{
	size_t i;
	json_t *m;

	*ret_timed = *ret_observed = 0;
	json_array_foreach(json_object_get(cell, "metrics"), i, m)
		*(strstr(json_str_at(m, "sources[0]", ""), "/o1/") ? ret_observed : ret_timed) += 1;
}

/* Goal: cells say what they are made of. Method: status, guest, sources. */
static void cells_are_complete(void **state)
{
	static const char *const ids[] = { CELL("footprint-1"), CELL("footprint-2"),
					   CELL("footprint-2-private") };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		json_t *cell = NULL;
		size_t timed;
		size_t observed;

		if (real_cell(fx.out, ids[i], &cell, &fx.err) < 0)
			fail_msg("%s", fx.err.text);
		assert_string_equal(json_str_at(cell, "status", ""), "ok");
		assert_string_equal(json_str_at(cell, "rounds[0].guest", ""), "restored");
		/* eight terms, total, host_change, unexplained, guest_cached, guests */
		count_metrics(cell, &timed, &observed);
		assert_int_equal(timed, 13);
		assert_in_range(observed, 1, 200);
		assert_string_equal(json_str_at(cell, "metrics[0].name", ""), "footprint.total");
		assert_string_equal(json_str_at(cell, "metrics[0].kind", ""), "memory");
		json_decref(cell);
	}
}

/* ---- what is in no term ---- */

struct hog {
	void *map[ATTEMPTS];
	size_t count;
};

/* Has the pass begun with the guests of its attempt N, counted from 1? Its baseline is taken then. */
static bool has_begun(const char *out, size_t attempt)
{
	CLEANUP(freep)
	char *path = fs_path("%s/cells/" CELL("footprint-1") "/r1.part/try%zu/g1", out, attempt);

	return path && fs_exists(path);
}

static int run_beside_a_hog(const char *out, struct hog *hog, int *ret_status)
{
	struct proc driver = { 0 };
	uint64_t deadline_ns = clock_deadline_ms(REAL_RUN_MS);
	int e = real_start_run(
		ARGS("run", "--plan", fx.plan, "--workload", "footprint-1", "--out", out), out,
		fx.log, &driver, &fx.err);

	while (e == 0 && proc_alive(&driver)) {
		if (hog->count < ATTEMPTS && has_begun(out, hog->count + 1)) {
			void *map = mmap(NULL, HOG_BYTES, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (map == MAP_FAILED)
				e = err_errno(&fx.err, -errno, "cannot map");
			else
				memset(map, 1, HOG_BYTES);
			hog->map[hog->count++] = map;
		}
		if (clock_left_ms(deadline_ns) == 0)
			e = err_set(&fx.err, -ETIMEDOUT, "the driver did not end");
		real_pause();
	}
	*ret_status = real_status(&driver);
	proc_kill(&driver);
	return e;
}

/*
 * Goal: memory that is in no term fails the check, in every attempt. Method: this process takes some
 * between baseline and sample.
 */
static void uncounted_memory_is_noticed(void **state)
{
	struct hog hog = { .count = 0 };
	json_t *cell = NULL;
	json_t *raw = NULL;
	char out[PATH_MAX + 16];
	unsigned alike = 0;
	int status = -1;
	int e;

	(void)state;
	(void)snprintf(out, sizeof(out), "%s/hog", fx.dir);
	(void)snprintf(fx.log, sizeof(fx.log), "%s/hog.log", fx.dir);
	e = run_beside_a_hog(out, &hog, &status);
	for (size_t i = 0; i < hog.count; i++)
		if (hog.map[i] != MAP_FAILED)
			(void)munmap(hog.map[i], HOG_BYTES);
	if (e == 0)
		e = real_cell(out, CELL("footprint-1"), &cell, &fx.err);
	if (e == 0)
		e = load_raw(out, CELL("footprint-1"), &raw);
	if (e < 0)
		fail_msg("%s", fx.err.text);
	assert_int_equal(status, 3);
	assert_string_equal(json_str_at(cell, "status", ""), "failed");
	assert_non_null(strstr(json_str_at(cell, "reason", ""), "unexplained"));
	assert_int_equal(json_array_size(json_object_get(raw, "attempts")), ATTEMPTS);
	for (size_t i = 0; i < ATTEMPTS; i++) {
		char path[64];
		double seen;

		(void)snprintf(path, sizeof(path), "attempts[%zu].footprint.unexplained", i);
		seen = number(raw, path);
		(void)printf("figure: beside %.0f MiB that nobody counts: unexplained %.1f MiB\n",
			     (double)HOG_BYTES / (double)MIB, seen / (double)MIB);
		alike += seen > 0.75 * (double)HOG_BYTES && seen < 1.25 * (double)HOG_BYTES;
		(void)snprintf(path, sizeof(path), "attempts[%zu].explained", i);
		assert_true(json_is_false(json_at(raw, path)));
	}
	/* Others may take and free memory too, but not every time. */
	assert_true(alike >= 1);
	json_decref(cell);
	json_decref(raw);
}

/* A sum that is wrong is so every time; a host on which others work is quiet now and then. */
static int run_plan(void)
{
	int status = -1;
	int e = 0;

	for (int i = 1; e == 0 && status != 0 && i <= RUNS; i++) {
		(void)snprintf(fx.out, sizeof(fx.out), "%s/run%d", fx.dir, i);
		(void)snprintf(fx.log, sizeof(fx.log), "%s/run%d.log", fx.dir, i);
		e = real_run(ARGS("run", "--plan", fx.plan, "--out", fx.out), fx.log, REAL_RUN_MS,
			     &status, &fx.err);
		if (e == 0 && status != 0)
			(void)printf("figure: footprint run %d of at most %d ended with %d\n", i,
				     RUNS, status);
	}
	if (e == 0 && status != 0)
		e = err_set(&fx.err, -EIO, "%d runs ended with %d, see %s", RUNS, status, fx.log);
	return e;
}

static int setup(void **state)
{
	int e = real_dir("memory", fx.dir, sizeof(fx.dir), &fx.err);

	(void)state;
	(void)snprintf(fx.plan, sizeof(fx.plan), "%s/memory.conf", fx.dir);
	if (e == 0)
		e = fs_write_atomic(fx.plan, plan_text, strlen(plan_text), &fx.err);
	if (e == 0)
		e = run_plan();
	if (e == 0)
		e = load_raw(fx.out, CELL("footprint-1"), &fx.one);
	if (e == 0)
		e = load_raw(fx.out, CELL("footprint-2"), &fx.two);
	if (e == 0)
		e = load_raw(fx.out, CELL("footprint-2-private"), &fx.two_private);
	if (e < 0)
		(void)fprintf(stderr, "%s\n", fx.err.text);
	return e < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(fx.one);
	json_decref(fx.two);
	json_decref(fx.two_private);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sum_explains_the_host),
		cmocka_unit_test(terms_are_plausible),
		cmocka_unit_test(every_process_is_counted),
		cmocka_unit_test(cells_are_complete),
		cmocka_unit_test(uncounted_memory_is_noticed),
	};

	return cmocka_run_group_tests_name("real_memory", tests, setup, teardown) ? 1 : 0;
}
