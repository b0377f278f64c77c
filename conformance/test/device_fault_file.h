/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_TEST_DEVICE_FAULT_FILE_H
#define VQ_CONFORMANCE_TEST_DEVICE_FAULT_FILE_H

/* Entries, attributes, open files, names, data. */

#include "conformance/test/device_fault.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

static int file_entry(struct fixture *t, struct fuse_entry_out *ret)
{
	return front_lookup(t->f, FRONT_ROOT, "file", ret);
}

static int open_file_as(struct fixture *t, uint32_t flags, struct fuse_entry_out *ret,
			struct fuse_open_out *ret_open)
{
	int e = file_entry(t, ret);

	return e < 0 ? e : front_open_file(t->f, ret->nodeid, flags, ret_open);
}

static int nodeid_fresh(struct fixture *t)
{
	struct fuse_entry_out a, b;

	TRY(file_entry(t, &a) + file_entry(t, &b));
	return seen_if(a.nodeid != b.nodeid);
}

#define MANY_FILES 64

/* Different files, each forgotten before the next is looked up. */
static int nodeid_reused(struct fixture *t)
{
	struct fuse_entry_out out[MANY_FILES];
	bool seen = false;

	for (unsigned i = 0; i < MANY_FILES; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "many-%u", i);
		TRY(host_fill(t, name, 'm', 0));
		TRY(front_lookup(t->f, FRONT_ROOT, name, &out[i]));
		TRY(front_forget(t->f, out[i].nodeid, 1));
		for (unsigned j = 0; j < i; j++)
			seen |= out[j].nodeid == out[i].nodeid &&
				out[j].generation == out[i].generation;
	}
	return seen_if(seen);
}

static int generation(struct fixture *t)
{
	struct fuse_entry_out a, b;

	TRY(file_entry(t, &a) + file_entry(t, &b));
	return seen_if(a.generation != b.generation);
}

static int negative(struct fixture *t)
{
	struct fuse_entry_out out;

	return seen_if(front_lookup(t->f, FRONT_ROOT, "missing", &out) == 0 && out.nodeid == 0 &&
		       out.entry_valid > 0);
}

/* What READDIRPLUS says of @name; how many entries there were in all, or below 0. */
static int listed(struct fixture *t, const char *name, struct front_dirent *ret, uint32_t room)
{
	struct fuse_open_out dir;
	struct front_dirents d;
	struct front_dirent entry;
	uint8_t bytes[8192];
	uint64_t offset = 0;
	size_t size = 0;
	int count = 0;

	if (front_opendir(t->f, FRONT_ROOT, &dir) < 0)
		return -EIO;
	do {
		if (front_readdirplus(t->f, FRONT_ROOT, dir.fh, offset, bytes, room, &size) < 0)
			return -EIO;
		front_dirents_begin(&d, bytes, size, true);
		while (front_dirents_next(&d, &entry) > 0) {
			offset = entry.off;
			count++;
			if (strcmp(entry.name, name) == 0)
				*ret = entry;
		}
	} while (size > 0);
	return count;
}

static int plus_uncounted(struct fixture *t)
{
	struct front_dirent d = { 0 };
	struct fuse_attr_out out;

	TRY(listed(t, "file", &d, 8192) < 0);
	return seen_if(front_getattr(t->f, d.entry.nodeid, NULL, &out) == -ESTALE);
}

static int plus_dots(struct fixture *t)
{
	struct front_dirent d = { 0 };

	TRY(listed(t, ".", &d, 8192) < 0);
	return seen_if(d.entry.nodeid != 0);
}

/* ".", "..", "file", "other", "sub"; two of them fit the small room. */
#define LISTED	   5
#define SMALL_ROOM 400

static int readdir_lost(struct fixture *t)
{
	struct front_dirent d = { 0 };
	int count = listed(t, "file", &d, SMALL_ROOM);

	return count < 0 ? count : seen_if(count < LISTED);
}

