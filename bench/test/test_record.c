// SPDX-License-Identifier: Apache-2.0
/*
 * Recording without guests: the table of metrics, the sampler (vq-guest watch, $VQ_GUEST), what is
 * made of its lines, and the archives, which are read back with libpcp.
 */
#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "record/convert.h"
#include "record/record.h"

#include <ctype.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>
#include <pcp/pmapi.h>

#define WAIT_MS 20000

struct fixture {
	char dir[64];
	char base[96];
	struct err err;
	struct record_samples samples;
	struct buf text;
	struct proc p;
	json_t *json;
};

static struct fixture fx;

static const char *guest_binary(void)
{
	const char *path = getenv("VQ_GUEST");

	return path ? path : "build/guest/vq-guest";
}

static int setup(void **state)
{
	(void)state;
	fx = (struct fixture){ .p = { .pidfd = -1 } };
	(void)snprintf(fx.dir, sizeof(fx.dir), "/tmp/vq-test-record-XXXXXX");
	if (!mkdtemp(fx.dir))
		return -1;
	(void)snprintf(fx.base, sizeof(fx.base), "%s/a", fx.dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	proc_kill(&fx.p);
	samples_free(&fx.samples);
	buf_free(&fx.text);
	json_decref(fx.json);
	return fs_remove_tree(fx.dir, NULL);
}

static void fine(int e)
{
	if (e < 0)
		fail_msg("error %d: %s", e, fx.err.text);
}

static void pause_ms(unsigned ms)
{
	const struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&ts, NULL);
}

/* ---- the table ---- */

static bool is_pcp_name(const char *name)
{
	bool first = true;

	for (const char *p = name; *p; p++) {
		if (*p == '.' && !first && p[1])
			first = true;
		else if (first ? isalpha((unsigned char)*p)
			       : isalnum((unsigned char)*p) || *p == '_')
			first = false;
		else
			return false;
	}
	return !first;
}

static bool same_metric(const struct record_metric *a, const struct record_metric *b)
{
	return a->domain == b->domain && a->cluster == b->cluster && a->item == b->item &&
	       a->type == b->type && a->sem == b->sem && a->unit == b->unit &&
	       a->indom == b->indom && a->side == b->side && a->indom != RECORD_SINGULAR;
}

static void test_table(void **state)
{
	size_t count;
	const struct record_metric *m = record_metrics(&count);

	(void)state;
	assert_true(count > 60);
	for (size_t i = 0; i < count; i++) {
		bool ours = strncmp(m[i].name, "virtiofs_qual.", 14) == 0;

		if (!is_pcp_name(m[i].name) || !m[i].help || !*m[i].help || strchr(m[i].help, '\n'))
			fail_msg("row %zu (%s) has no good name or help", i, m[i].name);
		assert_int_equal(m[i].domain, ours ? RECORD_DOMAIN_OURS : RECORD_DOMAIN_LINUX);
		assert_true((m[i].side & ~RECORD_BOTH) == 0 && m[i].side != 0);
		/* A counter of nothing cannot become a rate. */
		assert_true(m[i].sem != RECORD_COUNTER || m[i].unit != UNIT_NONE);
		for (size_t k = 0; k < i; k++) {
			bool name = strcmp(m[i].name, m[k].name) == 0;
			bool id = m[i].domain == m[k].domain && m[i].cluster == m[k].cluster &&
				  m[i].item == m[k].item;

			if (name != id || (name && !same_metric(&m[i], &m[k])) ||
			    (name && strcmp(m[i].instance, m[k].instance) == 0) ||
			    (name && m[i].instance_id == m[k].instance_id))
				fail_msg("rows %zu and %zu (%s, %s) clash", k, i, m[k].name,
					 m[i].name);
		}
	}
	assert_non_null(record_metric_find(RECORD_PHASE));
	assert_non_null(record_metric_find(RECORD_OPS));
}

static void test_names(void **state)
{
	(void)state;
	assert_true(is_pcp_name("mem.util.free") && is_pcp_name("a_1.b2"));
	assert_false(is_pcp_name("mem..free") || is_pcp_name("mem.") || is_pcp_name("2a") ||
		     is_pcp_name("a.2") || is_pcp_name("a-b") || is_pcp_name(""));
}

/* ---- reading samples ---- */

