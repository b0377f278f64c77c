// SPDX-License-Identifier: Apache-2.0
/*
 * The program from outside: exit statuses, messages, help (golden/cli; VQ_GOLDEN_UPDATE=1 rewrites
 * it). Program: $VQ_QUAL, default build/virtiofs-qual. Nothing here starts a run.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/proc.h"
#include "run/plan.h"

#define GOLDEN	    "bench/test/golden/cli"
#define PATIENCE_MS 30000

struct fixture {
	struct proc_output o;
	json_t *json;
	struct err err;
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	proc_output_free(&f->o);
	json_decref(f->json);
	free(f);
	return 0;
}

/* Returns the exit status; what was printed is in f->o. */
static int run(struct fixture *f, const char *const *words)
{
	const char *program = getenv("VQ_QUAL");
	struct proc_spec spec = { 0 };
	char *argv[16] = { (char *)(uintptr_t)(program ? program : "build/virtiofs-qual") };

	for (size_t i = 0; words[i]; i++) {
		assert_true(i + 2 < ARRAY_SIZE(argv));
		argv[i + 1] = (char *)(uintptr_t)words[i];
	}
	spec.argv = argv;
	proc_output_free(&f->o);
	if (proc_run(&spec, 4 * MIB, clock_deadline_ms(PATIENCE_MS), &f->o, &f->err) < 0)
		fail_msg("%s", f->err.text);
	if (!WIFEXITED(f->o.status))
		fail_msg("died: wait status %d: %s", f->o.status, buf_text(&f->o.err));
	return WEXITSTATUS(f->o.status);
}

#define RUN(f, ...) run(f, (const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })
/* Wherever the program under test lies, this is the project. */
#define HERE "--home", "."

static void assert_contains(const struct buf *b, const char *part)
{
	if (!strstr(buf_text(b), part))
		fail_msg("\"%s\" is not in \"%s\"", part, buf_text(b));
}

/* One line on stderr, by the program, and nothing on stdout. */
static void assert_complaint(const struct fixture *f, const char *part)
{
	const char *nl = strchr(buf_text(&f->o.err), '\n');

	assert_contains(&f->o.err, part);
	assert_memory_equal(buf_text(&f->o.err), "virtiofs-qual", 13);
	assert_non_null(nl);
	assert_string_equal(nl, "\n");
	assert_string_equal(buf_text(&f->o.out), "");
}

static void assert_golden(struct fixture *f, const char *name)
{
	struct buf want = { 0 };
	char path[128];

	(void)snprintf(path, sizeof(path), GOLDEN "/%s.txt", name);
	if (getenv("VQ_GOLDEN_UPDATE"))
		assert_int_equal(fs_write_atomic(path, buf_text(&f->o.out), f->o.out.size, &f->err),
				 0);
	if (fs_read(path, MIB, &want, &f->err) < 0)
		fail_msg("%s (VQ_GOLDEN_UPDATE=1 writes it)", f->err.text);
	if (strcmp(buf_text(&f->o.out), buf_text(&want)) != 0)
		fail_msg("%s differs; now it is:\n%s", path, buf_text(&f->o.out));
	buf_free(&want);
}

/* The commands, as the usage text lists them: lines that begin with two spaces and a letter. */
static size_t commands(struct fixture *f, char names[][32], size_t room)
{
	size_t n = 0;

	assert_int_equal(RUN(f, "--help"), 0);
	for (const char *p = buf_text(&f->o.out); (p = strstr(p, "\n  ")) != NULL; p += 3) {
		size_t size = strcspn(p + 3, " ");

		if (p[3] < 'a' || p[3] > 'z')
			continue;
		assert_true(n < room && size < 32);
		memcpy(names[n], p + 3, size);
		names[n++][size] = '\0';
	}
	return n;
}

/* Goal: help is stable, complete and good (0). Method: golden text of it and of each command's. */
static void help(void **state)
{
	struct fixture *f = *state;
	char names[24][32];
	size_t n = commands(f, names, ARRAY_SIZE(names));
	size_t files = 0;
	struct dirent *d;
	DIR *dir;

	assert_string_equal(buf_text(&f->o.err), "");
	assert_golden(f, "help");
	assert_true(n >= 5);
	assert_int_equal(RUN(f, "help"), 0);
	assert_golden(f, "help");
	for (size_t i = 0; i < n; i++) {
		char name[64];

		assert_int_equal(RUN(f, names[i], "--help"), 0);
		assert_string_equal(buf_text(&f->o.err), "");
		(void)snprintf(name, sizeof(name), "%s-help", names[i]);
		assert_golden(f, name);
	}
	dir = opendir(GOLDEN);
	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL)
		files += d->d_name[0] != '.';
	(void)closedir(dir);
	assert_int_equal(files, n + 1);
}

