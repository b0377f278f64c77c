// SPDX-License-Identifier: Apache-2.0
/* Rings: what is popped, what is written back, and whom it tells. */
#include "conformance/test/test_ref_ring.h"

/* Round and round: more than 65536 requests in a split ring, 3 and more wraps of any packed one. */
static void test_wraps(void **state)
{
	static const struct {
		uint64_t features;
		uint16_t size;
		unsigned rounds;
	} kinds[] = { { 0, 8, 70000 },	     { F_EVENT, 256, 70000 },
		      { F_PACKED, 8, 1000 }, { F_PACKED | F_EVENT, 100, 1000 },
		      { F_PACKED, 3, 100 },  { 0, 1024, 3000 },
		      { 0, 8192, 20000 } };
	struct fixture *t = *state;

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		begin(t, kinds[k].features, kinds[k].size);
		for (unsigned i = 0; i < kinds[k].rounds; i++) {
			uint16_t head = add(t, 2 + i % 2);

			serve(t, head, i % 3 ? 100 : 0);
			assert_false(rest(t));
		}
	}
}

/* Out of order, with several in flight. */
static void test_out_of_order(void **state)
{
	static const uint64_t features[] = { 0, F_PACKED };
	struct fixture *t = *state;

	for (size_t k = 0; k < ARRAY_SIZE(features); k++) {
		struct ring_request *rr[3];
		uint16_t head[3], id;
		uint32_t len;

		begin(t, features[k], 16);
		for (int round = 0; round < 20; round++) {
			for (unsigned i = 0; i < 3; i++)
				head[i] = add(t, 2 + i);
			rr[0] = pop(t, 8);
			rr[1] = rr[0]->next;
			rr[2] = rr[1]->next;
			assert_null(rr[2]->next);
			for (int i = 2; i >= 0; i--) {
				finish(t, rr[i], 10 + (uint32_t)i);
				assert_true(fake_used(&t->f, &id, &len));
				assert_int_equal(id, head[i]);
				assert_int_equal(len, 10 + i);
			}
			assert_false(fake_used(&t->f, &id, &len));
		}
	}
}

/* Headers split anywhere, single bytes, regions crossed, empty descriptors: the bytes are what counts. */
static void test_framing(void **state)
{
	struct fixture *t = *state;
	uint64_t edge = BASE + REGION;
	const struct fake_seg s[] = { { edge - 3, 7, false },
				      { edge + 4, 0, false },
				      { edge + 4, 1, false },
				      { BASE + DATA, 5, false },
				      { edge - 20, 40, true } };
	struct ring_request *rr;
	uint8_t got[13];
	size_t n = 0;

	begin(t, 0, 8);
	memcpy(t->g.ram + REGION - 3, "abcdefgh", 8);
	memcpy(t->g.ram + DATA, "ijklm", 5);
	(void)fake_add(&t->f, s, 5);
	rr = pop(t, 1);
	assert_non_null(rr);
	assert_int_equal(rr->pub.in_bytes, 13);
	assert_int_equal(rr->pub.out_bytes, 40);
	assert_int_equal(rr->pub.in_count, 4);
	assert_int_equal(rr->pub.out_count, 2);
	for (unsigned i = 0; i < rr->pub.in_count; i++) {
		memcpy(got + n, rr->pub.in[i].iov_base, rr->pub.in[i].iov_len);
		n += rr->pub.in[i].iov_len;
	}
	assert_memory_equal(got, "abcdefghijklm", 13);
	/* What is more than there is room for is never said. */
	finish(t, rr, 4000);
	assert_int_equal(fake_used_ring(&t->f)->ring[0].len, 40);
}

static void test_indirect(void **state)
{
	static const uint64_t features[] = { F_INDIR, F_INDIR | F_PACKED };
	struct fixture *t = *state;
	uint64_t table = BASE + REGION - 16; /* crosses the regions */
	const struct fake_seg s[] = { { BASE + DATA, 40, false },
				      { BASE + DATA + 64, 8, false },
				      { BASE + DATA + 0x1000, 32, true } };

	for (size_t k = 0; k < ARRAY_SIZE(features); k++) {
		struct ring_request *rr;

		begin(t, features[k], 4);
		for (int i = 0; i < 10; i++) {
			(void)fake_add_indirect(&t->f, s, 3, table);
			rr = pop(t, 4);
			assert_non_null(rr);
			assert_int_equal(rr->pub.in_count, 2);
			assert_int_equal(rr->pub.in_bytes, 48);
			assert_int_equal(rr->pub.out_bytes, 32);
			finish(t, rr, 16);
		}
	}
}

