// SPDX-License-Identifier: Apache-2.0
/* Reading and writing by one guest alone. */
#include "conformance/guest/areas.h"
#include "conformance/guest/oracle.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define SEED 5
/* More than one request may carry (max_write is 1 MiB), and no whole number of pages. */
#define LARGE (3 * 1024 * 1024 + 777)

static void large_write(struct check_run *r)
{
	uint8_t *bytes = malloc(LARGE);
	int fd = open("f", O_RDWR | O_CREAT | O_EXCL, 0644);

	DO(r, bytes ? fd : -1);
	fill_bytes(bytes, LARGE, SEED, 0);
	WANT_SAME(r, LARGE, "bytes written at once", write(fd, bytes, LARGE));
	WANT_OK(r, fsync(fd));
	WANT_SAME(r, LARGE, "bytes on the host that are as written",
		  host_match(r, "f", 0, LARGE, SEED));
	WANT_SAME(r, LARGE, "size", size_of("f"));
}

static void large_read(struct check_run *r)
{
	uint8_t *bytes = malloc(LARGE + 1);
	uint8_t *wanted = malloc(LARGE);
	int fd;

	DO(r, bytes && wanted ? 0 : -1);
	HOST(r, host_file(r, "f", LARGE, SEED));
	WANT_OK(r, fd = open("f", O_RDONLY));
	WANT_SAME(r, LARGE, "bytes read at once", read(fd, bytes, LARGE + 1));
	fill_bytes(wanted, LARGE, SEED, 0);
	WANT_BYTES(r, wanted, LARGE, "what was read", bytes, LARGE);
	WANT_SAME(r, 0, "bytes at the end", read(fd, bytes, 1));
}

static void behind_the_end(struct check_run *r)
{
	uint8_t bytes[PAGE];
	int fd;

	HOST(r, host_file(r, "f", 100, SEED));
	WANT_OK(r, fd = open("f", O_RDONLY));
	WANT_SAME(r, 0, "bytes at the end", pread(fd, bytes, PAGE, 100));
	WANT_SAME(r, 0, "bytes behind the end", pread(fd, bytes, PAGE, 5000));
	WANT_SAME(r, 60, "bytes up to the end", pread(fd, bytes, PAGE, 40));
	WANT_SAME(r, 0, "bytes of a read of none", pread(fd, bytes, 0, 0));
}

static void sparse(struct check_run *r)
{
	int fd = open("f", O_RDWR | O_CREAT | O_EXCL, 0644);

	DO(r, fd);
	WANT_SAME(r, 1, "bytes written", pwrite(fd, "x", 1, 10 * PAGE));
	WANT_THAT(r, see_filled(r, fd, 0, 10 * PAGE, SEED, 0) == SEEN_NEW,
		  "zeros where nothing was written", "something else");
	WANT_OK(r, fsync(fd));
	WANT_SAME(r, 10 * PAGE + 1, "size", size_of("f"));
}

static void vectors(struct check_run *r)
{
	char a[3];
	char b[5];
	struct iovec out[2] = { { (char[]){ "abc" }, 3 }, { (char[]){ "defgh" }, 5 } };
	struct iovec in[2] = { { a, sizeof(a) }, { b, sizeof(b) } };
	int fd = open("f", O_RDWR | O_CREAT | O_EXCL, 0644);

	DO(r, fd);
	WANT_SAME(r, 8, "bytes written", pwritev(fd, out, 2, 7));
	WANT_SAME(r, 8, "bytes read", preadv(fd, in, 2, 7));
	WANT_BYTES(r, "abc", 3, "first piece", a, 3);
	WANT_BYTES(r, "defgh", 5, "second piece", b, 5);
}

