// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/ops.h"

#include "conformance/ref/fault/breaks.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* How often CREATE tries again when the name comes and goes between its two looks. */
#define CREATE_TRIES 4

/* -EAGAIN where open() would wait; the descriptor is one that waits again, if that was asked for. */
static int open_once(const struct fs_call *c, const char *number, int flags)
{
	int fd = openat(c->fs->proc_fd, number, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (!(flags & O_NONBLOCK))
		(void)fcntl(fd, F_SETFL, flags);
	return fd;
}

int file_reopen(struct fs_call *c, const struct node *n, int flags)
{
	struct fs_waits *waits = &c->session->waits;
	struct fs_wait w;
	char number[16];
	int fd;

	if (S_ISDIR(n->type))
		return -EISDIR;
	if (!S_ISREG(n->type) && !fault_at(FAULT_SPECIAL_OPENED))
		return S_ISLNK(n->type) ? -ELOOP : -ENXIO;
	(void)snprintf(number, sizeof(number), "%d", n->fd);
	fd = open_once(c, number, flags);
	if (fd != -EAGAIN || (flags & O_NONBLOCK))
		return fd;
	/* Somebody on the host holds a lease. He has been told to give it up. */
	wait_begin(waits, &w, c->in.unique);
	do
		fd = wait_again(waits, &w) ? open_once(c, number, flags) : -EINTR;
	while (fd == -EAGAIN);
	wait_end(waits, &w);
	return fd;
}

/* What of a guest's flags the host's open() shall see. */
static int host_flags(const struct fs_call *c, int flags)
{
	int keep = O_ACCMODE | O_SYNC | O_NONBLOCK;
	int ret;

	/* O_APPEND is done by each WRITE: of delayed ones only the driver knows the place. */
	if (agreed(c, FUSE_ATOMIC_O_TRUNC) && !((flags & O_TRUNC) && fault_at(FAULT_TRUNC_IGNORED)))
		keep |= O_TRUNC;
	if (c->fs->o->allow_direct_io || ((flags & O_DIRECT) && fault_at(FAULT_DIRECT_PASSED)))
		keep |= O_DIRECT;
	if (c->w->privileged)
		keep |= O_NOATIME; /* others may not, and it is only a wish */
	if ((flags & O_NOFOLLOW) && fault_at(FAULT_NOFOLLOW_PASSED))
		keep |= O_NOFOLLOW;
	ret = flags & keep;
	if ((ret & O_ACCMODE) != O_RDWR && fault_at(FAULT_ACCESS_IGNORED))
		ret = (ret & ~O_ACCMODE) | O_RDWR;
	/* A cache that writes back reads what surrounds the bytes it has. */
	if (agreed(c, FUSE_WRITEBACK_CACHE) && (ret & O_ACCMODE) == O_WRONLY &&
	    !fault_at(FAULT_WRONLY_UNREADABLE))
		ret = (ret & ~O_ACCMODE) | O_RDWR;
	return ret;
}

static uint32_t open_flags(struct fs_call *c, struct node *n)
{
	uint32_t flags = c->fs->mode->file_flags;
	bool may_map = c->conn->dax_always || c->conn->dax_inode;
	struct statx st;

	/* Drivers warn when pages of a mapped file are to be dropped, and map nothing that is direct. */
	if (may_map && statx(n->fd, "", AT_EMPTY_PATH, STATX_CTIME, &st) == 0 &&
	    mark_mapped(c, n, &st))
		flags = (flags & ~(uint32_t)FOPEN_DIRECT_IO) | FOPEN_KEEP_CACHE;
	return fault_hooked(FAULT_HOOK_OPEN) ? fault_open_flags(flags) : flags;
}

/* @flags: host_flags(). @kill: FUSE_OPEN_KILL_SUIDGID. Returns the descriptor. */
static int open_node(struct fs_call *c, const struct node *n, int guest_flags, int flags, bool kill)
{
	bool cuts = (flags & O_TRUNC) && S_ISREG(n->type);
	struct dax_shrink shrink;
	int fd;

	if (cuts) {
		resize_before(c, n, 0, &shrink);
		worker_fsetid(c->w, (!kill || fault_at(FAULT_SUID_KEPT)) &&
					    !fault_at(FAULT_SUID_CLEARED));
	}
	fd = file_reopen(c, n, flags);
	/* Writable but not readable: delayed writes of whole pages still work. */
	if (fd == -EACCES && (guest_flags & O_ACCMODE) == O_WRONLY)
		fd = file_reopen(c, n, (flags & ~O_ACCMODE) | O_WRONLY);
	if (cuts)
		resize_shrunk(c, n, &shrink);
	return fd;
}

int file_open(struct fs_call *c, uint64_t nodeid, int flags)
{
	CLEANUP(node_putp) struct node *n = NULL;
	struct fuse_open_in in;
	struct fuse_open_out out = { 0 };
	int host = host_flags(c, flags);
	int e = call_node(c, nodeid, &n);
	int fd;

	if (e < 0)
		return e;
	if (c->fs->o->readonly && ((host & O_ACCMODE) != O_RDONLY || (host & O_TRUNC)))
		return -EROFS;
	memcpy(&in, c->arg, sizeof(in));
	fd = open_node(c, n, flags, host, in.open_flags & FUSE_OPEN_KILL_SUIDGID);
	if (fd < 0)
		return fd;
	e = handle_add(&c->conn->handles, n, fd, host, &out.fh);
	if (e < 0)
		return e;
	out.open_flags = open_flags(c, n);
	return reply_data(c, &out, sizeof(out));
}

/* The end of CREATE and TMPFILE. @take_fd is consumed; the lookup of @n is taken back on failure. */
static int created(struct fs_call *c, const struct node *parent, struct node *n,
		   const struct statx *st, int take_fd, int flags)
{
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} out = { 0 };
	int e = handle_add(&c->conn->handles, n, take_fd, flags, &out.open.fh);

	if (e < 0) {
		node_forget(&c->conn->nodes, n->id, 1);
		return e;
	}
	entry_fill(c, parent, n, st, &out.entry);
	out.open.open_flags = open_flags(c, n);
	return reply_data(c, &out, sizeof(out));
}

