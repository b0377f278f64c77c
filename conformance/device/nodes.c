// SPDX-License-Identifier: Apache-2.0
/* Nodeids: which file each names, and for how long. */
#include "conformance/device/areas.h"
#include "conformance/device/tree.h"

#define MANY 100

static void same(struct check_run *r)
{
	struct fuse_entry_out first, again, linked;

	HOST(r, "make a file", host_write(r->share, "a", "x", 1));
	HOST(r, "make a folder", host_mkdir(r->share, "dir", 0755));
	HOST(r, "make a second link", tree_link(r->share, "a", "dir/b"));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "a", &first));
	WANT_OK(r, "LOOKUP again", front_lookup(r->f, FRONT_ROOT, "a", &again));
	WANT_SAME(r, first.nodeid, "nodeid, the second time", again.nodeid);
	WANT_SAME(r, first.generation, "generation, the second time", again.generation);
	WANT_OK(r, "LOOKUP of the folder", front_lookup(r->f, FRONT_ROOT, "dir", &linked));
	WANT_OK(r, "LOOKUP of the other link", front_lookup(r->f, linked.nodeid, "b", &linked));
	WANT_SAME(r, first.nodeid, "nodeid of the other link", linked.nodeid);
	WANT_SAME(r, first.generation, "generation of the other link", linked.generation);
	WANT_SAME(r, 2, "nlink", linked.attr.nlink);
}

static void distinct(struct check_run *r)
{
	struct fuse_entry_out e[MANY];
	struct fuse_attr_out attr;

	HOST(r, "make 100 files", tree_many(r->share, MANY, 4));
	for (unsigned i = 0; i < MANY; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "f-%04u", i);
		WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, name, &e[i]));
		for (unsigned j = 0; j < i; j++)
			WANT_THAT(r, e[i].nodeid != e[j].nodeid, "a nodeid for each file",
				  "files %u and %u have the same", i, j);
	}
	for (unsigned i = 0; i < MANY; i++) {
		WANT_OK(r, "GETATTR", front_getattr(r->f, e[i].nodeid, NULL, &attr));
		WANT_SAME(r, e[i].attr.ino, "ino of GETATTR", attr.attr.ino);
	}
}

static void not_reused(struct check_run *r)
{
	struct fuse_entry_out e[64];

	HOST(r, "make 64 files", tree_many(r->share, 64, 4));
	for (unsigned i = 0; i < ARRAY_SIZE(e); i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "f-%04u", i);
		WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, name, &e[i]));
		WANT_OK(r, "FORGET", front_forget(r->f, e[i].nodeid, 1));
		for (unsigned j = 0; j < i; j++)
			WANT_THAT(r,
				  e[i].nodeid != e[j].nodeid || e[i].generation != e[j].generation,
				  "nodeid and generation of one file only, in the whole session",
				  "files %u and %u had the same, one after the other", i, j);
	}
}

/* The host gives the number of a removed inode to the next file, unless somebody holds on to the old. */
static void inode_reused(struct check_run *r)
{
	struct fuse_entry_out old, new;
	struct fuse_attr_out attr;
	char text[16];
	int e;

	HOST(r, "make a file", host_write(r->share, "old", "old", 3));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "old", &old));
	HOST(r, "remove it", host_unlink(r->share, "old"));
	for (unsigned i = 0; i < 32; i++) {
		HOST(r, "make another", host_write(r->share, "new", "other", 5));
		WANT_OK(r, "LOOKUP of the new file", front_lookup(r->f, FRONT_ROOT, "new", &new));
		WANT_THAT(r, new.nodeid != old.nodeid || new.generation != old.generation,
			  "another nodeid or generation", "that of the removed file");
		e = front_getattr(r->f, old.nodeid, NULL, &attr);
		if (e == 0)
			WANT_SAME(r, 3, "size by the removed file's nodeid", attr.attr.size);
		e = tree_reads(r->f, old.nodeid, text, sizeof(text));
		if (e == 0)
			WANT_TEXT(r, "old", "content by the removed file's nodeid", text);
		HOST(r, "remove it again", host_unlink(r->share, "new"));
	}
	WANT(check_alive(r));
}

static void renamed(struct check_run *r)
{
	struct fuse_entry_out e, dir, after;
	struct fuse_attr_out attr;

	HOST(r, "make a file", host_write(r->share, "a", "abc", 3));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "a", &e));
	WANT_OK(r, "MKDIR", front_mkdir(r->f, FRONT_ROOT, "dir", 0755, &dir));
	WANT_OK(r, "RENAME", tree_rename(r->f, FRONT_ROOT, "a", dir.nodeid, "b"));
	WANT_OK(r, "GETATTR by the nodeid from before", front_getattr(r->f, e.nodeid, NULL, &attr));
	WANT_OK(r, "LOOKUP of the new name", front_lookup(r->f, dir.nodeid, "b", &after));
	WANT_SAME(r, e.nodeid, "nodeid under the new name", after.nodeid);
	WANT(agrees(r, "dir/b", &attr.attr, true));
}

