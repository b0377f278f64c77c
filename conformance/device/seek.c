// SPDX-License-Identifier: Apache-2.0
/* LSEEK: a file system may know of no holes, but must never skip data. */
#include "conformance/device/areas.h"
#include "conformance/device/files.h"

#define PAGE  65536
#define PAGES 6
#define BYTES ((uint64_t)PAGES * PAGE)

/* Data in pages 1 and 4; what is in front of it, between and behind is never written. */
static bool sparse(struct check_run *r, struct opened *ret, int *ret_fd)
{
	uint8_t page[PAGE];
	int fd;

	if (!files_have(r, 0, O_RDWR, ret))
		return false;
	fd = files_fd(r, "file", O_RDWR);
	*ret_fd = fd;
	if (fd < 0)
		return false;
	memset(page, 'd', sizeof(page));
	return check_host(r, "write", pwrite(fd, page, PAGE, PAGE) == PAGE ? 0 : -EIO) &&
	       check_host(r, "write", pwrite(fd, page, PAGE, 4 * PAGE) == PAGE ? 0 : -EIO) &&
	       check_host(r, "extend", ftruncate(fd, (off_t)BYTES) < 0 ? -errno : 0) &&
	       check_has(r, lseek(fd, 0, SEEK_DATA) == PAGE, "a host's file system with holes");
}

/* @simple: what one that knows of no holes says. */
static bool found(struct check_run *r, const struct opened *o, int fd, uint64_t offset, int whence,
		  uint64_t simple)
{
	struct say t;
	off_t host = lseek(fd, (off_t)offset, whence);
	int wanted = host < 0 ? -errno : 0;
	uint64_t at = 0;
	int e = front_lseek(r->f, o->nodeid, o->fh, offset, (uint32_t)whence, &at);

	if (!check_has(r, e != -ENOSYS, "LSEEK"))
		return false;
	(void)say(&t, "LSEEK for %s from %llu", whence == SEEK_DATA ? "data" : "a hole",
		  (unsigned long long)offset);
	/* Behind the last data one finds the end, or that there is none. */
	if (!check_one_of(r, (const int[]){ wanted, 0 }, 2, t.text, e))
		return false;
	if (e != 0 || at == simple)
		return true;
	return check_same(r, (uint64_t)host, t.text, at);
}

static void data_and_holes(struct check_run *r)
{
	static const uint64_t offsets[] = { 0,	      1,	PAGE - 1, PAGE,	    PAGE + 1,
					    2 * PAGE, 3 * PAGE, 4 * PAGE, 5 * PAGE, BYTES - 1 };
	struct opened o;
	CLEANUP(fd_closep) int fd = -1;

	WANT(sparse(r, &o, &fd));
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		WANT(found(r, &o, fd, offsets[i], SEEK_DATA, offsets[i]));
		WANT(found(r, &o, fd, offsets[i], SEEK_HOLE, BYTES));
	}
}

static void past_end(struct check_run *r)
{
	static const uint64_t offsets[] = { BYTES, BYTES + 1, UINT64_C(1) << 40 };
	static const uint32_t whences[] = { SEEK_DATA, SEEK_HOLE };
	struct opened o;
	uint64_t at;
	CLEANUP(fd_closep) int fd = -1;

	WANT(sparse(r, &o, &fd));
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
		for (size_t j = 0; j < ARRAY_SIZE(whences); j++)
			WANT_ERROR(r, -ENXIO, "LSEEK for data or a hole at or behind the end",
				   front_lseek(r->f, o.nodeid, o.fh, offsets[i], whences[j], &at));
}

