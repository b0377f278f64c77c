// SPDX-License-Identifier: Apache-2.0
/* Names: what LOOKUP finds, and what it must not. */
#include "conformance/device/areas.h"
#include "conformance/device/tree.h"

static void found(struct check_run *r)
{
	struct fuse_entry_out entry;
	struct stat st;
	char why[128];
	const char *differs;

	WANT(check_host(r, "make a file", host_fill(r->share, "file", 5000, 1)));
	WANT_OK(r, "LOOKUP of a file", front_lookup(r->f, FRONT_ROOT, "file", &entry));
	WANT(check_host(r, "stat", host_stat(r->share, "file", &st)));
	differs = host_compare(&entry.attr, &st, false, why, sizeof(why));
	WANT_THAT(r, !differs, "the attributes that the host sees", "%s", differs);
	WANT_RANGE(r, FRONT_ROOT + 1, UINT64_MAX, "nodeid", entry.nodeid);
}

static void missing(struct check_run *r)
{
	struct fuse_entry_out entry;
	int e = front_lookup(r->f, FRONT_ROOT, "nothing", &entry);

	/* A negative entry is the other way to say it; a guest keeps it for as long as it is valid. */
	if (e == 0 && entry.nodeid == 0)
		WANT_RANGE(r, 0, 1, "seconds for which a negative entry is valid",
			   entry.entry_valid);
	else
		WANT_ERROR(r, -ENOENT, "LOOKUP of a name that is not there", e);
	WANT(check_host(r, "make a file", host_write(r->share, "nothing", "x", 1)));
	WANT_OK(r, "LOOKUP once it is there", front_lookup(r->f, FRONT_ROOT, "nothing", &entry));
}

static void slash(struct check_run *r)
{
	struct fuse_entry_out entry;

	WANT(check_host(r, "make a folder", host_mkdir(r->share, "dir", 0755)));
	WANT(check_host(r, "make a file", host_write(r->share, "dir/file", "x", 1)));
	WANT_ONE_OF(r, "LOOKUP of \"dir/file\"", front_lookup(r->f, FRONT_ROOT, "dir/file", &entry),
		    -EINVAL, -ENOENT);
}

static void types(struct check_run *r)
{
	static const mode_t modes[] = { S_IFREG | 0640, S_IFIFO | 0600, S_IFSOCK | 0755 };
	struct fuse_entry_out e;
	char name[16];

	HOST(r, "make a folder", host_mkdir(r->share, "dir", 0750));
	HOST(r, "make a link", host_symlink(r->share, "link", "dir"));
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		(void)snprintf(name, sizeof(name), "node-%zu", i);
		HOST(r, "make a node", tree_node(r->share, name, modes[i], 0));
		WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, name, &e));
		WANT(agrees(r, name, &e.attr, true));
	}
	WANT_OK(r, "LOOKUP of a folder", front_lookup(r->f, FRONT_ROOT, "dir", &e));
	WANT(agrees(r, "dir", &e.attr, true));
	WANT_OK(r, "LOOKUP of a link", front_lookup(r->f, FRONT_ROOT, "link", &e));
	WANT(agrees(r, "link", &e.attr, true));
}

/* CREATE, RELEASE; the host sees it, LOOKUP finds it, UNLINK ends it. */
static bool whole_life(struct check_run *r, const char *name)
{
	struct fuse_entry_out e, again;
	struct fuse_open_out open;
	bool there;

	if (!check_ok(r, "CREATE",
		      front_create(r->f, FRONT_ROOT, name, O_RDWR | O_CREAT, 0644, &e, &open)) ||
	    !check_ok(r, "RELEASE", front_release(r->f, e.nodeid, open.fh, 0)))
		return false;
	there = host_exists(r->share, name);
	return check_that(r, there, "the name on the host", "it is not there") &&
	       check_ok(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, name, &again)) &&
	       check_same(r, e.nodeid, "nodeid", again.nodeid) &&
	       check_ok(r, "UNLINK", tree_unlink(r->f, FRONT_ROOT, name)) &&
	       check_that(r, !host_exists(r->share, name), "no such name on the host",
			  "it is still there");
}

static void bytes(struct check_run *r)
{
	for (int c = 1; c < 256; c++) {
		/* Between letters: '.' alone is no name. */
		char inside[] = { 'a', (char)c, 'b', '\0' };

		if (c != '/')
			WANT(whole_life(r, inside));
	}
}

