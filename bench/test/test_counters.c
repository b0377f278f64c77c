// SPDX-License-Identifier: Apache-2.0
/*
 * What a device counts by itself, read by the driver: the file, the columns of the recording, and the
 * comparison with the relay. The device is a *fake*: a file that this test writes. real_record.c has a real one.
 */
#include "base/fs.h"
#include "base/json.h"
#include "conformance/wire/refdev.h"
#include "run/agree.h"
#include "run/columns.h"

#include <linux/fuse.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
	char dir[64];
	char path[96];
	struct refdev_counters c;
	struct columns columns;
	uint64_t *values;
	struct err err;
} fx;

static int setup(void **state)
{
	(void)state;
	memset(&fx, 0, sizeof(fx));
	(void)snprintf(fx.dir, sizeof(fx.dir), "/tmp/vq-test-counters-XXXXXX");
	if (!mkdtemp(fx.dir))
		return -1;
	(void)snprintf(fx.path, sizeof(fx.path), "%s/counters", fx.dir);
	fx.c.magic = REFDEV_COUNTERS_MAGIC;
	fx.c.version = REFDEV_COUNTERS_VERSION;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	columns_free(&fx.columns);
	free(fx.values);
	return fs_remove_tree(fx.dir, NULL);
}

static void write_file(size_t size)
{
	if (fs_write_atomic(fx.path, &fx.c, size, &fx.err) < 0)
		fail_msg("%s", fx.err.text);
}

/* ---- the file ---- */

/* Goal: only a whole file of this version is believed. Method: one wrong thing each. */
static void the_file_is_checked(void **state)
{
	struct refdev_counters c = { .version = 77 };

	(void)state;
	assert_int_equal(counters_load(fx.path, &c, &fx.err), -ENOENT);
	write_file(sizeof(fx.c) - 8);
	assert_int_equal(counters_load(fx.path, &c, &fx.err), -EPROTO);
	fx.c.magic = 0; /* the device has not finished it */
	write_file(sizeof(fx.c));
	assert_int_equal(counters_load(fx.path, &c, &fx.err), -EPROTO);
	fx.c.magic = REFDEV_COUNTERS_MAGIC;
	fx.c.version++;
	write_file(sizeof(fx.c));
	assert_int_equal(counters_load(fx.path, &c, &fx.err), -EPROTO);
	assert_int_equal(c.version, 77);
	fx.c.version--;
	fx.c.live = 5;
	write_file(sizeof(fx.c));
	assert_int_equal(counters_load(fx.path, &c, &fx.err), 0);
	assert_int_equal(c.live, 5);
}

/* ---- columns ---- */

static uint64_t value_of(const char *metric, const char *instance)
{
	uint64_t value = 0;
	size_t found = 0;

	for (size_t i = 0; i < fx.columns.count; i++) {
		const struct record_column *c = &fx.columns.column[i];

		if (strcmp(c->metric->name, metric) != 0 ||
		    (instance && strcmp(c->instance, instance) != 0))
			continue;
		value = fx.values[i];
		found++;
	}
	if (found != 1)
		fail_msg("%zu columns are %s[%s]", found, metric, instance ? instance : "");
	return value;
}

static void read_columns(void)
{
	free(fx.values);
	fx.values = calloc(fx.columns.count, sizeof(*fx.values));
	assert_non_null(fx.values);
	assert_int_equal(columns_read(&fx.columns, fx.values, fx.columns.count), 0);
}

/*
 * Goal: each counter of the file is in the column of its name. Method: every u64 of the file is its own place,
 * and what the header says of the place is looked for under the metric's name.
 */
