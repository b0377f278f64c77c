// SPDX-License-Identifier: Apache-2.0
/*
 * The recording of a pass in a real guest, read back with PCP's own tools (those of the guest image,
 * run through their own loader) and compared with what PCP's own agent for Linux says in that guest.
 * No cmocka assert runs while a CLEANUP variable is live.
 */
#include "inside.h"
#include "pcp_tool.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "metric/residency.h"
#include "record/metrics.h"
#include "relay/relay.h"
#include "run/recording.h"

#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define STEP_MS 60000

struct fixture {
	json_t *record;	   /* content of record.json */
	json_t *relay;	   /* what the relay says it has carried */
	struct buf before; /* values of PCP's agent in the guest, before and after */
	struct buf after;
	struct buf definitions; /* and its definitions */
	double real_start;
	double real_stop;
	double file_bytes;
	struct pcp_tool pcp;
};

static struct inside in;
static struct fixture fx;

static void fine(int e)
{
	if (e < 0)
		fail_msg("error %d: %s", e, in.err.text);
}

static double real_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* ---- tools ---- */

static int tool(const char *name, const char *const *options, const char *archive,
		const char *const *metrics)
{
	return pcp_tool_run(&fx.pcp, name, options, archive, metrics, &in.err);
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static struct pcp_values values_of(const char *archive, const char *metric)
{
	struct pcp_values v;

	fine(tool("pmdumplog", LIST("-z"), archive, LIST(metric)));
	v = pcp_values_of(buf_text(&fx.pcp.o.out));
	if (fx.pcp.o.status != 0 || v.count == 0)
		fail_msg("pmdumplog finds no %s in %s: %s", metric, archive,
			 buf_text(&fx.pcp.o.err));
	return v;
}

/* ---- the pass ---- */

/* What PCP's own agent says in the guest, without its daemon. */
static int ask_pcp(struct agent *a, const char *how, struct buf *ret)
{
	CLEANUP(strv_free) struct strv argv = { 0 };
	struct agent_job job = { .deadline_ms = STEP_MS, .stdout_max = MIB };
	struct agent_result r = { 0 };
	const struct record_metric *all;
	size_t count;
	int e;

	strv_add(&argv, "pminfo");
	strv_add(&argv, "-L");
	strv_add(&argv, how);
	all = record_metrics(&count);
	for (size_t i = 0; i < count; i++)
		if (all[i].domain == RECORD_DOMAIN_LINUX && (!i || all[i].instance_id <= 1))
			strv_add(&argv, all[i].name);
	job.argv = (const char *const *)argv.item;
	e = strv_failed(&argv) ? -ENOMEM : agent_run(a, &job, &r, &in.err);
	if (e == 0 && buf_add(ret, buf_text(&r.out), r.out.size) < 0)
		e = -ENOMEM;
	agent_result_free(&r);
	return e;
}

static int run_phase(struct session *s, struct recording *rec, const char *name)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", s->place.dir, WORKLOAD_DATA);
	int e = recording_phase(rec, name, &in.err);

	if (e == 0 && strcmp(name, "cold") == 0)
		e = residency_drop(s->share.data, &in.err);
	if (e == 0)
		e = path ? place_read(&s->place, path, &in.err) : -ENOMEM;
	return e;
}

/* Something is there for a while, so that a sample sees it. */
static void linger(unsigned ms)
{
	struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&ts, NULL);
}

static int record_pass(struct session *s, bool kill_daemon)
{
	struct recording rec = { 0 };
	int e = ask_pcp(s->place.agent, "-f", &fx.before);
	int e2;

	fx.real_start = real_now();
	if (e == 0)
		e = recording_start(&rec, s, 0, STEP_MS, &in.err);
	if (e == 0)
		linger(500);
	if (e == 0)
		e = run_phase(s, &rec, "cold");
	if (e == 0)
		linger(500);
	if (e == 0 && kill_daemon)
		proc_kill(&s->daemon);
	else if (e == 0)
		e = run_phase(s, &rec, "warm");
	if (e == 0)
		linger(500);
	json_decref(fx.record);
	json_decref(fx.relay);
	fx.record = fx.relay = NULL;
	if (e == 0 && !kill_daemon)
		e = relay_snapshot(s->relay, clock_deadline_ms(STEP_MS), &fx.relay, &in.err);
	e2 = recording_stop(&rec, false, &fx.record, e < 0 ? NULL : &in.err);
	fx.real_stop = real_now();
	if (e == 0 && e2 == 0 && !kill_daemon)
		e = ask_pcp(s->place.agent, "-f", &fx.after);
	if (e == 0 && e2 == 0 && !kill_daemon)
		e = ask_pcp(s->place.agent, "-dm", &fx.definitions);
	return e < 0 ? e : e2;
}

