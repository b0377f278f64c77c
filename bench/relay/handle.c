// SPDX-License-Identifier: Apache-2.0
/* What the relay does with each message between front end and back end: one row, two small functions. */
#include "relay/serve.h"

#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>

#define BIT(n) (UINT64_C(1) << (n))

/*
 * What the rings here and the messages below can carry. Everything else is taken out of the offer:
 * dirty logging, packed rings, IOMMU, requests of the back end, postcopy, device state.
 */
#define FEATURES_KNOWN                                                   \
	(BIT(VIRTIO_F_VERSION_1) | BIT(VHOST_USER_F_PROTOCOL_FEATURES) | \
	 BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_RING_F_INDIRECT_DESC))
#define PROTOCOL_KNOWN                                                                 \
	(BIT(VHOST_USER_PROTOCOL_F_MQ) | BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |        \
	 BIT(VHOST_USER_PROTOCOL_F_CONFIG) | BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) | \
	 BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) | BIT(VHOST_USER_PROTOCOL_F_STATUS))

/* @in is the VMM's message, @out the one that the daemon will get: a copy with borrowed descriptors. */
typedef int request_fn(struct serve *s, struct message *in, struct message *out,
		       struct err *reterr);
/* The daemon has done it: @reply is its answer, NULL when it gives none. */
typedef int done_fn(struct serve *s, const struct vhost_user_vring_state *state,
		    struct message *reply, struct err *reterr);

struct message_rule {
	const char *name;
	bool reply;	  /* always has one; others when asked to acknowledge */
	bool acknowledge; /* ask for an acknowledgement even if the VMM did not */
	bool any_size;	  /* the payload may be larger than `size` */
	uint32_t size;	  /* of the payload */
	size_t fds;	  /* at most */
	request_fn *request;
	done_fn *done;
};

static struct queue *get_queue(struct serve *s, uint32_t index, struct err *reterr)
{
	if (index < QUEUES_MAX)
		return &s->queue[index];
	(void)err_set(reterr, -EPROTO, "the VMM names queue %u; the relay has room for %d", index,
		      QUEUES_MAX);
	return NULL;
}

static bool acknowledges(const struct serve *s)
{
	return s->n.protocol & BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK);
}

/* ---- features ---- */

static int done_get_features(struct serve *s, const struct vhost_user_vring_state *state,
			     struct message *reply, struct err *reterr)
{
	(void)state;
	(void)reterr;
	s->n.features_masked = reply->body.u64 & ~FEATURES_KNOWN;
	reply->body.u64 &= FEATURES_KNOWN;
	return 0;
}

static int set_features(struct serve *s, struct message *in, struct message *out,
			struct err *reterr)
{
	(void)reterr;
	s->n.features = in->body.u64;
	/* The daemon always notifies: we look at its rings only when it does. */
	out->body.u64 &= ~BIT(VIRTIO_RING_F_EVENT_IDX);
	for (size_t i = 0; i < QUEUES_MAX; i++)
		s->queue[i].event_idx = in->body.u64 & BIT(VIRTIO_RING_F_EVENT_IDX);
	return 0;
}

static int done_get_protocol(struct serve *s, const struct vhost_user_vring_state *state,
			     struct message *reply, struct err *reterr)
{
	(void)state;
	(void)reterr;
	s->n.protocol_masked = reply->body.u64 & ~PROTOCOL_KNOWN;
	reply->body.u64 &= PROTOCOL_KNOWN;
	return 0;
}

static int set_protocol(struct serve *s, struct message *in, struct message *out,
			struct err *reterr)
{
	(void)out;
	(void)reterr;
	s->n.protocol = in->body.u64;
	return 0;
}

/* ---- memory ---- */

static struct vhost_user_mem_region shadow_region(void)
{
	return (struct vhost_user_mem_region){ SHADOW_GUEST_ADDR, SHADOW_SIZE, SHADOW_USER_ADDR,
					       0 };
}

/* Memory has changed: a ring that is served must still be there. */
static int resolve_again(struct serve *s, struct err *reterr)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < QUEUES_MAX; i++) {
		struct queue *q = &s->queue[i];

		if (q->have_addr && queue_resolve(q, &s->memory, reterr) < 0 && q->running)
			e = -EFAULT;
	}
	return e;
}