static void impossible(struct check_run *r)
{
	static const uint64_t offsets[] = { UINT64_C(1) << 63, UINT64_MAX, INT64_MAX };
	struct say t;
	struct opened o;
	uint64_t at;
	CLEANUP(fd_closep) int fd = -1;

	WANT(sparse(r, &o, &fd));
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
		WANT_ONE_OF(r,
			    say(&t, "LSEEK for data from 0x%llx", (unsigned long long)offsets[i]),
			    front_lseek(r->f, o.nodeid, o.fh, offsets[i], SEEK_DATA, &at), -ENXIO,
			    -EINVAL, -EOVERFLOW);
	WANT(check_alive(r));
}

/* Linux asks for these nowhere: an answer must be right, a refusal is as good. */
static void other_whences(struct check_run *r)
{
	struct opened o;
	uint64_t at = 0;
	int e;
	CLEANUP(fd_closep) int fd = -1;

	WANT(sparse(r, &o, &fd));
	e = front_lseek(r->f, o.nodeid, o.fh, 0, SEEK_END, &at);
	WANT_ONE_OF(r, "LSEEK from the end", e, 0, -EINVAL);
	if (e == 0)
		WANT_SAME(r, BYTES, "LSEEK from the end", at);
	e = front_lseek(r->f, o.nodeid, o.fh, 1234, SEEK_SET, &at);
	WANT_ONE_OF(r, "LSEEK from the start", e, 0, -EINVAL);
	if (e == 0)
		WANT_SAME(r, 1234, "LSEEK from the start", at);
	WANT_ERROR(r, -EINVAL, "LSEEK with whence 5", front_lseek(r->f, o.nodeid, o.fh, 0, 5, &at));
	WANT_ERROR(r, -EINVAL, "LSEEK with whence 2^32 - 1",
		   front_lseek(r->f, o.nodeid, o.fh, 0, UINT32_MAX, &at));
	WANT(check_alive(r));
}

/* A store of the guest is data from then on. */
static void after_write(struct check_run *r)
{
	struct opened o;
	uint64_t at;
	CLEANUP(fd_closep) int fd = -1;

	WANT(sparse(r, &o, &fd));
	WANT(files_write(r, &o, 0, "data", 4));
	WANT_OK(r, "LSEEK for data from 0", front_lseek(r->f, o.nodeid, o.fh, 0, SEEK_DATA, &at));
	WANT_SAME(r, 0, "where data is", at);
}

/* clang-format off */
static const struct check checks[] = {
	{ "seek.data-and-holes", "LSEEK finds data and holes where the host has them",
	  "FUSE-FILE-006", "LSEEK for data and for a hole from 10 offsets of a sparse file",
	  "what the host's lseek() says, or what one says that knows of no holes",
	  "seek-swapped preload:lseek-hole", .run = data_and_holes },
	{ "seek.past-end", "LSEEK from behind the end is ENXIO", "FUSE-FILE-006",
	  "LSEEK for data and for a hole from the end, behind it, from 2^40", "ENXIO",
	  "error:LSEEK:EIO", .run = past_end },
	{ "seek.impossible", "LSEEK from what is no offset harms nobody",
	  "VIRTIO-FS-SEC-010 FUSE-FILE-006", "LSEEK for data from 2^63 - 1, 2^63, 2^64 - 1",
	  "ENXIO, EINVAL or EOVERFLOW; the device goes on", "exit-at:LSEEK error:LSEEK:EIO",
	  .run = impossible },
	{ "seek.other-whences", "LSEEK with another whence is right or refused", "FUSE-FILE-006",
	  "LSEEK with SEEK_END, SEEK_SET, 5, 2^32 - 1",
	  "the size or EINVAL; the offset or EINVAL; EINVAL; EINVAL", "error:LSEEK:EIO exit-at:LSEEK",
	  .run = other_whences },
	{ "seek.after-write", "what was written is data", "FUSE-FILE-006",
	  "WRITE of 4 bytes at 0 of a hole; LSEEK for data from 0", "0", "write-lost seek-swapped",
	  .run = after_write },
};
/* clang-format on */

const struct check_area area_seek = { "seek", "Holes", checks, ARRAY_SIZE(checks) };
