// SPDX-License-Identifier: Apache-2.0
/* Tables of guest memory: translation, bounds, sharing of mappings, and pages that went away. Real files. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conformance/ref/vhost/guard.h"
#include "conformance/ref/vhost/memory.h"
#include "conformance/test/test_ref_driver.h"

struct fixture {
	struct fake_guest g;
	struct memory *m;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f || fake_guest_open(&f->g) < 0)
		return -1;
	f->m = memory_new();
	for (int i = 1; i >= 0; i--) {
		struct vhost_user_mem_region r = fake_region(i);
		struct memory *next;

		if (!f->m || memory_add(f->m, &r, f->g.fd[i], &next, NULL) < 0)
			return -1;
		f->m = memory_unref(f->m);
		f->m = next;
	}
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)memory_unref(f->m);
	fake_guest_close(&f->g);
	free(f);
	return 0;
}

static void test_translates(void **state)
{
	struct fixture *f = *state;
	unsigned hint = 0;
	uint64_t left;
	uint8_t *at = memory_at(f->m, BASE + 5, true, &hint, &left);

	assert_non_null(at);
	assert_int_equal(left, REGION - 5);
	*at = 77;
	assert_int_equal(f->g.ram[5], 77);
	at = memory_at(f->m, BASE + 2 * REGION - 1, true, &hint, &left);
	assert_non_null(at);
	assert_int_equal(left, 1);
	assert_null(memory_at(f->m, BASE - 1, false, &hint, &left));
	assert_null(memory_at(f->m, BASE + 2 * REGION, false, &hint, &left));
	assert_null(memory_at(f->m, UINT64_MAX, false, &hint, &left));
	hint = 4000;
	assert_non_null(memory_at(f->m, BASE, false, &hint, &left));
	/* Guest addresses are none of the front end's, nor the other way round. */
	assert_null(memory_at(f->m, USER, false, &hint, &left));
	assert_null(memory_user(f->m, BASE, 16));
	at = memory_user(f->m, USER + 9, 1);
	assert_non_null(at);
	*at = 78;
	assert_int_equal(f->g.ram[9], 78);
	assert_non_null(memory_user(f->m, USER, REGION));
	assert_null(memory_user(f->m, USER, REGION + 1));
	assert_null(memory_user(f->m, USER + 1, UINT64_MAX));
}

static void test_reads_across_regions(void **state)
{
	struct fixture *f = *state;
	uint8_t got[64];
	unsigned hint = 0;

	for (unsigned i = 0; i < sizeof(got); i++)
		f->g.ram[REGION - 32 + i] = (uint8_t)i;
	assert_int_equal(memory_read(f->m, BASE + REGION - 32, got, sizeof(got), &hint), 0);
	assert_memory_equal(got, f->g.ram + REGION - 32, sizeof(got));
	assert_int_equal(memory_read(f->m, BASE + 2 * REGION - 32, got, sizeof(got), &hint),
			 -EFAULT);
}

static void test_refuses_bad_regions(void **state)
{
	static const struct vhost_user_mem_region bad[] = {
		{ 0x1000, 0, 0x1000, 0 },				  /* empty */
		{ UINT64_MAX - 0xfff, 0x2000, 0x1000, 0 },		  /* wraps, guest */
		{ 0x1000, 0x2000, UINT64_MAX - 0xfff, 0 },		  /* wraps, user */
		{ 0x1000, 0x1000, 0x1000, UINT64_MAX - 0x10 },		  /* wraps, file */
		{ 0x1000, UINT64_MAX, 0x1000, 0 },			  /* all of it */
		{ BASE + REGION - 1, 0x1000, 0x1000, 0 },		  /* overlap, guest */
		{ 0x1000, 0x1000, USER + 0x10, 0 },			  /* overlap, user */
		{ BASE - 0x1000, 4 * REGION, 0x1000, 0 },		  /* around */
		{ 0x1000, 0x1000, 0x1000, UINT64_C(0x7ffffffffffff000) }, /* beyond any file */
	};
	struct fixture *f = *state;
	struct memory *next = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(memory_add(f->m, &bad[i], f->g.fd[0], &next, NULL) < 0);
	assert_null(next);
	assert_int_equal(memory_count(f->m), 2);
}

