// SPDX-License-Identifier: Apache-2.0
/*
 * Hard times with a DAX window and a real QEMU: VMMs that are stopped, reset or killed under load, daemons that
 * are killed, a host that runs out of things; and QEMU's own failures, which are named. What needs no VMM is in
 * conformance/test/device_robust*.c. All of it happens in one isolated process, one step after the other; each test
 * then judges what a step has written down. No cmocka assert runs while a CLEANUP variable is live.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/isolate.h"
#include "base/json.h"
#include "robust_rig.h"
#include "run/backend.h"
#include "run/vmm_fate.h"

#define LOG_DIR "build/test/real/dax-robust"
#define NOTES	LOG_DIR "/notes.json"
#define SHARE	WORLD_SHARE "/robust"
#define TMPFS	WORLD_SHARE "/small"
#define SMALL	TMPFS "/share"
#define MNT	SESSION_MOUNT
#define LEFT	"the front end has left"
/* Of mappings: an arena of the allocator or two. The first guest also brings stacks and arenas of its threads. */
#define SLACK	    4
#define FIRST_SLACK 24
#define END_MS	    10000
/* Pieces of 2 MiB in the window of the daemon that stays. */
#define RANGES 32

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* ---- what all steps have in common ---- */

static struct rig_holds idle; /* the daemon before the first guest came */

/* Nothing is left of a guest that has gone; the last of it may go a moment after the line in the log. */
static int is_idle(struct rig *r, const struct rig_holds *was, unsigned slack)
{
	uint64_t deadline_ns = clock_deadline_ms(END_MS);
	struct rig_holds now;
	struct counters c;

	do {
		real_pause();
		rig_holds(r, &now);
		NEED(r, rig_counters(r, &c) == 0);
	} while ((c.live > 0 || now.fds > was->fds || now.maps > was->maps + slack) &&
		 clock_left_ms(deadline_ns) > 0);
	(void)json_object_set_new(r->note, "held",
				  json_sprintf("processes %u %u, fds %u %u, maps %u %u",
					       was->processes, now.processes, was->fds, now.fds,
					       was->maps, now.maps));
	NEED(r, c.live == 0 && c.setups == c.removals);
	NEED(r, now.processes == was->processes);
	NEED(r, now.fds <= was->fds && now.maps <= was->maps + slack);
	return 0;
}

/* A guest maps, the host changes a byte, the guest sees it: the device works from end to end. */
static int is_mapped(struct rig *r, uint8_t byte)
{
	NEED(r, rig_put(r, "held", 5 * MIB + 7, byte) == 0);
	NEED(r, rig_look(r, 5 * MIB + 7) == byte);
	return 0;
}

static int works(struct rig *r, uint8_t byte)
{
	NEED(r, rig_guest(r) == 0 && rig_plug(r, RIG_PLAIN) == 0);
	NEED(r, rig_hold(r, MNT "/held") == 0);
	return is_mapped(r, byte);
}

/* Why the pass of a harness would have failed here. */
static void tell_fate(struct rig *r)
{
	const struct cell c = { .vmm = &r->vmm, .window_bytes = r->window_bytes };
	struct session s = { .cell = &c, .guest = r->g };
	struct pass_result result = { 0 };

	pass_fail(&result, "the guest does not answer");
	vmm_fate_append(&s, &result);
	(void)json_object_set_new(r->note, "reason", json_string(result.reason));
	pass_result_free(&result);
}

/* ---- one daemon that stays, and VMMs that come and go ---- */

static int begin(struct rig *r)
{
	NEED(r, rig_guest(r) == 0);
	NEED(r, rig_serve(r, SHARE, RANGES * 2 * MIB, WORDS("--keep")) == 0);
	NEED(r, rig_file(r, "held", 16 * MIB, false) == 0);
	NEED(r, rig_file(r, "load", 24 * MIB, false) == 0);
	NEED(r, rig_file(r, "holes", 3072 * MIB, true) == 0);
	rig_holds(r, &idle);
	NEED(r, r->tree.count >= 2 && idle.fds > 5);
	return works(r, 1);
}

#define ROUND_HOLES(bytes)                                                                     \
	"fio --name=x --filename=" MNT "/holes --size=3g --io_size=" bytes " --rw=read:2044k " \
	"--bs=4k --ioengine=psync --thread --output=/dev/null"

