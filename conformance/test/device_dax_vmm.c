// SPDX-License-Identifier: Apache-2.0
/* The DAX window and the life of a VMM: refusals, late answers, resets, stops, reconnections. Needs no guest. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conformance/test/refdev.h"

#include <linux/virtio_config.h>

static int make_two(struct rig *r, uint64_t *ret_a, uint64_t *ret_b)
{
	CHECK(&r->t, host_make(r, "a", 1, 4 * MIB + 7) == 0);
	CHECK(&r->t, host_make(r, "b", 2, 4 * MIB + 9) == 0);
	CHECK(&r->t, node_of(r->f, "a", ret_a) == 0);
	return node_of(r->f, "b", ret_b);
}

/* The replacement of a part that is tried again and again below. */
static int replace(struct rig *r, uint64_t b)
{
	return front_setupmapping(r->f, b, 0, 2 * MIB, MAP_BOTH, 3 * MIB);
}

static int refuse_step(struct rig *r, uint64_t a, uint64_t b, unsigned step)
{
	uint64_t refused = r->counters->refused;
	uint8_t byte = 0xaa;
	uint32_t written;
	struct fuse_open_out o;

	CHECK(&r->t, front_setupmapping(r->f, a, 0, 6 * MIB, MAP_BOTH, 0) == 0);
	CHECK(&r->t, poke(r->f, 3 * MIB, byte) == 0);
	front_window_nak(r->f->window, step, 1, 1);
	CHECK(&r->t, replace(r, b) == -EIO);
	CHECK(&r->t, r->counters->refused == refused + 1);
	CHECK(&r->t, shows(r->f, 0, 1, 0, 3 * MIB) && peek(r->f, 3 * MIB) == 0xaa);
	CHECK(&r->t, shows(r->f, 3 * MIB + 1, 1, 3 * MIB + 1, MIB + 6));
	CHECK(&r->t, r->counters->live == r->f->window->count);
	CHECK(&r->t, unmap(r->f, 0, 8 * MIB) == 0 && r->f->window->count == 0);
	byte = byte_at(1, 3 * MIB);
	CHECK(&r->t, front_open_file(r->f, a, O_RDWR, &o) == 0);
	CHECK(&r->t, front_write(r->f, a, o.fh, 3 * MIB, &byte, 1, &written) == 0);
	return front_release(r->f, a, o.fh, 0);
}

/* A refusal at any point of a replacement: the guest hears of it, and what was there before is there. */
static int run_refusals(struct rig *r)
{
	unsigned step, count, maps = 0;
	bool is_map[16] = { false };
	uint64_t a, b, before;

	CHECK(&r->t, make_two(r, &a, &b) == 0);
	front_window_nak(r->f->window, 0, 1, 5);
	CHECK(&r->t, front_setupmapping(r->f, a, 0, 2 * MIB, MAP_READ, 0) == -EIO);
	CHECK(&r->t, r->f->window->count == 0 && r->counters->refused == 1);
	CHECK(&r->t, r->counters->setups == 0 && shows_nothing(r->f, 0, 2 * MIB));
	/* Which of its messages are maps? An unmap of what is there no front end refuses. */
	CHECK(&r->t, front_setupmapping(r->f, a, 0, 6 * MIB, MAP_BOTH, 0) == 0);
	before = r->f->window->total;
	CHECK(&r->t, replace(r, b) == 0 && shows(r->f, 3 * MIB, 2, 0, 2 * MIB));
	count = (unsigned)(r->f->window->total - before);
	CHECK(&r->t, count > 1 && count < ARRAY_SIZE(is_map));
	for (step = 0; step < count; step++)
		is_map[step] = front_window_event_at(r->f->window, count - 1 - step)->request ==
			       VHOST_USER_BACKEND_SHMEM_MAP;
	CHECK(&r->t, unmap(r->f, 0, 8 * MIB) == 0);
	for (step = 0; step < count; step++) {
		maps += is_map[step];
		CHECK(&r->t, !is_map[step] || refuse_step(r, a, b, step) == 0);
	}
	CHECK(&r->t, maps >= 2);
	return 0;
}

/* Until the device has asked for something and got no answer yet. */
static bool is_held(struct front_request *q)
{
	const struct front_window *w = q->front->window;

	for (int i = 0; i < 300 && !w->has_held; i++)
		if (front_wait_any(q->front, clock_deadline_ms(10)) == 0)
			return false;
	return w->has_held;
}

static bool is_quiet(struct front_request *q, unsigned ms)
{
	return front_wait_any(q->front, clock_deadline_ms(ms)) == FRONT_TIMEOUT &&
	       q->state == FRONT_IN_FLIGHT;
}

