// SPDX-License-Identifier: Apache-2.0
/* A driver that lies: lengths, counts, names, numbers. Each is answered or given back, and the next one is served. */
#include "conformance/test/test_ref_fs.h"

#include "conformance/test/test_ref_fs_dax.h"

static void check_alive(struct guest *g)
{
	struct fuse_attr a;

	assert_int_equal(do_getattr(g, 1, &a), 0);
}

static void test_short_header(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;

	(void)state;
	kit_open(&k);
	for (enum cut cut = 0; cut < CUT_COUNT; cut++) {
		g->cut = cut;
		for (size_t size = 0; size < sizeof(struct fuse_in_header); size++) {
			msg(g, FUSE_GETATTR, 1);
			msg_head(g)->len = (uint32_t)size;
			g->in_size = size;
			assert_int_equal(send_raw(g, 128), 0);
			assert_int_equal(check_reply(g, 0, 128), 0);
		}
		check_alive(g);
	}
	kit_close(&k);
}

static void test_wrong_length(void **state)
{
	static const int64_t off[] = { -80, -40, -16, -8, -1, 1, 8, 4096, INT32_MAX };
	struct kit k = { 0 };
	struct guest *g = &k.g;

	(void)state;
	kit_open(&k);
	for (size_t i = 0; i < ARRAY_SIZE(off); i++) {
		msg(g, FUSE_GETATTR, 1);
		MSG_ADD(g, (struct fuse_getattr_in){ 0 });
		msg_head(g)->len = (uint32_t)(g->in_size + (size_t)off[i]);
		assert_int_equal(check_reply(g, send_raw(g, 256), 256), -EINVAL);
		assert_false(g->silent);
	}
	check_alive(g);
	kit_close(&k);
}

/* Each opcode, with each length of its fixed part up to what it should be, in a message that says so. */
static void test_short_arguments(void **state)
{
	struct kit k = { .o.xattr = true };
	struct guest *g = &k.g;

	(void)state;
	kit_open(&k);
	for (uint32_t opcode = 0; opcode < 70; opcode++) {
		bool quiet = opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET ||
			     opcode == FUSE_INTERRUPT || opcode == FUSE_NOTIFY_REPLY;

		if (opcode == FUSE_INIT || opcode == FUSE_DESTROY)
			continue;
		for (size_t size = 0; size < 110; size++) {
			msg(g, opcode, 1);
			memset(g->in + g->in_size, 0x41, size); /* no NUL, absurd numbers */
			g->in_size += size;
			(void)send_room(g, 512);
			assert_int_equal(g->silent, quiet);
			check_alive(g);
		}
	}
	kit_close(&k);
}

/* No, or too little, room to answer: nothing is written beyond it, and nothing is done. */
static void test_little_room(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;

	(void)state;
	kit_open(&k);
	for (size_t room = 0; room < sizeof(struct fuse_out_header) + sizeof(struct fuse_entry_out);
	     room++) {
		msg(g, FUSE_MKDIR, 1);
		MSG_ADD(g, (struct fuse_mkdir_in){ .mode = 0700 });
		msg_text(g, "never");
		if (room < sizeof(struct fuse_out_header)) {
			(void)send_room(g, room);
			assert_true(g->silent);
		} else {
			assert_int_equal(send_room(g, room), -EINVAL);
		}
		assert_int_equal(access(host(&k, "never"), F_OK), -1);
	}
	/* Data of a length that is known only afterwards: the bare header. */
	assert_int_equal(symlink("a-target-of-some-length", host(&k, "link")), 0);
	msg(g, FUSE_READLINK, node_of(g, 1, "link"));
	assert_int_equal(send_room(g, sizeof(struct fuse_out_header) + 5), -EIO);
	check_alive(g);
	kit_close(&k);
}

/* Sends an opcode with @before bytes of zeroed arguments and a name of @size bytes, NUL only if it holds one. */
static int send_name(struct guest *g, uint32_t opcode, size_t before, const char *name, size_t size)
{
	msg(g, opcode, 1);
	memset(g->in + g->in_size, 0, before);
	g->in_size += before;
	msg_add(g, name, size);
	return send(g);
}

static const struct {
	uint32_t opcode;
	size_t before;
} named[] = {
	{ FUSE_LOOKUP, 0 },
	{ FUSE_MKNOD, sizeof(struct fuse_mknod_in) },
	{ FUSE_MKDIR, sizeof(struct fuse_mkdir_in) },
	{ FUSE_UNLINK, 0 },
	{ FUSE_RMDIR, 0 },
	{ FUSE_CREATE, sizeof(struct fuse_create_in) },
	{ FUSE_LINK, sizeof(struct fuse_link_in) },
};

