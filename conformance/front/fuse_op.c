// SPDX-License-Identifier: Apache-2.0
/* What each opcode asks: names and attributes. fuse_io.c has what works on open files. */
#include "conformance/front/fuse.h"
#include "conformance/front/fuse_build.h"

#include <string.h>

/* PATH_MAX of Linux: what a link's target or a reply of names may have at most. */
#define TARGET_MAX 4096
/* The umask that Linux would send along; files get exactly the mode that was asked for. */
#define UMASK 0

struct front_op front_build(uint32_t opcode, uint64_t nodeid, const void *arg, size_t size,
			    size_t out)
{
	struct front_op op = {
		.opcode = opcode, .nodeid = nodeid, .arg_size = size, .out_min = out, .out_max = out
	};

	if (size)
		memcpy(op.arg, arg, size);
	return op;
}

void front_build_tail(struct front_op *op, const void *data, size_t size)
{
	op->tail[op->tail_count++] = (struct iovec){ (void *)data, size };
}

/* A name goes with its NUL. */
static void add_name(struct front_op *op, const char *name)
{
	front_build_tail(op, name, strlen(name) + 1);
}

struct front_op front_op_init(uint32_t major, uint32_t minor, uint32_t max_readahead,
			      uint64_t flags)
{
	struct fuse_init_in in = { .major = major,
				   .minor = minor,
				   .max_readahead = max_readahead,
				   .flags = (uint32_t)flags,
				   .flags2 = (uint32_t)(flags >> 32) };
	/* Before 7.36 the message ended with flags. */
	bool ext = flags & FUSE_INIT_EXT;
	struct front_op op = front_build(FUSE_INIT, 0, &in,
					 ext ? sizeof(in) : offsetof(struct fuse_init_in, flags2),
					 sizeof(struct fuse_init_out));

	op.out_min = FUSE_COMPAT_INIT_OUT_SIZE;
	return op;
}

struct front_op front_op_destroy(void)
{
	return front_build(FUSE_DESTROY, 0, NULL, 0, 0);
}

struct front_op front_op_lookup(uint64_t parent, const char *name)
{
	struct front_op op = front_build(FUSE_LOOKUP, parent, NULL, 0,
					 sizeof(struct fuse_entry_out));

	add_name(&op, name);
	return op;
}

struct front_op front_op_forget(uint64_t nodeid, uint64_t nlookup)
{
	struct fuse_forget_in in = { nlookup };
	struct front_op op = front_build(FUSE_FORGET, nodeid, &in, sizeof(in), 0);

	op.no_reply = true;
	return op;
}

struct front_op front_op_batch_forget(const struct fuse_forget_one *list, uint32_t count)
{
	struct fuse_batch_forget_in in = { .count = count };
	struct front_op op = front_build(FUSE_BATCH_FORGET, 0, &in, sizeof(in), 0);

	front_build_tail(&op, list, count * sizeof(*list));
	op.no_reply = true;
	return op;
}

struct front_op front_op_getattr(uint64_t nodeid, const uint64_t *fh)
{
	struct fuse_getattr_in in = { .getattr_flags = fh ? FUSE_GETATTR_FH : 0,
				      .fh = fh ? *fh : 0 };

	return front_build(FUSE_GETATTR, nodeid, &in, sizeof(in), sizeof(struct fuse_attr_out));
}

struct front_op front_op_setattr(uint64_t nodeid, const struct fuse_setattr_in *in)
{
	return front_build(FUSE_SETATTR, nodeid, in, sizeof(*in), sizeof(struct fuse_attr_out));
}

struct front_op front_op_readlink(uint64_t nodeid)
{
	struct front_op op = front_build(FUSE_READLINK, nodeid, NULL, 0, TARGET_MAX);

	op.out_min = 1;
	return op;
}

struct front_op front_op_symlink(uint64_t parent, const char *name, const char *target)
{
	struct front_op op = front_build(FUSE_SYMLINK, parent, NULL, 0,
					 sizeof(struct fuse_entry_out));

	add_name(&op, name);
	add_name(&op, target);
	return op;
}

struct front_op front_op_mknod(uint64_t parent, const char *name, uint32_t mode, uint32_t rdev)
{
	struct fuse_mknod_in in = { .mode = mode, .rdev = rdev, .umask = UMASK };
	struct front_op op = front_build(FUSE_MKNOD, parent, &in, sizeof(in),
					 sizeof(struct fuse_entry_out));

	add_name(&op, name);
	return op;
}

