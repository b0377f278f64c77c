// SPDX-License-Identifier: Apache-2.0
/* Each file operation on a real folder: what it does on the host, what it answers, and how it fails. */
#include "conformance/test/test_ref_fs.h"

#include "conformance/test/test_ref_fs_dax.h"

#include <linux/falloc.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

static int do_make(struct guest *g, uint32_t opcode, uint64_t parent, const void *arg, size_t size,
		   const char *name, struct fuse_entry_out *ret)
{
	int e;

	*ret = (struct fuse_entry_out){ 0 };
	msg(g, opcode, parent);
	msg_add(g, arg, size);
	msg_text(g, name);
	e = send(g);
	if (e == 0)
		*ret = REPLY(g, fuse_entry_out);
	return e;
}

static int do_mkdir(struct guest *g, uint64_t parent, const char *name, uint32_t mode)
{
	struct fuse_mkdir_in in = { .mode = mode };
	struct fuse_entry_out e;

	return do_make(g, FUSE_MKDIR, parent, &in, sizeof(in), name, &e);
}

static void test_make(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	struct fuse_entry_out e;
	struct fuse_mknod_in fifo = { .mode = S_IFIFO | 0640 };
	struct fuse_mknod_in file = { .mode = S_IFREG | 0604 };

	(void)state;
	kit_open(&k);
	for (g->cut = 0; g->cut < CUT_COUNT; g->cut++) {
		assert_int_equal(do_mkdir(g, 1, "d", 0751), 0);
		assert_int_equal(host_stat(&k, "d").st_mode, S_IFDIR | 0751);
		assert_int_equal(do_mkdir(g, 1, "d", 0751), -EEXIST);
		assert_int_equal(do_make(g, FUSE_MKNOD, 1, &fifo, sizeof(fifo), "p", &e), 0);
		assert_int_equal(e.attr.mode, S_IFIFO | 0640);
		assert_int_equal(host_stat(&k, "p").st_mode, S_IFIFO | 0640);
		assert_int_equal(do_make(g, FUSE_MKNOD, 1, &file, sizeof(file), "r", &e), 0);
		assert_int_equal(host_stat(&k, "r").st_mode, S_IFREG | 0604);
		msg(g, FUSE_SYMLINK, 1);
		msg_text(g, "l");
		msg_text(g, "/no/../where at all");
		assert_int_equal(send(g), 0);
		e = REPLY(g, fuse_entry_out);
		assert_int_equal(e.attr.mode & S_IFMT, S_IFLNK);
		msg(g, FUSE_READLINK, e.nodeid);
		assert_int_equal(send(g), 0);
		assert_int_equal(g->size, 19);
		assert_memory_equal(g->data, "/no/../where at all", 19);
		msg(g, FUSE_READLINK, 1);
		assert_int_equal(send(g), -EINVAL);
		assert_int_equal(do_make(g, FUSE_LINK, 1,
					 &(struct fuse_link_in){ node_of(g, 1, "r") }, 8, "r2", &e),
				 0);
		assert_int_equal(e.attr.nlink, 2);
		assert_true(e.nodeid == node_of(g, 1, "r"));
		assert_int_equal(do_name(g, FUSE_RMDIR, 1, "r2"), -ENOTDIR);
		assert_int_equal(do_name(g, FUSE_UNLINK, 1, "r2"), 0);
		assert_int_equal(do_name(g, FUSE_UNLINK, 1, "r"), 0);
		assert_int_equal(do_name(g, FUSE_UNLINK, 1, "l"), 0);
		assert_int_equal(do_name(g, FUSE_UNLINK, 1, "p"), 0);
		assert_int_equal(do_name(g, FUSE_UNLINK, 1, "d"), -EISDIR);
		host_write(&k, "d/x", "");
		assert_int_equal(do_name(g, FUSE_RMDIR, 1, "d"), -ENOTEMPTY);
		assert_int_equal(unlink(host(&k, "d/x")), 0);
		assert_int_equal(do_name(g, FUSE_RMDIR, 1, "d"), 0);
		assert_int_equal(do_name(g, FUSE_RMDIR, 1, "d"), -ENOENT);
	}
	kit_close(&k);
}