static void every_counter_has_its_column(void **state)
{
	static const struct {
		const char *metric;
		const char *instance;
		size_t offset;
	} rows[] = {
#define OP(name, instance, opcode, field) \
	{ RECORD_DEVICE name, instance, offsetof(struct refdev_counters, op[opcode].field) }
#define ALL(name, field)                                                          \
	{                                                                         \
		RECORD_DEVICE name, NULL, offsetof(struct refdev_counters, field) \
	}
		OP("ops", "READ", FUSE_READ, requests),
		OP("ops", "OTHER", 0, requests),
		OP("errors", "LOOKUP", FUSE_LOOKUP, errors),
		OP("time", "SETUPMAPPING", FUSE_SETUPMAPPING, ns),
		OP("bytes_in", "WRITE", FUSE_WRITE, bytes_in),
		OP("bytes_out", "READ", FUSE_READ, bytes_out),
		OP("bytes_out", "opcode_63", 63, bytes_out),
		ALL("payload.read", bytes_read),
		ALL("payload.written", bytes_written),
		ALL("kicks", kicks),
		ALL("interrupts", interrupts),
		ALL("window.setups", setups),
		ALL("window.removals", removals),
		ALL("window.upgrades", upgrades),
		ALL("window.refused", refused),
		ALL("window.mappings", live),
		ALL("window.mapped", live_bytes),
		ALL("window.mapped_max", live_bytes_max),
		ALL("window.map_time", map_ns),
		ALL("window.unmap_time", unmap_ns),
		ALL("window.setup_time", setup_ns),
		ALL("window.setup_wait_time", setup_wait_ns),
		ALL("window.setup_told_time", setup_told_ns),
		ALL("window.tail_shadow", tail_shadow),
	};

	(void)state;
	for (uint64_t at = offsetof(struct refdev_counters, op); at < sizeof(fx.c); at += 8)
		memcpy((uint8_t *)&fx.c + at, &at, sizeof(at));
	write_file(sizeof(fx.c));
	assert_int_equal(columns_make(&fx.columns, NULL, fx.path, 16 * MIB), 0);
	read_columns();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (value_of(rows[i].metric, rows[i].instance) != rows[i].offset)
			fail_msg("%s is %llu, not %zu", rows[i].metric,
				 (unsigned long long)value_of(rows[i].metric, rows[i].instance),
				 rows[i].offset);
	assert_int_equal(value_of(RECORD_DEVICE "window.size", NULL), 16 * MIB);
}

/* Goal: before the device has made its file it has no values, not zeros. Method: no file; then one. */
static void no_file_no_values(void **state)
{
	(void)state;
	assert_int_equal(columns_make(&fx.columns, NULL, fx.path, 0), 0);
	read_columns();
	for (size_t i = 0; i < fx.columns.count; i++)
		assert_true(fx.values[i] == RECORD_NO_VALUE);
	write_file(sizeof(fx.c));
	read_columns();
	for (size_t i = 0; i < fx.columns.count; i++)
		assert_true(fx.values[i] == 0);
	columns_free(&fx.columns);
	assert_int_equal(columns_make(&fx.columns, NULL, "", 0), 0);
	assert_int_equal(fx.columns.count, 0);
}

/* Goal: every "device" row of the table is fed, by columns that can be told apart. Method: both lists. */
static void columns_are_those_of_the_table(void **state)
{
	size_t count;
	const struct record_metric *m = record_metrics(&count);

	(void)state;
	assert_int_equal(columns_make(&fx.columns, NULL, fx.path, 0), 0);
	for (size_t i = 0; i < fx.columns.count; i++) {
		const struct record_column *a = &fx.columns.column[i];

		assert_non_null(a->metric);
		assert_true((a->metric->indom == RECORD_SINGULAR) == !a->instance);
		assert_null(a->metric->key);
		for (size_t k = 0; k < i; k++) {
			const struct record_column *b = &fx.columns.column[k];

			if (a->metric == b->metric && a->instance_id == b->instance_id)
				fail_msg("%s[%d] twice", a->metric->name, a->instance_id);
			if (a->instance && b->instance)
				assert_true((strcmp(a->instance, b->instance) == 0) ==
					    (a->instance_id == b->instance_id));
		}
	}
	for (size_t i = 0; i < count; i++) {
		bool fed = false;

		for (size_t k = 0; k < fx.columns.count; k++)
			fed |= fx.columns.column[k].metric == &m[i];
		if (fed != (strncmp(m[i].name, RECORD_DEVICE, strlen(RECORD_DEVICE)) == 0))
			fail_msg("%s is %sfed", m[i].name, fed ? "" : "not ");
	}
}

