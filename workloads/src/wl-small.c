// SPDX-License-Identifier: Apache-2.0
/*
 * wl-small DIR COUNT BYTES - write, stat, read back and remove COUNT files of BYTES each, and a
 * quarter as many with an fsync. Prints one JSON object: operations, nanoseconds and rate by kind.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../wl.h"

#define PROGRAM	   "wl-small"
#define COUNT_MAX  1000000UL
#define BYTES_MAX  (1UL << 20)
#define NAME_SIZE  32
#define SYNC_SHARE 4

static unsigned long bytes;
static char *content;
static char *seen;

static void name_of(char *ret, const char *prefix, unsigned long i)
{
	(void)snprintf(ret, NAME_SIZE, "%s%07lu", prefix, i);
}

/* No two files are alike. */
static void fill(unsigned long i)
{
	uint64_t x = i * UINT64_C(0x9e3779b97f4a7c15) + 1;

	for (unsigned long at = 0; at < bytes; at++) {
		x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		content[at] = (char)(x >> 56);
	}
}

static void write_one(int dir, const char *prefix, unsigned long i, int sync)
{
	char name[NAME_SIZE];
	ssize_t n;
	int fd;

	name_of(name, prefix, i);
	fill(i);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		wl_die(PROGRAM, "create");
	n = write(fd, content, bytes);
	if (n >= 0 && (size_t)n != bytes)
		errno = ENOSPC; /* a short write has no errno of its own */
	if (n < 0 || (size_t)n != bytes || (sync && fsync(fd) < 0) || close(fd) < 0)
		wl_die(PROGRAM, "write");
}

static unsigned long do_write(int dir, unsigned long count)
{
	for (unsigned long i = 0; i < count; i++)
		write_one(dir, "f", i, 0);
	return count;
}

static unsigned long do_sync(int dir, unsigned long count)
{
	unsigned long n = (count + SYNC_SHARE - 1) / SYNC_SHARE;

	for (unsigned long i = 0; i < n; i++)
		write_one(dir, "s", i, 1);
	return n;
}

static unsigned long do_stat(int dir, unsigned long count)
{
	char name[NAME_SIZE];
	struct stat st;

	for (unsigned long i = 0; i < count; i++) {
		name_of(name, "f", i);
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			wl_die(PROGRAM, "stat");
		if ((unsigned long)st.st_size != bytes) {
			(void)fprintf(stderr, PROGRAM ": %s has %lld bytes, not %lu\n", name,
				      (long long)st.st_size, bytes);
			exit(1);
		}
	}
	return count;
}

static unsigned long do_read(int dir, unsigned long count)
{
	char name[NAME_SIZE];

	for (unsigned long i = 0; i < count; i++) {
		ssize_t n;
		int fd;

		name_of(name, "f", i);
		fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : read(fd, seen, bytes + 1);
		if (fd < 0 || n < 0 || close(fd) < 0)
			wl_die(PROGRAM, "read");
		fill(i);
		if ((size_t)n != bytes || memcmp(seen, content, bytes) != 0) {
			(void)fprintf(stderr, PROGRAM ": %s is not what was written\n", name);
			exit(1);
		}
	}
	return count;
}

static unsigned long do_unlink(int dir, unsigned long count)
{
	unsigned long synced = (count + SYNC_SHARE - 1) / SYNC_SHARE;
	char name[NAME_SIZE];

	for (unsigned long i = 0; i < count + synced; i++) {
		name_of(name, i < count ? "f" : "s", i < count ? i : i - count);
		if (unlinkat(dir, name, 0) < 0)
			wl_die(PROGRAM, "unlink");
	}
	return count + synced;
}

static const struct wl_op ops[] = {
	{ "file_write", do_write }, { "file_stat", do_stat },	  { "file_read", do_read },
	{ "file_sync", do_sync },   { "file_unlink", do_unlink },
};

int main(int argc, char **argv)
{
	unsigned long count;
	int top;
	int dir;

	if (argc != 4) {
		(void)fprintf(stderr, "usage: " PROGRAM " DIR COUNT BYTES\n");
		return 2;
	}
	count = wl_number(PROGRAM, argv[2], 1, COUNT_MAX);
	bytes = wl_number(PROGRAM, argv[3], 1, BYTES_MAX);
	content = malloc(bytes);
	seen = malloc(bytes + 1);
	top = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!content || !seen || top < 0 || mkdirat(top, "wl-small", 0755) < 0)
		wl_die(PROGRAM, argv[1]);
	dir = openat(top, "wl-small", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		wl_die(PROGRAM, "open folder");
	(void)printf("{\"count\": %lu, \"bytes\": %lu, ", count, bytes);
	wl_ops_print(ops, sizeof(ops) / sizeof(ops[0]), dir, count);
	(void)printf("}\n");
	(void)close(dir);
	if (unlinkat(top, "wl-small", AT_REMOVEDIR) < 0)
		wl_die(PROGRAM, "remove folder");
	(void)close(top);
	free(content);
	free(seen);
	return fflush(stdout) == 0 ? 0 : 1;
}
