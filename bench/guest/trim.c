// SPDX-License-Identifier: Apache-2.0
#include "guest/trim.h"

#include "base/fs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* How QEMU names the file of memory-backend-memfd. */
#define RAM_LINK "/memfd:memory-backend-memfd"
/* Read at a time: stays in the CPU's cache. */
#define CHUNK_BYTES (256 * KIB)

static int punch(int fd, uint64_t from, uint64_t to)
{
	if (from == to)
		return 0;
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
			 (off_t)(to - from)) < 0
		       ? -errno
		       : 0;
}

/* A run of zero pages that goes on from chunk to chunk becomes one hole. */
struct run {
	uint64_t from;
	uint64_t to;
};

static int trim_chunk(int fd, const char *chunk, size_t size, uint64_t at, struct run *run)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i + page <= size; i += page) {
		int e;

		if (chunk[i] == 0 && memcmp(chunk + i, chunk + i + 1, page - 1) == 0) {
			run->to = at + i + page;
			continue;
		}
		e = punch(fd, run->from, run->to);
		if (e < 0)
			return e;
		run->from = run->to = at + i + page;
	}
	return 0;
}

int trim_zero_pages(int fd)
{
	CLEANUP(freep) char *chunk = malloc(CHUNK_BYTES);
	struct run run = { 0 };
	uint64_t at = 0;

	if (!chunk)
		return -ENOMEM;
	for (;;) {
		/* Unlike a look through a mapping, reading allocates nothing. */
		ssize_t n = pread(fd, chunk, CHUNK_BYTES, (off_t)at);
		int e;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return punch(fd, run.from, run.to);
		e = trim_chunk(fd, chunk, (size_t)n, at, &run);
		if (e < 0)
			return e;
		at += (uint64_t)n;
	}
}

static int open_ram(pid_t pid, struct err *reterr)
{
	CLEANUP(freep) char *path = fs_path("/proc/%d/fd", (int)pid);
	CLEANUP(dir_closep) DIR *dir = path ? opendir(path) : NULL;
	const struct dirent *d;

	while (dir && (d = readdir(dir)) != NULL) {
		char target[256];
		ssize_t n = readlinkat(dirfd(dir), d->d_name, target, sizeof(target) - 1);
		int fd;

		if (n < 0)
			continue;
		target[n] = '\0';
		if (strncmp(target, RAM_LINK, strlen(RAM_LINK)) != 0)
			continue;
		fd = openat(dirfd(dir), d->d_name, O_RDWR | O_CLOEXEC);
		return fd >= 0 ? fd : err_errno(reterr, -errno, "cannot open guest RAM");
	}
	return err_set(reterr, -ENOENT, "the VMM (process %d) holds no file %s", (int)pid,
		       RAM_LINK);
}

int guest_trim(struct guest *g, struct err *reterr)
{
	CLEANUP(fd_closep) int fd = open_ram(g->vmm.pid, reterr);
	bool was_paused = g->paused;
	int e = fd < 0 ? fd : guest_pause(g, reterr);

	if (e < 0)
		return e;
	e = trim_zero_pages(fd);
	if (e < 0)
		return err_errno(reterr, e, "cannot give guest RAM back");
	return was_paused ? 0 : guest_resume(g, reterr);
}
