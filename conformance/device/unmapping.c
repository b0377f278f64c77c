// SPDX-License-Identifier: Apache-2.0
/* REMOVEMAPPING, and mappings over, into and across others. */
#include "conformance/device/areas.h"
#include "conformance/device/map.h"

#include <fcntl.h>

/* Two files; the first one is mapped, 8 units long, to the window's start. */
static bool two_files(struct check_run *r, uint64_t unit, uint64_t *a, uint64_t *b)
{
	return unit && map_file(r, "a", 8 * unit, 1, a) && map_file(r, "b", 8 * unit, 2, b) &&
	       check_ok(r, "SETUPMAPPING", map_both(r, *a, 0, 8 * unit, 0));
}

static void overlap(struct check_run *r)
{
	static const uint64_t places[][2] = { { 2, 3 }, { 6, 4 }, { 0, 1 }, { 3, 1 }, { 0, 8 } };
	uint64_t unit = map_unit(r);
	uint64_t a, b;

	WANT(two_files(r, unit, &a, &b));
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		uint64_t at = places[i][0] * unit;
		uint64_t len = places[i][1] * unit;

		WANT_OK(r, "SETUPMAPPING over a part of what is mapped",
			map_both(r, b, 0, len, at));
		WANT(map_shows(r, "the new file", at, 2, 0, len));
	}
}

/* Middle, end, beginning; what is left stays where it is. */
static void overlap_rest(struct check_run *r)
{
	uint64_t unit = map_unit(r);
	uint64_t a, b;

	WANT(two_files(r, unit, &a, &b));
	WANT(map_store(r, unit + 5, 0xa5) && map_store(r, 6 * unit + 5, 0xa6));
	WANT(map_host_put(r, "a", 5 * unit + 5, 0xa7));
	WANT_OK(r, "SETUPMAPPING into the middle", map_both(r, b, 2 * unit, 2 * unit, 2 * unit));
	WANT(map_shows(r, "what is left before", 0, 1, 0, unit));
	WANT(map_shows(r, "the new file", 2 * unit, 2, 2 * unit, 2 * unit));
	WANT_SAME(r, 0xa5, "a byte stored before", (uint64_t)map_peek(r, unit + 5));
	WANT_SAME(r, 0xa7, "a byte written by the host", (uint64_t)map_peek(r, 5 * unit + 5));
	WANT_SAME(r, 0xa6, "a byte stored behind", (uint64_t)map_peek(r, 6 * unit + 5));
	WANT_OK(r, "SETUPMAPPING over the end", map_both(r, b, 0, 2 * unit, 7 * unit));
	WANT(map_shows(r, "what is left before the end", 4 * unit, 1, 4 * unit, unit));
	WANT_OK(r, "SETUPMAPPING over the beginning", map_both(r, b, 4 * unit, unit, 0));
	WANT(map_shows(r, "what is left behind the beginning", unit, 1, unit, 5));
	WANT(map_store(r, unit + 6, 0xa8));
	WANT(map_host_byte(r, "a", unit + 6, "a store into what is left", 0xa8));
}

static void replace(struct check_run *r)
{
	uint64_t unit = map_unit(r);
	uint64_t a, b;

	WANT(two_files(r, unit, &a, &b));
	WANT_OK(r, "SETUPMAPPING of another file over it", map_both(r, b, 0, 8 * unit, 0));
	WANT(map_shows(r, "the new file", 0, 2, 0, 8 * unit));
	WANT(map_store(r, 3 * unit, 0xa5));
	WANT(map_host_byte(r, "b", 3 * unit, "the store, in the new file", 0xa5));
	WANT(map_host_byte(r, "a", 3 * unit, "the old file's byte", host_byte(3 * unit, 1)));
	/* The same file, but another part of it. */
	WANT_OK(r, "SETUPMAPPING of the same file from elsewhere", map_both(r, b, unit, unit, 0));
	WANT(map_shows(r, "the other part", 0, 2, unit, unit));
}

