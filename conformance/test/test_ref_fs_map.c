// SPDX-License-Identifier: Apache-2.0
/* What the file system half says to dax/, which is a fake here: mappings, and sizes before and after they change. */
#include "conformance/test/test_ref_fs.h"

#include "conformance/test/test_ref_fs_dax.h"

#include <linux/falloc.h>
#include <sys/xattr.h>

static void dax_kit_open(struct kit *k, struct guest *g)
{
	memset(&fake, 0, sizeof(fake));
	kit_open(k);
	ref_fs_set_dax(k->fs, FAKE_SHARE);
	guest_open(g, k, FAKE_WINDOW);
	assert_int_equal(do_init(g), 0);
	fake.log[0] = '\0';
}

static void dax_kit_close(struct kit *k, struct guest *g)
{
	guest_close(g);
	kit_close(k);
}

static int do_map(struct guest *g, uint64_t node, struct fuse_setupmapping_in in)
{
	return DO(g, FUSE_SETUPMAPPING, node, in);
}

#define READ_WRITE (FUSE_SETUPMAPPING_FLAG_READ | FUSE_SETUPMAPPING_FLAG_WRITE)

static void test_setup(void **state)
{
	struct fuse_setupmapping_in good = { .fh = UINT64_MAX,
					     .foffset = 4096,
					     .len = 2 * MIB,
					     .flags = FUSE_SETUPMAPPING_FLAG_READ,
					     .moffset = 8192 };
	struct kit k = { .o = { .dax = REF_DAX_ALWAYS, .cache = REF_CACHE_AUTO } };
	struct guest g;
	struct fuse_entry_out e;
	struct fuse_open_out o;
	struct stat st;

	(void)state;
	dax_kit_open(&k, &g);
	assert_int_equal(do_create(&g, 1, "f", O_RDWR, 0600, &e, &o), 0);
	st = host_stat(&k, "f");
	assert_int_equal(do_map(&g, e.nodeid, good), 0);
	assert_int_equal(g.size, 0);
	assert_string_equal(fake.log, "after 0 0; map 4096 8192; ");
	assert_memory_equal(&fake.map, &good, sizeof(good));
	assert_int_equal(fake.map_fd_flags & O_ACCMODE, O_RDWR);
	assert_true(fake.dev == st.st_dev && fake.ino == st.st_ino);
	/* By handle as well, also by one that could not be mapped itself. */
	good.fh = o.fh;
	assert_int_equal(do_map(&g, e.nodeid, good), 0);
	good.fh = open_of(&g, e.nodeid, O_RDONLY);
	fake.map_fd_flags = 0;
	assert_int_equal(do_map(&g, e.nodeid, good), 0);
	assert_int_equal(fake.map_fd_flags & O_ACCMODE, O_RDWR);
	/* A file that is mapped already is not opened again. */
	good.fh = UINT64_MAX;
	fake.mapped = true;
	assert_int_equal(do_map(&g, e.nodeid, good), 0);
	assert_int_equal(fake.map_fd_flags, -1);
	/* What the window says is what the guest hears. */
	fake.result = -ENOSPC;
	assert_int_equal(do_map(&g, e.nodeid, good), -ENOSPC);
	dax_kit_close(&k, &g);
}

