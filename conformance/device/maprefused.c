// SPDX-License-Identifier: Apache-2.0
/* SETUPMAPPING: what it must not take. */
#include "conformance/device/areas.h"
#include "conformance/device/map.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

/*
 * What no device takes, one without a window does not take either: SETUPMAPPING does not exist there, whatever
 * its arguments are.
 */
static uint64_t refusing_unit(struct check_run *r)
{
	return r->f->window->bytes ? map_unit(r) : MAP_PAGE;
}

/* The @wanted error, or that there is no window. */
static bool refused_as(struct check_run *r, int wanted, const char *what, int result)
{
	static const int without[] = { -ENOSYS, -EOPNOTSUPP };

	if (r->f->window->bytes == 0)
		return check_one_of(r, without, ARRAY_SIZE(without), what, result);
	return wanted ? check_error(r, wanted, what, result) : fails(r, what, result);
}

static bool refused(struct check_run *r, const char *what, int result)
{
	return refused_as(r, 0, what, result);
}

/* Nothing of the window can be read, and a device without one has asked for nothing. */
static bool nothing(struct check_run *r, const char *what, uint64_t at, uint64_t len)
{
	return r->f->window->bytes
		       ? map_nothing(r, what, at, len)
		       : check_same(r, 0, "SHMEM_MAPs without a window", r->f->window->total) &&
				 check_alive(r);
}

static void misaligned(struct check_run *r)
{
	static const uint64_t off[] = { 1, 8, 512, 2048, 4095 };
	uint64_t unit = refusing_unit(r);
	uint64_t node;

	WANT(unit && map_file(r, "file", 8 * unit, 1, &node));
	for (size_t i = 0; i < ARRAY_SIZE(off); i++) {
		WANT(refused(r, "SETUPMAPPING with a foffset that is not aligned",
			     map_setup(r, node, off[i], unit, 0)));
		WANT(refused(r, "SETUPMAPPING with a moffset that is not aligned",
			     map_setup(r, node, 0, unit, unit + off[i])));
	}
	WANT(nothing(r, "after all were refused", 0, 4 * unit));
}

static void bad_flags(struct check_run *r)
{
	static const uint64_t bad[] = { 0, 4, 8, MAP_BOTH | 4, MAP_BOTH | UINT64_C(1) << 63 };
	uint64_t unit = refusing_unit(r);
	uint64_t node;

	WANT(unit && map_file(r, "file", 2 * unit, 1, &node));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		WANT(refused_as(r, -EINVAL, "SETUPMAPPING with flags that do not exist, or none",
				front_setupmapping(r->f, node, 0, unit, bad[i], 0)));
	WANT(nothing(r, "after all were refused", 0, unit));
}

static void empty(struct check_run *r)
{
	uint64_t unit = refusing_unit(r);
	uint64_t node;

	WANT(unit && map_file(r, "file", 2 * unit, 1, &node));
	if (r->f->window->bytes)
		WANT_OK(r, "SETUPMAPPING", map_setup(r, node, 0, unit, unit));
	WANT(refused(r, "SETUPMAPPING of no bytes", map_setup(r, node, unit, 0, unit)));
	WANT(refused(r, "SETUPMAPPING of no bytes", map_setup(r, node, 0, 0, 0)));
	if (r->f->window->bytes)
		WANT(map_shows(r, "what was mapped before", unit, 1, 0, unit));
	WANT(nothing(r, "beside it", 0, unit));
}

static void past_window(struct check_run *r)
{
	uint64_t unit = refusing_unit(r);
	uint64_t bytes = r->f->window->bytes;
	uint64_t node;

	WANT(unit && map_file(r, "file", 4 * unit, 1, &node));
	WANT(refused(r, "SETUPMAPPING behind the window", map_setup(r, node, 0, unit, bytes)));
	WANT(refused(r, "SETUPMAPPING across the window's end",
		     map_setup(r, node, 0, 2 * unit, bytes ? bytes - unit : 0)));
	WANT(refused(r, "SETUPMAPPING of more than the window",
		     map_setup(r, node, 0, bytes + unit, 0)));
	WANT(refused(r, "SETUPMAPPING at 2^40", map_setup(r, node, 0, unit, UINT64_C(1) << 40)));
	WANT(nothing(r, "the window's end", bytes - unit, unit));
	if (bytes == 0)
		return;
	/* To its very end is no step too far. */
	WANT_OK(r, "SETUPMAPPING up to the end", map_setup(r, node, 0, 2 * unit, bytes - 2 * unit));
	WANT(map_shows(r, "the window's end", bytes - 2 * unit, 1, 0, 2 * unit));
}

