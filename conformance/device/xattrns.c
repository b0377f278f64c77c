// SPDX-License-Identifier: Apache-2.0
/* Namespaces of extended attributes, files of every type, messages that lie, and maps of names. */
#include "conformance/device/areas.h"
#include "conformance/device/xattr.h"

#include <linux/capability.h>

#define KEY	"user.conform"
#define MAPPED	"user.virtiofs."
#define CAP_KEY "security.capability"

/* A map hides what it does not lead to; that is of the host alone. */
#define HOSTS "user.hosts-own"

static void types(struct check_run *r)
{
	char path[META_PATH];
	struct say t;
	uint64_t nodeid;
	size_t got;

	WANT(meta_make_types(r));
	for (size_t i = 0; i < ARRAY_SIZE(meta_types); i++) {
		const char *name = meta_types[i].name;
		int host = lsetxattr(meta_path(r, name, path), KEY, "v", 1, 0) < 0 ? -errno : 0;

		if (host == 0)
			WANT_HOST(r, "remove it", lremovexattr(path, KEY));
		WANT(node_of(r, name, &nodeid));
		(void)say(&t, "SETXATTR of \"%s\", as the host", name);
		if (host == 0) {
			WANT_OK(r, t.text, front_setxattr(r->f, nodeid, KEY, "v", 1, 0));
			WANT(xattr_is(r, name, KEY, "v", 1));
			WANT_OK(r, "GETXATTR", front_getxattr(r->f, nodeid, KEY, NULL, 0, &got));
			WANT_OK(r, "REMOVEXATTR", front_removexattr(r->f, nodeid, KEY));
			WANT(xattr_gone(r, name, KEY));
		} else {
			/* Which refusal it is depends on how a device gets at such files. */
			WANT_ONE_OF(r, t.text, front_setxattr(r->f, nodeid, KEY, "v", 1, 0), host,
				    -EPERM, -EOPNOTSUPP, -EBADF, -ELOOP, -EACCES);
		}
	}
	WANT(xattr_gone(r, "target", KEY));
}

static void namespaces(struct check_run *r)
{
	static const char *const keys[] = { "trusted.conform", "security.conform" };
	uint64_t nodeid;
	struct say t;
	uint8_t seen[8];
	size_t got;

	WANT(meta_file(r, "file", &nodeid));
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		int e = front_setxattr(r->f, nodeid, keys[i], "v", 1, 0);

		WANT_ONE_OF(r, say(&t, "SETXATTR of %s", keys[i]), e, 0, -EPERM, -EOPNOTSUPP);
		if (e == 0) {
			WANT(xattr_is(r, "file", keys[i], "v", 1));
			WANT_OK(r, "GETXATTR",
				front_getxattr(r->f, nodeid, keys[i], seen, sizeof(seen), &got));
			WANT_OK(r, "REMOVEXATTR", front_removexattr(r->f, nodeid, keys[i]));
		}
		WANT(xattr_gone(r, "file", keys[i]));
	}
	WANT(check_alive(r));
}

/* Of a program that may open raw sockets; rootid is not there in version 2. */
static struct vfs_cap_data capability(void)
{
	return (struct vfs_cap_data){ .magic_etc = htole32(VFS_CAP_REVISION_2),
				      .data[0].permitted = htole32(1U << CAP_NET_RAW) };
}

static void file_capability(struct check_run *r)
{
	struct vfs_cap_data value = capability();
	uint8_t seen[64];
	uint64_t nodeid;
	size_t got;
	int e;

	WANT(meta_file(r, "file", &nodeid));
	e = front_setxattr(r->f, nodeid, CAP_KEY, &value, XATTR_CAPS_SZ_2, 0);
	WANT_ONE_OF(r, "SETXATTR of " CAP_KEY, e, 0, -EPERM, -EOPNOTSUPP);
	NEED(r, e == 0, "file capabilities");
	WANT_OK(r, "host's " CAP_KEY,
		host_get_xattr(r->share, "file", CAP_KEY, seen, sizeof(seen), &got));
	WANT_OK(r, "GETXATTR", front_getxattr(r->f, nodeid, CAP_KEY, seen, sizeof(seen), &got));
	WANT(check_same_bytes(r, &value, XATTR_CAPS_SZ_2, "the value", seen, got));
	WANT_OK(r, "REMOVEXATTR", front_removexattr(r->f, nodeid, CAP_KEY));
	WANT(xattr_gone(r, "file", CAP_KEY));
}

