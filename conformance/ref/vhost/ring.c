// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/vhost/ring.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <string.h>

#include "base/clock.h"
#include "conformance/ref/fault/breaks.h"
#include "conformance/ref/log.h"
#include "conformance/ref/vhost/ring_notify.h"
#include "conformance/ref/vhost/ring_pool.h"

static __thread struct ring *serving;

void ring_serving(struct ring *r)
{
	serving = r;
}

int ring_init(struct ring *r, uint16_t index, struct memory_now *memory)
{
	pthread_condattr_t attr;
	int e;

	*r = (struct ring){
		.memory = memory,
		.index = index,
		.kick_fd = -1,
		.watch_fd = -1,
		.call_fd = -1,
		.err_fd = -1,
	};
	e = pthread_condattr_init(&attr);
	if (e != 0)
		return -e;
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_mutex_init(&r->lock, NULL);
	e = pthread_cond_init(&r->settled, &attr);
	(void)pthread_condattr_destroy(&attr);
	return -e;
}

void ring_destroy(struct ring *r)
{
	ring_forget(r);
	ring_view_drop(r);
	ring_pool_free(r);
	fd_closep(&r->kick_fd);
	fd_closep(&r->call_fd);
	fd_closep(&r->err_fd);
	(void)pthread_cond_destroy(&r->settled);
	(void)pthread_mutex_destroy(&r->lock);
}

void ring_break(struct ring *r, const char *why)
{
	if (fault_at(FAULT_BAD_RING_EXITS))
		fault_exit(why);
	r->broken = true;
	ref_log(REF_LOG_ERROR, "queue %u: %s; the queue is not served before it is reset", r->index,
		why);
	ring_signal(r->err_fd);
}

/* Give a chain back to the driver. */
static void push(struct ring *r, const struct ring_request *rr, uint32_t used)
{
	struct fault_element e[FAULT_ELEMENTS_MAX];
	struct fuse_out_header late;
	unsigned count;

	if (used > 0 && fault_at(FAULT_USED_EARLY)) {
		fault_early_hide(&rr->pub, &late);
		r->format->push(r, rr->pub.head, rr->slots, used);
		fault_early_show(&rr->pub, &late);
		return;
	}

	if (!fault_hooked(FAULT_HOOK_USED)) {
		r->format->push(r, rr->pub.head, rr->slots, used);
		return;
	}
	e[0] = (struct fault_element){ rr->pub.head, rr->slots, used };
	count = fault_used(&rr->pub, e);
	for (unsigned i = 0; i < count; i++)
		r->format->push(r, e[i].head, e[i].slots, e[i].used);
}

void ring_push_held(struct ring *r)
{
	if (!r->started || r->broken)
		return;
	while (r->held) {
		struct ring_request *rr = r->held;

		r->held = rr->next;
		push(r, rr, rr->used);
		ring_pool_put(r, rr);
	}
}

int ring_start(struct ring *r)
{
	if (r->size == 0 || !r->addr_set)
		return -EAGAIN;
	r->format = r->features & (UINT64_C(1) << VIRTIO_F_RING_PACKED) ? &ring_packed
									: &ring_split;
	if (r->format == &ring_packed && r->index == REF_HIPRIO && fault_at(FAULT_PACKED_HIPRIO))
		r->format = &ring_split;
	r->event_idx = (r->features & (UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX)) ||
		       fault_at(FAULT_EVENT_IDX_ALWAYS);
	r->indirect = r->features & (UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC);
	if (ring_view_refresh(r, true) < 0)
		return -EAGAIN;
	r->started = true;
	r->draining = false;
	r->broken = false;
	r->never_called = true;
	r->pushed = 0;
	r->finished = 0;
	r->called = false;
	r->call_after = 1;
	r->hint = 0;
	if (r->format->begin(r) < 0)
		ring_break(r, "its size or its base is not possible");
	else if (ring_pool_fit(r) < 0)
		ring_break(r, "out of memory, or its size changed with requests in flight");
	r->stopped_at_set = false;
	ref_log(REF_LOG_DEBUG, "queue %u: started, %s, size %u, base %#x", r->index,
		r->format->name, r->size, r->base_set ? r->base : 0);
	return 0;
}

/* --fault: a chain that could not be served has stopped all of them. */
static _Atomic bool all_stopped;

static bool may_look(const struct ring *r)
{
	if (all_stopped)
		return false;
	return r->started && (r->enabled || fault_armed(FAULT_RING_DISABLED)) && !r->draining &&
	       !r->broken;
}

/* Answer it here: it never was in flight. */
static void refuse(struct ring *r, struct ring_request *rr)
{
	uint32_t used;

	if (fault_at(FAULT_BAD_CHAIN_EXITS))
		fault_exit(rr->bad);
	if (fault_at(FAULT_BAD_CHAIN_STOPS))
		all_stopped = true;
	used = chain_refuse(rr);

	ref_log(REF_LOG_WARN, "queue %u: chain %u cannot be served: %s", r->index, rr->pub.head,
		rr->bad);
	push(r, rr, used);
	ring_pool_put(r, rr);
}

/* --fault: this queue shall not be served, or not count as disabled. */
static bool stuck(struct ring *r)
{
	if (!r->enabled && r->format->available(r))
		(void)fault_at(FAULT_RING_DISABLED);
	if (fault_armed(FAULT_RING_STUCK) && fault_number(FAULT_RING_STUCK) == r->index &&
	    r->format->available(r) && fault_at(FAULT_RING_STUCK))
		r->broken = true;
	return r->broken;
}

