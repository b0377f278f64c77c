// SPDX-License-Identifier: Apache-2.0
/* FIFOs, sockets, device nodes: entries like any other, which the device never opens. */
#include "conformance/device/areas.h"
#include "conformance/device/tree.h"

/* The kernel's encoding of a device number in FUSE: new_encode_dev(). */
static uint32_t wire_dev(unsigned major_, unsigned minor_)
{
	return minor_ % 256 | major_ << 8 | (minor_ & ~0xffU) << 12;
}

static void mknod_plain(struct check_run *r)
{
	static const uint32_t modes[] = { S_IFREG | 0640, S_IFIFO | 0600, S_IFSOCK | 0755 };

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct fuse_entry_out e;
		char name[16];

		(void)snprintf(name, sizeof(name), "node-%zu", i);
		WANT_OK(r, "MKNOD", front_mknod(r->f, FRONT_ROOT, name, modes[i], 0, &e));
		WANT_SAME(r, modes[i], "mode of the entry", e.attr.mode);
		WANT(agrees(r, name, &e.attr, true));
	}
}

static void mknod_device(struct check_run *r)
{
	static const struct {
		uint32_t mode;
		unsigned major_;
		unsigned minor_;
	} nodes[] = { { S_IFCHR | 0600, 1, 3 },
		      { S_IFBLK | 0600, 259, 0 },
		      { S_IFCHR | 0600, 4095, 1048575 },
		      { S_IFBLK | 0640, 8, 300 } };

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		struct fuse_entry_out e;
		struct stat st;
		char name[16];
		int result;

		(void)snprintf(name, sizeof(name), "node-%zu", i);
		result = front_mknod(r->f, FRONT_ROOT, name, nodes[i].mode,
				     wire_dev(nodes[i].major_, nodes[i].minor_), &e);
		/* To refuse all of them is allowed. */
		WANT_ONE_OF(r, "MKNOD of a device node", result, 0, -EPERM, -EACCES);
		WANT_SAME(r, result == 0, "whether there is a node on the host",
			  host_exists(r->share, name));
		if (result != 0)
			continue;
		HOST(r, "stat", host_stat(r->share, name, &st));
		WANT_SAME(r, nodes[i].major_, "major number on the host", major(st.st_rdev));
		WANT_SAME(r, nodes[i].minor_, "minor number on the host", minor(st.st_rdev));
		WANT(agrees(r, name, &e.attr, true));
	}
}

static void mknod_wrong(struct check_run *r)
{
	static const uint32_t modes[] = { S_IFLNK | 0777, S_IFMT | 0644, 0030000 | 0644 };

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct fuse_entry_out e;

		WANT_ONE_OF(r, "MKNOD of a link, or a type that does not exist",
			    front_mknod(r->f, FRONT_ROOT, "node", modes[i], 0, &e), -EPERM,
			    -EINVAL);
		WANT_THAT(r, !host_exists(r->share, "node"), "no entry", "there is one");
	}
}

static void mknod_exists(struct check_run *r)
{
	struct fuse_entry_out e;
	struct stat st;

	HOST(r, "make a file", host_write(r->share, "file", "abc", 3));
	WANT_ERROR(r, -EEXIST, "MKNOD of a name that is there",
		   front_mknod(r->f, FRONT_ROOT, "file", S_IFIFO | 0600, 0, &e));
	HOST(r, "stat", host_stat(r->share, "file", &st));
	WANT_SAME(r, 3, "size of the file", (uint64_t)st.st_size);
}

/* What must not be opened: nobody writes to the FIFO, and a device is the host's. */
static void never_opened(struct check_run *r, const char *name, mode_t mode, dev_t dev)
{
	static const uint32_t flags[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDONLY | O_NONBLOCK,
					  O_WRONLY | O_TRUNC };
	struct fuse_entry_out e;

	HOST(r, "make a node", tree_node(r->share, name, mode, dev));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, name, &e));
	WANT(agrees(r, name, &e.attr, true));
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct fuse_open_out open;
		struct say t;
		int result = front_open_file(r->f, e.nodeid, flags[i], &open);

		WANT(fails(r, say(&t, "OPEN of \"%s\" with flags 0%o", name, flags[i]), result));
	}
	WANT(check_alive(r));
}

