/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_VHOST_SHMEM_H
#define VQ_REF_VHOST_SHMEM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "conformance/ref/request.h"
#include "conformance/ref/vhost/message.h"

/*
 * The back-end channel: SHMEM_MAP and SHMEM_UNMAP, one at a time.
 *
 * Three things make it more than a call and a reply.
 *
 * The connection thread must go on serving the main socket meanwhile, because a front end that maps tells
 * all its devices about the new memory there and waits for them. So no lock that thread needs is held here.
 *
 * A front end that waits for GET_VRING_BASE does not read this channel (QEMU has no nested loop any more),
 * and the answer to GET_VRING_BASE waits for the request that waits here. shmem_hurry() breaks that circle:
 * the call is given up. Its reply still comes, in order, before the next one; if it says that a mapping was
 * made which nobody wants any more, it is undone before the next call.
 *
 * QEMU confirms a mapping before it is in the guest's address space: it replies, then commits, and in the
 * commit it sends ADD_MEM_REG for the same file, offset and size. A guest that heard of the mapping before
 * could read nothing where the file should be. So a map is over when that message has come as well. Other
 * front ends may not send it: whether this one does is learnt from the first maps.
 */
struct shmem_late {
	bool map;
	uint64_t offset;
	uint64_t len;
};

#define SHMEM_LATE_MAX 16

/* A request that has to wait because all rings are stopped. */
struct shmem_owed {
	struct vhost_user_mmap m;
	int fd; /* ours, of a map; -1: an unmap */
};

struct shmem {
	pthread_mutex_t call; /* held for a whole round trip; guards fd and what follows it */
	int fd;
	struct shmem_late late[SHMEM_LATE_MAX]; /* replies that are still to come, oldest first */
	unsigned late_count;
	struct shmem_owed *owed; /* oldest first */
	unsigned owed_count;
	unsigned owed_room;
	struct msg reply;

	int hurry_fd; /* readable: give up */
	_Atomic bool hurry;
	_Atomic bool suspended; /* all rings are stopped: nothing may be sent */

	pthread_mutex_t
		lock; /* guards all below; never held while anything is waited for but @told */
	pthread_cond_t told;
	bool expecting;
	struct {
		dev_t dev;
		ino_t ino;
		uint64_t fd_offset;
		uint64_t len;
	} expected;
	bool announced;	       /* of the expected one */
	uint64_t announced_ns; /* when the message that did so had come */
	bool announces;	       /* this front end is known to */
	unsigned missed;       /* maps in a row without an announcement */
};

int shmem_init(struct shmem *s) MUST_USE;
void shmem_destroy(struct shmem *s);

/** shmem_attach() - a front end gave the channel; what was there before is forgotten. Takes @fd. */
void shmem_attach(struct shmem *s, int take_fd);
/** shmem_detach() - the front end has left; a call that waits ends. */
void shmem_detach(struct shmem *s);

/* The functions of struct ref_window; @context is the struct shmem. */
int shmem_map(void *context, int fd, uint64_t fd_offset, uint64_t offset, uint64_t len,
	      bool writable);
int shmem_unmap(void *context, uint64_t offset, uint64_t len);

/** shmem_fault() - --fault: what is done about this channel before a message on the main socket is served. */
void shmem_fault(struct shmem *s);

/** shmem_hurry() - calls are given up at once until shmem_calm(). */
void shmem_hurry(struct shmem *s);
void shmem_calm(struct shmem *s);

/** shmem_announced() - ADD_MEM_REG came at @at_ns with this file; called by the connection thread when it is served. */
void shmem_announced(struct shmem *s, int fd, uint64_t fd_offset, uint64_t len, uint64_t at_ns);

/**
 * shmem_suspend() - all rings are stopped: what is asked for (another guest changes a file that this one maps) has
 * succeeded and waits,
 * unless it is the map of a file that may be shorter by then. shmem_resume() - one runs again: sends what had to wait; blocks. True: it was suspended.
 */
void shmem_suspend(struct shmem *s);
bool shmem_resume(struct shmem *s);

/** shmem_forget() - the device was reset: the front end has dropped what was mapped. */
void shmem_forget(struct shmem *s);

#endif
