/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_BASE_FS_H
#define VQ_BASE_FS_H

#include "base/buf.h"
#include "base/err.h"

#include <sys/types.h>

/** fs_read() - a whole file of at most @max bytes (-EFBIG beyond). Content is appended to @ret. */
int fs_read(const char *path, size_t max, struct buf *ret, struct err *reterr) MUST_USE;

/** fs_write_atomic() - write a temporary file beside @path, fsync, rename, fsync the folder. */
int fs_write_atomic(const char *path, const void *data, size_t size, struct err *reterr) MUST_USE;

/** fs_mkdirs() - create @path and its parents; one that exists is fine. */
int fs_mkdirs(const char *path, mode_t mode, struct err *reterr) MUST_USE;

/** fs_remove_tree() - remove @path and all below it on the same file system; a missing one is fine. */
int fs_remove_tree(const char *path, struct err *reterr) MUST_USE;

/** fs_path() - "dir/name" formatted into an owned string; NULL when out of memory. */
char *fs_path(const char *fmt, ...) PRINTF_LIKE(1, 2) MUST_USE;

/** fs_exists() - is there anything at @path? */
int fs_exists(const char *path);

/** fs_type_name() - "ext4", "tmpfs", ... or "0x<magic>" of the file system holding @path; static or in @scratch. */
const char *fs_type_name(const char *path, char *scratch, size_t size);

#endif
