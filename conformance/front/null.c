// SPDX-License-Identifier: Apache-2.0
/* A device that does nothing: it shows how fast the client itself can be. */
#include "conformance/front/load.h"
#include "conformance/front/split.h"

#include "base/clock.h"

#include <endian.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

struct front_null {
	struct front *f;
	int peer; /* the other end of the front end's socket: nobody reads it */
	int stop_fd;
	int epoll_fd;
	bool running;
	pthread_t thread;
	uint16_t seen[FRONT_QUEUES_MAX];
};

/* What one chain offers; the client of this file is ours: its chains are well formed. */
struct seen_chain {
	uint64_t unique;
	uint8_t *out;
	uint32_t writable;
};

static void see(const struct front_null *n, const struct vring_desc *d, struct seen_chain *c)
{
	uint8_t *at = front_guest_at(n->f->memory, le64toh(d->addr), le32toh(d->len));
	struct fuse_in_header h;

	if (!at)
		return;
	if (le16toh(d->flags) & VRING_DESC_F_WRITE) {
		c->out = c->out ? c->out : at;
		c->writable += le32toh(d->len);
	} else if (c->unique == 0 && le32toh(d->len) >= sizeof(h)) {
		memcpy(&h, at, sizeof(h));
		c->unique = h.unique;
	}
}

static void walk(const struct front_null *n, const struct front_ring *r, uint16_t head,
		 struct seen_chain *c)
{
	const struct vring_desc *table = front_split_desc(r);
	uint32_t size = r->size;
	uint32_t at = head;

	for (uint32_t steps = 0; at < size && steps < r->size; steps++) {
		const struct vring_desc *d = &table[at];
		uint16_t flags = le16toh(d->flags);

		if (flags & VRING_DESC_F_INDIRECT) {
			size = le32toh(d->len) / sizeof(*d);
			table = (const void *)front_guest_at(n->f->memory, le64toh(d->addr),
							     le32toh(d->len));
			at = 0;
			if (!table)
				return;
			continue;
		}
		see(n, d, c);
		if (!(flags & VRING_DESC_F_NEXT))
			return;
		at = le16toh(d->next);
	}
}

static void answer(struct front_null *n, struct front_ring *r, uint16_t head, uint16_t slot)
{
	struct seen_chain c = { 0 };
	struct vring_used_elem *e = &front_split_used(r)->ring[slot & (r->size - 1)];

	walk(n, r, head, &c);
	if (c.out && c.writable >= sizeof(struct fuse_out_header)) {
		struct fuse_out_header h = { .len = c.writable, .unique = c.unique };

		memcpy(c.out, &h, sizeof(h));
	}
	e->id = htole32(head);
	e->len = htole32(c.writable);
}

static bool wants_call(const struct front_ring *r, uint16_t old, uint16_t now)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!r->event_idx)
		return !(__atomic_load_n(&front_split_avail(r)->flags, __ATOMIC_ACQUIRE) &
			 htole16(VRING_AVAIL_F_NO_INTERRUPT));
	return vring_need_event(
		le16toh(__atomic_load_n(front_split_used_event(r), __ATOMIC_ACQUIRE)), now, old);
}

static unsigned serve_ring(struct front_null *n, unsigned queue)
{
	struct front_ring *r = &n->f->ring[queue];
	const uint64_t one = 1;
	uint16_t old = n->seen[queue];
	uint16_t avail = le16toh(__atomic_load_n(&front_split_avail(r)->idx, __ATOMIC_ACQUIRE));
	unsigned count = (uint16_t)(avail - old);

	for (; n->seen[queue] != avail; n->seen[queue]++) {
		uint16_t at = n->seen[queue] & (r->size - 1);

		answer(n, r, le16toh(front_split_avail(r)->ring[at]), n->seen[queue]);
	}
	if (count > 0) {
		__atomic_store_n(&front_split_used(r)->idx, htole16(avail), __ATOMIC_RELEASE);
		if (wants_call(r, old, avail))
			(void)!write(r->call_fd, &one, sizeof(one));
	}
	return count;
}

/* Ask for a kick at the next one, then look again. */
static bool ask_kick(struct front_null *n, unsigned queue)
{
	struct front_ring *r = &n->f->ring[queue];

	__atomic_store_n(front_split_avail_event(r), htole16(n->seen[queue]), __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return serve_ring(n, queue) == 0;
}

/* Each kick is an edge, which need not be read to see the next. */
static int watch(struct front_null *n, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	return epoll_ctl(n->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static int watch_all(struct front_null *n)
{
	int e;

	n->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (n->epoll_fd < 0)
		return -errno;
	e = watch(n, n->stop_fd, EPOLLIN);
	for (unsigned i = 0; e == 0 && i < n->f->ring_count; i++)
		e = watch(n, n->f->ring[i].kick_fd, EPOLLIN | EPOLLET);
	return e;
}

static void *serve(void *context)
{
	struct front_null *n = context;
	struct epoll_event event;
	int found;

	do {
		for (unsigned i = 0; i < n->f->ring_count; i++)
			while (serve_ring(n, i) > 0 || !ask_kick(n, i))
				continue;
		found = epoll_wait(n->epoll_fd, &event, 1, -1);
	} while (found != 1 || event.data.fd != n->stop_fd);
	return NULL;
}

int front_null_open(const struct front_options *o, struct front **ret_front,
		    struct front_null **ret, struct err *reterr)
{
	struct front_options own = *o;
	struct front_null *n = calloc(1, sizeof(*n));
	int pair[2];
	int e;

	if (!n)
		return err_set(reterr, -ENOMEM, "out of memory");
	n->peer = n->stop_fd = n->epoll_fd = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		free(n);
		return err_errno(reterr, -errno, "cannot make a socket");
	}
	own.fd = pair[0];
	n->peer = pair[1];
	n->stop_fd = eventfd(0, EFD_CLOEXEC);
	e = front_open(&own, &n->f, reterr);
	if (e == 0) {
		n->f->features = (UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC |
				  UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX) &
				 ~own.features_off;
		e = front_open_rings(n->f);
	}
	if (e == 0)
		e = watch_all(n);
	if (e == 0)
		e = -pthread_create(&n->thread, NULL, serve, n);
	if (e < 0) {
		(void)front_null_close(n);
		return err_errno(reterr, e, "cannot start the null device");
	}
	n->running = true;
	*ret_front = n->f;
	*ret = n;
	return 0;
}

struct front_null *front_null_close(struct front_null *n)
{
	const uint64_t one = 1;

	if (!n)
		return NULL;
	if (n->running) {
		(void)!write(n->stop_fd, &one, sizeof(one));
		(void)pthread_join(n->thread, NULL);
	}
	n->f = front_free(n->f);
	fd_closep(&n->peer);
	fd_closep(&n->stop_fd);
	fd_closep(&n->epoll_fd);
	free(n);
	return NULL;
}
