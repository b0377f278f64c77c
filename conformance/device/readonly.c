// SPDX-License-Identifier: Apache-2.0
/* A share that is read-only: each change is EROFS, and all else works. */
#include "conformance/device/areas.h"
#include "conformance/device/xattr.h"

#include <unistd.h>

#define KEY "user.conform"

static bool have(struct check_run *r, uint64_t *ret_file, uint64_t *ret_digest)
{
	return meta_make_types(r) && node_of(r, "file", ret_file) &&
	       check_host(r, "set it", host_set_xattr(r->share, "target", KEY, "v", 1)) &&
	       check_host(r, "digest", host_digest(r->share, ret_digest));
}

static bool unchanged(struct check_run *r, uint64_t before)
{
	uint64_t now = 0;

	return check_host(r, "digest", host_digest(r->share, &now)) &&
	       check_same(r, before, "digest of the share", now) && check_alive(r);
}

static void names(struct check_run *r)
{
	struct front_op ops[10];
	uint64_t file, dir, before;
	char scratch[32];

	WANT(have(r, &file, &before));
	/* As a driver does before it asks to remove it. */
	WANT(node_of(r, "dir", &dir));
	ops[0] = front_op_create(FRONT_ROOT, "new", O_RDWR | O_CREAT, S_IFREG | 0644);
	ops[1] = front_op_mknod(FRONT_ROOT, "new", S_IFREG | 0644, 0);
	ops[2] = front_op_mkdir(FRONT_ROOT, "new", 0755);
	ops[3] = front_op_symlink(FRONT_ROOT, "new", "target");
	ops[4] = front_op_link(file, FRONT_ROOT, "new");
	ops[5] = front_op_unlink(FRONT_ROOT, "file");
	ops[6] = front_op_rmdir(FRONT_ROOT, "dir");
	ops[7] = front_op_rename(FRONT_ROOT, "file", FRONT_ROOT, "new");
	ops[8] = front_op_rename2(FRONT_ROOT, "file", FRONT_ROOT, "new", 1 /* RENAME_NOREPLACE */);
	ops[9] = front_op_tmpfile(FRONT_ROOT, O_RDWR, S_IFREG | 0644);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		const char *name = front_op_name(ops[i].opcode, scratch, sizeof(scratch));
		int e = front_do(r->f, &ops[i], NULL, 0, NULL);

		if (ops[i].opcode == FUSE_TMPFILE)
			WANT_ONE_OF(r, name, e, -EROFS, -ENOSYS, -EOPNOTSUPP);
		else
			WANT_ERROR(r, -EROFS, name, e);
	}
	WANT(unchanged(r, before));
}

static void attributes(struct check_run *r)
{
	static const struct fuse_setattr_in sets[] = {
		{ .valid = FATTR_MODE, .mode = 0600 },
		{ .valid = FATTR_UID | FATTR_GID, .uid = 1, .gid = 1 },
		{ .valid = FATTR_SIZE, .size = 1 },
		{ .valid = FATTR_MTIME, .mtime = 1 },
		{ .valid = FATTR_ATIME | FATTR_ATIME_NOW | FATTR_MTIME | FATTR_MTIME_NOW },
	};
	struct fuse_attr_out out;
	struct stat st, after;
	uint64_t target, before;

	WANT(have(r, &target, &before));
	WANT(node_of(r, "target", &target));
	WANT(meta_stat(r, "target", &st));
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		WANT_ERROR(r, -EROFS, "SETATTR", front_setattr(r->f, target, &sets[i], &out));
	WANT_ERROR(r, -EROFS, "SETXATTR", front_setxattr(r->f, target, KEY, "w", 1, 0));
	WANT_ERROR(r, -EROFS, "REMOVEXATTR", front_removexattr(r->f, target, KEY));
	WANT(xattr_is(r, "target", KEY, "v", 1));
	WANT(meta_stat(r, "target", &after));
	WANT_SAME(r, (uint64_t)st.st_mtim.tv_sec, "mtime", (uint64_t)after.st_mtim.tv_sec);
	WANT(unchanged(r, before));
}

