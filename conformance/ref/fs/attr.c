// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/ops.h"

#include "conformance/ref/fault/breaks.h"

#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

void attr_fill(struct fs_call *c, struct node *n, const struct statx *st, struct fuse_attr *ret)
{
	resize_after(c, n);
	*ret = (struct fuse_attr){
		.ino = st->stx_ino,
		.size = st->stx_size,
		.blocks = st->stx_blocks,
		.atime = (uint64_t)st->stx_atime.tv_sec,
		.mtime = (uint64_t)st->stx_mtime.tv_sec,
		.ctime = (uint64_t)st->stx_ctime.tv_sec,
		.atimensec = st->stx_atime.tv_nsec,
		.mtimensec = st->stx_mtime.tv_nsec,
		.ctimensec = st->stx_ctime.tv_nsec,
		.mode = st->stx_mode,
		.nlink = st->stx_nlink,
		.uid = st->stx_uid,
		.gid = st->stx_gid,
		.rdev = (uint32_t)makedev(st->stx_rdev_major, st->stx_rdev_minor),
		.blksize = st->stx_blksize,
		.flags = mark_dax(c, n, st) ? FUSE_ATTR_DAX : 0,
	};
	if (fault_hooked(FAULT_HOOK_ATTR))
		fault_attr(ret);
}

int attr_reply(struct fs_call *c, struct node *n)
{
	struct fuse_attr_out out = { .attr_valid = c->fs->mode->valid_s };
	struct statx st;

	if (statx(n->fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) < 0)
		return -errno;
	attr_fill(c, n, &st, &out.attr);
	if (fault_hooked(FAULT_HOOK_VALID))
		fault_valid(&out.attr_valid, &out.attr_valid_nsec, NULL);
	return reply_data(c, &out, sizeof(out));
}

/* A handle says nothing that the node does not: both are the same inode. */
int op_getattr(struct fs_call *c)
{
	CLEANUP(node_putp) struct node *n = NULL;
	int e = call_node(c, c->in.nodeid, &n);

	return e < 0 ? e : attr_reply(c, n);
}

static struct fuse_statx_time statx_time(const struct statx_timestamp *t)
{
	return (struct fuse_statx_time){ .tv_sec = t->tv_sec, .tv_nsec = t->tv_nsec };
}

/* Attributes of the host that mean the same to a guest. */
#define STATX_PASSED                                                                            \
	(STATX_ATTR_COMPRESSED | STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP | \
	 STATX_ATTR_ENCRYPTED | STATX_ATTR_VERITY)

static void statx_fill(const struct statx *st, struct fuse_statx_body *ret)
{
	*ret = (struct fuse_statx_body){
		.mask = st->stx_mask & (STATX_BASIC_STATS | STATX_BTIME),
		.blksize = st->stx_blksize,
		.attributes = st->stx_attributes & STATX_PASSED,
		.nlink = st->stx_nlink,
		.uid = st->stx_uid,
		.gid = st->stx_gid,
		.mode = st->stx_mode,
		.ino = st->stx_ino,
		.size = st->stx_size,
		.blocks = st->stx_blocks,
		.attributes_mask = st->stx_attributes_mask & STATX_PASSED,
		.atime = statx_time(&st->stx_atime),
		.btime = statx_time(&st->stx_btime),
		.ctime = statx_time(&st->stx_ctime),
		.mtime = statx_time(&st->stx_mtime),
		.rdev_major = st->stx_rdev_major,
		.rdev_minor = st->stx_rdev_minor,
		.dev_major = st->stx_dev_major,
		.dev_minor = st->stx_dev_minor,
	};
}

int op_statx(struct fs_call *c)
{
	CLEANUP(node_putp) struct node *n = NULL;
	struct fuse_statx_reply out = { .attr_valid = c->fs->mode->valid_s };
	struct fuse_statx_request in;
	struct statx st;
	int e = call_node(c, c->in.nodeid, &n);

	if (e < 0)
		return e;
	memcpy(&in, c->arg, sizeof(in));
	/* How fresh it has to be is the one thing that the guest's flags may say. */
	if (statx(n->fd, "", AT_EMPTY_PATH | (int)(in.sx_flags & AT_STATX_SYNC_TYPE),
		  STATX_BASIC_STATS | STATX_BTIME, &st) < 0)
		return -errno;
	resize_after(c, n);
	statx_fill(&st, &out.stat);
	if (fault_at(FAULT_STATX_MASK))
		out.stat.mask = 0;
	return reply_data(c, &out, sizeof(out));
}

/* As the sender of the request, in his groups as far as they are known. */
int attr_access(struct fs_call *c, uint64_t nodeid, int mask)
{
	CLEANUP(node_putp) struct node *n = NULL;
	int e = call_node(c, nodeid, &n);

	if (e < 0)
		return e;
	if (fault_at(FAULT_ACCESS_GRANTED))
		return 0;
	if (mask & ~(R_OK | W_OK | X_OK))
		return -EINVAL;
	if ((mask & W_OK) && c->fs->o->readonly)
		return -EROFS;
	e = call_become(c);
	if (e < 0)
		return e;
	/* The system call: glibc's wrapper looks at the flags before the kernel does. */
	e = syscall(SYS_faccessat2, n->fd, "", mask, AT_EMPTY_PATH | AT_EACCESS) < 0 ? -errno : 0;
	worker_return(c->w);
	return e;
}

int fs_statfs(struct fs_call *c, uint64_t nodeid)
{
	CLEANUP(node_putp) struct node *n = NULL;
	struct statvfs v;
	struct fuse_statfs_out out = { 0 };
	int e = call_node(c, nodeid, &n);

	if (e < 0)
		return e;
	if (fstatvfs(n->fd, &v) < 0)
		return -errno;
	out.st = (struct fuse_kstatfs){
		.blocks = v.f_blocks,
		.bfree = v.f_bfree,
		.bavail = v.f_bavail,
		.files = v.f_files,
		.ffree = v.f_ffree,
		.bsize = (uint32_t)v.f_bsize,
		.namelen = (uint32_t)v.f_namemax,
		.frsize = (uint32_t)v.f_frsize,
	};
	if (fault_at(FAULT_STATFS_ZERO))
		out = (struct fuse_statfs_out){ 0 };
	return reply_data(c, &out, sizeof(out));
}
