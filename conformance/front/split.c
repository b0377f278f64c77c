// SPDX-License-Identifier: Apache-2.0
#include "conformance/front/split.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

/* The device may ask for that many elements without being told: it never is, in a ring of this size. */
#define FAR_AWAY UINT16_C(0x8000)

struct vring_desc *front_split_desc(const struct front_ring *r)
{
	return (struct vring_desc *)(void *)r->part[0]->at;
}

struct vring_avail *front_split_avail(const struct front_ring *r)
{
	return (struct vring_avail *)(void *)r->part[1]->at;
}

struct vring_used *front_split_used(const struct front_ring *r)
{
	return (struct vring_used *)(void *)r->part[2]->at;
}

__virtio16 *front_split_used_event(const struct front_ring *r)
{
	return &front_split_avail(r)->ring[r->size];
}

__virtio16 *front_split_avail_event(const struct front_ring *r)
{
	return (__virtio16 *)(void *)&front_split_used(r)->ring[r->size];
}

/* Fields that the device writes: read once. */
static uint16_t load16(const __virtio16 *p)
{
	return le16toh(__atomic_load_n(p, __ATOMIC_ACQUIRE));
}

static void store16(__virtio16 *p, uint16_t value)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	*(volatile __virtio16 *)p = htole16(value);
}

/* Each area has its event field even where it was not negotiated: then it must stay unused. */
static void split_sizes(uint16_t size, size_t bytes[3], size_t align[3])
{
	bytes[0] = size * sizeof(struct vring_desc);
	align[0] = VRING_DESC_ALIGN_SIZE;
	bytes[1] = sizeof(struct vring_avail) + (size + 1U) * sizeof(__virtio16);
	align[1] = VRING_AVAIL_ALIGN_SIZE;
	bytes[2] = sizeof(struct vring_used) + size * sizeof(struct vring_used_elem) +
		   sizeof(__virtio16);
	align[2] = VRING_USED_ALIGN_SIZE;
}

static void split_reset(struct front_ring *r, uint32_t base)
{
	assert((r->size & (r->size - 1)) == 0);
	memset(r->shadow, 0, r->size * sizeof(*r->shadow));
	r->avail_idx = (uint16_t)base;
	r->published_idx = (uint16_t)base;
	r->kicked_idx = (uint16_t)base;
	r->used_idx = (uint16_t)base;
	r->avail_flags = 0;
	store16(&front_split_avail(r)->idx, (uint16_t)base);
	store16(&front_split_used(r)->idx, (uint16_t)base);
}

int front_split_take(struct front_ring *r)
{
	return r->free_count > 0 ? r->free_ids[--r->free_count] : -ENOSPC;
}

static void give_back(struct front_ring *r, uint16_t desc)
{
	assert(r->free_count < r->size);
	r->free_ids[r->free_count++] = desc;
}

void front_split_write(struct front_ring *r, uint16_t at, uint64_t guest, uint32_t len,
		       uint16_t flags, uint16_t next)
{
	struct vring_desc d = { .addr = htole64(guest),
				.len = htole32(len),
				.flags = htole16(flags),
				.next = htole16(next) };

	assert(at < r->size);
	r->shadow[at] = d;
	memcpy(&front_split_desc(r)[at], &d, sizeof(d));
}

void front_split_offer(struct front_ring *r, uint16_t head)
{
	front_split_avail(r)->ring[r->avail_idx & (r->size - 1)] = htole16(head);
	r->avail_idx++;
}

void front_split_set_index(struct front_ring *r, uint16_t index)
{
	r->avail_idx = index;
	r->published_idx = index;
	store16(&front_split_avail(r)->idx, index);
}

static int split_add(struct front_ring *r, const struct front_span *spans, unsigned count,
		     uint16_t *ret_id)
{
	uint16_t head;
	uint16_t at;

	if (count > r->free_count)
		return -ENOSPC;
	head = at = r->free_ids[--r->free_count];
	for (unsigned i = 0; i < count; i++) {
		bool more = i + 1 < count;
		uint16_t next = more ? r->free_ids[--r->free_count] : 0;

		front_split_write(r, at, spans[i].guest, spans[i].len,
				  spans[i].flags | (more ? VRING_DESC_F_NEXT : 0), next);
		at = next;
	}
	front_split_offer(r, head);
	*ret_id = head;
	return 0;
}

static void split_publish(struct front_ring *r)
{
	if (!r->light && load16(&front_split_avail(r)->idx) != r->published_idx)
		front_fault(r->evidence, FRONT_FAULT_AVAIL_WRITTEN, "queue %u: index %u became %u",
			    r->index, r->published_idx, load16(&front_split_avail(r)->idx));
	r->published_idx = r->avail_idx;
	store16(&front_split_avail(r)->idx, r->avail_idx);
}

