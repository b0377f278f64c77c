// SPDX-License-Identifier: Apache-2.0
/* SETUPMAPPING: what is then in the window. */
#include "conformance/device/areas.h"
#include "conformance/device/map.h"

#include <fcntl.h>
#include <stddef.h>

static void shows_file(struct check_run *r)
{
	static const uint64_t place[][2] = { { 0, 3 }, { 2, 0 }, { 1, 5 }, { 5, 1 }, { 7, 20 } };
	uint64_t unit = map_unit(r);
	uint64_t node;

	WANT(unit && map_file(r, "file", 8 * unit, 1, &node));
	for (size_t i = 0; i < ARRAY_SIZE(place); i++) {
		uint64_t foffset = place[i][0] * unit;
		uint64_t at = place[i][1] * unit;

		WANT_OK(r, "SETUPMAPPING", map_setup(r, node, foffset, unit, at));
		WANT(map_shows(r, "the mapped part of the file", at, 1, foffset, unit));
		WANT_OK(r, "REMOVEMAPPING", map_remove(r, node, at, unit));
	}
	/* The last unit of the window is one like the others. */
	WANT_OK(r, "SETUPMAPPING of the window's end",
		map_setup(r, node, unit, unit, r->f->window->bytes - unit));
	WANT(map_shows(r, "the window's end", r->f->window->bytes - unit, 1, unit, unit));
}

/* As Linux asks: 2 MiB of whatever size the file has. */
static void past_eof(struct check_run *r)
{
	static const uint64_t sizes[] = { 1, 100, 4095, 4096, 4097, 12289 };
	uint64_t node;

	WANT(map_unit(r));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t page_end = (sizes[i] + MAP_PAGE - 1) & ~(MAP_PAGE - 1);
		char name[16];

		(void)snprintf(name, sizeof(name), "file%zu", i);
		WANT(map_file(r, name, sizes[i], 1, &node));
		WANT_OK(r, "SETUPMAPPING of 2 MiB of a shorter file",
			map_setup(r, node, 0, MAP_RANGE, MAP_RANGE));
		WANT(map_shows(r, "bytes of the file", MAP_RANGE, 1, 0, sizes[i]));
		WANT(map_shows(r, "what is behind the end, in the last page", MAP_RANGE + sizes[i],
			       0, 0, page_end - sizes[i]));
	}
	WANT_OK(r, "SETUPMAPPING of 2 MiB behind the end",
		map_setup(r, node, MAP_RANGE, MAP_RANGE, MAP_RANGE));
	for (uint64_t at = 0; at < MAP_RANGE; at += 64 * MAP_PAGE)
		WANT_RANGE(r, 0, 0, "a byte behind the end, where one can be read",
			   map_peek(r, MAP_RANGE + at) > 0);
}

/* The rule of alignment does not name it. */
static void odd_length(struct check_run *r)
{
	uint64_t unit = map_unit(r);
	uint64_t node;
	int e;

	WANT(unit && map_file(r, "file", 8 * unit, 1, &node));
	e = map_setup(r, node, unit, unit + 100, unit);
	WANT_ONE_OF(r, "SETUPMAPPING with an odd len", e, 0, -EINVAL);
	if (e == 0)
		WANT(map_shows(r, "all bytes that were asked for", unit, 1, unit, unit + 100));
	else
		WANT(map_nothing(r, "after it was refused", unit, 2 * unit));
	WANT_OK(r, "SETUPMAPPING of the same, in whole units",
		map_setup(r, node, unit, 2 * unit, unit));
}

static void writable(struct check_run *r)
{
	static const uint64_t flags[] = { MAP_BOTH, MAP_WRITE };
	uint64_t unit = map_unit(r);
	uint64_t node;

	WANT(unit && map_file(r, "file", 4 * unit, 1, &node));
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		uint64_t at = (2 * i + 1) * unit;

		WANT_OK(r, "SETUPMAPPING with WRITE",
			front_setupmapping(r->f, node, i * unit, unit, flags[i], at));
		WANT(map_store(r, at + 7, 0xa5));
		WANT(map_host_byte(r, "file", i * unit + 7, "the stored byte in the file", 0xa5));
	}
}

