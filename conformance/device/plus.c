// SPDX-License-Identifier: Apache-2.0
/* READDIRPLUS: entries with a lookup each. */
#include "conformance/device/areas.h"
#include "conformance/device/tree.h"

#define ROOM 8192
#define SOME 30

static bool has_plus(struct check_run *r)
{
	return check_has(r, front_init_flags_of(&r->f->init) & FUSE_DO_READDIRPLUS,
			 "FUSE_DO_READDIRPLUS");
}

static int fill_types(const char *share)
{
	int e = host_fill(share, "file", 5000, 1);

	if (e == 0)
		e = host_mkdir(share, "dir", 0750);
	if (e == 0)
		e = host_symlink(share, "link", "file");
	if (e == 0)
		e = tree_node(share, "fifo", S_IFIFO | 0600, 0);
	return e ? e : tree_node(share, "socket", S_IFSOCK | 0600, 0);
}

static void entries(struct check_run *r)
{
	static const char *const names[] = { "file", "dir", "link", "fifo", "socket" };
	CLEANUP(tree_list_free) struct tree_list l = { 0 };

	WANT(has_plus(r));
	HOST(r, "fill the share", fill_types(r->share));
	WANT_OK(r, "the listing", tree_list(r->f, FRONT_ROOT, true, ROOM, 20, &l));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct front_dirent *d = NULL;
		struct fuse_entry_out e;

		WANT_SAME(r, 1, "how often a name is listed", tree_listed(&l, names[i], &d));
		WANT_SAME(r, d->ino, "attr.ino beside the entry's ino", d->entry.attr.ino);
		if (d->type != DT_UNKNOWN)
			WANT_SAME(r, IFTODT(d->entry.attr.mode), "type of the entry", d->type);
		WANT_RANGE(r, FRONT_ROOT + 1, UINT64_MAX, "nodeid of the entry", d->entry.nodeid);
		WANT(agrees(r, names[i], &d->entry.attr, true));
		WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, names[i], &e));
		WANT_SAME(r, e.nodeid, "nodeid, as LOOKUP gives it", d->entry.nodeid);
		WANT_SAME(r, e.generation, "generation, as LOOKUP gives it", d->entry.generation);
	}
}

static void dots(struct check_run *r)
{
	CLEANUP(tree_list_free) struct tree_list l = { 0 };
	struct fuse_entry_out e;

	WANT(has_plus(r));
	HOST(r, "make a folder", host_mkdir(r->share, "dir", 0755));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "dir", &e));
	for (unsigned turn = 0; turn < 2; turn++) {
		tree_list_free(&l);
		WANT_OK(r, "the listing",
			tree_list(r->f, turn ? e.nodeid : FRONT_ROOT, true, ROOM, 20, &l));
		for (unsigned i = 0; i < l.count; i++)
			if (tree_is_dots(l.item[i].name))
				WANT_SAME(r, 0, "nodeid of \".\" or \"..\"",
					  l.item[i].entry.nodeid);
	}
	/* A lookup of a dot that was counted would be one that nobody takes back. */
	WANT_OK(r, "FORGET", front_forget(r->f, e.nodeid, 2));
	tree_list_free(&l);
	WANT_NOT_KNOWN(r, "OPENDIR of a folder that was forgotten as often as it was looked up",
		       tree_list(r->f, e.nodeid, false, ROOM, 20, &l));
}

static void counts(struct check_run *r)
{
	CLEANUP(tree_list_free) struct tree_list l = { 0 };
	const struct front_dirent *d = NULL;
	struct fuse_attr_out attr;

	WANT(has_plus(r));
	HOST(r, "make a file", host_write(r->share, "file", "x", 1));
	for (unsigned i = 0; i < 2; i++) {
		tree_list_free(&l);
		WANT_OK(r, "the listing", tree_list(r->f, FRONT_ROOT, true, ROOM, 20, &l));
		WANT_SAME(r, 1, "how often the name is listed", tree_listed(&l, "file", &d));
	}
	WANT_OK(r, "GETATTR of the entry", front_getattr(r->f, d->entry.nodeid, NULL, &attr));
	WANT_OK(r, "FORGET of one lookup", front_forget(r->f, d->entry.nodeid, 1));
	WANT_OK(r, "GETATTR, one lookup being left",
		front_getattr(r->f, d->entry.nodeid, NULL, &attr));
	WANT_OK(r, "FORGET of the other", front_forget(r->f, d->entry.nodeid, 1));
	WANT_NOT_KNOWN(r, "GETATTR, no lookup being left",
		       front_getattr(r->f, d->entry.nodeid, NULL, &attr));
}

