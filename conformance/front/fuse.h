/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FRONT_FUSE_H
#define VQ_FRONT_FUSE_H

#include "conformance/front/device.h"
#include "conformance/front/dirent.h"

/*
 * FUSE, one function for each opcode, twice: front_op_NAME() says what to ask and can be changed, cut up or
 * submitted without waiting (request.h); front_NAME() asks politely and waits.
 *
 * front_NAME() returns 0, the device's negative errno, or an enum front_failure below -1000. Outputs are
 * untouched unless it is 0. Names and data are borrowed; an op's until it was prepared.
 * Source: <linux/fuse.h>; FUSE has no other specification.
 */

#define FRONT_ROOT FUSE_ROOT_ID
/* "fh unknown", as Linux sends it with SETUPMAPPING. */
#define FRONT_NO_FH UINT64_MAX

/* Flags of INIT that front_init() offers: what Linux 6.12 does, without those that need more of the client. */
extern const uint64_t front_init_flags;

struct front_op front_op_init(uint32_t major, uint32_t minor, uint32_t max_readahead,
			      uint64_t flags);
struct front_op front_op_destroy(void);
struct front_op front_op_lookup(uint64_t parent, const char *name);
struct front_op front_op_forget(uint64_t nodeid, uint64_t nlookup);
struct front_op front_op_batch_forget(const struct fuse_forget_one *list, uint32_t count);
struct front_op front_op_getattr(uint64_t nodeid, const uint64_t *fh);
struct front_op front_op_setattr(uint64_t nodeid, const struct fuse_setattr_in *in);
struct front_op front_op_readlink(uint64_t nodeid);
struct front_op front_op_symlink(uint64_t parent, const char *name, const char *target);
struct front_op front_op_mknod(uint64_t parent, const char *name, uint32_t mode, uint32_t rdev);
struct front_op front_op_mkdir(uint64_t parent, const char *name, uint32_t mode);
struct front_op front_op_unlink(uint64_t parent, const char *name);
struct front_op front_op_rmdir(uint64_t parent, const char *name);
struct front_op front_op_rename(uint64_t parent, const char *name, uint64_t new_parent,
				const char *new_name);
struct front_op front_op_rename2(uint64_t parent, const char *name, uint64_t new_parent,
				 const char *new_name, uint32_t flags);
struct front_op front_op_link(uint64_t nodeid, uint64_t new_parent, const char *new_name);
struct front_op front_op_open(uint64_t nodeid, uint32_t flags);
struct front_op front_op_create(uint64_t parent, const char *name, uint32_t flags, uint32_t mode);
struct front_op front_op_tmpfile(uint64_t parent, uint32_t flags, uint32_t mode);
struct front_op front_op_read(uint64_t nodeid, uint64_t fh, uint64_t offset, uint32_t size);
struct front_op front_op_write(uint64_t nodeid, uint64_t fh, uint64_t offset, const void *data,
			       uint32_t size);
struct front_op front_op_statfs(uint64_t nodeid);
struct front_op front_op_release(uint64_t nodeid, uint64_t fh, uint32_t flags);
struct front_op front_op_flush(uint64_t nodeid, uint64_t fh, uint64_t lock_owner);
struct front_op front_op_fsync(uint64_t nodeid, uint64_t fh, bool data_only);
struct front_op front_op_setxattr(uint64_t nodeid, const char *name, const void *value,
				  uint32_t size, uint32_t flags);
/* @size 0 asks for the size only: the reply is then a struct fuse_getxattr_out. */
struct front_op front_op_getxattr(uint64_t nodeid, const char *name, uint32_t size);
struct front_op front_op_listxattr(uint64_t nodeid, uint32_t size);
struct front_op front_op_removexattr(uint64_t nodeid, const char *name);
struct front_op front_op_opendir(uint64_t nodeid, uint32_t flags);
struct front_op front_op_readdir(uint64_t nodeid, uint64_t fh, uint64_t offset, uint32_t size);
struct front_op front_op_readdirplus(uint64_t nodeid, uint64_t fh, uint64_t offset, uint32_t size);
struct front_op front_op_releasedir(uint64_t nodeid, uint64_t fh);
struct front_op front_op_fsyncdir(uint64_t nodeid, uint64_t fh, bool data_only);
/* @opcode: FUSE_GETLK, FUSE_SETLK or FUSE_SETLKW. */
struct front_op front_op_lock(uint32_t opcode, uint64_t nodeid, const struct fuse_lk_in *in);
struct front_op front_op_access(uint64_t nodeid, uint32_t mask);
struct front_op front_op_interrupt(uint64_t unique);
struct front_op front_op_fallocate(uint64_t nodeid, uint64_t fh, uint64_t offset, uint64_t length,
				   uint32_t mode);
