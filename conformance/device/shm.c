// SPDX-License-Identifier: Apache-2.0
/* Shared memory regions, as vhost-user tells of them. */
#include "conformance/device/areas.h"
#include "conformance/device/vhost.h"

static const struct front_options no_descriptors = {
	.window = true,
	.protocol_off = PROTOCOL(BACKEND_SEND_FD),
};

static void window_static(struct check_run *r)
{
	struct vhost_user_shmem_config now;

	for (int i = 0; i < 3; i++) {
		WANT_OK(r, "GET_SHMEM_CONFIG again", front_get_shmem_config(&r->f->channel, &now));
		WANT(check_same_bytes(r, &r->f->shmem, sizeof(now), "its answer", &now,
				      sizeof(now)));
	}
}

static void window_zero(struct check_run *r)
{
	uint32_t regions = 0;

	for (unsigned i = 0; i < VHOST_USER_SHMEM_REGIONS_MAX; i++)
		regions += r->f->shmem.sizes[i] != 0;
	WANT_SAME(r, regions, "number of regions", r->f->shmem.region_count);
	WANT_RANGE(r, 1, UINT64_MAX, "size of region 0, the window", r->f->shmem.sizes[0]);
}

static void window_offsets(struct check_run *r)
{
	const uint64_t offset = UINT64_C(4) << 20;
	const struct front_mapping *m;
	struct fuse_entry_out entry;

	WANT(check_host(r, "make a file", host_fill(r->share, "file", 2 << 20, 1)));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &entry));
	WANT_OK(r, "SETUPMAPPING at 4 MiB",
		front_setupmapping(r->f, entry.nodeid, 0, 2 << 20, FUSE_SETUPMAPPING_FLAG_READ,
				   offset));
	m = front_window_find(r->f->window, offset);
	WANT_THAT(r, m && m->offset == offset, "a mapping at 4 MiB of the window", "%s",
		  m ? "one that begins elsewhere" : "none");
}

static void window_withheld(struct check_run *r)
{
	struct fuse_entry_out entry;
	int e;

	WANT(check_host(r, "make a file", host_fill(r->share, "file", 2 << 20, 1)));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &entry));
	e = front_setupmapping(r->f, entry.nodeid, 0, 2 << 20, FUSE_SETUPMAPPING_FLAG_READ, 0);
	WANT_THAT(r, e < 0 && e > FRONT_TIMEOUT, "SETUPMAPPING is an error", "result %d", e);
	WANT_SAME(r, 0, "SHMEM_MAP without descriptors", r->f->window->maps);
}

static const struct check checks[] = {
	{
		.id = "shm.static",
		.title = "what GET_SHMEM_CONFIG says does not change",
		.rows = "VIRTIO-SHM-019 VU-SHMEM-003",
		.sends = "GET_SHMEM_CONFIG before and in a session, three times",
		.wants = "the same answer",
		.catches = "shmem-grows",
		.options = CHECK_WINDOW,
		.run = window_static,
	},
	{
		.id = "shm.zero",
		.title = "the window is region 0, and the regions are counted",
		.rows = "VIRTIO-SHM-001 VU-SHMEM-005 VU-SHMEM-002",
		.sends = "GET_SHMEM_CONFIG",
		.wants = "size 0 of no region but those counted; region 0 has one",
		.catches = "shmem-id shmem-count",
		.options = CHECK_WINDOW,
		.run = window_zero,
	},
	{
		.id = "shm.offsets",
		.title = "places in the window are counted from its start",
		.rows = "VIRTIO-SHM-003",
		.sends = "SETUPMAPPING with moffset 4 MiB",
		.wants = "SHMEM_MAP with shm_offset 4 MiB",
		.catches = "error:SETUPMAPPING:EIO",
		.options = CHECK_WINDOW,
		.run = window_offsets,
	},
	{
		.id = "shm.withheld",
		.title = "without BACKEND_SEND_FD nothing is mapped",
		.rows = "VU-008",
		.sends = "SETUPMAPPING where protocol feature 10 was withheld",
		.wants = "an error, and no message on the back-end's socket",
		.catches = "shmem-unasked",
		.options = CHECK_WINDOW,
		.front = &no_descriptors,
		.run = window_withheld,
	},
};

const struct check_area area_shm = { "shm", "Shared memory regions", checks, ARRAY_SIZE(checks) };
