// SPDX-License-Identifier: Apache-2.0
/*
 * The host's agent client against the real vq-agent: jobs and files. A connection that is lost is in
 * test_agent_lost.c, malice of either end in test_agent_malice.c. No cmocka assert runs while a
 * CLEANUP variable is live.
 */
#include "local_agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "guest-image/agent/agent_proto.h"

/* Is the process gone, or a zombie that waits for a parent which is not ours? Waits a little for
 * that. */
static bool is_dead(pid_t pid)
{
	char path[64], text[256];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	for (uint64_t end = clock_deadline_ms(5000); clock_now_ns() < end; (void)poll(NULL, 0, 5)) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
		const char *state;

		if (fd >= 0)
			(void)close(fd);
		if (n <= 0)
			return true;
		text[n] = '\0';
		state = strrchr(text, ')');
		if (state && state[2] == 'Z')
			return true;
	}
	return false;
}

/* ---- wire ---- */

static void test_proto_scan(void **state)
{
	static unsigned char bytes[VQP_FRAME_MAX + 64];
	struct vqp_frame f;
	size_t used;

	(void)state;
	assert_int_equal(vqp_crc32("123456789", 9),
			 0xcbf43926); /* check value of CRC-32/ISO-HDLC */
	assert_int_equal(vqp_get64(vqp_put64(UINT64_C(0x0123456789abcdef))),
			 UINT64_C(0x0123456789abcdef));
	memcpy(bytes + VQP_HEADER_SIZE, "hello", 5);
	vqp_seal(bytes, VQP_PING, 7, 5);
	for (size_t n = 0; n < VQP_HEADER_SIZE + 5; n++)
		assert_int_equal(vqp_scan(bytes, n, &used, &f), VQP_SCAN_MORE);
	assert_int_equal(vqp_scan(bytes, sizeof(bytes), &used, &f), VQP_SCAN_FRAME);
	assert_int_equal(used, VQP_HEADER_SIZE + 5);
	assert_int_equal(f.job, 7);
	bytes[VQP_HEADER_SIZE] ^= 1;
	assert_int_equal(vqp_scan(bytes, sizeof(bytes), &used, &f), VQP_SCAN_BAD);
	/* Any damaged header byte makes it no frame. */
	for (size_t i = 0; i < VQP_HEADER_SIZE; i++) {
		bytes[i] ^= 0x10;
		assert_int_equal(vqp_scan(bytes, sizeof(bytes), &used, &f), VQP_SCAN_SKIP);
		assert_true(used > 0);
		bytes[i] ^= 0x10;
	}
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(vqp_scan(bytes, sizeof(bytes), &used, &f), VQP_SCAN_SKIP);
	assert_int_equal(used, sizeof(bytes));
}

/* ---- running ---- */

static void test_run_ok(void **state)
{
	struct local_agent *f = *state;
	char text[128];

	local_fine(f, local_run_shell(f, "echo out; echo err >&2; read x; echo eof=$?"));
	assert_int_equal(f->r.fate, AGENT_EXITED);
	assert_int_equal(f->r.code, 0);
	assert_string_equal(buf_text(&f->r.out), "out\neof=1\n");
	assert_string_equal(buf_text(&f->r.err), "err\n");
	assert_true(f->r.run_ns > 0 && f->r.run_ns < LOCAL_SOON_MS * NS_PER_MS);
	assert_true(f->r.maxrss_bytes > 4096);
	assert_string_equal(agent_fate_describe(&f->r, text, sizeof(text)), "exited 0");
}

static void test_output_apart(void **state)
{
	struct local_agent *f = *state;
	char script[256];

	local_make_file(f, "big", 2 * MIB);
	(void)snprintf(script, sizeof(script), "head -c 1048576 %s/big; tail -c 1048576 %s/big >&2",
		       f->dir, f->dir);
	local_fine(f, local_run_shell(f, script));
	assert_int_equal(f->r.out.size, MIB);
	assert_int_equal(f->r.err.size, MIB);
	assert_memory_equal(f->r.out.data, f->data.data, MIB);
	assert_memory_equal(f->r.err.data, f->data.data + MIB, MIB);
	/* Both at once. */
	(void)snprintf(script, sizeof(script), "cat %s/big & cat %s/big >&2; wait", f->dir, f->dir);
	local_fine(f, local_run_shell(f, script));
	assert_int_equal(f->r.out.size, 2 * MIB);
	assert_memory_equal(f->r.out.data, f->data.data, 2 * MIB);
	assert_memory_equal(f->r.err.data, f->data.data, 2 * MIB);
}

