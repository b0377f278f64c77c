// SPDX-License-Identifier: Apache-2.0
#include "conformance/front/memory.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

/* Guest addresses as a PC has them: RAM from 0, then from 4 GiB on. Holes of 1 GiB between regions. */
#define GUEST_FIRST UINT64_C(0)
#define GUEST_NEXT  (UINT64_C(4) << 30)
#define GUEST_HOLE  (UINT64_C(1) << 30)
/* Addresses of a process that is not this one; far from guest addresses, and in reverse order. */
#define USER_BASE UINT64_C(0x7e0000000000)
#define USER_STEP (UINT64_C(16) << 30)
/* Where a region begins in its file: never 0, and different for each. */
#define FILE_STEP (UINT64_C(3) * 4096)

#define RING_REGION_BYTES (2 * MIB)
#define DATA_REGION_BYTES (64 * MIB)
#define PAGE		  UINT64_C(4096)
/* A canary behind a buffer fills the room that its size class left, at most that much of it. */
#define TAIL_MAX ((size_t)PAGE)

/* The eight bytes that belong at an address (a multiple of 8), unless somebody writes there. */
static uint64_t pattern_word(uint64_t guest)
{
	/* Odd constant: neighbouring words differ in all bytes, and no word is 0. */
	return ((guest >> 3) + 1) * UINT64_C(0x9e3779b97f4a7c15) | UINT64_C(0x0100010001000100);
}

static uint8_t pattern_byte(uint64_t guest)
{
	uint64_t word = pattern_word(guest & ~UINT64_C(7));

	return (uint8_t)(word >> (guest & 7) * 8);
}

static void pattern_put(uint8_t *at, uint64_t guest, size_t size)
{
	size_t i = 0;

	for (; i < size && ((guest + i) & 7); i++)
		at[i] = pattern_byte(guest + i);
	for (; i + 8 <= size; i += 8) {
		uint64_t word = pattern_word(guest + i);

		memcpy(at + i, &word, sizeof(word));
	}
	for (; i < size; i++)
		at[i] = pattern_byte(guest + i);
}

/* Index of the first byte that is not the pattern's, from @from on. */
static size_t pattern_differs(const uint8_t *at, uint64_t guest, size_t from, size_t size)
{
	size_t i = from;

	for (; i < size && ((guest + i) & 7); i++)
		if (at[i] != pattern_byte(guest + i))
			return i;
	for (; i + 8 <= size; i += 8) {
		uint64_t word = pattern_word(guest + i);

		if (memcmp(at + i, &word, sizeof(word)) != 0)
			break;
	}
	for (; i < size; i++)
		if (at[i] != pattern_byte(guest + i))
			return i;
	return size;
}

