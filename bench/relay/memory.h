/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RELAY_MEMORY_H
#define VQ_RELAY_MEMORY_H

#include "base/err.h"
#include "conformance/wire/vhost_user.h"

#include <stddef.h>

/* Regions of guest memory that one VMM may give; QEMU gives a handful. */
/* RAM, and what a DAX window may hold at most: QEMU has room for 512 pieces. */
#define MEMORY_REGIONS_MAX 528

/*
 * The relay's own region, where the daemon finds the shadow rings. It lies beyond every address
 * that a processor knows (52 bits physical, 56 bits of user address), so it meets nothing.
 */
#define SHADOW_GUEST_ADDR (UINT64_C(1) << 56)
#define SHADOW_USER_ADDR  (UINT64_C(1) << 57)

/* Guest memory as the front end described it, mapped here. Zero-initialise. */
struct memory_region {
	struct vhost_user_mem_region at;
	uint8_t *host; /* where guest_addr is mapped */
	void *map;
	size_t map_size;
};

struct memory {
	struct memory_region region[MEMORY_REGIONS_MAX];
	size_t count;
};

/**
 * memory_add() - map a region.
 * @fd: borrowed; must be at least as large as the region says.
 * Return: 0; -EINVAL for a region that is empty, wraps, overlaps another one or the shadow rings;
 * -E2BIG; -errno of mmap().
 */
int memory_add(struct memory *m, const struct vhost_user_mem_region *r, int fd, struct err *reterr)
	MUST_USE;

/** memory_remove() - unmap the region with these addresses and this size; -ENOENT when none has. */
int memory_remove(struct memory *m, const struct vhost_user_mem_region *r, struct err *reterr)
	MUST_USE;

/** memory_at() - guest-physical [@addr, @addr + @size) here; NULL unless it lies in one region. */
void *memory_at(const struct memory *m, uint64_t addr, uint64_t size);

/** memory_at_user() - the same for an address of the front end. */
void *memory_at_user(const struct memory *m, uint64_t addr, uint64_t size);

/** memory_read() - copy guest memory out, across regions that touch. 0 or -EFAULT. */
int memory_read(const struct memory *m, uint64_t addr, void *ret, size_t size) MUST_USE;

/** memory_holds() - is every byte of [@addr, @addr + @size) guest memory? */
int memory_holds(const struct memory *m, uint64_t addr, uint64_t size);

void memory_free(struct memory *m);

#endif
