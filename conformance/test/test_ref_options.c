// SPDX-License-Identifier: Apache-2.0
/* The command line, its help, and the log. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/version.h"
#include "conformance/ref/log.h"
#include "conformance/ref/options.h"

#define ARGS_MAX 32

/* Splits at spaces: no argument of these tests has one. */
static int parse(const char *line, struct ref_options *o, enum ref_command *c, struct err *err)
{
	static char copy[1024];
	static char name[] = "virtiofs-refdev";
	char *argv[ARGS_MAX + 1] = { name };
	int argc = 1;

	(void)snprintf(copy, sizeof(copy), "%s", line);
	for (char *p = strtok(copy, " "); p && argc < ARGS_MAX; p = strtok(NULL, " "))
		argv[argc++] = p;
	return ref_options_parse(argc, argv, o, c, err);
}

static void test_defaults(void **state)
{
	struct ref_options o;
	enum ref_command c;
	struct err err;

	(void)state;
	assert_int_equal(parse("--socket-path /s --shared-dir /d", &o, &c, &err), 0);
	assert_int_equal(c, REF_RUN);
	assert_string_equal(o.socket_path, "/s");
	assert_string_equal(o.shared_dir, "/d");
	assert_int_equal(o.socket_count, 1);
	assert_int_equal(o.fd, -1);
	assert_null(o.tag);
	assert_int_equal(o.cache, REF_CACHE_AUTO);
	assert_int_equal(o.dax, REF_DAX_NONE);
	assert_int_equal(o.tail, REF_TAIL_AUTO);
	assert_int_equal(o.window_bytes, 64 << 20);
	assert_int_equal(o.queues, 1);
	assert_int_equal(o.threads, 0);
	assert_int_equal(o.poll_us, 0);
	assert_int_equal(o.linger_us, 10);
	assert_int_equal(o.sandbox, REF_SANDBOX_NAMESPACE);
	assert_true(o.killpriv_v2);
	assert_false(o.writeback || o.readonly || o.xattr || o.keep || o.allow_mmap || o.no_ledger);
	assert_string_equal(o.log_level, "info");
}

static void test_values(void **state)
{
	struct ref_options o;
	enum ref_command c;
	struct err err;

	(void)state;
	assert_int_equal(parse("--socket-path=/a --socket-path /b --shared-dir=/d --tag t "
			       "--cache=always --dax inode --window 128M --tail shadow --queues 4 "
			       "--thread-pool-size 3",
			       &o, &c, &err),
			 0);
	assert_string_equal(ref_options_socket(&o, 0), "/a");
	assert_string_equal(ref_options_socket(&o, 1), "/b");
	assert_null(ref_options_socket(&o, 2));
	assert_int_equal(o.cache, REF_CACHE_ALWAYS);
	assert_int_equal(o.dax, REF_DAX_INODE);
	assert_int_equal(o.window_bytes, 128 << 20);
	assert_int_equal(o.tail, REF_TAIL_SHADOW);
	assert_int_equal(o.queues, 4);
	assert_int_equal(o.threads, 3);
	assert_int_equal(
		parse("--fd 7 --shared-dir /d --writeback --xattr --posix-acl --keep "
		      "--no-killpriv-v2 --rlimit-nofile 5000 --poll 20 --linger 0 --sandbox none "
		      "--log-level debug --no-ledger",
		      &o, &c, &err),
		0);
	assert_int_equal(o.fd, 7);
	assert_true(o.no_ledger);
	assert_int_equal(o.socket_count, 0);
	assert_true(o.writeback && o.xattr && o.posix_acl && o.keep && !o.killpriv_v2);
	assert_int_equal(o.rlimit_nofile, 5000);
	assert_int_equal(o.poll_us, 20);
	assert_int_equal(o.linger_us, 0);
	assert_int_equal(o.sandbox, REF_SANDBOX_NONE);
	assert_string_equal(o.log_level, "debug");
	assert_int_equal(parse("--fd 7 --shared-dir /d --window 0x4000000", &o, &c, &err), 0);
	assert_int_equal(parse("--fd 7 --shared-dir /d --window 4096k", &o, &c, &err), 0);
	assert_int_equal(o.window_bytes, 4 << 20);
	assert_int_equal(parse("--fd 7 --shared-dir /d --window 1G", &o, &c, &err), 0);
}

