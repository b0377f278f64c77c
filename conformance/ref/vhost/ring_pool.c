// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/vhost/ring_pool.h"

#include <sys/mman.h>

void ring_pool_free(struct ring *r)
{
	if (r->iov_room)
		(void)munmap(r->iov_room, r->iov_room_size);
	free(r->pool);
	free(r->table);
	r->iov_room = NULL;
	r->pool = NULL;
	r->table = NULL;
	r->free = NULL;
	r->pool_size = 0;
}

/*
 * Vectors are reserved, not allocated: a page of them becomes memory when a request first needs it, and the
 * free list gives the warm ones first. So nothing is allocated for a request, and a queue of 1024 costs
 * what it really uses.
 */
static int pool_new(struct ring *r)
{
	r->iov_max = (r->size < CHAIN_MAX ? r->size : CHAIN_MAX) + IOV_SLACK;
	r->iov_room_size = (size_t)r->size * r->iov_max * sizeof(struct iovec);
	r->pool = calloc(r->size, sizeof(*r->pool));
	r->table = calloc(CHAIN_MAX, sizeof(*r->table));
	r->iov_room = mmap(NULL, r->iov_room_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (r->iov_room == MAP_FAILED)
		r->iov_room = NULL;
	if (!r->pool || !r->table || !r->iov_room) {
		ring_pool_free(r);
		return -ENOMEM;
	}
	r->pool_size = r->size;
	for (uint32_t i = r->size; i-- > 0;) {
		r->pool[i].ring = r;
		r->pool[i].iov = r->iov_room + (size_t)i * r->iov_max;
		ring_pool_put(r, &r->pool[i]);
	}
	return 0;
}

int ring_pool_fit(struct ring *r)
{
	if (r->pool_size == r->size)
		return 0;
	if (r->in_flight > 0 || r->held)
		return -EBUSY;
	ring_pool_free(r);
	return pool_new(r);
}

struct ring_request *ring_pool_get(struct ring *r)
{
	struct ring_request *rr = r->free;

	r->free = rr->next;
	return rr;
}

void ring_pool_put(struct ring *r, struct ring_request *rr)
{
	rr->next = r->free;
	r->free = rr;
}

static void view_free(struct ring_view *v)
{
	(void)memory_unref(v->memory);
	free(v);
}

void ring_view_drop(struct ring *r)
{
	if (r->view && r->view->users == 0)
		view_free(r->view);
	r->view = NULL;
}

static int resolve(const struct ring *r, struct ring_view *v)
{
	uint64_t desc, driver, device;

	r->format->sizes(r, &desc, &driver, &device);
	v->desc = memory_user(v->memory, r->addr.desc_user_addr, desc);
	v->driver = memory_user(v->memory, r->addr.avail_user_addr, driver);
	v->device = memory_user(v->memory, r->addr.used_user_addr, device);
	return v->desc && v->driver && v->device ? 0 : -EFAULT;
}

int ring_view_refresh(struct ring *r, bool force)
{
	struct ring_view *v;
	int e;

	if (!force && r->view &&
	    r->view->generation ==
		    atomic_load_explicit(&r->memory->generation, memory_order_acquire))
		return 0;
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	(void)pthread_mutex_lock(&r->memory->lock);
	v->memory = memory_ref(r->memory->table);
	v->generation = atomic_load_explicit(&r->memory->generation, memory_order_relaxed);
	(void)pthread_mutex_unlock(&r->memory->lock);
	e = resolve(r, v);
	if (e < 0) {
		view_free(v);
		return e;
	}
	ring_view_drop(r);
	r->view = v;
	r->hint = 0;
	return 0;
}

void ring_view_leave(struct ring *r, struct ring_request *rr)
{
	struct ring_view *v = TAKE_PTR(rr->view);

	v->users--;
	if (v->users == 0 && v != r->view)
		view_free(v);
}

void ring_view_tidy(struct ring *r)
{
	/* As long as the driver is to be told something, its event suppression must be readable. */
	if (r->view && r->in_flight == 0 && (r->pushed == 0 || !r->started) &&
	    (!r->started || r->view->generation != atomic_load_explicit(&r->memory->generation,
									memory_order_acquire)))
		ring_view_drop(r);
}
