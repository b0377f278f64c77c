// SPDX-License-Identifier: Apache-2.0
/*
 * The device suite as a part of a run, from outside: exit statuses, interruption, kill -9, resume, another run on the
 * machine. virtiofs-conform is a script that waits where it is told, so that each moment is certain; once it is itself.
 * Needs root (or user namespaces); boots no guest. Program: $VQ_QUAL, default build/virtiofs-qual.
 */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "scratch.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/strv.h"

#define WAIT_MS 60000
#define GONE_MS 5000

/* The one of Rust waits until there is a file "go" in the folder of the run; the daemon named in "fails" fails. */
static const char script[] =
	"#!/bin/sh\n"
	"for w; do case $w in --stack=*) s=${w#*=} ;; --out=*) o=${w#*=} ;; esac; done\n"
	"run=$o/..\n"
	"echo $s >>$run/asked\n"
	"if [ $s = rust-trixie ] && [ ! -e $run/go ]; then\n"
	"	echo $$ >$run/waiting\n"
	"	while [ ! -e $run/go ]; do sleep 0.05; done\n"
	"fi\n"
	"mkdir -p $o/$s\n"
	"echo '{\"target\": {\"version\": \"9\"}}' >$o/$s/device.json\n"
	"[ -e $run/fails ] && [ \"$(cat $run/fails)\" = $s ] && exit 1\n"
	"exit 0\n";

static const char *at(const struct scratch *f, const char *name)
{
	static char path[2][256];
	static unsigned turn;

	turn = !turn;
	return scratch_path(f, name, path[turn], sizeof(path[turn]));
}

static void make_home(struct scratch *f)
{
	char here[256];
	char to[512];

	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(fs_mkdirs(at(f, "home/build"), 0755, &f->err), 0);
	assert_int_equal(fs_mkdirs(at(f, "home/bench"), 0755, &f->err), 0);
	(void)snprintf(to, sizeof(to), "%s/bench/plans", here);
	assert_return_code(symlink(to, at(f, "home/bench/plans")), errno);
	(void)snprintf(to, sizeof(to), "%s/build/roots", here);
	assert_return_code(symlink(to, at(f, "home/build/roots")), errno);
	scratch_put(at(f, "home/build/virtiofs-conform"), script);
	assert_return_code(chmod(at(f, "home/build/virtiofs-conform"), 0755), errno);
	assert_int_equal(fs_mkdirs(at(f, "out"), 0755, &f->err), 0);
}

static void start(struct scratch *f, struct proc *p, const char *const *words)
{
	const char *program = getenv("VQ_QUAL");
	struct strv argv = { 0 };
	struct proc_spec spec = { 0 };

	strv_add(&argv, program ? program : "build/virtiofs-qual");
	strv_add_all(&argv, words);
	assert_false(strv_failed(&argv));
	spec.argv = argv.item;
	if (proc_start(&spec, p, &f->err) < 0)
		fail_msg("%s", f->err.text);
	strv_free(&argv);
}

static int end_of(struct proc *p)
{
	if (proc_wait(p, clock_deadline_ms(WAIT_MS)) < 0) {
		proc_kill(p);
		fail_msg("it does not end");
	}
	assert_true(WIFEXITED(p->status));
	return WEXITSTATUS(p->status);
}

static void begin(struct scratch *f, struct proc *p)
{
	const char *words[] = { "run",	   "--home",	  at(f, "home"), "--suite", "device",
				"--stack", "[cr]*-[bt]*", "--out",	 NULL,	    NULL };
	char out[256];

	words[8] = scratch_path(f, "out", out, sizeof(out));
	start(f, p, words);
}

static int resume(struct scratch *f, const char *option)
{
	char home[256];
	const char *words[] = { "resume", "--home", scratch_path(f, "home", home, sizeof(home)),
				NULL,	  option,   NULL };
	char out[256];
	struct proc p;

	words[3] = scratch_path(f, "out", out, sizeof(out));
	start(f, &p, words);
	return end_of(&p);
}

static void wait_for(const char *path)
{
	static const struct timespec step = { .tv_nsec = 10000000 };
	uint64_t deadline = clock_deadline_ms(WAIT_MS);

	while (!fs_exists(path)) {
		if (clock_now_ns() > deadline)
			fail_msg("%s does not come", path);
		(void)nanosleep(&step, NULL);
	}
}

static void assert_run(struct scratch *f, const char *path, const char *value)
{
	json_decref(f->json);
	f->json = NULL;
	if (json_load_path(at(f, "out/run.json"), &f->json, &f->err) < 0)
		fail_msg("%s", f->err.text);
	assert_string_equal(json_str_at(f->json, path, "?"), value);
}

/* Is it a process whose command line names @path? */
static bool is_run_by(const char *pid, const char *path)
{
	char file[300];
	struct buf line = { .max = 4 * KIB };
	bool found;

	(void)snprintf(file, sizeof(file), "/proc/%s/cmdline", pid);
	found = fs_read(file, 4 * KIB, &line, NULL) == 0 && line.size > 0 &&
		memmem(line.data, line.size, path, strlen(path));
	buf_free(&line);
	return found;
}