/* VQ-011, VQ-010: direct descriptors first, then a table; its WRITE flag means nothing. */
static void test_direct_then_indirect(void **state)
{
	struct fixture *t = *state;
	struct ring_request *rr;
	const struct fake_seg s[] = { { BASE + DATA, 40, false },
				      { BASE + DATA + 0x4000, 32, false } };

	begin(t, F_INDIR, 8);
	*(struct vring_desc *)(void *)(t->g.ram + DATA + 0x4000) =
		(struct vring_desc){ BASE + DATA + 64, 8, VRING_DESC_F_NEXT, 1 };
	*(struct vring_desc *)(void *)(t->g.ram + DATA + 0x4010) =
		(struct vring_desc){ BASE + DATA + 0x1000, 32, VRING_DESC_F_WRITE, 7 };
	/* The table's entries are in place before the chain is. */
	fake_table(&t->f)[0] = (struct vring_desc){ s[0].addr, s[0].len, VRING_DESC_F_NEXT, 1 };
	fake_table(&t->f)[1] = (struct vring_desc){ s[1].addr, s[1].len,
						    VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE, 0 };
	fake_publish_split(&t->f, 0);
	rr = pop(t, 1);
	assert_non_null(rr);
	assert_int_equal(rr->pub.in_bytes, 48);
	assert_int_equal(rr->pub.out_bytes, 32);
	finish(t, rr, 0);
}

/* VQ-014: flags decide. VQ-015: used_event does, at each place where it can stand, 65535 to 0 included. */
static void test_calls_split(void **state)
{
	struct fixture *t = *state;
	struct ring_request *rr, *next;

	begin(t, 0, 8);
	for (int i = 0; i < 4; i++) {
		fake_avail(&t->f)->flags = i % 2 ? VRING_AVAIL_F_NO_INTERRUPT : 0;
		serve(t, add(t, 2), 16);
		call(t);
		assert_int_equal(called(t), i % 2 == 0);
	}
	begin(t, F_EVENT, 8);
	serve(t, add(t, 2), 16);
	call(t);
	(void)called(t); /* the first one is always told */
	for (unsigned i = 1; i < 66000; i++) {
		bool wanted = i % 3 == 0;

		/* Told when the entry at used_event is written. */
		fake_avail(&t->f)->flags = VRING_AVAIL_F_NO_INTERRUPT;
		fake_avail(&t->f)->ring[8] = (uint16_t)(wanted ? i : i + 100);
		serve(t, add(t, 2), 16);
		call(t);
		assert_int_equal(called(t), wanted);
		assert_int_equal(fake_used_ring(&t->f)->flags, 0);
	}
	/* Several since the last time: the entry lies among them. */
	fake_avail(&t->f)->ring[8] = (uint16_t)(66000 + 1);
	t->r.call_after = 8;
	for (int i = 0; i < 3; i++)
		(void)add(t, 2);
	rr = pop(t, 3);
	for (int i = 0; i < 3; i++) {
		next = rr->next;
		finish(t, rr, 16);
		rr = next;
	}
	assert_true(called(t));
	call(t);
	assert_false(called(t));
}

