// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/ops.h"

#include "conformance/ref/fault/fault.h"

#include <fcntl.h>
#include <string.h>

struct setattr {
	struct fs_call *c;
	struct node *n;
	struct handle *h; /* NULL: none was given */
	struct fuse_setattr_in in;
};

/* "N" in the folder of our descriptors: a path that leads to the inode itself, a link included. */
struct number {
	char text[16];
};

static const char *number_of(const struct node *n, struct number *scratch)
{
	(void)snprintf(scratch->text, sizeof(scratch->text), "%d", n->fd);
	return scratch->text;
}

static int set_owner(const struct setattr *a)
{
	uid_t uid = a->in.valid & FATTR_UID ? a->in.uid : (uid_t)-1;
	gid_t gid = a->in.valid & FATTR_GID ? a->in.gid : (gid_t)-1;

	return fchownat(a->n->fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 ? -errno
											 : 0;
}

static int set_mode(const struct setattr *a)
{
	struct number number = { "" };

	if (S_ISLNK(a->n->type))
		return -EOPNOTSUPP;
	return fchmodat(a->c->fs->proc_fd, number_of(a->n, &number), a->in.mode & 07777, 0) < 0
		       ? -errno
		       : 0;
}

static int set_size(const struct setattr *a)
{
	CLEANUP(fd_closep) int own = -1;
	struct dax_shrink shrink;
	int fd = -1;
	int e;

	if (S_ISDIR(a->n->type))
		return -EISDIR;
	if (!S_ISREG(a->n->type) || a->in.size > INT64_MAX)
		return -EINVAL;
	if (a->h && (a->h->flags & O_ACCMODE) != O_RDONLY)
		fd = a->h->fd;
	if (fd < 0) {
		own = file_reopen(a->c, a->n, O_WRONLY);
		fd = own;
	}
	if (fd < 0)
		return fd;
	if (fault_at(FAULT_SIZE_LOST))
		return 0;
	resize_before(a->c, a->n, a->in.size, &shrink);
	worker_fsetid(a->c->w, (!(a->in.valid & FATTR_KILL_SUIDGID) || fault_at(FAULT_SUID_KEPT)) &&
				       !fault_at(FAULT_SUID_CLEARED));
	e = ftruncate(fd, (off_t)a->in.size) < 0 ? -errno : 0;
	resize_shrunk(a->c, a->n, &shrink);
	return e;
}

/* UTIME_NOW and UTIME_OMIT are nanoseconds out of range: a driver must not get them in by that door. */
static int time_of(uint32_t valid, uint32_t set, uint32_t now, uint64_t s, uint32_t ns,
		   struct timespec *ret)
{
	ret->tv_sec = (time_t)s;
	ret->tv_nsec = fault_at(FAULT_TIME_SECONDS) ? 0 : ns;
	if (ret->tv_sec < 0 && fault_at(FAULT_TIME_UNSIGNED))
		ret->tv_sec = 0;
	if ((valid & now) && !fault_at(FAULT_NOW_IGNORED))
		ret->tv_nsec = UTIME_NOW;
	else if (!(valid & (set | now)))
		ret->tv_nsec = fault_at(FAULT_TIME_BOTH) ? UTIME_NOW : UTIME_OMIT;
	else if (ns >= NS_PER_S)
		return -EINVAL;
	return 0;
}

static int set_times(const struct setattr *a)
{
	const struct fuse_setattr_in *in = &a->in;
	struct timespec t[2];
	struct number number = { "" };
	int e = time_of(in->valid, FATTR_ATIME, FATTR_ATIME_NOW, in->atime, in->atimensec, &t[0]);

	if (e == 0)
		e = time_of(in->valid, FATTR_MTIME, FATTR_MTIME_NOW, in->mtime, in->mtimensec,
			    &t[1]);
	if (e < 0)
		return e;
	return utimensat(a->c->fs->proc_fd, number_of(a->n, &number), t, 0) < 0 ? -errno : 0;
}

/* The owner first, for its change clears set-id bits that the mode may set; times last, for a new size changes them. */
static const struct {
	uint32_t valid;
	int (*set)(const struct setattr *a);
} steps[] = {
	{ FATTR_UID | FATTR_GID, set_owner },
	{ FATTR_MODE, set_mode },
	{ FATTR_SIZE, set_size },
	{ FATTR_ATIME | FATTR_ATIME_NOW | FATTR_MTIME | FATTR_MTIME_NOW, set_times },
};

int attr_set(struct fs_call *c, uint64_t nodeid, const uint64_t *fh)
{
	CLEANUP(node_putp) struct node *n = NULL;
	CLEANUP(handle_putp) struct handle *h = NULL;
	struct setattr a = { .c = c };
	int e = call_node(c, nodeid, &n);

	if (e == 0 && fh)
		e = call_handle(c, *fh, &h);
	if (e < 0)
		return e;
	a.n = n;
	a.h = h;
	memcpy(&a.in, c->arg, sizeof(a.in));
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		if (!(a.in.valid & steps[i].valid))
			continue;
		if (!(steps[i].valid & FATTR_SIZE) && fault_at(FAULT_SETATTR_LOST))
			continue;
		e = steps[i].set(&a);
		if (e < 0)
			return e;
		if (fault_at(FAULT_SETATTR_FIRST))
			break;
	}
	return attr_reply(c, n);
}
