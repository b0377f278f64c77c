// SPDX-License-Identifier: Apache-2.0
/* Messages about one ring, and resets of the device. */
#include <fcntl.h>
#include <linux/virtio_config.h>

#include "base/clock.h"
#include "conformance/ref/fault/fault.h"
#include "conformance/ref/log.h"
#include "conformance/ref/vhost/conn.h"
#include "conformance/ref/vhost/ring_pool.h"

/*
 * GET_VRING_BASE waits for what is in flight. If that does not end soon it may be waiting for the front end
 * itself, which waits for us: then maps are given up; or for somebody on the host who holds a lease: that is given
 * up as well. If it does not end at all (a dead disk), the VMM is not kept waiting for ever: what ends later is held
 * back until the ring starts again.
 */
#define HURRY_MS 200
#define SLICE_MS 100
#define DRAIN_MS 10000

static struct queue *queue_of(struct conn *c, uint64_t index, struct err *reterr)
{
	if (index < c->queue_count)
		return &c->queue[index];
	(void)err_set(reterr, -EINVAL, "there is no queue %llu", (unsigned long long)index);
	return NULL;
}

static struct ring *lock(struct queue *q)
{
	(void)pthread_mutex_lock(&q->ring.lock);
	return &q->ring;
}

/* After a change that a ring may have been waiting for. */
static int unlock(struct queue *q, int e)
{
	(void)pthread_mutex_unlock(&q->ring.lock);
	queue_wake(q);
	return e;
}

int conn_set_vring_num(struct conn *c, struct msg *m, struct err *reterr)
{
	uint32_t num = m->body.state.num;
	struct queue *q = queue_of(c, m->body.state.index, reterr);
	bool packed = c->features & (UINT64_C(1) << VIRTIO_F_RING_PACKED);
	struct ring *r;

	if (!q)
		return -EINVAL;
	if (num == 0 || num > RING_SIZE_MAX || (!packed && (num & (num - 1)) != 0))
		return err_set(reterr, -EINVAL, "queue %u cannot have %u entries", q->ring.index,
			       num);
	if (num > 256 && fault_at(FAULT_QUEUE_SIZE))
		return err_set(reterr, -EINVAL, "queue %u: %u entries", q->ring.index, num);
	r = lock(q);
	if (r->started && r->size != num)
		return unlock(q, err_set(reterr, -EBUSY, "queue %u runs", r->index));
	if (r->size == 0 || !fault_at(FAULT_SIZE_KEPT))
		r->size = num;
	return unlock(q, 0);
}

/* Alignment of the three parts. Source: virtio 2.7 and 2.8.10. */
static bool aligned(const struct vhost_user_vring_addr *a, bool packed)
{
	return a->desc_user_addr % 16 == 0 && a->used_user_addr % 4 == 0 &&
	       a->avail_user_addr % (packed ? 4 : 2) == 0;
}

int conn_set_vring_addr(struct conn *c, struct msg *m, struct err *reterr)
{
	const struct vhost_user_vring_addr *a = &m->body.addr;
	struct queue *q = queue_of(c, a->index, reterr);
	struct ring *r;

	if (!q)
		return -EINVAL;
	if (!aligned(a, c->features & (UINT64_C(1) << VIRTIO_F_RING_PACKED)))
		return err_set(reterr, -EINVAL, "queue %u is not aligned", q->ring.index);
	r = lock(q);
	r->addr = *a;
	r->addr_set = true;
	if (r->started && ring_view_refresh(r, true) < 0)
		ring_break(r, "its new address is not in guest memory");
	return unlock(q, 0);
}

/*
 * How a reset is told from a pause. QEMU sends the same messages for `stop` and for a reset of the machine:
 * GET_VRING_BASE of each ring and, where STATUS was negotiated, SET_STATUS 0 (from vhost_dev_stop() in both
 * cases). RESET_DEVICE comes only on a reset, but not from every device of QEMU. After a pause a ring goes
 * on where it was: SET_VRING_BASE repeats what GET_VRING_BASE said. After a reset the driver begins anew,
 * with 0 (split) or with index 0 and both wrap counters 1 (packed). So a base that differs from what we
 * said means that the device was reset in between, and then QEMU has dropped all mappings as well. The one
 * case in which a reset looks like a pause is that every ring stood at its first entry: then there was no
 * session, or 65536 requests of it were served; and then the FUSE_INIT that begins every session ends the
 * old one, and the front end refuses to unmap what it has dropped, which counts as gone. (Resetting one
 * queue alone would look like a reset of all: VIRTIO_F_RING_RESET is not offered.)
 */
