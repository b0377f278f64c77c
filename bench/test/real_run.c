// SPDX-License-Identifier: Apache-2.0
/*
 * The plan `test` on real guests, once; then everything that it left on disk is looked at. A check
 * collects what is wrong and asserts at its end: no cmocka assert runs while a CLEANUP variable is
 * live.
 */
#include "cell_check.h"
#include "real_guest.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"

#include <limits.h>
#include <pwd.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* A name that no word of a report has by chance. */
#define HOST_NAME "vq-name-of-this-machine"
/* sh -n reads a few hundred bytes. */
#define SHELL_MS 20000

struct fixture {
	char log[PATH_MAX + 8];
	char checkout[PATH_MAX];
	json_t *run;
	int run_status;
	int report_status;
};

static struct plan_left left;
static struct fixture fx;

static void settle(struct problems *p, size_t looked_at, size_t wanted)
{
	size_t count = problems_tell(p);

	if (count)
		fail_msg("%zu problems (above); the run is in %s", count, left.out);
	if (looked_at < wanted)
		fail_msg("only %zu things to look at, not %zu", looked_at, wanted);
}

static void each_cell(cell_check *check, struct problems *p)
{
	for (size_t i = 0; i < left.plan.cells.count; i++) {
		const struct cell *c = &left.plan.cells.item[i];
		json_auto_t *cell = NULL;
		struct err err = { 0 };

		if (real_cell(left.out, c->id, &cell, &err) < 0)
			problem(p, "%s: %s", c->id, err.text);
		else
			check(&left, c, cell, p);
	}
}

/* ---- checks ---- */

static void test_exit_status(void **state)
{
	(void)state;
	if (fx.run_status != 0)
		fail_msg("the run ended with %d, see %s", fx.run_status, fx.log);
	assert_string_equal(json_str_at(fx.run, "status", ""), "complete");
	assert_int_equal(json_array_size(json_object_get(fx.run, "cells")), left.plan.cells.count);
}

/* Goal: the time that is shown beforehand is of use. Method: against the true one, within 2. */
static void test_estimate_is_honest(void **state)
{
	double expected = 0;
	double elapsed = 0;

	(void)state;
	assert_int_equal(json_number_at(fx.run, "expected_s", &expected), 0);
	assert_int_equal(json_number_at(fx.run, "elapsed_s", &elapsed), 0);
	(void)printf("figure: expected %.0f s, took %.0f s\n", expected, elapsed);
	if (elapsed > 2 * expected || elapsed < expected / 2)
		fail_msg("expected %.0f s, took %.0f s: see the table in bench/run/estimate.c",
			 expected, elapsed);
}

static void test_every_cell_has_its_status(void **state)
{
	struct problems p = { 0 };

	(void)state;
	each_cell(cell_check_status, &p);
	settle(&p, left.plan.cells.count, 30);
}

static void test_na_has_reason_and_evidence(void **state)
{
	struct problems p = { 0 };
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < left.plan.cells.count; i++)
		count += cell_check_must_be_na(&left.plan.cells.item[i]);
	each_cell(cell_check_na, &p);
	settle(&p, count, 4);
}

static void test_metrics_are_what_the_raw_files_hold(void **state)
{
	struct problems p = { 0 };

	(void)state;
	each_cell(cell_check_metrics, &p);
	settle(&p, 1, 1);
}

static void test_states_were_reached(void **state)
{
	struct problems p = { 0 };

	(void)state;
	each_cell(cell_check_states, &p);
	settle(&p, 1, 1);
}

static void test_daemons_were_told_their_mode(void **state)
{
	struct problems p = { 0 };

	(void)state;
	each_cell(cell_check_told, &p);
	settle(&p, 1, 1);
}

static void test_cache_modes_differ_in_the_guest(void **state)
{
	struct problems p = { 0 };
	unsigned modes[16][CACHE_COUNT] = { 0 };
	size_t stacks;
	const struct stack *const *all = stack_list(&stacks);
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < left.plan.cells.count; i++) {
		const struct cell *c = &left.plan.cells.item[i];

		for (size_t j = 0; j < stacks && j < ARRAY_SIZE(modes); j++)
			if (c->vmm && c->stack == all[j] && !cell_check_must_be_na(c) &&
			    strcmp(c->workload->id, "seqread-psync") == 0)
				count += !modes[j][c->cache]++;
	}
	each_cell(cell_check_cached, &p);
	/* modes: three of C, four of each Rust, three of 9p, blk has one */
	settle(&p, count, real_root_absent("sid") ? 11 : 15);
}

