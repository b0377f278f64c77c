// SPDX-License-Identifier: Apache-2.0
/* Folders: made, removed, listed from their begin to their end. */
#include "conformance/device/areas.h"
#include "conformance/device/tree.h"

#define ROOM	 4096
#define ONE_ROOM 320 /* one entry with a name of 255 bytes */

static void made(struct check_run *r)
{
	static const uint32_t modes[] = { 0755, 0700, 01777, 0500, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct fuse_entry_out e;
		char name[16];

		(void)snprintf(name, sizeof(name), "dir-%zu", i);
		WANT_OK(r, "MKDIR", front_mkdir(r->f, FRONT_ROOT, name, modes[i], &e));
		WANT_SAME(r, S_IFDIR | modes[i], "mode of the folder", e.attr.mode);
		WANT(agrees(r, name, &e.attr, true));
	}
}

static void removed(struct check_run *r)
{
	HOST(r, "make a folder", host_mkdir(r->share, "dir", 0755));
	WANT_OK(r, "RMDIR", tree_rmdir(r->f, FRONT_ROOT, "dir"));
	WANT_THAT(r, !host_exists(r->share, "dir"), "the folder is gone", "it is still there");
}

static void remove_full(struct check_run *r)
{
	uint64_t before = 0;

	HOST(r, "make a folder", host_mkdir(r->share, "dir", 0755));
	HOST(r, "make a file", host_write(r->share, "dir/file", "x", 1));
	HOST(r, "digest", host_digest(r->share, &before));
	WANT_ONE_OF(r, "RMDIR of a folder with a file", tree_rmdir(r->f, FRONT_ROOT, "dir"),
		    -ENOTEMPTY, -EEXIST);
	WANT(tree_same(r, before, "RMDIR that failed"));
}

static void remove_wrong(struct check_run *r)
{
	HOST(r, "make a folder", host_mkdir(r->share, "dir", 0755));
	HOST(r, "make a file", host_write(r->share, "file", "x", 1));
	HOST(r, "make a link", host_symlink(r->share, "link", "dir"));
	WANT_ERROR(r, -ENOTDIR, "RMDIR of a file", tree_rmdir(r->f, FRONT_ROOT, "file"));
	WANT_ERROR(r, -ENOTDIR, "RMDIR of a link to a folder",
		   tree_rmdir(r->f, FRONT_ROOT, "link"));
	WANT_ONE_OF(r, "UNLINK of a folder", tree_unlink(r->f, FRONT_ROOT, "dir"), -EISDIR, -EPERM);
	WANT_THAT(r,
		  host_exists(r->share, "file") && host_exists(r->share, "link") &&
			  host_exists(r->share, "dir"),
		  "all three are still there", "something was removed");
}

/* One of each type, beside the dots. */
static int fill_types(const char *share)
{
	int e = host_write(share, "file", "x", 1);

	if (e == 0)
		e = host_mkdir(share, "dir", 0755);
	if (e == 0)
		e = host_symlink(share, "link", "file");
	if (e == 0)
		e = tree_node(share, "fifo", S_IFIFO | 0600, 0);
	return e ? e : tree_node(share, "socket", S_IFSOCK | 0600, 0);
}

static void listed(struct check_run *r)
{
	static const char *const names[] = { "file", "dir", "link", "fifo", "socket" };
	CLEANUP(tree_list_free) struct tree_list l = { 0 };

	HOST(r, "fill the share", fill_types(r->share));
	WANT_OK(r, "the listing", tree_list(r->f, FRONT_ROOT, false, ROOM, 100, &l));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct front_dirent *d = NULL;
		struct stat st;

		WANT_SAME(r, 1, "how often a name is listed", tree_listed(&l, names[i], &d));
		HOST(r, "stat", host_stat(r->share, names[i], &st));
		WANT_SAME(r, st.st_ino, "inode number of an entry", d->ino);
		/* DT_UNKNOWN is allowed everywhere, and costs a stat. */
		if (d->type != DT_UNKNOWN)
			WANT_SAME(r, IFTODT(st.st_mode), "type of an entry", d->type);
	}
	WANT_RANGE(r, ARRAY_SIZE(names), ARRAY_SIZE(names) + 2, "entries in all", l.count);
}

static void small_rooms(struct check_run *r)
{
	/* Of 32 bytes each, but for the dots' 24 and 32. */
	static const uint32_t rooms[] = { 32, 40, 64, 72, 100, 128, 1000 };

	HOST(r, "make 40 files", tree_many(r->share, 40, 4));
	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
		CLEANUP(tree_list_free) struct tree_list l = { 0 };

		WANT_OK(r, "a listing in small pieces",
			tree_list(r->f, FRONT_ROOT, false, rooms[i], 100, &l));
		WANT(tree_each_once(r, &l, 40, 4));
	}
}

