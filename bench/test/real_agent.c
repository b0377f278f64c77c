// SPDX-License-Identifier: Apache-2.0
/*
 * The agent in real guests, through the driver's own fleet: what it answers, and what the host
 * says when guest, VMM or connection are gone. Runs inside the driver's isolation, so that nothing
 * outlives this program. No cmocka assert runs while a CLEANUP variable is live.
 */
#include "inside.h"
#include "real_guest.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/rng.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Far beyond what one step takes under TCG on a loaded host. */
#define STEP_MS 20000
/* "At once": no deadline of ours may be what ended it. */
#define AT_ONCE_MS 8000
#define FILE_BYTES MIB
#define SEED	   20261122

struct fixture {
	struct fleet_guest *g;
	struct agent_result r;
};

static struct inside in;
static struct fixture fx;

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })

static struct agent *agent(void)
{
	return fx.g->guest.agent;
}

static void fine(int e)
{
	if (e < 0)
		fail_msg("error %d: %s", e, in.err.text);
}

static int run_limited(const char *const *argv, unsigned deadline_ms, size_t max)
{
	const struct agent_job job = {
		.argv = argv, .deadline_ms = deadline_ms, .stdout_max = max, .stderr_max = max
	};

	agent_result_free(&fx.r);
	fx.r = (struct agent_result){ 0 };
	return agent_run(agent(), &job, &fx.r, &in.err);
}

static int run(const char *script)
{
	return run_limited(ARGV("/bin/sh", "-c", script), STEP_MS, 4 * MIB);
}

static void assert_fate(enum agent_fate fate, int code)
{
	char text[700];

	if (fx.r.fate != fate || fx.r.code != code)
		fail_msg("%s, code %d; not fate %d, code %d",
			 agent_fate_describe(&fx.r, text, sizeof(text)), fx.r.code, (int)fate,
			 code);
}

/* The guest does as it is told, and is as a pass would want it. */
static void assert_usable(void)
{
	fine(run("echo usable; echo also >&2; exit 3"));
	assert_fate(AGENT_EXITED, 3);
	assert_string_equal(buf_text(&fx.r.out), "usable\n");
	assert_string_equal(buf_text(&fx.r.err), "also\n");
	fine(fleet_clean(fx.g, &in.err));
}

static int get_kind(const char *vmm, const char *kernel)
{
	return fleet_get(&in.fleet, vmm_find(vmm), kernel_find(kernel), &fx.g, &in.err);
}

static int get_guest(void **state)
{
	(void)state;
	in.err.text[0] = '\0';
	if (get_kind("qemu-backports", "bookworm") == 0)
		return 0;
	(void)fprintf(stderr, "no guest: %s\n", in.err.text);
	return -1;
}

static uint64_t ms_since(uint64_t start_ns)
{
	return (clock_now_ns() - start_ns) / NS_PER_MS;
}

/* ---- jobs ---- */

static void test_exit_codes_and_signals(void **state)
{
	(void)state;
	fine(run("exit 0"));
	assert_fate(AGENT_EXITED, 0);
	fine(run("exit 255"));
	assert_fate(AGENT_EXITED, 255);
	fine(run("kill -KILL $$"));
	assert_fate(AGENT_SIGNALLED, SIGKILL);
	fine(run("kill -TERM $$"));
	assert_fate(AGENT_SIGNALLED, SIGTERM);
	fine(run_limited(ARGV("/no/such/program"), STEP_MS, 0));
	assert_fate(AGENT_SPAWN_FAILED, ENOENT);
	assert_usable();
}

static void test_deadline_ends_a_job(void **state)
{
	uint64_t start = clock_now_ns();

	(void)state;
	fine(run_limited(ARGV("sleep", "1000"), 500, 0));
	assert_fate(AGENT_DEADLINE, SIGTERM);
	assert_true(ms_since(start) < AT_ONCE_MS);
	assert_usable();
}

static void test_deadline_ends_a_job_that_ignores_sigterm(void **state)
{
	uint64_t start = clock_now_ns();

	(void)state;
	fine(run_limited(
		ARGV("/bin/sh", "-c", "trap '' TERM; echo on; while :; do sleep 1000; done"), 500,
		0));
	assert_fate(AGENT_DEADLINE, SIGKILL);
	assert_string_equal(buf_text(&fx.r.out), "on\n");
	assert_true(ms_since(start) < AT_ONCE_MS);
	assert_usable();
}

