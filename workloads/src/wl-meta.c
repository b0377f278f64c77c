// SPDX-License-Identifier: Apache-2.0
/*
 * wl-meta DIR COUNT - operations on COUNT names in a new folder below DIR, one kind after the
 * other, each timed as a whole. Prints one JSON object: operations, nanoseconds and rate by kind.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../wl.h"

#define PROGRAM	  "wl-meta"
#define COUNT_MAX 1000000UL
#define NAME_SIZE 32

static void name_of(char *ret, const char *prefix, unsigned long i)
{
	(void)snprintf(ret, NAME_SIZE, "%s%07lu", prefix, i);
}

static unsigned long do_create(int dir, unsigned long count)
{
	char name[NAME_SIZE];

	for (unsigned long i = 0; i < count; i++) {
		int fd;

		name_of(name, "f", i);
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd < 0 || close(fd) < 0)
			wl_die(PROGRAM, "create");
	}
	return count;
}

static unsigned long do_stat(int dir, unsigned long count)
{
	char name[NAME_SIZE];
	struct stat st;

	for (unsigned long i = 0; i < count; i++) {
		name_of(name, "f", i);
		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			wl_die(PROGRAM, "stat");
	}
	return count;
}

static unsigned long do_open(int dir, unsigned long count)
{
	char name[NAME_SIZE];

	for (unsigned long i = 0; i < count; i++) {
		int fd;

		name_of(name, "f", i);
		fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || close(fd) < 0)
			wl_die(PROGRAM, "open");
	}
	return count;
}

static unsigned long do_readdir(int dir, unsigned long count)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	unsigned long seen = 0;
	struct dirent *e;

	if (!d)
		wl_die(PROGRAM, "opendir");
	for (errno = 0; (e = readdir(d)) != NULL; errno = 0)
		seen += e->d_name[0] == 'f';
	if (errno)
		wl_die(PROGRAM, "readdir");
	(void)closedir(d);
	/* A listing that loses names is a wrong result, not a fast one. */
	if (seen != count) {
		(void)fprintf(stderr, PROGRAM ": readdir listed %lu of %lu names\n", seen, count);
		exit(1);
	}
	return seen;
}

static unsigned long do_rename(int dir, unsigned long count)
{
	char from[NAME_SIZE];
	char to[NAME_SIZE];

	for (unsigned long i = 0; i < count; i++) {
		name_of(from, "f", i);
		name_of(to, "r", i);
		if (renameat(dir, from, dir, to) < 0)
			wl_die(PROGRAM, "rename");
	}
	return count;
}

static unsigned long do_unlink(int dir, unsigned long count)
{
	char name[NAME_SIZE];

	for (unsigned long i = 0; i < count; i++) {
		name_of(name, "r", i);
		if (unlinkat(dir, name, 0) < 0)
			wl_die(PROGRAM, "unlink");
	}
	return count;
}

static const struct wl_op ops[] = {
	{ "create", do_create },   { "stat", do_stat },	    { "open", do_open },
	{ "readdir", do_readdir }, { "rename", do_rename }, { "unlink", do_unlink },
};

int main(int argc, char **argv)
{
	unsigned long count;
	int top;
	int dir;

	if (argc != 3) {
		(void)fprintf(stderr, "usage: " PROGRAM " DIR COUNT\n");
		return 2;
	}
	count = wl_number(PROGRAM, argv[2], 1, COUNT_MAX);
	top = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0 || mkdirat(top, "wl-meta", 0755) < 0)
		wl_die(PROGRAM, argv[1]);
	dir = openat(top, "wl-meta", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		wl_die(PROGRAM, "open folder");
	(void)printf("{\"count\": %lu, ", count);
	wl_ops_print(ops, sizeof(ops) / sizeof(ops[0]), dir, count);
	(void)printf("}\n");
	(void)close(dir);
	if (unlinkat(top, "wl-meta", AT_REMOVEDIR) < 0)
		wl_die(PROGRAM, "remove folder");
	(void)close(top);
	return fflush(stdout) == 0 ? 0 : 1;
}
