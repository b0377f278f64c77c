/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_VHOST_RING_H
#define VQ_REF_VHOST_RING_H

#include <linux/virtio_ring.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "conformance/ref/request.h"
#include "conformance/ref/vhost/memory.h"

/* Sizes that the virtio specification allows. Source: virtio 2.7 and 2.8, "queue size". */
#define RING_SIZE_MAX 32768
/*
 * Descriptors of one chain, or of one indirect table: a chain is never longer than its queue, and Linux
 * takes no vector of more than 1024 elements (IOV_MAX). Some more, because one may cross regions.
 */
#define CHAIN_MAX 1024
#define IOV_SLACK 16

struct ring;

/* The table of guest memory that rings use now; the connection thread replaces it. */
struct memory_now {
	pthread_mutex_t lock;
	struct memory *table;
	atomic_uint generation; /* counts replacements: one load tells whether a copy is stale */
};

/* A ring's addresses in one table of guest memory, as long as a request needs that table. */
struct ring_view {
	struct memory *memory;
	unsigned generation;
	unsigned users; /* requests in flight that were translated with it, under the ring's lock */
	void *desc;
	void *driver; /* available ring, or the driver's event suppression */
	void *device; /* used ring, or the device's event suppression */
};

/* One request object of a ring's pool. */
struct ring_request {
	struct ref_request pub; /* what the file system sees */
	struct ring *ring;
	struct ring_view *view;
	struct iovec *iov;
	struct ring_request *next;
	const char *bad; /* why the chain cannot be served, or NULL */
	uint32_t used;	 /* of a request that was finished after the ring was stopped */
	uint16_t slots;	 /* descriptors it takes in a packed ring */
};

/* What differs between split and packed rings. All are called with the ring's lock held. */
struct ring_format {
	const char *name;
	/* Bytes of the three parts. */
	void (*sizes)(const struct ring *r, uint64_t *desc, uint64_t *driver, uint64_t *device);
	/* Positions of a ring that starts, from what SET_VRING_BASE said. 0 or -EINVAL. */
	int (*begin)(struct ring *r);
	uint32_t (*base)(const struct ring *r);
	bool (*available)(const struct ring *r);
	/* 1: the next chain was translated; 0: there is none; -errno: the ring makes no sense. */
	int (*pop)(struct ring *r, struct ring_request *rr, const char **ret_why);
	void (*push)(struct ring *r, uint16_t head, uint16_t slots, uint32_t used);
	/* Does the driver want to hear of the ring->pushed entries since it was last told? */
	bool (*must_call)(const struct ring *r);
	/* Tell the driver whether kicks are wanted. */
	void (*want_kick)(struct ring *r, bool wanted);
};
extern const struct ring_format ring_split;
extern const struct ring_format ring_packed;

/* What a packed ring starts from when nothing else was said: both wrap counters 1. Source: virtio 2.8.1. */
#define RING_PACKED_BASE UINT32_C(0x80008000)

/* One virtqueue. Everything under @lock but what is said to be otherwise. */
struct ring {
	pthread_mutex_t lock;
	pthread_cond_t settled; /* in_flight has reached 0 */
	struct memory_now *memory;
	uint16_t index;

	/* As configured. */
	uint32_t size;
	struct vhost_user_vring_addr addr;
	bool addr_set;
	bool base_set;
	uint32_t base;
	uint64_t features;
	int kick_fd;
	uint64_t kick_serial; /* which descriptor that is: numbers are used again */
	int watch_fd; /* an epoll of the thread that waits for kicks, edge-triggered; or -1 */
	int call_fd;
	int err_fd;
	bool kick_always; /* there is no descriptor: the ring is looked at by time */
	bool enabled;

	/* As it runs. */
	bool kicked;   /* a kick was read and not yet answered by looking at the ring */
	bool started;  /* between the first kick and GET_VRING_BASE */
	bool draining; /* GET_VRING_BASE waits: nothing new is taken */
	bool broken;   /* the driver's fault: not looked at again before it is stopped */
	const struct ring_format *format;
	bool event_idx;
	bool indirect;
	uint16_t avail;
	uint16_t used;
	bool avail_wrap;
	bool used_wrap;
	uint32_t pushed;      /* slots written since the driver was told */
	uint32_t finished;    /* requests, likewise */
	uint64_t finished_ns; /* when the first of them was served */
	uint32_t call_after;  /* so many are enough to tell it */
	bool called;	      /* it was, since the ring last ran dry */
	bool never_called;
	bool kicks_wanted;
	bool stopped_at_set; /* GET_VRING_BASE said stopped_at */
	uint32_t stopped_at;
	unsigned hint;
	struct ring_view *view;

