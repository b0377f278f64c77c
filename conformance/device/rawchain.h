/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_DEVICE_RAW_H
#define VQ_CONFORMANCE_DEVICE_RAW_H

/* Chains by hand, descriptor by descriptor, what becomes of them, and what must work after them. */

#include "conformance/device/rings.h"

/* A GETATTR of the root as the pieces of a chain can refer to it. */
struct raw {
	struct front_buf *in;
	struct front_buf *out;
	struct front_buf *table;
	uint64_t unique;
};

#define RAW_IN	  (IN_HEADER + sizeof(struct fuse_getattr_in))
#define RAW_OUT	  (OUT_HEADER + sizeof(struct fuse_attr_out))
#define RAW_TABLE 64

enum raw_place { RAW_AT_IN, RAW_AT_OUT, RAW_AT_NOWHERE, RAW_AT_TABLE, RAW_AT_WRAP };

/* A number of a descriptor as it is, instead of the place in the list. */
#define RAW_NUMBER(n) (0x10000 + (n))
#define RAW_NEXT      (-1)

struct raw_piece {
	enum raw_place place;
	uint32_t len;
	uint16_t flags;
	int next; /* RAW_NEXT: the one behind; index in this list; RAW_NUMBER() */
};

enum raw_fate {
	RAW_USED,
	RAW_ERROR,  /* the device said on the error descriptor that the ring is broken */
	RAW_SILENT, /* nothing was heard */
	RAW_GONE,
};

static inline bool raw_new(struct check_run *r, struct raw *m)
{
	struct fuse_in_header h = { .len = RAW_IN, .opcode = FUSE_GETATTR, .nodeid = FRONT_ROOT };

	*m = (struct raw){ 0 };
	m->in = front_buf_new(r->f->memory, RAW_IN);
	m->out = front_buf_new(r->f->memory, RAW_OUT);
	m->table = front_buf_new(r->f->memory, RAW_TABLE * sizeof(struct vring_desc));
	if (!m->in || !m->out || !m->table)
		return check_host(r, "guest memory", -ENOMEM);
	r->f->next_unique += 2;
	h.unique = m->unique = r->f->next_unique;
	memset(m->in->at, 0, m->in->size);
	memcpy(m->in->at, &h, sizeof(h));
	memset(m->table->at, 0, m->table->size);
	front_buf_poison(m->out);
	return true;
}

static inline uint64_t raw_address(const struct front *f, const struct raw *m, enum raw_place place)
{
	switch (place) {
	case RAW_AT_IN: return m->in->guest;
	case RAW_AT_OUT: return m->out->guest;
	case RAW_AT_TABLE: return m->table->guest;
	case RAW_AT_WRAP: return UINT64_MAX - 15;
	case RAW_AT_NOWHERE: break;
	}
	return front_guest_nowhere(f->memory);
}

/** raw_table() - fill @m's table with a list that ends with a piece of no length and no flags. */
static inline void raw_table(const struct front *f, const struct raw *m,
			     const struct raw_piece *list, unsigned max)
{
	struct vring_desc *d = (struct vring_desc *)(void *)m->table->at;

	for (unsigned i = 0; i < max && (list[i].len || list[i].flags); i++) {
		int next = list[i].next == RAW_NEXT ? (int)i + 1 : list[i].next;

		d[i].addr = htole64(raw_address(f, m, list[i].place));
		d[i].len = htole32(list[i].len);
		d[i].flags = htole16(list[i].flags);
		d[i].next = htole16((uint16_t)next);
	}
}

