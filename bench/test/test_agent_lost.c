// SPDX-License-Identifier: Apache-2.0
/*
 * The host's agent client against the real vq-agent: a host that leaves and comes back, an agent that
 * is killed or stopped. No cmocka assert runs while a CLEANUP variable is live.
 */
#include "local_agent.h"
#include "raw_frame.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "guest-image/agent/agent_proto.h"

/* Take the fixture's connection away from the agent, as a VMM that dies does. */
static void open_breakable(struct local_agent *f)
{
	int fd;

	f->a = agent_close(f->a);
	fd = raw_connect(f->socket);
	assert_true(fd >= 0);
	f->raw = dup(fd);
	local_fine(f, agent_adopt_fd(fd, local_soon(), &f->a, &f->err));
}

/* All that the job writes while no host is there arrives afterwards, more than the agent itself can
 * hold. */
static void test_output_while_away(void **state)
{
	struct local_agent *f = *state;
	char script[256];
	uint32_t id, quick;

	local_make_file(f, "big", 2 * MIB);
	open_breakable(f);
	(void)snprintf(script, sizeof(script),
		       "while ! [ -e %s/go ]; do sleep 0.02; done; cat %s/big; exit 3", f->dir,
		       f->dir);
	local_fine(f, local_start_shell(f, script, &id));
	(void)snprintf(script, sizeof(script),
		       "while ! [ -e %s/go ]; do sleep 0.02; done; echo quick; touch %s/done",
		       f->dir, f->dir);
	local_fine(f, local_start_shell(f, script, &quick));
	local_fine(f, agent_ping(f->a, local_soon(), NULL, &f->err));
	assert_int_equal(shutdown(f->raw, SHUT_RDWR), 0);
	assert_int_equal(agent_wait(f->a, id, &f->r, &f->err), -ECONNRESET);
	(void)snprintf(script, sizeof(script), "%s/go", f->dir);
	assert_int_equal(fs_write_atomic(script, "", 0, &f->err), 0);
	(void)snprintf(script, sizeof(script), "%s/done", f->dir);
	for (uint64_t end = local_soon(); !fs_exists(script) && clock_now_ns() < end;)
		(void)poll(NULL, 0, 5);
	assert_true(fs_exists(script));
	local_fine(f, agent_reattach(f->a, f->socket, local_soon(), &f->err));
	local_fine(f, agent_wait(f->a, quick, &f->r, &f->err));
	assert_string_equal(buf_text(&f->r.out), "quick\n");
	agent_result_free(&f->r);
	local_fine(f, agent_wait(f->a, id, &f->r, &f->err));
	assert_int_equal(f->r.code, 3);
	assert_int_equal(f->r.out.size, 2 * MIB);
	assert_memory_equal(f->r.out.data, f->data.data, 2 * MIB);
}

