/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_REF_DRIVER_H
#define VQ_TEST_REF_DRIVER_H

/*
 * A *fake* guest: two adjacent regions of memory in two files, and a driver of split and packed rings in
 * them. It knows the specification and nothing of the device's code. Nothing here is a real guest.
 */

#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conformance/wire/vhost_user.h"

#define REGION	  UINT64_C(0x100000)
#define BASE	  UINT64_C(0x40000000) /* guest-physical, of the first region */
#define USER	  UINT64_C(0x7f1200000000)
#define DATA	  UINT64_C(0x80000) /* offset of buffers; before it are rings */
#define IN_BYTES  ((uint32_t)sizeof(struct fuse_in_header))
#define OUT_BYTES ((uint32_t)sizeof(struct fuse_out_header))
#define PACKED_BITS(avail, used) \
	((uint16_t)((avail) << VRING_PACKED_DESC_F_AVAIL | (used) << VRING_PACKED_DESC_F_USED))

struct fake_guest {
	int fd[2];
	uint8_t *ram; /* both, one behind the other */
};

struct fake_seg {
	uint64_t addr; /* guest-physical */
	uint32_t len;
	bool write;
};

struct fake_ring {
	struct fake_guest *g;
	bool packed;
	bool event_idx;
	uint16_t size;
	uint64_t at; /* offset of the ring in the first region */
	uint16_t avail;
	uint16_t used;
	bool avail_wrap;
	bool used_wrap;
	uint16_t next_desc;	  /* split: the next chain's first */
	uint16_t slots_of[32768]; /* packed: by id */
	uint16_t next_id;
};

static inline int fake_guest_open(struct fake_guest *g)
{
	g->ram = mmap(NULL, 2 * REGION, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 2; i++) {
		g->fd[i] = memfd_create("fake-guest", MFD_CLOEXEC);
		if (g->fd[i] < 0 || ftruncate(g->fd[i], (off_t)REGION) < 0 ||
		    mmap(g->ram + (uint64_t)i * REGION, REGION, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, g->fd[i], 0) == MAP_FAILED)
			return -1;
	}
	return 0;
}

static inline void fake_guest_close(struct fake_guest *g)
{
	for (int i = 0; i < 2; i++)
		(void)close(g->fd[i]);
	(void)munmap(g->ram, 2 * REGION);
}

/* User addresses are another order than guest addresses, so that one cannot be taken for the other. */
static inline struct vhost_user_mem_region fake_region(int i)
{
	return (struct vhost_user_mem_region){
		.guest_addr = BASE + (uint64_t)i * REGION,
		.size = REGION,
		.user_addr = USER - (uint64_t)i * 4 * REGION,
		.mmap_offset = 0,
	};
}

static inline uint8_t *fake_at(const struct fake_guest *g, uint64_t addr)
{
	return g->ram + (addr - BASE);
}

/* Where the three parts are, as offsets in the first region. */
static inline uint64_t fake_desc(const struct fake_ring *f)
{
	return f->at;
}
static inline uint64_t fake_driver(const struct fake_ring *f)
{
	return f->at + 16 * (uint64_t)f->size;
}
static inline uint64_t fake_device(const struct fake_ring *f)
{
	return (fake_driver(f) + 6 + 2 * (uint64_t)f->size + 15) & ~UINT64_C(15);
}

static inline struct vring_desc *fake_table(const struct fake_ring *f)
{
	return (void *)(f->g->ram + fake_desc(f));
}
static inline struct vring_packed_desc *fake_slots(const struct fake_ring *f)
{
	return (void *)(f->g->ram + fake_desc(f));
}
static inline struct vring_avail *fake_avail(const struct fake_ring *f)
{
	return (void *)(f->g->ram + fake_driver(f));
}
static inline struct vring_used *fake_used_ring(const struct fake_ring *f)
{
	return (void *)(f->g->ram + fake_device(f));
}
static inline struct vring_packed_desc_event *fake_driver_event(const struct fake_ring *f)
{
	return (void *)(f->g->ram + fake_driver(f));
}
static inline struct vring_packed_desc_event *fake_device_event(const struct fake_ring *f)
{
	return (void *)(f->g->ram + fake_device(f));
}

static inline struct vhost_user_vring_addr fake_addr(const struct fake_ring *f, unsigned index)
{
	return (struct vhost_user_vring_addr){
		.index = index,
		.desc_user_addr = USER + fake_desc(f),
		.avail_user_addr = USER + fake_driver(f),
		.used_user_addr = USER + fake_device(f),
	};
}

static inline void fake_ring_reset(struct fake_ring *f)
{
	f->avail = f->used = f->next_desc = f->next_id = 0;
	f->avail_wrap = f->used_wrap = true;
	memset(f->g->ram + f->at, 0, fake_device(f) + 6 + 8 * (uint64_t)f->size - f->at);
}

static inline void fake_ring_init(struct fake_ring *f, struct fake_guest *g, bool packed,
				  uint16_t size, uint64_t at)
{
	memset(f, 0, sizeof(*f));
	f->g = g;
	f->packed = packed;
	f->size = size;
	f->at = at;
	fake_ring_reset(f);
}