/* Far more pieces than ranges: each is mapped, and another one goes for it. What is held does not grow with that. */
static int thousands(struct rig *r)
{
	struct rig_holds full, after;
	struct counters c[2];

	NEED(r, rig_shell(r, ROUND_HOLES("200k"), 60000) == 0);
	rig_holds(r, &full);
	NEED(r, rig_counters(r, &c[0]) == 0);
	NEED(r, rig_shell(r, ROUND_HOLES("4m"), 90000) == 0);
	NEED(r, rig_counters(r, &c[1]) == 0);
	rig_holds(r, &after);
	(void)json_object_set_new(r->note, "setups",
				  json_integer((json_int_t)(c[1].setups - c[0].setups)));
	(void)json_object_set_new(
		r->note, "held",
		json_sprintf("fds %u %u, maps %u %u", full.fds, after.fds, full.maps, after.maps));
	NEED(r, c[1].setups - c[0].setups >= 1000 && c[1].live <= RANGES);
	NEED(r, c[1].setups == c[1].removals + c[1].live);
	/* The guest gives ranges back when it likes: that many may be mapped or not. */
	NEED(r, after.fds <= full.fds + SLACK && after.maps <= full.maps + RANGES + SLACK);
	return is_mapped(r, 2);
}

static int stop_cont(struct rig *r)
{
	struct counters c[2];

	NEED(r, rig_load(r, MNT) == 0);
	for (int i = 0; i < 5; i++) {
		NEED(r, rig_qmp(r, "stop", NULL) == 0 && rig_qmp(r, "cont", NULL) == 0);
		NEED(r, is_mapped(r, (uint8_t)(10 + i)) == 0);
	}
	NEED(r, rig_counters(r, &c[0]) == 0 && c[0].live > 7);
	/* What was in flight has ended: names are still made and removed. */
	for (uint64_t end = clock_deadline_ms(END_MS);; real_pause()) {
		NEED(r, rig_counters(r, &c[1]) == 0);
		if (c[1].requests > c[0].requests + 50)
			return 0;
		NEED(r, clock_left_ms(end) > 0);
	}
}

static int vmm_killed(struct rig *r)
{
	NEED(r, kill(r->g->guest.vmm.pid, SIGKILL) == 0);
	NEED(r, rig_wait_log(r, LEFT, 1) == 0);
	rig_drop(r);
	NEED(r, is_idle(r, &idle, FIRST_SLACK) == 0);
	/* What threads have of their own is there now, and must not grow with the next guest. */
	rig_holds(r, &idle);
	return works(r, 3);
}

/* A QEMU that survives this has lost the mappings all the same, and the daemon with it. */
static int reset(struct rig *r)
{
	struct counters c;

	NEED(r, rig_load(r, MNT) == 0);
	NEED(r, rig_qmp(r, "set-action", json_pack("{s:s}", "reboot", "reset")) == 0);
	NEED(r, rig_qmp(r, "system_reset", NULL) == 0);
	if (proc_wait(&r->g->guest.vmm, clock_deadline_ms(END_MS)) == 0) {
		tell_fate(r);
		NEED(r, rig_wait_log(r, LEFT, 2) == 0);
		rig_drop(r);
		NEED(r, is_idle(r, &idle, SLACK) == 0);
	} else {
		NEED(r, rig_counters(r, &c) == 0 && c.live == 0);
		rig_drop(r);
		NEED(r, rig_wait_log(r, LEFT, 2) == 0);
	}
	return works(r, 4);
}

/* Reads of what is mapped go on, a name that is asked for is an error, and nobody waits for ever. */
static int share_deleted(struct rig *r)
{
	NEED(r, fs_remove_tree(r->share, &r->err) == 0);
	NEED(r, rig_look(r, 5 * MIB + 7) == 4);
	NEED(r, rig_shell(r, "! cat " MNT "/load && ! touch " MNT "/new", 10000) == 0);
	NEED(r, real_said(r->log, "the shared folder was removed"));
	NEED(r, rig_look(r, 5 * MIB + 8) == 0x5a);
	return 0;
}

static int end_daemon(struct rig *r)
{
	rig_drop(r);
	NEED(r, rig_wait_log(r, LEFT, 3) == 0);
	NEED(r, rig_end_daemon(r) == 0 && r->daemon.status == 0);
	NEED(r, rig_wait_gone(r, &r->tree) == 0 && !fs_exists(r->socket));
	return 0;
}

/* ---- a host that runs out of things ---- */

