// SPDX-License-Identifier: Apache-2.0
/* Each opcode, polite: ask and wait. */
#include "conformance/front/fuse.h"

#include <string.h>

/* A reply of fixed size, straight into the caller's structure. */
#define ASK(f, ret, op) ask(f, op, ret, sizeof(*(ret)))
#define TELL(f, op)	ask(f, op, NULL, 0)

const uint64_t front_init_flags = FUSE_ASYNC_READ | FUSE_POSIX_LOCKS | FUSE_ATOMIC_O_TRUNC |
				  FUSE_EXPORT_SUPPORT | FUSE_BIG_WRITES | FUSE_DONT_MASK |
				  FUSE_FLOCK_LOCKS | FUSE_HAS_IOCTL_DIR | FUSE_AUTO_INVAL_DATA |
				  FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO | FUSE_ASYNC_DIO |
				  FUSE_WRITEBACK_CACHE | FUSE_NO_OPEN_SUPPORT |
				  FUSE_PARALLEL_DIROPS | FUSE_HANDLE_KILLPRIV | FUSE_POSIX_ACL |
				  FUSE_ABORT_ERROR | FUSE_MAX_PAGES | FUSE_CACHE_SYMLINKS |
				  FUSE_NO_OPENDIR_SUPPORT | FUSE_EXPLICIT_INVAL_DATA |
				  FUSE_SUBMOUNTS | FUSE_HANDLE_KILLPRIV_V2 | FUSE_INIT_EXT;

static int ask(struct front *f, struct front_op op, void *ret, size_t size)
{
	return front_do(f, &op, ret, size, NULL);
}

uint64_t front_init_flags_of(const struct fuse_init_out *out)
{
	uint64_t high = out->flags & FUSE_INIT_EXT ? out->flags2 : 0;

	return out->flags | high << 32;
}

int front_init_with(struct front *f, uint32_t major, uint32_t minor, uint64_t flags,
		    struct fuse_init_out *ret)
{
	struct fuse_init_out out = { 0 };
	int e = ASK(f, &out, front_op_init(major, minor, 128 * KIB, flags));

	if (e < 0)
		return e;
	f->init = out;
	if (ret)
		*ret = out;
	return 0;
}

int front_init(struct front *f, uint64_t more, struct fuse_init_out *ret)
{
	return front_init_with(f, FUSE_KERNEL_VERSION, 38, front_init_flags | more, ret);
}

int front_destroy(struct front *f)
{
	return TELL(f, front_op_destroy());
}

int front_lookup(struct front *f, uint64_t parent, const char *name, struct fuse_entry_out *ret)
{
	return ASK(f, ret, front_op_lookup(parent, name));
}

int front_forget(struct front *f, uint64_t nodeid, uint64_t nlookup)
{
	return TELL(f, front_op_forget(nodeid, nlookup));
}

int front_batch_forget(struct front *f, const struct fuse_forget_one *list, uint32_t count)
{
	return TELL(f, front_op_batch_forget(list, count));
}

int front_getattr(struct front *f, uint64_t nodeid, const uint64_t *fh, struct fuse_attr_out *ret)
{
	return ASK(f, ret, front_op_getattr(nodeid, fh));
}

int front_setattr(struct front *f, uint64_t nodeid, const struct fuse_setattr_in *in,
		  struct fuse_attr_out *ret)
{
	return ASK(f, ret, front_op_setattr(nodeid, in));
}

int front_readlink(struct front *f, uint64_t nodeid, char *ret, size_t size)
{
	struct front_op op = front_op_readlink(nodeid);
	char target[4096 + 1];
	size_t have = 0;
	int e = front_do(f, &op, target, sizeof(target) - 1, &have);

	if (e < 0)
		return e;
	if (have >= size)
		return -ENAMETOOLONG;
	memcpy(ret, target, have);
	ret[have] = '\0';
	return 0;
}

int front_symlink(struct front *f, uint64_t parent, const char *name, const char *target,
		  struct fuse_entry_out *ret)
{
	return ASK(f, ret, front_op_symlink(parent, name, target));
}

int front_mknod(struct front *f, uint64_t parent, const char *name, uint32_t mode, uint32_t rdev,
		struct fuse_entry_out *ret)
{
	return ASK(f, ret, front_op_mknod(parent, name, mode, rdev));
}