static void host_renamed(struct check_run *r)
{
	struct fuse_entry_out dir, e, after;
	char text[16];

	HOST(r, "make a folder", host_mkdir(r->share, "dir", 0755));
	HOST(r, "make another", host_mkdir(r->share, "other", 0755));
	HOST(r, "make a file", host_write(r->share, "dir/a", "abc", 3));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "dir", &dir));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, dir.nodeid, "a", &e));
	HOST(r, "move the folder", tree_move(r->share, "dir", r->share, "other/moved"));
	WANT_OK(r, "LOOKUP in the moved folder", front_lookup(r->f, dir.nodeid, "a", &after));
	WANT_SAME(r, e.nodeid, "nodeid in the moved folder", after.nodeid);
	WANT_OK(r, "OPEN and READ by the nodeid from before",
		tree_reads(r->f, e.nodeid, text, sizeof(text)));
	WANT_TEXT(r, "abc", "content", text);
	WANT_ERROR(r, -ENOENT, "LOOKUP of the folder's old name",
		   front_lookup(r->f, FRONT_ROOT, "dir", &after));
}

static void unlinked_open(struct check_run *r)
{
	struct fuse_entry_out e;
	struct fuse_open_out open;
	struct fuse_attr_out attr;
	char text[8] = "";
	uint32_t written = 0;
	size_t got = 0;

	HOST(r, "make a file", host_write(r->share, "a", "abc", 3));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "a", &e));
	WANT_OK(r, "OPEN", front_open_file(r->f, e.nodeid, O_RDWR, &open));
	WANT_OK(r, "UNLINK", tree_unlink(r->f, FRONT_ROOT, "a"));
	WANT_OK(r, "READ of a file without a name",
		front_read(r->f, e.nodeid, open.fh, 0, text, 4, &got));
	WANT_TEXT(r, "abc", "content", text);
	WANT_OK(r, "WRITE", front_write(r->f, e.nodeid, open.fh, 3, "def", 3, &written));
	WANT_OK(r, "GETATTR with the handle", front_getattr(r->f, e.nodeid, &open.fh, &attr));
	WANT_SAME(r, 6, "size", attr.attr.size);
	WANT_SAME(r, 0, "nlink", attr.attr.nlink);
	/* So asks Linux for fstat(). */
	WANT_OK(r, "GETATTR without the handle", front_getattr(r->f, e.nodeid, NULL, &attr));
	WANT_SAME(r, 6, "size", attr.attr.size);
	WANT_OK(r, "FSYNC", front_fsync(r->f, e.nodeid, open.fh, false));
	WANT_OK(r, "RELEASE", front_release(r->f, e.nodeid, open.fh, 0));
}

/* Without a handle: Linux asks so for a file that a process has as its working folder, or mapped. */
static void unlinked_node(struct check_run *r)
{
	struct fuse_entry_out file, dir, new;
	struct fuse_attr_out attr;

	HOST(r, "make a file", host_write(r->share, "a", "abc", 3));
	HOST(r, "make a folder", host_mkdir(r->share, "dir", 0755));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "a", &file));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "dir", &dir));
	WANT_OK(r, "UNLINK", tree_unlink(r->f, FRONT_ROOT, "a"));
	WANT_OK(r, "RMDIR", tree_rmdir(r->f, FRONT_ROOT, "dir"));
	WANT_OK(r, "GETATTR of a removed file that was not forgotten",
		front_getattr(r->f, file.nodeid, NULL, &attr));
	WANT_SAME(r, 0, "its nlink", attr.attr.nlink);
	WANT_OK(r, "GETATTR of a removed folder that was not forgotten",
		front_getattr(r->f, dir.nodeid, NULL, &attr));
	WANT_ONE_OF(r, "LOOKUP in it", front_lookup(r->f, dir.nodeid, "x", &new), -ENOENT, -ESTALE);
	WANT_ONE_OF(r, "MKDIR in it", front_mkdir(r->f, dir.nodeid, "x", 0755, &new), -ENOENT,
		    -ESTALE);
}

/* Linux looks again after ESTALE, and after nothing else. */
static void host_removed(struct check_run *r)
{
	struct fuse_entry_out e;
	char text[8] = "";
	int result;

	HOST(r, "make a file", host_write(r->share, "a", "abc", 3));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "a", &e));
	HOST(r, "remove it", host_unlink(r->share, "a"));
	HOST(r, "make another by that name", host_write(r->share, "a", "other", 5));
	result = tree_reads(r->f, e.nodeid, text, sizeof(text));
	WANT_ONE_OF(r, "OPEN and READ of a file that the host has removed", result, 0, -ESTALE,
		    -ENOENT);
	if (result == 0)
		WANT_TEXT(r, "abc", "content", text);
}

