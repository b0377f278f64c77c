// SPDX-License-Identifier: Apache-2.0
/* Set-id bits and file capabilities: who changes a file or its owner must not inherit its rights. */
#include "conformance/device/areas.h"
#include "conformance/device/xattr.h"

#include <endian.h>
#include <linux/capability.h>

#define CAP_KEY "security.capability"

static const struct vfs_cap_data raw_sockets = {
	.magic_etc = VFS_CAP_REVISION_2, /* little endian, as the hosts that we run on */
	.data[0].permitted = 1U << CAP_NET_RAW,
};
_Static_assert(__BYTE_ORDER == __LITTLE_ENDIAN, "raw_sockets");

/* The host makes a program with these permissions, and that may open raw sockets. */
static bool program(struct check_run *r, mode_t mode, uint64_t *ret)
{
	char path[META_PATH];

	return meta_file(r, "file", ret) &&
	       check_host(r, "chmod", chmod(meta_path(r, "file", path), mode) < 0 ? -errno : 0) &&
	       check_host(r, "set its capability",
			  host_set_xattr(r->share, "file", CAP_KEY, &raw_sockets, XATTR_CAPS_SZ_2));
}

static bool mode_is(struct check_run *r, const char *what, mode_t wanted)
{
	struct stat st;

	return meta_stat(r, "file", &st) && check_same(r, wanted, what, st.st_mode & 07777);
}

static bool opened(struct check_run *r, uint64_t nodeid, uint64_t *ret)
{
	struct fuse_open_out open;

	if (!check_ok(r, "OPEN", front_open_file(r->f, nodeid, O_RDWR, &open)))
		return false;
	*ret = open.fh;
	return true;
}

static void chown_clears(struct check_run *r)
{
	static const struct fuse_setattr_in sets[] = {
		{ .valid = FATTR_UID, .uid = META_UID },
		{ .valid = FATTR_GID, .gid = META_GID },
		{ .valid = FATTR_UID | FATTR_GID, .uid = 1, .gid = 2 },
	};
	struct fuse_attr_out out;
	uint64_t nodeid;

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		WANT(program(r, 06755, &nodeid));
		WANT_OK(r, "SETATTR of the owner", front_setattr(r->f, nodeid, &sets[i], &out));
		WANT_SAME(r, 0755, "permissions in the answer", out.attr.mode & 07777);
		WANT(mode_is(r, "permissions on the host", 0755));
		WANT(xattr_gone(r, "file", CAP_KEY));
	}
}

/* Set-group-id without the group's x is a mark of mandatory locking, and no right. */
static void chown_keeps_mark(struct check_run *r)
{
	const struct fuse_setattr_in in = { .valid = FATTR_UID, .uid = META_UID };
	struct fuse_attr_out out;
	struct stat st;
	uint64_t nodeid;

	WANT(program(r, 02745, &nodeid));
	WANT_OK(r, "SETATTR of the owner", front_setattr(r->f, nodeid, &in, &out));
	WANT(mode_is(r, "permissions on the host", 02745));
	WANT(meta_stat(r, "file", &st));
	WANT_SAME(r, META_UID, "owner", st.st_uid);
}

static void write_drops_capability(struct check_run *r)
{
	uint64_t nodeid, fh;
	uint32_t done;

	WANT(program(r, 0755, &nodeid));
	WANT(opened(r, nodeid, &fh));
	WANT(xattr_is(r, "file", CAP_KEY, &raw_sockets, XATTR_CAPS_SZ_2));
	WANT_OK(r, "WRITE", front_write(r->f, nodeid, fh, 0, "x", 1, &done));
	WANT(xattr_gone(r, "file", CAP_KEY));
}

static void truncate_drops_capability(struct check_run *r)
{
	const struct fuse_setattr_in in = { .valid = FATTR_SIZE, .size = 10 };
	struct stat st;
	uint64_t nodeid;

	WANT(program(r, 0755, &nodeid));
	WANT(meta_set(r, nodeid, "file", &in));
	WANT(xattr_gone(r, "file", CAP_KEY));
	WANT(meta_stat(r, "file", &st));
	WANT_SAME(r, 10, "size", (uint64_t)st.st_size);
}