static void test_old_table_stays(void **state)
{
	struct fixture *f = *state;
	struct vhost_user_mem_region r = fake_region(0);
	struct memory *without;
	unsigned hint = 0;
	uint64_t left;
	uint8_t *at = memory_at(f->m, BASE, true, &hint, &left);

	assert_int_equal(memory_remove(f->m, &r, &without, NULL), 0);
	assert_null(memory_at(without, BASE, false, &hint, &left));
	assert_non_null(memory_at(without, BASE + REGION, false, &hint, &left));
	/* What a request holds is still mapped, also when only the new table is known to others. */
	*at = 5;
	assert_int_equal(f->g.ram[0], 5);
	assert_int_equal(memory_remove(without, &r, &f->m, NULL), -ENOENT);
	r.size--;
	assert_int_equal(memory_remove(f->m, &r, &f->m, NULL), -ENOENT);
	(void)memory_unref(without);
}

/* As many regions as QEMU adds for maps of a window, in an order that is not sorted. */
static void test_many_regions(void **state)
{
	struct fixture *f = *state;
	unsigned hint = 0;
	uint64_t left;

	for (unsigned i = 0; i < 600; i++) {
		unsigned n = i * 7 % 600;
		struct vhost_user_mem_region r = { 0x1000 * (uint64_t)n, 0x1000,
						   0x10000000 + 0x1000 * (uint64_t)n,
						   0x1000 * (uint64_t)(n % 16) };
		struct memory *next;

		assert_int_equal(memory_add(f->m, &r, f->g.fd[1], &next, NULL), 0);
		(void)memory_unref(f->m);
		f->m = next;
	}
	assert_int_equal(memory_count(f->m), 602);
	for (unsigned n = 0; n < 600; n++) {
		uint8_t *at = memory_at(f->m, 0x1000 * (uint64_t)n + 3, true, &hint, &left);

		assert_non_null(at);
		assert_int_equal(left, 0x1000 - 3);
		*at = (uint8_t)n;
		assert_int_equal(f->g.ram[REGION + 0x1000 * (uint64_t)(n % 16) + 3], (uint8_t)n);
	}
}

/* Memory that may only be read is no place for an answer, nor for a ring. */
static void test_read_only_region(void **state)
{
	struct fixture *f = *state;
	struct vhost_user_mem_region r = { 0x1000, 0x1000, 0x1000, 0 };
	struct memory *next;
	unsigned hint = 0;
	uint64_t left;
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", f->g.fd[0]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(memory_add(f->m, &r, fd, &next, NULL), 0);
	(void)close(fd);
	assert_non_null(memory_at(next, 0x1000, false, &hint, &left));
	assert_null(memory_at(next, 0x1000, true, &hint, &left));
	assert_null(memory_user(next, 0x1000, 16));
	(void)memory_unref(next);
}

/* The front end shrinks its file: reads give zeros, writes go nowhere, and nobody dies. */
static void test_vanished_pages(void **state)
{
	struct fixture *f = *state;
	unsigned long before = guard_hits();
	unsigned hint = 0;
	uint64_t left;
	volatile uint8_t *at = memory_at(f->m, BASE + REGION / 2, true, &hint, &left);

	/* cmocka has put its own handler in place since setup(). */
	assert_int_equal(guard_install(), 0);
	*at = 9;
	assert_int_equal(ftruncate(f->g.fd[0], 0x1000), 0);
	assert_int_equal(*at, 0);
	at[1] = 3;
	assert_int_equal(at[1], 3);
	assert_int_equal(guard_hits(), before + 1);
	assert_int_equal(at[0x1000], 0);
	assert_int_equal(guard_hits(), before + 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_translates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reads_across_regions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refuses_bad_regions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_table_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_regions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_only_region, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vanished_pages, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