/* Goal: every usage error is status 2, one line, with what to do. Method: one row each. */
static void usage_errors(void **state)
{
	static const struct {
		const char *word[6];
		const char *says;
	} rows[] = {
		{ { "nosuch" }, "no command 'nosuch' (see: virtiofs-qual --help)" },
		{ { "" }, "no command ''" },
		{ { "--nosuch" }, "no command '--nosuch'" },
		{ { "plan", "--nosuch" },
		  "plan: unknown option --nosuch (see: virtiofs-qual plan --help)" },
		{ { "plan", "extra" }, "plan: takes 0 operands, not 1" },
		{ { "report" }, "report: takes 1 operand, not 0" },
		{ { "report", "a", "b" }, "report: takes 1 operand, not 2" },
		{ { "compare", "a" }, "compare: takes 2 operands, not 1" },
		{ { "compare", "/nonexistent", "/nonexistent" }, "/nonexistent" },
		{ { "resume" }, "resume: takes 1 operand, not 0" },
		{ { "resume", "/nonexistent" }, "/nonexistent is not the folder of a run" },
		{ { "resume", "/nonexistent", "--rounds", "3" }, "--rounds does not belong" },
		{ { "list", "--format", "xml" }, "allowed are text|json" },
		{ { "list", "--plan", "smoke" }, "--plan does not belong to 'list'" },
		{ { "run", "--rounds", "none" }, "--rounds 'none' is not a whole number" },
		{ { "plan", HERE, "--plan", "nosuch" }, "/bench/plans/nosuch.conf" },
		{ { "run", HERE, "--plan", "nosuch" }, "/bench/plans/nosuch.conf" },
		{ { "plan", HERE, "--plan", "/" }, "no plan '/'" },
		{ { "plan", HERE, "--stack", "nosuch" }, "nothing selected" },
		{ { "run", HERE, "--stack", "nosuch" }, "nothing selected" },
		{ { "plan", HERE, "--kernel", "nosuch" }, "neither an id" },
		{ { "plan", HERE, "--modules", "/tmp" }, "--modules belongs to --kernel" },
		{ { "plan", "--home", "/nonexistent" }, "--home" },
	};
	struct fixture *f = *state;

	assert_int_equal(RUN(f), 2);
	assert_contains(&f->o.err, "usage: virtiofs-qual COMMAND");
	assert_string_equal(buf_text(&f->o.out), "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *const *w = rows[i].word;

		assert_int_equal(RUN(f, w[0], w[1], w[2], w[3], w[4], w[5]), 2);
		assert_complaint(f, rows[i].says);
	}
}

/* Goal: a report of nothing is broken (3), and names it. Method: a missing and an empty folder. */
static void report_of_nothing(void **state)
{
	char dir[] = "/tmp/vq-test-cli-XXXXXX";
	struct fixture *f = *state;
	int status;

	assert_int_equal(RUN(f, "report", "/nonexistent/run"), 3);
	assert_complaint(f, "/nonexistent/run");
	assert_non_null(mkdtemp(dir));
	status = RUN(f, "report", dir);
	assert_int_equal(fs_remove_tree(dir, &f->err), 0);
	assert_int_equal(status, 3);
	assert_complaint(f, dir);
}

/* What the plan says of its stacks adds up. */
static void check_sums(json_t *plan)
{
	double cells = 0;
	double na = 0;
	double seconds = json_number_value(json_at(plan, "guests.expected_s"));
	size_t i;
	json_t *s;

	json_array_foreach(json_at(plan, "stacks"), i, s) {
		cells += json_number_value(json_object_get(s, "cells"));
		na += json_number_value(json_object_get(s, "expected_na"));
		seconds += json_number_value(json_object_get(s, "expected_s"));
	}
	assert_true(cells == (double)json_array_size(json_at(plan, "cells")));
	assert_true(na == (double)json_array_size(json_at(plan, "expected_na")));
	/* and the run's own start */
	assert_true(seconds < json_number_value(json_at(plan, "expected_s")));
	assert_true(seconds + 1 > json_number_value(json_at(plan, "expected_s")));
}

