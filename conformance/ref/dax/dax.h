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
 *
 * Every mapping is read-write from the start, because vhost-user knows no change of a live one: taking it
 * away and mapping it again would let another processor of the guest read wrong bytes in between. So the
 * request of a driver for write access to what it maps already costs nothing, and what FUSE calls a
 * read-only mapping takes stores (the guest kernel holds them back).
 *
 * The end of a file. A front end refuses to map beyond it, and drivers ask for whole ranges:
 * - passthrough: the front end gets a descriptor of a private FUSE mount that claims a huge size and hands
 *   mmap on to the file (broker/). Window and file are the same page cache: coherent to the byte in both
 *   directions, in the last page and behind it after growth by anyone. A touch beyond the page of the end
 *   of file is SIGBUS in the front end, as with any mapping.
 * - shadow: whole pages are mapped from the file and are coherent like that. The last, partly filled page is a
 *   copy. What holds for it: stores of guests reach the file, and changes of the file reach the windows, at
 *   each dax_sync(), dax_after_resize(), new mapping and removal; bytes that neither changed are never
 *   written; of two changes to one byte between two such moments the guest's wins. What does not: a change
 *   is not seen before that moment, and a copy between processes (host mmap) is not atomic. Growth becomes
 *   visible by dax_after_resize(); a window shows no part of the file behind the size it was told last.
 */

struct dax_share; /* of the process: knows every mapping of every window by device and inode number */
struct dax_window; /* of one front end */

/*
 * The file of a mapping: @dev and @ino as fstat() of @fd says them. @fd: O_RDWR without O_APPEND, borrowed
 * for the call; what must outlive it is duplicated. -1: not open yet, which will do for a file that is mapped
 * through the private mount already.
 */
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
/* "passthrough" or "shadow"; "mixed" once a file had to be served otherwise than the probe said. Static. */
const char *dax_share_tail(const struct dax_share *share);
/* Why passthrough is not used, "" when it is: for the log. Borrowed from @share. */
const char *dax_share_tail_reason(const struct dax_share *share);

/* @front: borrowed; its bytes may still be 0 and are read at each call. */
int dax_window_new(struct dax_share *share, const struct ref_window *front, struct dax_window **ret,
		   struct err *reterr) MUST_USE;
struct dax_window *dax_window_free(struct dax_window *w);

/**
 * dax_map() - FUSE_SETUPMAPPING. What maps the right bytes already is not touched, down to no message at all.
 * Return: 0 when the range is live; -errno (a FUSE error) and what was there before is still there, or,
 * where the front end refused to put back what it had, gone for certain: never in between.
 * -EINVAL: range or flags (dax_check_map()); not a regular file, or not the one that @f names. -EACCES: not
 * O_RDWR. -EBADF: not open, and it has to be. -ENOSYS: no window. -ENOMEM: too many fragments. Else what the front end or the host said.
 */
int dax_map(struct dax_window *w, const struct dax_file *f, const struct fuse_setupmapping_in *in)
	MUST_USE;

/**
 * dax_unmap() - FUSE_REMOVEMAPPING: @entries were copied out of guest memory. Ranges without a mapping are fine.
 * Return: 0; -EINVAL for any entry that is misaligned, empty or outside, and nothing has changed; else the
 * first error of the front end, and every other entry was carried out.
 */
int dax_unmap(struct dax_window *w, const struct fuse_removemapping_one *entries, unsigned count)
	MUST_USE;

/* The session is over: everything is unmapped, or only forgotten when the front end has dropped it (@gone). */
void dax_window_clear(struct dax_window *w, bool gone);

/**
 * dax_window_refit() - what the front end could not take while its guest was stopped is mapped. With copied tails only: a
 * mapping of the file itself cannot wait for the guest, for the file may be shorter by then, and became a hole; those of
 * the private mount wait in vhost/.
 */
void dax_window_refit(struct dax_window *w);

/* A shrink that was begun and has not ended: in the frame of who does it. */
struct dax_shrink {
	struct dax_shrink *next;
	dev_t dev;
	ino_t ino;
	uint64_t size;
};

/**
 * dax_before_shrink() - a file is about to get @size bytes or fewer by a request of window @by (NULL: none).
 * Other windows lose what they map beyond @size, because a touch of it would kill their VMM; and until
 * dax_after_shrink() nobody maps anything there, whatever size the file still has.
 * @ret: what dax_after_shrink() is given, in any case, also when the shrink failed. NULL: nothing follows.
 */
void dax_before_shrink(struct dax_share *share, const struct dax_window *by, dev_t dev, ino_t ino,
		       uint64_t size, struct dax_shrink *ret);
/* dax_after_shrink() - and dax_after_resize() with it. Accepts a @shrink of zeros. */
void dax_after_shrink(struct dax_share *share, struct dax_shrink *shrink, const struct dax_file *f);

/**
 * dax_after_resize() - the file may have another size than it had: a shadow tail is refreshed, and what other
 * windows have lost comes back where the file is long enough again. Cheap for a file that is mapped nowhere, or wholly.
 * @f: its descriptor may be O_PATH here: it is asked for the size that the file has when a window is changed. A size
 * that was asked for earlier may be one that another guest has cut meanwhile.
 */
void dax_after_resize(struct dax_share *share, const struct dax_file *f);

/**
 * dax_sync() - shadow: bring the copied last page and the file together; with passthrough it does nothing.
 * For before READ, WRITE, FSYNC, FLUSH, LSEEK, copy_file_range and whatever changes the size; dax_after_resize()
 * includes it. A guest learns of a size that the host changed from attributes only: dax_after_resize() before
 * they are sent keeps the window ahead of it.
 * dax_sync_all() - of every file that is mapped: for before SYNCFS.
 * Return: 0; -errno when a store of a guest could not go into the file (disk full): FSYNC and FLUSH must say so.
 */
int dax_sync(struct dax_share *share, dev_t dev, ino_t ino);
int dax_sync_all(struct dax_share *share);

/* What the ledger reports of a window. setups = removals + live, always. */
struct dax_counts {
	uint64_t setups;   /* fragments that became live */
	uint64_t removals; /* fragments that went */
	uint64_t live;
	uint64_t live_bytes;
	uint64_t live_bytes_max;
	uint64_t upgrades; /* requests that asked for write access only: no message */
	uint64_t refused;  /* messages that the front end answered with an error */
};
void dax_window_counts(struct dax_window *w, struct dax_counts *ret);

#endif
