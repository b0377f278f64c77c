// SPDX-License-Identifier: Apache-2.0
/*
 * The guest suite in real guests: two stacks pass it, a fault of the device is noticed, and a check that takes the device
 * with it costs no other check. Needs root (or user namespaces) and the guest image. Program: $VQ_QUAL, default
 * build/virtiofs-qual.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "scratch.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/strv.h"

#define RUN_MS 600000

#define PLAN                                                   \
	"suites = {\"guest\"}\ncells \"c\" {\nstacks = {%s}\n" \
	"vmms = {\"qemu-backports\"}\nkernels = {\"bookworm\"}\ncaches = {\"auto\"}\n}\n"

#define CONF                                                                                    \
	"stack \"bad\" {\nbase = \"refdev\"\nargs = {\"--fd={fd}\", \"--shared-dir={share}\", " \
	"\"--tag={tag}\", \"--cache={cache}\", \"--rlimit-nofile={nofile}\", "                  \
	"\"--counters={counters}\", \"--fault=%s\"}\n}\n"

/* Run the suite on @stacks (of the plan, quoted); with @fault the stack "bad" has it. Its exit status. */
static int run_suite(struct scratch *f, const char *stacks, const char *fault, const char *only)
{
	const char *program = getenv("VQ_QUAL");
	struct strv argv = { 0 };
	struct proc_spec spec = { 0 };
	char text[1024];
	char path[256];
	int e;

	strv_add(&argv, program ? program : "build/virtiofs-qual");
	strv_add(&argv, "run");
	(void)snprintf(text, sizeof(text), PLAN, stacks);
	scratch_put(scratch_path(f, "mine.conf", path, sizeof(path)), text);
	strv_addf(&argv, "--plan=%s", path);
	if (fault) {
		(void)snprintf(text, sizeof(text), CONF, fault);
		scratch_put(scratch_path(f, "bad.conf", path, sizeof(path)), text);
		strv_addf(&argv, "--conf=%s", path);
	}
	strv_addf(&argv, "--out=%s", scratch_path(f, "out", path, sizeof(path)));
	if (only)
		strv_addf(&argv, "--only=%s", only);
	assert_false(strv_failed(&argv));
	spec.argv = argv.item;
	e = proc_run(&spec, MIB, clock_deadline_ms(RUN_MS), &f->out, &f->err);
	strv_free(&argv);
	if (e < 0)
		fail_msg("%s", f->err.text);
	assert_true(WIFEXITED(f->out.status));
	return WEXITSTATUS(f->out.status);
}

static void load_results(struct scratch *f, const char *stack)
{
	char name[160];
	char path[256];

	(void)snprintf(name, sizeof(name),
		       "out/conformance/%s.qemu-backports.auto.nowb.none.bookworm.guest/guest.json",
		       stack);
	json_decref(f->json);
	f->json = NULL;
	if (json_load_path(scratch_path(f, name, path, sizeof(path)), &f->json, &f->err) < 0)
		fail_msg("%s\n%s", f->err.text, buf_text(&f->out.err));
}

static json_t *result_of(struct scratch *f, const char *id)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(f->json, "checks"), i, one)
		if (strcmp(json_str_at(one, "id", ""), id) == 0)
			return one;
	fail_msg("%s has no result", id);
	return NULL;
}

static void assert_verdict(struct scratch *f, const char *id, const char *verdict)
{
	json_t *one = result_of(f, id);

	if (strcmp(json_str_at(one, "verdict", ""), verdict) != 0)
		fail_msg("%s: %s: %s; %s", id, json_str_at(one, "verdict", ""),
			 json_str_at(one, "expected", ""), json_str_at(one, "seen", ""));
}

/* Goal: nothing fails that is not known, on our device and on a shipped one; staleness is measured. */
static void two_stacks(void **state)
{
	static const char *const stacks[] = { "refdev", "rust-trixie" };
	struct scratch *f = *state;
	char path[256];

	if (run_suite(f, "\"refdev\", \"rust-trixie\"", NULL, NULL) != 0)
		fail_msg("%s%s", buf_text(&f->out.out), buf_text(&f->out.err));
	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++) {
		load_results(f, stacks[i]);
		assert_true(json_array_size(json_object_get(f->json, "checks")) >= 80);
		assert_verdict(f, "names.host-unlinks", "PASS");
		assert_string_equal(
			json_str_at(result_of(f, "names.host-unlinks"), "figures[0].name", ""),
			"B03.stale_for");
		scratch_says(json_str_at(f->json, "target.version", ""), "; Linux ");
	}
	assert_true(fs_exists(scratch_path(f, "out/report.html", path, sizeof(path))));
}

static void fault_is_noticed(void **state)
{
	struct scratch *f = *state;

	assert_int_equal(run_suite(f, "\"bad\"", "negative-cached", "names.*"), 1);
	load_results(f, "bad");
	assert_verdict(f, "names.host-creates", "FAIL");
	assert_string_equal(json_str_at(result_of(f, "names.host-creates"), "broken_row", ""),
			    "B01");
	assert_verdict(f, "names.host-unlinks-open", "PASS");
}

/* Goal: the device dies in one check, and all others have their results. */
static void device_dies(void **state)
{
	struct scratch *f = *state;

	assert_int_equal(run_suite(f, "\"bad\"", "exit-at:SYMLINK", "links.*"), 1);
	load_results(f, "bad");
	assert_verdict(f, "links.hard", "PASS");
	assert_verdict(f, "links.symbolic", "FAIL");
	assert_string_not_equal(json_str_at(result_of(f, "links.symbolic"), "fate", ""), "alive");
	assert_verdict(f, "links.followed", "FAIL");
	assert_verdict(f, "links.rename-replaces", "PASS");
	assert_verdict(f, "links.fifo", "PASS");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_stacks),
		TEST(fault_is_noticed),
		TEST(device_dies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