static int open_region(struct front_region *r, unsigned index, uint64_t guest, uint64_t size)
{
	uint64_t offset = (index + 1) * FILE_STEP;

	*r = (struct front_region){ .fd = memfd_create("guest-memory", MFD_CLOEXEC),
				    .wire = { .guest_addr = guest,
					      .size = size,
					      .user_addr = USER_BASE - index * USER_STEP,
					      .mmap_offset = offset },
				    .edge = size };
	if (r->fd < 0)
		return -errno;
	if (ftruncate(r->fd, (off_t)(offset + size)) < 0)
		return -errno;
	r->file_at = mmap(NULL, offset + size, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	if (r->file_at == MAP_FAILED) {
		r->file_at = NULL;
		return -errno;
	}
	r->at = r->file_at + offset;
	pattern_put(r->file_at, guest, offset);
	return 0;
}

static uint64_t region_size(const struct front_memory_options *o, unsigned i)
{
	if (o->region_bytes[i])
		return o->region_bytes[i];
	return i == 0 ? RING_REGION_BYTES : DATA_REGION_BYTES;
}

int front_memory_new(const struct front_memory_options *o, struct front_evidence *evidence,
		     struct front_memory **ret, struct err *reterr)
{
	static const struct front_memory_options defaults;
	struct front_memory *m = calloc(1, sizeof(*m));
	uint64_t guest = GUEST_FIRST;
	unsigned count;
	int e = 0;

	if (!m)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (!o)
		o = &defaults;
	count = o->regions ? o->regions : 2;
	assert(count <= VHOST_USER_MEM_REGIONS_MAX);
	m->evidence = evidence;
	for (unsigned i = 0; e == 0 && i < count; i++) {
		uint64_t size = region_size(o, i);

		assert(size >= PAGE && size % PAGE == 0);
		e = open_region(&m->region[i], i, guest, size);
		m->count++;
		if (o->adjacent)
			guest += size;
		else
			guest = i == 0 ? GUEST_NEXT : guest + size + GUEST_HOLE;
	}
	if (e < 0) {
		(void)front_memory_free(m);
		return err_errno(reterr, e, "cannot make the guest's memory");
	}
	*ret = m;
	return 0;
}

struct front_memory *front_memory_free(struct front_memory *m)
{
	if (!m)
		return NULL;
	/* Those that are still out as well: their requests were lost with the device. */
	while (m->newest) {
		struct front_buf *b = m->newest;

		m->newest = b->older;
		free(b);
	}
	for (unsigned i = 0; i < m->count; i++) {
		struct front_region *r = &m->region[i];

		if (r->file_at)
			(void)munmap(r->file_at, r->wire.mmap_offset + r->wire.size);
		fd_closep(&r->fd);
	}
	free(m);
	return NULL;
}

void front_memory_table(const struct front_memory *m, struct vhost_user_mem_table *ret, int *fds)
{
	*ret = (struct vhost_user_mem_table){ .count = m->count };
	for (unsigned i = 0; i < m->count; i++) {
		ret->region[i] = m->region[i].wire;
		fds[i] = m->region[i].fd;
	}
}

static size_t tail_size(const struct front_buf *b)
{
	size_t tail = b->edge ? 0 : b->room - FRONT_CANARY - b->size;

	return tail < TAIL_MAX ? tail : TAIL_MAX;
}

static void put_canaries(struct front_buf *b)
{
	pattern_put(b->at - FRONT_CANARY, b->guest - FRONT_CANARY, FRONT_CANARY);
	pattern_put(b->at + b->size, b->guest + b->size, tail_size(b));
}

static unsigned room_class(size_t room)
{
	unsigned c = 0;

	while ((UINT64_C(1) << c) < room)
		c++;
	assert(c < FRONT_ROOM_CLASSES);
	return c;
}

static struct front_buf *new_buf(struct front_memory *m, unsigned region, uint64_t at, size_t room,
				 bool edge)
{
	struct front_region *r = &m->region[region];
	struct front_buf *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	*b = (struct front_buf){ .at = r->at + at,
				 .guest = r->wire.guest_addr + at,
				 .room = room,
				 .region = region,
				 .edge = edge,
				 .older = m->newest };
	m->newest = b;
	return b;
}

/* A new piece at the next free place of a region; the canary before it comes on top of the alignment. */
static struct front_buf *carve(struct front_memory *m, unsigned region, size_t room, size_t align)
{
	struct front_region *r = &m->region[region];
	uint64_t start = r->wire.guest_addr + r->next + FRONT_CANARY;
	uint64_t at = ((start + align - 1) & ~(uint64_t)(align - 1)) - r->wire.guest_addr;
	struct front_buf *b;

	if (at > r->edge || room - FRONT_CANARY > r->edge - at)
		return NULL;
	b = new_buf(m, region, at, room, false);
	if (b)
		r->next = at + room - FRONT_CANARY;
	return b;
}

static struct front_buf *hand_out(struct front_memory *m, struct front_buf *b, size_t size)
{
	if (!b)
		return NULL;
	b->size = size;
	b->next = NULL;
	put_canaries(b);
	m->live++;
	return b;
}

struct front_buf *front_buf_new(struct front_memory *m, size_t size)
{
	unsigned c;
	struct front_buf *b;

	if (size > m->region[m->count - 1].wire.size)
		return NULL;
	c = room_class(size + 2 * FRONT_CANARY);
	b = m->spare[c];
	if (b)
		m->spare[c] = b->next;
	else
		b = carve(m, m->count - 1, (size_t)1 << c, FRONT_CANARY);
	return hand_out(m, b, size);
}

struct front_buf *front_buf_new_ring(struct front_memory *m, size_t size, size_t align)
{
	size_t room = (size + 2 * FRONT_CANARY + FRONT_CANARY - 1) & ~(size_t)(FRONT_CANARY - 1);

	assert(align && (align & (align - 1)) == 0);
	return hand_out(m, carve(m, 0, room, align > FRONT_CANARY ? align : FRONT_CANARY), size);
}

struct front_buf *front_buf_new_edge(struct front_memory *m, unsigned region, size_t size)
{
	struct front_region *r = &m->region[region];
	size_t room = size + FRONT_CANARY;
	struct front_buf *b;

	assert(region < m->count);
	if (r->edge != r->wire.size || room > r->edge - r->next)
		return NULL;
	b = new_buf(m, region, r->wire.size - size, room, true);
	if (b)
		r->edge = r->wire.size - room;
	return hand_out(m, b, size);
}

int front_buf_check(struct front_memory *m, struct front_buf *b, const char *what)
{
	size_t tail = tail_size(b);
	size_t before = pattern_differs(b->at - FRONT_CANARY, b->guest - FRONT_CANARY, 0,
					FRONT_CANARY);
	size_t behind = pattern_differs(b->at + b->size, b->guest + b->size, 0, tail);

	if (before == FRONT_CANARY && behind == tail)
		return 0;
	if (before < FRONT_CANARY)
		front_fault(m->evidence, FRONT_FAULT_CANARY, "%s: %zu bytes before it", what,
			    FRONT_CANARY - before);
	if (behind < tail)
		front_fault(m->evidence, FRONT_FAULT_CANARY, "%s of %zu bytes: byte %zu", what,
			    b->size, b->size + behind);
	put_canaries(b);
	return -EBADMSG;
}

void front_buf_free(struct front_memory *m, struct front_buf *b)
{
	unsigned c;

	if (!b)
		return;
	(void)front_buf_check(m, b, "a buffer that was given back");
	m->live--;
	c = room_class(b->room);
	/* Ring parts and edges are of odd sizes: they are not handed out again. */
	if (b->edge || b->room != (size_t)1 << c || b->region != m->count - 1) {
		if (b->edge)
			m->region[b->region].edge = m->region[b->region].wire.size;
		return;
	}
	b->next = m->spare[c];
	m->spare[c] = b;
}

void front_buf_poison(struct front_buf *b)
{
	pattern_put(b->at, b->guest, b->size);
}

size_t front_buf_untouched(const struct front_buf *b, size_t from)
{
	return pattern_differs(b->at, b->guest, from, b->size);
}

int front_memory_check(struct front_memory *m)
{
	int e = 0;

	for (unsigned i = 0; i < m->count; i++) {
		struct front_region *r = &m->region[i];
		uint64_t size = r->wire.mmap_offset;
		size_t at = pattern_differs(r->file_at, r->wire.guest_addr, 0, size);

		if (at == size)
			continue;
		front_fault(m->evidence, FRONT_FAULT_CANARY,
			    "byte %zu of region %u's file, before its offset", at, i);
		pattern_put(r->file_at, r->wire.guest_addr, size);
		e = -EBADMSG;
	}
	return e;
}

static const struct front_region *find(const struct front_memory *m, uint64_t guest, uint64_t size)
{
	for (unsigned i = 0; i < m->count; i++) {
		const struct vhost_user_mem_region *w = &m->region[i].wire;

		if (guest >= w->guest_addr && guest - w->guest_addr < w->size &&
		    size <= w->size - (guest - w->guest_addr))
			return &m->region[i];
	}
	return NULL;
}

uint8_t *front_guest_at(const struct front_memory *m, uint64_t guest, uint64_t size)
{
	const struct front_region *r = find(m, guest, size);

	return r ? r->at + (guest - r->wire.guest_addr) : NULL;
}

uint64_t front_guest_to_user(const struct front_memory *m, uint64_t guest)
{
	const struct front_region *r = find(m, guest, 1);

	assert(r);
	return r->wire.user_addr + (guest - r->wire.guest_addr);
}

uint64_t front_guest_nowhere(const struct front_memory *m)
{
	(void)m;
	return GUEST_NEXT - GUEST_HOLE;
}
