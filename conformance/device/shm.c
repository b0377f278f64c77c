// SPDX-License-Identifier: Apache-2.0
/* Shared memory regions, as vhost-user tells of them. */
#include "conformance/device/areas.h"
#include "conformance/device/vhost.h"

static const struct front_options no_descriptors = {
	.window = true,
	.protocol_off = PROTOCOL(BACKEND_SEND_FD),
};

static void window_withheld(struct check_run *r)
{
	struct fuse_entry_out entry;
	int e;

	WANT(check_host(r, "make a file", host_fill(r->share, "file", 2 << 20, 1)));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &entry));
	e = front_setupmapping(r->f, entry.nodeid, 0, 2 << 20, FUSE_SETUPMAPPING_FLAG_READ, 0);
	WANT(fails(r, "SETUPMAPPING without descriptors", e));
	WANT_SAME(r, 0, "SHMEM_MAP without descriptors", r->f->window->maps);
}

static const struct check checks[] = {
	{
		.id = "shm.withheld",
		.title = "without BACKEND_SEND_FD nothing is mapped",
		.rows = "VU-008",
		.sends = "SETUPMAPPING where protocol feature 10 was withheld",
		.wants = "an error, and no message on the back-end's socket",
		.catches = "shmem-unasked",
		.wishes = CHECK_WINDOW,
		.front = &no_descriptors,
		.run = window_withheld,
	},
};

const struct check_area area_shm = { "shm", "Shared memory regions", checks, ARRAY_SIZE(checks) };