struct front_op front_op_lseek(uint64_t nodeid, uint64_t fh, uint64_t offset, uint32_t whence);
struct front_op front_op_copy_file_range(uint64_t nodeid, const struct fuse_copy_file_range_in *in);
struct front_op front_op_setupmapping(uint64_t nodeid, uint64_t foffset, uint64_t len,
				      uint64_t flags, uint64_t moffset);
/* Entries follow the 4-byte count directly. */
struct front_op front_op_removemapping(uint64_t nodeid, const struct fuse_removemapping_one *list,
				       uint32_t count);
struct front_op front_op_syncfs(uint64_t nodeid);
struct front_op front_op_statx(uint64_t nodeid, const uint64_t *fh, uint32_t flags, uint32_t mask);

/** front_init() - 7.38 with front_init_flags (INIT_EXT included) and @more; the reply is in f->init as well. */
int front_init(struct front *f, uint64_t more, struct fuse_init_out *ret) MUST_USE;
/** front_init_with() - any version and flags. */
int front_init_with(struct front *f, uint32_t major, uint32_t minor, uint64_t flags,
		    struct fuse_init_out *ret) MUST_USE;
/** front_init_flags_of() - all 64 flags of a reply. */
uint64_t front_init_flags_of(const struct fuse_init_out *out);

int front_destroy(struct front *f) MUST_USE;
int front_lookup(struct front *f, uint64_t parent, const char *name, struct fuse_entry_out *ret)
	MUST_USE;
int front_forget(struct front *f, uint64_t nodeid, uint64_t nlookup) MUST_USE;
int front_batch_forget(struct front *f, const struct fuse_forget_one *list, uint32_t count)
	MUST_USE;
int front_getattr(struct front *f, uint64_t nodeid, const uint64_t *fh, struct fuse_attr_out *ret)
	MUST_USE;
int front_setattr(struct front *f, uint64_t nodeid, const struct fuse_setattr_in *in,
		  struct fuse_attr_out *ret) MUST_USE;
/** front_readlink() - @ret gets a NUL behind the target; -ENAMETOOLONG when it does not fit. */
int front_readlink(struct front *f, uint64_t nodeid, char *ret, size_t size) MUST_USE;
int front_symlink(struct front *f, uint64_t parent, const char *name, const char *target,
		  struct fuse_entry_out *ret) MUST_USE;
int front_mknod(struct front *f, uint64_t parent, const char *name, uint32_t mode, uint32_t rdev,
		struct fuse_entry_out *ret) MUST_USE;
int front_mkdir(struct front *f, uint64_t parent, const char *name, uint32_t mode,
		struct fuse_entry_out *ret) MUST_USE;
int front_unlink(struct front *f, uint64_t parent, const char *name) MUST_USE;
int front_rmdir(struct front *f, uint64_t parent, const char *name) MUST_USE;
int front_rename(struct front *f, uint64_t parent, const char *name, uint64_t new_parent,
		 const char *new_name) MUST_USE;
int front_rename2(struct front *f, uint64_t parent, const char *name, uint64_t new_parent,
		  const char *new_name, uint32_t flags) MUST_USE;
int front_link(struct front *f, uint64_t nodeid, uint64_t new_parent, const char *new_name,
	       struct fuse_entry_out *ret) MUST_USE;
int front_open_file(struct front *f, uint64_t nodeid, uint32_t flags, struct fuse_open_out *ret)
	MUST_USE;
int front_create(struct front *f, uint64_t parent, const char *name, uint32_t flags, uint32_t mode,
		 struct fuse_entry_out *ret_entry, struct fuse_open_out *ret_open) MUST_USE;