static void data(struct check_run *r)
{
	static const uint32_t flags[] = { O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC,
					  O_WRONLY | O_APPEND };
	struct fuse_open_out open;
	uint64_t target, before;
	struct say t;
	uint32_t done;

	WANT(have(r, &target, &before));
	WANT(node_of(r, "target", &target));
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		WANT_ERROR(r, -EROFS, say(&t, "OPEN with flags 0%o", flags[i]),
			   front_open_file(r->f, target, flags[i], &open));
	WANT_ONE_OF(r, "OPEN with O_RDONLY and O_TRUNC",
		    front_open_file(r->f, target, O_RDONLY | O_TRUNC, &open), -EROFS, -EINVAL);
	WANT_OK(r, "OPEN to read", front_open_file(r->f, target, O_RDONLY, &open));
	WANT_ONE_OF(r, "WRITE", front_write(r->f, target, open.fh, 0, "x", 1, &done), -EROFS,
		    -EBADF);
	WANT_ONE_OF(r, "FALLOCATE", front_fallocate(r->f, target, open.fh, 0, 5000, 0), -EROFS,
		    -EBADF);
	WANT(unchanged(r, before));
}

static void reads(struct check_run *r)
{
	struct fuse_statfs_out statfs;
	struct fuse_open_out open;
	uint8_t seen[1000], wanted[1000];
	uint64_t target, link, before;
	size_t got;

	WANT(have(r, &target, &before));
	WANT(node_of(r, "target", &target));
	WANT(node_of(r, "link", &link));
	host_bytes(wanted, 0, sizeof(wanted), 1);
	WANT_OK(r, "OPEN", front_open_file(r->f, target, O_RDONLY, &open));
	WANT_OK(r, "READ", front_read(r->f, target, open.fh, 0, seen, sizeof(seen), &got));
	WANT(check_same_bytes(r, wanted, sizeof(wanted), "content", seen, got));
	WANT_OK(r, "FLUSH", front_flush(r->f, target, open.fh, 0));
	WANT_OK(r, "RELEASE", front_release(r->f, target, open.fh, 0));
	WANT_OK(r, "READLINK", front_readlink(r->f, link, (char *)seen, sizeof(seen)));
	WANT_TEXT(r, "target", "the link's target", (char *)seen);
	WANT_OK(r, "GETXATTR", front_getxattr(r->f, target, KEY, seen, sizeof(seen), &got));
	WANT(check_same_bytes(r, "v", 1, "the attribute", seen, got));
	WANT_OK(r, "OPENDIR", front_opendir(r->f, FRONT_ROOT, &open));
	WANT_OK(r, "READDIR",
		front_readdir(r->f, FRONT_ROOT, open.fh, 0, seen, sizeof(seen), &got));
	WANT_OK(r, "RELEASEDIR", front_releasedir(r->f, FRONT_ROOT, open.fh));
	WANT_OK(r, "STATFS", front_statfs(r->f, FRONT_ROOT, &statfs));
	WANT_ONE_OF(r, "ACCESS to read", front_access(r->f, target, R_OK), 0, -ENOSYS);
	WANT_ONE_OF(r, "ACCESS to write", front_access(r->f, target, W_OK), -EROFS, -EACCES,
		    -ENOSYS);
	WANT(unchanged(r, before));
}

static const struct check checks[] = {
	{
		.id = "readonly.names",
		.title = "nothing is made, moved or removed",
		.rows = "FUSE-META-013",
		.sends =
			"CREATE, MKNOD, MKDIR, SYMLINK, LINK, UNLINK, RMDIR, RENAME, RENAME2, TMPFILE",
		.wants = "EROFS (TMPFILE may not exist), and a share that is as it was",
		.catches = "readonly-error error:UNLINK:EPERM",
		.options = CHECK_READONLY,
		.run = names,
	},
	{
		.id = "readonly.attributes",
		.title = "no attribute is set",
		.rows = "FUSE-META-013",
		.sends = "SETATTR of mode, owner, size and times; SETXATTR, REMOVEXATTR",
		.wants = "EROFS, and a file that is as it was",
		.catches = "readonly-error",
		.options = CHECK_READONLY,
		.run = attributes,
	},
	{
		.id = "readonly.data",
		.title = "nothing is written",
		.rows = "FUSE-META-013",
		.sends =
			"OPEN to write, to cut and to append; WRITE and FALLOCATE with a handle to read",
		.wants =
			"EROFS; EBADF for the handle; EINVAL for O_TRUNC with O_RDONLY, which POSIX leaves open",
		.catches = "error:OPEN:EACCES error:WRITE:EIO",
		.options = CHECK_READONLY,
		.run = data,
	},
	{
		.id = "readonly.reads",
		.title = "what changes nothing works",
		.rows = "FUSE-META-013",
		.sends = "READ, READLINK, GETXATTR, READDIR, STATFS, ACCESS, FLUSH, RELEASE",
		.wants = "what the host has; ACCESS to write is EROFS or EACCES",
		.catches = "error:READ:EROFS read-short access-granted",
		.options = CHECK_READONLY,
		.run = reads,
	},
};

const struct check_area area_readonly = { "readonly", "Read-only shares", checks,
					  ARRAY_SIZE(checks) };
