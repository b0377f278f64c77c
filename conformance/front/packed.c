// SPDX-License-Identifier: Apache-2.0
#include "conformance/front/packed.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#define FLAG_AVAIL (UINT16_C(1) << VRING_PACKED_DESC_F_AVAIL)
#define FLAG_USED  (UINT16_C(1) << VRING_PACKED_DESC_F_USED)
/* "Event Suppression Structure Format": the offset is the lower 15 bits of its field. */
#define OFFSET_MASK ((UINT16_C(1) << VRING_PACKED_EVENT_F_WRAP_CTR) - 1)
/* vhost-user, "Packed vring": base is the driver's position below, the device's above. */
#define BASE_WRAP UINT32_C(0x8000)

struct vring_packed_desc *front_packed_desc(const struct front_ring *r)
{
	return (struct vring_packed_desc *)(void *)r->part[0]->at;
}

struct vring_packed_desc_event *front_packed_driver_event(const struct front_ring *r)
{
	return (struct vring_packed_desc_event *)(void *)r->part[1]->at;
}

struct vring_packed_desc_event *front_packed_device_event(const struct front_ring *r)
{
	return (struct vring_packed_desc_event *)(void *)r->part[2]->at;
}

static uint16_t load16(const __le16 *p)
{
	return le16toh(__atomic_load_n(p, __ATOMIC_ACQUIRE));
}

static void store16(__le16 *p, uint16_t value)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	*(volatile __le16 *)p = htole16(value);
}

static void packed_sizes(uint16_t size, size_t bytes[3], size_t align[3])
{
	bytes[0] = size * sizeof(struct vring_packed_desc);
	bytes[1] = bytes[2] = sizeof(struct vring_packed_desc_event);
	align[0] = align[1] = align[2] = 16;
}

/* What the round before, or this one so far, would have left: all returned. */
static void fill_returned(struct front_ring *r)
{
	for (uint16_t i = 0; i < r->size; i++) {
		bool wrap = i < r->used_slot ? r->used_wrap : !r->used_wrap;

		store16(&front_packed_desc(r)[i].flags, wrap ? FLAG_AVAIL | FLAG_USED : 0);
	}
}

static void packed_reset(struct front_ring *r, uint32_t base)
{
	r->next_slot = base & (BASE_WRAP - 1);
	r->avail_wrap = base & BASE_WRAP;
	r->used_slot = base >> 16 & (BASE_WRAP - 1);
	r->used_wrap = base >> 16 & BASE_WRAP;
	r->slots_free = r->size;
	r->added_since_kick = 0;
	r->head_held = false;
	assert(r->next_slot < r->size && r->used_slot < r->size);
	fill_returned(r);
}

static uint16_t avail_flags(bool wrap)
{
	return wrap ? FLAG_AVAIL : FLAG_USED;
}

void front_packed_write(struct front_ring *r, uint16_t at, uint64_t guest, uint32_t len,
			uint16_t id, uint16_t flags)
{
	struct vring_packed_desc *d = &front_packed_desc(r)[at];

	assert(at < r->size);
	d->addr = htole64(guest);
	d->len = htole32(len);
	d->id = htole16(id);
	store16(&d->flags, flags);
}

static void advance(const struct front_ring *r, uint16_t *slot, bool *wrap, unsigned count)
{
	*slot = (uint16_t)(*slot + count);
	if (*slot < r->size)
		return;
	*slot = (uint16_t)(*slot - r->size);
	*wrap = !*wrap;
}

static int packed_add(struct front_ring *r, const struct front_span *spans, unsigned count,
		      uint16_t *ret_id)
{
	uint16_t head = r->next_slot;
	uint16_t head_flags = 0;
	uint16_t id;

	if (count > r->slots_free || r->free_count == 0)
		return -ENOSPC;
	id = r->free_ids[--r->free_count];
	for (unsigned i = 0; i < count; i++) {
		uint16_t flags = spans[i].flags | avail_flags(r->avail_wrap) |
				 (i + 1 < count ? VRING_DESC_F_NEXT : 0);
		struct vring_packed_desc *d = &front_packed_desc(r)[r->next_slot];

		d->addr = htole64(spans[i].guest);
		d->len = htole32(spans[i].len);
		d->id = htole16(id);
		if (i == 0)
			head_flags = flags;
		else
			store16(&d->flags, flags);
		advance(r, &r->next_slot, &r->avail_wrap, 1);
	}
	/* The device goes in ring order: holding back the first chain's head holds all of them back. */
	if (r->head_held) {
		store16(&front_packed_desc(r)[head].flags, head_flags);
	} else {
		r->head_held = true;
		r->head_slot = head;
		r->head_flags = head_flags;
	}
	r->slots_free = (uint16_t)(r->slots_free - count);
	r->added_since_kick = (uint16_t)(r->added_since_kick + count);
	*ret_id = id;
	return 0;
}