static int set_mem_table(struct serve *s, struct message *in, struct message *out,
			 struct err *reterr)
{
	const struct vhost_user_mem_table *t = &in->body.table;
	struct memory old = s->memory;
	int e = 0;

	if (t->count >= VHOST_USER_MEM_REGIONS_MAX || t->count != in->fd_count ||
	    in->head.size < 8 + t->count * sizeof(t->region[0]))
		return err_set(reterr, -EPROTO,
			       "the VMM gave %u memory regions with %zu descriptors in %u bytes; "
			       "the relay needs one of the %d places for itself",
			       t->count, in->fd_count, in->head.size, VHOST_USER_MEM_REGIONS_MAX);
	s->memory.count = 0;
	for (uint32_t i = 0; e == 0 && i < t->count; i++)
		e = memory_add(&s->memory, &t->region[i], in->fd[i], reterr);
	if (e == 0)
		e = resolve_again(s, reterr);
	memory_free(&old);
	out->body.table.region[t->count] = shadow_region();
	out->body.table.count = t->count + 1;
	out->head.size = (uint32_t)(8 + out->body.table.count * sizeof(t->region[0]));
	out->fd[out->fd_count++] = s->shadow_fd;
	return e;
}

static int expect_reply(struct serve *s, const struct expect *x, struct err *reterr)
{
	if (s->expect_count == EXPECT_MAX)
		return err_set(reterr, -EPROTO, "the VMM did not wait for a reply");
	s->expect[s->expect_count++] = *x;
	return 0;
}

/* Where regions come one by one, ours goes before the first. */
static int give_shadow(struct serve *s, struct err *reterr)
{
	struct message m = {
		.head = { VHOST_USER_ADD_MEM_REG, VHOST_USER_VERSION,
			  sizeof(struct vhost_user_mem_reg) },
		.fd = { s->shadow_fd },
		.fd_count = 1,
	};
	int e;

	if (s->shadow_given)
		return 0;
	m.body.reg.region = shadow_region();
	if (acknowledges(s))
		m.head.flags |= VHOST_USER_FLAG_NEED_REPLY;
	e = channel_send(&s->daemon, &m, reterr);
	if (e == 0 && acknowledges(s))
		e = expect_reply(s, &(struct expect){ .swallow = true }, reterr);
	s->shadow_given = e == 0;
	return e;
}

static int add_mem_reg(struct serve *s, struct message *in, struct message *out, struct err *reterr)
{
	int e = in->fd_count == 1
			? 0
			: err_set(reterr, -EPROTO, "the VMM added memory without a descriptor");

	(void)out;
	if (e == 0)
		e = memory_add(&s->memory, &in->body.reg.region, in->fd[0], reterr);
	if (e == 0)
		e = resolve_again(s, reterr);
	return e < 0 ? e : give_shadow(s, reterr);
}

static int rem_mem_reg(struct serve *s, struct message *in, struct message *out, struct err *reterr)
{
	int e = memory_remove(&s->memory, &in->body.reg.region, reterr);

	(void)out;
	return e < 0 ? e : resolve_again(s, reterr);
}

static int done_max_slots(struct serve *s, const struct vhost_user_vring_state *state,
			  struct message *reply, struct err *reterr)
{
	(void)s;
	(void)state;
	if (reply->body.u64 < 2)
		return err_set(reterr, -ENOSPC,
			       "the daemon has no memory slot to spare for the shadow rings");
	reply->body.u64--;
	if (reply->body.u64 > MEMORY_REGIONS_MAX)
		reply->body.u64 = MEMORY_REGIONS_MAX;
	return 0;
}

/* ---- rings ---- */

static int set_num(struct serve *s, struct message *in, struct message *out, struct err *reterr)
{
	struct queue *q = get_queue(s, in->body.state.index, reterr);

	(void)out;
	return q ? queue_set_size(q, in->body.state.num, reterr) : -EPROTO;
}

static int set_base(struct serve *s, struct message *in, struct message *out, struct err *reterr)
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

