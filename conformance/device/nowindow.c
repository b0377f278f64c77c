// SPDX-License-Identifier: Apache-2.0
/* A daemon without a DAX window: what it says to a driver that tries. */
#include "conformance/device/areas.h"
#include "conformance/device/map.h"

/* FUSE_DAX_SHIFT of Linux. */
#define ALIGNMENT_MOST 21

static bool no_window(struct check_run *r)
{
	const struct vhost_user_shmem_config *s = &r->f->shmem;
	uint32_t count = 0;

	for (unsigned i = 0; i < VHOST_USER_SHMEM_REGIONS_MAX; i++)
		count += s->sizes[i] != 0;
	return check_same(r, count, "number of regions, as there are sizes", s->region_count) &&
	       check_has(r, s->sizes[0] == 0, "a daemon that was started without a window");
}

static void setupmapping(struct check_run *r)
{
	struct fuse_open_out o;
	uint8_t bytes[100];
	uint64_t node;
	size_t n = 0;

	WANT(no_window(r));
	WANT(map_file(r, "file", 2 * MAP_PAGE, 1, &node));
	for (uint64_t flags = MAP_WRITE; flags <= MAP_BOTH; flags++)
		WANT_ONE_OF(r, "SETUPMAPPING without a window",
			    front_setupmapping(r->f, node, 0, MAP_RANGE, flags, 0), -ENOSYS,
			    -EOPNOTSUPP);
	WANT_OK(r, "OPEN", front_open_file(r->f, node, O_RDONLY, &o));
	WANT_OK(r, "READ", front_read(r->f, node, o.fh, 0, bytes, sizeof(bytes), &n));
	WANT_SAME(r, sizeof(bytes), "bytes that READ returns", n);
	WANT_SAME(r, 0, "SHMEM_MAPs and SHMEM_UNMAPs", r->f->window->total);
}

static void removemapping(struct check_run *r)
{
	static const uint32_t counts[] = { 0, 1, 256, UINT32_MAX };
	struct fuse_removemapping_one list[256] = { 0 };
	uint64_t node;

	WANT(no_window(r));
	WANT(map_file(r, "file", MAP_PAGE, 1, &node));
	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		list[i] = (struct fuse_removemapping_one){ i * MAP_PAGE, MAP_PAGE };
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct front_op op = front_op_removemapping(
			node, list, counts[i] > ARRAY_SIZE(list) ? 1 : counts[i]);
		struct front_request *q;

		WANT_OK(r, "prepare", front_prepare(r->f, &op, &q));
		memcpy(q->in + sizeof(struct fuse_in_header), &counts[i], sizeof(counts[i]));
		WANT_OK(r, "submit", front_submit(q));
		WANT_ONE_OF(r, "REMOVEMAPPING without a window", map_end(r, q), -ENOSYS,
			    -EOPNOTSUPP, -EINVAL, 0);
	}
	WANT_SAME(r, 0, "SHMEM_MAPs and SHMEM_UNMAPs", r->f->window->total);
	WANT(check_alive(r));
}

/* A value that Linux would fail the mount for. */
static void alignment(struct check_run *r)
{
	struct fuse_init_out out;

	WANT_OK(r, "INIT with MAP_ALIGNMENT and HAS_INODE_DAX",
		front_init(r->f, FUSE_MAP_ALIGNMENT | FUSE_HAS_INODE_DAX, &out));
	WANT_RANGE(r, 0, ALIGNMENT_MOST, "map_alignment", out.map_alignment);
	WANT(check_alive(r));
}

static bool not_flagged(struct check_run *r, const char *what, const struct fuse_attr *a)
{
	return check_same(r, 0, what, a->flags & FUSE_ATTR_DAX);
}

static void inode_flag(struct check_run *r)
{
	struct fuse_entry_out e;
	struct fuse_attr_out a;
	struct fuse_open_out o;

	WANT_OK(r, "CREATE",
		front_create(r->f, FRONT_ROOT, "file", O_RDWR, S_IFREG | 0644, &e, &o));
	WANT(not_flagged(r, "FUSE_ATTR_DAX of CREATE", &e.attr));
	WANT_OK(r, "MKDIR", front_mkdir(r->f, FRONT_ROOT, "folder", 0755, &e));
	WANT(not_flagged(r, "FUSE_ATTR_DAX of MKDIR", &e.attr));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &e));
	WANT(not_flagged(r, "FUSE_ATTR_DAX of LOOKUP", &e.attr));
	WANT_OK(r, "GETATTR", front_getattr(r->f, e.nodeid, NULL, &a));
	WANT(not_flagged(r, "FUSE_ATTR_DAX of GETATTR", &a.attr));
}

/* SHMEM is negotiated where it is offered. */
static const struct front_options asks = { .window = true };

static const struct check checks[] = {
	{
		.id = "nowindow.setupmapping",
		.title =
			"without a window SETUPMAPPING does not exist, and nothing is asked of the VMM",
		.rows = "VIRTIO-FS-DAX-014 VU-SHMEM-001 VU-SHMEM-002 VU-SHMEM-005 VU-SHMEM-024 "
			"VIRTIO-FS-DAX-001 BUG-36",
		.sends = "GET_SHMEM_CONFIG where shared memory is offered; SETUPMAPPING, READ",
		.wants = "no region; ENOSYS or EOPNOTSUPP; no SHMEM_MAP; READ works as ever",
		.catches = "map-no-window",
		.front = &asks,
		.run = setupmapping,
	},
	{
		.id = "nowindow.removemapping",
		.title = "without a window REMOVEMAPPING is refused or does nothing",
		.rows = "FUSE-MAP-021 FUSE-MAP-019",
		.sends = "REMOVEMAPPING with 0, 1 and 256 ranges, and with a count that is a lie",
		.wants = "ENOSYS, EOPNOTSUPP, EINVAL or success; the device goes on",
		.catches = "exit-at:REMOVEMAPPING error:REMOVEMAPPING:EIO",
		.front = &asks,
		.run = removemapping,
	},
	{
		.id = "nowindow.alignment",
		.title = "the alignment that INIT answers is none that fails a mount",
		.rows = "VIRTIO-FS-DAX-020 FUSE-INIT-008",
		.sends = "INIT with MAP_ALIGNMENT and HAS_INODE_DAX",
		.wants = "map_alignment is 21 or less, 0 for instance",
		.catches = "init-map-alignment",
		.start = CHECK_RINGS,
		.front = &asks,
		.run = alignment,
	},
	{
		.id = "nowindow.inode-flag",
		.title = "FUSE_ATTR_DAX is set only where it was negotiated",
		.rows = "FUSE-ATTR-010",
		.sends = "INIT without HAS_INODE_DAX; CREATE, MKDIR, LOOKUP, GETATTR",
		.wants = "attributes without FUSE_ATTR_DAX",
		.catches = "attr-dax",
		.run = inode_flag,
	},
};

const struct check_area area_nowindow = { "nowindow", "Without a DAX window", checks,
					  ARRAY_SIZE(checks) };
