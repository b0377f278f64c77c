// SPDX-License-Identifier: Apache-2.0
/*
 * `replay` and `fuzz` against the reference device, right and with faults: what comes of each kind of step, whether it is
 * told from what the file says, and that a daemon which falls over is found and the program made small.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "conformance/test/conform_cli.h"

#define HEAD   "virtiofs-program 1\n"
#define FILE_A "host-file name=\"a\" bytes=\"content\"\n"
/* A GETATTR of the root by hand: b1 is read, b2 written. */
#define GETATTR_BUFFERS \
	"memory buffer=1 bytes=u32:56,u32:3,4711,1,0,0,0,0\nmemory buffer=2 size=200\n"
#define DESC(index, rest) "descriptor queue=1 index=" #index " " rest "\n"
#define GO		  "offer queue=1 head=0\nkick queue=1"

struct row {
	const char *text;
	const char *fault; /* of the reference device; NULL: none */
	int status;
	const char *says;
};

static const struct row rows[] = {
	/* Answers, with names for what earlier ones brought. */
	{ HEAD FILE_A
	  "LOOKUP nodeid=root name=\"a\" -> n1 => OK\n"
	  "LOOKUP nodeid=root name=\"b\" => ENOENT\n"
	  "OPEN nodeid=n1 flags=2 -> f1 => OK\n"
	  "WRITE nodeid=n1 fh=f1 offset=3 data=\"XY\" => OK\n"
	  "READ nodeid=n1 fh=f1 size=100 => OK\n"
	  "host-truncate name=\"a\" size=0 => OK\n"
	  "GETATTR nodeid=n1 => OK\n"
	  "host-rename name=\"a\" newname=\"c\" => OK\nhost-mkdir name=\"d\" => OK\n"
	  "LOOKUP nodeid=root name=\"a\" => ENOENT\n"
	  "CREATE nodeid=root name=\"n\" flags=2 mode=0100644 -> n2 f2 => OK\n"
	  "RELEASE nodeid=n2 fh=f2 => OK\nFORGET nodeid=n2 nlookup=1 => OK\n"
	  "host-remove name=\"n\" => OK\nhost-remove name=\"d\" => OK\nend fate=alive\n",
	  NULL, 1, "\nreproduced" },
	{ HEAD "GETATTR nodeid=root\n", NULL, 0, "nothing was wrong" },
	{ HEAD FILE_A "LOOKUP nodeid=root name=\"a\" => ENOENT\n", NULL, 0,
	  "not reproduced: line 3: OK, not ENOENT" },
	{ HEAD "GETATTR nodeid=root\nend fate=exited:1\n", NULL, 0,
	  "not reproduced: the daemon: alive, not exited:1" },
	{ HEAD "GETATTR nodeid=root\nend violation=fuse.unique\n", NULL, 0,
	  "not reproduced: no violation fuse.unique" },
	{ HEAD "LOOKUP nodeid=root name=\"a\" -> n1 => ENOENT\nGETATTR nodeid=n1 => skipped\n",
	  NULL, 1, "no reply brought n1" },
	{ HEAD
	  "front packed=1 queues=1 ring=64 no-indirect=1\nGETATTR nodeid=root pieces=7 out_pieces=9 "
	  "=> OK\n",
	  NULL, 1, "\nreproduced" },
	{ HEAD "GETATTR nodeid=root later=1\nGETATTR nodeid=root later=1\nwait => OK\n", NULL, 1,
	  "2 answers" },
	/* Wrong messages. */
	{ HEAD "GETATTR nodeid=root cut=44 => EINVAL\nGETATTR nodeid=root len=8\n"
	       "request bytes=hex:00 queue=1 room=16\nGETATTR nodeid=root => OK\nend fate=alive\n",
	  NULL, 1, "\nreproduced" },
	{ HEAD "GETATTR nodeid=root cut=44\nend fate=alive\n", "bad-request-exits", 1,
	  "not reproduced: the daemon: exited:" },
	{ HEAD "GETATTR nodeid=root\n", "unique-wrong", 3, "FUSE_INIT: broken" },
	/* Rings. */
	{ HEAD GETATTR_BUFFERS DESC(0, "addr=b1 len=56 flags=1 next=1")
		  DESC(1, "addr=b2 len=120 flags=2") GO
	  " => used\nGETATTR nodeid=root => OK\nend fate=alive\n",
	  NULL, 1, "\nreproduced" },
	{ HEAD GETATTR_BUFFERS DESC(0, "addr=b1 len=56 flags=1 next=1")
		  DESC(1, "addr=b2 len=120 flags=3 next=0") GO "\nend fate=alive\n",
	  NULL, 1, "\nreproduced" },
	{ HEAD GETATTR_BUFFERS DESC(0, "addr=b1 len=56 flags=1 next=1")
		  DESC(1, "addr=b2 len=120 flags=3 next=0") GO "\n",
	  "bad-chain-exits", 1, "the daemon did wrong" },
	{ HEAD "index queue=1 plus=1000\nkick queue=1\nend fate=alive\n", NULL, 1, "\nreproduced" },
	{ HEAD "descriptor queue=1 index=128 => failed\ndescriptor queue=7 => failed\n"
	       "poke at=nowhere0 bytes=1 => failed\nGETATTR queue=9 => failed\n",
	  NULL, 1, "\nreproduced" },
	/* vhost-user. */
	{ HEAD
	  "message request=GET_FEATURES => value\nmessage request=99 => value\nend fate=alive\n",
	  NULL, 1, "\nreproduced" },
	{ HEAD "message request=GET_FEATURES size=5000 => sent\nend fate=alive\n", NULL, 1,
	  "\nreproduced" },
	{ HEAD "front start=connected\nmessage request=GET_FEATURES flags=1 => value\n"
	       "kick queue=1 => failed\nstart => failed\n",
	  NULL, 1, "\nreproduced" },
	{ HEAD "stop => OK\nstart => OK\nGETATTR nodeid=root => OK\n", NULL, 1, "\nreproduced" },
	/* Names of the host stay in the share, links or not. */
	{ HEAD "host-file name=\"../x\" => EXDEV\nhost-file name=\"/x/y\" => EXDEV\n"
	       "host-symlink name=\"l\" target=\"/tmp\" => OK\nhost-file name=\"l/x\" => ELOOP\n"
	       "host-write name=\"l\" bytes=1 => ELOOP\nhost-mkdir name=\"..\" => EINVAL\n"
	       "host-rename name=\"l\" newname=\"../l\" => EXDEV\n",
	  NULL, 1, "\nreproduced" },
	/* What cannot be run says why. */
	{ HEAD "option \"flying\"\nGETATTR\n", NULL, 3, "cannot be started with the option" },
	{ HEAD "GETATTR nodeid\n", NULL, 2, "line 2: nodeid wants" },
};

