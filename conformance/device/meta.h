/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_DEVICE_META_H
#define VQ_CONFORMANCE_DEVICE_META_H

/* What the areas of sessions, attributes and owners share. Those that return bool are words of checks. */

#include "conformance/device/words.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#define META_PATH 8192

/* A user and a group that the device has nothing to do with. */
#define META_UID 12345
#define META_GID 23456

/** meta_path() - of something in the share, for calls of the host that take a path. */
static inline const char *meta_path(const struct check_run *r, const char *name,
				    char ret[META_PATH])
{
	if (snprintf(ret, META_PATH, "%s/%s", r->share, name) >= META_PATH)
		ret[0] = '\0';
	return ret;
}

/** meta_file() - the host makes it with mode 0644, the device looks it up. */
static inline bool meta_file(struct check_run *r, const char *name, uint64_t *ret)
{
	return check_host(r, "make a file", host_fill(r->share, name, 1000, 1)) &&
	       node_of(r, name, ret);
}

static inline bool meta_stat(struct check_run *r, const char *name, struct stat *ret)
{
	return check_host(r, "stat", host_stat(r->share, name, ret));
}

/** meta_as() - ask as another user. As front_do(). */
static inline int meta_as(struct check_run *r, struct front_op op, uint32_t uid, uint32_t gid,
			  void *ret, size_t size)
{
	op.uid = uid;
	op.gid = gid;
	return front_do(r->f, &op, ret, size, NULL);
}

/** meta_set() - SETATTR succeeds, and its answer is what the host sees of @name then. */
static inline bool meta_set(struct check_run *r, uint64_t nodeid, const char *name,
			    const struct fuse_setattr_in *in)
{
	struct fuse_attr_out out;
	struct say t;

	return check_ok(r, say(&t, "SETATTR of \"%s\", valid 0x%x", name, in->valid),
			front_setattr(r->f, nodeid, in, &out)) &&
	       agrees(r, name, &out.attr, false);
}

/* One of each type, in the root of the share. "link" leads to "target". */
struct meta_type {
	const char *name;
	mode_t type;
};
static const struct meta_type meta_types[] = {
	{ "file", S_IFREG }, { "dir", S_IFDIR },     { "link", S_IFLNK },
	{ "fifo", S_IFIFO }, { "socket", S_IFSOCK }, { "device", S_IFCHR },
};

/** meta_make_types() - the host makes them. Devices are those that lead nowhere. */
static inline bool meta_make_types(struct check_run *r)
{
	char path[META_PATH];

	if (!check_host(r, "make a file", host_fill(r->share, "target", 1000, 1)) ||
	    !check_host(r, "make a folder", host_mkdir(r->share, "dir", 0755)) ||
	    !check_host(r, "make a link", host_symlink(r->share, "link", "target")))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(meta_types); i++) {
		mode_t type = meta_types[i].type;

		if (type == S_IFDIR || type == S_IFLNK)
			continue;
		if (!check_host(r, "make a node",
				mknod(meta_path(r, meta_types[i].name, path), type | 0644,
				      type == S_IFCHR ? makedev(1, 3) : 0) < 0
					? -errno
					: 0))
			return false;
	}
	return true;
}

#endif