int front_tmpfile(struct front *f, uint64_t parent, uint32_t flags, uint32_t mode,
		  struct fuse_entry_out *ret_entry, struct fuse_open_out *ret_open) MUST_USE;
/** front_read() - *@ret_size is what was read, at most @size; less is the end of the file. */
int front_read(struct front *f, uint64_t nodeid, uint64_t fh, uint64_t offset, void *ret,
	       uint32_t size, size_t *ret_size) MUST_USE;
/** front_write() - *@ret_size is what was written; may be NULL. */
int front_write(struct front *f, uint64_t nodeid, uint64_t fh, uint64_t offset, const void *data,
		uint32_t size, uint32_t *ret_size) MUST_USE;
int front_statfs(struct front *f, uint64_t nodeid, struct fuse_statfs_out *ret) MUST_USE;
int front_release(struct front *f, uint64_t nodeid, uint64_t fh, uint32_t flags) MUST_USE;
int front_flush(struct front *f, uint64_t nodeid, uint64_t fh, uint64_t lock_owner) MUST_USE;
int front_fsync(struct front *f, uint64_t nodeid, uint64_t fh, bool data_only) MUST_USE;
int front_setxattr(struct front *f, uint64_t nodeid, const char *name, const void *value,
		   uint32_t size, uint32_t flags) MUST_USE;
/** front_getxattr() / front_listxattr() - with @size 0, *@ret_size is the size that would be needed. */
int front_getxattr(struct front *f, uint64_t nodeid, const char *name, void *ret, uint32_t size,
		   size_t *ret_size) MUST_USE;
int front_listxattr(struct front *f, uint64_t nodeid, void *ret, uint32_t size, size_t *ret_size)
	MUST_USE;
int front_removexattr(struct front *f, uint64_t nodeid, const char *name) MUST_USE;
int front_opendir(struct front *f, uint64_t nodeid, struct fuse_open_out *ret) MUST_USE;
/** front_readdir() - raw entries for front_dirents_begin(). */
int front_readdir(struct front *f, uint64_t nodeid, uint64_t fh, uint64_t offset, void *ret,
		  uint32_t size, size_t *ret_size) MUST_USE;
int front_readdirplus(struct front *f, uint64_t nodeid, uint64_t fh, uint64_t offset, void *ret,
		      uint32_t size, size_t *ret_size) MUST_USE;
int front_releasedir(struct front *f, uint64_t nodeid, uint64_t fh) MUST_USE;
int front_fsyncdir(struct front *f, uint64_t nodeid, uint64_t fh, bool data_only) MUST_USE;
/** front_lock() - @ret: of GETLK; else NULL. SETLKW that must wait is for front_op_lock(). */
int front_lock(struct front *f, uint32_t opcode, uint64_t nodeid, const struct fuse_lk_in *in,
	       struct fuse_lk_out *ret) MUST_USE;
int front_access(struct front *f, uint64_t nodeid, uint32_t mask) MUST_USE;
int front_interrupt(struct front *f, uint64_t unique) MUST_USE;
int front_fallocate(struct front *f, uint64_t nodeid, uint64_t fh, uint64_t offset, uint64_t length,
		    uint32_t mode) MUST_USE;
int front_lseek(struct front *f, uint64_t nodeid, uint64_t fh, uint64_t offset, uint32_t whence,
		uint64_t *ret) MUST_USE;
int front_copy_file_range(struct front *f, uint64_t nodeid,
			  const struct fuse_copy_file_range_in *in, uint32_t *ret_size) MUST_USE;
/** front_setupmapping() - @flags: FUSE_SETUPMAPPING_FLAG_; fh is FRONT_NO_FH, as Linux sends it. */
int front_setupmapping(struct front *f, uint64_t nodeid, uint64_t foffset, uint64_t len,
		       uint64_t flags, uint64_t moffset) MUST_USE;
int front_removemapping(struct front *f, uint64_t nodeid, const struct fuse_removemapping_one *list,
			uint32_t count) MUST_USE;
int front_syncfs(struct front *f, uint64_t nodeid) MUST_USE;
int front_statx(struct front *f, uint64_t nodeid, const uint64_t *fh, uint32_t flags, uint32_t mask,
		struct fuse_statx_reply *ret) MUST_USE;

#endif