static void parse(const char *text, size_t keys)
{
	samples_free(&fx.samples);
	fine(samples_parse(text, strlen(text), keys, &fx.samples, &fx.err));
}

static void test_samples(void **state)
{
	(void)state;
	parse("{\"start\":{\"t\":1,\"interval_ms\":100,\"keys\":3}}\n"
	      "{\"t\":10,\"v\":[1,null,0.25]}\n"
	      "{\"t\":20,\"v\":[9223372036854775807,2,0.5]}\n"
	      "{\"end\":{\"t\":21,\"samples\":2,\"late\":3,\"skipped\":4,\"cpu_ns\":5,"
	      "\"reason\":\"signal\"}}\n",
	      3);
	assert_int_equal(fx.samples.count, 2);
	assert_int_equal(fx.samples.bad_lines, 0);
	assert_int_equal(fx.samples.item[1].t_ns, 20);
	assert_string_equal(fx.samples.item[0].value[0], "1");
	assert_string_equal(fx.samples.item[0].value[1], "");
	assert_string_equal(fx.samples.item[0].value[2], "0.250000");
	assert_string_equal(fx.samples.item[1].value[0], "9223372036854775807");
	assert_int_equal(fx.samples.late, 3);
	assert_int_equal(fx.samples.skipped, 4);
	assert_int_equal(fx.samples.cpu_ns, 5);
	assert_string_equal(fx.samples.reason, "signal");
}

