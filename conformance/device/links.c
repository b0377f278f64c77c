// SPDX-License-Identifier: Apache-2.0
/* Links, symbolic and hard. A symbolic link is a text that the device keeps and never follows. */
#include "conformance/device/areas.h"
#include "conformance/device/tree.h"

#define TARGET_MAX 4095 /* PATH_MAX without the NUL */

static bool same_target(struct check_run *r, const char *name, const char *target)
{
	char text[TARGET_MAX + 2];

	return check_same_text(r, target, "target on the host",
			       tree_target(r->share, name, text, sizeof(text)));
}

static void made(struct check_run *r)
{
	static const char *const targets[] = { "x",	      "a/b/c",	     "../..",
					       ".",	      "/etc/passwd", "with blank",
					       "line\nbreak", "\xff\x80\x01" };

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		struct fuse_entry_out e;
		char text[64];
		char name[16];

		(void)snprintf(name, sizeof(name), "link-%zu", i);
		WANT_OK(r, "SYMLINK", front_symlink(r->f, FRONT_ROOT, name, targets[i], &e));
		WANT_SAME(r, S_IFLNK, "type of the entry", e.attr.mode & S_IFMT);
		WANT_SAME(r, strlen(targets[i]), "size of the entry", e.attr.size);
		WANT(agrees(r, name, &e.attr, true));
		WANT(same_target(r, name, targets[i]));
		WANT_OK(r, "READLINK", front_readlink(r->f, e.nodeid, text, sizeof(text)));
		WANT_TEXT(r, targets[i], "target by READLINK", text);
	}
}

static void lengths(struct check_run *r)
{
	/* Around what file systems keep inside the inode (60), one name, one page. */
	static const size_t sizes[] = { 1, 2, 59, 60, 61, 255, 256, 1023, 1024, 4094, TARGET_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char target[TARGET_MAX + 1] = "", text[TARGET_MAX + 1];
		struct fuse_entry_out e;
		char name[16];

		for (size_t at = 0; at < sizes[i]; at++)
			target[at] = (char)(at % 200 == 199 ? '/' : 'a' + (int)(at % 23));
		(void)snprintf(name, sizeof(name), "link-%zu", sizes[i]);
		WANT_OK(r, "SYMLINK", front_symlink(r->f, FRONT_ROOT, name, target, &e));
		WANT(same_target(r, name, target));
		WANT_OK(r, "READLINK", front_readlink(r->f, e.nodeid, text, sizeof(text)));
		WANT_TEXT(r, target, "target by READLINK", text);
	}
}

static void bad_targets(struct check_run *r)
{
	char target[TARGET_MAX + 6];
	struct fuse_entry_out e;

	memset(target, 'a', sizeof(target));
	target[TARGET_MAX + 5] = '\0';
	WANT_ONE_OF(r, "SYMLINK to 4100 bytes", front_symlink(r->f, FRONT_ROOT, "long", target, &e),
		    -ENAMETOOLONG);
	WANT_ONE_OF(r, "SYMLINK to nothing", front_symlink(r->f, FRONT_ROOT, "empty", "", &e),
		    -ENOENT, -EINVAL);
	WANT_THAT(r, !host_exists(r->share, "long") && !host_exists(r->share, "empty"), "no link",
		  "one was made");
}

static void readlink_other(struct check_run *r)
{
	static const char *const names[] = { "file", "dir", "fifo" };
	char text[64];

	HOST(r, "make a file", host_write(r->share, "file", "target", 6));
	HOST(r, "make a folder", host_mkdir(r->share, "dir", 0755));
	HOST(r, "make a FIFO", tree_node(r->share, "fifo", S_IFIFO | 0600, 0));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct fuse_entry_out e;

		WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, names[i], &e));
		/* Of a bare descriptor readlinkat() says ENOENT. */
		WANT_ONE_OF(r, "READLINK of what is no link",
			    front_readlink(r->f, e.nodeid, text, sizeof(text)), -EINVAL, -ENOENT);
	}
	WANT_ONE_OF(r, "READLINK of the root", front_readlink(r->f, FRONT_ROOT, text, sizeof(text)),
		    -EINVAL, -ENOENT);
}

