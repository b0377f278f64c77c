// SPDX-License-Identifier: Apache-2.0
/*
 * How the driver behaves when something goes badly: killed, interrupted, refused, with a daemon or
 * a VMM that dies or stops, with parts missing. A private home (links to this project) shows what
 * a run leaves. No cmocka assert runs while a CLEANUP variable is live.
 */
#include "conduct.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/rng.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#define SEED 20261122
/* Kills: one in each of these slices of a run, at a seeded moment. */
#define KILLS	 5
#define SLICE_MS 1400
/* A refusal, or an error before anything starts. A loaded machine takes its time. */
#define AT_ONCE_MS 4000
/* Bytes that a daemon has read when its share is being read, far beyond those of its own start. */
#define READING_BYTES (4ULL << 20)
/* A pass whose daemon or VMM died must not wait for the deadline of a phase (time + 60 s). */
#define FAULT_WALL_S 20.0
/* The others do, and for what follows: the agent's grace or the unplug. */
#define STOPPED_WALL_S 90.0

static struct conduct fx;

static void fine(int e)
{
	if (e < 0)
		fail_msg("error %d: %s", e, fx.err.text);
}

static uint64_t ms_since(uint64_t start_ns)
{
	return (clock_now_ns() - start_ns) / NS_PER_MS;
}

/* A run of four cells in one guest, about 10 s a round. */
static int start_small_run(const char *rounds)
{
	conduct_next(&fx);
	return real_start_run(ARGS("run", "--plan", "test", "--cell",
				   "*.qemu-backports.auto.*.bookworm.seqread-psync", "--stack",
				   "*-[bt]*", /* not of sid, which may be absent */
				   "--accelerator", "tcg", "--observed", "0", "--rounds", rounds,
				   "--home", fx.home, "--out", fx.out),
			      fx.out, fx.log, &fx.driver, &fx.err);
}

/* Half a second, without a guest. */
static int run_null(void)
{
	int status = -1;
	int e;

	conduct_next(&fx);
	e = real_run(ARGS("run", "--plan", "test", "--cell", "null.metadata", "--observed", "0",
			  "--home", fx.home, "--out", fx.out),
		     fx.log, REACH_MS, &status, &fx.err);
	return e == 0 && status != 0
		       ? err_set(&fx.err, -EIO, "a new run ended with %d, see %s", status, fx.log)
		       : e;
}

/* ---- (a) kill -9 ---- */

static void kill_at(const char *plan, uint64_t moment_ms)
{
	json_t *line = json_object();
	char *seen;
	int e = conduct_kill(&fx, plan, moment_ms, line);

	seen = json_dumps(line, JSON_COMPACT);
	(void)printf("figure: kill -9 and resume: %s\n", seen ? seen : "?");
	free(seen);
	json_decref(line);
	fine(e);
}

/* The same at a hundred moments is `make soak-kill`. */
static void test_kill_leaves_nothing_and_resume_completes(void **state)
{
	struct rng rng = { SEED };
	char plan[PATH_MAX + 32];

	(void)state;
	fine(conduct_write(&fx, "kill.conf", conduct_plan, plan, sizeof(plan)));
	for (unsigned i = 0; i < KILLS; i++)
		kill_at(plan, (uint64_t)i * SLICE_MS + rng_below(&rng, SLICE_MS));
}

