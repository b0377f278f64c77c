/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_VHOST_MEMORY_H
#define VQ_REF_VHOST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "conformance/wire/vhost_user.h"

/*
 * Guest memory as the front end described it. A table never changes: a message that adds or removes a
 * region makes a new one that shares the mappings of the others. Who uses a table holds a reference, so
 * that what a request was translated to stays mapped until the request is done.
 */
struct memory;

/* Slots that are announced. QEMU 11.1 takes so many, and aborts beyond 512. Measured with QEMU 11.1.3. */
#define MEMORY_SLOTS 509
/* What is taken all the same from front ends that do not ask. */
#define MEMORY_REGIONS_MAX 1024

/** memory_new() - the table without regions; NULL when out of memory. */
struct memory *memory_new(void) MUST_USE;
struct memory *memory_ref(struct memory *m);
/** memory_unref() - the last one unmaps; NULL is fine. Returns NULL. */
struct memory *memory_unref(struct memory *m);

/**
 * memory_add() - the table @old with one more region.
 * @fd: borrowed; the mapping does not need it afterwards.
 * Return: 0; -EINVAL for a region that is empty, wraps around or overlaps another; -E2BIG; -errno of mmap().
 */
int memory_add(const struct memory *old, const struct vhost_user_mem_region *r, int fd,
	       struct memory **ret, struct err *reterr) MUST_USE;

/** memory_remove() - without the region of this guest address, user address and size; -ENOENT if none has them. */
int memory_remove(const struct memory *old, const struct vhost_user_mem_region *r,
		  struct memory **ret, struct err *reterr) MUST_USE;

size_t memory_count(const struct memory *m);

/**
 * memory_at() - where guest-physical @addr is mapped.
 * @ret_size: bytes that lie behind it in the same region.
 * @hint:     kept by the caller between calls; makes the usual case one comparison.
 * Return: NULL when no region has it, or it may not be written and @write asks for that.
 */
void *memory_at(const struct memory *m, uint64_t addr, bool write, unsigned *hint,
		uint64_t *ret_size);

/** memory_read() - copy guest memory out, across regions that touch. 0 or -EFAULT. */
int memory_read(const struct memory *m, uint64_t addr, void *ret, size_t size, unsigned *hint)
	MUST_USE;

/** memory_user() - the same for [@addr, @addr + @size) in addresses of the front end; rings are given in these. */
void *memory_user(const struct memory *m, uint64_t addr, uint64_t size);

#endif
