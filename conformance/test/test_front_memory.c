// SPDX-License-Identifier: Apache-2.0
/* Guest memory: every stray byte is found. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "conformance/front/memory.h"

struct fixture {
	struct front_evidence *e;
	struct front_memory *m;
};

static int set_up(void **state)
{
	struct fixture *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->e = front_evidence_new(16);
	assert_non_null(t->e);
	assert_int_equal(front_memory_new(NULL, t->e, &t->m, NULL), 0);
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *t = *state;

	(void)front_memory_free(t->m);
	(void)front_evidence_free(t->e);
	free(t);
	return 0;
}

static unsigned canaries(const struct fixture *t)
{
	return front_evidence_of(t->e, FRONT_FAULT_CANARY);
}

static void addresses_differ(void **state)
{
	struct fixture *t = *state;
	struct vhost_user_mem_table table;
	int fds[VHOST_USER_MEM_REGIONS_MAX];

	front_memory_table(t->m, &table, fds);
	assert_int_equal(table.count, 2);
	for (uint32_t i = 0; i < table.count; i++) {
		const struct vhost_user_mem_region *r = &table.region[i];
		struct stat st;
		uint8_t *map;

		assert_true(r->guest_addr != r->user_addr && r->mmap_offset != 0);
		assert_true((uintptr_t)t->m->region[i].at != r->user_addr);
		assert_int_equal(fstat(fds[i], &st), 0);
		assert_true((uint64_t)st.st_size == r->mmap_offset + r->size);
		/* As a device maps it: the same memory. */
		map = mmap(NULL, r->size + r->mmap_offset, PROT_READ | PROT_WRITE, MAP_SHARED,
			   fds[i], 0);
		assert_true(map != MAP_FAILED);
		map[r->mmap_offset + 5] = 0x5a;
		assert_int_equal(*front_guest_at(t->m, r->guest_addr + 5, 1), 0x5a);
		assert_true(front_guest_to_user(t->m, r->guest_addr + 5) == r->user_addr + 5);
		assert_int_equal(munmap(map, r->size + r->mmap_offset), 0);
	}
	assert_true(table.region[0].guest_addr - table.region[1].guest_addr !=
		    table.region[0].user_addr - table.region[1].user_addr);
	assert_null(front_guest_at(t->m, front_guest_nowhere(t->m), 1));
	assert_null(front_guest_at(t->m, table.region[0].guest_addr + table.region[0].size - 1, 2));
	assert_null(front_guest_at(t->m, table.region[1].guest_addr, UINT64_MAX));
}

static void every_stray_byte(void **state)
{
	struct fixture *t = *state;
	static const size_t sizes[] = { 0, 1, 7, 16, 40, 104, 4096 };
	unsigned expected = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct front_buf *b = front_buf_new(t->m, sizes[i]);

		assert_non_null(b);
		memset(b->at, 0xee, b->size);
		assert_int_equal(front_buf_check(t->m, b, "whole"), 0);
		for (size_t off = 1; off <= FRONT_CANARY; off++) {
			b->at[-(ptrdiff_t)off] ^= 1;
			assert_int_equal(front_buf_check(t->m, b, "before"), -EBADMSG);
			b->at[b->size + off - 1] ^= 0x80;
			assert_int_equal(front_buf_check(t->m, b, "behind"), -EBADMSG);
			expected += 2;
			assert_int_equal(canaries(t), expected);
			/* Renewed: found once. */
			assert_int_equal(front_buf_check(t->m, b, "renewed"), 0);
		}
		b->at[b->size] ^= 1;
		front_buf_free(t->m, b);
		assert_int_equal(canaries(t), ++expected);
	}
	assert_int_equal(t->m->live, 0);
	assert_int_equal(front_memory_check(t->m), 0);
	t->m->region[1].file_at[17] ^= 1;
	assert_int_equal(front_memory_check(t->m), -EBADMSG);
	assert_int_equal(canaries(t), expected + 1);
}

