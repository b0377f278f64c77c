/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_FS_OPS_H
#define VQ_REF_FS_OPS_H

#include "conformance/ref/fs/call.h"

/*
 * The file operations. Each returns 0 when it has replied or wants the bare success header, else -errno. Names
 * were checked (call.h); numbers of nodes and handles were not.
 */

/* ---- as `run` of their row: what libfuse cannot carry, and what is asked for most ---- */
int op_init(struct fs_call *c);
/* A session that no INIT has asked for: only a fault wants it. 0 or -errno. */
int init_unasked(struct fs_call *c);
int op_destroy(struct fs_call *c);
int op_lookup(struct fs_call *c);
int op_forget(struct fs_call *c);
int op_batch_forget(struct fs_call *c);
int op_getattr(struct fs_call *c);
int op_statx(struct fs_call *c);
int op_read(struct fs_call *c);
int op_write(struct fs_call *c);
int op_setxattr(struct fs_call *c);
int op_syncfs(struct fs_call *c);
int op_tmpfile(struct fs_call *c);
int op_setupmapping(struct fs_call *c);
int op_removemapping(struct fs_call *c);

/* ---- attr.c, setattr.c ---- */
/* What statx() told of @n, as the guest wants it. */
void attr_fill(struct fs_call *c, struct node *n, const struct statx *st, struct fuse_attr *ret);
/* Attributes of @n as they are now. 0 or -errno. */
int attr_reply(struct fs_call *c, struct node *n);
int attr_set(struct fs_call *c, uint64_t nodeid, const uint64_t *fh);
int attr_access(struct fs_call *c, uint64_t nodeid, int mask);
int fs_statfs(struct fs_call *c, uint64_t nodeid);

/* ---- entry.c ---- */
/**
 * entry_find() - the node of a name, with a lookup counted and a reference for the caller.
 * @ret_st: what it was when it was looked at.
 */
int entry_find(struct fs_call *c, const struct node *parent, const char *name, struct statx *ret_st,
	       struct node **ret) MUST_USE;
/* The same of a descriptor that is open here. */
int entry_of_fd(struct fs_call *c, int fd, struct statx *ret_st, struct node **ret) MUST_USE;
void entry_fill(struct fs_call *c, const struct node *parent, struct node *n,
		const struct statx *st, struct fuse_entry_out *ret);
/* LOOKUP and the end of whatever made @name. */
int entry_reply(struct fs_call *c, const struct node *parent, const char *name);

/* ---- make.c, name.c ---- */
int make_node(struct fs_call *c, uint64_t parent, const char *name, mode_t mode, dev_t rdev,
	      mode_t mask);
int make_dir(struct fs_call *c, uint64_t parent, const char *name, mode_t mode, mode_t mask);
int make_symlink(struct fs_call *c, uint64_t parent, const char *name, const char *target);
int make_link(struct fs_call *c, uint64_t nodeid, uint64_t parent, const char *name);
int name_remove(struct fs_call *c, uint64_t parent, const char *name, int flags);
int name_rename(struct fs_call *c, uint64_t parent, const char *name, uint64_t new_parent,
		const char *new_name, unsigned flags);
int name_readlink(struct fs_call *c, uint64_t nodeid);

/* ---- open.c, file.c ---- */
/**
 * file_reopen() - a descriptor of @n that reads or writes, through /proc. Regular files only: opening a FIFO or a
 * device would act on the host. Returns it, or -errno.
 */
int file_reopen(struct fs_call *c, const struct node *n, int flags) MUST_USE;
int file_open(struct fs_call *c, uint64_t nodeid, int flags);
int file_create(struct fs_call *c, uint64_t parent, const char *name, mode_t mode, mode_t mask,
		int flags);
int file_flush(struct fs_call *c, uint64_t fh);
int file_sync(struct fs_call *c, uint64_t fh, int datasync);
int file_allocate(struct fs_call *c, uint64_t fh, int mode, off_t offset, off_t length);
int file_seek(struct fs_call *c, uint64_t fh, off_t offset, int whence);
int file_copy(struct fs_call *c, uint64_t fh, off_t offset, uint64_t nodeid_out, uint64_t fh_out,
	      off_t offset_out, size_t size, int flags);

/* ---- resize.c: what dax.h asks for ---- */
/* Before content of the file is read, written or made durable otherwise than through the window. As dax_sync(). */
int window_sync(struct fs_call *c, const struct node *n);
/* The same of all files. */
int window_sync_all(struct fs_call *c);
/* Those who map a file hear of its size before it shrinks, and when that is done, or has failed ... */
void resize_before(struct fs_call *c, const struct node *n, uint64_t size, struct dax_shrink *ret);
void resize_shrunk(struct fs_call *c, const struct node *n, struct dax_shrink *begun);
/* ... after it was or may have been changed otherwise, and before a guest hears what it is. */
void resize_after(struct fs_call *c, const struct node *n);

/* ---- dir.c ---- */
int dir_open(struct fs_call *c, uint64_t nodeid);
int dir_read(struct fs_call *c, uint64_t fh, size_t size, uint64_t offset, bool plus);

/* ---- xattr.c ---- */
int xattr_get(struct fs_call *c, uint64_t nodeid, const char *name, size_t size);
int xattr_list(struct fs_call *c, uint64_t nodeid, size_t size);
int xattr_remove(struct fs_call *c, uint64_t nodeid, const char *name);

/* ---- map.c ---- */
/* --fault map-dies: RELEASE takes the mappings of the file with it. */
void map_release(struct fs_call *c, uint64_t nodeid);

/* ---- mark.c ---- */
/* Shall the guest map this file when it decides by inode? */
bool mark_dax(struct fs_call *c, struct node *n, const struct statx *st);
/* Will it map it, one way or the other? */
bool mark_mapped(struct fs_call *c, struct node *n, const struct statx *st);

#endif
