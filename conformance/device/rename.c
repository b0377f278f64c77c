// SPDX-License-Identifier: Apache-2.0
/* RENAME and RENAME2. */
#include "conformance/device/areas.h"
#include "conformance/device/tree.h"

#include <pthread.h>

/* "a" and "b", files; "dir", empty; "full" with "file" in it. */
static bool fill(struct check_run *r)
{
	return check_host(r, "make a file", host_write(r->share, "a", "aaa", 3)) &&
	       check_host(r, "make a file", host_write(r->share, "b", "bb", 2)) &&
	       check_host(r, "make a folder", host_mkdir(r->share, "dir", 0755)) &&
	       check_host(r, "make a folder", host_mkdir(r->share, "full", 0755)) &&
	       check_host(r, "make a file", host_write(r->share, "full/file", "f", 1));
}

static bool content_is(struct check_run *r, const char *name, const char *text)
{
	CLEANUP(buf_free) struct buf b = { 0 };

	return check_that(r, host_read(r->share, name, 100, &b) == 0, "a file by that name",
			  "there is no \"%s\" on the host", name) &&
	       check_same_text(r, text, name, buf_text(&b));
}

static bool gone(struct check_run *r, const char *name)
{
	return check_that(r, !host_exists(r->share, name), "the old name is gone",
			  "\"%s\" is still there", name);
}

static void moves(struct check_run *r)
{
	struct fuse_entry_out dir, e;

	WANT(fill(r));
	WANT_OK(r, "RENAME to a free name", tree_rename(r->f, FRONT_ROOT, "a", FRONT_ROOT, "c"));
	WANT(gone(r, "a") && content_is(r, "c", "aaa"));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "dir", &dir));
	WANT_OK(r, "RENAME into a folder", tree_rename(r->f, FRONT_ROOT, "c", dir.nodeid, "d"));
	WANT(gone(r, "c") && content_is(r, "dir/d", "aaa"));
	WANT_OK(r, "LOOKUP of the new name", front_lookup(r->f, dir.nodeid, "d", &e));
	WANT_OK(r, "RENAME out of it", tree_rename(r->f, dir.nodeid, "d", FRONT_ROOT, "a"));
	WANT(gone(r, "dir/d") && content_is(r, "a", "aaa"));
	WANT_ERROR(r, -ENOENT, "LOOKUP of the old name", front_lookup(r->f, dir.nodeid, "d", &e));
}

static void replaces(struct check_run *r)
{
	struct fuse_entry_out old, e;
	struct fuse_open_out open;
	char text[8] = "";
	size_t got = 0;

	WANT(fill(r));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "b", &old));
	WANT_OK(r, "OPEN", front_open_file(r->f, old.nodeid, O_RDONLY, &open));
	WANT_OK(r, "RENAME over a file", tree_rename(r->f, FRONT_ROOT, "a", FRONT_ROOT, "b"));
	WANT(gone(r, "a") && content_is(r, "b", "aaa"));
	WANT_OK(r, "READ of the replaced file, by a handle from before",
		front_read(r->f, old.nodeid, open.fh, 0, text, 4, &got));
	WANT_TEXT(r, "bb", "its content", text);
	WANT_OK(r, "LOOKUP of the name", front_lookup(r->f, FRONT_ROOT, "b", &e));
	WANT_THAT(r, e.nodeid != old.nodeid, "another nodeid", "that of the replaced file");
}

static void folders(struct check_run *r)
{
	struct fuse_entry_out dir, full, e;

	WANT(fill(r));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "full", &full));
	WANT_OK(r, "RENAME of a folder over an empty one",
		tree_rename(r->f, FRONT_ROOT, "full", FRONT_ROOT, "dir"));
	WANT(gone(r, "full") && content_is(r, "dir/file", "f"));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "dir", &dir));
	WANT_SAME(r, full.nodeid, "nodeid of the moved folder", dir.nodeid);
	WANT_OK(r, "LOOKUP in it", front_lookup(r->f, full.nodeid, "file", &e));
}

struct refused {
	const char *what;
	const char *from;
	const char *to;
	int wanted[3];
};

