// SPDX-License-Identifier: Apache-2.0
/* The ledger: counters that are exact, a ring that is bounded, lines that are whole under load. */
#include "conformance/ref/ledger/ledger.h"

#include "base/buf.h"
#include "base/fs.h"

#include <jansson.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS 4
#define EACH	20000

static struct err err;

static void request(uint32_t opcode, uint64_t unique, int result)
{
	const struct ledger_event e = { .kind = LEDGER_REQUEST,
					.code = opcode,
					.start_ns = 100,
					.end_ns = 130,
					.unique = unique,
					.nodeid = unique,
					.bytes = 48,
					.used = 104,
					.result = result,
					.queue = 1 };

	ledger_add(&e);
}

/* All lines that the ledger writes; owned array. */
static json_t *lines(void)
{
	FILE *f = tmpfile();
	json_t *list = json_array();
	char text[4096];

	assert_non_null(f);
	if (ledger_write(fileno(f), &err) < 0)
		fail_msg("%s", err.text);
	rewind(f);
	while (fgets(text, sizeof(text), f)) {
		json_t *j = json_loads(text, 0, NULL);

		if (!j)
			fail_msg("not JSON: %s", text);
		(void)json_array_append_new(list, j);
	}
	(void)fclose(f);
	return list;
}

static json_int_t number(json_t *j, const char *a, const char *b, const char *c)
{
	j = json_object_get(j, a);
	j = b ? json_object_get(j, b) : j;
	j = c ? json_object_get(j, c) : j;
	return json_integer_value(j);
}

/* Goal: every kind of event is counted where it belongs. Method: a few of each, then the summary. */
static void events_are_counted(void **state)
{
	json_t *list;
	json_t *sum;

	(void)state;
	assert_int_equal(ledger_start(NULL, 16, &err), 0);
	assert_int_equal(ledger_start(NULL, 16, &err), -EALREADY);
	request(FUSE_GETATTR, 1, 0);
	request(FUSE_GETATTR, 2, -ENOENT);
	request(FUSE_SETUPMAPPING, 3, 0);
	request(4000000, 4, -ENOSYS);
	ledger_add(&(struct ledger_event){ .kind = LEDGER_MAP, .start_ns = 5, .end_ns = 12 });
	ledger_add(&(struct ledger_event){ .kind = LEDGER_UNMAP, .start_ns = 5, .end_ns = 7 });
	ledger_kick();
	ledger_interrupt();
	ledger_interrupt();
	ledger_bytes(4096, 7);
	ledger_mapped(8192);
	ledger_mapped(4096);
	ledger_unmapped(8192);
	ledger_upgraded();
	ledger_refused();
	list = lines();
	sum = json_array_get(list, 0);
	assert_int_equal(json_array_size(list), 7);
	assert_int_equal(number(sum, "ops", "GETATTR", "requests"), 2);
	assert_int_equal(number(sum, "ops", "GETATTR", "errors"), 1);
	assert_int_equal(number(sum, "ops", "GETATTR", "ns"), 60);
	assert_int_equal(number(sum, "ops", "GETATTR", "bytes_in"), 96);
	assert_int_equal(number(sum, "ops", "GETATTR", "bytes_out"), 208);
	assert_int_equal(number(sum, "ops", "OTHER", "requests"), 1);
	assert_int_equal(number(sum, "latency_ns", "setup", NULL), 30);
	assert_int_equal(number(sum, "latency_ns", "map", NULL), 7);
	assert_int_equal(number(sum, "latency_ns", "unmap", NULL), 2);
	assert_int_equal(number(sum, "kicks", NULL, NULL), 1);
	assert_int_equal(number(sum, "interrupts", NULL, NULL), 2);
	assert_int_equal(number(sum, "bytes_read", NULL, NULL), 4096);
	assert_int_equal(number(sum, "bytes_written", NULL, NULL), 7);
	assert_int_equal(number(sum, "mappings", "setups", NULL), 2);
	assert_int_equal(number(sum, "mappings", "live_bytes", NULL), 4096);
	assert_int_equal(number(sum, "mappings", "live_bytes_max", NULL), 12288);
	assert_true(json_is_true(json_object_get(json_object_get(sum, "mappings"), "balanced")));
	json_decref(list);
	ledger_stop();
}

static void trip(enum ledger_kind kind, uint64_t ns)
{
	ledger_add(&(struct ledger_event){ .kind = kind, .start_ns = 5, .end_ns = 5 + ns });
}

static void *other_map(void *arg)
{
	trip(LEDGER_MAP, 1000);
	return arg;
}