static void test_bad_lines_are_counted_and_left_out(void **state)
{
	static const struct {
		const char *line;
		const char *complaint;
	} bad[] = {
		{ "{\"t\":20,\"v\":[1]}\n", "as many values" },
		{ "{\"t\":20,\"v\":[1,2,3]}\n", "as many values" },
		{ "{\"t\":20,\"v\":[1,\"x\"]}\n", "not a number" },
		{ "{\"t\":20,\"v\":[1,-2]}\n", "not a number" },
		{ "{\"t\":20,\"v\":[1,1e300]}\n", "not a number" },
		{ "{\"t\":20,\"v\":[1,[2]]}\n", "not a number" },
		{ "{\"t\":10,\"v\":[1,2]}\n", "time" },
		{ "{\"t\":-1,\"v\":[1,2]}\n", "time" },
		{ "{\"t\":\"20\",\"v\":[1,2]}\n", "time" },
		{ "{\"t\":9000000000000000000,\"v\":[1,2]}\n", "time" },
		{ "{\"v\":[1,2]}\n", "time" },
		{ "{\"t\":20,\"t\":21,\"v\":[1,2]}\n", "no sample" },
		{ "{\"t\":20,\"v\":[1,99999999999999999999]}\n", "no sample" },
		{ "\n", "no sample" },
		{ "[]\n", "no sample" },
		{ "\xff\xfe\n", "no sample" },
		{ "{\"t\":20,\"v\":[1,2]", "cut off" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char text[256];

		(void)snprintf(text, sizeof(text), "{\"t\":10,\"v\":[1,2]}\n%s", bad[i].line);
		if (text[strlen(text) - 1] == '\n')
			(void)strcat(text, "{\"t\":30,\"v\":[3,4]}\n");
		parse(text, 2);
		if (fx.samples.bad_lines != 1 || !strstr(fx.samples.complaint, bad[i].complaint) ||
		    strncmp(fx.samples.complaint, "line 2: ", 8) != 0)
			fail_msg("%zu bad lines (%s) in: %s", fx.samples.bad_lines,
				 fx.samples.complaint, text);
		assert_int_equal(fx.samples.count, strstr(bad[i].complaint, "cut") ? 1 : 2);
	}
}

static void test_huge_line(void **state)
{
	const size_t size = 8 * MIB;

	(void)state;
	fx.text.data = malloc(size + 1);
	assert_non_null(fx.text.data);
	memset(fx.text.data, '[', size);
	fx.text.data[size] = '\0';
	fx.text.size = fx.text.room = size;
	parse(fx.text.data, 2);
	assert_int_equal(fx.samples.bad_lines, 1);
	fx.text.data[size - 1] = '\n';
	parse(fx.text.data, 2);
	assert_int_equal(fx.samples.bad_lines, 1);
	assert_int_equal(fx.samples.count, 0);
}

static void test_gaps(void **state)
{
	size_t over;

	(void)state;
	parse("{\"t\":0,\"v\":[1]}\n{\"t\":100,\"v\":[1]}\n{\"t\":401,\"v\":[1]}\n{\"t\":701,\"v\":[1]}\n",
	      1);
	assert_int_equal(samples_longest_gap_ns(&fx.samples, 300, &over), 301);
	assert_int_equal(over, 1);
	parse("{\"t\":0,\"v\":[1]}\n", 1);
	assert_int_equal(samples_longest_gap_ns(&fx.samples, 300, &over), 0);
	assert_int_equal(over, 0);
}

/* ---- archives ---- */

static const char canned[] = "{\"t\":1000000000,\"v\":[4294967297,0.5,1.25,3]}\n"
			     "{\"t\":1100000000,\"v\":[18446744073,0.5,null,4]}\n"
			     "{\"t\":1600000000,\"v\":[7,0.75,1.5,5]}\n";
#define T0 UINT64_C(1800000000) /* seconds since 1970 of the sampler's second 1 */

static int write_canned(const char *base, struct convert_result *r)
{
	const struct record_metric *load = record_metric_find("kernel.all.load");
	const struct record_metric *rows[] = { record_metric_find("mem.util.cached"), load,
					       load + 1,
					       record_metric_find("kernel.all.runnable") };
	static const char *const names[] = { "LOOKUP", "READ" };
	const struct record_mark marks[] = { { T0 * NS_PER_S + 50 * NS_PER_MS, "cold" },
					     { (T0 + 1) * NS_PER_S, "end" } };
	struct record_samples ops = { 0 };
	struct convert_input in = { .base = base,
				    .hostname = "host",
				    .rows = rows,
				    .samples = &fx.samples,
				    .offset_ns = (int64_t)((T0 - 1) * NS_PER_S),
				    .ops = &ops,
				    .op_names = names,
				    .marks = marks,
				    .mark_count = 2,
				    .gap_ns = 300 * NS_PER_MS };
	static const char ops_text[] = "{\"t\":100000000,\"v\":[1,2]}\n";
	int e;

	e = samples_parse(canned, strlen(canned), 4, &fx.samples, &fx.err);
	if (e == 0)
		e = samples_parse(ops_text, strlen(ops_text), 2, &ops, &fx.err);
	in.ops_offset_ns = (int64_t)(T0 * NS_PER_S);
	if (e == 0)
		e = convert(&in, r, &fx.err);
	samples_free(&ops);
	return e;
}

/* One value of a record, as text; "" when the record has none. */
static void value_in(pmResult *r, const char *metric, int instance, char *ret, size_t size)
{
	const char *names[] = { metric };
	pmID id = PM_ID_NULL;
	pmDesc desc;

	ret[0] = '\0';
	assert_int_equal(pmLookupName(1, names, &id), 1);
	assert_int_equal(pmLookupDesc(id, &desc), 0);
	for (int i = 0; i < r->numpmid; i++) {
		pmValueSet *set = r->vset[i];

		for (int k = 0; set->pmid == id && k < set->numval; k++) {
			pmAtomValue v;

			if (desc.indom != PM_INDOM_NULL && set->vlist[k].inst != instance)
				continue;
			if (desc.type == PM_TYPE_STRING) {
				assert_int_equal(pmExtractValue(set->valfmt, &set->vlist[k],
								desc.type, &v, PM_TYPE_STRING),
						 0);
				(void)snprintf(ret, size, "%s", v.cp);
				free(v.cp);
				continue;
			}
			assert_int_equal(pmExtractValue(set->valfmt, &set->vlist[k], desc.type, &v,
							PM_TYPE_DOUBLE),
					 0);
			(void)snprintf(ret, size, "%.15g", v.d);
		}
	}
}

struct expected {
	uint64_t ms; /* after T0 */
	const char *metric;
	int instance;
	const char *value; /* NULL: it is a mark, "" : no value */
};

static void check_record(const struct expected *want)
{
	pmResult *r = NULL;
	char seen[64];
	int64_t us;
	int e = pmFetchArchive(&r);

	if (e < 0)
		fail_msg("record at %" PRIu64 " ms: %s", want->ms, pmErrStr(e));
	us = (int64_t)(r->timestamp.tv_sec - (time_t)T0) * 1000000 + r->timestamp.tv_usec;
	if (want->value) {
		value_in(r, want->metric, want->instance, seen, sizeof(seen));
		if (strcmp(seen, want->value) != 0 || us != (int64_t)want->ms * 1000)
			fail_msg("%s at %" PRId64 " us is \"%s\", not \"%s\" at %" PRIu64 " ms",
				 want->metric, us, seen, want->value, want->ms);
	} else {
		assert_int_equal(r->numpmid, 0);
	}
	pmFreeResult(r);
}

static void test_archive_holds_what_went_in(void **state)
{
	static const struct expected records[] = {
		{ 0, "mem.util.cached", 0, "4294967297" },
		{ 50, "virtiofs_qual.phase", 0, "cold" },
		/* At one time with a sample, which then is a microsecond later. */
		{ 100, "virtiofs_qual.fuse.ops", 1, "2" },
	};
	struct convert_result r = { 0 };
	pmLogLabel label;
	pmResult *result = NULL;
	char seen[64];
	int context;

	(void)state;
	fine(write_canned(fx.base, &r));
	assert_int_equal(r.records, 6);
	assert_int_equal(r.values, 15);
	assert_int_equal(r.gaps, 1);
	assert_true(r.seen[0] && r.seen[1] && r.seen[2] && r.seen[3] && !r.seen[4]);
	context = pmNewContext(PM_CONTEXT_ARCHIVE, fx.base);
	if (context < 0)
		fail_msg("pmNewContext: %s", pmErrStr(context));
	assert_int_equal(pmGetArchiveLabel(&label), 0);
	assert_string_equal(label.ll_hostname, "host");
	assert_string_equal(label.ll_tz, "UTC");
	assert_int_equal(label.ll_magic & 0xff, PM_LOG_VERS02);
	for (size_t i = 0; i < ARRAY_SIZE(records); i++)
		check_record(&records[i]);
	assert_true(pmFetchArchive(&result) >= 0);
	assert_int_equal(result->timestamp.tv_usec, 100001);
	value_in(result, "mem.util.cached", 0, seen, sizeof(seen));
	assert_string_equal(seen, "18446744073");
	value_in(result, "kernel.all.load", 1, seen, sizeof(seen));
	assert_string_equal(seen, "0.5");
	/* What was null is not in the record, neither as 0 nor as the value before. */
	value_in(result, "kernel.all.load", 5, seen, sizeof(seen));
	assert_string_equal(seen, "");
	pmFreeResult(result);
	/* 500 ms without a sample. */
	check_record(&(struct expected){ 0, NULL, 0, NULL });
	check_record(&(struct expected){ 600, "kernel.all.load", 5, "1.5" });
	check_record(&(struct expected){ 1000, "virtiofs_qual.phase", 0, "end" });
	assert_int_equal(pmFetchArchive(&result), PM_ERR_EOL);
	(void)pmDestroyContext(context);
}

static void test_archive_is_replaced(void **state)
{
	struct convert_result first = { 0 };
	struct convert_result second = { 0 };

	(void)state;
	fine(write_canned(fx.base, &first));
	samples_free(&fx.samples);
	fine(write_canned(fx.base, &second));
	assert_int_equal(first.bytes, second.bytes);
}

static void test_archive_that_cannot_be_written(void **state)
{
	struct convert_result r = { 0 };
	char base[128];

	(void)state;
	(void)snprintf(base, sizeof(base), "%s/missing/a", fx.dir);
	assert_true(write_canned(base, &r) < 0);
	/* The library's own words are in the error, not on stderr. */
	if (!strstr(fx.err.text, "missing/a.index\": No such file"))
		fail_msg("%s", fx.err.text);
}

static void test_no_samples_are_an_error(void **state)
{
	const struct record_samples none = { 0 };
	const struct convert_input in = { .base = fx.base, .hostname = "host", .samples = &none };
	struct convert_result r;

	(void)state;
	assert_int_equal(convert(&in, &r, &fx.err), -ENODATA);
	assert_non_null(strstr(fx.err.text, "no samples"));
}

/* ---- the sampler ---- */

static void start_watch(const char *const *args)
{
	CLEANUP(freep) char *path = fs_path("%s/out", fx.dir);
	const char *argv[16] = { guest_binary(), "watch" };
	struct proc_spec spec = { .argv = (char *const *)(uintptr_t)argv };
	FILE *f = path ? fopen(path, "we") : NULL;
	int e = -ENOMEM;

	for (size_t i = 0; args[i] && i < 12; i++)
		argv[i + 2] = args[i];
	if (f) {
		spec.stdout_fd = fileno(f);
		e = proc_start(&spec, &fx.p, &fx.err);
		(void)fclose(f);
	}
	if (e < 0)
		(void)fprintf(stderr, "%s\n", fx.err.text);
}

#define WATCH(...) start_watch((const char *const[]){ __VA_ARGS__, NULL })

static void end_watch(int signal, size_t keys)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/out", fx.dir);
	if (signal)
		assert_int_equal(kill(fx.p.pid, signal), 0);
	assert_int_equal(proc_wait(&fx.p, clock_deadline_ms(WAIT_MS)), 0);
	buf_clear(&fx.text);
	fine(fs_read(path, RECORD_OUTPUT_MAX, &fx.text, &fx.err));
	parse(buf_text(&fx.text), keys);
}