static void odd(struct check_run *r)
{
	static const char *const names[] = { "...",	  ".hidden",   " ",	   "-rf",  "a\\b",
					     "tab\there", "new\nline", "%s%n",	   "C:",   "~",
					     "\xc3\xa9",  "e\xcc\x81", "\xff\xfe", "..a",  "a..",
					     "con",	  "UPPER",     "upper",	   "name." };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		WANT(whole_life(r, names[i]));
}

static void longest(struct check_run *r)
{
	char name[TREE_NAME_MAX + 1], other[TREE_NAME_MAX + 1];
	struct fuse_entry_out e, linked;

	memset(name, 'n', TREE_NAME_MAX);
	memset(other, 'o', TREE_NAME_MAX);
	name[TREE_NAME_MAX] = other[TREE_NAME_MAX] = '\0';
	WANT(whole_life(r, name));
	WANT_OK(r, "MKDIR", front_mkdir(r->f, FRONT_ROOT, name, 0755, &e));
	WANT_THAT(r, host_exists(r->share, name), "the folder on the host", "it is not there");
	WANT_OK(r, "RMDIR", tree_rmdir(r->f, FRONT_ROOT, name));
	WANT_OK(r, "SYMLINK", front_symlink(r->f, FRONT_ROOT, name, "x", &e));
	WANT_OK(r, "LINK", front_link(r->f, e.nodeid, FRONT_ROOT, other, &linked));
	WANT_OK(r, "UNLINK", tree_unlink(r->f, FRONT_ROOT, name));
	WANT_OK(r, "RENAME", tree_rename(r->f, FRONT_ROOT, other, FRONT_ROOT, name));
	WANT_THAT(r, host_exists(r->share, name) && !host_exists(r->share, other),
		  "the new name on the host, and not the old", "not so");
}

static void exists(struct check_run *r)
{
	struct fuse_entry_out e, file;
	struct fuse_open_out open;
	uint64_t before = 0;

	HOST(r, "make a file", host_write(r->share, "file", "abc", 3));
	HOST(r, "make a link to nothing", host_symlink(r->share, "link", "nothing"));
	HOST(r, "digest", host_digest(r->share, &before));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &file));
	for (unsigned i = 0; i < 2; i++) {
		const char *name = i ? "link" : "file";

		WANT_ERROR(r, -EEXIST, "CREATE with O_EXCL of a name that is there",
			   front_create(r->f, FRONT_ROOT, name, O_RDWR | O_CREAT | O_EXCL, 0644, &e,
					&open));
		WANT_ERROR(r, -EEXIST, "MKDIR of it",
			   front_mkdir(r->f, FRONT_ROOT, name, 0755, &e));
		WANT_ERROR(r, -EEXIST, "SYMLINK of it",
			   front_symlink(r->f, FRONT_ROOT, name, "x", &e));
		WANT_ERROR(r, -EEXIST, "MKNOD of it",
			   front_mknod(r->f, FRONT_ROOT, name, S_IFREG | 0644, 0, &e));
		WANT_ERROR(r, -EEXIST, "LINK of it",
			   front_link(r->f, file.nodeid, FRONT_ROOT, name, &e));
		WANT(tree_same(r, before, "a request that failed"));
	}
}

#define RIVALS 8

/* All in flight together: who wins is nobody's business. */
static void one_winner(struct check_run *r)
{
	for (unsigned turn = 0; turn < 20; turn++) {
		struct front_request *q[RIVALS] = { NULL };
		unsigned won = 0, lost = 0;
		char name[16];
		int last = 0;

		(void)snprintf(name, sizeof(name), "name-%u", turn);
		for (unsigned i = 0; i < RIVALS; i++) {
			struct front_op op = front_op_create(FRONT_ROOT, name,
							     O_RDWR | O_CREAT | O_EXCL, 0644);

			if (front_prepare(r->f, &op, &q[i]) < 0 || front_enqueue(q[i]) < 0)
				last = FRONT_FAILED;
		}
		front_kick(r->f, 1);
		for (unsigned i = 0; i < RIVALS && last != FRONT_FAILED; i++) {
			int e = front_wait(q[i], front_deadline(r->f));

			won += e == 0;
			lost += e == -EEXIST;
			last = e == 0 || e == -EEXIST ? last : e;
		}
		for (unsigned i = 0; i < RIVALS; i++)
			front_request_free(q[i]);
		WANT_ONE_OF(r, "CREATE with O_EXCL", last, 0);
		WANT_SAME(r, 1, "of 8 CREATEs with O_EXCL, how many succeed", won);
		WANT_SAME(r, RIVALS - 1, "how many fail with EEXIST", lost);
	}
}

