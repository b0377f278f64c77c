// SPDX-License-Identifier: Apache-2.0
/* What a guest or a daemon may not do to the relay's rings, and addresses that nobody gave. */
#include "fake_guest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "relay/message.h"

#define PATIENCE_S 60

static void case_loop(struct fake_guest *f)
{
	fake_put_desc(&f->desc[0], DATA_AT, IN_SIZE, VRING_DESC_F_NEXT, 1);
	fake_put_desc(&f->desc[1], DATA_AT, IN_SIZE, VRING_DESC_F_NEXT, 0);
}

static void case_next_outside(struct fake_guest *f)
{
	fake_put_desc(&f->desc[0], DATA_AT, IN_SIZE, VRING_DESC_F_NEXT, RING_SIZE);
}

static void case_address_in_hole(struct fake_guest *f)
{
	fake_put_desc(&f->desc[0], LOW + REGION, IN_SIZE, 0, 0);
}

static void case_length_past_end(struct fake_guest *f)
{
	fake_put_desc(&f->desc[0], DATA_AT, IN_SIZE, VRING_DESC_F_NEXT, 1);
	fake_put_desc(&f->desc[1], HIGH + 0x100, UINT32_MAX, VRING_DESC_F_WRITE, 0);
}

static void case_address_wraps(struct fake_guest *f)
{
	fake_put_desc(&f->desc[0], UINT64_MAX - 8, IN_SIZE, 0, 0);
}

static void case_short_header(struct fake_guest *f)
{
	fake_put_desc(&f->desc[0], DATA_AT, IN_SIZE - 1, 0, 0);
}

static void case_header_says_too_much(struct fake_guest *f)
{
	fake_put_header(f, DATA_AT, FUSE_READ, IN_SIZE + 1);
	fake_put_desc(&f->desc[0], DATA_AT, IN_SIZE, 0, 0);
}

static void case_readable_behind_writable(struct fake_guest *f)
{
	fake_put_desc(&f->desc[0], DATA_AT, IN_SIZE, VRING_DESC_F_NEXT, 1);
	fake_put_desc(&f->desc[1], DATA_AT + 0x100, 16, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 2);
	fake_put_desc(&f->desc[2], DATA_AT, IN_SIZE, 0, 0);
}

static void put_table(struct fake_guest *f, uint32_t len, uint16_t flags, uint16_t next)
{
	struct vring_desc *table = fake_at(f, HIGH);

	fake_put_desc(&table[0], DATA_AT, IN_SIZE, flags, next);
	fake_put_desc(&table[1], DATA_AT, IN_SIZE, VRING_DESC_F_NEXT, 0);
	fake_put_desc(&f->desc[0], HIGH, len, VRING_DESC_F_INDIRECT, 0);
}

static void case_table_loop(struct fake_guest *f)
{
	put_table(f, 2 * sizeof(struct vring_desc), VRING_DESC_F_NEXT, 1);
}

static void case_table_next_outside(struct fake_guest *f)
{
	put_table(f, sizeof(struct vring_desc), VRING_DESC_F_NEXT, 1);
}

static void case_table_odd_size(struct fake_guest *f)
{
	put_table(f, sizeof(struct vring_desc) + 1, 0, 0);
}

static void case_table_empty(struct fake_guest *f)
{
	put_table(f, 0, 0, 0);
}

static void case_table_in_table(struct fake_guest *f)
{
	put_table(f, sizeof(struct vring_desc), VRING_DESC_F_INDIRECT, 0);
}

static void case_table_outside(struct fake_guest *f)
{
	fake_put_desc(&f->desc[0], LOW + REGION - 8, 32, VRING_DESC_F_INDIRECT, 0);
}

static void case_table_and_next(struct fake_guest *f)
{
	put_table(f, sizeof(struct vring_desc), 0, 0);
	f->desc[0].flags |= VRING_DESC_F_NEXT;
	f->desc[0].next = 1;
	fake_put_desc(&f->desc[1], DATA_AT, IN_SIZE, 0, 0);
}

static void case_too_long(struct fake_guest *f)
{
	struct vring_desc *table = fake_at(f, HIGH);

	for (uint16_t i = 0; i < 4096; i++)
		fake_put_desc(&table[i], DATA_AT, 1, i == 4095 ? 0 : VRING_DESC_F_NEXT,
			      (uint16_t)(i + 1));
	fake_put_desc(&f->desc[0], DATA_AT, IN_SIZE, VRING_DESC_F_NEXT, 1);
	fake_put_desc(&f->desc[1], HIGH, 4096 * sizeof(*table), VRING_DESC_F_INDIRECT, 0);
}

/*
 * Goal: what a guest may do wrong is counted as such, passed on as it is, and harms nobody.
 * Method: one wrong chain each, then a good one.
 */
static void malformed_chains(void **state)
{
	static void (*const cases[])(struct fake_guest *) = {
		case_loop,
		case_next_outside,
		case_address_in_hole,
		case_length_past_end,
		case_address_wraps,
		case_short_header,
		case_header_says_too_much,
		case_readable_behind_writable,
		case_table_loop,
		case_table_next_outside,
		case_table_odd_size,
		case_table_empty,
		case_table_in_table,
		case_table_outside,
		case_table_and_next,
		case_too_long,
	};
	struct fake_guest *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_put_header(f, DATA_AT, FUSE_READ, IN_SIZE);
		cases[i](f);
		fake_offer(f, 0);
		assert_int_equal(queue_submit(f->q, &f->memory), 1);
		if (f->q->counts.malformed != i + 1 || f->q->counts.requests != i)
			fail_msg("case %zu: %llu malformed, %llu requests", i,
				 (unsigned long long)f->q->counts.malformed,
				 (unsigned long long)f->q->counts.requests);
		assert_memory_equal(&f->q->shadow.desc[0], &f->desc[0], sizeof(f->desc[0]));
		assert_int_equal(f->q->shadow.avail->ring[(2 * i) % RING_SIZE], 0);
		fake_serve_head(f, 0, 0, 0);
		assert_int_equal(queue_complete(f->q, &f->memory), 1);
		fake_offer_request(f, 4, FUSE_READ, 64);
		assert_int_equal(queue_submit(f->q, &f->memory), 1);
		assert_int_equal(f->q->counts.requests, i + 1);
		fake_serve_head(f, 4, 0, 64);
		assert_int_equal(queue_complete(f->q, &f->memory), 1);
	}
}

