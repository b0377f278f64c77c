// SPDX-License-Identifier: Apache-2.0
/* POSIX ACLs, with and without the driver's agreement. */
#include "conformance/device/areas.h"
#include "conformance/device/xattr.h"

#include <endian.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>

#define ACCESS_KEY  "system.posix_acl_access"
#define DEFAULT_KEY "system.posix_acl_default"
#define ENTRIES	    5

struct acl {
	struct posix_acl_xattr_header head;
	struct posix_acl_xattr_entry entry[ENTRIES];
};
_Static_assert(sizeof(struct acl) == 44, "wire size");

static struct posix_acl_xattr_entry entry(uint16_t tag, uint16_t permissions, uint32_t id)
{
	return (struct posix_acl_xattr_entry){ htole16(tag), htole16(permissions), htole32(id) };
}

/* u::rwx u:12345:@named g::r-x m::@mask o::--- */
static struct acl acl_of(uint16_t named, uint16_t mask)
{
	return (struct acl){ { htole32(POSIX_ACL_XATTR_VERSION) },
			     { entry(ACL_USER_OBJ, 7, UINT32_MAX), entry(ACL_USER, named, META_UID),
			       entry(ACL_GROUP_OBJ, 5, UINT32_MAX),
			       entry(ACL_MASK, mask, UINT32_MAX),
			       entry(ACL_OTHER, 0, UINT32_MAX) } };
}

static void off(struct check_run *r)
{
	static const char *const keys[] = { ACCESS_KEY, DEFAULT_KEY };
	const struct acl acl = acl_of(7, 7);
	char names[256];
	uint64_t nodeid;
	size_t got;

	WANT(check_host(r, "make a folder", host_mkdir(r->share, "dir", 0755)));
	WANT(node_of(r, "dir", &nodeid));
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		WANT_ONE_OF(r, "SETXATTR of an ACL that nobody would enforce",
			    front_setxattr(r->f, nodeid, keys[i], &acl, sizeof(acl), 0),
			    -EOPNOTSUPP, -EPERM, -EACCES);
		WANT(xattr_gone(r, "dir", keys[i]));
		WANT(check_host(r, "set an ACL",
				host_set_xattr(r->share, "dir", keys[i], &acl, sizeof(acl))));
		WANT_ONE_OF(r, "GETXATTR of an ACL that nobody would enforce",
			    front_getxattr(r->f, nodeid, keys[i], names, sizeof(names), &got),
			    -EOPNOTSUPP, -ENODATA, -EPERM, -EACCES);
		WANT_OK(r, "LISTXATTR", front_listxattr(r->f, nodeid, names, sizeof(names), &got));
		WANT(xattr_listed(r, names, got, keys[i], false));
		WANT_ONE_OF(r, "REMOVEXATTR of an ACL that nobody would enforce",
			    front_removexattr(r->f, nodeid, keys[i]), -EOPNOTSUPP, -EPERM, -EACCES);
		WANT(xattr_is(r, "dir", keys[i], &acl, sizeof(acl)));
	}
}

/* SETXATTR in the form of SETXATTR_EXT, which these sessions have agreed on. */
static int set_acl(struct check_run *r, uint64_t nodeid, const char *key, const struct acl *acl,
		   uint32_t more)
{
	struct front_op op = front_op_setxattr(nodeid, key, acl, sizeof(*acl), 0);
	const struct fuse_setxattr_in in = { .size = sizeof(*acl), .setxattr_flags = more };

	memcpy(op.arg, &in, sizeof(in));
	op.arg_size = sizeof(in);
	return front_do(r->f, &op, NULL, 0, NULL);
}

static void access_acl(struct check_run *r)
{
	const struct acl acl = acl_of(6, 6);
	struct fuse_attr_out out;
	uint8_t seen[256];
	uint64_t nodeid;
	size_t got;

	WANT(meta_file(r, "file", &nodeid));
	WANT_OK(r, "SETXATTR of an ACL", set_acl(r, nodeid, ACCESS_KEY, &acl, 0));
	WANT(xattr_is(r, "file", ACCESS_KEY, &acl, sizeof(acl)));
	WANT_OK(r, "GETXATTR", front_getxattr(r->f, nodeid, ACCESS_KEY, seen, sizeof(seen), &got));
	WANT(check_same_bytes(r, &acl, sizeof(acl), "the ACL", seen, got));
	WANT_OK(r, "GETATTR", front_getattr(r->f, nodeid, NULL, &out));
	WANT_SAME(r, 0760, "permissions, of which the group's are the mask", out.attr.mode & 07777);
	WANT(agrees(r, "file", &out.attr, false));
	WANT_OK(r, "REMOVEXATTR", front_removexattr(r->f, nodeid, ACCESS_KEY));
	WANT(xattr_gone(r, "file", ACCESS_KEY));
}

static void default_acl(struct check_run *r)
{
	const struct acl acl = acl_of(7, 7);
	struct fuse_create_in in = { .flags = O_RDWR | O_CREAT,
				     .mode = S_IFREG | 0666,
				     .umask = 077 };
	struct front_op op;
	uint64_t nodeid;
	struct stat st;
	size_t got;

	WANT(check_host(r, "make a folder", host_mkdir(r->share, "dir", 0755)));
	WANT(node_of(r, "dir", &nodeid));
	WANT_OK(r, "SETXATTR of a default ACL", set_acl(r, nodeid, DEFAULT_KEY, &acl, 0));
	WANT(xattr_is(r, "dir", DEFAULT_KEY, &acl, sizeof(acl)));
	op = front_op_create(nodeid, "file", in.flags, in.mode);
	memcpy(op.arg, &in, sizeof(in));
	WANT_OK(r, "CREATE of 0666 with umask 077", front_do(r->f, &op, NULL, 0, NULL));
	WANT(meta_stat(r, "dir/file", &st));
	WANT_SAME(r, 0660, "permissions by the default ACL, where no umask counts",
		  st.st_mode & 07777);
	WANT_OK(r, "ACL of what was created",
		host_get_xattr(r->share, "dir/file", ACCESS_KEY, NULL, 0, &got));
	WANT_SAME(r, sizeof(acl), "bytes of it", got);
}

