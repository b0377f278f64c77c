// SPDX-License-Identifier: Apache-2.0
/* Functions of libc that open, read, write and size files; each name that a daemon imports. */
#include "conformance/faults/call.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* Of fortified programs; in no header. */
int __openat64_2(int dir, const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);

/* The mode is there only where something may be made. */
#define MODE_OF(flags, mode)                                            \
	do {                                                            \
		if ((flags) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) { \
			va_list ap;                                     \
                                                                        \
			va_start(ap, flags);                            \
			(mode) = va_arg(ap, mode_t);                    \
			va_end(ap);                                     \
		}                                                       \
	} while (0)

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
	return HOOK_RESULT(int, SYS_openat, dir, (long)path, flags, mode);
}

HOOK int openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_OF(flags, mode);
	return open_at(dir, path, flags, mode);
}

HOOK int openat64(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_OF(flags, mode);
	return open_at(dir, path, flags, mode);
}

HOOK int __openat_2(int dir, const char *path, int flags)
{
	return open_at(dir, path, flags, 0);
}

HOOK int __openat64_2(int dir, const char *path, int flags)
{
	return open_at(dir, path, flags, 0);
}

HOOK int open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_OF(flags, mode);
	return open_at(AT_FDCWD, path, flags, mode);
}

HOOK int open64(const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE_OF(flags, mode);
	return open_at(AT_FDCWD, path, flags, mode);
}

HOOK int close(int fd)
{
	return HOOK_RESULT(int, SYS_close, fd);
}

/* ---- data ---- */

HOOK ssize_t write(int fd, const void *data, size_t size)
{
	return HOOK_RESULT(ssize_t, SYS_write, fd, (long)data, (long)size);
}

HOOK ssize_t read(int fd, void *data, size_t size)
{
	return HOOK_RESULT(ssize_t, SYS_read, fd, (long)data, (long)size);
}

HOOK ssize_t pread(int fd, void *data, size_t size, off_t at)
{
	return HOOK_RESULT(ssize_t, SYS_pread64, fd, (long)data, (long)size, at);
}

HOOK ssize_t pread64(int fd, void *data, size_t size, off64_t at)
{
	return HOOK_RESULT(ssize_t, SYS_pread64, fd, (long)data, (long)size, at);
}

HOOK ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	return HOOK_RESULT(ssize_t, SYS_pwrite64, fd, (long)data, (long)size, at);
}

HOOK ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
	return HOOK_RESULT(ssize_t, SYS_pwrite64, fd, (long)data, (long)size, at);
}

/* The kernel takes an offset in two halves; on machines of 64 bits the first holds all of it. */
HOOK ssize_t preadv(int fd, const struct iovec *v, int count, off_t at)
{
	return HOOK_RESULT(ssize_t, SYS_preadv, fd, (long)v, count, at);
}

HOOK ssize_t preadv64(int fd, const struct iovec *v, int count, off64_t at)
{
	return HOOK_RESULT(ssize_t, SYS_preadv, fd, (long)v, count, at);
}

HOOK ssize_t pwritev(int fd, const struct iovec *v, int count, off_t at)
{
	return HOOK_RESULT(ssize_t, SYS_pwritev, fd, (long)v, count, at);
}

HOOK ssize_t pwritev64(int fd, const struct iovec *v, int count, off64_t at)
{
	return HOOK_RESULT(ssize_t, SYS_pwritev, fd, (long)v, count, at);
}

HOOK ssize_t preadv2(int fd, const struct iovec *v, int count, off_t at, int flags)
{
	return HOOK_RESULT(ssize_t, SYS_preadv2, fd, (long)v, count, at, 0, flags);
}

HOOK ssize_t preadv64v2(int fd, const struct iovec *v, int count, off64_t at, int flags)
{
	return HOOK_RESULT(ssize_t, SYS_preadv2, fd, (long)v, count, at, 0, flags);
}

HOOK ssize_t pwritev2(int fd, const struct iovec *v, int count, off_t at, int flags)
{
	return HOOK_RESULT(ssize_t, SYS_pwritev2, fd, (long)v, count, at, 0, flags);
}

HOOK ssize_t pwritev64v2(int fd, const struct iovec *v, int count, off64_t at, int flags)
{
	return HOOK_RESULT(ssize_t, SYS_pwritev2, fd, (long)v, count, at, 0, flags);
}

HOOK ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size,
			     unsigned flags)
{
	return HOOK_RESULT(ssize_t, SYS_copy_file_range, in, (long)from, out, (long)to, (long)size,
			   flags);
}

/* ---- what is on disk, and how much ---- */

HOOK int fsync(int fd)
{
	return HOOK_RESULT(int, SYS_fsync, fd);
}

HOOK int fdatasync(int fd)
{
	return HOOK_RESULT(int, SYS_fdatasync, fd);
}

HOOK int syncfs(int fd)
{
	return HOOK_RESULT(int, SYS_syncfs, fd);
}

HOOK int ftruncate(int fd, off_t size)
{
	return HOOK_RESULT(int, SYS_ftruncate, fd, size);
}

HOOK int ftruncate64(int fd, off64_t size)
{
	return HOOK_RESULT(int, SYS_ftruncate, fd, size);
}

HOOK int truncate(const char *path, off_t size)
{
	return HOOK_RESULT(int, SYS_truncate, (long)path, size);
}

HOOK int truncate64(const char *path, off64_t size)
{
	return HOOK_RESULT(int, SYS_truncate, (long)path, size);
}

HOOK int fallocate(int fd, int mode, off_t at, off_t size)
{
	return HOOK_RESULT(int, SYS_fallocate, fd, mode, at, size);
}

HOOK int fallocate64(int fd, int mode, off64_t at, off64_t size)
{
	return HOOK_RESULT(int, SYS_fallocate, fd, mode, at, size);
}

HOOK off_t lseek(int fd, off_t at, int whence)
{
	return HOOK_RESULT(off_t, SYS_lseek, fd, at, whence);
}

HOOK off64_t lseek64(int fd, off64_t at, int whence)
{
	return HOOK_RESULT(off64_t, SYS_lseek, fd, at, whence);
}
