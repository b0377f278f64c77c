// SPDX-License-Identifier: Apache-2.0
/*
 * A pass on virtiofs-refdev with a DAX window that is too small for the file, in a real guest: what the
 * device counts is in the recording, over time and in the end exactly as its counters file has it, and is
 * what the relay has counted. No cmocka assert runs while a CLEANUP variable is live.
 */
#include "inside.h"
#include "pcp_tool.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "conformance/wire/refdev.h"
#include "record/metrics.h"
#include "run/agree.h"
#include "run/columns.h"
#include "run/observe.h"
#include "run/recording.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fuse.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define STEP_MS	     60000
#define WINDOW_BYTES (16 * MIB)
/* Reads four windows. */
#define WORKLOAD  "window-seq-read-64m"
#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static struct inside in;

static struct {
	json_t *record; /* record.json */
	json_t *relay;	/* snapshot at rest, before the recording ended */
	struct refdev_counters device;
	struct proc_output shown; /* what virtiofs-refdev --show-counters said at that moment */
	struct pass_result wrong; /* of a border where a counter was changed */
	struct pcp_tool pcp;
} fx;

static void fine(int e)
{
	if (e < 0)
		fail_msg("error %d: %s", e, in.err.text);
}

static struct cell cell_of(enum cache_mode cache)
{
	struct cell c = {
		.stack = stack_find("refdev"),
		.vmm = vmm_find("qemu-backports"),
		.kernel = kernel_find("bookworm"),
		.cache = cache,
		.dax = DAX_ALWAYS,
		.window_bytes = WINDOW_BYTES,
		.workload = workload_find(WORKLOAD),
	};

	cell_name(&c);
	return c;
}

static struct pass_context context_of(unsigned serial)
{
	return (struct pass_context){ .world = &in.world,
				      .fleet = &in.fleet,
				      .time_ms = 1000,
				      .grace_ms = STEP_MS,
				      .serial = serial };
}

/* ---- the pass ---- */

static void linger(unsigned ms)
{
	const struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&ts, NULL);
}

/* The file, which is larger than the window, read by the guest. */
static int read_file(struct session *s)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", s->place.dir, WORKLOAD_DATA);
	int e = recording_phase(s->recording, "cold", &in.err);

	if (e == 0)
		e = path ? place_read(&s->place, path, &in.err) : -ENOMEM;
	linger(500);
	return e;
}

/* One request more, as if the device had lost count: the next border must say so. */
static int change_counter(const struct session *s)
{
	CLEANUP(fd_closep) int fd = open(s->counters, O_RDWR | O_CLOEXEC);
	uint64_t n = fx.device.op[FUSE_STATFS].requests + 1;
	off_t at = offsetof(struct refdev_counters, op[FUSE_STATFS].requests);

	return fd >= 0 && pwrite(fd, &n, sizeof(n), at) == sizeof(n)
		       ? 0
		       : err_errno(&in.err, -errno, "cannot change %s", s->counters);
}

/* What somebody without this suite would be told. */
static int show_counters(const struct session *s)
{
	static char refdev[] = "build/virtiofs-refdev", show[] = "--show-counters";
	CLEANUP(freep) char *option = fs_path("--counters=%s", s->counters);
	char *argv[] = { refdev, option, show, NULL };
	const struct proc_spec spec = { .argv = argv };

	return option ? proc_run(&spec, MIB, clock_deadline_ms(STEP_MS), &fx.shown, &in.err)
		      : -ENOMEM;
}

static int look_and_stop(struct session *s)
{
	struct observation o = { 0 };
	int e = agree_snapshot(s, clock_deadline_ms(STEP_MS), &fx.relay, &fx.device, &in.err);

	if (e == 0)
		e = show_counters(s);
	if (e == 0)
		e = recording_stop(s->recording, false, &fx.record, &in.err);
	if (e == 0)
		e = change_counter(s);
	if (e == 0) {
		(void)!observe_before(&o, s, &fx.wrong);
		observe_finish(&o, s, &fx.wrong);
	}
	return e;
}

static int run_pass(const char *dir)
{
	struct recording rec = { 0 };
	struct cell c = cell_of(CACHE_AUTO);
	struct pass_context ctx = context_of(1);
	struct session s = { .cell = &c, .dir = dir, .observed = true, .recording = &rec };
	struct pass_result r = { 0 };
	int e = fs_mkdirs(dir, 0755, &in.err);

	if (e == 0)
		e = session_open(&ctx, &s, &r);
	if (e < 0)
		(void)err_set(&in.err, e, "%s", r.reason);
	if (e == 0)
		e = read_file(&s);
	if (e == 0)
		e = look_and_stop(&s);
	if (e < 0)
		(void)!recording_stop(&rec, true, NULL, NULL);
	session_close(&ctx, &s, &r);
	if (e == 0 && r.status == PASS_FAILED)
		e = err_set(&in.err, -EIO, "after the recording: %s", r.reason);
	pass_result_free(&r);
	return e;
}