static int readdir_twice(struct fixture *t)
{
	struct front_dirent d = { 0 };
	int count = listed(t, "file", &d, 8192);

	return count < 0 ? count : seen_if(count > LISTED);
}

static int valid_is(struct fixture *t, uint64_t seconds)
{
	struct fuse_entry_out out;
	struct fuse_attr_out attr;

	TRY(file_entry(t, &out));
	TRY(front_getattr(t->f, out.nodeid, NULL, &attr));
	return seen_if(out.entry_valid == seconds && out.attr_valid == seconds &&
		       attr.attr_valid == seconds);
}

static int valid_zero(struct fixture *t)
{
	return valid_is(t, 0);
}

static int valid_long(struct fixture *t)
{
	return valid_is(t, 86400);
}

static int attr_of_file(struct fixture *t, struct fuse_attr *ret)
{
	struct fuse_entry_out entry;
	struct fuse_attr_out out;
	int e = file_entry(t, &entry);

	if (e == 0)
		e = front_getattr(t->f, entry.nodeid, NULL, &out);
	if (e == 0)
		*ret = out.attr;
	return e;
}

static int attr_size(struct fixture *t)
{
	struct fuse_attr a;

	TRY(attr_of_file(t, &a));
	TRY(host_fill(t, "file", 'F', 3 * FILE_BYTES));
	TRY(attr_of_file(t, &a));
	return seen_if(a.size == FILE_BYTES);
}

static int set_host_mtime(struct fixture *t, time_t s, long ns)
{
	CLEANUP(freep) char *path = host_path(t, "file");
	const struct timespec times[2] = { { s, ns }, { s, ns } };

	return utimensat(AT_FDCWD, path, times, 0) < 0 ? -errno : 0;
}

static int attr_mtime(struct fixture *t)
{
	struct fuse_attr a;

	TRY(set_host_mtime(t, 1000, 0));
	TRY(attr_of_file(t, &a));
	TRY(set_host_mtime(t, 2000, 0));
	TRY(attr_of_file(t, &a));
	return seen_if(a.mtime == 1000);
}

static int attr_nsec(struct fixture *t)
{
	struct fuse_attr a;

	TRY(set_host_mtime(t, 1000, 123));
	TRY(attr_of_file(t, &a));
	return seen_if(a.mtimensec == 0);
}

static int attr_type(struct fixture *t)
{
	struct fuse_attr a;

	(void)attr_of_file(t, &a);
	return CLEAN;
}

static int attr_submount(struct fixture *t)
{
	struct fuse_attr a = { 0 };

	return attr_of_file(t, &a) < 0 ? -EPROTO : seen_if(a.flags & FUSE_ATTR_SUBMOUNT);
}

static int attr_dax(struct fixture *t)
{
	struct fuse_attr a = { 0 };

	return attr_of_file(t, &a) < 0 ? -EPROTO : seen_if(a.flags & FUSE_ATTR_DAX);
}

/* ---- open flags ---- */

static int opened(struct fixture *t, uint32_t flag, bool wanted)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	bool both;

	TRY(open_file_as(t, O_RDWR, &entry, &open));
	both = !(open.open_flags & flag) == !wanted;
	TRY(front_create(t->f, FRONT_ROOT, "made", O_RDWR, S_IFREG | 0600, &entry, &open));
	return seen_if(both && !(open.open_flags & flag) == !wanted);
}

static int keep_cache(struct fixture *t)
{
	return opened(t, FOPEN_KEEP_CACHE, true);
}

static int direct_io(struct fixture *t)
{
	return opened(t, FOPEN_DIRECT_IO, true);
}

static int not_direct(struct fixture *t)
{
	return opened(t, FOPEN_DIRECT_IO, false);
}

static int opendir_flags(struct fixture *t)
{
	struct fuse_open_out open;

	TRY(front_opendir(t->f, FRONT_ROOT, &open));
	return seen_if(open.open_flags == 0);
}

