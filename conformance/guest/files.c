// SPDX-License-Identifier: Apache-2.0
/* What many checks begin with. */
#include "conformance/guest/act.h"
#include "conformance/guest/check.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PIECE 4096
/* A time of change that is in the past, and has nanoseconds. */
#define OLD_NS (INT64_C(1000000000) * NS_PER_S + 123456789)
#define USER   1000

int64_t now_ns(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

void fill_bytes(void *ret, size_t size, uint64_t seed, int64_t offset)
{
	uint8_t *bytes = ret;

	for (size_t i = 0; i < size; i++)
		bytes[i] = act_byte(seed, (uint64_t)offset + i);
}

int make_file(struct check_run *r, const char *name, int64_t size, uint64_t seed)
{
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	uint8_t bytes[PIECE];

	if (!check_did(r, "create the file", fd))
		return -1;
	for (int64_t at = 0; at < size;) {
		size_t n = size - at < PIECE ? (size_t)(size - at) : PIECE;
		ssize_t written;

		fill_bytes(bytes, n, seed, at);
		written = pwrite(fd, bytes, n, at);
		if (!check_did(r, "write the file", written > 0 ? written : -1))
			return -1;
		at += written;
	}
	/* Whatever the mode, the host has it now. */
	return check_did(r, "fsync the file", fsync(fd)) ? fd : -1;
}

bool same_file(struct check_run *r, const char *what, int fd, int64_t offset, size_t size,
	       uint64_t seed)
{
	uint8_t wanted[PIECE];
	uint8_t seen[PIECE];
	char text[160];

	for (size_t done = 0; done < size;) {
		size_t n = size - done < PIECE ? size - done : PIECE;
		int64_t at = offset + (int64_t)done;
		ssize_t got = pread(fd, seen, n, at);

		if (!check_ok(r, what, got))
			return false;
		fill_bytes(wanted, n, seed, at);
		(void)snprintf(text, sizeof(text), "%.100s, from offset %lld on", what,
			       (long long)at);
		if (!check_bytes(r, wanted, n, text, seen, (size_t)got))
			return false;
		done += n;
	}
	return true;
}

int64_t host_file(struct check_run *r, const char *name, int64_t size, uint64_t seed)
{
	int64_t e = host_create(r, name, 0644);

	if (e >= 0 && size > 0)
		e = host_fill(r, name, 0, size, seed);
	return e < 0 ? e : host_utime(r, name, OLD_NS);
}

int64_t is_there(const char *name)
{
	struct stat st;

	return lstat(name, &st);
}

int64_t size_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) < 0 ? -1 : st.st_size;
}

int64_t mode_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) < 0 ? -1 : (int64_t)(st.st_mode & 07777);
}

int64_t links_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) < 0 ? -1 : (int64_t)st.st_nlink;
}

int64_t names_in(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int64_t count = 0;

	if (!d)
		return -1;
	while ((e = readdir(d)))
		count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	(void)closedir(d);
	return count;
}

int64_t as_user(int64_t (*call)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		int64_t result = -1;

		if (setgroups(0, NULL) == 0 && setgid(USER) == 0 && setuid(USER) == 0)
			result = call();
		_exit(result < 0 ? errno : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
	return errno ? -1 : 0;
}
