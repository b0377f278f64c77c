/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_WIRE_VIRTIO_FS_H
#define VQ_WIRE_VIRTIO_FS_H

/*
 * What <linux/virtio_fs.h> and <linux/fuse.h> of Debian 12 (FUSE 7.38) lack: numbers and layouts only.
 * Source: virtio 1.4, "File System Device"; the kernel's include/uapi/linux/fuse.h (7.38 to 7.45).
 */

#include <linux/fuse.h>
#include <linux/virtio_fs.h>
#include <stdint.h>
#include <sys/ioctl.h>

/* The device can be suspended: by this bit of its status. Source: virtio 1.4, 6 and 2.1. */
#ifndef VIRTIO_F_SUSPEND
#define VIRTIO_F_SUSPEND	43
#define VIRTIO_CONFIG_S_SUSPEND 16
#endif

/* There is a notification queue. Source: virtio 1.4, 5.11.3. */
#define VIRTIO_FS_F_NOTIFICATION 0

/* Bytes of the configuration space with notify_buf_size, which F_NOTIFICATION adds. */
#define VIRTIO_FS_CONFIG_BYTES	     40
#define VIRTIO_FS_CONFIG_BYTES_NOTIF 44
#define VIRTIO_FS_TAG_BYTES	     36

#ifndef FUSE_CREATE_SUPP_GROUP
#define FUSE_CREATE_SUPP_GROUP (UINT64_C(1) << 34)
#endif
/* Type of a fuse_ext_header (7.38) that is followed by a count and that many group ids. */
#define FUSE_EXTENSION_GROUPS 32
#ifndef FUSE_DIRECT_IO_ALLOW_MMAP
#define FUSE_DIRECT_IO_ALLOW_MMAP (UINT64_C(1) << 36)
#endif
#ifndef FUSE_PASSTHROUGH
#define FUSE_PASSTHROUGH (UINT64_C(1) << 37)
#endif
#ifndef FOPEN_PASSTHROUGH
#define FOPEN_PASSTHROUGH (1 << 7)
#endif

/*
 * Passthrough (7.40): a server tells the kernel which file of the host serves reads, writes and mmap of one
 * of its own. INIT and OPEN replies carry it in what was padding.
 */
#define FUSE_PASSTHROUGH_MINOR		 40
#define FUSE_INIT_OUT_STACK_DEPTH_OFFSET 36 /* uint32_t max_stack_depth in struct fuse_init_out */
#define FUSE_OPEN_OUT_BACKING_ID_OFFSET	 12 /* int32_t backing_id in struct fuse_open_out */
#ifndef FUSE_DEV_IOC_BACKING_OPEN
struct fuse_backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};
#define FUSE_DEV_IOC_BACKING_OPEN  _IOW(FUSE_DEV_IOC_MAGIC, 1, struct fuse_backing_map)
#define FUSE_DEV_IOC_BACKING_CLOSE _IOW(FUSE_DEV_IOC_MAGIC, 2, uint32_t)
#endif
_Static_assert(sizeof(struct fuse_backing_map) == 16, "wire size");
_Static_assert(sizeof(struct fuse_init_out) == 64, "wire size");
_Static_assert(sizeof(struct fuse_open_out) == 16, "wire size");

/* Opcodes after FUSE_TMPFILE (51). */
#define FUSE_OP_STATX 52

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