/* Every key of the table is one that the tool reads, and has a value on this machine or a reason. */
static void test_keys_of_the_table(void **state)
{
	size_t count;
	const struct record_metric *m = record_metrics(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		char key[128];

		if (!m[i].key)
			continue;
		(void)snprintf(key, sizeof(key), "%s", m[i].key);
		if (strncmp(key, "vmm:", 4) == 0 || strncmp(key, "daemon:", 7) == 0)
			(void)snprintf(key, sizeof(key), "tree:%d%s", (int)getpid(),
				       strchr(m[i].key, ':'));
		if (strcmp(key, "share") == 0)
			(void)snprintf(key, sizeof(key), "resident:%s", guest_binary());
		/* Room for some samples and the last line. */
		WATCH("1", "600", key);
		end_watch(0, 1);
		if (fx.p.status != 0 || fx.samples.count == 0)
			fail_msg("%s: status %d: %s", key, fx.p.status, buf_text(&fx.text));
		if (!fx.samples.item[0].value[0][0] && !strstr(key, "pressure:") &&
		    !strstr(key, "pgscan") && !strstr(key, "drop_") && !strstr(key, "thp_"))
			fail_msg("%s has no value here", key);
	}
}

static void test_watch_refuses_nonsense(void **state)
{
	static const char *const keys[] = { "",		  "meminfo",	    "meminfo:",
					    "nonsense:1", "stat:cpu:x",	    "stat:cpu:10",
					    "loadavg:5",  "pressure:cpu",   "pressure:disk:some",
					    "tree:0:cpu", "tree:-1:cpu",    "tree:1:nonsense",
					    "tree:1",	  "pressure:c:some" };
	static const char *const intervals[] = { "0", "x", "-1", "60001" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		WATCH("100", "1000", keys[i]);
		end_watch(0, 1);
		if (!WIFEXITED(fx.p.status) || WEXITSTATUS(fx.p.status) != 1)
			fail_msg("\"%s\": status %d", keys[i], fx.p.status);
	}
	for (size_t i = 0; i < ARRAY_SIZE(intervals); i++) {
		WATCH(intervals[i], "1000", "meminfo:MemFree");
		end_watch(0, 1);
		assert_true(WIFEXITED(fx.p.status) && WEXITSTATUS(fx.p.status) == 2);
	}
}

