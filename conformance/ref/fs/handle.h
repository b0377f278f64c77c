/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_FS_HANDLE_H
#define VQ_REF_FS_HANDLE_H

#include "conformance/ref/fs/node.h"

/* Read from the host at once. */
#define HANDLE_DIR_BYTES 8192

/*
 * Where the listing of a directory stands: entries that the host gave and the guest has not got yet. Seeking back to
 * the first of them instead makes a host with hashed directories start over each time.
 */
struct handle_dir {
	uint64_t position; /* of the entry at @at */
	size_t at;
	size_t end;
	char entries[HANDLE_DIR_BYTES] __attribute__((aligned(8)));
};

/* An open file or directory of the guest. */
struct handle {
	uint64_t id;
	uint64_t nodeid;
	unsigned refs; /* atomic: one of the table, one of each user */
	int fd;
	int flags; /* what it was opened with here, O_ACCMODE and so on */
	struct node *node;
	pthread_mutex_t dir_lock; /* of what follows, for a directory */
	struct handle_dir *dir;	  /* made by the first listing */
};

struct handle_table {
	struct slot_shard shard[SLOT_SHARDS];
	unsigned next_shard; /* atomic */
};

void handle_table_init(struct handle_table *t, uint32_t generation);
void handle_table_free(struct handle_table *t);

/** handle_add() - @take_fd is consumed in every case; the node gets a reference more. */
int handle_add(struct handle_table *t, struct node *n, int take_fd, int flags, uint64_t *ret_id)
	MUST_USE;

/** handle_get() - a user's reference; NULL unless @id is live and belongs to @nodeid. */
struct handle *handle_get(struct handle_table *t, uint64_t id, uint64_t nodeid);
void handle_put(struct handle *h);
static inline void handle_putp(struct handle **h)
{
	if (*h)
		handle_put(*h);
}

/** handle_drop() - RELEASE. 0 or -EBADF. */
int handle_drop(struct handle_table *t, uint64_t id, uint64_t nodeid);

#endif
