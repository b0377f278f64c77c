// SPDX-License-Identifier: Apache-2.0
/*
 * The vhost-user back end over a real socket, with real memory, eventfds and threads; guest, front end and
 * file system are fakes (test_ref_frontend.h).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conformance/test/test_ref_frontend.h"

static const struct ref_options plain = {
	.queues = 1, .window_bytes = 64 << 20, .tag = "share", .dax = REF_DAX_ALWAYS
};
static const struct ref_options workers = {
	.queues = 1, .threads = 2, .tag = "share", .window_bytes = 64 << 20, .dax = REF_DAX_ALWAYS
};

static int setup_with(void **state, const struct ref_options *o)
{
	struct front *f = calloc(1, sizeof(*f));

	*state = f;
	ref_log_set_level(REF_LOG_ERROR);
	return f && front_open(f, o) == 0 ? 0 : -1;
}

static int setup(void **state)
{
	return setup_with(state, &plain);
}

static int setup_workers(void **state)
{
	return setup_with(state, &workers);
}

static int teardown(void **state)
{
	struct front *f = *state;

	front_close(f);
	free(f);
	return 0;
}

/* One request there and back. */
static void round_trip(struct front *f, unsigned ring, unsigned slot)
{
	uint8_t fill = (uint8_t)(slot + 1);
	uint16_t head = front_request(f, ring, slot, OP_ECHO, fill), id;
	uint32_t len;

	assert_true(front_wait(f, ring, &id, &len, WAIT_MS));
	assert_int_equal(id, head);
	assert_int_equal(len, OUT_BYTES + PAYLOAD);
	assert_true(front_answered(f, slot, fill));
}

static void test_what_is_offered(void **state)
{
	struct front *f = *state;
	uint64_t features = F_BASE | F_PACKED | F_EVENT | F_INDIR;

	assert_int_equal(front_get_u64(f, VHOST_USER_GET_FEATURES), features);
	assert_int_equal(front_get_u64(f, VHOST_USER_GET_PROTOCOL_FEATURES), P_ALL);
	assert_int_equal(front_handshake(f, F_BASE, P_ALL), 0);
	assert_int_equal(front_get_u64(f, VHOST_USER_GET_QUEUE_NUM), 2);
	assert_true(front_get_u64(f, VHOST_USER_GET_MAX_MEM_SLOTS) >= 509);
	assert_int_equal(front_set_u64(f, VHOST_USER_SET_FEATURES, F_BASE | 1), 1);
	assert_int_equal(front_set_u64(f, VHOST_USER_SET_PROTOCOL_FEATURES, P_ALL | P(RARP)), 1);
}

static void test_shmem_config(void **state)
{
	struct front *f = *state;
	struct vhost_user_shmem_config s;
	struct vhost_user_header h;

	assert_int_equal(front_handshake(f, F_BASE, P_ALL), 0);
	assert_int_equal(front_send(f->fd, VHOST_USER_GET_SHMEM_CONFIG, 0, NULL, 0, NULL, 0), 0);
	assert_int_equal(front_recv(f->fd, &h, &s, sizeof(s), NULL), 2056);
	assert_int_equal(s.region_count, 1);
	assert_int_equal(s.sizes[0], 64 << 20);
	for (unsigned i = 1; i < VHOST_USER_SHMEM_REGIONS_MAX; i++)
		assert_int_equal(s.sizes[i], 0);
	assert_int_equal(__atomic_load_n(&f->fs.window->bytes, __ATOMIC_RELAXED), 64 << 20);
}

/* Without all that it needs there is no window: VU-008. */
static void test_window_needs_its_features(void **state)
{
	static const uint64_t needed[] = { P(SHMEM), P(BACKEND_REQ), P(BACKEND_SEND_FD),
					   P(REPLY_ACK) };
	struct front *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		uint64_t v = P_ALL & ~needed[i];

		assert_int_equal(front_send(f->fd, VHOST_USER_SET_PROTOCOL_FEATURES, 0, &v,
					    sizeof(v), NULL, 0),
				 0);
		assert_true(front_get_u64(f, VHOST_USER_GET_FEATURES) > 0);
		assert_int_equal(__atomic_load_n(&f->fs.window->bytes, __ATOMIC_RELAXED), 0);
	}
}

