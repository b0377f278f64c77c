// SPDX-License-Identifier: Apache-2.0
/* The DAX window while files change: growth, truncation by one's own guest, another or the host, names. Needs no guest. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conformance/test/refdev.h"

#include <linux/falloc.h>
#include <sys/xattr.h>

static int make_mapped(struct rig *r, uint64_t size, uint64_t *ret_node)
{
	CHECK(&r->t, host_make(r, "f", 1, size) == 0 && node_of(r->f, "f", ret_node) == 0);
	CHECK(&r->t, front_setupmapping(r->f, *ret_node, 0, 4 * MIB, MAP_BOTH, 0) == 0);
	CHECK(&r->t, shows(r->f, 0, 1, 0, size));
	return 0;
}

/* Growth by the guest is there when the guest hears of it; growth by the host, when it has asked for the size. */
static int run_growth(struct rig *r)
{
	uint8_t more[3 * PAGE];
	struct fuse_attr_out attr;
	struct fuse_open_out o;
	uint32_t written;
	uint64_t node;

	CHECK(&r->t, make_mapped(r, 100, &node) == 0);
	CHECK(&r->t, front_open_file(r->f, node, O_RDWR, &o) == 0);
	fill(more, sizeof(more), 1, 100);
	CHECK(&r->t, front_write(r->f, node, o.fh, 100, more, 5, &written) == 0);
	CHECK(&r->t, shows(r->f, 0, 1, 0, 105));
	CHECK(&r->t, front_write(r->f, node, o.fh, 100, more, sizeof(more), &written) == 0);
	CHECK(&r->t, shows(r->f, 0, 1, 0, 100 + sizeof(more)));
	CHECK(&r->t, host_make(r, "f", 1, 2 * MIB + 4000) == 0);
	CHECK(&r->t, front_getattr(r->f, node, NULL, &attr) == 0);
	CHECK(&r->t, attr.attr.size == 2 * MIB + 4000 && shows(r->f, 0, 1, 0, 2 * MIB + 4000));
	/* Bytes that were stored behind the end are no part of what comes there. */
	CHECK(&r->t, poke(r->f, 2 * MIB + 4001, 0xee) == 0);
	CHECK(&r->t, set_size(r->f, node, 3 * MIB) == 0);
	CHECK(&r->t, shows_zeros(r->f, 2 * MIB + 4000, PAGE));
	CHECK(&r->t, host_byte(r, "f", 2 * MIB + 4001) == 0);
	CHECK(&r->t, front_fallocate(r->f, node, o.fh, 3 * MIB, PAGE + 1, 0) == 0);
	CHECK(&r->t, shows_zeros(r->f, 3 * MIB, PAGE + 1) && poke(r->f, 3 * MIB + PAGE, 9) == 0);
	CHECK(&r->t, front_fsync(r->f, node, o.fh, true) == 0);
	CHECK(&r->t, host_byte(r, "f", 3 * MIB + PAGE) == 9);
	/* SYNCFS is for all files. */
	CHECK(&r->t, poke(r->f, 3 * MIB + PAGE, 10) == 0 && front_syncfs(r->f, FRONT_ROOT) == 0);
	CHECK(&r->t, host_byte(r, "f", 3 * MIB + PAGE) == 10);
	return 0;
}

static int cut_open(struct rig *r, struct front *f, uint64_t node, uint64_t size)
{
	struct front_op op = front_op_open(node, O_RDWR | O_TRUNC);

	return size == 0 ? do_both(r, f, &op) : -EINVAL;
}

static int cut_setattr(struct rig *r, struct front *f, uint64_t node, uint64_t size)
{
	struct fuse_setattr_in in = { .valid = FATTR_SIZE, .size = size };
	struct front_op op = front_op_setattr(node, &in);

	return do_both(r, f, &op);
}

