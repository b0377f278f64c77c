// SPDX-License-Identifier: Apache-2.0
/* Requests that wait for somebody on the host, who holds a lease: INTERRUPT, pauses and ends do not wait with them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conformance/test/refdev.h"

#define LEASE_WORDS \
	"--socket-path={dir}/socket", "--shared-dir={share}", "--keep", "--counters={dir}/counters"

static const struct daemon_row rows[] = {
	{ .id = "one thread", .program = "virtiofs-refdev", .words = { LEASE_WORDS } },
	{ .id = "threads, packed",
	  .program = "virtiofs-refdev",
	  .words = { LEASE_WORDS, "--threads=4" },
	  .packed = true },
	{ .id = "no sandbox",
	  .program = "virtiofs-refdev",
	  .words = { LEASE_WORDS, "--sandbox=none" } },
};

/* "f", with a lease on it: nobody opens it until @ret_lease is closed. Ours outlasts any of these tests (45 s). */
static int make_leased(struct rig *r, int *ret_lease, uint64_t *ret_node)
{
	CHECK(&r->t, host_make(r, "f", 1, 100) == 0 && node_of(r->f, "f", ret_node) == 0);
	*ret_lease = host_open(r, "f");
	CHECK(&r->t, *ret_lease >= 0 && fcntl(*ret_lease, F_SETLEASE, F_WRLCK) == 0);
	return 0;
}

static int begin(struct rig *r, const struct front_op *op, struct front_request **ret)
{
	CHECK(&r->t, submit(r->f, op, ret) == 0);
	CHECK(&r->t, front_wait_any(r->f, clock_deadline_ms(40)) == FRONT_TIMEOUT);
	CHECK(&r->t, (*ret)->state == FRONT_IN_FLIGHT);
	return 0;
}

static int finish(struct front_request *q, int expected)
{
	CHECK(&q->front, front_wait(q, clock_deadline_ms(3000)) == expected);
	front_request_free(q);
	return 0;
}

static int interrupts(struct rig *r, int lease, uint64_t node)
{
	const struct fuse_setattr_in cut = { .valid = FATTR_SIZE, .size = 1 };
	struct fuse_open_out o;
	struct front_request *q;
	struct front_op ops[3];

	ops[0] = front_op_open(node, O_RDWR);
	ops[1] = front_op_open(node, O_RDONLY | O_TRUNC);
	ops[2] = front_op_setattr(node, &cut);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		CHECK(&r->t, begin(r, &ops[i], &q) == 0);
		/* Another one's is none of its business. */
		CHECK(&r->t, front_interrupt(r->f, q->unique + 2) == 0);
		CHECK(&r->t, front_wait_any(r->f, clock_deadline_ms(40)) == FRONT_TIMEOUT);
		CHECK(&r->t, front_interrupt(r->f, q->unique) == 0);
		CHECK(&r->t, finish(q, -EINTR) == 0);
		/* It may also be there first: it has a queue of its own. */
		CHECK(&r->t, front_prepare(r->f, &ops[i], &q) == 0);
		CHECK(&r->t, front_interrupt(r->f, q->unique) == 0 && front_submit(q) == 0);
		CHECK(&r->t, finish(q, -EINTR) == 0);
	}
	CHECK(&r->t, host_size(r, "f") == 100);
	/* And who is not interrupted gets what he waits for. */
	CHECK(&r->t, begin(r, &ops[0], &q) == 0 && fcntl(lease, F_SETLEASE, F_UNLCK) == 0);
	CHECK(&r->t, finish(q, 0) == 0);
	return front_open_file(r->f, node, O_RDWR | O_NONBLOCK, &o);
}

/* The guest is stopped: the VMM has its answer soon, and the guest its own when it goes on. */
static int stops(struct rig *r, int lease, uint64_t node)
{
	const struct front_op op = front_op_open(node, O_RDONLY);
	uint64_t start = clock_now_ns();
	struct front_request *q;
	struct fuse_open_out o;

	CHECK(&r->t, begin(r, &op, &q) == 0 && front_stop(r->f, &r->t.err) == 0);
	CHECK(&r->t, clock_now_ns() - start < 3 * NS_PER_S);
	CHECK(&r->t, front_start(r->f, &r->t.err) == 0 && finish(q, -EINTR) == 0);
	CHECK(&r->t, fcntl(lease, F_SETLEASE, F_UNLCK) == 0);
	return front_open_file(r->f, node, O_RDONLY, &o);
}

/* The guest is reset; then its VMM goes. The next session does not wait for the lease either. */
static int ends(struct rig *r, int lease, uint64_t node)
{
	struct front_op op = front_op_open(node, O_RDONLY);
	uint64_t start = clock_now_ns();
	struct front_request *q;

	(void)lease;
	CHECK(&r->t, begin(r, &op, &q) == 0 && front_reset(r->f, &r->t.err) == 0);
	front_request_free(q);
	CHECK(&r->t, front_start(r->f, &r->t.err) == 0 && front_init(r->f, 0, NULL) == 0);
	CHECK(&r->t, node_of(r->f, "f", &node) == 0);
	op = front_op_open(node, O_RDWR);
	CHECK(&r->t, begin(r, &op, &q) == 0);
	front_hang_up(r->f);
	front_request_free(q);
	CHECK(&r->t, front_reconnect(r->f, &r->t.err) == 0 && front_init(r->f, 0, NULL) == 0);
	CHECK(&r->t, clock_now_ns() - start < 6 * NS_PER_S);
	return 0;
}

static int with_lease(struct rig *r, int (*run)(struct rig *r, int lease, uint64_t node))
{
	CLEANUP(fd_closep) int lease = -1;
	uint64_t node;

	CHECK(&r->t, make_leased(r, &lease, &node) == 0);
	return run(r, lease, node);
}

static int run_interrupts(struct rig *r)
{
	return with_lease(r, interrupts);
}

static int run_stops(struct rig *r)
{
	return with_lease(r, stops);
}

static int run_ends(struct rig *r)
{
	return with_lease(r, ends);
}

#define TEST_OF(name)                                        \
	static void test_##name(void **state)                \
	{                                                    \
		(void)state;                                 \
		on_rows(run_##name, rows, ARRAY_SIZE(rows)); \
	}
TEST_OF(interrupts)
TEST_OF(stops)
TEST_OF(ends)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_stops),
		cmocka_unit_test(test_ends),
	};

	/* That somebody wants a file is told to who holds its lease. */
	(void)signal(SIGIO, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