/* Is each option of each stack switched on in a cell? */
static void check_options(const struct stack *s, struct problems *p)
{
	unsigned used = 0;

	for (size_t i = 0; i < left.plan.cells.count; i++)
		if (left.plan.cells.item[i].stack == s)
			used |= left.plan.cells.item[i].options;
	for (size_t i = 0; i < s->option_count; i++)
		if (!(used & 1U << i))
			problem(p, "%s+%s is not planned", s->id, s->options[i].id);
}

/* Every stack in each cache mode that its row names, with writeback off and on, and each option. */
static void test_plan_is_complete(void **state)
{
	struct problems p = { 0 };
	size_t count;
	size_t seen = 0;
	const struct stack *const *all = stack_list(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		check_options(all[i], &p);
		for (unsigned mode = CACHE_NONE; mode < CACHE_COUNT; mode++) {
			unsigned found = 0;

			for (size_t j = 0; j < left.plan.cells.count; j++) {
				const struct cell *c = &left.plan.cells.item[j];

				if (c->stack == all[i] && c->cache == mode && c->dax <= DAX_NONE)
					found |= 1U << c->writeback;
			}
			seen += found != 0;
			if (all[i]->cache_mask & 1U << mode && found != (all[i]->writeback ? 3 : 1))
				problem(&p, "%s %s is not planned with writeback off and on",
					all[i]->id, cache_name((enum cache_mode)mode));
		}
	}
	settle(&p, seen, 18);
}

static bool plan_uses(const char *what, const char *id)
{
	for (size_t i = 0; i < left.plan.cells.count; i++) {
		const struct cell *c = &left.plan.cells.item[i];
		const char *have = strcmp(what, "workload") == 0 ? c->workload->id
				   : strcmp(what, "stack") == 0	 ? c->stack->id
				   : !c->vmm			 ? ""
				   : strcmp(what, "vmm") == 0	 ? c->vmm->id
								 : c->kernel->id;

		if (strcmp(have, id) == 0)
			return true;
	}
	return false;
}

/* Of workloads that differ in the size of their file only ("-4m"), one for each pattern will do. */
static bool plan_uses_workload(const char *id)
{
	static const char sized[] = "window-";
	size_t same = (size_t)(strrchr(id, '-') - id) + 1;

	/* Memory is measured on a machine that does nothing else: real_memory.c. */
	if (strncmp(id, "footprint-", strlen("footprint-")) == 0)
		return true;
	if (strncmp(id, sized, strlen(sized)) != 0)
		return plan_uses("workload", id);
	for (size_t i = 0; i < left.plan.cells.count; i++)
		if (strncmp(left.plan.cells.item[i].workload->id, id, same) == 0)
			return true;
	return false;
}

static void test_plan_uses_every_row(void **state)
{
	struct problems p = { 0 };
	size_t n;

	(void)state;
	for (size_t i = 0; i < (stack_list(&n), n); i++)
		/* --attach makes its cells (real_attach) */
		if (stack_list(&n)[i]->kind != STACK_ATTACHED &&
		    !plan_uses("stack", stack_list(&n)[i]->id))
			problem(&p, "stack %s is not in the plan", stack_list(&n)[i]->id);
	for (size_t i = 0; i < (workload_list(&n), n); i++)
		if (!plan_uses_workload(workload_list(&n)[i]->id))
			problem(&p, "workload %s is not in the plan", workload_list(&n)[i]->id);
	for (size_t i = 0; i < (vmm_list(&n), n); i++)
		if (!plan_uses("vmm", vmm_list(&n)[i]->id))
			problem(&p, "VMM %s is not in the plan", vmm_list(&n)[i]->id);
	for (size_t i = 0; i < (kernel_list(&n), n); i++)
		if (strcmp(kernel_list(&n)[i].id, "user") != 0 &&
		    !plan_uses("kernel", kernel_list(&n)[i].id))
			problem(&p, "kernel %s is not in the plan", kernel_list(&n)[i].id);
	settle(&p, 1, 1);
}

