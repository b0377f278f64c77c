// SPDX-License-Identifier: Apache-2.0
#include "conformance/front/request.h"

#include "base/clock.h"
#include "conformance/front/device.h"

#include <assert.h>
#include <string.h>

/* The first unique, and how they grow: Linux uses even ones, the odd ones are of interrupts. */
#define UNIQUE_STEP 2

/* Which ring an operation goes to. Source: virtio 5.11.6.2. */
static unsigned queue_of(const struct front *f, const struct front_op *op)
{
	if (op->queue == FRONT_QUEUE_HIPRIO)
		return 0;
	if (op->queue != FRONT_QUEUE_AUTO)
		return op->queue;
	switch (op->opcode) {
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT: return 0;
	default: return f->queue;
	}
}

static void link_request(struct front *f, struct front_request *r)
{
	r->next = f->requests;
	if (r->next)
		r->next->link = &r->next;
	r->link = &f->requests;
	f->requests = r;
}

static void unlink_request(struct front_request *r)
{
	*r->link = r->next;
	if (r->next)
		r->next->link = r->link;
}

static size_t in_bytes(const struct front_op *op)
{
	size_t size = sizeof(struct fuse_in_header) + op->arg_size;

	for (unsigned i = 0; i < op->tail_count; i++)
		size += op->tail[i].iov_len;
	return size;
}

static void put_bytes(struct front_request *r, const struct front_op *op)
{
	struct fuse_in_header h = { .len = (uint32_t)r->in_size,
				    .opcode = op->opcode,
				    .unique = r->unique,
				    .nodeid = op->nodeid,
				    .uid = op->uid,
				    .gid = op->gid,
				    .pid = op->pid };
	uint8_t *to = r->in + sizeof(h);

	memcpy(r->in, &h, sizeof(h));
	memcpy(to, op->arg, op->arg_size);
	to += op->arg_size;
	for (unsigned i = 0; i < op->tail_count; i++) {
		if (op->tail[i].iov_len)
			memcpy(to, op->tail[i].iov_base, op->tail[i].iov_len);
		to += op->tail[i].iov_len;
	}
}

int front_prepare(struct front *f, const struct front_op *op, struct front_request **ret)
{
	struct front_request *r = calloc(1, sizeof(*r));

	assert(op->arg_size <= FRONT_ARG_MAX && op->tail_count <= FRONT_TAILS_MAX);
	if (!r)
		return FRONT_FAILED;
	r->in_size = r->in_room = in_bytes(op);
	r->in = malloc(r->in_room);
	if (!r->in) {
		free(r);
		return FRONT_FAILED;
	}
	f->next_unique += UNIQUE_STEP;
	r->front = f;
	r->unique = f->next_unique;
	r->opcode = op->opcode;
	r->queue = queue_of(f, op);
	r->layout = f->layout;
	r->out_min = op->out_min;
	r->out_max = op->out_max;
	r->no_reply = op->no_reply;
	r->maybe_no_reply = op->maybe_no_reply;
	r->out_size = op->no_reply ? 0 : sizeof(struct fuse_out_header) + op->out_max;
	put_bytes(r, op);
	link_request(f, r);
	*ret = r;
	return 0;
}

int front_request_resize(struct front_request *r, size_t in_size)
{
	assert(r->state == FRONT_PREPARED);
	if (in_size > r->in_room) {
		uint8_t *in = realloc(r->in, in_size);

		if (!in)
			return FRONT_FAILED;
		memset(in + r->in_size, 0, in_size - r->in_size);
		r->in = in;
		r->in_room = in_size;
	}
	r->in_size = in_size;
	return 0;
}

/* How the pieces of one direction are cut. */
struct cutter {
	const uint32_t *cuts;
	unsigned cut_count;
	uint32_t every;
	size_t left;
};

static uint32_t cut_next(struct cutter *c)
{
	size_t size = c->left;

	if (c->cut_count > 0) {
		size = *c->cuts++;
		c->cut_count--;
	} else if (c->every) {
		size = c->every;
	}
	if (size > c->left)
		size = c->left;
	c->left -= size;
	return (uint32_t)size;
}

