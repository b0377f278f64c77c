// SPDX-License-Identifier: Apache-2.0
/* FSYNC, FSYNCDIR, FLUSH, SYNCFS. */
#include "conformance/device/areas.h"
#include "conformance/device/files.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#define BYTES (64 * KIB)

/* Bytes that the host's file system has in memory only, without a place on the disk: 1 or 0, or -errno. */
static int is_delayed(const struct check_run *r)
{
	CLEANUP(fd_closep) int fd = host_open(r->share, "file", O_RDONLY, 0);
	union {
		struct fiemap map;
		uint8_t room[sizeof(struct fiemap) + 4 * sizeof(struct fiemap_extent)];
	} u = { .map = { .fm_length = UINT64_MAX, .fm_extent_count = 4 } };

	if (fd < 0 || ioctl(fd, FS_IOC_FIEMAP, &u.map) < 0 || u.map.fm_mapped_extents == 0)
		return -EOPNOTSUPP;
	return !!(u.map.fm_extents[0].fe_flags & FIEMAP_EXTENT_DELALLOC);
}

/* A file whose bytes are nowhere but in memory. */
static bool dirty(struct check_run *r, struct opened *ret)
{
	static const uint8_t data[BYTES] = { 1 };

	return files_have(r, 0, O_RDWR, ret) && files_write(r, ret, 0, data, sizeof(data)) &&
	       check_has(r, is_delayed(r) == 1, "a host's file system that delays allocation");
}

static void fsyncs(struct check_run *r)
{
	struct opened o;

	WANT(dirty(r, &o));
	WANT_OK(r, "FSYNC", front_fsync(r->f, o.nodeid, o.fh, false));
	WANT_SAME(r, 0, "bytes that have no place on the disk", (uint64_t)is_delayed(r));
}

static void fdatasyncs(struct check_run *r)
{
	struct opened o;

	WANT(dirty(r, &o));
	WANT_OK(r, "FSYNC with FDATASYNC", front_fsync(r->f, o.nodeid, o.fh, true));
	WANT_SAME(r, 0, "bytes that have no place on the disk", (uint64_t)is_delayed(r));
}

static void syncs_all(struct check_run *r)
{
	struct opened o;

	WANT(dirty(r, &o));
	WANT_OK(r, "SYNCFS of the root", front_syncfs(r->f, FRONT_ROOT));
	WANT_SAME(r, 0, "bytes that have no place on the disk", (uint64_t)is_delayed(r));
}

static void any_handle(struct check_run *r)
{
	static const uint32_t modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	struct say t;
	struct opened o;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		WANT(files_have(r, 100, modes[i], &o));
		(void)say(&t, "FSYNC by a handle of access mode %u", modes[i]);
		WANT_OK(r, t.text, front_fsync(r->f, o.nodeid, o.fh, false));
		WANT_OK(r, t.text, front_fsync(r->f, o.nodeid, o.fh, true));
	}
}

static void folder(struct check_run *r)
{
	struct fuse_open_out dir;

	WANT_OK(r, "OPENDIR", front_opendir(r->f, FRONT_ROOT, &dir));
	WANT_OK(r, "FSYNCDIR", front_fsyncdir(r->f, FRONT_ROOT, dir.fh, false));
	WANT_OK(r, "FSYNCDIR with FDATASYNC", front_fsyncdir(r->f, FRONT_ROOT, dir.fh, true));
}

static void flushes(struct check_run *r)
{
	struct opened o;
	uint8_t head[10];

	WANT(files_have(r, 100, O_RDWR, &o));
	host_bytes(head, 0, sizeof(head), FILES_SEED);
	for (uint64_t owner = 0; owner < 3; owner++) {
		WANT_OK(r, "FLUSH", front_flush(r->f, o.nodeid, o.fh, owner));
		WANT(files_read(r, &o, 0, sizeof(head), head, sizeof(head)));
		WANT(files_write(r, &o, 0, head, sizeof(head)));
	}
}

