// SPDX-License-Identifier: Apache-2.0
#include "metric/residency.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Pages asked for at a time: 64 Ki pages = 256 MiB of file per call. */
#define VEC_PAGES 65536
/* A share is ours, but what a guest made of it is not. */
#define DEPTH_MAX 32
#define FILES_MAX 100000

static int count_pages(const void *map, size_t size, uint64_t *ret_bytes)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	CLEANUP(freep) unsigned char *vec = malloc(VEC_PAGES);
	uint64_t cached = 0;

	if (!vec)
		return -ENOMEM;
	for (size_t at = 0; at < size;) {
		size_t n = size - at < VEC_PAGES * page ? size - at : VEC_PAGES * page;
		size_t pages = (n + page - 1) / page;

		if (mincore((char *)(uintptr_t)map + at, n, vec) < 0)
			return -errno;
		for (size_t i = 0; i < pages; i++)
			if (vec[i] & 1)
				cached += at + (i + 1) * page > size ? size - at - i * page : page;
		at += n;
	}
	*ret_bytes = cached;
	return 0;
}

/* What is done with each regular file; the descriptor stays the caller's. */
typedef int file_fn(int fd, const char *path, struct residency *r, struct err *reterr);

static int walk(int fd, const char *path, unsigned depth, file_fn *fn, struct residency *r,
		struct err *reterr);

static int walk_entry(DIR *dir, const char *name, const char *path, unsigned depth, file_fn *fn,
		      struct residency *r, struct err *reterr)
{
	CLEANUP(freep) char *child = NULL;
	CLEANUP(fd_closep) int fd = -1;

	if (asprintf(&child, "%s/%s", path, name) < 0)
		return err_set(reterr, -ENOMEM, "out of memory walking through %s", path);
	fd = openat(dirfd(dir), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ELOOP)
		return 0; /* a link has no pages of its own */
	if (fd < 0)
		return err_errno(reterr, -errno, "cannot look at %s", child);
	return walk(fd, child, depth + 1, fn, r, reterr);
}

static int walk_folder(int fd, const char *path, unsigned depth, file_fn *fn, struct residency *r,
		       struct err *reterr)
{
	CLEANUP(dir_closep) DIR *dir = NULL;
	struct dirent *d;
	int own = dup(fd);
	int e = 0;

	dir = own < 0 ? NULL : fdopendir(own);
	if (!dir)
		return err_errno(reterr, -errno, "cannot list %s", path);
	if (depth == DEPTH_MAX)
		return err_set(reterr, -ELOOP, "%s: more than %d folders deep", path, DEPTH_MAX);
	rewinddir(dir);
	for (errno = 0; e == 0 && (d = readdir(dir)) != NULL; errno = 0)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			e = walk_entry(dir, d->d_name, path, depth, fn, r, reterr);
	if (e == 0 && errno)
		e = err_errno(reterr, -errno, "cannot list %s", path);
	return e;
}

static int walk(int fd, const char *path, unsigned depth, file_fn *fn, struct residency *r,
		struct err *reterr)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(reterr, -errno, "cannot look at %s", path);
	if (S_ISDIR(st.st_mode))
		return walk_folder(fd, path, depth, fn, r, reterr);
	if (!S_ISREG(st.st_mode))
		return 0;
	if (++r->files > FILES_MAX)
		return err_set(reterr, -E2BIG, "%s: more than %d files", path, FILES_MAX);
	r->file_bytes += (uint64_t)st.st_size;
	return fn(fd, path, r, reterr);
}

static int each_file(const char *path, file_fn *fn, struct residency *r, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_errno(reterr, -errno, "cannot look at %s", path);
	return walk(fd, path, 0, fn, r, reterr);
}

static int read_one(int fd, const char *path, struct residency *r, struct err *reterr)
{
	uint64_t cached = 0;
	struct stat st;
	void *map;
	int e;

	if (fstat(fd, &st) < 0)
		return err_errno(reterr, -errno, "cannot look at %s", path);
	if (st.st_size == 0)
		return 0;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	/* A mount that bypasses its page cache refuses that; mincore() sees the same pages. */
	if (map == MAP_FAILED && errno == ENODEV)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return err_errno(reterr, -errno, "cannot map %s", path);
	e = count_pages(map, (size_t)st.st_size, &cached);
	(void)munmap(map, (size_t)st.st_size);
	r->cached_bytes += cached;
	return e < 0 ? err_errno(reterr, e, "mincore of %s", path) : 0;
}

static int drop_one(int fd, const char *path, struct residency *r, struct err *reterr)
{
	int e;

	(void)r;
	if (fsync(fd) < 0)
		return err_errno(reterr, -errno, "cannot write %s back", path);
	e = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return e == 0 ? 0 : err_errno(reterr, -e, "cannot drop the page cache of %s", path);
}

static int fill_one(int fd, const char *path, struct residency *r, struct err *reterr)
{
	CLEANUP(freep) char *chunk = malloc(MIB);
	ssize_t n;

	(void)r;
	if (!chunk)
		return err_set(reterr, -ENOMEM, "out of memory reading %s", path);
	while ((n = read(fd, chunk, MIB)) != 0)
		if (n < 0 && errno != EINTR)
			return err_errno(reterr, -errno, "cannot read %s", path);
	return 0;
}

int residency_read(const char *path, struct residency *ret, struct err *reterr)
{
	struct residency r = { 0 };
	int e = each_file(path, read_one, &r, reterr);

	if (e == 0)
		*ret = r;
	return e;
}

int residency_drop(const char *path, struct err *reterr)
{
	struct residency r = { 0 };

	return each_file(path, drop_one, &r, reterr);
}

int residency_fill(const char *path, struct err *reterr)
{
	struct residency r = { 0 };

	return each_file(path, fill_one, &r, reterr);
}