static void long_names(struct check_run *r)
{
	for (uint32_t room = ONE_ROOM - 40; room <= ONE_ROOM + 300; room += 8) {
		CLEANUP(tree_list_free) struct tree_list l = { 0 };

		if (room == ONE_ROOM - 40)
			HOST(r, "make 6 files", tree_many(r->share, 6, 253));
		WANT_OK(r, "a listing of names of 255 bytes",
			tree_list(r->f, FRONT_ROOT, false, room, 50, &l));
		WANT(tree_each_once(r, &l, 6, 253));
	}
}

static void no_room(struct check_run *r)
{
	struct fuse_open_out dir;
	uint8_t bytes[64];
	size_t got = 0;

	HOST(r, "make a file", tree_many(r->share, 1, 100));
	WANT_OK(r, "OPENDIR", front_opendir(r->f, FRONT_ROOT, &dir));
	WANT_ERROR(r, -EINVAL, "READDIR with room for 16 bytes, less than any entry",
		   front_readdir(r->f, FRONT_ROOT, dir.fh, 0, bytes, 16, &got));
}

/* The chain has room for more than READDIR asks for. */
static void asked_size(struct check_run *r)
{
	struct fuse_open_out dir;
	struct front_op op;
	struct front_request *q = NULL;
	size_t payload;
	int e;

	HOST(r, "make 100 files", tree_many(r->share, 100, 4));
	WANT_OK(r, "OPENDIR", front_opendir(r->f, FRONT_ROOT, &dir));
	op = front_op_readdir(FRONT_ROOT, dir.fh, 0, 256);
	WANT_OK(r, "READDIR in the making", front_prepare(r->f, &op, &q));
	q->out_size = sizeof(struct fuse_out_header) + ROOM;
	q->out_max = ROOM;
	e = front_submit(q);
	if (e == 0)
		e = front_wait(q, front_deadline(r->f));
	payload = q->payload_size;
	front_request_free(q);
	WANT_OK(r, "READDIR of 256 bytes", e);
	WANT_RANGE(r, 1, 256, "bytes of READDIR's answer", payload);
}

static void big(struct check_run *r)
{
	CLEANUP(tree_list_free) struct tree_list l = { 0 };

	HOST(r, "make 500 files", tree_many(r->share, 500, 4));
	WANT_OK(r, "the listing", tree_list(r->f, FRONT_ROOT, false, ROOM, 600, &l));
	WANT(tree_each_once(r, &l, 500, 4));
	WANT_RANGE(r, 2, 1000, "answers that it took", l.replies);
}

static void descends(struct check_run *r)
{
	uint64_t nodeid = FRONT_ROOT;
	CLEANUP(buf_free) struct buf path = { 0 };

	for (unsigned i = 0; i < 100; i++) {
		struct fuse_entry_out e;

		WANT_OK(r, "MKDIR, one deeper each time", front_mkdir(r->f, nodeid, "d", 0755, &e));
		nodeid = e.nodeid;
	}
	for (unsigned i = 0; i < 100; i++)
		(void)buf_printf(&path, i ? "/d" : "d");
	WANT_THAT(r, host_exists(r->share, buf_text(&path)), "a folder 100 deep",
		  "it is not there");
}

static void synced(struct check_run *r)
{
	struct fuse_open_out dir;

	WANT_OK(r, "OPENDIR", front_opendir(r->f, FRONT_ROOT, &dir));
	WANT_OK(r, "FSYNCDIR", front_fsyncdir(r->f, FRONT_ROOT, dir.fh, false));
	WANT_OK(r, "FSYNCDIR, data only", front_fsyncdir(r->f, FRONT_ROOT, dir.fh, true));
	WANT_OK(r, "RELEASEDIR", front_releasedir(r->f, FRONT_ROOT, dir.fh));
	WANT_NOT_KNOWN(r, "FSYNCDIR of a handle that is closed",
		       front_fsyncdir(r->f, FRONT_ROOT, dir.fh, false));
}

static void parents_not_folders(struct check_run *r)
{
	static const char *const names[] = { "file", "link", "fifo" };

	HOST(r, "fill the share", fill_types(r->share));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct fuse_entry_out e, child;
		struct fuse_open_out open;

		WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, names[i], &e));
		WANT_ERROR(r, -ENOTDIR, "LOOKUP in what is no folder",
			   front_lookup(r->f, e.nodeid, "x", &child));
		WANT_ERROR(r, -ENOTDIR, "MKDIR in what is no folder",
			   front_mkdir(r->f, e.nodeid, "x", 0755, &child));
		WANT_ERROR(r, -ENOTDIR, "SYMLINK in what is no folder",
			   front_symlink(r->f, e.nodeid, "x", "target", &child));
		WANT_ONE_OF(r, "OPENDIR of what is no folder", front_opendir(r->f, e.nodeid, &open),
			    -ENOTDIR, -ELOOP, -EBADF);
	}
}