static void kill_sgid(struct check_run *r)
{
	const struct acl acl = acl_of(7, 7);
	struct fuse_setattr_in in = { .valid = FATTR_MODE, .mode = 02755 };
	struct stat st;
	uint64_t nodeid;

	WANT(meta_file(r, "file", &nodeid));
	WANT(meta_set(r, nodeid, "file", &in));
	WANT_OK(r, "SETXATTR of an ACL", set_acl(r, nodeid, ACCESS_KEY, &acl, 0));
	WANT(meta_stat(r, "file", &st));
	WANT_SAME(r, S_ISGID, "set-group-id, of which nothing was said", st.st_mode & S_ISGID);
	WANT_OK(r, "SETXATTR of an ACL with ACL_KILL_SGID",
		set_acl(r, nodeid, ACCESS_KEY, &acl, FUSE_SETXATTR_ACL_KILL_SGID));
	WANT(meta_stat(r, "file", &st));
	WANT_SAME(r, 0, "set-group-id", st.st_mode & S_ISGID);
	WANT(xattr_is(r, "file", ACCESS_KEY, &acl, sizeof(acl)));
}

static void not_agreed(struct check_run *r)
{
	const uint64_t flags = front_init_flags & ~(uint64_t)(FUSE_POSIX_ACL | FUSE_DONT_MASK);
	const struct acl acl = acl_of(7, 7);
	struct fuse_init_out out;
	uint64_t nodeid;
	int e = front_init_with(r->f, FUSE_KERNEL_VERSION, 38, flags, &out);

	/* Somebody asked for ACLs that this driver does not know: a device may refuse it altogether. */
	WANT_ONE_OF(r, "INIT without POSIX_ACL", e, 0, -EPROTO, -EOPNOTSUPP, -EINVAL);
	if (e < 0)
		return;
	WANT_SAME(r, 0, "POSIX_ACL of the answer", out.flags & FUSE_POSIX_ACL);
	WANT(meta_file(r, "file", &nodeid));
	WANT_ONE_OF(r, "SETXATTR of an ACL that nobody would enforce",
		    front_setxattr(r->f, nodeid, ACCESS_KEY, &acl, sizeof(acl), 0), -EOPNOTSUPP,
		    -EPERM, -EACCES);
	WANT(xattr_gone(r, "file", ACCESS_KEY));
}

static const struct check checks[] = {
	{
		.id = "acl.off",
		.title = "without POSIX_ACL there are no ACLs",
		.rows = "FUSE-META-017",
		.sends =
			"SETXATTR, GETXATTR, LISTXATTR, REMOVEXATTR of both ACLs of a folder, with --xattr alone",
		.wants = "EOPNOTSUPP or likewise; they are not listed, and the host's stay",
		.catches = "acl-passed",
		.options = CHECK_XATTR,
		.run = off,
	},
	{
		.id = "acl.access",
		.title = "an ACL is set, read and removed, and the mode follows",
		.rows = "FUSE-META-011",
		.sends = "POSIX_ACL; SETXATTR, GETXATTR, GETATTR, REMOVEXATTR of an ACL of a file",
		.wants = "the host has the same bytes; the group's permissions are the mask",
		.catches = "xattr-lost xattr-kept",
		.options = CHECK_POSIX_ACL,
		.init = FUSE_POSIX_ACL | FUSE_DONT_MASK | FUSE_SETXATTR_EXT,
		.run = access_acl,
	},
	{
		.id = "acl.default",
		.title = "a default ACL decides the mode of what is made, and no umask does",
		.rows = "FUSE-META-011 FUSE-META-007",
		.sends =
			"POSIX_ACL; SETXATTR of a default ACL of a folder, CREATE of 0666 with umask 077 in it",
		.wants = "0660, and an ACL of its own",
		.catches = "xattr-lost umask-own",
		.options = CHECK_POSIX_ACL,
		.init = FUSE_POSIX_ACL | FUSE_DONT_MASK | FUSE_SETXATTR_EXT,
		.run = default_acl,
	},
	{
		.id = "acl.kill-sgid",
		.title = "SETXATTR_ACL_KILL_SGID takes set-group-id away",
		.rows = "FUSE-META-011",
		.sends =
			"SETXATTR_EXT; SETXATTR of an ACL of a file 02755, without and with the flag",
		.wants = "set-group-id stays, then it is gone; the ACL is there",
		.catches = "acl-sgid-kept xattr-lost",
		.options = CHECK_POSIX_ACL,
		.init = FUSE_POSIX_ACL | FUSE_DONT_MASK | FUSE_SETXATTR_EXT,
		.run = kill_sgid,
	},
	{
		.id = "acl.not-agreed",
		.title = "a driver without ACLs meets none",
		.rows = "FUSE-META-017",
		.sends = "a device with ACLs; INIT without POSIX_ACL, SETXATTR of an ACL",
		.wants = "INIT is refused; or the ACL is, and not on the host",
		.catches = "acl-passed",
		.options = CHECK_POSIX_ACL,
		.start = CHECK_RINGS,
		.run = not_agreed,
	},
};

const struct check_area area_acl = { "acl", "POSIX ACLs", checks, ARRAY_SIZE(checks) };
