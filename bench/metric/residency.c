// SPDX-License-Identifier: Apache-2.0
#include "metric/residency.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Pages asked for at a time: 64 Ki pages = 256 MiB of file per call. */
#define VEC_PAGES 65536

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

int residency_read(const char *path, struct residency *ret, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct residency r = { 0 };
	struct stat st;
	void *map;
	int e;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(reterr, -errno, "cannot look at %s", path);
	r.file_bytes = (uint64_t)st.st_size;
	if (st.st_size > 0) {
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		/* A mount that bypasses its page cache refuses that; mincore() sees the same pages. */
		if (map == MAP_FAILED && errno == ENODEV)
			map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (map == MAP_FAILED)
			return err_errno(reterr, -errno, "cannot map %s", path);
		e = count_pages(map, (size_t)st.st_size, &r.cached_bytes);
		(void)munmap(map, (size_t)st.st_size);
		if (e < 0)
			return err_errno(reterr, e, "mincore of %s", path);
	}
	*ret = r;
	return 0;
}

int residency_drop(const char *path, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int e;

	if (fd < 0 || fsync(fd) < 0)
		return err_errno(reterr, -errno, "cannot write %s back", path);
	e = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return e == 0 ? 0 : err_errno(reterr, -e, "cannot drop the page cache of %s", path);
}

int residency_fill(const char *path, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	CLEANUP(freep) char *chunk = malloc(MIB);
	ssize_t n;

	if (fd < 0)
		return err_errno(reterr, -errno, "cannot open %s", path);
	if (!chunk)
		return err_set(reterr, -ENOMEM, "out of memory reading %s", path);
	while ((n = read(fd, chunk, MIB)) != 0)
		if (n < 0 && errno != EINTR)
			return err_errno(reterr, -errno, "cannot read %s", path);
	return 0;
}
