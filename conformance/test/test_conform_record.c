// SPDX-License-Identifier: Apache-2.0
/* Each failed check of a run leaves a program; replaying it shows the steps, and the check decides what came of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "conformance/test/conform_cli.h"

static char dir[] = "/tmp/vq-record-XXXXXX";

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

/* What a failure by this fault of the reference device leaves. */
struct row {
	const char *check;
	const char *fault;
	const char *step; /* that its program has; NULL: it is only named */
};

static const struct row rows[] = {
	/* An answer is wrong; the host finds what is wrong; the reply breaks a rule. */
	{ "names.remove-missing", "error:UNLINK:EIO", "UNLINK nodeid=1 name=\"" },
	{ "open.truncates", "trunc-ignored", "host-file name=\"" },
	/* Chains of its own, messages, two requests at once: no steps. */
	{ "chains.loop-self", "bad-chain-exits", NULL },
	{ "messages.no-such-queue", "ack-success", NULL },
};

static char *program_of(const char *check)
{
	return fs_path("%s/refdev/programs/%s.program", dir, check);
}

static void fail_by(const struct row *row)
{
	char *word = fs_path("--word=--fault=%s", row->fault);
	struct outcome o;

	assert_non_null(word);
	CONFORM(&o, "--stack", "refdev", "--only", row->check, "--out", dir, "--seed", "3", word);
	expect(&o, 1, "1 failed");
	free(word);
}

static void replay(const char *path, const char *fault, int status, const char *text)
{
	char *word = fs_path("--word=--fault=%s", fault ? fault : "");
	struct outcome o;

	assert_non_null(word);
	if (fault)
		CONFORM(&o, "replay", path, "--stack", "refdev", word);
	else
		CONFORM(&o, "replay", path, "--stack", "refdev");
	expect(&o, status, text);
	free(word);
}

/* Goal: it happens again with the fault, and not without. */
static void failures_are_repeated(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *path = program_of(rows[i].check);
		struct buf text = { 0 };

		print_message("%s\n", rows[i].check);
		fail_by(&rows[i]);
		assert_int_equal(fs_read(path, MIB, &text, NULL), 0);
		assert_non_null(strstr(buf_text(&text), "\nseed 3\n"));
		if (rows[i].step)
			assert_non_null(strstr(buf_text(&text), rows[i].step));
		else
			assert_null(strstr(buf_text(&text), "\nfront "));
		replay(path, rows[i].fault, 1, "\nreproduced (FAIL)");
		replay(path, NULL, 0, "\nnot reproduced (PASS)");
		buf_free(&text);
		free(path);
	}
}

/* Goal: what passes leaves nothing, and a check that this version does not have is said. */
static void others_are_told_apart(void **state)
{
	static const char text[] = "virtiofs-program 1\ncheck \"no.such-check\"\nseed 1\n";
	char *path = program_of("no.such-check");
	char *passed = program_of("names.lookup-found");
	struct err err = { "" };
	struct outcome o;

	(void)state;
	CONFORM(&o, "--stack", "refdev", "--only", "names.lookup-found", "--out", dir);
	expect(&o, 0, "1 passed");
	assert_false(fs_exists(passed));
	if (fs_write_atomic(path, text, strlen(text), &err) < 0)
		fail_msg("%s", err.text);
	replay(path, NULL, 2, "there is no check no.such-check");
	free(path);
	free(passed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_are_repeated),
		cmocka_unit_test(others_are_told_apart),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
