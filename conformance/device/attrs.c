// SPDX-License-Identifier: Apache-2.0
/* GETATTR and SETATTR against what the host sees. */
#include "conformance/device/areas.h"
#include "conformance/device/meta.h"

#define UNKNOWN_ID UINT64_C(0x7fffffff00000000)

/* Everything of two stats but the change time, and but what @skip names. */
static bool same_stat(struct check_run *r, const char *name, const struct stat *a,
		      const struct stat *b, uint32_t skip)
{
	const struct {
		const char *what;
		uint64_t before, after;
		uint32_t valid;
	} field[] = {
		{ "mode", a->st_mode, b->st_mode, FATTR_MODE },
		{ "owner", a->st_uid, b->st_uid, FATTR_UID },
		{ "group", a->st_gid, b->st_gid, FATTR_GID },
		{ "size", (uint64_t)a->st_size, (uint64_t)b->st_size, FATTR_SIZE },
		{ "mtime", (uint64_t)a->st_mtim.tv_sec, (uint64_t)b->st_mtim.tv_sec, FATTR_MTIME },
		{ "mtime's ns", (uint64_t)a->st_mtim.tv_nsec, (uint64_t)b->st_mtim.tv_nsec,
		  FATTR_MTIME },
		{ "atime", (uint64_t)a->st_atim.tv_sec, (uint64_t)b->st_atim.tv_sec, FATTR_ATIME },
		{ "atime's ns", (uint64_t)a->st_atim.tv_nsec, (uint64_t)b->st_atim.tv_nsec,
		  FATTR_ATIME },
	};
	struct say t;

	for (size_t i = 0; i < ARRAY_SIZE(field); i++)
		if (!(skip & field[i].valid) &&
		    !check_same(r, field[i].before,
				say(&t, "%s of \"%s\", which nobody changed", field[i].what, name),
				field[i].after))
			return false;
	return true;
}

static void types(struct check_run *r)
{
	struct fuse_attr_out out;
	uint64_t nodeid;

	WANT(meta_make_types(r));
	for (size_t i = 0; i < ARRAY_SIZE(meta_types); i++) {
		WANT(node_of(r, meta_types[i].name, &nodeid));
		WANT_OK(r, "GETATTR", front_getattr(r->f, nodeid, NULL, &out));
		WANT(agrees(r, meta_types[i].name, &out.attr, false));
		WANT_SAME(r, 0, "flags of the attributes", out.attr.flags);
	}
	WANT_OK(r, "GETATTR of the root", front_getattr(r->f, FRONT_ROOT, NULL, &out));
	WANT(agrees(r, ".", &out.attr, false));
}

static bool fresh_after(struct check_run *r, uint64_t nodeid, const char *change, int result)
{
	struct fuse_attr_out out;

	return check_host(r, change, result < 0 ? -errno : 0) &&
	       check_ok(r, "GETATTR", front_getattr(r->f, nodeid, NULL, &out)) &&
	       agrees(r, "file", &out.attr, false);
}

static void fresh(struct check_run *r)
{
	const struct timespec times[2] = { { 1000000000, 1 }, { 1234567890, 987654321 } };
	CLEANUP(fd_closep) int fd = -1;
	char path[META_PATH], other[META_PATH];
	uint64_t nodeid;

	WANT(meta_file(r, "file", &nodeid));
	fd = host_open(r->share, "file", O_RDWR | O_APPEND, 0);
	WANT(check_host(r, "open", fd));
	(void)meta_path(r, "file", path);
	(void)meta_path(r, "other", other);
	WANT(fresh_after(r, nodeid, "nothing", 0));
	WANT(fresh_after(r, nodeid, "append", (int)write(fd, "more", 4)));
	WANT(fresh_after(r, nodeid, "shorten", ftruncate(fd, 10)));
	WANT(fresh_after(r, nodeid, "lengthen", ftruncate(fd, 100000)));
	WANT(fresh_after(r, nodeid, "set times", futimens(fd, times)));
	WANT(fresh_after(r, nodeid, "set the mode", fchmod(fd, 04711)));
	WANT(fresh_after(r, nodeid, "set the owner", fchown(fd, META_UID, META_GID)));
	WANT(fresh_after(r, nodeid, "link", link(path, other)));
	WANT(fresh_after(r, nodeid, "unlink", unlink(other)));
}

static void unknown_node(struct check_run *r)
{
	const struct fuse_setattr_in in = { .valid = FATTR_MODE, .mode = 0600 };
	const uint64_t nodeids[] = { 0, 2, UNKNOWN_ID, UINT64_MAX };
	struct fuse_attr_out out;
	struct say t;

	for (size_t i = 0; i < ARRAY_SIZE(nodeids); i++)
		WANT_ONE_OF(r, say(&t, "SETATTR of nodeid %llu", (unsigned long long)nodeids[i]),
			    front_setattr(r->f, nodeids[i], &in, &out), NOT_KNOWN);
	WANT(check_alive(r));
}

