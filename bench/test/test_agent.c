// SPDX-License-Identifier: Apache-2.0
/*
 * The host's agent client against the real vq-agent, run on this machine over a socket. Program:
 * $VQ_AGENT, default build/guest/vq-agent. No cmocka assert runs while a CLEANUP variable is live.
 */
#include "guest/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/rng.h"
#include "guest-image/agent/agent_proto.h"

/* Deadline of everything that should take milliseconds; far away, for a loaded machine under
 * sanitizers. */
#define SOON_MS	       20000
#define SEED	       20261122
#define GARBAGE_ROUNDS 200

struct fixture {
	pid_t pid;    /* the agent */
	bool stopped; /* by SIGSTOP */
	struct agent *a;
	char dir[64];
	char socket[96];
	struct agent_result r;
	struct err err;
	struct buf data; /* scratch of a test */
	int raw;	 /* a bare connection to the agent */
};

static const char *agent_binary(void)
{
	const char *path = getenv("VQ_AGENT");

	return path ? path : "build/guest/vq-agent";
}

static uint64_t soon(void)
{
	return clock_deadline_ms(SOON_MS);
}

/* Start the agent; on a socketpair (*ret_fd is the host's end) or, without @ret_fd, listening on
 * f->socket. */
static int spawn_agent(struct fixture *f, int *ret_fd)
{
	int pair[2] = { -1, -1 };
	char number[16];

	if (ret_fd && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	f->pid = fork();
	if (f->pid == 0) {
		int null = open("/dev/null", O_RDWR);

		if (null < 0 || dup2(null, STDERR_FILENO) < 0)
			_exit(126);
		if (ret_fd) {
			(void)snprintf(number, sizeof(number), "%d", pair[1]);
			(void)fcntl(pair[1], F_SETFD, 0);
			execl(agent_binary(), "vq-agent", "--fd", number, NULL);
		} else {
			execl(agent_binary(), "vq-agent", "--socket", f->socket, NULL);
		}
		_exit(127);
	}
	if (pair[1] >= 0)
		(void)close(pair[1]);
	if (ret_fd)
		*ret_fd = pair[0];
	return f->pid < 0 ? -1 : 0;
}

static struct fixture *fixture_new(void)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->raw = -1;
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/vq-test-agent-XXXXXX");
	if (!mkdtemp(f->dir)) {
		free(f);
		return NULL;
	}
	(void)snprintf(f->socket, sizeof(f->socket), "%s/agent.sock", f->dir);
	return f;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int e;

	f->a = agent_close(f->a);
	agent_result_free(&f->r);
	buf_free(&f->data);
	if (f->raw >= 0)
		(void)close(f->raw);
	if (f->pid > 0) {
		/* Only then: SIGCONT undoes the SIGSTOP by which LeakSanitizer looks at an exit. */
		if (f->stopped)
			(void)kill(f->pid, SIGCONT);
		(void)kill(f->pid, SIGTERM);
		(void)waitpid(f->pid, NULL, 0);
	}
	e = fs_remove_tree(f->dir, NULL);
	free(f);
	return e < 0 ? -1 : 0;
}

static int setup_bare(void **state)
{
	*state = fixture_new();
	return *state ? 0 : -1;
}

static int setup_pair(void **state)
{
	struct fixture *f = fixture_new();
	int fd;

	*state = f;
	if (!f || spawn_agent(f, &fd) < 0)
		return -1;
	if (agent_adopt_fd(fd, soon(), &f->a, &f->err) < 0) {
		(void)fprintf(stderr, "%s\n", f->err.text);
		return -1;
	}
	return 0;
}

static int setup_socket(void **state)
{
	struct fixture *f = fixture_new();

	*state = f;
	if (!f || spawn_agent(f, NULL) < 0)
		return -1;
	if (agent_connect(f->socket, soon(), &f->a, &f->err) < 0) {
		(void)fprintf(stderr, "%s\n", f->err.text);
		return -1;
	}
	return 0;
}

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })

static int start_shell(struct fixture *f, const char *script, uint32_t *ret_id)
{
	return agent_start(f->a,
			   &(struct agent_job){ .argv = ARGV("/bin/sh", "-c", script),
						.deadline_ms = SOON_MS,
						.stdout_max = 8 * MIB,
						.stderr_max = 8 * MIB },
			   ret_id, &f->err);
}

static int run_shell(struct fixture *f, const char *script)
{
	uint32_t id = 0;
	int e = start_shell(f, script, &id);

	agent_result_free(&f->r);
	return e < 0 ? e : agent_wait(f->a, id, &f->r, &f->err);
}

static void assert_fine(const struct fixture *f, int e)
{
	if (e < 0)
		fail_msg("error %d: %s", e, f->err.text);
}

/* Fill f->data with @size reproducible bytes and put them into @name in the test's folder. */
static void make_file(struct fixture *f, const char *name, size_t size)
{
	struct rng rng = { .state = SEED };
	char path[256];
	char *bytes = malloc(size ? size : 1);

	assert_non_null(bytes);
	rng_fill(&rng, bytes, size);
	buf_clear(&f->data);
	assert_int_equal(buf_add(&f->data, bytes, size), 0);
	free(bytes);
	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	assert_int_equal(fs_write_atomic(path, f->data.data, size, &f->err), 0);
}

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
	struct fixture *f = *state;
	char text[128];

	assert_fine(f, run_shell(f, "echo out; echo err >&2; read x; echo eof=$?"));
	assert_int_equal(f->r.fate, AGENT_EXITED);
	assert_int_equal(f->r.code, 0);
	assert_string_equal(buf_text(&f->r.out), "out\neof=1\n");
	assert_string_equal(buf_text(&f->r.err), "err\n");
	assert_true(f->r.run_ns > 0 && f->r.run_ns < SOON_MS * NS_PER_MS);
	assert_true(f->r.maxrss_bytes > 4096);
	assert_string_equal(agent_fate_describe(&f->r, text, sizeof(text)), "exited 0");
}