static void replaced(struct check_run *r)
{
	struct fuse_entry_out old, new;
	struct fuse_open_out open;
	char text[16] = "";
	size_t got = 0;

	HOST(r, "make a file", host_write(r->share, "a", "old", 3));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "a", &old));
	WANT_OK(r, "OPEN", front_open_file(r->f, old.nodeid, O_RDONLY, &open));
	HOST(r, "make another", host_write(r->share, "tmp", "newer", 5));
	HOST(r, "put it in place", tree_move(r->share, "tmp", r->share, "a"));
	WANT_OK(r, "READ by the handle from before",
		front_read(r->f, old.nodeid, open.fh, 0, text, 8, &got));
	text[got] = '\0';
	WANT_TEXT(r, "old", "content by that handle", text);
	WANT_OK(r, "LOOKUP of the name", front_lookup(r->f, FRONT_ROOT, "a", &new));
	WANT_THAT(r, new.nodeid != old.nodeid, "another nodeid", "that of the replaced file");
	WANT_OK(r, "OPEN and READ of the new file",
		tree_reads(r->f, new.nodeid, text, sizeof(text)));
	WANT_TEXT(r, "newer", "content of the new file", text);
	WANT_OK(r, "RELEASE", front_release(r->f, old.nodeid, open.fh, 0));
}

static void never_given(struct check_run *r)
{
	static const uint64_t wild[] = {
		0, 0x7777, UINT32_MAX, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX - 1, UINT64_MAX
	};

	for (size_t i = 0; i < ARRAY_SIZE(wild); i++) {
		struct fuse_entry_out e;
		struct fuse_attr_out attr;
		struct fuse_open_out open;
		struct fuse_statfs_out fs;
		char text[64];
		uint64_t n = wild[i];

		WANT_NOT_KNOWN(r, "GETATTR of a nodeid never given",
			       front_getattr(r->f, n, NULL, &attr));
		WANT_NOT_KNOWN(r, "LOOKUP in it", front_lookup(r->f, n, "x", &e));
		WANT_NOT_KNOWN(r, "OPEN of it", front_open_file(r->f, n, O_RDONLY, &open));
		WANT_NOT_KNOWN(r, "OPENDIR of it", front_opendir(r->f, n, &open));
		WANT_NOT_KNOWN(r, "READLINK of it", front_readlink(r->f, n, text, sizeof(text)));
		WANT_NOT_KNOWN(r, "MKDIR in it", front_mkdir(r->f, n, "x", 0755, &e));
		WANT_NOT_KNOWN(r, "LINK of it", front_link(r->f, n, FRONT_ROOT, "x", &e));
		WANT_NOT_KNOWN(r, "SYMLINK in it", front_symlink(r->f, n, "x", "target", &e));
		WANT_ONE_OF(r, "STATFS of it", front_statfs(r->f, n, &fs), 0, NOT_KNOWN);
	}
	WANT(check_alive(r));
}

static void other_files_handle(struct check_run *r)
{
	struct fuse_entry_out a, b;
	struct fuse_open_out open, other;
	char text[8] = "";
	size_t got = 0;
	int e;

	HOST(r, "make a file", host_write(r->share, "a", "aaa", 3));
	HOST(r, "make another", host_write(r->share, "b", "bbb", 3));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "a", &a));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "b", &b));
	WANT_OK(r, "OPEN", front_open_file(r->f, a.nodeid, O_RDONLY, &open));
	WANT_OK(r, "OPEN of the other", front_open_file(r->f, b.nodeid, O_RDONLY, &other));
	WANT_OK(r, "READ of the other", front_read(r->f, b.nodeid, other.fh, 0, text, 4, &got));
	/* Which of both counts is the device's choice, but it must not be mixed up. */
	for (unsigned turn = 0; turn < 3; turn++) {
		e = front_read(r->f, b.nodeid, open.fh, 0, text, 4, &got);
		WANT_ONE_OF(r, "READ with another file's handle", e, 0, -EBADF, -ESTALE, -EINVAL);
		if (e == 0)
			WANT_TEXT(r, "aaa", "content by another file's handle", text);
	}
}