static void test_watch_is_bounded(void **state)
{
	(void)state;
	WATCH("1", "5000", "meminfo:MemFree");
	end_watch(0, 1);
	assert_int_equal(fx.p.status, 0);
	assert_true(fx.text.size <= 5000 && fx.text.size > 4000);
	assert_string_equal(fx.samples.reason, "limit");
	assert_int_equal(fx.samples.bad_lines, 0);
}

/* Sample n is due at start + n * interval, whatever happened to the ones before. */
static void test_watch_keeps_its_time_table(void **state)
{
	const uint64_t interval = 50 * NS_PER_MS;
	uint64_t start = 0;
	const char *at;
	size_t near = 0;

	(void)state;
	WATCH("50", "100000", "meminfo:MemFree");
	pause_ms(300);
	assert_int_equal(kill(fx.p.pid, SIGSTOP), 0);
	/* Not a multiple of the interval: a table that had moved would show. */
	pause_ms(425);
	assert_int_equal(kill(fx.p.pid, SIGCONT), 0);
	pause_ms(500);
	end_watch(SIGTERM, 1);
	assert_string_equal(fx.samples.reason, "signal");
	at = strstr(buf_text(&fx.text), "\"t\":");
	assert_non_null(at);
	start = strtoull(at + 4, NULL, 10);
	assert_true(fx.samples.late >= 1);
	assert_true(fx.samples.skipped >= 5 && fx.samples.skipped <= 9);
	assert_true(fx.samples.count >= 10);
	for (size_t i = 0; i + 1 < fx.samples.count; i++)
		near += (fx.samples.item[i].t_ns - start) % interval < interval / 4;
	/* A busy machine may delay some. */
	if (near * 4 < fx.samples.count * 3)
		fail_msg("%zu of %zu samples near their time", near, fx.samples.count);
}