/* The guest hears of a mapping, and of its end, after the VMM has said that it is so. */
static int run_late(struct rig *r)
{
	struct front_window *w = r->f->window;
	struct front_op ops[2];
	struct fuse_removemapping_one one = { 0, 2 * MIB };
	uint64_t node;

	CHECK(&r->t, host_make(r, "f", 1, 2 * MIB) == 0 && node_of(r->f, "f", &node) == 0);
	ops[0] = front_op_setupmapping(node, 0, 2 * MIB, MAP_BOTH, 0);
	ops[1] = front_op_removemapping(node, &one, 1);
	for (int i = 0; i < 2; i++) {
		struct front_request *q;

		front_window_hold(w);
		CHECK(&r->t, submit(r->f, &ops[i], &q) == 0);
		CHECK(&r->t, is_held(q) && is_quiet(q, 60));
		front_window_release(w);
		CHECK(&r->t, front_wait(q, front_deadline(r->f)) == 0);
		CHECK(&r->t, q->done_ns > front_window_event_at(w, 0)->answered_ns);
		front_request_free(q);
		CHECK(&r->t, w->count == (i == 0));
	}
	front_window_delay(w, 20 * NS_PER_MS);
	CHECK(&r->t, front_setupmapping(r->f, node, 0, 2 * MIB, MAP_BOTH, 0) == 0);
	CHECK(&r->t, unmap(r->f, 0, 2 * MIB) == 0);
	return 0;
}

/* A VMM that tells all its devices of a mapping on the main socket, and waits for them, before it answers. */
static int run_announced(struct rig *r)
{
	struct front_options o = r->f->options;
	uint64_t node;

	CHECK(&r->t, host_make(r, "f", 1, 5 * MIB) == 0);
	front_hang_up(r->f);
	r->f = r->t.f = front_free(r->f);
	o.window_options.mem_reg = true;
	CHECK(&r->t, connect_front(&r->t, &o) == 0);
	r->f = r->t.f;
	CHECK(&r->t, front_init(r->f, DAX_FLAGS, NULL) == 0 && node_of(r->f, "f", &node) == 0);
	for (uint64_t i = 0; i < 20; i++) {
		CHECK(&r->t, front_setupmapping(r->f, node, 0, 6 * MIB, MAP_BOTH, i * PAGE) == 0);
		CHECK(&r->t, shows(r->f, i * PAGE, 1, 0, 5 * MIB));
		CHECK(&r->t, r->f->window->mapping[0].told && r->f->window->failed == 0);
	}
	CHECK(&r->t, unmap(r->f, 0, WINDOW) == 0);
	CHECK(&r->t, r->f->window->failed == 0 && r->f->window->count == 0);
	return 0;
}

/* QEMU serves no back-end requests while it waits for GET_VRING_BASE: the device must not wait for it in turn. */
static int run_stop_in_map(struct rig *r)
{
	struct front_window *w = r->f->window;
	struct front_request *q;
	struct front_op op;
	uint64_t node;
	uint64_t start = clock_now_ns();

	CHECK(&r->t, host_make(r, "f", 1, 2 * MIB) == 0 && node_of(r->f, "f", &node) == 0);
	op = front_op_setupmapping(node, 0, 2 * MIB, MAP_BOTH, 0);
	front_window_hold(w);
	CHECK(&r->t, submit(r->f, &op, &q) == 0 && is_held(q));
	CHECK(&r->t, front_stop(r->f, &r->t.err) == 0);
	CHECK(&r->t, clock_now_ns() - start < 3 * NS_PER_S);
	CHECK(&r->t, front_start(r->f, &r->t.err) == 0);
	front_window_release(w);
	CHECK(&r->t, front_wait(q, front_deadline(r->f)) == -EIO);
	front_request_free(q);
	/* What came too late is taken away before anything else is asked for. */
	CHECK(&r->t, front_setupmapping(r->f, node, 0, 2 * MIB, MAP_BOTH, 4 * MIB) == 0);
	CHECK(&r->t, w->count == 1 && shows(r->f, 4 * MIB, 1, 0, 2 * MIB));
	CHECK(&r->t, front_setupmapping(r->f, node, 0, 2 * MIB, MAP_BOTH, 0) == 0);
	return 0;
}

