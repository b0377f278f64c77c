// SPDX-License-Identifier: Apache-2.0
/* STATX, where it exists. */
#include "conformance/device/areas.h"
#include "conformance/device/meta.h"

/* A driver without STATX asks GETATTR, which says the same but for the time of birth. */
static void without(struct check_run *r, uint64_t nodeid)
{
	struct fuse_attr_out out;
	struct stat st;
	char why[128];
	const char *differs;

	WANT_OK(r, "GETATTR after ENOSYS", front_getattr(r->f, nodeid, NULL, &out));
	WANT(meta_stat(r, "file", &st));
	differs = host_compare(&out.attr, &st, false, why, sizeof(why));
	WANT_THAT(r, !differs, "the attributes that the host sees", "%s", differs);
}

static void as_host(struct check_run *r)
{
	const struct fuse_setattr_in in = { .valid = FATTR_MTIME,
					    .mtime = (uint64_t)-5,
					    .mtimensec = 123456789 };
	struct fuse_statx_reply out;
	struct stat st;
	uint64_t nodeid;
	int e;

	WANT(meta_file(r, "file", &nodeid));
	WANT(meta_set(r, nodeid, "file", &in));
	e = front_statx(r->f, nodeid, NULL, 0, STATX_BASIC_STATS, &out);
	if (e == -ENOSYS) {
		without(r, nodeid);
		return;
	}
	WANT_OK(r, "STATX", e);
	WANT(meta_stat(r, "file", &st));
	WANT_SAME(r, STATX_BASIC_STATS, "mask", out.stat.mask & STATX_BASIC_STATS);
	WANT_SAME(r, st.st_ino, "ino", out.stat.ino);
	WANT_SAME(r, (uint64_t)st.st_size, "size", out.stat.size);
	WANT_SAME(r, st.st_mode, "mode", out.stat.mode);
	WANT_SAME(r, st.st_nlink, "nlink", out.stat.nlink);
	WANT_SAME(r, (uint64_t)st.st_blocks, "blocks", out.stat.blocks);
	WANT_SAME(r, (uint64_t)st.st_mtim.tv_sec, "mtime", (uint64_t)out.stat.mtime.tv_sec);
	WANT_SAME(r, (uint64_t)st.st_mtim.tv_nsec, "ns of mtime", out.stat.mtime.tv_nsec);
	WANT_SAME(r, (uint64_t)st.st_ctim.tv_nsec, "ns of ctime", out.stat.ctime.tv_nsec);
}

static void unknown(struct check_run *r)
{
	struct fuse_statx_reply out;
	int e = front_statx(r->f, UINT64_C(0x7fffffff00000000), NULL, 0, STATX_BASIC_STATS, &out);

	NEED(r, e != -ENOSYS, "STATX");
	WANT_ONE_OF(r, "STATX of an unknown nodeid", e, NOT_KNOWN);
	WANT(check_alive(r));
}

static const struct check checks[] = {
	{
		.id = "statx.as-host",
		.title = "STATX answers what the host's statx() does, or leaves it to GETATTR",
		.rows = "FUSE-META-014",
		.sends = "STATX of a file with a time before 1970",
		.wants =
			"success with a mask that says so and the fields that the host sees; or ENOSYS, and "
			"the same by GETATTR",
		.catches = "statx-mask error:STATX:EIO",
		.run = as_host,
	},
	{
		.id = "statx.unknown",
		.title = "STATX of an unknown nodeid is refused",
		.rows = "FUSE-META-014 VIRTIO-FS-SEC-011",
		.sends = "STATX of nodeid 0x7fffffff00000000",
		.wants = "ENOSYS, ESTALE, ENOENT or EBADF",
		.catches = "error:STATX:EIO",
		.run = unknown,
	},
};

const struct check_area area_statx = { "statx", "STATX", checks, ARRAY_SIZE(checks) };
