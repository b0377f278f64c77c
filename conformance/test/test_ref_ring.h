/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_REF_RING_H
#define VQ_TEST_REF_RING_H

/* A ring of the device without threads, in the memory of a fake guest, with the fake driver at its other end. */

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "conformance/ref/log.h"
#include "conformance/ref/vhost/ring_pool.h"
#include "conformance/test/test_ref_driver.h"

#define F(bit)	 (UINT64_C(1) << (bit))
#define F_PACKED F(34)
#define F_EVENT	 F(VIRTIO_RING_F_EVENT_IDX)
#define F_INDIR	 F(VIRTIO_RING_F_INDIRECT_DESC)

struct fixture {
	struct fake_guest g;
	struct memory_now now;
	struct ring r;
	struct fake_ring f;
	int call;
};

static inline int setup(void **state)
{
	struct fixture *t = calloc(1, sizeof(*t));

	*state = t;
	ref_log_set_level(REF_LOG_ERROR);
	if (!t || fake_guest_open(&t->g) < 0)
		return -1;
	(void)pthread_mutex_init(&t->now.lock, NULL);
	t->now.table = memory_new();
	for (int i = 0; i < 2; i++) {
		struct vhost_user_mem_region r = fake_region(i);
		struct memory *next;

		if (memory_add(t->now.table, &r, t->g.fd[i], &next, NULL) < 0)
			return -1;
		(void)memory_unref(t->now.table);
		t->now.table = next;
	}
	t->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return ring_init(&t->r, 1, &t->now);
}

static inline int teardown(void **state)
{
	struct fixture *t = *state;

	ring_destroy(&t->r);
	(void)memory_unref(t->now.table);
	(void)close(t->call);
	fake_guest_close(&t->g);
	free(t);
	return 0;
}

static inline int begin_at(struct fixture *t, uint64_t features, uint16_t size, uint32_t base)
{
	struct ring *r = &t->r;
	int e;

	(void)pthread_mutex_lock(&r->lock);
	(void)ring_stop(r);
	ring_forget(r);
	fake_ring_init(&t->f, &t->g, features & F_PACKED, size, 0x1000);
	t->f.event_idx = features & F_EVENT;
	r->features = features;
	r->size = size;
	r->addr = fake_addr(&t->f, 1);
	r->addr_set = r->enabled = r->base_set = true;
	r->base = base;
	fd_closep(&r->call_fd);
	r->call_fd = dup(t->call);
	e = ring_start(r);
	(void)pthread_mutex_unlock(&r->lock);
	return e;
}

static inline void begin(struct fixture *t, uint64_t features, uint16_t size)
{
	assert_int_equal(begin_at(t, features, size, features & F_PACKED ? RING_PACKED_BASE : 0),
			 0);
}

static inline struct ring_request *pop(struct fixture *t, unsigned max)
{
	struct ring_request *rr;

	(void)pthread_mutex_lock(&t->r.lock);
	rr = ring_pop(&t->r, max);
	(void)pthread_mutex_unlock(&t->r.lock);
	return rr;
}

static inline bool rest(struct fixture *t)
{
	bool more;

	(void)pthread_mutex_lock(&t->r.lock);
	more = ring_rest(&t->r);
	(void)pthread_mutex_unlock(&t->r.lock);
	return more;
}

static inline void call(struct fixture *t)
{
	(void)pthread_mutex_lock(&t->r.lock);
	ring_call(&t->r);
	(void)pthread_mutex_unlock(&t->r.lock);
}

static inline bool called(struct fixture *t)
{
	uint64_t n;

	return read(t->call, &n, sizeof(n)) == sizeof(n);
}

/* A message of @n segments, the last one writable. */
static inline uint16_t add(struct fixture *t, unsigned n)
{
	struct fake_seg s[8];
	uint64_t at = fake_message(&t->g, DATA, FUSE_GETATTR, 99, 1, 256);

	for (unsigned i = 0; i + 1 < n; i++)
		s[i] = (struct fake_seg){ at + 64 * (uint64_t)i, 64, false };
	s[n - 1] = (struct fake_seg){ BASE + DATA + 0x1000, 128, true };
	return fake_add(&t->f, s, n);
}

static inline void finish(struct fixture *t, struct ring_request *rr, uint32_t used)
{
	ring_serving(&t->r);
	ref_request_done(&rr->pub, used);
	ring_serving(NULL);
}

/* Pops one, looks at it, gives it back with @used bytes. */
static inline void serve(struct fixture *t, uint16_t head, uint32_t used)
{
	struct ring_request *rr = pop(t, 8);
	uint16_t id = 0xffff;
	uint32_t len = 0;

	assert_non_null(rr);
	assert_null(rr->next);
	assert_int_equal(rr->pub.head, head);
	assert_int_equal(rr->pub.queue, 1);
	finish(t, rr, used);
	assert_true(fake_used(&t->f, &id, &len));
	assert_int_equal(id, head);
	assert_int_equal(len, used);
}

#endif