static void packed_publish(struct front_ring *r)
{
	if (r->head_held)
		store16(&front_packed_desc(r)[r->head_slot].flags, r->head_flags);
	r->head_held = false;
}

static bool packed_wants_kick(struct front_ring *r)
{
	const struct vring_packed_desc_event *event = front_packed_device_event(r);
	uint16_t added = r->added_since_kick;
	uint16_t flags;
	uint16_t off_wrap;
	uint16_t at;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	r->added_since_kick = 0;
	flags = load16(&event->flags);
	off_wrap = load16(&event->off_wrap);
	if (flags > VRING_PACKED_EVENT_FLAG_DESC ||
	    (flags == VRING_PACKED_EVENT_FLAG_DESC && !r->event_idx))
		front_fault(r->evidence, FRONT_FAULT_USED_FLAGS,
			    "queue %u: event flags of the device are %#x", r->index, flags);
	if (added == 0)
		return false;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	at = off_wrap & OFFSET_MASK;
	/* An offset of the round before lies that far behind. */
	if ((off_wrap >> VRING_PACKED_EVENT_F_WRAP_CTR) != r->avail_wrap)
		at = (uint16_t)(at - r->size);
	return vring_need_event(at, r->next_slot, (uint16_t)(r->next_slot - added));
}

static bool is_used(uint16_t flags, bool wrap)
{
	return !!(flags & FLAG_AVAIL) == wrap && !!(flags & FLAG_USED) == wrap;
}

static int packed_pop(struct front_ring *r, struct front_used *ret)
{
	const struct vring_packed_desc *d = &front_packed_desc(r)[r->used_slot];
	uint16_t flags = load16(&d->flags);
	uint16_t id;
	uint16_t descs;

	/* What is left of earlier rounds never looks used in this one. */
	if (!is_used(flags, r->used_wrap))
		return 0;
	id = le16toh(d->id);
	if (id >= r->size || !r->chain[id].busy) {
		front_fault(r->evidence, FRONT_FAULT_USED_ID, "queue %u: id %u is not in flight",
			    r->index, id);
		/* How far to skip is not known: one is the least wrong. */
		advance(r, &r->used_slot, &r->used_wrap, 1);
		return -EPROTO;
	}
	/* Without WRITE nothing was written, and the length says nothing. */
	*ret = (struct front_used){ .id = id,
				    .len = flags & VRING_DESC_F_WRITE ? le32toh(d->len) : 0 };
	front_ring_used_check(r, ret);
	descs = r->chain[id].descs;
	front_ring_release(r, id);
	r->free_ids[r->free_count++] = id;
	r->slots_free = (uint16_t)(r->slots_free + descs);
	advance(r, &r->used_slot, &r->used_wrap, descs);
	return 1;
}

static bool packed_arm(struct front_ring *r)
{
	struct vring_packed_desc_event *event = front_packed_driver_event(r);

	if (r->event_idx) {
		store16(&event->off_wrap,
			(uint16_t)(r->used_slot | r->used_wrap << VRING_PACKED_EVENT_F_WRAP_CTR));
		store16(&event->flags, VRING_PACKED_EVENT_FLAG_DESC);
	} else {
		store16(&event->flags, VRING_PACKED_EVENT_FLAG_ENABLE);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return is_used(load16(&front_packed_desc(r)[r->used_slot].flags), r->used_wrap);
}

static void packed_quiet(struct front_ring *r)
{
	store16(&front_packed_driver_event(r)->flags, VRING_PACKED_EVENT_FLAG_DISABLE);
}

static uint32_t packed_base(const struct front_ring *r)
{
	uint32_t avail = r->next_slot | (r->avail_wrap ? BASE_WRAP : 0);
	uint32_t used = r->used_slot | (r->used_wrap ? BASE_WRAP : 0);

	return avail | used << 16;
}

const struct front_ring_ops front_packed_ops = {
	.sizes = packed_sizes,
	.reset = packed_reset,
	.add = packed_add,
	.publish = packed_publish,
	.wants_kick = packed_wants_kick,
	.pop = packed_pop,
	.arm = packed_arm,
	.quiet = packed_quiet,
	.base = packed_base,
};
