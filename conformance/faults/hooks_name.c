// SPDX-License-Identifier: Apache-2.0
/* Functions of libc about names, attributes and folders. */
#include "conformance/faults/call.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

HOOK int mkdirat(int dir, const char *path, mode_t mode)
{
	return HOOK_RESULT(int, SYS_mkdirat, dir, (long)path, mode);
}

HOOK int mknodat(int dir, const char *path, mode_t mode, dev_t device)
{
	return HOOK_RESULT(int, SYS_mknodat, dir, (long)path, mode, (long)device);
}

HOOK int mkfifoat(int dir, const char *path, mode_t mode)
{
	return HOOK_RESULT(int, SYS_mknodat, dir, (long)path, mode | S_IFIFO, 0);
}

HOOK int symlinkat(const char *target, int dir, const char *path)
{
	return HOOK_RESULT(int, SYS_symlinkat, (long)target, dir, (long)path);
}

HOOK int linkat(int from, const char *old, int to, const char *path, int flags)
{
	return HOOK_RESULT(int, SYS_linkat, from, (long)old, to, (long)path, flags);
}

HOOK int unlinkat(int dir, const char *path, int flags)
{
	return HOOK_RESULT(int, SYS_unlinkat, dir, (long)path, flags);
}

HOOK int renameat(int from, const char *old, int to, const char *path)
{
	return HOOK_RESULT(int, SYS_renameat, from, (long)old, to, (long)path);
}

HOOK int renameat2(int from, const char *old, int to, const char *path, unsigned flags)
{
	return HOOK_RESULT(int, SYS_renameat2, from, (long)old, to, (long)path, flags);
}

HOOK ssize_t readlinkat(int dir, const char *path, char *target, size_t size)
{
	return HOOK_RESULT(ssize_t, SYS_readlinkat, dir, (long)path, (long)target, (long)size);
}

/* ---- attributes ---- */

HOOK int fchmod(int fd, mode_t mode)
{
	return HOOK_RESULT(int, SYS_fchmod, fd, mode);
}

HOOK int fchmodat(int dir, const char *path, mode_t mode, int flags)
{
	return HOOK_RESULT(int, flags ? (long)CALL_FCHMODAT : SYS_fchmodat, dir, (long)path, mode,
			   flags);
}

HOOK int fchown(int fd, uid_t uid, gid_t gid)
{
	return HOOK_RESULT(int, SYS_fchown, fd, uid, gid);
}

HOOK int fchownat(int dir, const char *path, uid_t uid, gid_t gid, int flags)
{
	return HOOK_RESULT(int, SYS_fchownat, dir, (long)path, uid, gid, flags);
}

HOOK int utimensat(int dir, const char *path, const struct timespec times[2], int flags)
{
	return HOOK_RESULT(int, SYS_utimensat, dir, (long)path, (long)times, flags);
}

HOOK int futimens(int fd, const struct timespec times[2])
{
	return HOOK_RESULT(int, SYS_utimensat, fd, 0, (long)times, 0);
}

HOOK int fstat(int fd, struct stat *st)
{
	return HOOK_RESULT(int, SYS_fstat, fd, (long)st);
}

HOOK int fstat64(int fd, struct stat64 *st)
{
	return HOOK_RESULT(int, SYS_fstat, fd, (long)st);
}

HOOK int fstatat(int dir, const char *path, struct stat *st, int flags)
{
	return HOOK_RESULT(int, SYS_newfstatat, dir, (long)path, (long)st, flags);
}

HOOK int fstatat64(int dir, const char *path, struct stat64 *st, int flags)
{
	return HOOK_RESULT(int, SYS_newfstatat, dir, (long)path, (long)st, flags);
}

HOOK int statx(int dir, const char *path, int flags, unsigned mask, struct statx *st)
{
	return HOOK_RESULT(int, SYS_statx, dir, (long)path, flags, mask, (long)st);
}

HOOK int fstatfs(int fd, struct statfs *st)
{
	return HOOK_RESULT(int, SYS_fstatfs, fd, (long)st);
}

HOOK int fstatfs64(int fd, struct statfs64 *st)
{
	return HOOK_RESULT(int, SYS_fstatfs, fd, (long)st);
}

HOOK int fstatvfs(int fd, struct statvfs *st)
{
	return HOOK_RESULT(int, CALL_FSTATVFS, fd, (long)st);
}

HOOK int fstatvfs64(int fd, struct statvfs64 *st)
{
	return HOOK_RESULT(int, CALL_FSTATVFS, fd, (long)st);
}

/* ---- extended attributes ---- */

HOOK ssize_t getxattr(const char *path, const char *name, void *value, size_t size)
{
	return HOOK_RESULT(ssize_t, SYS_getxattr, (long)path, (long)name, (long)value, (long)size);
}

HOOK ssize_t fgetxattr(int fd, const char *name, void *value, size_t size)
{
	return HOOK_RESULT(ssize_t, SYS_fgetxattr, fd, (long)name, (long)value, (long)size);
}

HOOK int setxattr(const char *path, const char *name, const void *value, size_t size, int flags)
{
	return HOOK_RESULT(int, SYS_setxattr, (long)path, (long)name, (long)value, (long)size,
			   flags);
}

HOOK int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)
{
	return HOOK_RESULT(int, SYS_fsetxattr, fd, (long)name, (long)value, (long)size, flags);
}

HOOK int removexattr(const char *path, const char *name)
{
	return HOOK_RESULT(int, SYS_removexattr, (long)path, (long)name);
}

HOOK int fremovexattr(int fd, const char *name)
{
	return HOOK_RESULT(int, SYS_fremovexattr, fd, (long)name);
}

HOOK ssize_t listxattr(const char *path, char *list, size_t size)
{
	return HOOK_RESULT(ssize_t, SYS_listxattr, (long)path, (long)list, (long)size);
}

HOOK ssize_t flistxattr(int fd, char *list, size_t size)
{
	return HOOK_RESULT(ssize_t, SYS_flistxattr, fd, (long)list, (long)size);
}

/* ---- folders ---- */

HOOK struct dirent *readdir(DIR *d)
{
	return (struct dirent *)CALL(CALL_READDIR, (long)d);
}

HOOK struct dirent64 *readdir64(DIR *d)
{
	return (struct dirent64 *)CALL(CALL_READDIR, (long)d);
}