/* A link out of the share to a file and a folder that exist, as a host or a guest may make it. */
static bool make_ways_out(struct check_run *r)
{
	char path[TREE_PATH];

	return check_host(r, "make a link",
			  host_symlink(r->share, "secret",
				       tree_path(path, r->outside ? r->outside : "/etc",
						 r->outside ? "secret" : "passwd"))) &&
	       check_host(r, "make a link",
			  host_symlink(r->share, "out", r->outside ? r->outside : "/etc")) &&
	       check_host(r, "make a link", host_symlink(r->share, "up", ".."));
}

static void not_followed(struct check_run *r)
{
	static const char *const names[] = { "secret", "out", "up" };

	WANT(make_ways_out(r));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct fuse_entry_out e, child;
		struct fuse_open_out open;

		WANT_OK(r, "LOOKUP of a link", front_lookup(r->f, FRONT_ROOT, names[i], &e));
		WANT_SAME(r, S_IFLNK, "type of the entry", e.attr.mode & S_IFMT);
		WANT(agrees(r, names[i], &e.attr, true));
		WANT_ONE_OF(r, "OPEN of a link", front_open_file(r->f, e.nodeid, O_RDONLY, &open),
			    -ELOOP, -EBADF);
		WANT_ONE_OF(r, "OPENDIR of a link", front_opendir(r->f, e.nodeid, &open), -ENOTDIR,
			    -ELOOP, -EBADF);
		WANT_ERROR(r, -ENOTDIR, "LOOKUP below a link",
			   front_lookup(r->f, e.nodeid, "secret", &child));
		WANT_ERROR(r, -ENOTDIR, "MKDIR below a link",
			   front_mkdir(r->f, e.nodeid, "made", 0755, &child));
	}
}

/* The harness compares what lies outside, afterwards. */
static void create_through(struct check_run *r)
{
	static const uint32_t flags[] = { O_RDWR | O_CREAT, O_WRONLY | O_CREAT | O_TRUNC,
					  O_RDWR | O_CREAT | O_EXCL };
	char path[TREE_PATH];

	WANT(make_ways_out(r));
	HOST(r, "make a link to nothing",
	     host_symlink(r->share, "new",
			  tree_path(path, r->outside ? r->outside : "/nowhere", "new")));
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct fuse_entry_out e;
		struct fuse_open_out open;

		WANT_ONE_OF(r, "CREATE of a name that is a link to a file outside",
			    front_create(r->f, FRONT_ROOT, "secret", flags[i], 0644, &e, &open),
			    -EEXIST, -ELOOP, -EBADF);
		WANT_ONE_OF(r, "CREATE of a name that is a link to nothing outside",
			    front_create(r->f, FRONT_ROOT, "new", flags[i], 0644, &e, &open),
			    -EEXIST, -ELOOP, -EBADF);
	}
}

static void setattr_through(struct check_run *r)
{
	struct fuse_setattr_in mode = { .valid = FATTR_MODE, .mode = S_IFLNK | 0600 };
	struct fuse_setattr_in size = { .valid = FATTR_SIZE, .size = 0 };
	struct fuse_setattr_in owner = { .valid = FATTR_UID, .uid = 1 };
	struct fuse_entry_out e;
	struct fuse_attr_out attr;

	WANT(make_ways_out(r));
	WANT_OK(r, "LOOKUP of a link", front_lookup(r->f, FRONT_ROOT, "secret", &e));
	WANT_ONE_OF(r, "SETATTR of a link's mode", front_setattr(r->f, e.nodeid, &mode, &attr), 0,
		    -EOPNOTSUPP, -ELOOP);
	WANT_ONE_OF(r, "SETATTR of a link's size", front_setattr(r->f, e.nodeid, &size, &attr),
		    -EINVAL, -ELOOP, -EBADF);
	WANT_ONE_OF(r, "SETATTR of a link's owner", front_setattr(r->f, e.nodeid, &owner, &attr), 0,
		    -EPERM);
}