int front_mkdir(struct front *f, uint64_t parent, const char *name, uint32_t mode,
		struct fuse_entry_out *ret)
{
	return ASK(f, ret, front_op_mkdir(parent, name, mode));
}

int front_unlink(struct front *f, uint64_t parent, const char *name)
{
	return TELL(f, front_op_unlink(parent, name));
}

int front_rmdir(struct front *f, uint64_t parent, const char *name)
{
	return TELL(f, front_op_rmdir(parent, name));
}

int front_rename(struct front *f, uint64_t parent, const char *name, uint64_t new_parent,
		 const char *new_name)
{
	return TELL(f, front_op_rename(parent, name, new_parent, new_name));
}

int front_rename2(struct front *f, uint64_t parent, const char *name, uint64_t new_parent,
		  const char *new_name, uint32_t flags)
{
	return TELL(f, front_op_rename2(parent, name, new_parent, new_name, flags));
}

int front_link(struct front *f, uint64_t nodeid, uint64_t new_parent, const char *new_name,
	       struct fuse_entry_out *ret)
{
	return ASK(f, ret, front_op_link(nodeid, new_parent, new_name));
}

int front_open_file(struct front *f, uint64_t nodeid, uint32_t flags, struct fuse_open_out *ret)
{
	return ASK(f, ret, front_op_open(nodeid, flags));
}

static int ask_created(struct front *f, struct front_op op, struct fuse_entry_out *ret_entry,
		       struct fuse_open_out *ret_open)
{
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} out;
	int e = ASK(f, &out, op);

	if (e < 0)
		return e;
	*ret_entry = out.entry;
	*ret_open = out.open;
	return 0;
}

int front_create(struct front *f, uint64_t parent, const char *name, uint32_t flags, uint32_t mode,
		 struct fuse_entry_out *ret_entry, struct fuse_open_out *ret_open)
{
	return ask_created(f, front_op_create(parent, name, flags, mode), ret_entry, ret_open);
}

int front_tmpfile(struct front *f, uint64_t parent, uint32_t flags, uint32_t mode,
		  struct fuse_entry_out *ret_entry, struct fuse_open_out *ret_open)
{
	return ask_created(f, front_op_tmpfile(parent, flags, mode), ret_entry, ret_open);
}

int front_read(struct front *f, uint64_t nodeid, uint64_t fh, uint64_t offset, void *ret,
	       uint32_t size, size_t *ret_size)
{
	struct front_op op = front_op_read(nodeid, fh, offset, size);

	return front_do(f, &op, ret, size, ret_size);
}

int front_write(struct front *f, uint64_t nodeid, uint64_t fh, uint64_t offset, const void *data,
		uint32_t size, uint32_t *ret_size)
{
	struct fuse_write_out out;
	int e = ASK(f, &out, front_op_write(nodeid, fh, offset, data, size));

	if (e == 0 && ret_size)
		*ret_size = out.size;
	return e;
}

int front_statfs(struct front *f, uint64_t nodeid, struct fuse_statfs_out *ret)
{
	return ASK(f, ret, front_op_statfs(nodeid));
}

int front_release(struct front *f, uint64_t nodeid, uint64_t fh, uint32_t flags)
{
	return TELL(f, front_op_release(nodeid, fh, flags));
}

int front_flush(struct front *f, uint64_t nodeid, uint64_t fh, uint64_t lock_owner)
{
	return TELL(f, front_op_flush(nodeid, fh, lock_owner));
}

int front_fsync(struct front *f, uint64_t nodeid, uint64_t fh, bool data_only)
{
	return TELL(f, front_op_fsync(nodeid, fh, data_only));
}

int front_setxattr(struct front *f, uint64_t nodeid, const char *name, const void *value,
		   uint32_t size, uint32_t flags)
{
	return TELL(f, front_op_setxattr(nodeid, name, value, size, flags));
}

static int ask_sized(struct front *f, struct front_op op, void *ret, uint32_t size,
		     size_t *ret_size)
{
	struct fuse_getxattr_out out;
	int e;

	if (size > 0)
		return front_do(f, &op, ret, size, ret_size);
	e = ASK(f, &out, op);
	if (e == 0)
		*ret_size = out.size;
	return e;
}