static int begin_small(struct rig *r)
{
	NEED(r, fs_mkdirs(TMPFS, 0755, &r->err) == 0);
	NEED(r, mount("small", TMPFS, "tmpfs", MS_NOSUID | MS_NODEV, "size=40m") == 0);
	NEED(r, rig_guest(r) == 0);
	NEED(r, rig_serve(r, SMALL, 4 * MIB, WORDS("--rlimit-nofile=64")) == 0);
	return rig_plug(r, RIG_PLAIN);
}

/* Two ranges, six users who write and check what they wrote. */
static int starved(struct rig *r)
{
	struct counters c;

	NEED(r,
	     rig_shell(
		     r,
		     "fio --name=x --directory=" MNT " --filename_format=u.\\$jobnum --numjobs=6 "
		     "--size=4m --fallocate=none --create_serialize=1 --rw=randwrite --bs=64k "
		     "--ioengine=mmap --verify=crc32c --verify_fatal=1 --thread --output=/dev/null"
		     " && rm " MNT "/u.*",
		     60000) == 0);
	NEED(r, rig_counters(r, &c) == 0 && c.setups > 12 && c.live_bytes_max <= 4 * MIB);
	(void)json_object_set_new(r->note, "setups", json_integer((json_int_t)c.setups));
	return 0;
}

/* Room that is given back is there a moment later: the guest forgets a file on a queue of its own. */
static int disk_full(struct rig *r)
{
	NEED(r, rig_shell(r,
			  "! dd if=/dev/zero of=" MNT "/big bs=1M count=64 2>/tmp/why && "
			  "grep -q 'No space left' /tmp/why && rm " MNT "/big && i=0 && "
			  "until echo x >" MNT "/x; do i=$((i + 1)); [ $i -lt 100 ] || exit 1; "
			  "sleep 0.1; done; grep x " MNT "/x && rm " MNT "/x; echo $i",
			  30000) == 0);
	NEED(r, real_said(r->log, "is full"));
	return 0;
}

static int few_files(struct rig *r)
{
	NEED(r,
	     rig_shell(
		     r,
		     "cd " MNT
		     "; i=0; while [ $i -lt 100 ]; do echo x 2>/dev/null >f$i || n=$((n + 1)); "
		     "i=$((i + 1)); done; [ \"$n\" -gt 10 ] && [ \"$n\" -lt 90 ] && cd / && i=0 && "
		     "until echo 3 >/proc/sys/vm/drop_caches && echo y >" MNT "/y; do "
		     "i=$((i + 1)); [ $i -lt 100 ] || exit 1; sleep 0.1; done; grep y " MNT "/y",
		     30000) == 0);
	NEED(r, real_said(r->log, "--rlimit-nofile"));
	return 0;
}

/* A daemon that does not wait for the next one: its VMM is killed, and nothing of it is left. */
static int leaves(struct rig *r)
{
	NEED(r, kill(r->g->guest.vmm.pid, SIGKILL) == 0);
	NEED(r, proc_wait(&r->daemon, clock_deadline_ms(END_MS)) == 0 && r->daemon.status == 0);
	NEED(r, rig_wait_gone(r, &r->tree) == 0 && !fs_exists(r->socket));
	rig_drop(r);
	NEED(r, umount2(TMPFS, 0) == 0);
	return 0;
}

/* ---- failures of QEMU, met on purpose ---- */

/* A socket that connects again finds a second daemon where the first one was killed. */
static int reconnect(struct rig *r)
{
	NEED(r, rig_guest(r) == 0);
	NEED(r, rig_serve(r, SHARE, RANGES * 2 * MIB, WORDS("--keep")) == 0);
	NEED(r, rig_plug(r, RIG_RECONNECTS) == 0);
	proc_kill(&r->daemon);
	NEED(r, rig_wait_gone(r, &r->tree) == 0);
	r->serial--;
	NEED(r, rig_serve(r, SHARE, RANGES * 2 * MIB, WORDS("--keep")) == 0);
	NEED(r, proc_wait(&r->g->guest.vmm, clock_deadline_ms(END_MS)) == 0);
	tell_fate(r);
	rig_drop(r);
	NEED(r, rig_end_daemon(r) == 0);
	return 0;
}

static json_t *text_of(json_t *value)
{
	CLEANUP(freep) char *text = json_dumps(value, JSON_COMPACT);

	return json_string(text ? text : "");
}

