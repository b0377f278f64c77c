// SPDX-License-Identifier: Apache-2.0
/* Packed virtqueues. Source: virtio 1.4, 2.8. Sizes need not be powers of two. */
#include <endian.h>

#include "conformance/ref/fault/fault.h"
#include "conformance/ref/vhost/ring.h"

#define load(p)		__atomic_load_n(p, __ATOMIC_RELAXED)
#define store(p, value) __atomic_store_n(p, value, __ATOMIC_RELAXED)

#define F_AVAIL	    (1U << VRING_PACKED_DESC_F_AVAIL)
#define F_USED	    (1U << VRING_PACKED_DESC_F_USED)
#define EVENT_FLAGS 3U
/* Of the two halves of SET_VRING_BASE: an index and its wrap counter. Source: vhost-user. */
#define BASE_INDEX 0x7fffU
#define BASE_WRAP  0x8000U

static struct vring_packed_desc *slots_of(const struct ring *r)
{
	return r->view->desc;
}

static void packed_sizes(const struct ring *r, uint64_t *desc, uint64_t *driver, uint64_t *device)
{
	*desc = (uint64_t)r->size * sizeof(struct vring_packed_desc);
	*driver = sizeof(struct vring_packed_desc_event);
	*device = sizeof(struct vring_packed_desc_event);
}

static int packed_begin(struct ring *r)
{
	uint32_t base = r->base_set ? r->base : RING_PACKED_BASE;
	uint32_t used = base >> 16;

	if ((base & BASE_INDEX) >= r->size || (used & BASE_INDEX) >= r->size)
		return -EINVAL;
	r->avail = base & BASE_INDEX;
	r->avail_wrap = base & BASE_WRAP;
	r->used = used & BASE_INDEX;
	r->used_wrap = used & BASE_WRAP;
	return 0;
}

static uint32_t packed_base(const struct ring *r)
{
	uint32_t avail = r->avail | (r->avail_wrap ? BASE_WRAP : 0);
	uint32_t used = r->used | (r->used_wrap ? BASE_WRAP : 0);

	return avail | used << 16;
}

static bool flags_available(uint16_t flags, bool wrap)
{
	return !!(flags & F_AVAIL) == wrap && !!(flags & F_USED) != wrap;
}

static bool packed_available(const struct ring *r)
{
	uint16_t flags = __atomic_load_n(&slots_of(r)[r->avail].flags, __ATOMIC_ACQUIRE);

	return flags_available(le16toh(flags), r->avail_wrap);
}

static void step(uint16_t *at, bool *wrap, uint32_t by, uint32_t size)
{
	uint32_t next = *at + by;

	if ((size & (size - 1)) != 0 && fault_at(FAULT_PACKED_POWER))
		size = UINT32_C(1) << (31 - __builtin_clz(size));
	if (next >= size) {
		next -= size;
		*wrap = !*wrap;
	}
	*at = (uint16_t)next;
}

static void add_indirect(struct ring *r, struct ring_request *rr, uint64_t addr, uint32_t len)
{
	unsigned count = chain_table(r, rr, addr, len);

	/* Of the flags only this one means something here, and the order is that of the table (2.8.7). */
	for (unsigned i = 0; i < count && !rr->bad; i++) {
		const struct vring_packed_desc *d = (const void *)&r->table[i];

		if (le16toh(d->flags) & ~VRING_DESC_F_WRITE && fault_at(FAULT_PACKED_TABLE_FLAGS))
			chain_bad(rr, "an entry of a table has other flags");
		chain_add(r, rr,
			  &(struct chain_desc){ le64toh(d->addr), le32toh(d->len),
						le16toh(d->flags) & VRING_DESC_F_WRITE });
	}
}

