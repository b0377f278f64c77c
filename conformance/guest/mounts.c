// SPDX-License-Identifier: Apache-2.0
/* Mounting, once more. Whatever is mounted here is seen by the check alone, and goes with it. */
#include "conformance/guest/areas.h"

#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* On the guest's own file system. */
#define POINT "/run/vq-check-mount"

static bool has_source(struct check_run *r)
{
	if (!check_has(r, r->env->source && r->env->type, "a source that can be mounted again"))
		return false;
	return check_did(r, "unshare(CLONE_NEWNS)", unshare(CLONE_NEWNS)) &&
	       check_did(r, "make mounts private",
			 mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) &&
	       check_did(r, "make " POINT, mkdir(POINT, 0755) < 0 && errno != EEXIST ? -1 : 0);
}

static int64_t mount_it(struct check_run *r, const char *source, const char *options)
{
	return mount(source, POINT, r->env->type, 0, options);
}

static void second(struct check_run *r)
{
	struct stat first;
	struct stat other;
	char path[128];

	WANT(has_source(r));
	WANT_OK(r, mount_it(r, r->env->source, NULL));
	WANT_OK(r, stat(r->env->dir, &first));
	WANT_OK(r, stat(POINT, &other));
	WANT_SAME(r, first.st_dev, "device number of the second mount", other.st_dev);
	WANT_SAME(r, first.st_ino, "inode number of its root", other.st_ino);
	(void)snprintf(path, sizeof(path), POINT "/%s/f", r->folder);
	WANT_ERROR(r, ENOENT, is_there(path));
	DO(r, make_file(r, "f", 10, 1));
	WANT_SAME(r, 10, "size of a new file through the second mount", size_of(path));
	WANT_OK(r, umount2(POINT, 0));
	WANT_SAME(r, 10, "its size through the first, when the second is gone", size_of("f"));
}

static void unknown_tag(struct check_run *r)
{
	WANT(has_source(r));
	WANT_ERROR(r, EINVAL, mount_it(r, "no-such-tag", NULL));
}

static void unknown_option(struct check_run *r)
{
	WANT(has_source(r));
	WANT_ERROR(r, EINVAL, mount_it(r, r->env->source, "dax=sometimes"));
	WANT_ERROR(r, EINVAL, mount_it(r, r->env->source, "no_such_option"));
	WANT_OK(r, is_there("."));
}

static const struct check checks[] = {
	{
		.id = "mounts.second",
		.title = "A tag that is mounted twice is one file system",
		.rows = "DAXMOUNT-015",
		.does = "guest: mount the tag again, stat both, make a file in one, unmount the second",
		.wants = "the same device and inode numbers, the file in both; the first goes on",
		.run = second,
	},
	{
		.id = "mounts.unknown-tag",
		.title = "A tag that no device has cannot be mounted",
		.rows = "VIRTIO-FS-CFG-005",
		.does = "guest: mount such a tag",
		.wants = "EINVAL",
		.run = unknown_tag,
	},
	{
		.id = "mounts.unknown-option",
		.title = "Options that do not exist are refused",
		.rows = "DAXMOUNT-014",
		.does = "guest: mount with dax=sometimes, and with another unknown option",
		.wants = "EINVAL; the mount that is there goes on",
		.run = unknown_option,
	},
};

const struct check_area area_mounts = { "mounts", "Mounting", checks, ARRAY_SIZE(checks) };
