/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_DEVICE_OPCODES_H
#define VQ_CONFORMANCE_DEVICE_OPCODES_H

/* Every opcode once, in the folder "all": for areas that ask where and how, not what. */

#include "conformance/device/rings.h"

/* What a device or its host need not have. */
#define OPTIONAL 0, -ENOSYS, -EOPNOTSUPP, -EPERM, -EINVAL

struct opcodes {
	struct fuse_entry_out dir;
	struct fuse_entry_out file;
	struct fuse_open_out open;
};

#define MAY(r, what, result) WANT_OR(check_one_of(r, (const int[]){ OPTIONAL }, 5, what, result))
#define WANT_OR(call)                 \
	do {                          \
		if (!(call))          \
			return false; \
	} while (0)
#define DO(r, what, result) WANT_OR(check_ok(r, what, result))

static inline bool opcodes_data(struct check_run *r, struct opcodes *o)
{
	struct fuse_setattr_in size = { .valid = FATTR_SIZE, .size = 900 };
	struct fuse_attr_out attr;
	uint8_t data[1000] = { 1, 2, 3 };
	uint64_t at = 0;
	uint32_t done = 0;
	size_t got = 0;
	uint64_t n = o->file.nodeid;

	DO(r, "WRITE", front_write(r->f, n, o->open.fh, 0, data, sizeof(data), &done));
	DO(r, "READ", front_read(r->f, n, o->open.fh, 0, data, sizeof(data), &got));
	DO(r, "GETATTR", front_getattr(r->f, n, &o->open.fh, &attr));
	DO(r, "SETATTR", front_setattr(r->f, n, &size, &attr));
	DO(r, "FLUSH", front_flush(r->f, n, o->open.fh, 1));
	DO(r, "FSYNC", front_fsync(r->f, n, o->open.fh, false));
	MAY(r, "LSEEK", front_lseek(r->f, n, o->open.fh, 0, SEEK_SET, &at));
	MAY(r, "FALLOCATE", front_fallocate(r->f, n, o->open.fh, 0, 2000, 0));
	DO(r, "RELEASE", front_release(r->f, n, o->open.fh, O_RDWR));
	DO(r, "OPEN", front_open_file(r->f, n, O_RDONLY, &o->open));
	DO(r, "RELEASE", front_release(r->f, n, o->open.fh, O_RDONLY));
	return true;
}

static inline bool opcodes_names(struct check_run *r, struct opcodes *o)
{
	struct fuse_entry_out e;
	struct fuse_statfs_out st;
	char target[64];
	size_t got = 0;
	uint64_t d = o->dir.nodeid;

	DO(r, "LOOKUP", front_lookup(r->f, d, "file", &e));
	DO(r, "SYMLINK", front_symlink(r->f, d, "link", "target", &e));
	DO(r, "READLINK", front_readlink(r->f, e.nodeid, target, sizeof(target)));
	DO(r, "LINK", front_link(r->f, o->file.nodeid, d, "other", &e));
	DO(r, "RENAME", front_rename(r->f, d, "other", d, "renamed"));
	MAY(r, "RENAME2", front_rename2(r->f, d, "renamed", d, "again", 1));
	DO(r, "MKNOD", front_mknod(r->f, d, "fifo", S_IFIFO | 0644, 0, &e));
	MAY(r, "ACCESS", front_access(r->f, d, 4));
	DO(r, "STATFS", front_statfs(r->f, d, &st));
	MAY(r, "SETXATTR", front_setxattr(r->f, o->file.nodeid, "user.x", "y", 1, 0));
	MAY(r, "LISTXATTR", front_listxattr(r->f, o->file.nodeid, NULL, 0, &got));
	MAY(r, "SYNCFS", front_syncfs(r->f, FRONT_ROOT));
	return true;
}

static inline bool opcodes_list(struct check_run *r, struct opcodes *o)
{
	struct fuse_open_out list;
	uint8_t entries[4096];
	size_t got = 0;
	uint64_t d = o->dir.nodeid;

	DO(r, "OPENDIR", front_opendir(r->f, d, &list));
	DO(r, "READDIR", front_readdir(r->f, d, list.fh, 0, entries, sizeof(entries), &got));
	MAY(r, "READDIRPLUS",
	    front_readdirplus(r->f, d, list.fh, 0, entries, sizeof(entries), &got));
	MAY(r, "FSYNCDIR", front_fsyncdir(r->f, d, list.fh, false));
	DO(r, "RELEASEDIR", front_releasedir(r->f, d, list.fh));
	DO(r, "UNLINK", front_unlink(r->f, d, "link"));
	DO(r, "UNLINK", front_unlink(r->f, d, "file"));
	DO(r, "FORGET", front_forget(r->f, o->file.nodeid, 1));
	return true;
}

/** opcodes_all() - in a new folder @name, on the request queue that r->f->queue says. */
static inline bool opcodes_all(struct check_run *r, const char *name)
{
	struct opcodes o;

	DO(r, "MKDIR", front_mkdir(r->f, FRONT_ROOT, name, 0755, &o.dir));
	DO(r, "CREATE",
	   front_create(r->f, o.dir.nodeid, "file", O_RDWR, S_IFREG | 0644, &o.file, &o.open));
	return opcodes_data(r, &o) && opcodes_names(r, &o) && opcodes_list(r, &o);
}

#undef DO
#undef MAY
#undef WANT_OR
#undef OPTIONAL

#endif