static void gone(struct check_run *r)
{
	uint64_t unit = map_unit(r);
	uint64_t a, b;

	WANT(two_files(r, unit, &a, &b));
	WANT_OK(r, "REMOVEMAPPING", map_remove(r, a, 0, 8 * unit));
	WANT(map_nothing(r, "what was removed", 0, 8 * unit));
	WANT_SAME(r, 0, "live mappings", r->f->window->count);
	WANT_OK(r, "SETUPMAPPING of another file there", map_both(r, b, 0, 4 * unit, 0));
	WANT(map_shows(r, "the other file", 0, 2, 0, 4 * unit));
	WANT(map_store(r, 0, 0xa5));
	WANT(map_host_byte(r, "a", 0, "the first file's byte", host_byte(0, 1)));
}

static void partial(struct check_run *r)
{
	uint64_t unit = map_unit(r);
	uint64_t a, b;

	WANT(two_files(r, unit, &a, &b));
	WANT(map_store(r, 5 * unit, 0xa5));
	WANT_OK(r, "REMOVEMAPPING of the middle", map_remove(r, a, 2 * unit, 2 * unit));
	WANT(map_nothing(r, "what was removed", 2 * unit, 2 * unit));
	WANT(map_shows(r, "what is left before", 0, 1, 0, 2 * unit));
	WANT(map_shows(r, "what is left behind", 4 * unit, 1, 4 * unit, unit));
	WANT_SAME(r, 0xa5, "a byte stored behind", (uint64_t)map_peek(r, 5 * unit));
	WANT_OK(r, "REMOVEMAPPING of the beginning", map_remove(r, a, 0, unit));
	WANT_OK(r, "REMOVEMAPPING of the end", map_remove(r, a, 7 * unit, unit));
	WANT(map_nothing(r, "the beginning", 0, unit) && map_nothing(r, "the end", 7 * unit, unit));
	WANT(map_shows(r, "what is left", unit, 1, unit, unit));
	WANT(map_shows(r, "what is left", 6 * unit, 1, 6 * unit, unit));
}

/* An entry is a range of the window, not a mapping. */
static void across(struct check_run *r)
{
	uint64_t unit = map_unit(r);
	uint64_t a, b;

	WANT(two_files(r, unit, &a, &b));
	WANT_OK(r, "SETUPMAPPING", map_both(r, b, 0, 4 * unit, 10 * unit));
	WANT_OK(r, "REMOVEMAPPING across two mappings and what is between",
		map_remove(r, a, 6 * unit, 6 * unit));
	WANT(map_shows(r, "what is left of the first", 0, 1, 0, 6 * unit));
	WANT(map_nothing(r, "the range", 6 * unit, 6 * unit));
	WANT(map_shows(r, "what is left of the second", 12 * unit, 2, 2 * unit, 2 * unit));
	WANT_OK(r, "REMOVEMAPPING of all", map_remove(r, a, 0, r->f->window->bytes));
	WANT_SAME(r, 0, "live mappings", r->f->window->count);
}

/* FUSE_REMOVEMAPPING_MAX_ENTRY with pages of 4 KiB, and how often that. */
#define MANY  256
#define TIMES 2

static void many(struct check_run *r)
{
	struct fuse_removemapping_one list[TIMES][MANY];
	uint64_t unit = map_unit(r);
	uint64_t node, step;

	WANT(unit && map_file(r, "file", 3 * unit, 1, &node));
	step = r->f->window->bytes / (TIMES * MANY) / unit * unit;
	NEED(r, step >= unit, "a window of 512 units");
	for (uint64_t i = 0; i < TIMES * MANY; i++) {
		/* No two of them could be one mapping. */
		list[i / MANY][i % MANY] = (struct fuse_removemapping_one){ i * step, unit };
		WANT_OK(r, "SETUPMAPPING", map_both(r, node, i % 2 * unit, unit, i * step));
	}
	for (uint64_t i = 0; i < TIMES * MANY; i++)
		WANT(map_shows(r, "what was mapped", i * step, 1, i % 2 * unit, unit));
	/* A full window is no reason to refuse what replaces something. */
	WANT_OK(r, "SETUPMAPPING over one of them", map_both(r, node, 2 * unit, unit, step));
	WANT(map_shows(r, "what replaces it", step, 1, 2 * unit, unit));
	for (unsigned i = 0; i < TIMES; i++)
		WANT_OK(r, "REMOVEMAPPING of 256 ranges",
			front_removemapping(r->f, node, list[i], MANY));
	WANT(map_nothing(r, "the window", 0, r->f->window->bytes));
	WANT_SAME(r, 0, "live mappings", r->f->window->count);
}