static void open_fifo(struct check_run *r)
{
	never_opened(r, "fifo", S_IFIFO | 0666, 0);
}

static void open_socket(struct check_run *r)
{
	never_opened(r, "socket", S_IFSOCK | 0666, 0);
}

static void open_device(struct check_run *r)
{
	NEED(r, geteuid() == 0, "a host on which device nodes can be made");
	never_opened(r, "null", S_IFCHR | 0666, makedev(1, 3));
	if (r->verdict == CHECK_UNSET)
		never_opened(r, "loop", S_IFBLK | 0666, makedev(7, 0));
}

static void create_over(struct check_run *r)
{
	static const uint32_t flags[] = { O_RDWR | O_CREAT, O_WRONLY | O_CREAT,
					  O_WRONLY | O_CREAT | O_TRUNC };

	HOST(r, "make a FIFO", tree_node(r->share, "fifo", S_IFIFO | 0666, 0));
	if (geteuid() == 0)
		HOST(r, "make a node", tree_node(r->share, "null", S_IFCHR | 0666, makedev(1, 3)));
	for (size_t i = 0; i < 2 * ARRAY_SIZE(flags); i++) {
		const char *name = i % 2 ? "null" : "fifo";
		struct fuse_entry_out e;
		struct fuse_open_out open;
		struct say t;
		int result;

		if (!host_exists(r->share, name))
			continue;
		result = front_create(r->f, FRONT_ROOT, name, flags[i / 2], 0644, &e, &open);
		WANT(fails(r, say(&t, "CREATE of \"%s\" with flags 0%o", name, flags[i / 2]),
			   result));
	}
	WANT(check_alive(r));
}

static void setattr(struct check_run *r)
{
	struct fuse_setattr_in size = { .valid = FATTR_SIZE, .size = 100 };
	struct fuse_setattr_in mode = { .valid = FATTR_MODE, .mode = S_IFIFO | 0640 };
	struct fuse_entry_out e;
	struct fuse_attr_out attr;

	HOST(r, "make a FIFO", tree_node(r->share, "fifo", S_IFIFO | 0666, 0));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "fifo", &e));
	WANT_ONE_OF(r, "SETATTR of a FIFO's size", front_setattr(r->f, e.nodeid, &size, &attr),
		    -EINVAL, -EBADF);
	WANT_OK(r, "SETATTR of a FIFO's mode", front_setattr(r->f, e.nodeid, &mode, &attr));
	WANT_SAME(r, S_IFIFO | 0640, "mode of the answer", attr.attr.mode);
	WANT(agrees(r, "fifo", &attr.attr, true));
}

static void handled(struct check_run *r)
{
	struct fuse_entry_out e, linked;

	WANT_OK(r, "MKNOD of a FIFO", front_mknod(r->f, FRONT_ROOT, "fifo", S_IFIFO | 0600, 0, &e));
	WANT_OK(r, "RENAME", tree_rename(r->f, FRONT_ROOT, "fifo", FRONT_ROOT, "moved"));
	WANT_OK(r, "LINK", front_link(r->f, e.nodeid, FRONT_ROOT, "other", &linked));
	WANT_SAME(r, e.nodeid, "nodeid of the link", linked.nodeid);
	WANT(agrees(r, "other", &linked.attr, true));
	WANT_OK(r, "UNLINK", tree_unlink(r->f, FRONT_ROOT, "moved"));
	WANT_OK(r, "UNLINK", tree_unlink(r->f, FRONT_ROOT, "other"));
	WANT_THAT(r, !host_exists(r->share, "moved") && !host_exists(r->share, "other"),
		  "both names are gone", "one is there");
}

/* A hang is known after a second. */
static const struct front_options impatient = { .timeout_ms = 1000 };

