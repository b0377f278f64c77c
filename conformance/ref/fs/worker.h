/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_FS_WORKER_H
#define VQ_REF_FS_WORKER_H

#include "base/cleanup.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

struct fs_call;

/* What a request may be long without the data of a WRITE: an extended attribute's name and value fit. */
#define WORKER_IN_BYTES (80 * KIB)
/* The longest reply that is built here: an extended attribute, a listing. */
#define WORKER_OUT_BYTES (64 * KIB)

/*
 * What a thread that serves requests keeps between them: buffers, so that none is allocated for a request, and
 * whom it acts for. Made when the thread serves its first request, freed when it ends.
 */
struct worker {
	struct fs_call *call; /* being served; how libfuse's callbacks find it */
	bool own_cwd; /* its working directory is the folder of our descriptors; see worker_xattr_path() */
	bool privileged; /* it may act for other users */
	bool fsetid;	 /* it has CAP_FSETID in effect */
	bool other;	 /* it acts for somebody else just now */
	bool other_uid;
	bool other_groups;
	uid_t uid; /* its own */
	gid_t gid;
	uint64_t in[WORKER_IN_BYTES / 8];
	uint64_t out[WORKER_OUT_BYTES / 8];
	struct iovec iov[IOV_MAX];
};

/** worker_self() - of this thread; NULL without memory. @proc_fd: see struct ref_fs. */
struct worker *worker_self(int proc_fd);
/* The same without making one. */
struct worker *worker_peek(void);

/* A path that means descriptor @fd and that calls without a folder argument take. */
struct worker_path {
	char text[32];
};
const char *worker_xattr_path(const struct worker *w, int fd, struct worker_path *scratch);

/**
 * worker_become() - act as the sender of a request until worker_return(): what is made belongs to it, and what it
 * may not do is refused. Does nothing when we are not privileged, or when it is root.
 * Return: 0; -EINVAL for an id that is none; -EPERM for one that does not exist in our user namespace.
 */
int worker_become(struct worker *w, uid_t uid, gid_t gid, const gid_t *groups, unsigned count)
	MUST_USE;
void worker_return(struct worker *w);

/**
 * worker_fsetid() - with @on, set-id bits survive what this thread writes, as they do for root; without, the
 * kernel clears them. Stays so until it is asked for otherwise.
 */
void worker_fsetid(struct worker *w, bool on);

#endif