/* One's own guest knows what it does. The range stays mapped, and zeros come back when the file grows again. */
static int run_truncation(struct rig *r)
{
	uint64_t node;

	CHECK(&r->t, make_mapped(r, 3 * MIB + 50, &node) == 0);
	CHECK(&r->t, set_size(r->f, node, 2 * MIB + 10) == 0);
	CHECK(&r->t, shows(r->f, 0, 1, 0, 2 * MIB + 10));
	CHECK(&r->t, shows_zeros(r->f, 2 * MIB + 10, PAGE - 10));
	CHECK(&r->t, set_size(r->f, node, 5) == 0 && shows(r->f, 0, 1, 0, 5));
	CHECK(&r->t, shows_zeros(r->f, 5, PAGE - 5));
	CHECK(&r->t, set_size(r->f, node, 3 * MIB + 50) == 0);
	CHECK(&r->t, shows(r->f, 0, 1, 0, 5) && shows_zeros(r->f, 5, 2 * PAGE));
	CHECK(&r->t, shows_zeros(r->f, 3 * MIB, 50) && poke(r->f, 3 * MIB + 49, 7) == 0);
	CHECK(&r->t, unmap(r->f, 0, WINDOW) == 0 && host_byte(r, "f", 3 * MIB + 49) == 7);
	return 0;
}

/* The host does not ask. A touch of what is gone is an error, and nothing else is lost. */
static int run_host_truncates(struct rig *r)
{
	struct fuse_attr_out attr;
	uint64_t node;

	CHECK(&r->t, make_mapped(r, 3 * MIB, &node) == 0);
	CHECK(&r->t, host_make(r, "f", 1, MIB + 5) == 0);
	CHECK(&r->t, peek(r->f, 2 * MIB) == -EFAULT);
	CHECK(&r->t, front_getattr(r->f, node, NULL, &attr) == 0 && attr.attr.size == MIB + 5);
	CHECK(&r->t, shows(r->f, 0, 1, 0, MIB));
	CHECK(&r->t, host_make(r, "f", 1, 3 * MIB) == 0);
	CHECK(&r->t, front_getattr(r->f, node, NULL, &attr) == 0);
	CHECK(&r->t, shows(r->f, 0, 1, 0, 3 * MIB));
	CHECK(&r->t, front_setupmapping(r->f, node, 0, 4 * MIB, MAP_BOTH, 8 * MIB) == 0);
	CHECK(&r->t, shows(r->f, 8 * MIB, 1, 0, 3 * MIB));
	return 0;
}

/* Before one guest's file becomes shorter, other guests lose what lies behind: a touch of it would kill their VMM. */
static int shrink_other(struct rig *r, uint64_t node, uint64_t other, uint64_t size,
			int (*cut)(struct rig *r, struct front *f, uint64_t node, uint64_t size))
{
	uint64_t whole = (size + PAGE - 1) / PAGE * PAGE;
	uint64_t unmaps = r->g->window->unmaps;
	struct front_op op;

	CHECK(&r->t, host_make(r, "f", 1, 3 * MIB + 10) == 0);
	op = front_op_getattr(other, NULL);
	CHECK(&r->t, do_both(r, r->g, &op) == 0);
	op = front_op_setupmapping(other, 0, 4 * MIB, MAP_BOTH, 0);
	CHECK(&r->t, do_both(r, r->g, &op) == 0 && shows(r->g, 0, 1, 0, 3 * MIB + 10));
	CHECK(&r->t, cut(r, r->f, node, size) == 0 && host_size(r, "f") == size);
	CHECK(&r->t, r->g->window->unmaps > unmaps);
	CHECK(&r->t, shows(r->g, 0, 1, 0, size) && shows_zeros(r->g, size, whole - size));
	CHECK(&r->t, shows_nothing(r->g, whole, 4 * MIB - whole));
	for (size_t i = 0; i < r->g->window->count; i++)
		CHECK(&r->t,
		      r->g->window->mapping[i].offset + r->g->window->mapping[i].len <= whole);
	/* It grows: what was lost is there again. */
	CHECK(&r->t, cut_setattr(r, r->f, node, 2 * MIB + 5) == 0);
	CHECK(&r->t, shows(r->g, 0, 1, 0, size) && shows_zeros(r->g, 2 * MIB, 5));
	return 0;
}

