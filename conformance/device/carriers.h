/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_DEVICE_CARRIERS_H
#define VQ_DEVICE_CARRIERS_H

/* Every opcode that carries a name, for areas that put something wrong into it. */

#include "conformance/device/tree.h"

/* One opcode with a bad name; @file and @dir are nodeids, `sub` and `file` exist. */
typedef struct front_op bad_op(uint64_t dir, uint64_t file, const char *name);

static inline struct front_op carry_lookup(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_lookup(dir, name);
}

static inline struct front_op carry_mkdir(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_mkdir(dir, name, 0755);
}

static inline struct front_op carry_mknod(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_mknod(dir, name, S_IFREG | 0644, 0);
}

static inline struct front_op carry_create(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_create(dir, name, O_RDWR | O_CREAT, 0644);
}

static inline struct front_op carry_symlink(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_symlink(dir, name, "target");
}

static inline struct front_op carry_link(uint64_t dir, uint64_t file, const char *name)
{
	return front_op_link(file, dir, name);
}

static inline struct front_op carry_unlink(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_unlink(dir, name);
}

static inline struct front_op carry_rmdir(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_rmdir(dir, name);
}

static inline struct front_op carry_rename_from(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_rename(dir, name, FRONT_ROOT, "new");
}

static inline struct front_op carry_rename_to(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_rename(FRONT_ROOT, "file", dir, name);
}

static inline struct front_op carry_rename2_from(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_rename2(dir, name, FRONT_ROOT, "new", RENAME_NOREPLACE);
}

static inline struct front_op carry_rename2_to(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_rename2(FRONT_ROOT, "file", dir, name, RENAME_NOREPLACE);
}

static const struct {
	const char *name;
	bad_op *op;
	bool lookup;
	bool removes; /* a device may want the name to be known, and say EIO */
} carriers[] = {
	{ "LOOKUP", carry_lookup, true, false },
	{ "MKDIR", carry_mkdir, false, false },
	{ "MKNOD", carry_mknod, false, false },
	{ "CREATE", carry_create, false, false },
	{ "SYMLINK", carry_symlink, false, false },
	{ "LINK", carry_link, false, false },
	{ "UNLINK", carry_unlink, false, true },
	{ "RMDIR", carry_rmdir, false, true },
	{ "RENAME, old name", carry_rename_from, false, true },
	{ "RENAME, new name", carry_rename_to, false, false },
	{ "RENAME2, old name", carry_rename2_from, false, true },
	{ "RENAME2, new name", carry_rename2_to, false, false },
};

struct escape {
	uint64_t before;
	uint64_t dir;
	uint64_t file;
	bool looks;   /* ask LOOKUP */
	bool changes; /* ask all others */
};

static inline bool begin(struct check_run *r, struct escape *e)
{
	struct fuse_entry_out dir, file;

	if (!check_host(r, "make a folder", host_mkdir(r->share, "sub", 0755)) ||
	    !check_host(r, "make a folder", host_mkdir(r->share, "sub/sub", 0755)) ||
	    !check_host(r, "make a file", host_write(r->share, "sub/inner", "x", 1)) ||
	    !check_host(r, "make a file", host_write(r->share, "file", "x", 1)) ||
	    !check_host(r, "digest", host_digest(r->share, &e->before)) ||
	    !check_ok(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "sub", &dir)) ||
	    !check_ok(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &file)))
		return false;
	e->looks = true;
	e->changes = true;
	e->dir = dir.nodeid;
	e->file = file.nodeid;
	return true;
}

static inline int ask(struct check_run *r, const struct front_op *op)
{
	return front_do(r->f, op, NULL, 0, NULL);
}

#endif