static void layout(struct check_run *r)
{
	struct fuse_removemapping_one list[2];
	uint64_t unit = map_unit(r);
	struct front_request *q;
	struct front_op op;
	uint64_t a, b;

	WANT(two_files(r, unit, &a, &b));
	list[0] = (struct fuse_removemapping_one){ unit, unit };
	list[1] = (struct fuse_removemapping_one){ 4 * unit, 2 * unit };
	op = front_op_removemapping(a, list, 1);
	WANT_OK(r, "prepare", front_prepare(r->f, &op, &q));
	WANT_SAME(r, 60, "bytes of a REMOVEMAPPING with one entry", q->in_size);
	front_request_free(q);
	WANT_OK(r, "REMOVEMAPPING of two ranges", front_removemapping(r->f, a, list, 2));
	WANT(map_shows(r, "what was not named", 0, 1, 0, unit));
	WANT(map_nothing(r, "the first range", unit, unit));
	WANT(map_shows(r, "what was not named", 2 * unit, 1, 2 * unit, 2 * unit));
	WANT(map_nothing(r, "the second range", 4 * unit, 2 * unit));
	WANT(map_shows(r, "what was not named", 6 * unit, 1, 6 * unit, 2 * unit));
}

/* The count says more than the request has; what lies behind it in guest memory is nobody's business. */
static void count_lies(struct check_run *r)
{
	static const uint32_t counts[] = { 2, 257, 0x10000001, UINT32_MAX };
	struct fuse_removemapping_one one = { 0, 0 };
	uint64_t unit = map_unit(r);
	uint64_t a, b;

	WANT(two_files(r, unit, &a, &b));
	one = (struct fuse_removemapping_one){ 0, unit };
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct front_op op = front_op_removemapping(a, &one, 1);
		struct front_request *q;

		WANT_OK(r, "prepare", front_prepare(r->f, &op, &q));
		memcpy(q->in + sizeof(struct fuse_in_header), &counts[i], sizeof(counts[i]));
		WANT_OK(r, "submit", front_submit(q));
		WANT_ERROR(r, -EINVAL, "REMOVEMAPPING whose count is more than its entries",
			   map_end(r, q));
	}
	WANT(map_shows(r, "what is behind the one entry", unit, 1, unit, 7 * unit));
	WANT_ONE_OF(r, "REMOVEMAPPING with count 0", front_removemapping(r->f, a, &one, 0), 0,
		    -EINVAL);
	WANT(map_shows(r, "what is behind the one entry", unit, 1, unit, 7 * unit));
}

static void unmapped(struct check_run *r)
{
	uint64_t unit = map_unit(r);
	uint64_t bytes = r->f->window->bytes;
	uint64_t a, b;
	const struct fuse_removemapping_one odd[] = {
		{ 20 * unit, unit },
		{ 0, 0 },
		{ bytes, unit },
		{ bytes - unit, 2 * unit },
		{ 1, unit },
		{ UINT64_MAX - unit + 1, unit },
		{ 8 * unit, UINT64_MAX },
		{ 8 * unit, UINT64_MAX - 8 * unit + 1 },
	};

	WANT(two_files(r, unit, &a, &b));
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		int e = front_removemapping(r->f, a, &odd[i], 1);

		WANT_THAT(r, e <= 0 && e > FRONT_TIMEOUT, "success or an error",
			  "REMOVEMAPPING where nothing is mapped: no answer that counts");
	}
	/* But for the one that named a part of it by an odd offset. */
	WANT(map_shows(r, "what was not named", 2 * unit, 1, 2 * unit, 6 * unit));
	WANT_OK(r, "SETUPMAPPING, afterwards", map_both(r, b, 0, 2 * unit, 0));
	WANT(map_shows(r, "what is mapped then", 0, 2, 0, 2 * unit));
}

