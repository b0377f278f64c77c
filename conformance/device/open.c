// SPDX-License-Identifier: Apache-2.0
/* OPEN: what each flag does, and what is no file. */
#include "conformance/device/areas.h"
#include "conformance/device/files.h"
#include "conformance/device/process.h"

#include <sys/sysmacros.h>

#define BYTES 10000
#define HEAD  100

/* The first bytes of "file" come by that handle. */
static bool reads(struct check_run *r, const struct opened *o)
{
	uint8_t head[HEAD];

	host_bytes(head, 0, HEAD, FILES_SEED);
	return files_read(r, o, 0, HEAD, head, HEAD);
}

static void access_modes(struct check_run *r)
{
	static const uint32_t modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	struct opened o;
	uint8_t byte = host_byte(0, FILES_SEED);
	uint8_t seen;
	struct say t;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		WANT(files_have(r, BYTES, modes[i], &o));
		(void)say(&t, "READ by a handle of access mode %u", modes[i]);
		/* A device may open more than it was asked for, to serve a cache that writes back. */
		if (modes[i] == O_WRONLY)
			WANT_ONE_OF(r, t.text, front_read(r->f, o.nodeid, o.fh, 0, &seen, 1, NULL),
				    0, -EBADF, -EACCES);
		else
			WANT(reads(r, &o));
		if (modes[i] == O_RDONLY)
			WANT_ONE_OF(r, "WRITE by a handle of access mode O_RDONLY",
				    front_write(r->f, o.nodeid, o.fh, 0, "x", 1, NULL), -EBADF,
				    -EACCES);
		else
			WANT(files_write(r, &o, 0, &byte, 1));
		WANT(files_keep(r, BYTES));
	}
}

static void truncates(struct check_run *r)
{
	static const uint32_t modes[] = { O_WRONLY, O_RDWR };
	struct opened o;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		WANT(files_have(r, BYTES, modes[i], &o));
		WANT(files_keep(r, BYTES));
		WANT_OK(r, "OPEN with O_TRUNC", files_open(r, "file", modes[i] | O_TRUNC, &o));
		WANT(files_size(r, "file", 0));
		WANT(files_write(r, &o, 0, "new", 3));
		WANT(files_hold(r, "file", "new", 3));
	}
}

/* The client that was not promised O_TRUNC says itself what shall be cut. */
static void truncates_by_setattr(struct check_run *r)
{
	struct fuse_setattr_in in = { .valid = FATTR_SIZE | FATTR_FH };
	struct fuse_attr_out attr;
	struct fuse_init_out init;
	struct opened o;

	WANT_OK(r, "INIT without ATOMIC_O_TRUNC",
		front_init_with(r->f, FUSE_KERNEL_VERSION, 38,
				front_init_flags & ~(uint64_t)FUSE_ATOMIC_O_TRUNC, &init));
	WANT_SAME(r, 0, "ATOMIC_O_TRUNC in the reply", init.flags & FUSE_ATOMIC_O_TRUNC);
	WANT(files_have(r, BYTES, O_WRONLY, &o));
	in.fh = o.fh;
	WANT_OK(r, "SETATTR of size 0", front_setattr(r->f, o.nodeid, &in, &attr));
	WANT_SAME(r, 0, "size in the answer", attr.attr.size);
	WANT(files_size(r, "file", 0));
}

/* What Linux leaves in the flags of OPEN: it takes O_CREAT, O_EXCL and O_NOCTTY away, no others. */
static void flags_of_linux(struct check_run *r)
{
	static const uint32_t flags[] = { O_NOFOLLOW, O_NONBLOCK, O_SYNC,
					  O_DSYNC,    O_NOATIME,  O_LARGEFILE | 0100000,
					  O_ASYNC,    O_APPEND };
	struct opened o;
	struct say t;

	WANT(files_have(r, BYTES, O_RDONLY, &o));
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		WANT_OK(r, say(&t, "OPEN with flags 0x%x", flags[i]),
			files_open(r, "file", O_RDWR | flags[i], &o));
		WANT(reads(r, &o));
		WANT(files_release(r, &o));
	}
	WANT(files_keep(r, BYTES));
}