static int trunc_ignored(struct fixture *t)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	struct stat st;

	TRY(open_file_as(t, O_RDWR | O_TRUNC, &entry, &open));
	TRY(host_stat(t, "file", &st));
	return seen_if(st.st_size != 0);
}

static int excl_ignored(struct fixture *t)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;

	return seen_if(front_create(t->f, FRONT_ROOT, "file", O_RDWR | O_CREAT | O_EXCL,
				    S_IFREG | 0600, &entry, &open) == 0);
}

/* A WRITE of "1234" at 0, with flags. */
static int write_with(struct fixture *t, uint32_t open_flags, uint32_t flags, uint32_t write_flags)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	struct fuse_write_in in;
	struct front_op op;
	int e = open_file_as(t, open_flags, &entry, &open);

	if (e < 0)
		return e;
	op = front_op_write(entry.nodeid, open.fh, 0, "1234", 4);
	memcpy(&in, op.arg, sizeof(in));
	in.flags = flags;
	in.write_flags = write_flags;
	memcpy(op.arg, &in, sizeof(in));
	return front_do(t->f, &op, NULL, 0, NULL);
}

static int append_ignored(struct fixture *t)
{
	struct stat st;

	TRY(write_with(t, O_RDWR | O_APPEND, O_RDWR | O_APPEND, 0));
	TRY(host_stat(t, "file", &st));
	return seen_if(st.st_size == FILE_BYTES);
}

static int wronly_unreadable(struct fixture *t)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	uint8_t byte;

	TRY(open_file_as(t, O_WRONLY, &entry, &open));
	return seen_if(front_read(t->f, entry.nodeid, open.fh, 0, &byte, 1, NULL) == -EBADF);
}

/* Flags of the device's descriptors, as its host tells. */
static int direct_passed(struct fixture *t)
{
	CLEANUP(freep) char *folder = fs_path("/proc/%d/fdinfo", (int)t->daemon.pid);
	CLEANUP(dir_closep) DIR *dir = NULL;
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	bool seen = false;

	TRY(open_file_as(t, O_RDONLY | O_DIRECT, &entry, &open));
	dir = opendir(folder);
	for (struct dirent *d; dir && (d = readdir(dir));) {
		CLEANUP(buf_free) struct buf text = { 0 };
		CLEANUP(freep) char *path = fs_path("%s/%s", folder, d->d_name);
		const char *flags;

		if (d->d_name[0] == '.' || fs_read(path, 4096, &text, NULL) < 0)
			continue;
		flags = strstr(buf_text(&text), "flags:");
		seen |= flags && (strtoul(flags + 6, NULL, 8) & O_DIRECT);
	}
	return seen_if(seen);
}

static int handle_any(struct fixture *t)
{
	struct fuse_entry_out entry, other;
	struct fuse_open_out open;
	uint8_t byte;

	TRY(open_file_as(t, O_RDONLY, &entry, &open));
	TRY(front_lookup(t->f, FRONT_ROOT, "other", &other));
	return seen_if(front_read(t->f, other.nodeid, open.fh, 0, &byte, 1, NULL) == 0);
}

/* ---- names and owners ---- */

static int sender_ignored(struct fixture *t)
{
	struct front_op op = front_op_mknod(FRONT_ROOT, "theirs", S_IFREG | 0644, 0);
	CLEANUP(freep) char *path = host_path(t, "");
	struct stat st;

	if (geteuid() != 0)
		return SKIPPED;
	TRY(chmod(path, 0777));
	op.uid = op.gid = 1234;
	TRY(front_do(t->f, &op, NULL, 0, NULL));
	TRY(host_stat(t, "theirs", &st));
	return seen_if(st.st_uid == 0);
}

static int name_slash(struct fixture *t)
{
	struct fuse_entry_out out;

	TRY(host_fill(t, "sub/inner", 'i', FILE_BYTES));
	return seen_if(front_lookup(t->f, FRONT_ROOT, "sub/inner", &out) == 0);
}