static void test_flood_is_an_output_limit(void **state)
{
	uint64_t start = clock_now_ns();

	(void)state;
	fine(run_limited(ARGV("/bin/sh", "-c", "while :; do echo flooding the line; done"), STEP_MS,
			 256 * KIB));
	if (fx.r.fate != AGENT_OUTPUT_LIMIT)
		fail_msg("fate %d, code %d", (int)fx.r.fate, fx.r.code);
	assert_int_equal(fx.r.out.size, 256 * KIB);
	assert_int_equal(fx.r.out_lost, 0);
	(void)printf("figure: a flood of 256 KiB was ended after %llu ms\n",
		     (unsigned long long)ms_since(start));
	assert_usable();
}

static void test_push_and_pull(void **state)
{
	static char data[FILE_BYTES];
	struct rng rng = { .state = SEED };
	struct buf back = { 0 };
	bool same;
	int e;

	(void)state;
	rng_fill(&rng, data, sizeof(data));
	fine(agent_push(agent(), data, sizeof(data), "/run/vq-test/a/file", 0600,
			clock_deadline_ms(STEP_MS), &in.err));
	e = agent_pull(agent(), "/run/vq-test/a/file", sizeof(data), clock_deadline_ms(STEP_MS),
		       &back, &in.err);
	same = back.size == sizeof(data) && memcmp(back.data, data, sizeof(data)) == 0;
	buf_free(&back);
	fine(e);
	assert_true(same);
	assert_int_equal(agent_pull(agent(), "/run/vq-test/a/file", sizeof(data) - 1,
				    clock_deadline_ms(STEP_MS), &back, &in.err),
			 -EFBIG);
	assert_int_equal(agent_pull(agent(), "/run/vq-test/none", 1, clock_deadline_ms(STEP_MS),
				    &back, &in.err),
			 -ENOENT);
	assert_int_equal(back.size, 0);
	fine(run("rm -r /run/vq-test"));
	assert_usable();
}

/* ---- connection ---- */

static void agent_socket(char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s/%s.%s.%u", WORLD_SOCKETS, fx.g->vmm->id, fx.g->kernel->id,
		       fx.g->starts);
}

/* Lines "0000000", "0000001" ...: byte @at of that stream. */
static char line_byte(size_t at)
{
	char line[32];

	(void)snprintf(line, sizeof(line), "%07zu\n", at / 8);
	return line[at % 8];
}

static size_t good_prefix(const struct buf *b)
{
	size_t i = 0;

	while (i < b->size && b->data[i] == line_byte(i))
		i++;
	return i;
}

/* 100,000 lines of 8 bytes; the host goes away while they come. */
static void test_reconnect_loses_nothing_silently(void **state)
{
	static const size_t total = 800000;
	const struct agent_job job = { .argv = ARGV("awk", "BEGIN { for (i = 0; i < 100000; i++) "
							   "printf \"%07d\\n\", i }"),
				       .deadline_ms = 3 * STEP_MS,
				       .stdout_max = 4 * MIB };
	char socket[128];
	uint32_t id = 0;
	size_t good;
	int e;

	(void)state;
	agent_socket(socket, sizeof(socket));
	fine(agent_start(agent(), &job, &id, &in.err));
	for (int i = 0; i < 3; i++) {
		/* Takes in what has come so far. */
		fine(agent_ping(agent(), clock_deadline_ms(STEP_MS), NULL, &in.err));
		fine(agent_reattach(agent(), socket, clock_deadline_ms(STEP_MS), &in.err));
	}
	agent_result_free(&fx.r);
	e = agent_wait(agent(), id, &fx.r, &in.err);
	if (e != -EIO)
		fine(e);
	assert_fate(AGENT_EXITED, 0);
	good = good_prefix(&fx.r.out);
	(void)printf("figure: 3 reconnects in a stream of %zu bytes: %llu lost, and said\n", total,
		     (unsigned long long)fx.r.out_lost);
	assert_int_equal(fx.r.out.size + fx.r.out_lost, total);
	assert_int_equal(e, fx.r.out_lost ? -EIO : 0);
	if (!fx.r.out_lost)
		assert_int_equal(good, total);
	assert_usable();
}

static void test_reset_kills_jobs_of_an_earlier_host(void **state)
{
	const struct agent_job job = { .argv = ARGV("sleep", "1000"), .deadline_ms = 60000 };
	char socket[128];
	uint32_t id = 0;

	(void)state;
	agent_socket(socket, sizeof(socket));
	fine(agent_start(agent(), &job, &id, &in.err));
	fine(agent_ping(agent(), clock_deadline_ms(STEP_MS), NULL, &in.err));
	fx.g->guest.agent = agent_close(fx.g->guest.agent);
	fine(agent_connect(socket, clock_deadline_ms(STEP_MS), &fx.g->guest.agent, &in.err));
	assert_int_equal(agent_stuck_count(agent()), 0);
	fine(run("pidof sleep || echo none"));
	assert_string_equal(buf_text(&fx.r.out), "none\n");
	assert_usable();
}

