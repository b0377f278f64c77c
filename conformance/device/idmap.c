// SPDX-License-Identifier: Apache-2.0
/* A device that maps ids: the guest's 0 to 999 are 1000 to 1999 of the host, in requests and replies alike. */
#include "conformance/device/areas.h"
#include "conformance/device/making.h"

#define GUEST 5
#define HOST  (1000 + GUEST)

static void made_by(struct check_run *r)
{
	struct fuse_entry_out entry;
	uint64_t dir;

	WANT(making_folder(r, 1000, 1000, 0777, &dir));
	for (unsigned m = 0; m < MAKERS; m++) {
		WANT_OK(r, "make by a user that is mapped",
			meta_as(r, making_op(m, dir, 0644), GUEST, GUEST + 1, &entry,
				sizeof(entry)));
		WANT(making_is(r, m, HOST, HOST + 1, NULL));
		WANT_SAME(r, GUEST, "owner in the answer", entry.attr.uid);
		WANT_SAME(r, GUEST + 1, "group in the answer", entry.attr.gid);
	}
}

static void shown(struct check_run *r)
{
	struct fuse_attr_out out;
	char path[META_PATH];
	uint64_t nodeid;

	WANT(meta_file(r, "file", &nodeid));
	WANT_HOST(r, "chown", chown(meta_path(r, "file", path), HOST, HOST + 1));
	WANT_OK(r, "GETATTR", front_getattr(r->f, nodeid, NULL, &out));
	WANT_SAME(r, GUEST, "owner", out.attr.uid);
	WANT_SAME(r, GUEST + 1, "group", out.attr.gid);
}

static void set(struct check_run *r)
{
	const struct fuse_setattr_in in = { .valid = FATTR_UID | FATTR_GID,
					    .uid = GUEST,
					    .gid = 7 };
	struct fuse_attr_out out;
	struct stat st;
	uint64_t nodeid;

	WANT(meta_file(r, "file", &nodeid));
	WANT_OK(r, "SETATTR of the owner", front_setattr(r->f, nodeid, &in, &out));
	WANT_SAME(r, GUEST, "owner in the answer", out.attr.uid);
	WANT_SAME(r, 7, "group in the answer", out.attr.gid);
	WANT(meta_stat(r, "file", &st));
	WANT_SAME(r, HOST, "owner on the host", st.st_uid);
	WANT_SAME(r, 1007, "group on the host", st.st_gid);
}

static const struct check checks[] = {
	{
		.id = "idmap.made",
		.title = "what a mapped user makes belongs to whom he is on the host",
		.rows = "FUSE-META-019 VIRTIO-FS-SEC-003",
		.sends =
			"CREATE, MKNOD, MKDIR, SYMLINK as 5:6 by a device that maps 0..999 to 1000..1999",
		.wants = "1005:1006 on the host, 5:6 in the answer",
		.catches = "preload:setresuid-lost preload:setgroups-lost",
		.options = CHECK_ID_MAP,
		.run = made_by,
	},
	{
		.id = "idmap.shown",
		.title = "owners of the host are shown as the guest knows them",
		.rows = "FUSE-META-019 VIRTIO-FS-SEC-003",
		.sends = "GETATTR of a file of 1005:1006",
		.wants = "5:6",
		.catches = "preload:stat-uid",
		.options = CHECK_ID_MAP,
		.run = shown,
	},
	{
		.id = "idmap.set",
		.title = "owners are set as the host knows them",
		.rows = "FUSE-META-019 VIRTIO-FS-SEC-003",
		.sends = "SETATTR of owner 5 and group 7",
		.wants = "1005:1007 on the host, 5:7 in the answer",
		.catches = "preload:chown-lost",
		.options = CHECK_ID_MAP,
		.run = set,
	},
};

const struct check_area area_idmap = { "idmap", "Maps of ids", checks, ARRAY_SIZE(checks) };
