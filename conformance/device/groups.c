// SPDX-License-Identifier: Apache-2.0
/* The caller's other groups, which come behind the names of a request (7.38, CREATE_SUPP_GROUP). */
#include "conformance/device/making.h"

#include "conformance/device/areas.h"

#define OTHER_GID 34567
/* Room of the extension at most: one group is sent, and liars say more. */
#define EXT_BYTES 64

/* A device that ends over such a message need not be waited for. */
static const struct front_options impatient = { .timeout_ms = 1000 };

/* struct fuse_in_header has it behind pid; Debian's header knows it since 7.38. */
#define EXTLEN_OFFSET offsetof(struct fuse_in_header, total_extlen)

struct extension {
	uint32_t size; /* of all of it, as it says itself */
	uint32_t type;
	uint32_t count; /* of groups, as it says itself */
	uint32_t gid;
};

/* @bytes of it are sent, and total_extlen counts @words of 8 bytes. As front_do(). */
static int make_with(struct check_run *r, const struct front_op *op, const struct extension *x,
		     size_t bytes, uint16_t words)
{
	uint8_t data[EXT_BYTES] = { 0 };
	struct front_request *q;
	size_t size;
	int e = front_prepare(r->f, op, &q);

	if (e < 0)
		return e;
	memcpy(data, x, sizeof(*x));
	size = q->in_size;
	e = front_request_resize(q, size + bytes);
	if (e == 0) {
		uint32_t len = (uint32_t)(size + bytes);

		memcpy(q->in + size, data, bytes);
		memcpy(q->in, &len, sizeof(len));
		memcpy(q->in + EXTLEN_OFFSET, &words, sizeof(words));
		e = front_submit(q);
	}
	if (e == 0)
		e = front_wait(q, front_deadline(r->f));
	front_request_free(q);
	return e;
}

static struct front_op op_of(enum maker m, uint64_t dir)
{
	struct front_op op = making_op(m, dir, 0644);

	op.uid = META_UID;
	op.gid = META_GID;
	return op;
}

static struct extension group(uint32_t gid)
{
	return (struct extension){ sizeof(struct extension), FUSE_EXTENSION_GROUPS, 1, gid };
}

static void help(struct check_run *r)
{
	const struct extension x = group(OTHER_GID);
	struct say t;
	uint64_t dir;

	WANT(making_folder(r, 0, OTHER_GID, 0770, &dir));
	for (unsigned m = 0; m < MAKERS; m++) {
		struct front_op op = op_of(m, dir);

		WANT_OK(r, say(&t, "make \"%s\" as a member of the folder's group", maker_names[m]),
			make_with(r, &op, &x, sizeof(x), sizeof(x) / 8));
		WANT(making_is(r, m, META_UID, META_GID, NULL));
	}
}

static void keep_setgid(struct check_run *r)
{
	const struct extension x = group(OTHER_GID);
	struct stat st;
	uint64_t dir;

	WANT(making_folder(r, 0, OTHER_GID, 02777, &dir));
	for (unsigned m = BY_CREATE; m <= BY_MKNOD; m++) {
		struct front_op op = making_op(m, dir, 02755);

		op.uid = META_UID;
		op.gid = META_GID;
		WANT_OK(r, "make an executable with set-group-id as a member of the group",
			make_with(r, &op, &x, sizeof(x), sizeof(x) / 8));
		WANT(making_is(r, m, META_UID, OTHER_GID, &st));
		WANT_SAME(r, S_ISGID, "set-group-id of a file whose maker is of its group",
			  st.st_mode & S_ISGID);
	}
}

/* Asked for in the handshake of the check; a device that does not know it may still be sent one. */
static bool agreed(const struct check_run *r)
{
	return front_init_flags_of(&r->f->init) & FUSE_CREATE_SUPP_GROUP;
}

/* Nor does the right group, where none was agreed on. */
static void others_denied(struct check_run *r)
{
	struct extension x;
	uint64_t dir;

	WANT_OK(r, "INIT with CREATE_SUPP_GROUP", front_init(r->f, FUSE_CREATE_SUPP_GROUP, NULL));
	x = group(agreed(r) ? OTHER_GID + 1 : OTHER_GID);
	WANT(making_folder(r, 0, OTHER_GID, 0770, &dir));
	for (unsigned m = 0; m < MAKERS; m++) {
		struct front_op op = op_of(m, dir);

		WANT_ERROR(r, -EACCES, "make as a member of another group",
			   make_with(r, &op, &x, sizeof(x), sizeof(x) / 8));
	}
	WANT(making_denied(r, dir, META_UID, META_GID));
}

static void forgotten(struct check_run *r)
{
	const struct extension x = group(OTHER_GID);
	struct front_op op;
	uint64_t dir;

	WANT(making_folder(r, 0, OTHER_GID, 0770, &dir));
	op = op_of(BY_CREATE, dir);
	WANT_OK(r, "CREATE as a member of the folder's group",
		make_with(r, &op, &x, sizeof(x), sizeof(x) / 8));
	op = op_of(BY_MKDIR, dir);
	WANT_ERROR(r, -EACCES, "MKDIR by the same user without groups",
		   front_do(r->f, &op, NULL, 0, NULL));
}

