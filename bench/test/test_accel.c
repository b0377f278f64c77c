// SPDX-License-Identifier: Apache-2.0
/* The accelerator probe against fake VMMs (bench/test/fakes): what it says of each, and its bounds. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "guest/accel.h"

#define FAKES	    "bench/test/fakes/fake-qemu-"
#define PATIENCE_S  60
#define PATIENCE_MS 20000
#define SHORT_MS    200

static struct accel_result result;

static void probe(const char *program, unsigned deadline_ms)
{
	static char word[] = "first argument", value[] = "VQ_FAKE=from the environment";
	char *argv[] = { (char *)(uintptr_t)program, word, NULL };
	char *env[] = { value, NULL };
	const struct accel_probe p = { .argv = argv, .env = env, .deadline_ms = deadline_ms };

	memset(&result, 0x55, sizeof(result));
	accel_probe(&p, &result);
	/* We are the subreaper: whatever was left behind would be our child. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void assert_seen(const char *part)
{
	if (!strstr(result.seen, part))
		fail_msg("\"%s\" is not in \"%s\"", part, result.seen);
}

/* Goal: a guest that says hello makes an accelerator usable. Method: a fake that prints it. */
static void says_hello(void **state)
{
	(void)state;
	probe(FAKES "hello", PATIENCE_MS);
	assert_true(result.ok);
	assert_seen("a test guest said hello after ");
}

/* Goal: a console is bytes, not text. Method: NUL bytes before the hello. */
static void says_hello_among_bytes(void **state)
{
	(void)state;
	probe(FAKES "hello-binary", PATIENCE_MS);
	assert_true(result.ok);
}

/* Goal: a guest that hangs costs the deadline and is gone. Method: a fake that sleeps for minutes. */
static void hangs(void **state)
{
	uint64_t start = clock_now_ns();

	(void)state;
	probe(FAKES "hang", SHORT_MS);
	assert_false(result.ok);
	assert_string_equal(result.seen, "a test guest did not get to its init within 200 ms");
	assert_in_range(clock_now_ns() - start, SHORT_MS * NS_PER_MS, PATIENCE_MS * NS_PER_MS);
}

/* Goal: the VMM's own reason is the evidence. Method: exit 1, its last line that says something. */
static void exits_with_a_reason(void **state)
{
	(void)state;
	probe(FAKES "exit", PATIENCE_MS);
	assert_false(result.ok);
	assert_string_equal(result.seen,
			    "a test guest did not get to its init: VMM exited:1: failed to "
			    "initialize kvm: No such file or directory");
}

/* Goal: a good end without hello is none; the console is the evidence then. Method: exit 0. */
static void ends_without_hello(void **state)
{
	(void)state;
	probe(FAKES "silent", PATIENCE_MS);
	assert_false(result.ok);
	assert_seen("VMM exited:0: Kernel panic - not syncing");
}

/* Goal: a crash is told as one. Method: a fake that kills itself. */
static void dies_of_a_signal(void **state)
{
	(void)state;
	probe(FAKES "signal", PATIENCE_MS);
	assert_false(result.ok);
	assert_seen("VMM signal:11: ");
}

/* Goal: a flood neither hangs us nor fills memory, and its evidence fits. Method: 3 MB, endless. */
static void floods(void **state)
{
	uint64_t start = clock_now_ns();

	(void)state;
	probe(FAKES "flood", PATIENCE_MS);
	assert_false(result.ok); /* hello was beyond what is read */
	assert_seen("VMM exited:0: xxxx");
	assert_true(strlen(result.seen) < sizeof(result.seen) - 1);
	probe(FAKES "flood-forever", SHORT_MS);
	assert_false(result.ok);
	assert_seen("within 200 ms");
	assert_true(clock_now_ns() - start < PATIENCE_MS * NS_PER_MS);
}

/* Goal: no VMM at all is a result too. Method: a missing program, and one that cannot be run. */
static void cannot_start(void **state)
{
	(void)state;
	probe(FAKES "nosuch", PATIENCE_MS);
	assert_false(result.ok);
	assert_seen("fake-qemu-nosuch (execve): No such file or directory");
	probe("/etc/passwd", PATIENCE_MS);
	assert_false(result.ok);
	assert_seen("Permission denied");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_hello),
		cmocka_unit_test(says_hello_among_bytes),
		cmocka_unit_test(hangs),
		cmocka_unit_test(exits_with_a_reason),
		cmocka_unit_test(ends_without_hello),
		cmocka_unit_test(dies_of_a_signal),
		cmocka_unit_test(floods),
		cmocka_unit_test(cannot_start),
	};

	(void)alarm(PATIENCE_S);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