/* It belongs to who asked. Returns the descriptor. */
static int create_new(struct fs_call *c, const struct node *parent, const char *name, mode_t mode,
		      mode_t mask, int flags)
{
	int e = call_become(c);
	int fd;

	if (e < 0)
		return e;
	mode = call_masked(c, mode & 07777, mask);
	fd = openat(parent->fd, name, flags | O_CLOEXEC | O_NOFOLLOW, mode);
	e = fd < 0 ? -errno : fd;
	call_unmask(c);
	worker_return(c->w);
	return e;
}

/* CREATE of a name that is there: an OPEN, with all its care for what is no regular file. */
static int create_existing(struct fs_call *c, const struct node *parent, const char *name,
			   int flags)
{
	CLEANUP(node_putp) struct node *n = NULL;
	struct fuse_create_in in;
	struct statx st;
	int host = host_flags(c, flags);
	int e = entry_find(c, parent, name, &st, &n);
	int fd;

	if (e < 0)
		return e;
	memcpy(&in, c->arg, sizeof(in));
	fd = open_node(c, n, flags, host, in.open_flags & FUSE_OPEN_KILL_SUIDGID);
	if (fd >= 0 && (host & O_TRUNC) && statx(n->fd, "", AT_EMPTY_PATH, NODE_STATX, &st) < 0) {
		e = -errno;
		fd_closep(&fd);
		fd = e;
	}
	if (fd < 0) {
		node_forget(&c->conn->nodes, n->id, 1);
		return fd;
	}
	return created(c, parent, n, &st, fd, host);
}

static int reply_new(struct fs_call *c, const struct node *parent, int take_fd, int flags)
{
	CLEANUP(fd_closep) int fd = take_fd;
	CLEANUP(node_putp) struct node *n = NULL;
	struct statx st;
	int e = entry_of_fd(c, fd, &st, &n);

	return e < 0 ? e : created(c, parent, n, &st, TAKE_FD(fd), flags);
}

int file_create(struct fs_call *c, uint64_t parent_id, const char *name, mode_t mode, mode_t mask,
		int flags)
{
	CLEANUP(node_putp) struct node *parent = NULL;
	int host = host_flags(c, flags) & ~O_TRUNC;
	int e = call_node(c, parent_id, &parent);

	if (e < 0)
		return e;
	for (unsigned i = 0; i < CREATE_TRIES; i++) {
		/* Always exclusive: what is there already may be a FIFO, and must not be opened like that. */
		e = create_new(c, parent, name, mode, mask, host | O_CREAT | O_EXCL);
		if (e >= 0)
			return reply_new(c, parent, e, host);
		if (e != -EEXIST || ((flags & O_EXCL) && !fault_at(FAULT_EXCL_IGNORED)))
			return e;
		e = create_existing(c, parent, name, flags);
		if (e != -ENOENT)
			return e;
	}
	return e;
}

int op_tmpfile(struct fs_call *c)
{
	CLEANUP(node_putp) struct node *parent = NULL;
	struct fuse_create_in in;
	int host;
	int e = call_node(c, c->in.nodeid, &parent);

	if (e < 0)
		return e;
	memcpy(&in, c->arg, sizeof(in));
	host = host_flags(c, (int)in.flags) & ~O_TRUNC;
	e = create_new(c, parent, ".", in.mode, in.umask,
		       host | O_TMPFILE | ((int)in.flags & O_EXCL));
	return e < 0 ? e : reply_new(c, parent, e, host);
}
