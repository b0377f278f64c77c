// SPDX-License-Identifier: Apache-2.0
/* SETATTR of a size. */
#include "conformance/device/areas.h"
#include "conformance/device/files.h"

#define BYTES 10000

static int resize(struct check_run *r, const struct opened *o, uint64_t size, uint32_t more,
		  struct fuse_attr_out *ret)
{
	const struct fuse_setattr_in in = { .valid = FATTR_SIZE | more, .size = size, .fh = o->fh };

	return front_setattr(r->f, o->nodeid, &in, ret);
}

static void sizes(struct check_run *r, uint32_t more)
{
	static const uint32_t list[] = { 9999, 5000, 4097, 4096, 4095, 1, 0, 1, 8192, 50000, 12 };
	static uint8_t model[64 * KIB];
	struct fuse_attr_out attr;
	struct say t;
	struct opened o;
	size_t size = BYTES;

	WANT(files_have(r, BYTES, O_RDWR, &o));
	memset(model, 0, sizeof(model));
	host_bytes(model, 0, BYTES, FILES_SEED);
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		(void)say(&t, "SETATTR of size %u", list[i]);
		WANT_OK(r, t.text, resize(r, &o, list[i], more, &attr));
		WANT_SAME(r, list[i], t.text, attr.attr.size);
		if (list[i] < size)
			memset(model + list[i], 0, size - list[i]);
		size = list[i];
		WANT(files_hold(r, "file", model, size));
	}
}

static void by_node(struct check_run *r)
{
	sizes(r, 0);
}

static void by_handle(struct check_run *r)
{
	sizes(r, FATTR_FH);
}

static void other_bits(struct check_run *r)
{
	sizes(r, FATTR_FH | FATTR_LOCKOWNER);
}

static void read_only_handle(struct check_run *r)
{
	struct fuse_attr_out attr;
	struct opened o;
	int e;

	WANT(files_have(r, BYTES, O_RDONLY, &o));
	e = resize(r, &o, 10, FATTR_FH, &attr);
	WANT_ONE_OF(r, "SETATTR of a size by an O_RDONLY handle", e, 0, -EBADF, -EINVAL, -EACCES);
	WANT(files_keep(r, e == 0 ? 10 : BYTES));
}

static void beyond(struct check_run *r)
{
	static const uint64_t list[] = { UINT64_C(1) << 63, UINT64_MAX, UINT64_MAX - 4095 };
	struct fuse_attr_out attr;
	struct say t;
	struct opened o;

	WANT(files_have(r, BYTES, O_RDWR, &o));
	for (size_t i = 0; i < 2 * ARRAY_SIZE(list); i++) {
		uint64_t size = list[i / 2];

		WANT_ONE_OF(r, say(&t, "SETATTR of size 0x%llx", (unsigned long long)size),
			    resize(r, &o, size, i % 2 ? FATTR_FH : 0, &attr), -EFBIG, -EINVAL,
			    -EOVERFLOW);
	}
	WANT(files_keep(r, BYTES));
	WANT(check_alive(r));
}

static void as_host(struct check_run *r)
{
	static const uint64_t list[] = { UINT64_C(1) << 33, UINT64_C(1) << 43,
					 (UINT64_C(1) << 44) + 1, INT64_MAX };
	struct fuse_attr_out attr;
	struct say t;
	struct opened o;
	CLEANUP(fd_closep) int fd = -1;

	WANT(check_host(r, "make a file", host_fill(r->share, "twin", 100, FILES_SEED)));
	WANT(files_have(r, 100, O_RDWR, &o));
	fd = files_fd(r, "twin", O_WRONLY);
	if (fd < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		int host = ftruncate(fd, (off_t)list[i]) < 0 ? -errno : 0;
		struct stat st;

		WANT_ERROR(r, host,
			   say(&t, "SETATTR of size 0x%llx, as the host answers",
			       (unsigned long long)list[i]),
			   resize(r, &o, list[i], FATTR_FH, &attr));
		WANT(check_host(r, "stat", host_stat(r->share, "twin", &st)));
		WANT(files_size(r, "file", (uint64_t)st.st_size));
	}
}

static void no_file(struct check_run *r)
{
	static const char *const names[] = { "dir", "link", "fifo" };
	struct fuse_attr_out attr;
	struct say t;
	char path[512];

	WANT(check_host(r, "make a folder", host_mkdir(r->share, "dir", 0755)));
	WANT(check_host(r, "make a link", host_symlink(r->share, "link", "../outside/secret")));
	(void)snprintf(path, sizeof(path), "%s/fifo", r->share);
	WANT_HOST(r, "make a FIFO", mkfifo(path, 0644));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct opened o = { .fh = 0 };

		WANT(node_of(r, names[i], &o.nodeid));
		WANT_ONE_OF(r, say(&t, "SETATTR of a size of a %s", names[i]),
			    resize(r, &o, 0, 0, &attr), -EISDIR, -EINVAL, -ELOOP, -EBADF);
	}
	WANT(check_alive(r));
}

static void unknown_handle(struct check_run *r)
{
	struct fuse_attr_out attr;
	struct opened o;

	WANT(files_have(r, BYTES, O_RDWR, &o));
	o.fh = UINT64_C(0x7ffffffffffffff0);
	WANT_NOT_KNOWN(r, "SETATTR of a size by an unknown handle",
		       resize(r, &o, 10, FATTR_FH, &attr));
	o.nodeid = UINT64_MAX;
	WANT_ONE_OF(r, "SETATTR of a size of an unknown nodeid", resize(r, &o, 10, 0, &attr),
		    NOT_KNOWN);
	WANT(files_keep(r, BYTES));
}