/* The first descriptor was seen to be available; the driver has written the others before it. */
static int packed_pop(struct ring *r, struct ring_request *rr, const char **ret_why)
{
	uint16_t at = r->avail, flags;
	bool wrap = r->avail_wrap;
	uint32_t seen = 0;

	if (!packed_available(r))
		return 0;
	chain_begin(r, rr, 0);
	do {
		const struct vring_packed_desc *d = &slots_of(r)[at];

		flags = le16toh(load(&d->flags));
		if (!flags_available(flags, wrap)) {
			*ret_why = "a chain is available in part only";
			return -EPROTO;
		}
		if (++seen > r->size) {
			*ret_why = "a chain is longer than the queue";
			return -EPROTO;
		}
		rr->pub.head = le16toh(load(&d->id)); /* the last one's counts */
		if (flags & VRING_DESC_F_INDIRECT) {
			if (seen > 1 || (flags & VRING_DESC_F_NEXT))
				chain_bad(rr, "an indirect descriptor is part of a chain");
			else
				add_indirect(r, rr, le64toh(load(&d->addr)),
					     le32toh(load(&d->len)));
		} else {
			chain_add(r, rr,
				  &(struct chain_desc){ le64toh(load(&d->addr)),
							le32toh(load(&d->len)),
							flags & VRING_DESC_F_WRITE });
		}
		step(&at, &wrap, 1, r->size);
	} while (flags & VRING_DESC_F_NEXT);
	rr->slots = (uint16_t)seen;
	r->avail = at;
	r->avail_wrap = wrap;
	chain_end(r, rr);
	return 1;
}

/* One used descriptor for the whole chain; the next goes behind the slots that it took (2.8.5). */
static void packed_push(struct ring *r, uint16_t head, uint16_t slots, uint32_t used)
{
	struct vring_packed_desc *d = &slots_of(r)[r->used];
	uint16_t flags = r->used_wrap ? F_AVAIL | F_USED : 0;
	bool used_wrap = r->used_wrap;

	/* The length means something only if the device says that it wrote. */
	if (used > 0 || fault_at(FAULT_PACKED_WRITE_FLAG))
		flags |= VRING_DESC_F_WRITE;
	store(&d->id, htole16(head));
	store(&d->len, htole32(used));
	__atomic_store_n(&d->flags, htole16(flags), __ATOMIC_RELEASE);
	if (slots > 1 && fault_at(FAULT_PACKED_SLOTS))
		slots = 1;
	step(&r->used, &used_wrap, slots, r->size);
	if (used_wrap == r->used_wrap || !fault_at(FAULT_PACKED_WRAP))
		r->used_wrap = used_wrap;
	r->pushed += slots;
}

static bool packed_must_call(const struct ring *r)
{
	const struct vring_packed_desc_event *e = r->view->driver;
	uint16_t off_wrap, flags, event;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	flags = le16toh(load(&e->flags)) & EVENT_FLAGS;
	if (flags == VRING_PACKED_EVENT_FLAG_DISABLE)
		return false;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !r->event_idx || r->never_called ||
	    r->pushed >= r->size)
		return true;
	/* The flags are written after the offset: read them in the other order. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	off_wrap = le16toh(load(&e->off_wrap));
	event = off_wrap & BASE_INDEX;
	if (!!(off_wrap & BASE_WRAP) != r->used_wrap)
		event = (uint16_t)(event - r->size);
	return vring_need_event(event, r->used, (uint16_t)(r->used - r->pushed));
}

static void packed_want_kick(struct ring *r, bool wanted)
{
	struct vring_packed_desc_event *e = r->view->device;
	uint16_t flags = VRING_PACKED_EVENT_FLAG_ENABLE;

	if (!wanted)
		flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	else if (r->event_idx)
		flags = VRING_PACKED_EVENT_FLAG_DESC;
	if (flags == VRING_PACKED_EVENT_FLAG_DESC)
		store(&e->off_wrap, htole16(r->avail | (r->avail_wrap ? BASE_WRAP : 0)));
	__atomic_store_n(&e->flags, htole16(flags), __ATOMIC_RELEASE);
}

const struct ring_format ring_packed = {
	.name = "packed",
	.sizes = packed_sizes,
	.begin = packed_begin,
	.base = packed_base,
	.available = packed_available,
	.pop = packed_pop,
	.push = packed_push,
	.must_call = packed_must_call,
	.want_kick = packed_want_kick,
};