int conn_set_vring_base(struct conn *c, struct msg *m, struct err *reterr)
{
	struct queue *q = queue_of(c, m->body.state.index, reterr);
	struct ring *r;
	bool same;

	if (!q)
		return -EINVAL;
	r = lock(q);
	if (r->started)
		return unlock(q, err_set(reterr, -EBUSY, "queue %u runs", r->index));
	same = ring_set_base(r, m->body.state.num);
	(void)pthread_mutex_unlock(&r->lock);
	if (!same && !conn_session_over(c, "the device was reset"))
		return CONN_LOST;
	queue_wake(q);
	return 0;
}

/* Lock held, given up meanwhile. */
static void drain(struct conn *c, struct ring *r)
{
	const uint64_t end_ns = clock_deadline_ms(HURRY_MS + DRAIN_MS);
	int e;

	if (ring_drain(r, clock_deadline_ms(HURRY_MS)) == 0)
		return;
	shmem_hurry(c->shmem);
	do {
		conn_interrupt(c);
		e = ring_drain(r, clock_deadline_ms(SLICE_MS));
	} while (e < 0 && clock_now_ns() < end_ns);
	if (e < 0)
		ref_log(REF_LOG_WARN,
			"queue %u: %u requests do not end; the queue is stopped, they are held back",
			r->index, r->in_flight);
	shmem_calm(c->shmem);
}

static void suspend_if_all_stopped(struct conn *c)
{
	for (unsigned i = 0; i < c->queue_count; i++) {
		bool started = lock(&c->queue[i])->started;

		(void)pthread_mutex_unlock(&c->queue[i].ring.lock);
		if (started)
			return;
	}
	shmem_suspend(c->shmem);
}

int conn_get_vring_base(struct conn *c, struct msg *m, struct err *reterr)
{
	struct queue *q = queue_of(c, m->body.state.index, reterr);
	struct ring *r;

	/* There is no way to say no: the reply has the index that was asked for. */
	if (!q) {
		m->body.state.num = 0;
		return sizeof(m->body.state);
	}
	r = lock(q);
	if (r->started)
		c->used = true;
	if (!fault_at(FAULT_USED_AFTER_STOP))
		drain(c, r);
	if (r->started && fault_at(FAULT_RING_STOPS_NOT)) {
		m->body.state.num = r->format->base(r);
		r->draining = false;
	} else {
		m->body.state.num = ring_stop(r) + fault_at(FAULT_BASE_WRONG);
	}
	(void)unlock(q, 0);
	suspend_if_all_stopped(c);
	return sizeof(m->body.state);
}

/* The descriptor of a kick, call or error message, and its queue; NULL when it makes no sense. */
static struct queue *fd_target(struct conn *c, struct msg *m, struct err *reterr)
{
	bool without = m->body.u64 & VHOST_USER_VRING_NOFD;
	struct queue *q = queue_of(c, m->body.u64 & VHOST_USER_VRING_INDEX_MASK, reterr);

	if (!q)
		return NULL;
	if (without != (m->fd_count == 0)) {
		(void)err_set(reterr, -EINVAL, "queue %u: %zu descriptors, flag says %s",
			      q->ring.index, m->fd_count, without ? "none" : "one");
		return NULL;
	}
	/* Neither a kick that somebody else took nor a call that nobody reads may block a thread. */
	if (m->fd_count > 0) {
		int flags = fcntl(m->fd[0], F_GETFL);

		if (flags >= 0 && !(flags & O_NONBLOCK))
			(void)fcntl(m->fd[0], F_SETFL, flags | O_NONBLOCK);
	}
	return q;
}

/* --fault: once every queue has a kick, all may go. */
static void stop_waiting(struct conn *c)
{
	bool all = true;

	for (unsigned i = 0; i < c->queue_count; i++) {
		all = lock(&c->queue[i])->kick_fd >= 0 && all;
		(void)pthread_mutex_unlock(&c->queue[i].ring.lock);
	}
	for (unsigned i = 0; all && i < c->queue_count; i++) {
		(void)lock(&c->queue[i]);
		c->queue[i].waits_all = false;
		(void)unlock(&c->queue[i], 0);
	}
}