static void unlink_link(struct check_run *r)
{
	HOST(r, "make a file", host_write(r->share, "file", "x", 1));
	HOST(r, "make a link", host_symlink(r->share, "link", "file"));
	WANT_OK(r, "UNLINK of a link", tree_unlink(r->f, FRONT_ROOT, "link"));
	WANT_THAT(r, host_exists(r->share, "file") && !host_exists(r->share, "link"),
		  "the link is gone, its target is not",
		  host_exists(r->share, "link") ? "the link is there" : "the target is gone");
}

static void hard(struct check_run *r)
{
	struct fuse_entry_out e, linked, dir;
	char text[8];

	HOST(r, "make a file", host_write(r->share, "file", "abc", 3));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &e));
	WANT_OK(r, "MKDIR", front_mkdir(r->f, FRONT_ROOT, "dir", 0755, &dir));
	WANT_OK(r, "LINK", front_link(r->f, e.nodeid, dir.nodeid, "other", &linked));
	WANT_SAME(r, e.nodeid, "nodeid of the link", linked.nodeid);
	WANT_SAME(r, 2, "nlink", linked.attr.nlink);
	WANT(agrees(r, "dir/other", &linked.attr, true));
	WANT_OK(r, "UNLINK of the first name", tree_unlink(r->f, FRONT_ROOT, "file"));
	WANT_OK(r, "LOOKUP of the second", front_lookup(r->f, dir.nodeid, "other", &linked));
	WANT_SAME(r, 1, "nlink", linked.attr.nlink);
	WANT_OK(r, "OPEN and READ", tree_reads(r->f, linked.nodeid, text, sizeof(text)));
	WANT_TEXT(r, "abc", "content", text);
}

static void hard_wrong(struct check_run *r)
{
	struct fuse_entry_out dir, file, gone, e;

	HOST(r, "make a folder", host_mkdir(r->share, "dir", 0755));
	HOST(r, "make a file", host_write(r->share, "file", "x", 1));
	HOST(r, "make another", host_write(r->share, "gone", "x", 1));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "dir", &dir));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &file));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "gone", &gone));
	WANT_ERROR(r, -EPERM, "LINK of a folder",
		   front_link(r->f, dir.nodeid, FRONT_ROOT, "new", &e));
	WANT_ERROR(r, -EPERM, "LINK of the root",
		   front_link(r->f, FRONT_ROOT, FRONT_ROOT, "new", &e));
	WANT_ERROR(r, -EEXIST, "LINK over a name",
		   front_link(r->f, file.nodeid, FRONT_ROOT, "dir", &e));
	WANT_ERROR(r, -ENOTDIR, "LINK into a file",
		   front_link(r->f, gone.nodeid, file.nodeid, "new", &e));
	HOST(r, "remove a file", host_unlink(r->share, "gone"));
	WANT_ONE_OF(r, "LINK of a file that is removed",
		    front_link(r->f, gone.nodeid, FRONT_ROOT, "new", &e), -ENOENT, -ESTALE);
	WANT_THAT(r, !host_exists(r->share, "new"), "no new name", "there is one");
}

static void hard_symbolic(struct check_run *r)
{
	struct fuse_entry_out e, linked;

	HOST(r, "make a file", host_write(r->share, "file", "x", 1));
	HOST(r, "make a link", host_symlink(r->share, "link", "file"));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "link", &e));
	WANT_OK(r, "LINK of a symbolic link",
		front_link(r->f, e.nodeid, FRONT_ROOT, "other", &linked));
	WANT_SAME(r, e.nodeid, "nodeid of the new name", linked.nodeid);
	WANT(agrees(r, "other", &linked.attr, true));
	WANT(same_target(r, "other", "file"));
}

