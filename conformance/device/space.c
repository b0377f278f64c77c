// SPDX-License-Identifier: Apache-2.0
/* FALLOCATE: the host does the same with a twin of the file, and both must come out alike. */
#include "conformance/device/areas.h"
#include "conformance/device/files.h"

#include <linux/falloc.h>

#define BYTES (64 * KIB + 100)
#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

struct range {
	uint64_t offset;
	uint64_t length;
};

static bool twins(struct check_run *r, uint32_t flags, struct opened *ret)
{
	return files_have(r, BYTES, flags, ret) &&
	       check_host(r, "make its twin", host_fill(r->share, "twin", BYTES, FILES_SEED));
}

/* Blocks by which twins may differ: what the host has not written yet has none of its own, and maps of files take some. */
#define BLOCKS_SLACK 128

/* Content and size, and the room that they take. */
static bool alike(struct check_run *r, const char *what)
{
	CLEANUP(buf_free) struct buf wanted = { 0 };
	CLEANUP(buf_free) struct buf seen = { 0 };
	struct say t;
	struct stat file, twin;
	uint64_t least;

	if (!check_host(r, "read", host_read(r->share, "twin", 64 * MIB, &wanted)) ||
	    !check_host(r, "read", host_read(r->share, "file", 64 * MIB, &seen)) ||
	    !check_same_bytes(r, wanted.data, wanted.size, what, seen.data, seen.size) ||
	    !check_host(r, "stat", host_stat(r->share, "twin", &twin)) ||
	    !check_host(r, "stat", host_stat(r->share, "file", &file)))
		return false;
	least = (uint64_t)twin.st_blocks;
	return check_range(r, least > BLOCKS_SLACK ? least - BLOCKS_SLACK : 0, least + BLOCKS_SLACK,
			   say(&t, "blocks after %.100s", what), (uint64_t)file.st_blocks);
}

/* Each range is done to both, and may fail alike. @must_work: on the host, or there is nothing to see. */
static void as_host(struct check_run *r, uint32_t mode, const struct range *list, size_t count,
		    bool must_work)
{
	struct say t;
	struct opened o;
	CLEANUP(fd_closep) int fd = -1;

	WANT(twins(r, O_RDWR, &o));
	fd = files_fd(r, "twin", O_RDWR);
	if (fd < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		int host = fallocate(fd, (int)mode, (off_t)list[i].offset, (off_t)list[i].length) <
					   0
				   ? -errno
				   : 0;
		int e = front_fallocate(r->f, o.nodeid, o.fh, list[i].offset, list[i].length, mode);

		NEED(r, host == 0 || !must_work, "a host's file system with mode 0x%x", mode);
		NEED(r, e != -ENOSYS, "FALLOCATE");
		(void)say(&t, "FALLOCATE, mode 0x%x, of %llu bytes at %llu", mode,
			  (unsigned long long)list[i].length, (unsigned long long)list[i].offset);
		/* To refuse more modes than the host does is allowed, to pretend is not. */
		WANT_ONE_OF(r, t.text, e, host, -EOPNOTSUPP);
		if (e == host)
			WANT(alike(r, t.text));
		else
			WANT(files_keep(r, BYTES));
	}
	WANT(check_alive(r));
}

static void allocates(struct check_run *r)
{
	static const struct range list[] = { { 0, 4096 },
					     { BYTES - 10, 4096 },
					     { 200 * KIB, 100000 } };

	as_host(r, 0, list, ARRAY_SIZE(list), true);
}

static void never_shrinks(struct check_run *r)
{
	struct opened o;
	int e;

	WANT(files_have(r, BYTES, O_RDWR, &o));
	e = front_fallocate(r->f, o.nodeid, o.fh, 0, 100, 0);
	NEED(r, e != -ENOSYS && e != -EOPNOTSUPP, "FALLOCATE");
	WANT_OK(r, "FALLOCATE of 100 bytes at 0", e);
	WANT(files_keep(r, BYTES));
}

static void keeps_size(struct check_run *r)
{
	static const struct range list[] = { { 0, 4096 }, { 128 * KIB, 256 * KIB } };

	as_host(r, FALLOC_FL_KEEP_SIZE, list, ARRAY_SIZE(list), true);
}