static unsigned cut_count(struct cutter c)
{
	unsigned n = 0;

	/* A cut of 0 makes an empty descriptor: it counts, and the list of cuts ends. */
	for (; c.left > 0; n++)
		(void)cut_next(&c);
	return n;
}

/* Linux gives the header, then the arguments, then what follows; and likewise the reply. */
static struct cutter cutter_in(const struct front_request *r, const uint32_t defaults[1])
{
	const struct front_layout *l = &r->layout;

	if (l->in_cut_count || l->in_every)
		return (struct cutter){ l->in_cuts, l->in_cut_count, l->in_every, r->in_size };
	return (struct cutter){ defaults, 1, 0, r->in_size };
}

static struct cutter cutter_out(const struct front_request *r, const uint32_t defaults[1])
{
	const struct front_layout *l = &r->layout;

	if (l->out_cut_count || l->out_every)
		return (struct cutter){ l->out_cuts, l->out_cut_count, l->out_every, r->out_size };
	return (struct cutter){ defaults, 1, 0, r->out_size };
}

static void free_pieces(struct front_request *r)
{
	for (unsigned i = 0; i < r->piece_count; i++)
		front_buf_free(r->front->memory, r->piece[i]);
	free(r->piece);
	r->piece = NULL;
	r->piece_count = 0;
}

static int make_pieces(struct front_request *r)
{
	static const uint32_t in_header[1] = { sizeof(struct fuse_in_header) };
	static const uint32_t out_header[1] = { sizeof(struct fuse_out_header) };
	struct cutter in = cutter_in(r, in_header);
	struct cutter out = cutter_out(r, out_header);
	unsigned count = cut_count(in) + cut_count(out);
	size_t done = 0;

	r->in_pieces = cut_count(in);
	r->piece = calloc(count ? count : 1, sizeof(struct front_buf *));
	if (!r->piece)
		return FRONT_FAILED;
	for (unsigned i = 0; i < count; i++) {
		bool readable = i < r->in_pieces;
		struct front_buf *b = front_buf_new(r->front->memory,
						    cut_next(readable ? &in : &out));

		if (!b)
			return FRONT_FAILED;
		r->piece[r->piece_count++] = b;
		if (readable)
			memcpy(b->at, r->in + done, b->size);
		else
			front_buf_poison(b);
		done += b->size;
	}
	return 0;
}

/* How many descriptors stay in the ring itself. */
static unsigned direct_count(const struct front_request *r)
{
	switch (r->layout.kind) {
	case FRONT_CHAIN_DIRECT: return r->piece_count;
	case FRONT_CHAIN_INDIRECT: return 0;
	case FRONT_CHAIN_MIXED:
		return r->layout.direct < r->piece_count ? r->layout.direct : r->piece_count;
	case FRONT_CHAIN_AUTO: break;
	}
	return front_has(r->front, VIRTIO_RING_F_INDIRECT_DESC) ? 0 : r->piece_count;
}

static int add_to_ring(struct front_request *r)
{
	CLEANUP(freep) struct front_span *span = calloc(r->piece_count + 1, sizeof(*span));
	unsigned direct = direct_count(r);

	if (!span)
		return FRONT_FAILED;
	for (unsigned i = 0; i < r->piece_count; i++)
		span[i] = (struct front_span){ r->piece[i]->guest, (uint32_t)r->piece[i]->size,
					       i < r->in_pieces ? 0 : VRING_DESC_F_WRITE };
	return front_ring_add(&r->front->ring[r->queue], span, direct, span + direct,
			      r->piece_count - direct, r, &r->id) < 0
		       ? FRONT_FAILED
		       : 0;
}