static int run_pass(const char *dir, bool kill_daemon)
{
	struct cell c = {
		.stack = stack_find("rust-trixie"),
		.vmm = vmm_find("qemu-backports"),
		.kernel = kernel_find("bookworm"),
		.cache = CACHE_AUTO,
		.dax = DAX_NONE,
		.workload = workload_find("seqread-psync"),
	};
	struct pass_context ctx = { .world = &in.world,
				    .fleet = &in.fleet,
				    .time_ms = 1000,
				    .grace_ms = 60000,
				    .serial = 1 + kill_daemon };
	struct session s = { .cell = &c, .dir = dir, .observed = true };
	struct pass_result r = { 0 };
	int e = fs_mkdirs(dir, 0755, &in.err);

	cell_name(&c);
	fx.file_bytes = (double)c.workload->file_bytes;
	if (e == 0)
		e = session_open(&ctx, &s, &r);
	if (e == 0)
		e = record_pass(&s, kill_daemon);
	else
		(void)err_set(&in.err, e, "%s", r.reason);
	session_close(&ctx, &s, &r);
	if (e == 0 && !kill_daemon && r.status == PASS_FAILED)
		e = err_set(&in.err, -EIO, "after the recording: %s", r.reason);
	pass_result_free(&r);
	return e;
}

/* ---- tests ---- */

static void test_tools_accept_both(void **state)
{
	static const char *const names[] = { "host", "guest" };
	char archive[32];
	char label[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		(void)snprintf(archive, sizeof(archive), "o1/pcp-%s", names[i]);
		fine(tool("pmlogcheck", LIST("-w"), archive, LIST(NULL)));
		if (fx.pcp.o.status != 0 || fx.pcp.o.out.size || fx.pcp.o.err.size)
			fail_msg("pmlogcheck of %s: %s%s", archive, buf_text(&fx.pcp.o.out),
				 buf_text(&fx.pcp.o.err));
		fine(tool("pmdumplog", LIST("-l"), archive, LIST(NULL)));
		(void)snprintf(label, sizeof(label), "metrics from host %s\n", names[i]);
		if (!strstr(buf_text(&fx.pcp.o.out), label))
			fail_msg("not \"%s\": %s", label, buf_text(&fx.pcp.o.out));
		fine(tool("pmval", LIST("-z", "-s", "3", "-t", "0.2", "-a"), archive,
			  LIST("mem.util.cached")));
		if (fx.pcp.o.status != 0 || !strstr(buf_text(&fx.pcp.o.out), "instantaneous value"))
			fail_msg("pmval of %s: %s%s", archive, buf_text(&fx.pcp.o.out),
				 buf_text(&fx.pcp.o.err));
	}
}

static double time_of(const char *text, const char *word)
{
	const char *at = strstr(text, word);
	double fraction = 0;
	struct tm tm = { 0 };
	char zone[] = "UTC";

	/* "Sun Nov 22 13:17:21.887812 2026" */
	at = at ? strptime(at + strlen(word), " %a %b %d %H:%M:%S", &tm) : NULL;
	if (!at || sscanf(at, "%lf %d", &fraction, &tm.tm_year) != 2)
		fail_msg("no time behind %s in %s", word, text);
	tm.tm_year -= 1900;
	tm.tm_zone = zone;
	return (double)timegm(&tm) + fraction;
}