static void poison(void **state)
{
	struct fixture *t = *state;
	struct front_buf *b = front_buf_new(t->m, 1003);

	assert_non_null(b);
	front_buf_poison(b);
	assert_int_equal(front_buf_untouched(b, 0), 1003);
	for (size_t i = 0; i < b->size; i += 13) {
		b->at[i] ^= 0x10;
		assert_int_equal(front_buf_untouched(b, 0), i);
		assert_int_equal(front_buf_untouched(b, i), i);
		assert_int_equal(front_buf_untouched(b, i + 1), 1003);
		b->at[i] ^= 0x10;
	}
	front_buf_free(t->m, b);
}

static void edge(void **state)
{
	struct fixture *t = *state;
	struct front_region *r = &t->m->region[1];
	struct front_buf *b = front_buf_new_edge(t->m, 1, 100);

	assert_non_null(b);
	assert_true(b->guest + b->size == r->wire.guest_addr + r->wire.size);
	assert_null(front_guest_at(t->m, b->guest, b->size + 1));
	assert_int_equal(front_buf_check(t->m, b, "edge"), 0);
	b->at[-1] ^= 1;
	assert_int_equal(front_buf_check(t->m, b, "edge"), -EBADMSG);
	/* One at a time. */
	assert_null(front_buf_new_edge(t->m, 1, 100));
	front_buf_free(t->m, b);
	b = front_buf_new_edge(t->m, 1, 50);
	assert_non_null(b);
	front_buf_free(t->m, b);
}

static void room(void **state)
{
	struct fixture *t = *state;
	struct front_buf *b[70] = { NULL };
	size_t n = 0;

	assert_null(front_buf_new(t->m, 65 * MIB));
	assert_null(front_buf_new(t->m, SIZE_MAX));
	while (n < ARRAY_SIZE(b) && (b[n] = front_buf_new(t->m, MIB)))
		n++;
	/* A size class of 2 MiB in 64 MiB; given back, they are there again. */
	assert_in_range(n, 30, 32);
	for (int round = 0; round < 100; round++) {
		front_buf_free(t->m, b[n - 1]);
		b[n - 1] = front_buf_new(t->m, MIB - (size_t)round);
		assert_non_null(b[n - 1]);
	}
	while (n > 0)
		front_buf_free(t->m, b[--n]);
	assert_int_equal(canaries(t), 0);
}

static void regions(void **state)
{
	static const struct front_memory_options adjacent = {
		.regions = 8,
		.region_bytes = { 4096, 4096, 8192, 4096, 4096, 4096, 4096, 4096 },
		.adjacent = true
	};
	static const struct front_memory_options apart = { .regions = 8 };
	struct fixture *t = *state;
	struct front_memory *m = NULL;

	assert_int_equal(front_memory_new(&adjacent, t->e, &m, NULL), 0);
	for (unsigned i = 1; i < m->count; i++) {
		const struct vhost_user_mem_region *a = &m->region[i - 1].wire;
		const struct vhost_user_mem_region *b = &m->region[i].wire;

		assert_true(a->guest_addr + a->size == b->guest_addr);
		assert_true(a->user_addr + a->size != b->user_addr);
	}
	(void)front_memory_free(m);
	assert_int_equal(front_memory_new(&apart, t->e, &m, NULL), 0);
	for (unsigned i = 1; i < m->count; i++)
		assert_true(m->region[i - 1].wire.guest_addr + m->region[i - 1].wire.size <
			    m->region[i].wire.guest_addr);
	(void)front_memory_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(addresses_differ, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_stray_byte, set_up, tear_down),
		cmocka_unit_test_setup_teardown(poison, set_up, tear_down),
		cmocka_unit_test_setup_teardown(edge, set_up, tear_down),
		cmocka_unit_test_setup_teardown(room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(regions, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
