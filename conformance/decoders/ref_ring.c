// SPDX-License-Identifier: Apache-2.0
/* The device's side of a ring, split or packed, with indirect tables, in memory that a driver fills as it likes. */
#include "conformance/decoders/fuzz.h"

#include "conformance/ref/log.h"
#include "conformance/ref/vhost/ring_pool.h"

#include <sys/eventfd.h>

/* Two regions that touch, from address 0 on; the second may only be read. Rings lie at the start of the first. */
#define REGION	  UINT64_C(0x8000)
#define USER	  UINT64_C(0x100000)
#define SIZE_MAX_ 64
#define TURNS	  16
#define BIT(n)	  (UINT64_C(1) << (n))

static struct memory *memory;
static uint8_t *ram;

static void prepare(void)
{
	struct err err;

	if (memory)
		return;
	ref_log_set_level(REF_LOG_ERROR);
	memory = memory_new();
	ram = mmap(NULL, 2 * REGION, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (unsigned i = 0; memory && i < 2; i++) {
		struct vhost_user_mem_region r = { .guest_addr = i * REGION,
						   .size = REGION,
						   .user_addr = USER + i * REGION };
		int fd = memfd_create("ram", MFD_CLOEXEC);
		struct memory *next;

		if (fd < 0 || ftruncate(fd, (off_t)REGION) < 0 ||
		    mmap(ram + i * REGION, REGION, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			 fd, 0) == MAP_FAILED ||
		    memory_add(memory, &r, fd, &next, &err) < 0)
			abort();
		(void)memory_unref(memory);
		(void)close(fd);
		memory = next;
	}
}

static void start(struct ring *r, struct fuzz_in *in)
{
	unsigned what = (unsigned)fuzz_number(in, 1);
	uint32_t size = 1 + (uint32_t)(fuzz_number(in, 1) % SIZE_MAX_);
	uint64_t driver = USER + 16 * (uint64_t)size;

	/* Sizes of split rings are looked at where SET_VRING_NUM is. */
	while (!(what & 1) && (size & (size - 1)) != 0)
		size &= size - 1;
	r->features = (what & 1 ? BIT(34) : 0) | (what & 2 ? BIT(VIRTIO_RING_F_EVENT_IDX) : 0) |
		      (what & 4 ? BIT(VIRTIO_RING_F_INDIRECT_DESC) : 0);
	r->size = size;
	r->addr = (struct vhost_user_vring_addr){
		.desc_user_addr = USER,
		.avail_user_addr = driver,
		.used_user_addr = (driver + 6 + 2 * (uint64_t)size + 15) & ~UINT64_C(15),
	};
	r->addr_set = r->enabled = r->base_set = true;
	r->base = (uint32_t)fuzz_number(in, what & 8 ? 4 : 0);
	if (what & 1 && !(what & 8))
		r->base = UINT32_C(0x80008000);
	(void)pthread_mutex_lock(&r->lock);
	(void)ring_start(r);
	(void)pthread_mutex_unlock(&r->lock);
}

/* Half of the requests are given back in the other order than they came in. */
static void serve(struct ring *r, unsigned max)
{
	struct ring_request *first;
	struct ring_request *late = NULL;

	(void)pthread_mutex_lock(&r->lock);
	first = ring_pop(r, max);
	(void)pthread_mutex_unlock(&r->lock);
	for (struct ring_request *rr = first, *next; rr; rr = next) {
		next = rr->next;
		for (unsigned i = 0; i < rr->pub.in_count; i++)
			(void)*((volatile uint8_t *)rr->pub.in[i].iov_base + rr->pub.in[i].iov_len -
				1);
		for (unsigned i = 0; i < rr->pub.out_count; i++)
			memset(rr->pub.out[i].iov_base, 0x5a, rr->pub.out[i].iov_len);
		if (chain_is_quick(rr)) {
			ring_finish(rr, (uint32_t)rr->pub.out_bytes);
		} else {
			rr->next = late;
			late = rr;
		}
	}
	for (struct ring_request *rr = late, *next; rr; rr = next) {
		next = rr->next;
		ring_finish(rr, UINT32_MAX);
	}
	(void)pthread_mutex_lock(&r->lock);
	ring_call(r);
	(void)ring_rest(r);
	(void)pthread_mutex_unlock(&r->lock);
}

int fuzz_target(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct memory_now now = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct ring r;

	prepare();
	now.table = memory;
	memset(ram, 0, 2 * REGION);
	if (ring_init(&r, 1, &now) < 0)
		abort();
	(void)fuzz_copy(&in, ram, (size_t)fuzz_number(&in, 2));
	start(&r, &in);
	/* Then the driver writes here and there while the device works. */
	for (unsigned turn = 0; turn < TURNS && (turn == 0 || in.left > 0); turn++) {
		size_t at = (size_t)(fuzz_number(&in, 2) % REGION);
		size_t count = (size_t)(fuzz_number(&in, 1) % 64);

		serve(&r, 1 + turn % 4);
		(void)fuzz_copy(&in, ram + at, count);
	}
	(void)pthread_mutex_lock(&r.lock);
	(void)ring_stop(&r);
	(void)pthread_mutex_unlock(&r.lock);
	ring_destroy(&r);
	(void)pthread_mutex_destroy(&now.lock);
	return 0;
}