static void punches(struct check_run *r)
{
	static const struct range list[] = {
		{ 4096, 8192 }, { 20001, 7 }, { 30000, 9000 }, { BYTES - 50, 8192 }, { MIB, 4096 }
	};

	as_host(r, PUNCH, list, ARRAY_SIZE(list), true);
}

static void zeroes(struct check_run *r)
{
	static const struct range list[] = { { 4096, 8192 }, { 20001, 7 }, { BYTES - 50, 8192 } };

	as_host(r, FALLOC_FL_ZERO_RANGE, list, ARRAY_SIZE(list), true);
}

static void zeroes_inside(struct check_run *r)
{
	static const struct range list[] = { { 4096, 8192 }, { BYTES - 50, 8192 } };

	as_host(r, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, list, ARRAY_SIZE(list), true);
}

static void collapses(struct check_run *r)
{
	static const struct range list[] = { { 8192, 4096 }, { 0, 8192 }, { 1, 4096 } };

	as_host(r, FALLOC_FL_COLLAPSE_RANGE, list, ARRAY_SIZE(list), false);
}

static void inserts(struct check_run *r)
{
	static const struct range list[] = { { 8192, 4096 }, { 0, 8192 }, { 1, 4096 } };

	as_host(r, FALLOC_FL_INSERT_RANGE, list, ARRAY_SIZE(list), false);
}

/* Nothing that fails may change anything. */
static void refused(struct check_run *r, const struct opened *o, uint32_t mode, uint64_t offset,
		    uint64_t length)
{
	struct say t;

	WANT_ONE_OF(r,
		    say(&t, "FALLOCATE, mode 0x%x, of %llu bytes at %llu", mode,
			(unsigned long long)length, (unsigned long long)offset),
		    front_fallocate(r->f, o->nodeid, o->fh, offset, length, mode), -EINVAL,
		    -EOPNOTSUPP, -ENOSYS, -EFBIG, -EOVERFLOW);
	WANT(files_keep(r, BYTES));
}

static void unknown_modes(struct check_run *r)
{
	/* A hole that makes the file longer, two things at once, bits without a meaning. */
	static const uint32_t modes[] = { FALLOC_FL_PUNCH_HOLE,
					  FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_KEEP_SIZE,
					  FALLOC_FL_INSERT_RANGE | FALLOC_FL_ZERO_RANGE,
					  PUNCH | FALLOC_FL_ZERO_RANGE,
					  0x10000,
					  0x80000000U,
					  UINT32_MAX };
	struct opened o;

	WANT(files_have(r, BYTES, O_RDWR, &o));
	for (size_t i = 0; i < ARRAY_SIZE(modes) && r->verdict == CHECK_UNSET; i++)
		refused(r, &o, modes[i], 0, 4096);
}

static void bad_ranges(struct check_run *r)
{
	static const struct range list[] = {
		{ 0, 0 },
		{ 0, UINT64_MAX },
		{ UINT64_MAX, 1 },
		{ INT64_MAX, 4096 },
		{ UINT64_C(1) << 63, 10 },
		{ 4096, INT64_MAX },
	};
	static const uint32_t modes[] = { 0, FALLOC_FL_KEEP_SIZE, PUNCH };
	struct opened o;

	WANT(files_have(r, BYTES, O_RDWR, &o));
	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		for (size_t j = 0; j < ARRAY_SIZE(modes) && r->verdict == CHECK_UNSET; j++)
			refused(r, &o, modes[j], list[i].offset, list[i].length);
	if (r->verdict == CHECK_UNSET)
		(void)check_alive(r);
}

static void not_writable(struct check_run *r)
{
	struct opened o;

	WANT(files_have(r, BYTES, O_RDONLY, &o));
	WANT_ONE_OF(r, "FALLOCATE by an O_RDONLY handle",
		    front_fallocate(r->f, o.nodeid, o.fh, 0, 2 * BYTES, 0), -EBADF, -EACCES,
		    -EOPNOTSUPP, -ENOSYS);
	WANT(files_keep(r, BYTES));
}