static int set_addr(struct serve *s, struct message *in, struct message *out, struct err *reterr)
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

static int set_kick(struct serve *s, struct message *in, struct message *out, struct err *reterr)
{
	return swap_fd(s, in, out, true, reterr);
}

static int set_call(struct serve *s, struct message *in, struct message *out, struct err *reterr)
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

static int done_kick(struct serve *s, const struct vhost_user_vring_state *state,
		     struct message *reply, struct err *reterr)
{
	(void)reply;
	(void)reterr;
	/* The index is the low byte of the payload, where `state` begins. */
	begin(s, &s->queue[state->index & VHOST_USER_VRING_INDEX_MASK]);
	return 0;
}

static int set_enable(struct serve *s, struct message *in, struct message *out, struct err *reterr)
{
	struct queue *q = get_queue(s, in->body.state.index, reterr);

	(void)out;
	if (!q)
		return -EPROTO;
	if (in->body.state.num == 0)
		q->enabled = false;
	return 0;
}

static int done_enable(struct serve *s, const struct vhost_user_vring_state *state,
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

static int get_base(struct serve *s, struct message *in, struct message *out, struct err *reterr)
{
	struct queue *q = get_queue(s, in->body.state.index, reterr);

	(void)out;
	if (q)
		q->stopping = true;
	return q ? 0 : -EPROTO;
}

static int done_get_base(struct serve *s, const struct vhost_user_vring_state *state,
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

static int reset_device(struct serve *s, struct message *in, struct message *out,
			struct err *reterr)
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

#define STATE_SIZE sizeof(struct vhost_user_vring_state)

/* By number. A message without a row cannot be passed on safely, and is an error. */
static const struct message_rule rules[] = {
	[VHOST_USER_GET_FEATURES] = { "GET_FEATURES", .reply = true, .done = done_get_features },
	[VHOST_USER_SET_FEATURES] = { "SET_FEATURES", .size = 8, .request = set_features },
	[VHOST_USER_SET_OWNER] = { "SET_OWNER" },
	[VHOST_USER_RESET_OWNER] = { "RESET_OWNER", .request = reset_device },
	[VHOST_USER_SET_MEM_TABLE] = { "SET_MEM_TABLE", .size = 8, .any_size = true,
				       .fds = VHOST_USER_MEM_REGIONS_MAX,
				       .request = set_mem_table },
	[VHOST_USER_SET_VRING_NUM] = { "SET_VRING_NUM", .size = STATE_SIZE, .request = set_num },
	[VHOST_USER_SET_VRING_ADDR] = { "SET_VRING_ADDR",
					.size = sizeof(struct vhost_user_vring_addr),
					.request = set_addr },
	[VHOST_USER_SET_VRING_BASE] = { "SET_VRING_BASE", .size = STATE_SIZE, .request = set_base },
	[VHOST_USER_GET_VRING_BASE] = { "GET_VRING_BASE", .reply = true, .size = STATE_SIZE,
					.request = get_base, .done = done_get_base },
	[VHOST_USER_SET_VRING_KICK] = { "SET_VRING_KICK", .size = 8, .fds = 1, .request = set_kick,
					.done = done_kick },
	[VHOST_USER_SET_VRING_CALL] = { "SET_VRING_CALL", .size = 8, .fds = 1,
					.request = set_call },
	[VHOST_USER_SET_VRING_ERR] = { "SET_VRING_ERR", .size = 8, .fds = 1 },
	[VHOST_USER_GET_PROTOCOL_FEATURES] = { "GET_PROTOCOL_FEATURES", .reply = true,
					       .done = done_get_protocol },
	[VHOST_USER_SET_PROTOCOL_FEATURES] = { "SET_PROTOCOL_FEATURES", .size = 8,
					       .request = set_protocol },
	[VHOST_USER_GET_QUEUE_NUM] = { "GET_QUEUE_NUM", .reply = true },
	/* Until it is acknowledged a notification of ours could come too early and be lost. */
	[VHOST_USER_SET_VRING_ENABLE] = { "SET_VRING_ENABLE", .acknowledge = true,
					  .size = STATE_SIZE, .request = set_enable,
					  .done = done_enable },
	[VHOST_USER_GET_CONFIG] = { "GET_CONFIG", .reply = true, .any_size = true },
	[VHOST_USER_SET_CONFIG] = { "SET_CONFIG", .any_size = true },
	[VHOST_USER_RESET_DEVICE] = { "RESET_DEVICE", .request = reset_device },
	[VHOST_USER_GET_MAX_MEM_SLOTS] = { "GET_MAX_MEM_SLOTS", .reply = true,
					   .done = done_max_slots },
	[VHOST_USER_ADD_MEM_REG] = { "ADD_MEM_REG", .size = sizeof(struct vhost_user_mem_reg),
				     .fds = 1, .request = add_mem_reg },
	[VHOST_USER_REM_MEM_REG] = { "REM_MEM_REG", .size = sizeof(struct vhost_user_mem_reg),
				     .fds = 1, .request = rem_mem_reg },
	[VHOST_USER_SET_STATUS] = { "SET_STATUS", .size = 8 },
	[VHOST_USER_GET_STATUS] = { "GET_STATUS", .reply = true },
};

static const struct message_rule *find_rule(const struct message *m, struct err *reterr)
{
	uint32_t id = m->head.request;
	const struct message_rule *r = id < ARRAY_SIZE(rules) ? &rules[id] : NULL;

	if (!r || !r->name)
		(void)err_set(reterr, -EPROTO,
			      "the VMM sent message %u, which the relay cannot pass on", id);
	else if (m->head.size < r->size || (m->head.size > r->size && !r->any_size))
		(void)err_set(reterr, -EPROTO, "the VMM sent %s with %u bytes instead of %u",
			      r->name, m->head.size, r->size);
	else if (m->fd_count > r->fds)
		(void)err_set(reterr, -EPROTO, "the VMM sent %s with %zu descriptors, at most %zu",
			      r->name, m->fd_count, r->fds);
	else
		return r;
	return NULL;
}

int serve_from_vmm(struct serve *s, struct err *reterr)
{
	struct message *in = &s->vmm.in;
	const struct message_rule *r = find_rule(in, reterr);
	struct expect x = { .rule = r, .state = in->body.state };
	struct message out;
	bool asked;
	int e;

	if (!r)
		return -EPROTO;
	out = *in;
	asked = r->reply || (in->head.flags & VHOST_USER_FLAG_NEED_REPLY && acknowledges(s));
	if (!asked && r->acknowledge && acknowledges(s)) {
		out.head.flags |= VHOST_USER_FLAG_NEED_REPLY;
		x.swallow = true;
	}
	e = r->request ? r->request(s, in, &out, reterr) : 0;
	if (e == 0)
		e = channel_send(&s->daemon, &out, reterr);
	if (e == 0 && (asked || x.swallow))
		e = expect_reply(s, &x, reterr);
	else if (e == 0 && r->done)
		e = r->done(s, &x.state, NULL, reterr);
	channel_next(&s->vmm);
	return e;
}

int serve_from_daemon(struct serve *s, struct err *reterr)
{
	struct message *in = &s->daemon.in;
	struct expect x;
	int e = 0;

	if (s->expect_count == 0 || !(in->head.flags & VHOST_USER_FLAG_REPLY))
		return err_set(reterr, -EPROTO, "the daemon sent message %u that nobody asked for",
			       in->head.request);
	x = s->expect[0];
	memmove(s->expect, s->expect + 1, --s->expect_count * sizeof(x));
	/* Of a message of ours: 0 is success. The VMM's own acknowledgements it judges itself. */
	if (x.swallow && in->body.u64 != 0)
		e = err_set(reterr, -EPROTO, "the daemon refused %s: %llu",
			    x.rule ? x.rule->name : "the shadow rings",
			    (unsigned long long)in->body.u64);
	else if (x.rule && x.rule->done)
		e = x.rule->done(s, &x.state, in, reterr);
	if (e == 0 && !x.swallow)
		e = channel_send(&s->vmm, in, reterr);
	channel_next(&s->daemon);
	return e;
}