struct front_op front_op_mkdir(uint64_t parent, const char *name, uint32_t mode)
{
	struct fuse_mkdir_in in = { .mode = mode, .umask = UMASK };
	struct front_op op = front_build(FUSE_MKDIR, parent, &in, sizeof(in),
					 sizeof(struct fuse_entry_out));

	add_name(&op, name);
	return op;
}

struct front_op front_op_unlink(uint64_t parent, const char *name)
{
	struct front_op op = front_build(FUSE_UNLINK, parent, NULL, 0, 0);

	add_name(&op, name);
	return op;
}

struct front_op front_op_rmdir(uint64_t parent, const char *name)
{
	struct front_op op = front_build(FUSE_RMDIR, parent, NULL, 0, 0);

	add_name(&op, name);
	return op;
}

struct front_op front_op_rename(uint64_t parent, const char *name, uint64_t new_parent,
				const char *new_name)
{
	struct fuse_rename_in in = { new_parent };
	struct front_op op = front_build(FUSE_RENAME, parent, &in, sizeof(in), 0);

	add_name(&op, name);
	add_name(&op, new_name);
	return op;
}

struct front_op front_op_rename2(uint64_t parent, const char *name, uint64_t new_parent,
				 const char *new_name, uint32_t flags)
{
	struct fuse_rename2_in in = { .newdir = new_parent, .flags = flags };
	struct front_op op = front_build(FUSE_RENAME2, parent, &in, sizeof(in), 0);

	add_name(&op, name);
	add_name(&op, new_name);
	return op;
}

struct front_op front_op_link(uint64_t nodeid, uint64_t new_parent, const char *new_name)
{
	struct fuse_link_in in = { nodeid };
	struct front_op op = front_build(FUSE_LINK, new_parent, &in, sizeof(in),
					 sizeof(struct fuse_entry_out));

	add_name(&op, new_name);
	return op;
}

struct front_op front_op_statfs(uint64_t nodeid)
{
	return front_build(FUSE_STATFS, nodeid, NULL, 0, sizeof(struct fuse_statfs_out));
}

struct front_op front_op_setxattr(uint64_t nodeid, const char *name, const void *value,
				  uint32_t size, uint32_t flags)
{
	struct fuse_setxattr_in in = { .size = size, .flags = flags };
	struct front_op op = front_build(FUSE_SETXATTR, nodeid, &in, FUSE_COMPAT_SETXATTR_IN_SIZE,
					 0);

	add_name(&op, name);
	front_build_tail(&op, value, size);
	return op;
}

/* A size of 0 asks how much there is. */
static struct front_op sized(uint32_t opcode, uint64_t nodeid, uint32_t size)
{
	struct fuse_getxattr_in in = { .size = size };
	struct front_op op = front_build(opcode, nodeid, &in, sizeof(in),
					 size ? size : sizeof(struct fuse_getxattr_out));

	if (size)
		op.out_min = 0;
	return op;
}

struct front_op front_op_getxattr(uint64_t nodeid, const char *name, uint32_t size)
{
	struct front_op op = sized(FUSE_GETXATTR, nodeid, size);

	add_name(&op, name);
	return op;
}

struct front_op front_op_listxattr(uint64_t nodeid, uint32_t size)
{
	return sized(FUSE_LISTXATTR, nodeid, size);
}

struct front_op front_op_removexattr(uint64_t nodeid, const char *name)
{
	struct front_op op = front_build(FUSE_REMOVEXATTR, nodeid, NULL, 0, 0);

	add_name(&op, name);
	return op;
}

struct front_op front_op_access(uint64_t nodeid, uint32_t mask)
{
	struct fuse_access_in in = { .mask = mask };

	return front_build(FUSE_ACCESS, nodeid, &in, sizeof(in), 0);
}

struct front_op front_op_interrupt(uint64_t unique)
{
	struct fuse_interrupt_in in = { unique };
	struct front_op op = front_build(FUSE_INTERRUPT, 0, &in, sizeof(in), 0);

	op.maybe_no_reply = true;
	return op;
}

struct front_op front_op_syncfs(uint64_t nodeid)
{
	struct fuse_syncfs_in in = { 0 };

	return front_build(FUSE_SYNCFS, nodeid, &in, sizeof(in), 0);
}

struct front_op front_op_statx(uint64_t nodeid, const uint64_t *fh, uint32_t flags, uint32_t mask)
{
	struct fuse_statx_request in = { .getattr_flags = fh ? FUSE_GETATTR_FH : 0,
					 .fh = fh ? *fh : 0,
					 .sx_flags = flags,
					 .sx_mask = mask };

	return front_build(FUSE_OP_STATX, nodeid, &in, sizeof(in), sizeof(struct fuse_statx_reply));
}
