// SPDX-License-Identifier: Apache-2.0
/* The window, READ and WRITE, and the host: one file, one content. */
#include "conformance/device/areas.h"
#include "conformance/device/map.h"

#include <linux/falloc.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Where the mapping of 2 MiB lies. */
#define AT MAP_RANGE

/* A file of @size bytes, mapped as Linux does, and open. */
static bool mapped_file(struct check_run *r, uint64_t size, uint64_t *node, uint64_t *fh)
{
	struct fuse_open_out o;

	if (!map_unit(r) || !map_file(r, "file", size, 1, node) ||
	    !check_ok(r, "SETUPMAPPING", map_both(r, *node, 0, MAP_RANGE, AT)) ||
	    !check_ok(r, "OPEN", front_open_file(r->f, *node, O_RDWR, &o)))
		return false;
	*fh = o.fh;
	return true;
}

static bool read_is(struct check_run *r, uint64_t node, uint64_t fh, uint64_t offset,
		    uint8_t wanted, const char *what)
{
	uint8_t byte = 0;
	size_t n = 0;

	return check_ok(r, "READ", front_read(r->f, node, fh, offset, &byte, 1, &n)) &&
	       check_same(r, 1, "bytes that READ returns", n) && check_same(r, wanted, what, byte);
}

static bool write_byte(struct check_run *r, uint64_t node, uint64_t fh, uint64_t offset,
		       uint8_t byte)
{
	uint32_t n = 0;

	return check_ok(r, "WRITE", front_write(r->f, node, fh, offset, &byte, 1, &n)) &&
	       check_same(r, 1, "bytes that WRITE has written", n);
}

/* The byte at @offset, changed by each of those who may. */
static bool one_byte(struct check_run *r, uint64_t node, uint64_t fh, uint64_t offset, bool last)
{
	uint64_t at = AT + offset;

	if (!read_is(r, node, fh, offset, host_byte(offset, 1),
		     "a byte, read while it is mapped") ||
	    !map_store(r, at, 0xe1) || !read_is(r, node, fh, offset, 0xe1, "a stored byte, read") ||
	    !map_host_byte(r, "file", offset, "a stored byte, on the host", 0xe1) ||
	    !map_host_put(r, "file", offset, 0xe2) || (last && !map_refresh(r, node)) ||
	    !check_same(r, 0xe2, "a byte of the host, in the window", (uint64_t)map_peek(r, at)) ||
	    !read_is(r, node, fh, offset, 0xe2, "a byte of the host, read") ||
	    !write_byte(r, node, fh, offset, 0xe3) ||
	    !check_same(r, 0xe3, "a written byte, in the window", (uint64_t)map_peek(r, at)) ||
	    !map_store(r, at, 0xe4) || !check_ok(r, "FSYNC", front_fsync(r->f, node, fh, false)) ||
	    !map_host_byte(r, "file", offset, "a stored byte, on the host after FSYNC", 0xe4) ||
	    !map_store(r, at, 0xe5) || !write_byte(r, node, fh, offset, 0xe6))
		return false;
	return check_same(r, 0xe6, "of a store and a later WRITE the latter",
			  (uint64_t)map_peek(r, at)) &&
	       map_host_byte(r, "file", offset, "and on the host", 0xe6);
}

static void whole_pages(struct check_run *r)
{
	uint64_t node, fh;

	WANT(mapped_file(r, 4 * MAP_PAGE, &node, &fh));
	WANT(one_byte(r, node, fh, 0, false) && one_byte(r, node, fh, 4 * MAP_PAGE - 1, false));
	WANT(one_byte(r, node, fh, 2 * MAP_PAGE + 7, false));
	/* Two places of the window, and a third for another file. */
	WANT_OK(r, "SETUPMAPPING of the same elsewhere", map_both(r, node, 0, MAP_RANGE, 0));
	WANT(map_store(r, AT + 9, 0xa5));
	WANT_SAME(r, 0xa5, "a byte stored through another mapping", (uint64_t)map_peek(r, 9));
}