/** raw_offer() - a chain of the list, in descriptors that were free; published and kicked. Its head or -1. */
static inline int raw_offer(struct check_run *r, unsigned queue, const struct raw *m,
			    const struct raw_piece *list, unsigned max)
{
	struct front_ring *ring = &r->f->ring[queue];
	int at[16];
	unsigned count = 0;
	uint64_t writable = 0;

	for (; count < max && count < ARRAY_SIZE(at) && (list[count].len || list[count].flags);
	     count++) {
		at[count] = front_split_take(ring);
		if (!check_host(r, "a free descriptor", at[count]))
			return -1;
	}
	assert(count > 0);
	for (unsigned i = 0; i < count; i++) {
		int next = list[i].next;

		if (next == RAW_NEXT)
			next = i + 1 < count ? at[i + 1] : 0;
		else if (next >= 0 && next < (int)count)
			next = at[next];
		front_split_write(ring, (uint16_t)at[i], raw_address(r->f, m, list[i].place),
				  list[i].len, list[i].flags, (uint16_t)next);
	}
	/* All of `out` may be written, and no more, whatever the descriptors say. */
	writable = RAW_OUT;
	front_split_offer(ring, (uint16_t)at[0]);
	front_ring_expect(ring, (uint16_t)at[0], 1, writable, NULL);
	front_ring_publish(ring);
	front_ring_kick_anyway(ring);
	return at[0];
}

/** raw_wait() - what became of it; how many bytes were used. */
static inline enum raw_fate raw_wait(struct check_run *r, unsigned queue, uint32_t *ret_len)
{
	struct front_ring *ring = &r->f->ring[queue];
	struct pollfd p[3] = { { .fd = ring->call_fd, .events = POLLIN },
			       { .fd = ring->err_fd, .events = POLLIN },
			       { .fd = r->f->channel.fd, .events = POLLIN } };
	uint64_t end_ns = clock_deadline_ms(SILENCE_MS);
	struct front_used used;

	*ret_len = 0;
	for (;;) {
		uint64_t errors = ring->errors;

		(void)front_ring_arm(ring);
		if (front_ring_pop(ring, &used) == 1) {
			*ret_len = used.len;
			return RAW_USED;
		}
		if (!front_is_alive(r->f))
			return RAW_GONE;
		if (clock_now_ns() >= end_ns)
			return RAW_SILENT;
		(void)poll(p, ARRAY_SIZE(p), 20);
		(void)front_ring_take_calls(ring);
		if (ring->errors > errors)
			return RAW_ERROR;
	}
}

/** raw_checked() - the buffers' surroundings are whole, and behind the first @room bytes nothing is written. */
static inline bool raw_checked(struct check_run *r, const struct raw *m, uint64_t room)
{
	size_t at = front_buf_untouched(m->out, room < RAW_OUT ? room : RAW_OUT);

	(void)front_buf_check(r->f->memory, m->in, "a readable buffer");
	(void)front_buf_check(r->f->memory, m->out, "a writable buffer");
	(void)front_buf_check(r->f->memory, m->table, "an indirect table");
	return check_same(r, 0, "bytes beside the buffers that were written",
			  front_evidence_of(r->f->evidence, FRONT_FAULT_CANARY)) &&
	       check_same(r, m->out->size, "first byte behind the room that was written", at);
}

/** raw_renew() - rings and session begin again, by a reset where there is one. */
static inline bool raw_renew(struct check_run *r)
{
	struct err err = { "" };
	struct front *f = r->f;
	int e;

	if (front_has_protocol(f, VHOST_USER_PROTOCOL_F_STATUS) ||
	    front_has_protocol(f, VHOST_USER_PROTOCOL_F_RESET_DEVICE)) {
		e = front_reset(f, &err);
	} else {
		e = front_stop(f, &err);
		f->kept = false;
	}
	if (e == 0)
		e = front_start(f, &err);
	return check_that(r, e == 0, "the device can be reset and started after that", "%s",
			  err.text) &&
	       check_ok(r, "INIT of a new session", front_init(f, 0, NULL)) && check_alive(r);
}

/** raw_survived() - after @fate: the device is there, its other queue works, and so does a new session. */
static inline bool raw_survived(struct check_run *r, enum raw_fate fate)
{
	struct front_op forget = front_op_forget(4711, 1);

	if (!check_that(r, fate != RAW_GONE, "the device goes on", "the device hung up"))
		return false;
	if (fate == RAW_USED && !check_alive(r))
		return false;
	return check_ok(r, "FORGET on the high priority queue, after that",
			rings_within(r->f, &forget, SURVIVAL_MS)) &&
	       raw_renew(r);
}

#endif
