// SPDX-License-Identifier: Apache-2.0
/*
 * Observed passes with real guests and real daemons: the relay between them counts what each mode
 * is known to ask for, the same each time, changes nothing of what the guest reads, and takes
 * nobody down but the pass it is in.
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "real_guest.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "relay/relay.h"
#include "workload/workload.h"

#define ARGS(...)  ((const char *const[]){ __VA_ARGS__, NULL })
#define RUN_MS	   600000
#define REACH_MS   60000
#define GONE_MS	   10000
#define OBSERVED   2
#define READ_BYTES (16 * MIB) /* of a larger file, each time */
#define READ_SIZE  (128 * KIB)

/* Two observed passes of each mode; one VMM and kernel for all, the other ones for one mode each. */
static const char count_plan[] =
	"title = \"counts\"\nrounds = 1\nobserved = 2\ntime_ms = 100\nseed = 1\n"
	"cells \"Rust\" {\n\tstacks = {\"rust-trixie\", \"rust-sid\"}\n"
	"\tvmms = {\"qemu-backports\"}\n\tkernels = {\"bookworm\"}\n"
	"\tcaches = {\"never\", \"metadata\", \"auto\", \"always\"}\n"
	"\tworkloads = {\"ops-reference\"}\n}\n"
	"cells \"C\" {\n\tstacks = {\"c-bookworm\"}\n"
	"\tvmms = {\"qemu-backports\"}\n\tkernels = {\"bookworm\"}\n"
	"\tcaches = {\"none\", \"auto\", \"always\"}\n"
	"\tworkloads = {\"ops-reference\"}\n}\n"
	"cells \"other VMM, other kernel\" {\n\tstacks = {\"c-bookworm\", \"rust-sid\"}\n"
	"\tvmms = {\"qemu-bookworm\"}\n\tkernels = {\"backports\"}\n"
	"\tcaches = {\"auto\"}\n\twriteback = {\"on\"}\n"
	"\tworkloads = {\"ops-reference\"}\n}\n"
	"cells \"no device\" {\n\tstacks = {\"null\"}\n\tworkloads = {\"ops-reference\"}\n}\n";

/*
 * What a mode asks for when the first 16 MiB of a file are read twice and its name is asked for
 * five times. Each read is 128 requests of 128 KiB; with a page cache, read-ahead makes one more
 * past what was read. Without validity each use of the name looks it up (7), and so does each
 * question for an attribute: of the folder for each name and for itself (7 + 1), of the file for
 * each open() and stat() (2 + 5). What was seen with 1.14.0 before this project began is the same.
 */
static const struct expected {
	const char *cache;
	int reads, lookups, getattrs;
} expected[] = {
	{ "none", 256, 7, 15 }, { "never", 256, 7, 15 }, { "metadata", 256, 1, 2 },
	{ "auto", 258, 1, 2 },	{ "always", 129, 1, 2 },
};

static struct {
	char dir[PATH_MAX];
	char out[PATH_MAX];
	char log[PATH_MAX];
	json_t *run;
	struct proc driver;
	struct err err;
} fx;

static void fine(int e)
{
	if (e < 0)
		fail_msg("%s", fx.err.text);
}

static double number(json_t *j, const char *path)
{
	double value;

	return json_number_at(j, path, &value) == 0 ? value : -1;
}

static json_t *find_metric(json_t *cell, const char *name)
{
	size_t i;
	json_t *m;

	json_array_foreach(json_object_get(cell, "metrics"), i, m)
		if (strcmp(json_str_at(m, "name", ""), name) == 0)
			return m;
	return NULL;
}

/* One sample of a metric; -1 when there is none. */
static double sample(json_t *cell, const char *name, size_t index)
{
	json_t *m = find_metric(cell, name);

	return m && json_array_size(json_object_get(m, "samples")) == OBSERVED
		       ? json_number_value(json_array_get(json_object_get(m, "samples"), index))
		       : -1;
}

typedef void check_fn(const char *id, json_t *cell);

/* Cells with a relay: of sid's daemon too, unless set-up left that optional root out. */
static size_t counted_cells(void)
{
	if (!real_root_absent("sid"))
		return 13;
	(void)printf("not tried: the daemon of sid, whose root set-up left out\n");
	return 8;
}

