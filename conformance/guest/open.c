// SPDX-License-Identifier: Apache-2.0
/* Opening: flags, and files without a name. */
#include "conformance/guest/areas.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEED 3
#define SIZE 5000

static void truncates(struct check_run *r)
{
	struct host_stat st;
	struct stat guest;
	int fd;

	HOST(r, host_file(r, "f", SIZE, SEED));
	WANT_OK(r, fd = open("f", O_RDWR | O_TRUNC));
	WANT_OK(r, fstat(fd, &guest));
	WANT_SAME(r, 0, "size in the guest", guest.st_size);
	HOST(r, host_stat(r, "f", &st));
	WANT_SAME(r, 0, "size on the host", st.size);
}

static void exclusive(struct check_run *r)
{
	HOST(r, host_file(r, "f", SIZE, SEED));
	WANT_ERROR(r, EEXIST, open("f", O_CREAT | O_EXCL | O_RDWR, 0600));
	WANT_SAME(r, SIZE, "size of the file", size_of("f"));
}

static void write_only(struct check_run *r)
{
	uint8_t bytes[100];
	int fd;

	/* Not whole pages: who keeps pages has to read what lies beside. */
	HOST(r, host_file(r, "f", SIZE, SEED));
	WANT_OK(r, fd = open("f", O_WRONLY));
	fill_bytes(bytes, sizeof(bytes), SEED + 1, 1000);
	WANT_SAME(r, sizeof(bytes), "bytes written", pwrite(fd, bytes, sizeof(bytes), 1000));
	WANT_ERROR(r, EBADF, pread(fd, bytes, sizeof(bytes), 0));
	WANT_OK(r, close(fd));
	WANT_SAME(r, 1000, "bytes before it", host_match(r, "f", 0, SIZE, SEED));
	WANT_SAME(r, 100, "bytes that were written", host_match(r, "f", 1000, 100, SEED + 1));
	WANT_SAME(r, SIZE - 1100, "bytes behind it", host_match(r, "f", 1100, SIZE - 1100, SEED));
}

static void append(struct check_run *r)
{
	struct stat st;
	char seen[16] = "";
	int fd = open("f", O_RDWR | O_CREAT | O_APPEND, 0644);

	DO(r, fd);
	WANT_SAME(r, 3, "bytes appended", write(fd, "abc", 3));
	/* What is written back later has these in it again: that is no append. */
	WANT_OK(r, fsync(fd));
	WANT_SAME(r, 0, "offset", lseek(fd, 0, SEEK_SET));
	WANT_SAME(r, 3, "bytes appended from another offset", write(fd, "def", 3));
	WANT_OK(r, fstat(fd, &st));
	WANT_SAME(r, 6, "size", st.st_size);
	WANT_OK(r, fsync(fd));
	WANT_SAME(r, 6, "bytes on the host", host_read(r, "f", 0, seen, sizeof(seen) - 1));
	WANT_TEXT(r, "abcdef", "what the host has", seen);
}

static void unlinked(struct check_run *r)
{
	struct host_stat host;
	struct stat st;
	int fd = make_file(r, "f", SIZE, SEED);

	WANT(fd >= 0);
	WANT_OK(r, unlink("f"));
	WANT_SAME(r, -ENOENT, "stat by the host", host_stat(r, "f", &host));
	WANT(same_file(r, "read of a file without a name", fd, 0, SIZE, SEED));
	WANT_OK(r, ftruncate(fd, 100));
	WANT_OK(r, fchmod(fd, 0600));
	WANT_OK(r, fstat(fd, &st));
	WANT_SAME(r, 100, "size", st.st_size);
	WANT_SAME(r, 0, "links", st.st_nlink);
}

static void temporary(struct check_run *r)
{
	char path[64];
	int fd = open(".", O_TMPFILE | O_RDWR, 0640);

	NEED(r, fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR), "O_TMPFILE");
	WANT_OK(r, fd);
	WANT_SAME(r, 0, "names in the folder", names_in("."));
	WANT_SAME(r, 3, "bytes written", write(fd, "abc", 3));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	WANT_OK(r, linkat(AT_FDCWD, path, AT_FDCWD, "f", AT_SYMLINK_FOLLOW));
	WANT_SAME(r, 3, "size by its name", size_of("f"));
	WANT_SAME(r, 0640, "mode by its name", mode_of("f"));
}

static void handles_are_many(struct check_run *r)
{
	int fd[200];

	DO(r, make_file(r, "f", SIZE, SEED));
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		WANT_OK(r, fd[i] = open("f", O_RDWR));
	WANT(same_file(r, "read through the last one", fd[ARRAY_SIZE(fd) - 1], 0, SIZE, SEED));
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		WANT_OK(r, close(fd[i]));
}

static const struct check checks[] = {
	{
		.id = "open.truncate",
		.title = "O_TRUNC empties the file on both sides",
		.rows = "FUSE-OPEN-007",
		.does = "host: make a file; guest: open with O_TRUNC, fstat; host: stat",
		.wants = "size 0",
		.catches = "trunc-ignored",
		.needs = NEED_HOST,
		.run = truncates,
	},
	{
		.id = "open.exclusive",
		.title = "O_CREAT with O_EXCL refuses a file that the host has made",
		.rows = "FUSE-OPEN-009 MULTI-009",
		.does = "host: make a file; guest: open with O_CREAT and O_EXCL",
		.wants = "EEXIST, and the file as it was",
		.catches = "error:LOOKUP:ENOENT",
		.needs = NEED_HOST,
		.run = exclusive,
	},
	{
		.id = "open.write-only",
		.title = "A part of a page can be written through a descriptor that cannot read",
		.rows = "FUSE-WB-003 MODE-WB-002",
		.does = "host: make a file; guest: open O_WRONLY, write a part of a page, read, close; host: read",
		.wants = "EBADF for the read; what was written, and what lies beside it",
		.catches = "write-shifted write-lost wb/wronly-unreadable",
		.needs = NEED_HOST,
		.run = write_only,
	},
	{
		.id = "open.append",
		.title = "O_APPEND writes at the end wherever the offset is",
		.rows = "FUSE-OPEN-010",
		.does = "guest: append, seek to 0, append; host: read",
		.wants = "both, one behind the other",
		.catches = "write-lost",
		.needs = NEED_HOST,
		.run = append,
	},
	{
		.id = "open.unlinked",
		.title = "A file without a name goes on for who has it open",
		.rows = "FUSE-ENT-003",
		.does = "guest: make, unlink, read, ftruncate, fchmod, fstat; host: stat",
		.wants = "all succeed in the guest; the host has no such name",
		.catches = "removed-stale",
		.needs = NEED_HOST,
		.run = unlinked,
	},
	{
		.id = "open.temporary",
		.title = "A file of O_TMPFILE has no name until it is linked",
		.rows = "FUSE-FILE-001",
		.does = "guest: open with O_TMPFILE, list, write, linkat, stat",
		.wants = "no name, then a file with the mode and size that it was given",
		.catches = "error:TMPFILE:EIO",
		.run = temporary,
	},
	{
		.id = "open.many",
		.title = "A file can be open two hundred times",
		.rows = "FUSE-FILE-010",
		.does = "guest: open one file 200 times, read through the last, close all",
		.wants = "all succeed",
		.catches = "error:OPEN:EMFILE:after=100",
		.run = handles_are_many,
	},
};

const struct check_area area_open = { "open", "Opening", checks, ARRAY_SIZE(checks) };
