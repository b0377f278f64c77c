// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/ops.h"

#include "conformance/ref/fault/fault.h"

#include <fcntl.h>
#include <linux/falloc.h>

static int file_handle(struct fs_call *c, uint64_t fh, uint64_t nodeid, struct handle **ret)
{
	*ret = handle_get(&c->conn->handles, fh, nodeid);
	if (!*ret)
		return -EBADF;
	return S_ISREG((*ret)->node->type) ? 0 : -EISDIR;
}

/* What close() reports on a network file system is the point: a descriptor of our own is closed. */
int file_flush(struct fs_call *c, uint64_t fh)
{
	CLEANUP(handle_putp) struct handle *h = NULL;
	int e = call_handle(c, fh, &h);
	int fd;

	if (e < 0)
		return e;
	e = window_sync(c, h->node);
	if (e < 0)
		return e;
	fd = fcntl(h->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	return close(fd) < 0 && errno != EINTR ? -errno : 0;
}

/* FSYNC and FSYNCDIR. */
int file_sync(struct fs_call *c, uint64_t fh, int datasync)
{
	CLEANUP(handle_putp) struct handle *h = NULL;
	int e = call_handle(c, fh, &h);

	if (e < 0 || fault_at(FAULT_FSYNC_LOST))
		return e;
	e = window_sync(c, h->node);
	/* Also then: what can be made durable is. */
	if ((datasync ? fdatasync(h->fd) : fsync(h->fd)) < 0)
		return -errno;
	return e;
}

int file_allocate(struct fs_call *c, uint64_t fh, int mode, off_t offset, off_t length)
{
	CLEANUP(handle_putp) struct handle *h = NULL;
	struct dax_shrink shrink = { .next = NULL }; /* most modes begin none */
	struct statx st;
	int e = file_handle(c, fh, c->in.nodeid, &h);

	if (e < 0 || fault_at(FAULT_FALLOCATE_LOST))
		return e;
	if (fault_at(FAULT_FALLOCATE_MODE))
		mode = 0;
	(void)window_sync(c, h->node);
	/* The one mode that makes a file shorter; what is beyond the new end moves, so that it must be unmapped too. */
	if ((mode & FALLOC_FL_COLLAPSE_RANGE) &&
	    statx(h->fd, "", AT_EMPTY_PATH, STATX_SIZE, &st) == 0 && length > 0 &&
	    (uint64_t)length < st.stx_size)
		resize_before(c, h->node, st.stx_size - (uint64_t)length, &shrink);
	e = fallocate(h->fd, mode, offset, length) < 0 ? -errno : 0;
	if (e == 0 && fault_at(FAULT_FALLOCATE_SHRINKS))
		e = ftruncate(h->fd, offset + length) < 0 ? -errno : 0;
	resize_shrunk(c, h->node, &shrink);
	return e;
}

int file_seek(struct fs_call *c, uint64_t fh, off_t offset, int whence)
{
	CLEANUP(handle_putp) struct handle *h = NULL;
	struct fuse_lseek_out out;
	off_t found;
	int e = file_handle(c, fh, c->in.nodeid, &h);

	if (e < 0)
		return e;
	/* Positions are the driver's own; only it cannot know where the holes are. */
	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return -EINVAL;
	if (fault_at(FAULT_SEEK_SWAPPED))
		whence = whence == SEEK_DATA ? SEEK_HOLE : SEEK_DATA;
	(void)window_sync(c, h->node); /* a store may have filled a hole */
	found = lseek(h->fd, offset, whence);
	if (found < 0)
		return -errno;
	out.offset = (uint64_t)found;
	return reply_data(c, &out, sizeof(out));
}

int file_copy(struct fs_call *c, uint64_t fh, off_t offset, uint64_t nodeid_out, uint64_t fh_out,
	      off_t offset_out, size_t size, int flags)
{
	CLEANUP(handle_putp) struct handle *from = NULL;
	CLEANUP(handle_putp) struct handle *to = NULL;
	struct fuse_write_out out = { 0 };
	ssize_t n;
	int e = file_handle(c, fh, c->in.nodeid, &from);

	if (e == 0)
		e = file_handle(c, fh_out, nodeid_out, &to);
	if (e < 0)
		return e;
	/* The reply has 32 bits for what was done. */
	if (size > INT32_MAX)
		size = INT32_MAX & ~UINT32_C(4095);
	(void)window_sync(c, from->node);
	(void)window_sync(c, to->node);
	n = fault_at(FAULT_COPY_LOST) ? (ssize_t)size
				      : copy_file_range(from->fd, &offset, to->fd, &offset_out,
							size, (unsigned)flags);
	if (n < 0)
		return -errno;
	resize_after(c, to->node);
	out.size = (uint32_t)n;
	return reply_data(c, &out, sizeof(out));
}

/* Each mount below the share is asked for on its own. */
int op_syncfs(struct fs_call *c)
{
	CLEANUP(node_putp) struct node *n = NULL;
	CLEANUP(fd_closep) int fd = -1;
	int e = call_node(c, c->in.nodeid, &n);

	if (e < 0 || fault_at(FAULT_SYNCFS_LOST))
		return e;
	if (S_ISDIR(n->type)) {
		fd = openat(n->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		e = fd < 0 ? -errno : 0;
	} else {
		e = fd = file_reopen(c, n, O_RDONLY);
	}
	if (e < 0)
		return e;
	e = window_sync_all(c);
	return syncfs(fd) < 0 ? -errno : e;
}
