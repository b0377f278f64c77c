// SPDX-License-Identifier: Apache-2.0
#include "conformance/front/host.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define DIGEST_ENTRIES 10000
#define DIGEST_DEPTH   64
#define DIGEST_CONTENT MIB
#define PATH_ROOM      8192

static const struct host_watch *watch;

void host_watch(const struct host_watch *w)
{
	watch = w;
}

#define TELL(what, ...)                                           \
	do {                                                      \
		if (watch)                                        \
			watch->what(watch->context, __VA_ARGS__); \
	} while (0)

/* Folder and name as one path; ENAMETOOLONG leaves it empty, so that the call fails. */
static const char *join(char ret[PATH_ROOM], const char *dir, const char *name)
{
	if (snprintf(ret, PATH_ROOM, "%s/%s", dir, name) >= PATH_ROOM)
		ret[0] = '\0';
	return ret;
}

int host_stat(const char *dir, const char *name, struct stat *ret)
{
	char path[PATH_ROOM];

	return lstat(join(path, dir, name), ret) < 0 ? -errno : 0;
}

bool host_exists(const char *dir, const char *name)
{
	struct stat st;

	return host_stat(dir, name, &st) == 0;
}

static int open_at(const char *dir, const char *name, int flags, mode_t mode)
{
	char path[PATH_ROOM];
	int fd = open(join(path, dir, name), flags | O_NOFOLLOW | O_CLOEXEC, mode);

	return fd < 0 ? -errno : fd;
}

int host_open(const char *dir, const char *name, int flags, mode_t mode)
{
	if (watch && (flags & (O_ACCMODE | O_CREAT | O_TRUNC)) != O_RDONLY)
		watch->other(watch->context);
	return open_at(dir, name, flags, mode);
}

static int write_all(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

int host_write(const char *dir, const char *name, const void *data, size_t size)
{
	CLEANUP(fd_closep) int fd = open_at(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	TELL(file, dir, name, data, size);
	return fd < 0 ? fd : write_all(fd, data, size);
}

/* Neither constant nor periodic in any power of two. */
uint8_t host_byte(uint64_t offset, uint32_t seed)
{
	uint64_t x = (offset + seed) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint8_t)(x >> 56 ^ x >> 32);
}

void host_bytes(void *ret, uint64_t offset, size_t size, uint32_t seed)
{
	uint8_t *at = ret;

	for (size_t i = 0; i < size; i++)
		at[i] = host_byte(offset + i, seed);
}

int host_fill(const char *dir, const char *name, size_t size, uint32_t seed)
{
	CLEANUP(fd_closep) int fd = open_at(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	uint8_t piece[16384];

	TELL(fill, dir, name, size, seed);

	if (fd < 0)
		return fd;
	for (size_t at = 0; at < size; at += sizeof(piece)) {
		size_t n = size - at < sizeof(piece) ? size - at : sizeof(piece);
		int e;

		host_bytes(piece, at, n, seed);
		e = write_all(fd, piece, n);
		if (e < 0)
			return e;
	}
	return 0;
}

int host_read(const char *dir, const char *name, size_t max, struct buf *ret)
{
	CLEANUP(fd_closep) int fd = open_at(dir, name, O_RDONLY, 0);
	uint8_t piece[16384];

	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t n = read(fd, piece, sizeof(piece));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		if (ret->size + (size_t)n > max)
			return -EFBIG;
		if (buf_add(ret, piece, (size_t)n) < 0)
			return -ENOMEM;
	}
}

int host_mkdir(const char *dir, const char *name, mode_t mode)
{
	char path[PATH_ROOM];

	TELL(mkdir, dir, name, mode);
	return mkdir(join(path, dir, name), mode) < 0 ? -errno : 0;
}

int host_symlink(const char *dir, const char *name, const char *target)
{
	char path[PATH_ROOM];

	TELL(symlink, dir, name, target);
	return symlink(target, join(path, dir, name)) < 0 ? -errno : 0;
}

int host_unlink(const char *dir, const char *name)
{
	char path[PATH_ROOM];

	TELL(remove, dir, name);
	return remove(join(path, dir, name)) < 0 ? -errno : 0;
}

int host_get_xattr(const char *dir, const char *name, const char *key, void *ret, size_t size,
		   size_t *ret_size)
{
	char path[PATH_ROOM];
	ssize_t n = lgetxattr(join(path, dir, name), key, ret, size);

	if (n < 0)
		return -errno;
	*ret_size = (size_t)n;
	return 0;
}

int host_set_xattr(const char *dir, const char *name, const char *key, const void *value,
		   size_t size)
{
	char path[PATH_ROOM];

	if (watch)
		watch->other(watch->context);
	return lsetxattr(join(path, dir, name), key, value, size, 0) < 0 ? -errno : 0;
}

/* FNV-1a: not against an adversary, who would have to guess what is hashed when. */
static void mix(uint64_t *hash, const void *data, size_t size)
{
	const uint8_t *at = data;

	for (size_t i = 0; i < size; i++)
		*hash = (*hash ^ at[i]) * UINT64_C(0x100000001b3);
}

static int digest_content(int dir, const char *name, mode_t mode, uint64_t *hash)
{
	uint8_t piece[16384] = { 0 };
	ssize_t n;

	if (S_ISLNK(mode)) {
		n = readlinkat(dir, name, (char *)piece, sizeof(piece));
		if (n >= 0)
			mix(hash, piece, (size_t)n);
		return n < 0 ? -errno : 0;
	}
	if (S_ISREG(mode)) {
		CLEANUP(fd_closep)
		int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

		if (fd < 0)
			return -errno;
		for (size_t got = 0; got < DIGEST_CONTENT; got += (size_t)n) {
			n = read(fd, piece, sizeof(piece));
			if (n <= 0)
				return n < 0 ? -errno : 0;
			mix(hash, piece, (size_t)n);
		}
	}
	return 0;
}

static int digest_dir(int take_fd, unsigned depth, unsigned *left, uint64_t *ret);

/* One entry's own hash: they are added up, so that the order of a folder does not matter. */
static int digest_entry(int dir, const char *name, unsigned depth, unsigned *left, uint64_t *ret)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	struct stat st;
	uint64_t facts[6] = { 0 };
	int e;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	facts[0] = st.st_mode;
	facts[1] = st.st_uid;
	facts[2] = st.st_gid;
	if (!S_ISDIR(st.st_mode)) {
		facts[3] = (uint64_t)st.st_size;
		facts[4] = st.st_nlink;
	}
	facts[5] = st.st_rdev;
	mix(&hash, name, strlen(name) + 1);
	mix(&hash, facts, sizeof(facts));
	e = digest_content(dir, name, st.st_mode, &hash);
	if (e == 0 && S_ISDIR(st.st_mode)) {
		int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		uint64_t below = 0;

		e = fd < 0 ? -errno : digest_dir(fd, depth + 1, left, &below);
		mix(&hash, &below, sizeof(below));
	}
	*ret += hash;
	return e;
}

