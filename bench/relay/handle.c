// SPDX-License-Identifier: Apache-2.0
/* What the relay does with each message between front end and back end: one row, two small functions. */
#include "relay/handle.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>

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
/*
 * A daemon with a DAX window asks the VMM for mappings on a socket of their own, which is handed through:
 * no request of the guest goes that way.
 */
#define PROTOCOL_WINDOW                                                                        \
	(BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) | BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) | \
	 BIT(VHOST_USER_PROTOCOL_F_SHMEM))

struct message_rule {
	const char *name;
	bool reply;	  /* always has one; others when asked to acknowledge */
	bool acknowledge; /* ask for an acknowledgement even if the VMM did not */
	bool any_size;	  /* the payload may be larger than `size` */
	uint32_t size;	  /* of the payload */
	size_t fds;	  /* at most */
	uint64_t needs;	  /* protocol features without which nobody may send it */
	request_fn *request;
	done_fn *done;
};

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
	uint64_t known = PROTOCOL_KNOWN;

	(void)state;
	(void)reterr;
	if ((reply->body.u64 & PROTOCOL_WINDOW) == PROTOCOL_WINDOW)
		known |= PROTOCOL_WINDOW;
	s->n.protocol_masked = reply->body.u64 & ~known;
	reply->body.u64 &= known;
	s->n.protocol_offered = reply->body.u64;
	return 0;
}

static int set_protocol(struct serve *s, struct message *in, struct message *out,
			struct err *reterr)
{
	uint64_t wrong = in->body.u64 & ~s->n.protocol_offered;

	(void)out;
	if (wrong)
		return err_set(reterr, -EPROTO,
			       "the VMM acknowledged protocol features 0x%llx that were not "
			       "offered",
			       (unsigned long long)wrong);
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

/* The socket goes to the daemon, and we keep nothing of it: who holds an end keeps the other waiting. */
static int set_backend_fd(struct serve *s, struct message *in, struct message *out,
			  struct err *reterr)
{
	(void)s;
	(void)out;
	return in->fd_count == 1 ? 0
				 : err_set(reterr, -EPROTO,
					   "the VMM sent SET_BACKEND_REQ_FD without a descriptor");
}

#define STATE_SIZE sizeof(struct vhost_user_vring_state)

/* By number. A message without a row cannot be passed on safely, and is an error. */
static const struct message_rule rules[] = {
	[VHOST_USER_GET_FEATURES] = { "GET_FEATURES", .reply = true, .done = done_get_features },
	[VHOST_USER_SET_FEATURES] = { "SET_FEATURES", .size = 8, .request = set_features },
	[VHOST_USER_SET_OWNER] = { .name = "SET_OWNER" },
	[VHOST_USER_RESET_OWNER] = { "RESET_OWNER", .request = handle_reset },
	[VHOST_USER_SET_MEM_TABLE] = { "SET_MEM_TABLE", .size = 8, .any_size = true,
				       .fds = VHOST_USER_MEM_REGIONS_MAX,
				       .request = set_mem_table },
	[VHOST_USER_SET_VRING_NUM] = { "SET_VRING_NUM", .size = STATE_SIZE,
				       .request = handle_set_num },
	[VHOST_USER_SET_VRING_ADDR] = { "SET_VRING_ADDR",
					.size = sizeof(struct vhost_user_vring_addr),
					.request = handle_set_addr },
	[VHOST_USER_SET_VRING_BASE] = { "SET_VRING_BASE", .size = STATE_SIZE,
					.request = handle_set_base },
	[VHOST_USER_GET_VRING_BASE] = { "GET_VRING_BASE", .reply = true, .size = STATE_SIZE,
					.request = handle_get_base, .done = handle_base_done },
	[VHOST_USER_SET_VRING_KICK] = { "SET_VRING_KICK", .size = 8, .fds = 1,
					.request = handle_set_kick, .done = handle_kick_done },
	[VHOST_USER_SET_VRING_CALL] = { "SET_VRING_CALL", .size = 8, .fds = 1,
					.request = handle_set_call },
	[VHOST_USER_SET_VRING_ERR] = { "SET_VRING_ERR", .size = 8, .fds = 1 },
	[VHOST_USER_GET_PROTOCOL_FEATURES] = { "GET_PROTOCOL_FEATURES", .reply = true,
					       .done = done_get_protocol },
	[VHOST_USER_SET_PROTOCOL_FEATURES] = { "SET_PROTOCOL_FEATURES", .size = 8,
					       .request = set_protocol },
	[VHOST_USER_GET_QUEUE_NUM] = { "GET_QUEUE_NUM", .reply = true },
	/* Until it is acknowledged a notification of ours could come too early and be lost. */
	[VHOST_USER_SET_VRING_ENABLE] = { "SET_VRING_ENABLE", .acknowledge = true,
					  .size = STATE_SIZE, .request = handle_set_enable,
					  .done = handle_enable_done },
	[VHOST_USER_GET_CONFIG] = { "GET_CONFIG", .reply = true, .any_size = true },
	[VHOST_USER_SET_CONFIG] = { "SET_CONFIG", .any_size = true },
	[VHOST_USER_RESET_DEVICE] = { "RESET_DEVICE", .request = handle_reset },
	[VHOST_USER_GET_MAX_MEM_SLOTS] = { "GET_MAX_MEM_SLOTS", .reply = true,
					   .done = done_max_slots },
	[VHOST_USER_ADD_MEM_REG] = { "ADD_MEM_REG", .size = sizeof(struct vhost_user_mem_reg),
				     .fds = 1, .request = add_mem_reg },
	[VHOST_USER_REM_MEM_REG] = { "REM_MEM_REG", .size = sizeof(struct vhost_user_mem_reg),
				     .fds = 1, .request = rem_mem_reg },
	[VHOST_USER_SET_BACKEND_REQ_FD] = { "SET_BACKEND_REQ_FD", .fds = 1,
					    .needs = BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ),
					    .request = set_backend_fd },
	[VHOST_USER_GET_SHMEM_CONFIG] = { "GET_SHMEM_CONFIG", .reply = true,
					  .needs = BIT(VHOST_USER_PROTOCOL_F_SHMEM) },
	[VHOST_USER_SET_STATUS] = { "SET_STATUS", .size = 8 },
	[VHOST_USER_GET_STATUS] = { "GET_STATUS", .reply = true },
};

static const struct message_rule *find_rule(const struct serve *s, const struct message *m,
					    struct err *reterr)
{
	uint32_t id = m->head.request;
	const struct message_rule *r = id < ARRAY_SIZE(rules) ? &rules[id] : NULL;

	if (!r || !r->name)
		(void)err_set(reterr, -EPROTO,
			      "the VMM sent message %u, which the relay cannot pass on", id);
	else if (r->needs & ~s->n.protocol)
		(void)err_set(reterr, -EPROTO, "the VMM sent %s, which was not agreed on", r->name);
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
	const struct message_rule *r = find_rule(s, in, reterr);
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
