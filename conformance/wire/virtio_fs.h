/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_WIRE_VIRTIO_FS_H
#define VQ_WIRE_VIRTIO_FS_H

/*
 * What <linux/virtio_fs.h> and <linux/fuse.h> of Debian 12 (FUSE 7.38) lack: numbers and layouts only.
 * Source: virtio 1.4, "File System Device"; the kernel's include/uapi/linux/fuse.h (7.39 to 7.45).
 */

#include <linux/fuse.h>
#include <linux/virtio_fs.h>
#include <stdint.h>

/* Bytes of the configuration space with notify_buf_size, which F_NOTIFICATION adds. */
#define VIRTIO_FS_CONFIG_BYTES	     40
#define VIRTIO_FS_CONFIG_BYTES_NOTIF 44
#define VIRTIO_FS_TAG_BYTES	     36

#ifndef FUSE_DIRECT_IO_ALLOW_MMAP
#define FUSE_DIRECT_IO_ALLOW_MMAP (UINT64_C(1) << 36)
#endif
#ifndef FUSE_PASSTHROUGH
#define FUSE_PASSTHROUGH (UINT64_C(1) << 37)
#endif
#ifndef FOPEN_PASSTHROUGH
#define FOPEN_PASSTHROUGH (1 << 7)
#endif

/* Opcodes after FUSE_TMPFILE (51). */
#define FUSE_OP_STATX 52

#endif
