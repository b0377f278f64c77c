/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_BROKER_NODE_H
#define VQ_REF_BROKER_NODE_H

/*
 * Files of the private mount. The kernel wants one backing id for all open files of an inode, so a file of the
 * host that is open keeps its node and its id; the host's file is pinned by the id, its number is not reused.
 * A node is free again when the kernel has no open file and no reference left.
 */

#include <stdint.h>

#include "base/cleanup.h"

struct node {
	uint64_t dev;
	uint64_t ino;
	uint64_t lookups; /* references of the kernel, given back by FORGET */
	uint32_t opens;	  /* given back by RELEASE */
	uint32_t next;	  /* slot + 1 in its bucket, or in the free list; 0 ends both */
	int32_t backing_id;
};

struct nodes;

/* nodes_new() - all memory at once; no call afterwards asks the system for anything. */
struct nodes *nodes_new(void);

/* broker_node_find() - the open node of a file of the host, or NULL. */
struct node *broker_node_find(struct nodes *all, uint64_t dev, uint64_t ino);
/* broker_node_add() - a node with no opens and no lookups yet; NULL when there are too many. */
struct node *broker_node_add(struct nodes *all, uint64_t dev, uint64_t ino, int32_t backing_id);
/* Number in FUSE messages, and back; NULL for one that no file has. */
uint64_t broker_node_id(const struct nodes *all, const struct node *n);
struct node *broker_node_by_id(struct nodes *all, uint64_t id);

/**
 * broker_node_opened() - one more open file and one more reference.
 * broker_node_released() - one fewer. Return: the backing id when it was the last, to be closed; else 0.
 * broker_node_forgotten() - @count references fewer. A driver cannot reach this: the kernel counts right; what
 * is too much is cut.
 */
void broker_node_opened(struct node *n);
int32_t broker_node_released(struct nodes *all, struct node *n);
void broker_node_forgotten(struct nodes *all, struct node *n, uint64_t count);

#endif
