// SPDX-License-Identifier: Apache-2.0
/* The DAX window: what the front end and the driver are told of it, and when it is not to be used. */
#include "conformance/device/areas.h"
#include "conformance/device/map.h"

/* FUSE_DAX_SHIFT of Linux: its ranges have 2 MiB. */
#define ALIGNMENT_MOST 21

/* Not map_file(): a device that has no window for region 0 is what some of these look for. */
static bool try_mapping(struct check_run *r, int *ret)
{
	uint64_t node;

	if (!map_file(r, "file", 2 * MAP_PAGE, 1, &node))
		return false;
	*ret = front_setupmapping(r->f, node, 0, MAP_RANGE, MAP_BOTH, 0);
	return true;
}

static void region_zero(struct check_run *r)
{
	const uint64_t needed = BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |
				BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) |
				BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK);
	const struct vhost_user_shmem_config *s = &r->f->shmem;
	uint32_t count = 0;

	for (unsigned i = 0; i < VHOST_USER_SHMEM_REGIONS_MAX; i++)
		count += s->sizes[i] != 0;
	WANT_RANGE(r, 1, UINT64_MAX, "size of region 0, which is the window", s->sizes[0]);
	WANT_SAME(r, count, "number of regions, as there are sizes", s->region_count);
	WANT_SAME(r, 1, "regions of a file system device", count);
	/* Without any of these no file can be mapped, or nobody knows whether it was. */
	WANT_SAME(r, needed, "BACKEND_REQ, BACKEND_SEND_FD and REPLY_ACK, offered with SHMEM",
		  r->f->protocol_offered & needed);
}

static void constant(struct check_run *r)
{
	struct vhost_user_shmem_config again;
	int e;

	/* Before and after the session has used it. */
	for (int i = 0; i < 2; i++) {
		WANT_OK(r, "GET_SHMEM_CONFIG", front_get_shmem_config(&r->f->channel, &again));
		WANT_SAME(r, r->f->shmem.sizes[0], "size of region 0, as before", again.sizes[0]);
		WANT_THAT(r, memcmp(&again, &r->f->shmem, sizeof(again)) == 0, "the same answer",
			  "another answer than before");
		WANT(try_mapping(r, &e));
		WANT_OK(r, "SETUPMAPPING", e);
	}
}

static void description(struct check_run *r)
{
	MAP_PARTS(r, region_zero, constant);
}

static void whole_pages(struct check_run *r)
{
	struct err err;

	/* It refuses what is not whole pages: what it was told can be read even so. */
	(void)!front_negotiate(r->f, &err);
	front_evidence_allow(r->f->evidence, FRONT_FAULT_MAP_ALIGN);
	NEED(r, r->f->protocol_offered & MAP_PROTOCOL, "shared memory");
	WANT_RANGE(r, MAP_PAGE, UINT64_MAX, "size of the window", r->f->shmem.sizes[0]);
	WANT_SAME(r, 0, "bytes beyond whole pages", r->f->shmem.sizes[0] % MAP_PAGE);
}

static void whole_ranges(struct check_run *r)
{
	WANT_RANGE(r, MAP_RANGE, UINT64_MAX, "size of the window, for a range of 2 MiB",
		   r->f->shmem.sizes[0]);
	WANT_SAME(r, 0, "bytes beyond whole ranges of 2 MiB", r->f->shmem.sizes[0] % MAP_RANGE);
}

static void alignment(struct check_run *r)
{
	struct fuse_init_out out;
	uint64_t node;

	WANT_OK(r, "INIT with MAP_ALIGNMENT", front_init(r->f, FUSE_MAP_ALIGNMENT, &out));
	if (front_init_flags_of(&out) & FUSE_MAP_ALIGNMENT)
		WANT_RANGE(r, 0, ALIGNMENT_MOST, "map_alignment, a power of two up to 2 MiB",
			   out.map_alignment);
	WANT(map_file(r, "file", MAP_PAGE, 1, &node));
	for (uint64_t at = 0; at + MAP_RANGE <= r->f->window->bytes; at += MAP_RANGE)
		WANT_OK(r, "SETUPMAPPING of 2 MiB to a multiple of 2 MiB",
			front_setupmapping(r->f, node, 0, MAP_RANGE, MAP_READ, at));
}

/* Something that a window needs was not acknowledged. */
static void not_negotiated(struct check_run *r)
{
	int e;

	WANT(try_mapping(r, &e));
	WANT(fails(r, "SETUPMAPPING without what a window needs", e));
	WANT_SAME(r, 0, "requests of the back-end", r->f->window->total);
	WANT(check_alive(r));
}

static const struct front_options no_shmem = {
	.protocol_off = BIT(VHOST_USER_PROTOCOL_F_SHMEM),
};
static const struct check checks[] = {
	{
		.id = "window.region-zero",
		.title =
			"the window is shared memory region 0, the only one, usable, and never changes",
		.rows = "VIRTIO-FS-DAX-002 VU-SHMEM-005 VU-SHMEM-002 VU-SHMEM-003 VU-SHMEM-007 "
			"VU-SHMEM-021 VIRTIO-SHM-001 VIRTIO-SHM-002 VIRTIO-SHM-019",
		.sends = "GET_PROTOCOL_FEATURES; GET_SHMEM_CONFIG, again, and after a mapping",
		.wants =
			"sizes[0] is not 0, all others are, and there is 1 region, each time; BACKEND_REQ "
			"(5), BACKEND_SEND_FD (10) and REPLY_ACK (3) are offered beside SHMEM (22)",
		.catches = "shmem-id shmem-count shmem-alone shmem-grows",
		MAP_NEEDS,
		.run = description,
	},
	{
		.id = "window.whole-pages",
		.title = "its size is a multiple of the page size",
		.rows = "VU-SHMEM-004",
		.sends = "GET_SHMEM_CONFIG",
		.wants = "sizes[0] is a multiple of 4096",
		.catches = "shmem-odd",
		.start = CHECK_CONNECTED,
		.options = CHECK_WINDOW,
		.run = whole_pages,
	},
	{
		.id = "window.whole-ranges",
		.title = "it consists of ranges of 2 MiB, as Linux uses it",
		.rows = "VU-SHMEM-006",
		.sends = "GET_SHMEM_CONFIG",
		.wants = "sizes[0] is 2 MiB or a multiple of it",
		.catches = "shmem-small",
		MAP_NEEDS_WINDOW,
		.start = CHECK_NEGOTIATED,
		.run = whole_ranges,
	},
	{
		.id = "window.alignment",
		.title = "the announced alignment is one that ranges of 2 MiB fulfil",
		.rows = "VIRTIO-FS-DAX-020 FUSE-INIT-008 BUG-27",
		.sends = "INIT with MAP_ALIGNMENT; SETUPMAPPING of each 2 MiB of the window",
		.wants = "map_alignment is 21 or less, and each SETUPMAPPING succeeds",
		.catches = "init-map-alignment",
		MAP_NEEDS_WINDOW,
		.start = CHECK_RINGS,
		.run = alignment,
	},
	{
		.id = "window.without-shmem",
		.title = "nothing is mapped unless shared memory was negotiated",
		.rows = "VU-SHMEM-001 VU-008",
		.sends = "SETUPMAPPING after SHMEM was not acknowledged",
		.wants = "an error, and no request on the back-end channel",
		.catches = "shmem-unasked",
		.wishes = CHECK_WINDOW,
		.front = &no_shmem,
		.run = not_negotiated,
	},
};

const struct check_area area_window = { "window", "The DAX window", checks, ARRAY_SIZE(checks) };
