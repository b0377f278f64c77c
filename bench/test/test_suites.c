// SPDX-License-Identifier: Apache-2.0
/*
 * Suites of a run: words, which daemons a plan means, and what becomes of each way in which virtiofs-conform can
 * end. It is a script here; no daemon and no namespace is made.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "scratch.h"

#include "base/fs.h"
#include "base/json.h"
#include "run/suites.h"

static void words(void **state)
{
	static const struct {
		const char *text;
		unsigned set;
	} rows[] = {
		{ "bench", PLAN_BENCH },
		{ "device", PLAN_DEVICE },
		{ "bench,device", PLAN_BENCH | PLAN_DEVICE },
		{ "device,bench", PLAN_BENCH | PLAN_DEVICE },
		{ "", 0 },
		{ ",", 0 },
		{ "bench,,device", 0 },
		{ "guest", PLAN_GUEST },
		{ "bench,device,guest", PLAN_BENCH | PLAN_DEVICE | PLAN_GUEST },
		{ "guests", 0 },
		{ "benc", 0 },
		{ "benches", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(suites_parse(rows[i].text), rows[i].set);
}

#define CELLS(stack)                                                                 \
	"cells \"" stack "\" {\nstacks={\"" stack "\"}\nvmms={\"qemu-backports\"}\n" \
	"kernels={\"bookworm\"}\ncaches={\"auto\"}\nworkloads={\"metadata\"}\n}\n"
#define BASELINE "cells \"b\" {\nstacks={\"null\"}\nworkloads={\"metadata\"}\n}\n"
#define BOTH	 "suites = {\"bench\", \"device\"}\n"
#define DEVICE	 "suites = {\"device\"}\n"

static int load(struct scratch *f, const char *text, const struct plan_filter *filter,
		struct plan *ret)
{
	char path[128];
	int e;

	scratch_put(scratch_path(f, "mine.conf", path, sizeof(path)), text);
	e = plan_load(f->dir, "mine", ret, &f->err);
	if (e < 0)
		return e;
	e = plan_select(ret, filter, &f->err);
	if (e < 0)
		plan_free(ret);
	return e;
}

/* Goal: a plan means the daemons of its cells, or all; filters keep what they say. */
static void daemons(void **state)
{
	static const struct {
		const char *plan;
		struct plan_filter filter;
		const char *daemons; /* by blanks; NULL: -ENOENT */
		size_t cells;
	} rows[] = {
		{ BOTH CELLS("refdev") CELLS("c-bookworm") BASELINE,
		  { 0 },
		  "refdev c-bookworm ",
		  3 },
		{ CELLS("refdev"), { 0 }, "", 1 },
		{ CELLS("refdev"), { .suites = PLAN_BENCH | PLAN_DEVICE }, "refdev ", 1 },
		{ BOTH CELLS("refdev") BASELINE, { .suites = PLAN_DEVICE }, "refdev ", 0 },
		{ BOTH CELLS("refdev") BASELINE, { .suites = PLAN_BENCH }, "", 2 },
		{ BOTH CELLS("refdev") CELLS("c-bookworm"),
		  { .stack_glob = "c-*" },
		  "c-bookworm ",
		  1 },
		{ BOTH CELLS("refdev") BASELINE, { .stack_glob = "null" }, "", 1 },
		{ BOTH CELLS("refdev"), { .workload_glob = "meta*" }, "", 1 },
		{ BOTH CELLS("refdev"), { .cell_glob = "*", .suites = PLAN_DEVICE }, "refdev ", 0 },
		{ BASELINE, { .suites = PLAN_DEVICE }, NULL, 0 },
		{ DEVICE, { 0 }, "c-bookworm rust-trixie rust-sid refdev ", 0 },
		{ DEVICE, { .stack_glob = "rust-*" }, "rust-trixie rust-sid ", 0 },
		{ DEVICE, { .stack_glob = "9p" }, NULL, 0 },
	};
	struct scratch *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan p = { 0 };
		char seen[256] = "";
		int e = load(f, rows[i].plan, &rows[i].filter, &p);

		for (size_t j = 0; j < p.daemon_count; j++) {
			size_t n = strlen(seen);

			(void)snprintf(seen + n, sizeof(seen) - n, "%s ", p.daemon[j]->id);
		}
		assert_int_equal(e, rows[i].daemons ? 0 : -ENOENT);
		if (rows[i].daemons)
			assert_string_equal(seen, rows[i].daemons);
		assert_int_equal(p.cells.count, rows[i].cells);
		plan_free(&p);
	}
}