/* With the type of the file, as Linux sends the mode. */
static void set_mode(struct check_run *r)
{
	static const uint32_t modes[] = { 0, 0600, 0777, 04755, 01777, 07777, 0640 };
	struct fuse_setattr_in in = { .valid = FATTR_MODE };
	struct stat before, after;
	uint64_t nodeid;

	WANT(meta_make_types(r));
	for (size_t i = 0; i < ARRAY_SIZE(meta_types); i++) {
		const struct meta_type *m = &meta_types[i];

		if (m->type == S_IFLNK)
			continue;
		WANT(node_of(r, m->name, &nodeid));
		for (size_t j = 0; j < ARRAY_SIZE(modes); j++) {
			WANT(meta_stat(r, m->name, &before));
			in.mode = m->type | modes[j];
			WANT(meta_set(r, nodeid, m->name, &in));
			WANT(meta_stat(r, m->name, &after));
			WANT_SAME(r, m->type | modes[j], "mode on the host", after.st_mode);
			WANT(same_stat(r, m->name, &before, &after, FATTR_MODE));
		}
	}
}

static void mode_of_link(struct check_run *r)
{
	const struct fuse_setattr_in in = { .valid = FATTR_MODE, .mode = S_IFLNK | 0600 };
	struct stat before, after;
	struct fuse_attr_out out;
	uint64_t nodeid;

	WANT(meta_make_types(r));
	WANT(node_of(r, "link", &nodeid));
	WANT(meta_stat(r, "target", &before));
	WANT_ONE_OF(r, "SETATTR of a link's mode", front_setattr(r->f, nodeid, &in, &out), 0,
		    -EOPNOTSUPP, -ELOOP);
	WANT(meta_stat(r, "target", &after));
	WANT(same_stat(r, "target", &before, &after, 0));
}

static void set_owner(struct check_run *r)
{
	static const struct {
		uint32_t valid, uid, gid;
	} sets[] = {
		{ FATTR_UID, META_UID, 1 },
		{ FATTR_GID, 1, META_GID },
		{ FATTR_UID | FATTR_GID, 0, 0 },
		{ FATTR_UID | FATTR_GID, 65536, UINT32_MAX - 1 },
	};
	struct stat before, after, target;
	uint64_t nodeid;

	WANT(meta_make_types(r));
	for (size_t i = 0; i < ARRAY_SIZE(meta_types); i++) {
		const char *name = meta_types[i].name;

		WANT(node_of(r, name, &nodeid));
		for (size_t j = 0; j < ARRAY_SIZE(sets); j++) {
			struct fuse_setattr_in in = { .valid = sets[j].valid,
						      .uid = sets[j].uid,
						      .gid = sets[j].gid };

			WANT(meta_stat(r, name, &before));
			WANT(meta_set(r, nodeid, name, &in));
			WANT(meta_stat(r, name, &after));
			if (in.valid & FATTR_UID)
				WANT_SAME(r, in.uid, "owner on the host", after.st_uid);
			if (in.valid & FATTR_GID)
				WANT_SAME(r, in.gid, "group on the host", after.st_gid);
			WANT(same_stat(r, name, &before, &after, in.valid));
		}
	}
	WANT(meta_stat(r, "target", &target));
	WANT_SAME(r, 0, "owner of what the link leads to", target.st_uid);
}

static void together(struct check_run *r)
{
	const struct fuse_setattr_in in = { .valid = FATTR_MODE | FATTR_UID | FATTR_GID |
						     FATTR_SIZE | FATTR_ATIME | FATTR_MTIME,
					    .mode = 01751,
					    .uid = META_UID,
					    .gid = META_GID,
					    .size = 4321,
					    .atime = 1000000001,
					    .atimensec = 111111111,
					    .mtime = 1000000002,
					    .mtimensec = 222222222 };
	struct stat st;
	uint64_t nodeid;

	WANT(meta_file(r, "file", &nodeid));
	WANT(meta_set(r, nodeid, "file", &in));
	WANT(meta_stat(r, "file", &st));
	WANT_SAME(r, S_IFREG | 01751, "mode", st.st_mode);
	WANT_SAME(r, META_UID, "owner", st.st_uid);
	WANT_SAME(r, META_GID, "group", st.st_gid);
	WANT_SAME(r, 4321, "size", (uint64_t)st.st_size);
	WANT_SAME(r, 1000000001, "atime", (uint64_t)st.st_atim.tv_sec);
	WANT_SAME(r, 111111111, "atime's ns", (uint64_t)st.st_atim.tv_nsec);
	WANT_SAME(r, 1000000002, "mtime", (uint64_t)st.st_mtim.tv_sec);
	WANT_SAME(r, 222222222, "mtime's ns", (uint64_t)st.st_mtim.tv_nsec);
}