/* Every offset and width gives the same bytes; beyond the answerable space is an error without payload. */
static void test_config_space(void **state)
{
	struct front *f = *state;
	uint8_t whole[44] = "share";

	whole[36] = 1;
	assert_int_equal(front_handshake(f, F_BASE, P_ALL), 0);
	for (uint32_t at = 0; at < 44; at++) {
		for (uint32_t n = 0; at + n <= 44; n += 3) {
			uint8_t m[12 + 44] = { 0 };
			struct vhost_user_header h;
			struct vhost_user_config c = { at, n, 0 };

			memcpy(m, &c, sizeof(c));
			assert_int_equal(
				front_send(f->fd, VHOST_USER_GET_CONFIG, 0, m, 12 + n, NULL, 0), 0);
			assert_int_equal(front_recv(f->fd, &h, m, sizeof(m), NULL), 12 + n);
			assert_memory_equal(m + 12, whole + at, n);
		}
	}
	for (int i = 0; i < 4; i++) {
		static const struct vhost_user_config bad[] = {
			{ 257, 10, 0 }, { 0, 5000, 0 }, { UINT32_MAX, 10, 0 }, { 250, 10, 0 }
		};
		struct vhost_user_header h;
		uint8_t m[22];

		memcpy(m, &bad[i], 12);
		assert_int_equal(front_send(f->fd, VHOST_USER_GET_CONFIG, 0, m, 22, NULL, 0), 0);
		assert_int_equal(front_recv(f->fd, &h, m, sizeof(m), NULL), 0);
	}
	assert_int_equal(front_ask(f, VHOST_USER_SET_CONFIG, whole, 16, NULL, 0), 1);
}

static void test_requests(void **state)
{
	static const uint64_t features[] = { F_BASE, F_BASE | F_EVENT, F_BASE | F_PACKED,
					     F_BASE | F_PACKED | F_EVENT };
	struct front *f = *state;

	for (size_t k = 0; k < ARRAY_SIZE(features); k++) {
		if (k > 0) {
			fd_closep(&f->fd);
			assert_int_equal(front_connect(f), 0);
		}
		assert_int_equal(front_start(f, features[k], P_ALL, 16), 0);
		for (unsigned i = 0; i < 50; i++) {
			round_trip(f, 1, i);
			assert_true(front_readable(f->call[1], WAIT_MS));
			round_trip(f, 0, 60);
		}
	}
	assert_int_equal(f->fs.served, 400);
}

/* VU-003, VU-004: not before the kick, not before it is enabled; then what was kicked for is served. */
static void test_start_and_enable(void **state)
{
	struct front *f = *state;
	uint16_t id;
	uint32_t len;

	assert_int_equal(front_start(f, F_BASE, P_ALL, 16), 0);
	assert_int_equal(front_state(f, VHOST_USER_SET_VRING_ENABLE, 1, 0), 0);
	(void)front_request(f, 1, 0, OP_ECHO, 1);
	assert_false(front_wait(f, 1, &id, &len, 50));
	assert_int_equal(f->fs.served, 0);
	assert_int_equal(front_state(f, VHOST_USER_SET_VRING_ENABLE, 1, 2), 1);
	assert_int_equal(front_state(f, VHOST_USER_SET_VRING_ENABLE, 1, 1), 0);
	assert_true(front_wait(f, 1, &id, &len, WAIT_MS));
	round_trip(f, 1, 1);
}

/* Without the feature there is no ENABLE: all rings are on. And the order of messages is anybody's. */
static void test_odd_order(void **state)
{
	struct front *f = *state;
	struct vhost_user_vring_addr a;
	uint16_t id;
	uint32_t len;

	fake_ring_init(&f->ring[1], &f->g, false, 16, 0x20000);
	a = fake_addr(&f->ring[1], 1);
	assert_int_equal(front_set_u64(f, VHOST_USER_SET_PROTOCOL_FEATURES, P_ALL), 0);
	assert_int_equal(front_ring_fd(f, VHOST_USER_SET_VRING_KICK, 1, f->kick[1]), 0);
	(void)front_request(f, 1, 0, OP_ECHO, 1);
	assert_int_equal(front_set_u64(f, VHOST_USER_SET_FEATURES,
				       F_BASE & ~(UINT64_C(1) << VHOST_USER_F_PROTOCOL_FEATURES)),
			 0);
	assert_int_equal(front_ask(f, VHOST_USER_SET_VRING_ADDR, &a, sizeof(a), NULL, 0), 0);
	assert_int_equal(front_state(f, VHOST_USER_SET_VRING_NUM, 1, 16), 0);
	assert_false(front_wait(f, 1, &id, &len, 50));
	assert_int_equal(front_add_region(f, 0), 0);
	assert_true(front_wait(f, 1, &id, &len, WAIT_MS));
	assert_true(front_answered(f, 0, 1));
}

/* GET_VRING_BASE waits for what is in flight, and nothing comes after it: MIG-009, VU-003. */
static void *open_gate(void *arg)
{
	(void)usleep(100000);
	(void)sem_post(&((struct front *)arg)->fs.gate);
	return NULL;
}