int front_getxattr(struct front *f, uint64_t nodeid, const char *name, void *ret, uint32_t size,
		   size_t *ret_size)
{
	return ask_sized(f, front_op_getxattr(nodeid, name, size), ret, size, ret_size);
}

int front_listxattr(struct front *f, uint64_t nodeid, void *ret, uint32_t size, size_t *ret_size)
{
	return ask_sized(f, front_op_listxattr(nodeid, size), ret, size, ret_size);
}

int front_removexattr(struct front *f, uint64_t nodeid, const char *name)
{
	return TELL(f, front_op_removexattr(nodeid, name));
}

int front_opendir(struct front *f, uint64_t nodeid, struct fuse_open_out *ret)
{
	return ASK(f, ret, front_op_opendir(nodeid, 0));
}

int front_readdir(struct front *f, uint64_t nodeid, uint64_t fh, uint64_t offset, void *ret,
		  uint32_t size, size_t *ret_size)
{
	struct front_op op = front_op_readdir(nodeid, fh, offset, size);

	return front_do(f, &op, ret, size, ret_size);
}

int front_readdirplus(struct front *f, uint64_t nodeid, uint64_t fh, uint64_t offset, void *ret,
		      uint32_t size, size_t *ret_size)
{
	struct front_op op = front_op_readdirplus(nodeid, fh, offset, size);

	return front_do(f, &op, ret, size, ret_size);
}

int front_releasedir(struct front *f, uint64_t nodeid, uint64_t fh)
{
	return TELL(f, front_op_releasedir(nodeid, fh));
}

int front_fsyncdir(struct front *f, uint64_t nodeid, uint64_t fh, bool data_only)
{
	return TELL(f, front_op_fsyncdir(nodeid, fh, data_only));
}

int front_lock(struct front *f, uint32_t opcode, uint64_t nodeid, const struct fuse_lk_in *in,
	       struct fuse_lk_out *ret)
{
	return ask(f, front_op_lock(opcode, nodeid, in), ret, ret ? sizeof(*ret) : 0);
}

int front_access(struct front *f, uint64_t nodeid, uint32_t mask)
{
	return TELL(f, front_op_access(nodeid, mask));
}

int front_interrupt(struct front *f, uint64_t unique)
{
	return TELL(f, front_op_interrupt(unique));
}

int front_fallocate(struct front *f, uint64_t nodeid, uint64_t fh, uint64_t offset, uint64_t length,
		    uint32_t mode)
{
	return TELL(f, front_op_fallocate(nodeid, fh, offset, length, mode));
}

int front_lseek(struct front *f, uint64_t nodeid, uint64_t fh, uint64_t offset, uint32_t whence,
		uint64_t *ret)
{
	struct fuse_lseek_out out;
	int e = ASK(f, &out, front_op_lseek(nodeid, fh, offset, whence));

	if (e == 0)
		*ret = out.offset;
	return e;
}

int front_copy_file_range(struct front *f, uint64_t nodeid,
			  const struct fuse_copy_file_range_in *in, uint32_t *ret_size)
{
	struct fuse_write_out out;
	int e = ASK(f, &out, front_op_copy_file_range(nodeid, in));

	if (e == 0)
		*ret_size = out.size;
	return e;
}

int front_setupmapping(struct front *f, uint64_t nodeid, uint64_t foffset, uint64_t len,
		       uint64_t flags, uint64_t moffset)
{
	return TELL(f, front_op_setupmapping(nodeid, foffset, len, flags, moffset));
}

int front_removemapping(struct front *f, uint64_t nodeid, const struct fuse_removemapping_one *list,
			uint32_t count)
{
	return TELL(f, front_op_removemapping(nodeid, list, count));
}

int front_syncfs(struct front *f, uint64_t nodeid)
{
	return TELL(f, front_op_syncfs(nodeid));
}

int front_statx(struct front *f, uint64_t nodeid, const uint64_t *fh, uint32_t flags, uint32_t mask,
		struct fuse_statx_reply *ret)
{
	return ASK(f, ret, front_op_statx(nodeid, fh, flags, mask));
}
