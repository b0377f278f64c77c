/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_DAX_DAX_H
#define VQ_REF_DAX_DAX_H

#include <linux/fuse.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "conformance/ref/options.h"
#include "conformance/ref/request.h"

/*
 * What lies where in the DAX windows. FUSE lets a driver map over, into and across what is there
 * (virtio 5.11.6.4); vhost-user forbids overlap and partial removal: here the one becomes the other.
 */

struct dax_share; /* of the process: knows every mapping of every window by device and inode number */
struct dax_window; /* of one front end */

/* The file of a mapping. @fd: O_RDWR, borrowed for the call; what must outlive it is duplicated. */
struct dax_file {
	dev_t dev;
	ino_t ino;
	int fd;
};

/* Log2 of the alignment that INIT announces: a page of the host. */
#define DAX_ALIGNMENT_LOG2 12

int dax_share_open(const struct ref_options *o, struct dax_share **ret, struct err *reterr)
	MUST_USE;
struct dax_share *dax_share_close(struct dax_share *share);
/* "passthrough" or "shadow": how tails are served; static. */
const char *dax_share_tail(const struct dax_share *share);

/* @front: borrowed; its bytes may still be 0 and are read at each call. */
int dax_window_new(struct dax_share *share, const struct ref_window *front, struct dax_window **ret,
		   struct err *reterr) MUST_USE;
struct dax_window *dax_window_free(struct dax_window *w);

/**
 * dax_map() - FUSE_SETUPMAPPING.
 * Return: 0 when the range is live; -errno (a FUSE error) and what was there before is still there, or,
 * where the front end refused to put back what it had, gone for certain: never in between.
 */
int dax_map(struct dax_window *w, const struct dax_file *f, const struct fuse_setupmapping_in *in)
	MUST_USE;

/* dax_unmap() - FUSE_REMOVEMAPPING: @entries were copied out of guest memory. Ranges without a mapping are fine. */
int dax_unmap(struct dax_window *w, const struct fuse_removemapping_one *entries, unsigned count)
	MUST_USE;

/* The session is over: everything is unmapped, or only forgotten when the front end has dropped it (@gone). */
void dax_window_clear(struct dax_window *w, bool gone);

/**
 * dax_before_shrink() - a file is about to get @size bytes or fewer by a request of window @by (NULL: none).
 * Other windows lose what they map beyond @size, because a touch of it would kill their VMM.
 * dax_after_resize() - its size is @size now: a shadow tail is refreshed.
 */
void dax_before_shrink(struct dax_share *share, const struct dax_window *by, dev_t dev, ino_t ino,
		       uint64_t size);
void dax_after_resize(struct dax_share *share, dev_t dev, ino_t ino, uint64_t size);

/* What the ledger reports of a window. setups = removals + live, always. */
struct dax_counts {
	uint64_t setups;   /* fragments that became live */
	uint64_t removals; /* fragments that went */
	uint64_t live;
	uint64_t live_bytes;
	uint64_t live_bytes_max;
	uint64_t upgrades; /* read-only to read-write without a message */
	uint64_t refused;  /* by the front end */
};
void dax_window_counts(struct dax_window *w, struct dax_counts *ret);

#endif