/* Never sent by Linux: refused or ignored, but nothing may come of it. */
static void odd_flags(struct check_run *r, const uint32_t *flags, size_t count)
{
	struct say t;
	uint64_t before, now;
	struct opened o;
	uint8_t byte;

	WANT(files_have(r, BYTES, O_RDONLY, &o));
	WANT(check_host(r, "digest", host_digest(r->share, &before)));
	for (size_t i = 0; i < count; i++) {
		int e = files_open(r, "file", flags[i], &o);

		WANT_ONE_OF(r, say(&t, "OPEN with flags 0x%x", flags[i]), e, 0, -EINVAL, -EEXIST,
			    -ENOTDIR, -EACCES, -EPERM, -EISDIR, -EOPNOTSUPP);
		if (e == 0) {
			WANT_ONE_OF(r, "READ by that handle",
				    front_read(r->f, o.nodeid, o.fh, 0, &byte, 1, NULL), 0, -EBADF);
			WANT(files_release(r, &o));
		}
	}
	WANT(check_host(r, "digest", host_digest(r->share, &now)));
	WANT_THAT(r, before == now, "nothing in the share changes", "it has changed");
	WANT(check_alive(r));
}

static void create_inside(struct check_run *r)
{
	static const uint32_t flags[] = { O_RDWR | O_CREAT, O_RDONLY | O_CREAT | O_EXCL };

	odd_flags(r, flags, ARRAY_SIZE(flags));
}

static void unknown_flags(struct check_run *r)
{
	static const uint32_t flags[] = { 0x80000000U, 0x40000000U,	   0x01000000U, O_ACCMODE,
					  O_DIRECTORY, O_TMPFILE | O_RDWR, O_PATH };

	odd_flags(r, flags, ARRAY_SIZE(flags));
}

static void direct_stripped(struct check_run *r)
{
	uint8_t part[3];
	struct opened o;

	WANT(files_have(r, BYTES, O_RDWR | O_DIRECT, &o));
	host_bytes(part, 1, sizeof(part), FILES_SEED);
	WANT(files_read(r, &o, 1, sizeof(part), part, sizeof(part)));
	WANT(files_write(r, &o, 1, part, sizeof(part)));
	WANT(files_keep(r, BYTES));
	WANT_SAME(r, 0, "descriptors of the device with O_DIRECT",
		  check_daemon_pid(r) ? process_descriptors((pid_t)check_daemon_pid(r), O_DIRECT)
				      : 0);
}

/* No READ: what the host wants of addresses and sizes then is the driver's business. */
static void direct_allowed(struct check_run *r)
{
	struct opened o;
	CLEANUP(fd_closep) int fd = -1;

	NEED(r, check_daemon_pid(r) != 0, "a daemon that this program has started");
	WANT(check_host(r, "make a file", host_fill(r->share, "file", BYTES, FILES_SEED)));
	fd = host_open(r->share, "file", O_RDWR | O_DIRECT, 0);
	NEED(r, fd >= 0, "a host's file system with O_DIRECT");
	WANT_SAME(r, 0, "descriptors of the device with O_DIRECT before",
		  process_descriptors((pid_t)check_daemon_pid(r), O_DIRECT));
	WANT_OK(r, "OPEN with O_DIRECT", files_open(r, "file", O_RDWR | O_DIRECT, &o));
	WANT_RANGE(r, 1, 2, "descriptors of the device with O_DIRECT",
		   process_descriptors((pid_t)check_daemon_pid(r), O_DIRECT));
	WANT(files_release(r, &o));
}

static void folder(struct check_run *r)
{
	static const uint32_t modes[] = { O_WRONLY, O_RDWR };
	struct fuse_open_out open;
	uint64_t node;

	WANT(check_host(r, "make a folder", host_mkdir(r->share, "dir", 0755)));
	WANT(node_of(r, "dir", &node));
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		WANT_ONE_OF(r, "OPEN of a folder to write",
			    front_open_file(r->f, node, modes[i], &open), -EISDIR);
	WANT(check_alive(r));
}

static void link_not_followed(struct check_run *r)
{
	struct fuse_open_out open;
	uint64_t node;

	WANT(check_host(r, "make a link", host_symlink(r->share, "link", "../outside/secret")));
	WANT(node_of(r, "link", &node));
	WANT_ONE_OF(r, "OPEN of a link", front_open_file(r->f, node, O_RDWR | O_TRUNC, &open),
		    -ELOOP, -EBADF);
	WANT(check_alive(r));
}