static int map_some(struct rig *r, uint64_t *ret_node)
{
	if (host_size(r, "f") != 2 * MIB + 10)
		CHECK(&r->t, host_make(r, "f", 1, 2 * MIB + 10) == 0);
	CHECK(&r->t, node_of(r->f, "f", ret_node) == 0);
	for (uint64_t i = 0; i < 4; i++)
		CHECK(&r->t,
		      front_setupmapping(r->f, *ret_node, 0, 4 * MIB, MAP_BOTH, 4 * MIB * i) == 0);
	CHECK(&r->t, shows(r->f, 4 * MIB, 1, 0, 2 * MIB + 10));
	return 0;
}

/* After a reset the VMM has dropped everything: the device says nothing of it and begins anew. */
static int run_reset(struct rig *r)
{
	uint64_t node, unmaps;

	for (int how = 0; how < 3; how++) {
		CHECK(&r->t, map_some(r, &node) == 0);
		unmaps = r->f->window->unmaps;
		if (how == 0) {
			CHECK(&r->t, front_reset(r->f, &r->t.err) == 0);
		} else if (how == 1) {
			CHECK(&r->t, front_reset_device(&r->f->channel) == 0);
			front_window_drop(r->f->window);
			r->f->started = false;
			r->f->kept = false;
		} else {
			/* As QEMU does it without RESET_DEVICE: the rings stop, and start from the beginning. */
			CHECK(&r->t, front_stop(r->f, &r->t.err) == 0);
			front_window_drop(r->f->window);
			r->f->kept = false;
		}
		CHECK(&r->t, front_start(r->f, &r->t.err) == 0);
		CHECK(&r->t, front_init(r->f, DAX_FLAGS, NULL) == 0);
		CHECK(&r->t, r->f->window->unmaps == unmaps && r->counters->live == 0);
	}
	return map_some(r, &node);
}

/* A pause is no reset: all is where it was, and nothing was said about it. */
static int run_pauses(struct rig *r)
{
	uint64_t node, total;

	CHECK(&r->t, map_some(r, &node) == 0);
	total = r->f->window->total;
	for (int i = 0; i < 5; i++) {
		CHECK(&r->t, front_stop(r->f, &r->t.err) == 0);
		CHECK(&r->t, poke(r->f, 5, (uint8_t)i) == 0);
		CHECK(&r->t, front_start(r->f, &r->t.err) == 0);
		CHECK(&r->t, peek(r->f, 5) == i && host_byte(r, "f", 5) == i);
	}
	CHECK(&r->t, r->f->window->total == total);
	CHECK(&r->t, unmap(r->f, 0, WINDOW) == 0 && r->f->window->count == 0);
	return 0;
}

/* A session that ends takes its mappings along, without losing what was stored there. */
static int run_sessions(struct rig *r)
{
	uint64_t node;

	CHECK(&r->t, map_some(r, &node) == 0);
	CHECK(&r->t, poke(r->f, 2 * MIB + 1, 0xaa) == 0);
	CHECK(&r->t, front_init(r->f, DAX_FLAGS, NULL) == 0);
	CHECK(&r->t, r->f->window->count == 0 && r->counters->live == 0);
	CHECK(&r->t, host_byte(r, "f", 2 * MIB + 1) == 0xaa);
	CHECK(&r->t, host_put(r, "f", 2 * MIB + 1, byte_at(1, 2 * MIB + 1)) == 0);
	CHECK(&r->t, map_some(r, &node) == 0);
	CHECK(&r->t, front_destroy(r->f) == 0);
	CHECK(&r->t, r->f->window->count == 0 && r->counters->live == 0);
	return front_init(r->f, DAX_FLAGS, NULL);
}

/* The guest's VMM is gone, without a word. */
static int run_reconnect(struct rig *r)
{
	uint64_t node;

	for (int i = 0; i < 10; i++) {
		CHECK(&r->t, map_some(r, &node) == 0);
		CHECK(&r->t, poke(r->f, 2 * MIB + 3, (uint8_t)i) == 0);
		CHECK(&r->t, front_reconnect(r->f, &r->t.err) == 0);
		CHECK(&r->t, front_init(r->f, DAX_FLAGS, NULL) == 0);
		CHECK(&r->t, r->counters->live == 0 && host_byte(r, "f", 2 * MIB + 3) == i);
		CHECK(&r->t, host_put(r, "f", 2 * MIB + 3, byte_at(1, 2 * MIB + 3)) == 0);
	}
	return 0;
}

/* A sanitizer makes them slow, and finds what these find at the first one. */
#ifdef __SANITIZE_ADDRESS__
#define CYCLES 300
#else
#define CYCLES 2000
#endif