/* A restored guest's wall clock is not the host's: both archives are on the host's. */
static void test_times_are_the_hosts(void **state)
{
	static const char *const names[] = { "o1/pcp-host", "o1/pcp-guest" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		double begin, end;

		fine(tool("pmdumplog", LIST("-l"), names[i], LIST(NULL)));
		begin = time_of(buf_text(&fx.pcp.o.out), "commencing");
		end = time_of(buf_text(&fx.pcp.o.out), "ending");
		if (begin < fx.real_start || end > fx.real_stop || end - begin < 1.5)
			fail_msg("%s: %.3f to %.3f, recorded between %.3f and %.3f", names[i],
				 begin, end, fx.real_start, fx.real_stop);
	}
}

/* The guest's page cache rises by the file while the host's archive says "cold". */
static void test_phases_and_values(void **state)
{
	struct pcp_values v;
	const char *at;

	(void)state;
	fine(tool("pmdumplog", LIST("-z"), "o1/pcp-host", LIST(RECORD_PHASE)));
	at = strstr(buf_text(&fx.pcp.o.out), "value \"cold\"");
	at = at ? strstr(at, "value \"warm\"") : NULL;
	if (!at || !strstr(at, "value \"end\""))
		fail_msg("phases: %s", buf_text(&fx.pcp.o.out));
	v = values_of("o1/pcp-guest", "mem.util.cached");
	if ((v.last - v.first) * 1024 < 0.95 * fx.file_bytes ||
	    (v.last - v.first) * 1024 > 1.2 * fx.file_bytes)
		fail_msg("guest cache rose by %.0f KiB for %.0f bytes", v.last - v.first,
			 fx.file_bytes);
	v = values_of("o1/pcp-host", "virtiofs_qual.share.cached_bytes");
	/* Whole when it was laid out and when it was read, but for what the host reclaims meanwhile. */
	if (v.first < 0.9 * fx.file_bytes || v.last < 0.9 * fx.file_bytes ||
	    v.highest > fx.file_bytes)
		fail_msg("share: %.0f .. %.0f bytes", v.first, v.last);
	v = values_of("o1/pcp-host", "virtiofs_qual.daemon.cpu");
	assert_true(v.last > v.first && v.lowest == v.first);
	v = values_of("o1/pcp-host", "virtiofs_qual.vmm.cpu");
	assert_true(v.last - v.first > 1e8);
	v = values_of("o1/pcp-host", "virtiofs_qual.vmm.anon");
	assert_true(v.lowest > 1024 && v.highest < INSIDE_MEMORY_MIB * 1024 * 4.0);
	v = values_of("o1/pcp-host", "virtiofs_qual.daemon.fds");
	assert_true(v.lowest >= 3);
}

/* The newest value of an opcode in the archive is what the relay says in the end. */
static void test_operations_are_the_relays(void **state)
{
	json_t *ops = json_at(fx.relay, "total.ops");
	const char *name;
	json_t *count;

	(void)state;
	assert_true(json_object_size(ops) >= 5);
	fine(tool("pmdumplog", LIST("-z"), "o1/pcp-host", LIST(RECORD_OPS)));
	json_object_foreach(ops, name, count) {
		struct pcp_values v = pcp_instance_of(buf_text(&fx.pcp.o.out), name);

		if (v.count == 0 || v.last != (double)json_integer_value(count))
			fail_msg("%s: %zu values, the last %.0f, the relay: %" JSON_INTEGER_FORMAT,
				 name, v.count, v.last, json_integer_value(count));
	}
}

static double number(const char *path)
{
	double n = -1;

	if (json_number_at(fx.record, path, &n) < 0)
		fail_msg("record.json has no %s", path);
	return n;
}

static void test_record_json_counts_what_is_there(void **state)
{
	static const char *const names[] = { "host", "guest" };
	char path[64];
	char archive[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		(void)snprintf(archive, sizeof(archive), "o1/pcp-%s", names[i]);
		(void)snprintf(path, sizeof(path), "%s.samples", names[i]);
		assert_true(number(path) > 10);
		assert_true(number(path) == (double)values_of(archive, "mem.physmem").count);
		(void)snprintf(path, sizeof(path), "%s.bad_lines", names[i]);
		assert_true(number(path) == 0);
		(void)snprintf(path, sizeof(path), "%s.sampler_cpu_s", names[i]);
		assert_true(number(path) > 0);
		(void)printf(
			"figure: %s archive: %.0f samples, %.0f bytes, CPU %.3f s, late %.0f, longest gap %.0f ms\n",
			names[i], number(*names[i] == 'h' ? "host.samples" : "guest.samples"),
			number(*names[i] == 'h' ? "host.bytes" : "guest.bytes"), number(path),
			number(*names[i] == 'h' ? "host.late" : "guest.late"),
			number(*names[i] == 'h' ? "host.longest_gap_ms" : "guest.longest_gap_ms"));
	}
	assert_true(number("guest.clock_error_ms") < 1000);
	assert_null(json_at(fx.record, "guest_note"));
}