static void mode_keeps_capability(struct check_run *r)
{
	const struct fuse_setattr_in in = { .valid = FATTR_MODE | FATTR_MTIME,
					    .mode = 0700,
					    .mtime = 1 };
	uint64_t nodeid;

	WANT(program(r, 0755, &nodeid));
	WANT(meta_set(r, nodeid, "file", &in));
	WANT(mode_is(r, "permissions", 0700));
	WANT(xattr_is(r, "file", CAP_KEY, &raw_sockets, XATTR_CAPS_SZ_2));
}

static void mapped_capability(struct check_run *r)
{
	struct fuse_write_in in;
	struct front_op op;
	uint64_t nodeid, fh;
	size_t got;
	int e;

	WANT(meta_file(r, "file", &nodeid));
	WANT_OK(r, "SETXATTR of " CAP_KEY,
		front_setxattr(r->f, nodeid, CAP_KEY, &raw_sockets, XATTR_CAPS_SZ_2, 0));
	WANT_OK(r, "GETXATTR", front_getxattr(r->f, nodeid, CAP_KEY, NULL, 0, &got));
	WANT(opened(r, nodeid, &fh));
	op = front_op_write(nodeid, fh, 0, "x", 1);
	memcpy(&in, op.arg, sizeof(in));
	in.write_flags = FUSE_WRITE_KILL_SUIDGID;
	memcpy(op.arg, &in, sizeof(in));
	e = front_do(r->f, &op, NULL, 0, NULL);
	WANT_OK(r, "WRITE", e);
	WANT_ERROR(r, -ENODATA, "GETXATTR of the capability of a file that was written to",
		   front_getxattr(r->f, nodeid, CAP_KEY, NULL, 0, &got));
}

static const struct check checks[] = {
	{
		.id = "privs.chown-clears",
		.title = "a new owner or group takes set-id bits and capabilities away",
		.rows = "FUSE-KP-001",
		.sends = "SETATTR of owner, group and both of a program 06755 with a capability",
		.wants = "0755 on the host and in the answer, no capability",
		.catches = "setattr-lost",
		.options = CHECK_XATTR,
		.run = chown_clears,
	},
	{
		.id = "privs.chown-keeps-mark",
		.title = "a new owner leaves set-group-id without the group's x",
		.rows = "FUSE-KP-001",
		.sends = "SETATTR of the owner of a file 02745",
		.wants = "02745, and the new owner",
		.catches = "setattr-lost",
		.run = chown_keeps_mark,
	},
	{
		.id = "privs.write-capability",
		.title = "WRITE takes file capabilities away",
		.rows = "FUSE-META-020 BUG-03",
		.sends = "WRITE of a byte to a program with a capability",
		.wants = "no capability",
		.catches = "write-lost",
		.options = CHECK_XATTR,
		.run = write_drops_capability,
	},
	{
		.id = "privs.truncate-capability",
		.title = "a new size takes file capabilities away",
		.rows = "FUSE-META-020",
		.sends = "SETATTR of the size of a program with a capability",
		.wants = "no capability, and the new size",
		.catches = "error:SETATTR:EIO",
		.options = CHECK_XATTR,
		.run = truncate_drops_capability,
	},
	{
		.id = "privs.mode-keeps-capability",
		.title = "a new mode or time leaves file capabilities alone",
		.rows = "FUSE-META-020 FUSE-META-001",
		.sends = "SETATTR of mode and mtime of a program with a capability",
		.wants = "the capability as it was",
		.catches = "setattr-lost error:SETATTR:EIO",
		.options = CHECK_XATTR,
		.run = mode_keeps_capability,
	},
	{
		.id = "privs.mapped-capability",
		.title = "file capabilities that a map moves are taken away as well",
		.rows = "FUSE-KP-001 BUG-03",
		.sends =
			"HANDLE_KILLPRIV_V2, all names mapped to user.virtiofs.; SETXATTR of security.capability, WRITE with KILL_SUIDGID, GETXATTR",
		.wants = "success, success, ENODATA",
		.catches = "preload:removexattr-lost",
		.options = CHECK_XATTR_MAP | CHECK_KILLPRIV_V2,
		.init = FUSE_HANDLE_KILLPRIV_V2,
		.run = mapped_capability,
	},
};

const struct check_area area_privs = { "privs", "Set-id bits and file capabilities", checks,
				       ARRAY_SIZE(checks) };