static void unlinked(struct check_run *r)
{
	struct opened o;

	WANT(files_have(r, 100, O_RDWR, &o));
	WANT(check_host(r, "unlink", host_unlink(r->share, "file")));
	WANT(files_write(r, &o, 0, "x", 1));
	WANT_OK(r, "FLUSH of a file without a name", front_flush(r->f, o.nodeid, o.fh, 1));
	WANT_OK(r, "FSYNC of a file without a name", front_fsync(r->f, o.nodeid, o.fh, false));
}

/* The table of both sides: whose handle it is does not matter to the host's fsync(). */
static void unknown_handles(struct check_run *r)
{
	const uint64_t fh = UINT64_C(0x7ffffffffffffff0);
	struct opened o;

	WANT(files_have(r, 100, O_RDWR, &o));
	WANT_NOT_KNOWN(r, "FSYNC of an unknown handle", front_fsync(r->f, o.nodeid, fh, false));
	WANT_NOT_KNOWN(r, "FLUSH of an unknown handle", front_flush(r->f, o.nodeid, fh, 1));
	WANT_NOT_KNOWN(r, "FSYNCDIR of an unknown handle",
		       front_fsyncdir(r->f, FRONT_ROOT, fh, false));
	WANT_ONE_OF(r, "SYNCFS of an unknown nodeid", front_syncfs(r->f, UINT64_MAX), NOT_KNOWN);
	WANT(check_alive(r));
}

/* clang-format off */
static const struct check checks[] = {
	{ "sync.fsync", "what FSYNC has answered is on the disk", "FUSE-FILE-004 VIRTIO-FS-DAX-015",
	  "WRITE of 64 KiB that the host keeps in memory; FSYNC",
	  "success; the host's file system has given all bytes a place",
	  "fsync-lost preload:fsync-lost", .run = fsyncs },
	{ "sync.fdatasync", "what FSYNC with FDATASYNC has answered is on the disk",
	  "FUSE-FILE-004 VIRTIO-FS-DAX-015",
	  "WRITE of 64 KiB that the host keeps in memory; FSYNC with FDATASYNC",
	  "success; the host's file system has given all bytes a place",
	  "fsync-lost preload:fdatasync-lost", .run = fdatasyncs },
	{ "sync.syncfs", "what SYNCFS has answered is on the disk", "FUSE-WB-008",
	  "WRITE of 64 KiB that the host keeps in memory; SYNCFS of the root",
	  "success; the host's file system has given all bytes a place",
	  "syncfs-lost preload:syncfs-lost", .run = syncs_all },
	{ "sync.any-handle", "FSYNC works by handles of every access mode", "FUSE-FILE-004",
	  "FSYNC with and without FDATASYNC by O_RDONLY, O_WRONLY and O_RDWR handles", "success",
	  "error:FSYNC:EBADF:after=2", .run = any_handle },
	{ "sync.folder", "FSYNCDIR works by the handle of OPENDIR", "FUSE-FILE-004",
	  "OPENDIR; FSYNCDIR with and without FDATASYNC", "success", "error:FSYNCDIR:EINVAL:after=1",
	  .run = folder },
	{ "sync.flush", "FLUSH is no RELEASE", "FUSE-FILE-004",
	  "FLUSH by three lock owners, READ and WRITE after each", "success for all",
	  "error:FLUSH:EIO:after=2 error:READ:EBADF:after=1", .run = flushes },
	{ "sync.unlinked", "a file without a name can be flushed and synced",
	  "FUSE-FILE-004 FUSE-FILE-010", "OPEN; the host unlinks the file; WRITE, FLUSH, FSYNC",
	  "success for all", "error:FSYNC:ENOENT error:FLUSH:ENOENT", .run = unlinked },
	{ "sync.unknown-handles", "what was never opened cannot be flushed or synced",
	  "VIRTIO-FS-SEC-011", "FSYNC, FLUSH, FSYNCDIR with an unknown handle; SYNCFS of an "
	  "unknown nodeid", "ESTALE, ENOENT or EBADF; the device goes on",
	  "error:FSYNC:EIO error:FLUSH:EIO exit-at:SYNCFS", .run = unknown_handles },
};
/* clang-format on */

const struct check_area area_sync = { "sync", "Flush and sync", checks, ARRAY_SIZE(checks) };