static void test_device_nodes(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	struct fuse_entry_out e = { 0 };
	struct fuse_mknod_in in = { .mode = S_IFCHR | 0600 };
	int expected;

	(void)state;
	kit_open(&k);
	in.rdev = (uint32_t)makedev(10, 229);
	/* What this host allows us, so much it must allow the guest. */
	expected = mknod(host(&k, "own"), S_IFCHR | 0600, makedev(10, 229)) < 0 ? -errno : 0;
	assert_int_equal(do_make(g, FUSE_MKNOD, 1, &in, sizeof(in), "c", &e), expected);
	if (expected == 0) {
		assert_true(host_stat(&k, "c").st_rdev == makedev(10, 229));
		assert_true(e.attr.rdev == makedev(10, 229));
		/* The guest serves it itself: ours is never opened. */
		assert_int_equal(
			do_open_as(g, FUSE_OPEN, e.nodeid, O_RDWR, 0, &(struct fuse_open_out){ 0 }),
			-ENXIO);
	}
	kit_close(&k);
}

static int do_rename2(struct guest *g, const char *from, const char *to, uint32_t flags)
{
	msg(g, FUSE_RENAME2, 1);
	MSG_ADD(g, (struct fuse_rename2_in){ .newdir = 1, .flags = flags });
	msg_text(g, from);
	msg_text(g, to);
	return send(g);
}