static void overflow(struct check_run *r)
{
	uint64_t unit = refusing_unit(r);
	uint64_t top = UINT64_MAX - unit + 1;
	const struct {
		uint64_t foffset, len, at;
	} bad[] = {
		{ top, unit, 0 },
		{ top, 2 * unit, 0 },
		{ 0, unit, top },
		{ 0, 2 * unit, top },
		{ unit, top, 0 },
		{ 0, top, unit },
		{ UINT64_C(1) << 63, unit, 0 },
		{ INT64_MAX - unit + 1, 2 * unit, 0 },
	};
	uint64_t node;

	WANT(unit && map_file(r, "file", 4 * unit, 1, &node));
	if (r->f->window->bytes)
		WANT_OK(r, "SETUPMAPPING", map_setup(r, node, 0, unit, unit));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		WANT(refused(r, "SETUPMAPPING of a range that wraps or is behind 2^63",
			     map_setup(r, node, bad[i].foffset, bad[i].len, bad[i].at)));
	WANT(nothing(r, "the window's start", 0, unit));
	if (r->f->window->bytes)
		WANT(map_shows(r, "what was mapped before", unit, 1, 0, unit));
}

static void not_regular(struct check_run *r)
{
	struct fuse_entry_out e;
	uint64_t unit = refusing_unit(r);

	WANT(unit);
	WANT(refused(r, "SETUPMAPPING of the root", map_setup(r, FRONT_ROOT, 0, unit, 0)));
	WANT_OK(r, "MKDIR", front_mkdir(r->f, FRONT_ROOT, "folder", 0755, &e));
	WANT(refused(r, "SETUPMAPPING of a folder", map_setup(r, e.nodeid, 0, unit, 0)));
	/* Nobody is at its other end: the device must not wait for somebody. */
	WANT_OK(r, "MKNOD", front_mknod(r->f, FRONT_ROOT, "fifo", S_IFIFO | 0600, 0, &e));
	WANT(refused(r, "SETUPMAPPING of a FIFO", map_setup(r, e.nodeid, 0, unit, 0)));
	WANT_OK(r, "MKNOD", front_mknod(r->f, FRONT_ROOT, "socket", S_IFSOCK | 0600, 0, &e));
	WANT(refused(r, "SETUPMAPPING of a socket", map_setup(r, e.nodeid, 0, unit, 0)));
	WANT(check_host(r, "make a file", host_fill(r->share, "file", unit, 1)));
	WANT_OK(r, "SYMLINK", front_symlink(r->f, FRONT_ROOT, "link", "file", &e));
	WANT(refused(r, "SETUPMAPPING of a link", map_setup(r, e.nodeid, 0, unit, 0)));
	WANT(nothing(r, "after all were refused", 0, unit));
}

static int set_immutable(const struct check_run *r, const char *name, bool on)
{
	CLEANUP(fd_closep) int fd = host_open(r->share, name, O_RDONLY, 0);
	int flags = 0;

	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return -errno;
	flags = on ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0 ? -errno : 0;
}

/* Not by its mode, which root passes over, and which says nothing of who has it open already. */
static void readonly_file(struct check_run *r)
{
	uint64_t unit = map_unit(r);
	uint64_t node;
	int e;

	WANT(unit && map_file(r, "file", unit, 1, &node));
	NEED(r, set_immutable(r, "file", true) == 0, "a host that has immutable files");
	e = front_setupmapping(r->f, node, 0, unit, MAP_BOTH, 0);
	WANT(check_host(r, "make it mutable", set_immutable(r, "file", false)));
	WANT_ONE_OF(r, "SETUPMAPPING with WRITE of an immutable file", e, -EPERM, -EACCES, -EROFS);
	WANT(map_nothing(r, "after it was refused", 0, unit));
	WANT_OK(r, "SETUPMAPPING once it is mutable",
		front_setupmapping(r->f, node, 0, unit, MAP_BOTH, 0));
}