/* One guest of the run: how its passes got it. */
static void count_guest(json_t *guest, struct problems *p)
{
	const char *vmm = json_str_at(guest, "vmm", "?");
	const char *kernel = json_str_at(guest, "kernel", "?");
	unsigned booted = 0;
	unsigned reused = 0;
	unsigned other = 0;

	for (size_t i = 0; i < left.plan.cells.count; i++) {
		const struct cell *c = &left.plan.cells.item[i];
		json_auto_t *cell = NULL;
		const char *how;

		/* A footprint has newly restored guests of its own. */
		if (!c->vmm || c->workload->tool == TOOL_FOOTPRINT ||
		    strcmp(c->vmm->id, vmm) != 0 || strcmp(c->kernel->id, kernel) != 0 ||
		    real_cell(left.out, c->id, &cell, NULL) < 0)
			continue;
		if (real_root_absent(c->stack->root))
			continue;
		how = json_str_at(cell, "rounds[0].guest", "?");
		booted += strcmp(how, "booted") == 0;
		reused += strcmp(how, "reused") == 0;
		other += strcmp(how, "booted") != 0 && strcmp(how, "reused") != 0;
	}
	if (cell_check_number(guest, "starts") != 1 || booted != 1 || other != 0 || reused == 0)
		problem(p,
			"guest %s, %s: started %.0f times; booted for %u passes, reused for %u, other %u",
			vmm, kernel, cell_check_number(guest, "starts"), booted, reused, other);
	(void)printf(
		"figure: guest %s, kernel %s: boot to first answer %.2f s, then reused %u times\n",
		vmm, kernel, cell_check_number(guest, "cold_start_s"), reused);
}

static void test_guests_were_reused(void **state)
{
	struct problems p = { 0 };
	json_t *guests = json_object_get(fx.run, "guests");
	size_t i;
	json_t *g;

	(void)state;
	json_array_foreach(guests, i, g)
		count_guest(g, &p);
	settle(&p, json_array_size(guests), 3);
}

/* ---- what is published ---- */

static void search_file(const char *path, const char *const *words, struct problems *p)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	struct err err = { 0 };

	if (fs_read(path, 64 * MIB, &text, &err) < 0) {
		problem(p, "%s", err.text);
		return;
	}
	for (; *words; words++) {
		const char *at = text.size ? memmem(text.data, text.size, *words, strlen(*words))
					   : NULL;

		if (at)
			problem(p, "%s holds '%s': ...%.80s", path, *words, at);
	}
}

static void search_named(const char *dir, const char *name, const char *const *words,
			 struct problems *p, size_t *count)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", dir, name);

	if (!path || !fs_exists(path))
		return;
	search_file(path, words, p);
	(*count)++;
}

static void search_all(const char *const *words, struct problems *p, size_t *count)
{
	static const char *const top[] = { "report.html", "report.md", "results.csv", "run.json",
					   "repro.sh" };

	for (size_t i = 0; i < ARRAY_SIZE(top); i++)
		search_named(left.out, top[i], words, p, count);
	for (size_t i = 0; i < left.plan.cells.count; i++) {
		CLEANUP(freep)
		char *dir = fs_path("%s/cells/%s", left.out, left.plan.cells.item[i].id);

		if (!dir)
			continue;
		search_named(dir, "cell.json", words, p, count);
		search_named(dir, "r1/pass.json", words, p, count);
	}
}

static bool is_trivial(const char *word)
{
	static const char *const words[] = { "root", "/root", "/", "vm", "localhost", "debian" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return strlen(word) < 4;
}

static void test_nothing_of_this_machine_is_published(void **state)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *words[8] = { fx.checkout, REAL_FOLDER "/run", HOST_NAME, REAL_USER };
	struct problems p = { 0 };
	size_t n = 4;
	size_t count = 0;

	(void)state;
	if (getenv("HOME") && !is_trivial(getenv("HOME")))
		words[n++] = getenv("HOME");
	if (getenv("USER") && !is_trivial(getenv("USER")))
		words[n++] = getenv("USER");
	if (pw && !is_trivial(pw->pw_name))
		words[n++] = pw->pw_name;
	search_all(words, &p, &count);
	settle(&p, count, 5 + 2 * left.plan.cells.count);
}

static void test_report_is_written(void **state)
{
	static const char *const names[] = { "report.html", "report.md", "results.csv" };

	(void)state;
	assert_int_equal(fx.report_status, 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!plan_left_says(&left, names[i], "rust-trixie"))
			fail_msg("%s does not name a stack of the run", names[i]);
}

