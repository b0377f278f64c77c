/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_FS_SLOT_H
#define VQ_REF_FS_SLOT_H

#include "base/cleanup.h"

#include <pthread.h>

/*
 * Numbers that a guest holds for things of ours. A number is an index and a generation, never an
 * address: one that was invented, or whose thing is gone, finds nothing. The table is cut into shards,
 * each with its own lock, held for a few instructions only.
 */

#define SLOT_SHARD_BITS 4
#define SLOT_SHARDS	(1U << SLOT_SHARD_BITS)

struct slot {
	void *item; /* NULL: free */
	uint32_t generation;
	uint32_t next_free;
};

/* One shard; its owner takes @lock. */
struct slot_shard {
	pthread_mutex_t lock;
	struct slot *slot;
	uint32_t count;	    /* slots that were ever used */
	uint32_t room;	    /* slots allocated */
	uint32_t free_head; /* UINT32_MAX: none */
	uint32_t first_generation;
} __attribute__((aligned(64)));

/* Ids are at least 2^32 and below 2^63: neither FUSE_ROOT_ID nor "no file handle" is one. */
static inline unsigned slot_shard_of(uint64_t id)
{
	return id & (SLOT_SHARDS - 1);
}

void slot_shard_init(struct slot_shard *s, uint32_t generation);
void slot_shard_free(struct slot_shard *s);

/* With the lock held. @shard is the number of @s. -ENOMEM. */
int slot_add(struct slot_shard *s, unsigned shard, void *item, uint64_t *ret_id) MUST_USE;
void *slot_find(const struct slot_shard *s, uint64_t id);
/* Forgets the number for good; @id must be live. */
void slot_drop(struct slot_shard *s, uint64_t id);

#endif