static void test_round_trip(void **state)
{
	uint64_t best = UINT64_MAX;
	uint64_t ns;

	(void)state;
	for (int i = 0; i < 20; i++) {
		fine(agent_ping(agent(), clock_deadline_ms(STEP_MS), &ns, &in.err));
		best = ns < best ? ns : best;
	}
	(void)printf("figure: round trip to the agent, best of 20: %.2f ms\n", (double)best / 1e6);
}

/* ---- guests that do not answer ---- */

static void test_paused_guest_is_hung(void **state)
{
	char socket[128];
	uint64_t start = clock_now_ns();
	int e;

	(void)state;
	agent_socket(socket, sizeof(socket));
	fine(guest_pause(&fx.g->guest, &in.err));
	agent_set_grace_ms(agent(), 1000);
	e = run_limited(ARGV("true"), 500, 0);
	if (e != -ETIMEDOUT || !strstr(in.err.text, "guest hung"))
		fail_msg("a stopped guest: %d: %s", e, in.err.text);
	assert_true(ms_since(start) < AT_ONCE_MS);
	fine(guest_resume(&fx.g->guest, &in.err));
	fine(agent_reattach(agent(), socket, clock_deadline_ms(STEP_MS), &in.err));
	agent_set_grace_ms(agent(), 10000);
	assert_usable();
}

/* The job was sent when the guest stopped: without a reattach, too, later jobs must work. */
static void test_pause_without_reattach(void **state)
{
	int e;

	(void)state;
	fine(guest_pause(&fx.g->guest, &in.err));
	agent_set_grace_ms(agent(), 300);
	e = run_limited(ARGV("true"), 300, 0);
	agent_set_grace_ms(agent(), 10000);
	assert_int_equal(e, -ETIMEDOUT);
	fine(guest_resume(&fx.g->guest, &in.err));
	assert_usable();
}

static bool console_says(const char *word)
{
	CLEANUP(freep)
	char *path = fs_path("%s/%s.%s.%u/console.log", in.dir, fx.g->vmm->id, fx.g->kernel->id,
			     fx.g->starts);

	return path && real_said(path, word);
}

static void test_panic_is_no_timeout(void **state)
{
	uint64_t start = clock_now_ns();
	uint64_t took;
	int e;

	(void)state;
	e = run_limited(ARGV("/bin/sh", "-c", "echo c > /proc/sysrq-trigger; sleep 1000"),
			2 * AT_ONCE_MS, 0);
	took = ms_since(start);
	if (e != -ECONNRESET)
		fail_msg("a guest that panicked: %d: %s", e, in.err.text);
	assert_non_null(strstr(in.err.text, "VMM"));
	assert_true(took < AT_ONCE_MS);
	if (proc_wait(&fx.g->guest.vmm, clock_deadline_ms(AT_ONCE_MS)) < 0)
		fail_msg("the VMM outlives the guest's panic");
	(void)printf("figure: a panic was noticed after %llu ms\n", (unsigned long long)took);
	guest_stop(&fx.g->guest); /* completes the logs */
	assert_true(console_says("sysrq triggered crash"));
	fleet_drop(fx.g);
	assert_int_equal(get_guest(NULL), 0);
	assert_string_equal(fx.g->origin, "restored");
	assert_usable();
}

static void test_killed_vmm_is_no_timeout(void **state)
{
	const struct agent_job job = { .argv = ARGV("sleep", "1000"), .deadline_ms = 60000 };
	uint64_t start;
	uint32_t id = 0;
	int e;

	(void)state;
	fine(agent_start(agent(), &job, &id, &in.err));
	fine(agent_ping(agent(), clock_deadline_ms(STEP_MS), NULL, &in.err));
	start = clock_now_ns();
	assert_int_equal(kill(fx.g->guest.vmm.pid, SIGKILL), 0);
	agent_result_free(&fx.r);
	e = agent_wait(agent(), id, &fx.r, &in.err);
	if (e != -ECONNRESET)
		fail_msg("a VMM that was killed: %d: %s", e, in.err.text);
	assert_true(ms_since(start) < AT_ONCE_MS);
	/* The fleet sees it by itself. */
	assert_int_equal(get_guest(NULL), 0);
	assert_string_equal(fx.g->origin, "restored");
	assert_usable();
}

/* A process on the host that jobs need has ended: nobody waits for a deadline. */
static void test_watch_ends_a_wait(void **state)
{
	uint64_t start = clock_now_ns();
	int pair[2];
	int e;

	(void)state;
	assert_int_equal(pipe(pair), 0);
	(void)close(pair[1]);
	agent_watch(agent(), pair[0]);
	e = run_limited(ARGV("sleep", "1000"), STEP_MS, 0);
	agent_watch(agent(), -1);
	(void)close(pair[0]);
	assert_int_equal(e, -EOWNERDEAD);
	assert_true(ms_since(start) < AT_ONCE_MS);
	fine(run("while pidof sleep; do :; done"));
	assert_usable();
}