static void test_rename(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	uint64_t node, dir;
	ino_t a, b;
	int e;

	(void)state;
	kit_open(&k);
	host_write(&k, "a", "a");
	host_write(&k, "b", "bb");
	assert_int_equal(mkdir(host(&k, "d"), 0700), 0);
	node = node_of(g, 1, "a");
	a = host_stat(&k, "a").st_ino;
	b = host_stat(&k, "b").st_ino;
	assert_int_equal(do_rename2(g, "a", "b", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(do_rename2(g, "a", "b", RENAME_EXCHANGE), 0);
	assert_true(host_stat(&k, "a").st_ino == b && host_stat(&k, "b").st_ino == a);
	assert_true(node_of(g, 1, "b") == node);
	assert_int_equal(do_rename2(g, "a", "b", 1u << 7), -EINVAL);
	assert_int_equal(do_rename2(g, "a", "none", RENAME_EXCHANGE), -ENOENT);
	e = do_rename2(g, "b", "w", RENAME_WHITEOUT);
	if (e == 0) {
		assert_int_equal(host_stat(&k, "b").st_mode & S_IFMT, S_IFCHR);
		assert_int_equal(do_rename2(g, "w", "b", 0), 0);
	}
	assert_true(e == 0 || e == -EPERM || e == -EINVAL);
	dir = node_of(g, 1, "d");
	msg(g, FUSE_RENAME, 1);
	MSG_ADD(g, (struct fuse_rename_in){ .newdir = dir });
	msg_text(g, "b");
	msg_text(g, "moved");
	assert_int_equal(send(g), 0);
	assert_true(host_stat(&k, "d/moved").st_ino == a);
	assert_true(node_of(g, dir, "moved") == node);
	kit_close(&k);
}

static int set(struct guest *g, uint64_t node, struct fuse_setattr_in in, struct fuse_attr *ret)
{
	int e = DO(g, FUSE_SETATTR, node, in);

	*ret = (struct fuse_attr){ 0 };
	if (e == 0)
		*ret = REPLY(g, fuse_attr_out).attr;
	return e;
}

static void test_setattr(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	struct fuse_entry_out e;
	struct fuse_open_out o;
	struct fuse_attr a;
	struct stat st;

	(void)state;
	kit_open(&k);
	assert_int_equal(do_create(g, 1, "f", O_RDWR, 0600, &e, &o), 0);
	assert_int_equal(
		set(g, e.nodeid,
		    (struct fuse_setattr_in){ .valid = FATTR_MODE, .mode = S_IFREG | 0421 }, &a),
		0);
	assert_int_equal(a.mode, S_IFREG | 0421);
	assert_int_equal(set(g, e.nodeid,
			     (struct fuse_setattr_in){ .valid = FATTR_SIZE | FATTR_FH |
								FATTR_ATIME | FATTR_MTIME,
						       .size = 12345,
						       .fh = o.fh,
						       .atime = 1000,
						       .atimensec = 5,
						       .mtime = (uint64_t)-3,
						       .mtimensec = 999999999 },
			     &a),
			 0);
	st = host_stat(&k, "f");
	assert_int_equal(st.st_size, 12345);
	assert_true(st.st_atim.tv_sec == 1000 && st.st_atim.tv_nsec == 5);
	assert_true(st.st_mtim.tv_sec == -3 && st.st_mtim.tv_nsec == 999999999);
	assert_true(a.mtime == (uint64_t)-3 && a.mtimensec == 999999999 && a.size == 12345);
	/* Only the one that is named, and the time of the host when it says so. */
	assert_int_equal(set(g, e.nodeid,
			     (struct fuse_setattr_in){ .valid = FATTR_MTIME | FATTR_MTIME_NOW,
						       .mtimensec = UINT32_MAX },
			     &a),
			 0);
	assert_true(a.atime == 1000 && a.mtime > 1700000000);
	assert_int_equal(
		set(g, e.nodeid,
		    (struct fuse_setattr_in){ .valid = FATTR_ATIME, .atimensec = UTIME_OMIT }, &a),
		-EINVAL);
	assert_int_equal(
		set(g, e.nodeid,
		    (struct fuse_setattr_in){ .valid = FATTR_MTIME, .mtimensec = UTIME_NOW }, &a),
		-EINVAL);
	assert_int_equal(set(g, e.nodeid,
			     (struct fuse_setattr_in){ .valid = FATTR_SIZE, .size = UINT64_MAX },
			     &a),
			 -EINVAL);
	assert_int_equal(set(g, 1, (struct fuse_setattr_in){ .valid = FATTR_SIZE }, &a), -EISDIR);
	assert_int_equal(
		set(g, e.nodeid, (struct fuse_setattr_in){ .valid = FATTR_FH, .fh = 7 }, &a),
		-EBADF);
	assert_int_equal(set(g, e.nodeid, (struct fuse_setattr_in){ .valid = FATTR_CTIME }, &a), 0);
	kit_close(&k);
}

/* A link has times and an owner of its own; what it points at, here outside, is left alone. */
static void test_setattr_link(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	struct fuse_attr a;
	struct stat before, after;
	uint64_t node;

	(void)state;
	kit_open(&k);
	assert_int_equal(symlink("/tmp", host(&k, "l")), 0);
	assert_int_equal(stat("/tmp", &before), 0);
	node = node_of(g, 1, "l");
	assert_int_equal(
		set(g, node, (struct fuse_setattr_in){ .valid = FATTR_MTIME, .mtime = 77 }, &a), 0);
	assert_true(a.mtime == 77 && S_ISLNK(a.mode));
	assert_int_equal(host_stat(&k, "l").st_mtim.tv_sec, 77);
	assert_int_equal(
		set(g, node, (struct fuse_setattr_in){ .valid = FATTR_MODE, .mode = 0 }, &a),
		-EOPNOTSUPP);
	assert_int_equal(set(g, node, (struct fuse_setattr_in){ .valid = FATTR_SIZE }, &a),
			 -EINVAL);
	assert_int_equal(set(g, node,
			     (struct fuse_setattr_in){ .valid = FATTR_UID | FATTR_GID,
						       .uid = geteuid(),
						       .gid = getegid() },
			     &a),
			 0);
	assert_int_equal(stat("/tmp", &after), 0);
	assert_int_equal(before.st_mode, after.st_mode);
	assert_true(after.st_mtim.tv_sec != 77);
	kit_close(&k);
}

static void test_open(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	struct fuse_entry_out e;
	struct fuse_open_out o;
	uint32_t done;
	uint64_t node, fh;

	(void)state;
	kit_open(&k);
	host_write(&k, "f", "0123456789");
	node = node_of(g, 1, "f");
	fh = open_of(g, node, O_WRONLY | O_APPEND);
	/* An application's append goes to the end, whatever the driver thinks where that is. */
	assert_int_equal(do_write_as(g, node,
				     (struct fuse_write_in){
					     .fh = fh, .size = 2, .flags = O_WRONLY | O_APPEND },
				     "ab", &done),
			 0);
	assert_int_equal(host_stat(&k, "f").st_size, 12);
	/* Delayed data of its cache goes where it belongs. */
	assert_int_equal(do_write_as(g, node,
				     (struct fuse_write_in){ .fh = fh,
							     .size = 2,
							     .flags = O_WRONLY | O_APPEND,
							     .write_flags = FUSE_WRITE_CACHE },
				     "cd", &done),
			 0);
	assert_int_equal(host_stat(&k, "f").st_size, 12);
	assert_int_equal(do_read(g, node, fh, 0, 4), -EBADF);
	assert_int_equal(do_read(g, node, open_of(g, node, O_RDONLY), 0, 12), 0);
	assert_memory_equal(g->data, "cd23456789ab", 12);
	assert_int_equal(do_write(g, node, open_of(g, node, O_RDONLY), 0, "x", 1), -EBADF);
	assert_int_equal(do_create(g, 1, "f", O_RDWR | O_EXCL, 0600, &e, &o), -EEXIST);
	assert_int_equal(do_create(g, 1, "f", O_RDWR, 0600, &e, &o), 0);
	assert_true(e.nodeid == node && e.attr.size == 12);
	assert_int_equal(do_create(g, 1, "f", O_RDWR | O_TRUNC, 0600, &e, &o), 0);
	assert_int_equal(e.attr.size, 0);
	host_write(&k, "f", "again");
	assert_int_equal(do_open_as(g, FUSE_OPEN, node, O_RDWR | O_TRUNC, 0, &o), 0);
	assert_int_equal(host_stat(&k, "f").st_size, 0);
	/* What is no file is never opened here, by CREATE neither: a FIFO would wait for ever. */
	assert_int_equal(mkfifo(host(&k, "p"), 0600), 0);
	assert_int_equal(symlink("f", host(&k, "l")), 0);
	assert_int_equal(mkdir(host(&k, "d"), 0700), 0);
	assert_int_equal(do_open_as(g, FUSE_OPEN, node_of(g, 1, "p"), O_RDONLY, 0, &o), -ENXIO);
	assert_int_equal(do_create(g, 1, "p", O_WRONLY, 0600, &e, &o), -ENXIO);
	assert_int_equal(do_create(g, 1, "l", O_WRONLY, 0600, &e, &o), -ELOOP);
	assert_int_equal(do_create(g, 1, "d", O_RDONLY, 0600, &e, &o), -EISDIR);
	kit_close(&k);
}

/* Writing back takes reading, and takes no O_APPEND. */
static void test_writeback(void **state)
{
	struct kit k = { .o = { .writeback = true, .cache = REF_CACHE_AUTO } };
	struct guest *g = &k.g;
	struct fuse_entry_out e;
	struct fuse_open_out o;

	(void)state;
	kit_open(&k);
	assert_int_equal(do_create(g, 1, "f", O_WRONLY | O_APPEND, 0600, &e, &o), 0);
	assert_int_equal(do_write(g, e.nodeid, o.fh, 0, "0123", 4), 0);
	assert_int_equal(do_write(g, e.nodeid, o.fh, 1, "x", 1), 0);
	assert_int_equal(do_read(g, e.nodeid, o.fh, 0, 10), 0);
	assert_int_equal(g->size, 4);
	assert_memory_equal(g->data, "0x23", 4);
	assert_int_equal(do_open_as(g, FUSE_OPEN, e.nodeid, O_WRONLY, 0, &o), 0);
	assert_int_equal(do_read(g, e.nodeid, o.fh, 0, 10), 0);
	/* A file that may be written and not read opens all the same. */
	assert_int_equal(chmod(host(&k, "f"), 0200), 0);
	assert_int_equal(do_open_as(g, FUSE_OPEN, e.nodeid, O_WRONLY, 0, &o), 0);
	kit_close(&k);
}

static void test_file(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	struct fuse_entry_out e;
	struct fuse_open_out o;

	(void)state;
	kit_open(&k);
	assert_int_equal(do_create(g, 1, "f", O_RDWR, 0600, &e, &o), 0);
	assert_int_equal(DO(g, FUSE_FALLOCATE, e.nodeid,
			    (struct fuse_fallocate_in){ .fh = o.fh, .length = 65536 }),
			 0);
	assert_int_equal(host_stat(&k, "f").st_size, 65536);
	assert_int_equal(do_write(g, e.nodeid, o.fh, 32768, "data", 4), 0);
	assert_int_equal(DO(g, FUSE_FALLOCATE, e.nodeid,
			    (struct fuse_fallocate_in){ .fh = o.fh,
							.length = 32768,
							.mode = FALLOC_FL_PUNCH_HOLE |
								FALLOC_FL_KEEP_SIZE }),
			 0);
	assert_int_equal(
		DO(g, FUSE_FALLOCATE, e.nodeid,
		   (struct fuse_fallocate_in){ .fh = o.fh, .offset = UINT64_MAX, .length = 1 }),
		-EINVAL);
	assert_int_equal(DO(g, FUSE_LSEEK, e.nodeid,
			    (struct fuse_lseek_in){ .fh = o.fh, .whence = SEEK_DATA }),
			 0);
	assert_int_equal(REPLY(g, fuse_lseek_out).offset, 32768);
	assert_int_equal(
		DO(g, FUSE_LSEEK, e.nodeid,
		   (struct fuse_lseek_in){ .fh = o.fh, .offset = 65536, .whence = SEEK_HOLE }),
		-ENXIO);
	assert_int_equal(DO(g, FUSE_LSEEK, e.nodeid,
			    (struct fuse_lseek_in){ .fh = o.fh, .whence = SEEK_SET }),
			 -EINVAL);
	kit_close(&k);
}

static void test_copy(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	struct fuse_entry_out e, e2;
	struct fuse_open_out o, o2;

	(void)state;
	kit_open(&k);
	assert_int_equal(do_create(g, 1, "f", O_RDWR, 0600, &e, &o), 0);
	assert_int_equal(do_create(g, 1, "t", O_RDWR, 0600, &e2, &o2), 0);
	assert_int_equal(truncate(host(&k, "f"), 65536), 0);
	assert_int_equal(DO(g, FUSE_COPY_FILE_RANGE, e.nodeid,
			    (struct fuse_copy_file_range_in){ .fh_in = o.fh,
							      .off_in = 32768,
							      .nodeid_out = e2.nodeid,
							      .fh_out = o2.fh,
							      .off_out = 10,
							      .len = UINT64_MAX }),
			 0);
	assert_int_equal(REPLY(g, fuse_write_out).size, 32768);
	assert_int_equal(host_stat(&k, "t").st_size, 32768 + 10);
	assert_int_equal(
		DO(g, FUSE_COPY_FILE_RANGE, e.nodeid,
		   (struct fuse_copy_file_range_in){
			   .fh_in = o.fh, .nodeid_out = e.nodeid, .fh_out = o2.fh, .len = 1 }),
		-EBADF);
	assert_int_equal(DO(g, FUSE_COPY_FILE_RANGE, e.nodeid,
			    (struct fuse_copy_file_range_in){ .fh_in = o.fh,
							      .nodeid_out = e2.nodeid,
							      .fh_out = o2.fh,
							      .len = 1,
							      .flags = 8 }),
			 -EINVAL);
	kit_close(&k);
}

static void test_sync(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	struct fuse_entry_out e;
	struct fuse_open_out o;

	(void)state;
	kit_open(&k);
	assert_int_equal(do_create(g, 1, "f", O_RDWR, 0600, &e, &o), 0);
	for (uint32_t flags = 0; flags < 2; flags++)
		assert_int_equal(DO(g, FUSE_FSYNC, e.nodeid,
				    (struct fuse_fsync_in){ .fh = o.fh, .fsync_flags = flags }),
				 0);
	assert_int_equal(DO(g, FUSE_FSYNC, e.nodeid, (struct fuse_fsync_in){ .fh = 1 }), -EBADF);
	assert_int_equal(DO(g, FUSE_FLUSH, e.nodeid, (struct fuse_flush_in){ .fh = o.fh }), 0);
	assert_int_equal(DO(g, FUSE_FLUSH, e.nodeid, (struct fuse_flush_in){ .fh = 1 }), -EBADF);
	assert_int_equal(DO(g, FUSE_SYNCFS, 1, (struct fuse_syncfs_in){ 0 }), 0);
	assert_int_equal(DO(g, FUSE_SYNCFS, 99, (struct fuse_syncfs_in){ 0 }), -ESTALE);
	assert_int_equal(do_open_as(g, FUSE_OPENDIR, 1, 0, 0, &o), 0);
	assert_int_equal(DO(g, FUSE_FSYNCDIR, 1, (struct fuse_fsync_in){ .fh = o.fh }), 0);
	assert_int_equal(do_release_as(g, FUSE_RELEASEDIR, 1, o.fh), 0);
	kit_close(&k);
}

static void test_statfs_access(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	struct fuse_statfs_out out;
	struct statvfs v;

	(void)state;
	kit_open(&k);
	assert_int_equal(statvfs(k.share, &v), 0);
	msg(g, FUSE_STATFS, 1);
	assert_int_equal(send(g), 0);
	out = REPLY(g, fuse_statfs_out);
	assert_true(out.st.blocks == v.f_blocks && out.st.frsize == v.f_frsize);
	assert_true(out.st.files == v.f_files && out.st.namelen == v.f_namemax);
	host_write(&k, "f", "");
	assert_int_equal(chmod(host(&k, "f"), 0400), 0);
	assert_int_equal(
		DO(g, FUSE_ACCESS, node_of(g, 1, "f"), (struct fuse_access_in){ .mask = R_OK }), 0);
	assert_int_equal(
		DO(g, FUSE_ACCESS, node_of(g, 1, "f"), (struct fuse_access_in){ .mask = X_OK }),
		-EACCES);
	assert_int_equal(
		DO(g, FUSE_ACCESS, node_of(g, 1, "f"), (struct fuse_access_in){ .mask = 0xff }),
		-EINVAL);
	kit_close(&k);
}

static void test_statx(void **state)
{
	struct kit k = { .o.cache = REF_CACHE_AUTO };
	struct guest *g = &k.g;
	struct fuse_statx_reply out;
	struct statx st;

	(void)state;
	kit_open(&k);
	host_write(&k, "f", "abc");
	assert_int_equal(statx(AT_FDCWD, host(&k, "f"), 0, STATX_BASIC_STATS | STATX_BTIME, &st),
			 0);
	assert_int_equal(DO(g, FUSE_OP_STATX, node_of(g, 1, "f"),
			    (struct fuse_statx_request){ .sx_mask = STATX_BTIME }),
			 0);
	assert_int_equal(g->size, 288);
	out = REPLY(g, fuse_statx_reply);
	assert_int_equal(out.attr_valid, 1);
	assert_int_equal(out.stat.size, 3);
	assert_true(out.stat.ino == st.stx_ino && out.stat.mode == st.stx_mode);
	assert_int_equal(out.stat.mask & STATX_BTIME, st.stx_mask & STATX_BTIME);
	assert_true(out.stat.btime.tv_sec == st.stx_btime.tv_sec);
	assert_true(out.stat.mtime.tv_nsec == st.stx_mtime.tv_nsec);
	kit_close(&k);
}

static void test_tmpfile(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	struct fuse_entry_out e;
	struct fuse_open_out o;
	int err;

	(void)state;
	kit_open(&k);
	msg(g, FUSE_TMPFILE, 1);
	MSG_ADD(g, (struct fuse_create_in){ .flags = O_RDWR, .mode = S_IFREG | 0640 });
	msg_text(g, "/"); /* that is what the kernel calls it */
	err = send(g);
	if (err != -EOPNOTSUPP) {
		assert_int_equal(err, 0);
		memcpy(&e, g->data, sizeof(e));
		memcpy(&o, g->data + sizeof(e), sizeof(o));
		assert_int_equal(e.attr.nlink, 0);
		assert_int_equal(e.attr.mode, S_IFREG | 0640);
		assert_int_equal(do_write(g, e.nodeid, o.fh, 0, "tmp", 3), 0);
		assert_int_equal(
			do_make(g, FUSE_LINK, 1, &(struct fuse_link_in){ e.nodeid }, 8, "kept", &e),
			0);
		assert_int_equal(e.attr.nlink, 1);
		assert_int_equal(host_stat(&k, "kept").st_size, 3);
	}
	kit_close(&k);
}

/* A share for reading: nothing that changes anything, however it is asked for. */
static void test_readonly(void **state)
{
	struct kit k = { .o = { .readonly = true, .xattr = true } };
	struct guest *g = &k.g;
	struct fuse_entry_out e;
	struct fuse_open_out o;
	struct fuse_attr a;
	uint64_t node;

	(void)state;
	kit_open(&k);
	host_write(&k, "f", "text");
	node = node_of(g, 1, "f");
	assert_int_equal(do_open_as(g, FUSE_OPEN, node, O_RDONLY, 0, &o), 0);
	assert_int_equal(do_read(g, node, o.fh, 0, 4), 0);
	assert_int_equal(g->size, 4);
	assert_int_equal(do_open_as(g, FUSE_OPEN, node, O_WRONLY, 0, &o), -EROFS);
	assert_int_equal(do_open_as(g, FUSE_OPEN, node, O_RDWR, 0, &o), -EROFS);
	assert_int_equal(do_open_as(g, FUSE_OPEN, node, O_RDONLY | O_TRUNC, 0, &o), -EROFS);
	assert_int_equal(do_create(g, 1, "f", O_RDONLY, 0600, &e, &o), -EROFS);
	assert_int_equal(do_write(g, node, o.fh, 0, "x", 1), -EROFS);
	assert_int_equal(set(g, node, (struct fuse_setattr_in){ .valid = FATTR_MODE }, &a), -EROFS);
	assert_int_equal(do_mkdir(g, 1, "d", 0700), -EROFS);
	assert_int_equal(do_name(g, FUSE_UNLINK, 1, "f"), -EROFS);
	assert_int_equal(do_name(g, FUSE_REMOVEXATTR, node, "user.x"), -EROFS);
	assert_int_equal(do_rename2(g, "f", "g", 0), -EROFS);
	assert_int_equal(DO(g, FUSE_FALLOCATE, node, (struct fuse_fallocate_in){ .length = 1 }),
			 -EROFS);
	assert_int_equal(DO(g, FUSE_ACCESS, node, (struct fuse_access_in){ .mask = W_OK }), -EROFS);
	kit_close(&k);
}

static int tests(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test(test_make),	      cmocka_unit_test(test_device_nodes),
		cmocka_unit_test(test_rename),	      cmocka_unit_test(test_setattr),
		cmocka_unit_test(test_setattr_link),  cmocka_unit_test(test_open),
		cmocka_unit_test(test_writeback),     cmocka_unit_test(test_file),
		cmocka_unit_test(test_copy),	      cmocka_unit_test(test_sync),
		cmocka_unit_test(test_statfs_access), cmocka_unit_test(test_statx),
		cmocka_unit_test(test_tmpfile),	      cmocka_unit_test(test_readonly),
	};

	return cmocka_run_group_tests_name("ref_fs_ops", list, NULL, NULL);
}

int main(void)
{
	return run_as_both(tests);
}