static void test_output_apart(void **state)
{
	struct fixture *f = *state;
	char script[256];

	make_file(f, "big", 2 * MIB);
	(void)snprintf(script, sizeof(script), "head -c 1048576 %s/big; tail -c 1048576 %s/big >&2",
		       f->dir, f->dir);
	assert_fine(f, run_shell(f, script));
	assert_int_equal(f->r.out.size, MIB);
	assert_int_equal(f->r.err.size, MIB);
	assert_memory_equal(f->r.out.data, f->data.data, MIB);
	assert_memory_equal(f->r.err.data, f->data.data + MIB, MIB);
	/* Both at once. */
	(void)snprintf(script, sizeof(script), "cat %s/big & cat %s/big >&2; wait", f->dir, f->dir);
	assert_fine(f, run_shell(f, script));
	assert_int_equal(f->r.out.size, 2 * MIB);
	assert_memory_equal(f->r.out.data, f->data.data, 2 * MIB);
	assert_memory_equal(f->r.err.data, f->data.data, 2 * MIB);
}

static void test_exit_code_and_signal(void **state)
{
	struct fixture *f = *state;
	char text[128];

	assert_fine(f, run_shell(f, "exit 7"));
	assert_int_equal(f->r.fate, AGENT_EXITED);
	assert_int_equal(f->r.code, 7);
	assert_fine(f, run_shell(f, "kill -KILL $$"));
	assert_int_equal(f->r.fate, AGENT_SIGNALLED);
	assert_int_equal(f->r.code, SIGKILL);
	assert_string_equal(agent_fate_describe(&f->r, text, sizeof(text)), "signal 9 (Killed)");
}