static bool share_has_file(void)
{
	char path[PATH_MAX + 64];
	CLEANUP(dir_closep) DIR *d = NULL;
	struct dirent *e;

	(void)snprintf(path, sizeof(path), "%s/build/share", fx.home);
	d = opendir(path);
	while (d && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			return true;
	return false;
}

/* The moment at which the share's file is being made, if that can be seen at all. */
static void test_kill_while_the_share_is_made(void **state)
{
	bool seen = false;

	(void)state;
	fine(start_small_run("9"));
	while (!seen && proc_alive(&fx.driver)) {
		real_tree_read(fx.driver.pid, &fx.tree);
		if (fx.tree.loop_file[0])
			break;
		seen = share_has_file() ||
		       real_tree_find(&fx.tree, ARGS("mkfs.ext4"), (pid_t[1]){ 0 }, 1) > 0;
	}
	conduct_stop(&fx);
	fine(real_wait_gone(&fx.tree, fx.home, GONE_MS, &fx.err));
	if (!seen)
		(void)printf("figure: making the share was too short to be hit\n");
	fine(run_null());
}

/* ---- (b) SIGINT and (c) two at once ---- */

static void second_driver(void)
{
	char log[PATH_MAX + 64];
	char out[PATH_MAX + 64];
	char who[64];
	struct proc second = { 0 };
	uint64_t start = clock_now_ns();

	(void)snprintf(log, sizeof(log), "%s/second.log", fx.dir);
	(void)snprintf(out, sizeof(out), "%s/second", fx.dir);
	fine(real_start(ARGS("run", "--plan", "test", "--home", fx.home, "--out", out), log,
			&second, &fx.err));
	if (proc_wait(&second, clock_deadline_ms(AT_ONCE_MS)) < 0) {
		proc_kill(&second);
		fail_msg("a second driver was not refused at once");
	}
	(void)printf("figure: a second driver was refused after %llu ms\n",
		     (unsigned long long)ms_since(start));
	assert_int_equal(real_status(&second), 3);
	assert_true(real_said(log, "another virtiofs-qual run is going on"));
	(void)snprintf(who, sizeof(who), "(process %d)", (int)fx.driver.pid);
	assert_true(real_said(log, who));
	assert_false(fs_exists(out));
}

/* One that waits in the queue says for whom; it can be ended, or comes next. */
static void queued_driver(int signal, struct proc *ret)
{
	char log[PATH_MAX + 64];
	char out[PATH_MAX + 64];
	char who[64];
	uint64_t deadline_ns;

	(void)snprintf(log, sizeof(log), "%s/queued%d.log", fx.dir, signal);
	(void)snprintf(out, sizeof(out), "%s/queued%d", fx.dir, signal);
	(void)snprintf(who, sizeof(who), "waiting for the run of process %d to end",
		       (int)fx.driver.pid);
	fine(real_start(ARGS("run", "--wait", "--plan", "test", "--cell", "null.metadata", "--home",
			     fx.home, "--out", out),
			log, ret, &fx.err));
	deadline_ns = clock_deadline_ms(AT_ONCE_MS);
	while (!real_said(log, who) && clock_left_ms(deadline_ns) > 0)
		real_pause();
	assert_true(real_said(log, who));
	assert_true(proc_alive(ret));
	assert_false(fs_exists(out));
	if (!signal)
		return;
	(void)kill(ret->pid, signal);
	if (proc_wait(ret, clock_deadline_ms(AT_ONCE_MS)) < 0) {
		proc_kill(ret);
		fail_msg("a driver that waits cannot be ended");
	}
	assert_int_equal(real_status(ret), 130);
	assert_false(fs_exists(out));
}

static void queue_comes_next(struct proc *queued)
{
	if (proc_wait(queued, clock_deadline_ms(REACH_MS)) < 0) {
		proc_kill(queued);
		fail_msg("the driver that waited does not end");
	}
	assert_int_equal(real_status(queued), 0);
}

static void test_interrupt_keeps_what_was_done(void **state)
{
	char path[PATH_MAX + 64];
	json_t *run = NULL;
	char *status;
	struct proc queued = { 0 };
	size_t kept;
	int resumed = -1;
	uint64_t start = clock_now_ns();

	(void)state;
	fine(start_small_run("1"));
	while (proc_alive(&fx.driver) && conduct_passes(fx.out) == 0) {
		if (ms_since(start) > REACH_MS + REAL_LOCK_WAIT_MS)
			fail_msg("no pass was finished");
		real_pause();
	}
	second_driver();
	queued_driver(SIGINT, &queued);
	queued_driver(0, &queued);
	real_tree_read(fx.driver.pid, &fx.tree);
	start = clock_now_ns();
	assert_true(proc_alive(&fx.driver));
	assert_int_equal(kill(fx.driver.pid, SIGINT), 0);
	if (proc_wait(&fx.driver, clock_deadline_ms(GONE_MS)) < 0)
		fail_msg("the driver lives %d ms after SIGINT", GONE_MS);
	assert_int_equal(real_status(&fx.driver), 130);
	(void)printf("figure: SIGINT: the driver ended after %llu ms\n",
		     (unsigned long long)ms_since(start));
	/* It lives in the same home: only once it has ended a look at what is left means something. */
	queue_comes_next(&queued);
	fine(real_wait_gone(&fx.tree, fx.home, GONE_MS, &fx.err));
	fine(conduct_check_json(&fx));
	(void)snprintf(path, sizeof(path), "%s/run.json", fx.out);
	fine(json_load_path(path, &run, &fx.err));
	status = strdup(json_str_at(run, "status", ""));
	json_decref(run);
	assert_string_equal(status, "interrupted");
	free(status);
	kept = conduct_passes(fx.out);
	assert_true(kept >= 1 && kept < 4);
	fine(conduct_resume(&fx, NULL, &resumed));
	assert_int_equal(resumed, 0);
	fine(conduct_all_ok(&fx));
	/* a run that is complete says so, and its results decide */
	fine(conduct_resume(&fx, NULL, &resumed));
	assert_int_equal(resumed, 0);
	assert_true(real_said(fx.log, "is complete: there is nothing to do"));
}

/* ---- (d) daemons and (e) VMMs that die or stop ---- */

enum fault { NO_FAULT, DAEMON_EXITS_AT_ONCE, DAEMON_DIES, VMM_DIES, DAEMON_STOPS, VMM_STOPS };

/* What is done to the passes of the run, in their order; the one behind a fault must be good. */
static const struct {
	enum fault fault;
	const char *words[3]; /* that the reason must hold */
} passes[] = {
	/* before the plug, or before the mount: real_conduct_broken has one that never gets that far */
	{ DAEMON_EXITS_AT_ONCE, { "daemon signal:9", "daemon.log" } },
	{ NO_FAULT, { NULL } },
	{ DAEMON_DIES, { "daemon signal:9", "daemon.log", "VMM alive" } },
	{ NO_FAULT, { NULL } },
	{ VMM_DIES, { "VMM signal:9", "died", "daemon" } },
	{ NO_FAULT, { NULL } },
	/* These two wait for the deadline of a phase. */
	{ DAEMON_STOPS, { "daemon alive, but stopped", "daemon.log", "deadline" } },
	{ NO_FAULT, { NULL } },
	{ VMM_STOPS, { "VMM alive, but stopped", "daemon alive", "guest hung" } },
	{ NO_FAULT, { NULL } },
};

/* Modes that keep no data, so that the daemon has work in each phase; pass N uses share/pN. */
static const char fault_plan[] =
	"title = \"faults\"\nrounds = 1\nobserved = 0\ntime_ms = 1000\ngrace_ms = 5000\nstep_ms = 2500\nseed = 1\n"
	"cells \"C\" {\n\tstacks = {\"c-bookworm\"}\n"
	"\tvmms = {\"qemu-backports\"}\n\tkernels = {\"bookworm\"}\n"
	"\tcaches = {\"none\"}\n\twriteback = {\"off\", \"on\"}\n"
	"\tworkloads = {\"seqread-psync\", \"randread-psync\"}\n}\n"
	"cells \"Rust\" {\n\tstacks = {\"rust-trixie\"}\n"
	"\tvmms = {\"qemu-backports\"}\n\tkernels = {\"bookworm\"}\n"
	"\tcaches = {\"never\", \"metadata\"}\n"
	"\twriteback = {\"off\", \"on\"}\n"
	"\tworkloads = {\"seqread-psync\", \"randread-psync\"}\n}\n";

/* All processes of the daemon of pass @n (from 1). */
static size_t find_daemon(size_t n, pid_t *ret, size_t max)
{
	char share[64];

	real_tree_read(fx.driver.pid, &fx.tree);
	(void)snprintf(share, sizeof(share), "=/run/virtiofs-qual/share/p%zu ", n);
	return real_tree_find(&fx.tree, ARGS("virtiofsd", share), ret, max);
}

static unsigned long long bytes_read(const pid_t *pid, size_t count)
{
	unsigned long long sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += real_rchar(pid[i]);
	return sum;
}

/* Until pass @n has a daemon that has read that much; the daemon's processes. */
static size_t reach(size_t n, unsigned long long bytes, pid_t *ret, size_t max)
{
	uint64_t deadline_ns = clock_deadline_ms(REACH_MS);
	size_t count = 0;

	while (clock_left_ms(deadline_ns) > 0 && proc_alive(&fx.driver)) {
		count = find_daemon(n, ret, max);
		if (count > 0 && bytes_read(ret, count) >= bytes)
			return count;
		if (bytes)
			real_pause();
	}
	return 0;
}

static void send_all(const pid_t *pid, size_t count, int signal)
{
	for (size_t i = 0; i < count; i++)
		(void)kill(pid[i], signal);
}

static bool inject(size_t n, enum fault fault)
{
	pid_t pid[8];
	size_t count = reach(n, fault == DAEMON_EXITS_AT_ONCE ? 0 : READING_BYTES, pid,
			     ARRAY_SIZE(pid));

	if (count == 0)
		return false;
	if (fault == VMM_DIES || fault == VMM_STOPS)
		count = real_tree_find(&fx.tree, ARGS("qemu-system", "agent"), pid,
				       ARRAY_SIZE(pid));
	send_all(pid, count, fault == DAEMON_STOPS || fault == VMM_STOPS ? SIGSTOP : SIGKILL);
	return count > 0;
}

static void complain(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void complain(struct buf *b, const char *fmt, ...)
{
	char line[2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	(void)buf_printf(b, "  %s\n", line);
}

static void check_pass(size_t i, const char *id, json_t *cell, struct buf *wrong)
{
	const char *status = json_str_at(cell, "status", "?");
	const char *reason = json_str_at(cell, "reason", "");
	const char *guest = json_str_at(cell, "rounds[0].guest", "?");
	const char *want_guest = i == 0				   ? "booted"
				 : passes[i - 1].fault != NO_FAULT ? "restored"
								   : "reused";
	double wall = 0;

	(void)!json_number_at(cell, "rounds[0].wall_s", &wall);
	(void)printf("figure: pass %zu, fault %d: %s, guest %s, %.1f s%s%.400s\n", i + 1,
		     (int)passes[i].fault, status, guest, wall, *reason ? ": " : "", reason);
	if (strcmp(guest, want_guest) != 0)
		complain(wrong, "%s: guest %s, not %s", id, guest, want_guest);
	if (strcmp(status, passes[i].fault == NO_FAULT ? "ok" : "failed") != 0)
		complain(wrong, "%s: fault %d: %s: %s", id, (int)passes[i].fault, status, reason);
	for (size_t w = 0; w < ARRAY_SIZE(passes[i].words); w++)
		if (passes[i].words[w] && !strstr(reason, passes[i].words[w]))
			complain(wrong, "%s: fault %d: the reason lacks '%s': %s", id,
				 (int)passes[i].fault, passes[i].words[w], reason);
	if (wall > (passes[i].fault == DAEMON_STOPS || passes[i].fault == VMM_STOPS ? STOPPED_WALL_S
										    : FAULT_WALL_S))
		complain(wrong, "%s: fault %d: took %.1f s", id, (int)passes[i].fault, wall);
}

static void check_passes(struct buf *wrong)
{
	CLEANUP(freep) char *path = fs_path("%s/run.json", fx.out);
	json_auto_t *run = NULL;
	struct err err = { 0 };

	if (!path || json_load_path(path, &run, &err) < 0) {
		complain(wrong, "%s", err.text);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(passes); i++) {
		json_auto_t *cell = NULL;
		const char *id = real_order(run, i);

		if (real_cell(fx.out, id, &cell, &err) < 0)
			complain(wrong, "%s", err.text);
		else
			check_pass(i, id, cell, wrong);
	}
}

static void test_faults_fail_their_pass_only(void **state)
{
	char plan[PATH_MAX + 32];
	struct buf wrong = { 0 };
	bool good;

	(void)state;
	(void)snprintf(plan, sizeof(plan), "%s/faults.conf", fx.dir);
	fine(fs_write_atomic(plan, fault_plan, strlen(fault_plan), &fx.err));
	conduct_next(&fx);
	fine(real_start_run(ARGS("run", "--plan", plan, "--accelerator", "tcg", "--home", fx.home,
				 "--out", fx.out),
			    fx.out, fx.log, &fx.driver, &fx.err));
	for (size_t i = 0; i < ARRAY_SIZE(passes); i++)
		if (passes[i].fault != NO_FAULT && !inject(i + 1, passes[i].fault))
			fail_msg("fault %d was not reached, see %s", (int)passes[i].fault, fx.log);
	if (proc_wait(&fx.driver, clock_deadline_ms(REACH_MS)) < 0)
		fail_msg("the run does not end, see %s", fx.log);
	check_passes(&wrong);
	good = wrong.size == 0;
	(void)fprintf(stderr, "%s", buf_text(&wrong));
	buf_free(&wrong);
	if (!good)
		fail_msg("faults were not told as they should (above); see %s", fx.out);
	assert_int_equal(real_status(&fx.driver), 3);
	fine(real_wait_gone(&fx.tree, fx.home, GONE_MS, &fx.err));
}

/* ---- (g) parts that are missing ---- */

static void test_missing_image_is_told(void **state)
{
	char home[PATH_MAX + 32];
	uint64_t start;
	int status = -1;

	(void)state;
	(void)snprintf(home, sizeof(home), "%s/home-without-image", fx.dir);
	fine(real_home(home, "image", &fx.err));
	conduct_next(&fx);
	start = clock_now_ns();
	fine(real_run(ARGS("run", "--plan", "test", "--cell", "*.randread-psync", "--observed", "0",
			   "--home", home, "--out", fx.out),
		      fx.log, REACH_MS, &status, &fx.err));
	assert_int_equal(status, 3);
	if (!real_said(fx.log, "build/image") || !real_said(fx.log, "make") ||
	    !real_said(fx.log, "No such file"))
		fail_msg("the error does not say what is missing and what to do, see %s", fx.log);
	(void)printf("figure: a missing image was told after %llu ms, waits for others included\n",
		     (unsigned long long)ms_since(start));
	fx.tree = (struct real_tree){ 0 };
	fine(real_wait_gone(&fx.tree, home, GONE_MS, &fx.err));
	fine(conduct_check_json(&fx));
}

/* ---- */

static int setup(void **state)
{
	int e = conduct_open(&fx, "conduct");

	(void)state;
	if (e < 0)
		(void)fprintf(stderr, "%s\n", fx.err.text);
	return e < 0 ? -1 : 0;
}

/* Whatever a test did, no driver outlives it. */
static int end_test(void **state)
{
	(void)state;
	conduct_stop(&fx);
	fx.err.text[0] = '\0';
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_missing_image_is_told, end_test),
		cmocka_unit_test_teardown(test_kill_leaves_nothing_and_resume_completes, end_test),
		cmocka_unit_test_teardown(test_kill_while_the_share_is_made, end_test),
		cmocka_unit_test_teardown(test_interrupt_keeps_what_was_done, end_test),
		cmocka_unit_test_teardown(test_faults_fail_their_pass_only, end_test),
	};

	return cmocka_run_group_tests_name("real_conduct", tests, setup, NULL) ? 1 : 0;
}
