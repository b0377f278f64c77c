// SPDX-License-Identifier: Apache-2.0
/* Listings: where they go on, what changes meanwhile, whose handle it is. */
#include "conformance/device/areas.h"
#include "conformance/device/tree.h"

#define ROOM	  4096
#define SOME	  50
#define SOME_ROOM 400 /* about a dozen of SOME */

static void resumes(struct check_run *r)
{
	CLEANUP(tree_list_free) struct tree_list all = { 0 };
	struct fuse_open_out dir;
	uint64_t at = 0;

	HOST(r, "make 50 files", tree_many(r->share, SOME, 4));
	WANT_OK(r, "OPENDIR", front_opendir(r->f, FRONT_ROOT, &dir));
	WANT_ONE_OF(r, "READDIR",
		    tree_list_more(r->f, FRONT_ROOT, dir.fh, &at, false, ROOM, &all, 100), 1);
	WANT_RANGE(r, SOME, SOME + 2, "entries of one READDIR", all.count);
	/* Backwards, so that no offset is the one that the device stands at. */
	for (unsigned i = all.count - 1; i-- > 0;) {
		CLEANUP(tree_list_free) struct tree_list rest = { 0 };

		at = all.item[i].off;
		WANT_ONE_OF(r, "READDIR from an entry's offset",
			    tree_list_more(r->f, FRONT_ROOT, dir.fh, &at, false, ROOM, &rest, 100),
			    1);
		WANT_TEXT(r, all.item[i + 1].name, "the entry behind that offset",
			  rest.item[0].name);
		WANT_SAME(r, all.count - i - 1, "entries from there on", rest.count);
	}
}

static void rewinds(struct check_run *r)
{
	CLEANUP(tree_list_free) struct tree_list first = { 0 };
	CLEANUP(tree_list_free) struct tree_list again = { 0 };
	struct fuse_open_out dir;
	uint64_t at = 0;
	int e;

	HOST(r, "make a file", host_write(r->share, "old", "", 0));
	WANT_OK(r, "OPENDIR", front_opendir(r->f, FRONT_ROOT, &dir));
	do
		e = tree_list_more(r->f, FRONT_ROOT, dir.fh, &at, false, ROOM, &first, 100);
	while (e > 0);
	WANT_OK(r, "READDIR to the end", e);
	HOST(r, "make another file", host_write(r->share, "new", "", 0));
	HOST(r, "remove the first", host_unlink(r->share, "old"));
	at = 0;
	do
		e = tree_list_more(r->f, FRONT_ROOT, dir.fh, &at, false, ROOM, &again, 100);
	while (e > 0);
	WANT_OK(r, "READDIR from offset 0 again", e);
	WANT_SAME(r, 1, "how often the new name is listed", tree_listed(&again, "new", NULL));
	WANT_SAME(r, 0, "how often the removed name is listed", tree_listed(&again, "old", NULL));
}

/* What stays must be listed once; what goes or comes may be or not. */
static void changes(struct check_run *r)
{
	CLEANUP(tree_list_free) struct tree_list l = { 0 };
	struct fuse_open_out dir;
	uint64_t at = 0;
	char name[32];
	int e;

	HOST(r, "make 50 files", tree_many(r->share, SOME, 4));
	WANT_OK(r, "OPENDIR", front_opendir(r->f, FRONT_ROOT, &dir));
	for (unsigned turn = 0;; turn++) {
		e = tree_list_more(r->f, FRONT_ROOT, dir.fh, &at, false, SOME_ROOM, &l, 500);
		if (e <= 0)
			break;
		if (turn * 2 < SOME) {
			(void)snprintf(name, sizeof(name), "f-%04u", turn * 2);
			HOST(r, "remove a file", host_unlink(r->share, name));
			(void)snprintf(name, sizeof(name), "new-%u", turn);
			HOST(r, "make a file", host_write(r->share, name, "", 0));
		}
	}
	WANT_OK(r, "READDIR to the end", e);
	WANT_THAT(r, !l.endless, "a listing that ends", "500 entries, and more to come");
	for (unsigned i = 0; i < SOME; i++) {
		unsigned times;

		(void)snprintf(name, sizeof(name), "f-%04u", i);
		times = tree_listed(&l, name, NULL);
		WANT_RANGE(r, i % 2 || host_exists(r->share, name), 1, "how often a name is listed",
			   times);
	}
}

static void two_handles(struct check_run *r)
{
	CLEANUP(tree_list_free) struct tree_list a = { 0 };
	CLEANUP(tree_list_free) struct tree_list b = { 0 };
	struct fuse_open_out one, two;
	uint64_t at_a = 0, at_b = 0;
	int e = 1, more = 1;

	HOST(r, "make 50 files", tree_many(r->share, SOME, 4));
	WANT_OK(r, "OPENDIR", front_opendir(r->f, FRONT_ROOT, &one));
	WANT_OK(r, "OPENDIR again", front_opendir(r->f, FRONT_ROOT, &two));
	while (e > 0 || more > 0) {
		if (e > 0)
			e = tree_list_more(r->f, FRONT_ROOT, one.fh, &at_a, false, SOME_ROOM, &a,
					   100);
		if (more > 0)
			more = tree_list_more(r->f, FRONT_ROOT, two.fh, &at_b, false, 200, &b, 100);
	}
	WANT_OK(r, "READDIR with the first handle", e);
	WANT_OK(r, "READDIR with the second handle", more);
	WANT(tree_each_once(r, &a, SOME, 4));
	WANT(tree_each_once(r, &b, SOME, 4));
}

