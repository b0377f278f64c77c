// SPDX-License-Identifier: Apache-2.0
/* The driver's side of virtqueues against a *fake* device side on the same memory. */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"
#include "conformance/front/packed.h"
#include "conformance/front/split.h"

#define SIZE	  16
#define TAKEN_MAX 256

/* What the fake device has of one chain. */
struct taken {
	uint16_t id;
	uint16_t descs;
	uint32_t writable;
};

struct fake {
	struct front_ring r;
	struct front_memory *m;
	struct front_evidence *e;
	struct front_buf *data;
	uint16_t seen; /* split: available index; packed: slot */
	bool wrap;     /* packed: of what is taken */
	uint16_t used_slot;
	bool used_wrap;
	struct taken taken[TAKEN_MAX];
	unsigned count;
};

static void open_fake(struct fake *f, bool packed, uint16_t size, bool event_idx, uint32_t base)
{
	memset(f, 0, sizeof(*f));
	f->e = front_evidence_new(16);
	assert_non_null(f->e);
	assert_int_equal(front_memory_new(NULL, f->e, &f->m, NULL), 0);
	assert_int_equal(front_ring_open(&f->r, packed ? &front_packed_ops : &front_split_ops, 3,
					 size, event_idx, f->m, f->e),
			 0);
	f->data = front_buf_new(f->m, 4096);
	assert_non_null(f->data);
	front_ring_reset(&f->r, base);
	f->seen = base & (packed ? 0x7fff : 0xffff);
	f->wrap = base & 0x8000;
	f->used_slot = base >> 16 & 0x7fff;
	f->used_wrap = base >> 31;
}

static void close_fake(struct fake *f)
{
	front_ring_close(&f->r);
	front_buf_free(f->m, f->data);
	assert_int_equal(f->m->live, 0);
	(void)front_memory_free(f->m);
	(void)front_evidence_free(f->e);
}

static void see(struct taken *k, const struct fake *f, uint64_t addr, uint32_t len, uint16_t flags)
{
	if (flags & VRING_DESC_F_WRITE)
		k->writable += len;
	if (!(flags & VRING_DESC_F_INDIRECT))
		return;
	for (uint32_t i = 0; i < len / sizeof(struct vring_desc); i++) {
		const uint8_t *at = front_guest_at(f->m, addr, len) + i * sizeof(struct vring_desc);
		struct vring_packed_desc packed;
		struct vring_desc split;
		bool write;

		memcpy(&split, at, sizeof(split));
		memcpy(&packed, at, sizeof(packed));
		write = VRING_DESC_F_WRITE &
			le16toh(f->r.ops == &front_split_ops ? split.flags : packed.flags);
		if (write)
			k->writable += le32toh(split.len);
	}
}

static void take_split(struct fake *f)
{
	struct vring_avail *a = front_split_avail(&f->r);

	for (; f->seen != le16toh(a->idx); f->seen++) {
		struct taken *k = &f->taken[f->count++];
		uint16_t at = le16toh(a->ring[f->seen & (f->r.size - 1)]);
		const struct vring_desc *d;

		*k = (struct taken){ .id = at };
		do {
			d = &front_split_desc(&f->r)[at];
			see(k, f, le64toh(d->addr), le32toh(d->len), le16toh(d->flags));
			at = le16toh(d->next);
			k->descs++;
		} while (le16toh(d->flags) & VRING_DESC_F_NEXT);
	}
}

static bool avail(const struct fake *f)
{
	uint16_t flags = le16toh(front_packed_desc(&f->r)[f->seen].flags);

	return !!(flags & 1 << VRING_PACKED_DESC_F_AVAIL) == f->wrap &&
	       !!(flags & 1 << VRING_PACKED_DESC_F_USED) != f->wrap;
}