/* clang-format off */
static const struct check checks[] = {
	{ "space.allocate", "FALLOCATE of mode 0 gives room and extends", "FUSE-FILE-005",
	  "FALLOCATE of mode 0 inside the file, over its end and behind it",
	  "as the host's fallocate(): content, size, and blocks to 64 KiB; or EOPNOTSUPP and no change",
	  "fallocate-lost fallocate-shrinks", .run = allocates },
	{ "space.never-shrinks", "FALLOCATE of mode 0 makes no file shorter", "FUSE-FILE-005 BUG-51",
	  "FALLOCATE of 100 bytes at 0 of a file of 65636", "the file is as it was",
	  "fallocate-shrinks", .run = never_shrinks },
	{ "space.keep-size", "FALLOCATE with KEEP_SIZE gives room and no length", "FUSE-FILE-005",
	  "FALLOCATE with KEEP_SIZE inside the file and behind its end",
	  "as the host's fallocate(): content, size, and blocks to 64 KiB; or EOPNOTSUPP and no change",
	  "fallocate-mode fallocate-lost preload:fallocate-mode", .run = keeps_size },
	{ "space.punch-hole", "FALLOCATE with PUNCH_HOLE leaves zeros", "FUSE-FILE-005",
	  "FALLOCATE with PUNCH_HOLE and KEEP_SIZE, aligned and not, over the end and behind it",
	  "as the host's fallocate(): content, size, and blocks to 64 KiB; or EOPNOTSUPP and no change",
	  "fallocate-mode fallocate-lost preload:fallocate-mode", .run = punches },
	{ "space.zero-range", "FALLOCATE with ZERO_RANGE leaves zeros and extends", "FUSE-FILE-005",
	  "FALLOCATE with ZERO_RANGE, aligned and not, over the end",
	  "as the host's fallocate(): content, size, and blocks to 64 KiB; or EOPNOTSUPP and no change",
	  "fallocate-mode fallocate-lost preload:fallocate-mode", .run = zeroes },
	{ "space.zero-range-keep-size", "FALLOCATE with ZERO_RANGE and KEEP_SIZE extends nothing",
	  "FUSE-FILE-005", "FALLOCATE with ZERO_RANGE and KEEP_SIZE inside the file and over its end",
	  "as the host's fallocate(): content, size, and blocks to 64 KiB; or EOPNOTSUPP and no change",
	  "fallocate-mode fallocate-lost preload:fallocate-mode", .run = zeroes_inside },
	{ "space.collapse-range", "FALLOCATE with COLLAPSE_RANGE does it or refuses", "FUSE-FILE-005",
	  "FALLOCATE with COLLAPSE_RANGE, aligned and not",
	  "as the host's fallocate(), errors included; or EOPNOTSUPP and no change",
	  "fallocate-mode fallocate-lost preload:fallocate-mode", .run = collapses },
	{ "space.insert-range", "FALLOCATE with INSERT_RANGE does it or refuses", "FUSE-FILE-005",
	  "FALLOCATE with INSERT_RANGE, aligned and not",
	  "as the host's fallocate(), errors included; or EOPNOTSUPP and no change",
	  "fallocate-mode fallocate-lost preload:fallocate-mode", .run = inserts },
	{ "space.unknown-modes", "FALLOCATE with a mode that does not exist changes nothing",
	  "FUSE-FILE-005", "FALLOCATE with PUNCH_HOLE alone, pairs that exclude each other, unknown "
	  "bits", "EINVAL, EOPNOTSUPP or ENOSYS; the file is as it was", "fallocate-mode fallocate-lost",
	  .run = unknown_modes },
	{ "space.bad-ranges", "FALLOCATE of no range or an impossible one changes nothing",
	  "FUSE-FILE-005 VIRTIO-FS-SEC-010",
	  "FALLOCATE of 0 bytes, of 2^64 - 1, at 2^63 and beyond, of a range that ends beyond",
	  "EINVAL, EFBIG, EOVERFLOW, EOPNOTSUPP or ENOSYS; the file is as it was",
	  "fallocate-lost exit-at:FALLOCATE", .run = bad_ranges },
	{ "space.not-writable", "FALLOCATE by an O_RDONLY handle is refused", "FUSE-FILE-005",
	  "FALLOCATE by an O_RDONLY handle", "EBADF or EACCES (EOPNOTSUPP, ENOSYS); the file is as "
	  "it was", "access-ignored fallocate-lost", .run = not_writable },
};
/* clang-format on */

const struct check_area area_space = { "space", "Allocation", checks, ARRAY_SIZE(checks) };
