/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_FS_MORE_H
#define VQ_REF_FS_MORE_H

/*
 * FUSE beyond the header of Debian 12: layouts and numbers that the file system half needs.
 * Source: the kernel's include/uapi/linux/fuse.h, 7.38 (groups).
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

#endif