/* ---- what is in the archive ---- */

static const char *dump(const char *archive, const char *metric)
{
	fine(pcp_tool_run(&fx.pcp, "pmdumplog", LIST("-z"), archive, LIST(metric), &in.err));
	if (fx.pcp.o.status != 0)
		fail_msg("pmdumplog finds no %s: %s", metric, buf_text(&fx.pcp.o.err));
	return buf_text(&fx.pcp.o.out);
}

static uint64_t counter_at(size_t offset)
{
	uint64_t n;

	memcpy(&n, (const uint8_t *)&fx.device + offset, sizeof(n));
	return n;
}

#define ALL(name, field, low)                                                    \
	{                                                                        \
		RECORD_DEVICE name, offsetof(struct refdev_counters, field), low \
	}

/* The last value of each metric is that of the file; what the pass must have moved has moved. */
static void test_values_are_the_files(void **state)
{
	static const struct {
		const char *metric;
		size_t offset;
		double low; /* at least, after four windows were read */
	} rows[] = {
		ALL("payload.read", bytes_read, 0),
		ALL("payload.written", bytes_written, 0),
		ALL("kicks", kicks, 10),
		ALL("interrupts", interrupts, 10),
		ALL("window.setups", setups, 32),
		ALL("window.removals", removals, 24),
		ALL("window.upgrades", upgrades, 0),
		ALL("window.refused", refused, 0),
		ALL("window.mappings", live, 0),
		ALL("window.mapped", live_bytes, 0),
		ALL("window.mapped_max", live_bytes_max, WINDOW_BYTES / 2.0),
		ALL("window.map_time", map_ns, 32 * 1000),
		ALL("window.unmap_time", unmap_ns, 24 * 1000),
		ALL("window.setup_time", setup_ns, 32 * 1000),
		ALL("window.setup_wait_time", setup_wait_ns, 0),
		ALL("window.setup_told_time", setup_told_ns, 0),
		ALL("window.tail_shadow", tail_shadow, 0),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pcp_values v = pcp_values_of(dump("o1/pcp-host", rows[i].metric));
		double want = (double)counter_at(rows[i].offset);

		if (v.count < 10 || v.last != want || v.last < rows[i].low)
			fail_msg("%s: %zu values, the last %.0f; the file: %.0f, at least %.0f",
				 rows[i].metric, v.count, v.last, want, rows[i].low);
	}
	assert_true(pcp_values_of(dump("o1/pcp-host", RECORD_DEVICE "window.size")).last ==
		    (double)WINDOW_BYTES);
	assert_true(fx.device.setups == fx.device.removals + fx.device.live);
	assert_true(fx.device.setup_ns >= fx.device.map_ns);
	(void)printf("figure: %llu setups, %llu removals, map %llu us, unmap %llu us each\n",
		     (unsigned long long)fx.device.setups, (unsigned long long)fx.device.removals,
		     (unsigned long long)(fx.device.map_ns / fx.device.setups / 1000),
		     (unsigned long long)(fx.device.unmap_ns / fx.device.removals / 1000));
}

/* By opcode, each metric; an opcode that came has all of them, one that did not has none. */
static void test_opcodes_are_the_files(void **state)
{
	static const struct {
		const char *metric;
		size_t offset;
	} rows[] = {
		{ RECORD_DEVICE "ops", offsetof(struct refdev_opcode_counters, requests) },
		{ RECORD_DEVICE "errors", offsetof(struct refdev_opcode_counters, errors) },
		{ RECORD_DEVICE "time", offsetof(struct refdev_opcode_counters, ns) },
		{ RECORD_DEVICE "bytes_in", offsetof(struct refdev_opcode_counters, bytes_in) },
		{ RECORD_DEVICE "bytes_out", offsetof(struct refdev_opcode_counters, bytes_out) },
	};
	size_t came = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *text = dump("o1/pcp-host", rows[i].metric);

		for (uint32_t op = 0; op < REFDEV_OPCODES; op++) {
			struct pcp_values v = pcp_instance_of(text, column_opcode_name(op));
			double want = (double)counter_at(offsetof(struct refdev_counters, op) +
							 op * sizeof(fx.device.op[0]) +
							 rows[i].offset);
			bool seen = fx.device.op[op].requests > 0;

			came += seen;
			if ((v.count >= 10) != seen || (!seen && v.count) ||
			    (seen && (v.last != want || v.lowest != v.first)))
				fail_msg("%s[%s]: %zu values, the last %.0f; the file: %.0f",
					 rows[i].metric, column_opcode_name(op), v.count, v.last,
					 want);
		}
	}
	(void)printf("figure: %zu values of opcodes in the archive are those of the file\n", came);
	assert_true(came >= 5 * ARRAY_SIZE(rows));
}

