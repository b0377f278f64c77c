/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RELAY_RING_H
#define VQ_RELAY_RING_H

#include "relay/chain.h"
#include "relay/count.h"

/* Entries that a ring may have: QEMU's limit. */
#define RING_SIZE_MAX 1024

/* Room for one shadow ring of that size, and where its parts begin. */
#define SHADOW_DESC	 0
#define SHADOW_AVAIL	 16384
#define SHADOW_USED	 20480
#define SHADOW_RING_SIZE 32768
_Static_assert(SHADOW_DESC + RING_SIZE_MAX * sizeof(struct vring_desc) <= SHADOW_AVAIL, "fits");
_Static_assert(SHADOW_AVAIL + 6 + RING_SIZE_MAX * 2 <= SHADOW_USED, "fits");
_Static_assert(SHADOW_USED + 6 + RING_SIZE_MAX * 8 <= SHADOW_RING_SIZE, "fits");

/* A split ring, in the guest's memory or in ours. NULL: not there. */
struct ring {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
};

/* A request between its entry in the guest's available ring and its used element. */
struct request {
	bool busy;
	uint32_t opcode;
	uint32_t bytes;
	uint64_t writable;
	struct span out[CHAIN_SPANS];
	size_t out_count;
};

/*
 * One virtqueue: the guest's ring, which we serve as its device, and a shadow ring of the same
 * size, which the daemon serves. Descriptors keep their indexes and rings their 16-bit counters,
 * so that a head means the same on both sides and a counter can be handed over as it is.
 */
struct queue {
	unsigned index;
	uint16_t size;
	bool event_idx; /* on the guest's side; the daemon is not offered it */
	bool running;
	bool stopping; /* the daemon was asked to stop: nothing new is taken */
	bool more;     /* entries may have been left by queue_submit(): call it again */
	bool enabled;
	uint16_t base;			   /* as the VMM or the daemon said last */
	struct vhost_user_vring_addr addr; /* as the VMM gave it */
	bool have_addr;
	struct ring guest;
	struct ring shadow;
	uint16_t
		avail_next; /* the guest's next entry to take = index of the shadow's available ring */
	uint16_t used_next; /* the next used element to hand over */
	uint16_t signalled; /* used index at the last interrupt */
	bool signalled_valid;
	bool broken; /* the guest's index jumped: its ring is copied as it is, unread */
	int guest_kick, guest_call;   /* the VMM's; owned; -1: none */
	int shadow_kick, shadow_call; /* ours; owned */
	struct request request[RING_SIZE_MAX];
	struct counts counts;
	struct init_seen *init; /* where FUSE_INIT is noted; borrowed */
};

void queue_init(struct queue *q, unsigned index, void *shadow, struct init_seen *init);
void queue_free(struct queue *q);

/** queue_set_size() - 0 or -EINVAL for what is no ring size. */
int queue_set_size(struct queue *q, uint32_t size, struct err *reterr) MUST_USE;

/**
 * queue_resolve() - find the guest's ring in @m (again, after memory has changed).
 * -EFAULT when its addresses are not in there; the ring is then not there.
 */
int queue_resolve(struct queue *q, const struct memory *m, struct err *reterr) MUST_USE;

/** queue_reset() - an empty shadow ring that goes on where the guest's ring stands. */
void queue_reset(struct queue *q, uint16_t avail_base);

/** queue_submit() - hand all new entries of the guest to the daemon. Returns how many. */
unsigned queue_submit(struct queue *q, const struct memory *m);

/** queue_complete() - hand all new used elements to the guest, interrupt it if it wants. Returns how many. */
unsigned queue_complete(struct queue *q, const struct memory *m);

/** queue_kicked() - the guest's notification was seen: count it. */
void queue_kicked(struct queue *q);

/** queue_stop() - after the daemon stopped at @avail_base; entries behind that are given back. */
void queue_stop(struct queue *q, const struct memory *m, uint16_t avail_base);

#endif
