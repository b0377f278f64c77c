// SPDX-License-Identifier: Apache-2.0
/*
 * Counters and ring. A place of the ring carries the number of its event, odd while it is written
 * (2n + 1) and even when it is whole (2n + 2), so that a reader knows what it copied.
 */
#include "conformance/ref/ledger/ledger.h"

#include "base/clock.h"
#include "conformance/ref/ledger/place.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct refdev_counters *counters; /* NULL: not started */
static struct ledger_place *ring;
static size_t ring_mask;
static _Atomic uint64_t next;
/* What this thread has waited for the front end since its last request; a request is served by one thread. */
static _Thread_local uint64_t waited_ns;
static _Thread_local uint64_t told_ns;

/* NOLINTNEXTLINE(readability-non-const-parameter): the builtin writes through it */
static void add(uint64_t *to, uint64_t n)
{
	if (n)
		(void)__atomic_fetch_add(to, n, __ATOMIC_RELAXED);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the builtin writes through it */
static void sub(uint64_t *from, uint64_t n)
{
	(void)__atomic_fetch_sub(from, n, __ATOMIC_RELAXED);
}

static int map_counters(const char *path, struct err *reterr)
{
	size_t size = sizeof(*counters);
	CLEANUP(fd_closep)
	int fd = path ? open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644)
		      : memfd_create("counters", MFD_CLOEXEC);
	void *p;

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return err_errno(reterr, -errno, "cannot make the counters file %s",
				 path ? path : "in memory");
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_errno(reterr, -errno, "cannot map the counters");
	counters = p;
	counters->version = REFDEV_COUNTERS_VERSION;
	__atomic_store_n(&counters->magic, REFDEV_COUNTERS_MAGIC, __ATOMIC_RELEASE);
	return 0;
}

int ledger_start(const char *path, size_t events, struct err *reterr)
{
	size_t places = 1;
	int e;

	if (counters)
		return err_set(reterr, -EALREADY, "the ledger runs already");
	if (events > LEDGER_EVENTS_MAX)
		return err_set(reterr, -EINVAL, "a ledger of %zu events: at most %d", events,
			       LEDGER_EVENTS_MAX);
	while (places < events)
		places *= 2;
	ring = events ? calloc(places, sizeof(*ring)) : NULL;
	if (events && !ring)
		return err_set(reterr, -ENOMEM, "no memory for a ledger of %zu events", events);
	ring_mask = places - 1;
	atomic_store(&next, 0);
	e = map_counters(path, reterr);
	if (e < 0) {
		free(ring);
		ring = NULL;
	}
	return e;
}

void ledger_stop(void)
{
	if (counters)
		(void)munmap(counters, sizeof(*counters));
	counters = NULL;
	free(ring);
	ring = NULL;
}

static void count_request(const struct ledger_event *e)
{
	uint32_t op = e->code < REFDEV_OPCODES ? e->code : 0;
	uint64_t ns = e->end_ns - e->start_ns;

	add(&counters->op[op].requests, 1);
	add(&counters->op[op].errors, e->result < 0);
	add(&counters->op[op].ns, ns);
	add(&counters->op[op].bytes_in, e->bytes);
	add(&counters->op[op].bytes_out, e->used);
	if (e->code == FUSE_SETUPMAPPING) {
		add(&counters->setup_ns, ns);
		add(&counters->setup_wait_ns, waited_ns);
		add(&counters->setup_told_ns, told_ns);
	}
	waited_ns = 0;
	told_ns = 0;
}

static void count_trip(const struct ledger_event *e, uint64_t *to)
{
	uint64_t ns = e->end_ns - e->start_ns;

	add(to, ns);
	waited_ns += ns;
}

void ledger_add(const struct ledger_event *e)
{
	if (!counters)
		return;
	switch (e->kind) {
	case LEDGER_REQUEST: count_request(e); break;
	case LEDGER_MAP: count_trip(e, &counters->map_ns); break;
	case LEDGER_UNMAP: count_trip(e, &counters->unmap_ns); break;
	case LEDGER_MESSAGE:
	case LEDGER_KIND_COUNT: break;
	}
	if (ring) {
		uint64_t n = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed);
		struct ledger_place *p = &ring[n & ring_mask];

		atomic_store_explicit(&p->number, 2 * n + 1, memory_order_relaxed);
		atomic_thread_fence(memory_order_release);
		p->event = *e;
		atomic_store_explicit(&p->number, 2 * n + 2, memory_order_release);
	}
}

void ledger_kick(void)
{
	if (counters)
		add(&counters->kicks, 1);
}

void ledger_interrupt(void)
{
	if (counters)
		add(&counters->interrupts, 1);
}

void ledger_told(uint64_t ns)
{
	told_ns += ns;
}

void ledger_bytes(uint64_t read, uint64_t written)
{
	if (!counters)
		return;
	add(&counters->bytes_read, read);
	add(&counters->bytes_written, written);
}

void ledger_mapped(uint64_t bytes)
{
	uint64_t now;
	uint64_t max;

	if (!counters)
		return;
	add(&counters->setups, 1);
	add(&counters->live, 1);
	now = __atomic_add_fetch(&counters->live_bytes, bytes, __ATOMIC_RELAXED);
	max = __atomic_load_n(&counters->live_bytes_max, __ATOMIC_RELAXED);
	while (now > max && !__atomic_compare_exchange_n(&counters->live_bytes_max, &max, now, true,
							 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		continue;
}

void ledger_unmapped(uint64_t bytes)
{
	if (!counters)
		return;
	add(&counters->removals, 1);
	sub(&counters->live, 1);
	sub(&counters->live_bytes, bytes);
}

void ledger_upgraded(void)
{
	if (counters)
		add(&counters->upgrades, 1);
}

void ledger_refused(void)
{
	if (counters)
		add(&counters->refused, 1);
}

void ledger_tail(bool shadow)
{
	if (counters)
		__atomic_store_n(&counters->tail_shadow, shadow, __ATOMIC_RELAXED);
}

void ledger_counters(struct refdev_counters *ret)
{
	*ret = (struct refdev_counters){ 0 };
	if (counters)
		*ret = *counters;
}

uint64_t ledger_first(uint64_t *ret_end)
{
	uint64_t end = atomic_load(&next);

	*ret_end = end;
	if (!ring || end <= ring_mask + 1)
		return ring ? 0 : end;
	return end - ring_mask - 1;
}

bool ledger_copy(uint64_t n, struct ledger_event *ret)
{
	const struct ledger_place *p = &ring[n & ring_mask];

	if (atomic_load_explicit(&p->number, memory_order_acquire) != 2 * n + 2)
		return false;
	*ret = p->event;
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&p->number, memory_order_relaxed) == 2 * n + 2;
}