/* All cells that have a relay, each with its check; how many there were. */
static size_t each_cell(check_fn *check)
{
	size_t count = 0;
	size_t i;
	json_t *id;

	json_array_foreach(json_object_get(fx.run, "cells"), i, id) {
		json_t *cell = NULL;

		fine(real_cell(fx.out, json_string_value(id), &cell, &fx.err));
		if (real_root_absent("sid") &&
		    strcmp(json_str_at(cell, "stack", ""), "rust-sid") == 0) {
			json_decref(cell);
			continue;
		}
		if (strcmp(json_str_at(cell, "status", ""), "ok") != 0)
			fail_msg("%s: %s", json_string_value(id), json_str_at(cell, "reason", "?"));
		if (!json_is_null(json_object_get(cell, "vmm"))) {
			check(json_string_value(id), cell);
			count++;
		}
		json_decref(cell);
	}
	return count;
}

static void check_counts(const char *id, json_t *cell)
{
	const char *cache = json_str_at(cell, "cache", "");
	const struct expected *x = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		if (strcmp(expected[i].cache, cache) == 0)
			x = &expected[i];
	assert_non_null(x);
	(void)printf("figure: %-58s READ %3.0f LOOKUP %1.0f GETATTR %2.0f all %3.0f, kicks %3.0f "
		     "and %3.0f, interrupts %3.0f and %3.0f\n",
		     id, sample(cell, "cold.ops.READ", 0), sample(cell, "cold.ops.LOOKUP", 0),
		     sample(cell, "cold.ops.GETATTR", 0), sample(cell, "cold.ops.all", 0),
		     sample(cell, "cold.kicks", 0), sample(cell, "cold.kicks", 1),
		     sample(cell, "cold.interrupts", 0), sample(cell, "cold.interrupts", 1));
	for (size_t i = 0; i < OBSERVED; i++)
		if (sample(cell, "cold.ops.READ", i) != x->reads ||
		    sample(cell, "cold.ops.LOOKUP", i) != x->lookups ||
		    sample(cell, "cold.ops.GETATTR", i) != x->getattrs)
			fail_msg("%s, pass %zu: READ %.0f LOOKUP %.0f GETATTR %.0f", id, i + 1,
				 sample(cell, "cold.ops.READ", i),
				 sample(cell, "cold.ops.LOOKUP", i),
				 sample(cell, "cold.ops.GETATTR", i));
	assert_true(sample(cell, "mount.ops.INIT", 0) == 1);
	assert_true(sample(cell, "cold.ops.OPEN", 0) == 2);
}

/* Goal: each mode asks for what it is known to ask for. Method: a workload of known calls. */
static void test_each_mode_has_its_counts(void **state)
{
	(void)state;
	assert_int_equal(each_cell(check_counts), counted_cells());
}

static void check_identical(const char *id, json_t *cell)
{
	size_t seen = 0;
	size_t i;
	json_t *m;

	json_array_foreach(json_object_get(cell, "metrics"), i, m) {
		const char *name = json_str_at(m, "name", "");
		json_t *s = json_object_get(m, "samples");

		if (strcmp(json_str_at(m, "kind", ""), "count") != 0)
			continue;
		seen++;
		if (json_array_size(s) != OBSERVED || number(m, "samples[0]") < 0 ||
		    number(m, "samples[0]") != number(m, "samples[1]"))
			fail_msg("%s: %s was %.0f, then %.0f", id, name, number(m, "samples[0]"),
				 number(m, "samples[1]"));
	}
	if (seen < 16)
		fail_msg("%s has %zu counts", id, seen);
}

/* Goal: counts do not depend on time. Method: two observed passes of each cell, every count. */
static void test_counts_are_identical(void **state)
{
	(void)state;
	assert_int_equal(each_cell(check_identical), counted_cells());
}

static void check_bytes(const char *id, json_t *cell)
{
	double expect = sample(cell, "cold.ops.READ", 0) * (double)READ_SIZE;
	double seen = sample(cell, "cold.bytes_from_device", 0);
	json_t *times;

	/* A header of 16 bytes for each reply, and the few attributes. */
	if (seen < expect || seen > expect + 16 * 1024)
		fail_msg("%s: %.0f bytes came, where reads are %.0f", id, seen, expect);
	/* No time of an observed pass is a result. */
	times = find_metric(cell, "cold.run_time");
	assert_non_null(times);
	assert_int_equal(json_array_size(json_object_get(times, "samples")), 1);
}

static void test_bytes_are_those_of_the_file(void **state)
{
	(void)state;
	assert_int_equal(each_cell(check_bytes), counted_cells());
}