/* Goal: what a SETUPMAPPING has waited for is its own. Method: waits of it, of another request, of another thread. */
static void waits_are_of_their_request(void **state)
{
	struct refdev_counters c;
	pthread_t t;
	json_t *list;

	(void)state;
	assert_int_equal(ledger_start(NULL, 0, &err), 0);
	trip(LEDGER_MAP, 100);
	ledger_told(50);
	request(FUSE_SETATTR, 1, 0);
	assert_int_equal(pthread_create(&t, NULL, other_map, NULL), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
	trip(LEDGER_MAP, 7);
	trip(LEDGER_UNMAP, 2);
	ledger_told(5);
	request(FUSE_SETUPMAPPING, 2, 0);
	request(FUSE_SETUPMAPPING, 3, 0);
	ledger_counters(&c);
	assert_int_equal(c.setup_ns, 60);
	assert_int_equal(c.setup_wait_ns, 9);
	assert_int_equal(c.setup_told_ns, 5);
	assert_int_equal(c.map_ns, 1107);
	list = lines();
	assert_int_equal(number(json_array_get(list, 0), "latency_ns", "setup_wait", NULL), 9);
	assert_int_equal(number(json_array_get(list, 0), "latency_ns", "setup_told", NULL), 5);
	json_decref(list);
	ledger_stop();
}

/* Goal: the ring is bounded and keeps the newest. Method: more events than places. */
static void the_ring_keeps_the_newest(void **state)
{
	json_t *list;

	(void)state;
	assert_int_equal(ledger_start(NULL, 10, &err), 0);
	for (uint64_t i = 0; i < 100; i++)
		request(FUSE_LOOKUP, i, 0);
	list = lines();
	assert_int_equal(json_array_size(list), 1 + 16); /* rounded up */
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(number(json_array_get(list, 1 + i), "unique", NULL, NULL), 84 + i);
	json_decref(list);
	ledger_stop();
	request(FUSE_LOOKUP, 1, 0); /* nobody records: nothing happens */
	assert_int_equal(ledger_start(NULL, LEDGER_EVENTS_MAX + 1, &err), -EINVAL);
}

/* Goal: without a ring counters stay. Method: no places. */
static void counters_need_no_ring(void **state)
{
	json_t *list;

	(void)state;
	assert_int_equal(ledger_start(NULL, 0, &err), 0);
	request(FUSE_READ, 1, 0);
	list = lines();
	assert_int_equal(json_array_size(list), 1);
	assert_int_equal(number(json_array_get(list, 0), "ops", "READ", "requests"), 1);
	json_decref(list);
	ledger_stop();
}

static void *hammer(void *arg)
{
	uint64_t base = (uint64_t)(uintptr_t)arg * EACH;

	for (uint64_t i = 0; i < EACH; i++)
		request(FUSE_WRITE, base + i, 0);
	return NULL;
}

/* Goal: no line is torn while others write. Method: threads hammer, lines are read meanwhile. */
static void lines_are_whole_under_load(void **state)
{
	pthread_t t[THREADS];
	struct refdev_counters c;

	(void)state;
	assert_int_equal(ledger_start(NULL, 64, &err), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, hammer, (void *)i), 0);
	for (int i = 0; i < 20; i++) {
		json_t *list = lines();

		/* Both fields are the same number in each event. */
		for (size_t j = 1; j < json_array_size(list); j++)
			assert_int_equal(number(json_array_get(list, j), "unique", NULL, NULL),
					 number(json_array_get(list, j), "nodeid", NULL, NULL));
		json_decref(list);
	}
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	ledger_counters(&c);
	assert_int_equal(c.op[FUSE_WRITE].requests, THREADS * EACH);
	ledger_stop();
}

/* Goal: another process can read the counters. Method: the file, mapped by nobody but its bytes. */
static void the_file_says_what_it_is(void **state)
{
	char path[] = "/tmp/vq-counters.XXXXXX";
	struct refdev_counters c;
	struct buf text = { 0 };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	/* What is there is nobody's to write over. */
	assert_int_equal(ledger_start(path, 0, &err), -EEXIST);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ledger_start(path, 0, &err), 0);
	request(FUSE_READ, 1, 0);
	if (fs_read(path, sizeof(c), &text, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(text.size, sizeof(c));
	memcpy(&c, buf_text(&text), sizeof(c));
	assert_int_equal(c.magic, REFDEV_COUNTERS_MAGIC);
	assert_int_equal(c.version, REFDEV_COUNTERS_VERSION);
	assert_int_equal(c.op[FUSE_READ].requests, 1);
	buf_free(&text);
	ledger_stop();
	assert_int_equal(unlink(path), 0);
}

static bool shows(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	return at && (at == text || at[-1] == '\n') && at[strlen(line)] == '\n';
}

/* Goal: the file is shown as PCP and Prometheus read it. Method: a file with some counts; one that is none. */
static void the_file_is_shown(void **state)
{
	static const char *const want[] = {
		"# TYPE refdev_ops counter",
		"# PCP5 ops 0.0.0 u64 PM_INDOM_NULL counter count",
		"refdev_ops{opcode=\"READ\"} 2",
		"refdev_ops{opcode=\"opcode_63\"} 1",
		"refdev_errors{opcode=\"READ\"} 1",
		"refdev_time{opcode=\"READ\"} 60",
		"refdev_bytes_in{opcode=\"READ\"} 96",
		"refdev_bytes_out{opcode=\"READ\"} 208",
		"# TYPE refdev_window_mapped gauge",
		"# PCP5 window.mapped 0.0.0 u64 PM_INDOM_NULL instant byte",
		"refdev_window_mapped 8192",
		"refdev_payload_written 7",
	};
	char path[] = "/tmp/vq-counters.XXXXXX";
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0 && out);
	(void)close(fd);
	assert_int_equal(ledger_show(path, out, &err), -EPROTO);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ledger_show(path, out, &err), -ENOENT);
	assert_int_equal(ftell(out), 0);
	assert_int_equal(ledger_start(path, 0, &err), 0);
	request(FUSE_READ, 1, 0);
	request(FUSE_READ, 2, -EIO);
	request(63, 3, -ENOSYS);
	ledger_mapped(8192);
	ledger_bytes(0, 7);
	if (ledger_show(path, out, &err) < 0)
		fail_msg("%s", err.text);
	ledger_stop();
	(void)fclose(out);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		if (!shows(text, want[i]))
			fail_msg("no line \"%s\" in %s", want[i], text);
	/* What never came is not there. */
	assert_null(strstr(text, "LOOKUP"));
	free(text);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_counted),
		cmocka_unit_test(waits_are_of_their_request),
		cmocka_unit_test(the_ring_keeps_the_newest),
		cmocka_unit_test(counters_need_no_ring),
		cmocka_unit_test(lines_are_whole_under_load),
		cmocka_unit_test(the_file_says_what_it_is),
		cmocka_unit_test(the_file_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