static void test_exit_code_and_signal(void **state)
{
	struct local_agent *f = *state;
	char text[128];

	local_fine(f, local_run_shell(f, "exit 7"));
	assert_int_equal(f->r.fate, AGENT_EXITED);
	assert_int_equal(f->r.code, 7);
	local_fine(f, local_run_shell(f, "kill -KILL $$"));
	assert_int_equal(f->r.fate, AGENT_SIGNALLED);
	assert_int_equal(f->r.code, SIGKILL);
	assert_string_equal(agent_fate_describe(&f->r, text, sizeof(text)), "signal 9 (Killed)");
}

static void test_cpu_time(void **state)
{
	struct local_agent *f = *state;

	local_fine(f, local_run_shell(f, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"));
	assert_true(f->r.user_ns + f->r.sys_ns > 0);
	assert_true(f->r.user_ns + f->r.sys_ns <= f->r.run_ns + 50 * NS_PER_MS);
}

static void test_env_and_cwd(void **state)
{
	struct local_agent *f = *state;

	local_fine(f, agent_run(f->a,
				&(struct agent_job){
					.argv = ARGV("/bin/sh", "-c", "pwd; echo \"$A|$HOME|\""),
					.env = ARGV("A=x y"),
					.cwd = "/proc",
					.deadline_ms = LOCAL_SOON_MS },
				&f->r, &f->err));
	assert_string_equal(buf_text(&f->r.out), "/proc\nx y||\n");
	agent_result_free(&f->r);
	(void)memset(&f->r, 0, sizeof(f->r));
	/* Looked up in PATH; empty arguments survive. */
	local_fine(f, agent_run(f->a,
				&(struct agent_job){
					.argv = ARGV("sh", "-c", "echo $#", "sh", "", "b"),
					.deadline_ms = LOCAL_SOON_MS },
				&f->r, &f->err));
	assert_string_equal(buf_text(&f->r.out), "2\n");
}

static void test_deadline(void **state)
{
	struct local_agent *f = *state;
	char text[128];
	long grandchild;

	/* The job ignores SIGTERM, and so does its child. */
	local_fine(f, agent_run(f->a,
				&(struct agent_job){
					.argv = ARGV("/bin/sh", "-c",
						     "trap '' TERM; (sleep 100 & echo $!; wait) & "
						     "while :; do sleep 0.05; done"),
					.deadline_ms = 300 },
				&f->r, &f->err));
	assert_int_equal(f->r.fate, AGENT_DEADLINE);
	assert_int_equal(f->r.code, SIGKILL);
	assert_true(f->r.run_ns >= 800 * NS_PER_MS);
	assert_false(f->r.stuck);
	assert_string_equal(agent_fate_describe(&f->r, text, sizeof(text)),
			    "deadline of 300 ms passed");
	grandchild = strtol(buf_text(&f->r.out), NULL, 10);
	assert_true(grandchild > 1);
	assert_true(is_dead((pid_t)grandchild));
	/* One that obeys SIGTERM does not wait for SIGKILL; a stopped one is woken for it. */
	agent_result_free(&f->r);
	local_fine(f, agent_run(f->a,
				&(struct agent_job){ .argv = ARGV("/bin/sh", "-c", "kill -STOP $$"),
						     .deadline_ms = 100 },
				&f->r, &f->err));
	assert_int_equal(f->r.fate, AGENT_DEADLINE);
	assert_int_equal(f->r.code, SIGTERM);
}

static void test_group_dies_with_leader(void **state)
{
	struct local_agent *f = *state;

	local_fine(f, local_run_shell(f, "sleep 100 & echo $!"));
	assert_int_equal(f->r.fate, AGENT_EXITED);
	assert_false(f->r.held);
	assert_true(is_dead((pid_t)strtol(buf_text(&f->r.out), NULL, 10)));
}

static void test_held_output(void **state)
{
	struct local_agent *f = *state;
	uint64_t start_ns = clock_now_ns();
	pid_t pid;

	local_fine(f, local_run_shell(f, "setsid sh -c 'echo $$; exec sleep 30' & sleep 0.3"));
	assert_int_equal(f->r.fate, AGENT_EXITED);
	assert_true(f->r.held);
	assert_true(clock_now_ns() - start_ns < 15 * NS_PER_S);
	pid = (pid_t)strtol(buf_text(&f->r.out), NULL, 10);
	assert_true(pid > 1);
	(void)kill(pid, SIGKILL);
}

static void test_output_limit(void **state)
{
	struct local_agent *f = *state;
	struct agent_job job = { .argv = ARGV("/bin/sh", "-c", "yes"),
				 .deadline_ms = LOCAL_SOON_MS,
				 .stdout_max = 100001 };

	local_fine(f, agent_run(f->a, &job, &f->r, &f->err));
	assert_int_equal(f->r.fate, AGENT_OUTPUT_LIMIT);
	assert_int_equal(f->r.out.size, 100001);
	agent_result_free(&f->r);
	job = (struct agent_job){ .argv = ARGV("/bin/sh", "-c", "yes >&2"),
				  .deadline_ms = LOCAL_SOON_MS,
				  .stderr_max = 1 };
	local_fine(f, agent_run(f->a, &job, &f->r, &f->err));
	assert_int_equal(f->r.fate, AGENT_OUTPUT_LIMIT);
	assert_string_equal(buf_text(&f->r.err), "y");
	/* Exactly the limit is not too much. */
	agent_result_free(&f->r);
	job = (struct agent_job){ .argv = ARGV("/bin/sh", "-c", "printf 12345"),
				  .deadline_ms = LOCAL_SOON_MS,
				  .stdout_max = 5 };
	local_fine(f, agent_run(f->a, &job, &f->r, &f->err));
	assert_int_equal(f->r.fate, AGENT_EXITED);
	assert_string_equal(buf_text(&f->r.out), "12345");
}

static void test_spawn_failure(void **state)
{
	struct local_agent *f = *state;
	char text[512];
	struct agent_job job = { .argv = ARGV("/nonexistent/program"),
				 .deadline_ms = LOCAL_SOON_MS };

	local_fine(f, agent_run(f->a, &job, &f->r, &f->err));
	assert_int_equal(f->r.fate, AGENT_SPAWN_FAILED);
	assert_int_equal(f->r.code, ENOENT);
	assert_string_equal(agent_fate_describe(&f->r, text, sizeof(text)),
			    "cannot execute /nonexistent/program: No such file or directory");
	agent_result_free(&f->r);
	job = (struct agent_job){ .argv = ARGV("/bin/true"),
				  .cwd = "/etc/passwd",
				  .deadline_ms = LOCAL_SOON_MS };
	local_fine(f, agent_run(f->a, &job, &f->r, &f->err));
	assert_int_equal(f->r.fate, AGENT_SPAWN_FAILED);
	assert_int_equal(f->r.code, ENOTDIR);
	agent_result_free(&f->r);
	job = (struct agent_job){ .argv = ARGV("/etc/passwd"), .deadline_ms = LOCAL_SOON_MS };
	local_fine(f, agent_run(f->a, &job, &f->r, &f->err));
	assert_int_equal(f->r.code, EACCES);
}

static void test_argv_limits(void **state)
{
	struct local_agent *f = *state;
	const char *many[VQP_ARGV_MAX + 2];
	static char big[VQP_STRINGS_MAX + 1];
	struct agent_job job = { .argv = many, .deadline_ms = LOCAL_SOON_MS };

	for (size_t i = 0; i <= VQP_ARGV_MAX; i++)
		many[i] = i ? "x" : "/bin/true";
	many[VQP_ARGV_MAX + 1] = NULL;
	assert_int_equal(agent_run(f->a, &job, &f->r, &f->err), -E2BIG);
	many[VQP_ARGV_MAX] = NULL;
	local_fine(f, agent_run(f->a, &job, &f->r, &f->err));
	assert_int_equal(f->r.code, 0);
	memset(big, 'x', sizeof(big) - 1);
	job.argv = ARGV("/bin/true", big);
	assert_int_equal(agent_run(f->a, &job, &f->r, &f->err), -E2BIG);
	/* What fits: program, its NUL, the argument's NUL, the empty folder's NUL. */
	big[VQP_STRINGS_MAX - sizeof("/bin/true") - 2] = '\0';
	local_fine(f, agent_run(f->a, &job, &f->r, &f->err));
	assert_int_equal(f->r.fate, AGENT_EXITED);
	job = (struct agent_job){ .argv = ARGV("/bin/true") };
	assert_int_equal(agent_run(f->a, &job, &f->r, &f->err), -EINVAL);
	job = (struct agent_job){ .argv = (const char *const[]){ NULL }, .deadline_ms = 1 };
	assert_int_equal(agent_run(f->a, &job, &f->r, &f->err), -EINVAL);
	job = (struct agent_job){ .argv = ARGV("/bin/true"),
				  .deadline_ms = 1,
				  .stdout_max = VQP_STREAM_MAX + 1 };
	assert_int_equal(agent_run(f->a, &job, &f->r, &f->err), -EINVAL);
}

static void test_concurrent_jobs(void **state)
{
	struct local_agent *f = *state;
	uint32_t ids[VQP_JOBS_MAX], extra;
	char script[64], expected[16];

	for (int i = 0; i < VQP_JOBS_MAX; i++) {
		(void)snprintf(script, sizeof(script),
			       "sleep 0.2; yes %d | head -c 200000; exit %d", i, i);
		local_fine(f, local_start_shell(f, script, &ids[i]));
	}
	assert_int_equal(local_start_shell(f, "true", &extra), -EAGAIN);
	for (int i = VQP_JOBS_MAX - 1; i >= 0; i--) {
		(void)snprintf(expected, sizeof(expected), "%d\n", i);
		local_fine(f, agent_wait(f->a, ids[i], &f->r, &f->err));
		assert_int_equal(f->r.code, i);
		assert_int_equal(f->r.out.size, 200000);
		assert_memory_equal(f->r.out.data, expected, strlen(expected));
		agent_result_free(&f->r);
	}
	assert_int_equal(agent_wait(f->a, ids[0], &f->r, &f->err), -EINVAL);
	/* The slots are free again. */
	for (int i = 0; i < 2 * VQP_JOBS_MAX; i++)
		local_fine(f, local_run_shell(f, "true"));
}

/* Goal: what a job says is heard while it runs, and it can be answered by a file. */
static void test_output(void **state)
{
	struct local_agent *f = *state;
	const char *text = "";
	char script[256];
	char path[96];
	size_t size = 0;
	bool ended = true;
	uint32_t id;

	(void)snprintf(path, sizeof(path), "%s/answer", f->dir);
	(void)snprintf(script, sizeof(script),
		       "echo one; while ! [ -e %s ]; do sleep 0.01; done; cat %s; exit 3", path,
		       path);
	local_fine(f, local_start_shell(f, script, &id));
	local_fine(f, agent_output(f->a, id, 0, local_soon(), &text, &size, &ended, &f->err));
	assert_int_equal(size, 4);
	assert_string_equal(text, "one\n");
	assert_false(ended);
	/* What was heard already is no news: nothing more comes before the answer. */
	assert_int_equal(
		agent_output(f->a, id, 4, clock_deadline_ms(50), &text, &size, &ended, &f->err),
		-ETIMEDOUT);
	local_fine(f, agent_push(f->a, "two\n", 4, path, 0600, local_soon(), &f->err));
	local_fine(f, agent_output(f->a, id, 4, local_soon(), &text, &size, &ended, &f->err));
	assert_string_equal(text, "one\ntwo\n");
	/* The end is news too. */
	while (!ended)
		local_fine(f, agent_output(f->a, id, size, local_soon(), &text, &size, &ended,
					   &f->err));
	local_fine(f, agent_wait(f->a, id, &f->r, &f->err));
	assert_int_equal(f->r.code, 3);
	assert_int_equal(f->r.out.size, 8);
	assert_int_equal(agent_output(f->a, id, 0, local_soon(), &text, &size, &ended, &f->err),
			 -EINVAL);
}

static void test_kill(void **state)
{
	struct local_agent *f = *state;
	uint32_t id;

	local_fine(f, local_start_shell(f, "sleep 100", &id));
	local_fine(f, agent_kill(f->a, id, SIGINT, &f->err));
	local_fine(f, agent_wait(f->a, id, &f->r, &f->err));
	assert_int_equal(f->r.fate, AGENT_SIGNALLED);
	assert_int_equal(f->r.code, SIGINT);
	assert_int_equal(agent_kill(f->a, id, SIGINT, &f->err), -EINVAL);
}

static void test_info_and_ping(void **state)
{
	struct local_agent *f = *state;
	struct agent_info info = { 0 };
	uint64_t ns = 0;

	local_fine(f, agent_info(f->a, local_soon(), &info, &f->err));
	assert_int_equal(strlen(info.boot_id), 36);
	assert_memory_equal(info.kernel, "Linux ", 6);
	assert_true(info.uptime_ns > 0);
	local_fine(f, agent_ping(f->a, local_soon(), &ns, &f->err));
	assert_true(ns > 0);
	assert_int_equal(agent_stuck_count(f->a), 0);
}

/* ---- files ---- */

static void push_and_pull(struct local_agent *f, size_t size)
{
	char path[256];
	struct stat st;
	struct buf back = { 0 };

	local_make_file(f, "original", size);
	(void)snprintf(path, sizeof(path), "%s/a/b/file-%zu", f->dir, size);
	local_fine(f, agent_push(f->a, f->data.data, size, path, 0750, local_soon(), &f->err));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(st.st_size, size);
	local_fine(f, agent_pull(f->a, path, size, local_soon(), &back, &f->err));
	assert_int_equal(back.size, size);
	if (size)
		assert_memory_equal(back.data, f->data.data, size);
	buf_free(&back);
}

static void test_push_pull(void **state)
{
	struct local_agent *f = *state;
	char path[256];

	push_and_pull(f, 0);
	push_and_pull(f, 1);
	push_and_pull(f, VQP_CHUNK_MAX);
	push_and_pull(f, VQP_CHUNK_MAX + 1);
	push_and_pull(f, 3 * MIB);
	/* A pushed program can be run at once. */
	(void)snprintf(path, sizeof(path), "%s/a/b/script", f->dir);
	local_fine(f, agent_push(f->a, "#!/bin/sh\necho ran\n", 19, path, 0755, local_soon(),
				 &f->err));
	local_fine(f, local_run_shell(f, path));
	assert_string_equal(buf_text(&f->r.out), "ran\n");
	/* No temporary file is left. */
	(void)snprintf(path, sizeof(path), "ls -A %s/a/b | grep -c vq-push", f->dir);
	local_fine(f, local_run_shell(f, path));
	assert_string_equal(buf_text(&f->r.out), "0\n");
}

static void test_push_pull_errors(void **state)
{
	struct local_agent *f = *state;
	char path[256];
	struct buf back = { 0 };

	local_make_file(f, "file", 3 * MIB);
	(void)snprintf(path, sizeof(path), "%s/missing", f->dir);
	assert_int_equal(agent_pull(f->a, path, MIB, local_soon(), &back, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, path));
	(void)snprintf(path, sizeof(path), "%s/file", f->dir);
	assert_int_equal(agent_pull(f->a, path, 3 * MIB - 1, local_soon(), &back, &f->err), -EFBIG);
	assert_int_equal(agent_pull(f->a, "/dev/zero", 100000, local_soon(), &back, &f->err),
			 -EFBIG);
	assert_int_equal(agent_pull(f->a, f->dir, MIB, local_soon(), &back, &f->err), -EISDIR);
	assert_int_equal(agent_pull(f->a, "relative", MIB, local_soon(), &back, &f->err), -EINVAL);
	assert_int_equal(back.size, 0);
	local_fine(f, agent_pull(f->a, "/proc/self/comm", 64, local_soon(), &back, &f->err));
	assert_string_equal(buf_text(&back), "vq-agent\n");
	buf_free(&back);
	/* Under a file, onto a folder, and to a full device's worth of data: nothing is left
	 * behind. */
	(void)snprintf(path, sizeof(path), "%s/file/below", f->dir);
	assert_int_equal(
		agent_push(f->a, f->data.data, f->data.size, path, 0644, local_soon(), &f->err),
		-ENOTDIR);
	assert_int_equal(agent_push(f->a, "x", 1, f->dir, 0644, local_soon(), &f->err), -EISDIR);
	assert_int_equal(agent_push(f->a, "x", 1, "relative", 0644, local_soon(), &f->err),
			 -EINVAL);
	(void)snprintf(path, sizeof(path), "ls -A %s /tmp | grep -c vq-push", f->dir);
	local_fine(f, local_run_shell(f, path));
	assert_string_equal(buf_text(&f->r.out), "0\n");
}

#define PAIR(test) cmocka_unit_test_setup_teardown(test, local_setup_pair, local_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proto_scan),
		PAIR(test_run_ok),
		PAIR(test_output_apart),
		PAIR(test_exit_code_and_signal),
		PAIR(test_cpu_time),
		PAIR(test_env_and_cwd),
		PAIR(test_deadline),
		PAIR(test_group_dies_with_leader),
		PAIR(test_held_output),
		PAIR(test_output_limit),
		PAIR(test_spawn_failure),
		PAIR(test_argv_limits),
		PAIR(test_concurrent_jobs),
		PAIR(test_output),
		PAIR(test_kill),
		PAIR(test_info_and_ping),
		PAIR(test_push_pull),
		PAIR(test_push_pull_errors),
	};

	/* The count of failures is no exit code: 256 of them would be 0. */
	if (getenv("VQ_TEST_FILTER"))
		cmocka_set_test_filter(getenv("VQ_TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