/* In the last page a device may need to be asked before it sees what the host has done. */
static void last_page(struct check_run *r)
{
	static const uint64_t sizes[] = { 1, 100, 4097, 3 * 4096 - 1 };
	uint64_t node, fh;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		WANT(mapped_file(r, sizes[i], &node, &fh));
		WANT(one_byte(r, node, fh, sizes[i] - 1, true));
		if (sizes[i] > MAP_PAGE)
			WANT(one_byte(r, node, fh, 5, false));
		WANT_OK(r, "REMOVEMAPPING", map_remove(r, node, AT, MAP_RANGE));
	}
}

static void both_copies(struct check_run *r)
{
	struct fuse_copy_file_range_in in = { .off_in = 0, .len = MAP_PAGE };
	uint64_t node, fh;
	uint32_t n = 0;
	int e;

	WANT(mapped_file(r, 4 * MAP_PAGE, &node, &fh));
	WANT(map_store(r, AT + 1, 0xa5));
	in.fh_in = fh;
	in.fh_out = fh;
	in.nodeid_out = node;
	in.off_out = 2 * MAP_PAGE;
	e = front_copy_file_range(r->f, node, &in, &n);
	WANT_ONE_OF(r, "COPY_FILE_RANGE within a mapped file", e, 0, -ENOSYS, -EOPNOTSUPP);
	if (e != 0)
		return;
	WANT_SAME(r, MAP_PAGE, "bytes copied", n);
	WANT_SAME(r, 0xa5, "a stored byte that was copied",
		  (uint64_t)map_peek(r, AT + 2 * MAP_PAGE + 1));
	WANT(map_shows(r, "what was copied", AT + 2 * MAP_PAGE + 2, 1, 2, MAP_PAGE - 2));
}

static void one_content(struct check_run *r)
{
	MAP_PARTS(r, whole_pages, last_page, both_copies);
}

/* By each way that a file becomes longer; the mapping was there before. */
static void growth(struct check_run *r)
{
	uint8_t more[2 * MAP_PAGE];
	uint64_t node, fh;
	uint32_t n;

	WANT(mapped_file(r, 100, &node, &fh));
	host_bytes(more, 100, sizeof(more), 1);
	WANT_OK(r, "WRITE at the end", front_write(r->f, node, fh, 100, more, sizeof(more), &n));
	WANT_SAME(r, sizeof(more), "bytes written", n);
	WANT(map_shows(r, "what WRITE has added", AT, 1, 0, 100 + sizeof(more)));
	WANT_OK(r, "SETATTR of a larger size", map_size(r, node, 5 * MAP_PAGE + 10));
	WANT(map_shows(r, "what SETATTR has added", AT + 3 * MAP_PAGE, 0, 0, 2 * MAP_PAGE + 10));
	WANT_OK(r, "FALLOCATE behind the end",
		front_fallocate(r->f, node, fh, 6 * MAP_PAGE, MAP_PAGE + 1, 0));
	WANT(map_shows(r, "what FALLOCATE has added", AT + 6 * MAP_PAGE, 0, 0, MAP_PAGE + 1));
	WANT(map_store(r, AT + 7 * MAP_PAGE, 9));
	WANT_OK(r, "FSYNC", front_fsync(r->f, node, fh, true));
	WANT(map_host_byte(r, "file", 7 * MAP_PAGE, "a store into what was added", 9));
	/* The host adds; the driver hears of it by GETATTR. */
	WANT(check_host(r, "grow the file", host_fill(r->share, "file", 9 * MAP_PAGE + 5, 2)));
	WANT(map_refresh(r, node));
	WANT(map_shows(r, "what the host has added", AT, 2, 0, 9 * MAP_PAGE + 5));
}