static void test_watch_survives_a_process_that_vanishes(void **state)
{
	char cpu[64], anon[64], fds[64];
	pid_t victim = fork();
	size_t with = 0, without = 0;

	(void)state;
	if (victim == 0) {
		pause_ms(WAIT_MS);
		_exit(0);
	}
	assert_true(victim > 0);
	(void)snprintf(cpu, sizeof(cpu), "tree:%d:cpu", (int)victim);
	(void)snprintf(anon, sizeof(anon), "tree:%d:anon", (int)victim);
	(void)snprintf(fds, sizeof(fds), "tree:%d:fds", (int)victim);
	WATCH("20", "100000", cpu, anon, fds, "meminfo:MemFree");
	pause_ms(200);
	assert_int_equal(kill(victim, SIGKILL), 0);
	assert_int_equal(waitpid(victim, NULL, 0), victim);
	pause_ms(200);
	end_watch(SIGTERM, 4);
	assert_int_equal(fx.p.status, 0);
	assert_int_equal(fx.samples.bad_lines, 0);
	for (size_t i = 0; i < fx.samples.count; i++) {
		const struct record_sample *s = &fx.samples.item[i];

		assert_true(s->value[3][0]);
		assert_true((s->value[0][0] != '\0') == (s->value[2][0] != '\0'));
		with += s->value[0][0] != '\0';
		without += s->value[0][0] == '\0';
	}
	assert_true(with >= 3 && without >= 3);
	/* Once gone it stays gone. */
	assert_true(fx.samples.item[0].value[1][0] && !fx.samples.item[with].value[0][0]);
}

/* ---- all of it ---- */

static int read_shared(void *arg, uint64_t *ret, size_t count)
{
	memcpy(ret, arg, count * sizeof(*ret));
	return 0;
}

static int fetch_last(const char *base, const char *metric, int instance, char *ret, size_t size)
{
	int context = pmNewContext(PM_CONTEXT_ARCHIVE, base);
	pmResult *r = NULL;
	int count = 0;

	if (context < 0)
		fail_msg("%s: %s", base, pmErrStr(context));
	while (pmFetchArchive(&r) >= 0) {
		char seen[64];

		value_in(r, metric, instance, seen, sizeof(seen));
		if (seen[0]) {
			(void)snprintf(ret, size, "%s", seen);
			count++;
		}
		pmFreeResult(r);
	}
	(void)pmDestroyContext(context);
	return count;
}

static void run_record(uint64_t *shared, const struct buf *guest)
{
	static const char *const names[] = { "LOOKUP", "READ" };
	const struct record_config c = { .dir = fx.dir,
					 .tool = guest_binary(),
					 .interval_ms = 20,
					 .daemon = getpid(),
					 .data_file = guest_binary(),
					 .read_ops = read_shared,
					 .ops_arg = shared,
					 .op_names = names,
					 .op_count = 2 };
	struct record *r = NULL;
	int e = record_start(&c, &r, &fx.err);

	if (e == 0) {
		uint64_t now = clock_now_ns();

		/* A guest whose clock began long after ours; the better look counts. */
		record_guest_clock(r, 5 * NS_PER_S, now - NS_PER_S, now + NS_PER_S);
		record_guest_clock(r, 5 * NS_PER_S, now - NS_PER_MS, now + NS_PER_MS);
		record_guest_clock(r, 99 * NS_PER_S, now - NS_PER_S, now + NS_PER_S);
		e = record_phase(r, "cold");
		pause_ms(150);
		shared[1] = 42;
	}
	if (e == 0)
		e = record_stop(r, guest, guest ? NULL : "none here", &fx.json, &fx.err);
	r = record_free(r);
	fine(e);
}

