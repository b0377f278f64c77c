// SPDX-License-Identifier: Apache-2.0
#include "base/fs.h"

#include <fcntl.h>
#include <ftw.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* Descriptors that nftw() may hold: deeper trees are walked by reopening. */
#define WALK_FDS 32

int fs_read(const char *path, size_t max, struct buf *ret, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char chunk[16 * KIB];
	size_t total = 0;
	ssize_t n;

	if (fd < 0)
		return err_errno(reterr, -errno, "cannot open %s", path);
	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(reterr, -errno, "cannot read %s", path);
		total += (size_t)n;
		if (total > max)
			return err_set(reterr, -EFBIG, "%s is larger than %zu bytes", path, max);
		if (buf_add(ret, chunk, (size_t)n) < 0)
			return err_set(reterr, -ENOMEM, "out of memory reading %s", path);
	}
	return 0;
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int sync_parent(const char *path)
{
	CLEANUP(freep) char *dir = strdup(path);
	CLEANUP(fd_closep) int fd = -1;
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!dir)
		return -ENOMEM;
	if (slash)
		slash[slash == dir] = '\0';
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int write_synced(const char *path, const void *data, size_t size)
{
	CLEANUP(fd_closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int e;

	if (fd < 0)
		return -errno;
	e = write_all(fd, data, size);
	if (e < 0)
		return e;
	return fsync(fd) < 0 ? -errno : 0;
}

int fs_write_atomic(const char *path, const void *data, size_t size, struct err *reterr)
{
	CLEANUP(freep) char *part = fs_path("%s.part", path);
	int e;

	if (!part)
		return err_set(reterr, -ENOMEM, "out of memory writing %s", path);
	e = write_synced(part, data, size);
	if (e == 0 && rename(part, path) < 0)
		e = -errno;
	if (e == 0)
		e = sync_parent(path);
	if (e < 0) {
		(void)unlink(part);
		return err_errno(reterr, e, "cannot write %s", path);
	}
	return 0;
}

int fs_mkdirs(const char *path, mode_t mode, struct err *reterr)
{
	CLEANUP(freep) char *p = strdup(path);
	struct stat st;

	if (!p)
		return err_set(reterr, -ENOMEM, "out of memory making %s", path);
	for (char *s = p + 1; *p && *s; s++) {
		if (*s != '/')
			continue;
		*s = '\0';
		if (mkdir(p, mode) < 0 && errno != EEXIST)
			return err_errno(reterr, -errno, "cannot make folder %s", p);
		*s = '/';
	}
	if (mkdir(p, mode) < 0 && errno != EEXIST)
		return err_errno(reterr, -errno, "cannot make folder %s", p);
	if (stat(p, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_errno(reterr, -ENOTDIR, "cannot make folder %s", p);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

int fs_remove_tree(const char *path, struct err *reterr)
{
	if (nftw(path, remove_one, WALK_FDS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 &&
	    errno != ENOENT)
		return err_errno(reterr, -errno, "cannot remove %s", path);
	return 0;
}

char *fs_path(const char *fmt, ...)
{
	char *p = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&p, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : p;
}

int fs_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

const char *fs_type_name(const char *path, char *scratch, size_t size)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} known[] = {
		{ EXT4_SUPER_MAGIC, "ext4" },	      { XFS_SUPER_MAGIC, "xfs" },
		{ BTRFS_SUPER_MAGIC, "btrfs" },	      { TMPFS_MAGIC, "tmpfs" },
		{ OVERLAYFS_SUPER_MAGIC, "overlay" }, { F2FS_SUPER_MAGIC, "f2fs" },
		{ FUSE_SUPER_MAGIC, "fuse" },
	};
	struct statfs s;

	if (statfs(path, &s) < 0) {
		(void)snprintf(scratch, size, "unknown (%s)", strerror(errno));
		return scratch;
	}
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].magic == (unsigned long)s.f_type)
			return known[i].name;
	(void)snprintf(scratch, size, "0x%lx", (unsigned long)s.f_type);
	return scratch;
}
