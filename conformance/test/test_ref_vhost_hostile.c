// SPDX-License-Identifier: Apache-2.0
/*
 * Front ends that break the rules, leave, come back, reset and pause; sockets that are taken or stale. What
 * is wrong costs a front end its connection at most; the next one is served, and nothing is left behind.
 */
#include <dirent.h>
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

static int setup(void **state)
{
	struct front *f = calloc(1, sizeof(*f));

	*state = f;
	ref_log_set_level(REF_LOG_ERROR);
	return f && front_open(f, &plain) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	struct front *f = *state;

	front_close(f);
	free(f);
	return 0;
}

static int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		(void)closedir(d);
	return n;
}

static unsigned count_maps(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	unsigned n = 0;
	int c;

	while (file && (c = fgetc(file)) != EOF)
		n += c == '\n';
	if (file)
		(void)fclose(file);
	return n;
}

static void reconnect(struct front *f)
{
	fd_closep(&f->fd);
	assert_int_equal(front_connect(f), 0);
}

/* Served as if nothing had happened? */
static void assert_serves(struct front *f, unsigned slot)
{
	uint16_t id;
	uint32_t len;

	(void)front_request(f, 1, slot, OP_ECHO, 9);
	assert_true(front_wait(f, 1, &id, &len, WAIT_MS));
	assert_true(front_answered(f, slot, 9));
}

