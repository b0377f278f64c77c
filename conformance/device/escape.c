// SPDX-License-Identifier: Apache-2.0
/* Names that are none, in every opcode that carries one. Nothing may come of them, inside or outside. */
#include "conformance/device/areas.h"
#include "conformance/device/carriers.h"

#define BAD_MAX 1200

/* It must fail, and nothing may come of it. @wanted: with that error; of removing also EIO; 0: with any. */
static bool refused(struct check_run *r, const struct escape *e, uint64_t dir, const char *name,
		    int wanted)
{
	for (size_t i = 0; i < ARRAY_SIZE(carriers); i++) {
		struct front_op op = carriers[i].op(dir, e->file, name);
		const int list[] = { wanted, -EIO };
		struct say t;
		int result;

		if (carriers[i].lookup ? !e->looks : !e->changes)
			continue;
		(void)say(&t, "%s with a name of %zu bytes, \"%.60s\"", carriers[i].name,
			  strlen(name), name);
		result = ask(r, &op);
		if (!(wanted ? check_one_of(r, list, carriers[i].removes ? 2 : 1, t.text, result)
			     : fails(r, t.text, result)) ||
		    !tree_same(r, e->before, t.text))
			return false;
	}
	return true;
}

static void slashes_of(struct check_run *r, bool looks)
{
	static const char *const names[] = { "a/b",
					     "sub/inner",
					     "/sub",
					     "sub/",
					     "/",
					     "//",
					     "./file",
					     "sub/../file",
					     "../outside",
					     "../x",
					     "/etc/xyz",
					     "sub/../../x",
					     "../outside/secret" };
	struct escape e;

	WANT(begin(r, &e));
	e.looks = looks;
	e.changes = !looks;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		WANT(refused(r, &e, FRONT_ROOT, names[i], 0));
	WANT(refused(r, &e, e.dir, "../../x", 0));
	WANT(refused(r, &e, e.dir, "../file", 0));
	WANT(check_alive(r));
}

static void slashes(struct check_run *r)
{
	slashes_of(r, false);
}

static void slashes_walked(struct check_run *r)
{
	slashes_of(r, true);
}

static void empty(struct check_run *r)
{
	struct escape e;

	WANT(begin(r, &e));
	WANT(refused(r, &e, FRONT_ROOT, "", 0));
	WANT(refused(r, &e, e.dir, "", 0));
	WANT(check_alive(r));
}

/* LOOKUP of them is for NFS servers, and may find the folder itself or the one above, never above the root. */
static void dots(struct check_run *r)
{
	static const char *const names[] = { ".", ".." };
	struct escape e;

	WANT(begin(r, &e));
	for (size_t n = 0; n < 2 * ARRAY_SIZE(names); n++) {
		for (size_t i = 0; i < ARRAY_SIZE(carriers); i++) {
			struct front_op op = carriers[i].op(n < 2 ? FRONT_ROOT : e.dir, e.file,
							    names[n % 2]);
			char what[64];

			if (carriers[i].lookup)
				continue;
			(void)snprintf(what, sizeof(what), "%s with the name \"%s\"",
				       carriers[i].name, names[n % 2]);
			WANT(fails(r, what, ask(r, &op)));
			WANT(tree_same(r, e.before, what));
		}
	}
	WANT(check_alive(r));
}

static void above_root(struct check_run *r)
{
	static const char *const names[] = { "..", "." };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct fuse_entry_out e;
		struct stat st;
		int result = front_lookup(r->f, FRONT_ROOT, names[i], &e);

		HOST(r, "stat", host_stat(r->share, ".", &st));
		if (result == 0)
			WANT_SAME(r, st.st_ino, "inode number of \"..\" or \".\" in the root",
				  e.attr.ino);
		else
			WANT_ONE_OF(r, "LOOKUP of \"..\" or \".\" in the root", result, -EINVAL,
				    -ENOENT, -EPERM, -EIO);
	}
}