static void test_names(void **state)
{
	static const struct {
		const char *name;
		size_t size;
		int error;
	} bad[] = {
		{ "", 1, -EINVAL },
		{ ".", 2, -EINVAL },
		{ "..", 3, -EINVAL },
		{ "a/b", 4, -EINVAL },
		{ "/", 2, -EINVAL },
		{ "../x", 5, -EINVAL },
		{ "/etc/passwd", 12, -EINVAL },
		{ "no-nul", 6, -EINVAL },
		{ "", 0, -EINVAL },
	};
	struct kit k = { 0 };
	struct guest *g = &k.g;
	char *huge = malloc(70000);

	(void)state;
	assert_non_null(huge);
	memset(huge, 'x', 70000);
	kit_open(&k);
	for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
		uint32_t op = named[i].opcode;

		for (size_t j = 0; j < ARRAY_SIZE(bad); j++)
			assert_int_equal(
				send_name(g, op, named[i].before, bad[j].name, bad[j].size),
				bad[j].error);
		huge[256] = '\0';
		assert_int_equal(send_name(g, op, named[i].before, huge, 257), -ENAMETOOLONG);
		huge[256] = 'x';
		assert_int_equal(send_name(g, op, named[i].before, huge, 70000), -EINVAL);
		assert_int_equal(send_name(g, op, named[i].before, (char[MIB]){ 0 }, MIB), -E2BIG);
	}
	/* Of two names the second is looked at as well. */
	host_write(&k, "f", "");
	msg(g, FUSE_RENAME, 1);
	MSG_ADD(g, (struct fuse_rename_in){ .newdir = 1 });
	msg_text(g, "f");
	msg_text(g, "../out");
	assert_int_equal(send(g), -EINVAL);
	msg(g, FUSE_RENAME, 1);
	MSG_ADD(g, (struct fuse_rename_in){ .newdir = 1 });
	msg_text(g, "f");
	assert_int_equal(send(g), -EINVAL);
	(void)host_stat(&k, "f");
	check_alive(g);
	kit_close(&k);
	free(huge);
}

/* Numbers that were never given, were given for something else, or are over. */
static void test_invented_numbers(void **state)
{
	static const uint64_t numbers[] = {
		0, 2, 0xffffffff, UINT64_C(1) << 32, 1ull << 62, UINT64_MAX, 0x4141414141414141
	};
	struct kit k = { 0 };
	struct guest *g = &k.g;
	struct fuse_entry_out e, none;
	struct fuse_open_out o;
	struct fuse_attr a;
	uint64_t dir;

	(void)state;
	kit_open(&k);
	assert_int_equal(do_create(g, 1, "f", O_RDWR, 0600, &e, &o), 0);
	assert_int_equal(mkdir(host(&k, "d"), 0700), 0);
	dir = node_of(g, 1, "d");
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		assert_int_equal(do_getattr(g, numbers[i], &a), -ESTALE);
		assert_int_equal(do_lookup(g, numbers[i], "f", &none), -ESTALE);
		assert_int_equal(do_read(g, e.nodeid, numbers[i], 0, 1), -EBADF);
		assert_int_equal(do_write(g, e.nodeid, numbers[i], 0, "x", 1), -EBADF);
		assert_int_equal(do_release(g, e.nodeid, numbers[i]), -EBADF);
		assert_int_equal(DO(g, FUSE_READDIR, 1,
				    (struct fuse_read_in){ .fh = numbers[i], .size = 4096 }),
				 -EBADF);
		do_forget(g, numbers[i], 1);
		do_forget(g, numbers[i], UINT64_MAX);
	}
	/* The handle of another node; a directory's for data; a file as a folder. */
	assert_int_equal(do_read(g, dir, o.fh, 0, 1), -EBADF);
	assert_int_equal(do_lookup(g, e.nodeid, "x", &none), -ENOTDIR);
	assert_int_equal(do_open_as(g, FUSE_OPENDIR, dir, 0, 0, &o), 0);
	assert_int_equal(do_read(g, dir, o.fh, 0, 1), -EISDIR);
	assert_int_equal(do_write(g, dir, o.fh, 0, "x", 1), -EBADF);
	assert_int_equal(do_open_as(g, FUSE_OPEN, dir, O_RDONLY, 0, &o), -EISDIR);
	assert_int_equal(do_open_as(g, FUSE_OPENDIR, e.nodeid, 0, 0, &o), -ENOTDIR);
	check_alive(g);
	kit_close(&k);
}

