// SPDX-License-Identifier: Apache-2.0
/*
 * Malice: the real vq-agent against a host that sends what no host should, and the host's client
 * against a stand-in for the agent. No cmocka assert runs while a CLEANUP variable is live.
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
#include "base/rng.h"
#include "guest-image/agent/agent_proto.h"

#define GARBAGE_ROUNDS 200

static void expect_error(int fd, unsigned type, const void *payload, size_t size, int error)
{
	uint32_t job = 0, seen = 0;

	assert_int_equal(raw_send(fd, type, 77, payload, size), 0);
	assert_int_equal(raw_receive(fd, &job, &seen), VQP_ERROR);
	assert_int_equal(job, 77);
	assert_int_equal(seen, error);
}

static void test_malformed_frames(void **state)
{
	struct local_agent *f = *state;
	unsigned char frame[VQP_HEADER_SIZE + 8];
	struct vqp_exec x = { .argc = vqp_put16(2), .deadline_ms = vqp_put32(1000) };
	unsigned char exec[sizeof(x) + 16];
	uint32_t job, error;

	f->a = agent_close(f->a);
	f->raw = raw_connect(f->socket);
	raw_greet(f->raw, VQP_HELLO_RESET);
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
	assert_int_equal(raw_send_all(f->raw, frame, sizeof(frame)), 0);
	assert_int_equal(raw_receive(f->raw, &job, &error), VQP_ERROR);
	assert_int_equal(error, EBADMSG);
	/* Text instead of a frame is reported with the next frame. */
	assert_int_equal(raw_send_all(f->raw, "Very bad\n", 9), 0);
	assert_int_equal(raw_send(f->raw, VQP_PING, 6, "12345678", 8), 0);
	assert_int_equal(raw_receive(f->raw, &job, &error), VQP_ERROR);
	assert_int_equal(raw_receive(f->raw, &job, &error), VQP_PONG);
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
	struct local_agent *f = *state;
	struct rng rng = { .state = LOCAL_SEED };

	for (int round = 0; round < GARBAGE_ROUNDS; round++) {
		f->a = agent_close(f->a);
		f->raw = raw_connect(f->socket);
		assert_true(f->raw >= 0);
		if (rng_below(&rng, 4) > 0)
			raw_greet(f->raw, rng_below(&rng, 2) ? VQP_HELLO_RESET : VQP_HELLO_ATTACH);
		send_blind(f->raw, garbage, make_garbage(&rng, garbage, sizeof(garbage)));
		if (round % 2) {
			/* The next host comes in the same stream. */
			local_fine(f, agent_adopt_fd(f->raw, local_soon(), &f->a, &f->err));
		} else {
			(void)close(f->raw);
			local_fine(f, agent_connect(f->socket, local_soon(), &f->a, &f->err));
		}
		f->raw = -1;
		if (round % 20 == 0) {
			local_fine(f, local_run_shell(f, "echo alive"));
			assert_string_equal(buf_text(&f->r.out), "alive\n");
		}
	}
	assert_int_equal(waitpid(f->pid, NULL, WNOHANG), 0);
}

/* A host that asks without reading is held back, not buffered for; once it reads, every answer
 * comes. */
static void test_host_flood(void **state)
{
	struct local_agent *f = *state;
	unsigned char ping[VQP_HEADER_SIZE + 8];
	uint32_t job, error;
	uint64_t sent = 0, refused = 0;
	size_t part = 0;

	f->a = agent_close(f->a);
	f->raw = raw_connect(f->socket);
	raw_greet(f->raw, VQP_HELLO_RESET);
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
		assert_int_equal(raw_receive(f->raw, &job, &error), VQP_PONG);
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
	struct rng rng = { .state = LOCAL_SEED };
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
	if (greet && raw_send(fd, VQP_HELLO_REPLY, 0, &reply, sizeof(reply)) < 0)
		_exit(1);
	/* Wait for the first request, so that the session stands. */
	if (greet && read(fd, in, sizeof(in)) <= 0)
		_exit(1);
	if (after && raw_send_all(fd, after, after_size) < 0)
		_exit(1);
	while (!after) {
		rng_fill(&rng, in, sizeof(in));
		if (raw_send_all(fd, in, sizeof(in)) < 0)
			_exit(0);
	}
	for (;;)
		if (read(fd, in, sizeof(in)) <= 0)
			_exit(0);
}

static int open_fake(struct local_agent *f, bool greet, const void *after, size_t size,
		     uint64_t deadline_ms)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	f->pid = fake_agent(pair[1], greet, after, size);
	(void)close(pair[1]);
	return agent_adopt_fd(pair[0], clock_deadline_ms(deadline_ms), &f->a, &f->err);
}

static void close_fake(struct local_agent *f)
{
	f->a = agent_close(f->a);
	(void)kill(f->pid, SIGKILL);
	(void)waitpid(f->pid, NULL, 0);
	f->pid = 0;
}

static void test_guest_noise(void **state)
{
	struct local_agent *f = *state;

	assert_int_equal(open_fake(f, false, NULL, 0, LOCAL_SOON_MS), -EPROTO);
	close_fake(f);
	local_fine(f, open_fake(f, true, NULL, 0, LOCAL_SOON_MS));
	assert_int_equal(agent_ping(f->a, local_soon(), NULL, &f->err), -EPROTO);
	assert_non_null(strstr(f->err.text, "no frames"));
	/* Broken for good until a reattach. */
	assert_int_equal(agent_ping(f->a, local_soon(), NULL, &f->err), -ECONNRESET);
	close_fake(f);
	assert_int_equal(open_fake(f, false, "", 0, 200), -ETIMEDOUT);
	assert_null(f->a);
}

/* Send a frame to a host that runs a job (id 1) with 10 bytes of output allowed; what does
 * agent_run() say? */
static int run_against(struct local_agent *f, enum vqp_type type, const void *payload, size_t size)
{
	unsigned char frame[VQP_HEADER_SIZE + 128];
	int e;

	memcpy(frame + VQP_HEADER_SIZE, payload, size);
	vqp_seal(frame, type, 1, size);
	local_fine(f, open_fake(f, true, frame, VQP_HEADER_SIZE + size, LOCAL_SOON_MS));
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
	struct local_agent *f = *state;
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

#define SOCKET(test) cmocka_unit_test_setup_teardown(test, local_setup_socket, local_teardown)
#define BARE(test)   cmocka_unit_test_setup_teardown(test, local_setup_bare, local_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SOCKET(test_malformed_frames), SOCKET(test_random_garbage), SOCKET(test_host_flood),
		BARE(test_guest_noise),	       BARE(test_guest_lies),
	};

	/* The count of failures is no exit code: 256 of them would be 0. */
	if (getenv("VQ_TEST_FILTER"))
		cmocka_set_test_filter(getenv("VQ_TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
