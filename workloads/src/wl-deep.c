// SPDX-License-Identifier: Apache-2.0
/*
 * wl-deep DIR LEVELS COUNT - operations on COUNT files at the end of a chain of LEVELS folders, all
 * by their whole path from DIR. Prints one JSON object: operations, nanoseconds and rate by kind.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../wl.h"

#define PROGRAM	   "wl-deep"
#define COUNT_MAX  1000000UL
#define LEVELS_MAX 200UL
#define STEP	   "/level"
#define PATH_SIZE  (sizeof("wl-deep") + LEVELS_MAX * (sizeof(STEP) - 1) + 32)

static unsigned long levels;
static char path[PATH_SIZE];
static size_t chain; /* length of the path of the deepest folder */

/* The path of folder @n (0: the first), or of file @i in the deepest one. */
static const char *folder(unsigned long n)
{
	size_t at = (size_t)snprintf(path, sizeof(path), "wl-deep");

	for (unsigned long i = 0; i < n; i++)
		at += (size_t)snprintf(path + at, sizeof(path) - at, STEP);
	return path;
}

static const char *file(unsigned long i)
{
	(void)snprintf(path + chain, sizeof(path) - chain, "/f%07lu", i);
	return path;
}

static unsigned long do_mkdir(int dir, unsigned long count)
{
	(void)count;
	for (unsigned long i = 0; i < levels; i++)
		if (mkdirat(dir, folder(i), 0755) < 0)
			wl_die(PROGRAM, path);
	chain = strlen(folder(levels - 1));
	return levels;
}

static unsigned long open_close(int dir, unsigned long count, int flags, const char *what)
{
	for (unsigned long i = 0; i < count; i++) {
		int fd = openat(dir, file(i), flags | O_CLOEXEC, 0644);

		if (fd < 0 || close(fd) < 0)
			wl_die(PROGRAM, what);
	}
	return count;
}

static unsigned long do_create(int dir, unsigned long count)
{
	return open_close(dir, count, O_WRONLY | O_CREAT | O_EXCL, "create");
}

static unsigned long do_open(int dir, unsigned long count)
{
	return open_close(dir, count, O_RDONLY, "open");
}

static unsigned long do_stat(int dir, unsigned long count)
{
	struct stat st;

	for (unsigned long i = 0; i < count; i++)
		if (fstatat(dir, file(i), &st, AT_SYMLINK_NOFOLLOW) < 0)
			wl_die(PROGRAM, "stat");
	return count;
}

static unsigned long do_unlink(int dir, unsigned long count)
{
	for (unsigned long i = 0; i < count; i++)
		if (unlinkat(dir, file(i), 0) < 0)
			wl_die(PROGRAM, "unlink");
	return count;
}

static unsigned long do_rmdir(int dir, unsigned long count)
{
	(void)count;
	for (unsigned long i = levels; i > 0; i--)
		if (unlinkat(dir, folder(i - 1), AT_REMOVEDIR) < 0)
			wl_die(PROGRAM, "rmdir");
	return levels;
}

static const struct wl_op ops[] = {
	{ "deep_mkdir", do_mkdir }, { "deep_create", do_create }, { "deep_stat", do_stat },
	{ "deep_open", do_open },   { "deep_unlink", do_unlink }, { "deep_rmdir", do_rmdir },
};

int main(int argc, char **argv)
{
	unsigned long count;
	int dir;

	if (argc != 4) {
		(void)fprintf(stderr, "usage: " PROGRAM " DIR LEVELS COUNT\n");
		return 2;
	}
	levels = wl_number(PROGRAM, argv[2], 1, LEVELS_MAX);
	count = wl_number(PROGRAM, argv[3], 1, COUNT_MAX);
	dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		wl_die(PROGRAM, argv[1]);
	(void)printf("{\"levels\": %lu, \"count\": %lu, ", levels, count);
	wl_ops_print(ops, sizeof(ops) / sizeof(ops[0]), dir, count);
	(void)printf("}\n");
	(void)close(dir);
	return fflush(stdout) == 0 ? 0 : 1;
}
