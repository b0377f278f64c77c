// SPDX-License-Identifier: Apache-2.0
/* A host's disk that is full, and what it says of itself. The share is a file system of its own, of 1 MiB. */
#include "conformance/device/areas.h"
#include "conformance/device/files.h"

#include <sys/statvfs.h>

#define DISK_MAX (4 * MIB)
#define PIECE	 (96 * KIB + 1000)

/* Until the disk takes no more; what it has taken is in @data and *@ret_size. */
static bool fill(struct check_run *r, const struct opened *o, uint8_t *data, uint64_t *ret_size)
{
	uint64_t at = 0;

	host_bytes(data, 0, DISK_MAX, FILES_SEED);
	while (at + PIECE <= DISK_MAX) {
		uint32_t done = 0;
		int e = front_write(r->f, o->nodeid, o->fh, at, data + at, PIECE, &done);

		if (e == -ENOSPC)
			break;
		if (!check_ok(r, "WRITE of the next piece, or ENOSPC", e) ||
		    !check_range(r, 1, PIECE, "bytes written", done))
			return false;
		at += done;
	}
	*ret_size = at;
	return check_range(r, 1, DISK_MAX - PIECE, "bytes that a disk of 1 MiB took", at);
}

static void exact(struct check_run *r)
{
	CLEANUP(freep) uint8_t *data = malloc(DISK_MAX);
	struct opened o;
	uint64_t size;

	WANT(check_host(r, "memory", data ? 0 : -ENOMEM));
	WANT(files_have(r, 0, O_RDWR, &o));
	WANT(fill(r, &o, data, &size));
	WANT(files_hold(r, "file", data, size));
	WANT_ERROR(r, -ENOSPC, "WRITE of one more page",
		   front_write(r->f, o.nodeid, o.fh, 2 * DISK_MAX, data, 4096, NULL));
	WANT(files_hold(r, "file", data, size));
}

static void in_place(struct check_run *r)
{
	struct stat st;
	CLEANUP(freep) uint8_t *data = malloc(DISK_MAX);
	struct opened o;
	uint64_t size;

	WANT(check_host(r, "memory", data ? 0 : -ENOMEM));
	WANT(files_have(r, 0, O_RDWR, &o));
	WANT(fill(r, &o, data, &size));
	/* Only what is asked for here: the size is another check's. */
	WANT(check_host(r, "stat", host_stat(r->share, "file", &st)));
	memset(data, 'x', 8192);
	WANT(files_write(r, &o, 0, data, 8192));
	WANT(files_hold(r, "file", data, (size_t)st.st_size));
}

static void recovers(struct check_run *r)
{
	const struct fuse_setattr_in cut = { .valid = FATTR_SIZE };
	CLEANUP(freep) uint8_t *data = malloc(DISK_MAX);
	struct fuse_attr_out attr;
	struct opened o;
	uint64_t size;

	WANT(check_host(r, "memory", data ? 0 : -ENOMEM));
	WANT(files_have(r, 0, O_RDWR, &o));
	WANT(fill(r, &o, data, &size));
	WANT_OK(r, "SETATTR of size 0", front_setattr(r->f, o.nodeid, &cut, &attr));
	WANT(files_write(r, &o, 0, data, PIECE));
	WANT(files_hold(r, "file", data, PIECE));
}

static void allocate(struct check_run *r)
{
	struct opened o;
	int host;
	CLEANUP(fd_closep) int fd = -1;

	WANT(check_host(r, "make a file", host_fill(r->share, "twin", 100, FILES_SEED)));
	WANT(files_have(r, 100, O_RDWR, &o));
	fd = files_fd(r, "twin", O_WRONLY);
	if (fd < 0)
		return;
	host = fallocate(fd, 0, 0, DISK_MAX) < 0 ? -errno : 0;
	WANT_ONE_OF(r, "FALLOCATE of 4 MiB on a disk of 1 MiB",
		    front_fallocate(r->f, o.nodeid, o.fh, 0, DISK_MAX, 0), host, -ENOSYS,
		    -EOPNOTSUPP);
	WANT(files_keep(r, 100));
}