static void dots(struct check_run *r)
{
	CLEANUP(tree_list_free) struct tree_list l = { 0 };
	const struct front_dirent *d = NULL;
	struct fuse_entry_out e;
	struct stat st;

	WANT_OK(r, "MKDIR", front_mkdir(r->f, FRONT_ROOT, "dir", 0755, &e));
	WANT_OK(r, "the listing", tree_list(r->f, e.nodeid, false, ROOM, 10, &l));
	for (unsigned i = 0; i < l.count; i++)
		WANT_THAT(r, tree_is_dots(l.item[i].name), "nothing but the dots", "\"%.100s\"",
			  l.item[i].name);
	/* They may be left out. */
	if (tree_listed(&l, ".", &d)) {
		HOST(r, "stat", host_stat(r->share, "dir", &st));
		WANT_SAME(r, st.st_ino, "inode number of \".\"", d->ino);
	}
	if (tree_listed(&l, "..", &d)) {
		HOST(r, "stat", host_stat(r->share, ".", &st));
		WANT_SAME(r, st.st_ino, "inode number of \"..\"", d->ino);
	}
}

static void released(struct check_run *r)
{
	uint8_t bytes[ROOM];
	struct fuse_open_out dir;
	size_t got = 0;

	WANT_OK(r, "OPENDIR", front_opendir(r->f, FRONT_ROOT, &dir));
	WANT_OK(r, "RELEASEDIR", front_releasedir(r->f, FRONT_ROOT, dir.fh));
	WANT_NOT_KNOWN(r, "READDIR of a handle that is closed",
		       front_readdir(r->f, FRONT_ROOT, dir.fh, 0, bytes, ROOM, &got));
	WANT_ONE_OF(r, "RELEASEDIR of a handle that is closed",
		    front_releasedir(r->f, FRONT_ROOT, dir.fh), 0, NOT_KNOWN);
	WANT(check_alive(r));
}

static void wrong_handles(struct check_run *r)
{
	static const uint64_t wild[] = { 0x7777, UINT32_MAX, UINT64_C(1) << 63, UINT64_MAX };
	uint8_t bytes[ROOM];
	struct fuse_open_out dir, gone[4];
	struct fuse_entry_out file;
	struct fuse_open_out open;
	size_t got = 0;

	HOST(r, "make a file", host_write(r->share, "file", "x", 1));
	/* Numbers of both kinds may overlap: the file shall get one that no folder has any more. */
	for (unsigned i = 0; i < 4; i++)
		WANT_OK(r, "OPENDIR", front_opendir(r->f, FRONT_ROOT, &gone[i]));
	WANT_OK(r, "OPENDIR", front_opendir(r->f, FRONT_ROOT, &dir));
	for (unsigned i = 0; i < 4; i++)
		WANT_OK(r, "RELEASEDIR", front_releasedir(r->f, FRONT_ROOT, gone[i].fh));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &file));
	WANT_OK(r, "OPEN", front_open_file(r->f, file.nodeid, O_RDWR, &open));
	WANT_OK(r, "READDIR", front_readdir(r->f, FRONT_ROOT, dir.fh, 0, bytes, ROOM, &got));
	for (size_t i = 0; i < ARRAY_SIZE(wild); i++)
		WANT_NOT_KNOWN(r, "READDIR with a handle that never was",
			       front_readdir(r->f, FRONT_ROOT, wild[i], 0, bytes, ROOM, &got));
	WANT_ONE_OF(r, "READDIR with a file's handle",
		    front_readdir(r->f, file.nodeid, open.fh, 0, bytes, ROOM, &got), -ENOTDIR,
		    -EBADF, -EINVAL);
	WANT_ONE_OF(r, "READ with a folder's handle",
		    front_read(r->f, FRONT_ROOT, dir.fh, 0, bytes, ROOM, &got), -EISDIR, -EBADF,
		    -EINVAL);
	WANT(check_alive(r));
}

static void wild_offsets(struct check_run *r)
{
	static const uint64_t wild[] = { 12345,		 UINT32_MAX, INT64_MAX, UINT64_C(1) << 63,
					 UINT64_MAX - 1, UINT64_MAX };
	uint8_t bytes[ROOM];
	struct fuse_open_out dir;
	size_t got = 0;

	HOST(r, "make 50 files", tree_many(r->share, SOME, 4));
	WANT_OK(r, "OPENDIR", front_opendir(r->f, FRONT_ROOT, &dir));
	for (size_t i = 0; i < ARRAY_SIZE(wild); i++)
		WANT_ONE_OF(r, "READDIR from an offset that was never given",
			    front_readdir(r->f, FRONT_ROOT, dir.fh, wild[i], bytes, ROOM, &got), 0,
			    -EINVAL, -ENOENT);
	got = 0;
	WANT_OK(r, "READDIR from offset 0 after that",
		front_readdir(r->f, FRONT_ROOT, dir.fh, 0, bytes, ROOM, &got));
	WANT_RANGE(r, 1, ROOM, "bytes of its answer", got);
}