static const struct refused refusals[] = {
	{ "RENAME of a folder over a full one", "dir", "full", { -ENOTEMPTY, -EEXIST, -EEXIST } },
	{ "RENAME of a file over a folder", "a", "dir", { -EISDIR, -EISDIR, -EISDIR } },
	{ "RENAME of a folder over a file", "dir", "a", { -ENOTDIR, -ENOTDIR, -ENOTDIR } },
};

static void refuses(struct check_run *r)
{
	struct fuse_entry_out full, sub;
	uint64_t before = 0;

	WANT(fill(r));
	HOST(r, "make a folder", host_mkdir(r->share, "full/sub", 0755));
	HOST(r, "digest", host_digest(r->share, &before));
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		const struct refused *d = &refusals[i];

		WANT(check_one_of(r, d->wanted, ARRAY_SIZE(d->wanted), d->what,
				  tree_rename(r->f, FRONT_ROOT, d->from, FRONT_ROOT, d->to)));
		WANT(tree_same(r, before, d->what));
	}
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "full", &full));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, full.nodeid, "sub", &sub));
	WANT_ERROR(r, -EINVAL, "RENAME of a folder into itself",
		   tree_rename(r->f, FRONT_ROOT, "full", full.nodeid, "x"));
	WANT_ERROR(r, -EINVAL, "RENAME of a folder into its own child",
		   tree_rename(r->f, FRONT_ROOT, "full", sub.nodeid, "x"));
	WANT_ONE_OF(r, "RENAME of a folder over its own parent",
		    tree_rename(r->f, full.nodeid, "sub", FRONT_ROOT, "full"), -ENOTEMPTY, -EEXIST);
	WANT(tree_same(r, before, "RENAME that failed"));
}

/* Two names of one file: POSIX wants success, and that nothing is done. */
static void same_file(struct check_run *r)
{
	uint64_t before = 0;

	WANT(fill(r));
	HOST(r, "make a link", tree_link(r->share, "a", "dir/a2"));
	HOST(r, "make a link", tree_link(r->share, "a", "a3"));
	HOST(r, "digest", host_digest(r->share, &before));
	WANT_OK(r, "RENAME to the same name", tree_rename(r->f, FRONT_ROOT, "a", FRONT_ROOT, "a"));
	WANT_OK(r, "RENAME of one name of a file over another of its names",
		tree_rename(r->f, FRONT_ROOT, "a", FRONT_ROOT, "a3"));
	WANT(tree_same(r, before, "RENAME of a file over itself"));
}

static void not_folders(struct check_run *r)
{
	struct fuse_entry_out a;

	WANT(fill(r));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "a", &a));
	WANT_ERROR(r, -ENOTDIR, "RENAME into a file",
		   tree_rename(r->f, FRONT_ROOT, "b", a.nodeid, "x"));
	/* EIO is what a device says that wants the name to be known. */
	WANT_ONE_OF(r, "RENAME out of a file", tree_rename(r->f, a.nodeid, "x", FRONT_ROOT, "y"),
		    -ENOTDIR, -EIO);
	WANT(content_is(r, "b", "bb"));
}

static bool has_rename2(struct check_run *r)
{
	int e = tree_rename2(r->f, "a", "probe", 0);

	return check_has(r, e != -ENOSYS, "RENAME2") && check_ok(r, "RENAME2 without flags", e) &&
	       content_is(r, "probe", "aaa") &&
	       check_ok(r, "RENAME2 back", tree_rename2(r->f, "probe", "a", 0));
}

static void noreplace(struct check_run *r)
{
	WANT(fill(r) && has_rename2(r));
	WANT_ERROR(r, -EEXIST, "RENAME2 with RENAME_NOREPLACE over a file",
		   tree_rename2(r->f, "a", "b", RENAME_NOREPLACE));
	WANT(content_is(r, "a", "aaa") && content_is(r, "b", "bb"));
	WANT_OK(r, "RENAME2 with RENAME_NOREPLACE to a free name",
		tree_rename2(r->f, "a", "c", RENAME_NOREPLACE));
	WANT(gone(r, "a") && content_is(r, "c", "aaa"));
}