static void take_packed(struct fake *f)
{
	while (avail(f)) {
		struct taken *k = &f->taken[f->count++];
		bool more = true;

		*k = (struct taken){ 0 };
		while (more) {
			const struct vring_packed_desc *d = &front_packed_desc(&f->r)[f->seen];

			/* A list whose later part is not there yet: the head came too early. */
			assert_true(avail(f));
			see(k, f, le64toh(d->addr), le32toh(d->len), le16toh(d->flags));
			k->id = le16toh(d->id);
			k->descs++;
			more = le16toh(d->flags) & VRING_DESC_F_NEXT;
			if (++f->seen == f->r.size) {
				f->seen = 0;
				f->wrap = !f->wrap;
			}
		}
	}
}

static void take(struct fake *f)
{
	if (f->r.ops == &front_split_ops)
		take_split(f);
	else
		take_packed(f);
}

static void put_used(struct fake *f, uint32_t id, uint32_t len, uint16_t descs)
{
	if (f->r.ops == &front_split_ops) {
		struct vring_used *u = front_split_used(&f->r);
		uint16_t idx = le16toh(u->idx);

		u->ring[idx & (f->r.size - 1)] = (struct vring_used_elem){ htole32(id),
									   htole32(len) };
		__atomic_store_n(&u->idx, htole16((uint16_t)(idx + 1)), __ATOMIC_RELEASE);
		return;
	}
	front_packed_write(&f->r, f->used_slot, 0, len, (uint16_t)id,
			   (len ? VRING_DESC_F_WRITE : 0) |
				   (f->used_wrap ? 1 << VRING_PACKED_DESC_F_AVAIL |
							   1 << VRING_PACKED_DESC_F_USED
						 : 0));
	f->used_slot = (uint16_t)(f->used_slot + descs);
	if (f->used_slot >= f->r.size) {
		f->used_slot = (uint16_t)(f->used_slot - f->r.size);
		f->used_wrap = !f->used_wrap;
	}
}

/* Give back one of those taken. */
static struct taken complete(struct fake *f, unsigned which)
{
	struct taken k = f->taken[which];

	put_used(f, k.id, k.writable, k.descs);
	f->taken[which] = f->taken[--f->count];
	return k;
}

static int add(struct fake *f, unsigned readable, unsigned writable, bool indirect, void *cookie,
	       uint16_t *ret_id)
{
	struct front_span span[SIZE];
	unsigned n = readable + writable;

	assert_true(n <= SIZE);
	for (unsigned i = 0; i < n; i++)
		span[i] = (struct front_span){ f->data->guest + i, i + 1,
					       i < readable ? 0 : VRING_DESC_F_WRITE };
	return indirect ? front_ring_add(&f->r, NULL, 0, span, n, cookie, ret_id)
			: front_ring_add(&f->r, span, n, NULL, 0, cookie, ret_id);
}

struct kind {
	const char *name;
	bool packed;
	uint16_t size;
	bool event_idx;
	uint32_t base;
};

static const struct kind kinds[] = {
	{ "split", false, 16, false, 0 },
	{ "split, event index", false, 16, true, 65530 },
	{ "split, smallest", false, 1, true, 65535 },
	{ "packed", true, 16, false, 0x80008000 },
	{ "packed, event index, no power of two", true, 100, true, 0x80008000 },
	{ "packed, from the middle", true, 7, true, 0x00050005 },
};