/* What is behind the end is undefined or not there, but never what was there once. */
static bool cut_and_grown(struct check_run *r, uint64_t node, uint64_t left, const char *how)
{
	uint64_t page_end = (left + MAP_PAGE - 1) & ~(MAP_PAGE - 1);

	return map_shows(r, how, AT, 1, 0, left) &&
	       map_shows(r, "the rest of the last page", AT + left, 0, 0, page_end - left) &&
	       check_ok(r, "SETATTR of a larger size", map_size(r, node, 6 * MAP_PAGE)) &&
	       map_shows(r, how, AT, 1, 0, left) &&
	       map_shows(r, "what has come back", AT + left, 0, 0, 6 * MAP_PAGE - left) &&
	       map_store(r, AT + 5 * MAP_PAGE, 7) &&
	       map_host_byte(r, "file", 5 * MAP_PAGE, "a store into what has come back", 7);
}

static void cut_by_setattr(struct check_run *r)
{
	static const uint64_t left[] = { 2 * MAP_PAGE + 10, MAP_PAGE, 5, 0 };
	uint64_t node, fh;

	for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
		WANT(mapped_file(r, 5 * MAP_PAGE + 50, &node, &fh));
		WANT_OK(r, "SETATTR of a smaller size", map_size(r, node, left[i]));
		WANT(cut_and_grown(r, node, left[i], "what SETATTR has left"));
		WANT_OK(r, "REMOVEMAPPING", map_remove(r, node, AT, MAP_RANGE));
	}
}

static void cut_by_open(struct check_run *r)
{
	struct fuse_open_out o;
	struct stat st;
	uint64_t node, fh;

	WANT(mapped_file(r, 5 * MAP_PAGE + 50, &node, &fh));
	WANT_OK(r, "OPEN with O_TRUNC", front_open_file(r->f, node, O_RDWR | O_TRUNC, &o));
	WANT(check_host(r, "stat", host_stat(r->share, "file", &st)));
	WANT_SAME(r, 0, "size after OPEN with O_TRUNC", (uint64_t)st.st_size);
	WANT(cut_and_grown(r, node, 0, "what O_TRUNC has left"));
}

/* The host asks nobody: a touch of what is gone is an error, and no more than that is lost. */
static void cut_by_host(struct check_run *r)
{
	uint64_t node, fh;

	WANT(mapped_file(r, 5 * MAP_PAGE, &node, &fh));
	WANT(check_host(r, "cut the file", host_fill(r->share, "file", MAP_PAGE, 1)));
	WANT_RANGE(r, 0, 0, "a byte of a page that is gone, where one can be read",
		   map_peek(r, AT + 3 * MAP_PAGE) > 0);
	WANT(map_shows(r, "what is left", AT, 1, 0, MAP_PAGE));
	WANT_OK(r, "SETUPMAPPING of a file that the host has cut",
		map_both(r, node, 0, MAP_RANGE, 0));
	WANT(map_shows(r, "what is left, mapped anew", 0, 1, 0, MAP_PAGE));
	WANT(check_host(r, "grow the file", host_fill(r->share, "file", 4 * MAP_PAGE, 2)));
	WANT(map_refresh(r, node));
	WANT(map_shows(r, "new bytes of the host", AT, 2, 0, 4 * MAP_PAGE));
	WANT(check_alive(r));
}

static void cut(struct check_run *r)
{
	MAP_PARTS(r, cut_by_setattr, cut_by_open, cut_by_host);
}