static const struct check checks[] = {
	{
		.id = "special.mknod",
		.title = "MKNOD makes files, FIFOs and sockets with the mode that was asked for",
		.rows = "FUSE-NAME-002 FUSE-META-007",
		.sends = "MKNOD of S_IFREG, S_IFIFO and S_IFSOCK",
		.wants = "success; mode and attributes are what the host sees then",
		.catches = "mode-ignored type-ignored preload:mknod-lost",
		.run = mknod_plain,
	},
	{
		.id = "special.mknod-device",
		.title = "MKNOD makes device nodes with their right numbers, or refuses them",
		.rows = "FUSE-NAME-002 VIRTIO-FS-SEC-004",
		.sends = "MKNOD of 1:3, 259:0, 4095:1048575, 8:300",
		.wants = "the node on the host with these numbers; or EPERM or EACCES and no node",
		.catches = "type-ignored lost:op=MKNOD",
		.run = mknod_device,
	},
	{
		.id = "special.mknod-wrong",
		.title = "MKNOD makes no links, and nothing of a type that does not exist",
		.rows = "FUSE-NAME-002 VIRTIO-FS-SEC-010",
		.sends = "MKNOD with types S_IFLNK, 0170000, 0030000",
		.wants = "EPERM or EINVAL, and no entry",
		.catches = "type-ignored",
		.run = mknod_wrong,
	},
	{
		.id = "special.mknod-exists",
		.title = "MKNOD replaces nothing",
		.rows = "FUSE-NAME-002",
		.sends = "MKNOD of a FIFO by the name of a file",
		.wants = "EEXIST, and the file is as it was",
		.catches = "error:MKNOD:EIO",
		.run = mknod_exists,
	},
	{
		.id = "special.open-fifo",
		.title = "OPEN of a FIFO on the share fails at once and blocks nothing",
		.rows = "VIRTIO-FS-SEC-014",
		.sends = "OPEN of a FIFO with O_RDONLY, O_WRONLY, O_RDWR, O_NONBLOCK, O_TRUNC",
		.wants = "an error each time; the device serves on",
		.catches = "special-opened",
		.front = &impatient,
		.run = open_fifo,
	},
	{
		.id = "special.open-socket",
		.title = "OPEN of a socket on the share fails",
		.rows = "VIRTIO-FS-SEC-014",
		.sends = "OPEN of a socket, as of a FIFO",
		.wants = "an error each time; the device serves on",
		.catches = "lost:op=OPEN",
		.front = &impatient,
		.run = open_socket,
	},
	{
		.id = "special.open-device",
		.title = "a device node on the share does not open the host's device",
		.rows = "VIRTIO-FS-SEC-014 BUG-02",
		.sends = "OPEN of nodes 1:3 and 7:0 that the host has made",
		.wants = "an error each time; the device serves on",
		.catches = "lost:op=OPEN",
		.front = &impatient,
		.run = open_device,
	},
	{
		.id = "special.create-over",
		.title = "CREATE of a name that is a FIFO or a device opens neither",
		.rows = "VIRTIO-FS-SEC-014 BUG-02",
		.sends = "CREATE without O_EXCL of the names of a FIFO and of a node 1:3",
		.wants = "an error each time, at once; the device serves on",
		.catches = "special-opened lost:op=CREATE",
		.front = &impatient,
		.run = create_over,
	},
	{
		.id = "special.setattr",
		.title = "SETATTR of a FIFO sets its mode and not its size, and blocks nothing",
		.rows = "FUSE-META-001 VIRTIO-FS-SEC-014",
		.sends = "SETATTR of size 100, then of mode 0640",
		.wants = "EINVAL or EBADF; then success, as the host sees it",
		.catches = "lost:op=SETATTR attr-type",
		.front = &impatient,
		.run = setattr,
	},
	{
		.id = "special.names",
		.title = "special files are renamed, linked and removed like others",
		.rows = "FUSE-NAME-004 FUSE-NAME-003 FUSE-ENT-003",
		.sends = "MKNOD of a FIFO, RENAME, LINK, UNLINK of both names",
		.wants = "success; one nodeid; nothing is left on the host",
		.catches = "nodeid-fresh lost:op=UNLINK",
		.front = &impatient,
		.run = handled,
	},
};

const struct check_area area_special = { "special", "Special files", checks, ARRAY_SIZE(checks) };
