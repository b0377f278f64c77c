// SPDX-License-Identifier: Apache-2.0
/* Who asks: what is made is his, by the host's rules for him. */
#include "conformance/device/areas.h"
#include "conformance/device/making.h"

static void owner(struct check_run *r)
{
	struct fuse_entry_out entry;
	struct say t;
	uint64_t dir;

	WANT(making_folder(r, 0, 0, 0777, &dir));
	for (unsigned m = 0; m < MAKERS; m++) {
		WANT_OK(r, say(&t, "make \"%s\" as another user", maker_names[m]),
			meta_as(r, making_op(m, dir, 0644), META_UID, META_GID, &entry,
				sizeof(entry)));
		WANT_SAME(r, META_UID, "owner in the answer", entry.attr.uid);
		WANT_SAME(r, META_GID, "group in the answer", entry.attr.gid);
		WANT(making_is(r, m, META_UID, META_GID, NULL));
	}
}

static void denied(struct check_run *r)
{
	uint64_t dir;

	WANT(making_folder(r, 0, 0, 0755, &dir));
	WANT(making_denied(r, dir, META_UID, META_GID));
}

static void no_own_groups(struct check_run *r)
{
	uint64_t dir;

	WANT(making_folder(r, 0, 0, 0770, &dir));
	WANT(making_denied(r, dir, META_UID, META_GID));
}

static void by_group(struct check_run *r)
{
	uint64_t dir;

	WANT(making_folder(r, 0, META_GID, 0770, &dir));
	for (unsigned m = 0; m < MAKERS; m++) {
		WANT_OK(r, "make as a member of the folder's group",
			meta_as(r, making_op(m, dir, 0644), META_UID, META_GID, NULL, 0));
		WANT(making_is(r, m, META_UID, META_GID, NULL));
	}
}

static void himself_again(struct check_run *r)
{
	uint64_t dir;

	WANT(making_folder(r, 0, 0, 0777, &dir));
	for (unsigned m = 0; m < MAKERS; m++) {
		char other[16];

		(void)snprintf(other, sizeof(other), "other%u", m);
		WANT_OK(r, "make as another user",
			meta_as(r, making_op(m, dir, 0644), META_UID, META_GID, NULL, 0));
		WANT_OK(r, "MKDIR as root",
			meta_as(r, front_op_mkdir(dir, other, 0700), 0, 0, NULL, 0));
		WANT_OK(r, "MKNOD as root in a folder that is root's alone",
			meta_as(r, front_op_mknod(FRONT_ROOT, other, S_IFREG | 0644, 0), 0, 0, NULL,
				0));
		WANT(making_is(r, m, META_UID, META_GID, NULL));
	}
	/* After a failure as well. */
	WANT_ERROR(r, -EEXIST, "MKDIR of what is there, as another user",
		   meta_as(r, making_op(BY_MKDIR, dir, 0700), META_UID, META_GID, NULL, 0));
	WANT_OK(r, "MKDIR as root",
		meta_as(r, front_op_mkdir(FRONT_ROOT, "last", 0700), 0, 0, NULL, 0));
}

static void setgid_folder(struct check_run *r)
{
	uint64_t dir;
	struct stat st;

	WANT(making_folder(r, 0, 777, 02777, &dir));
	for (unsigned m = 0; m < MAKERS; m++) {
		WANT_OK(r, "make in a folder with set-group-id",
			meta_as(r, making_op(m, dir, 0755), META_UID, META_GID, NULL, 0));
		WANT(making_is(r, m, META_UID, 777, &st));
		WANT_SAME(r, m == BY_MKDIR ? S_ISGID : 0, "set-group-id of what was made",
			  st.st_mode & S_ISGID);
	}
}

static void setgid_stranger(struct check_run *r)
{
	uint64_t dir;
	struct stat st;

	WANT(making_folder(r, 0, 777, 02777, &dir));
	for (unsigned m = BY_CREATE; m <= BY_MKNOD; m++) {
		WANT_OK(r, "make an executable with set-group-id",
			meta_as(r, making_op(m, dir, 02777), META_UID, META_GID, NULL, 0));
		WANT(making_is(r, m, META_UID, 777, &st));
		WANT_SAME(r, 0, "set-group-id of a file whose maker is not of its group",
			  st.st_mode & S_ISGID);
	}
}

static void nobody(struct check_run *r)
{
	static const uint32_t ids[][2] = { { UINT32_MAX, 0 },
					   { 0, UINT32_MAX },
					   { UINT32_MAX, UINT32_MAX } };
	uint64_t dir;

	WANT(making_folder(r, 0, 0, 0777, &dir));
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		int e = meta_as(r, making_op(BY_MKDIR, dir, 0755), ids[i][0], ids[i][1], NULL, 0);

		WANT_ONE_OF(r, "MKDIR by a user or group of -1", e, -EINVAL, -EPERM, -EACCES,
			    -EOVERFLOW);
		WANT_THAT(r, !host_exists(r->share, "dir/folder"), "nothing was made",
			  "the folder is there");
		WANT(check_alive(r));
	}
}