/* Of what a guest's kernel opens by itself. A driver that asks anyway must not stop the device. */
static void special(struct check_run *r)
{
	static const struct {
		const char *name;
		mode_t type;
	} files[] = { { "fifo", S_IFIFO }, { "socket", S_IFSOCK } };
	struct fuse_open_out open;
	uint64_t node;
	char path[512];
	struct say t;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", r->share, files[i].name);
		WANT_HOST(r, "make a special file", mknod(path, files[i].type | 0644, 0));
		WANT(node_of(r, files[i].name, &node));
		WANT_ONE_OF(r, say(&t, "OPEN of a %s", files[i].name),
			    front_open_file(r->f, node, O_RDONLY, &open), -ENXIO, -EINVAL, -EBADF);
	}
	WANT(check_alive(r));
}

static void device_node(struct check_run *r)
{
	struct fuse_open_out open;
	uint64_t node;
	char path[512];
	int e;

	(void)snprintf(path, sizeof(path), "%s/zero", r->share);
	e = mknod(path, S_IFCHR | 0666, makedev(1, 5));
	NEED(r, e == 0, "a host where devices can be made");
	WANT(node_of(r, "zero", &node));
	WANT_ONE_OF(r, "OPEN of a device of the host", front_open_file(r->f, node, O_RDWR, &open),
		    -ENXIO, -EINVAL, -EBADF, -EACCES, -EPERM);
	WANT(check_alive(r));
}

static void unknown_node(struct check_run *r)
{
	static const uint64_t nodes[] = { 0, 0x7fffffff, UINT64_C(1) << 32, UINT64_MAX };
	struct fuse_open_out open;
	struct say t;

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		WANT_ONE_OF(r, say(&t, "OPEN of nodeid %llu", (unsigned long long)nodes[i]),
			    front_open_file(r->f, nodes[i], O_RDONLY, &open), NOT_KNOWN);
	WANT(check_alive(r));
}

/* The name is another file's by now; the nodeid is not. */
static void replaced(struct check_run *r)
{
	char from[512], to[512];
	struct opened o;
	struct fuse_open_out open;

	WANT(files_have(r, BYTES, O_RDONLY, &o));
	WANT(check_host(r, "make another", host_fill(r->share, "other", BYTES, 7)));
	(void)snprintf(from, sizeof(from), "%s/other", r->share);
	(void)snprintf(to, sizeof(to), "%s/file", r->share);
	WANT_HOST(r, "rename", rename(from, to));
	WANT_OK(r, "OPEN of the file that was replaced",
		front_open_file(r->f, o.nodeid, O_RDONLY, &open));
	o.fh = open.fh;
	WANT(reads(r, &o));
}