int front_enqueue(struct front_request *r)
{
	char scratch[32];
	int e;

	assert(r->state == FRONT_PREPARED && r->queue < r->front->ring_count);
	e = make_pieces(r);
	if (e == 0 && r->piece_count > 0)
		e = add_to_ring(r);
	if (e < 0 || r->piece_count == 0) {
		free_pieces(r);
		return FRONT_FAILED;
	}
	r->state = FRONT_IN_FLIGHT;
	r->submit_ns = clock_now_ns();
	front_note(r->front->evidence, r->in, r->in_size, "queue %u: %s, unique %llu", r->queue,
		   front_op_name(r->opcode, scratch, sizeof(scratch)),
		   (unsigned long long)r->unique);
	if (r->front->options.watch)
		r->front->options.watch->sent(r->front->options.watch->context, r);
	return 0;
}

static void tell_end(const struct front_request *r)
{
	const struct front_watch *w = r->front->options.watch;

	if (w)
		w->ended(w->context, r);
}

int front_submit(struct front_request *r)
{
	int e = front_enqueue(r);

	if (e == 0)
		front_kick(r->front, r->queue);
	return e;
}

static void check_pieces(struct front_request *r)
{
	struct front_evidence *e = r->front->evidence;
	size_t done = 0;

	for (unsigned i = 0; i < r->in_pieces; i++) {
		struct front_buf *b = r->piece[i];

		if (memcmp(b->at, r->in + done, b->size) != 0)
			front_fault(e, FRONT_FAULT_READABLE_WRITTEN, "unique %llu, piece %u",
				    (unsigned long long)r->unique, i);
		done += b->size;
	}
	done = 0;
	for (unsigned i = r->in_pieces; i < r->piece_count; i++) {
		struct front_buf *b = r->piece[i];
		size_t from = r->used > done ? r->used - done : 0;

		if (from > b->size)
			from = b->size;
		memcpy(r->out + done, b->at, from);
		if (front_buf_untouched(b, from) < b->size)
			front_fault(e, FRONT_FAULT_BEHIND_USED,
				    "unique %llu: byte %zu, used are %u",
				    (unsigned long long)r->unique,
				    done + front_buf_untouched(b, from), r->used);
		done += b->size;
	}
}

/* The device has given it back. Guest memory is copied before it is looked at. */
void front_request_used(struct front_request *r, uint32_t used)
{
	r->state = FRONT_DONE;
	r->done_ns = clock_now_ns();
	r->used = used < r->out_size ? used : (uint32_t)r->out_size;
	r->out = calloc(1, r->out_size + 1);
	if (r->out) {
		check_pieces(r);
		front_note(r->front->evidence, r->out, r->used, "queue %u: used %u, unique %llu",
			   r->queue, used, (unsigned long long)r->unique);
		r->result = front_decode(r->front->evidence, r);
	} else {
		r->result = FRONT_FAILED;
	}
	free_pieces(r);
	tell_end(r);
	if (r->orphan)
		front_request_free(r);
}

void front_request_lose(struct front_request *r, int result)
{
	if (r->state != FRONT_IN_FLIGHT)
		return;
	/* Should the device still return it: it belongs to nobody. */
	r->front->ring[r->queue].chain[r->id].cookie = NULL;
	r->state = FRONT_LOST;
	r->result = result;
	free_pieces(r);
	tell_end(r);
	if (r->orphan)
		front_request_free(r);
}

void front_request_free(struct front_request *r)
{
	if (!r)
		return;
	if (r->state == FRONT_IN_FLIGHT) {
		r->orphan = true;
		return;
	}
	unlink_request(r);
	free_pieces(r);
	free(r->in);
	free(r->out);
	free(r);
}

int front_do(struct front *f, const struct front_op *op, void *ret, size_t size, size_t *ret_size)
{
	struct front_request *r;
	int e = front_prepare(f, op, &r);

	if (e < 0)
		return e;
	e = front_submit(r);
	if (e == 0)
		e = front_wait(r, front_deadline(f));
	if (e == 0 && ret_size)
		*ret_size = r->payload_size;
	if (e == 0 && size)
		memcpy(ret, r->payload, r->payload_size < size ? r->payload_size : size);
	front_request_free(r);
	return e;
}
