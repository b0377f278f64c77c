// SPDX-License-Identifier: Apache-2.0
/*
 * A driver that notifies and is notified only as the rings' event suppression says: whoever forgets to tell
 * the other one leaves it asleep for ever. Every format, with and without workers and busy-polling.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conformance/test/test_ref_frontend.h"

#define SIZE	 32
#define DEPTH	 12
#define REQUESTS 6000
#define ASLEEP_S 5

struct load {
	struct front f;
	bool busy[DEPTH];
	unsigned sent;
	unsigned done;
	unsigned kicks;
	unsigned calls;
};

/* Must the device be kicked for the @added entries (split) or slots (packed) that it has not seen? */
static bool must_kick(struct fake_ring *r, uint16_t added)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!r->packed) {
		uint16_t flags = __atomic_load_n(&fake_used_ring(r)->flags, __ATOMIC_RELAXED);
		uint16_t event = (uint16_t)__atomic_load_n(&fake_used_ring(r)->ring[r->size].id,
							   __ATOMIC_RELAXED);

		if (!r->event_idx)
			return !(flags & VRING_USED_F_NO_NOTIFY);
		return vring_need_event(event, r->avail, (uint16_t)(r->avail - added));
	}
	uint16_t flags = __atomic_load_n(&fake_device_event(r)->flags, __ATOMIC_ACQUIRE);
	uint16_t off = __atomic_load_n(&fake_device_event(r)->off_wrap, __ATOMIC_RELAXED);
	uint16_t event = off & 0x7fff;

	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags == VRING_PACKED_EVENT_FLAG_ENABLE;
	if (off >> 15 != r->avail_wrap)
		event = (uint16_t)(event - r->size);
	return vring_need_event(event, r->avail, (uint16_t)(r->avail - added));
}

/* Now the driver wants to be called. */
static void arm(struct fake_ring *r)
{
	if (!r->packed && !r->event_idx) {
		__atomic_store_n(&fake_avail(r)->flags, 0, __ATOMIC_RELAXED);
	} else if (!r->packed) {
		__atomic_store_n(&fake_avail(r)->ring[r->size], r->used, __ATOMIC_RELAXED);
	} else {
		if (r->event_idx)
			__atomic_store_n(&fake_driver_event(r)->off_wrap,
					 (uint16_t)(r->used | r->used_wrap << 15),
					 __ATOMIC_RELAXED);
		__atomic_store_n(&fake_driver_event(r)->flags,
				 r->event_idx ? VRING_PACKED_EVENT_FLAG_DESC
					      : VRING_PACKED_EVENT_FLAG_ENABLE,
				 __ATOMIC_RELEASE);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void disarm(struct fake_ring *r)
{
	if (!r->packed && !r->event_idx)
		fake_avail(r)->flags = VRING_AVAIL_F_NO_INTERRUPT;
	else if (r->packed && !r->event_idx)
		fake_driver_event(r)->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
}

static void add(struct load *l, unsigned slot, uint8_t fill)
{
	struct fake_ring *r = &l->f.ring[1];
	uint64_t at = front_buffer(slot);
	struct fake_seg s[2] = {
		{ fake_message(&l->f.g, at, OP_ECHO, slot + 1, fill, PAYLOAD), IN_BYTES + PAYLOAD,
		  false },
		{ BASE + at + 512, OUT_BYTES + PAYLOAD, true },
	};

	memset(l->f.g.ram + at + 512, 0xaa, OUT_BYTES + PAYLOAD);
	/* Its descriptors (or its id) are those of the slot, so that any order of ends is right. */
	r->next_desc = (uint16_t)(2 * slot);
	r->next_id = (uint16_t)slot;
	(void)fake_add(r, s, 2);
	l->busy[slot] = true;
	l->sent++;
}

static void refill(struct load *l)
{
	struct fake_ring *r = &l->f.ring[1];
	uint16_t added = 0;

	for (unsigned slot = 0; slot < DEPTH && l->sent < REQUESTS; slot++) {
		if (l->busy[slot])
			continue;
		add(l, slot, (uint8_t)(slot + 1));
		added = (uint16_t)(added + (r->packed ? 2 : 1));
		/* Now and then one by one, else many with one look. */
		if (l->sent % 3 == 0)
			break;
	}
	if (added > 0 && must_kick(r, added)) {
		front_kick(&l->f, 1);
		l->kicks++;
	}
}

/* NULL, or what went wrong. */
static const char *collect(struct load *l)
{
	uint16_t id;
	uint32_t len;

	while (fake_used(&l->f.ring[1], &id, &len)) {
		unsigned slot = l->f.ring[1].packed ? id : id / 2;

		if (slot >= DEPTH || !l->busy[slot])
			return "an answer to nothing";
		if (len != OUT_BYTES + PAYLOAD || !front_answered(&l->f, slot, (uint8_t)(slot + 1)))
			return "a wrong answer";
		l->busy[slot] = false;
		l->done++;
	}
	return NULL;
}

static const char *drive(struct load *l)
{
	while (l->done < REQUESTS) {
		unsigned before = l->done;
		const char *wrong;
		uint64_t count;

		refill(l);
		wrong = collect(l);
		if (wrong)
			return wrong;
		if (l->done != before)
			continue;
		if (l->sent < REQUESTS && l->sent - l->done < DEPTH && l->sent % 3 == 0)
			continue;
		arm(&l->f.ring[1]);
		wrong = collect(l);
		if (wrong)
			return wrong;
		if (l->done == before) {
			if (!front_readable(l->f.call[1], ASLEEP_S * 1000))
				return "both sides sleep";
			(void)!read(l->f.call[1], &count, sizeof(count));
			l->calls++;
		}
		disarm(&l->f.ring[1]);
	}
	return NULL;
}

static void run(uint64_t features, unsigned threads, unsigned poll_us)
{
	const struct ref_options o = { .queues = 1, .threads = threads, .poll_us = poll_us };
	struct load *l = calloc(1, sizeof(*l));
	const char *wrong;

	ref_log_set_level(REF_LOG_ERROR);
	assert_non_null(l);
	assert_int_equal(front_open(&l->f, &o), 0);
	assert_int_equal(front_start(&l->f, features, P(REPLY_ACK) | P(CONFIGURE_MEM_SLOTS), SIZE),
			 0);
	wrong = drive(l);
	if (wrong)
		fail_msg("features %#llx, %u workers, poll %u: %s after %u of %u",
			 (unsigned long long)features, threads, poll_us, wrong, l->done, l->sent);
	assert_int_equal(l->f.fs.served, REQUESTS);
	print_message("features %#llx, %u workers, poll %u us: %u kicks, %u calls\n",
		      (unsigned long long)features, threads, poll_us, l->kicks, l->calls);
	front_close(&l->f);
	free(l);
}

static const uint64_t kinds[] = { F_BASE, F_BASE | F_EVENT, F_BASE | F_PACKED,
				  F_BASE | F_PACKED | F_EVENT };

static void test_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		run(kinds[i], 0, 0);
}

static void test_workers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		run(kinds[i], 3, 0);
}

static void test_busy_polling(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		run(kinds[i], (unsigned)i % 2, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_workers),
		cmocka_unit_test(test_busy_polling),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
