// SPDX-License-Identifier: Apache-2.0
/*
 * When the driver is told of what is finished, while there is more to serve: it asks to hear of everything here. And how
 * the ring hears of kicks.
 */
#include "conformance/test/test_ref_ring.h"

#include <fcntl.h>
#include <sys/epoll.h>

#define SIZE  32
#define DEPTH 16

static const uint64_t formats[] = { 0, F_PACKED };

static void add_many(struct fixture *t, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		(void)add(t, 2);
}

/* Serves @list, each request @step_ns after the one before; 'c' where the driver was called, '-' where not. */
static const char *serve_list(struct fixture *t, struct ring_request *list, uint64_t step_ns)
{
	static char seen[SIZE + 1];
	uint64_t ns = list ? list->pub.popped_ns : 0;
	unsigned n = 0;

	while (list) {
		struct ring_request *next = list->next;
		uint16_t id;
		uint32_t len;

		list->pub.done_ns = ns += step_ns;
		finish(t, list, 16);
		assert_true(fake_used(&t->f, &id, &len));
		seen[n++] = called(t) ? 'c' : '-';
		list = next;
	}
	seen[n] = '\0';
	return seen;
}

/* At first at once, then after one more each time; and always when half of what is left is done, and at the end. */
static void test_grows(void **state)
{
	struct fixture *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		begin(t, formats[i], SIZE);
		add_many(t, DEPTH);
		assert_string_equal(serve_list(t, pop(t, DEPTH), 1), "c-c--c---c--c-cc");
	}
}

/* Told, and dry all the same: half as long the next time. Dry without having told says nothing. */
static void test_shrinks(void **state)
{
	struct fixture *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		begin(t, formats[i], SIZE);
		assert_false(rest(t));
		assert_int_equal(t->r.call_after, 1);
		t->r.call_after = 7;
		add_many(t, DEPTH);
		assert_string_equal(serve_list(t, pop(t, DEPTH), 1), "------c----c-ccc");
		assert_int_equal(t->r.call_after, 12);
		assert_false(rest(t));
		assert_int_equal(t->r.call_after, 6);
		assert_false(rest(t));
		assert_int_equal(t->r.call_after, 6);
	}
}

/* No more than the ring can hold, however long it goes well; and one that found more work was not dry. */
static void test_bounds(void **state)
{
	struct fixture *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		begin(t, formats[i], SIZE);
		for (unsigned k = 0; k < 2 * SIZE; k++) {
			add_many(t, 1);
			assert_true(rest(t));
			assert_string_equal(serve_list(t, pop(t, 1), 1), "c");
		}
		assert_int_equal(t->r.call_after, SIZE);
		for (unsigned k = 0; k < SIZE; k++) {
			assert_false(rest(t));
			t->r.called = true;
		}
		assert_int_equal(t->r.call_after, 1);
	}
}

/* Half is done, but the driver has added more: it is awake, or it was told. */
static void test_half_with_more(void **state)
{
	struct fixture *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		begin(t, formats[i], SIZE);
		t->r.call_after = SIZE;
		add_many(t, DEPTH);
		assert_string_equal(serve_list(t, pop(t, 8), 1), "--------");
		assert_string_equal(serve_list(t, pop(t, 8), 1), "c---c-cc");
	}
}

/* Nobody waits for much longer than 50 us because others are slow. */
static void test_slow(void **state)
{
	struct fixture *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		begin(t, formats[i], SIZE);
		t->r.call_after = SIZE;
		add_many(t, DEPTH);
		assert_string_equal(serve_list(t, pop(t, DEPTH), 20000), "---c---c---c-ccc");
	}
}

/* A thread that does not serve the ring comes once: it tells at once. */
static void test_stranger(void **state)
{
	struct fixture *t = *state;
	struct ring_request *rr, *others;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		begin(t, formats[i], SIZE);
		t->r.call_after = SIZE;
		add_many(t, 4);
		rr = pop(t, 4);
		assert_non_null(rr);
		others = rr->next;
		ref_request_done(&rr->pub, 16);
		assert_true(called(t));
		(void)serve_list(t, others, 1);
	}
}

/* What has happened to the ring's kick descriptor since the last time; 0: nothing. */
static uint64_t watched(struct fixture *t)
{
	struct epoll_event e[2];
	int n = epoll_wait(t->r.watch_fd, e, 2, 0);

	assert_in_range(n, 0, 1);
	return n ? e[0].data.u64 : 0;
}

static void kick(int fd)
{
	const uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static int new_kick(struct fixture *t)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ring_set_kick(&t->r, dup(fd)), 0);
	return fd;
}

/* Each kick is seen once although nobody reads it; and none of a descriptor that was replaced or taken away. */
static void test_kicks(void **state)
{
	struct fixture *t = *state;
	int old, now;

	t->r.watch_fd = epoll_create1(EPOLL_CLOEXEC);
	old = new_kick(t);
	for (int i = 0; i < 3; i++) {
		kick(old);
		assert_int_equal(watched(t), t->r.kick_serial);
		assert_int_equal(watched(t), 0);
	}
	now = new_kick(t);
	kick(old);
	assert_int_equal(watched(t), 0);
	kick(now);
	assert_int_equal(watched(t), t->r.kick_serial);
	assert_int_equal(ring_set_kick(&t->r, -1), 0);
	kick(now);
	assert_int_equal(watched(t), 0);
	/* One that was kicked before we had it. */
	assert_int_equal(ring_set_kick(&t->r, dup(old)), 0);
	assert_int_equal(watched(t), t->r.kick_serial);
	/* Nobody can wait for a plain file. */
	assert_int_equal(ring_set_kick(&t->r, open("/proc/self/exe", O_RDONLY | O_CLOEXEC)),
			 -EPERM);
	assert_int_equal(t->r.kick_fd, -1);
	(void)close(old);
	(void)close(now);
	fd_closep(&t->r.watch_fd);
}

/* A ring that stops leaves no old kick behind, for it would start the ring again; but one for what is not served. */
static void test_kicks_at_stop(void **state)
{
	struct fixture *t = *state;

	for (int left = 0; left < 2; left++) {
		uint64_t count;
		int fd;

		begin(t, F_EVENT, SIZE);
		fd = new_kick(t);
		for (int i = 0; i < 5; i++)
			kick(fd);
		add_many(t, (unsigned)left);
		(void)pthread_mutex_lock(&t->r.lock);
		(void)ring_stop(&t->r);
		(void)pthread_mutex_unlock(&t->r.lock);
		assert_int_equal(t->r.kick_fd, -1);
		if (left) {
			assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
			assert_int_equal(count, 1);
		}
		assert_int_equal(read(fd, &count, sizeof(count)), -1);
		assert_int_equal(errno, EAGAIN);
		(void)close(fd);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_grows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shrinks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_half_with_more, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stranger, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kicks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kicks_at_stop, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