/* VQP-008. */
static void test_calls_packed(void **state)
{
	struct fixture *t = *state;
	struct vring_packed_desc_event *e;
	uint16_t at = 2;
	bool wrap = true;

	begin(t, F_PACKED | F_EVENT, 10);
	e = fake_driver_event(&t->f);
	serve(t, add(t, 2), 16);
	call(t);
	(void)called(t);
	for (int i = 0; i < 100; i++) {
		e->flags = i % 3 == 0 ? VRING_PACKED_EVENT_FLAG_ENABLE
				      : (i % 3 == 1 ? VRING_PACKED_EVENT_FLAG_DISABLE
						    : VRING_PACKED_EVENT_FLAG_DESC);
		/* DESC: now and then the slot that is written next, else one that comes later. */
		e->off_wrap = (uint16_t)((i % 2 ? at : (at + 4) % 10) |
					 (i % 2 || at < 6 ? wrap : !wrap) << 15);
		serve(t, add(t, 2), 16);
		at = (uint16_t)(at + 2);
		if (at == 10) {
			at = 0;
			wrap = !wrap;
		}
		call(t);
		assert_int_equal(called(t), i % 3 == 0 || (i % 3 == 2 && i % 2));
	}
}

/* Kicks are wanted exactly when the device rests. */
static void test_wants_kicks(void **state)
{
	struct fixture *t = *state;
	struct ring_request *rr;

	begin(t, 0, 8);
	assert_false(rest(t));
	assert_int_equal(fake_used_ring(&t->f)->flags, 0);
	(void)add(t, 2);
	rr = pop(t, 1);
	assert_int_equal(fake_used_ring(&t->f)->flags, VRING_USED_F_NO_NOTIFY);
	(void)add(t, 2);
	assert_true(rest(t));
	finish(t, rr, 0);
	finish(t, pop(t, 1), 0);
	begin(t, F_EVENT, 8);
	for (uint16_t i = 0; i < 20; i++) {
		assert_false(rest(t));
		assert_int_equal(fake_used_ring(&t->f)->ring[8].id & 0xffff, i);
		serve(t, add(t, 2), 0);
	}
	begin(t, F_PACKED, 8);
	assert_false(rest(t));
	assert_int_equal(fake_device_event(&t->f)->flags, VRING_PACKED_EVENT_FLAG_ENABLE);
	serve(t, add(t, 2), 0);
	assert_int_equal(fake_device_event(&t->f)->flags, VRING_PACKED_EVENT_FLAG_DISABLE);
	begin(t, F_PACKED | F_EVENT, 5);
	serve(t, add(t, 3), 0);
	serve(t, add(t, 3), 0);
	assert_false(rest(t));
	assert_int_equal(fake_device_event(&t->f)->flags, VRING_PACKED_EVENT_FLAG_DESC);
	assert_int_equal(fake_device_event(&t->f)->off_wrap, 1);
}

/* VQP-011 and MIG-010: where it stopped is where it goes on; a ring that moved is in no new place. */
static void test_base(void **state)
{
	static const uint64_t features[] = { 0, F_PACKED };
	struct fixture *t = *state;

	for (size_t k = 0; k < ARRAY_SIZE(features); k++) {
		uint32_t base;

		begin(t, features[k], 7 + (k == 0));
		for (int i = 0; i < 5; i++)
			serve(t, add(t, 2), 1);
		(void)pthread_mutex_lock(&t->r.lock);
		assert_int_equal(ring_drain(&t->r, 0), 0);
		base = ring_stop(&t->r);
		/* 10 slots of 7: one time around, 3 further, the wrap counters 0 again. */
		assert_int_equal(base, k == 0 ? 5 : 3 | 3 << 16);
		assert_null(ring_pop(&t->r, 1));
		assert_true(ring_set_base(&t->r, base));
		assert_int_equal(ring_start(&t->r), 0);
		(void)pthread_mutex_unlock(&t->r.lock);
		serve(t, add(t, 2), 1);
		(void)pthread_mutex_lock(&t->r.lock);
		(void)ring_stop(&t->r);
		assert_false(ring_set_base(&t->r, features[k] ? RING_PACKED_BASE : 0));
		(void)pthread_mutex_unlock(&t->r.lock);
	}
	(void)begin_at(t, F_PACKED, 8, 9 | 0x8000);
	assert_true(t->r.broken);
	(void)begin_at(t, 0, 12, 0);
	assert_true(t->r.broken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_wraps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_out_of_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_framing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_indirect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_direct_then_indirect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_calls_split, setup, teardown),
		cmocka_unit_test_setup_teardown(test_calls_packed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wants_kicks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_base, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