/* SETXATTR whose size field says @size for a value of @bytes. */
static int set_lying(struct check_run *r, uint64_t nodeid, uint32_t size, uint32_t bytes)
{
	static const uint8_t value[16] = { 1 };
	struct front_op op = front_op_setxattr(nodeid, KEY, value, bytes, 0);

	memcpy(op.arg, &size, sizeof(size));
	return front_do(r->f, &op, NULL, 0, NULL);
}

static void liars(struct check_run *r)
{
	static const uint32_t lies[] = { 17, 1000, 65536, 65537, INT32_MAX, UINT32_MAX };
	struct say t;
	uint64_t nodeid;

	WANT(meta_file(r, "file", &nodeid));
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		WANT_ONE_OF(r, say(&t, "SETXATTR that says %u and has 16 bytes", lies[i]),
			    set_lying(r, nodeid, lies[i], 16), -EINVAL, -E2BIG, -EIO, -EPROTO);
		WANT(xattr_gone(r, "file", KEY));
		WANT(check_alive(r));
	}
}

static void no_nul(struct check_run *r)
{
	struct front_op op;
	uint64_t nodeid;

	WANT(meta_file(r, "file", &nodeid));
	op = front_op_getxattr(nodeid, KEY, 100);
	op.tail[0].iov_len--;
	WANT_ONE_OF(r, "GETXATTR of a name without NUL", front_do(r->f, &op, NULL, 0, NULL),
		    -EINVAL, -EIO, -EPROTO, -ENODATA);
	op = front_op_removexattr(nodeid, KEY);
	op.tail[0].iov_len--;
	WANT_ONE_OF(r, "REMOVEXATTR of a name without NUL", front_do(r->f, &op, NULL, 0, NULL),
		    -EINVAL, -EIO, -EPROTO, -ENODATA);
	op = front_op_setxattr(nodeid, KEY, "", 0, 0);
	op.tail[0].iov_len--;
	WANT_ONE_OF(r, "SETXATTR of a name without NUL", front_do(r->f, &op, NULL, 0, NULL),
		    -EINVAL, -EIO, -EPROTO);
	WANT(xattr_gone(r, "file", KEY));
	WANT(check_alive(r));
}

static void off(struct check_run *r)
{
	uint8_t seen[100];
	uint64_t nodeid;
	size_t got;

	WANT(meta_file(r, "file", &nodeid));
	WANT(check_host(r, "set it", host_set_xattr(r->share, "file", KEY, "v", 1)));
	WANT_ERROR(r, -ENOSYS, "GETXATTR", front_getxattr(r->f, nodeid, KEY, seen, 100, &got));
	WANT_ERROR(r, -ENOSYS, "LISTXATTR", front_listxattr(r->f, nodeid, seen, 100, &got));
	WANT_ERROR(r, -ENOSYS, "SETXATTR", front_setxattr(r->f, nodeid, KEY, "w", 1, 0));
	WANT_ERROR(r, -ENOSYS, "REMOVEXATTR", front_removexattr(r->f, nodeid, KEY));
	WANT(xattr_is(r, "file", KEY, "v", 1));
}

static void map_set(struct check_run *r)
{
	uint8_t seen[16];
	uint64_t nodeid;
	size_t got;

	WANT(meta_file(r, "file", &nodeid));
	WANT_OK(r, "SETXATTR", front_setxattr(r->f, nodeid, "trusted.conform", "v", 1, 0));
	WANT(xattr_is(r, "file", MAPPED "trusted.conform", "v", 1));
	WANT(xattr_gone(r, "file", "trusted.conform"));
	WANT_OK(r, "GETXATTR", front_getxattr(r->f, nodeid, "trusted.conform", seen, 16, &got));
	WANT(check_same_bytes(r, "v", 1, "the value", seen, got));
	WANT_OK(r, "REMOVEXATTR", front_removexattr(r->f, nodeid, "trusted.conform"));
	WANT(xattr_gone(r, "file", MAPPED "trusted.conform"));
}

