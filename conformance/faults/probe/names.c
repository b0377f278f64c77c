// SPDX-License-Identifier: Apache-2.0
/* Names, attributes, extended attributes, folders. */
#include "conformance/faults/probe/probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

/* "name+" if it is there; access() is no call that faults know. */
static void say_there(const char *name)
{
	(void)printf("%s%c ", name, access(name, F_OK) == 0 ? '+' : '-');
}

static void rename_it(const char *variant)
{
	(void)make("a", "");
	say(is(variant, "syscall") ? syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 0)
				   : renameat(AT_FDCWD, "a", AT_FDCWD, "b"));
	say_there("a");
	say_there("b");
}

static void rename_over(const char *variant)
{
	(void)make("a", "");
	(void)make("b", "");
	say(is(variant, "syscall")
		    ? syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE)
		    : renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE));
	say_there("a");
}

static void remove_it(const char *variant)
{
	(void)variant;
	(void)make("a", "");
	(void)mkdir("d", 0755);
	say(unlinkat(AT_FDCWD, "a", 0));
	say_there("a");
	say(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
	say_there("d");
}

static void remove_full(const char *variant)
{
	(void)variant;
	(void)mkdir("d", 0755);
	(void)make("d/file", "");
	say(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
}

static void link_it(const char *variant)
{
	(void)variant;
	(void)make("a", "");
	say(linkat(AT_FDCWD, "a", AT_FDCWD, "b", 0));
	say_there("b");
}

static void symlink_it(const char *variant)
{
	char text[16];
	ssize_t n;

	(void)variant;
	say(symlinkat("target", AT_FDCWD, "link"));
	n = readlinkat(AT_FDCWD, "link", text, sizeof(text));
	say(n);
	(void)printf("%.*s ", n < 0 ? 0 : (int)n, text);
}

static void say_mode(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		(void)printf("none ");
	else
		(void)printf("%o ", st.st_mode);
}

static void make_others(const char *variant)
{
	(void)variant;
	say(mkdirat(AT_FDCWD, "dir", 0755));
	say_mode("dir");
	say(mkfifoat(AT_FDCWD, "fifo", 0644));
	say_mode("fifo");
	say(mknodat(AT_FDCWD, "reg", S_IFREG | 0644, 0));
	say_mode("reg");
}

static void chmod_it(const char *variant)
{
	int fd = make("file", "");

	say(is(variant, "fchmod") ? fchmod(fd, 04750) : fchmodat(AT_FDCWD, "file", 04750, 0));
	say_mode("file");
}

static void chown_nothing(const char *variant)
{
	(void)variant;
	say(fchownat(AT_FDCWD, "nothing", 1, 1, 0));
	say(fchown(-1, 1, 1));
}

/* Only root may. */
static void chown_one(const char *variant)
{
	int fd = make("file", "");
	struct stat st;

	(void)variant;
	(void)!chown("file", 5, 5);
	say(fchown(fd, (uid_t)-1, 7));
	(void)stat("file", &st);
	(void)printf("%u:%u ", st.st_uid, st.st_gid);
}

static void say_time(const struct timespec *t)
{
	if (t->tv_sec > 1000000)
		(void)printf("now ");
	else
		(void)printf("%ld.%09ld ", (long)t->tv_sec, t->tv_nsec);
}

static void set_times(const char *variant)
{
	struct timespec t[2] = { { 100, 5 }, { 200, 25 } };
	int fd = make("file", "");
	struct stat st;

	say(is(variant, "futimens") ? futimens(fd, t) : utimensat(AT_FDCWD, "file", t, 0));
	(void)stat("file", &st);
	say_time(&st.st_atim);
	say_time(&st.st_mtim);
}

/* ---- what is told ---- */

static int stat_by(const char *variant, struct stat *ret)
{
	struct statx x;
	int fd = open("file", O_RDONLY);
	int e;

	if (is(variant, "fstatat"))
		return fstatat64(AT_FDCWD, "file", (struct stat64 *)ret, 0);
	if (is(variant, "fstat"))
		return fstat64(fd, (struct stat64 *)ret);
	e = is(variant, "syscall") ? (int)syscall(SYS_statx, AT_FDCWD, "file", 0, 0x7ff, &x)
				   : statx(AT_FDCWD, "file", 0, 0x7ff, &x);
	*ret = (struct stat){ .st_ino = x.stx_ino,
			      .st_mode = x.stx_mode,
			      .st_nlink = x.stx_nlink,
			      .st_uid = x.stx_uid,
			      .st_gid = x.stx_gid,
			      .st_size = (off_t)x.stx_size,
			      .st_blocks = (blkcnt_t)x.stx_blocks,
			      .st_mtim = { x.stx_mtime.tv_sec, x.stx_mtime.tv_nsec } };
	return e;
}

static void stats(const char *variant)
{
	struct timespec t[2] = { { 100, 5 }, { 200, 25 } };
	struct stat st = { 0 };
	struct stat again = { 0 };
	int fd = make("file", "0123456789");

	(void)fsync(fd);
	(void)futimens(fd, t);
	say(stat_by(variant, &st));
	(void)printf("%ld %o %lu ", (long)st.st_size, st.st_mode, (unsigned long)st.st_nlink);
	say_time(&st.st_mtim);
	(void)printf("%u:%u %s ", st.st_uid - getuid(), st.st_gid - getgid(),
		     st.st_blocks ? "blocks" : "none");
	(void)ftruncate(fd, 5);
	(void)stat_by(variant, &again);
	(void)printf("%s %ld ", st.st_ino == again.st_ino ? "same" : "other", (long)again.st_size);
}

static void disk(const char *variant)
{
	struct statfs s = { 0 };
	struct statvfs v = { 0 };
	int fd = make("file", "");

	(void)variant;
	say(fstatfs(fd, &s));
	say(fstatvfs(fd, &v));
	(void)printf("%s %s ", s.f_blocks ? "room" : "none", v.f_blocks ? "room" : "none");
}

/* ---- extended attributes ---- */

#define NAME "user.vq"

static void say_value(int fd)
{
	char value[64] = "";
	ssize_t n = fgetxattr(fd, NAME, value, sizeof(value) - 1);

	say(n);
	if (n >= 0)
		(void)printf("%.*s ", (int)n, value);
}

static void xattrs(const char *variant)
{
	int fd = make("file", "");
	char list[256];

	(void)variant;
	say(fsetxattr(fd, NAME, "value", 5, 0));
	say(fsetxattr(fd, NAME, "value", 5, XATTR_CREATE));
	say(fgetxattr(fd, NAME, NULL, 0));
	say_value(fd);
	say(flistxattr(fd, list, sizeof(list)));
	say(fremovexattr(fd, NAME));
	say_value(fd);
}

static void xattr_errors(const char *variant)
{
	int fd = make("file", "");
	char value[2];

	(void)variant;
	say(fgetxattr(fd, NAME, value, sizeof(value)));
	(void)fsetxattr(fd, NAME, "value", 5, 0);
	say(getxattr("file", NAME, value, sizeof(value)));
}

/* ---- folders ---- */

static void say_entry(const struct dirent *d, unsigned *count)
{
	struct stat st = { 0 };

	if (d->d_name[0] == '.')
		return;
	++*count;
	(void)lstat(d->d_name, &st);
	(void)printf("%zu%s%s%s ", strlen(d->d_name), d->d_type == DT_FIFO ? "f" : "",
		     st.st_ino && st.st_ino != d->d_ino ? "i" : "", d->d_off == 0 ? "o" : "");
}

/* Of each name its length and what is odd about it; then how many. */
static void folder(const char *variant)
{
	char buffer[4096] __attribute__((aligned(8)));
	unsigned count = 0;
	const struct dirent *d;
	DIR *dir = opendir(".");
	long n = 0;

	for (unsigned i = 0; i < 3; i++)
		(void)close(make((const char *[]){ "aa", "bb", "cc" }[i], ""));
	while (dir && !is(variant, "syscall") && (d = readdir(dir)))
		say_entry(d, &count);
	while (dir && is(variant, "syscall") &&
	       (n = syscall(SYS_getdents64, dirfd(dir), buffer, sizeof(buffer))) > 0)
		for (long at = 0; at < n; at += d->d_reclen) {
			d = (const struct dirent *)(buffer + at);
			say_entry(d, &count);
		}
	(void)printf("= %u ", count);
	if (dir)
		(void)closedir(dir);
}

const struct scenario name_scenarios[] = {
	{ "rename", rename_it },
	{ "rename-over", rename_over },
	{ "remove", remove_it },
	{ "remove-full", remove_full },
	{ "link", link_it },
	{ "symlink", symlink_it },
	{ "make", make_others },
	{ "chmod", chmod_it },
	{ "chown-nothing", chown_nothing },
	{ "chown-one", chown_one },
	{ "times", set_times },
	{ "stat", stats },
	{ "disk", disk },
	{ "xattr", xattrs },
	{ "xattr-errors", xattr_errors },
	{ "folder", folder },
};
const size_t name_scenario_count = sizeof(name_scenarios) / sizeof(name_scenarios[0]);
