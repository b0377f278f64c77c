/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FRONT_RING_H
#define VQ_FRONT_RING_H

#include "base/err.h"
#include "conformance/front/evidence.h"
#include "conformance/front/memory.h"

#include <linux/virtio_ring.h>

/*
 * The driver's side of one virtqueue, split or packed. Polite: chains are added, published, kicked and
 * popped as the specification wants it, and what the device did is verified at every step. Raw: split.h and
 * packed.h write any descriptor, entry or index. Not for several threads.
 * Source: virtio 1.4, "Split Virtqueues", "Packed Virtqueues".
 */

#define FRONT_RING_MAX 32768

/* A descriptor to be. @flags: VRING_DESC_F_WRITE, or anything that a check wants; NEXT is added. */
struct front_span {
	uint64_t guest;
	uint32_t len;
	uint16_t flags;
};

/* A chain that the device has and the driver waits for. */
struct front_chain {
	bool busy;
	bool table_kept; /* @table belongs to the caller */
	uint16_t descs;	 /* of the ring; an indirect table's do not count */
	uint64_t writable;
	void *cookie;
	struct front_buf *table;
	struct vring_desc *shadow; /* what was written into the table */
};

struct front_used {
	uint16_t id;
	uint32_t len;
	void *cookie;
};

struct front_ring;

struct front_ring_ops {
	/* bytes and alignment of descriptor, driver and device area */
	void (*sizes)(uint16_t size, size_t bytes[3], size_t align[3]);
	void (*reset)(struct front_ring *r, uint32_t base);
	int (*add)(struct front_ring *r, const struct front_span *spans, unsigned count,
		   uint16_t *ret_id);
	void (*publish)(struct front_ring *r);
	bool (*wants_kick)(struct front_ring *r);
	int (*pop)(struct front_ring *r, struct front_used *ret);
	bool (*arm)(struct front_ring *r);
	void (*quiet)(struct front_ring *r);
	uint32_t (*base)(const struct front_ring *r);
};
extern const struct front_ring_ops front_split_ops;
extern const struct front_ring_ops front_packed_ops;

struct front_ring {
	const struct front_ring_ops *ops;
	struct front_memory *memory;
	struct front_evidence *evidence;
	unsigned index; /* of the queue */
	uint16_t size;
	bool event_idx;
	bool light; /* the load generator: no comparing of descriptors */
	bool started;
	int kick_fd;
	int call_fd;
	int err_fd;
	struct front_buf *part[3]; /* descriptor, driver, device area */
	struct front_chain *chain; /* by id: head (split) or buffer id (packed) */
	uint16_t *free_ids;	   /* stack; split: of descriptors, packed: of buffer ids */
	uint16_t free_count;
	uint16_t in_flight;
	uint64_t added;
	uint64_t popped;
	uint64_t kicks;
	uint64_t calls;
	uint64_t errors; /* signals on err_fd */
	/* split */
	struct vring_desc *shadow; /* what was written into each descriptor */
	uint16_t avail_idx;
	uint16_t published_idx;
	uint16_t kicked_idx;
	uint16_t used_idx;
	uint16_t avail_flags;
	/* packed */
	uint16_t slots_free;
	uint16_t next_slot; /* where the next descriptor goes */
	bool avail_wrap;
	uint16_t used_slot;
	bool used_wrap;
	uint16_t added_since_kick;
	bool head_held; /* the first chain's first flags are written at publish */
	uint16_t head_slot;
	uint16_t head_flags;
};

/** front_ring_open() - memory and eventfds of queue @index. 0; -errno. */
int front_ring_open(struct front_ring *r, const struct front_ring_ops *ops, unsigned index,
		    uint16_t size, bool event_idx, struct front_memory *memory,
		    struct front_evidence *evidence) MUST_USE;
void front_ring_close(struct front_ring *r);

/** front_ring_reset() - empty, as before the first request; counters start at @base (SET_VRING_BASE). */
void front_ring_reset(struct front_ring *r, uint32_t base);

/**
 * front_ring_add() - a chain of @count descriptors in the ring, then, if @table_count, one INDIRECT
 * descriptor for a table of @table. The device sees it after front_ring_publish() or front_ring_kick().
 * Return: 0; -ENOSPC when the ring has no room now; -ENOMEM.
 */
int front_ring_add(struct front_ring *r, const struct front_span *direct, unsigned count,
		   const struct front_span *table, unsigned table_count, void *cookie,
		   uint16_t *ret_id) MUST_USE;

/** front_ring_add_table() - as above with one INDIRECT descriptor for a table that the caller keeps. */
int front_ring_add_table(struct front_ring *r, struct front_buf *table, uint64_t writable,
			 void *cookie, uint16_t *ret_id) MUST_USE;

/** front_ring_table_entry() - one descriptor of an indirect table; @next: index of the one behind it, 0: none. */
void front_ring_table_entry(const struct front_ring *r, struct vring_desc *d,
			    const struct front_span *span, unsigned next);

void front_ring_publish(struct front_ring *r);
/** front_ring_kick() - publish, and notify unless the device said that it need not. Was it notified? */
bool front_ring_kick(struct front_ring *r);
/** front_ring_kick_anyway() - notify, needed or not. */
void front_ring_kick_anyway(struct front_ring *r);

/**
 * front_ring_pop() - the next used element.
 * Return: 1 with @ret; 0 when there is none; -EPROTO for one that cannot be (evidence; it was skipped).
 */
int front_ring_pop(struct front_ring *r, struct front_used *ret) MUST_USE;

/** front_ring_arm() - ask to be told of the next used element. True: it is there already. */
bool front_ring_arm(struct front_ring *r);
/** front_ring_quiet() - ask not to be told. */
void front_ring_quiet(struct front_ring *r);
/** front_ring_take_calls() - notifications since the last time, from the call and error eventfds. */
uint64_t front_ring_take_calls(struct front_ring *r);

/** front_ring_expect() - for raw chains: from now on @id is in flight, with @descs of the ring. */
void front_ring_expect(struct front_ring *r, uint16_t id, uint16_t descs, uint64_t writable,
		       void *cookie);
/** front_ring_forget() - it is not: the device will not return it, or must not. */
void front_ring_forget(struct front_ring *r, uint16_t id);

/** front_ring_addr() - for SET_VRING_ADDR, in user addresses. */
void front_ring_addr(const struct front_ring *r, struct vhost_user_vring_addr *ret);

/* For split.c and packed.c. */
void front_ring_used_check(struct front_ring *r, struct front_used *u);
void front_ring_release(struct front_ring *r, uint16_t id);

#endif