static void holes(struct check_run *r)
{
	const uint32_t punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	CLEANUP(fd_closep) int fd = -1;
	uint64_t node, fh;
	int e;

	WANT(mapped_file(r, 6 * MAP_PAGE, &node, &fh));
	WANT(map_store(r, AT + MAP_PAGE + 1, 0xa5));
	e = front_fallocate(r->f, node, fh, MAP_PAGE - 10, MAP_PAGE + 20, punch);
	WANT_ONE_OF(r, "FALLOCATE that punches a hole", e, 0, -EOPNOTSUPP);
	if (e == 0) {
		WANT(map_shows(r, "what is before the hole", AT, 1, 0, MAP_PAGE - 10));
		WANT(map_shows(r, "the hole", AT + MAP_PAGE - 10, 0, 0, MAP_PAGE + 20));
		WANT(map_shows(r, "what is behind the hole", AT + 2 * MAP_PAGE + 10, 1,
			       2 * MAP_PAGE + 10, MAP_PAGE));
		WANT(map_store(r, AT + MAP_PAGE + 1, 0xa6));
		WANT(map_host_byte(r, "file", MAP_PAGE + 1, "a store into the hole", 0xa6));
	}
	fd = host_open(r->share, "file", O_RDWR, 0);
	WANT(check_host(r, "open", fd));
	NEED(r, fallocate(fd, (int)punch, 4 * MAP_PAGE, MAP_PAGE) == 0, "holes on the host");
	WANT(map_shows(r, "a hole of the host", AT + 4 * MAP_PAGE, 0, 0, MAP_PAGE));
	WANT(map_shows(r, "what is behind it", AT + 5 * MAP_PAGE, 1, 5 * MAP_PAGE, MAP_PAGE));
}

/* What is mapped is a file, whatever becomes of its names and handles. */
static void names(struct check_run *r)
{
	uint64_t node, other, fh;
	struct fuse_open_out o;
	struct fuse_entry_out e;

	WANT(mapped_file(r, 2 * MAP_PAGE, &node, &fh));
	WANT(map_file(r, "other", 2 * MAP_PAGE, 2, &other));
	WANT_OK(r, "RENAME", front_rename(r->f, FRONT_ROOT, "file", FRONT_ROOT, "renamed"));
	WANT(map_shows(r, "the renamed file", AT, 1, 0, 2 * MAP_PAGE) && map_store(r, AT, 0xa5));
	WANT(map_host_byte(r, "renamed", 0, "a store, in the renamed file", 0xa5));
	WANT_OK(r, "RENAME over it",
		front_rename(r->f, FRONT_ROOT, "other", FRONT_ROOT, "renamed"));
	WANT(map_store(r, AT + 1, 0xa6));
	WANT(map_host_byte(r, "renamed", 1, "the other file's byte", host_byte(1, 2)));
	/* It has no name any more: it can still be read, mapped, and closed. */
	WANT(read_is(r, node, fh, 1, 0xa6, "a byte of a file without a name"));
	WANT_OK(r, "SETUPMAPPING of a file without a name", map_both(r, node, 0, MAP_RANGE, 0));
	WANT_SAME(r, 0xa6, "its byte", (uint64_t)map_peek(r, 1));
	WANT_OK(r, "RELEASE", front_release(r->f, node, fh, O_RDWR));
	WANT_OK(r, "CREATE",
		front_create(r->f, FRONT_ROOT, "file", O_RDWR, S_IFREG | 0600, &e, &o));
	WANT(map_store(r, AT + 2, 0xa7));
	WANT_SAME(r, 0xa7, "its byte, after RELEASE", (uint64_t)map_peek(r, 2));
	WANT_OK(r, "UNLINK", front_unlink(r->f, FRONT_ROOT, "renamed"));
	WANT(map_shows(r, "the rest of it", AT + 3, 1, 3, 2 * MAP_PAGE - 3));
}

/* cachestat(2), Linux 6.5: pages of a file that wait to be written back. -errno where there is none. */
static int64_t dirty_pages(int fd)
{
	struct {
		uint64_t off, len;
	} range = { 0, 0 };
	struct {
		uint64_t cache, dirty, writeback, evicted, recently_evicted;
	} c;

	if (syscall(451 /* cachestat */, fd, &range, &c, 0) < 0)
		return -errno;
	return (int64_t)(c.dirty + c.writeback);
}

#define TRIES 20