struct ring_request *ring_pop(struct ring *r, unsigned max)
{
	struct ring_request *first = NULL, **link = &first;
	uint64_t now = 0;
	unsigned taken = 0;
	bool refused = false;

	if (!may_look(r))
		return NULL;
	if (ring_view_refresh(r, false) < 0) {
		ring_break(r, "it is not in guest memory any more");
		return NULL;
	}
	/* A driver that only ever adds what cannot be served must not keep us here. */
	for (uint32_t looked = 0; taken < max && looked < r->size && r->free; looked++) {
		struct ring_request *rr = ring_pool_get(r);
		const char *why = NULL;
		int n = fault_hooked(FAULT_HOOK_REQUEST) && stuck(r) ? 0
								     : r->format->pop(r, rr, &why);

		if (n <= 0) {
			ring_pool_put(r, rr);
			if (n < 0)
				ring_break(r, why);
			break;
		}
		if (r->kicks_wanted && !r->event_idx)
			r->format->want_kick(r, false);
		r->kicks_wanted = false;
		if (rr->bad) {
			refuse(r, rr);
			refused = true;
			continue;
		}
		if (now == 0)
			now = clock_now_ns();
		rr->pub.popped_ns = rr->pub.done_ns = now;
		rr->view->users++;
		rr->next = NULL;
		r->in_flight++;
		taken++;
		*link = rr;
		link = &rr->next;
	}
	/* Nobody serves these, so nobody would tell the driver of them in the end. */
	if (refused)
		ring_call(r);
	return first;
}

bool ring_available(struct ring *r)
{
	if (!may_look(r))
		return false;
	if (ring_view_refresh(r, false) < 0) {
		ring_break(r, "it is not in guest memory any more");
		return false;
	}
	return r->free && r->format->available(r);
}

bool ring_rest(struct ring *r)
{
	if (!may_look(r))
		return false;
	if (ring_view_refresh(r, false) < 0) {
		ring_break(r, "it is not in guest memory any more");
		return false;
	}
	r->format->want_kick(r, true);
	r->kicks_wanted = true;
	/* What the driver adds from here on it kicks for; what it added before is found now. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (ring_available(r))
		return true;
	ring_ran_dry(r);
	return false;
}

void ring_finish(struct ring_request *rr, uint32_t used)
{
	struct ring *r = rr->ring;

	/* Nobody wrote more than there is room for; a used element must not say so either. */
	if (used > rr->pub.out_bytes)
		used = (uint32_t)rr->pub.out_bytes;
	(void)pthread_mutex_lock(&r->lock);
	ring_view_leave(r, rr);
	r->in_flight--;
	if (r->started || (r->view && fault_at(FAULT_USED_AFTER_STOP))) {
		if (r->finished++ == 0)
			r->finished_ns = rr->pub.done_ns;
		push(r, rr, used);
		if (serving != r || ring_call_due(r, rr))
			ring_call(r);
		ring_pool_put(r, rr);
	} else {
		rr->used = used;
		rr->next = r->held;
		r->held = rr;
	}
	if (r->in_flight == 0) {
		ring_view_tidy(r);
		(void)pthread_cond_broadcast(&r->settled);
	}
	(void)pthread_mutex_unlock(&r->lock);
}

void ref_request_done(struct ref_request *q, uint32_t used)
{
	ring_finish((struct ring_request *)q, used);
}

int ring_drain(struct ring *r, uint64_t deadline_ns)
{
	struct timespec at = { (time_t)(deadline_ns / NS_PER_S), (long)(deadline_ns % NS_PER_S) };

	r->draining = true;
	while (r->in_flight > 0)
		if (pthread_cond_timedwait(&r->settled, &r->lock, &at) == ETIMEDOUT)
			return r->in_flight > 0 ? -ETIMEDOUT : 0;
	return 0;
}

uint32_t ring_stop(struct ring *r)
{
	ring_return_kick(r);
	if (r->started) {
		ring_call(r);
		r->base = r->format->base(r);
		r->base_set = true;
	} else if (!r->base_set) {
		r->base = r->features & (UINT64_C(1) << VIRTIO_F_RING_PACKED) ? RING_PACKED_BASE
									      : 0;
	}
	r->stopped_at_set = r->stopped_at_set || r->started;
	r->stopped_at = r->base;
	r->started = false;
	r->draining = false;
	r->broken = false;
	r->kicked = false;
	r->kick_always = false;
	(void)!ring_set_kick(r, -1);
	if (r->in_flight == 0)
		ring_view_drop(r);
	return r->base;
}

bool ring_set_base(struct ring *r, uint32_t base)
{
	bool same = !r->stopped_at_set || r->stopped_at == base;

	if (fault_at(FAULT_BASE_IGNORED))
		return true;
	r->base = base;
	r->base_set = true;
	return same;
}

void ring_forget(struct ring *r)
{
	while (r->held) {
		struct ring_request *rr = r->held;

		r->held = rr->next;
		ring_pool_put(r, rr);
	}
	r->stopped_at_set = false;
}

void ring_memory_changed(struct ring *r)
{
	(void)pthread_mutex_lock(&r->lock);
	ring_view_tidy(r);
	(void)pthread_mutex_unlock(&r->lock);
}
