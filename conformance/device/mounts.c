// SPDX-License-Identifier: Apache-2.0
/* Another file system below the share: "mounted", of CHECK_MOUNTED. */
#include "conformance/device/areas.h"
#include "conformance/device/tree.h"

#define WHERE "mounted"

/* The driver's flag in INIT is what counts: Linux does not look for it in the answer. */
static void announced(struct check_run *r)
{
	struct fuse_entry_out e, inner;

	HOST(r, "make a folder", host_mkdir(r->share, "plain", 0755));
	HOST(r, "make a folder there", host_mkdir(r->share, WHERE "/dir", 0755));
	WANT_OK(r, "LOOKUP of the mounted folder", front_lookup(r->f, FRONT_ROOT, WHERE, &e));
	WANT_SAME(r, FUSE_ATTR_SUBMOUNT, "FUSE_ATTR_SUBMOUNT of the mounted folder",
		  e.attr.flags & FUSE_ATTR_SUBMOUNT);
	WANT_OK(r, "LOOKUP in it", front_lookup(r->f, e.nodeid, "dir", &inner));
	WANT_SAME(r, 0, "FUSE_ATTR_SUBMOUNT of a folder in it",
		  inner.attr.flags & FUSE_ATTR_SUBMOUNT);
	WANT_OK(r, "LOOKUP of another folder", front_lookup(r->f, FRONT_ROOT, "plain", &e));
	WANT_SAME(r, 0, "FUSE_ATTR_SUBMOUNT of another folder", e.attr.flags & FUSE_ATTR_SUBMOUNT);
}

static void never_elsewhere(struct check_run *r)
{
	static const char *const names[] = { "file", "link", "fifo", "dir" };
	struct fuse_attr_out root;

	HOST(r, "make a file", host_write(r->share, "file", "x", 1));
	HOST(r, "make a link", host_symlink(r->share, "link", "file"));
	HOST(r, "make a FIFO", tree_node(r->share, "fifo", S_IFIFO | 0600, 0));
	HOST(r, "make a folder", host_mkdir(r->share, "dir", 0755));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct fuse_entry_out e;
		struct fuse_attr_out attr;

		WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, names[i], &e));
		WANT_SAME(r, 0, "FUSE_ATTR_SUBMOUNT", e.attr.flags & FUSE_ATTR_SUBMOUNT);
		WANT_OK(r, "GETATTR", front_getattr(r->f, e.nodeid, NULL, &attr));
		WANT_SAME(r, 0, "FUSE_ATTR_SUBMOUNT by GETATTR",
			  attr.attr.flags & FUSE_ATTR_SUBMOUNT);
	}
	WANT_OK(r, "GETATTR of the root", front_getattr(r->f, FRONT_ROOT, NULL, &root));
	WANT_SAME(r, 0, "FUSE_ATTR_SUBMOUNT of the root", root.attr.flags & FUSE_ATTR_SUBMOUNT);
}

static void not_negotiated(struct check_run *r)
{
	struct fuse_init_out init;
	struct fuse_entry_out e;

	WANT_OK(r, "INIT without FUSE_SUBMOUNTS",
		front_init_with(r->f, FUSE_KERNEL_VERSION, 38,
				front_init_flags & ~(uint64_t)FUSE_SUBMOUNTS, &init));
	WANT_SAME(r, 0, "FUSE_SUBMOUNTS in its answer", init.flags & FUSE_SUBMOUNTS);
	WANT_OK(r, "LOOKUP of the mounted folder", front_lookup(r->f, FRONT_ROOT, WHERE, &e));
	WANT_SAME(r, 0, "FUSE_ATTR_SUBMOUNT, which was not agreed on",
		  e.attr.flags & FUSE_ATTR_SUBMOUNT);
}

static void plus(struct check_run *r)
{
	CLEANUP(tree_list_free) struct tree_list l = { 0 };
	const struct front_dirent *d = NULL;
	struct fuse_entry_out e;

	NEED(r, front_init_flags_of(&r->f->init) & FUSE_DO_READDIRPLUS, "FUSE_DO_READDIRPLUS");
	WANT_OK(r, "LOOKUP of the mounted folder", front_lookup(r->f, FRONT_ROOT, WHERE, &e));
	WANT_OK(r, "the listing", tree_list(r->f, FRONT_ROOT, true, 4096, 20, &l));
	WANT_SAME(r, 1, "how often it is listed", tree_listed(&l, WHERE, &d));
	WANT_SAME(r, e.nodeid, "nodeid in the listing", d->entry.nodeid);
	WANT_SAME(r, e.attr.ino, "attr.ino in the listing", d->entry.attr.ino);
	WANT_SAME(r, FUSE_ATTR_SUBMOUNT, "FUSE_ATTR_SUBMOUNT in the listing",
		  d->entry.attr.flags & FUSE_ATTR_SUBMOUNT);
}

/* Inode numbers of two file systems meet: nodeids must not. */
static void two_systems(struct check_run *r)
{
	struct fuse_entry_out where, inner, root;
	char text[8];

	HOST(r, "make a file there", host_write(r->share, WHERE "/file", "there", 5));
	HOST(r, "make a file here", host_write(r->share, "file", "here", 4));
	WANT_OK(r, "LOOKUP of the mounted folder", front_lookup(r->f, FRONT_ROOT, WHERE, &where));
	WANT(agrees(r, WHERE, &where.attr, true));
	WANT_OK(r, "LOOKUP in it", front_lookup(r->f, where.nodeid, "file", &inner));
	WANT(agrees(r, WHERE "/file", &inner.attr, true));
	WANT_OK(r, "LOOKUP in the root", front_lookup(r->f, FRONT_ROOT, "file", &root));
	WANT_THAT(r,
		  inner.nodeid != root.nodeid && inner.nodeid != where.nodeid &&
			  where.nodeid != root.nodeid,
		  "three nodeids", "two are equal");
	WANT_OK(r, "OPEN and READ", tree_reads(r->f, inner.nodeid, text, sizeof(text)));
	WANT_TEXT(r, "there", "content", text);
}

