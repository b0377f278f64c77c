// SPDX-License-Identifier: Apache-2.0
/* What is made of samples: archives, which are read back with libpcp, and a whole recording. */
#include "recorded.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "record/record.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <pcp/pmapi.h>

static struct recorded fx;

static int setup(void **state)
{
	(void)state;
	return recorded_open(&fx);
}

static int teardown(void **state)
{
	(void)state;
	return recorded_close(&fx);
}

static void fine(int e)
{
	if (e < 0)
		fail_msg("error %d: %s", e, fx.err.text);
}

/* ---- archives ---- */

static const char canned[] = "{\"t\":1000000000,\"v\":[4294967297,0.5,1.25,3]}\n"
			     "{\"t\":1100000000,\"v\":[18446744073,0.5,null,4]}\n"
			     "{\"t\":1600000000,\"v\":[7,0.75,1.5,5]}\n";
#define T0 UINT64_C(1800000000) /* seconds since 1970 of the sampler's second 1 */

/* LOOKUP never came; READ had no error; a counter begins late; an instant value goes back to 0. */
#define FED_COLUMNS 8
#define FED_OP(name, instance, id)                         \
	{                                                  \
		record_metric_find(name), (instance), (id) \
	}
#define FED                                                                                        \
	{                                                                                          \
		FED_OP(RECORD_OPS, "LOOKUP", 1), FED_OP(RECORD_OPS, "READ", 15),                   \
			FED_OP(RECORD_OPS, "WRITE", 16), FED_OP(RECORD_DEVICE "ops", "LOOKUP", 1), \
			FED_OP(RECORD_DEVICE "ops", "READ", 15),                                   \
			FED_OP(RECORD_DEVICE "errors", "READ", 15),                                \
			FED_OP(RECORD_DEVICE "window.setups", NULL, 0),                            \
			FED_OP(RECORD_DEVICE "window.mapped", NULL, 0)                             \
	}

static int write_canned(const char *base, struct convert_result *r)
{
	const struct record_metric *load = record_metric_find("kernel.all.load");
	const struct record_metric *rows[] = { record_metric_find("mem.util.cached"), load,
					       load + 1,
					       record_metric_find("kernel.all.runnable") };
	const struct record_column columns[FED_COLUMNS] = FED;
	const struct record_mark marks[] = { { T0 * NS_PER_S + 50 * NS_PER_MS, "cold" },
					     { (T0 + 1) * NS_PER_S, "end" } };
	struct record_samples fed = { 0 };
	struct convert_input in = { .base = base,
				    .hostname = "host",
				    .rows = rows,
				    .samples = &fx.samples,
				    .offset_ns = (int64_t)((T0 - 1) * NS_PER_S),
				    .fed = &fed,
				    .columns = columns,
				    .marks = marks,
				    .mark_count = 2,
				    .gap_ns = 300 * NS_PER_MS };
	static const char fed_text[] = "{\"t\":100000000,\"v\":[0,2,0,0,1,0,null,4096]}\n"
				       "{\"t\":150000000,\"v\":[0,3,0,0,2,0,7,0]}\n";
	int e;

	e = samples_parse(canned, strlen(canned), 4, &fx.samples, &fx.err);
	if (e == 0)
		e = samples_parse(fed_text, strlen(fed_text), FED_COLUMNS, &fed, &fx.err);
	in.fed_offset_ns = (int64_t)(T0 * NS_PER_S);
	if (e == 0)
		e = convert(&in, r, &fx.err);
	samples_free(&fed);
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

/* Of the record at 150 ms: every value, and no instance that never came in any metric of its domain. */
static void check_second_fed(void)
{
	static const struct expected values[] = {
		{ 150, RECORD_OPS, 15, "3" },
		{ 150, RECORD_DEVICE "ops", 15, "2" },
		/* 0, of an opcode that came: a rate can be made of it. */
		{ 150, RECORD_DEVICE "errors", 15, "0" },
		{ 150, RECORD_OPS, 1, "" },
		{ 150, RECORD_OPS, 16, "" },
		{ 150, RECORD_DEVICE "ops", 1, "" },
		{ 150, RECORD_DEVICE "window.setups", 0, "7" },
		{ 150, RECORD_DEVICE "window.mapped", 0, "0" },
	};
	pmResult *r = NULL;

	assert_true(pmFetchArchive(&r) >= 0);
	assert_int_equal(r->timestamp.tv_usec, 150000);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		char seen[64];

		value_in(r, values[i].metric, values[i].instance, seen, sizeof(seen));
		if (strcmp(seen, values[i].value) != 0)
			fail_msg("%s[%d] is \"%s\", not \"%s\"", values[i].metric,
				 values[i].instance, seen, values[i].value);
	}
	pmFreeResult(r);
}

