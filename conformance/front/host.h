/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FRONT_HOST_H
#define VQ_FRONT_HOST_H

#include "base/buf.h"

#include <linux/fuse.h>
#include <sys/stat.h>

/*
 * The oracle: what the host itself sees of a shared folder, past the device. Names are relative to a folder,
 * links are never followed. All return 0 or -errno.
 */

int host_stat(const char *dir, const char *name, struct stat *ret) MUST_USE;
bool host_exists(const char *dir, const char *name);
/** host_open() - a descriptor of the caller's, or -errno. */
int host_open(const char *dir, const char *name, int flags, mode_t mode) MUST_USE;
/** host_write() - a new file with this content; one that exists is emptied first. */
int host_write(const char *dir, const char *name, const void *data, size_t size) MUST_USE;
/** host_fill() - @size bytes that depend on their position and @seed; see host_byte(). */
int host_fill(const char *dir, const char *name, size_t size, uint32_t seed) MUST_USE;
uint8_t host_byte(uint64_t offset, uint32_t seed);
/** host_bytes() - the same bytes as memory: @size from @offset on. */
void host_bytes(void *ret, uint64_t offset, size_t size, uint32_t seed);
/** host_read() - the whole file, at most @max bytes, appended. */
int host_read(const char *dir, const char *name, size_t max, struct buf *ret) MUST_USE;
int host_mkdir(const char *dir, const char *name, mode_t mode) MUST_USE;
int host_symlink(const char *dir, const char *name, const char *target) MUST_USE;
int host_unlink(const char *dir, const char *name) MUST_USE;
int host_get_xattr(const char *dir, const char *name, const char *key, void *ret, size_t size,
		   size_t *ret_size) MUST_USE;
int host_set_xattr(const char *dir, const char *name, const char *key, const void *value,
		   size_t size) MUST_USE;

/**
 * host_digest() - of all below @dir: names, types, modes, owners, sizes, targets, content up to 1 MiB
 * each; not the times. Equal digests: nothing changed. At most 10000 entries: -E2BIG.
 */
int host_digest(const char *dir, uint64_t *ret) MUST_USE;

/**
 * host_compare() - attributes of a reply with the file's; times unless @no_times.
 * Return: NULL when they agree; else what differs, in @scratch.
 */
const char *host_compare(const struct fuse_attr *a, const struct stat *st, bool no_times,
			 char *scratch, size_t size);

/*
 * Who wants to know what the functions above change: told before it is done. `other`: a file was opened to be changed in
 * ways that nobody is told of.
 */
struct host_watch {
	void *context;
	void (*file)(void *context, const char *dir, const char *name, const void *data,
		     size_t size);
	void (*fill)(void *context, const char *dir, const char *name, size_t size, uint32_t seed);
	void (*mkdir)(void *context, const char *dir, const char *name, mode_t mode);
	void (*symlink)(void *context, const char *dir, const char *name, const char *target);
	void (*remove)(void *context, const char *dir, const char *name);
	void (*other)(void *context);
};

/** host_watch() - @w is borrowed until the next call; NULL: nobody. One at a time: a check has a process of its own. */
void host_watch(const struct host_watch *w);

#endif