/* Chains of any form, completed in any order, several times round the counters. */
static void any_order(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		static struct fake f;
		struct rng rng = { k };
		static char cookies[32768];
		uint64_t popped = 0;

		open_fake(&f, kinds[k].packed, kinds[k].size, kinds[k].event_idx, kinds[k].base);
		while (popped < 70000) {
			struct front_used used;
			unsigned parts = 1 + (unsigned)rng_below(&rng, 4);
			unsigned in = (unsigned)rng_below(&rng, parts + 1);
			uint16_t id;
			int e;

			for (unsigned i = 0; i < rng_below(&rng, 5); i++) {
				e = add(&f, in, parts - in, rng_below(&rng, 2), NULL, &id);
				if (e == -ENOSPC)
					break;
				assert_int_equal(e, 0);
				f.r.chain[id].cookie = &cookies[id];
			}
			(void)front_ring_kick(&f.r);
			take(&f);
			for (unsigned i = 0; f.count > 0 && i < rng_below(&rng, 5); i++)
				(void)complete(&f, (unsigned)rng_below(&rng, f.count));
			while ((e = front_ring_pop(&f.r, &used)) > 0) {
				assert_ptr_equal(used.cookie, &cookies[used.id]);
				popped++;
			}
			if (e < 0)
				fail_msg("%s: %s", kinds[k].name, f.e->fault[0].text);
		}
		if (front_evidence_count(f.e) != 0)
			fail_msg("%s: %s", kinds[k].name, f.e->fault[0].text);
		assert_int_equal(front_memory_check(f.m), 0);
		close_fake(&f);
	}
}

static void full(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		static struct fake f;
		struct front_used used;
		unsigned n = 0;

		open_fake(&f, kinds[k].packed, kinds[k].size, kinds[k].event_idx, kinds[k].base);
		while (add(&f, 1, 0, n & 1, NULL, NULL) == 0)
			n++;
		assert_int_equal(n, kinds[k].size);
		/* Nothing is seen before it is published. */
		take(&f);
		assert_int_equal(f.count, 0);
		front_ring_publish(&f.r);
		take(&f);
		assert_int_equal(f.count, n);
		(void)complete(&f, 0);
		assert_int_equal(front_ring_pop(&f.r, &used), 1);
		assert_int_equal(add(&f, 1, 0, true, NULL, NULL), 0);
		assert_int_equal(add(&f, 1, 0, true, NULL, NULL), -ENOSPC);
		assert_int_equal(front_evidence_count(f.e), 0);
		close_fake(&f);
	}
}

/* Each violation of a device, and what must be said of it. */
enum wrong {
	WRONG_ID,
	WRONG_ID_FAR,
	TWICE,
	TOO_LONG,
	INDEX_AHEAD,
	INDEX_BACK,
	USED_FLAGS,
	DESC,
	TABLE,
	AVAIL_INDEX,
	AVAIL_FLAGS,
	EVENT_FLAGS,
};

static const struct {
	const char *what;
	enum wrong wrong;
	enum front_fault fault;
	bool split;
	bool packed;
	int popped;
} wrongs[] = {
	{ "another id", WRONG_ID, FRONT_FAULT_USED_ID, true, true, -EPROTO },
	{ "no id", WRONG_ID_FAR, FRONT_FAULT_USED_ID, true, true, -EPROTO },
	{ "twice", TWICE, FRONT_FAULT_USED_ID, true, true, -EPROTO },
	{ "too long", TOO_LONG, FRONT_FAULT_USED_LEN, true, true, 1 },
	{ "index ahead", INDEX_AHEAD, FRONT_FAULT_USED_INDEX, true, false, 1 },
	{ "index back", INDEX_BACK, FRONT_FAULT_USED_INDEX, true, false, -EPROTO },
	{ "used flags", USED_FLAGS, FRONT_FAULT_USED_FLAGS, true, false, 1 },
	{ "descriptor written", DESC, FRONT_FAULT_DESC_WRITTEN, true, false, 1 },
	{ "table written", TABLE, FRONT_FAULT_DESC_WRITTEN, true, true, 1 },
	{ "available index written", AVAIL_INDEX, FRONT_FAULT_AVAIL_WRITTEN, true, false, 1 },
	{ "available flags written", AVAIL_FLAGS, FRONT_FAULT_AVAIL_WRITTEN, true, false, 1 },
	{ "event flags", EVENT_FLAGS, FRONT_FAULT_USED_FLAGS, false, true, 1 },
};