/* Each error names the option that is wrong. */
static void test_errors(void **state)
{
	static const char *const bad[][2] = {
		{ "--shared-dir /d", "--socket-path" },
		{ "--socket-path /s", "--shared-dir" },
		{ "--socket-path /s --fd 3 --shared-dir /d", "--fd" },
		{ "--socket-path /s --socket-path /s --shared-dir /d", "twice" },
		{ "--socket-path 1 --socket-path 2 --socket-path 3 --socket-path 4 --socket-path 5",
		  "" },
		{ "--fd 3 --shared-dir /d --cache sometimes", "never, metadata, auto, always" },
		{ "--fd 3 --shared-dir /d --dax", "--dax" },
		{ "--fd 3 --shared-dir /d --window 3M", "--window" },
		{ "--fd 3 --shared-dir /d --window 1M", "--window" },
		{ "--fd 3 --shared-dir /d --window 64MB", "--window" },
		{ "--fd 3 --shared-dir /d --window -64", "--window" },
		{ "--fd 3 --shared-dir /d --window 99999999999999999999", "--window" },
		{ "--fd 3 --shared-dir /d --window 17000000000G", "--window" },
		{ "--fd 3 --shared-dir /d --queues 0", "--queues" },
		{ "--fd 3 --shared-dir /d --queues 1K", "--queues" },
		{ "--fd 3 --shared-dir /d --threads 65", "--threads" },
		{ "--fd 3 --shared-dir /d --poll fast", "--poll" },
		{ "--fd -1 --shared-dir /d", "--fd" },
		{ "--fd 3 --shared-dir /d --tag 1234567890123456789012345678901234567", "--tag" },
		{ "--fd 3 --shared-dir /d --posix-acl", "--xattr" },
		{ "--fd 3 --shared-dir /d --no-ledger --ledger /l", "--no-ledger" },
		{ "--fd 3 --shared-dir /d --counters /c --no-ledger", "--no-ledger" },
		{ "--fd 3 --shared-dir /d --dax always --readonly", "--readonly" },
		{ "--fd 3 --shared-dir /d --log-level loud", "--log-level" },
		{ "--fd 3 --shared-dir /d --nonsense", "--nonsense" },
		{ "--fd 3 --shared-dir /d extra", "extra" },
		{ "--fd 3 --shared-dir /d -x", "-x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct ref_options o;
		enum ref_command c;
		struct err err = { "" };

		assert_int_equal(parse(bad[i][0], &o, &c, &err), -EINVAL);
		assert_true(err.text[0] != '\0');
		if (!strstr(err.text, bad[i][1]))
			fail_msg("%s: \"%s\" has no \"%s\"", bad[i][0], err.text, bad[i][1]);
	}
}

/* 36 bytes are a tag, 9 sockets are too many, and a command needs nothing else. */
static void test_limits(void **state)
{
	struct ref_options o;
	enum ref_command c;
	struct err err;

	(void)state;
	assert_int_equal(parse("--fd 3 --shared-dir /d --tag 123456789012345678901234567890123456",
			       &o, &c, &err),
			 0);
	assert_int_equal(parse("--print-capabilities --nonsense", &o, &c, &err), 0);
	assert_int_equal(c, REF_CAPABILITIES);
	assert_int_equal(parse("--show-counters --counters /c", &o, &c, &err), 0);
	assert_true(c == REF_SHOW_COUNTERS && strcmp(o.counters, "/c") == 0);
	assert_int_equal(parse("--counters /c --show-counters", &o, &c, &err), 0);
	assert_int_equal(c, REF_SHOW_COUNTERS);
	assert_int_equal(parse("--show-counters", &o, &c, &err), -EINVAL);
	assert_int_equal(parse("--help", &o, &c, &err), 0);
	assert_int_equal(c, REF_HELP);
}

static char *text_of(void (*print)(FILE *))
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	print(out);
	(void)fclose(out);
	return text;
}