static void test_setup_refused(void **state)
{
	const struct fuse_setupmapping_in good = { .fh = UINT64_MAX,
						   .len = 4096,
						   .flags = FUSE_SETUPMAPPING_FLAG_READ };
	struct kit k = { .o.dax = REF_DAX_ALWAYS };
	struct fuse_setupmapping_in bad[12];
	struct guest g;
	uint64_t node;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = good;
	bad[0].len = 0;
	bad[1].flags = 0;
	bad[2].flags = 4 | READ_WRITE;
	bad[3].flags = UINT64_MAX;
	bad[4].foffset = 512;
	bad[5].moffset = 2048;
	bad[6].foffset = UINT64_MAX & ~UINT64_C(4095);
	bad[7].moffset = UINT64_MAX & ~UINT64_C(4095);
	bad[8].foffset = INT64_MAX & ~INT64_C(4095);
	bad[8].len = 8192;
	bad[9].len = UINT64_MAX;
	bad[10].moffset = 4096;
	bad[10].len = UINT64_MAX;
	bad[11].foffset = UINT64_C(1) << 63;
	dax_kit_open(&k, &g);
	host_write(&k, "f", "x");
	assert_int_equal(mkdir(host(&k, "d"), 0700), 0);
	assert_int_equal(mkfifo(host(&k, "p"), 0600), 0);
	assert_int_equal(symlink("f", host(&k, "l")), 0);
	node = node_of(&g, 1, "f");
	fake.log[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(do_map(&g, node, bad[i]), -EINVAL);
	bad[0] = good;
	bad[0].fh = 12345;
	assert_int_equal(do_map(&g, node, bad[0]), -EBADF);
	assert_int_equal(do_map(&g, 12345, good), -ESTALE);
	assert_int_equal(do_map(&g, node_of(&g, 1, "d"), good), -EISDIR);
	assert_int_equal(do_map(&g, node_of(&g, 1, "p"), good), -ENXIO);
	assert_int_equal(do_map(&g, node_of(&g, 1, "l"), good), -ELOOP);
	assert_string_equal(fake.log, "");
	dax_kit_close(&k, &g);
}

static int do_remove(struct guest *g, uint32_t said, uint32_t sent)
{
	msg(g, FUSE_REMOVEMAPPING, 1);
	MSG_ADD(g, (struct fuse_removemapping_in){ .count = said });
	for (uint32_t i = 0; i < sent; i++)
		MSG_ADD(g, (struct fuse_removemapping_one){ .moffset = i * 4096ull, .len = 4096 });
	return send(g);
}

static void test_remove(void **state)
{
	struct kit k = { .o.dax = REF_DAX_ALWAYS };
	struct guest g;

	(void)state;
	dax_kit_open(&k, &g);
	for (enum cut cut = 0; cut < CUT_COUNT; cut++) {
		g.cut = cut;
		assert_int_equal(do_remove(&g, 1, 1), 0);
		assert_int_equal(fake.removed_count, 1);
		assert_int_equal(do_remove(&g, 256, 256), 0);
		assert_int_equal(fake.removed_count, 256);
		for (uint64_t i = 0; i < 256; i++)
			assert_true(fake.removed[i].moffset == i * 4096 &&
				    fake.removed[i].len == 4096);
		fake.log[0] = '\0';
		assert_int_equal(do_remove(&g, 257, 257), -EINVAL);
		assert_int_equal(do_remove(&g, 3, 2), -EINVAL);
		assert_int_equal(do_remove(&g, 0x10000001, 1), -EINVAL);
		assert_int_equal(do_remove(&g, UINT32_MAX, 256), -EINVAL);
		assert_string_equal(fake.log, "");
		assert_int_equal(do_remove(&g, 0, 0), 0);
	}
	fake.result = -EIO;
	assert_int_equal(do_remove(&g, 1, 1), -EIO);
	dax_kit_close(&k, &g);
}

/* A session that ends takes its mappings along; a request of the old one finds nothing to map in. */
static void test_clear(void **state)
{
	struct kit k = { .o.dax = REF_DAX_ALWAYS };
	struct guest g;

	(void)state;
	dax_kit_open(&k, &g);
	assert_int_equal(do_init(&g), 0);
	assert_string_equal(fake.log, "clear 0 0; ");
	fake.log[0] = '\0';
	assert_int_equal(do_name(&g, FUSE_DESTROY, 0, ""), 0);
	assert_string_equal(fake.log, "clear 0 0; ");
	fake.log[0] = '\0';
	assert_int_equal(do_init(&g), 0);
	assert_string_equal(fake.log, "");
	g.h.drop(g.h.context, true);
	assert_string_equal(fake.log, "clear 1 0; ");
	fake.log[0] = '\0';
	dax_kit_close(&k, &g);
}

static void check_log(const char *expected)
{
	assert_string_equal(fake.log, expected);
	fake.log[0] = '\0';
}

static int set_size(struct guest *g, uint64_t nodeid, const uint64_t *fh, uint64_t size)
{
	return DO(g, FUSE_SETATTR, nodeid,
		  (struct fuse_setattr_in){ .valid = FATTR_SIZE | (fh ? FATTR_FH : 0),
					    .fh = fh ? *fh : 0,
					    .size = size });
}

/* Whatever changes a size says so: before, and after, also when it failed. */
static void test_sizes(void **state)
{
	struct kit k = { .o.dax = REF_DAX_ALWAYS };
	struct guest g;
	struct fuse_entry_out e;
	struct fuse_open_out o;

	(void)state;
	dax_kit_open(&k, &g);
	assert_int_equal(do_create(&g, 1, "f", O_RDWR, 0600, &e, &o), 0);
	check_log("after 0 0; ");
	assert_int_equal(do_write(&g, e.nodeid, o.fh, 0, "0123456789", 10), 0);
	check_log("sync 0 0; after 10 0; ");
	/* Each second "after" is for the attributes that the reply has. */
	assert_int_equal(set_size(&g, e.nodeid, NULL, 4), 0);
	check_log("sync 0 0; before 4 0; after 4 0; after 4 0; ");
	assert_true(fake.ino == host_stat(&k, "f").st_ino);
	assert_int_equal(set_size(&g, e.nodeid, &o.fh, 8192), 0);
	check_log("sync 0 0; before 8192 0; after 8192 0; after 8192 0; ");
	assert_int_not_equal(set_size(&g, e.nodeid, &o.fh, INT64_MAX), 0);
	check_log("sync 0 0; before 9223372036854775807 0; after 8192 0; ");
	assert_int_equal(DO(&g, FUSE_FALLOCATE, e.nodeid,
			    (struct fuse_fallocate_in){ .fh = o.fh, .length = 16384 }),
			 0);
	check_log("sync 0 0; after 16384 0; ");
	if (DO(&g, FUSE_FALLOCATE, e.nodeid,
	       (struct fuse_fallocate_in){
		       .fh = o.fh, .length = 4096, .mode = FALLOC_FL_COLLAPSE_RANGE }) == 0)
		check_log("sync 0 0; sync 0 0; before 12288 0; after 12288 0; ");
	fake.log[0] = '\0';
	assert_int_equal(do_open_as(&g, FUSE_OPEN, e.nodeid, O_WRONLY | O_TRUNC, 0, &o), 0);
	check_log("sync 0 0; before 0 0; after 0 0; ");
	host_write(&k, "f", "data");
	assert_int_equal(do_create(&g, 1, "f", O_RDWR | O_TRUNC, 0600, &e, &o), 0);
	check_log("sync 0 0; before 0 0; after 0 0; after 0 0; ");
	assert_int_equal(host_stat(&k, "f").st_size, 0);
	dax_kit_close(&k, &g);
}

/* A host that cannot open the file for cutting it has cut nothing: mappings come back all the same. */
static void test_shrink_fails(void **state)
{
	struct kit k = { .o.dax = REF_DAX_ALWAYS };
	struct guest g;
	struct fuse_open_out o;
	uint64_t node;

	(void)state;
	if (geteuid() == 0)
		return; /* root may write to it */
	dax_kit_open(&k, &g);
	host_write(&k, "f", "data");
	assert_int_equal(chmod(host(&k, "f"), 0400), 0);
	node = node_of(&g, 1, "f");
	fake.log[0] = '\0';
	assert_int_equal(do_open_as(&g, FUSE_OPEN, node, O_RDWR | O_TRUNC, 0, &o), -EACCES);
	check_log("sync 0 0; before 0 0; after 4 0; ");
	dax_kit_close(&k, &g);
}

/* Copies of last pages and the file are brought together before anyone looks at the file. */
static void test_sync(void **state)
{
	struct kit k = { .o.dax = REF_DAX_ALWAYS };
	struct guest g;
	struct fuse_entry_out e;
	struct fuse_open_out o, dir;

	(void)state;
	dax_kit_open(&k, &g);
	host_write(&k, "f", "data");
	assert_int_equal(do_create(&g, 1, "f", O_RDWR, 0600, &e, &o), 0);
	fake.log[0] = '\0';
	assert_int_equal(
		DO(&g, FUSE_READ, e.nodeid, (struct fuse_read_in){ .fh = o.fh, .size = 16 }), 0);
	check_log("sync 0 0; ");
	assert_true(fake.ino == host_stat(&k, "f").st_ino);
	assert_int_equal(DO(&g, FUSE_FLUSH, e.nodeid, (struct fuse_flush_in){ .fh = o.fh }), 0);
	check_log("sync 0 0; ");
	assert_int_equal(DO(&g, FUSE_FSYNC, e.nodeid, (struct fuse_fsync_in){ .fh = o.fh }), 0);
	check_log("sync 0 0; ");
	assert_int_equal(DO(&g, FUSE_LSEEK, e.nodeid,
			    (struct fuse_lseek_in){ .fh = o.fh, .whence = SEEK_HOLE }),
			 0);
	check_log("sync 0 0; ");
	assert_int_equal(DO(&g, FUSE_COPY_FILE_RANGE, e.nodeid,
			    (struct fuse_copy_file_range_in){ .fh_in = o.fh,
							      .nodeid_out = e.nodeid,
							      .fh_out = o.fh,
							      .off_out = 4,
							      .len = 4 }),
			 0);
	check_log("sync 0 0; sync 0 0; after 8 0; ");
	msg(&g, FUSE_SYNCFS, 1);
	MSG_ADD(&g, (struct fuse_syncfs_in){ 0 });
	assert_int_equal(send(&g), 0);
	check_log("syncall 0 0; ");
	/* A store that the file did not take is told where data are to be safe, and to nobody else. */
	fake.result = -ENOSPC;
	assert_int_equal(DO(&g, FUSE_FSYNC, e.nodeid, (struct fuse_fsync_in){ .fh = o.fh }),
			 -ENOSPC);
	assert_int_equal(DO(&g, FUSE_FLUSH, e.nodeid, (struct fuse_flush_in){ .fh = o.fh }),
			 -ENOSPC);
	msg(&g, FUSE_SYNCFS, 1);
	MSG_ADD(&g, (struct fuse_syncfs_in){ 0 });
	assert_int_equal(send(&g), -ENOSPC);
	assert_int_equal(
		DO(&g, FUSE_READ, e.nodeid, (struct fuse_read_in){ .fh = o.fh, .size = 16 }), 0);
	check_log("sync 0 0; sync 0 0; syncall 0 0; sync 0 0; ");
	/* A folder has nothing to bring together. */
	assert_int_equal(do_open_as(&g, FUSE_OPENDIR, 1, 0, 0, &dir), 0);
	assert_int_equal(DO(&g, FUSE_FSYNCDIR, 1, (struct fuse_fsync_in){ .fh = dir.fh }), 0);
	check_log("");
	dax_kit_close(&k, &g);
}

/* The window knows of a size before a guest does. */
static void test_attributes(void **state)
{
	struct kit k = { .o = { .dax = REF_DAX_ALWAYS, .cache = REF_CACHE_AUTO } };
	struct guest g;
	struct fuse_entry_out e;
	struct fuse_open_out dir;
	struct fuse_attr a;

	(void)state;
	dax_kit_open(&k, &g);
	host_write(&k, "f", "data");
	assert_int_equal(mkdir(host(&k, "d"), 0700), 0);
	assert_int_equal(do_lookup(&g, 1, "f", &e), 0);
	check_log("after 4 0; ");
	assert_true(fake.ino == host_stat(&k, "f").st_ino);
	host_write(&k, "f", "longer data");
	assert_int_equal(do_getattr(&g, e.nodeid, &a), 0);
	assert_int_equal(a.size, 11);
	check_log("after 11 0; ");
	assert_int_equal(DO(&g, FUSE_OP_STATX, e.nodeid, (struct fuse_statx_request){ 0 }), 0);
	check_log("after 11 0; ");
	assert_int_equal(do_lookup(&g, 1, "d", &e), 0);
	assert_int_equal(do_getattr(&g, 1, &a), 0);
	check_log("");
	assert_int_equal(do_open_as(&g, FUSE_OPENDIR, 1, 0, 0, &dir), 0);
	assert_int_equal(
		DO(&g, FUSE_READDIRPLUS, 1, (struct fuse_read_in){ .fh = dir.fh, .size = 4096 }),
		0);
	check_log("after 11 0; ");
	dax_kit_close(&k, &g);
}

static uint32_t attr_flags(struct guest *g, const char *name)
{
	struct fuse_entry_out e = { 0 };
	struct fuse_attr a = { 0 };

	assert_int_equal(do_lookup(g, 1, name, &e), 0);
	assert_int_equal(do_getattr(g, e.nodeid, &a), 0);
	assert_int_equal(a.flags, e.attr.flags);
	return a.flags;
}

static uint32_t fopen_flags(struct guest *g, const char *name)
{
	struct fuse_open_out o = { 0 };

	assert_int_equal(do_open_as(g, FUSE_OPEN, node_of(g, 1, name), O_RDONLY, 0, &o), 0);
	return o.open_flags;
}

/* The guest decides by inode: every regular file, or those with the mark. */
static void check_inode_dax(enum ref_dax dax)
{
	struct kit k = { .o = { .dax = dax, .cache = REF_CACHE_NEVER } };
	bool all = dax == REF_DAX_ALWAYS;
	bool marked;
	struct guest g;

	dax_kit_open(&k, &g);
	assert_true(agreed_flags(&g) & FUSE_MAP_ALIGNMENT);
	assert_true(agreed_flags(&g) & FUSE_HAS_INODE_DAX);
	assert_int_equal(g.init.map_alignment, 12);
	host_write(&k, "plain", "x");
	host_write(&k, "marked", "x");
	assert_int_equal(mkdir(host(&k, "d"), 0700), 0);
	marked = setxattr(host(&k, "marked"), "user.virtiofs.dax", "1", 1, 0) == 0;
	assert_int_equal(attr_flags(&g, "plain"), all ? FUSE_ATTR_DAX : 0);
	assert_int_equal(attr_flags(&g, "d"), 0);
	assert_int_equal(fopen_flags(&g, "plain"), all ? FOPEN_KEEP_CACHE : FOPEN_DIRECT_IO);
	if (marked) {
		assert_int_equal(attr_flags(&g, "marked"), FUSE_ATTR_DAX);
		assert_int_equal(fopen_flags(&g, "marked"), FOPEN_KEEP_CACHE);
		/* It may be taken away, and is looked at again. */
		assert_int_equal(setxattr(host(&k, "marked"), "user.virtiofs.dax", "0", 1, 0), 0);
		assert_int_equal(attr_flags(&g, "marked"), all ? FUSE_ATTR_DAX : 0);
	}
	/* A guest that maps everything (mount -o dax=always) does not ask for the flag. */
	g.offered = OFFER_ALL & ~FUSE_HAS_INODE_DAX;
	assert_int_equal(do_init(&g), 0);
	assert_int_equal(agreed_flags(&g) & FUSE_HAS_INODE_DAX, 0);
	assert_int_equal(attr_flags(&g, "plain"), 0);
	assert_int_equal(fopen_flags(&g, "plain"), FOPEN_KEEP_CACHE);
	/* One that maps nothing hears nothing of it. */
	g.offered = OFFER_ALL & ~FUSE_HAS_INODE_DAX & ~(uint64_t)FUSE_MAP_ALIGNMENT;
	assert_int_equal(do_init(&g), 0);
	assert_int_equal(g.init.map_alignment, 0);
	assert_int_equal(fopen_flags(&g, "plain"), FOPEN_DIRECT_IO);
	dax_kit_close(&k, &g);
}

#define INVAL_FLAGS (uint64_t)(FUSE_AUTO_INVAL_DATA | FUSE_EXPLICIT_INVAL_DATA)

static void check_inval(struct guest *g, uint64_t offered, uint32_t minor, uint64_t expected)
{
	g->offered = offered;
	assert_int_equal(do_init_as(g, 7, minor), 0);
	assert_int_equal(agreed_flags(g) & INVAL_FLAGS, expected);
}

/* Only a guest that caches no file's data may be told to drop nothing when a file changes. */
static void test_invalidation(void **state)
{
	const uint64_t all = OFFER_ALL | FUSE_EXPLICIT_INVAL_DATA;
	const uint64_t always = all & ~FUSE_HAS_INODE_DAX;
	struct kit k = { .o = { .dax = REF_DAX_ALWAYS } };
	struct guest g;

	(void)state;
	dax_kit_open(&k, &g);
	check_inval(&g, always, 38, FUSE_EXPLICIT_INVAL_DATA);
	check_inval(&g, always & ~(uint64_t)FUSE_EXPLICIT_INVAL_DATA, 38, FUSE_AUTO_INVAL_DATA);
	check_inval(&g, all, 38, FUSE_AUTO_INVAL_DATA);
	check_inval(&g, always & ~(uint64_t)FUSE_MAP_ALIGNMENT, 38, FUSE_AUTO_INVAL_DATA);
	/* Windows came later than the flag. */
	check_inval(&g, always, 30, FUSE_AUTO_INVAL_DATA);
	dax_kit_close(&k, &g);
}

static void test_inode_dax(void **state)
{
	(void)state;
	check_inode_dax(REF_DAX_INODE);
	check_inode_dax(REF_DAX_ALWAYS);
}

static void check_none(struct ref_options o, struct dax_window *window)
{
	struct kit k = { .o = o };
	struct guest g;
	uint64_t node;

	memset(&fake, 0, sizeof(fake));
	kit_open(&k);
	host_write(&k, "f", "x");
	ref_fs_set_dax(k.fs, FAKE_SHARE);
	guest_open(&g, &k, window);
	assert_int_equal(do_init(&g), 0);
	assert_int_equal(agreed_flags(&g) & (FUSE_MAP_ALIGNMENT | FUSE_HAS_INODE_DAX), 0);
	assert_int_equal(g.init.map_alignment, 0);
	node = node_of(&g, 1, "f");
	assert_int_equal(attr_flags(&g, "f"), 0);
	assert_int_equal(do_map(&g, node,
				(struct fuse_setupmapping_in){
					.fh = UINT64_MAX, .len = 4096, .flags = READ_WRITE }),
			 -ENOSYS);
	assert_int_equal(do_remove(&g, 1, 1), -ENOSYS);
	assert_null(strstr(fake.log, "map"));
	guest_close(&g);
	kit_close(&k);
}

static void test_no_window(void **state)
{
	(void)state;
	check_none((struct ref_options){ .dax = REF_DAX_ALWAYS }, NULL);
	check_none((struct ref_options){ .dax = REF_DAX_NONE }, FAKE_WINDOW);
	check_none((struct ref_options){ .dax = REF_DAX_ALWAYS, .readonly = true }, FAKE_WINDOW);
}

static int tests(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test(test_setup),	     cmocka_unit_test(test_setup_refused),
		cmocka_unit_test(test_remove),	     cmocka_unit_test(test_clear),
		cmocka_unit_test(test_sizes),	     cmocka_unit_test(test_inode_dax),
		cmocka_unit_test(test_invalidation), cmocka_unit_test(test_no_window),
		cmocka_unit_test(test_sync),	     cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_shrink_fails),
	};

	return cmocka_run_group_tests_name("ref_fs_map", list, NULL, NULL);
}

int main(void)
{
	return run_as_both(tests);
}