static void map_list(struct check_run *r)
{
	char names[512];
	uint64_t nodeid;
	size_t got, size;

	WANT(meta_file(r, "file", &nodeid));
	WANT(check_host(r, "set it", host_set_xattr(r->share, "file", MAPPED KEY, "v", 1)));
	WANT(check_host(r, "set it", host_set_xattr(r->share, "file", HOSTS, "v", 1)));
	WANT_OK(r, "LISTXATTR", front_listxattr(r->f, nodeid, names, sizeof(names), &got));
	WANT(xattr_listed(r, names, got, KEY, true));
	WANT(xattr_listed(r, names, got, MAPPED KEY, false));
	WANT(xattr_listed(r, names, got, HOSTS, false));
	WANT_OK(r, "LISTXATTR for the size", front_listxattr(r->f, nodeid, NULL, 0, &size));
	WANT_RANGE(r, got, 511, "size that is enough for the list", size);
	WANT_ERROR(r, -ENODATA, "GETXATTR of what the map hides",
		   front_getxattr(r->f, nodeid, HOSTS, names, sizeof(names), &got));
}

static const struct check checks[] = {
	{
		.id = "xattrns.types",
		.title = "user attributes are where the host allows them",
		.rows = "FUSE-META-008",
		.sends = "SETXATTR, GETXATTR and REMOVEXATTR of files of 6 types",
		.wants = "as the host; what a link leads to has none",
		.catches = "xattr-lost xattr-kept",
		.options = CHECK_XATTR,
		.run = types,
	},
	{
		.id = "xattrns.others",
		.title = "trusted and security attributes are set or refused",
		.rows = "FUSE-META-008",
		.sends = "SETXATTR of trusted.conform and security.conform",
		.wants = "EPERM or EOPNOTSUPP and none on the host, or success and it is there",
		.catches = "error:SETXATTR:EIO",
		.options = CHECK_XATTR,
		.run = namespaces,
	},
	{
		.id = "xattrns.capability",
		.title = "file capabilities are kept as they were set",
		.rows = "FUSE-META-008 BUG-03",
		.sends = "SETXATTR, GETXATTR and REMOVEXATTR of security.capability",
		.wants = "the same 20 bytes, of which the host knows; then none",
		.catches = "xattr-lost xattr-kept",
		.options = CHECK_XATTR,
		.run = file_capability,
	},
	{
		.id = "xattrns.wrong-size",
		.title = "SETXATTR with more than it carries is refused",
		.rows = "VIRTIO-FS-SEC-010",
		.sends = "SETXATTR of 16 bytes that says 17 to 2^32 - 1",
		.wants = "an error, nothing is set, and the device serves",
		.catches = "exit-at:SETXATTR error:SETXATTR:EEXIST",
		.options = CHECK_XATTR,
		.front = &xattr_impatient,
		.run = liars,
	},
	{
		.id = "xattrns.no-nul",
		.title = "a name without NUL is refused",
		.rows = "VIRTIO-FS-SEC-010",
		.sends = "GETXATTR, REMOVEXATTR, SETXATTR of a name that ends with the message",
		.wants = "an error, and the device serves",
		.catches = "exit-at:GETXATTR error:SETXATTR:EEXIST",
		.options = CHECK_XATTR,
		.front = &xattr_impatient,
		.run = no_nul,
	},
	{
		.id = "xattrns.off",
		.title = "without --xattr the opcodes do not exist",
		.rows = "MODE-XATTR-001",
		.sends = "GETXATTR, LISTXATTR, SETXATTR, REMOVEXATTR",
		.wants = "ENOSYS, so that a driver asks once",
		.catches = "xattr-eperm",
		.options = CHECK_NO_XATTR,
		.run = off,
	},
	{
		.id = "xattrns.map-set",
		.title = "a map of names holds for setting, reading and removing",
		.rows = "FUSE-META-010",
		.sends = "SETXATTR, GETXATTR, REMOVEXATTR of trusted.conform",
		.wants = "the host has it as user.virtiofs.trusted.conform",
		.catches = "preload:setxattr-lost preload:removexattr-lost",
		.options = CHECK_XATTR_MAP,
		.run = map_set,
	},
	{
		.id = "xattrns.map-list",
		.title = "a map of names holds for lists",
		.rows = "FUSE-META-010",
		.sends = "LISTXATTR of a mapped name and one of the host's own",
		.wants = "the name as the guest knows it, and not the other",
		.catches = "preload:listxattr-empty",
		.options = CHECK_XATTR_MAP,
		.run = map_list,
	},
};

const struct check_area area_xattrns = { "xattrns", "Namespaces and maps of extended attributes",
					 checks, ARRAY_SIZE(checks) };
