// SPDX-License-Identifier: Apache-2.0
#include "relay/ring.h"

#include <endian.h>
#include <string.h>
#include <sys/eventfd.h>

/* Fields that another processor writes: read once, in order. */
static uint16_t load(const __virtio16 *p)
{
	return le16toh(__atomic_load_n(p, __ATOMIC_ACQUIRE));
}

static void store(__virtio16 *p, uint16_t value)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	*(volatile __virtio16 *)p = htole16(value);
}

/* "used_event" lies behind the available ring, "avail_event" behind the used ring. */
static __virtio16 *used_event(const struct queue *q)
{
	return &q->guest.avail->ring[q->size];
}

static __virtio16 *avail_event(const struct queue *q)
{
	return (__virtio16 *)(void *)&q->guest.used->ring[q->size];
}

void queue_init(struct queue *q, unsigned index, void *shadow, struct init_seen *init)
{
	uint8_t *base = shadow;

	*q = (struct queue){ .index = index, .guest_kick = -1, .guest_call = -1, .init = init };
	q->shadow.desc = (void *)(base + SHADOW_DESC);
	q->shadow.avail = (void *)(base + SHADOW_AVAIL);
	q->shadow.used = (void *)(base + SHADOW_USED);
	q->shadow_kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	q->shadow_call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void queue_free(struct queue *q)
{
	fd_closep(&q->guest_kick);
	fd_closep(&q->guest_call);
	fd_closep(&q->shadow_kick);
	fd_closep(&q->shadow_call);
}

int queue_set_size(struct queue *q, uint32_t size, struct err *reterr)
{
	if (size == 0 || size > RING_SIZE_MAX || (size & (size - 1)) != 0)
		return err_set(reterr, -EINVAL,
			       "the VMM gave queue %u a size of %u (a power of two, at most %d)",
			       q->index, size, RING_SIZE_MAX);
	q->size = (uint16_t)size;
	return 0;
}

/* Each part aligned as virtio demands, with its event field. */
int queue_resolve(struct queue *q, const struct memory *m, struct err *reterr)
{
	struct ring r = {
		memory_at_user(m, q->addr.desc_user_addr, q->size * sizeof(struct vring_desc)),
		memory_at_user(m, q->addr.avail_user_addr, 6 + q->size * sizeof(__virtio16)),
		memory_at_user(m, q->addr.used_user_addr,
			       6 + q->size * sizeof(struct vring_used_elem)),
	};

	q->guest = (struct ring){ 0 };
	if (!r.desc || !r.avail || !r.used || q->size == 0 || (uintptr_t)r.desc % 16 != 0 ||
	    (uintptr_t)r.avail % 2 != 0 || (uintptr_t)r.used % 4 != 0)
		return err_set(reterr, -EFAULT,
			       "the ring of queue %u does not lie in the memory that the VMM gave",
			       q->index);
	q->guest = r;
	return 0;
}

void queue_reset(struct queue *q, uint16_t avail_base)
{
	memset(q->shadow.desc, 0, SHADOW_RING_SIZE);
	memset(q->request, 0, sizeof(q->request));
	q->counts.in_flight = 0;
	q->avail_next = avail_base;
	q->used_next = q->guest.used ? load(&q->guest.used->idx) : 0;
	q->signalled_valid = false;
	q->broken = false;
	q->stopping = false;
	q->more = false;
	store(&q->shadow.avail->idx, avail_base);
	store(&q->shadow.used->idx, q->used_next);
}

/* Copy a chain's direct descriptors to the same places in the shadow; what cannot be followed ends it. */
static void copy_chain(struct queue *q, const struct memory *m, uint16_t head, struct chain *c)
{
	uint16_t i = head;

	for (unsigned steps = 0;; steps++) {
		struct vring_desc d;

		if (i >= q->size || steps >= q->size) {
			c->bad = true;
			return;
		}
		memcpy(&d, &q->guest.desc[i], sizeof(d));
		q->shadow.desc[i] = d;
		chain_add(c, m, &d);
		if (!(le16toh(d.flags) & VRING_DESC_F_NEXT))
			return;
		i = le16toh(d.next);
	}
}

static void note_init(struct queue *q, const struct chain *c)
{
	size_t size = c->in_size - sizeof(struct fuse_in_header);

	memset(q->init, 0, sizeof(*q->init));
	q->init->asked = true;
	memcpy(&q->init->in, c->in + sizeof(struct fuse_in_header),
	       size < sizeof(q->init->in) ? size : sizeof(q->init->in));
}

static void take_one(struct queue *q, const struct memory *m, uint16_t head)
{
	struct chain c = { 0 };
	struct fuse_in_header h;
	struct request *r;

	copy_chain(q, m, head, &c);
	if (head >= q->size || !chain_request(&c, &h) || q->request[head].busy) {
		q->counts.malformed++;
		return;
	}
	r = &q->request[head];
	*r = (struct request){ true, h.opcode, h.len, c.writable, { { 0 } }, c.out_count };
	memcpy(r->out, c.out, sizeof(r->out));
	count_request(&q->counts, h.opcode, h.len);
	q->counts.in_flight++;
	if (h.opcode == FUSE_INIT)
		note_init(q, &c);
}

/* An index that jumped says nothing about which entries are meant: the daemon gets all as it is. */
static void pass_on_whole(struct queue *q, uint16_t avail)
{
	if (!q->broken)
		q->counts.malformed++;
	q->broken = true;
	memcpy(q->shadow.desc, q->guest.desc, q->size * sizeof(struct vring_desc));
	memcpy(q->shadow.avail->ring, q->guest.avail->ring, q->size * sizeof(__virtio16));
	q->avail_next = avail;
	store(&q->shadow.avail->idx, avail);
}

static unsigned take_new(struct queue *q, const struct memory *m)
{
	uint16_t avail = load(&q->guest.avail->idx);
	uint16_t count = (uint16_t)(avail - q->avail_next);

	if (count > q->size || (q->broken && count > 0)) {
		pass_on_whole(q, avail);
		return count;
	}
	for (uint16_t i = 0; i < count; i++) {
		uint16_t slot = q->avail_next & (q->size - 1);
		uint16_t head = load(&q->guest.avail->ring[slot]);

		take_one(q, m, head);
		q->shadow.avail->ring[slot] = htole16(head);
		q->avail_next++;
	}
	store(&q->shadow.avail->idx, q->avail_next);
	return count;
}

unsigned queue_submit(struct queue *q, const struct memory *m)
{
	const uint64_t one = 1;
	unsigned total = 0;
	unsigned count;

	if (!q->running || q->stopping)
		return 0;
	/* A guest that never stops adding must not keep us from the other queues. */
	do {
		count = take_new(q, m);
		total += count;
		/* "Tell me of the next one", then look again: it may have come in between. */
		if (q->event_idx)
			store(avail_event(q), q->avail_next);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	} while (count > 0 && total < q->size);
	if (total > 0)
		(void)!write(q->shadow_kick, &one, sizeof(one));
	q->more = count > 0;
	return total;
}

static void note_init_reply(struct queue *q, const struct memory *m, const struct request *r,
			    uint32_t size)
{
	struct {
		struct fuse_out_header head;
		struct fuse_init_out out;
	} reply;

	memset(&reply, 0, sizeof(reply));
	if (size > sizeof(reply))
		size = sizeof(reply);
	if (spans_read(r->out, r->out_count, m, &reply, size) < 0 ||
	    size < sizeof(reply.head) + FUSE_COMPAT_22_INIT_OUT_SIZE)
		return;
	q->init->out = reply.out;
	q->init->answered = true;
}

/* A used element for a chain that was read; before the guest may use the buffers again. */
static void finish(struct queue *q, const struct memory *m, uint32_t id, uint32_t size)
{
	struct request *r = id < q->size ? &q->request[id] : NULL;
	struct fuse_out_header h = { 0 };

	if (!r || !r->busy)
		return;
	if (size > r->writable)
		size = (uint32_t)r->writable;
	if (size >= sizeof(h) && spans_read(r->out, r->out_count, m, &h, sizeof(h)) < 0)
		h.error = 0;
	count_reply(&q->counts, h.error, size);
	if (r->opcode == FUSE_INIT && h.error == 0)
		note_init_reply(q, m, r, size);
	r->busy = false;
	q->counts.in_flight--;
}

/* Does the guest want to hear of used elements up to now? virtio 1.x, "Used Buffer Notification Suppression". */
static bool wants_interrupt(struct queue *q)
{
	uint16_t old = q->signalled;
	bool valid = q->signalled_valid;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!q->event_idx)
		return !(load(&q->guest.avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
	q->signalled = q->used_next;
	q->signalled_valid = true;
	return !valid || vring_need_event(load(used_event(q)), q->used_next, old);
}

unsigned queue_complete(struct queue *q, const struct memory *m)
{
	const uint64_t one = 1;
	uint16_t used;
	uint16_t count;

	if (!q->guest.used || !q->running)
		return 0;
	used = load(&q->shadow.used->idx);
	count = (uint16_t)(used - q->used_next);
	/* More than the ring holds: only the newest are still there. */
	if (count > q->size)
		q->used_next = (uint16_t)(used - q->size);
	for (; q->used_next != used; q->used_next++) {
		uint16_t slot = q->used_next & (q->size - 1);
		struct vring_used_elem e = q->shadow.used->ring[slot];

		finish(q, m, le32toh(e.id), le32toh(e.len));
		memcpy(&q->guest.used->ring[slot], &e, sizeof(e));
	}
	if (count == 0)
		return 0;
	store(&q->guest.used->idx, used);
	if (wants_interrupt(q) && q->guest_call >= 0) {
		(void)!write(q->guest_call, &one, sizeof(one));
		q->counts.interrupts++;
	}
	return count;
}

void queue_kicked(struct queue *q)
{
	uint64_t kicks = 0;

	if (q->guest_kick >= 0 && read(q->guest_kick, &kicks, sizeof(kicks)) == sizeof(kicks))
		q->counts.kicks += kicks;
}

void queue_stop(struct queue *q, const struct memory *m, uint16_t avail_base)
{
	(void)queue_complete(q, m);
	q->running = false;
	q->more = false;
	for (uint16_t i = avail_base;
	     i != q->avail_next && (uint16_t)(q->avail_next - i) <= q->size; i++) {
		uint16_t head = le16toh(q->shadow.avail->ring[i & (q->size - 1)]);

		/* Taken, but never served: it will be taken again. */
		if (head >= q->size || !q->request[head].busy)
			continue;
		count_undo(&q->counts, q->request[head].opcode, q->request[head].bytes);
		q->request[head].busy = false;
		q->counts.in_flight--;
	}
	fd_closep(&q->guest_kick);
}