static int rename_flags(struct fixture *t)
{
	return seen_if(front_rename2(t->f, FRONT_ROOT, "file", FRONT_ROOT, "other",
				     RENAME_NOREPLACE) == 0);
}

static int rename_gap(struct fixture *t)
{
	struct front_op op = front_op_rename(FRONT_ROOT, "file", FRONT_ROOT, "other");
	uint64_t end_ns = front_deadline(t->f);
	struct front_request *r;
	bool gap = false;
	struct stat st;

	TRY(submit(t, &op, &r));
	while (r->state == FRONT_IN_FLIGHT && clock_now_ns() < end_ns) {
		gap |= host_stat(t, "other", &st) == -ENOENT;
		(void)front_poll(t->f);
	}
	TRY(r->result);
	front_request_free(r);
	return seen_if(gap);
}

static int xattr_eperm(struct fixture *t)
{
	uint8_t value[16];
	size_t size;

	return seen_if(front_getxattr(t->f, FRONT_ROOT, "user.x", value, sizeof(value), &size) ==
		       -EPERM);
}

/* ---- data ---- */

static int read_file(struct fixture *t, uint64_t offset, uint8_t *ret, uint32_t size,
		     size_t *ret_size)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	int e = open_file_as(t, O_RDONLY, &entry, &open);

	return e < 0 ? e : front_read(t->f, entry.nodeid, open.fh, offset, ret, size, ret_size);
}

static int read_short(struct fixture *t)
{
	uint8_t bytes[1000];
	size_t size = 0;

	TRY(read_file(t, 0, bytes, sizeof(bytes), &size));
	return seen_if(size < sizeof(bytes));
}

static int read_zeros(struct fixture *t)
{
	uint8_t bytes[1000];
	size_t size = 0;

	TRY(read_file(t, FILE_BYTES - 10, bytes, sizeof(bytes), &size));
	return seen_if(size == sizeof(bytes) && bytes[9] == 'f' && bytes[10] == 0 &&
		       bytes[999] == 0);
}

static int read_stale(struct fixture *t)
{
	uint8_t bytes[1000];
	size_t size = 0;

	TRY(read_file(t, 0, bytes, sizeof(bytes), &size));
	TRY(host_fill(t, "file", 'N', FILE_BYTES));
	TRY(read_file(t, 0, bytes, sizeof(bytes), &size));
	return seen_if(bytes[0] == 'f' && bytes[999] == 'f');
}

static int write_more(struct fixture *t)
{
	(void)write_with(t, O_RDWR, O_RDWR, 0);
	return CLEAN;
}

static int written_at(struct fixture *t, const char *expected)
{
	char bytes[5];

	TRY(write_with(t, O_RDWR, O_RDWR, 0));
	TRY(host_bytes(t, "file", 0, bytes, sizeof(bytes)));
	return seen_if(memcmp(bytes, expected, sizeof(bytes)) == 0);
}

static int write_lost(struct fixture *t)
{
	return written_at(t, "fffff");
}

static int write_shifted(struct fixture *t)
{
	return written_at(t, "f1234");
}

/* Bytes that the host's file system has in memory only: 1 or 0, -errno. */
static int is_delayed(const struct fixture *t, const char *name)
{
	CLEANUP(freep) char *path = host_path(t, name);
	CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	union {
		struct fiemap map;
		uint8_t room[sizeof(struct fiemap) + 4 * sizeof(struct fiemap_extent)];
	} u = { .map = { .fm_length = UINT64_MAX, .fm_extent_count = 4 } };

	if (fd < 0 || ioctl(fd, FS_IOC_FIEMAP, &u.map) < 0 || u.map.fm_mapped_extents == 0)
		return -EOPNOTSUPP;
	return !!(u.map.fm_extents[0].fe_flags & FIEMAP_EXTENT_DELALLOC);
}