/* Which process it is was told by the process itself, in a namespace of its own: its folder is its name here. */
static bool is_script_left(const struct scratch *f)
{
	char path[300];
	DIR *proc = opendir("/proc");
	bool left = false;

	assert_non_null(proc);
	(void)snprintf(path, sizeof(path), "%s/home/build/virtiofs-conform", f->dir);
	for (struct dirent *d; !left && (d = readdir(proc));)
		left = d->d_name[0] >= '1' && d->d_name[0] <= '9' && is_run_by(d->d_name, path);
	(void)closedir(proc);
	return left;
}

static void assert_nothing_is_left(const struct scratch *f)
{
	static const struct timespec step = { .tv_nsec = 20000000 };
	uint64_t deadline = clock_deadline_ms(GONE_MS);

	while (is_script_left(f)) {
		if (clock_now_ns() > deadline)
			fail_msg("the suite outlives its run");
		(void)nanosleep(&step, NULL);
	}
}

/* Goal: a run that is stopped in its second daemon keeps the first, and resume does the second alone. */
static void stopped(struct scratch *f, int signal, int status, const char *word)
{
	struct proc p;

	make_home(f);
	begin(f, &p);
	wait_for(at(f, "out/waiting"));
	assert_true(is_script_left(f));
	(void)kill(p.pid, signal);
	(void)proc_wait(&p, clock_deadline_ms(WAIT_MS));
	if (status >= 0)
		assert_int_equal(WEXITSTATUS(p.status), status);
	else
		assert_int_equal(WTERMSIG(p.status), signal);
	assert_nothing_is_left(f);
	assert_run(f, "status", word);
	assert_run(f, "conformance[0].status", "passed");
	assert_run(f, "conformance[1].status", "pending");
	scratch_put(at(f, "out/go"), "");
	assert_int_equal(resume(f, NULL), 0);
	assert_run(f, "status", "complete");
	assert_run(f, "conformance[1].status", "passed");
	scratch_holds(f, at(f, "out/asked"), "c-bookworm\nrust-trixie\nrust-trixie\n");
	assert_true(fs_exists(at(f, "out/report.html")));
	assert_false(fs_exists(at(f, "out/conformance.part")));
	/* and once more: there is nothing to do */
	assert_int_equal(resume(f, NULL), 0);
	scratch_holds(f, at(f, "out/asked"), "c-bookworm\nrust-trixie\nrust-trixie\n");
}

static void interrupted(void **state)
{
	stopped(*state, SIGINT, 130, "interrupted");
}

static void killed(void **state)
{
	stopped(*state, SIGKILL, -1, "running");
}

/* Goal: a failure is status 1, and only --retry-failed does it again. */
static void failed(void **state)
{
	struct scratch *f = *state;
	struct proc p;

	make_home(f);
	scratch_put(at(f, "out/go"), "");
	scratch_put(at(f, "out/fails"), "rust-trixie");
	begin(f, &p);
	assert_int_equal(end_of(&p), 1);
	assert_run(f, "conformance[1].status", "failed");
	assert_int_equal(resume(f, NULL), 1);
	scratch_put(at(f, "out/fails"), "nobody");
	assert_int_equal(resume(f, "--retry-failed"), 0);
	assert_run(f, "conformance[1].status", "passed");
	scratch_holds(f, at(f, "out/asked"), "c-bookworm\nrust-trixie\nrust-trixie\n");
}

static void locked_out(void **state)
{
	struct scratch *f = *state;
	const char *words[] = { "run", "--suite", "device", "--stack", "c-*", "--out", NULL, NULL };
	char out[256];
	struct proc first;
	struct proc second;

	make_home(f);
	begin(f, &first);
	wait_for(at(f, "out/waiting"));
	words[6] = scratch_path(f, "second", out, sizeof(out));
	start(f, &second, words);
	assert_int_equal(end_of(&second), 3);
	assert_false(fs_exists(out));
	scratch_put(at(f, "out/go"), "");
	assert_int_equal(end_of(&first), 0);
}

/* Goal: with the program itself the reference device has no failure that is new, and the report shows it. */
static void in_earnest(void **state)
{
	struct scratch *f = *state;
	const char *words[] = {
		"run", "--suite", "device", "--stack", "refdev", "--out", NULL, NULL
	};
	char out[256];
	struct proc p;

	words[6] = scratch_path(f, "out", out, sizeof(out));
	start(f, &p, words);
	assert_int_equal(end_of(&p), 0);
	assert_run(f, "conformance[0].status", "passed");
	assert_run(f, "suites[0]", "device");
	assert_true(fs_exists(at(f, "out/conformance/refdev/junit.xml")));
	assert_true(fs_exists(at(f, "out/report.html")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(interrupted), TEST(killed), TEST(failed), TEST(locked_out), TEST(in_earnest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