static void test_drain(void **state)
{
	struct front *f = *state;
	uint64_t start;
	pthread_t t;
	uint16_t id;
	uint32_t len;

	assert_int_equal(front_start(f, F_BASE, P_ALL, 16), 0);
	round_trip(f, 1, 0);
	(void)front_request(f, 1, 1, OP_BLOCK, 7);
	assert_true(front_until(&f->fs.blocked, 1, WAIT_MS));
	assert_int_equal(pthread_create(&t, NULL, open_gate, f), 0);
	start = clock_now_ns();
	assert_int_equal(front_get_base(f, 1), 2);
	assert_true(clock_now_ns() - start > 50 * NS_PER_MS);
	assert_true(fake_used(&f->ring[1], &id, &len));
	assert_true(front_answered(f, 1, 7));
	(void)pthread_join(t, NULL);
	(void)front_request(f, 1, 2, OP_ECHO, 8);
	assert_false(front_wait(f, 1, &id, &len, 50));
	/* As after `cont`: the same base, and what was kicked for meanwhile is found. */
	assert_int_equal(front_set_ring(f, 1, 2), 0);
	assert_true(front_wait(f, 1, &id, &len, WAIT_MS));
	assert_int_equal(f->fs.dropped, 0);
}

/* HIPRIO-001, QUEUE-029: a blocked request holds back neither the other queue nor, with workers, its own. */
static void test_blocked_request(void **state)
{
	struct front *f = *state;

	assert_int_equal(front_start(f, F_BASE, P_ALL, 16), 0);
	(void)front_request(f, 1, 0, OP_BLOCK, 1);
	assert_true(front_until(&f->fs.blocked, 1, WAIT_MS));
	for (unsigned i = 1; i < 20; i++)
		round_trip(f, 0, i);
	if (f->o.threads > 0) {
		(void)front_request(f, 1, 1, OP_BLOCK, 1);
		assert_true(front_until(&f->fs.blocked, 2, WAIT_MS));
		round_trip(f, 1, 2);
		(void)sem_post(&f->fs.gate);
	}
	(void)sem_post(&f->fs.gate);
	assert_true(front_until(&f->fs.in_flight, 0, WAIT_MS));
}

/* What is finished is told before a request that may block for ever is begun. */
static void test_told_before_blocking(void **state)
{
	struct front *f = *state;
	uint64_t count;

	assert_int_equal(front_start(f, F_BASE, P_ALL, 16), 0);
	assert_int_equal(front_state(f, VHOST_USER_SET_VRING_ENABLE, 1, 0), 0);
	(void)front_request(f, 1, 0, OP_ECHO, 1);
	(void)front_request(f, 1, 1, OP_BLOCK, 1);
	assert_int_equal(front_state(f, VHOST_USER_SET_VRING_ENABLE, 1, 1), 0);
	assert_true(front_until(&f->fs.blocked, 1, WAIT_MS));
	assert_true(front_readable(f->call[1], WAIT_MS));
	assert_int_equal(read(f->call[1], &count, sizeof(count)), sizeof(count));
	(void)sem_post(&f->fs.gate);
	assert_true(front_readable(f->call[1], WAIT_MS));
}

/* A request that is ended by another thread tells the guest at once. */
static void test_finished_elsewhere(void **state)
{
	struct front *f = *state;
	uint64_t count;
	uint16_t id;
	uint32_t len;

	assert_int_equal(front_start(f, F_BASE | F_PACKED, P_ALL, 16), 0);
	(void)front_request(f, 1, 0, OP_LATER, 4);
	round_trip(f, 1, 1);
	assert_true(front_readable(f->call[1], WAIT_MS));
	assert_int_equal(read(f->call[1], &count, sizeof(count)), sizeof(count));
	assert_false(front_readable(f->call[1], 50));
	(void)sem_post(&f->fs.gate);
	assert_true(front_wait(f, 1, &id, &len, WAIT_MS));
	assert_true(front_answered(f, 0, 4));
	assert_true(front_readable(f->call[1], WAIT_MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_offered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shmem_config, setup, teardown),
		cmocka_unit_test_setup_teardown(test_window_needs_its_features, setup, teardown),
		cmocka_unit_test_setup_teardown(test_config_space, setup, teardown),
		cmocka_unit_test_setup_teardown(test_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_start_and_enable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blocked_request, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blocked_request, setup_workers, teardown),
		cmocka_unit_test_setup_teardown(test_told_before_blocking, setup, teardown),
		cmocka_unit_test_setup_teardown(test_finished_elsewhere, setup, teardown),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
