// SPDX-License-Identifier: Apache-2.0
/* Rings of a driver that breaks the rules, and requests that do not end in time. */
#include "conformance/test/test_ref_ring.h"

/* A chain that cannot be served comes back; with an error in it where the message allows that. */
static void check_refused(struct fixture *t, uint16_t head, bool with_header)
{
	const struct fuse_out_header *h = (void *)(t->g.ram + DATA + 0x1000);
	uint16_t id = 0xffff;
	uint32_t len = 1;

	assert_null(pop(t, 4));
	assert_false(t->r.broken);
	assert_true(fake_used(&t->f, &id, &len));
	assert_int_equal(id, head);
	assert_int_equal(len, with_header ? OUT_BYTES : 0);
	assert_int_equal(t->r.in_flight, 0);
	if (with_header) {
		assert_int_equal(h->error, -EFAULT);
		assert_int_equal(h->unique, 99);
		assert_int_equal(h->len, OUT_BYTES);
	}
	assert_false(fake_used(&t->f, &id, &len));
	serve(t, add(t, 2), 3);
}

static void test_bad_chains(void **state)
{
	static const uint64_t features[] = { F_INDIR, F_INDIR | F_PACKED };
	const struct fake_seg in = { BASE + DATA, 40, false };
	const struct fake_seg out = { BASE + DATA + 0x1000, 64, true };
	const struct {
		struct fake_seg s[4];
		unsigned n;
		bool header;
	} bad[] = {
		{ { in, out, { UINT64_C(1) << 50, 4096, true } }, 3, true },
		{ { in, out, { BASE + 2 * REGION - 1, 2, true } }, 3, true },
		{ { in, out, { UINT64_MAX - 1, 4096, true } }, 3, true },
		{ { in, { 0, 64, true } }, 2, false },
		{ { { 0, 40, false }, out }, 2, false },
		{ { in, { 0x1000, 8, false }, out }, 3, false },
		{ { out, in }, 2, false },
		{ { in, out, in }, 3, true },
	};
	struct fixture *t = *state;

	for (size_t k = 0; k < ARRAY_SIZE(features); k++) {
		for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
			uint16_t head;

			begin(t, features[k], 8);
			(void)fake_message(&t->g, DATA, FUSE_READ, 99, 0, 0);
			memset(t->g.ram + DATA + 0x1000, 0, 64);
			head = fake_add(&t->f, bad[i].s, bad[i].n);
			check_refused(t, head, bad[i].header);
			head = fake_add_indirect(&t->f, bad[i].s, bad[i].n, BASE + DATA + 0x8000);
			memset(t->g.ram + DATA + 0x1000, 0, 64);
			(void)fake_message(&t->g, DATA, FUSE_READ, 99, 0, 0);
			check_refused(t, head, bad[i].header);
		}
	}
}

/* VQ-008, VQ-009, VQ-012: loops, and tables that are none. All of a split ring. */
static void test_bad_links(void **state)
{
	static const struct {
		struct vring_desc first;
		struct vring_desc table[3];
		uint64_t features;
	} bad[] = {
		{ { BASE + DATA, 40, VRING_DESC_F_NEXT, 0 }, { { 0 } }, 0 },
		{ { BASE + DATA, 0, VRING_DESC_F_NEXT, 0 }, { { 0 } }, 0 },
		{ { BASE + DATA, 40, VRING_DESC_F_NEXT, 8 }, { { 0 } }, 0 },
		{ { BASE + DATA, 40, VRING_DESC_F_NEXT, 0xffff }, { { 0 } }, 0 },
		{ { BASE + DATA + 0x8000, 32, VRING_DESC_F_INDIRECT, 0 }, { { 0 } }, 0 },
		{ { BASE + DATA + 0x8000, 0, VRING_DESC_F_INDIRECT, 0 }, { { 0 } }, F_INDIR },
		{ { BASE + DATA + 0x8000, 17, VRING_DESC_F_INDIRECT, 0 }, { { 0 } }, F_INDIR },
		{ { BASE + DATA + 0x8000, 9 * 16, VRING_DESC_F_INDIRECT, 0 }, { { 0 } }, F_INDIR },
		{ { BASE + DATA + 0x8000, 0xfffffff0, VRING_DESC_F_INDIRECT, 0 },
		  { { 0 } },
		  F_INDIR },
		{ { 16, 32, VRING_DESC_F_INDIRECT, 0 }, { { 0 } }, F_INDIR },
		{ { BASE + DATA + 0x8000, 32, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1 },
		  { { BASE + DATA, 40, 0, 0 } },
		  F_INDIR },
		{ { BASE + DATA + 0x8000, 16, VRING_DESC_F_INDIRECT, 0 },
		  { { BASE + DATA + 0x8000, 16, VRING_DESC_F_INDIRECT, 0 } },
		  F_INDIR },
		{ { BASE + DATA + 0x8000, 32, VRING_DESC_F_INDIRECT, 0 },
		  { { BASE + DATA, 40, VRING_DESC_F_NEXT, 1 },
		    { BASE + DATA, 40, VRING_DESC_F_NEXT, 0 } },
		  F_INDIR },
		{ { BASE + DATA + 0x8000, 32, VRING_DESC_F_INDIRECT, 0 },
		  { { BASE + DATA, 40, VRING_DESC_F_NEXT, 2 } },
		  F_INDIR },
	};
	struct fixture *t = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		begin(t, bad[i].features, 8);
		fake_table(&t->f)[0] = bad[i].first;
		memcpy(t->g.ram + DATA + 0x8000, bad[i].table, sizeof(bad[i].table));
		t->f.next_desc = 4;
		fake_publish_split(&t->f, 0);
		check_refused(t, 0, false);
	}
}