static const struct check checks[] = {
	{
		.id = "folders.mkdir",
		.title = "MKDIR makes a folder with the mode that was asked for",
		.rows = "FUSE-META-007 FUSE-NAME-002",
		.sends = "MKDIR with modes 0755, 0700, 01777, 0500 and 0",
		.wants = "success; mode and attributes are what the host sees then",
		.catches = "mode-ignored preload:mkdir-mode",
		.run = made,
	},
	{
		.id = "folders.rmdir",
		.title = "RMDIR removes an empty folder",
		.rows = "FUSE-NAME-003",
		.sends = "RMDIR of an empty folder",
		.wants = "success, and no folder on the host",
		.catches = "lost:op=RMDIR",
		.run = removed,
	},
	{
		.id = "folders.rmdir-full",
		.title = "RMDIR leaves a folder with something in it alone",
		.rows = "FUSE-NAME-003",
		.sends = "RMDIR of a folder with a file",
		.wants = "ENOTEMPTY or EEXIST, and nothing changes",
		.catches = "lost:op=RMDIR",
		.run = remove_full,
	},
	{
		.id = "folders.rmdir-wrong",
		.title = "RMDIR removes folders only, and UNLINK anything else",
		.rows = "FUSE-NAME-003",
		.sends = "RMDIR of a file and of a link to a folder; UNLINK of a folder",
		.wants = "ENOTDIR, ENOTDIR, EISDIR or EPERM; nothing is removed",
		.catches = "lost:op=RMDIR lost:op=UNLINK",
		.run = remove_wrong,
	},
	{
		.id = "folders.listed",
		.title = "READDIR lists each entry once, with its inode number and type",
		.rows = "FUSE-NAME-006 FUSE-RDP-002",
		.sends =
			"OPENDIR, READDIR to the end, RELEASEDIR; the folder holds one of each type",
		.wants = "each name once, ino as on the host, type right or DT_UNKNOWN",
		.catches = "readdir-twice dirent-type dirent-ino",
		.run = listed,
	},
	{
		.id = "folders.small-rooms",
		.title = "a listing in small pieces loses nothing at their borders",
		.rows = "FUSE-NAME-006 FUSE-RDP-002",
		.sends = "READDIR to the end with room for 32 to 1000 bytes; 40 files",
		.wants = "each entry exactly once with every size",
		.catches = "readdir-lost preload:readdir-skip",
		.run = small_rooms,
	},
	{
		.id = "folders.long-names",
		.title = "names of 255 bytes are listed, with any room that is enough for one",
		.rows = "FUSE-NAME-006 FUSE-RDP-002",
		.sends = "READDIR with room for 280 to 620 bytes, in steps of 8",
		.wants = "each entry exactly once",
		.catches = "readdir-lost readdir-twice",
		.run = long_names,
	},
	{
		.id = "folders.no-room",
		.title =
			"READDIR without room for one entry is an error, not the end of the folder",
		.rows = "FUSE-NAME-007",
		.sends = "READDIR of 16 bytes in a folder with a file",
		.wants = "EINVAL, as getdents() says it",
		.catches = "readdir-ends",
		.run = no_room,
	},
	{
		.id = "folders.asked-size",
		.title = "READDIR answers no more than it was asked for",
		.rows = "FUSE-NAME-006",
		.sends = "READDIR of 256 bytes, with writable descriptors of 4112",
		.wants = "256 bytes at most behind the header",
		.catches = "readdir-overfull",
		.run = asked_size,
	},
	{
		.id = "folders.big",
		.title = "a folder of 500 files is listed whole",
		.rows = "FUSE-NAME-006 FUSE-RDP-002",
		.sends = "READDIR of 4096 bytes each until the end",
		.wants = "each entry exactly once",
		.catches = "readdir-lost readdir-twice",
		.run = big,
	},
	{
		.id = "folders.deep",
		.title = "folders can lie 100 deep",
		.rows = "FUSE-NAME-002",
		.sends = "100 times MKDIR in the folder made before",
		.wants = "success, and the path exists on the host",
		.catches = "lost:op=MKDIR:after=50",
		.run = descends,
	},
	{
		.id = "folders.fsyncdir",
		.title = "FSYNCDIR works on an open folder only",
		.rows = "VIRTIO-FS-SEC-011 FUSE-FILE-004",
		.sends = "FSYNCDIR, whole and data only; RELEASEDIR; FSYNCDIR again",
		.wants = "success twice; then ESTALE, ENOENT or EBADF",
		.catches = "lost:op=FSYNCDIR lost:op=RELEASEDIR",
		.run = synced,
	},
	{
		.id = "folders.no-parent",
		.title = "what is no folder has no entries",
		.rows = "FUSE-NAME-002 VIRTIO-FS-SEC-011",
		.sends =
			"LOOKUP, MKDIR, SYMLINK and OPENDIR with the nodeid of a file, a link, a FIFO",
		.wants = "ENOTDIR; of OPENDIR ELOOP or EBADF as well",
		.catches = "error:OPENDIR:EIO lost:op=OPENDIR",
		.run = parents_not_folders,
	},
};

const struct check_area area_folders = { "folders", "Folders", checks, ARRAY_SIZE(checks) };
