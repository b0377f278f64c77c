// SPDX-License-Identifier: Apache-2.0
/* The DAX window of the reference device, seen from the VMM: which bytes are where. Needs no guest. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conformance/test/refdev.h"

static int run_handshake(struct rig *r)
{
	struct vhost_user_shmem_config again;
	uint64_t flags = front_init_flags_of(&r->f->init);

	CHECK(&r->t, front_has_protocol(r->f, VHOST_USER_PROTOCOL_F_SHMEM));
	CHECK(&r->t, r->f->shmem.region_count == 1 && r->f->shmem.sizes[0] == WINDOW);
	for (unsigned i = 1; i < VHOST_USER_SHMEM_REGIONS_MAX; i++)
		CHECK(&r->t, r->f->shmem.sizes[i] == 0);
	CHECK(&r->t, front_get_shmem_config(&r->f->channel, &again) == 0);
	CHECK(&r->t, memcmp(&again, &r->f->shmem, sizeof(again)) == 0);
	CHECK(&r->t, (flags & FUSE_MAP_ALIGNMENT) && (flags & FUSE_HAS_INODE_DAX));
	CHECK(&r->t, r->f->init.map_alignment == 12);
	CHECK(&r->t, r->counters->tail_shadow == r->shadow);
	return 0;
}

/* One byte, changed by each of those who may, at @offset of the file, which lies at @at of the window. */
static int one_byte(struct rig *r, uint64_t node, uint64_t fh, uint64_t size, uint64_t offset,
		    uint64_t at)
{
	bool copied = r->shadow && offset / PAGE == size / PAGE;
	struct fuse_attr_out attr;
	uint32_t written;
	uint8_t byte = 0;
	size_t n = 0;

	CHECK(&r->t, poke(r->f, at, 0xe1) == 0);
	CHECK(&r->t, copied || host_byte(r, "f", offset) == 0xe1);
	CHECK(&r->t, front_read(r->f, node, fh, offset, &byte, 1, &n) == 0);
	CHECK(&r->t, n == 1 && byte == 0xe1);
	CHECK(&r->t, host_byte(r, "f", offset) == 0xe1);
	CHECK(&r->t, host_put(r, "f", offset, 0xe2) == 0);
	if (copied)
		CHECK(&r->t, front_getattr(r->f, node, NULL, &attr) == 0);
	CHECK(&r->t, peek(r->f, at) == 0xe2);
	byte = 0xe3;
	CHECK(&r->t, front_write(r->f, node, fh, offset, &byte, 1, &written) == 0);
	CHECK(&r->t, written == 1 && peek(r->f, at) == 0xe3);
	CHECK(&r->t, poke(r->f, at, 0xe4) == 0);
	CHECK(&r->t, front_fsync(r->f, node, fh, false) == 0);
	CHECK(&r->t, host_byte(r, "f", offset) == 0xe4);
	/* Of a store and a later WRITE the later one counts. */
	CHECK(&r->t, poke(r->f, at, 0xe5) == 0);
	byte = byte_at(size, offset);
	CHECK(&r->t, front_write(r->f, node, fh, offset, &byte, 1, &written) == 0);
	CHECK(&r->t, peek(r->f, at) == byte && host_byte(r, "f", offset) == byte);
	return 0;
}