/* Sampled while it happens: the window fills and is emptied between the first sample and the last. */
static void test_values_are_over_time(void **state)
{
	struct pcp_values v = pcp_values_of(dump("o1/pcp-host", RECORD_DEVICE "window.setups"));

	(void)state;
	assert_true(v.first == 0 && v.lowest == 0 && v.highest == v.last);
	v = pcp_values_of(dump("o1/pcp-host", RECORD_DEVICE "window.mapped"));
	assert_true(v.lowest == 0 && v.highest > 0 &&
		    v.highest <= (double)fx.device.live_bytes_max);
	/* A counter becomes a rate, an instant value stays one. */
	fine(pcp_tool_run(&fx.pcp, "pmval", LIST("-z", "-s", "5", "-t", "0.2", "-a"), "o1/pcp-host",
			  LIST(RECORD_DEVICE "window.setups"), &in.err));
	assert_non_null(strstr(buf_text(&fx.pcp.o.out), "cumulative counter (converting to rate)"));
	assert_non_null(strstr(buf_text(&fx.pcp.o.out), "count / sec"));
	fine(pcp_tool_run(&fx.pcp, "pmval", LIST("-z", "-s", "5", "-t", "0.2", "-a"), "o1/pcp-host",
			  LIST(RECORD_DEVICE "window.mapped"), &in.err));
	assert_non_null(strstr(buf_text(&fx.pcp.o.out), "instantaneous value"));
	assert_non_null(strstr(buf_text(&fx.pcp.o.out), "byte"));
	fine(pcp_tool_run(&fx.pcp, "pmlogcheck", LIST("-w"), "o1/pcp-host", LIST(NULL), &in.err));
	assert_int_equal(fx.pcp.o.status, 0);
	assert_int_equal(fx.pcp.o.out.size + fx.pcp.o.err.size, 0);
	assert_int_equal(json_array_size(json_at(fx.record, "fed.without_values")), 0);
	assert_int_equal(json_integer_value(json_at(fx.record, "fed.bad_lines")), 0);
}

static const char *const sems[] = {
	[RECORD_COUNTER] = "counter",
	[RECORD_INSTANT] = "instant",
	[RECORD_DISCRETE] = "discrete",
};
static const char *const units[] = {
	[UNIT_NONE] = "none",
	[UNIT_COUNT] = "count",
	[UNIT_BYTE] = "byte",
	[UNIT_NSEC] = "nanosec",
};

/* An opcode that every such pass has. */
#define SOME_OPCODE "SETUPMAPPING"

/* The last value in the archive; of that opcode, where there are several. */
static uint64_t archived(const struct record_metric *m)
{
	const char *text = dump("o1/pcp-host", m->name);
	struct pcp_values v = m->indom == RECORD_SINGULAR ? pcp_values_of(text)
							  : pcp_instance_of(text, SOME_OPCODE);

	return (uint64_t)v.last;
}

/* --show-counters has every metric of the archive (but the window's size, which is in no counter), of the same
 * name, semantics, unit and value. */
static void test_shown_is_the_archive(void **state)
{
	const char *text = buf_text(&fx.shown.out);
	const char *prefix = RECORD_DEVICE;
	size_t count, found = 0;
	const struct record_metric *all = record_metrics(&count);

	(void)state;
	if (fx.shown.status != 0)
		fail_msg("--show-counters: %s", buf_text(&fx.shown.err));
	for (size_t i = 0; i < count; i++) {
		const char *name = all[i].name + strlen(prefix);
		bool single = all[i].indom == RECORD_SINGULAR;
		char head[128], value[160], flat[64];

		if (strncmp(all[i].name, prefix, strlen(prefix)) != 0 ||
		    strcmp(name, "window.size") == 0)
			continue;
		(void)snprintf(flat, sizeof(flat), "%s", name);
		for (char *dot = flat; (dot = strchr(dot, '.'));)
			*dot = '_';
		(void)snprintf(head, sizeof(head), "\n# PCP5 %s 0.0.0 u64 PM_INDOM_NULL %s %s\n",
			       name, sems[all[i].sem], units[all[i].unit]);
		(void)snprintf(value, sizeof(value), "\nrefdev_%s%s %llu\n", flat,
			       single ? "" : "{opcode=\"" SOME_OPCODE "\"}",
			       (unsigned long long)archived(&all[i]));
		if (!strstr(text, head) || !strstr(text, value))
			fail_msg("no%sor no%sin %s", head, value, text);
		found++;
	}
	for (const char *at = text; (at = strstr(at, "# PCP5 ")); at++)
		found--;
	assert_int_equal(found, 0);
}

