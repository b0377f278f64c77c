// SPDX-License-Identifier: Apache-2.0
/* The session of the device's file system half: what INIT agrees on, the thin path, and where it ends. */
#include "conformance/test/test_ref_fs.h"

#include "conformance/test/test_ref_fs_dax.h"

static void test_thin_path(void **state)
{
	struct kit k = { .o.cache = REF_CACHE_AUTO };

	(void)state;
	kit_open(&k);
	for (enum cut cut = 0; cut < CUT_COUNT; cut++) {
		struct guest *g = &k.g;
		struct fuse_entry_out e, none;
		struct fuse_open_out o;
		struct fuse_attr a;

		g->cut = cut;
		assert_int_equal(do_create(g, 1, "file", O_RDWR, 0644, &e, &o), 0);
		assert_int_equal(e.attr.mode, S_IFREG | 0644);
		assert_int_equal(do_write(g, e.nodeid, o.fh, 0, "hello, host", 11), 0);
		assert_int_equal(do_read(g, e.nodeid, o.fh, 7, 100), 0);
		assert_int_equal(g->size, 4);
		assert_memory_equal(g->data, "host", 4);
		assert_int_equal(do_read(g, e.nodeid, o.fh, 11, 100), 0);
		assert_int_equal(g->size, 0);
		assert_int_equal(do_getattr(g, e.nodeid, &a), 0);
		assert_int_equal(a.size, 11);
		assert_true(a.ino == host_stat(&k, "file").st_ino);
		assert_int_equal(do_release(g, e.nodeid, o.fh), 0);
		assert_int_equal(do_release(g, e.nodeid, o.fh), -EBADF);
		assert_true(node_of(g, 1, "file") == e.nodeid);
		do_forget(g, e.nodeid, 2);
		assert_int_equal(do_getattr(g, e.nodeid, &a), -ESTALE);
		assert_int_equal(do_lookup(g, 1, "file", &e), 0);
		assert_int_equal(do_name(g, FUSE_UNLINK, 1, "file"), 0);
		assert_int_equal(do_lookup(g, 1, "file", &none), -ENOENT);
		/* It is still there for who knows it. */
		assert_int_equal(do_getattr(g, e.nodeid, &a), 0);
		assert_int_equal(a.nlink, 0);
		do_forget(g, e.nodeid, 1);
	}
	kit_close(&k);
}

/* Large data through every cut: what arrives is what was sent. */
static void test_data(void **state)
{
	struct kit k = { 0 };
	uint8_t *data = malloc(MIB);

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < MIB; i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	kit_open(&k);
	for (enum cut cut = 0; cut < CUT_COUNT; cut++) {
		struct guest *g = &k.g;
		struct fuse_entry_out e;
		struct fuse_open_out o;

		g->cut = cut;
		assert_int_equal(do_create(g, 1, "big", O_RDWR | O_TRUNC, 0600, &e, &o), 0);
		assert_int_equal(do_write(g, e.nodeid, o.fh, 3, data, MIB), 0);
		assert_int_equal(host_stat(&k, "big").st_size, MIB + 3);
		assert_int_equal(do_read(g, e.nodeid, o.fh, 3, MIB), 0);
		assert_int_equal(g->size, MIB);
		assert_memory_equal(g->data, data, MIB);
		assert_int_equal(do_release(g, e.nodeid, o.fh), 0);
	}
	kit_close(&k);
	free(data);
}

static const struct {
	enum ref_cache cache;
	uint64_t valid_s;
	uint32_t file_flags;
	uint32_t dir_flags;
	bool plus;
} modes[] = {
	{ REF_CACHE_NEVER, 0, FOPEN_DIRECT_IO, 0, false },
	{ REF_CACHE_METADATA, 86400, FOPEN_DIRECT_IO, FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR, true },
	{ REF_CACHE_AUTO, 1, 0, 0, true },
	{ REF_CACHE_ALWAYS, 86400, FOPEN_KEEP_CACHE, FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR, true },
};

static void check_entry(const struct fuse_entry_out *e, uint64_t valid_s)
{
	assert_true(e->entry_valid == valid_s && e->entry_valid_nsec == 0);
	assert_true(e->attr_valid == valid_s && e->attr_valid_nsec == 0);
}