/* Every option that can be parsed is in the help, in one line of a terminal's width or a bit more. */
static void test_help(void **state)
{
	static const char *const names[] = { "socket-path",
					     "fd",
					     "keep",
					     "shared-dir",
					     "tag",
					     "cache",
					     "writeback",
					     "readonly",
					     "xattr",
					     "posix-acl",
					     "allow-direct-io",
					     "allow-mmap",
					     "killpriv-v2",
					     "announce-submounts",
					     "dax",
					     "window",
					     "tail",
					     "queues",
					     "threads",
					     "poll",
					     "rlimit-nofile",
					     "sandbox",
					     "log-level",
					     "counters",
					     "show-counters",
					     "print-capabilities",
					     "help" };
	char *text = text_of(ref_options_help);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char option[40];

		(void)snprintf(option, sizeof(option), "\n  --%s ", names[i]);
		assert_non_null(strstr(text, option));
	}
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(strlen(line) < 120);
	free(text);
}

static void test_faults(void **state)
{
	static const char many[] = "--socket-path /s --shared-dir /d --fault x --fault x --fault x "
				   "--fault x --fault x --fault x --fault x --fault x --fault x";
	struct ref_options o;
	enum ref_command c;
	struct err err;

	(void)state;
	assert_int_equal(
		parse("--socket-path /s --shared-dir /d --fault a --fault b:1", &o, &c, &err), 0);
	assert_int_equal(o.fault_count, 2);
	assert_string_equal(o.faults[0], "a");
	assert_string_equal(o.faults[1], "b:1");
	assert_int_equal(parse("--list-faults --format json", &o, &c, &err), 0);
	assert_true(c == REF_LIST_FAULTS && o.list_json);
	assert_int_equal(parse("--list-faults", &o, &c, &err), 0);
	assert_true(c == REF_LIST_FAULTS && !o.list_json);
	assert_int_equal(parse("--list-faults --format xml", &o, &c, &err), -EINVAL);
	assert_int_equal(parse(many, &o, &c, &err), 0);
	assert_int_equal(o.fault_count, 9);
}

static void test_capabilities(void **state)
{
	char *text = text_of(ref_options_capabilities);
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	(void)state;
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "type")), "fs");
	assert_true(json_is_array(json_object_get(json, "features")));
	json_decref(json);
	free(text);
}

static void print_version(FILE *out)
{
	ref_options_version("3.14.0", out);
}

/* The one of the results; whoever records the version of a daemon gets what it was linked with as well. */
static void test_version(void **state)
{
	struct ref_options o;
	enum ref_command c;
	struct err err;
	char *text = text_of(print_version);

	(void)state;
	assert_int_equal(parse("--version", &o, &c, &err), 0);
	assert_int_equal(c, REF_VERSION);
	assert_string_equal(text, "virtiofs-refdev " VQ_VERSION " (libfuse 3.14.0)\n");
	free(text);
}

/* One line per message, whatever is in it; a flood is cut, and counted. */
static void test_log(void **state)
{
	int pipe_fd[2], saved = dup(STDERR_FILENO);
	static char got[65536];
	unsigned lines = 0;
	uint64_t before = ref_log_left_out();
	ssize_t n;
	enum ref_log_level level;

	(void)state;
	assert_int_equal(ref_log_level_from("loud", &level), -EINVAL);
	assert_int_equal(ref_log_level_from("warn", &level), 0);
	ref_log_set_level(level);
	assert_int_equal(pipe(pipe_fd), 0);
	(void)dup2(pipe_fd[1], STDERR_FILENO);
	ref_log(REF_LOG_INFO, "not this");
	ref_log(REF_LOG_WARN, "a name with\na second line\x1b[2J");
	for (int i = 0; i < 1000; i++)
		ref_log(REF_LOG_ERROR, "flood %d", i);
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
	(void)close(pipe_fd[1]);
	n = read(pipe_fd[0], got, sizeof(got) - 1);
	(void)close(pipe_fd[0]);
	assert_true(n > 0);
	got[n] = '\0';
	assert_null(strstr(got, "not this"));
	assert_non_null(strstr(got, "warn: a name with?a second line?[2J\n"));
	for (ssize_t i = 0; i < n; i++)
		lines += got[i] == '\n';
	assert_in_range(lines, 50, 150);
	assert_in_range(ref_log_left_out() - before, 850, 950);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),
		cmocka_unit_test(test_errors),	 cmocka_unit_test(test_limits),
		cmocka_unit_test(test_help),	 cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_log),	 cmocka_unit_test(test_faults),
		cmocka_unit_test(test_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
