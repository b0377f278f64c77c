// SPDX-License-Identifier: Apache-2.0
/* Space: fallocate, holes, copies, file systems. */
#include "conformance/guest/areas.h"
#include "conformance/guest/oracle.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SEED 4
#define SIZE (4 * PAGE)

static void preallocate(struct check_run *r)
{
	struct host_stat st;
	int fd = make_file(r, "f", PAGE, SEED);
	int64_t n;

	WANT(fd >= 0);
	n = fallocate(fd, 0, 0, SIZE);
	NEED(r, n == 0 || errno != EOPNOTSUPP, "fallocate");
	WANT_OK(r, n);
	WANT_SAME(r, SIZE, "size in the guest", size_of("f"));
	HOST(r, host_stat(r, "f", &st));
	WANT_SAME(r, SIZE, "size on the host", st.size);
	WANT(same_file(r, "what was there", fd, 0, PAGE, SEED));
	WANT_THAT(r, see_filled(r, fd, PAGE, SIZE - PAGE, SEED, 0) == SEEN_NEW, "zeros behind it",
		  "something else");
}

static void keep_size(struct check_run *r)
{
	struct host_stat st;
	int fd = make_file(r, "f", PAGE, SEED);
	int64_t n;

	WANT(fd >= 0);
	n = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, SIZE);
	NEED(r, n == 0 || errno != EOPNOTSUPP, "fallocate with FALLOC_FL_KEEP_SIZE");
	WANT_OK(r, n);
	WANT_SAME(r, PAGE, "size in the guest", size_of("f"));
	HOST(r, host_stat(r, "f", &st));
	WANT_SAME(r, PAGE, "size on the host", st.size);
	WANT_RANGE(r, SIZE / 512, INT64_MAX, "blocks on the host", st.blocks);
}

static void punch(struct check_run *r)
{
	int fd = make_file(r, "f", SIZE, SEED);
	int64_t n;

	WANT(fd >= 0);
	WANT(same_file(r, "read before", fd, 0, SIZE, SEED));
	n = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE);
	NEED(r, n == 0 || errno != EOPNOTSUPP, "FALLOC_FL_PUNCH_HOLE");
	WANT_OK(r, n);
	WANT(same_file(r, "what lies before the hole", fd, 0, PAGE, SEED));
	WANT_THAT(r, see_filled(r, fd, PAGE, PAGE, SEED, 0) == SEEN_NEW, "zeros in the hole",
		  "something else");
	WANT(same_file(r, "what lies behind the hole", fd, 2 * PAGE, 2 * PAGE, SEED));
	WANT_SAME(r, SIZE, "size", size_of("f"));
	WANT_SAME(r, 0, "bytes in the hole on the host that are as before",
		  host_match(r, "f", PAGE, PAGE, SEED));
}

static void holes_are_found(struct check_run *r)
{
	int64_t hole;
	int fd;

	/* Data in the first and the last piece of 64 KiB of 256. */
	HOST(r, host_create(r, "f", 0644));
	HOST(r, host_truncate(r, "f", 4 * 65536));
	HOST(r, host_fill(r, "f", 0, 65536, SEED));
	HOST(r, host_fill(r, "f", 3 * 65536, 65536, SEED));
	HOST(r, host_fsync(r, "f"));
	WANT_OK(r, fd = open("f", O_RDONLY));
	hole = lseek(fd, 0, SEEK_HOLE);
	NEED(r, hole != 4 * 65536, "a file system of the host that knows holes");
	WANT_SAME(r, 65536, "first hole", hole);
	WANT_SAME(r, 0, "first data", lseek(fd, 0, SEEK_DATA));
	WANT_SAME(r, 3 * 65536, "data behind the hole", lseek(fd, 65536, SEEK_DATA));
	WANT_SAME(r, 4 * 65536, "hole at the end", lseek(fd, 3 * 65536, SEEK_HOLE));
	WANT_ERROR(r, ENXIO, lseek(fd, 4 * 65536, SEEK_DATA));
}

static void copies(struct check_run *r)
{
	off64_t from = 1000;
	off64_t to = 2000;
	int64_t n;
	int in = make_file(r, "in", SIZE, SEED);
	int out = make_file(r, "out", SIZE, SEED + 1);
	uint8_t wanted[PAGE];
	uint8_t seen[PAGE];

	WANT(in >= 0 && out >= 0);
	n = copy_file_range(in, &from, out, &to, PAGE, 0);
	NEED(r, n >= 0 || (errno != EOPNOTSUPP && errno != EXDEV), "copy_file_range");
	WANT_SAME(r, PAGE, "bytes copied", n);
	WANT_SAME(r, 1000 + PAGE, "offset of the source", from);
	WANT(same_file(r, "what lies before the copy", out, 0, 2000, SEED + 1));
	fill_bytes(wanted, PAGE, SEED, 1000);
	WANT_SAME(r, PAGE, "bytes read", pread(out, seen, PAGE, 2000));
	WANT_BYTES(r, wanted, PAGE, "the copy", seen, PAGE);
	WANT(same_file(r, "what lies behind the copy", out, 2000 + PAGE, SIZE - 2000 - PAGE,
		       SEED + 1));
}