	/* The pool. */
	struct ring_request *pool;
	struct iovec *iov_room;
	size_t iov_room_size;
	uint32_t pool_size;
	unsigned iov_max;
	struct ring_request *free;
	struct ring_request *held; /* finished after the ring was stopped */
	struct vring_desc *table;  /* copy of the indirect table that is being read */
	unsigned in_flight;
};

int ring_init(struct ring *r, uint16_t index, struct memory_now *memory) MUST_USE;
void ring_destroy(struct ring *r);

/**
 * ring_set_kick() - the descriptor of kicks is @take_fd from now on; -1: none. Lock held.
 * Its count is not read at each kick, but when the ring stops: for who watches edges that is a system call saved.
 * Return: 0; -errno when nobody can wait for it, and it is closed.
 */
int ring_set_kick(struct ring *r, int take_fd) MUST_USE;

/** ring_start() - on a kick: 0 when it runs; -EAGAIN when something is still missing. Lock held. */
int ring_start(struct ring *r);

/** ring_push_held() - the driver gets what ended while the ring was stopped. Lock held. */
void ring_push_held(struct ring *r);

/** ring_pop() - at most @max requests as a list; NULL without, or when the ring may not be looked at. Lock held. */
struct ring_request *ring_pop(struct ring *r, unsigned max);

/** ring_available() - would ring_pop() find something? Lock held. */
bool ring_available(struct ring *r);

/** ring_rest() - nothing more to do for now: kicks are wanted. True when something came meanwhile. Lock held. */
bool ring_rest(struct ring *r);

/** ring_call() - tell the driver what was pushed, if it wants to hear of it. Lock held. */
void ring_call(struct ring *r);

/**
 * ring_drain() - take nothing new and wait until all that was taken is done. Lock held, given up meanwhile.
 * Return: 0; -ETIMEDOUT at @deadline_ns.
 */
int ring_drain(struct ring *r, uint64_t deadline_ns) MUST_USE;

/**
 * ring_stop() - after ring_drain(): the ring is not touched any more. What is still in flight is held back
 * until the ring starts again. Lock held. Returns what GET_VRING_BASE says.
 */
uint32_t ring_stop(struct ring *r);

/** ring_set_base() - as SET_VRING_BASE says; false when the device was reset since ring_stop(). Lock held. */
bool ring_set_base(struct ring *r, uint32_t base) MUST_USE;

/** ring_forget() - what was held back belongs to a guest that is gone. Lock held. */
void ring_forget(struct ring *r);

/** ring_memory_changed() - do not pin what the front end took away longer than needed. Takes the lock. */
void ring_memory_changed(struct ring *r);

/** ring_break() - the driver's ring makes no sense: log, tell the front end, leave it alone. Lock held. */
void ring_break(struct ring *r, const char *why);

/**
 * ring_finish() - give a request back; ref_request_done() is this and the decision whom to tell when.
 * Takes the lock.
 */
void ring_finish(struct ring_request *rr, uint32_t used);

/** ring_serving() - this thread serves @r (or nothing, NULL): it calls ring_call() itself when it runs out of work. */
void ring_serving(struct ring *r);

/* chain.c: descriptors into a request, for both formats. */
struct chain_desc {
	uint64_t addr;
	uint32_t len;
	bool write;
};
void chain_begin(struct ring *r, struct ring_request *rr, uint16_t head);
void chain_add(struct ring *r, struct ring_request *rr, const struct chain_desc *d);
/* Copies the table into ring->table; the number of its entries, or 0 and the request is bad. */
unsigned chain_table(struct ring *r, struct ring_request *rr, uint64_t addr, uint32_t len);
void chain_bad(struct ring_request *rr, const char *why);
void chain_end(struct ring *r, struct ring_request *rr);

/** chain_refuse() - answer a bad chain with a FUSE error where that is possible. Bytes written. */
uint32_t chain_refuse(struct ring_request *rr);

/** chain_is_quick() - does the kernel answer this FUSE message at once, so that others need not be told before? */
bool chain_is_quick(const struct ring_request *rr);

#endif