static bool without_values(const char *side, const char *name)
{
	json_t *list = json_object_get(json_object_get(fx.record, side), "without_values");
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v) {
		if (strcmp(json_string_value(v), name) == 0)
			return true;
	}
	return false;
}

/* Type, semantics, units and number of each standard metric are those of PCP's own agent. */
static void test_definitions_are_pcps(void **state)
{
	size_t count, checked = 0;
	const struct record_metric *all = record_metrics(&count);

	(void)state;
	fine(tool("pmdumplog", LIST("-d"), "o1/pcp-guest", LIST(NULL)));
	for (size_t i = 0; i < count; i++) {
		size_t ours_size = 0, theirs_size = 0;
		const char *ours, *theirs;
		char id[32];

		if (all[i].domain != RECORD_DOMAIN_LINUX || without_values("guest", all[i].name))
			continue;
		ours = pcp_block_of(buf_text(&fx.pcp.o.out), all[i].name, &ours_size);
		theirs = pcp_block_of(buf_text(&fx.definitions), all[i].name, &theirs_size);
		if (!ours || !theirs)
			fail_msg("%s is not in the %s", all[i].name, ours ? "agent" : "archive");
		(void)snprintf(id, sizeof(id), "PMID: %d.%d.%d", all[i].domain, all[i].cluster,
			       all[i].item);
		if (!pcp_same_line(ours, ours_size, theirs, theirs_size, "Data Type:") ||
		    !pcp_same_line(ours, ours_size, theirs, theirs_size, "Semantics:") ||
		    !memmem(theirs, theirs_size, id, strlen(id)))
			fail_msg("ours: %.*s\nPCP's: %.*s", (int)ours_size, ours, (int)theirs_size,
				 theirs);
		checked++;
	}
	(void)printf("figure: %zu metrics defined as PCP's agent defines them\n", checked);
	assert_true(checked > 40);
}

static double pcp_value(const struct buf *from, const char *name)
{
	size_t size = 0;
	const char *at = pcp_block_of(buf_text(from), name, &size);

	at = at ? memmem(at, size, "value ", 6) : NULL;
	return at ? strtod(at + 6, NULL) : -1;
}

/* Counters lie between what PCP's agent read before and after; what does not change is equal. */
static void test_values_are_pcps(void **state)
{
	size_t count, checked = 0;
	const struct record_metric *all = record_metrics(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		double before = pcp_value(&fx.before, all[i].name);
		double after = pcp_value(&fx.after, all[i].name);
		struct pcp_values v;

		if (all[i].domain != RECORD_DOMAIN_LINUX || without_values("guest", all[i].name) ||
		    all[i].sem == RECORD_INSTANT)
			continue;
		v = values_of("o1/pcp-guest", all[i].name);
		if (before < 0 || v.first < before || v.last < v.first || v.last > after)
			fail_msg("%s: PCP %.0f, ours %.0f .. %.0f, PCP %.0f", all[i].name, before,
				 v.first, v.last, after);
		checked++;
	}
	(void)printf("figure: %zu metrics within the values of PCP's agent\n", checked);
	assert_true(checked > 25);
}