static void access_as_host(struct check_run *r)
{
	static const struct {
		uint32_t uid, gid, mask;
		int result;
	} asks[] = {
		{ 0, 0, R_OK | W_OK, 0 },
		{ META_UID, 1, R_OK | W_OK, 0 },
		{ META_UID, 1, X_OK, -EACCES },
		{ 1, META_GID, R_OK, 0 },
		{ 1, META_GID, W_OK, -EACCES },
		{ 1, 1, R_OK, -EACCES },
		{ 1, 1, F_OK, 0 },
	};
	struct fuse_setattr_in in = { .valid = FATTR_UID | FATTR_GID | FATTR_MODE,
				      .uid = META_UID,
				      .gid = META_GID,
				      .mode = 0640 };
	struct say t;
	uint64_t nodeid;

	WANT(meta_file(r, "file", &nodeid));
	WANT(meta_set(r, nodeid, "file", &in));
	for (size_t i = 0; i < ARRAY_SIZE(asks); i++)
		WANT_ONE_OF(r,
			    say(&t, "ACCESS with mask %u to a file of mode 0640, as %u:%u",
				asks[i].mask, asks[i].uid, asks[i].gid),
			    meta_as(r, front_op_access(nodeid, asks[i].mask), asks[i].uid,
				    asks[i].gid, NULL, 0),
			    asks[i].result, -ENOSYS);
}

static const struct check checks[] = {
	{
		.id = "ids.owner",
		.title = "what is made belongs to the user and group of the request",
		.rows = "VIRTIO-FS-SEC-001",
		.sends =
			"CREATE, MKNOD of a file and of a FIFO, MKDIR, SYMLINK as 12345:23456 in a folder that all may write",
		.wants = "owner and group in the answer and on the host",
		.catches = "sender-ignored",
		.run = owner,
	},
	{
		.id = "ids.denied",
		.title = "who may not write to a folder makes nothing in it",
		.rows = "FUSE-META-016 VIRTIO-FS-SEC-001",
		.sends =
			"CREATE, MKNOD of a file and of a FIFO, MKDIR, SYMLINK as 12345:23456 in a folder 0755 of root",
		.wants = "EACCES, and nothing is made",
		.catches = "sender-ignored",
		.run = denied,
	},
	{
		.id = "ids.no-own-groups",
		.title = "groups of the device do not help a user",
		.rows = "FUSE-META-016 VIRTIO-FS-SEC-001",
		.sends =
			"CREATE, MKNOD of a file and of a FIFO, MKDIR, SYMLINK as 12345:23456 in a folder 0770 of root:root",
		.wants = "EACCES, and nothing is made",
		.catches = "sender-ignored",
		.run = no_own_groups,
	},
	{
		.id = "ids.by-group",
		.title = "the group of the request counts",
		.rows = "FUSE-META-006",
		.sends =
			"CREATE, MKNOD of a file and of a FIFO, MKDIR, SYMLINK as 12345:23456 in a folder 0770 of root:23456",
		.wants = "success; owner and group of the request",
		.catches = "sender-ignored",
		.run = by_group,
	},
	{
		.id = "ids.himself-again",
		.title = "the next request is of who sends it",
		.rows = "FUSE-META-006",
		.sends =
			"CREATE, MKNOD of a file and of a FIFO, MKDIR, SYMLINK as 12345:23456, MKDIR and MKNOD as root after each; again after EEXIST",
		.wants = "success; root makes what only root may",
		.catches = "sender-sticks",
		.run = himself_again,
	},
	{
		.id = "ids.setgid-folder",
		.title = "in a folder with set-group-id its group is inherited",
		.rows = "FUSE-META-006",
		.sends =
			"CREATE, MKNOD of a file and of a FIFO, MKDIR, SYMLINK as 12345:23456 in a folder 02777 of group 777",
		.wants = "group 777; set-group-id for the new folder alone",
		.catches = "sender-ignored",
		.run = setgid_folder,
	},
	{
		.id = "ids.setgid-stranger",
		.title = "a file with set-group-id is not made by one who is not of the group",
		.rows = "FUSE-META-006 BUG-04",
		.sends =
			"CREATE and MKNOD of mode 02777 as 12345:23456 in a folder 02777 of group 777",
		.wants = "success without set-group-id",
		.catches = "sender-ignored",
		.run = setgid_stranger,
	},
	{
		.id = "ids.nobody",
		.title = "a request of user or group -1 makes nothing",
		.rows = "FUSE-META-018",
		.sends = "MKDIR with uid, gid and both of 2^32 - 1",
		.wants = "EINVAL, EPERM, EACCES or EOVERFLOW, and nothing is made",
		.catches = "sender-ignored",
		.run = nobody,
	},
	{
		.id = "ids.access",
		.title = "ACCESS answers what the host would answer the caller",
		.rows = "FUSE-META-005",
		.sends =
			"ACCESS to a file 0640 of 12345:23456 as its owner, of its group, as another and as root",
		.wants = "0 or EACCES by the mode; or ENOSYS each time",
		.catches = "access-granted",
		.run = access_as_host,
	},
};

const struct check_area area_ids = { "ids", "Users and groups", checks, ARRAY_SIZE(checks) };