static void host_changes(struct check_run *r)
{
	struct fuse_entry_out a, b, e;

	HOST(r, "make a file", host_write(r->share, "a", "aaa", 3));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "a", &a));
	HOST(r, "rename it", tree_move(r->share, "a", r->share, "b"));
	WANT_ERROR(r, -ENOENT, "LOOKUP of the old name", front_lookup(r->f, FRONT_ROOT, "a", &e));
	WANT_OK(r, "LOOKUP of the new name", front_lookup(r->f, FRONT_ROOT, "b", &b));
	WANT_SAME(r, a.nodeid, "nodeid under the new name", b.nodeid);
	HOST(r, "make a folder by the old name", host_mkdir(r->share, "a", 0755));
	WANT_OK(r, "LOOKUP of it", front_lookup(r->f, FRONT_ROOT, "a", &e));
	WANT(agrees(r, "a", &e.attr, true));
	HOST(r, "remove the file", host_unlink(r->share, "b"));
	WANT_ERROR(r, -ENOENT, "LOOKUP of it", front_lookup(r->f, FRONT_ROOT, "b", &e));
}

/* Linux always looks first; the protocol does not ask for it. */
static void not_looked_up(struct check_run *r)
{
	HOST(r, "make a file", host_write(r->share, "a", "x", 1));
	HOST(r, "make a file", host_write(r->share, "b", "x", 1));
	HOST(r, "make a folder", host_mkdir(r->share, "dir", 0755));
	WANT_OK(r, "RENAME of a name that was not looked up",
		front_rename(r->f, FRONT_ROOT, "a", FRONT_ROOT, "c"));
	WANT_OK(r, "UNLINK of one", front_unlink(r->f, FRONT_ROOT, "b"));
	WANT_OK(r, "RMDIR of one", front_rmdir(r->f, FRONT_ROOT, "dir"));
	WANT_THAT(r,
		  host_exists(r->share, "c") && !host_exists(r->share, "a") &&
			  !host_exists(r->share, "b") && !host_exists(r->share, "dir"),
		  "all of it was done", "not all of it");
}

static void remove_missing(struct check_run *r)
{
	WANT_ERROR(r, -ENOENT, "UNLINK of what is not there",
		   front_unlink(r->f, FRONT_ROOT, "nothing"));
	WANT_ERROR(r, -ENOENT, "RMDIR of what is not there",
		   front_rmdir(r->f, FRONT_ROOT, "nothing"));
	WANT_ERROR(r, -ENOENT, "RENAME of what is not there",
		   front_rename(r->f, FRONT_ROOT, "nothing", FRONT_ROOT, "new"));
}

static void removed_folder(struct check_run *r)
{
	struct fuse_entry_out dir, e;
	struct fuse_open_out open;

	HOST(r, "make a folder", host_mkdir(r->share, "dir", 0755));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "dir", &dir));
	HOST(r, "remove it", host_unlink(r->share, "dir"));
	HOST(r, "make another by that name", host_mkdir(r->share, "dir", 0755));
	HOST(r, "make a file in it", host_write(r->share, "dir/file", "x", 1));
	WANT_ONE_OF(r, "LOOKUP in a folder that the host has removed",
		    front_lookup(r->f, dir.nodeid, "file", &e), -ENOENT, -ESTALE);
	WANT_ONE_OF(r, "CREATE in it",
		    front_create(r->f, dir.nodeid, "new", O_RDWR | O_CREAT, 0644, &e, &open),
		    -ENOENT, -ESTALE);
	WANT_THAT(r, !host_exists(r->share, "dir/new"), "nothing in the new folder",
		  "a file was made there");
}