/* The archive of a pass whose daemon died shows it, and is whole. */
static void test_daemon_that_dies(void **state)
{
	char dir[PATH_MAX + 8];
	struct pcp_values cpu, memory;

	(void)state;
	(void)snprintf(dir, sizeof(dir), "%s/o2", in.dir);
	fine(run_pass(dir, true));
	fine(tool("pmlogcheck", LIST("-w"), "o2/pcp-host", LIST(NULL)));
	assert_int_equal(fx.pcp.o.status, 0);
	assert_int_equal(fx.pcp.o.out.size + fx.pcp.o.err.size, 0);
	cpu = values_of("o2/pcp-host", "virtiofs_qual.daemon.cpu");
	memory = values_of("o2/pcp-host", "mem.physmem");
	if (cpu.count < 3 || cpu.count + 3 > memory.count)
		fail_msg("%zu samples of the daemon, %zu of the host", cpu.count, memory.count);
	assert_true(values_of("o2/pcp-guest", "mem.physmem").count > 5);
}

static int whole_pass(enum pass_kind kind, const char *dir)
{
	struct cell c = {
		.stack = stack_find("rust-trixie"),
		.vmm = vmm_find("qemu-backports"),
		.kernel = kernel_find("bookworm"),
		.cache = CACHE_AUTO,
		.dax = DAX_NONE,
		.workload = workload_find("seqread-psync"),
	};
	struct pass_context ctx = { .world = &in.world,
				    .fleet = &in.fleet,
				    .time_ms = 1000,
				    .grace_ms = 60000,
				    .serial = 10 + (unsigned)kind };
	struct pass_result r = { 0 };
	int e = fs_mkdirs(dir, 0755, &in.err);

	cell_name(&c);
	if (e == 0)
		pass_run(&ctx, &c, kind, dir, &r);
	if (e == 0 && r.status != PASS_OK)
		e = err_set(&in.err, -EIO, "%s", r.reason);
	pass_result_free(&r);
	return e;
}

/* The driver records its observed passes from before the mount, and nothing in timed ones. */
static void test_passes_of_the_driver(void **state)
{
	static const char *const phases[] = {
		"mount", "cold", "between", "warm", "between", "end"
	};
	char dir[PATH_MAX + 16];
	char file[PATH_MAX + 32];
	const char *at;

	(void)state;
	(void)snprintf(dir, sizeof(dir), "%s/timed", in.dir);
	fine(whole_pass(PASS_TIMED, dir));
	(void)snprintf(file, sizeof(file), "%s/record.json", dir);
	assert_false(fs_exists(file));
	(void)snprintf(dir, sizeof(dir), "%s/observed", in.dir);
	fine(whole_pass(PASS_OBSERVED, dir));
	(void)snprintf(file, sizeof(file), "%s/record.json", dir);
	assert_true(fs_exists(file));
	fine(tool("pmlogcheck", LIST("-w"), "observed/pcp-guest", LIST(NULL)));
	assert_int_equal(fx.pcp.o.status, 0);
	fine(tool("pmdumplog", LIST("-z"), "observed/pcp-host", LIST(RECORD_PHASE)));
	at = buf_text(&fx.pcp.o.out);
	for (size_t i = 0; i < ARRAY_SIZE(phases); i++) {
		char word[32];

		(void)snprintf(word, sizeof(word), "value \"%s\"", phases[i]);
		at = strstr(at, "value ");
		if (!at || strncmp(at, word, strlen(word)) != 0)
			fail_msg("not phase %s: %s", phases[i], buf_text(&fx.pcp.o.out));
		at++;
	}
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
		e = run_pass(dir, false);
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
	buf_free(&fx.before);
	buf_free(&fx.after);
	buf_free(&fx.definitions);
	return pcp_tool_close(&fx.pcp) < 0 ? -1 : 0;
}

static int inner(void *arg)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tools_accept_both),
		cmocka_unit_test(test_times_are_the_hosts),
		cmocka_unit_test(test_phases_and_values),
		cmocka_unit_test(test_record_json_counts_what_is_there),
		cmocka_unit_test(test_definitions_are_pcps),
		cmocka_unit_test(test_values_are_pcps),
		cmocka_unit_test(test_operations_are_the_relays),
		cmocka_unit_test(test_daemon_that_dies),
		cmocka_unit_test(test_passes_of_the_driver),
	};

	(void)arg;
	if (inside_open(&in) < 0)
		return 1;
	return cmocka_run_group_tests_name("real_record", tests, setup, teardown) ? 1 : 0;
}

int main(void)
{
	return inside_run(&in, "record", inner);
}
