/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_DEVICE_RAW_H
#define VQ_DEVICE_RAW_H

/* One GETATTR whose buffers lie where a check wants them: also where no polite driver would put them. */

#include "conformance/device/vhost.h"

#define GETATTR_IN  (sizeof(struct fuse_in_header) + sizeof(struct fuse_getattr_in))
#define GETATTR_OUT (sizeof(struct fuse_out_header) + sizeof(struct fuse_attr_out))
#define RAW_POISON  0xa5

/* @in, @out: in this process; NULL where the guest has no memory. */
struct raw {
	uint64_t in_guest;
	uint64_t out_guest;
	uint32_t in_len;
	uint32_t out_len;
	uint8_t *in;
	uint8_t *out;
	uint8_t bytes[GETATTR_IN];
	uint64_t unique;
	uint16_t id;
	bool used;
	uint32_t used_len;
};

static inline struct raw raw_getattr(struct check_run *r, uint64_t in_guest, uint8_t *in,
				     uint64_t out_guest, uint8_t *out)
{
	struct raw q = { .in_guest = in_guest,
			 .out_guest = out_guest,
			 .in_len = GETATTR_IN,
			 .out_len = GETATTR_OUT,
			 .in = in,
			 .out = out };
	struct fuse_in_header h = { .len = GETATTR_IN,
				    .opcode = FUSE_GETATTR,
				    .nodeid = FRONT_ROOT };

	r->f->next_unique += 2;
	q.unique = h.unique = r->f->next_unique;
	memcpy(q.bytes, &h, sizeof(h));
	return q;
}

static inline bool raw_submit(struct check_run *r, struct raw *q)
{
	const struct front_span spans[] = {
		{ q->in_guest, q->in_len, 0 },
		{ q->out_guest, q->out_len, VRING_DESC_F_WRITE },
	};
	struct front_ring *ring = &r->f->ring[1];

	if (q->in)
		memcpy(q->in, q->bytes, sizeof(q->bytes));
	if (q->out)
		memset(q->out, RAW_POISON, GETATTR_OUT);
	if (!check_host(r, "put a chain into the ring",
			front_ring_add(ring, spans, ARRAY_SIZE(spans), NULL, 0, NULL, &q->id)))
		return false;
	(void)front_ring_arm(ring);
	front_ring_publish(ring);
	front_ring_kick_anyway(ring);
	return true;
}

static inline bool raw_wait(struct check_run *r, struct raw *q, unsigned ms)
{
	uint64_t end = clock_deadline_ms(ms);
	struct front_used used;

	while (!q->used && front_is_alive(r->f)) {
		if (front_ring_pop(&r->f->ring[1], &used) == 1 && used.id == q->id) {
			q->used = true;
			q->used_len = used.len;
		} else if (clock_now_ns() >= end || front_is_stalled(r->f)) {
			break;
		} else {
			(void)poll(NULL, 0, 1);
		}
	}
	(void)front_ring_take_calls(&r->f->ring[1]);
	return q->used;
}

/* Not before a device that ends has ended, nor when it has used the chain. */
static inline void raw_refused_somehow(struct check_run *r, struct raw *q, unsigned ms)
{
	front_evidence_allow(r->f->evidence, FRONT_FAULT_GONE);
	(void)raw_wait(r, q, ms);
}

static inline bool raw_touched(const struct raw *q)
{
	for (size_t i = 0; q->out && i < GETATTR_OUT; i++)
		if (q->out[i] != RAW_POISON)
			return true;
	return false;
}

/* What a reader of the reply's bytes says of them. */
static inline bool raw_is_right(struct check_run *r, const struct raw *q, const uint8_t *reply,
				const char *where)
{
	struct fuse_out_header h;
	struct fuse_attr_out attr;

	memcpy(&h, reply, sizeof(h));
	memcpy(&attr, reply + sizeof(h), sizeof(attr));
	return check_that(r,
			  q->used_len == GETATTR_OUT && h.len == GETATTR_OUT && h.error == 0 &&
				  h.unique == q->unique && S_ISDIR(attr.attr.mode),
			  "the answer to GETATTR of the root",
			  "%s: used %u, len %u, error %d, unique %s, mode 0%o", where, q->used_len,
			  h.len, h.error, h.unique == q->unique ? "right" : "wrong",
			  attr.attr.mode);
}

static inline bool raw_answered(struct check_run *r, struct raw *q, const char *where)
{
	return check_that(r, raw_wait(r, q, SOON_MS), "the request is used", "%s: it is not",
			  where) &&
	       raw_is_right(r, q, q->out, where);
}

/*
 * After something that cannot be served: the device may have given up its ring (until a reset), but it is
 * there, answers messages and serves its other queue.
 */
static inline bool check_sound(struct check_run *r, const char *after)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct front_request *q;
	uint64_t offered;
	int e = front_get_features(&r->f->channel, &offered);

	if (!check_that(r, e == 0, "the device is there and answers GET_FEATURES", "after %s: %s",
			after, strerror(-e)))
		return false;
	op.queue = FRONT_QUEUE_HIPRIO;
	if (!check_ok(r, "GETATTR in the other queue", front_prepare(r->f, &op, &q)) ||
	    !check_ok(r, "GETATTR in the other queue", front_submit(q)))
		return false;
	return check_that(r, came_back(q, SOON_MS), "the other queue is served",
			  "after %s: it is not", after);
}

#endif