/* One pass of the harness in which @harm is done; what it says in the end is noted. */
static int with_session(struct rig *r, int (*harm)(struct rig *r, struct session *s))
{
	struct cell c = { .stack = stack_find("refdev"),
			  .vmm = &r->vmm,
			  .kernel = kernel_find("backports"),
			  .cache = CACHE_AUTO,
			  .dax = DAX_ALWAYS,
			  .window_bytes = 64 * MIB,
			  .workload = workload_find("metadata") };
	struct pass_context ctx = { .world = &r->world, .fleet = &r->fleet, .serial = ++r->serial };
	struct session s = { .cell = &c, .dir = LOG_DIR };
	struct pass_result result = { 0 };
	int e;

	cell_name(&c);
	e = session_open(&ctx, &s, &result);
	if (e == 0) {
		r->g = s.guest;
		real_tree_read(s.daemon.pid, &r->tree);
		(void)snprintf(r->share, sizeof(r->share), "%.95s", s.share.dir);
		(void)snprintf(r->counters, sizeof(r->counters), "%s", s.counters);
		e = harm(r, &s);
		s.guest_lost = true;
		pass_fail(&result, "the workload was cut off: %.200s", r->err.text);
	}
	session_close(&ctx, &s, &result);
	r->g = NULL;
	(void)json_object_set_new(r->note, "reason", json_string(result.reason));
	(void)json_object_set_new(r->note, "evidence", text_of(result.evidence));
	pass_result_free(&result);
	NEED(r, e == 0);
	NEED(r, rig_wait_gone(r, &r->tree) == 0);
	NEED(r, !fs_exists(s.socket) && !fs_exists(s.counters));
	return 0;
}

static int shorten(struct rig *r, struct session *s)
{
	CLEANUP(freep) char *path = fs_path("%s/held", s->share.dir);

	NEED(r, rig_file(r, "held", 8 * MIB, false) == 0 && rig_hold(r, MNT "/held") == 0);
	NEED(r, rig_look(r, 5 * MIB) == 0x5a && truncate(path, 0) == 0);
	NEED(r, rig_look(r, 5 * MIB) < 0);
	return 0;
}

static int file_shortened(struct rig *r)
{
	return with_session(r, shorten);
}

static int kill_parser(struct rig *r, struct session *s)
{
	pid_t parser = rig_process(r, "virtiofs-refdev");

	(void)s;
	NEED(r, rig_file(r, "load", 24 * MIB, false) == 0 && rig_load(r, MNT) == 0);
	NEED(r, parser > 0 && kill(parser, SIGKILL) == 0);
	NEED(r, rig_shell(r, "cat " MNT "/nothing", 60000) == -EOWNERDEAD);
	return 0;
}

static int daemon_killed(struct rig *r)
{
	return with_session(r, kill_parser);
}

/* ---- the steps, and what is written down of each ---- */

static const struct step {
	const char *name;
	int (*run)(struct rig *r);
	bool fresh; /* needs nothing of the steps before; all others go on where the last one stopped */
} steps[] = {
	{ "begin", begin, true },
	{ "thousands", thousands, false },
	{ "stop_cont", stop_cont, false },
	{ "vmm_killed", vmm_killed, false },
	{ "reset", reset, false },
	{ "share_deleted", share_deleted, false },
	{ "end_daemon", end_daemon, false },
	{ "begin_small", begin_small, true },
	{ "starved", starved, false },
	{ "disk_full", disk_full, false },
	{ "few_files", few_files, false },
	{ "leaves", leaves, false },
	{ "reconnect", reconnect, true },
	{ "file_shortened", file_shortened, true },
	{ "daemon_killed", daemon_killed, true },
};

static int run_step(struct rig *r, const struct step *step)
{
	uint64_t start = clock_now_ns();
	int e;

	if (step->fresh) {
		rig_drop(r);
		proc_kill(&r->daemon);
	}
	r->note = json_object();
	r->err.text[0] = '\0';
	e = step->run(r);
	(void)json_object_set_new(r->note, "error", json_string(e == 0 ? "" : r->err.text));
	(void)json_object_set_new(r->note, "s", json_num(clock_seconds(clock_now_ns() - start)));
	return e;
}

