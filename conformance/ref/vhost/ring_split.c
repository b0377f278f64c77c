// SPDX-License-Identifier: Apache-2.0
/* Split virtqueues. Source: virtio 1.4, 2.7. Guest memory is read once, into locals, and then judged. */
#include <endian.h>

#include "conformance/ref/fault/fault.h"
#include "conformance/ref/vhost/ring.h"

#define load(p)		__atomic_load_n(p, __ATOMIC_RELAXED)
#define store(p, value) __atomic_store_n(p, value, __ATOMIC_RELAXED)

static struct vring_avail *driver_part(const struct ring *r)
{
	return r->view->driver;
}

static struct vring_used *device_part(const struct ring *r)
{
	return r->view->device;
}

static void split_sizes(const struct ring *r, uint64_t *desc, uint64_t *driver, uint64_t *device)
{
	uint64_t event = r->event_idx ? sizeof(uint16_t) : 0;

	*desc = (uint64_t)r->size * sizeof(struct vring_desc);
	*driver = sizeof(struct vring_avail) + (uint64_t)r->size * sizeof(uint16_t) + event;
	*device = sizeof(struct vring_used) + (uint64_t)r->size * sizeof(struct vring_used_elem) +
		  event;
}

/* The used index is where the driver last saw it. Source: vhost-user, SET_VRING_BASE. */
static int split_begin(struct ring *r)
{
	if ((r->size & (r->size - 1)) != 0)
		return -EINVAL;
	r->avail = r->base_set ? (uint16_t)r->base : 0;
	r->used = le16toh(load(&device_part(r)->idx));
	return 0;
}

static uint32_t split_base(const struct ring *r)
{
	return r->avail;
}

static uint16_t ahead(const struct ring *r)
{
	uint16_t idx = __atomic_load_n(&driver_part(r)->idx, __ATOMIC_ACQUIRE);

	if (le16toh(idx) < r->avail && fault_at(FAULT_AVAIL_NO_WRAP))
		return 0;
	return (uint16_t)(le16toh(idx) - r->avail);
}

static bool split_available(const struct ring *r)
{
	return ahead(r) != 0;
}

static struct vring_desc copy_desc(const struct vring_desc *from)
{
	struct vring_desc d = {
		.addr = le64toh(load(&from->addr)),
		.len = le32toh(load(&from->len)),
		.flags = le16toh(load(&from->flags)),
		.next = le16toh(load(&from->next)),
	};

	return d;
}

static bool has_next(const struct vring_desc *d)
{
	return d->flags & VRING_DESC_F_NEXT || (d->next != 0 && fault_at(FAULT_NEXT_UNFLAGGED));
}

/* The table is ours by now; its entries may chain in any order, but never to another table. */
static void add_indirect(struct ring *r, struct ring_request *rr, const struct vring_desc *of)
{
	unsigned count = chain_table(r, rr, of->addr, of->len);
	unsigned at = 0;

	if (of->flags & VRING_DESC_F_NEXT)
		chain_bad(rr, "a descriptor is indirect and has a next one");
	if (of->flags & VRING_DESC_F_WRITE && fault_at(FAULT_INDIRECT_WRITE))
		chain_bad(rr, "a descriptor is indirect and writable");
	for (unsigned seen = 0; count > 0 && !rr->bad; seen++) {
		struct vring_desc d;

		if (seen == count) {
			chain_bad(rr, "its indirect table has a loop");
			return;
		}
		d = copy_desc(&r->table[at]);
		if (d.flags & VRING_DESC_F_INDIRECT)
			chain_bad(rr, "an indirect table refers to another");
		else
			chain_add(r, rr,
				  &(struct chain_desc){ d.addr, d.len,
							d.flags & VRING_DESC_F_WRITE });
		if (fault_at(FAULT_INDIRECT_IN_ORDER)) {
			if (++at == count)
				return;
			continue;
		}
		if (!has_next(&d))
			return;
		at = d.next;
		if (at >= count)
			chain_bad(rr, "a descriptor's next one is beyond the table");
	}
}