static void go_wrong(struct fake *f, enum wrong how)
{
	struct taken k = f->taken[0];
	struct vring_used *u = front_split_used(&f->r);

	switch (how) {
	case WRONG_ID: put_used(f, (uint32_t)(k.id + 5), 1, k.descs); return;
	case WRONG_ID_FAR:
		put_used(f, f->r.ops == &front_split_ops ? 0x10000U + k.id : 0xfff0, 1, k.descs);
		return;
	case TOO_LONG: put_used(f, k.id, k.writable + 1, k.descs); return;
	case INDEX_AHEAD:
		put_used(f, k.id, k.writable, k.descs);
		u->idx = htole16((uint16_t)(le16toh(u->idx) + 3));
		return;
	case INDEX_BACK: u->idx = htole16((uint16_t)(le16toh(u->idx) - 1)); return;
	case USED_FLAGS: u->flags = htole16(2); break;
	case DESC: front_split_desc(&f->r)[k.id].next ^= htole16(1); break;
	case TABLE: f->r.chain[k.id].table->at[3] ^= 1; break;
	case AVAIL_INDEX: front_split_avail(&f->r)->idx ^= htole16(1); break;
	case AVAIL_FLAGS: front_split_avail(&f->r)->flags ^= htole16(1); break;
	case EVENT_FLAGS: front_packed_device_event(&f->r)->flags = htole16(3); break;
	case TWICE: break;
	}
	put_used(f, k.id, k.writable, k.descs);
	if (how == TWICE)
		put_used(f, k.id, k.writable, k.descs);
}

static void violation(size_t i, bool packed)
{
	static struct fake f;
	struct front_used used;
	bool table = wrongs[i].wrong == TABLE || wrongs[i].wrong == EVENT_FLAGS;

	open_fake(&f, packed, SIZE, false, packed ? 0x80008000 : 100);
	assert_int_equal(add(&f, 1, 1, table, &f, NULL), 0);
	(void)front_ring_kick(&f.r);
	take(&f);
	go_wrong(&f, wrongs[i].wrong);
	if (wrongs[i].wrong == TWICE)
		assert_int_equal(front_ring_pop(&f.r, &used), 1);
	if (front_ring_pop(&f.r, &used) != wrongs[i].popped)
		fail_msg("%s: not popped as it should be", wrongs[i].what);
	/* Publishing and kicking look at what is the driver's own, and at the device's wishes. */
	if (f.r.in_flight == 0)
		assert_int_equal(add(&f, 1, 1, false, &f, NULL), 0);
	(void)front_ring_kick(&f.r);
	if (front_evidence_of(f.e, wrongs[i].fault) == 0)
		fail_msg("%s (%s): not seen", wrongs[i].what, packed ? "packed" : "split");
	/* Twice is once more than was in flight as well. */
	if (front_evidence_count(f.e) != front_evidence_of(f.e, wrongs[i].fault) &&
	    wrongs[i].wrong != TWICE)
		fail_msg("%s: seen as more than it is", wrongs[i].what);
	close_fake(&f);
}

static void violations(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
		if (wrongs[i].split)
			violation(i, false);
		if (wrongs[i].packed)
			violation(i, true);
	}
}

static bool kick_one(struct fake *f)
{
	assert_int_equal(add(f, 1, 0, false, NULL, NULL), 0);
	return front_ring_kick(&f->r);
}

