// SPDX-License-Identifier: Apache-2.0
/* GETATTR and SETATTR with a handle. */
#include "conformance/device/areas.h"
#include "conformance/device/meta.h"

#define UNKNOWN_ID UINT64_C(0x7fffffff00000000)

/* Opened, then without a name. */
static bool nameless(struct check_run *r, uint32_t flags, uint64_t *ret_nodeid, uint64_t *ret_fh,
		     int *ret_fd)
{
	struct fuse_open_out open;

	if (!meta_file(r, "file", ret_nodeid) ||
	    !check_ok(r, "OPEN", front_open_file(r->f, *ret_nodeid, flags, &open)))
		return false;
	*ret_fh = open.fh;
	*ret_fd = host_open(r->share, "file", O_RDWR, 0);
	return check_host(r, "open", *ret_fd) &&
	       check_ok(r, "UNLINK", front_unlink(r->f, FRONT_ROOT, "file"));
}

static bool agrees_with(struct check_run *r, int fd, const struct fuse_attr *attr)
{
	const char *differs;
	struct stat st;
	char why[128];

	if (!check_host(r, "fstat", fstat(fd, &st) < 0 ? -errno : 0))
		return false;
	differs = host_compare(attr, &st, false, why, sizeof(why));
	return check_that(r, !differs, "the attributes that the host sees of the open file", "%s",
			  differs ? differs : "");
}

static void by_handle(struct check_run *r)
{
	CLEANUP(fd_closep) int fd = -1;
	struct fuse_attr_out out;
	uint64_t nodeid, fh;

	WANT(nameless(r, O_RDONLY, &nodeid, &fh, &fd));
	WANT_OK(r, "GETATTR with a handle", front_getattr(r->f, nodeid, &fh, &out));
	WANT(agrees_with(r, fd, &out.attr));
	WANT_SAME(r, 0, "links", out.attr.nlink);
	WANT(check_host(r, "truncate", ftruncate(fd, 77) < 0 ? -errno : 0));
	WANT_OK(r, "GETATTR with a handle", front_getattr(r->f, nodeid, &fh, &out));
	WANT(agrees_with(r, fd, &out.attr));
}

static void set_by_handle(struct check_run *r)
{
	CLEANUP(fd_closep) int fd = -1;
	struct fuse_setattr_in in = { .valid = FATTR_FH | FATTR_MODE | FATTR_SIZE | FATTR_UID |
					       FATTR_GID | FATTR_MTIME,
				      .mode = 0640,
				      .size = 333,
				      .uid = META_UID,
				      .gid = META_GID,
				      .mtime = 1111111111,
				      .mtimensec = 222222222 };
	struct fuse_attr_out out;
	uint64_t nodeid;

	WANT(nameless(r, O_RDWR, &nodeid, &in.fh, &fd));
	WANT_OK(r, "SETATTR with a handle", front_setattr(r->f, nodeid, &in, &out));
	WANT(agrees_with(r, fd, &out.attr));
	WANT_SAME(r, in.size, "size", out.attr.size);
	WANT_SAME(r, 0640, "permissions", out.attr.mode & 07777);
	WANT_SAME(r, META_UID, "owner", out.attr.uid);
	WANT_SAME(r, in.mtime, "mtime", out.attr.mtime);
}

static void bad_handle(struct check_run *r)
{
	struct fuse_setattr_in in = { .valid = FATTR_FH | FATTR_SIZE, .size = 5 };
	const uint64_t handles[] = { UNKNOWN_ID, UINT64_MAX, 1000000 };
	struct fuse_attr_out out;
	struct stat st;
	uint64_t nodeid;

	WANT(meta_file(r, "file", &nodeid));
	for (size_t i = 0; i < ARRAY_SIZE(handles); i++) {
		int e = front_getattr(r->f, nodeid, &handles[i], &out);

		/* The nodeid says which file is meant: a device may do without the handle. */
		WANT_ONE_OF(r, "GETATTR with an unknown handle", e, 0, NOT_KNOWN);
		if (e == 0)
			WANT(agrees(r, "file", &out.attr, false));
		in.fh = handles[i];
		e = front_setattr(r->f, nodeid, &in, &out);
		WANT_ONE_OF(r, "SETATTR with an unknown handle", e, 0, NOT_KNOWN);
		WANT(meta_stat(r, "file", &st));
		WANT_SAME(r, e == 0 ? 5 : 1000, "size on the host", (uint64_t)st.st_size);
		WANT(check_host(r, "make the file again", host_fill(r->share, "file", 1000, 1)));
	}
	WANT(check_alive(r));
}

static const struct check checks[] = {
	{
		.id = "attrfh.get",
		.title = "GETATTR with a handle works when the name is gone",
		.rows = "FUSE-META-004",
		.sends =
			"OPEN, UNLINK, GETATTR with the handle; again when the host has cut the file",
		.wants = "the attributes of the open file, without links",
		.catches = "attr-size error:GETATTR:ENOENT",
		.run = by_handle,
	},
	{
		.id = "attrfh.set",
		.title = "SETATTR with a handle works when the name is gone",
		.rows = "FUSE-META-004 FUSE-META-001",
		.sends =
			"OPEN, UNLINK, SETATTR with the handle of mode, owner, group, size and mtime",
		.wants = "success, and the attributes of the open file",
		.catches = "setattr-lost setattr-first",
		.run = set_by_handle,
	},
	{
		.id = "attrfh.unknown",
		.title = "an unknown handle is refused or ignored",
		.rows = "VIRTIO-FS-SEC-011",
		.sends = "GETATTR and SETATTR with three handles that nobody has opened",
		.wants = "EBADF and no change, or what the nodeid says",
		.catches = "exit-at:SETATTR error:GETATTR:EIO",
		.run = bad_handle,
	},
};

const struct check_area area_attrfh = { "attrfh", "Attributes of open files", checks,
					ARRAY_SIZE(checks) };