static const struct check checks[] = {
	{
		.id = "nodes.same",
		.title = "one file has one nodeid, whichever name it is looked up by",
		.rows = "FUSE-ENT-003",
		.sends = "LOOKUP twice; LOOKUP of another link of that file, in another folder",
		.wants = "the same nodeid and generation",
		.catches = "nodeid-fresh generation preload:stat-ino",
		.run = same,
	},
	{
		.id = "nodes.distinct",
		.title = "different files have different nodeids",
		.rows = "FUSE-ENT-003",
		.sends = "LOOKUP of 100 files, GETATTR of each",
		.wants = "100 nodeids, each with the ino of its own LOOKUP",
		.catches = "lookup-first:after=50",
		.run = distinct,
	},
	{
		.id = "nodes.not-reused",
		.title = "nodeid and generation together are never given to another file",
		.rows = "FUSE-ENT-003",
		.sends = "LOOKUP and FORGET of 64 files, one after the other",
		.wants = "64 different pairs of nodeid and generation",
		.catches = "nodeid-reused",
		.run = not_reused,
	},
	{
		.id = "nodes.inode-reused",
		.title =
			"the nodeid of a removed file never names the file that got its inode number",
		.rows = "MULTI-011 FUSE-ENT-003",
		.sends =
			"LOOKUP; the host removes the file and makes others, 32 times; GETATTR, OPEN "
			"and READ by the first nodeid",
		.wants = "an error, or the removed file's size and content",
		.catches = "lookup-first",
		.run = inode_reused,
	},
	{
		.id = "nodes.renamed",
		.title = "a nodeid goes with its file through RENAME",
		.rows = "FUSE-ENT-003 FUSE-ATTR-011",
		.sends = "LOOKUP, RENAME into another folder, GETATTR, LOOKUP of the new name",
		.wants = "success, with the same nodeid",
		.catches = "nodeid-fresh preload:rename-lost",
		.run = renamed,
	},
	{
		.id = "nodes.host-renamed",
		.title = "a nodeid goes with its file when the host moves a folder above it",
		.rows = "FUSE-ENT-003 BUG-45",
		.sends =
			"LOOKUP of a folder and a file in it; the host moves the folder; LOOKUP, OPEN, "
			"READ",
		.wants = "the same nodeid and content; ENOENT for the old name",
		.catches = "nodeid-fresh negative-cached",
		.run = host_renamed,
	},
	{
		.id = "nodes.unlinked-open",
		.title = "an open file without a name works on",
		.rows = "FUSE-FILE-010 FUSE-ATTR-011",
		.sends =
			"OPEN, UNLINK, READ, WRITE, GETATTR with and without the handle, FSYNC, RELEASE",
		.wants = "success; nlink 0 and the written size",
		.catches = "removed-stale lost:op=UNLINK",
		.run = unlinked_open,
	},
	{
		.id = "nodes.unlinked",
		.title = "what is removed keeps its nodeid until it is forgotten",
		.rows = "VIRTIO-FS-HIPRIO-008 FUSE-ENT-004",
		.sends = "LOOKUP, UNLINK or RMDIR, GETATTR; LOOKUP and MKDIR in the removed folder",
		.wants = "attributes with nlink 0; ENOENT or ESTALE in the folder",
		.catches = "removed-stale",
		.run = unlinked_node,
	},
	{
		.id = "nodes.host-removed",
		.title = "OPEN of a file that the host has removed works, or is ESTALE",
		.rows = "MULTI-011 VIRTIO-FS-SEC-011 BUG-44",
		.sends =
			"LOOKUP; the host removes the file and makes another by its name; OPEN, READ",
		.wants = "the removed file's content, or ESTALE or ENOENT; never the other's",
		.catches = "error:OPEN:EIO lost:op=READ",
		.run = host_removed,
	},
	{
		.id = "nodes.replaced",
		.title =
			"when the host replaces a file, its handle keeps the old and LOOKUP finds the new",
		.rows = "FUSE-ENT-003 FUSE-ATTR-011 BUG-44",
		.sends = "OPEN; the host renames another file over it; READ, LOOKUP, OPEN, READ",
		.wants = "old content by the handle; another nodeid with the new content",
		.catches = "removed-stale lookup-first",
		.run = replaced,
	},
	{
		.id = "nodes.never-given",
		.title = "a nodeid that was never given is an error for every opcode",
		.rows = "VIRTIO-FS-SEC-011 VIRTIO-FS-SEC-010",
		.sends = "GETATTR, LOOKUP, OPEN, OPENDIR, READLINK, MKDIR, SYMLINK, LINK and "
			 "STATFS with nodeids 0, 0x7777, 2^32-1, 2^63-1, 2^63, 2^64-2, 2^64-1",
		.wants = "ESTALE, ENOENT or EBADF; the device serves on",
		.catches = "nodeid-any",
		.run = never_given,
	},
	{
		.id = "nodes.other-handle",
		.title = "a handle with another file's nodeid is refused, or stays what it is",
		.rows = "VIRTIO-FS-SEC-011",
		.sends = "OPEN of one file, READ with its handle and another file's nodeid",
		.wants = "an error, or the content of the file that was opened",
		.catches = "handle-found",
		.run = other_files_handle,
	},
};

const struct check_area area_nodes = { "nodes", "Nodeids", checks, ARRAY_SIZE(checks) };