/* Goal: heads and indexes that cannot be are passed on unread. Method: a head of 8 of 8, a jump of 9. */
static void wild_indexes(void **state)
{
	struct fake_guest *f = *state;

	fake_offer(f, RING_SIZE);
	assert_int_equal(queue_submit(f->q, &f->memory), 1);
	assert_int_equal(f->q->shadow.avail->ring[0], RING_SIZE);
	assert_int_equal(f->q->counts.malformed, 1);
	fake_offer_request(f, 0, FUSE_READ, 64);
	f->avail->idx = 1 + RING_SIZE + 1;
	(void)queue_submit(f->q, &f->memory);
	assert_int_equal(f->q->shadow.avail->idx, 1 + RING_SIZE + 1);
	assert_memory_equal(f->q->shadow.desc, f->desc, RING_SIZE * sizeof(f->desc[0]));
	assert_int_equal(f->q->counts.malformed, 2);
	assert_int_equal(f->q->counts.requests, 0);
}

/* Goal: a reply of the daemon that cannot be is bounded. Method: wild id, wild length, wild error. */
static void wild_replies(void **state)
{
	struct fake_guest *f = *state;
	struct vring_used *used = f->q->shadow.used;

	fake_offer_request(f, 0, FUSE_READ, 64);
	(void)queue_submit(f->q, &f->memory);
	used->ring[0] = (struct vring_used_elem){ 5000, 1 };
	used->idx = 1;
	assert_int_equal(queue_complete(f->q, &f->memory), 1);
	assert_int_equal(f->used->ring[0].id, 5000);
	assert_int_equal(f->q->counts.in_flight, 1);
	fake_serve_head(f, 0, -5000, UINT32_MAX);
	assert_int_equal(queue_complete(f->q, &f->memory), 1);
	assert_int_equal(f->q->counts.bytes_from_device, 64);
	assert_int_equal(f->q->counts.error[0], 1);
	assert_int_equal(f->q->counts.in_flight, 0);
}

/* ---- memory ---- */

/* Goal: no address outside what the VMM gave is ever followed. Method: edges, holes, wraps, overlaps. */
static void memory_bounds(void **state)
{
	struct fake_guest *f = *state;
	struct vhost_user_mem_region r = fake_region(0);
	uint8_t byte[32];

	assert_non_null(memory_at(&f->memory, 0, REGION));
	assert_null(memory_at(&f->memory, 0, REGION + 1));
	assert_null(memory_at(&f->memory, 1, REGION));
	assert_null(memory_at(&f->memory, REGION, 1));
	assert_null(memory_at(&f->memory, HIGH - 1, 2));
	assert_null(memory_at(&f->memory, 8, UINT64_MAX));
	assert_non_null(memory_at(&f->memory, HIGH + REGION - 1, 1));
	assert_null(memory_at_user(&f->memory, 0, 1));
	assert_ptr_equal(memory_at_user(&f->memory, USER(HIGH) + 5, 1),
			 memory_at(&f->memory, HIGH + 5, 1));
	assert_int_equal(memory_read(&f->memory, REGION - 16, byte, 32), -EFAULT);
	assert_int_equal(memory_read(&f->memory, UINT64_MAX - 8, byte, 32), -EFAULT);

	assert_int_equal(memory_add(&f->memory, &r, f->fd[0], &f->err), -EINVAL);
	r.guest_addr = REGION - 1;
	assert_int_equal(memory_add(&f->memory, &r, f->fd[0], &f->err), -EINVAL);
	/* Regions that touch are read as one. */
	r = (struct vhost_user_mem_region){ REGION, REGION, USER(REGION), 0 };
	assert_int_equal(memory_add(&f->memory, &r, f->fd[0], &f->err), 0);
	assert_int_equal(memory_read(&f->memory, REGION - 16, byte, 32), 0);
	assert_int_equal(memory_remove(&f->memory, &r, &f->err), 0);
	assert_int_equal(memory_remove(&f->memory, &r, &f->err), -ENOENT);
	r.size = UINT64_MAX - 2;
	assert_int_equal(memory_add(&f->memory, &r, f->fd[0], &f->err), -EINVAL);
	r = (struct vhost_user_mem_region){ REGION, REGION, USER(REGION), 4096 };
	assert_int_equal(memory_add(&f->memory, &r, f->fd[0], &f->err), -EINVAL);
	assert_non_null(strstr(f->err.text, "too short"));
	r = (struct vhost_user_mem_region){ SHADOW_GUEST_ADDR, REGION, USER(REGION), 0 };
	assert_int_equal(memory_add(&f->memory, &r, f->fd[0], &f->err), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(malformed_chains),
		TEST(wild_indexes),
		TEST(wild_replies),
		TEST(memory_bounds),
	};

	(void)alarm(PATIENCE_S);
	return cmocka_run_group_tests_name("test_relay_malformed", tests, NULL, NULL) ? 1 : 0;
}