/* ---- relay and device ---- */

static void test_relay_and_device_agree(void **state)
{
	json_t *total = json_object_get(fx.relay, "total");
	const char *text = dump("o1/pcp-host", RECORD_OPS);

	(void)state;
	fine(agree_compare(total, &fx.device, &in.err));
	for (uint32_t op = 0; op < REFDEV_OPCODES; op++)
		if (fx.device.op[op].requests &&
		    pcp_instance_of(text, column_opcode_name(op)).last !=
			    (double)fx.device.op[op].requests)
			fail_msg("%s is not what the device has", column_opcode_name(op));
}

/* The border after a counter was changed fails the pass, and says which. */
static void test_a_wrong_count_fails_the_pass(void **state)
{
	char words[96];

	(void)state;
	(void)snprintf(words, sizeof(words), "STATFS: the relay %llu, the device %llu",
		       (unsigned long long)fx.device.op[FUSE_STATFS].requests,
		       (unsigned long long)fx.device.op[FUSE_STATFS].requests + 1);
	assert_int_equal(fx.wrong.status, PASS_FAILED);
	if (!strstr(fx.wrong.reason, words))
		fail_msg("'%s' does not say '%s'", fx.wrong.reason, words);
	assert_null(fx.wrong.evidence);
}

static bool has_evidence(const struct pass_result *r)
{
	json_t *item;
	size_t i;

	json_array_foreach(r->evidence, i, item)
		if (strstr(json_str_at(item, "what", ""), "the device's own") &&
		    strncmp(json_str_at(item, "seen", ""), "equal at 2 borders", 18) == 0 &&
		    strcmp(json_str_at(item, "file", ""), "ops.json") == 0)
			return true;
	return false;
}

/* The driver's own passes compare at every border (one phase has two), keep both counts, and say so. */
static void test_passes_of_the_driver(void **state)
{
	struct cell c = cell_of(CACHE_ALWAYS);
	struct pass_context ctx = context_of(2);
	struct pass_result r = { 0 };
	char dir[PATH_MAX + 16], file[PATH_MAX + 32];
	json_t *ops = NULL;

	(void)state;
	(void)snprintf(dir, sizeof(dir), "%s/observed", in.dir);
	(void)snprintf(file, sizeof(file), "%s/ops.json", dir);
	fine(fs_mkdirs(dir, 0755, &in.err));
	pass_run(&ctx, &c, PASS_OBSERVED, dir, &r);
	if (r.status != PASS_OK)
		fail_msg("%s", r.reason);
	if (!has_evidence(&r))
		fail_msg("evidence: %s", json_dumps(r.evidence, JSON_COMPACT));
	fine(json_load_path(file, &ops, &in.err));
	assert_true(json_object_size(json_at(ops, "device.ops")) >= 5);
	assert_true(json_equal(json_at(ops, "device.ops"), json_at(ops, "total.ops")));
	assert_true(json_equal(json_at(ops, "device.requests"), json_at(ops, "total.requests")));
	assert_int_equal(json_integer_value(json_at(ops, "compared")), 2);
	json_decref(ops);
	pass_result_free(&r);
}

/* ---- the world ---- */

static int setup(void **state)
{
	char dir[PATH_MAX + 8];
	int e;

	(void)state;
	inside_fleet(&in);
	(void)snprintf(dir, sizeof(dir), "%s/o1", in.dir);
	e = pcp_tool_open(&fx.pcp, in.dir, &in.err);
	if (e == 0)
		e = run_pass(dir);
	if (e < 0)
		(void)fprintf(stderr, "%s\n", in.err.text);
	return e < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	fleet_free(&in.fleet);
	json_decref(fx.record);
	json_decref(fx.relay);
	pass_result_free(&fx.wrong);
	proc_output_free(&fx.shown);
	return pcp_tool_close(&fx.pcp) < 0 ? -1 : 0;
}

static int inner(void *arg)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_are_the_files),
		cmocka_unit_test(test_opcodes_are_the_files),
		cmocka_unit_test(test_values_are_over_time),
		cmocka_unit_test(test_shown_is_the_archive),
		cmocka_unit_test(test_relay_and_device_agree),
		cmocka_unit_test(test_a_wrong_count_fails_the_pass),
		cmocka_unit_test(test_passes_of_the_driver),
	};

	(void)arg;
	if (inside_open(&in) < 0)
		return 1;
	return cmocka_run_group_tests_name("real_device", tests, setup, teardown) ? 1 : 0;
}

int main(void)
{
	return inside_run(&in, "device", inner);
}