static int run_other_shrinks(struct rig *r)
{
	struct fuse_entry_out e;
	struct front_op op;
	struct front_request *q;
	uint64_t node, other;

	CHECK(&r->t, second_guest(r) == 0 && make_mapped(r, 3 * MIB, &node) == 0);
	CHECK(&r->t, front_lookup(r->g, FRONT_ROOT, "f", &e) == 0);
	other = e.nodeid;
	CHECK(&r->t, shrink_other(r, node, other, MIB + 7, cut_setattr) == 0);
	CHECK(&r->t, shrink_other(r, node, other, 2 * MIB, cut_setattr) == 0);
	CHECK(&r->t, shrink_other(r, node, other, 100, cut_setattr) == 0);
	CHECK(&r->t, shrink_other(r, node, other, 0, cut_setattr) == 0);
	CHECK(&r->t, shrink_other(r, node, other, 0, cut_open) == 0);
	/* And it is before: as long as the other VMM has not answered, the file has its size. */
	CHECK(&r->t, host_make(r, "f", 1, 3 * MIB) == 0);
	op = front_op_setupmapping(other, 0, 4 * MIB, MAP_BOTH, 0);
	CHECK(&r->t, do_both(r, r->g, &op) == 0);
	front_window_hold(r->g->window);
	op = front_op_setattr(node, &(struct fuse_setattr_in){ .valid = FATTR_SIZE, .size = 100 });
	CHECK(&r->t, submit(r->f, &op, &q) == 0);
	for (int i = 0; i < 300 && !r->g->window->has_held; i++) {
		front_pump_once(&r->g->pump);
		CHECK(&r->t, front_wait_any(r->f, clock_deadline_ms(10)) == FRONT_TIMEOUT);
	}
	CHECK(&r->t, r->g->window->has_held && host_size(r, "f") == 3 * MIB);
	CHECK(&r->t, shows(r->g, 0, 1, 0, 3 * MIB));
	front_window_release(r->g->window);
	CHECK(&r->t, wait_both(r, q) == 0 && host_size(r, "f") == 100);
	front_request_free(q);
	return 0;
}

/* The other guest is paused: nobody waits for it, nothing is sent to it, and when it goes on all is right. */
static int run_paused_other(struct rig *r)
{
	struct front_op op;
	struct fuse_entry_out e;
	uint64_t node, total;

	CHECK(&r->t, second_guest(r) == 0 && make_mapped(r, 3 * MIB, &node) == 0);
	CHECK(&r->t, front_lookup(r->g, FRONT_ROOT, "f", &e) == 0);
	op = front_op_setupmapping(e.nodeid, 0, 4 * MIB, MAP_BOTH, 0);
	CHECK(&r->t, do_both(r, r->g, &op) == 0 && shows(r->g, 0, 1, 0, 3 * MIB));
	CHECK(&r->t, front_stop(r->g, &r->t.err) == 0);
	total = r->g->window->total;
	CHECK(&r->t, cut_setattr(r, r->f, node, MIB + 5) == 0);
	CHECK(&r->t, r->g->window->total == total);
	CHECK(&r->t, front_start(r->g, &r->t.err) == 0);
	/* Whatever it asks for first, its window is whole before that is answered. */
	op = front_op_getattr(FRONT_ROOT, NULL);
	CHECK(&r->t, do_both(r, r->g, &op) == 0);
	CHECK(&r->t, shows(r->g, 0, 1, 0, MIB + 5) && shows_nothing(r->g, MIB + PAGE, 2 * MIB));
	CHECK(&r->t, cut_setattr(r, r->f, node, 2 * MIB) == 0);
	CHECK(&r->t, shows(r->g, 0, 1, 0, MIB + 5) && shows_zeros(r->g, 2 * MIB - 10, 10));
	/* The same with growth, and with one that is shorter again before the pause is over. */
	CHECK(&r->t, front_stop(r->g, &r->t.err) == 0);
	CHECK(&r->t, cut_setattr(r, r->f, node, 4 * MIB) == 0);
	CHECK(&r->t, cut_setattr(r, r->f, node, 3 * MIB + 1) == 0);
	CHECK(&r->t, front_start(r->g, &r->t.err) == 0 && do_both(r, r->g, &op) == 0);
	CHECK(&r->t, shows(r->g, 0, 1, 0, MIB + 5) && shows_zeros(r->g, 3 * MIB - 10, 11));
	CHECK(&r->t, shows_nothing(r->g, 3 * MIB + PAGE, MIB - PAGE));
	return 0;
}