static void check_mode(size_t i)
{
	struct kit k = { .o.cache = modes[i].cache };
	struct guest *g = &k.g;
	struct fuse_entry_out e;
	struct fuse_open_out o;

	kit_open(&k);
	assert_true(!!(agreed_flags(g) & FUSE_DO_READDIRPLUS) == modes[i].plus);
	assert_true(!!(agreed_flags(g) & FUSE_READDIRPLUS_AUTO) == modes[i].plus);
	assert_int_equal(do_create(g, 1, "f", O_RDWR, 0600, &e, &o), 0);
	check_entry(&e, modes[i].valid_s);
	assert_int_equal(o.open_flags, modes[i].file_flags);
	assert_int_equal(do_open_as(g, FUSE_OPEN, e.nodeid, O_RDONLY, 0, &o), 0);
	assert_int_equal(o.open_flags, modes[i].file_flags);
	assert_int_equal(do_open_as(g, FUSE_OPENDIR, 1, O_RDONLY, 0, &o), 0);
	assert_int_equal(o.open_flags, modes[i].dir_flags);
	assert_int_equal(do_lookup(g, 1, "f", &e), 0);
	check_entry(&e, modes[i].valid_s);
	msg(g, FUSE_MKDIR, 1);
	MSG_ADD(g, (struct fuse_mkdir_in){ .mode = 0700 });
	msg_text(g, "d");
	assert_int_equal(send(g), 0);
	e = REPLY(g, fuse_entry_out);
	check_entry(&e, modes[i].valid_s);
	assert_int_equal(DO(g, FUSE_GETATTR, e.nodeid, (struct fuse_getattr_in){ 0 }), 0);
	assert_true(REPLY(g, fuse_attr_out).attr_valid == modes[i].valid_s);
	assert_int_equal(DO(g, FUSE_SETATTR, e.nodeid, (struct fuse_setattr_in){ .valid = 0 }), 0);
	assert_true(REPLY(g, fuse_attr_out).attr_valid == modes[i].valid_s);
	kit_close(&k);
}

static void test_modes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		check_mode(i);
}

#define ALWAYS_AGREED                                                                     \
	(FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_ATOMIC_O_TRUNC | FUSE_AUTO_INVAL_DATA | \
	 FUSE_ASYNC_DIO | FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES | FUSE_INIT_EXT |         \
	 FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO | FUSE_CREATE_SUPP_GROUP)

static void check_init(struct ref_options o, uint64_t offered, uint32_t minor, uint64_t expected)
{
	struct kit k = { .o = o };

	k.o.cache = REF_CACHE_AUTO;
	kit_open(&k);
	k.g.offered = offered;
	assert_int_equal(do_init_as(&k.g, 7, minor), 0);
	assert_true(agreed_flags(&k.g) == expected);
	assert_int_equal(k.g.init.max_pages, expected & FUSE_MAX_PAGES ? 256 : 0);
	assert_int_equal(k.g.init.minor, minor < 39 ? minor : 39);
	kit_close(&k);
}

static void test_init_flags(void **state)
{
	struct ref_options none = { 0 };
	struct ref_options all = { .writeback = true,
				   .posix_acl = true,
				   .killpriv_v2 = true,
				   .allow_mmap = true,
				   .announce_submounts = true };
	uint64_t acl = FUSE_POSIX_ACL | FUSE_DONT_MASK | FUSE_SETXATTR_EXT;

	(void)state;
	check_init(none, OFFER_ALL, 38, ALWAYS_AGREED);
	check_init(none, OFFER_ALL, 45, ALWAYS_AGREED);
	check_init(none, 0, 38, 0);
	check_init(none, FUSE_ASYNC_READ, 38, FUSE_ASYNC_READ);
	/* Without INIT_EXT the upper half was never said. */
	check_init(none, FUSE_CREATE_SUPP_GROUP, 38, 0);
	check_init(none, OFFER_ALL, 31, ALWAYS_AGREED & ~(FUSE_INIT_EXT | FUSE_CREATE_SUPP_GROUP));
	check_init(all, OFFER_ALL, 39,
		   ALWAYS_AGREED | acl | FUSE_WRITEBACK_CACHE | FUSE_HANDLE_KILLPRIV_V2 |
			   FUSE_SUBMOUNTS | FUSE_DIRECT_IO_ALLOW_MMAP);
	check_init(all, FUSE_POSIX_ACL | FUSE_SETXATTR_EXT, 39, 0);
	all.readonly = true;
	check_init(all, FUSE_WRITEBACK_CACHE, 39, 0);
}

static void test_init_versions(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	struct fuse_init_out out;
	uint64_t node;

	(void)state;
	kit_open(&k);
	assert_int_equal(mkdir(host(&k, "d"), 0700), 0);
	node = node_of(g, 1, "d");
	/* A newer major: our own, and the session goes on as it was. */
	assert_int_equal(do_init_as(g, 8, 0), 0);
	out = REPLY(g, fuse_init_out);
	assert_int_equal(out.major, 7);
	assert_int_equal(do_lookup(g, 1, "d", &(struct fuse_entry_out){ 0 }), 0);
	assert_int_equal(do_init_as(g, 6, 38), -EPROTO);
	assert_int_equal(do_init_as(g, 7, 5), -EPROTO);
	assert_int_equal(do_getattr(g, node, &(struct fuse_attr){ 0 }), 0);
	/* 16 bytes are a whole INIT of an older driver. */
	msg(g, FUSE_INIT, 0);
	msg_add(g, (uint32_t[]){ 7, 31, 4096, FUSE_INIT_EXT }, 16);
	assert_int_equal(send(g), 0);
	assert_int_equal(REPLY(g, fuse_init_out).flags2, 0);
	/* Little room: a shorter form. */
	msg(g, FUSE_INIT, 0);
	msg_add(g, (uint32_t[]){ 7, 31, 4096, 0 }, 16);
	assert_int_equal(send_room(g, 16 + 30), 0);
	assert_int_equal(g->size, 24);
	kit_close(&k);
}