static void liars(struct check_run *r)
{
	static const struct {
		struct extension x;
		size_t bytes;
		uint16_t words;
	} lies[] = {
		{ { 16, FUSE_EXTENSION_GROUPS, UINT32_MAX, OTHER_GID }, 16, 2 },
		{ { 16, FUSE_EXTENSION_GROUPS, 3, OTHER_GID }, 16, 2 },
		{ { UINT32_MAX, FUSE_EXTENSION_GROUPS, 1, OTHER_GID }, 16, 2 },
		{ { 64, FUSE_EXTENSION_GROUPS, 1, OTHER_GID }, 16, 2 },
		{ { 0, FUSE_EXTENSION_GROUPS, 1, OTHER_GID }, 16, 2 },
		{ { 7, FUSE_EXTENSION_GROUPS, 1, OTHER_GID }, 16, 2 },
		{ { 8, FUSE_EXTENSION_GROUPS, 1, OTHER_GID }, 8, 1 },
		{ { 16, FUSE_EXTENSION_GROUPS, 1, OTHER_GID }, 16, 8 },
		{ { 16, FUSE_EXTENSION_GROUPS, 1, OTHER_GID }, 16, UINT16_MAX },
	};
	uint64_t dir;

	WANT_OK(r, "INIT with CREATE_SUPP_GROUP", front_init(r->f, FUSE_CREATE_SUPP_GROUP, NULL));
	WANT(making_folder(r, 0, 0, 0777, &dir));
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct front_op op = op_of(BY_MKDIR, dir);
		struct say t;
		int e = make_with(r, &op, &lies[i].x, lies[i].bytes, lies[i].words);

		(void)say(&t, "MKDIR with wrong groups, the %zu. of them", i + 1);
		/* Bytes behind the name, to a device that does not know what they are. */
		if (!agreed(r) && e == 0) {
			WANT(making_is(r, BY_MKDIR, META_UID, META_GID, NULL));
			WANT_OK(r, "RMDIR", front_rmdir(r->f, dir, maker_names[BY_MKDIR]));
		} else {
			WANT_ONE_OF(r, t.text, e, -EINVAL, -EIO, -EPROTO);
		}
		WANT(check_alive(r));
	}
}

static void unknown_extension(struct check_run *r)
{
	const struct extension x = { sizeof(x), 99, 1, OTHER_GID };
	struct front_op op;
	uint64_t dir;
	int e;

	WANT_OK(r, "INIT with CREATE_SUPP_GROUP", front_init(r->f, FUSE_CREATE_SUPP_GROUP, NULL));
	WANT(making_folder(r, 0, 0, 0777, &dir));
	op = op_of(BY_MKDIR, dir);
	e = make_with(r, &op, &x, sizeof(x), sizeof(x) / 8);
	WANT_ONE_OF(r, "MKDIR with an extension of an unknown type", e, 0, -EINVAL, -EOPNOTSUPP,
		    -EIO, -EPROTO);
	if (e == 0)
		WANT(making_is(r, BY_MKDIR, META_UID, META_GID, NULL));
	WANT(check_alive(r));
}

static const struct check checks[] = {
	{
		.id = "groups.help",
		.title = "groups that come with the request help its user",
		.rows = "FUSE-META-006",
		.sends =
			"CREATE, MKNOD of a file and of a FIFO, MKDIR, SYMLINK as 12345:23456 with group 34567 in a folder 0770 of that group",
		.wants = "success; owner and group of the request",
		.catches = "groups-ignored",
		.init = FUSE_CREATE_SUPP_GROUP,
		.run = help,
	},
	{
		.id = "groups.keep-setgid",
		.title = "a member of the group keeps set-group-id",
		.rows = "FUSE-META-006 BUG-04",
		.sends =
			"CREATE and MKNOD of mode 02755 with group 34567 in a folder 02777 of that group",
		.wants = "group 34567 and set-group-id",
		.catches = "groups-ignored",
		.init = FUSE_CREATE_SUPP_GROUP,
		.run = keep_setgid,
	},
	{
		.id = "groups.others-denied",
		.title = "groups do not help that are not the folder's, or that were not agreed on",
		.rows = "FUSE-META-006",
		.sends =
			"CREATE, MKNOD of a file and of a FIFO, MKDIR, SYMLINK with group 34568 (34567 without "
			"CREATE_SUPP_GROUP), then with none, in a folder 0770 of group 34567",
		.wants = "EACCES, and nothing is made",
		.catches = "sender-ignored",
		.start = CHECK_RINGS,
		.run = others_denied,
	},
	{
		.id = "groups.forgotten",
		.title = "the groups of a request are those of that request alone",
		.rows = "FUSE-META-006",
		.sends = "CREATE with group 34567, then MKDIR by the same user without",
		.wants = "success, then EACCES",
		.catches = "groups-ignored sender-ignored",
		.init = FUSE_CREATE_SUPP_GROUP,
		.run = forgotten,
	},
	{
		.id = "groups.wrong-sizes",
		.title =
			"groups that do not fit their message are refused, where they mean anything",
		.rows = "VIRTIO-FS-SEC-010",
		.sends = "MKDIR with 9 extensions whose size, count or total length lies",
		.wants =
			"an error; or, without CREATE_SUPP_GROUP, a folder of the request's user and group; the "
			"device serves",
		.catches = "exit-at:MKDIR error:MKDIR:EEXIST",
		.start = CHECK_RINGS,
		.front = &impatient,
		.run = liars,
	},
	{
		.id = "groups.unknown-extension",
		.title = "an extension of an unknown type is refused or ignored",
		.rows = "VIRTIO-FS-SEC-010 FUSE-META-006",
		.sends = "MKDIR with an extension of type 99",
		.wants = "success, EINVAL, EOPNOTSUPP, EIO or EPROTO",
		.catches = "sender-ignored",
		.start = CHECK_RINGS,
		.front = &impatient,
		.run = unknown_extension,
	},
};

const struct check_area area_groups = { "groups", "Supplementary groups", checks,
					ARRAY_SIZE(checks) };