/* What was written to the port and not read is lost, and counted: size + lost is the whole. */
static void test_reconnect_in_output(void **state)
{
	struct local_agent *f = *state;
	char script[256];
	int losses = 0;

	local_make_file(f, "big", 4 * MIB);
	(void)snprintf(script, sizeof(script), "cat %s/big; echo end >&2", f->dir);
	for (int round = 0; round < 10; round++) {
		uint32_t id;
		int e;

		local_fine(f, local_start_shell(f, script, &id));
		for (int i = 0; i <= round; i++)
			local_fine(f, agent_ping(f->a, local_soon(), NULL, &f->err));
		(void)poll(NULL, 0, round % 3 * 10);
		local_fine(f, agent_reattach(f->a, f->socket, local_soon(), &f->err));
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
	struct local_agent *f = *state;
	uint32_t id;

	local_fine(f, local_start_shell(f, "exit 5", &id));
	/* Let the EXIT come to lie in the socket, where the host does not look. */
	(void)poll(NULL, 0, 300);
	for (int i = 0; i < 3; i++)
		local_fine(f, agent_reattach(f->a, f->socket, local_soon(), &f->err));
	local_fine(f, agent_wait(f->a, id, &f->r, &f->err));
	assert_int_equal(f->r.code, 5);
	/* A new agent on the same path knows no job of the old one. */
	local_fine(f, local_start_shell(f, "sleep 2", &id));
	(void)kill(f->pid, SIGKILL);
	(void)waitpid(f->pid, NULL, 0);
	assert_int_equal(agent_wait(f->a, id, &f->r, &f->err), -ECONNRESET);
	assert_int_equal(local_spawn(f, NULL), 0);
	local_fine(f, agent_reattach(f->a, f->socket, local_soon(), &f->err));
	assert_int_equal(agent_wait(f->a, id, &f->r, &f->err), -ECONNRESET);
	assert_non_null(strstr(f->err.text, "does not know it"));
	assert_int_equal(agent_wait(f->a, id, &f->r, &f->err), -EINVAL);
	local_fine(f, local_run_shell(f, "true"));
}

static void test_reset_kills_jobs(void **state)
{
	struct local_agent *f = *state;
	char script[256];
	long pid;
	uint32_t id;

	(void)snprintf(script, sizeof(script), "echo $$ > %s/p; mv %s/p %s/pid; trap '' TERM; yes",
		       f->dir, f->dir, f->dir);
	local_fine(f, local_start_shell(f, script, &id));
	(void)snprintf(script, sizeof(script), "%s/pid", f->dir);
	for (uint64_t end = local_soon(); !fs_exists(script) && clock_now_ns() < end;)
		(void)poll(NULL, 0, 5);
	assert_int_equal(fs_read(script, 32, &f->data, &f->err), 0);
	pid = strtol(buf_text(&f->data), NULL, 10);
	assert_true(pid > 1 && kill((pid_t)pid, 0) == 0);
	f->a = agent_close(f->a);
	local_fine(f, agent_connect(f->socket, local_soon(), &f->a, &f->err));
	/* Dead and reaped when the answer to HELLO comes. */
	assert_true(kill((pid_t)pid, 0) < 0);
	assert_int_equal(agent_stuck_count(f->a), 0);
	local_fine(f, local_run_shell(f, "true"));
}

/* A host that leaves in the middle of its own frame does not confuse the agent about the next host.
 */
static void test_half_frame(void **state)
{
	struct local_agent *f = *state;
	static unsigned char frame[VQP_FRAME_MAX];

	for (size_t cut = 1; cut < VQP_FRAME_MAX; cut = cut * 3 + 1) {
		f->a = agent_close(f->a);
		f->raw = raw_connect(f->socket);
		assert_true(f->raw >= 0);
		vqp_seal(frame, VQP_EXEC, 1, VQP_PAYLOAD_MAX);
		assert_int_equal(write(f->raw, frame, cut), cut);
		/* The same stream goes on, as it does when the VMM's end of a port changes hands.
		 */
		local_fine(f, agent_adopt_fd(f->raw, local_soon(), &f->a, &f->err));
		f->raw = -1;
		local_fine(f, local_run_shell(f, "true"));
	}
}

static void test_agent_killed(void **state)
{
	struct local_agent *f = *state;
	uint32_t id;

	local_fine(f, local_start_shell(f, "sleep 1", &id));
	local_fine(f, agent_ping(f->a, local_soon(), NULL, &f->err));
	(void)kill(f->pid, SIGKILL);
	(void)waitpid(f->pid, NULL, 0);
	f->pid = 0;
	assert_int_equal(agent_wait(f->a, id, &f->r, &f->err), -ECONNRESET);
	assert_non_null(strstr(f->err.text, "sleep 1"));
	assert_int_equal(agent_ping(f->a, local_soon(), NULL, &f->err), -ECONNRESET);
	assert_int_equal(local_run_shell(f, "true"), -ECONNRESET);
}

static void test_agent_stopped(void **state)
{
	struct local_agent *f = *state;
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
	agent_set_grace_ms(f->a, LOCAL_SOON_MS);
	for (int i = 0; i < 2 * VQP_JOBS_MAX; i++)
		local_fine(f, local_run_shell(f, "echo again"));
	assert_string_equal(buf_text(&f->r.out), "again\n");
}

static void test_connect_errors(void **state)
{
	struct local_agent *f = *state;

	assert_int_equal(
		agent_connect("/nonexistent/socket", clock_deadline_ms(30), &f->a, &f->err),
		-ENOENT);
	assert_non_null(strstr(f->err.text, "/nonexistent/socket"));
	assert_null(f->a);
	assert_null(agent_close(NULL));
}

#define PAIR(test)   cmocka_unit_test_setup_teardown(test, local_setup_pair, local_teardown)
#define SOCKET(test) cmocka_unit_test_setup_teardown(test, local_setup_socket, local_teardown)
#define BARE(test)   cmocka_unit_test_setup_teardown(test, local_setup_bare, local_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SOCKET(test_output_while_away), SOCKET(test_reconnect_in_output),
		SOCKET(test_exit_is_repeated),	SOCKET(test_reset_kills_jobs),
		SOCKET(test_half_frame),	PAIR(test_agent_killed),
		PAIR(test_agent_stopped),	BARE(test_connect_errors),
	};

	/* The count of failures is no exit code: 256 of them would be 0. */
	if (getenv("VQ_TEST_FILTER"))
		cmocka_set_test_filter(getenv("VQ_TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