static void across(struct check_run *r)
{
	struct fuse_entry_out where, file, e;

	HOST(r, "make a file", host_write(r->share, "file", "x", 1));
	WANT_OK(r, "LOOKUP of the mounted folder", front_lookup(r->f, FRONT_ROOT, WHERE, &where));
	WANT_OK(r, "LOOKUP of a file", front_lookup(r->f, FRONT_ROOT, "file", &file));
	WANT_ERROR(r, -EXDEV, "RENAME into it",
		   front_rename(r->f, FRONT_ROOT, "file", where.nodeid, "file"));
	WANT_ERROR(r, -EXDEV, "LINK into it", front_link(r->f, file.nodeid, where.nodeid, "l", &e));
	WANT_ERROR(r, -EBUSY, "RMDIR of the mounted folder", front_rmdir(r->f, FRONT_ROOT, WHERE));
	WANT_OK(r, "MKDIR in it", front_mkdir(r->f, where.nodeid, "new", 0755, &e));
	WANT(agrees(r, WHERE "/new", &e.attr, true));
}

/* One request for each mounted file system, as Linux sends them where they are announced. */
static void synced(struct check_run *r)
{
	struct fuse_entry_out where;
	int root;

	HOST(r, "make a file there", host_write(r->share, WHERE "/file", "there", 5));
	WANT_OK(r, "LOOKUP of the mounted folder", front_lookup(r->f, FRONT_ROOT, WHERE, &where));
	root = front_syncfs(r->f, FRONT_ROOT);
	WANT_ONE_OF(r, "SYNCFS of the root", root, 0, -ENOSYS);
	WANT_THAT(r, front_syncfs(r->f, where.nodeid) == root,
		  "the same answer to SYNCFS of the mounted folder", "another one than %d", root);
	WANT(check_alive(r));
}

static const struct check checks[] = {
	{
		.id = "mounts.announced",
		.title = "a folder on which another file system is mounted is announced",
		.rows = "FUSE-ATTR-009",
		.sends = "LOOKUP of a mounted folder, of one in it, of a plain one",
		.wants = "FUSE_ATTR_SUBMOUNT for the mounted folder alone",
		.catches = "submount-silent attr-submount",
		.options = CHECK_SUBMOUNTS | CHECK_MOUNTED,
		.run = announced,
	},
	{
		.id = "mounts.elsewhere",
		.title = "nothing is announced as mounted that is not",
		.rows = "FUSE-ATTR-009",
		.sends =
			"LOOKUP and GETATTR of a file, a link, a FIFO, a folder; GETATTR of the root",
		.wants = "no FUSE_ATTR_SUBMOUNT",
		.catches = "attr-submount",
		.run = never_elsewhere,
	},
	{
		.id = "mounts.not-negotiated",
		.title = "FUSE_ATTR_SUBMOUNT is not used before it was agreed on",
		.rows = "FUSE-ATTR-009 FUSE-INIT-003",
		.sends = "INIT without FUSE_SUBMOUNTS; LOOKUP of a mounted folder",
		.wants = "neither flag in the answers",
		.catches = "attr-submount",
		.start = CHECK_RINGS,
		.options = CHECK_SUBMOUNTS | CHECK_MOUNTED,
		.run = not_negotiated,
	},
	{
		.id = "mounts.plus",
		.title = "READDIRPLUS announces a mounted folder as LOOKUP does",
		.rows = "FUSE-ATTR-009 FUSE-RDP-001",
		.sends = "LOOKUP of a mounted folder; READDIRPLUS of the root",
		.wants = "the same nodeid, ino and FUSE_ATTR_SUBMOUNT",
		.catches = "submount-silent nodeid-fresh",
		.options = CHECK_SUBMOUNTS | CHECK_MOUNTED,
		.run = plus,
	},
	{
		.id = "mounts.two-systems",
		.title = "files of a mounted file system are reached, and are other nodes",
		.rows = "FUSE-ENT-003 FUSE-ATTR-011",
		.sends =
			"LOOKUP of a mounted folder, of a file in it, of one beside it; OPEN, READ",
		.wants = "attributes and content of the host; three nodeids",
		.catches = "lookup-first:after=1",
		.options = CHECK_MOUNTED,
		.run = two_systems,
	},
	{
		.id = "mounts.across",
		.title = "RENAME and LINK into another file system fail, MKDIR there works",
		.rows = "FUSE-NAME-004 FUSE-NAME-003",
		.sends = "RENAME and LINK into a mounted folder, RMDIR of it, MKDIR in it",
		.wants = "EXDEV, EXDEV, EBUSY, success",
		.catches = "lost:op=RENAME lost:op=RMDIR",
		.options = CHECK_MOUNTED,
		.run = across,
	},
	{
		.id = "mounts.synced",
		.title = "a mounted file system can be synced as the shared one can",
		.rows = "MODE-SUB-001 FUSE-WB-008",
		.sends = "SYNCFS of the root and of a mounted folder",
		.wants = "success for both, or ENOSYS for both",
		.catches = "error:SYNCFS:EINVAL:after=1",
		.options = CHECK_SUBMOUNTS | CHECK_MOUNTED,
		.run = synced,
	},
};

const struct check_area area_mounts = { "mounts", "Mounted file systems", checks,
					ARRAY_SIZE(checks) };
