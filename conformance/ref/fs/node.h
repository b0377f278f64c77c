/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_FS_NODE_H
#define VQ_REF_FS_NODE_H

#include "conformance/ref/fs/slot.h"

#include <stdbool.h>
#include <sys/stat.h>

/* What statx() is asked for whenever a node may come of it: what an entry says, and what identifies it. */
#define NODE_STATX (STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID)

/*
 * An inode that the guest knows. The O_PATH descriptor keeps it alive, so that its (device, inode number) stays
 * its own: that pair proves identity as long as the node lives.
 */
struct node {
	struct node *next; /* in its bucket */
	uint64_t id;
	uint64_t lookups; /* what the guest has to forget; under the shard's lock */
	unsigned refs;	  /* atomic: one of the table, one of each user */
	int fd;
	dev_t dev;
	ino_t ino;
	uint64_t mount;
	struct statx_timestamp born;
	mode_t type;	    /* S_IFMT bits; never changes */
	uint64_t dax_stamp; /* atomic: change time at which dax_wanted was found out, 0: never */
	bool dax_wanted;    /* atomic; see mark.c */
};

struct node_shard {
	struct slot_shard slots;
	struct node **bucket;
	uint32_t bucket_count; /* power of two */
	uint32_t node_count;
};

struct node_table {
	struct node_shard shard[SLOT_SHARDS];
	struct node *root; /* FUSE_ROOT_ID; never forgotten */
};

/** node_table_init() - @root_fd is duplicated. @generation: ids of an earlier table must not be met again. */
int node_table_init(struct node_table *t, int root_fd, uint32_t generation) MUST_USE;
/* All nodes are dropped, whatever the guest still holds. Copes with a half-made table. */
void node_table_free(struct node_table *t);

/** node_get() - a user's reference, or NULL for a number that is not live. */
struct node *node_get(struct node_table *t, uint64_t id);
void node_put(struct node *n);
static inline void node_putp(struct node **n)
{
	if (*n)
		node_put(*n);
}

/**
 * node_find() - the live node of what statx() has just told, or NULL. Counts a lookup; the caller gets a reference.
 * A name that was looked at without holding it may be another file by now, so its time of birth must match as well.
 */
struct node *node_find(struct node_table *t, const struct statx *st);

/**
 * node_add() - the node of the O_PATH descriptor @take_fd, which is consumed in every case. Counts a lookup.
 * @st: of that descriptor.
 */
int node_add(struct node_table *t, int take_fd, const struct statx *st, struct node **ret) MUST_USE;

/** node_forget() - the guest gives @lookups back; more than it has is the same as all. */
void node_forget(struct node_table *t, uint64_t id, uint64_t lookups);

#endif
