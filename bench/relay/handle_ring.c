// SPDX-License-Identifier: Apache-2.0
/* Messages about rings: the guest's ring stays here, the daemon gets the shadow of it. */
#include "relay/handle.h"

#include <fcntl.h>

static struct queue *get_queue(struct serve *s, uint32_t index, struct err *reterr)
{
	if (index < QUEUES_MAX)
		return &s->queue[index];
	(void)err_set(reterr, -EPROTO, "the VMM names queue %u; the relay has room for %d", index,
		      QUEUES_MAX);
	return NULL;
}

int handle_set_num(struct serve *s, struct message *in, struct message *out, struct err *reterr)
{
	struct queue *q = get_queue(s, in->body.state.index, reterr);

	(void)out;
	return q ? queue_set_size(q, in->body.state.num, reterr) : -EPROTO;
}

int handle_set_base(struct serve *s, struct message *in, struct message *out, struct err *reterr)
{
	struct queue *q = get_queue(s, in->body.state.index, reterr);

	(void)out;
	if (!q)
		return -EPROTO;
	q->base = (uint16_t)in->body.state.num;
	if (q->guest.used && !q->running)
		queue_reset(q, q->base);
	return 0;
}

int handle_set_addr(struct serve *s, struct message *in, struct message *out, struct err *reterr)
{
	struct queue *q = get_queue(s, in->body.addr.index, reterr);
	uint64_t base = SHADOW_USER_ADDR;
	int e;

	if (!q)
		return -EPROTO;
	q->addr = in->body.addr;
	q->have_addr = true;
	e = queue_resolve(q, &s->memory, reterr);
	if (e < 0)
		return e;
	if (!q->running)
		queue_reset(q, q->base);
	base += (uint64_t)q->index * SHADOW_RING_SIZE;
	out->body.addr.flags = 0;
	out->body.addr.desc_user_addr = base + SHADOW_DESC;
	out->body.addr.avail_user_addr = base + SHADOW_AVAIL;
	out->body.addr.used_user_addr = base + SHADOW_USED;
	return 0;
}

/* Kick and call: the VMM's descriptor stays here, the daemon gets one of ours. */
static int swap_fd(struct serve *s, struct message *in, struct message *out, bool kick,
		   struct err *reterr)
{
	struct queue *q = get_queue(s, in->body.u64 & VHOST_USER_VRING_INDEX_MASK, reterr);
	int *mine;

	if (!q)
		return -EPROTO;
	if (in->body.u64 & VHOST_USER_VRING_NOFD || in->fd_count != 1)
		return err_set(reterr, -EPROTO, "the VMM gave queue %u no descriptor to notify by",
			       q->index);
	mine = kick ? &q->guest_kick : &q->guest_call;
	fd_closep(mine);
	*mine = TAKE_FD(in->fd[0]);
	/* We must not wait for one who never reads or writes it. */
	if (fcntl(*mine, F_SETFL, O_NONBLOCK) < 0)
		return err_errno(reterr, -errno, "the VMM's descriptor for queue %u", q->index);
	out->fd[0] = kick ? q->shadow_kick : q->shadow_call;
	return 0;
}

int handle_set_kick(struct serve *s, struct message *in, struct message *out, struct err *reterr)
{
	return swap_fd(s, in, out, true, reterr);
}

int handle_set_call(struct serve *s, struct message *in, struct message *out, struct err *reterr)
{
	return swap_fd(s, in, out, false, reterr);
}

/* From here on the guest's ring is served; with protocol features, once it is enabled as well. */
static void begin(struct serve *s, struct queue *q)
{
	bool needs_enable = s->n.features & BIT(VHOST_USER_F_PROTOCOL_FEATURES);

	if (q->running || q->guest_kick < 0 || !q->guest.avail || (needs_enable && !q->enabled))
		return;
	q->running = true;
	if (q->index >= s->n.queues)
		s->n.queues = q->index + 1;
	s->n.queue_size = q->size;
	(void)queue_submit(q, &s->memory);
}

int handle_kick_done(struct serve *s, const struct vhost_user_vring_state *state,
		     struct message *reply, struct err *reterr)
{
	(void)reply;
	(void)reterr;
	/* The index is the low byte of the payload, where `state` begins. */
	begin(s, &s->queue[state->index & VHOST_USER_VRING_INDEX_MASK]);
	return 0;
}

int handle_set_enable(struct serve *s, struct message *in, struct message *out, struct err *reterr)
{
	struct queue *q = get_queue(s, in->body.state.index, reterr);

	(void)out;
	if (!q)
		return -EPROTO;
	if (in->body.state.num == 0)
		q->enabled = false;
	return 0;
}

int handle_enable_done(struct serve *s, const struct vhost_user_vring_state *state,
		       struct message *reply, struct err *reterr)
{
	struct queue *q = get_queue(s, state->index, reterr);

	(void)reply;
	if (q && state->num) {
		q->enabled = true;
		begin(s, q);
	}
	return q ? 0 : -EPROTO;
}

int handle_get_base(struct serve *s, struct message *in, struct message *out, struct err *reterr)
{
	struct queue *q = get_queue(s, in->body.state.index, reterr);

	(void)out;
	if (q)
		q->stopping = true;
	return q ? 0 : -EPROTO;
}

int handle_base_done(struct serve *s, const struct vhost_user_vring_state *state,
		     struct message *reply, struct err *reterr)
{
	struct queue *q = get_queue(s, state->index, reterr);

	if (!q)
		return -EPROTO;
	if (q->running)
		queue_stop(q, &s->memory, (uint16_t)reply->body.state.num);
	q->base = (uint16_t)reply->body.state.num;
	return 0;
}

int handle_reset(struct serve *s, struct message *in, struct message *out, struct err *reterr)
{
	(void)in;
	(void)out;
	(void)reterr;
	for (size_t i = 0; i < QUEUES_MAX; i++) {
		struct queue *q = &s->queue[i];

		if (q->running)
			queue_stop(q, &s->memory, q->avail_next);
		q->enabled = false;
		q->base = 0;
	}
	return 0;
}