/* Two guests and a file: what one stores the other reads, by its window and by READ. */
static int run_shared(struct rig *r)
{
	struct fuse_open_out o;
	uint64_t node, other;
	uint8_t byte = 0;
	size_t n;
	struct front_op op;

	CHECK(&r->t, second_guest(r) == 0 && make_mapped(r, 5000, &node) == 0);
	CHECK(&r->t, node_of(r->g, "f", &other) == 0);
	op = front_op_setupmapping(other, 0, 2 * MIB, MAP_READ, 2 * MIB);
	CHECK(&r->t, do_both(r, r->g, &op) == 0 && shows(r->g, 2 * MIB, 1, 0, 5000));
	CHECK(&r->t, poke(r->f, 4999, 0xaa) == 0 && peek(r->g, 2 * MIB + 4999) == 0xaa);
	CHECK(&r->t, front_open_file(r->g, other, O_RDONLY, &o) == 0);
	CHECK(&r->t, front_read(r->g, other, o.fh, 4999, &byte, 1, &n) == 0);
	CHECK(&r->t, n == 1 && byte == 0xaa);
	/* The one leaves; the other's window is its own. */
	front_hang_up(r->f);
	CHECK(&r->t, SOON(r->counters->live == r->g->window->count));
	CHECK(&r->t, peek(r->g, 2 * MIB + 4999) == 0xaa && poke(r->g, 2 * MIB, 0xbb) == 0);
	CHECK(&r->t, host_byte(r, "f", 0) == 0xbb);
	return 0;
}

/* Names and handles may go; what is mapped is a file. */
static int run_names(struct rig *r)
{
	struct fuse_open_out o;
	struct fuse_entry_out e;
	struct fuse_removemapping_one one = { 0, 4 * MIB };
	uint64_t node, other;
	size_t n;
	uint8_t byte;

	CHECK(&r->t, make_mapped(r, MIB + 3, &node) == 0);
	CHECK(&r->t, host_make(r, "g", 2, MIB + 3) == 0 && node_of(r->f, "g", &other) == 0);
	CHECK(&r->t, front_open_file(r->f, node, O_RDWR, &o) == 0);
	CHECK(&r->t, front_rename(r->f, FRONT_ROOT, "f", FRONT_ROOT, "renamed") == 0);
	CHECK(&r->t, shows(r->f, 0, 1, 0, MIB + 3) && poke(r->f, MIB + 2, 1) == 0);
	CHECK(&r->t, front_rename(r->f, FRONT_ROOT, "g", FRONT_ROOT, "renamed") == 0);
	CHECK(&r->t, shows(r->f, 0, 1, 0, MIB) && peek(r->f, MIB + 2) == 1);
	CHECK(&r->t, host_byte(r, "renamed", MIB + 2) == byte_at(2, MIB + 2));
	/* It has no name any more: it can still be read, and mapped. */
	CHECK(&r->t, front_read(r->f, node, o.fh, MIB + 2, &byte, 1, &n) == 0 && byte == 1);
	CHECK(&r->t, front_setupmapping(r->f, node, 0, 2 * MIB, MAP_BOTH, 8 * MIB) == 0);
	CHECK(&r->t, peek(r->f, 8 * MIB + MIB + 2) == 1);
	CHECK(&r->t, front_release(r->f, node, o.fh, O_RDWR) == 0);
	CHECK(&r->t, front_forget(r->f, node, 1) == 0);
	CHECK(&r->t, front_create(r->f, FRONT_ROOT, "f", O_RDWR, S_IFREG | 0600, &e, &o) == 0);
	CHECK(&r->t,
	      shows(r->f, 0, 1, 0, MIB) && poke(r->f, 8 * MIB, 3) == 0 && peek(r->f, 0) == 3);
	CHECK(&r->t, front_setupmapping(r->f, node, 0, PAGE, MAP_BOTH, 0) == -ESTALE);
	CHECK(&r->t, front_removemapping(r->f, node, &one, 1) == 0);
	CHECK(&r->t, shows_nothing(r->f, 0, PAGE) && peek(r->f, 8 * MIB) == 3);
	/* Another file into what a forgotten one left. */
	CHECK(&r->t, front_setupmapping(r->f, other, 0, 2 * MIB, MAP_BOTH, 8 * MIB) == 0);
	CHECK(&r->t, shows(r->f, 8 * MIB, 2, 0, MIB + 3));
	return 0;
}