#define GUEST "suites = {\"guest\"}\n"
#define MODES                                                             \
	"cells \"m\" {\nstacks={\"refdev\"}\nvmms={\"qemu-backports\"}\n" \
	"kernels={\"bookworm\"}\ncaches={\"auto\", \"always\"}\n}\n"

/* Goal: the guest suite takes each mode of the cells once, whatever runs in it, and the control too. */
static void modes(void **state)
{
	static const struct {
		const char *plan;
		struct plan_filter filter;
		size_t cells, checks, daemons;
	} rows[] = {
		{ GUEST CELLS("refdev") MODES BASELINE, { 0 }, 0, 3, 0 },
		{ GUEST CELLS("refdev") MODES BASELINE, { .stack_glob = "null" }, 0, 1, 0 },
		{ GUEST MODES, { .cell_glob = "*.always.*", .suites = PLAN_GUEST }, 0, 1, 0 },
		{ GUEST MODES, { .kernel = "trixie" }, 0, 2, 0 },
		{ CELLS("refdev"), { .suites = PLAN_BENCH | PLAN_GUEST }, 1, 1, 0 },
		{ CELLS("refdev"), { .suites = PLAN_DEVICE | PLAN_GUEST }, 0, 1, 1 },
		{ CELLS("refdev"), { 0 }, 1, 0, 0 },
	};
	struct scratch *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct plan p = { 0 };
		size_t all = 0;

		if (load(f, rows[i].plan, &rows[i].filter, &p) < 0)
			fail_msg("%s", f->err.text);
		assert_int_equal(p.cells.count, rows[i].cells);
		assert_int_equal(p.checks.count, rows[i].checks);
		assert_int_equal(p.daemon_count, rows[i].daemons);
		while (plan_at(&p, all))
			all++;
		assert_int_equal(all, rows[i].cells + rows[i].checks);
		if (rows[i].filter.kernel)
			assert_string_equal(plan_at(&p, 0)->kernel->id, rows[i].filter.kernel);
		plan_free(&p);
	}
}

static void bad_plans(void **state)
{
	static const struct {
		const char *plan;
		const char *told;
	} rows[] = {
		{ "suites = {\"gust\"}\n" BASELINE, "mine.conf:1: there is no suite 'gust'" },
		{ "suites = {}\n" BASELINE, "'suites' cannot be empty" },
		{ "suites = {\"bench\"}\n", "has no cells" },
		{ BOTH, "has no cells" },
		{ BOTH MODES, "names no 'workloads'" },
	};
	struct scratch *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct plan_filter all = { 0 };
		struct plan p = { 0 };

		assert_int_equal(load(f, rows[i].plan, &all, &p), -EINVAL);
		scratch_says(f->err.text, rows[i].told);
	}
}

/* What virtiofs-conform does, by its daemon. */
#define SCRIPT                                                                            \
	"#!/bin/sh\n"                                                                     \
	"for w; do case $w in --stack=*) s=${w#*=} ;; --out=*) o=${w#*=} ;; esac; done\n" \
	"echo \"$s\" >>\"$o/../asked\"\n"                                                 \
	"result() { mkdir -p \"$o/$s\"; echo '{\"target\": {\"version\": \"9\"}}' "       \
	">\"$o/$s/device.json\"; }\n"                                                     \
	"case $s in\n"                                                                    \
	"c-bookworm) result; echo words; exit ${STATUS:-0} ;;\n"                          \
	"rust-trixie) result; exit 1 ;;\n"                                                \
	"rust-sid) echo 'it is not there' >&2; echo more >&2; exit 3 ;;\n"                \
	"refdev) exit 0 ;;\n"                                                             \
	"esac\n"

static void make_home(struct scratch *f, const char *script)
{
	char dir[128];
	char path[192];

	assert_int_equal(fs_mkdirs(scratch_path(f, "home/build", dir, sizeof(dir)), 0755, &f->err),
			 0);
	scratch_put(scratch_path(f, "home/build/virtiofs-conform", path, sizeof(path)), script);
	assert_int_equal(chmod(path, 0755), 0);
}

static void make_store(struct scratch *f, struct store *s, struct plan *p, const char *glob)
{
	const struct plan_filter filter = { .stack_glob = glob };
	char dir[128];

	assert_int_equal(load(f, DEVICE, &filter, p), 0);
	assert_int_equal(
		store_create(scratch_path(f, "run", dir, sizeof(dir)), true, "mine", s, &f->err),
		0);
	assert_int_equal(suites_describe(s->run, p), 0);
}