/* Where the host delays allocation, what was synced has a place on the disk. */
static int fsync_lost(struct fixture *t)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	static const uint8_t data[64 * KIB];
	uint32_t size;
	int delayed;

	TRY(front_create(t->f, FRONT_ROOT, "new", O_RDWR, S_IFREG | 0600, &entry, &open));
	TRY(front_write(t->f, entry.nodeid, open.fh, 0, data, sizeof(data), &size));
	if (is_delayed(t, "new") != 1)
		return SKIPPED;
	TRY(front_fsync(t->f, entry.nodeid, open.fh, false));
	delayed = is_delayed(t, "new");
	return delayed < 0 ? delayed : seen_if(delayed);
}

/* There is nothing to sync by way of a FIFO, and a device that tries notices. */
static int syncfs_lost(struct fixture *t)
{
	CLEANUP(freep) char *path = host_path(t, "fifo");
	struct fuse_entry_out entry;

	TRY(mkfifo(path, 0600));
	TRY(front_lookup(t->f, FRONT_ROOT, "fifo", &entry));
	return seen_if(front_syncfs(t->f, entry.nodeid) == 0);
}

static int fallocate_lost(struct fixture *t)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	struct stat st;

	TRY(open_file_as(t, O_RDWR, &entry, &open));
	TRY(front_fallocate(t->f, entry.nodeid, open.fh, 0, 4 * FILE_BYTES, 0));
	TRY(host_stat(t, "file", &st));
	return seen_if(st.st_size == FILE_BYTES);
}

static int suid_kept(struct fixture *t)
{
	CLEANUP(freep) char *path = host_path(t, "file");
	struct stat st;

	if (geteuid() != 0)
		return SKIPPED;
	TRY(chmod(path, 04755));
	TRY(write_with(t, O_RDWR, O_RDWR, FUSE_WRITE_KILL_SUIDGID));
	TRY(host_stat(t, "file", &st));
	return seen_if(st.st_mode & S_ISUID);
}

static const struct fault_case file_cases[] = {
	CASE("nodeid-fresh", nodeid_fresh),
	CASE("nodeid-reused", nodeid_reused),
	CASE("generation", generation),
	CASE("negative-cached", negative),
	CASE("plus-uncounted", plus_uncounted),
	CASE("plus-dots", plus_dots),
	CASE("valid-zero", valid_zero),
	CASE("valid-long", valid_long),
	SHOWS("valid-nsec", attr_type, FIELD),
	CASE("attr-size", attr_size),
	CASE("attr-mtime", attr_mtime),
	CASE("attr-nsec", attr_nsec),
	SHOWS("attr-type", attr_type, FIELD),
	CASE("attr-submount", attr_submount),
	CASE("attr-dax", attr_dax),
	CASE("open-keep-cache", keep_cache),
	CASE("open-direct-io", direct_io),
	CASE("open-not-direct", not_direct, .words = "--cache=never"),
	CASE("opendir-flags", opendir_flags, .words = "--cache=always"),
	CASE("trunc-ignored", trunc_ignored),
	CASE("excl-ignored", excl_ignored),
	CASE("append-ignored", append_ignored),
	CASE("wronly-unreadable", wronly_unreadable, .words = "--writeback"),
	CASE("direct-passed", direct_passed),
	CASE("handle-any", handle_any),
	CASE("sender-ignored", sender_ignored),
	CASE("name-slash", name_slash),
	CASE("rename-flags", rename_flags),
	CASE("rename-gap", rename_gap),
	CASE("xattr-eperm", xattr_eperm),
	CASE("readdir-lost", readdir_lost),
	CASE("readdir-twice", readdir_twice),
	CASE("read-short", read_short),
	CASE("read-zeros", read_zeros),
	CASE("read-stale", read_stale),
	SHOWS("write-more", write_more, FIELD),
	CASE("write-lost", write_lost),
	CASE("write-shifted", write_shifted),
	CASE("fsync-lost", fsync_lost),
	CASE("syncfs-lost", syncfs_lost),
	CASE("fallocate-lost", fallocate_lost),
	CASE("suid-kept", suid_kept),
};

#endif