static int run_tool(char *const *argv, struct err *reterr)
{
	const struct proc_spec spec = { .argv = argv };
	struct proc_output o = { 0 };
	int e = proc_run(&spec, 64 * KIB, clock_deadline_ms(SHELL_MS), &o, reterr);

	if (e == 0 && o.status != 0)
		e = err_set(reterr, -EINVAL, "%s: %.600s%.400s", argv[0], buf_text(&o.out),
			    buf_text(&o.err));
	proc_output_free(&o);
	return e;
}

static void test_repro_is_a_shell_script(void **state)
{
	static char sh[] = "sh";
	static char n[] = "-n";
	static char path[PATH_MAX + 16];
	char *const argv[] = { sh, n, path, NULL };
	struct err err = { 0 };

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/repro.sh", left.out);
	if (run_tool(argv, &err) < 0)
		fail_msg("%s: %s", path, err.text);
	assert_true(plan_left_says(&left, "repro.sh", "virtiofs-qual run --plan test"));
}

static void test_results_match_their_schemas(void **state)
{
	static char schema[] = "bench/test/schema";
	char *const argv[] = { schema, left.out, NULL };
	struct err err = { 0 };

	(void)state;
	if (run_tool(argv, &err) < 0)
		fail_msg("%s", err.text);
}

/* ---- the run ---- */

static int setup(void **state)
{
	const char *const args[] = { "run", "--plan", "test", "--out", left.out, NULL };
	const char *const report[] = { "report", left.out, NULL };
	char report_log[PATH_MAX + 16];
	char run_json[PATH_MAX + 16];
	struct err err = { 0 };
	uint64_t start;
	int e;

	(void)state;
	e = real_dir("run", left.out, sizeof(left.out), &err);
	(void)snprintf(fx.log, sizeof(fx.log), "%s.log", left.out);
	(void)snprintf(report_log, sizeof(report_log), "%s-report.log", left.out);
	(void)snprintf(run_json, sizeof(run_json), "%s/run.json", left.out);
	if (e == 0 && !realpath(".", fx.checkout))
		e = -errno;
	if (e == 0)
		e = plan_load("bench/plans", "test", &left.plan, &err);
	start = clock_now_ns();
	if (e == 0)
		e = real_run(args, fx.log, REAL_RUN_MS, &fx.run_status, &err);
	(void)printf("figure: plan test, waiting for other runs included: %.0f s\n",
		     clock_seconds(clock_now_ns() - start));
	start = clock_now_ns();
	if (e == 0)
		e = real_run(report, report_log, REAL_RUN_MS, &fx.report_status, &err);
	if (e == 0)
		(void)printf("figure: report of %zu cells in %.2f s\n", left.plan.cells.count,
			     clock_seconds(clock_now_ns() - start));
	if (e == 0)
		e = json_load_path(run_json, &fx.run, &err);
	if (e < 0)
		(void)fprintf(stderr, "%s\n", err.text);
	return e < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(fx.run);
	plan_free(&left.plan);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan_is_complete),
		cmocka_unit_test(test_plan_uses_every_row),
		cmocka_unit_test(test_exit_status),
		cmocka_unit_test(test_estimate_is_honest),
		cmocka_unit_test(test_every_cell_has_its_status),
		cmocka_unit_test(test_na_has_reason_and_evidence),
		cmocka_unit_test(test_metrics_are_what_the_raw_files_hold),
		cmocka_unit_test(test_states_were_reached),
		cmocka_unit_test(test_cache_modes_differ_in_the_guest),
		cmocka_unit_test(test_daemons_were_told_their_mode),
		cmocka_unit_test(test_guests_were_reused),
		cmocka_unit_test(test_report_is_written),
		cmocka_unit_test(test_nothing_of_this_machine_is_published),
		cmocka_unit_test(test_repro_is_a_shell_script),
		cmocka_unit_test(test_results_match_their_schemas),
	};

	/* Where that is allowed the machine gets a name that would be noticed in a report. */
	if (unshare(CLONE_NEWUTS) == 0)
		(void)!sethostname(HOST_NAME, strlen(HOST_NAME));
	return cmocka_run_group_tests_name("real_run", tests, setup, teardown) ? 1 : 0;
}