static void file_system(struct check_run *r)
{
	struct statvfs st;

	WANT_OK(r, statvfs(".", &st));
	WANT_RANGE(r, 1, INT64_MAX, "size of a block", st.f_frsize);
	WANT_RANGE(r, 1, INT64_MAX, "blocks", st.f_blocks);
	WANT_RANGE(r, 0, st.f_blocks, "free blocks", st.f_bfree);
	WANT_RANGE(r, 255, 4096, "longest name", st.f_namemax);
}

static void grows_by_truncate(struct check_run *r)
{
	struct stat st;
	int fd = make_file(r, "f", 100, SEED);

	WANT(fd >= 0);
	WANT_OK(r, ftruncate(fd, INT64_C(1) << 33));
	WANT_OK(r, fstat(fd, &st));
	WANT_SAME(r, INT64_C(1) << 33, "size", st.st_size);
	WANT_THAT(r, see_filled(r, fd, INT64_C(1) << 32, PAGE, SEED, 0) == SEEN_NEW,
		  "zeros 4 GiB from the start", "something else");
	WANT_SAME(r, 1, "bytes written at 8 GiB", pwrite(fd, "x", 1, INT64_C(1) << 33));
	WANT_OK(r, fsync(fd));
	WANT_SAME(r, (INT64_C(1) << 33) + 1, "size", size_of("f"));
	WANT(same_file(r, "what was there", fd, 0, 100, SEED));
}

static const struct check checks[] = {
	{
		.id = "space.preallocate",
		.title = "fallocate extends a file with zeros",
		.rows = "FUSE-FILE-005 DAXK-023",
		.does = "guest: fallocate behind the end; both: stat; guest: read",
		.wants = "the new size on both sides; old data, then zeros; or EOPNOTSUPP (DAX)",
		.catches = "fallocate-lost",
		.needs = NEED_HOST,
		.run = preallocate,
	},
	{
		.id = "space.keep-size",
		.title = "FALLOC_FL_KEEP_SIZE takes space and leaves the size",
		.rows = "FUSE-FILE-005",
		.does = "guest: fallocate behind the end with KEEP_SIZE; both: stat",
		.wants = "the old size, more blocks",
		.catches = "fallocate-mode fallocate-lost",
		.needs = NEED_HOST,
		.run = keep_size,
	},
	{
		.id = "space.punch",
		.title = "A hole that the guest punches is zeros at once, also where it had pages",
		.rows = "FUSE-FILE-005 DAXK-023",
		.does = "guest: read, punch a hole, read; host: read",
		.wants = "zeros in the hole, all else as before",
		.catches = "fallocate-lost fallocate-mode fallocate-shrinks",
		.needs = NEED_HOST,
		.run = punch,
	},
	{
		.id = "space.holes",
		.title = "SEEK_DATA and SEEK_HOLE find what the host has",
		.rows = "FUSE-FILE-006",
		.does = "host: make a file with a hole; guest: lseek",
		.wants = "the bounds of data and hole; ENXIO behind the end",
		.catches = "seek-swapped",
		.needs = NEED_HOST,
		.run = holes_are_found,
	},
	{
		.id = "space.copy",
		.title = "copy_file_range copies what it says",
		.rows = "FUSE-FILE-007",
		.does = "guest: copy a page between two files at odd offsets, read",
		.wants = "the bytes of the source there, and nothing else changed",
		.catches = "copy-lost",
		.run = copies,
	},
	{
		.id = "space.statfs",
		.title = "The size of the file system is that of a file system",
		.rows = "FUSE-FILE-008",
		.does = "guest: statvfs",
		.wants = "blocks, no more of them free than there are, names of 255 bytes at least",
		.catches = "statfs-zero",
		.run = file_system,
	},
	{
		.id = "space.large",
		.title = "A file can be larger than 8 GiB",
		.rows = "FUSE-FILE-009",
		.does = "guest: ftruncate to 8 GiB, read in the middle, write at the end, stat",
		.wants = "zeros, one byte more, and what was there before",
		.catches = "size-lost",
		.run = grows_by_truncate,
	},
};

const struct check_area area_space = { "space", "Space", checks, ARRAY_SIZE(checks) };
