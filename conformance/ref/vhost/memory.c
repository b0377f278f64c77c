// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/vhost/memory.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "conformance/ref/fault/fault.h"
#include "conformance/ref/vhost/guard.h"

/* One mapping; shared by all tables that have it. */
struct mapping {
	atomic_uint refs;
	struct vhost_user_mem_region at;
	void *base;
	size_t size;
	size_t skip; /* bytes of the mapping before the region */
	int ticket;
};

/* What a look-up needs, side by side; sorted by guest address. */
struct slot {
	uint64_t start;
	uint64_t size;
	uint8_t *host;
	bool writable;
	struct mapping *mapping;
};

struct memory {
	atomic_uint refs;
	unsigned count;
	struct slot slot[];
};

static struct memory *table_new(unsigned count)
{
	struct memory *m = calloc(1, sizeof(*m) + count * sizeof(m->slot[0]));

	if (m)
		atomic_init(&m->refs, 1);
	return m;
}

struct memory *memory_new(void)
{
	return table_new(0);
}

struct memory *memory_ref(struct memory *m)
{
	atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
	return m;
}

static void mapping_unref(struct mapping *p)
{
	if (atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
		return;
	guard_remove(p->ticket);
	(void)munmap(p->base, p->size);
	free(p);
}

struct memory *memory_unref(struct memory *m)
{
	if (!m || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	for (unsigned i = 0; i < m->count; i++)
		mapping_unref(m->slot[i].mapping);
	free(m);
	return NULL;
}

size_t memory_count(const struct memory *m)
{
	return m->count;
}

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

/* Addresses are kept free of overflow here, so that look-ups need not care. */
static int check_region(const struct memory *m, const struct vhost_user_mem_region *r,
			struct err *reterr)
{
	uint64_t end;

	if (r->size == 0 || __builtin_add_overflow(r->guest_addr, r->size, &end) ||
	    __builtin_add_overflow(r->user_addr, r->size, &end) ||
	    __builtin_add_overflow(r->mmap_offset, r->size, &end) || end > INT64_MAX)
		return err_set(reterr, -EINVAL,
			       "region of %#" PRIx64 " bytes at %#" PRIx64
			       " is empty or wraps around",
			       r->size, r->guest_addr);
	if (m->count >= 4 && fault_at(FAULT_MEM_SLOTS))
		return err_set(reterr, -E2BIG, "more than 4 regions");
	if (m->count >= MEMORY_REGIONS_MAX)
		return err_set(reterr, -E2BIG, "more than %d regions", MEMORY_REGIONS_MAX);
	for (unsigned i = 0; i < m->count; i++) {
		const struct vhost_user_mem_region *o = &m->slot[i].mapping->at;

		if (overlaps(r->guest_addr, r->size, o->guest_addr, o->size) ||
		    overlaps(r->user_addr, r->size, o->user_addr, o->size))
			return err_set(reterr, -EINVAL,
				       "region of %#" PRIx64 " bytes at %#" PRIx64
				       " overlaps that at %#" PRIx64,
				       r->size, r->guest_addr, o->guest_addr);
	}
	return 0;
}

/*
 * What offset and size of a mapping of @fd must be multiples of: only hugetlbfs wants more than a page, and its blocks
 * are such pages. What is mapped of a DAX window is served by the broker: none of this may ask it.
 */
static uint64_t alignment(int fd)
{
	struct statfs s;
	struct statx st;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) == 0 &&
	    st.stx_blksize <= page)
		return page;
	if (fstatfs(fd, &s) == 0 && (uint32_t)s.f_type == HUGETLBFS_MAGIC &&
	    (uint64_t)s.f_bsize > page)
		return (uint64_t)s.f_bsize;
	return page;
}

/* Memory that the front end may only read is mapped so; a descriptor that wants to write there fails. */
static int map(struct mapping *p, int fd, bool *ret_writable)
{
	uint64_t align = alignment(fd);
	uint64_t skip = p->at.mmap_offset % align;
	uint64_t size;

	if (__builtin_add_overflow(p->at.size + skip, align - 1, &size))
		return -EINVAL;
	p->size = size / align * align;
	p->skip = skip;
	*ret_writable = true;
	p->base = mmap(NULL, p->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
		       (off_t)(p->at.mmap_offset - skip));
	if (p->base == MAP_FAILED && errno == EACCES) {
		*ret_writable = false;
		p->base = mmap(NULL, p->size, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd,
			       (off_t)(p->at.mmap_offset - skip));
	}
	if (p->base == MAP_FAILED)
		return -errno;
	/* A core of the device is not to hold the guest's memory. */
	(void)madvise(p->base, p->size, MADV_DONTDUMP);
	return 0;
}

static int mapping_new(const struct vhost_user_mem_region *r, int fd, struct slot *ret,
		       struct err *reterr)
{
	struct mapping *p = calloc(1, sizeof(*p));
	int e;