static char dir[] = "/tmp/vq-test-fuzz-XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return fs_remove_tree(dir, NULL);
}

/* A program of this text, replayed against the reference device of this build. */
static void replay(struct outcome *o, const char *text, const char *fault)
{
	char *path = fs_path("%s/program", dir);
	char *word = fs_path("--word=--fault=%s", fault ? fault : "");
	struct err err = { "" };

	assert_non_null(path);
	assert_non_null(word);
	if (fs_write_atomic(path, text, strlen(text), &err) < 0)
		fail_msg("%s", err.text);
	if (fault)
		CONFORM(o, "replay", path, "--stack", "refdev", "--timeout", "20000", word);
	else
		CONFORM(o, "replay", path, "--stack", "refdev", "--timeout", "20000");
	free(path);
	free(word);
}

static void replayed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct outcome o;

		replay(&o, rows[i].text, rows[i].fault);
		if (o.status != rows[i].status || !says(&o, rows[i].says))
			print_error("row %zu\n", i);
		expect(&o, rows[i].status, rows[i].says);
	}
}

/* A violation of the rules is told by its name. */
static void violation(void **state)
{
	struct outcome o;

	(void)state;
	replay(&o, HEAD "GETATTR nodeid=root => broken\nend violation=fuse.out-len fate=alive\n",
	       "out-len:op=GETATTR");
	expect(&o, 1, "\nreproduced");
}

static json_t *json_of(const struct outcome *o)
{
	json_error_t error;
	json_t *all = json_loads(buf_text(&o->said.out), JSON_REJECT_DUPLICATES, &error);

	if (!all)
		fail_msg("%s: %s%s", error.text, buf_text(&o->said.out), buf_text(&o->said.err));
	return all;
}

