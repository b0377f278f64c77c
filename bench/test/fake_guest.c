// SPDX-License-Identifier: Apache-2.0
#include "fake_guest.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

struct vhost_user_mem_region fake_region(int i)
{
	uint64_t at = i ? HIGH : LOW;

	return (struct vhost_user_mem_region){ at, REGION, USER(at), 0 };
}

static int setup_memory(struct fake_guest *f)
{
	for (int i = 0; i < 2; i++) {
		struct vhost_user_mem_region r = fake_region(i);

		f->fd[i] = memfd_create("fake-guest", MFD_CLOEXEC);
		if (f->fd[i] < 0 || ftruncate(f->fd[i], REGION) < 0 ||
		    memory_add(&f->memory, &r, f->fd[i], &f->err) < 0)
			return -1;
		f->ram[i] = mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd[i], 0);
		if (f->ram[i] == MAP_FAILED)
			return -1;
	}
	f->desc = (void *)(f->ram[0] + DESC_AT);
	f->avail = (void *)(f->ram[0] + AVAIL_AT);
	f->used = (void *)(f->ram[0] + USED_AT);
	return 0;
}

int fake_open(struct fake_guest *f)
{
	if (setup_memory(f) < 0)
		return -1;
	f->shadow = aligned_alloc(4096, SHADOW_RING_SIZE);
	f->q = calloc(1, sizeof(*f->q));
	if (!f->shadow || !f->q)
		return -1;
	queue_init(f->q, 1, f->shadow, &f->init);
	f->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	f->q->guest_call = dup(f->call);
	f->q->addr = (struct vhost_user_vring_addr){ .desc_user_addr = USER(DESC_AT),
						     .avail_user_addr = USER(AVAIL_AT),
						     .used_user_addr = USER(USED_AT) };
	if (queue_set_size(f->q, RING_SIZE, &f->err) < 0 ||
	    queue_resolve(f->q, &f->memory, &f->err) < 0)
		return -1;
	queue_reset(f->q, 0);
	f->q->running = true;
	return 0;
}

void fake_close(struct fake_guest *f)
{
	queue_free(f->q);
	memory_free(&f->memory);
	for (int i = 0; i < 2; i++) {
		(void)munmap(f->ram[i], REGION);
		fd_closep(&f->fd[i]);
	}
	fd_closep(&f->call);
	free(f->q);
	free(f->shadow);
}

int fake_setup(void **state)
{
	struct fake_guest *f = calloc(1, sizeof(*f));

	*state = f;
	return f && fake_open(f) == 0 ? 0 : -1;
}

int fake_teardown(void **state)
{
	struct fake_guest *f = *state;

	fake_close(f);
	free(f);
	return 0;
}

void *fake_at(struct fake_guest *f, uint64_t addr)
{
	return addr >= HIGH ? f->ram[1] + (addr - HIGH) : f->ram[0] + addr;
}

void fake_put_desc(struct vring_desc *d, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	*d = (struct vring_desc){ htole64(addr), htole32(len), htole16(flags), htole16(next) };
}

void fake_put_header(struct fake_guest *f, uint64_t addr, uint32_t opcode, uint32_t len)
{
	const struct fuse_in_header h = { .len = len, .opcode = opcode, .unique = 7 };

	memcpy(fake_at(f, addr), &h, sizeof(h));
}

void fake_offer(struct fake_guest *f, uint16_t head)
{
	f->avail->ring[f->avail->idx % RING_SIZE] = head;
	__atomic_store_n(&f->avail->idx, (uint16_t)(f->avail->idx + 1), __ATOMIC_RELEASE);
}

void fake_offer_request(struct fake_guest *f, uint16_t head, uint32_t opcode, uint32_t room)
{
	uint64_t addr = DATA_AT + head * UINT64_C(0x400);

	fake_put_header(f, addr, opcode, IN_SIZE);
	fake_put_desc(&f->desc[head], addr, IN_SIZE, VRING_DESC_F_NEXT, (uint16_t)(head + 1));
	fake_put_desc(&f->desc[head + 1], addr + 0x100, room, VRING_DESC_F_WRITE, 0);
	fake_offer(f, head);
}

void fake_serve_head(struct fake_guest *f, uint16_t head, int32_t error, uint32_t len)
{
	struct vring_used *used = f->q->shadow.used;
	const struct fuse_out_header h = { .len = len, .error = error, .unique = 7 };

	memcpy(fake_at(f, DATA_AT + head * UINT64_C(0x400) + 0x100), &h, sizeof(h));
	used->ring[used->idx % RING_SIZE] = (struct vring_used_elem){ head, len };
	__atomic_store_n(&used->idx, (uint16_t)(used->idx + 1), __ATOMIC_RELEASE);
}