/* Kicks only when the device wants one; calls when the driver does. */
static void suppression(void **state)
{
	static struct fake f;
	struct front_used used;

	(void)state;
	open_fake(&f, false, SIZE, false, 0);
	assert_false(front_ring_kick(&f.r));
	assert_true(kick_one(&f));
	front_split_used(&f.r)->flags = htole16(VRING_USED_F_NO_NOTIFY);
	assert_false(kick_one(&f));
	assert_int_equal(f.r.kicks, 1);
	close_fake(&f);

	open_fake(&f, false, SIZE, true, 0);
	*front_split_avail_event(&f.r) = htole16(2);
	assert_false(kick_one(&f));
	assert_false(kick_one(&f));
	assert_true(kick_one(&f));
	assert_false(kick_one(&f));
	assert_false(front_ring_arm(&f.r));
	assert_int_equal(le16toh(*front_split_used_event(&f.r)), 0);
	take(&f);
	(void)complete(&f, 0);
	assert_true(front_ring_arm(&f.r));
	assert_int_equal(front_ring_pop(&f.r, &used), 1);
	assert_false(front_ring_arm(&f.r));
	assert_int_equal(le16toh(*front_split_used_event(&f.r)), 1);
	close_fake(&f);

	open_fake(&f, true, SIZE, true, 0x80008000);
	front_packed_device_event(&f.r)->flags = htole16(VRING_PACKED_EVENT_FLAG_DISABLE);
	assert_false(kick_one(&f));
	front_packed_device_event(&f.r)->flags = htole16(VRING_PACKED_EVENT_FLAG_DESC);
	front_packed_device_event(&f.r)->off_wrap = htole16(0x8000 | 2);
	assert_false(kick_one(&f));
	assert_true(kick_one(&f));
	assert_false(kick_one(&f));
	front_packed_device_event(&f.r)->flags = htole16(VRING_PACKED_EVENT_FLAG_ENABLE);
	assert_true(kick_one(&f));
	take(&f);
	for (int i = 0; i < 5; i++)
		(void)complete(&f, 0);
	assert_true(front_ring_arm(&f.r));
	assert_int_equal(le16toh(front_packed_driver_event(&f.r)->off_wrap), 0x8000);
	while (front_ring_pop(&f.r, &used) > 0)
		continue;
	assert_false(front_ring_arm(&f.r));
	assert_int_equal(le16toh(front_packed_driver_event(&f.r)->off_wrap), 0x8005);
	/* Round the end: the device's wish is of the round before, then of this one. */
	for (int i = 5; i < SIZE + 1; i++) {
		(void)kick_one(&f);
		take(&f);
		(void)complete(&f, 0);
		assert_int_equal(front_ring_pop(&f.r, &used), 1);
	}
	front_packed_device_event(&f.r)->flags = htole16(VRING_PACKED_EVENT_FLAG_DESC);
	front_packed_device_event(&f.r)->off_wrap = htole16(0x8000 | 1);
	assert_false(kick_one(&f));
	front_packed_device_event(&f.r)->off_wrap = htole16(3);
	assert_false(kick_one(&f));
	assert_true(kick_one(&f));
	assert_false(kick_one(&f));
	assert_int_equal(front_evidence_count(f.e), 0);
	close_fake(&f);
}

/* A raw chain by hand: what a check builds to break a rule. */
static void raw(void **state)
{
	static struct fake f;
	struct front_used used;
	int head;

	(void)state;
	open_fake(&f, false, SIZE, false, 0);
	head = front_split_take(&f.r);
	assert_true(head >= 0);
	front_split_write(&f.r, (uint16_t)head, 0xdead0000, 7, VRING_DESC_F_WRITE, 3);
	front_split_offer(&f.r, (uint16_t)head);
	front_ring_expect(&f.r, (uint16_t)head, 1, 7, &f);
	front_ring_publish(&f.r);
	take(&f);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.taken[0].writable, 7);
	(void)complete(&f, 0);
	assert_int_equal(front_ring_pop(&f.r, &used), 1);
	assert_ptr_equal(used.cookie, &f);
	front_split_set_index(&f.r, 999);
	assert_int_equal(le16toh(front_split_avail(&f.r)->idx), 999);
	assert_int_equal(front_evidence_count(f.e), 0);
	close_fake(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order),   cmocka_unit_test(full), cmocka_unit_test(violations),
		cmocka_unit_test(suppression), cmocka_unit_test(raw),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
