/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RELAY_CHAIN_H
#define VQ_RELAY_CHAIN_H

#include "relay/memory.h"

#include <linux/fuse.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>

/* Descriptors that one chain may have, those of an indirect table included. */
#define CHAIN_MAX 4096
/* A reply's header and FUSE_INIT's body lie in at most this many pieces, or they are not read. */
#define CHAIN_SPANS 8
#define CHAIN_IN    (sizeof(struct fuse_in_header) + sizeof(struct fuse_init_in))
#define CHAIN_OUT   (sizeof(struct fuse_out_header) + sizeof(struct fuse_init_out))

struct span {
	uint64_t addr;
	uint32_t size;
};

/* What was read of one descriptor chain. All of it was written by the guest. */
struct chain {
	uint8_t in[CHAIN_IN]; /* the first readable bytes */
	size_t in_size;
	uint64_t readable;
	uint64_t writable;
	struct span out[CHAIN_SPANS]; /* where the first writable bytes are */
	size_t out_count;
	size_t out_size; /* bytes that `out` covers, at most CHAIN_OUT */
	unsigned count;	 /* descriptors seen */
	bool bad;	 /* malformed: nothing above means anything */
};

/**
 * chain_add() - look at one direct descriptor (a local copy). Marks the chain bad for an address
 * outside guest memory, a readable part behind a writable one, an indirect table that is not one,
 * and more than CHAIN_MAX descriptors.
 */
void chain_add(struct chain *c, const struct memory *m, const struct vring_desc *d);

/** chain_request() - the request's header; false unless the chain holds one that it has room for. */
bool chain_request(const struct chain *c, struct fuse_in_header *ret);

/** spans_read() - copy the first @size bytes of a reply out of guest memory. 0 or -EFAULT. */
int spans_read(const struct span *s, size_t count, const struct memory *m, void *ret, size_t size)
	MUST_USE;

#endif
