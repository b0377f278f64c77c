/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_TEST_DEVICE_FAULT_NAME_H
#define VQ_CONFORMANCE_TEST_DEVICE_FAULT_NAME_H

/* Names, folders, what is made. The share holds "file", "other" and "sub". */

#include "conformance/test/device_fault.h"

#include <sys/mount.h>

#define NAME_ROOM 4096
#define LONG_NAME 250

/* One answer of READDIR in the root: its entries in @ret, how many there are, or below 0. */
static int name_listed(struct fixture *t, uint64_t fh, uint64_t offset, uint32_t size,
		       struct front_dirent ret[16])
{
	uint8_t bytes[NAME_ROOM];
	struct front_dirents d;
	size_t got = 0;
	int count = 0;
	int e = front_readdir(t->f, FRONT_ROOT, fh, offset, bytes, size, &got);

	if (e < 0)
		return e;
	front_dirents_begin(&d, bytes, got, false);
	while (count < 16 && front_dirents_next(&d, &ret[count]) > 0)
		count++;
	return count;
}

static int readdir_ends(struct fixture *t)
{
	struct front_dirent d[16];
	struct fuse_open_out dir;

	TRY(front_opendir(t->f, FRONT_ROOT, &dir));
	return seen_if(name_listed(t, dir.fh, 0, 16, d) == 0);
}

static int readdir_overfull(struct fixture *t)
{
	struct fuse_open_out dir;
	struct front_op op;
	struct front_request *r;
	bool seen;

	TRY(front_opendir(t->f, FRONT_ROOT, &dir));
	op = front_op_readdir(FRONT_ROOT, dir.fh, 0, 64);
	TRY(front_prepare(t->f, &op, &r));
	r->out_size = sizeof(struct fuse_out_header) + NAME_ROOM;
	r->out_max = NAME_ROOM;
	TRY(front_submit(r));
	TRY(front_wait(r, front_deadline(t->f)));
	seen = r->payload_size > 64;
	front_request_free(r);
	return seen_if(seen);
}

static int readdir_offset(struct fixture *t)
{
	struct front_dirent d[16], again[16];
	struct fuse_open_out dir;

	TRY(front_opendir(t->f, FRONT_ROOT, &dir));
	TRY(name_listed(t, dir.fh, 0, NAME_ROOM, d) < 2);
	return seen_if(name_listed(t, dir.fh, 0, NAME_ROOM, again) == 0);
}

static int dirent_is(struct fixture *t, bool type)
{
	struct front_dirent d[16];
	struct fuse_open_out dir;
	bool seen = true;
	int count;

	TRY(front_opendir(t->f, FRONT_ROOT, &dir));
	count = name_listed(t, dir.fh, 0, NAME_ROOM, d);
	for (int i = 0; i < count; i++)
		seen = seen && (type ? d[i].type == DT_CHR : d[i].ino == 1);
	return count < 2 ? -EPROTO : seen_if(seen);
}

static int dirent_type(struct fixture *t)
{
	return dirent_is(t, true);
}

static int dirent_ino(struct fixture *t)
{
	return dirent_is(t, false);
}

static int lookup_first(struct fixture *t)
{
	struct fuse_entry_out a, b;

	TRY(front_lookup(t->f, FRONT_ROOT, "file", &a));
	TRY(front_lookup(t->f, FRONT_ROOT, "other", &b));
	return seen_if(a.nodeid == b.nodeid);
}

static int link_followed(struct fixture *t)
{
	struct fuse_entry_out e;
	CLEANUP(freep) char *path = host_path(t, "link");

	TRY(symlink("file", path));
	TRY(front_lookup(t->f, FRONT_ROOT, "link", &e));
	return seen_if(S_ISREG(e.attr.mode));
}

static int name_empty(struct fixture *t)
{
	struct fuse_entry_out dir, e;

	TRY(front_lookup(t->f, FRONT_ROOT, "sub", &dir));
	return seen_if(front_lookup(t->f, dir.nodeid, "", &e) == 0);
}

static int name_dots(struct fixture *t)
{
	struct fuse_entry_out dir, e;

	TRY(front_lookup(t->f, FRONT_ROOT, "sub", &dir));
	return seen_if(front_lookup(t->f, dir.nodeid, ".", &e) == 0);
}

static int name_cut(struct fixture *t)
{
	char name[LONG_NAME + 1];
	struct fuse_entry_out e;
	struct stat st;

	memset(name, 'n', LONG_NAME);
	name[LONG_NAME] = '\0';
	TRY(front_mkdir(t->f, FRONT_ROOT, name, 0755, &e));
	return seen_if(host_stat(t, name, &st) == -ENOENT);
}