static void test_swapped(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	struct fuse_out_header h;

	(void)state;
	kit_open(&k);
	msg(g, FUSE_INIT_BSWAP_RESERVED, 0);
	MSG_ADD(g, (struct fuse_init_in){ .major = 7 << 24 });
	msg_head(g)->len = __builtin_bswap32((uint32_t)g->in_size);
	assert_int_equal(send_raw(g, 128), sizeof(h));
	memcpy(&h, g->out, sizeof(h));
	assert_int_equal(__builtin_bswap32(h.len), sizeof(h));
	assert_int_equal((int32_t)__builtin_bswap32((uint32_t)h.error), -EPROTO);
	assert_true(h.unique == msg_head(g)->unique);
	kit_close(&k);
}

static void test_before_init(void **state)
{
	struct kit k = { 0 };
	struct guest g;
	struct fuse_attr a;

	(void)state;
	kit_open(&k);
	guest_open(&g, &k, NULL);
	assert_int_equal(do_getattr(&g, 1, &a), -EIO);
	assert_int_equal(do_name(&g, FUSE_UNLINK, 1, "x"), -EIO);
	do_forget(&g, 1, 1);
	assert_int_equal(do_init(&g), 0);
	assert_int_equal(do_getattr(&g, 1, &a), 0);
	guest_close(&g);
	kit_close(&k);
}

/* Nothing of a session survives its end, whichever way it ends. */
static void test_ends(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	unsigned before, with_session;

	(void)state;
	kit_open(&k);
	assert_int_equal(do_name(g, FUSE_DESTROY, 0, ""), 0);
	before = open_fds();
	assert_int_equal(do_init(g), 0);
	with_session = open_fds();
	for (int how = 0; how < 3; how++) {
		struct fuse_entry_out e;
		struct fuse_open_out o;
		struct fuse_attr a;
		uint64_t node;

		for (int i = 0; i < 50; i++) {
			char name[16];

			(void)snprintf(name, sizeof(name), "f%d", i);
			assert_int_equal(do_create(g, 1, name, O_RDWR, 0600, &e, &o), 0);
		}
		node = e.nodeid;
		assert_int_equal(open_fds(), with_session + 100);
		if (how == 0)
			assert_int_equal(do_name(g, FUSE_DESTROY, 0, ""), 0);
		if (how == 1)
			g->h.drop(g->h.context, false);
		if (how < 2) {
			assert_int_equal(open_fds(), before);
			assert_int_equal(do_getattr(g, 1, &a), -EIO);
		}
		assert_int_equal(do_init(g), 0);
		assert_int_equal(open_fds(), with_session);
		assert_int_equal(do_getattr(g, node, &a), -ESTALE);
		assert_int_equal(do_read(g, node, o.fh, 0, 1), -EBADF);
		/* And a number of the old session is not one of the new by accident. */
		assert_true(node_of(g, 1, "f49") != node);
		do_forget(g, node_of(g, 1, "f49"), 2);
	}
	kit_close(&k);
}

/* The first number of a session is never the first of the next one: who still holds it would mean another file. */
static void test_numbers_of_sessions(void **state)
{
	struct kit k = { 0 };
	struct fuse_open_out o, again;
	uint64_t node;

	(void)state;
	kit_open(&k);
	host_write(&k, "f", "");
	for (int i = 0; i < 20; i++) {
		assert_int_equal(do_init(&k.g), 0);
		node = node_of(&k.g, 1, "f");
		assert_int_equal(do_open_as(&k.g, FUSE_OPEN, node, O_RDONLY, 0, &o), 0);
		assert_int_equal(do_init(&k.g), 0);
		assert_true(node_of(&k.g, 1, "f") != node);
		node = node_of(&k.g, 1, "f");
		assert_int_equal(do_open_as(&k.g, FUSE_OPEN, node, O_RDONLY, 0, &again), 0);
		assert_true(o.fh != again.fh);
	}
	kit_close(&k);
}

static int tests(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test(test_thin_path),     cmocka_unit_test(test_data),
		cmocka_unit_test(test_modes),	      cmocka_unit_test(test_init_flags),
		cmocka_unit_test(test_init_versions), cmocka_unit_test(test_swapped),
		cmocka_unit_test(test_before_init),   cmocka_unit_test(test_numbers_of_sessions),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests_name("ref_fs", list, NULL, NULL);
}

int main(void)
{
	return run_as_both(tests);
}