static const struct check checks[] = {
	{
		.id = "links.symlink",
		.title = "SYMLINK keeps its target as it is, and READLINK gives it back",
		.rows = "FUSE-NAME-005 FUSE-ATTR-011 BUG-06",
		.sends =
			"SYMLINK to relative and absolute targets, blanks, control and high bytes; "
			"READLINK",
		.wants = "the same bytes on the host and from READLINK; size is their number",
		.catches = "target-cut:op=SYMLINK target-cut:op=READLINK",
		.run = made,
	},
	{
		.id = "links.lengths",
		.title = "targets of all lengths are kept, up to 4095 bytes",
		.rows = "FUSE-NAME-005",
		.sends =
			"SYMLINK to 1, 2, 59 to 61, 255, 256, 1023, 1024, 4094, 4095 bytes; READLINK",
		.wants = "the same bytes on the host and from READLINK",
		.catches = "target-cut:op=SYMLINK target-cut:op=READLINK:after=5",
		.run = lengths,
	},
	{
		.id = "links.bad-targets",
		.title = "a target that is empty or too long is refused",
		.rows = "FUSE-NAME-005",
		.sends = "SYMLINK to 4100 bytes and to none",
		.wants = "ENAMETOOLONG; ENOENT or EINVAL; no link",
		.catches = "target-cut:op=SYMLINK error:SYMLINK:EIO",
		.run = bad_targets,
	},
	{
		.id = "links.readlink-other",
		.title = "READLINK works on symbolic links only",
		.rows = "FUSE-NAME-005",
		.sends = "READLINK of a file, a folder, a FIFO, the root",
		.wants = "EINVAL or ENOENT",
		.catches = "error:READLINK:EIO",
		.run = readlink_other,
	},
	{
		.id = "links.not-followed",
		.title = "the device follows no link: neither LOOKUP, OPEN, OPENDIR nor MKDIR",
		.rows = "VIRTIO-FS-SEC-006",
		.sends =
			"LOOKUP of links that lead out of the share; OPEN, OPENDIR, LOOKUP, MKDIR there",
		.wants = "LOOKUP: the link itself; all others an error",
		.catches = "link-followed preload:openat-nofollow",
		.run = not_followed,
	},
	{
		.id = "links.create-through",
		.title = "CREATE of a name that is a link neither opens nor makes what it leads to",
		.rows = "VIRTIO-FS-SEC-006",
		.sends =
			"CREATE with and without O_EXCL and O_TRUNC; links to a file and to nothing "
			"outside of the share",
		.wants = "EEXIST, ELOOP or EBADF; nothing changes outside",
		.catches = "error:CREATE:EIO preload:openat-nofollow",
		.run = create_through,
	},
	{
		.id = "links.setattr-through",
		.title = "SETATTR of a link changes nothing of what it leads to",
		.rows = "VIRTIO-FS-SEC-006",
		.sends = "SETATTR of mode, size and owner; the link leads to a file outside",
		.wants = "success or an error for mode and owner, an error for the size; nothing "
			 "changes outside",
		.catches = "link-followed",
		.run = setattr_through,
	},
	{
		.id = "links.unlink",
		.title = "UNLINK of a link leaves its target alone",
		.rows = "FUSE-NAME-003 VIRTIO-FS-SEC-006",
		.sends = "UNLINK of a symbolic link to a file",
		.wants = "the link is gone, the file is there",
		.catches = "lost:op=UNLINK",
		.run = unlink_link,
	},
	{
		.id = "links.hard",
		.title = "LINK gives a file a second name, with the same nodeid",
		.rows = "FUSE-ENT-003 FUSE-ATTR-011",
		.sends =
			"LINK into another folder; UNLINK of the first name; LOOKUP, OPEN, READ by the "
			"second",
		.wants = "the same nodeid; nlink 2, then 1; the content",
		.catches = "nodeid-fresh lost:op=UNLINK preload:link-lost",
		.run = hard,
	},
	{
		.id = "links.hard-wrong",
		.title = "LINK refuses folders, names that exist, and files that are removed",
		.rows = "FUSE-NAME-002",
		.sends =
			"LINK of a folder, of the root, over a name, into a file, of a removed file",
		.wants = "EPERM, EPERM, EEXIST, ENOTDIR, ENOENT or ESTALE; no new name",
		.catches = "error:LINK:EIO",
		.run = hard_wrong,
	},
	{
		.id = "links.hard-symbolic",
		.title = "LINK of a symbolic link is a link to the link itself",
		.rows = "VIRTIO-FS-SEC-006 FUSE-ENT-003",
		.sends = "LINK of a symbolic link to a file",
		.wants = "the same nodeid under the new name, with the same target on the host",
		.catches = "nodeid-fresh link-followed",
		.run = hard_symbolic,
	},
};

const struct check_area area_links = { "links", "Links", checks, ARRAY_SIZE(checks) };