static void exchange(struct check_run *r)
{
	struct fuse_entry_out a, b, after;

	WANT(fill(r) && has_rename2(r));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "a", &a));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "b", &b));
	WANT_OK(r, "RENAME2 with RENAME_EXCHANGE", tree_rename2(r->f, "a", "b", RENAME_EXCHANGE));
	WANT(content_is(r, "a", "bb") && content_is(r, "b", "aaa"));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "a", &after));
	WANT_SAME(r, b.nodeid, "nodeid under the first name", after.nodeid);
	WANT_OK(r, "RENAME2 with RENAME_EXCHANGE of a file and a full folder",
		tree_rename2(r->f, "a", "full", RENAME_EXCHANGE));
	WANT(content_is(r, "full", "bb") && content_is(r, "a/file", "f"));
	WANT_ERROR(r, -ENOENT, "RENAME2 with RENAME_EXCHANGE, one name is free",
		   tree_rename2(r->f, "b", "free", RENAME_EXCHANGE));
	WANT(content_is(r, "b", "aaa"));
}

static void whiteout(struct check_run *r)
{
	struct stat st;
	int e;

	WANT(fill(r) && has_rename2(r));
	e = tree_rename2(r->f, "a", "c", RENAME_WHITEOUT);
	WANT_ONE_OF(r, "RENAME2 with RENAME_WHITEOUT", e, 0, -EINVAL, -EPERM, -ENOSYS, -EOPNOTSUPP);
	if (e != 0) {
		WANT(content_is(r, "a", "aaa"));
		return;
	}
	WANT(content_is(r, "c", "aaa"));
	WANT_THAT(r, host_stat(r->share, "a", &st) == 0, "a whiteout under the old name",
		  "nothing is there");
	WANT_SAME(r, S_IFCHR, "type of what is left under the old name", st.st_mode & S_IFMT);
	WANT_SAME(r, 0, "its device number", st.st_rdev);
}

static void bad_flags(struct check_run *r)
{
	static const uint32_t flags[] = { 8, 0x80000000, RENAME_NOREPLACE | RENAME_EXCHANGE,
					  RENAME_EXCHANGE | RENAME_WHITEOUT, UINT32_MAX };
	uint64_t before = 0;

	WANT(fill(r) && has_rename2(r));
	HOST(r, "digest", host_digest(r->share, &before));
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		char what[80];

		(void)snprintf(what, sizeof(what), "RENAME2 with flags 0x%x", flags[i]);
		WANT_ERROR(r, -EINVAL, what, tree_rename2(r->f, "a", "b", flags[i]));
		WANT(tree_same(r, before, "RENAME2 that failed"));
	}
}

/* The host looks at the name all the time. */
struct watcher {
	char path[TREE_PATH];
	_Atomic bool stop;
	_Atomic unsigned looks;
	unsigned missing;
};

static void *watch(void *data)
{
	struct watcher *w = data;

	while (!w->stop) {
		struct stat st;

		w->missing += lstat(w->path, &st) < 0;
		w->looks++;
	}
	return NULL;
}

static void atomic(struct check_run *r)
{
	struct watcher w = { .looks = 0 };
	pthread_t thread;
	int e = 0;

	(void)tree_path(w.path, r->share, "name");
	HOST(r, "make a file", host_write(r->share, "name", "x", 1));
	HOST(r, "start a thread", -pthread_create(&thread, NULL, watch, &w));
	for (unsigned i = 0; i < 50 && e == 0; i++) {
		unsigned before = w.looks;

		e = host_write(r->share, "tmp", "y", 1) < 0
			    ? FRONT_FAILED
			    : tree_rename(r->f, FRONT_ROOT, "tmp", FRONT_ROOT, "name");
		/* On one busy processor it might not have looked at all. */
		for (unsigned n = 0; w.looks == before && n < 1000; n++)
			(void)sched_yield();
	}
	w.stop = true;
	(void)pthread_join(thread, NULL);
	WANT_OK(r, "RENAME over a name, 50 times", e);
	WANT_SAME(r, 0, "times that the host found no file by that name", w.missing);
}