static void removed_while_open(struct check_run *r)
{
	uint8_t bytes[ROOM];
	struct fuse_entry_out e;
	struct fuse_open_out dir;
	size_t got = 0;
	int result;

	WANT_OK(r, "MKDIR", front_mkdir(r->f, FRONT_ROOT, "dir", 0755, &e));
	WANT_OK(r, "OPENDIR", front_opendir(r->f, e.nodeid, &dir));
	WANT_OK(r, "RMDIR", tree_rmdir(r->f, FRONT_ROOT, "dir"));
	result = front_readdir(r->f, e.nodeid, dir.fh, 0, bytes, ROOM, &got);
	WANT_ONE_OF(r, "READDIR of a folder that was removed while open", result, 0, -ENOENT);
	/* At most the dots: 24 and 32 bytes. */
	WANT_RANGE(r, 0, 64, "bytes of its answer", result == 0 ? got : 0);
	WANT_OK(r, "RELEASEDIR", front_releasedir(r->f, e.nodeid, dir.fh));
}

static const struct check checks[] = {
	{
		.id = "listing.resumes",
		.title = "a listing goes on behind the entry whose offset is given",
		.rows = "FUSE-NAME-006 FUSE-RDP-002",
		.sends = "READDIR of all, then READDIR from the offset of each entry, backwards",
		.wants = "the entries behind that one, all of them",
		.catches = "readdir-offset",
		.run = resumes,
	},
	{
		.id = "listing.rewinds",
		.title = "offset 0 begins anew, with what has changed since",
		.rows = "FUSE-NAME-006",
		.sends = "READDIR to the end; the host adds and removes a file; READDIR from 0",
		.wants = "the added name, not the removed one",
		.catches = "readdir-offset",
		.run = rewinds,
	},
	{
		.id = "listing.changes",
		.title = "names that stay are listed once while others come and go",
		.rows = "FUSE-NAME-006",
		.sends =
			"READDIR in pieces of 400 bytes; the host removes one file and makes another "
			"after each",
		.wants = "an end; each name that stays exactly once, the others once at most",
		.catches = "readdir-lost readdir-twice",
		.run = changes,
	},
	{
		.id = "listing.two-handles",
		.title = "each handle of a folder has its own place",
		.rows = "FUSE-NAME-006",
		.sends = "OPENDIR twice, READDIR with both in turns and with different sizes",
		.wants = "each lists all entries exactly once",
		.catches = "readdir-lost",
		.run = two_handles,
	},
	{
		.id = "listing.dots",
		.title = "the dots of an empty folder carry its inode number and its parent's",
		.rows = "FUSE-NAME-006",
		.sends = "MKDIR; READDIR of the new folder to its end",
		.wants = "\".\" and \"..\" or nothing; their ino is that of the host",
		.catches = "dirent-ino",
		.run = dots,
	},
	{
		.id = "listing.released",
		.title = "RELEASEDIR ends a handle",
		.rows = "VIRTIO-FS-SEC-011",
		.sends = "OPENDIR, RELEASEDIR, READDIR, RELEASEDIR",
		.wants = "READDIR fails with ESTALE, ENOENT or EBADF; the device serves on",
		.catches = "lost:op=RELEASEDIR",
		.run = released,
	},
	{
		.id = "listing.wrong-handles",
		.title = "a handle that never was, or is of a file, lists nothing",
		.rows = "VIRTIO-FS-SEC-011",
		.sends =
			"READDIR with handles 0x7777, 2^32-1, 2^63, 2^64-1 and a file's; READ with a "
			"folder's",
		.wants = "an error each time; the device serves on",
		.catches = "handle-found",
		.run = wrong_handles,
	},
	{
		.id = "listing.wild-offsets",
		.title = "no offset of READDIR harms the device",
		.rows = "VIRTIO-FS-SEC-010",
		.sends = "READDIR from 12345, 2^32-1, 2^63-1, 2^63, 2^64-2, 2^64-1, then from 0",
		.wants = "any entries, EINVAL or ENOENT; entries from 0",
		.catches = "readdir-offset",
		.run = wild_offsets,
	},
	{
		.id = "listing.removed",
		.title = "a folder that was removed while open is empty",
		.rows = "FUSE-NAME-006",
		.sends = "MKDIR, OPENDIR, RMDIR, READDIR, RELEASEDIR",
		.wants = "READDIR: nothing, the dots, or ENOENT; RELEASEDIR: success",
		.catches = "removed-stale",
		.run = removed_while_open,
	},
};

const struct check_area area_listing = { "listing", "Listings of folders", checks,
					 ARRAY_SIZE(checks) };