/* A range belongs to the window: the node may be another one, or none any more. */
static void any_node(struct check_run *r)
{
	uint64_t unit = map_unit(r);
	uint64_t a, b;

	WANT(two_files(r, unit, &a, &b));
	WANT_OK(r, "SETUPMAPPING", map_both(r, b, 0, unit, 10 * unit));
	WANT_OK(r, "FORGET", front_forget(r->f, a, 1));
	WANT(map_shows(r, "the forgotten file's mapping", 0, 1, 0, unit));
	WANT(map_shows(r, "the other one", 10 * unit, 2, 0, unit));
	WANT_OK(r, "REMOVEMAPPING with a node that was forgotten", map_remove(r, a, 0, 4 * unit));
	WANT(map_nothing(r, "what was removed", 0, 4 * unit));
	WANT_OK(r, "SETUPMAPPING into what a forgotten node has left",
		map_both(r, b, unit, unit, 4 * unit));
	WANT(map_shows(r, "what is mapped now", 4 * unit, 2, unit, unit));
	WANT_OK(r, "REMOVEMAPPING with another node", map_remove(r, b, 5 * unit, 3 * unit));
	WANT(map_nothing(r, "what was removed", 5 * unit, 3 * unit));
	WANT(map_shows(r, "the other file's mapping", 10 * unit, 2, 0, unit));
}

/* No FSYNC is needed for that. */
static void keeps_stores(struct check_run *r)
{
	uint64_t unit = map_unit(r);
	struct fuse_open_out o;
	uint64_t node;
	uint8_t byte = 0;
	size_t n = 0;

	/* The last page is not whole: a device may keep a copy of it. */
	WANT(unit && map_file(r, "file", 3 * unit + 100, 1, &node));
	WANT_OK(r, "SETUPMAPPING", map_both(r, node, 0, MAP_RANGE, 0));
	for (uint64_t i = 0; i < 4; i++)
		WANT(map_store(r, i * unit + 50, (uint8_t)(0xa0 + i)));
	WANT_OK(r, "REMOVEMAPPING", map_remove(r, node, 0, MAP_RANGE));
	WANT_OK(r, "OPEN", front_open_file(r->f, node, O_RDONLY, &o));
	for (uint64_t i = 0; i < 4; i++) {
		WANT(map_host_byte(r, "file", i * unit + 50, "the stored byte in the file",
				   (uint8_t)(0xa0 + i)));
		WANT_OK(r, "READ", front_read(r->f, node, o.fh, i * unit + 50, &byte, 1, &n));
		WANT_SAME(r, 0xa0 + i, "the stored byte, read", byte);
	}
	WANT_OK(r, "SETUPMAPPING elsewhere", map_both(r, node, 0, MAP_RANGE, MAP_RANGE));
	for (uint64_t i = 0; i < 4; i++)
		WANT_SAME(r, 0xa0 + i, "the stored byte, mapped again",
			  (uint64_t)map_peek(r, MAP_RANGE + i * unit + 50));
}

static void overlaps(struct check_run *r)
{
	MAP_PARTS(r, overlap, overlap_rest);
}

static void parts(struct check_run *r)
{
	MAP_PARTS(r, partial, across);
}

static void lists(struct check_run *r)
{
	MAP_PARTS(r, layout, many);
}

static void no_sense(struct check_run *r)
{
	MAP_PARTS(r, count_lies, unmapped);
}