static int one_size(struct rig *r, uint64_t size)
{
	uint64_t whole = (size + PAGE - 1) / PAGE * PAGE;
	struct fuse_open_out open;
	uint64_t node;

	CHECK(&r->t, host_make(r, "f", size, size) == 0);
	CHECK(&r->t, node_of(r->f, "f", &node) == 0);
	CHECK(&r->t, front_open_file(r->f, node, O_RDWR, &open) == 0);
	/* As Linux: ranges of 2 MiB, whatever the file has, into the window back to front. */
	for (uint64_t at = 0; at < size; at += 2 * MIB) {
		uint64_t where = WINDOW - 2 * MIB - at;
		uint64_t have = size - at < 2 * MIB ? size - at : 2 * MIB;
		uint64_t last = whole - at < 2 * MIB ? whole - at : 2 * MIB;

		CHECK(&r->t, front_setupmapping(r->f, node, at, 2 * MIB, MAP_READ, where) == 0);
		CHECK(&r->t, shows(r->f, where, size, at, have));
		CHECK(&r->t, shows_zeros(r->f, where + have, last - have));
		CHECK(&r->t, shows_nothing(r->f, where + last, 2 * MIB - last));
		CHECK(&r->t, one_byte(r, node, open.fh, size, at, where) == 0);
		CHECK(&r->t,
		      one_byte(r, node, open.fh, size, at + have - 1, where + have - 1) == 0);
	}
	CHECK(&r->t, poke(r->f, WINDOW - 2 * MIB, 0xe6) == 0);
	CHECK(&r->t, unmap(r->f, 0, WINDOW) == 0);
	CHECK(&r->t, r->f->window->count == 0 && r->counters->live == 0);
	CHECK(&r->t, host_byte(r, "f", 0) == 0xe6 && host_size(r, "f") == size);
	CHECK(&r->t, front_release(r->f, node, open.fh, 0) == 0);
	CHECK(&r->t, front_unlink(r->f, FRONT_ROOT, "f") == 0);
	return front_forget(r->f, node, 1);
}

static int run_sizes(struct rig *r)
{
	static const uint64_t sizes[] = { 1,	100,	     4095,    4096,	   4097,
					  8191, 2 * MIB - 1, 2 * MIB, 2 * MIB + 1, 5 * MIB };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		CHECK(&r->t, one_size(r, sizes[i]) == 0);
	return 0;
}

static int map_fh(struct rig *r, uint64_t node, uint64_t fh, uint64_t at)
{
	struct front_op op = front_op_setupmapping(node, 0, PAGE, MAP_READ, at);
	memcpy(op.arg + offsetof(struct fuse_setupmapping_in, fh), &fh, sizeof(fh));
	return front_do(r->f, &op, NULL, 0, NULL);
}

