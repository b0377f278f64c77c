/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_FS_MORE_H
#define VQ_REF_FS_MORE_H

/*
 * FUSE beyond the header of Debian 12: layouts and numbers that the file system half needs.
 * Source: the kernel's include/uapi/linux/fuse.h, 7.38 (groups) and 7.39 (statx).
 */

#include "conformance/wire/virtio_fs.h"

/* The newest minor whose messages are understood here. */
#define FUSE_MINOR_SPOKEN 39
/* Below it entries, attributes or the INIT reply had other sizes; virtio-fs began with 7.31. */
#define FUSE_MINOR_OLDEST 27

#ifndef FUSE_CREATE_SUPP_GROUP
#define FUSE_CREATE_SUPP_GROUP (UINT64_C(1) << 34)
#endif

/* Type of a fuse_ext_header that is followed by a count and that many group ids. */
#define FUSE_EXTENSION_GROUPS 32

struct fuse_statx_time {
	int64_t tv_sec;
	uint32_t tv_nsec;
	int32_t reserved;
};

struct fuse_statx_body {
	uint32_t mask;
	uint32_t blksize;
	uint64_t attributes;
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	uint16_t mode;
	uint16_t spare0;
	uint64_t ino;
	uint64_t size;
	uint64_t blocks;
	uint64_t attributes_mask;
	struct fuse_statx_time atime;
	struct fuse_statx_time btime;
	struct fuse_statx_time ctime;
	struct fuse_statx_time mtime;
	uint32_t rdev_major;
	uint32_t rdev_minor;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t spare2[14];
};
_Static_assert(sizeof(struct fuse_statx_body) == 256, "wire size");

struct fuse_statx_request {
	uint32_t getattr_flags;
	uint32_t reserved;
	uint64_t fh;
	uint32_t sx_flags;
	uint32_t sx_mask;
};
_Static_assert(sizeof(struct fuse_statx_request) == 24, "wire size");

struct fuse_statx_reply {
	uint64_t attr_valid;
	uint32_t attr_valid_nsec;
	uint32_t flags;
	uint64_t spare[2];
	struct fuse_statx_body stat;
};
_Static_assert(sizeof(struct fuse_statx_reply) == 288, "wire size");

#endif