static int inner(void *arg)
{
	static struct rig r;
	json_auto_t *all = json_object();
	struct err err = { 0 };
	bool go = true;
	int e = rig_open(&r, arg, LOG_DIR);

	for (size_t i = 0; e == 0 && i < ARRAY_SIZE(steps); i++) {
		if (!go && !steps[i].fresh)
			continue;
		go = run_step(&r, &steps[i]) == 0;
		(void)json_object_set_new(all, steps[i].name, r.note);
		e = json_save_atomic(NOTES, all, &err);
	}
	rig_close(&r);
	if (e < 0)
		(void)fprintf(stderr, "%s%s\n", r.err.text, err.text);
	return e < 0;
}

static json_t *notes;

static int set_up(void **state)
{
	static char home[4096];
	struct isolate_result how = { 0 };
	struct err err = { 0 };
	char dir[4096];
	int lock = real_lock(&err);
	int e = lock < 0 ? lock : real_dir("dax-robust", dir, sizeof(dir), &err);

	(void)state;
	if (e == 0 && realpath(".", home))
		e = world_prepare(&err);
	if (e == 0)
		e = isolate_run(inner, home, &how, &err);
	if (lock >= 0)
		(void)close(lock);
	if (e == 0 && how.status == 0)
		e = json_load_path(NOTES, &notes, &err);
	if (e < 0 || how.status != 0) {
		(void)fprintf(stderr, "set up: %s\n", err.text);
		return -1;
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	json_decref(notes);
	return 0;
}

static json_t *note_of(const char *name)
{
	json_t *n = json_object_get(notes, name);

	if (!n)
		fail_msg("%s: the step before has failed", name);
	if (json_str_at(n, "error", "?")[0])
		fail_msg("%s: %s (logs: %s)", name, json_str_at(n, "error", "?"), LOG_DIR);
	(void)printf("figure: %s took %.1f s\n", name, json_number_value(json_object_get(n, "s")));
	return n;
}

static void says(json_t *note, const char *key, const char *part)
{
	const char *text = json_str_at(note, key, "");

	if (!strstr(text, part))
		fail_msg("%s does not say \"%s\": %s", key, part, text);
}

#define STEP(name)                            \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		(void)note_of(#name);         \
	}
/* Goals and methods: the steps above. */
STEP(begin)
STEP(thousands)
STEP(stop_cont)
STEP(vmm_killed)
STEP(share_deleted)
STEP(end_daemon)
STEP(begin_small)
STEP(starved)
STEP(disk_full)
STEP(few_files)
STEP(leaves)

/* Goal: a QEMU that dies of a reset is named for it. Method: its fate, as a pass would tell it. */
static void test_reset(void **state)
{
	json_t *n = note_of("reset");

	(void)state;
	if (!json_object_get(n, "reason")) {
		print_message("this QEMU survives a reset with live mappings\n");
		return;
	}
	says(n, "reason", "QEMU 1");
	says(n, "reason", "vmm.reset-maps); the guest does not answer; VMM signal:11");
}

/* Goal: so is one whose socket connects again. Method: the same. */
static void test_reconnect(void **state)
{
	(void)state;
	says(note_of("reconnect"), "reason", "(known failure of the VMM: vmm.reconnect)");
}

/* Goal: through a whole pass as well, and nothing is left of it. Method: session_open() to session_close(). */
static void test_file_shortened(void **state)
{
	json_t *n = note_of("file_shortened");

	(void)state;
	says(n, "reason", "(fits the known failure of the VMM: vmm.file-shortened)");
	says(n, "reason", "VMM signal:7");
	says(n, "evidence",
	     "\"what\":\"known failure of the VMM\",\"seen\":\"vmm.file-shortened\"");
}

/* Goal: a daemon that is killed is the cause, and its VMM is not blamed. Method: the same. */
static void test_daemon_killed(void **state)
{
	json_t *n = note_of("daemon_killed");

	(void)state;
	says(n, "reason", "VMM alive; daemon signal:9");
	assert_null(strstr(json_str_at(n, "reason", ""), "known failure"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_begin),	      cmocka_unit_test(test_thousands),
		cmocka_unit_test(test_stop_cont),     cmocka_unit_test(test_vmm_killed),
		cmocka_unit_test(test_reset),	      cmocka_unit_test(test_share_deleted),
		cmocka_unit_test(test_end_daemon),    cmocka_unit_test(test_begin_small),
		cmocka_unit_test(test_starved),	      cmocka_unit_test(test_disk_full),
		cmocka_unit_test(test_few_files),     cmocka_unit_test(test_leaves),
		cmocka_unit_test(test_reconnect),     cmocka_unit_test(test_file_shortened),
		cmocka_unit_test(test_daemon_killed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down) ? 1 : 0;
}