static const struct check checks[] = {
	{
		.id = "unmapping.overlap",
		.title = "a mapping over parts of others is accepted, and the rest stays as it was",
		.rows = "VIRTIO-FS-DAX-005 VIRTIO-FS-DAX-007 VU-SHMEM-011",
		.sends =
			"SETUPMAPPING of a second file into the middle, end, start and all of a first",
		.wants =
			"success and the second file's bytes; beside it the first file, with all stores",
		.catches = "map-overlap map-rest",
		MAP_NEEDS,
		.run = overlaps,
	},
	{
		.id = "unmapping.replace",
		.title = "another file at the same place replaces the mapping, and gets all stores",
		.rows = "FUSE-MAP-015 VIRTIO-FS-DAX-006",
		.sends =
			"SETUPMAPPING of a second file, then of another part of it, at the same moffset",
		.wants = "the new bytes; a store changes the second file and not the first",
		.catches = "map-replace",
		MAP_NEEDS,
		.run = replace,
	},
	{
		.id = "unmapping.gone",
		.title =
			"once REMOVEMAPPING is answered nothing reaches the file through that range",
		.rows = "FUSE-MAP-022",
		.sends = "REMOVEMAPPING, then SETUPMAPPING of another file at the same place",
		.wants =
			"the range is empty; afterwards it is the other file's, for stores as well",
		.catches = "unmap-missing",
		MAP_NEEDS,
		.run = gone,
	},
	{
		.id = "unmapping.partial",
		.title = "a part of a mapping can be removed, and a range across several",
		.rows = "FUSE-MAP-020 VIRTIO-FS-DAX-008 VU-SHMEM-011 BUG-32 BUG-34",
		.sends =
			"REMOVEMAPPING of the middle, start and end of one mapping; from within one to "
			"within another; of the whole window",
		.wants =
			"just that range is gone; what is left shows what it showed, with all stores",
		.catches = "unmap-whole unmap-exact",
		MAP_NEEDS,
		.run = parts,
	},
	{
		.id = "unmapping.many",
		.title = "hundreds of mappings are possible, and 256 are removed with one request",
		.rows = "FUSE-MAP-018 FUSE-MAP-017 VIRTIO-FS-DAX-014 BUG-29",
		.sends =
			"SETUPMAPPING of 512 places; REMOVEMAPPING with two entries, then with 256, which "
			"follow the 32-bit count directly",
		.wants =
			"all show their part of the file; what was named is gone, and nothing else",
		.catches = "unmap-few unmap-padded map-swapped:after=300 "
			   "error:SETUPMAPPING:ENOMEM:after=400",
		MAP_NEEDS,
		.run = lists,
	},
	{
		.id = "unmapping.no-sense",
		.title = "a count that lies is EINVAL; removing what is not mapped does no harm",
		.rows = "FUSE-MAP-019 FUSE-MAP-021 BUG-34",
		.sends =
			"REMOVEMAPPING with one entry and count 2, 257, 2^28 + 1, 2^32 - 1, 0; of empty, "
			"odd, wrapping and unmapped ranges, len 2^64 - 1 too",
		.wants =
			"EINVAL for a count that is too large, else success or an error; other mappings "
			"stay, the device goes on",
		.catches =
			"unmap-overread exit-at:REMOVEMAPPING used-never:op=REMOVEMAPPING:after=8",
		MAP_NEEDS,
		.run = no_sense,
	},
	{
		.id = "unmapping.any-node",
		.title = "what is removed does not depend on the node, which may be forgotten",
		.rows = "FUSE-MAP-024 VIRTIO-FS-DAX-024",
		.sends = "FORGET of a mapped file, REMOVEMAPPING with it and with another one",
		.wants = "mappings outlive FORGET; success, and just that range is gone",
		.catches = "unmap-needs-node",
		MAP_NEEDS,
		.run = any_node,
	},
	{
		.id = "unmapping.keeps-stores",
		.title = "what was stored is in the file after REMOVEMAPPING",
		.rows = "FUSE-MAP-023",
		.sends = "stores in each page and in the partly filled last one, REMOVEMAPPING",
		.wants = "host, READ and a new mapping see them",
		.catches = "map-private",
		MAP_NEEDS,
		.run = keeps_stores,
	},
};

const struct check_area area_unmapping = { "unmapping", "Overlap and REMOVEMAPPING", checks,
					   ARRAY_SIZE(checks) };