/* What leaves no chain to give back: the ring is left alone, and works again once it was stopped. */
static void test_broken_rings(void **state)
{
	struct fixture *t = *state;

	ref_log_set_level(REF_LOG_ERROR);
	for (int i = 0; i < 6; i++) {
		begin(t, i < 3 ? 0 : F_PACKED, 8);
		serve(t, add(t, 2), 1);
		t->r.err_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		switch (i) {
		case 0: fake_avail(&t->f)->idx = (uint16_t)(t->f.avail + 9); break;
		case 1: fake_avail(&t->f)->idx = (uint16_t)(t->f.avail - 1); break;
		case 2: fake_publish_split(&t->f, 8); break;
		case 3: /* a chain that ends in the middle */
			fake_slots(&t->f)[2].flags = PACKED_BITS(1, 0) | VRING_DESC_F_NEXT;
			break;
		case 4: /* one that has no end: stale flags of the lap before make it seem complete */
			for (int j = 0; j < 8; j++)
				fake_slots(&t->f)[j].flags =
					(uint16_t)((j < 2 ? PACKED_BITS(0, 1) : PACKED_BITS(1, 0)) |
						   VRING_DESC_F_NEXT);
			break;
		default: /* the ring itself is gone */
			t->now.generation++;
			t->r.addr.used_user_addr = 0x1000;
			break;
		}
		assert_null(pop(t, 4));
		assert_true(t->r.broken);
		assert_int_equal(t->r.in_flight, 0);
		assert_null(pop(t, 4));
		fd_closep(&t->r.err_fd);
	}
	begin(t, 0, 8);
	serve(t, add(t, 2), 1);
}

/* What does not end before the ring is stopped is given back when it starts again, and not before. */
static void test_held_back(void **state)
{
	static const uint64_t features[] = { 0, F_PACKED };
	struct fixture *t = *state;

	for (size_t k = 0; k < ARRAY_SIZE(features); k++) {
		struct ring_request *rr;
		uint16_t head, id;
		uint32_t len, base;

		begin(t, features[k], 8);
		head = add(t, 2);
		rr = pop(t, 1);
		(void)pthread_mutex_lock(&t->r.lock);
		assert_int_equal(ring_drain(&t->r, clock_now_ns() + NS_PER_MS), -ETIMEDOUT);
		base = ring_stop(&t->r);
		(void)pthread_mutex_unlock(&t->r.lock);
		finish(t, rr, 5);
		assert_false(fake_used(&t->f, &id, &len));
		(void)pthread_mutex_lock(&t->r.lock);
		assert_true(ring_set_base(&t->r, base));
		assert_int_equal(ring_start(&t->r), 0);
		assert_false(fake_used(&t->f, &id, &len));
		ring_push_held(&t->r);
		(void)pthread_mutex_unlock(&t->r.lock);
		assert_true(fake_used(&t->f, &id, &len));
		assert_int_equal(id, head);
		assert_int_equal(len, 5);
		serve(t, add(t, 2), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bad_chains, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_rings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held_back, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