/* clang-format off */
static const struct check checks[] = {
	{ "open.access-modes",
	  "a handle reads and writes as its access mode says",
	  "FUSE-FILE-001",
	  "OPEN with O_RDONLY, O_WRONLY, O_RDWR, then READ and WRITE by each",
	  "what was asked for works; WRITE by an O_RDONLY handle is EBADF and "
	  "writes nothing",
	  "access-ignored", .run = access_modes },
	{ "open.truncates",
	  "with ATOMIC_O_TRUNC, OPEN with O_TRUNC empties the file",
	  "FUSE-OPEN-007",
	  "INIT with ATOMIC_O_TRUNC; OPEN with O_WRONLY | O_TRUNC and O_RDWR | O_TRUNC",
	  "an empty file on the host at once, that can be written",
	  "trunc-ignored preload:open-no-trunc", .init = FUSE_ATOMIC_O_TRUNC, .run = truncates },
	{ "open.truncates-by-setattr",
	  "without ATOMIC_O_TRUNC, SETATTR empties what was opened",
	  "FUSE-OPEN-007",
	  "INIT without ATOMIC_O_TRUNC; OPEN with O_WRONLY; SETATTR of size 0 by its "
	  "handle",
	  "the flag is not in the reply; an empty file on the host",
	  "size-lost preload:truncate-lost", .start = CHECK_RINGS, .run = truncates_by_setattr },
	{ "open.flags-of-linux",
	  "flags of open(2) that Linux passes on do no harm",
	  "FUSE-FILE-001",
	  "OPEN with each of O_NOFOLLOW, O_NONBLOCK, O_SYNC, O_DSYNC, O_NOATIME, "
	  "O_LARGEFILE, O_ASYNC, O_APPEND; READ",
	  "success, the file's bytes",
	  "nofollow-passed", .run = flags_of_linux },
	{ "open.create-inside",
	  "O_CREAT and O_EXCL in OPEN are refused or ignored",
	  "VIRTIO-FS-SEC-010",
	  "OPEN of a file with O_RDWR | O_CREAT and O_CREAT | O_EXCL",
	  "success or EINVAL, EEXIST, EPERM; nothing in the share changes, the device "
	  "goes on",
	  "exit-at:OPEN:after=1", .run = create_inside },
	{ "open.unknown-flags",
	  "flags that OPEN has no use for are refused or ignored",
	  "VIRTIO-FS-SEC-010",
	  "OPEN with bits 31, 30, 24, with access mode 3, O_DIRECTORY, O_TMPFILE, O_PATH",
	  "a handle, or an error that says why; nothing in the share changes, the "
	  "device goes on",
	  "exit-at:OPEN:after=5", .run = unknown_flags },
	{ "open.direct-stripped",
	  "without direct I/O on the host, O_DIRECT changes no byte",
	  "FUSE-DIO-002 MODE-DIO-001",
	  "OPEN with O_RDWR | O_DIRECT; READ and WRITE of 3 bytes at 1",
	  "success, the file's bytes; no descriptor of the device has O_DIRECT",
	  "direct-passed", .options = CHECK_DEFAULTS, .run = direct_stripped },
	{ "open.direct-allowed",
	  "with direct I/O allowed, O_DIRECT reaches the host",
	  "MODE-DIO-001",
	  "OPEN with O_RDWR | O_DIRECT",
	  "success; a descriptor of the device has O_DIRECT",
	  "error:OPEN:EINVAL preload:open-no-direct", .options = CHECK_DIRECT_IO, .run = direct_allowed },
	{ "open.folder",
	  "a folder is not opened to write",
	  "FUSE-FILE-001",
	  "OPEN of a folder with O_WRONLY and with O_RDWR",
	  "EISDIR",
	  "error:OPEN:EIO", .run = folder },
	{ "open.link",
	  "OPEN of a link does not open what it points to",
	  "VIRTIO-FS-SEC-006",
	  "OPEN with O_RDWR | O_TRUNC of a link to a file outside of the share",
	  "ELOOP or EBADF; the file is as it was",
	  "error:OPEN:EIO preload:open-follow", .run = link_not_followed },
	{ "open.special-file",
	  "OPEN of a FIFO or socket ends with an error and blocks nothing",
	  "VIRTIO-FS-SEC-014",
	  "OPEN with O_RDONLY of a FIFO without a writer, and of a socket",
	  "an error such as ENXIO or EINVAL, and at once; then GETATTR is served",
	  "error:OPEN:EIO delay:OPEN:30000",
	  .front = &(const struct front_options){ .timeout_ms = 2000 }, .run = special },
	{ "open.device-node",
	  "OPEN never gives a guest a device of the host",
	  "VIRTIO-FS-SEC-014 BUG-02",
	  "OPEN with O_RDWR of a character device in the share",
	  "an error such as ENXIO, EACCES or EBADF",
	  "error:OPEN:EIO", .run = device_node },
	{ "open.unknown-node",
	  "OPEN of a nodeid that was never given is refused",
	  "VIRTIO-FS-SEC-011",
	  "OPEN of nodeids 0, 2^31 - 1, 2^32, 2^64 - 1",
	  "ESTALE, ENOENT or EBADF",
	  "error:OPEN:EIO", .run = unknown_node },
	{ "open.replaced-file",
	  "OPEN of a nodeid is of its own file, even when its name is another's",
	  "MULTI-011 BUG-44",
	  "LOOKUP and OPEN of a file; the host renames another over it; OPEN of the old "
	  "nodeid, READ",
	  "success, the bytes of the old file",
	  "error:OPEN:ESTALE:after=1", .run = replaced },
};
/* clang-format on */

const struct check_area area_open = { "open", "Opening files", checks, ARRAY_SIZE(checks) };
