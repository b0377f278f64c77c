// SPDX-License-Identifier: Apache-2.0
#include "relay/memory.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Do [a, a + a_size) and [b, b + b_size) meet? Neither wraps. */
static bool meet(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static int check_region(const struct memory *m, const struct vhost_user_mem_region *r,
			struct err *reterr)
{
	uint64_t end;

	if (r->size == 0 || __builtin_add_overflow(r->guest_addr, r->size, &end) ||
	    __builtin_add_overflow(r->user_addr, r->size, &end) ||
	    __builtin_add_overflow(r->mmap_offset, r->size, &end))
		return err_set(reterr, -EINVAL,
			       "the VMM gave a memory region of %" PRIu64 " bytes at 0x%" PRIx64
			       " that is empty or wraps",
			       r->size, r->guest_addr);
	if (r->guest_addr + r->size > SHADOW_GUEST_ADDR ||
	    r->user_addr + r->size > SHADOW_USER_ADDR)
		return err_set(reterr, -EINVAL,
			       "the VMM gave memory at 0x%" PRIx64
			       ", where the relay's own rings are",
			       r->guest_addr);
	for (size_t i = 0; i < m->count; i++)
		if (meet(r->guest_addr, r->size, m->region[i].at.guest_addr, m->region[i].at.size))
			return err_set(reterr, -EINVAL,
				       "the VMM gave memory at 0x%" PRIx64 " twice", r->guest_addr);
	return m->count < MEMORY_REGIONS_MAX
		       ? 0
		       : err_set(reterr, -E2BIG, "the VMM gave more than %d memory regions",
				 MEMORY_REGIONS_MAX);
}

int memory_add(struct memory *m, const struct vhost_user_mem_region *r, int fd, struct err *reterr)
{
	struct memory_region new = { .at = *r };
	struct stat st;
	int e = check_region(m, r, reterr);

	if (e < 0)
		return e;
	new.map_size = r->mmap_offset + r->size;
	/* A shorter file would end us with SIGBUS at the first look. */
	if (fstat(fd, &st) < 0 || (uint64_t)st.st_size < new.map_size)
		return err_set(reterr, -EINVAL,
			       "the VMM's file for memory at 0x%" PRIx64 " is too short",
			       r->guest_addr);
	new.map = mmap(NULL, new.map_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
		       0);
	if (new.map == MAP_FAILED)
		return err_errno(reterr, -errno, "cannot map guest memory at 0x%" PRIx64,
				 r->guest_addr);
	new.host = (uint8_t *)new.map + r->mmap_offset;
	m->region[m->count++] = new;
	return 0;
}

int memory_remove(struct memory *m, const struct vhost_user_mem_region *r, struct err *reterr)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct vhost_user_mem_region *at = &m->region[i].at;

		if (at->guest_addr != r->guest_addr || at->user_addr != r->user_addr ||
		    at->size != r->size)
			continue;
		(void)munmap(m->region[i].map, m->region[i].map_size);
		m->region[i] = m->region[--m->count];
		return 0;
	}
	return err_set(reterr, -ENOENT,
		       "the VMM removes memory at 0x%" PRIx64 " that it never gave", r->guest_addr);
}

static void *inside(const struct memory_region *r, uint64_t start, uint64_t addr, uint64_t size)
{
	uint64_t offset = addr - start;

	if (addr < start || offset >= r->at.size || size > r->at.size - offset)
		return NULL;
	return r->host + offset;
}

void *memory_at(const struct memory *m, uint64_t addr, uint64_t size)
{
	void *p = NULL;

	for (size_t i = 0; !p && i < m->count; i++)
		p = inside(&m->region[i], m->region[i].at.guest_addr, addr, size);
	return p;
}

void *memory_at_user(const struct memory *m, uint64_t addr, uint64_t size)
{
	void *p = NULL;

	for (size_t i = 0; !p && i < m->count; i++)
		p = inside(&m->region[i], m->region[i].at.user_addr, addr, size);
	return p;
}

/* Bytes from @addr to the end of the region that holds it; 0 when none does. */
static uint64_t run_length(const struct memory *m, uint64_t addr)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct vhost_user_mem_region *at = &m->region[i].at;

		if (addr >= at->guest_addr && addr - at->guest_addr < at->size)
			return at->size - (addr - at->guest_addr);
	}
	return 0;
}

int memory_read(const struct memory *m, uint64_t addr, void *ret, size_t size)
{
	uint8_t *to = ret;

	while (size > 0) {
		uint64_t n = run_length(m, addr);
		const void *from;

		if (n == 0)
			return -EFAULT;
		n = n < size ? n : size;
		from = memory_at(m, addr, n);
		if (!from)
			return -EFAULT;
		memcpy(to, from, n);
		to += n;
		addr += n;
		size -= n;
	}
	return 0;
}

int memory_holds(const struct memory *m, uint64_t addr, uint64_t size)
{
	while (size > 0) {
		uint64_t n = run_length(m, addr);

		if (n == 0)
			return 0;
		n = n < size ? n : size;
		addr += n;
		size -= n;
	}
	return 1;
}

void memory_free(struct memory *m)
{
	for (size_t i = 0; i < m->count; i++)
		(void)munmap(m->region[i].map, m->region[i].map_size);
	m->count = 0;
}
