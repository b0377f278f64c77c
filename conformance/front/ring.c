// SPDX-License-Identifier: Apache-2.0
#include "conformance/front/ring.h"

#include <assert.h>
#include <endian.h>
#include <string.h>
#include <sys/eventfd.h>

static int open_parts(struct front_ring *r)
{
	size_t bytes[3];
	size_t align[3];

	r->ops->sizes(r->size, bytes, align);
	for (int i = 0; i < 3; i++) {
		r->part[i] = front_buf_new_ring(r->memory, bytes[i], align[i]);
		if (!r->part[i])
			return -ENOMEM;
	}
	r->chain = calloc(r->size, sizeof(*r->chain));
	r->free_ids = calloc(r->size, sizeof(*r->free_ids));
	r->shadow = calloc(r->size, sizeof(*r->shadow));
	return r->chain && r->free_ids && r->shadow ? 0 : -ENOMEM;
}

static int open_events(struct front_ring *r)
{
	int *const fds[] = { &r->kick_fd, &r->call_fd, &r->err_fd };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		*fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (*fds[i] < 0)
			return -errno;
	}
	return 0;
}

int front_ring_open(struct front_ring *r, const struct front_ring_ops *ops, unsigned index,
		    uint16_t size, bool event_idx, struct front_memory *memory,
		    struct front_evidence *evidence)
{
	int e;

	assert(size > 0 && size <= FRONT_RING_MAX);
	*r = (struct front_ring){ .ops = ops,
				  .memory = memory,
				  .evidence = evidence,
				  .index = index,
				  .size = size,
				  .event_idx = event_idx,
				  .kick_fd = -1,
				  .call_fd = -1,
				  .err_fd = -1 };
	e = open_parts(r);
	if (e == 0)
		e = open_events(r);
	if (e == 0)
		front_ring_reset(r, ops == &front_packed_ops ? UINT32_C(0x80008000) : 0);
	else
		front_ring_close(r);
	return e;
}

static void drop_chains(struct front_ring *r)
{
	for (unsigned i = 0; r->chain && i < r->size; i++)
		if (r->chain[i].busy)
			front_ring_forget(r, (uint16_t)i);
}

void front_ring_close(struct front_ring *r)
{
	if (!r->ops)
		return;
	drop_chains(r);
	for (int i = 0; i < 3; i++) {
		front_buf_free(r->memory, r->part[i]);
		r->part[i] = NULL;
	}
	free(r->chain);
	free(r->free_ids);
	free(r->shadow);
	fd_closep(&r->kick_fd);
	fd_closep(&r->call_fd);
	fd_closep(&r->err_fd);
	*r = (struct front_ring){ .kick_fd = -1, .call_fd = -1, .err_fd = -1 };
}

void front_ring_reset(struct front_ring *r, uint32_t base)
{
	drop_chains(r);
	for (int i = 0; i < 3; i++)
		memset(r->part[i]->at, 0, r->part[i]->size);
	/* The lowest is on top of the stack. */
	for (unsigned i = 0; i < r->size; i++)
		r->free_ids[i] = (uint16_t)(r->size - 1 - i);
	r->free_count = r->size;
	r->in_flight = 0;
	r->ops->reset(r, base);
	(void)front_ring_take_calls(r);
}

static uint64_t writable_bytes(const struct front_span *spans, unsigned count)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < count; i++)
		if (spans[i].flags & VRING_DESC_F_WRITE)
			sum += spans[i].len;
	return sum;
}

_Static_assert(sizeof(struct vring_packed_desc) == sizeof(struct vring_desc), "one table for both");

/*
 * In an indirect table descriptors follow one another. They have the layout of their ring: a packed one has its
 * flags where a split one has `next`, and of them only WRITE counts. Source: virtio 2.7.5.3, 2.8.7.
 */
void front_ring_table_entry(const struct front_ring *r, struct vring_desc *d,
			    const struct front_span *span, unsigned next)
{
	struct vring_packed_desc *p = (void *)d;

	d->addr = htole64(span->guest);
	d->len = htole32(span->len);
	if (r->ops == &front_packed_ops) {
		p->id = 0;
		p->flags = htole16(span->flags);
		return;
	}
	d->flags = htole16(span->flags | (next ? VRING_DESC_F_NEXT : 0));
	d->next = htole16((uint16_t)next);
}

static struct front_buf *make_table(struct front_ring *r, const struct front_span *spans,
				    unsigned count, struct vring_desc **ret_shadow)
{
	size_t size = count * sizeof(struct vring_desc);
	struct vring_desc *shadow = calloc(count, sizeof(*shadow));
	struct front_buf *b = shadow ? front_buf_new(r->memory, size) : NULL;

	if (!b) {
		free(shadow);
		return NULL;
	}
	for (unsigned i = 0; i < count; i++)
		front_ring_table_entry(r, &shadow[i], &spans[i], i + 1 < count ? i + 1 : 0);
	memcpy(b->at, shadow, size);
	*ret_shadow = shadow;
	return b;
}

static int add_chain(struct front_ring *r, const struct front_span *spans, unsigned count,
		     struct front_buf *table, uint64_t writable, void *cookie, uint16_t *ret_id)
{
	uint16_t id;
	int e = r->ops->add(r, spans, count, &id);