static void test_offsets(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	struct fuse_entry_out e;
	struct fuse_open_out o;
	uint32_t done = 1;

	(void)state;
	kit_open(&k);
	assert_int_equal(do_create(g, 1, "f", O_RDWR, 0600, &e, &o), 0);
	assert_int_equal(do_read(g, e.nodeid, o.fh, INT64_MAX, 4096), -EINVAL);
	assert_int_equal(do_read(g, e.nodeid, o.fh, UINT64_MAX, 4096), -EINVAL);
	assert_int_equal(do_write(g, e.nodeid, o.fh, INT64_MAX, "x", 1), -EFBIG);
	assert_int_equal(do_write(g, e.nodeid, o.fh, UINT64_MAX - 1, "xy", 2), -EFBIG);
	/* More asked for than there is room; more said to be sent than was, and less. */
	msg(g, FUSE_READ, e.nodeid);
	MSG_ADD(g, (struct fuse_read_in){ .fh = o.fh, .size = 8192 });
	assert_int_equal(send_room(g, 16 + 4096), -EINVAL);
	msg(g, FUSE_READ, e.nodeid);
	MSG_ADD(g, (struct fuse_read_in){ .fh = o.fh, .size = UINT32_MAX });
	assert_int_equal(send_room(g, 16 + 4096), -EINVAL);
	for (uint32_t size = 3; size < 6; size += 2) {
		msg(g, FUSE_WRITE, e.nodeid);
		MSG_ADD(g, (struct fuse_write_in){ .fh = o.fh, .size = size });
		msg_add(g, "four", 4);
		assert_int_equal(send(g), -EINVAL);
	}
	assert_int_equal(host_stat(&k, "f").st_size, 0);
	assert_int_equal(do_write_as(g, e.nodeid, (struct fuse_write_in){ .fh = o.fh }, "", &done),
			 0);
	assert_int_equal(done, 0);
	kit_close(&k);
}

static void test_forget(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;
	struct fuse_attr a;
	uint64_t node[100];

	(void)state;
	kit_open(&k);
	for (int i = 0; i < 100; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "f%d", i);
		host_write(&k, name, "");
		node[i] = node_of(g, 1, name);
	}
	/* The root stays, whatever is forgotten of it. */
	do_forget(g, 1, UINT64_MAX);
	check_alive(g);
	/* A count that the message does not hold is no more than what it holds. */
	msg(g, FUSE_BATCH_FORGET, 0);
	MSG_ADD(g, (struct fuse_batch_forget_in){ .count = UINT32_MAX });
	for (int i = 0; i < 99; i++)
		MSG_ADD(g, (struct fuse_forget_one){ .nodeid = node[i], .nlookup = 1 });
	msg_add(g, &node[99], 8); /* half an entry */
	(void)send_room(g, 0);
	assert_true(g->silent);
	for (int i = 0; i < 99; i++)
		assert_int_equal(do_getattr(g, node[i], &a), -ESTALE);
	assert_int_equal(do_getattr(g, node[99], &a), 0);
	/* And one that holds more than it counts is read no further. */
	msg(g, FUSE_BATCH_FORGET, 0);
	MSG_ADD(g, (struct fuse_batch_forget_in){ .count = 0 });
	MSG_ADD(g, (struct fuse_forget_one){ .nodeid = node[99], .nlookup = 1 });
	(void)send_room(g, 0);
	assert_int_equal(do_getattr(g, node[99], &a), 0);
	do_forget(g, node[99], UINT64_MAX);
	assert_int_equal(do_getattr(g, node[99], &a), -ESTALE);
	kit_close(&k);
}

/* Requests that belong on the other queue, and those that nobody answers. */
static void test_wrong_queue(void **state)
{
	struct kit k = { 0 };
	struct guest *g = &k.g;

	(void)state;
	kit_open(&k);
	g->queue = REF_HIPRIO;
	check_alive(g);
	for (g->queue = 0; g->queue < 2; g->queue++) {
		do_forget(g, 77, 1);
		msg(g, FUSE_INTERRUPT, 0);
		MSG_ADD(g, (struct fuse_interrupt_in){ .unique = 12345 });
		(void)send(g);
		assert_true(g->silent);
		check_alive(g);
	}
	kit_close(&k);
}

static void test_unknown_opcodes(void **state)
{
	static const uint32_t unknown[] = { 0,		7,	     19,	FUSE_GETLK,
					    FUSE_SETLK, FUSE_SETLKW, FUSE_BMAP, FUSE_IOCTL,
					    FUSE_POLL,	53,	     64,	4096,
					    UINT32_MAX };
	struct kit k = { 0 };
	struct guest *g = &k.g;

	(void)state;
	kit_open(&k);
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		msg(g, unknown[i], 1);
		memset(g->in + g->in_size, 0, 64);
		g->in_size += 64;
		assert_int_equal(send(g), -ENOSYS);
	}
	/* unique 0 is a number like any other. */
	msg(g, FUSE_STATFS, 1);
	msg_head(g)->unique = 0;
	assert_int_equal(send(g), 0);
	check_alive(g);
	kit_close(&k);
}

static int tests(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test(test_short_header),	cmocka_unit_test(test_wrong_length),
		cmocka_unit_test(test_short_arguments), cmocka_unit_test(test_little_room),
		cmocka_unit_test(test_names),		cmocka_unit_test(test_invented_numbers),
		cmocka_unit_test(test_offsets),		cmocka_unit_test(test_forget),
		cmocka_unit_test(test_wrong_queue),	cmocka_unit_test(test_unknown_opcodes),
	};

	return cmocka_run_group_tests_name("ref_fs_abuse", list, NULL, NULL);
}

int main(void)
{
	return run_as_both(tests);
}