	if (!p)
		return err_set(reterr, -ENOMEM, "out of memory");
	p->at = *r;
	if (fault_at(FAULT_MEM_OFFSET))
		p->at.mmap_offset = 0;
	atomic_init(&p->refs, 1);
	e = map(p, fd, &ret->writable);
	if (e < 0) {
		free(p);
		return err_errno(reterr, e, "cannot map a region of %#" PRIx64 " bytes", r->size);
	}
	p->ticket = guard_add(p->base, p->size);
	ret->start = fault_at(FAULT_MEM_USER) ? r->user_addr : r->guest_addr;
	ret->size = r->size;
	ret->host = (uint8_t *)p->base + p->skip;
	ret->mapping = p;
	return 0;
}

int memory_add(const struct memory *old, const struct vhost_user_mem_region *r, int fd,
	       struct memory **ret, struct err *reterr)
{
	struct memory *m;
	struct slot added = { 0 };
	unsigned at = 0;
	int e = check_region(old, r, reterr);

	if (e < 0)
		return e;
	m = table_new(old->count + 1);
	if (!m)
		return err_set(reterr, -ENOMEM, "out of memory");
	e = mapping_new(r, fd, &added, reterr);
	if (e < 0) {
		free(m);
		return e;
	}
	for (unsigned i = 0; i < old->count; i++) {
		if (at == i && old->slot[i].start > added.start)
			m->slot[at++] = added;
		m->slot[at++] = old->slot[i];
		atomic_fetch_add_explicit(&old->slot[i].mapping->refs, 1, memory_order_relaxed);
	}
	if (at == old->count)
		m->slot[at++] = added;
	m->count = at;
	*ret = m;
	return 0;
}

int memory_remove(const struct memory *old, const struct vhost_user_mem_region *r,
		  struct memory **ret, struct err *reterr)
{
	struct memory *m = table_new(old->count);
	bool found = false;

	if (!m)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < old->count; i++) {
		const struct vhost_user_mem_region *o = &old->slot[i].mapping->at;

		if (o->guest_addr == r->guest_addr && o->user_addr == r->user_addr &&
		    o->size == r->size) {
			found = true;
			continue;
		}
		m->slot[m->count++] = old->slot[i];
		atomic_fetch_add_explicit(&old->slot[i].mapping->refs, 1, memory_order_relaxed);
	}
	if (found && fault_at(FAULT_MEM_REMOVE)) {
		(void)memory_unref(m);
		*ret = memory_ref((struct memory *)(uintptr_t)old);
		return 0;
	}
	if (!found) {
		(void)memory_unref(m);
		return err_set(reterr, -ENOENT, "no region of %#" PRIx64 " bytes at %#" PRIx64,
			       r->size, r->guest_addr);
	}
	*ret = m;
	return 0;
}

static const struct slot *slot_of(const struct memory *m, uint64_t addr, unsigned *hint)
{
	unsigned low = 0, high = m->count;

	if (*hint < m->count && addr - m->slot[*hint].start < m->slot[*hint].size)
		return &m->slot[*hint];
	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (addr < m->slot[middle].start) {
			high = middle;
		} else if (addr - m->slot[middle].start < m->slot[middle].size) {
			*hint = middle;
			return &m->slot[middle];
		} else {
			low = middle + 1;
		}
	}
	return NULL;
}

void *memory_at(const struct memory *m, uint64_t addr, bool write, unsigned *hint,
		uint64_t *ret_size)
{
	const struct slot *s = slot_of(m, addr, hint);

	if (!s || (write && !s->writable))
		return NULL;
	if (addr - s->start == s->size - 1 && fault_at(FAULT_MEM_EDGE))
		return NULL;
	*ret_size = s->size - (addr - s->start);
	if (fault_armed(FAULT_MEM_EDGE) && *ret_size > 1)
		--*ret_size;
	return s->host + (addr - s->start);
}

int memory_read(const struct memory *m, uint64_t addr, void *ret, size_t size, unsigned *hint)
{
	uint8_t *to = ret;

	while (size > 0) {
		uint64_t part;
		const void *from = memory_at(m, addr, false, hint, &part);

		if (!from)
			return -EFAULT;
		if (part > size)
			part = size;
		memcpy(to, from, part);
		to += part;
		size -= part;
		/* Regions do not wrap around: at the very end the next look-up finds none. */
		addr += part;
	}
	return 0;
}

void *memory_user(const struct memory *m, uint64_t addr, uint64_t size)
{
	for (unsigned i = 0; i < m->count; i++) {
		const struct slot *s = &m->slot[i];
		uint64_t at = addr - s->mapping->at.user_addr;

		/* A ring is written by the device, all of it by simple stores. */
		if (addr >= s->mapping->at.user_addr && at < s->size && size <= s->size - at)
			return s->writable ? s->host + at : NULL;
	}
	return NULL;
}