static const struct check checks[] = {
	{
		.id = "rename.moves",
		.title = "RENAME moves a file, inside of a folder and across folders",
		.rows = "FUSE-NAME-004",
		.sends = "RENAME to a free name, into a folder, out of it; LOOKUP",
		.wants = "the host sees the content under the new name and nothing under the old",
		.catches = "lost:op=RENAME preload:rename-lost",
		.run = moves,
	},
	{
		.id = "rename.replaces",
		.title = "RENAME over a file replaces it, and its handle keeps the old content",
		.rows = "FUSE-NAME-004 FUSE-ENT-003 MULTI-010",
		.sends = "OPEN of the target; RENAME over it; READ by the handle; LOOKUP",
		.wants = "the new content by name, with another nodeid; the old by the handle",
		.catches = "removed-stale lost:op=RENAME",
		.run = replaces,
	},
	{
		.id = "rename.folders",
		.title = "RENAME moves a folder over an empty one",
		.rows = "FUSE-NAME-004 FUSE-ENT-003",
		.sends = "RENAME of a folder with a file over an empty folder",
		.wants = "success; the folder keeps its nodeid and what is in it",
		.catches = "nodeid-fresh lost:op=RENAME",
		.run = folders,
	},
	{
		.id = "rename.refuses",
		.title = "RENAME refuses what POSIX forbids, and does nothing then",
		.rows = "FUSE-NAME-004",
		.sends = "RENAME over a full folder; file over folder and folder over file; "
			 "a folder into itself, into its child, over its parent",
		.wants = "ENOTEMPTY or EEXIST; EISDIR; ENOTDIR; EINVAL, EINVAL, ENOTEMPTY or "
			 "EEXIST; nothing changes",
		.catches = "lost:op=RENAME error:RENAME:EIO:after=3",
		.run = refuses,
	},
	{
		.id = "rename.same-file",
		.title = "RENAME of a file over itself does nothing",
		.rows = "FUSE-NAME-004",
		.sends = "RENAME to the same name, and over another link of the same file",
		.wants = "success, and nothing changes",
		.catches = "rename-gap error:RENAME:EIO",
		.run = same_file,
	},
	{
		.id = "rename.no-folder",
		.title = "RENAME works between folders only",
		.rows = "FUSE-NAME-004 VIRTIO-FS-SEC-011",
		.sends = "RENAME with the nodeid of a file as old or new folder",
		.wants = "ENOTDIR; or EIO for an old name in what is no folder",
		.catches = "lost:op=RENAME",
		.run = not_folders,
	},
	{
		.id = "rename.noreplace",
		.title = "RENAME_NOREPLACE never replaces",
		.rows = "FUSE-NAME-004",
		.sends = "RENAME2 with RENAME_NOREPLACE over a file, then to a free name",
		.wants = "EEXIST with both files as they were; then success",
		.catches = "rename-flags preload:rename-noflags",
		.run = noreplace,
	},
	{
		.id = "rename.exchange",
		.title = "RENAME_EXCHANGE swaps two names",
		.rows = "FUSE-NAME-004 FUSE-ENT-003",
		.sends =
			"RENAME2 with RENAME_EXCHANGE: two files; a file and a full folder; one name "
			"free",
		.wants = "both swapped, with their nodeids; ENOENT for a free name",
		.catches = "rename-flags preload:rename-noflags",
		.run = exchange,
	},
	{
		.id = "rename.whiteout",
		.title = "RENAME_WHITEOUT leaves a whiteout, or is refused",
		.rows = "FUSE-NAME-004",
		.sends = "RENAME2 with RENAME_WHITEOUT",
		.wants = "success and a character device 0:0 under the old name; or EINVAL, EPERM, "
			 "ENOSYS, EOPNOTSUPP and nothing changes",
		.catches = "rename-flags lost:op=RENAME2",
		.run = whiteout,
	},
	{
		.id = "rename.bad-flags",
		.title = "RENAME2 refuses flags that do not exist or contradict each other",
		.rows = "FUSE-NAME-004",
		.sends =
			"RENAME2 with flags 8, 2^31, NOREPLACE|EXCHANGE, EXCHANGE|WHITEOUT, 2^32-1",
		.wants = "EINVAL, and nothing changes",
		.catches = "rename-any-flags rename-flags",
		.run = bad_flags,
	},
	{
		.id = "rename.atomic",
		.title = "while RENAME replaces a name, the name is always there",
		.rows = "MULTI-010 FUSE-NAME-004",
		.sends = "50 times RENAME over one name, while a thread of the host looks at it",
		.wants = "success; the host never misses the name",
		.catches = "rename-gap:count=2",
		.run = atomic,
	},
};

const struct check_area area_rename = { "rename", "RENAME", checks, ARRAY_SIZE(checks) };