	if (e < 0)
		return e;
	r->chain[id] = (struct front_chain){ .busy = true,
					     .descs = (uint16_t)count,
					     .writable = writable,
					     .cookie = cookie,
					     .table = table };
	r->in_flight++;
	r->added++;
	if (ret_id)
		*ret_id = id;
	return 0;
}

int front_ring_add(struct front_ring *r, const struct front_span *direct, unsigned count,
		   const struct front_span *table, unsigned table_count, void *cookie,
		   uint16_t *ret_id)
{
	uint64_t writable = writable_bytes(direct, count) + writable_bytes(table, table_count);
	struct vring_desc *shadow = NULL;
	CLEANUP(freep) struct front_span *spans = NULL;
	struct front_buf *b;
	uint16_t id;
	int e;

	assert(count + (table_count ? 1 : 0) > 0);
	if (count + (table_count ? 1U : 0) > r->size)
		return -ENOSPC;
	if (table_count == 0)
		return add_chain(r, direct, count, NULL, writable, cookie, ret_id);
	spans = calloc(count + 1, sizeof(*spans));
	b = spans ? make_table(r, table, table_count, &shadow) : NULL;
	if (!b)
		return -ENOMEM;
	if (count)
		memcpy(spans, direct, count * sizeof(*spans));
	spans[count] = (struct front_span){ b->guest, (uint32_t)b->size, VRING_DESC_F_INDIRECT };
	e = add_chain(r, spans, count + 1, b, writable, cookie, &id);
	if (e < 0) {
		front_buf_free(r->memory, b);
		free(shadow);
		return e;
	}
	r->chain[id].shadow = shadow;
	if (ret_id)
		*ret_id = id;
	return 0;
}

int front_ring_add_table(struct front_ring *r, struct front_buf *table, uint64_t writable,
			 void *cookie, uint16_t *ret_id)
{
	const struct front_span span = { table->guest, (uint32_t)table->size,
					 VRING_DESC_F_INDIRECT };
	uint16_t id;
	int e = add_chain(r, &span, 1, table, writable, cookie, &id);

	if (e < 0)
		return e;
	r->chain[id].table_kept = true;
	if (ret_id)
		*ret_id = id;
	return 0;
}

void front_ring_publish(struct front_ring *r)
{
	r->ops->publish(r);
}

void front_ring_kick_anyway(struct front_ring *r)
{
	const uint64_t one = 1;

	r->kicks++;
	(void)!write(r->kick_fd, &one, sizeof(one));
}

bool front_ring_kick(struct front_ring *r)
{
	r->ops->publish(r);
	if (!r->ops->wants_kick(r))
		return false;
	front_ring_kick_anyway(r);
	return true;
}

int front_ring_pop(struct front_ring *r, struct front_used *ret)
{
	return r->ops->pop(r, ret);
}

bool front_ring_arm(struct front_ring *r)
{
	return r->ops->arm(r);
}

void front_ring_quiet(struct front_ring *r)
{
	r->ops->quiet(r);
}

uint64_t front_ring_take_calls(struct front_ring *r)
{
	uint64_t calls = 0;
	uint64_t errors = 0;

	if (read(r->call_fd, &calls, sizeof(calls)) == sizeof(calls))
		r->calls += calls;
	if (read(r->err_fd, &errors, sizeof(errors)) == sizeof(errors))
		r->errors += errors;
	return calls;
}

void front_ring_expect(struct front_ring *r, uint16_t id, uint16_t descs, uint64_t writable,
		       void *cookie)
{
	assert(id < r->size && !r->chain[id].busy);
	r->chain[id] = (struct front_chain){
		.busy = true, .descs = descs, .writable = writable, .cookie = cookie
	};
	r->in_flight++;
	r->added++;
}

static void drop_table(struct front_ring *r, struct front_chain *c)
{
	if (c->table && !c->table_kept) {
		if (c->shadow && !r->light && memcmp(c->table->at, c->shadow, c->table->size) != 0)
			front_fault(r->evidence, FRONT_FAULT_DESC_WRITTEN,
				    "queue %u: in an indirect table", r->index);
		front_buf_free(r->memory, c->table);
	}
	free(c->shadow);
	c->table = NULL;
	c->shadow = NULL;
}

void front_ring_forget(struct front_ring *r, uint16_t id)
{
	assert(id < r->size && r->chain[id].busy);
	drop_table(r, &r->chain[id]);
	r->chain[id].busy = false;
	r->in_flight--;
}

void front_ring_release(struct front_ring *r, uint16_t id)
{
	front_ring_forget(r, id);
	r->popped++;
}

void front_ring_used_check(struct front_ring *r, struct front_used *u)
{
	const struct front_chain *c = &r->chain[u->id];

	u->cookie = c->cookie;
	if (u->len > c->writable)
		front_fault(r->evidence, FRONT_FAULT_USED_LEN,
			    "queue %u, id %u: %u bytes used of %llu", r->index, u->id, u->len,
			    (unsigned long long)c->writable);
}

void front_ring_addr(const struct front_ring *r, struct vhost_user_vring_addr *ret)
{
	*ret = (struct vhost_user_vring_addr){
		.index = r->index,
		.desc_user_addr = front_guest_to_user(r->memory, r->part[0]->guest),
		.avail_user_addr = front_guest_to_user(r->memory, r->part[1]->guest),
		.used_user_addr = front_guest_to_user(r->memory, r->part[2]->guest),
	};
}