static const struct check checks[] = {
	{
		.id = "names.lookup-found",
		.title = "LOOKUP returns the attributes that the host sees",
		.rows = "FUSE-ATTR-011 FUSE-ENT-003",
		.sends = "LOOKUP of a file that the host has made",
		.wants = "success, with the attributes of the file on the host",
		.catches = "attr-nsec attr-type",
		.run = found,
	},
	{
		.id = "names.lookup-missing",
		.title = "a name that is not there is ENOENT, and found once it is",
		.rows = "FUSE-ENT-005",
		.sends = "LOOKUP of a name before and after the host makes the file",
		.wants =
			"ENOENT (or an entry with nodeid 0 that is valid for a second at most), then "
			"success",
		.catches = "negative-cached",
		.run = missing,
	},
	{
		.id = "names.slash",
		.title = "a name with a slash finds nothing",
		.rows = "FUSE-NAME-001",
		.sends = "LOOKUP of \"dir/file\" in the root, where both exist",
		.wants = "EINVAL or ENOENT",
		.catches = "name-slash",
		.run = slash,
	},
	{
		.id = "names.types",
		.title = "LOOKUP tells what each file is, and follows no link",
		.rows = "FUSE-ATTR-011 VIRTIO-FS-SEC-006",
		.sends = "LOOKUP of a file, a FIFO, a socket, a folder, a link",
		.wants = "the attributes that the host sees",
		.catches = "attr-type link-followed preload:stat-mode",
		.run = types,
	},
	{
		.id = "names.bytes",
		.title = "a name may hold any byte but '/' and NUL",
		.rows = "FUSE-NAME-001",
		.sends = "CREATE, LOOKUP, UNLINK of names with each byte between letters",
		.wants = "success, the same name on the host, and none in the end",
		.catches = "lost:op=UNLINK:after=200 preload:unlink-lost",
		.run = bytes,
	},
	{
		.id = "names.odd",
		.title = "names that other systems or shells find odd are names",
		.rows = "FUSE-NAME-001",
		.sends = "CREATE, LOOKUP, UNLINK of names such as \"...\", \" \", \"%s%n\", \"C:\"",
		.wants = "success, the same name on the host, and none in the end",
		.catches = "lost:op=UNLINK preload:unlink-lost",
		.run = odd,
	},
	{
		.id = "names.longest",
		.title = "a name may have 255 bytes in every opcode",
		.rows = "FUSE-NAME-001",
		.sends =
			"CREATE, LOOKUP, UNLINK, MKDIR, RMDIR, SYMLINK, LINK, RENAME with such names",
		.wants = "success, the same names on the host",
		.catches = "name-cut",
		.run = longest,
	},
	{
		.id = "names.exists",
		.title = "nothing is made by a name that is there, and nothing is lost",
		.rows = "FUSE-NAME-002 FUSE-OPEN-009",
		.sends =
			"CREATE with O_EXCL, MKDIR, SYMLINK, MKNOD, LINK by the name of a file, and of "
			"a link to nothing",
		.wants = "EEXIST, and nothing changes",
		.catches = "excl-ignored preload:open-no-excl",
		.run = exists,
	},
	{
		.id = "names.one-winner",
		.title = "of several CREATEs with O_EXCL in flight exactly one succeeds",
		.rows = "MULTI-009 FUSE-OPEN-009",
		.sends = "8 CREATEs with O_EXCL of one name at once, 20 times",
		.wants = "one success, seven EEXIST",
		.catches = "excl-ignored preload:open-no-excl",
		.options = CHECK_THREADS4,
		.run = one_winner,
	},
	{
		.id = "names.host-changes",
		.title = "LOOKUP follows what the host does with a name",
		.rows = "FUSE-ENT-005 FUSE-ATTR-011 BUG-45",
		.sends = "LOOKUP; the host renames, makes and removes files by the same names",
		.wants = "ENOENT for what is gone, the right file for what is there",
		.catches = "negative-cached nodeid-fresh",
		.run = host_changes,
	},
	{
		.id = "names.not-looked-up",
		.title = "a name can be removed or renamed without a LOOKUP before",
		.rows = "FUSE-NAME-003 FUSE-NAME-004",
		.sends = "RENAME, UNLINK and RMDIR of names that were never looked up",
		.wants = "success, as the host sees it",
		.catches = "lost:op=RENAME lost:op=UNLINK lost:op=RMDIR",
		.run = not_looked_up,
	},
	{
		.id = "names.remove-missing",
		.title = "to remove or rename what is not there is ENOENT",
		.rows = "FUSE-NAME-003 FUSE-NAME-004",
		.sends = "UNLINK, RMDIR and RENAME of a name that is not there",
		.wants = "ENOENT",
		.catches = "lost:op=UNLINK lost:op=RMDIR lost:op=RENAME",
		.run = remove_missing,
	},
	{
		.id = "names.removed-folder",
		.title = "a folder that the host has removed and made anew is not the same one",
		.rows = "MULTI-011 FUSE-ENT-003",
		.sends =
			"LOOKUP of a folder; the host removes it and makes another; LOOKUP and CREATE "
			"by the first nodeid",
		.wants = "ENOENT or ESTALE; nothing is made in the new folder",
		.catches = "negative-cached lost:op=CREATE",
		.run = removed_folder,
	},
};

const struct check_area area_names = { "names", "Names", checks, ARRAY_SIZE(checks) };