static int setup_fh(struct check_run *r, uint64_t node, uint64_t fh, uint64_t len, uint64_t at)
{
	struct front_op op = front_op_setupmapping(node, 0, len, MAP_READ, at);

	memcpy(op.arg + offsetof(struct fuse_setupmapping_in, fh), &fh, sizeof(fh));
	return front_do(r->f, &op, NULL, 0, NULL);
}

static void by_nodeid(struct check_run *r)
{
	uint64_t unit = map_unit(r);
	uint64_t a, b;

	WANT(unit && map_file(r, "a", unit, 1, &a) && map_file(r, "b", unit, 2, &b));
	WANT_OK(r, "SETUPMAPPING with fh of all ones", setup_fh(r, a, FRONT_NO_FH, unit, 0));
	WANT_OK(r, "SETUPMAPPING with fh of all ones", setup_fh(r, b, FRONT_NO_FH, unit, unit));
	WANT(map_shows(r, "the one file", 0, 1, 0, unit));
	WANT(map_shows(r, "the other file", unit, 2, 0, unit));
	WANT(fails(r, "SETUPMAPPING of a nodeid that was never given",
		   setup_fh(r, 0x7fffffff1234, FRONT_NO_FH, unit, 0)));
}

static void by_handle(struct check_run *r)
{
	static const uint32_t flags[] = { O_RDWR, O_RDONLY, O_WRONLY, O_RDWR | O_APPEND };
	uint64_t unit = map_unit(r);
	struct fuse_open_out o;
	struct stat st;
	uint64_t node;

	WANT(unit && map_file(r, "file", 2 * unit, 1, &node));
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		uint64_t at = i * unit;

		WANT_OK(r, "OPEN", front_open_file(r->f, node, flags[i], &o));
		WANT_OK(r, "SETUPMAPPING", setup_fh(r, node, i ? FRONT_NO_FH : o.fh, unit, at));
		WANT_OK(r, "RELEASE", front_release(r->f, node, o.fh, flags[i]));
		WANT(map_shows(r, "the mapping, once the handle is released", at, 1, 0, unit));
	}
	/* A shared store does not care how the file was opened: it adds nothing at the end. */
	WANT_OK(r, "SETUPMAPPING with WRITE",
		front_setupmapping(r->f, node, 0, unit, MAP_BOTH, 8 * unit));
	WANT(map_store(r, 8 * unit, 0xa5));
	WANT(map_host_byte(r, "file", 0, "the stored byte in the file", 0xa5));
	WANT(check_host(r, "stat", host_stat(r->share, "file", &st)));
	WANT_SAME(r, 2 * unit, "size of the file", (uint64_t)st.st_size);
}

static void places(struct check_run *r)
{
	MAP_PARTS(r, shows_file, by_nodeid);
}

/* The first SETUPMAPPING asked for reading only; this one is Linux's upgrade. */
static void upgrade(struct check_run *r)
{
	uint64_t unit = map_unit(r);
	uint64_t node;

	WANT(unit && map_file(r, "file", 4 * unit, 1, &node));
	WANT_OK(r, "SETUPMAPPING with READ", map_setup(r, node, unit, 2 * unit, 4 * unit));
	WANT(map_host_put(r, "file", unit + 9, 0xa5));
	WANT_SAME(r, 0xa5, "a byte that the host has written", (uint64_t)map_peek(r, 4 * unit + 9));
	for (int i = 0; i < 2; i++) {
		WANT_OK(r, "SETUPMAPPING of the same with WRITE",
			front_setupmapping(r->f, node, unit, 2 * unit, MAP_BOTH, 4 * unit));
		WANT_SAME(r, 0xa5, "the byte, afterwards", (uint64_t)map_peek(r, 4 * unit + 9));
		WANT(map_store(r, 4 * unit + 10, 0xa6));
		WANT(map_shows(r, "the rest", 4 * unit + 11, 1, unit + 11, 2 * unit - 11));
	}
	WANT(map_host_byte(r, "file", unit + 10, "the stored byte in the file", 0xa6));
}

/*
 * Between SHMEM_UNMAP and SHMEM_MAP another processor of the guest finds nothing in a range that it was told is
 * mapped.
 */