static void no_sense(struct check_run *r)
{
	MAP_PARTS(r, bad_flags, empty);
}

static void bounds(struct check_run *r)
{
	MAP_PARTS(r, past_window, overflow);
}

/* A daemon whose share is read-only may have no window at all. */
static void readonly_share(struct check_run *r)
{
	uint64_t node;

	WANT(map_file(r, "file", MAP_PAGE, 1, &node));
	WANT_ONE_OF(r, "SETUPMAPPING with WRITE on a share that is read-only",
		    front_setupmapping(r->f, node, 0, MAP_PAGE, MAP_BOTH, 0), -EROFS, -EACCES,
		    -EPERM, -ENOSYS, -EOPNOTSUPP);
	WANT_SAME(r, 0, "mappings", r->f->window->maps);
}

/* SHMEM is negotiated where it is offered. */
static const struct front_options asks = { .window = true };

static const struct check checks[] = {
	{
		.id = "maprefused.misaligned",
		.title = "offsets that are not aligned are refused",
		.rows = "FUSE-MAP-005",
		.sends = "SETUPMAPPING with foffset or moffset 1, 8, 512, 2048, 4095 beside a unit",
		.wants =
			"an error each time (ENOSYS or EOPNOTSUPP without a window), and nothing is mapped",
		.catches = "map-rounded",
		.wishes = CHECK_WINDOW,
		.front = &asks,
		.run = misaligned,
	},
	{
		.id = "maprefused.no-sense",
		.title = "flags that do not exist, no flags, and no bytes are refused",
		.rows = "FUSE-MAP-004 FUSE-MAP-007",
		.sends =
			"SETUPMAPPING with flags 0, 4, 8, READ and WRITE with bits 2 or 63; with len 0",
		.wants =
			"EINVAL for flags, an error for len; ENOSYS or EOPNOTSUPP without a window, which "
			"shows what it showed",
		.catches = "map-any-flags map-empty",
		.wishes = CHECK_WINDOW,
		.front = &asks,
		.run = no_sense,
	},
	{
		.id = "maprefused.past-window",
		.title = "a range behind the window, or whose end wraps, is refused",
		.rows = "VIRTIO-FS-DAX-009 FUSE-MAP-008 BUG-31",
		.sends =
			"SETUPMAPPING behind, across and of more than the window, and up to its last "
			"byte; foffset, len and moffset close to 2^63 and 2^64",
		.wants =
			"errors, no SHMEM_MAP, and the window shows what it showed; success up to its end; "
			"ENOSYS or EOPNOTSUPP without one",
		.catches = "map-past-window map-wraps",
		.wishes = CHECK_WINDOW,
		.front = &asks,
		.run = bounds,
	},
	{
		.id = "maprefused.not-regular",
		.title = "only regular files can be mapped, and the device waits for nobody",
		.rows = "FUSE-MAP-012",
		.sends = "SETUPMAPPING of folders, a FIFO, a socket, a symbolic link",
		.wants = "errors (ENOSYS or EOPNOTSUPP without a window), and nothing is mapped",
		.catches = "map-folder",
		.wishes = CHECK_WINDOW,
		.front = &asks,
		.run = not_regular,
	},
	{
		.id = "maprefused.readonly-file",
		.title = "a file that the host lets nobody write is not mapped for writing",
		.rows = "FUSE-MAP-013",
		.sends = "SETUPMAPPING with WRITE of an immutable file, and once it is mutable",
		.wants = "EPERM, EACCES or EROFS; then success",
		.catches = "map-open-hidden",
		MAP_NEEDS,
		.run = readonly_file,
	},
	{
		.id = "maprefused.readonly-share",
		.title = "on a share that is read-only nothing is mapped for writing",
		.rows = "FUSE-MAP-013 VIRTIO-FS-DAX-001",
		.sends = "SETUPMAPPING with WRITE",
		.wants =
			"EROFS, EACCES or EPERM; ENOSYS or EOPNOTSUPP of a daemon without a window",
		.catches = "map-no-window",
		.options = CHECK_READONLY,
		.run = readonly_share,
	},
};

const struct check_area area_maprefused = { "maprefused", "Mappings that are refused", checks,
					    ARRAY_SIZE(checks) };