static inline void fake_publish_split(struct fake_ring *f, uint16_t head)
{
	fake_avail(f)->ring[f->avail % f->size] = head;
	f->avail++;
	__atomic_store_n(&fake_avail(f)->idx, f->avail, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline uint16_t fake_add_split(struct fake_ring *f, const struct fake_seg *s, unsigned n)
{
	uint16_t head = f->next_desc;

	for (unsigned i = 0; i < n; i++) {
		uint16_t at = (uint16_t)((head + i) % f->size);

		fake_table(f)[at] =
			(struct vring_desc){ s[i].addr, s[i].len,
					     (uint16_t)((s[i].write ? VRING_DESC_F_WRITE : 0) |
							(i + 1 < n ? VRING_DESC_F_NEXT : 0)),
					     (uint16_t)((at + 1) % f->size) };
	}
	f->next_desc = (uint16_t)((head + n) % f->size);
	fake_publish_split(f, head);
	return head;
}

static inline uint16_t fake_flags_packed(const struct fake_ring *f, bool wrap)
{
	(void)f;
	return wrap ? PACKED_BITS(1, 0) : PACKED_BITS(0, 1);
}

/* The first slot's flags come last. */
static inline uint16_t fake_add_packed_flags(struct fake_ring *f, const struct fake_seg *s,
					     unsigned n, uint16_t extra)
{
	uint16_t id = (uint16_t)(f->next_id++ % f->size);
	uint16_t first = f->avail, first_flags = 0;

	for (unsigned i = 0; i < n; i++) {
		struct vring_packed_desc *d = &fake_slots(f)[f->avail];
		uint16_t flags = (uint16_t)(fake_flags_packed(f, f->avail_wrap) | extra |
					    (s[i].write ? VRING_DESC_F_WRITE : 0) |
					    (i + 1 < n ? VRING_DESC_F_NEXT : 0));

		d->addr = s[i].addr;
		d->len = s[i].len;
		d->id = id;
		if (i == 0)
			first_flags = flags;
		else
			d->flags = flags;
		if (++f->avail == f->size) {
			f->avail = 0;
			f->avail_wrap = !f->avail_wrap;
		}
	}
	f->slots_of[id] = (uint16_t)n;
	__atomic_store_n(&fake_slots(f)[first].flags, first_flags, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return id;
}

static inline uint16_t fake_add(struct fake_ring *f, const struct fake_seg *s, unsigned n)
{
	return f->packed ? fake_add_packed_flags(f, s, n, 0) : fake_add_split(f, s, n);
}

/* A table at guest-physical @table, and one descriptor that refers to it. */
static inline uint16_t fake_add_indirect(struct fake_ring *f, const struct fake_seg *s, unsigned n,
					 uint64_t table)
{
	struct fake_seg ref = { table, n * 16, false };

	for (unsigned i = 0; i < n; i++) {
		uint16_t flags = s[i].write ? VRING_DESC_F_WRITE : 0;

		if (f->packed)
			((struct vring_packed_desc *)(void *)fake_at(f->g, table))[i] =
				(struct vring_packed_desc){ s[i].addr, s[i].len, 0xbeef, flags };
		else
			((struct vring_desc *)(void *)fake_at(f->g,
							      table))[i] = (struct vring_desc){
				s[i].addr, s[i].len,
				(uint16_t)(flags | (i + 1 < n ? VRING_DESC_F_NEXT : 0)),
				(uint16_t)(i + 1)
			};
	}
	if (f->packed)
		return fake_add_packed_flags(f, &ref, 1, VRING_DESC_F_INDIRECT);
	fake_table(f)[f->next_desc] = (struct vring_desc){ table, n * 16, VRING_DESC_F_INDIRECT,
							   0 };
	ref.addr = f->next_desc;
	f->next_desc = (uint16_t)((f->next_desc + 1) % f->size);
	fake_publish_split(f, (uint16_t)ref.addr);
	return (uint16_t)ref.addr;
}

static inline bool fake_used_packed(struct fake_ring *f, uint16_t *id, uint32_t *len)
{
	struct vring_packed_desc *d = &fake_slots(f)[f->used];
	uint16_t flags = __atomic_load_n(&d->flags, __ATOMIC_ACQUIRE);
	bool avail = flags & PACKED_BITS(1, 0), used = flags & PACKED_BITS(0, 1);

	if (avail != used || used != f->used_wrap)
		return false;
	*id = d->id;
	*len = flags & VRING_DESC_F_WRITE ? d->len : 0;
	f->used = (uint16_t)(f->used + f->slots_of[*id]);
	if (f->used >= f->size) {
		f->used = (uint16_t)(f->used - f->size);
		f->used_wrap = !f->used_wrap;
	}
	return true;
}

static inline bool fake_used(struct fake_ring *f, uint16_t *id, uint32_t *len)
{
	struct vring_used *u = fake_used_ring(f);

	if (f->packed)
		return fake_used_packed(f, id, len);
	if (__atomic_load_n(&u->idx, __ATOMIC_ACQUIRE) == f->used)
		return false;
	*id = (uint16_t)u->ring[f->used % f->size].id;
	*len = u->ring[f->used % f->size].len;
	f->used++;
	return true;
}

/* A FUSE message in the buffer at offset @at: header and @n bytes of @fill. Returns its guest address. */
static inline uint64_t fake_message(struct fake_guest *g, uint64_t at, uint32_t opcode,
				    uint64_t unique, uint8_t fill, uint32_t n)
{
	struct fuse_in_header h = { .len = IN_BYTES + n, .opcode = opcode, .unique = unique };

	memcpy(g->ram + at, &h, sizeof(h));
	memset(g->ram + at + sizeof(h), fill, n);
	return BASE + at;
}

#endif