static void durable(struct check_run *r)
{
	CLEANUP(fd_closep) int fd = -1;
	uint64_t node, fh;
	int64_t dirty = 0;

	WANT(mapped_file(r, 4 * MAP_PAGE, &node, &fh));
	fd = host_open(r->share, "file", O_RDONLY, 0);
	WANT(check_host(r, "open", fd));
	WANT_HOST(r, "fsync", fsync(fd));
	NEED(r, dirty_pages(fd) == 0, "a host that tells dirty pages, and a disk to write them to");
	/* Again, should the host write them back just then. */
	for (int i = 0; i < TRIES && dirty == 0; i++) {
		WANT(map_store(r, AT + MAP_PAGE, (uint8_t)i));
		dirty = dirty_pages(fd);
	}
	NEED(r, dirty > 0, "a host that tells dirty pages");
	WANT_OK(r, "FSYNC", front_fsync(r->f, node, fh, false));
	WANT_SAME(r, 0, "dirty pages after FSYNC", (uint64_t)dirty_pages(fd));
}

static const struct check checks[] = {
	{
		.id = "coherence.one-content",
		.title = "window, READ, WRITE and host see one content, in the last page as well",
		.rows = "FUSE-MAP-016 VIRTIO-FS-DAX-003 VIRTIO-FS-DAX-004 MULTI-001",
		.sends =
			"store, READ, WRITE, FSYNC, COPY_FILE_RANGE and writes of the host, of the same "
			"bytes, in whole pages and in the last one (there GETATTR after the host's)",
		.wants = "each sees what the one before has written",
		.catches = "read-mapped map-private read-stale",
		MAP_NEEDS,
		.run = one_content,
	},
	{
		.id = "coherence.growth",
		.title = "a mapping that was there before shows what a file gains",
		.rows = "VIRTIO-FS-DAX-004 FUSE-MAP-009 BUG-35",
		.sends =
			"WRITE, SETATTR and FALLOCATE behind the end; the host grows the file, GETATTR",
		.wants = "the new bytes, zeros where there are none, and stores that reach them",
		.catches = "map-private fallocate-lost write-shifted",
		MAP_NEEDS,
		.run = growth,
	},
	{
		.id = "coherence.cut",
		.title = "what a file loses never comes back",
		.rows = "FUSE-MAP-028 HTRUNC-005 HTRUNC-007 BUG-17",
		.sends =
			"SETATTR of smaller sizes, OPEN with O_TRUNC, truncation by the host; then growth",
		.wants =
			"what is left is right, zeros or new bytes behind it, stores reach the file",
		.catches = "map-private trunc-ignored",
		MAP_NEEDS,
		.run = cut,
	},
	{
		.id = "coherence.holes",
		.title = "a hole is zeros in the window at once, whoever punches it",
		.rows = "VIRTIO-FS-DAX-004 HTRUNC-006 BUG-16",
		.sends = "FALLOCATE of a hole that ends within pages; a hole punched by the host",
		.wants = "zeros there, all else as it was; a store into the hole reaches the file",
		.catches = "map-private fallocate-lost",
		MAP_NEEDS,
		.run = holes,
	},
	{
		.id = "coherence.names",
		.title = "a mapping outlives the file's names and handles",
		.rows = "VIRTIO-FS-DAX-023 MULTI-011",
		.sends = "RENAME, RENAME over it, RELEASE, CREATE of the old name, UNLINK",
		.wants = "the mapping stays the file's; stores reach no other file",
		.catches = "map-dies",
		MAP_NEEDS,
		.run = names,
	},
	{
		.id = "coherence.durable",
		.title = "FSYNC writes what was stored through the window",
		.rows = "VIRTIO-FS-DAX-015",
		.sends = "a store, then FSYNC",
		.wants = "the file has no dirty page in the host's cache",
		.catches = "fsync-lost",
		MAP_NEEDS,
		.run = durable,
	},
};

const struct check_area area_coherence = { "coherence", "Window, requests and host", checks,
					   ARRAY_SIZE(checks) };