static void test_archive_holds_what_went_in(void **state)
{
	static const struct expected records[] = {
		{ 0, "mem.util.cached", 0, "4294967297" },
		{ 50, "virtiofs_qual.phase", 0, "cold" },
		/* At one time with a sample, which then is a microsecond later. */
		{ 100, "virtiofs_qual.fuse.ops", 15, "2" },
	};
	struct convert_result r = { 0 };
	pmLogLabel label;
	pmResult *result = NULL;
	char seen[64];
	int context;

	(void)state;
	fine(write_canned(fx.base, &r));
	assert_int_equal(r.records, 7);
	assert_int_equal(r.values, 22);
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
	check_second_fed();
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
	const struct record_metric *ops = record_metric_find(RECORD_OPS);
	const struct record_column columns[] = {
		{ ops, "LOOKUP", 1 },
		{ ops, "READ", 15 },
		{ record_metric_find(RECORD_DEVICE "window.mappings"), NULL, 0 },
		{ record_metric_find(RECORD_DEVICE "window.mapped"), NULL, 0 },
	};
	const struct record_config c = { .dir = fx.dir,
					 .tool = recorded_tool(),
					 .interval_ms = 20,
					 .daemon = getpid(),
					 .data_file = recorded_tool(),
					 .read = read_shared,
					 .read_arg = shared,
					 .columns = columns,
					 .column_count = ARRAY_SIZE(columns) };
	struct record *r = NULL;
	int e;

	shared[3] = RECORD_NO_VALUE;
	e = record_start(&c, &r, &fx.err);
	if (e == 0) {
		uint64_t now = clock_now_ns();

		/* A guest whose clock began long after ours; the better look counts. */
		record_guest_clock(r, 5 * NS_PER_S, now - NS_PER_S, now + NS_PER_S);
		record_guest_clock(r, 5 * NS_PER_S, now - NS_PER_MS, now + NS_PER_MS);
		record_guest_clock(r, 99 * NS_PER_S, now - NS_PER_S, now + NS_PER_S);
		e = record_phase(r, "cold");
		recorded_pause(150);
		shared[1] = 42;
		shared[2] = 5;
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
	assert_true(fetch_last(base, RECORD_OPS, 15, seen, sizeof(seen)) >= 4);
	assert_string_equal(seen, "42");
	assert_true(fetch_last(base, RECORD_DEVICE "window.mappings", 0, seen, sizeof(seen)) >= 4);
	assert_string_equal(seen, "5");
	assert_true(json_number_at(fx.json, "fed.samples", &n) == 0 && n >= 4);
	/* What never had a value is named, and only that. */
	assert_string_equal(json_str_at(fx.json, "fed.without_values[0]", ""),
			    RECORD_DEVICE "window.mapped");
	assert_int_equal(json_array_size(json_at(fx.json, "fed.without_values")), 1);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_archive_holds_what_went_in),
		TEST(test_archive_is_replaced),
		TEST(test_archive_that_cannot_be_written),
		TEST(test_no_samples_are_an_error),
		TEST(test_record),
		TEST(test_guest_times),
		TEST(test_record_without_tool),
	};

	return cmocka_run_group_tests_name("record_archive", tests, NULL, NULL);
}