static bool disconnected(struct front *f)
{
	char byte;

	return front_readable(f->fd, WAIT_MS) && recv(f->fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

/* What cannot be answered ends the connection: sizes, versions, descriptors. VU-012. */
static void test_bad_messages(void **state)
{
	static const struct {
		struct vhost_user_header h;
		unsigned fds;
	} bad[] = {
		{ { VHOST_USER_GET_FEATURES, 0, 0 }, 0 },    /* version 0 */
		{ { VHOST_USER_GET_FEATURES, 2, 0 }, 0 },    /* version 2 */
		{ { VHOST_USER_GET_FEATURES, 1, 4097 }, 0 }, /* too long for anything */
		{ { VHOST_USER_GET_FEATURES, 1, UINT32_MAX }, 0 },
		{ { VHOST_USER_GET_FEATURES, 1, 8 }, 0 },     /* has no payload */
		{ { VHOST_USER_GET_FEATURES, 1, 0 }, 1 },     /* nor descriptors */
		{ { VHOST_USER_GET_FEATURES, 1 | 4, 0 }, 0 }, /* a reply */
		{ { VHOST_USER_SET_FEATURES, 1, 0 }, 0 },
		{ { VHOST_USER_SET_FEATURES, 1, 7 }, 0 },
		{ { VHOST_USER_SET_MEM_TABLE, 1, 4 }, 0 },
		{ { VHOST_USER_SET_MEM_TABLE, 1, 8 }, 9 }, /* more than fit */
		{ { VHOST_USER_SET_MEM_TABLE, 1, 8 }, 60 },
		{ { VHOST_USER_SET_VRING_KICK, 1, 8 }, 2 },
		{ { VHOST_USER_SET_VRING_ADDR, 1, 39 }, 0 },
		{ { VHOST_USER_GET_VRING_BASE, 1, 4 }, 0 },
		{ { VHOST_USER_ADD_MEM_REG, 1, 40 }, 0 },
		{ { VHOST_USER_ADD_MEM_REG, 1, 40 }, 2 },
		{ { VHOST_USER_SET_BACKEND_REQ_FD, 1, 0 }, 0 },
		{ { VHOST_USER_REM_MEM_REG, 1, 40 }, 2 },
	};
	struct front *f = *state;
	int fds[60], before;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = f->g.fd[0];
	assert_int_equal(front_handshake(f, F_BASE, P_ALL), 0);
	before = count_fds();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint8_t bytes[64] = { 0 };
		size_t size = sizeof(bad[i].h) + (bad[i].h.size < 40 ? bad[i].h.size : 40);

		memcpy(bytes, &bad[i].h, sizeof(bad[i].h));
		assert_int_equal(front_send_raw(f->fd, bytes, size, fds, bad[i].fds), 0);
		assert_true(disconnected(f));
		reconnect(f);
		assert_int_equal(front_handshake(f, F_BASE, P_ALL), 0);
		assert_int_equal(count_fds(), before);
	}
	assert_int_equal(front_start(f, F_BASE, P_ALL, 16), 0);
	assert_serves(f, 1);
}

/* What is well formed and makes no sense is refused, and the connection lives. VU-017. */
static void test_refusals(void **state)
{
	struct front *f = *state;
	struct vhost_user_vring_addr a;
	uint64_t v;
	uint8_t junk[300] = { 1 };

	assert_int_equal(front_start(f, F_BASE, P_ALL, 16), 0);
	assert_int_equal(front_ask(f, 200, junk, sizeof(junk), NULL, 0), 1);
	assert_int_equal(front_ask(f, 200, NULL, 0, &f->g.fd[0], 1), 1);
	assert_int_equal(front_send(f->fd, 201, 0, junk, 8, NULL, 0), 0);
	assert_int_equal(front_ask(f, VHOST_USER_GET_INFLIGHT_FD, junk, 20, NULL, 0), 1);
	assert_int_equal(front_state(f, VHOST_USER_SET_VRING_NUM, 2, 16), 1);
	assert_int_equal(front_state(f, VHOST_USER_SET_VRING_NUM, UINT32_MAX, 16), 1);
	assert_int_equal(front_get_base(f, 77), 0);
	assert_int_equal(front_state(f, VHOST_USER_SET_VRING_ENABLE, 2, 1), 1);
	assert_int_equal(front_ring_fd(f, VHOST_USER_SET_VRING_KICK, 9, f->kick[0]), 1);
	v = 1 | VHOST_USER_VRING_NOFD;
	assert_int_equal(front_ask(f, VHOST_USER_SET_VRING_CALL, &v, 8, &f->kick[0], 1), 1);
	v = 1;
	assert_int_equal(front_ask(f, VHOST_USER_SET_VRING_CALL, &v, 8, NULL, 0), 1);
	assert_int_equal(front_state(f, VHOST_USER_SET_VRING_NUM, 0, 0), 1);
	assert_int_equal(front_state(f, VHOST_USER_SET_VRING_NUM, 0, 12), 1);
	assert_int_equal(front_state(f, VHOST_USER_SET_VRING_NUM, 0, 65536), 1);
	a = fake_addr(&f->ring[0], 0);
	a.desc_user_addr += 8;
	assert_int_equal(front_ask(f, VHOST_USER_SET_VRING_ADDR, &a, sizeof(a), NULL, 0), 1);
	assert_int_equal(front_add_region(f, 0), 1);
	assert_serves(f, 1);
	/* A ring that runs keeps its size and place. */
	assert_int_equal(front_state(f, VHOST_USER_SET_VRING_NUM, 1, 32), 1);
	assert_int_equal(front_state(f, VHOST_USER_SET_VRING_BASE, 1, 0), 1);
	assert_serves(f, 2);
}

/* A message in pieces of one byte is one message. */
static void test_slow_sender(void **state)
{
	struct front *f = *state;
	struct vhost_user_header h = { VHOST_USER_GET_FEATURES, 1, 0 };
	uint64_t v = 0;

	for (size_t i = 0; i < sizeof(h); i++) {
		assert_int_equal(front_send_raw(f->fd, (uint8_t *)&h + i, 1, NULL, 0), 0);
		(void)usleep(1000);
	}
	assert_int_equal(front_recv(f->fd, &h, &v, sizeof(v), NULL), 8);
	/* Descriptors in its middle belong to nothing. */
	h = (struct vhost_user_header){ VHOST_USER_SET_VRING_KICK, 1, 8 };
	assert_int_equal(front_send_raw(f->fd, &h, sizeof(h), NULL, 0), 0);
	(void)usleep(20000);
	assert_int_equal(front_send_raw(f->fd, &v, sizeof(v), &f->g.fd[0], 1), 0);
	assert_true(disconnected(f));
	reconnect(f);
	/* Leaving in the middle of one is leaving. */
	assert_int_equal(front_send_raw(f->fd, &h, 5, NULL, 0), 0);
	reconnect(f);
	assert_int_equal(front_start(f, F_BASE, P_ALL, 16), 0);
	assert_serves(f, 1);
}

/* VU-018: 1000 front ends come and go at every stage; descriptors and mappings are where they were. */
static void test_reconnects(void **state)
{
	struct front *f = *state;
	int fds = 0;
	unsigned maps = 0;

	for (int i = 0; i < 1000; i++) {
		if (i % 4 == 1)
			assert_int_equal(front_handshake(f, F_BASE, P_ALL), 0);
		if (i % 4 == 2)
			assert_int_equal(front_start(f, F_BASE | F_EVENT, P_ALL, 16), 0);
		if (i % 4 == 3) {
			assert_int_equal(front_start(f, F_BASE | F_PACKED, P_ALL, 16), 0);
			assert_serves(f, 1);
			(void)front_request(f, 1, 2, OP_ECHO, 1);
		}
		fd_closep(&f->channel);
		reconnect(f);
		if (i == 19 || i == 999) {
			/* Answered: the one before is gone altogether. */
			assert_true(front_get_u64(f, VHOST_USER_GET_FEATURES) > 0);
			if (i == 19) {
				fds = count_fds();
				maps = count_maps();
			}
		}
	}
	assert_int_equal(count_fds(), fds);
	/* The allocator may keep an arena or two for its threads. */
	assert_in_range(count_maps(), 1, maps + 16);
	assert_int_equal(f->fs.dropped_in_flight, 0);
	assert_true(f->fs.dropped >= 250);
}

/* The front end leaves with a request in flight: it is waited for, then the session is dropped. */
static void test_leaves_in_flight(void **state)
{
	struct front *f = *state;

	assert_int_equal(front_start(f, F_BASE, P_ALL, 16), 0);
	(void)front_request(f, 1, 0, OP_BLOCK, 1);
	assert_true(front_until(&f->fs.blocked, 1, WAIT_MS));
	fd_closep(&f->fd);
	(void)usleep(100000);
	assert_int_equal(f->fs.dropped, 0);
	(void)sem_post(&f->fs.gate);
	assert_true(front_until(&f->fs.dropped, 1, WAIT_MS));
	assert_int_equal(f->fs.dropped_with_window, 1);
	assert_int_equal(f->fs.dropped_in_flight, 0);
	assert_int_equal(front_connect(f), 0);
	assert_int_equal(front_start(f, F_BASE, P_ALL, 16), 0);
	assert_serves(f, 1);
}

/* As QEMU stops and continues: with SET_STATUS 0 as well. The session lives. */
static void test_pause(void **state)
{
	struct front *f = *state;

	assert_int_equal(front_start(f, F_BASE | F_PACKED, P_ALL, 16), 0);
	for (unsigned i = 0; i < 30; i++) {
		int64_t base[2];

		assert_serves(f, i);
		base[0] = front_get_base(f, 0);
		base[1] = front_get_base(f, 1);
		assert_int_equal(front_set_u64(f, VHOST_USER_SET_STATUS, 0), 0);
		assert_int_equal(front_set_u64(f, VHOST_USER_SET_FEATURES, f->features), 0);
		assert_int_equal(front_set_ring(f, 0, (uint32_t)base[0]), 0);
		assert_int_equal(front_set_ring(f, 1, (uint32_t)base[1]), 0);
		assert_int_equal(front_set_u64(f, VHOST_USER_SET_STATUS, 15), 0);
		assert_int_equal(front_get_u64(f, VHOST_USER_GET_STATUS), 15);
	}
	assert_int_equal(f->fs.dropped, 0);
	assert_serves(f, 40);
}

/* As QEMU resets: the same messages, and then rings that begin anew. VU-009, VU-SHMEM-014. */
static void test_reset(void **state)
{
	struct front *f = *state;

	assert_int_equal(front_start(f, F_BASE, P_ALL, 16), 0);
	for (int i = 0; i < 10; i++) {
		assert_serves(f, 1);
		if (i % 3 == 2) { /* told by message, rings still running */
			assert_int_equal(front_ask(f, VHOST_USER_RESET_DEVICE, NULL, 0, NULL, 0),
					 0);
		} else if (i % 3 == 1) { /* status 0 while they run */
			assert_int_equal(front_set_u64(f, VHOST_USER_SET_STATUS, 15), 0);
			assert_int_equal(front_set_u64(f, VHOST_USER_SET_STATUS, 0), 0);
			assert_int_equal(front_get_u64(f, VHOST_USER_GET_STATUS), 0);
		} else { /* not told at all */
			assert_int_equal(front_get_base(f, 0), 0);
			assert_int_equal(front_get_base(f, 1), 1);
			assert_int_equal(front_set_u64(f, VHOST_USER_SET_STATUS, 0), 0);
			assert_int_equal(f->fs.dropped, i);
		}
		for (unsigned k = 0; k < 2; k++) {
			fake_ring_reset(&f->ring[k]);
			assert_int_equal(front_set_ring(f, k, 0), 0);
		}
		assert_int_equal(f->fs.dropped, i + 1);
		assert_int_equal(f->fs.dropped_with_window, i + 1);
	}
	assert_int_equal(f->fs.dropped_in_flight, 0);
}

/* After RESET_DEVICE a ring is stopped and disabled. */
static void test_reset_disables(void **state)
{
	struct front *f = *state;
	uint16_t id;
	uint32_t len;

	assert_int_equal(front_start(f, F_BASE, P_ALL, 16), 0);
	assert_int_equal(front_ask(f, VHOST_USER_RESET_DEVICE, NULL, 0, NULL, 0), 0);
	(void)front_request(f, 1, 0, OP_ECHO, 1);
	assert_false(front_wait(f, 1, &id, &len, 50));
	fake_ring_reset(&f->ring[1]);
	(void)front_request(f, 1, 1, OP_ECHO, 1);
	assert_int_equal(front_ring_fd(f, VHOST_USER_SET_VRING_KICK, 1, f->kick[1]), 0);
	front_kick(f, 1);
	assert_false(front_wait(f, 1, &id, &len, 50));
	assert_int_equal(front_state(f, VHOST_USER_SET_VRING_ENABLE, 1, 1), 0);
	assert_true(front_wait(f, 1, &id, &len, WAIT_MS));
}

/* A kick that was read but not acted on is not lost over a pause. */
static void test_kick_survives_pause(void **state)
{
	struct front *f = *state;
	uint16_t id;
	uint32_t len;

	assert_int_equal(front_start(f, F_BASE, P_ALL, 16), 0);
	assert_serves(f, 0);
	for (unsigned i = 1; i < 40; i++) {
		assert_int_equal(front_state(f, VHOST_USER_SET_VRING_ENABLE, 1, 0), 0);
		(void)front_request(f, 1, i, OP_ECHO, 5);
		(void)usleep(2000);
		assert_int_equal(front_get_base(f, 1), i);
		assert_int_equal(front_set_ring(f, 1, i), 0);
		assert_true(front_wait(f, 1, &id, &len, WAIT_MS));
		assert_true(front_answered(f, i, 5));
	}
}

/* VU-005: regions come and go under load; what a request uses stays mapped, wrong bytes never appear. */
static void *churn(void *arg)
{
	struct front *f = arg;

	for (uint64_t i = 0; i < 2000; i++) {
		struct vhost_user_mem_reg r = {
			.region = { UINT64_C(0x200000000) + (i % 300) * 0x1000, 0x1000,
				    UINT64_C(0x7e0000000000) + (i % 300) * 0x1000, 0 }
		};

		if (i >= 300 && front_ask(f, VHOST_USER_REM_MEM_REG, &r, sizeof(r), NULL, 0) != 0)
			return (void *)"removal refused";
		if (front_ask(f, VHOST_USER_ADD_MEM_REG, &r, sizeof(r), &f->g.fd[1], 1) != 0)
			return (void *)"addition refused";
	}
	return NULL;
}

static void test_memory_under_load(void **state)
{
	struct front *f = *state;
	void *wrong;
	pthread_t t;

	assert_int_equal(front_start(f, F_BASE | F_EVENT, P_ALL, 16), 0);
	assert_int_equal(pthread_create(&t, NULL, churn, f), 0);
	for (unsigned i = 0; i < 2000; i++)
		assert_serves(f, i % 100);
	(void)pthread_join(t, &wrong);
	assert_null(wrong);
}

/* The whole table is replaced while a request that uses it is in flight. */
static void test_table_replaced_in_flight(void **state)
{
	struct front *f = *state;
	struct vhost_user_mem_table m = { .count = 1, .region = { fake_region(1) } };
	uint16_t id;
	uint32_t len;

	assert_int_equal(front_start(f, F_BASE, P_ALL, 16), 0);
	(void)front_request(f, 1, 0, OP_BLOCK, 6);
	assert_true(front_until(&f->fs.blocked, 1, WAIT_MS));
	assert_int_equal(front_ask(f, VHOST_USER_SET_MEM_TABLE, &m, 8 + 32, &f->g.fd[1], 1), 0);
	(void)sem_post(&f->fs.gate);
	assert_true(front_wait(f, 1, &id, &len, WAIT_MS));
	assert_true(front_answered(f, 0, 6));
	/* Now the ring is nowhere. With its memory back and a new start it works again. */
	(void)front_request(f, 1, 1, OP_ECHO, 6);
	assert_false(front_wait(f, 1, &id, &len, 50));
	assert_int_equal(front_get_base(f, 1), 1);
	assert_int_equal(front_add_region(f, 0), 0);
	assert_int_equal(front_set_ring(f, 1, 1), 0);
	front_kick(f, 1);
	assert_true(front_wait(f, 1, &id, &len, WAIT_MS));
	/* Wrong counts are refused, and the old table stays. */
	assert_int_equal(front_ask(f, VHOST_USER_SET_MEM_TABLE, &m, 8 + 32, NULL, 0), 1);
	assert_int_equal(front_ask(f, VHOST_USER_SET_MEM_TABLE, &m, 8 + 32, f->g.fd, 2), 1);
	m.count = 2;
	assert_int_equal(front_ask(f, VHOST_USER_SET_MEM_TABLE, &m, 8 + 32, f->g.fd, 2), 1);
	m.count = 9;
	assert_int_equal(front_ask(f, VHOST_USER_SET_MEM_TABLE, &m, 8 + 32, &f->g.fd[1], 1), 1);
	assert_serves(f, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bad_messages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_sender, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reconnects, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leaves_in_flight, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pause, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_disables, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kick_survives_pause, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory_under_load, setup, teardown),
		cmocka_unit_test_setup_teardown(test_table_replaced_in_flight, setup, teardown),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
