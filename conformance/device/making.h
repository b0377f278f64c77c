/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_DEVICE_MAKING_H
#define VQ_CONFORMANCE_DEVICE_MAKING_H

/* Each way to make something, and whose it is then. */

#include "conformance/device/meta.h"

#include <unistd.h>

/* What makes something in a folder. */
enum maker { BY_CREATE, BY_MKNOD, BY_FIFO, BY_MKDIR, BY_SYMLINK, MAKERS };

static const char *const maker_names[MAKERS] = {
	"created", "node", "fifo", "folder", "symlink",
};

static inline struct front_op making_op(enum maker m, uint64_t parent, uint32_t permissions)
{
	const char *name = maker_names[m];

	switch (m) {
	case BY_MKNOD: return front_op_mknod(parent, name, S_IFREG | permissions, 0);
	case BY_FIFO: return front_op_mknod(parent, name, S_IFIFO | permissions, 0);
	case BY_MKDIR: return front_op_mkdir(parent, name, permissions);
	case BY_SYMLINK: return front_op_symlink(parent, name, "target");
	default: break;
	}
	return front_op_create(parent, name, O_RDWR | O_CREAT | O_EXCL, S_IFREG | permissions);
}

/* The host makes a folder of that owner and mode, whatever its own umask is. */
static inline bool making_folder(struct check_run *r, uid_t uid, gid_t gid, mode_t mode,
				 uint64_t *ret)
{
	char path[META_PATH];

	(void)meta_path(r, "dir", path);
	return check_host(r, "make a folder", host_mkdir(r->share, "dir", 0755)) &&
	       check_host(r, "its owner", chown(path, uid, gid) < 0 ? -errno : 0) &&
	       check_host(r, "its mode", chmod(path, mode) < 0 ? -errno : 0) &&
	       node_of(r, "dir", ret);
}

static inline bool making_is(struct check_run *r, enum maker m, uid_t uid, gid_t gid,
			     struct stat *ret)
{
	struct say t;
	struct stat st;
	char name[64];

	(void)snprintf(name, sizeof(name), "dir/%s", maker_names[m]);
	if (!meta_stat(r, name, &st))
		return false;
	if (ret)
		*ret = st;
	return check_same(r, uid, say(&t, "owner of \"%s\"", name), st.st_uid) &&
	       check_same(r, gid, say(&t, "group of \"%s\"", name), st.st_gid);
}

/* A driver checks permissions itself; the host's refusal is the second lock of that door. */
static inline bool making_denied(struct check_run *r, uint64_t dir, uint32_t uid, uint32_t gid)
{
	struct say t;
	char name[64];

	for (unsigned m = 0; m < MAKERS; m++) {
		if (!check_error(r, -EACCES,
				 say(&t, "make \"%s\" without permission", maker_names[m]),
				 meta_as(r, making_op(m, dir, 0644), uid, gid, NULL, 0)))
			return false;
		(void)snprintf(name, sizeof(name), "dir/%s", maker_names[m]);
		if (!check_that(r, !host_exists(r->share, name), "nothing was made",
				"\"%s\" is there", name))
			return false;
	}
	return true;
}

#endif