/* A folder that the host moves out of the share is a way to what lies above it. */
static void moved_out(struct check_run *r)
{
	struct fuse_entry_out dir, up, e;
	char parent[TREE_PATH];
	int result;

	NEED(r, r->outside, "a folder beside the share");
	(void)snprintf(parent, sizeof(parent), "%s/..", r->share);
	HOST(r, "make a folder", host_mkdir(r->share, "dir", 0755));
	HOST(r, "make a folder", host_mkdir(r->share, "dir/sub", 0755));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "dir", &dir));
	HOST(r, "move it out of the share", tree_move(r->share, "dir", parent, "moved-out"));
	result = front_lookup(r->f, dir.nodeid, "..", &up);
	/* An error is best; what is found must not lead any further. */
	if (result == 0)
		WANT_ONE_OF(r, "LOOKUP of \"outside\" beside a folder that was moved out",
			    front_lookup(r->f, up.nodeid, "outside", &e), -ENOENT, -ESTALE);
	else
		WANT_ONE_OF(r, "LOOKUP of \"..\" in a folder that was moved out of the share",
			    result, -EINVAL, -ENOENT, -ESTALE, -EPERM, -EXDEV, -EIO);
	WANT_ONE_OF(r, "LOOKUP of \"../outside\" there",
		    front_lookup(r->f, dir.nodeid, "../outside", &e), -EINVAL, -ENOENT, -ESTALE,
		    -EPERM, -EXDEV, -EIO);
	WANT(check_alive(r));
}

static void too_long(struct check_run *r)
{
	static const size_t sizes[] = { TREE_NAME_MAX + 1, 1000, BAD_MAX };
	struct escape e;
	char name[BAD_MAX + 1];

	WANT(begin(r, &e));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		memset(name, 'n', sizes[i]);
		name[sizes[i]] = '\0';
		WANT(refused(r, &e, FRONT_ROOT, name, -ENAMETOOLONG));
	}
}

static const struct check checks[] = {
	{
		.id = "escape.slashes",
		.title = "names with a slash do nothing, in no opcode",
		.rows = "FUSE-NAME-001 VIRTIO-FS-SEC-006 BUG-06",
		.sends =
			"LOOKUP, MKDIR, MKNOD, CREATE, SYMLINK, LINK, UNLINK, RMDIR, RENAME, RENAME2 "
			"(both names) with 15 names such as \"a/b\", \"/\", \"../x\", \"/etc/xyz\"",
		.wants = "an error each; nothing changes in the share or outside",
		.catches = "name-slash",
		.run = slashes,
	},
	{
		.id = "escape.walks",
		.title = "LOOKUP walks one folder at most",
		.rows = "FUSE-NAME-001 VIRTIO-FS-SEC-006",
		.sends =
			"LOOKUP of 15 names such as \"sub/inner\", \"./file\", \"../outside/secret\"",
		.wants = "an error each",
		.catches = "name-slash",
		.run = slashes_walked,
	},
	{
		.id = "escape.empty",
		.title = "an empty name does nothing, in no opcode",
		.rows = "FUSE-NAME-001 VIRTIO-FS-SEC-010",
		.sends = "all opcodes with a name, with an empty one",
		.wants = "an error each; nothing changes",
		.catches = "name-empty",
		.run = empty,
	},
	{
		.id = "escape.dots",
		.title = "\".\" and \"..\" cannot be made, moved or removed",
		.rows = "FUSE-NAME-001",
		.sends =
			"all opcodes with a name but LOOKUP, with \".\" and \"..\", in the root and "
			"below",
		.wants = "an error each; nothing changes",
		.catches = "lost:op=RMDIR lost:op=RENAME lost:op=UNLINK",
		.run = dots,
	},
	{
		.id = "escape.above-root",
		.title = "there is nothing above the root",
		.rows = "VIRTIO-FS-SEC-006",
		.sends = "LOOKUP of \"..\" and \".\" in the root",
		.wants = "an error, or the root itself",
		.catches = "name-dots",
		.run = above_root,
	},
	{
		.id = "escape.moved-out",
		.title = "a folder that the host moves out of the share is no way to what is there",
		.rows = "VIRTIO-FS-SEC-006",
		.sends = "LOOKUP of a folder; the host moves it out; LOOKUP of \"..\" and "
			 "\"../outside\" in it",
		.wants = "an error, or nothing beside the folder",
		.catches = "lost:op=LOOKUP",
		.run = moved_out,
	},
	{
		.id = "escape.too-long",
		.title = "names of more than 255 bytes are ENAMETOOLONG in every opcode",
		.rows = "FUSE-NAME-001",
		.sends = "all opcodes with a name, with 256, 1000 and 1200 bytes",
		.wants = "ENAMETOOLONG (or EIO, of what removes or renames); nothing changes",
		.catches = "name-cut",
		.run = too_long,
	},
};

const struct check_area area_escape = { "escape", "Names that lead astray", checks,
					ARRAY_SIZE(checks) };