/* Pieces of odd sizes at odd offsets against a copy in memory. */
static void many_pieces(struct check_run *r)
{
	enum { SIZE = 64 * 1024, PIECES = 300 };
	static uint8_t copy[SIZE];
	static uint8_t seen[SIZE];
	uint32_t x = 1;
	int fd = open("f", O_RDWR | O_CREAT | O_EXCL, 0644);

	DO(r, fd);
	WANT_OK(r, ftruncate(fd, SIZE));
	for (unsigned i = 0; i < PIECES; i++) {
		size_t at = (x = x * 1664525 + 1013904223) >> 16;
		size_t size = (x = x * 1664525 + 1013904223) >> 20;

		size = size < SIZE - at ? size : SIZE - at;
		if (i % 3 == 2) {
			WANT_SAME(r, size, "bytes read", pread(fd, seen, size, (off_t)at));
			WANT_BYTES(r, copy + at, size, "a piece that was written before", seen,
				   size);
		} else {
			fill_bytes(copy + at, size, i, (int64_t)at);
			WANT_SAME(r, size, "bytes written", pwrite(fd, copy + at, size, (off_t)at));
		}
	}
	WANT_OK(r, fsync(fd));
	for (size_t at = 0; at < SIZE; at += PAGE) {
		HOST(r, host_read(r, "f", (int64_t)at, seen, PAGE));
		WANT_BYTES(r, copy + at, PAGE, "a page as the host has it", seen, PAGE);
	}
}

static void fsync_succeeds(struct check_run *r)
{
	int dir = open(".", O_RDONLY | O_DIRECTORY);
	int fd = open("f", O_RDWR | O_CREAT | O_EXCL, 0644);

	DO(r, fd < 0 ? fd : dir);
	WANT_SAME(r, 3, "bytes written", write(fd, "abc", 3));
	WANT_OK(r, fsync(fd));
	WANT_OK(r, fdatasync(fd));
	WANT_OK(r, fsync(dir));
	WANT_OK(r, syncfs(fd));
}

static const struct check checks[] = {
	{
		.id = "io.large-write",
		.title = "A write of more than one request arrives as it is",
		.rows = "FUSE-WB-001",
		.does = "guest: write 3 MiB and 777 bytes at once, fsync; host: compare",
		.wants = "all bytes, each in its place",
		.catches = "write-lost write-shifted",
		.needs = NEED_HOST,
		.run = large_write,
	},
	{
		.id = "io.large-read",
		.title = "A read of more than one request has all bytes",
		.rows = "VIRTIO-FS-QUEUE-025",
		.does = "host: make a file of 3 MiB and 777 bytes; guest: read it at once",
		.wants = "all bytes, each in its place, then the end",
		.catches = "read-short",
		.needs = NEED_HOST,
		.run = large_read,
	},
	{
		.id = "io.behind-the-end",
		.title = "A read ends at the end of the file",
		.rows = "VIRTIO-FS-QUEUE-025 DAXK-017 DAXK-032",
		.does = "host: make a file of 100 bytes; guest: read at, behind and over its end, and nothing",
		.wants = "no bytes behind it",
		.catches = "never/read-zeros",
		.needs = NEED_HOST,
		.run = behind_the_end,
	},
	{
		.id = "io.sparse",
		.title = "What was never written is zeros",
		.rows = "FUSE-FILE-009",
		.does = "guest: write one byte ten pages from the start, read what lies before",
		.wants = "zeros",
		.catches = "write-shifted",
		.run = sparse,
	},
	{
		.id = "io.vectors",
		.title = "Pieces of a vector are read as they were written",
		.rows = "FUSE-WB-001",
		.does = "guest: pwritev, preadv",
		.wants = "the same bytes",
		.catches = "write-shifted",
		.needs = 0,
		.run = vectors,
	},
	{
		.id = "io.pieces",
		.title = "Three hundred reads and writes of odd sizes agree with a copy in memory",
		.rows = "FUSE-WB-001 VIRTIO-FS-QUEUE-025",
		.does = "guest: write and read pieces of 64 KiB, fsync; host: read all",
		.wants =
			"the bytes of the copy, in the guest at any time and on the host behind fsync",
		.catches = "write-shifted write-lost",
		.needs = NEED_HOST,
		.run = many_pieces,
	},
	{
		.id = "io.sync",
		.title = "fsync, fdatasync, fsync of a folder and syncfs succeed",
		.rows = "VIRTIO-FS-DAX-015 FUSE-WB-008",
		.does = "guest: each of them",
		.wants = "success",
		.catches = "error:FSYNC:EIO",
		.run = fsync_succeeds,
	},
};

const struct check_area area_io = { "io", "Reading and writing", checks, ARRAY_SIZE(checks) };
