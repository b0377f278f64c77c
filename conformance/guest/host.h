/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CHECK_HOST_H
#define VQ_CHECK_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct check_run;

/*
 * What the other party does: each call returns when it is done. Names are of the check's own folder. Results are 0, a
 * count, or a negative errno. Without HOST() or PEER() around it, a call is the host's.
 */

struct host_stat {
	int64_t mode, uid, gid, size, nlink, ino, blocks, mtime_ns, ctime_ns;
};

int64_t host_create(struct check_run *r, const char *name, unsigned mode);
int64_t host_write(struct check_run *r, const char *name, int64_t offset, const char *text);
int64_t host_append(struct check_run *r, const char *name, const char *text);
int64_t host_fill(struct check_run *r, const char *name, int64_t offset, int64_t count,
		  uint64_t seed);
/** host_read() - at most ACT_BYTES. Returns how many. */
int64_t host_read(struct check_run *r, const char *name, int64_t offset, void *ret, size_t size);
/** host_match() - how many bytes are as host_fill() writes them, up to the first that is not. */
int64_t host_match(struct check_run *r, const char *name, int64_t offset, int64_t count,
		   uint64_t seed);
int64_t host_truncate(struct check_run *r, const char *name, int64_t size);
int64_t host_fallocate(struct check_run *r, const char *name, int mode, int64_t offset,
		       int64_t count);
int64_t host_fsync(struct check_run *r, const char *name);
int64_t host_stat(struct check_run *r, const char *name, struct host_stat *ret);
int64_t host_chmod(struct check_run *r, const char *name, unsigned mode);
int64_t host_chown(struct check_run *r, const char *name, unsigned uid, unsigned gid);
int64_t host_utime(struct check_run *r, const char *name, int64_t ns);
int64_t host_unlink(struct check_run *r, const char *name);
int64_t host_mkdir(struct check_run *r, const char *name, unsigned mode);
int64_t host_rmdir(struct check_run *r, const char *name);
int64_t host_rename(struct check_run *r, const char *from, const char *to);
int64_t host_link(struct check_run *r, const char *from, const char *to);
int64_t host_symlink(struct check_run *r, const char *name, const char *target);
/** host_readlink() - the target with a NUL behind it. */
int64_t host_readlink(struct check_run *r, const char *name, char *ret, size_t size);
int64_t host_setxattr(struct check_run *r, const char *name, const char *attr, const char *value);
int64_t host_getxattr(struct check_run *r, const char *name, const char *attr, char *ret,
		      size_t size);
/** host_flock() - can the host take this lock? It gives it back at once. -EAGAIN: somebody has it. */
int64_t host_flock(struct check_run *r, const char *name, bool exclusive);
int64_t host_lock(struct check_run *r, const char *name, bool exclusive);

#endif