static bool split_wants_kick(struct front_ring *r)
{
	uint16_t old = r->kicked_idx;

	/* The index must be seen before the device's wish is read. Source: "Available Buffer
	 * Notification Suppression". */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	r->kicked_idx = r->published_idx;
	if (old == r->published_idx)
		return false;
	if (!r->event_idx)
		return !(load16(&front_split_used(r)->flags) & VRING_USED_F_NO_NOTIFY);
	return vring_need_event(load16(front_split_avail_event(r)), r->published_idx, old);
}

/* Descriptors of a returned chain: compared with what was written, then free again. */
static void release_descs(struct front_ring *r, uint16_t head)
{
	uint16_t at = head;

	for (unsigned i = 0; i < r->chain[head].descs; i++) {
		struct vring_desc *d = &front_split_desc(r)[at];

		if (!r->light && memcmp(d, &r->shadow[at], sizeof(*d)) != 0)
			front_fault(r->evidence, FRONT_FAULT_DESC_WRITTEN,
				    "queue %u: descriptor %u", r->index, at);
		give_back(r, at);
		at = le16toh(r->shadow[at].next);
		if (at >= r->size)
			return;
	}
}

static void check_flags(struct front_ring *r)
{
	uint16_t flags = load16(&front_split_used(r)->flags);

	if (flags > (r->event_idx ? 0 : VRING_USED_F_NO_NOTIFY))
		front_fault(r->evidence, FRONT_FAULT_USED_FLAGS, "queue %u: used.flags is %#x",
			    r->index, flags);
	flags = load16(&front_split_avail(r)->flags);
	if (flags != r->avail_flags)
		front_fault(r->evidence, FRONT_FAULT_AVAIL_WRITTEN,
			    "queue %u: flags %#x became %#x", r->index, r->avail_flags, flags);
}

static int split_pop(struct front_ring *r, struct front_used *ret)
{
	struct vring_used_elem elem;
	uint16_t index = load16(&front_split_used(r)->idx);
	uint16_t count = (uint16_t)(index - r->used_idx);
	uint32_t id;

	if (count == 0)
		return 0;
	if (count > r->size || (!r->light && count > r->in_flight)) {
		front_fault(r->evidence, FRONT_FAULT_USED_INDEX,
			    "queue %u: index %u after %u with %u in flight", r->index, index,
			    r->used_idx, r->in_flight);
		/* Nothing can be said of the elements: begin again from there. */
		if (count > r->size) {
			r->used_idx = index;
			return -EPROTO;
		}
	}
	if (!r->light)
		check_flags(r);
	memcpy(&elem, &front_split_used(r)->ring[r->used_idx & (r->size - 1)], sizeof(elem));
	r->used_idx++;
	id = le32toh(elem.id);
	if (id >= r->size || !r->chain[id].busy) {
		front_fault(r->evidence, FRONT_FAULT_USED_ID, "queue %u: id %u is not in flight",
			    r->index, id);
		return -EPROTO;
	}
	*ret = (struct front_used){ .id = (uint16_t)id, .len = le32toh(elem.len) };
	front_ring_used_check(r, ret);
	release_descs(r, ret->id);
	front_ring_release(r, ret->id);
	return 1;
}

static bool split_arm(struct front_ring *r)
{
	if (r->event_idx) {
		store16(front_split_used_event(r), r->used_idx);
	} else {
		r->avail_flags = 0;
		store16(&front_split_avail(r)->flags, 0);
	}
	/* "Tell me of the next one", then look: it may have come in between. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return load16(&front_split_used(r)->idx) != r->used_idx;
}

static void split_quiet(struct front_ring *r)
{
	if (r->event_idx) {
		store16(front_split_used_event(r), (uint16_t)(r->used_idx + FAR_AWAY));
	} else {
		r->avail_flags = VRING_AVAIL_F_NO_INTERRUPT;
		store16(&front_split_avail(r)->flags, VRING_AVAIL_F_NO_INTERRUPT);
	}
}

static uint32_t split_base(const struct front_ring *r)
{
	return r->used_idx;
}

const struct front_ring_ops front_split_ops = {
	.sizes = split_sizes,
	.reset = split_reset,
	.add = split_add,
	.publish = split_publish,
	.wants_kick = split_wants_kick,
	.pop = split_pop,
	.arm = split_arm,
	.quiet = split_quiet,
	.base = split_base,
};
