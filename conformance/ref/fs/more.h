/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_FS_MORE_H
#define VQ_REF_FS_MORE_H

/*
 * Which minors of FUSE the file system half speaks.
 */

#include "conformance/wire/virtio_fs.h"

/* The newest minor whose messages are understood here. */
#define FUSE_MINOR_SPOKEN 39
/* Below it entries, attributes or the INIT reply had other sizes; virtio-fs began with 7.31. */
#define FUSE_MINOR_OLDEST 27

#endif