/* Descriptors and mappings of the daemon are as many after thousands as after some. */
static int run_cycles(struct rig *r)
{
	uint64_t node;
	struct held held = { 0 };

	CHECK(&r->t, host_make(r, "f", 1, 2 * MIB + 10) == 0 && node_of(r->f, "f", &node) == 0);
	for (uint64_t i = 0; i < CYCLES; i++) {
		uint64_t at = i % 4 * 4 * MIB;

		CHECK(&r->t, front_setupmapping(r->f, node, 0, 4 * MIB, MAP_BOTH, at) == 0);
		CHECK(&r->t, peek(r->f, at) == byte_at(1, 0));
		CHECK(&r->t, peek(r->f, at + 2 * MIB + 9) == byte_at(1, 2 * MIB + 9));
		CHECK(&r->t, unmap(r->f, at, 4 * MIB) == 0);
		if (i == 50)
			held = held_by(r);
	}
	CHECK(&r->t, SOON(holds(r, &held)));
	CHECK(&r->t, r->counters->setups == r->counters->removals && r->counters->live == 0);
	CHECK(&r->t, r->counters->setups == r->f->window->maps && r->counters->setups >= CYCLES);
	return 0;
}

/* As many mappings as the window has pages; then one more place does not exist, and all of them go. */
static int run_exhausted(struct rig *r)
{
	uint64_t node;

	CHECK(&r->t, host_make(r, "f", 1, 2 * PAGE) == 0 && node_of(r->f, "f", &node) == 0);
	for (uint64_t at = 0; at < WINDOW; at += PAGE)
		CHECK(&r->t, front_setupmapping(r->f, node, at / PAGE % 2 ? 0 : PAGE, PAGE,
						MAP_READ, at) == 0);
	CHECK(&r->t, r->f->window->count == WINDOW / PAGE && r->counters->live_bytes == WINDOW);
	CHECK(&r->t, front_setupmapping(r->f, node, 0, PAGE, MAP_READ, WINDOW) == -EINVAL);
	/* Each of them can be replaced even so. */
	CHECK(&r->t, front_setupmapping(r->f, node, 0, PAGE, MAP_READ, 0) == 0);
	CHECK(&r->t, shows(r->f, 0, 1, 0, PAGE) && shows(r->f, PAGE, 1, 0, PAGE));
	CHECK(&r->t, unmap(r->f, 0, WINDOW) == 0 && r->f->window->count == 0);
	return 0;
}

/* Without what a window needs there is none, and the session goes on as any other. */
static int run_no_window(struct rig *r)
{
	static const unsigned without[] = { VHOST_USER_PROTOCOL_F_SHMEM,
					    VHOST_USER_PROTOCOL_F_BACKEND_REQ,
					    VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD,
					    VHOST_USER_PROTOCOL_F_REPLY_ACK };
	uint64_t node;

	for (size_t i = 0; i < ARRAY_SIZE(without); i++) {
		r->f->options.protocol_off = UINT64_C(1) << without[i];
		CHECK(&r->t, front_reconnect(r->f, &r->t.err) == 0);
		CHECK(&r->t, r->f->window->bytes == 0);
		CHECK(&r->t, front_init(r->f, DAX_FLAGS, NULL) == 0);
		CHECK(&r->t, host_make(r, "f", 1, PAGE) == 0 && node_of(r->f, "f", &node) == 0);
		CHECK(&r->t, front_setupmapping(r->f, node, 0, PAGE, MAP_READ, 0) == -ENOSYS);
		CHECK(&r->t, unmap(r->f, 0, PAGE) == -ENOSYS);
		CHECK(&r->t, r->f->window->total == 0);
	}
	return 0;
}

#define TEST(name)                     \
	static void name(void **state) \
	{                              \
		(void)state;           \
		on_tails(run_##name);  \
	}
TEST(refusals)
TEST(late)
TEST(announced)
TEST(stop_in_map)
TEST(reset)
TEST(pauses)
TEST(sessions)
TEST(reconnect)
TEST(no_window)

/* Long ones: once for each kind of tail. */
static void cycles(void **state)
{
	(void)state;
	on_rows(run_cycles, tail_rows, 2);
}

static void exhausted(void **state)
{
	(void)state;
	on_rows(run_exhausted, tail_rows, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals),    cmocka_unit_test(late),
		cmocka_unit_test(announced),   cmocka_unit_test(reset),
		cmocka_unit_test(stop_in_map), cmocka_unit_test(pauses),
		cmocka_unit_test(sessions),    cmocka_unit_test(reconnect),
		cmocka_unit_test(cycles),      cmocka_unit_test(exhausted),
		cmocka_unit_test(no_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
