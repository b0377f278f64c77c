// SPDX-License-Identifier: Apache-2.0
/* Reading files and folders of a share, and what of them is in the page cache. */
#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* How much of a file is mapped at a time, which bounds the vector of mincore(). */
#define RESIDENT_WINDOW (UINT64_C(128) << 20)
#define PAGE_SIZE_MIN	4096
#define READ_SIZE	(128 * 1024)
#define DEPTH_MAX	32

static int finish(void)
{
	int e;

	json_close('}');
	e = json_end();
	return e < 0 ? guest_fail(-e, "write to stdout") : 0;
}

/* Resident bytes of [offset, offset + length). 0 or -errno. */
static int count_window(int fd, uint64_t offset, uint64_t length, uint64_t *ret_bytes)
{
	static unsigned char pages[RESIDENT_WINDOW / PAGE_SIZE_MIN];
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	void *map = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, (off_t)offset);
	uint64_t bytes = 0;
	int e = 0;

	if (map == MAP_FAILED)
		return -errno;
	if (mincore(map, length, pages) < 0)
		e = -errno;
	for (uint64_t at = 0; e == 0 && at < length; at += page)
		if (pages[at / page] & 1)
			bytes += length - at < page ? length - at : page;
	(void)munmap(map, length);
	*ret_bytes = bytes;
	return e;
}

int guest_count_resident(int fd, uint64_t size, uint64_t *ret_bytes)
{
	uint64_t total = 0, bytes = 0;
	int e = 0;

	/* An empty file has no pages, but whether it can be mapped is still a fact. */
	if (size == 0)
		e = count_window(fd, 0, 1, &bytes);
	for (uint64_t at = 0; e == 0 && at < size; at += RESIDENT_WINDOW) {
		uint64_t left = size - at;

		e = count_window(fd, at, left < RESIDENT_WINDOW ? left : RESIDENT_WINDOW, &bytes);
		total += e == 0 ? bytes : 0;
	}
	*ret_bytes = total;
	return e;
}

/*
 * Opening is not innocent: where the daemon does not answer with FOPEN_KEEP_CACHE (cache=auto of
 * both virtiofsd), the guest drops the file's pages at each open, and this reports 0. "read" counts
 * before it closes.
 */
int cmd_resident(int argc, char **argv)
{
	uint64_t resident;
	struct stat st;
	int fd, e;

	if (argc != 1)
		return 2;
	fd = open(argv[0], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return guest_fail(errno, "open %s", argv[0]);
	e = guest_count_resident(fd, (uint64_t)st.st_size, &resident);
	(void)close(fd);
	if (e < 0 && e != -ENODEV)
		return guest_fail(-e, "map %s", argv[0]);
	json_open('{');
	json_key("size");
	json_u64((uint64_t)st.st_size);
	json_key("mappable");
	json_bool(e == 0);
	if (e == 0) {
		json_key("resident_bytes");
		json_u64(resident);
	} else {
		json_key("errno");
		json_i64(-e);
		json_key("error");
		json_string(strerror(-e));
	}
	return finish();
}

/* What one "read" has seen. */
struct reading {
	uint64_t files;
	uint64_t bytes;
	uint64_t ns;
	uint64_t resident;
	int resident_error; /* -errno of the first file that cannot be mapped */
};

/* Read at most @left bytes of an open file; counts before it is closed: see cmd_resident(). */
static int read_open_file(int fd, const char *name, uint64_t left, struct reading *r)
{
	static char data[READ_SIZE];
	uint64_t start = guest_now_ns(), resident = 0;
	struct stat st;
	int e;

	while (left > 0) {
		ssize_t n = read(fd, data, left < sizeof(data) ? left : sizeof(data));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return guest_fail(errno, "read %s", name);
		if (n == 0)
			break;
		left -= (uint64_t)n;
		r->bytes += (uint64_t)n;
	}
	r->ns += guest_now_ns() - start;
	r->files++;
	e = fstat(fd, &st) < 0 ? -errno : guest_count_resident(fd, (uint64_t)st.st_size, &resident);
	r->resident += resident;
	if (e < 0 && r->resident_error == 0)
		r->resident_error = e;
	return 0;
}

/* Takes the descriptor. Links are not followed; other things than files and folders are left alone. */
static int read_any(int fd, const char *name, uint64_t left, unsigned depth, struct reading *r)
{
	struct dirent *entry;
	struct stat st;
	int code = 0;
	DIR *dir;

	if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode)) {
		code = read_open_file(fd, name, left, r);
		(void)close(fd);
		return code;
	}
	dir = fdopendir(fd);
	if (!dir || depth == DEPTH_MAX)
		return guest_fail(dir ? ELOOP : errno, "walk through %s", name);
	for (errno = 0; code == 0 && (entry = readdir(dir)); errno = 0) {
		int child;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		child = openat(fd, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (child < 0 && errno == ELOOP)
			continue;
		code = child < 0 ? guest_fail(errno, "open %s", entry->d_name)
				 : read_any(child, entry->d_name, left, depth + 1, r);
	}
	if (code == 0 && errno)
		code = guest_fail(errno, "list %s", name);
	(void)closedir(dir);
	return code;
}

int cmd_read(int argc, char **argv)
{
	uint64_t left = UINT64_MAX;
	struct reading r = { 0 };
	int fd, code;

	if (argc != 2 || (strcmp(argv[1], "all") != 0 && guest_parse_u64(argv[1], &left) < 0))
		return 2;
	fd = open(argv[0], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return guest_fail(errno, "open %s", argv[0]);
	code = read_any(fd, argv[0], left, 0, &r);
	if (code)
		return code;
	json_open('{');
	json_key("bytes");
	json_u64(r.bytes);
	json_key("files");
	json_u64(r.files);
	json_key("ns");
	json_u64(r.ns);
	json_key("resident_bytes");
	if (r.resident_error == 0)
		json_u64(r.resident);
	else
		json_null();
	return finish();
}
