// SPDX-License-Identifier: Apache-2.0
/*
 * Recording without guests: the table of metrics, the sampler (vq-guest watch, $VQ_GUEST) and what is
 * read of its lines. What becomes of them is in test_record_archive.c.
 */
#include "recorded.h"

#include "base/clock.h"
#include "base/fs.h"
#include "record/record.h"

#include <ctype.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 20000

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

/* ---- the sampler ---- */

static void start_watch(const char *const *args)
{
	CLEANUP(freep) char *path = fs_path("%s/out", fx.dir);
	const char *argv[16] = { recorded_tool(), "watch" };
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
			(void)snprintf(key, sizeof(key), "resident:%s", recorded_tool());
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
	recorded_pause(300);
	assert_int_equal(kill(fx.p.pid, SIGSTOP), 0);
	/* Not a multiple of the interval: a table that had moved would show. */
	recorded_pause(425);
	assert_int_equal(kill(fx.p.pid, SIGCONT), 0);
	recorded_pause(500);
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
		recorded_pause(WAIT_MS);
		_exit(0);
	}
	assert_true(victim > 0);
	(void)snprintf(cpu, sizeof(cpu), "tree:%d:cpu", (int)victim);
	(void)snprintf(anon, sizeof(anon), "tree:%d:anon", (int)victim);
	(void)snprintf(fds, sizeof(fds), "tree:%d:fds", (int)victim);
	WATCH("20", "100000", cpu, anon, fds, "meminfo:MemFree");
	recorded_pause(200);
	assert_int_equal(kill(victim, SIGKILL), 0);
	assert_int_equal(waitpid(victim, NULL, 0), victim);
	recorded_pause(200);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_names),
		TEST(test_samples),
		TEST(test_bad_lines_are_counted_and_left_out),
		TEST(test_huge_line),
		TEST(test_gaps),
		TEST(test_keys_of_the_table),
		TEST(test_watch_refuses_nonsense),
		TEST(test_watch_is_bounded),
		TEST(test_watch_keeps_its_time_table),
		TEST(test_watch_survives_a_process_that_vanishes),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