static void nothing(struct check_run *r)
{
	/* What is not named is not looked at. */
	struct fuse_setattr_in in = { .mode = 0, .uid = 1, .gid = 2, .size = 3, .mtime = 4 };
	static const uint32_t valid[] = { 0, FATTR_LOCKOWNER };
	struct stat before, after;
	uint64_t nodeid;

	WANT(meta_file(r, "file", &nodeid));
	WANT(meta_stat(r, "file", &before));
	for (size_t i = 0; i < ARRAY_SIZE(valid); i++) {
		in.valid = valid[i];
		WANT(meta_set(r, nodeid, "file", &in));
		WANT(meta_stat(r, "file", &after));
		WANT(same_stat(r, "file", &before, &after, 0));
	}
}

static void unknown_bits(struct check_run *r)
{
	struct fuse_setattr_in in = { .valid = FATTR_MODE | UINT32_C(0xfff00000), .mode = 0611 };
	struct fuse_attr_out out;
	struct stat st;
	uint64_t nodeid;
	int e;

	WANT(meta_file(r, "file", &nodeid));
	e = front_setattr(r->f, nodeid, &in, &out);
	WANT_ONE_OF(r, "SETATTR with bits that FUSE does not have", e, 0, -EINVAL, -EOPNOTSUPP);
	WANT(meta_stat(r, "file", &st));
	WANT_SAME(r, e == 0 ? 0611 : 0644, "permissions on the host", st.st_mode & 07777);
}

static const struct check checks[] = {
	{
		.id = "attrs.types",
		.title = "GETATTR answers the attributes of the host for files of every type",
		.rows = "FUSE-ATTR-011 FUSE-ATTR-009 FUSE-ATTR-010",
		.sends =
			"LOOKUP and GETATTR of a file, folder, link, FIFO, socket, device and the root",
		.wants =
			"the attributes that the host sees; flags 0, as neither SUBMOUNTS nor DAX is there",
		.catches = "attr-type attr-nsec attr-submount attr-dax",
		.run = types,
	},
	{
		.id = "attrs.fresh",
		.title = "each change of the host is in the next GETATTR",
		.rows = "FUSE-ATTR-011",
		.sends =
			"GETATTR after the host appends, truncates, sets times, mode and owner, links and unlinks",
		.wants = "the attributes that the host sees, each time",
		.catches = "attr-size attr-mtime",
		.run = fresh,
	},
	{
		.id = "attrs.unknown-node",
		.title = "SETATTR of an unknown nodeid is refused",
		.rows = "VIRTIO-FS-SEC-011",
		.sends = "SETATTR of nodeids 0, 2, 0x7fffffff00000000 and 2^64 - 1",
		.wants = "ESTALE, ENOENT or EBADF",
		.catches = "error:SETATTR:EIO exit-at:SETATTR",
		.run = unknown_node,
	},
	{
		.id = "attrs.mode",
		.title = "SETATTR sets the permissions and nothing else",
		.rows = "FUSE-META-001",
		.sends = "SETATTR of 7 modes of files of 5 types",
		.wants =
			"the permissions on the host and in the answer; type, owner, size and times stay",
		.catches = "setattr-lost",
		.run = set_mode,
	},
	{
		.id = "attrs.mode-of-link",
		.title = "the mode of a link is not that of its target",
		.rows = "FUSE-META-001 VIRTIO-FS-SEC-006",
		.sends = "SETATTR of the mode of a symbolic link",
		.wants = "success, EOPNOTSUPP or ELOOP; the target is as it was",
		.catches = "error:SETATTR:EIO",
		.run = mode_of_link,
	},
	{
		.id = "attrs.owner",
		.title = "SETATTR sets owner and group, each alone and both",
		.rows = "FUSE-META-001",
		.sends = "SETATTR of owner, group and both of files of 6 types",
		.wants =
			"owner and group on the host and in the answer; nothing else changes, nor what a link leads to",
		.catches = "setattr-lost",
		.run = set_owner,
	},
	{
		.id = "attrs.together",
		.title = "SETATTR sets all at once",
		.rows = "FUSE-META-001",
		.sends = "SETATTR of mode, owner, group, size and both times",
		.wants =
			"all of them on the host: the times as asked for, not as the other changes leave them",
		.catches = "setattr-first setattr-lost time-seconds",
		.run = together,
	},
	{
		.id = "attrs.nothing",
		.title = "SETATTR that names nothing changes nothing",
		.rows = "FUSE-META-001",
		.sends = "SETATTR with valid 0, and with LOCKOWNER alone; the fields are full",
		.wants = "success with the attributes that the host sees, which stay",
		.catches = "error:SETATTR:EINVAL",
		.run = nothing,
	},
	{
		.id = "attrs.unknown-bits",
		.title = "bits of valid that do not exist are refused or ignored",
		.rows = "FUSE-META-001",
		.sends = "SETATTR of the mode with the upper 12 bits of valid set",
		.wants = "success with the mode, or EINVAL or EOPNOTSUPP without",
		.catches = "setattr-lost",
		.run = unknown_bits,
	},
};

const struct check_area area_attrs = { "attrs", "Attributes", checks, ARRAY_SIZE(checks) };