static int name_unended(struct fixture *t)
{
	struct front_op op = front_op_lookup(FRONT_ROOT, "file");
	struct front_request *r;
	uint32_t size;
	int e;

	TRY(front_prepare(t->f, &op, &r));
	TRY(front_request_resize(r, r->in_size - 1));
	size = (uint32_t)r->in_size;
	memcpy(r->in, &size, sizeof(size));
	TRY(front_submit(r));
	e = front_wait(r, front_deadline(t->f));
	front_request_free(r);
	return seen_if(e == 0);
}

static int nodeid_any(struct fixture *t)
{
	struct fuse_attr_out out;

	return seen_if(front_getattr(t->f, 0x7777, NULL, &out) == 0);
}

static int handle_found(struct fixture *t)
{
	struct front_dirent d[16];
	struct fuse_open_out dir;

	TRY(front_opendir(t->f, FRONT_ROOT, &dir));
	TRY(name_listed(t, dir.fh, 0, NAME_ROOM, d) < 0);
	return seen_if(name_listed(t, 0x7777, 0, NAME_ROOM, d) >= 0);
}

static int removed_stale(struct fixture *t)
{
	struct fuse_entry_out e;
	struct fuse_attr_out out;

	TRY(front_lookup(t->f, FRONT_ROOT, "file", &e));
	TRY(front_unlink(t->f, FRONT_ROOT, "file"));
	return seen_if(front_getattr(t->f, e.nodeid, NULL, &out) == -ESTALE);
}

static int mode_ignored(struct fixture *t)
{
	struct fuse_entry_out e;

	TRY(front_mkdir(t->f, FRONT_ROOT, "new", 0750, &e));
	return seen_if(e.attr.mode == (S_IFDIR | 0711));
}

static int type_ignored(struct fixture *t)
{
	struct fuse_entry_out e;

	TRY(front_mknod(t->f, FRONT_ROOT, "new", S_IFIFO | 0600, 0, &e));
	return seen_if(S_ISREG(e.attr.mode));
}

static int make_uncounted(struct fixture *t)
{
	struct fuse_entry_out e;
	struct fuse_attr_out out;

	TRY(front_mkdir(t->f, FRONT_ROOT, "new", 0750, &e));
	return seen_if(front_getattr(t->f, e.nodeid, NULL, &out) == -ESTALE);
}

static int target_cut(struct fixture *t)
{
	struct fuse_entry_out e;
	char text[16] = "";

	TRY(front_symlink(t->f, FRONT_ROOT, "new", "target", &e));
	TRY(front_readlink(t->f, e.nodeid, text, sizeof(text)));
	return seen_if(strcmp(text, "targ") == 0);
}

static int rename_any_flags(struct fixture *t)
{
	return seen_if(front_rename2(t->f, FRONT_ROOT, "file", FRONT_ROOT, "other", 8) == 0);
}

static int special_opened(struct fixture *t)
{
	CLEANUP(freep) char *path = host_path(t, "fifo");
	struct fuse_entry_out e;
	struct fuse_open_out open;

	TRY(mkfifo(path, 0600));
	TRY(front_lookup(t->f, FRONT_ROOT, "fifo", &e));
	return seen_if(front_open_file(t->f, e.nodeid, O_RDWR, &open) == 0);
}

/* A mount of the host's: only root can make one. */
static int submount_silent(struct fixture *t)
{
	CLEANUP(freep) char *path = host_path(t, "sub");
	struct fuse_entry_out e;
	int result;

	if (mount("vq", path, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k") < 0)
		return SKIPPED;
	result = front_lookup(t->f, FRONT_ROOT, "sub", &e);
	(void)umount2(path, MNT_DETACH);
	TRY(result);
	return seen_if(!(e.attr.flags & FUSE_ATTR_SUBMOUNT));
}

static int lost(struct fixture *t)
{
	struct stat st;

	TRY(front_unlink(t->f, FRONT_ROOT, "file"));
	return seen_if(host_stat(t, "file", &st) == 0);
}

static const struct fault_case name_cases[] = {
	CASE("readdir-ends", readdir_ends),
	CASE("readdir-overfull", readdir_overfull),
	CASE("readdir-offset", readdir_offset),
	CASE("dirent-type", dirent_type),
	CASE("dirent-ino", dirent_ino),
	CASE("lookup-first", lookup_first),
	CASE("link-followed", link_followed),
	CASE("name-empty", name_empty),
	CASE("name-dots", name_dots),
	CASE("name-cut", name_cut),
	CASE("name-unended", name_unended),
	CASE("nodeid-any", nodeid_any),
	CASE("handle-found", handle_found),
	CASE("removed-stale", removed_stale),
	CASE("mode-ignored", mode_ignored),
	CASE("type-ignored", type_ignored),
	CASE("make-uncounted", make_uncounted),
	CASE("target-cut", target_cut),
	CASE("rename-any-flags", rename_any_flags),
	CASE("special-opened", special_opened),
	CASE("submount-silent", submount_silent, .words = "--announce-submounts"),
	CASE("lost:op=UNLINK", lost),
};

#endif