static void check_negotiated(const char *id, json_t *cell)
{
	json_t *n = json_object_get(cell, "negotiated");
	bool wb = json_is_true(json_object_get(cell, "writeback"));
	char *names = json_dumps(json_object_get(n, "init_flag_names"), JSON_COMPACT);
	bool has_wb = names && strstr(names, "\"WRITEBACK_CACHE\"");

	free(names);
	if (number(n, "max_write") != (double)MIB || number(n, "max_pages") != 256 ||
	    number(n, "queues") != 2 || number(n, "queue_size") != 128 ||
	    strncmp(json_str_at(n, "fuse", ""), "7.", 2) != 0 ||
	    strcmp(json_str_at(n, "virtio_features", ""), "0x170000000") != 0 || has_wb != wb)
		fail_msg("%s: not what was negotiated (see cell.json)", id);
}

static void test_negotiation_is_recorded(void **state)
{
	(void)state;
	assert_int_equal(each_cell(check_negotiated), counted_cells());
}

/* As in workloads/src/wl-ops.c: FNV-1a, 64 bit. */
static uint64_t checksum(const struct buf *b)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < READ_BYTES; i++)
		sum = (sum ^ (uint8_t)b->data[i]) * UINT64_C(0x100000001b3);
	return sum;
}

static int host_checksum(char *ret, size_t size)
{
	CLEANUP(freep) char *path = fs_path("%s/" WORKLOAD_DATA, fx.dir);
	CLEANUP(buf_free) struct buf data = { 0 };
	uint64_t bytes;
	int e = workload_lay_out(workload_find("ops-reference"), "build/guest", fx.dir, &bytes,
				 &fx.err);

	if (e == 0)
		e = path ? fs_read(path, 64 * MIB, &data, &fx.err) : -ENOMEM;
	if (e == 0 && data.size < READ_BYTES)
		e = err_set(&fx.err, -EIO, "the data file has %zu bytes", data.size);
	if (e == 0)
		(void)snprintf(ret, size, "%016llx", (unsigned long long)checksum(&data));
	if (path)
		(void)unlink(path);
	return e;
}

static char host_sum[32];

static void check_data(const char *id, json_t *cell)
{
	(void)cell;
	for (unsigned i = 1; i <= OBSERVED; i++) {
		char path[PATH_MAX + 256];
		json_t *j = NULL;
		char sum[32];

		(void)snprintf(path, sizeof(path), "%s/cells/%s/o%u/program-cold.json", fx.out, id,
			       i);
		fine(json_load_path(path, &j, &fx.err));
		(void)snprintf(sum, sizeof(sum), "%s", json_str_at(j, "sum", ""));
		json_decref(j);
		assert_string_equal(sum, host_sum);
	}
}

/* Goal: through the relay the guest reads what the host wrote. Method: a checksum on both sides. */
static void test_data_is_the_hosts(void **state)
{
	(void)state;
	fine(host_checksum(host_sum, sizeof(host_sum)));
	assert_int_equal(each_cell(check_data), counted_cells());
}

/* ---- death in an observed pass ---- */

static const char death_plan[] =
	"title = \"deaths\"\nrounds = 1\nobserved = 1\ntime_ms = 100\ngrace_ms = 30000\nseed = 1\n"
	"cells \"one\" {\n\tstacks = {\"rust-trixie\"}\n"
	"\tvmms = {\"qemu-backports\"}\n\tkernels = {\"bookworm\"}\n"
	"\tcaches = {\"never\"}\n\tworkloads = {\"randread-psync\"}\n}\n";

#define DEATH_CELL "rust-trixie.qemu-backports.never.nowb.none.bookworm.randread-psync"

static bool is_relay(pid_t pid)
{
	CLEANUP(buf_free) struct buf name = { 0 };
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	return fs_read(path, 64, &name, NULL) == 0 &&
	       strncmp(buf_text(&name), RELAY_NAME "\n", strlen(RELAY_NAME) + 1) == 0;
}

static pid_t find_victim(const struct real_tree *t, bool relay)
{
	static const char *const words[] = { "virtiofsd", "--shared-dir=", NULL };
	pid_t daemons[4];
	/* A sandboxed daemon has a parent of the same name; the one that reads is the last. */
	size_t n = relay ? 0 : real_tree_find(t, words, daemons, ARRAY_SIZE(daemons));

	for (size_t i = 0; relay && i < t->count; i++)
		if (is_relay(t->item[i].pid))
			return t->item[i].pid;
	return n ? daemons[n - 1] : 0;
}

/* The relay is there, and the daemon has read for the observed phase. */
static pid_t wait_for_victim(bool relay, struct real_tree *tree)
{
	uint64_t give_up = clock_deadline_ms(REACH_MS);

	while (proc_alive(&fx.driver) && clock_left_ms(give_up) > 0) {
		pid_t daemon;

		real_tree_read(fx.driver.pid, tree);
		daemon = find_victim(tree, false);
		if (find_victim(tree, true) && daemon && real_rchar(daemon) > 4 * MIB)
			return find_victim(tree, relay);
		real_pause();
	}
	return 0;
}

