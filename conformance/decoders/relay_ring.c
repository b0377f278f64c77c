// SPDX-License-Identifier: Apache-2.0
/* The relay's copy of a ring: chains of the guest on their way to the daemon, and what comes back. */
#include "conformance/decoders/fuzz.h"

#include "relay/ring.h"

#define REGION UINT64_C(0x8000)
#define USER   UINT64_C(0x100000)
#define TURNS  8

static struct memory memory;
static uint8_t *ram;

static void prepare(void)
{
	struct err err;

	if (ram)
		return;
	ram = mmap(NULL, 2 * REGION, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (unsigned i = 0; i < 2; i++) {
		struct vhost_user_mem_region r = { .guest_addr = i * REGION,
						   .size = REGION,
						   .user_addr = USER + i * REGION };
		int fd = memfd_create("ram", MFD_CLOEXEC);

		if (fd < 0 || ftruncate(fd, (off_t)REGION) < 0 ||
		    mmap(ram + i * REGION, REGION, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			 fd, 0) == MAP_FAILED ||
		    memory_add(&memory, &r, fd, &err) < 0)
			abort();
		(void)close(fd);
	}
}

int fuzz_target(const uint8_t *data, size_t size)
{
	static uint8_t shadow[SHADOW_RING_SIZE] __attribute__((aligned(4096)));
	static struct queue q;
	struct fuzz_in in = { data, size };
	struct init_seen init = { 0 };
	struct err err;

	prepare();
	memset(ram, 0, 2 * REGION);
	memset(shadow, 0, sizeof(shadow));
	queue_init(&q, 1, shadow, &init);
	(void)!queue_set_size(&q, 1U << fuzz_number(&in, 1) % 7, &err);
	q.event_idx = fuzz_number(&in, 1) & 1;
	q.addr = (struct vhost_user_vring_addr){
		.desc_user_addr = USER,
		.avail_user_addr = USER + 16 * (uint64_t)q.size,
		.used_user_addr = (USER + 18 * (uint64_t)q.size + 6 + 15) & ~UINT64_C(15),
	};
	(void)fuzz_copy(&in, ram, (size_t)fuzz_number(&in, 2));
	if (queue_resolve(&q, &memory, &err) < 0)
		abort();
	queue_reset(&q, (uint16_t)fuzz_number(&in, 2));
	q.running = q.enabled = true;
	for (unsigned turn = 0; turn < TURNS; turn++) {
		size_t at = (size_t)(fuzz_number(&in, 2) % REGION);
		size_t count = (size_t)(fuzz_number(&in, 1) % 64);

		(void)queue_submit(&q, &memory);
		(void)fuzz_copy(&in, ram + at, count);
		/* The daemon is not trusted either. */
		at = (size_t)(SHADOW_USED +
			      fuzz_number(&in, 2) % (SHADOW_RING_SIZE - SHADOW_USED - 64));
		(void)fuzz_copy(&in, shadow + at, (size_t)(fuzz_number(&in, 1) % 64));
		(void)queue_complete(&q, &memory);
	}
	queue_stop(&q, &memory, (uint16_t)fuzz_number(&in, 2));
	queue_free(&q);
	return 0;
}
