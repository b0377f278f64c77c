// SPDX-License-Identifier: Apache-2.0
/* Opening, reading, writing, sizes. */
#include "conformance/faults/probe/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void write_some(const char *variant)
{
	char text[] = "abcdef";
	struct iovec v[2] = { { text, 4 }, { text + 4, 2 } };
	int fd = make("file", "");

	if (is(variant, "pwrite64"))
		say(pwrite64(fd, text, 6, 2));
	else if (is(variant, "pwritev64"))
		say(pwritev64(fd, v, 2, 2));
	else if (is(variant, "pwritev2"))
		say(pwritev2(fd, v, 2, 2, 0));
	else
		say(syscall(SYS_pwrite64, fd, text, 6, 2));
	say_content("file");
}

static void read_once(int fd, const char *variant)
{
	char text[16] = "";
	struct iovec v[2] = { { text, 4 }, { text + 4, 2 } };
	ssize_t n;

	if (is(variant, "pread64"))
		n = pread64(fd, text, 6, 2);
	else if (is(variant, "preadv64"))
		n = preadv64(fd, v, 2, 2);
	else if (is(variant, "preadv2"))
		n = preadv2(fd, v, 2, 2, 0);
	else
		n = syscall(SYS_pread64, fd, text, 6, 2);
	say(n);
	for (ssize_t i = 0; i < n; i++)
		(void)putchar(text[i] ? text[i] : '.');
	(void)putchar(' ');
}

static void read_twice(const char *variant)
{
	int fd = make("file", "0123456789");

	read_once(fd, variant);
	(void)make("file", "abcdefghij");
	read_once(fd, variant);
}

static void sync_nothing(const char *variant)
{
	(void)variant;
	say(fsync(-1));
	say(fdatasync(-1));
	say(syncfs(-1));
}

static void sync_often(const char *variant)
{
	(void)variant;
	for (unsigned i = 0; i < 4; i++)
		say(fsync(-1));
}

static void punch(const char *variant)
{
	int fd = make("file", "0123456789");

	(void)variant;
	say(fallocate64(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4));
	say_content("file");
}

static void grow(const char *variant)
{
	int fd = make("file", "0123456789");

	(void)variant;
	say(fallocate64(fd, 0, 0, 20));
	say_size("file");
}

static void cut(const char *variant)
{
	int fd = make("file", "0123456789");

	say(is(variant, "truncate") ? truncate("file", 5) : ftruncate64(fd, 5));
	say_size("file");
}

static void seek(const char *variant)
{
	int fd = make("file", "");

	(void)variant;
	if (pwrite(fd, "x", 1, 1 << 20) != 1)
		perror("file");
	say(lseek64(fd, 0, SEEK_HOLE));
	say(lseek64(fd, 0, SEEK_DATA));
}

static void copy(const char *variant)
{
	int from = make("from", "0123456789");
	int to = make("file", "");
	off64_t at = 0;
	off64_t there = 0;

	if (is(variant, "syscall"))
		say(syscall(SYS_copy_file_range, from, &at, to, &there, 4, 0));
	else
		say(copy_file_range(from, &at, to, &there, 4, 0));
	say_content("file");
}

/* ---- open ---- */

int __openat64_2(int dir, const char *path, int flags);

static int open_by(const char *variant, const char *path, int flags, mode_t mode)
{
	struct open_how how = { .flags = (unsigned)flags, .mode = mode };

	if (is(variant, "openat2"))
		return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	if (is(variant, "syscall"))
		return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	if (is(variant, "open64"))
		return open64(path, flags, mode);
	if (is(variant, "fortified"))
		return __openat64_2(AT_FDCWD, path, flags);
	return openat64(AT_FDCWD, path, flags, mode);
}

static void open_result(int fd)
{
	say(fd < 0 ? -1 : 0);
}

static void open_trunc(const char *variant)
{
	(void)make("file", "0123456789");
	open_result(open_by(variant, "file", O_RDWR | O_TRUNC, 0));
	say_size("file");
}

static void open_excl(const char *variant)
{
	(void)make("file", "");
	open_result(open_by(variant, "file", O_RDWR | O_CREAT | O_EXCL, 0600));
}

static void say_flags(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	(void)printf("%s%s%s ",
		     (flags & O_ACCMODE) == O_RDONLY   ? "r"
		     : (flags & O_ACCMODE) == O_WRONLY ? "w"
						       : "rw",
		     flags & O_APPEND ? "+append" : "", flags & O_DIRECT ? "+direct" : "");
}

static void open_flags(const char *variant)
{
	(void)make("file", "0123456789");
	say_flags(open_by(variant, "file", O_RDONLY, 0));
	say_flags(open_by(variant, "file", O_RDWR | O_APPEND, 0));
	say_flags(open_by(variant, "file", O_WRONLY, 0));
	say_size("file");
}

/* Not every file system has it. */
static void open_direct(const char *variant)
{
	int fd;

	(void)make("file", "");
	fd = open_by(variant, "file", O_RDONLY | O_DIRECT, 0);
	if (fd < 0)
		(void)printf("none ");
	else
		say_flags(fd);
}

static void open_link(const char *variant)
{
	(void)make("file", "");
	(void)!symlink("file", "link");
	open_result(open_by(variant, "link", O_RDONLY | O_NOFOLLOW, 0));
}

static void path_link(const char *variant)
{
	char text[64];
	int fd;

	(void)make("file", "");
	(void)!symlink("file", "link");
	fd = open_by(variant, "link", O_PATH | O_NOFOLLOW, 0);
	(void)printf("%s ", readlinkat(fd, "", text, sizeof(text)) < 0 ? "file" : "link");
}

static void create(const char *variant)
{
	int fd = open_by(variant, "new", O_RDWR | O_CREAT, 0640);
	char text[32];
	FILE *p;

	(void)snprintf(text, sizeof(text), "stat -c %%a new");
	(void)fflush(stdout);
	p = fd < 0 ? NULL : popen(text, "r");
	if (p && fgets(text, sizeof(text), p))
		(void)printf("%.3s ", text);
	if (p)
		(void)pclose(p);
}

static void close_it(const char *variant)
{
	int fd = make("file", "");

	(void)variant;
	say(close(fd));
	(void)printf("%s ", fcntl(fd, F_GETFD) < 0 ? "closed" : "open");
}

/* ---- errors ---- */

static void errors(const char *variant)
{
	(void)variant;
	(void)make("file", "");
	open_result(openat(AT_FDCWD, "nothing", O_RDONLY));
	open_result(open_by("", "file", O_RDWR | O_CREAT | O_EXCL, 0600));
	open_result(openat(AT_FDCWD, ".", O_WRONLY));
	open_result(openat(AT_FDCWD, "file/x", O_RDONLY));
	say(pwrite(open("/dev/full", O_WRONLY), "x", 1, 0));
}

const struct scenario file_scenarios[] = {
	{ "write", write_some },
	{ "read", read_twice },
	{ "sync", sync_nothing },
	{ "syncs", sync_often },
	{ "punch", punch },
	{ "grow", grow },
	{ "cut", cut },
	{ "seek", seek },
	{ "copy", copy },
	{ "open-trunc", open_trunc },
	{ "open-excl", open_excl },
	{ "open-flags", open_flags },
	{ "open-direct", open_direct },
	{ "open-link", open_link },
	{ "path-link", path_link },
	{ "create", create },
	{ "close", close_it },
	{ "errors", errors },
};
const size_t file_scenario_count = sizeof(file_scenarios) / sizeof(file_scenarios[0]);