static void upgrade_gap(struct check_run *r)
{
	uint64_t unit = map_unit(r);
	uint64_t node, unmaps;

	WANT(unit && map_file(r, "file", 2 * unit, 1, &node));
	WANT_OK(r, "SETUPMAPPING with READ", map_setup(r, node, 0, 2 * unit, 0));
	unmaps = r->f->window->unmaps;
	WANT_OK(r, "SETUPMAPPING of the same with WRITE",
		front_setupmapping(r->f, node, 0, 2 * unit, MAP_BOTH, 0));
	WANT_OK(r, "SETUPMAPPING of the same once more", map_setup(r, node, 0, 2 * unit, 0));
	WANT_SAME(r, unmaps, "SHMEM_UNMAPs, as before the upgrade", r->f->window->unmaps);
	WANT(map_shows(r, "the file", 0, 1, 0, 2 * unit));
}

static const struct check checks[] = {
	{
		.id = "mapping.shows-file",
		.title = "what is mapped is the file of that nodeid from foffset on, at moffset",
		.rows = "FUSE-MAP-001 FUSE-MAP-002 FUSE-MAP-010 VIRTIO-FS-DAX-014 VIRTIO-FS-DAX-019 "
			"VIRTIO-FS-DAX-020 FUSE-MAP-005 VIRTIO-SHM-003 VIRTIO-FS-SEC-011",
		.sends =
			"SETUPMAPPING, fh of all ones, with five pairs of foffset and moffset that are "
			"multiples of 1 << map_alignment, of the window's end, of two files, of none",
		.wants =
			"success without a payload, and at once the bytes of the file from moffset on; an error for a "
			"nodeid that was never given",
		.catches = "map-swapped map-enosys map-strict map-needs-handle "
			   "out-len:op=SETUPMAPPING",
		MAP_NEEDS,
		.run = places,
	},
	{
		.id = "mapping.past-eof",
		.title =
			"a range may reach past the end of the file, whose last page ends in zeros",
		.rows = "FUSE-MAP-009 BUG-35",
		.sends =
			"SETUPMAPPING of 2 MiB of files of 1 to 12289 bytes, and of 2 MiB behind one",
		.wants = "success; the bytes of the file, zeros up to the end of its last page",
		.catches = "map-past-eof",
		MAP_NEEDS,
		.run = past_eof,
	},
	{
		.id = "mapping.odd-length",
		.title = "a len that is not whole pages is served in full or refused",
		.rows = "FUSE-MAP-006",
		.sends = "SETUPMAPPING with a len of one unit and 100 bytes",
		.wants = "EINVAL and nothing mapped, or success and all of these bytes",
		.catches = "map-short",
		MAP_NEEDS,
		.run = odd_length,
	},
	{
		.id = "mapping.writable",
		.title = "with the flag WRITE stores reach the file",
		.rows = "FUSE-MAP-003 FUSE-MAP-016",
		.sends =
			"SETUPMAPPING with READ and WRITE, and with WRITE alone; a store through each",
		.wants = "the store does not fault, and the host reads it in the file",
		.catches = "map-read-only map-private",
		MAP_NEEDS,
		.run = writable,
	},
	{
		.id = "mapping.outlives-handle",
		.title = "a mapping outlives the handle it was made with, and every other",
		.rows = "FUSE-MAP-011 VIRTIO-FS-DAX-023 BUG-42",
		.sends = "OPEN in four ways, SETUPMAPPING (one with that fh), RELEASE",
		.wants = "the window still shows the file; a store goes where it belongs",
		.catches = "map-dies",
		MAP_NEEDS,
		.run = by_handle,
	},
	{
		.id = "mapping.upgrade",
		.title = "the same range again with WRITE becomes writable and keeps its bytes",
		.rows = "FUSE-MAP-014",
		.sends = "SETUPMAPPING with READ, then twice with READ and WRITE",
		.wants = "success; content and stores are kept, stores reach the file",
		.catches = "map-upgrade map-read-only",
		MAP_NEEDS,
		.run = upgrade,
	},
	{
		.id = "mapping.upgrade-no-gap",
		.title = "what is mapped already is not taken away to be mapped again",
		.rows = "VIRTIO-FS-DAX-025 FUSE-MAP-014 VU-SHMEM-012",
		.sends = "SETUPMAPPING with READ, then with READ and WRITE, then with READ",
		.wants = "no SHMEM_UNMAP",
		.catches = "upgrade-gap",
		MAP_NEEDS,
		.run = upgrade_gap,
	},
};

const struct check_area area_mapping = { "mapping", "Mappings of the DAX window", checks,
					 ARRAY_SIZE(checks) };