static void as_json(void **state)
{
	char *path = fs_path("%s/program", dir);
	struct outcome o;
	json_t *all;

	(void)state;
	replay(&o, HEAD FILE_A "LOOKUP nodeid=root name=\"a\" -> n1 => OK\n", NULL);
	proc_output_free(&o.said);
	CONFORM(&o, "replay", path, "--stack", "refdev", "--json");
	all = json_of(&o);
	assert_int_equal(o.status, 1);
	assert_string_equal(json_str_at(all, "result", ""), "reproduced");
	assert_string_equal(json_str_at(all, "fate", ""), "alive");
	assert_string_equal(json_str_at(all, "steps[1].seen", ""), "OK");
	json_decref(all);
	proc_output_free(&o.said);
	free(path);
}

/* A daemon that ends when a request is cut short: found, made small, and the file repeats it. */
static void found(void **state)
{
	char *out = fs_path("%s/out", dir);
	const char *file;
	struct outcome o;
	json_t *all;
	double steps = 0;

	(void)state;
	if (geteuid() != 0) {
		print_message("SKIP fuzz --hostile: needs root for a small disk\n");
		skip();
	}
	CONFORM(&o, "fuzz", "--stack", "refdev", "--word=--fault=bad-request-exits", "--hostile",
		"--count", "12", "--seed", "4", "--out", out, "--json");
	all = json_of(&o);
	assert_int_equal(o.status, 1);
	assert_true(json_array_size(json_object_get(all, "hits")) >= 1);
	assert_non_null(strstr(json_str_at(all, "hits[0].what", ""), "exited:"));
	assert_int_equal(json_number_at(all, "hits[0].steps", &steps), 0);
	if (steps > 3)
		fail_msg("%s", json_str_at(all, "hits[0].text", ""));
	assert_int_equal(json_number_at(all, "hits[0].repeated", &steps), 0);
	assert_int_equal((int)steps, 5);
	file = json_str_at(all, "hits[0].file", "");
	proc_output_free(&o.said);
	CONFORM(&o, "replay", file, "--stack", "refdev", "--word=--fault=bad-request-exits");
	expect(&o, 1, "\nreproduced");
	CONFORM(&o, "replay", file, "--stack", "refdev");
	expect(&o, 0, "not reproduced");
	json_decref(all);
	free(out);
}

/* Without a fault nothing is found, in either mode: what is allowed to be refused is no hit. */
static void nothing_found(void **state)
{
	struct outcome o;

	(void)state;
	CONFORM(&o, "fuzz", "--stack", "refdev", "--count", "15", "--timeout", "20000");
	expect(&o, 0, "15 programs");
	if (geteuid() != 0)
		return;
	CONFORM(&o, "fuzz", "--stack", "refdev", "--count", "15", "--hostile");
	expect(&o, 0, "0 hits");
}

/* Mild programs find what breaks a rule of the reply. */
static void found_mild(void **state)
{
	struct outcome o;

	(void)state;
	CONFORM(&o, "fuzz", "--stack", "refdev", "--word=--fault=out-len:op=MKDIR", "--count", "8",
		"--timeout", "20000");
	expect(&o, 1, "violation:fuse.out-len by MKDIR");
}

static void words(void **state)
{
	struct outcome o;

	(void)state;
	CONFORM(&o, "fuzz");
	expect(&o, 2, "--stack");
	CONFORM(&o, "fuzz", "--socket", "/x");
	expect(&o, 2, "not started anew");
	CONFORM(&o, "fuzz", "more", "--stack", "refdev");
	expect(&o, 2, "no operand");
	CONFORM(&o, "replay", "--stack", "refdev");
	expect(&o, 2, "replay FILE");
	CONFORM(&o, "replay", "/no/such/file", "--stack", "refdev");
	expect(&o, 2, "/no/such/file");
	CONFORM(&o, "fuzz", "--stack", "refdev", "--format", "tap");
	expect(&o, 2, "text or json");
	CONFORM(&o, "--stack", "refdev", "--hostile");
	expect(&o, 2, "go with fuzz only");
	CONFORM(&o, "fuzz", "--daemon", "/bin/false {share} {fd}", "--timeout", "100");
	expect(&o, 3, "5 daemons in a row could not be tried");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(replayed),   cmocka_unit_test(violation),
		cmocka_unit_test(as_json),    cmocka_unit_test(found),
		cmocka_unit_test(found_mild), cmocka_unit_test(nothing_found),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests_name("conform_fuzz", tests, make_dir, remove_dir);
}
