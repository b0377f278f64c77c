// SPDX-License-Identifier: Apache-2.0
/* Names: what LOOKUP finds, and what it must not. */
#include "conformance/device/areas.h"

#include <string.h>

static void found(struct check_run *r)
{
	struct fuse_entry_out entry;
	struct stat st;
	char why[128];
	const char *differs;

	WANT(check_host(r, "make a file", host_fill(r->share, "file", 5000, 1)));
	WANT_OK(r, "LOOKUP of a file", front_lookup(r->f, FRONT_ROOT, "file", &entry));
	WANT(check_host(r, "stat", host_stat(r->share, "file", &st)));
	differs = host_compare(&entry.attr, &st, false, why, sizeof(why));
	WANT_THAT(r, !differs, "the attributes that the host sees", "%s", differs);
	WANT_RANGE(r, FRONT_ROOT + 1, UINT64_MAX, "nodeid", entry.nodeid);
}

static void missing(struct check_run *r)
{
	struct fuse_entry_out entry;
	int e = front_lookup(r->f, FRONT_ROOT, "nothing", &entry);

	/* A negative entry is the other way to say it; a guest keeps it for as long as it is valid. */
	if (e == 0 && entry.nodeid == 0)
		WANT_RANGE(r, 0, 1, "seconds for which a negative entry is valid",
			   entry.entry_valid);
	else
		WANT_ERROR(r, -ENOENT, "LOOKUP of a name that is not there", e);
	WANT(check_host(r, "make a file", host_write(r->share, "nothing", "x", 1)));
	WANT_OK(r, "LOOKUP once it is there", front_lookup(r->f, FRONT_ROOT, "nothing", &entry));
}

static void slash(struct check_run *r)
{
	struct fuse_entry_out entry;

	WANT(check_host(r, "make a folder", host_mkdir(r->share, "dir", 0755)));
	WANT(check_host(r, "make a file", host_write(r->share, "dir/file", "x", 1)));
	WANT_ONE_OF(r, "LOOKUP of \"dir/file\"", front_lookup(r->f, FRONT_ROOT, "dir/file", &entry),
		    -EINVAL, -ENOENT);
}

static const struct check checks[] = {
	{
		.id = "names.lookup-found",
		.title = "LOOKUP returns the attributes that the host sees",
		.rows = "FUSE-ATTR-011 FUSE-ENT-003",
		.sends = "LOOKUP of a file that the host has made",
		.wants = "success, with the attributes of the file on the host",
		.catches = "attr-nsec attr-type",
		.run = found,
	},
	{
		.id = "names.lookup-missing",
		.title = "a name that is not there is ENOENT, and found once it is",
		.rows = "FUSE-ENT-005",
		.sends = "LOOKUP of a name before and after the host makes the file",
		.wants =
			"ENOENT (or an entry with nodeid 0 that is valid for a second at most), then "
			"success",
		.catches = "negative-cached",
		.run = missing,
	},
	{
		.id = "names.slash",
		.title = "a name with a slash finds nothing",
		.rows = "VIRTIO-FS-SEC-006",
		.sends = "LOOKUP of \"dir/file\" in the root, where both exist",
		.wants = "EINVAL or ENOENT",
		.catches = "name-slash",
		.run = slash,
	},
};

const struct check_area area_names = { "names", "Names", checks, ARRAY_SIZE(checks) };