/* ---- boot, save, restore ---- */

static int kernel_of(struct agent_info *ret)
{
	return agent_info(agent(), clock_deadline_ms(STEP_MS), ret, &in.err);
}

static void boot_and_restore(const char *vmm, const char *kernel)
{
	struct agent_info before = { 0 };
	struct agent_info after = { 0 };

	fine(get_kind(vmm, kernel));
	fine(kernel_of(&before));
	assert_usable();
	fine(run("echo changed > /run/vq-changed"));
	fleet_drop(fx.g);
	fine(get_kind(vmm, kernel));
	assert_string_equal(fx.g->origin, "restored");
	fine(kernel_of(&after));
	assert_string_equal(before.kernel, after.kernel);
	/* As it was before anything was done to it. */
	fine(run("test ! -e /run/vq-changed"));
	assert_fate(AGENT_EXITED, 0);
	assert_usable();
	(void)printf(
		"figure: %s, %s: boot to first answer %.2f s, restore to first answer %.2f s, saved %.0f MiB\n",
		vmm, before.kernel, clock_seconds(fx.g->cold_start_ns),
		clock_seconds(fx.g->restore_ns), (double)fx.g->saved_bytes / (double)MIB);
}

static void test_restore_of_each_kind(void **state)
{
	(void)state;
	boot_and_restore("qemu-backports", "bookworm");
	boot_and_restore("qemu-backports", "backports");
	boot_and_restore("qemu-bookworm", "bookworm");
}

/* A guest that dies at its boot is reported with the VMM's fate, long before the boot's deadline. */
static void test_boot_that_fails_is_told(void **state)
{
	static const char words[] = "console=ttyS0\npanic=-1\nrdinit=/no/such/init\n";
	char good[PATH_MAX + 32];
	uint64_t start;
	uint64_t took;
	int e;

	(void)state;
	memcpy(good, in.cmdline, sizeof(good));
	(void)snprintf(in.cmdline, sizeof(in.cmdline), "%s/cmdline", in.dir);
	fine(fs_write_atomic(in.cmdline, words, strlen(words), &in.err));
	start = clock_now_ns();
	e = get_kind("qemu-bookworm", "backports");
	took = ms_since(start);
	memcpy(in.cmdline, good, sizeof(good));
	if (e == 0)
		fail_msg("a guest without an init booted");
	(void)printf("figure: a boot that panics was given up after %llu ms\n",
		     (unsigned long long)took);
	if (!strstr(in.err.text, "VMM exited:0") || !strstr(in.err.text, "console.log"))
		fail_msg("no fate, no log: %s", in.err.text);
	if (took > STEP_MS)
		fail_msg("it took %llu ms: %s", (unsigned long long)took, in.err.text);
}

/* ---- the world ---- */

static int setup(void **state)
{
	inside_fleet(&in);
	return get_guest(state);
}

static int teardown(void **state)
{
	(void)state;
	agent_result_free(&fx.r);
	fleet_free(&in.fleet);
	return 0;
}

static int inner(void *arg)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_exit_codes_and_signals, get_guest),
		cmocka_unit_test_setup(test_deadline_ends_a_job, get_guest),
		cmocka_unit_test_setup(test_deadline_ends_a_job_that_ignores_sigterm, get_guest),
		cmocka_unit_test_setup(test_flood_is_an_output_limit, get_guest),
		cmocka_unit_test_setup(test_push_and_pull, get_guest),
		cmocka_unit_test_setup(test_reconnect_loses_nothing_silently, get_guest),
		cmocka_unit_test_setup(test_reset_kills_jobs_of_an_earlier_host, get_guest),
		cmocka_unit_test_setup(test_round_trip, get_guest),
		cmocka_unit_test_setup(test_watch_ends_a_wait, get_guest),
		cmocka_unit_test_setup(test_paused_guest_is_hung, get_guest),
		cmocka_unit_test_setup(test_pause_without_reattach, get_guest),
		cmocka_unit_test_setup(test_panic_is_no_timeout, get_guest),
		cmocka_unit_test_setup(test_killed_vmm_is_no_timeout, get_guest),
		cmocka_unit_test_setup(test_restore_of_each_kind, get_guest),
		cmocka_unit_test(test_boot_that_fails_is_told),
	};

	(void)arg;
	if (inside_open(&in) < 0)
		return 1;
	(void)printf("figure: accelerator %s\n", in.accelerator);
	return cmocka_run_group_tests_name("real_agent", tests, setup, teardown) ? 1 : 0;
}

int main(void)
{
	return inside_run(&in, "agent", inner);
}