/* ---- the comparison ---- */

/* A snapshot of the relay as it comes: 3 LOOKUP of which one failed, 2 READ, 1 of an unknown opcode. */
static json_t *relay_total(void)
{
	json_t *j = json_pack("{s:i,s:{s:i,s:i,s:i,s:i},s:i,s:{s:i}}", "requests", 6, "ops",
			      "LOOKUP", 3, "READ", 2, "other", 0, "opcode_60", 1,
			      "bytes_from_device", 500, "errors", "ENOENT", 1);

	assert_non_null(j);
	return j;
}

static void device_total(void)
{
	fx.c.op[FUSE_LOOKUP] =
		(struct refdev_opcode_counters){ .requests = 3, .errors = 1, .bytes_out = 100 };
	fx.c.op[FUSE_READ] = (struct refdev_opcode_counters){ .requests = 2, .bytes_out = 384 };
	fx.c.op[60] = (struct refdev_opcode_counters){ .requests = 1, .bytes_out = 16 };
}

static void equal_counts_agree(void **state)
{
	json_t *relay = relay_total();
	json_t *device;

	(void)state;
	device_total();
	if (agree_compare(relay, &fx.c, &fx.err) < 0)
		fail_msg("%s", fx.err.text);
	device = agree_json(&fx.c);
	assert_int_equal(json_integer_value(json_at(device, "requests")), 6);
	assert_int_equal(json_integer_value(json_at(device, "ops.opcode_60")), 1);
	assert_int_equal(json_object_size(json_at(device, "ops")), 3);
	assert_int_equal(json_integer_value(json_at(device, "errors")), 1);
	assert_int_equal(json_integer_value(json_at(device, "bytes_from_device")), 500);
	json_decref(device);
	json_decref(relay);
}

/* Goal: each difference is found, and named with both numbers. Method: one each. */
static void each_difference_is_named(void **state)
{
	static const struct {
		uint32_t opcode;
		struct refdev_opcode_counters more;
		const char *words;
	} rows[] = {
		{ FUSE_READ, { .requests = 1 }, "READ: the relay 2, the device 3" },
		{ FUSE_READ, { .requests = (uint64_t)-1 }, "READ: the relay 2, the device 1" },
		{ FUSE_WRITE, { .requests = 1 }, "WRITE: the relay 0, the device 1" },
		{ 0, { .requests = 2 }, "other: the relay 0, the device 2" },
		{ 60, { .requests = (uint64_t)-1 }, "opcode_60: the relay 1, the device 0" },
		{ FUSE_LOOKUP, { .errors = 1 }, "errors: the relay 1, the device 2" },
		{ FUSE_READ,
		  { .bytes_out = 7 },
		  "bytes of replies: the relay 500, the device 507" },
		/* Sums are right: one was counted as another. */
		{ FUSE_STATFS, { .requests = 1 }, "STATFS: the relay 0, the device 1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct refdev_opcode_counters *op = &fx.c.op[rows[i].opcode];
		json_t *relay = relay_total();
		int e;

		memset(fx.c.op, 0, sizeof(fx.c.op));
		device_total();
		op->requests += rows[i].more.requests;
		op->errors += rows[i].more.errors;
		op->bytes_out += rows[i].more.bytes_out;
		if (rows[i].opcode == FUSE_STATFS)
			fx.c.op[FUSE_READ].requests--;
		e = agree_compare(relay, &fx.c, &fx.err);
		json_decref(relay);
		assert_int_equal(e, -EBADMSG);
		if (!strstr(fx.err.text, rows[i].words))
			fail_msg("row %zu: '%s' does not say '%s'", i, fx.err.text, rows[i].words);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_file_is_checked), TEST(every_counter_has_its_column),
		TEST(no_file_no_values),   TEST(columns_are_those_of_the_table),
		TEST(equal_counts_agree),  TEST(each_difference_is_named),
	};

	return cmocka_run_group_tests_name("counters", tests, NULL, NULL);
}