static int run_refused(struct rig *r)
{
	static const struct {
		uint64_t foffset, len, flags, moffset;
	} bad[] = {
		{ 0, 0, MAP_READ, 0 },
		{ 0, PAGE, 0, 0 },
		{ 0, PAGE, 4, 0 },
		{ 0, PAGE, MAP_BOTH | UINT64_C(1) << 63, 0 },
		{ 1, PAGE, MAP_READ, 0 },
		{ 2048, PAGE, MAP_READ, 0 },
		{ 0, PAGE, MAP_READ, 8 },
		{ 0, PAGE, MAP_READ, 2048 },
		{ 0, PAGE, MAP_READ, WINDOW },
		{ 0, 2 * PAGE, MAP_READ, WINDOW - PAGE },
		{ 0, WINDOW + PAGE, MAP_READ, 0 },
		{ UINT64_MAX - PAGE + 1, PAGE, MAP_READ, 0 },
		{ INT64_MAX - PAGE + 1, 2 * PAGE, MAP_READ, 0 },
		{ 0, PAGE, MAP_READ, UINT64_MAX - PAGE + 1 },
		{ 0, UINT64_MAX - PAGE + 1, MAP_READ, PAGE },
		{ UINT64_C(1) << 63, PAGE, MAP_READ, 0 },
	};
	uint64_t node, folder;
	struct fuse_entry_out e;

	CHECK(&r->t, host_make(r, "f", 1, 3 * PAGE) == 0 && node_of(r->f, "f", &node) == 0);
	CHECK(&r->t, front_setupmapping(r->f, node, 0, PAGE, MAP_BOTH, 8 * PAGE) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(&r->t, front_setupmapping(r->f, node, bad[i].foffset, bad[i].len,
						bad[i].flags, bad[i].moffset) == -EINVAL);
	CHECK(&r->t, front_mkdir(r->f, FRONT_ROOT, "folder", 0755, &e) == 0);
	folder = e.nodeid;
	CHECK(&r->t, front_setupmapping(r->f, folder, 0, PAGE, MAP_READ, 0) == -EISDIR);
	CHECK(&r->t, front_mknod(r->f, FRONT_ROOT, "fifo", S_IFIFO | 0600, 0, &e) == 0);
	CHECK(&r->t, front_setupmapping(r->f, e.nodeid, 0, PAGE, MAP_READ, 0) == -ENXIO);
	CHECK(&r->t, front_symlink(r->f, FRONT_ROOT, "link", "f", &e) == 0);
	CHECK(&r->t, front_setupmapping(r->f, e.nodeid, 0, PAGE, MAP_READ, 0) == -ELOOP);
	CHECK(&r->t, front_setupmapping(r->f, 4711, 0, PAGE, MAP_READ, 0) == -ESTALE);
	CHECK(&r->t, map_fh(r, node, 4711, 0) == -EBADF);
	/* Nothing has come of it, and what was there is there. */
	CHECK(&r->t, r->f->window->maps == 1 && r->f->window->unmaps == 0);
	CHECK(&r->t, shows(r->f, 8 * PAGE, 1, 0, PAGE));
	return 0;
}

static int run_handles(struct rig *r)
{
	static const uint32_t flags[] = { O_RDWR, O_RDONLY, O_WRONLY, O_RDWR | O_APPEND };
	uint64_t node, other;

	CHECK(&r->t, host_make(r, "f", 1, PAGE) == 0 && node_of(r->f, "f", &node) == 0);
	CHECK(&r->t, host_make(r, "g", 2, PAGE) == 0 && node_of(r->f, "g", &other) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct fuse_open_out o;

		CHECK(&r->t, front_open_file(r->f, node, flags[i], &o) == 0);
		CHECK(&r->t, map_fh(r, node, o.fh, i * PAGE) == 0);
		CHECK(&r->t, map_fh(r, other, o.fh, i * PAGE) == -EBADF);
		/* What was mapped by a handle outlives it. */
		CHECK(&r->t, front_release(r->f, node, o.fh, flags[i]) == 0);
		CHECK(&r->t, shows(r->f, i * PAGE, 1, 0, PAGE));
		CHECK(&r->t, map_fh(r, node, o.fh, i * PAGE) == -EBADF);
	}
	return 0;
}

/* Beyond the end: accepted, and nothing of the file is there until it grows. */
static int run_past_end(struct rig *r)
{
	uint64_t node;

	CHECK(&r->t, host_make(r, "f", 1, 100) == 0 && node_of(r->f, "f", &node) == 0);
	CHECK(&r->t, front_setupmapping(r->f, node, 4 * MIB, 2 * MIB, MAP_READ, 0) == 0);
	CHECK(&r->t, shows_nothing(r->f, 0, 2 * MIB));
	CHECK(&r->t, set_size(r->f, node, 4 * MIB + 10) == 0);
	CHECK(&r->t, shows_zeros(r->f, 0, PAGE) && shows_nothing(r->f, PAGE, 2 * MIB - PAGE));
	CHECK(&r->t, host_make(r, "f", 1, 5 * MIB) == 0);
	CHECK(&r->t, node_of(r->f, "f", &node) == 0);
	CHECK(&r->t, shows(r->f, 0, 1, 4 * MIB, MIB));
	/* A whole window of a file that is shorter. */
	CHECK(&r->t, front_setupmapping(r->f, node, 0, WINDOW, MAP_READ, 0) == 0);
	CHECK(&r->t, shows(r->f, 0, 1, 0, 5 * MIB));
	return 0;
}

static int run_upgrade(struct rig *r)
{
	uint64_t node, before;

	CHECK(&r->t, host_make(r, "f", 1, 5000) == 0 && node_of(r->f, "f", &node) == 0);
	CHECK(&r->t, front_setupmapping(r->f, node, 0, 2 * MIB, MAP_READ, 0) == 0);
	CHECK(&r->t, poke(r->f, 5, 0xaa) == 0);
	before = r->f->window->total;
	CHECK(&r->t, front_setupmapping(r->f, node, 0, 2 * MIB, MAP_BOTH, 0) == 0);
	CHECK(&r->t, front_setupmapping(r->f, node, 0, 2 * MIB, MAP_BOTH, 0) == 0);
	CHECK(&r->t, front_setupmapping(r->f, node, 0, PAGE, MAP_READ, 0) == 0);
	CHECK(&r->t, r->f->window->total == before && r->counters->upgrades == 1);
	CHECK(&r->t, peek(r->f, 5) == 0xaa && r->f->window->mapping[0].writable);
	return 0;
}

static int run_overlap(struct rig *r)
{
	uint64_t a, b;

	CHECK(&r->t, host_make(r, "a", 1, 4 * MIB) == 0 && node_of(r->f, "a", &a) == 0);
	CHECK(&r->t, host_make(r, "b", 2, 4 * MIB + 7) == 0 && node_of(r->f, "b", &b) == 0);
	CHECK(&r->t, front_setupmapping(r->f, a, 0, 4 * MIB, MAP_BOTH, 0) == 0);
	CHECK(&r->t,
	      poke(r->f, MIB + 5, 0xaa) == 0 && poke(r->f, MIB + 5, byte_at(1, MIB + 5)) == 0);
	/* Another file into the middle, over the end, over the beginning. */
	CHECK(&r->t, front_setupmapping(r->f, b, MIB, MIB, MAP_BOTH, MIB) == 0);
	CHECK(&r->t, shows(r->f, 0, 1, 0, MIB) && shows(r->f, MIB, 2, MIB, MIB));
	CHECK(&r->t, shows(r->f, 2 * MIB, 1, 2 * MIB, 2 * MIB));
	CHECK(&r->t, front_setupmapping(r->f, b, 3 * MIB, 2 * MIB, MAP_BOTH, 3 * MIB) == 0);
	CHECK(&r->t, shows(r->f, 2 * MIB, 1, 2 * MIB, MIB));
	CHECK(&r->t, shows(r->f, 3 * MIB, 2, 3 * MIB, MIB + 7));
	CHECK(&r->t, front_setupmapping(r->f, b, 0, PAGE, MAP_BOTH, 0) == 0);
	CHECK(&r->t, shows(r->f, 0, 2, 0, PAGE) && shows(r->f, PAGE, 1, PAGE, MIB - PAGE));
	/* The same file elsewhere in it; stores reach what is there now, and only that. */
	CHECK(&r->t, front_setupmapping(r->f, a, 3 * MIB, PAGE, MAP_BOTH, PAGE) == 0);
	CHECK(&r->t, shows(r->f, PAGE, 1, 3 * MIB, PAGE) && poke(r->f, PAGE, 0xbb) == 0);
	CHECK(&r->t, host_byte(r, "a", 3 * MIB) == 0xbb);
	CHECK(&r->t, host_byte(r, "a", PAGE) == byte_at(1, PAGE));
	CHECK(&r->t, host_byte(r, "b", PAGE) == byte_at(2, PAGE));
	/* All at once. */
	CHECK(&r->t, front_setupmapping(r->f, b, 0, 4 * MIB, MAP_BOTH, 0) == 0);
	CHECK(&r->t, shows(r->f, 0, 2, 0, 4 * MIB));
	return 0;
}

static int run_removal(struct rig *r)
{
	struct fuse_removemapping_one bad[] = { { PAGE, PAGE }, { 1, PAGE } };
	uint64_t node;

	CHECK(&r->t, host_make(r, "f", 1, 4 * MIB + 7) == 0 && node_of(r->f, "f", &node) == 0);
	CHECK(&r->t, unmap(r->f, 0, WINDOW) == 0);
	CHECK(&r->t, front_setupmapping(r->f, node, 0, 6 * MIB, MAP_BOTH, 0) == 0);
	CHECK(&r->t, poke(r->f, MIB, 0xaa) == 0 && poke(r->f, 4 * MIB + 1, 0xab) == 0);
	/* A part of one: what is left shows what it showed. */
	CHECK(&r->t, unmap(r->f, MIB, MIB) == 0);
	CHECK(&r->t, shows(r->f, 0, 1, 0, MIB) && shows_nothing(r->f, MIB, MIB));
	CHECK(&r->t, shows(r->f, 2 * MIB, 1, 2 * MIB, 2 * MIB) && peek(r->f, 4 * MIB + 1) == 0xab);
	CHECK(&r->t, host_byte(r, "f", MIB) == 0xaa);
	/* The last page of the file, and nothing else; then several, and a stretch without any. */
	CHECK(&r->t, unmap(r->f, 4 * MIB, PAGE) == 0);
	CHECK(&r->t, shows_nothing(r->f, 4 * MIB, PAGE) && host_byte(r, "f", 4 * MIB + 1) == 0xab);
	CHECK(&r->t, front_setupmapping(r->f, node, 0, PAGE, MAP_BOTH, 8 * MIB) == 0);
	CHECK(&r->t, unmap(r->f, PAGE, 8 * MIB) == 0);
	CHECK(&r->t, shows(r->f, 0, 1, 0, PAGE) && r->f->window->count == 1);
	/* One entry that is wrong, and none is done. */
	CHECK(&r->t, front_setupmapping(r->f, node, PAGE, PAGE, MAP_BOTH, PAGE) == 0);
	CHECK(&r->t, front_removemapping(r->f, node, bad, 2) == -EINVAL);
	CHECK(&r->t, unmap(r->f, WINDOW, PAGE) == -EINVAL && unmap(r->f, 0, 0) == -EINVAL);
	CHECK(&r->t, unmap(r->f, PAGE, UINT64_MAX - PAGE + 1) == -EINVAL);
	CHECK(&r->t, shows(r->f, 0, 1, 0, PAGE) && shows(r->f, PAGE, 1, PAGE, PAGE));
	return 0;
}

#define MANY 256

static int run_many(struct rig *r)
{
	struct fuse_removemapping_one list[MANY + 1];
	struct front_op op;
	struct front_request *q;
	uint64_t node;
	uint32_t count = MANY + 1;

	CHECK(&r->t, host_make(r, "f", 1, 2 * MANY * PAGE) == 0 && node_of(r->f, "f", &node) == 0);
	for (uint64_t i = 0; i < MANY; i++) {
		/* No two of them could be one mapping. */
		list[i] = (struct fuse_removemapping_one){ 2 * i * PAGE, PAGE };
		CHECK(&r->t,
		      front_setupmapping(r->f, node, i * PAGE, PAGE, MAP_READ, 2 * i * PAGE) == 0);
	}
	list[MANY] = list[0];
	CHECK(&r->t, r->f->window->count == MANY && r->counters->live == MANY);
	for (uint64_t i = 0; i < MANY; i++)
		CHECK(&r->t, shows(r->f, 2 * i * PAGE, 1, i * PAGE, PAGE));
	CHECK(&r->t, front_removemapping(r->f, node, list, MANY + 1) == -EINVAL);
	/* It says more than it has. */
	op = front_op_removemapping(node, list, MANY);
	for (int i = 0; i < 2; i++) {
		CHECK(&r->t, front_prepare(r->f, &op, &q) == 0);
		memcpy(q->in + sizeof(struct fuse_in_header), &count, sizeof(count));
		CHECK(&r->t, front_submit(q) == 0);
		CHECK(&r->t, front_wait(q, front_deadline(r->f)) == -EINVAL);
		front_request_free(q);
		count = UINT32_MAX;
	}
	CHECK(&r->t, r->f->window->count == MANY && r->f->window->unmaps == 0);
	CHECK(&r->t, front_removemapping(r->f, node, list, 0) == 0);
	CHECK(&r->t, front_removemapping(r->f, node, list, MANY) == 0);
	CHECK(&r->t, r->f->window->count == 0 && r->f->window->unmaps == MANY);
	CHECK(&r->t, r->counters->live == 0 && r->counters->live_bytes == 0);
	CHECK(&r->t, r->counters->live_bytes_max == MANY * PAGE);
	return 0;
}

#define TEST(name)                     \
	static void name(void **state) \
	{                              \
		(void)state;           \
		on_tails(run_##name);  \
	}
TEST(handshake)
TEST(sizes)
TEST(refused)
TEST(handles)
TEST(past_end)
TEST(upgrade)
TEST(overlap)
TEST(removal)
TEST(many)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handshake), cmocka_unit_test(sizes),	 cmocka_unit_test(refused),
		cmocka_unit_test(handles),   cmocka_unit_test(past_end), cmocka_unit_test(upgrade),
		cmocka_unit_test(overlap),   cmocka_unit_test(removal),	 cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