static void test_cpu_time(void **state)
{
	struct fixture *f = *state;

	assert_fine(f, run_shell(f, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"));
	assert_true(f->r.user_ns + f->r.sys_ns > 0);
	assert_true(f->r.user_ns + f->r.sys_ns <= f->r.run_ns + 50 * NS_PER_MS);
}

static void test_env_and_cwd(void **state)
{
	struct fixture *f = *state;

	assert_fine(f, agent_run(f->a,
				 &(struct agent_job){
					 .argv = ARGV("/bin/sh", "-c", "pwd; echo \"$A|$HOME|\""),
					 .env = ARGV("A=x y"),
					 .cwd = "/proc",
					 .deadline_ms = SOON_MS },
				 &f->r, &f->err));
	assert_string_equal(buf_text(&f->r.out), "/proc\nx y||\n");
	agent_result_free(&f->r);
	(void)memset(&f->r, 0, sizeof(f->r));
	/* Looked up in PATH; empty arguments survive. */
	assert_fine(f, agent_run(f->a,
				 &(struct agent_job){
					 .argv = ARGV("sh", "-c", "echo $#", "sh", "", "b"),
					 .deadline_ms = SOON_MS },
				 &f->r, &f->err));
	assert_string_equal(buf_text(&f->r.out), "2\n");
}

static void test_deadline(void **state)
{
	struct fixture *f = *state;
	char text[128];
	long grandchild;

	/* The job ignores SIGTERM, and so does its child. */
	assert_fine(f, agent_run(f->a,
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
	assert_fine(f,
		    agent_run(f->a,
			      &(struct agent_job){ .argv = ARGV("/bin/sh", "-c", "kill -STOP $$"),
						   .deadline_ms = 100 },
			      &f->r, &f->err));
	assert_int_equal(f->r.fate, AGENT_DEADLINE);
	assert_int_equal(f->r.code, SIGTERM);
}

static void test_group_dies_with_leader(void **state)
{
	struct fixture *f = *state;

	assert_fine(f, run_shell(f, "sleep 100 & echo $!"));
	assert_int_equal(f->r.fate, AGENT_EXITED);
	assert_false(f->r.held);
	assert_true(is_dead((pid_t)strtol(buf_text(&f->r.out), NULL, 10)));
}

static void test_held_output(void **state)
{
	struct fixture *f = *state;
	uint64_t start_ns = clock_now_ns();
	pid_t pid;

	assert_fine(f, run_shell(f, "setsid sh -c 'echo $$; exec sleep 30' & sleep 0.3"));
	assert_int_equal(f->r.fate, AGENT_EXITED);
	assert_true(f->r.held);
	assert_true(clock_now_ns() - start_ns < 15 * NS_PER_S);
	pid = (pid_t)strtol(buf_text(&f->r.out), NULL, 10);
	assert_true(pid > 1);
	(void)kill(pid, SIGKILL);
}

static void test_output_limit(void **state)
{
	struct fixture *f = *state;
	struct agent_job job = { .argv = ARGV("/bin/sh", "-c", "yes"),
				 .deadline_ms = SOON_MS,
				 .stdout_max = 100001 };

	assert_fine(f, agent_run(f->a, &job, &f->r, &f->err));
	assert_int_equal(f->r.fate, AGENT_OUTPUT_LIMIT);
	assert_int_equal(f->r.out.size, 100001);
	agent_result_free(&f->r);
	job = (struct agent_job){ .argv = ARGV("/bin/sh", "-c", "yes >&2"),
				  .deadline_ms = SOON_MS,
				  .stderr_max = 1 };
	assert_fine(f, agent_run(f->a, &job, &f->r, &f->err));
	assert_int_equal(f->r.fate, AGENT_OUTPUT_LIMIT);
	assert_string_equal(buf_text(&f->r.err), "y");
	/* Exactly the limit is not too much. */
	agent_result_free(&f->r);
	job = (struct agent_job){ .argv = ARGV("/bin/sh", "-c", "printf 12345"),
				  .deadline_ms = SOON_MS,
				  .stdout_max = 5 };
	assert_fine(f, agent_run(f->a, &job, &f->r, &f->err));
	assert_int_equal(f->r.fate, AGENT_EXITED);
	assert_string_equal(buf_text(&f->r.out), "12345");
}

static void test_spawn_failure(void **state)
{
	struct fixture *f = *state;
	char text[512];
	struct agent_job job = { .argv = ARGV("/nonexistent/program"), .deadline_ms = SOON_MS };

	assert_fine(f, agent_run(f->a, &job, &f->r, &f->err));
	assert_int_equal(f->r.fate, AGENT_SPAWN_FAILED);
	assert_int_equal(f->r.code, ENOENT);
	assert_string_equal(agent_fate_describe(&f->r, text, sizeof(text)),
			    "cannot execute /nonexistent/program: No such file or directory");
	agent_result_free(&f->r);
	job = (struct agent_job){ .argv = ARGV("/bin/true"),
				  .cwd = "/etc/passwd",
				  .deadline_ms = SOON_MS };
	assert_fine(f, agent_run(f->a, &job, &f->r, &f->err));
	assert_int_equal(f->r.fate, AGENT_SPAWN_FAILED);
	assert_int_equal(f->r.code, ENOTDIR);
	agent_result_free(&f->r);
	job = (struct agent_job){ .argv = ARGV("/etc/passwd"), .deadline_ms = SOON_MS };
	assert_fine(f, agent_run(f->a, &job, &f->r, &f->err));
	assert_int_equal(f->r.code, EACCES);
}

static void test_argv_limits(void **state)
{
	struct fixture *f = *state;
	const char *many[VQP_ARGV_MAX + 2];
	static char big[VQP_STRINGS_MAX + 1];
	struct agent_job job = { .argv = many, .deadline_ms = SOON_MS };

	for (size_t i = 0; i <= VQP_ARGV_MAX; i++)
		many[i] = i ? "x" : "/bin/true";
	many[VQP_ARGV_MAX + 1] = NULL;
	assert_int_equal(agent_run(f->a, &job, &f->r, &f->err), -E2BIG);
	many[VQP_ARGV_MAX] = NULL;
	assert_fine(f, agent_run(f->a, &job, &f->r, &f->err));
	assert_int_equal(f->r.code, 0);
	memset(big, 'x', sizeof(big) - 1);
	job.argv = ARGV("/bin/true", big);
	assert_int_equal(agent_run(f->a, &job, &f->r, &f->err), -E2BIG);
	/* What fits: program, its NUL, the argument's NUL, the empty folder's NUL. */
	big[VQP_STRINGS_MAX - sizeof("/bin/true") - 2] = '\0';
	assert_fine(f, agent_run(f->a, &job, &f->r, &f->err));
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
	struct fixture *f = *state;
	uint32_t ids[VQP_JOBS_MAX], extra;
	char script[64], expected[16];

	for (int i = 0; i < VQP_JOBS_MAX; i++) {
		(void)snprintf(script, sizeof(script),
			       "sleep 0.2; yes %d | head -c 200000; exit %d", i, i);
		assert_fine(f, start_shell(f, script, &ids[i]));
	}
	assert_int_equal(start_shell(f, "true", &extra), -EAGAIN);
	for (int i = VQP_JOBS_MAX - 1; i >= 0; i--) {
		(void)snprintf(expected, sizeof(expected), "%d\n", i);
		assert_fine(f, agent_wait(f->a, ids[i], &f->r, &f->err));
		assert_int_equal(f->r.code, i);
		assert_int_equal(f->r.out.size, 200000);
		assert_memory_equal(f->r.out.data, expected, strlen(expected));
		agent_result_free(&f->r);
	}
	assert_int_equal(agent_wait(f->a, ids[0], &f->r, &f->err), -EINVAL);
	/* The slots are free again. */
	for (int i = 0; i < 2 * VQP_JOBS_MAX; i++)
		assert_fine(f, run_shell(f, "true"));
}

static void test_kill(void **state)
{
	struct fixture *f = *state;
	uint32_t id;

	assert_fine(f, start_shell(f, "sleep 100", &id));
	assert_fine(f, agent_kill(f->a, id, SIGINT, &f->err));
	assert_fine(f, agent_wait(f->a, id, &f->r, &f->err));
	assert_int_equal(f->r.fate, AGENT_SIGNALLED);
	assert_int_equal(f->r.code, SIGINT);
	assert_int_equal(agent_kill(f->a, id, SIGINT, &f->err), -EINVAL);
}

static void test_info_and_ping(void **state)
{
	struct fixture *f = *state;
	struct agent_info info = { 0 };
	uint64_t ns = 0;

	assert_fine(f, agent_info(f->a, soon(), &info, &f->err));
	assert_int_equal(strlen(info.boot_id), 36);
	assert_memory_equal(info.kernel, "Linux ", 6);
	assert_true(info.uptime_ns > 0);
	assert_fine(f, agent_ping(f->a, soon(), &ns, &f->err));
	assert_true(ns > 0);
	assert_int_equal(agent_stuck_count(f->a), 0);
}

/* ---- files ---- */

static void push_and_pull(struct fixture *f, size_t size)
{
	char path[256];
	struct stat st;
	struct buf back = { 0 };

	make_file(f, "original", size);
	(void)snprintf(path, sizeof(path), "%s/a/b/file-%zu", f->dir, size);
	assert_fine(f, agent_push(f->a, f->data.data, size, path, 0750, soon(), &f->err));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(st.st_size, size);
	assert_fine(f, agent_pull(f->a, path, size, soon(), &back, &f->err));
	assert_int_equal(back.size, size);
	if (size)
		assert_memory_equal(back.data, f->data.data, size);
	buf_free(&back);
}

static void test_push_pull(void **state)
{
	struct fixture *f = *state;
	char path[256];

	push_and_pull(f, 0);
	push_and_pull(f, 1);
	push_and_pull(f, VQP_CHUNK_MAX);
	push_and_pull(f, VQP_CHUNK_MAX + 1);
	push_and_pull(f, 3 * MIB);
	/* A pushed program can be run at once. */
	(void)snprintf(path, sizeof(path), "%s/a/b/script", f->dir);
	assert_fine(f, agent_push(f->a, "#!/bin/sh\necho ran\n", 19, path, 0755, soon(), &f->err));
	assert_fine(f, run_shell(f, path));
	assert_string_equal(buf_text(&f->r.out), "ran\n");
	/* No temporary file is left. */
	(void)snprintf(path, sizeof(path), "ls -A %s/a/b | grep -c vq-push", f->dir);
	assert_fine(f, run_shell(f, path));
	assert_string_equal(buf_text(&f->r.out), "0\n");
}

static void test_push_pull_errors(void **state)
{
	struct fixture *f = *state;
	char path[256];
	struct buf back = { 0 };

	make_file(f, "file", 3 * MIB);
	(void)snprintf(path, sizeof(path), "%s/missing", f->dir);
	assert_int_equal(agent_pull(f->a, path, MIB, soon(), &back, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, path));
	(void)snprintf(path, sizeof(path), "%s/file", f->dir);
	assert_int_equal(agent_pull(f->a, path, 3 * MIB - 1, soon(), &back, &f->err), -EFBIG);
	assert_int_equal(agent_pull(f->a, "/dev/zero", 100000, soon(), &back, &f->err), -EFBIG);
	assert_int_equal(agent_pull(f->a, f->dir, MIB, soon(), &back, &f->err), -EISDIR);
	assert_int_equal(agent_pull(f->a, "relative", MIB, soon(), &back, &f->err), -EINVAL);
	assert_int_equal(back.size, 0);
	assert_fine(f, agent_pull(f->a, "/proc/self/comm", 64, soon(), &back, &f->err));
	assert_string_equal(buf_text(&back), "vq-agent\n");
	buf_free(&back);
	/* Under a file, onto a folder, and to a full device's worth of data: nothing is left
	 * behind. */
	(void)snprintf(path, sizeof(path), "%s/file/below", f->dir);
	assert_int_equal(agent_push(f->a, f->data.data, f->data.size, path, 0644, soon(), &f->err),
			 -ENOTDIR);
	assert_int_equal(agent_push(f->a, "x", 1, f->dir, 0644, soon(), &f->err), -EISDIR);
	assert_int_equal(agent_push(f->a, "x", 1, "relative", 0644, soon(), &f->err), -EINVAL);
	(void)snprintf(path, sizeof(path), "ls -A %s /tmp | grep -c vq-push", f->dir);
	assert_fine(f, run_shell(f, path));
	assert_string_equal(buf_text(&f->r.out), "0\n");
}

/* ---- losing and regaining the host ---- */

static int connect_raw(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path));
	for (uint64_t end = soon(); fd >= 0 && clock_now_ns() < end; (void)poll(NULL, 0, 2))
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* Take the fixture's connection away from the agent, as a VMM that dies does. */
static void open_breakable(struct fixture *f)
{
	int fd;

	f->a = agent_close(f->a);
	fd = connect_raw(f->socket);
	assert_true(fd >= 0);
	f->raw = dup(fd);
	assert_fine(f, agent_adopt_fd(fd, soon(), &f->a, &f->err));
}

/* All that the job writes while no host is there arrives afterwards, more than the agent itself can
 * hold. */
static void test_output_while_away(void **state)
{
	struct fixture *f = *state;
	char script[256];
	uint32_t id, quick;

	make_file(f, "big", 2 * MIB);
	open_breakable(f);
	(void)snprintf(script, sizeof(script),
		       "while ! [ -e %s/go ]; do sleep 0.02; done; cat %s/big; exit 3", f->dir,
		       f->dir);
	assert_fine(f, start_shell(f, script, &id));
	(void)snprintf(script, sizeof(script),
		       "while ! [ -e %s/go ]; do sleep 0.02; done; echo quick; touch %s/done",
		       f->dir, f->dir);
	assert_fine(f, start_shell(f, script, &quick));
	assert_fine(f, agent_ping(f->a, soon(), NULL, &f->err));
	assert_int_equal(shutdown(f->raw, SHUT_RDWR), 0);
	assert_int_equal(agent_wait(f->a, id, &f->r, &f->err), -ECONNRESET);
	(void)snprintf(script, sizeof(script), "%s/go", f->dir);
	assert_int_equal(fs_write_atomic(script, "", 0, &f->err), 0);
	(void)snprintf(script, sizeof(script), "%s/done", f->dir);
	for (uint64_t end = soon(); !fs_exists(script) && clock_now_ns() < end;)
		(void)poll(NULL, 0, 5);
	assert_true(fs_exists(script));
	assert_fine(f, agent_reattach(f->a, f->socket, soon(), &f->err));
	assert_fine(f, agent_wait(f->a, quick, &f->r, &f->err));
	assert_string_equal(buf_text(&f->r.out), "quick\n");
	agent_result_free(&f->r);
	assert_fine(f, agent_wait(f->a, id, &f->r, &f->err));
	assert_int_equal(f->r.code, 3);
	assert_int_equal(f->r.out.size, 2 * MIB);
	assert_memory_equal(f->r.out.data, f->data.data, 2 * MIB);
}

/* What was written to the port and not read is lost, and counted: size + lost is the whole. */
static void test_reconnect_in_output(void **state)
{
	struct fixture *f = *state;
	char script[256];
	int losses = 0;

	make_file(f, "big", 4 * MIB);
	(void)snprintf(script, sizeof(script), "cat %s/big; echo end >&2", f->dir);
	for (int round = 0; round < 10; round++) {
		uint32_t id;
		int e;

		assert_fine(f, start_shell(f, script, &id));
		for (int i = 0; i <= round; i++)
			assert_fine(f, agent_ping(f->a, soon(), NULL, &f->err));
		(void)poll(NULL, 0, round % 3 * 10);
		assert_fine(f, agent_reattach(f->a, f->socket, soon(), &f->err));
		e = agent_wait(f->a, id, &f->r, &f->err);
		assert_true(e == 0 || e == -EIO);
		assert_int_equal(f->r.out.size + f->r.out_lost, 4 * MIB);
		assert_int_equal(f->r.err.size + f->r.err_lost, 4);
		assert_int_equal(e == -EIO, f->r.out_lost + f->r.err_lost > 0);
		if (e == -EIO)
			assert_non_null(strstr(f->err.text, "were lost"));
		losses += e == -EIO;
		agent_result_free(&f->r);
	}
	/* The test would be empty if nothing was ever in flight. */
	assert_true(losses > 0);
}

/* An EXIT that was sent and not read comes again; a job that never arrived is told from one that
 * runs. */
static void test_exit_is_repeated(void **state)
{
	struct fixture *f = *state;
	uint32_t id;

	assert_fine(f, start_shell(f, "exit 5", &id));
	/* Let the EXIT come to lie in the socket, where the host does not look. */
	(void)poll(NULL, 0, 300);
	for (int i = 0; i < 3; i++)
		assert_fine(f, agent_reattach(f->a, f->socket, soon(), &f->err));
	assert_fine(f, agent_wait(f->a, id, &f->r, &f->err));
	assert_int_equal(f->r.code, 5);
	/* A new agent on the same path knows no job of the old one. */
	assert_fine(f, start_shell(f, "sleep 2", &id));
	(void)kill(f->pid, SIGKILL);
	(void)waitpid(f->pid, NULL, 0);
	assert_int_equal(agent_wait(f->a, id, &f->r, &f->err), -ECONNRESET);
	assert_int_equal(spawn_agent(f, NULL), 0);
	assert_fine(f, agent_reattach(f->a, f->socket, soon(), &f->err));
	assert_int_equal(agent_wait(f->a, id, &f->r, &f->err), -ECONNRESET);
	assert_non_null(strstr(f->err.text, "does not know it"));
	assert_int_equal(agent_wait(f->a, id, &f->r, &f->err), -EINVAL);
	assert_fine(f, run_shell(f, "true"));
}

static void test_reset_kills_jobs(void **state)
{
	struct fixture *f = *state;
	char script[256];
	long pid;
	uint32_t id;

	(void)snprintf(script, sizeof(script), "echo $$ > %s/p; mv %s/p %s/pid; trap '' TERM; yes",
		       f->dir, f->dir, f->dir);
	assert_fine(f, start_shell(f, script, &id));
	(void)snprintf(script, sizeof(script), "%s/pid", f->dir);
	for (uint64_t end = soon(); !fs_exists(script) && clock_now_ns() < end;)
		(void)poll(NULL, 0, 5);
	assert_int_equal(fs_read(script, 32, &f->data, &f->err), 0);
	pid = strtol(buf_text(&f->data), NULL, 10);
	assert_true(pid > 1 && kill((pid_t)pid, 0) == 0);
	f->a = agent_close(f->a);
	assert_fine(f, agent_connect(f->socket, soon(), &f->a, &f->err));
	/* Dead and reaped when the answer to HELLO comes. */
	assert_true(kill((pid_t)pid, 0) < 0);
	assert_int_equal(agent_stuck_count(f->a), 0);
	assert_fine(f, run_shell(f, "true"));
}

/* A host that leaves in the middle of its own frame does not confuse the agent about the next host.
 */
static void test_half_frame(void **state)
{
	struct fixture *f = *state;
	static unsigned char frame[VQP_FRAME_MAX];

	for (size_t cut = 1; cut < VQP_FRAME_MAX; cut = cut * 3 + 1) {
		f->a = agent_close(f->a);
		f->raw = connect_raw(f->socket);
		assert_true(f->raw >= 0);
		vqp_seal(frame, VQP_EXEC, 1, VQP_PAYLOAD_MAX);
		assert_int_equal(write(f->raw, frame, cut), cut);
		/* The same stream goes on, as it does when the VMM's end of a port changes hands.
		 */
		assert_fine(f, agent_adopt_fd(f->raw, soon(), &f->a, &f->err));
		f->raw = -1;
		assert_fine(f, run_shell(f, "true"));
	}
}

/* ---- malice ---- */

static int send_all(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size > 0) {
		ssize_t n = send(fd, p, size, MSG_NOSIGNAL);

		if (n <= 0)
			return -1;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

static int send_raw(int fd, unsigned type, uint32_t job, const void *payload, size_t size)
{
	static unsigned char frame[VQP_FRAME_MAX];

	if (size)
		memcpy(frame + VQP_HEADER_SIZE, payload, size);
	vqp_seal(frame, (enum vqp_type)type, job, size);
	return send_all(fd, frame, VQP_HEADER_SIZE + size);
}

/* The next frame of any kind; its payload stays valid until the next call. Returns its type, 0 on
 * failure. */
static unsigned receive_raw(int fd, uint32_t *ret_job, uint32_t *ret_error)
{
	static unsigned char in[2 * VQP_FRAME_MAX];
	static size_t size;
	static int last_fd = -1;
	struct vqp_frame frame;

	if (fd != last_fd)
		size = 0;
	last_fd = fd;
	for (;;) {
		size_t used;
		enum vqp_scan found = vqp_scan(in, size, &used, &frame);
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (found == VQP_SCAN_FRAME) {
			*ret_job = frame.job;
			*ret_error = 0;
			if (frame.type == VQP_ERROR && frame.size >= 4)
				*ret_error = frame.payload[0] | (uint32_t)frame.payload[1] << 8;
		}
		size -= used;
		memmove(in, in + used, size);
		if (found == VQP_SCAN_FRAME)
			return frame.type;
		if (found != VQP_SCAN_MORE)
			continue;
		if (poll(&p, 1, SOON_MS) <= 0)
			return 0;
		n = read(fd, in + size, sizeof(in) - size);
		if (n <= 0)
			return 0;
		size += (size_t)n;
	}
}

static void greet_raw(int fd, uint32_t flags)
{
	static const unsigned char zeros[VQP_PAD_SIZE];
	struct vqp_hello h = { .nonce = vqp_put64(42),
			       .flags = vqp_put32(flags),
			       .version = vqp_put32(VQP_VERSION) };
	uint32_t job, error;
	unsigned type;

	assert_int_equal(send_all(fd, zeros, sizeof(zeros)), 0);
	assert_int_equal(send_raw(fd, VQP_HELLO, 0, &h, sizeof(h)), 0);
	do
		type = receive_raw(fd, &job, &error);
	while (type != 0 && type != VQP_HELLO_REPLY);
	assert_int_equal(type, VQP_HELLO_REPLY);
}

static void expect_error(int fd, unsigned type, const void *payload, size_t size, int error)
{
	uint32_t job = 0, seen = 0;

	assert_int_equal(send_raw(fd, type, 77, payload, size), 0);
	assert_int_equal(receive_raw(fd, &job, &seen), VQP_ERROR);
	assert_int_equal(job, 77);
	assert_int_equal(seen, error);
}

static void test_malformed_frames(void **state)
{
	struct fixture *f = *state;
	unsigned char frame[VQP_HEADER_SIZE + 8];
	struct vqp_exec x = { .argc = vqp_put16(2), .deadline_ms = vqp_put32(1000) };
	unsigned char exec[sizeof(x) + 16];
	uint32_t job, error;

	f->a = agent_close(f->a);
	f->raw = connect_raw(f->socket);
	greet_raw(f->raw, VQP_HELLO_RESET);
	memset(exec, 0, sizeof(exec));
	memcpy(exec, &x, sizeof(x));
	expect_error(f->raw, 999, NULL, 0, ENOSYS);
	expect_error(f->raw, VQP_HELLO_REPLY, NULL, 0, ENOSYS);
	expect_error(f->raw, VQP_EXEC, NULL, 0, EINVAL);
	expect_error(f->raw, VQP_EXEC, exec, sizeof(x), EINVAL);      /* strings missing */
	expect_error(f->raw, VQP_EXEC, exec, sizeof(x) + 2, EINVAL);  /* one missing */
	expect_error(f->raw, VQP_EXEC, exec, sizeof(x) + 16, EINVAL); /* too many */
	x.argc = vqp_put16(65535);
	memcpy(exec, &x, sizeof(x));
	expect_error(f->raw, VQP_EXEC, exec, sizeof(exec), E2BIG);
	expect_error(f->raw, VQP_KILL, "\0\0\0\0", 4, EINVAL);
	expect_error(f->raw, VQP_KILL, "\1", 1, EINVAL);
	expect_error(f->raw, VQP_PING, "\1", 1, EINVAL);
	expect_error(f->raw, VQP_PULL, "\1", 1, EINVAL);
	expect_error(f->raw, VQP_PULL, "\1\0\0\0\0\0\0\0/a\0b", 12, EINVAL);
	expect_error(f->raw, VQP_PUSH_OPEN, "\1", 1, EINVAL);
	expect_error(f->raw, VQP_PUSH_OPEN, "\0\0\0\0\0\0\0\1\0\0\0\0/tmp/vq-too-large", 29, EFBIG);
	/* Right header, wrong payload. */
	memset(frame, 0, sizeof(frame));
	vqp_seal(frame, VQP_PING, 5, 8);
	frame[VQP_HEADER_SIZE] = 1;
	assert_int_equal(send_all(f->raw, frame, sizeof(frame)), 0);
	assert_int_equal(receive_raw(f->raw, &job, &error), VQP_ERROR);
	assert_int_equal(error, EBADMSG);
	/* Text instead of a frame is reported with the next frame. */
	assert_int_equal(send_all(f->raw, "Very bad\n", 9), 0);
	assert_int_equal(send_raw(f->raw, VQP_PING, 6, "12345678", 8), 0);
	assert_int_equal(receive_raw(f->raw, &job, &error), VQP_ERROR);
	assert_int_equal(receive_raw(f->raw, &job, &error), VQP_PONG);
	assert_int_equal(job, 6);
}

/* Send without reading back; what the agent's backpressure refuses is dropped. */
static void send_blind(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size > 0) {
		struct pollfd w = { .fd = fd, .events = POLLOUT };
		ssize_t n = send(fd, p, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && poll(&w, 1, 20) <= 0)
			return;
		if (n > 0) {
			p += n;
			size -= (size_t)n;
		}
	}
}

/* One round of garbage: pure noise, valid frames of noise, or valid frames with flipped bits. */
static size_t make_garbage(struct rng *rng, unsigned char *ret, size_t room)
{
	size_t size = 0;
	uint64_t kind = rng_below(rng, 3);

	if (kind == 0) {
		size = (size_t)rng_below(rng, room);
		rng_fill(rng, ret, size);
		return size;
	}
	while (room - size > VQP_HEADER_SIZE + 512) {
		size_t payload = (size_t)rng_below(rng, 512);
		/* Not HELLO, which would only make the agent forget; EXEC's noise never parses as
		 * strings. */
		unsigned type = 3 + (unsigned)rng_below(rng, VQP_TYPE_COUNT);

		rng_fill(rng, ret + size + VQP_HEADER_SIZE, payload);
		vqp_seal(ret + size, (enum vqp_type)type, (uint32_t)rng_below(rng, 4), payload);
		if (kind == 2)
			ret[size + rng_below(rng, VQP_HEADER_SIZE + payload)] ^=
				(unsigned char)(1U << rng_below(rng, 8));
		size += VQP_HEADER_SIZE + payload;
	}
	return size;
}

static void test_random_garbage(void **state)
{
	static unsigned char garbage[80000];
	struct fixture *f = *state;
	struct rng rng = { .state = SEED };

	for (int round = 0; round < GARBAGE_ROUNDS; round++) {
		f->a = agent_close(f->a);
		f->raw = connect_raw(f->socket);
		assert_true(f->raw >= 0);
		if (rng_below(&rng, 4) > 0)
			greet_raw(f->raw, rng_below(&rng, 2) ? VQP_HELLO_RESET : VQP_HELLO_ATTACH);
		send_blind(f->raw, garbage, make_garbage(&rng, garbage, sizeof(garbage)));
		if (round % 2) {
			/* The next host comes in the same stream. */
			assert_fine(f, agent_adopt_fd(f->raw, soon(), &f->a, &f->err));
		} else {
			(void)close(f->raw);
			assert_fine(f, agent_connect(f->socket, soon(), &f->a, &f->err));
		}
		f->raw = -1;
		if (round % 20 == 0) {
			assert_fine(f, run_shell(f, "echo alive"));
			assert_string_equal(buf_text(&f->r.out), "alive\n");
		}
	}
	assert_int_equal(waitpid(f->pid, NULL, WNOHANG), 0);
}

/* A host that asks without reading is held back, not buffered for; once it reads, every answer
 * comes. */
static void test_host_flood(void **state)
{
	struct fixture *f = *state;
	unsigned char ping[VQP_HEADER_SIZE + 8];
	uint32_t job, error;
	uint64_t sent = 0, refused = 0;
	size_t part = 0;

	f->a = agent_close(f->a);
	f->raw = connect_raw(f->socket);
	greet_raw(f->raw, VQP_HELLO_RESET);
	memset(ping, 7, sizeof(ping));
	vqp_seal(ping, VQP_PING, 9, 8);
	while (refused < 5 && sent < 1000000) {
		ssize_t n = send(f->raw, ping + part, sizeof(ping) - part,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0) {
			refused++;
			(void)poll(NULL, 0, 20);
			continue;
		}
		part = (part + (size_t)n) % sizeof(ping);
		sent += part == 0;
	}
	assert_int_equal(refused, 5);
	for (uint64_t i = 0; i < sent; i++) {
		assert_int_equal(receive_raw(f->raw, &job, &error), VQP_PONG);
		assert_int_equal(job, 9);
	}
}

/* A stand-in for the agent that answers HELLO as told and then sends @after (or noise without end).
 */
static pid_t fake_agent(int fd, bool greet, const void *after, size_t after_size)
{
	struct vqp_hello_reply reply = { .version = vqp_put32(VQP_VERSION) };
	static unsigned char in[2 * VQP_FRAME_MAX];
	size_t size = 0, used = 0;
	struct vqp_frame frame = { 0 };
	struct rng rng = { .state = SEED };
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	while (vqp_scan(in + used, size - used, &used, &frame) != VQP_SCAN_FRAME) {
		ssize_t n = read(fd, in + size, sizeof(in) - size);

		if (n <= 0)
			_exit(0);
		size += (size_t)n;
		for (used = 0; used < size && in[used] == 0;)
			used++;
	}
	memcpy(&reply.nonce, frame.payload, sizeof(reply.nonce));
	if (greet && send_raw(fd, VQP_HELLO_REPLY, 0, &reply, sizeof(reply)) < 0)
		_exit(1);
	/* Wait for the first request, so that the session stands. */
	if (greet && read(fd, in, sizeof(in)) <= 0)
		_exit(1);
	if (after && send_all(fd, after, after_size) < 0)
		_exit(1);
	while (!after) {
		rng_fill(&rng, in, sizeof(in));
		if (send_all(fd, in, sizeof(in)) < 0)
			_exit(0);
	}
	for (;;)
		if (read(fd, in, sizeof(in)) <= 0)
			_exit(0);
}

static int open_fake(struct fixture *f, bool greet, const void *after, size_t size,
		     uint64_t deadline_ms)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	f->pid = fake_agent(pair[1], greet, after, size);
	(void)close(pair[1]);
	return agent_adopt_fd(pair[0], clock_deadline_ms(deadline_ms), &f->a, &f->err);
}

static void close_fake(struct fixture *f)
{
	f->a = agent_close(f->a);
	(void)kill(f->pid, SIGKILL);
	(void)waitpid(f->pid, NULL, 0);
	f->pid = 0;
}

static void test_guest_noise(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(open_fake(f, false, NULL, 0, SOON_MS), -EPROTO);
	close_fake(f);
	assert_fine(f, open_fake(f, true, NULL, 0, SOON_MS));
	assert_int_equal(agent_ping(f->a, soon(), NULL, &f->err), -EPROTO);
	assert_non_null(strstr(f->err.text, "no frames"));
	/* Broken for good until a reattach. */
	assert_int_equal(agent_ping(f->a, soon(), NULL, &f->err), -ECONNRESET);
	close_fake(f);
	assert_int_equal(open_fake(f, false, "", 0, 200), -ETIMEDOUT);
	assert_null(f->a);
}

/* Send a frame to a host that runs a job (id 1) with 10 bytes of output allowed; what does
 * agent_run() say? */
static int run_against(struct fixture *f, enum vqp_type type, const void *payload, size_t size)
{
	unsigned char frame[VQP_HEADER_SIZE + 128];
	int e;

	memcpy(frame + VQP_HEADER_SIZE, payload, size);
	vqp_seal(frame, type, 1, size);
	assert_fine(f, open_fake(f, true, frame, VQP_HEADER_SIZE + size, SOON_MS));
	agent_set_grace_ms(f->a, 5000);
	e = agent_run(
		f->a,
		&(struct agent_job){
			.argv = ARGV("lie"), .deadline_ms = 1, .stdout_max = 10, .stderr_max = 10 },
		&f->r, &f->err);
	close_fake(f);
	return e;
}

static void test_guest_lies(void **state)
{
	struct fixture *f = *state;
	struct vqp_exit x = { .fate = vqp_put32(99) };
	unsigned char out[8 + 64] = { 0 };
	struct vqp_stream far = { .offset = vqp_put64(UINT64_MAX - 4) };

	assert_int_equal(run_against(f, VQP_EXIT, &x, sizeof(x)), -EPROTO);
	assert_int_equal(run_against(f, VQP_EXIT, &x, 3), -EPROTO);
	x = (struct vqp_exit){ .stdout_total = vqp_put64(UINT64_MAX) };
	assert_int_equal(run_against(f, VQP_EXIT, &x, sizeof(x)), -EPROTO);
	assert_int_equal(run_against(f, VQP_STDOUT, out, sizeof(out)), -EPROTO);
	memcpy(out, &far, sizeof(far));
	assert_int_equal(run_against(f, VQP_STDOUT, out, sizeof(out)), -EPROTO);
	assert_int_equal(run_against(f, VQP_ERROR, "\2\0\0\0gone\n", 9), -ENOENT);
	assert_non_null(strstr(f->err.text, "gone?"));
	assert_int_equal(run_against(f, VQP_STARTED, "", 0), -ECONNRESET);
	assert_non_null(strstr(f->err.text, "restarted"));
	/* An EXIT that claims output which never came is a loss, not a success. */
	x = (struct vqp_exit){ .stdout_total = vqp_put64(7) };
	assert_int_equal(run_against(f, VQP_EXIT, &x, sizeof(x)), -EIO);
	assert_int_equal(f->r.out_lost, 7);
}

static void test_agent_killed(void **state)
{
	struct fixture *f = *state;
	uint32_t id;

	assert_fine(f, start_shell(f, "sleep 1", &id));
	assert_fine(f, agent_ping(f->a, soon(), NULL, &f->err));
	(void)kill(f->pid, SIGKILL);
	(void)waitpid(f->pid, NULL, 0);
	f->pid = 0;
	assert_int_equal(agent_wait(f->a, id, &f->r, &f->err), -ECONNRESET);
	assert_non_null(strstr(f->err.text, "sleep 1"));
	assert_int_equal(agent_ping(f->a, soon(), NULL, &f->err), -ECONNRESET);
	assert_int_equal(run_shell(f, "true"), -ECONNRESET);
}

static void test_agent_stopped(void **state)
{
	struct fixture *f = *state;
	struct agent_job job = { .argv = ARGV("/bin/true"), .deadline_ms = 100 };
	uint64_t start_ns = clock_now_ns();

	agent_set_grace_ms(f->a, 300);
	(void)kill(f->pid, SIGSTOP);
	f->stopped = true;
	assert_int_equal(agent_run(f->a, &job, &f->r, &f->err), -ETIMEDOUT);
	assert_true(clock_now_ns() - start_ns >= 400 * NS_PER_MS);
	assert_memory_equal(f->err.text, "guest hung: no answer for ", 26);
	assert_non_null(strstr(f->err.text, "/bin/true"));
	assert_int_equal(agent_ping(f->a, clock_deadline_ms(50), NULL, &f->err), -ETIMEDOUT);
	/* It was only slow: late answers to what was given up do no harm. */
	(void)kill(f->pid, SIGCONT);
	f->stopped = false;
	agent_set_grace_ms(f->a, SOON_MS);
	for (int i = 0; i < 2 * VQP_JOBS_MAX; i++)
		assert_fine(f, run_shell(f, "echo again"));
	assert_string_equal(buf_text(&f->r.out), "again\n");
}

static void test_connect_errors(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		agent_connect("/nonexistent/socket", clock_deadline_ms(30), &f->a, &f->err),
		-ENOENT);
	assert_non_null(strstr(f->err.text, "/nonexistent/socket"));
	assert_null(f->a);
	assert_null(agent_close(NULL));
}

#define PAIR(test)   cmocka_unit_test_setup_teardown(test, setup_pair, teardown)
#define SOCKET(test) cmocka_unit_test_setup_teardown(test, setup_socket, teardown)
#define BARE(test)   cmocka_unit_test_setup_teardown(test, setup_bare, teardown)

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
		PAIR(test_kill),
		PAIR(test_info_and_ping),
		PAIR(test_push_pull),
		PAIR(test_push_pull_errors),
		SOCKET(test_output_while_away),
		SOCKET(test_reconnect_in_output),
		SOCKET(test_exit_is_repeated),
		SOCKET(test_reset_kills_jobs),
		SOCKET(test_half_frame),
		SOCKET(test_malformed_frames),
		SOCKET(test_random_garbage),
		SOCKET(test_host_flood),
		BARE(test_guest_noise),
		BARE(test_guest_lies),
		PAIR(test_agent_killed),
		PAIR(test_agent_stopped),
		BARE(test_connect_errors),
	};

	/* The count of failures is no exit code: 256 of them would be 0. */
	if (getenv("VQ_TEST_FILTER"))
		cmocka_set_test_filter(getenv("VQ_TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