/* Goal: `plan` shows each cell and what it costs. Method: the smoke plan, as text and as JSON. */
static void plan_of_smoke(void **state)
{
	struct fixture *f = *state;
	struct plan plan = { 0 };
	size_t i;
	json_t *id;

	assert_int_equal(plan_load("bench/plans", "smoke", &plan, &f->err), 0);
	assert_int_equal(RUN(f, "plan", HERE, "--plan", "smoke"), 0);
	assert_string_equal(buf_text(&f->o.err), "");
	assert_memory_equal(buf_text(&f->o.out), "plan smoke: ", 12);
	assert_contains(&f->o.out, " s\n");
	for (i = 0; i < plan.cells.count; i++) {
		char line[CELL_ID_SIZE + 4];

		(void)snprintf(line, sizeof(line), "\n  %s", plan.cells.item[i].id);
		assert_contains(&f->o.out, line);
	}
	assert_int_equal(RUN(f, "plan", HERE, "--plan", "smoke", "--json", "--rounds", "5"), 0);
	f->json = json_loadb(buf_text(&f->o.out), f->o.out.size, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(f->json);
	assert_string_equal(json_str_at(f->json, "name", ""), "smoke");
	assert_int_equal(json_integer_value(json_at(f->json, "rounds")), 5);
	assert_true(json_number_value(json_at(f->json, "expected_s")) > 0);
	assert_int_equal(json_array_size(json_at(f->json, "cells")), plan.cells.count);
	check_sums(f->json);
	json_array_foreach(json_at(f->json, "cells"), i, id)
		assert_string_equal(json_string_value(id), plan.cells.item[i].id);
	plan_free(&plan);
}

/* Goal: the project is found from the program. Method: no --home, and another working folder. */
static void finds_home(void **state)
{
	static char name[] = "plan";
	char *program = realpath("build/virtiofs-qual", NULL);
	char *argv[] = { program, name, NULL };
	struct proc_spec spec = { .argv = argv, .cwd = "/" };
	struct fixture *f = *state;
	int e;

	assert_non_null(program);
	e = proc_run(&spec, MIB, clock_deadline_ms(PATIENCE_MS), &f->o, &f->err);
	free(program);
	assert_int_equal(e, 0);
	assert_int_equal(f->o.status, 0);
	assert_memory_equal(buf_text(&f->o.out), "plan quick: ", 12);
}

static void assert_listed(const struct fixture *f, const char *group, size_t index, const char *id)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s[%zu].id", group, index);
	assert_string_equal(json_str_at(f->json, path, ""), id);
	assert_contains(&f->o.out, id);
}

/* Goal: `list` is the registries, in both forms. Method: ids in order; each id in the text. */
static void list(void **state)
{
	struct fixture *f = *state;
	size_t stacks, vmms, kernels, workloads;
	const struct stack *const *s = stack_list(&stacks);
	const struct vmm *const *v = vmm_list(&vmms);
	const struct kernel *k = kernel_list(&kernels);
	const struct workload *const *w = workload_list(&workloads);
	bool smoke = false;
	size_t i;
	json_t *item;

	assert_int_equal(RUN(f, "list", HERE, "--json"), 0);
	f->json = json_loadb(buf_text(&f->o.out), f->o.out.size, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(f->json);
	assert_int_equal(json_integer_value(json_at(f->json, "schema")), 1);
	assert_int_equal(json_array_size(json_at(f->json, "stacks")), stacks);
	assert_int_equal(json_array_size(json_at(f->json, "vmms")), vmms);
	assert_int_equal(json_array_size(json_at(f->json, "kernels")), kernels);
	assert_int_equal(json_array_size(json_at(f->json, "workloads")), workloads);
	assert_int_equal(RUN(f, "list", HERE), 0);
	assert_string_equal(buf_text(&f->o.err), "");
	for (i = 0; i < stacks; i++)
		assert_listed(f, "stacks", i, s[i]->id);
	for (i = 0; i < vmms; i++)
		assert_listed(f, "vmms", i, v[i]->id);
	for (i = 0; i < kernels; i++)
		assert_listed(f, "kernels", i, k[i].id);
	for (i = 0; i < workloads; i++)
		assert_listed(f, "workloads", i, w[i]->id);
	json_array_foreach(json_at(f->json, "plans"), i, item) {
		smoke |= strcmp(json_str_at(item, "id", ""), "smoke") == 0;
		assert_true(json_integer_value(json_at(item, "cells")) > 0 ||
			    json_array_size(json_object_get(item, "suites")) == 1);
	}
	assert_true(smoke);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(help),	     TEST(usage_errors), TEST(report_of_nothing),
		TEST(plan_of_smoke), TEST(finds_home),	 TEST(list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