static void test_record(void **state)
{
	uint64_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
				0);
	char base[96], seen[64];
	double n;

	(void)state;
	assert_true(shared != MAP_FAILED);
	run_record(shared, NULL);
	(void)snprintf(base, sizeof(base), "%s/pcp-host", fx.dir);
	assert_true(fetch_last(base, "mem.physmem", 0, seen, sizeof(seen)) >= 4);
	assert_true(fetch_last(base, "virtiofs_qual.daemon.threads", 0, seen, sizeof(seen)) >= 4);
	assert_true(atoi(seen) >= 1);
	/* The feed takes one more when it ends. */
	assert_true(fetch_last(base, RECORD_OPS, 1, seen, sizeof(seen)) >= 4);
	assert_string_equal(seen, "42");
	assert_int_equal(fetch_last(base, RECORD_PHASE, 0, seen, sizeof(seen)), 2);
	assert_string_equal(seen, "end");
	assert_int_equal(json_number_at(fx.json, "host.samples", &n), 0);
	assert_true(n >= 4);
	assert_string_equal(json_str_at(fx.json, "guest_note", ""), "none here");
	assert_string_equal(json_str_at(fx.json, "host.ended", ""), "signal");
	assert_null(json_at(fx.json, "guest"));
	(void)snprintf(base, sizeof(base), "%s/pcp-host.samples", fx.dir);
	assert_false(fs_exists(base));
	(void)munmap(shared, 4096);
}

/* The times of a guest are turned into the host's. */
static void test_guest_times(void **state)
{
	uint64_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
				0);
	size_t count, keys = 0;
	const struct record_metric *m = record_metrics(&count);
	char base[96];
	pmLogLabel label;
	double now = (double)time(NULL);
	double n;
	int context;

	(void)state;
	for (size_t i = 0; i < count; i++)
		keys += m[i].key && (m[i].side & RECORD_GUEST);
	(void)buf_printf(&fx.text, "{\"t\":5050000000,\"v\":[");
	for (size_t i = 0; i < keys; i++)
		(void)buf_printf(&fx.text, "%s%zu", i ? "," : "", i);
	(void)buf_printf(&fx.text, "]}\nnonsense\n");
	run_record(shared, &fx.text);
	(void)snprintf(base, sizeof(base), "%s/pcp-guest", fx.dir);
	context = pmNewContext(PM_CONTEXT_ARCHIVE, base);
	assert_true(context >= 0);
	assert_int_equal(pmGetArchiveLabel(&label), 0);
	assert_string_equal(label.ll_hostname, "guest");
	assert_true((double)label.ll_start.tv_sec >= now - 1 &&
		    (double)label.ll_start.tv_sec <= now + 3);
	(void)pmDestroyContext(context);
	assert_int_equal(json_number_at(fx.json, "guest.clock_error_ms", &n), 0);
	assert_true(n == 1);
	assert_int_equal(json_number_at(fx.json, "guest.bad_lines", &n), 0);
	assert_true(n == 1);
	assert_string_equal(json_str_at(fx.json, "guest.ended", ""), "without a last line");
	(void)munmap(shared, 4096);
}

static void test_record_without_tool(void **state)
{
	const struct record_config c = { .dir = fx.dir, .tool = "/nonexistent/vq-guest" };
	struct record *r = NULL;

	(void)state;
	assert_int_equal(record_start(&c, &r, &fx.err), -ENOENT);
	assert_null(r);
	assert_non_null(strstr(fx.err.text, "/nonexistent/vq-guest"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_names),
		cmocka_unit_test_setup_teardown(test_samples, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_lines_are_counted_and_left_out, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_huge_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gaps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_archive_holds_what_went_in, setup, teardown),
		cmocka_unit_test_setup_teardown(test_archive_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_archive_that_cannot_be_written, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_no_samples_are_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keys_of_the_table, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watch_refuses_nonsense, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watch_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watch_keeps_its_time_table, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watch_survives_a_process_that_vanishes, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_record, setup, teardown),
		cmocka_unit_test_setup_teardown(test_guest_times, setup, teardown),
		cmocka_unit_test_setup_teardown(test_record_without_tool, setup, teardown),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