static void seen_by_others(struct check_run *r)
{
	static const uint8_t zero[100];
	struct fuse_attr_out attr;
	struct opened writer, reader;

	WANT(files_have(r, BYTES, O_RDWR, &writer));
	WANT_OK(r, "OPEN again", files_open(r, "file", O_RDONLY, &reader));
	WANT_OK(r, "SETATTR of size 4096", resize(r, &writer, 4096, FATTR_FH, &attr));
	WANT(files_read(r, &reader, 4096, 100, NULL, 0));
	WANT_OK(r, "SETATTR of size 8192", resize(r, &writer, 8192, FATTR_FH, &attr));
	WANT(files_read(r, &reader, 4096, 100, zero, sizeof(zero)));
}

static void new_time(struct check_run *r)
{
	const struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
	struct fuse_attr_out attr;
	struct opened o;
	CLEANUP(fd_closep) int fd = -1;

	WANT(check_host(r, "make a file", host_fill(r->share, "file", BYTES, FILES_SEED)));
	fd = files_fd(r, "file", O_WRONLY);
	if (fd < 0)
		return;
	WANT_HOST(r, "set the times", futimens(fd, old));
	WANT_OK(r, "LOOKUP and OPEN", files_open(r, "file", O_RDWR, &o));
	WANT_OK(r, "GETATTR", front_getattr(r->f, o.nodeid, NULL, &attr));
	WANT_OK(r, "SETATTR of size 10", resize(r, &o, 10, FATTR_FH, &attr));
	WANT_RANGE(r, 1001, UINT64_MAX, "mtime in its answer", attr.attr.mtime);
}

/* clang-format off */
static const struct check checks[] = {
	{ "truncate.by-node", "SETATTR of a size cuts and extends with zeros", "FUSE-FILE-009",
	  "SETATTR of 11 sizes from 0 to 50000 without a handle",
	  "that size in the answer; the host's file is cut, and grows by zeros",
	  "size-lost attr-size preload:truncate-lost preload:truncate-off", .run = by_node },
	{ "truncate.by-handle", "SETATTR of a size by a handle cuts and extends with zeros",
	  "FUSE-FILE-009", "SETATTR of 11 sizes from 0 to 50000 by an O_RDWR handle",
	  "that size in the answer; the host's file is cut, and grows by zeros",
	  "size-lost attr-size preload:truncate-lost preload:truncate-off", .run = by_handle },
	{ "truncate.lock-owner", "FATTR_LOCKOWNER beside a size does no harm", "FUSE-FILE-009",
	  "SETATTR of 11 sizes with FATTR_FH and FATTR_LOCKOWNER, as Linux sends it",
	  "as without it", "size-lost error:SETATTR:EINVAL", .run = other_bits },
	{ "truncate.read-only-handle", "SETATTR of a size by an O_RDONLY handle does it or refuses",
	  "FUSE-FILE-009", "SETATTR of size 10 by an O_RDONLY handle",
	  "success and 10 bytes, or EBADF, EINVAL, EACCES and the file as it was", "size-lost",
	  .run = read_only_handle },
	{ "truncate.beyond-sizes", "SETATTR of what is no size harms nobody",
	  "VIRTIO-FS-SEC-010 FUSE-FILE-009", "SETATTR of sizes 2^63, 2^64 - 4096, 2^64 - 1",
	  "EFBIG, EINVAL or EOVERFLOW; the file is as it was, the device goes on",
	  "exit-at:SETATTR error:SETATTR:EIO", .run = beyond },
	{ "truncate.as-host", "SETATTR of a large size is what the host makes of it", "FUSE-FILE-009",
	  "SETATTR of sizes 2^33, 2^43, 2^44 + 1, 2^63 - 1",
	  "what the host's ftruncate() does with another file: success or EFBIG, and the same size",
	  "size-lost error:SETATTR:EFBIG", .run = as_host },
	{ "truncate.no-file", "SETATTR of a size of what has none is refused and blocks nothing",
	  "FUSE-FILE-009 VIRTIO-FS-SEC-006",
	  "SETATTR of size 0 of a folder, of a link out of the share, of a FIFO",
	  "an error such as EISDIR or EINVAL, at once; what the link points to is as it was",
	  "error:SETATTR:EIO", .front = &(const struct front_options){ .timeout_ms = 2000 },
	  .run = no_file },
	{ "truncate.unknown-handle", "SETATTR by what was never opened is refused",
	  "VIRTIO-FS-SEC-011", "SETATTR of size 10 by an unknown handle, and of an unknown nodeid",
	  "ESTALE, ENOENT or EBADF; the file is as it was", "error:SETATTR:EIO",
	  .run = unknown_handle },
	{ "truncate.seen-by-others", "what one handle cuts off no other handle reads",
	  "FUSE-FILE-009 FUSE-FILE-002",
	  "two OPENs; SETATTR of size 4096 and 8192 by one, READ at 4096 by the other",
	  "no data, then zeros", "size-lost read-zeros", .run = seen_by_others },
	{ "truncate.new-time", "SETATTR of a size sets the modification time", "FUSE-FILE-009 FUSE-ATTR-011",
	  "the host sets an old time; SETATTR of size 10", "a new mtime in the answer",
	  "size-lost attr-mtime preload:stat-stale", .run = new_time },
};
/* clang-format on */

const struct check_area area_truncate = { "truncate", "Sizes", checks, ARRAY_SIZE(checks) };