/* An entry that is looked up and then does not fit has a lookup too many. */
static void borders(struct check_run *r)
{
	CLEANUP(tree_list_free) struct tree_list l = { 0 };
	struct fuse_attr_out attr;

	WANT(has_plus(r));
	HOST(r, "make 30 files", tree_many(r->share, SOME, 4));
	/* 160 bytes each: two and a half in one answer. */
	WANT_OK(r, "the listing", tree_list(r->f, FRONT_ROOT, true, 400, 100, &l));
	WANT(tree_each_once(r, &l, SOME, 4));
	for (unsigned i = 0; i < l.count; i++) {
		uint64_t nodeid = l.item[i].entry.nodeid;

		if (nodeid == 0)
			continue;
		WANT_OK(r, "GETATTR of an entry", front_getattr(r->f, nodeid, NULL, &attr));
		WANT_OK(r, "FORGET of its one lookup", front_forget(r->f, nodeid, 1));
		WANT_NOT_KNOWN(r, "GETATTR of an entry with no lookup left",
			       front_getattr(r->f, nodeid, NULL, &attr));
	}
}

static void same_set(struct check_run *r)
{
	CLEANUP(tree_list_free) struct tree_list a = { 0 };
	CLEANUP(tree_list_free) struct tree_list b = { 0 };
	struct fuse_open_out dir;
	uint64_t at = 0;
	int e;

	WANT(has_plus(r));
	HOST(r, "make 30 files", tree_many(r->share, SOME, 4));
	/* As Linux does it: READDIRPLUS first, then READDIR from where it ended. */
	WANT_OK(r, "OPENDIR", front_opendir(r->f, FRONT_ROOT, &dir));
	do {
		e = tree_list_more(r->f, FRONT_ROOT, dir.fh, &at, a.replies % 2 == 0, 700, &a, 100);
	} while (e > 0);
	WANT_OK(r, "READDIRPLUS and READDIR in turns", e);
	WANT(tree_each_once(r, &a, SOME, 4));
	WANT_OK(r, "READDIR alone", tree_list(r->f, FRONT_ROOT, false, 700, 100, &b));
	WANT_SAME(r, b.count, "entries, as READDIR alone lists them", a.count);
}

static bool same_validity(struct check_run *r, const struct fuse_entry_out *a,
			  const struct fuse_entry_out *b)
{
	return check_same(r, a->entry_valid, "entry_valid, as of LOOKUP", b->entry_valid) &&
	       check_same(r, a->attr_valid, "attr_valid, as of LOOKUP", b->attr_valid) &&
	       check_same(r, a->entry_valid_nsec, "entry_valid_nsec", b->entry_valid_nsec) &&
	       check_same(r, a->attr_valid_nsec, "attr_valid_nsec", b->attr_valid_nsec);
}

static void validity_is(struct check_run *r, uint64_t seconds)
{
	CLEANUP(tree_list_free) struct tree_list l = { 0 };
	const struct front_dirent *d = NULL;
	struct fuse_entry_out e;

	HOST(r, "make a file", host_write(r->share, "file", "x", 1));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &e));
	WANT_OK(r, "READDIRPLUS", tree_list(r->f, FRONT_ROOT, true, ROOM, 20, &l));
	WANT_SAME(r, 1, "how often the name is listed", tree_listed(&l, "file", &d));
	WANT_SAME(r, seconds, "seconds for which an entry is valid", d->entry.entry_valid);
	WANT(same_validity(r, &e, &d->entry));
}

static void validity(struct check_run *r)
{
	WANT(has_plus(r));
	validity_is(r, 1);
}

static void validity_always(struct check_run *r)
{
	WANT(has_plus(r));
	validity_is(r, 86400);
}

static void off_by_default(struct check_run *r)
{
	/* READDIRPLUS_AUTO alone has no effect. */
	WANT_SAME(r, 0, "FUSE_DO_READDIRPLUS in INIT's answer",
		  front_init_flags_of(&r->f->init) & FUSE_DO_READDIRPLUS);
}