static void die(bool relay, const char *const words[2])
{
	char plan[PATH_MAX + 32], out[PATH_MAX + 32], log[PATH_MAX + 32];
	const char *name = relay ? "relay-dies" : "daemon-dies";
	struct real_tree tree = { 0 };
	json_t *cell = NULL;
	pid_t victim;

	(void)snprintf(plan, sizeof(plan), "%s/%s.conf", fx.dir, name);
	(void)snprintf(out, sizeof(out), "%s/%s", fx.dir, name);
	(void)snprintf(log, sizeof(log), "%s/%s.log", fx.dir, name);
	fine(fs_write_atomic(plan, death_plan, strlen(death_plan), &fx.err));
	fine(real_start_run(ARGS("run", "--plan", plan, "--out", out), out, log, &fx.driver,
			    &fx.err));
	victim = wait_for_victim(relay, &tree);
	assert_true(victim > 0);
	assert_int_equal(kill(victim, SIGKILL), 0);
	if (proc_wait(&fx.driver, clock_deadline_ms(REACH_MS)) < 0)
		fail_msg("the driver goes on (see %s)", log);
	assert_int_equal(real_status(&fx.driver), 3);
	fine(real_wait_gone(&tree, ".", GONE_MS, &fx.err));
	fine(real_cell(out, DEATH_CELL, &cell, &fx.err));
	assert_string_equal(json_str_at(cell, "status", ""), "failed");
	assert_string_equal(json_str_at(cell, "rounds[0].status", ""), "ok");
	assert_string_equal(json_str_at(cell, "rounds[1].kind", ""), "observed");
	for (size_t i = 0; i < 2; i++)
		if (!strstr(json_str_at(cell, "reason", ""), words[i]))
			fail_msg("the reason does not say '%s': %s", words[i],
				 json_str_at(cell, "reason", ""));
	(void)printf("figure: %s: %s\n", name, json_str_at(cell, "reason", ""));
	json_decref(cell);
}

/* Goal: a daemon that dies behind the relay fails its pass, named. Method: SIGKILL in the phase. */
static void test_daemon_dies(void **state)
{
	(void)state;
	die(false, (const char *const[]){ "daemon exited:", "the daemon has left" });
}

/* Goal: so does a relay that dies. */
static void test_relay_dies(void **state)
{
	(void)state;
	die(true, (const char *const[]){ "relay: the relay has ended", "signal:9" });
}

/* ---- the run ---- */

static int setup(void **state)
{
	char plan[PATH_MAX + 32];
	char run_json[PATH_MAX + 32];
	int status = -1;
	int e = real_dir("observe", fx.dir, sizeof(fx.dir), &fx.err);

	(void)state;
	(void)snprintf(plan, sizeof(plan), "%s/counts.conf", fx.dir);
	(void)snprintf(run_json, sizeof(run_json), "%s/run/run.json", fx.dir);
	if (strlen(fx.dir) + 16 > sizeof(fx.out))
		return -1;
	(void)stpcpy(stpcpy(fx.out, fx.dir), "/run");
	(void)stpcpy(stpcpy(fx.log, fx.dir), "/run.log");
	if (e == 0)
		e = fs_write_atomic(plan, count_plan, strlen(count_plan), &fx.err);
	if (e == 0)
		e = real_run(ARGS("run", "--plan", plan, "--out", fx.out), fx.log, RUN_MS, &status,
			     &fx.err);
	if (e == 0 && status != 0)
		e = err_set(&fx.err, -EIO, "the run ended with status %d (see %s)", status, fx.log);
	if (e == 0)
		e = json_load_path(run_json, &fx.run, &fx.err);
	if (e < 0)
		(void)fprintf(stderr, "%s\n", fx.err.text);
	return e < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(fx.run);
	proc_kill(&fx.driver);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_mode_has_its_counts),
		cmocka_unit_test(test_counts_are_identical),
		cmocka_unit_test(test_bytes_are_those_of_the_file),
		cmocka_unit_test(test_negotiation_is_recorded),
		cmocka_unit_test(test_data_is_the_hosts),
		cmocka_unit_test(test_daemon_dies),
		cmocka_unit_test(test_relay_dies),
	};

	return cmocka_run_group_tests_name("real_observe", tests, setup, teardown) ? 1 : 0;
}