int conn_set_vring_kick(struct conn *c, struct msg *m, struct err *reterr)
{
	struct queue *q = fd_target(c, m, reterr);
	struct ring *r;
	int e;

	if (!q)
		return -EINVAL;
	e = queue_run(q);
	if (e < 0)
		return err_errno(reterr, e, "no thread for queue %u", q->ring.index);
	c->used = true;
	r = lock(q);
	if (q->kick_messages++ > 0 && fault_at(FAULT_KICK_KEPT))
		return unlock(q, 0);
	r->kick_always = m->fd_count == 0 && !fault_at(FAULT_KICK_NONE);
	e = ring_set_kick(r, msg_take_fd(m));
	if (e < 0)
		(void)err_errno(reterr, e, "queue %u: nobody can wait for this kick", r->index);
	(void)unlock(q, e);
	if (fault_armed(FAULT_RING_WAITS_ALL))
		stop_waiting(c);
	return e;
}

int conn_set_vring_call(struct conn *c, struct msg *m, struct err *reterr)
{
	struct queue *q = fd_target(c, m, reterr);
	struct ring *r;

	if (!q)
		return -EINVAL;
	r = lock(q);
	if (r->started && r->call_fd >= 0 && fault_at(FAULT_CALL_KEPT))
		return unlock(q, 0);
	if (fault_at(FAULT_MESSAGE_FD_LEAK))
		r->call_fd = -1;
	fd_closep(&r->call_fd);
	r->call_fd = msg_take_fd(m);
	return unlock(q, 0);
}

int conn_set_vring_err(struct conn *c, struct msg *m, struct err *reterr)
{
	struct queue *q = fd_target(c, m, reterr);
	struct ring *r;

	if (!q)
		return -EINVAL;
	r = lock(q);
	fd_closep(&r->err_fd);
	r->err_fd = msg_take_fd(m);
	return unlock(q, 0);
}

int conn_set_vring_enable(struct conn *c, struct msg *m, struct err *reterr)
{
	struct queue *q = queue_of(c, m->body.state.index, reterr);
	struct ring *r;

	if (!q)
		return -EINVAL;
	if (m->body.state.num > 1)
		return err_set(reterr, -EINVAL, "queue %u: neither enable nor disable",
			       q->ring.index);
	r = lock(q);
	r->enabled = m->body.state.num == 1;
	return unlock(q, 0);
}

/* All rings as they were before the first message about them; addresses and descriptors stay. */
static void stop_all(struct conn *c)
{
	for (unsigned i = 0; i < c->queue_count; i++) {
		struct queue *q = &c->queue[i];
		struct ring *r = lock(q);

		(void)ring_stop(r);
		ring_forget(r);
		r->base_set = false;
		r->enabled = !(c->features & (UINT64_C(1) << VHOST_USER_F_PROTOCOL_FEATURES)) &&
			     c->features_set;
		(void)unlock(q, 0);
	}
}

/*
 * Rings first: one that ran on when the session was over would take what the driver had left in it, and answer into
 * the ring that comes next.
 */
static int reset(struct conn *c)
{
	if (!fault_at(FAULT_RESET_KEEPS_RINGS))
		stop_all(c);
	if (!conn_session_over(c, "the device was reset"))
		return CONN_LOST;
	shmem_suspend(c->shmem);
	c->status = 0;
	return 0;
}

int conn_reset_device(struct conn *c, struct msg *m, struct err *reterr)
{
	(void)m;
	(void)reterr;
	return reset(c);
}

/*
 * Status 0 is a reset if a ring runs. If all rings were stopped before, it is what QEMU sends for a pause as
 * well: SET_VRING_BASE tells later, see there.
 */
int conn_set_status(struct conn *c, struct msg *m, struct err *reterr)
{
	bool runs = false;

	(void)reterr;
	c->status = m->body.u64 & 0xff;
	for (unsigned i = 0; i < c->queue_count && c->status == 0; i++) {
		/* Not `runs || lock()`: what was not locked must not be unlocked. */
		runs = lock(&c->queue[i])->started || runs;
		(void)pthread_mutex_unlock(&c->queue[i].ring.lock);
	}
	return runs ? reset(c) : 0;
}