static void run_all(struct scratch *f, struct store *s, const struct plan *p)
{
	char home[128];
	const struct suites_request q = { .home = scratch_path(f, "home", home, sizeof(home)),
					  .plan = p };

	if (suites_run(s, &q, &f->err) < 0)
		fail_msg("%s", f->err.text);
}

static void assert_status(const struct store *s, size_t i, const char *status, const char *reason)
{
	char path[64];
	json_t *one;

	(void)snprintf(path, sizeof(path), "conformance[%zu]", i);
	one = json_at(s->run, path);
	assert_string_equal(json_str_at(one, "status", "?"), status);
	if (reason)
		scratch_says(json_str_at(one, "reason", ""), reason);
	else
		assert_true(json_is_null(json_object_get(one, "reason")));
}

static void ends(void **state)
{
	struct scratch *f = *state;
	struct suites_outcome o;
	struct store s = { 0 };
	struct plan p = { 0 };
	char path[192];

	make_home(f, SCRIPT);
	make_store(f, &s, &p, NULL);
	run_all(f, &s, &p);
	assert_status(&s, 0, "passed", NULL);
	assert_status(&s, 1, "failed", "not known");
	assert_status(&s, 2, "broken", "it is not there");
	assert_status(&s, 3, "broken", "left no results");
	assert_string_equal(json_str_at(s.run, "conformance[0].version", ""), "9");
	suites_count(s.run, &o);
	assert_int_equal(o.passed, 1);
	assert_int_equal(o.failed, 1);
	assert_int_equal(o.broken, 2);
	assert_int_equal(o.pending, 0);
	scratch_holds(f,
		      scratch_path(f, "run/conformance/c-bookworm/output.txt", path, sizeof(path)),
		      "words\n");
	assert_false(fs_exists(scratch_path(f, "run/conformance.part", path, sizeof(path))));
	/* nothing is done twice */
	run_all(f, &s, &p);
	scratch_holds(f, scratch_path(f, "run/asked", path, sizeof(path)),
		      "c-bookworm\nrust-trixie\nrust-sid\nrefdev\n");
	plan_free(&p);
	store_free(&s);
}

/* Goal: a run that goes on does what is not on disk, and with --retry-failed what went wrong. */
static void goes_on(void **state)
{
	struct scratch *f = *state;
	struct store s = { 0 };
	struct plan p = { 0 };
	char path[192];

	make_home(f, SCRIPT);
	make_store(f, &s, &p, NULL);
	run_all(f, &s, &p);
	assert_int_equal(suites_resume(&s, false), 0);
	assert_int_equal(unlink(scratch_path(f, "run/conformance/c-bookworm/device.json", path,
					     sizeof(path))),
			 0);
	assert_int_equal(suites_resume(&s, false), 1);
	assert_status(&s, 0, "pending", NULL);
	assert_int_equal(suites_resume(&s, true), 4);
	assert_true(suites_same(s.run, &p));
	p.daemon_count--;
	assert_false(suites_same(s.run, &p));
	p.daemon_count++;
	run_all(f, &s, &p);
	assert_status(&s, 0, "passed", NULL);
	plan_free(&p);
	store_free(&s);
}

/* Goal: a program that is not there, or skips all, is told as that. */
static void odd_ends(void **state)
{
	static const struct {
		const char *script; /* NULL: none */
		const char *status;
		const char *reason;
	} rows[] = {
		{ "#!/bin/sh\nexit 77\n", "broken", "left no results" },
		{ "#!/bin/sh\nfor w; do case $w in --out=*) o=${w#*=} ;; esac; done\n"
		  "mkdir $o/c-bookworm; echo '{}' >$o/c-bookworm/device.json; exit 77\n",
		  "n/a", "every check was skipped" },
		{ "#!/bin/sh\nexit 2\n", "broken", "did not end as it should" },
		{ "#!/bin/sh\nkill -9 $$\n", "broken", "did not end as it should" },
		{ NULL, "broken", "cannot start build/virtiofs-conform" },
	};
	struct scratch *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct store s = { 0 };
		struct plan p = { 0 };
		char path[192];

		make_home(f, rows[i].script ? rows[i].script : "");
		if (!rows[i].script)
			(void)unlink(
				scratch_path(f, "home/build/virtiofs-conform", path, sizeof(path)));
		make_store(f, &s, &p, "c-*");
		run_all(f, &s, &p);
		assert_status(&s, 0, rows[i].status, rows[i].reason);
		plan_free(&p);
		store_free(&s);
		assert_int_equal(fs_remove_tree(scratch_path(f, "run", path, sizeof(path)), NULL),
				 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words), TEST(daemons),	 TEST(modes), TEST(bad_plans), TEST(ends),
		TEST(goes_on),		 TEST(odd_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