static int digest_dir(int take_fd, unsigned depth, unsigned *left, uint64_t *ret)
{
	CLEANUP(dir_closep) DIR *d = fdopendir(take_fd);
	const struct dirent *entry;

	if (!d) {
		int e = -errno;

		(void)close(take_fd);
		return e;
	}
	if (depth > DIGEST_DEPTH)
		return -E2BIG;
	while ((entry = readdir(d))) {
		int e;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if ((*left)-- == 0)
			return -E2BIG;
		e = digest_entry(dirfd(d), entry->d_name, depth, left, ret);
		if (e < 0)
			return e;
	}
	return 0;
}

int host_digest(const char *dir, uint64_t *ret)
{
	unsigned left = DIGEST_ENTRIES;
	uint64_t hash = 0;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int e = fd < 0 ? -errno : digest_dir(fd, 0, &left, &hash);

	if (e == 0)
		*ret = hash;
	return e;
}

const char *host_compare(const struct fuse_attr *a, const struct stat *st, bool no_times,
			 char *scratch, size_t size)
{
	const struct {
		const char *name;
		uint64_t reply;
		uint64_t host;
		bool time;
	} field[] = {
		{ "ino", a->ino, st->st_ino, false },
		{ "mode", a->mode, st->st_mode, false },
		{ "nlink", a->nlink, st->st_nlink, false },
		{ "uid", a->uid, st->st_uid, false },
		{ "gid", a->gid, st->st_gid, false },
		/* new_encode_dev() of Linux */
		{ "rdev", a->rdev,
		  minor(st->st_rdev) % 256 | major(st->st_rdev) << 8 |
			  (minor(st->st_rdev) & ~0xffU) << 12,
		  false },
		{ "size", a->size, (uint64_t)st->st_size, false },
		{ "blocks", a->blocks, (uint64_t)st->st_blocks, false },
		{ "mtime", a->mtime, (uint64_t)st->st_mtim.tv_sec, true },
		{ "mtimensec", a->mtimensec, (uint64_t)st->st_mtim.tv_nsec, true },
		{ "ctime", a->ctime, (uint64_t)st->st_ctim.tv_sec, true },
		{ "ctimensec", a->ctimensec, (uint64_t)st->st_ctim.tv_nsec, true },
		{ "atime", a->atime, (uint64_t)st->st_atim.tv_sec, true },
		{ "atimensec", a->atimensec, (uint64_t)st->st_atim.tv_nsec, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(field); i++) {
		if (field[i].reply == field[i].host || (no_times && field[i].time))
			continue;
		(void)snprintf(scratch, size, "%s %" PRIu64 ", on the host %" PRIu64, field[i].name,
			       field[i].reply, field[i].host);
		return scratch;
	}
	return NULL;
}