static void walk(struct ring *r, struct ring_request *rr, uint16_t head)
{
	const struct vring_desc *table = r->view->desc;
	unsigned at = head;

	for (unsigned seen = 0; !rr->bad; seen++) {
		struct vring_desc d;

		if (seen == r->size) {
			chain_bad(rr, "it has a loop");
			return;
		}
		d = copy_desc(&table[at]);
		/* A writable one may refer to a table: the flag means nothing there (virtio 2.7.5.3.2). */
		if (d.flags & VRING_DESC_F_INDIRECT) {
			if (seen > 0 && fault_at(FAULT_INDIRECT_MIXED))
				chain_bad(rr, "an indirect descriptor follows a direct one");
			add_indirect(r, rr, &d);
			return;
		}
		chain_add(r, rr,
			  &(struct chain_desc){ d.addr, d.len, d.flags & VRING_DESC_F_WRITE });
		if (!has_next(&d))
			return;
		at = d.next;
		if (at >= r->size)
			chain_bad(rr, "a descriptor's next one is beyond the queue");
	}
}

static int split_pop(struct ring *r, struct ring_request *rr, const char **ret_why)
{
	uint16_t count = ahead(r);
	uint16_t head;

	if (count == 0)
		return 0;
	if (count > r->size) {
		*ret_why = "the available index jumped by more than the queue size";
		return -EPROTO;
	}
	head = le16toh(load(&driver_part(r)->ring[r->avail & (r->size - 1)]));
	if (head >= r->size) {
		*ret_why = "a head is beyond the queue size";
		return -EPROTO;
	}
	r->avail++;
	chain_begin(r, rr, head);
	walk(r, rr, head);
	chain_end(r, rr);
	return 1;
}

static void split_push(struct ring *r, uint16_t head, uint16_t slots, uint32_t used)
{
	struct vring_used *u = device_part(r);
	struct vring_used_elem *e = &u->ring[r->used & (r->size - 1)];

	(void)slots;
	if (fault_at(FAULT_RING_FLAGS))
		store(&u->flags, htole16(2));
	if (fault_at(FAULT_DESC_WRITTEN))
		((struct vring_desc *)r->view->desc)[head].len ^= htole32(1);
	store(&e->id, htole32(head));
	store(&e->len, htole32(used));
	r->used++;
	r->pushed++;
	__atomic_store_n(&u->idx, htole16(r->used), __ATOMIC_RELEASE);
}

static bool split_must_call(const struct ring *r)
{
	const struct vring_avail *a = driver_part(r);

	/* The index must be there before we look what the driver wants (virtio 2.7.13.4). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!r->event_idx && !fault_at(FAULT_EVENT_UNASKED))
		return !(le16toh(load(&a->flags)) & VRING_AVAIL_F_NO_INTERRUPT);
	if (le16toh(load(&a->flags)) & VRING_AVAIL_F_NO_INTERRUPT && fault_at(FAULT_EVENT_FLAGS))
		return false;
	if (fault_at(FAULT_EVENT_LATE))
		return vring_need_event((uint16_t)(le16toh(load(&a->ring[r->size])) + 1), r->used,
					(uint16_t)(r->used - r->pushed));
	if (r->never_called || r->pushed > UINT16_MAX)
		return true;
	return vring_need_event(le16toh(load(&a->ring[r->size])), r->used,
				(uint16_t)(r->used - r->pushed));
}

/* With event indices an old one keeps kicks away by itself, and the flags stay 0 (virtio 2.7.10.2). */
static void split_want_kick(struct ring *r, bool wanted)
{
	struct vring_used *u = device_part(r);

	if (!r->event_idx)
		store(&u->flags, htole16((wanted ? 0 : VRING_USED_F_NO_NOTIFY) |
					 (fault_armed(FAULT_RING_FLAGS) ? 2 : 0)));
	else if (wanted)
		store((uint16_t *)&u->ring[r->size], htole16(r->avail));
}

const struct ring_format ring_split = {
	.name = "split",
	.sizes = split_sizes,
	.begin = split_begin,
	.base = split_base,
	.available = split_available,
	.pop = split_pop,
	.push = split_push,
	.must_call = split_must_call,
	.want_kick = split_want_kick,
};