static bool same_figures(struct check_run *r, const struct fuse_kstatfs *st, const char *share)
{
	struct statvfs v;

	return check_host(r, "statvfs", statvfs(share, &v) < 0 ? -errno : 0) &&
	       check_same(r, v.f_blocks, "blocks", st->blocks) &&
	       check_same(r, v.f_bfree, "bfree", st->bfree) &&
	       check_same(r, v.f_bavail, "bavail", st->bavail) &&
	       check_same(r, v.f_files, "files", st->files) &&
	       check_same(r, v.f_ffree, "ffree", st->ffree) &&
	       check_same(r, v.f_bsize, "bsize", st->bsize) &&
	       check_same(r, v.f_frsize, "frsize", st->frsize) &&
	       check_same(r, v.f_namemax, "namelen", st->namelen);
}

static void figures(struct check_run *r)
{
	struct fuse_statfs_out out;
	struct opened o;
	uint64_t dir;

	WANT(check_host(r, "make a folder", host_mkdir(r->share, "dir", 0755)));
	WANT(node_of(r, "dir", &dir));
	for (size_t size = 0; size < 400000; size += 100000) {
		WANT(files_have(r, size, O_RDONLY, &o));
		WANT_OK(r, "STATFS of the root", front_statfs(r->f, FRONT_ROOT, &out));
		WANT(same_figures(r, &out.st, r->share));
		WANT_OK(r, "STATFS of a file", front_statfs(r->f, o.nodeid, &out));
		WANT(same_figures(r, &out.st, r->share));
		WANT_OK(r, "STATFS of a folder", front_statfs(r->f, dir, &out));
		WANT(same_figures(r, &out.st, r->share));
	}
}

static void unknown_node(struct check_run *r)
{
	struct fuse_statfs_out out;

	WANT_ONE_OF(r, "STATFS of a nodeid that was never given",
		    front_statfs(r->f, UINT64_MAX, &out), NOT_KNOWN);
	WANT(check_alive(r));
}

/* clang-format off */
static const struct check checks[] = {
	{ "disk.full-exact", "what WRITE says of a full disk is what the disk has", "FUSE-FILE-003",
	  "WRITE of pieces of 97.6 KiB until the disk is full",
	  "success with as many bytes as the host's file grew, then ENOSPC; no byte is lost",
	  "write-whole write-lost error:WRITE:EIO:after=5", .options = CHECK_SMALL_DISK, .run = exact },
	{ "disk.full-in-place", "on a full disk what is there can be overwritten", "FUSE-FILE-003",
	  "WRITE of 8192 bytes at 0 of the file that fills the disk", "success; the bytes are there",
	  "write-shifted write-lost", .options = CHECK_SMALL_DISK, .run = in_place },
	{ "disk.full-recovers", "a disk that has room again takes bytes again", "FUSE-FILE-003",
	  "fill the disk; SETATTR of size 0; WRITE", "success; the bytes are there",
	  "size-lost preload:truncate-lost", .options = CHECK_SMALL_DISK, .run = recovers },
	{ "disk.full-allocate", "FALLOCATE of more than the disk has changes nothing",
	  "FUSE-FILE-005", "FALLOCATE of 4 MiB on a disk of 1 MiB",
	  "the host's error, ENOSPC; the file is as it was", "fallocate-lost",
	  .options = CHECK_SMALL_DISK, .run = allocate },
	{ "disk.statfs", "STATFS answers what the host's file system says", "FUSE-FILE-008",
	  "STATFS of the root, of a file, of a folder, while the host fills the disk",
	  "all eight figures are the host's", "statfs-zero preload:statfs-zero",
	  .options = CHECK_SMALL_DISK, .run = figures },
	{ "disk.statfs-unknown-node", "STATFS of a nodeid that was never given is refused",
	  "VIRTIO-FS-SEC-011", "STATFS of nodeid 2^64 - 1", "ESTALE, ENOENT or EBADF",
	  "error:STATFS:EIO", .run = unknown_node },
};
/* clang-format on */

const struct check_area area_disk = { "disk", "Full disks", checks, ARRAY_SIZE(checks) };