static void no_room(struct check_run *r)
{
	struct fuse_open_out dir;
	uint8_t bytes[128];
	size_t got = 0;

	WANT(has_plus(r));
	HOST(r, "make a file", tree_many(r->share, 1, 100));
	WANT_OK(r, "OPENDIR", front_opendir(r->f, FRONT_ROOT, &dir));
	WANT_ERROR(r, -EINVAL, "READDIRPLUS with room for 100 bytes, less than any entry",
		   front_readdirplus(r->f, FRONT_ROOT, dir.fh, 0, bytes, 100, &got));
}

static const struct check checks[] = {
	{
		.id = "plus.entries",
		.title = "READDIRPLUS gives nodeids and attributes as LOOKUP does",
		.rows = "FUSE-RDP-001 FUSE-ENT-003 FUSE-ATTR-011",
		.sends = "READDIRPLUS of one of each type, then LOOKUP of each",
		.wants = "ino, type and attributes of the host; nodeid and generation of LOOKUP",
		.catches = "nodeid-fresh generation dirent-type dirent-ino",
		.run = entries,
	},
	{
		.id = "plus.dots",
		.title = "the dots have no nodeid and count no lookup",
		.rows = "FUSE-RDP-001",
		.sends = "LOOKUP of a folder; READDIRPLUS of its parent and of itself; FORGET of 2",
		.wants = "\".\" and \"..\" have nodeid 0; then the nodeid is gone",
		.catches = "plus-dots",
		.run = dots,
	},
	{
		.id = "plus.counts",
		.title = "each entry of READDIRPLUS counts one lookup",
		.rows = "FUSE-ENT-004",
		.sends = "READDIRPLUS twice, FORGET 1, GETATTR, FORGET 1, GETATTR",
		.wants = "the node is there until the second FORGET, and no longer",
		.catches = "plus-uncounted forget-drops lost:op=FORGET",
		.run = counts,
	},
	{
		.id = "plus.borders",
		.title = "what does not fit READDIRPLUS's answer is neither lost nor looked up",
		.rows = "FUSE-RDP-001 FUSE-ENT-004",
		.sends = "READDIRPLUS in pieces of 400 bytes; one FORGET for each entry",
		.wants = "each entry once; no node is left after its FORGET",
		.catches = "readdir-lost plus-uncounted lost:op=FORGET",
		.run = borders,
	},
	{
		.id = "plus.same-set",
		.title = "READDIRPLUS and READDIR in turns list each entry once",
		.rows = "FUSE-RDP-001 FUSE-RDP-002",
		.sends = "both in turns on one handle, 700 bytes each",
		.wants = "each entry exactly once, as READDIR alone",
		.catches = "readdir-lost",
		.run = same_set,
	},
	{
		.id = "plus.valid-auto",
		.title = "with cache=auto entries of READDIRPLUS are valid for a second",
		.rows = "MODE-AUTO-001",
		.sends = "LOOKUP and READDIRPLUS",
		.wants = "entry_valid and attr_valid are 1 s in both",
		.catches = "valid-long valid-zero",
		.options = CHECK_DEFAULTS,
		.run = validity,
	},
	{
		.id = "plus.valid-always",
		.title = "with cache=always entries of READDIRPLUS are valid for a day",
		.rows = "MODE-ALWAYS-001",
		.sends = "LOOKUP and READDIRPLUS",
		.wants = "entry_valid and attr_valid are 86400 s in both",
		.catches = "valid-zero",
		.options = CHECK_CACHE_ALWAYS,
		.run = validity_always,
	},
	{
		.id = "plus.off-with-never",
		.title = "with cache=never READDIRPLUS is off",
		.rows = "MODE-NEVER-003",
		.sends = "INIT that offers DO_READDIRPLUS and READDIRPLUS_AUTO",
		.wants = "no DO_READDIRPLUS in the answer",
		.catches = "init-readdirplus",
		.options = CHECK_CACHE_NEVER,
		.run = off_by_default,
	},
	{
		.id = "plus.no-room",
		.title = "READDIRPLUS without room for one entry is an error, not the end",
		.rows = "FUSE-NAME-007",
		.sends = "READDIRPLUS of 100 bytes in a folder with a file",
		.wants = "EINVAL",
		.catches = "readdir-ends",
		.run = no_room,
	},
};

const struct check_area area_plus = { "plus", "READDIRPLUS", checks, ARRAY_SIZE(checks) };