static void on_one(int (*run)(struct rig *r), const struct daemon_row *row)
{
	on_rows(run, row, 1);
}

static uint32_t dax_of(struct rig *r, const char *name)
{
	struct fuse_entry_out e = { 0 };
	struct fuse_attr_out a = { 0 };

	if (front_lookup(r->f, FRONT_ROOT, name, &e) < 0 ||
	    front_getattr(r->f, e.nodeid, NULL, &a) < 0 || a.attr.flags != e.attr.flags)
		return UINT32_MAX;
	return a.attr.flags;
}

static int run_inode(struct rig *r)
{
	CLEANUP(freep) char *path = fs_path("%s/marked", r->t.share);
	uint64_t node;

	CHECK(&r->t, host_make(r, "plain", 1, 10) == 0 && host_make(r, "marked", 2, 10) == 0);
	CHECK(&r->t, dax_of(r, "plain") == 0 && dax_of(r, "marked") == 0);
	if (setxattr(path, "user.virtiofs.dax", "1", 1, 0) < 0) {
		print_message("SKIP: no attributes of users here: %s\n", strerror(errno));
		return 0;
	}
	CHECK(&r->t, dax_of(r, "plain") == 0 && dax_of(r, "marked") == FUSE_ATTR_DAX);
	CHECK(&r->t, node_of(r->f, "marked", &node) == 0);
	CHECK(&r->t, front_setupmapping(r->f, node, 0, 2 * MIB, MAP_READ, 0) == 0);
	CHECK(&r->t, shows(r->f, 0, 2, 0, 10));
	/* By the guest as well. */
	CHECK(&r->t, front_setxattr(r->f, node, "user.virtiofs.dax", "0", 1, 0) == 0);
	CHECK(&r->t, dax_of(r, "marked") == 0);
	return 0;
}

static void inode(void **state)
{
	static const struct daemon_row row = {
		.id = "shadow, inode",
		.program = "virtiofs-refdev",
		.words = { WINDOW_WORDS, "--dax=inode", "--tail=shadow" },
	};

	(void)state;
	on_one(run_inode, &row);
}

/* A file that is mapped can be written, so that a share that is read-only has no window. */
static int run_readonly(struct rig *r)
{
	struct front_op op = front_op_setupmapping(FRONT_ROOT, 0, PAGE, MAP_READ, 0);

	CHECK(&r->t, !(r->f->protocol_offered >> VHOST_USER_PROTOCOL_F_SHMEM & 1));
	CHECK(&r->t, !(front_init_flags_of(&r->f->init) & DAX_FLAGS));
	CHECK(&r->t, r->f->init.map_alignment == 0 && r->f->window->bytes == 0);
	CHECK(&r->t, front_do(r->f, &op, NULL, 0, NULL) == -ENOSYS);
	return 0;
}

static void readonly(void **state)
{
	static const struct daemon_row row = {
		.id = "readonly",
		.program = "virtiofs-refdev",
		.words = { WINDOW_WORDS, "--readonly" },
	};

	(void)state;
	on_one(run_readonly, &row);
}

#define TEST(name)                     \
	static void name(void **state) \
	{                              \
		(void)state;           \
		on_tails(run_##name);  \
	}
TEST(growth)
TEST(truncation)
TEST(host_truncates)
TEST(other_shrinks)
TEST(paused_other)
TEST(shared)
TEST(names)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(growth),	  cmocka_unit_test(truncation),
		cmocka_unit_test(host_truncates), cmocka_unit_test(other_shrinks),
		cmocka_unit_test(paused_other),	  cmocka_unit_test(shared),
		cmocka_unit_test(names),	  cmocka_unit_test(inode),
		cmocka_unit_test(readonly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
