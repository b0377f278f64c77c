// SPDX-License-Identifier: Apache-2.0
/* Names that are none, in every opcode that carries one. Nothing may come of them, inside or outside. */
#include "conformance/device/areas.h"
#include "conformance/device/tree.h"

#define BAD_MAX 1200

/* One opcode with a bad name; @file and @dir are nodeids, `sub` and `file` exist. */
typedef struct front_op bad_op(uint64_t dir, uint64_t file, const char *name);

static struct front_op op_lookup(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_lookup(dir, name);
}

static struct front_op op_mkdir(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_mkdir(dir, name, 0755);
}

static struct front_op op_mknod(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_mknod(dir, name, S_IFREG | 0644, 0);
}

static struct front_op op_create(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_create(dir, name, O_RDWR | O_CREAT, 0644);
}

static struct front_op op_symlink(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_symlink(dir, name, "target");
}

static struct front_op op_link(uint64_t dir, uint64_t file, const char *name)
{
	return front_op_link(file, dir, name);
}

static struct front_op op_unlink(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_unlink(dir, name);
}

static struct front_op op_rmdir(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_rmdir(dir, name);
}

static struct front_op op_rename_from(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_rename(dir, name, FRONT_ROOT, "new");
}

static struct front_op op_rename_to(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_rename(FRONT_ROOT, "file", dir, name);
}

static struct front_op op_rename2_from(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_rename2(dir, name, FRONT_ROOT, "new", RENAME_NOREPLACE);
}

static struct front_op op_rename2_to(uint64_t dir, uint64_t file, const char *name)
{
	(void)file;
	return front_op_rename2(FRONT_ROOT, "file", dir, name, RENAME_NOREPLACE);
}

static const struct {
	const char *name;
	bad_op *op;
	bool lookup;
} carriers[] = {
	{ "LOOKUP", op_lookup, true },
	{ "MKDIR", op_mkdir, false },
	{ "MKNOD", op_mknod, false },
	{ "CREATE", op_create, false },
	{ "SYMLINK", op_symlink, false },
	{ "LINK", op_link, false },
	{ "UNLINK", op_unlink, false },
	{ "RMDIR", op_rmdir, false },
	{ "RENAME, old name", op_rename_from, false },
	{ "RENAME, new name", op_rename_to, false },
	{ "RENAME2, old name", op_rename2_from, false },
	{ "RENAME2, new name", op_rename2_to, false },
};

struct escape {
	uint64_t before;
	uint64_t dir;
	uint64_t file;
};

static bool begin(struct check_run *r, struct escape *e)
{
	struct fuse_entry_out dir, file;

	if (!check_host(r, "make a folder", host_mkdir(r->share, "sub", 0755)) ||
	    !check_host(r, "make a folder", host_mkdir(r->share, "sub/sub", 0755)) ||
	    !check_host(r, "make a file", host_write(r->share, "sub/inner", "x", 1)) ||
	    !check_host(r, "make a file", host_write(r->share, "file", "x", 1)) ||
	    !check_host(r, "digest", host_digest(r->share, &e->before)) ||
	    !check_ok(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "sub", &dir)) ||
	    !check_ok(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &file)))
		return false;
	e->dir = dir.nodeid;
	e->file = file.nodeid;
	return true;
}

static int ask(struct check_run *r, const struct front_op *op)
{
	return front_do(r->f, op, NULL, 0, NULL);
}

/* Any error will do, but it must be one, and nothing may come of it. */
static bool refused(struct check_run *r, const struct escape *e, uint64_t dir, const char *name,
		    const int *wanted, size_t count)
{
	for (size_t i = 0; i < ARRAY_SIZE(carriers); i++) {
		struct front_op op = carriers[i].op(dir, e->file, name);
		char what[160];

		(void)snprintf(what, sizeof(what), "%s with a name of %zu bytes, \"%.60s\"",
			       carriers[i].name, strlen(name), name);
		if (!check_one_of(r, wanted, count, what, ask(r, &op)) ||
		    !tree_same(r, e->before, what))
			return false;
	}
	return true;
}

#define REFUSED(r, e, dir, name, ...)                               \
	WANT(refused(r, e, dir, name, (const int[]){ __VA_ARGS__ }, \
		     ARRAY_SIZE(((const int[]){ __VA_ARGS__ }))))

/* What a host says of such names: a folder that is in use, or no file name at all. */
#define ANY_ERROR                                                                                  \
	-EINVAL, -ENOENT, -EEXIST, -EPERM, -EISDIR, -ENOTDIR, -EBUSY, -ENOTEMPTY, -EACCES, -EXDEV, \
		-EIO

static void slashes(struct check_run *r)
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
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		REFUSED(r, &e, FRONT_ROOT, names[i], ANY_ERROR);
	REFUSED(r, &e, e.dir, "../../x", ANY_ERROR);
	REFUSED(r, &e, e.dir, "../file", ANY_ERROR);
	WANT(check_alive(r));
}

static void empty(struct check_run *r)
{
	struct escape e;

	WANT(begin(r, &e));
	REFUSED(r, &e, FRONT_ROOT, "", ANY_ERROR);
	REFUSED(r, &e, e.dir, "", ANY_ERROR);
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
			WANT_ONE_OF(r, what, ask(r, &op), ANY_ERROR);
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
	struct fuse_entry_out dir, e;
	char parent[TREE_PATH];

	NEED(r, r->outside, "a folder beside the share");
	(void)snprintf(parent, sizeof(parent), "%s/..", r->share);
	HOST(r, "make a folder", host_mkdir(r->share, "dir", 0755));
	HOST(r, "make a folder", host_mkdir(r->share, "dir/sub", 0755));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "dir", &dir));
	HOST(r, "move it out of the share", tree_move(r->share, "dir", parent, "moved-out"));
	WANT_ONE_OF(r, "LOOKUP of \"..\" in a folder that was moved out of the share",
		    front_lookup(r->f, dir.nodeid, "..", &e), -EINVAL, -ENOENT, -ESTALE, -EPERM,
		    -EXDEV, -EIO);
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
		REFUSED(r, &e, FRONT_ROOT, name, -ENAMETOOLONG);
	}
}

/*
 * The bytes of a message changed after it was made: @at is where its last name begins, behind @skip
 * bytes; @size the new size of all.
 */
static int ask_cut(struct check_run *r, const struct front_op *op, size_t cut)
{
	struct front_request *q = NULL;
	uint32_t size;
	int e = front_prepare(r->f, op, &q);

	if (e != 0)
		return e;
	e = front_request_resize(q, q->in_size - cut);
	size = (uint32_t)q->in_size;
	memcpy(q->in, &size, sizeof(size));
	/* Every answer is fine that has a header. */
	q->out_min = 0;
	q->out_max = UINT32_MAX;
	if (e == 0)
		e = front_submit(q);
	if (e == 0)
		e = front_wait(q, front_deadline(r->f));
	front_request_free(q);
	return e;
}

static void no_nul(struct check_run *r)
{
	struct escape e;

	WANT(begin(r, &e));
	for (size_t i = 0; i < ARRAY_SIZE(carriers); i++) {
		/* RENAME's old name is not the last: its new one is cut. */
		struct front_op op = carriers[i].op(FRONT_ROOT, e.file, "unended");
		char what[80];

		(void)snprintf(what, sizeof(what), "%s whose last name has no NUL",
			       carriers[i].name);
		WANT_ONE_OF(r, what, ask_cut(r, &op, 1), -EINVAL, -EIO, -EPROTO, -ENOENT);
		WANT(tree_same(r, e.before, what));
	}
	WANT(check_alive(r));
}

static void second_missing(struct check_run *r)
{
	struct front_op ops[] = {
		front_op_rename(FRONT_ROOT, "file", FRONT_ROOT, "new"),
		front_op_rename2(FRONT_ROOT, "file", FRONT_ROOT, "new", 0),
		front_op_symlink(FRONT_ROOT, "new", "abc"),
	};
	struct escape e;

	WANT(begin(r, &e));
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		WANT_ONE_OF(r, "RENAME, RENAME2, SYMLINK with one name instead of two",
			    ask_cut(r, &ops[i], 4), -EINVAL, -EIO, -EPROTO, -ENOENT);
		WANT(tree_same(r, e.before, "a request with one name instead of two"));
	}
	WANT(check_alive(r));
}

static void no_name(struct check_run *r)
{
	struct escape e;

	WANT(begin(r, &e));
	for (size_t i = 0; i < ARRAY_SIZE(carriers); i++) {
		struct front_op op = carriers[i].op(FRONT_ROOT, e.file, "x");
		size_t names = 0;
		char what[64];

		for (unsigned n = 0; n < op.tail_count; n++)
			names += op.tail[n].iov_len;
		(void)snprintf(what, sizeof(what), "%s without any name", carriers[i].name);
		WANT_ONE_OF(r, what, ask_cut(r, &op, names), -EINVAL, -EIO, -EPROTO, -ENOENT);
		WANT(tree_same(r, e.before, what));
	}
	WANT(check_alive(r));
}

/* A name ends at its NUL: what follows is refused, or not looked at. */
static void nul_inside(struct check_run *r)
{
	static const char name[] = "made\0../x";
	struct front_op op = front_op_mkdir(FRONT_ROOT, "", 0755);
	struct front_op look = front_op_lookup(FRONT_ROOT, "");
	CLEANUP(tree_list_free) struct tree_list l = { 0 };
	int e;

	op.tail[0] = (struct iovec){ (void *)name, sizeof(name) };
	look.tail[0] = (struct iovec){ (void *)name, sizeof(name) };
	e = ask(r, &op);
	WANT_ONE_OF(r, "MKDIR of \"made\\0../x\"", e, 0, -EINVAL, -ENOENT);
	WANT_SAME(r, e == 0, "whether \"made\" is there", host_exists(r->share, "made"));
	WANT_ONE_OF(r, "LOOKUP of \"made\\0../x\"", ask(r, &look), 0, -EINVAL, -ENOENT);
	WANT_OK(r, "the listing", tree_list(r->f, FRONT_ROOT, false, 4096, 20, &l));
	for (unsigned i = 0; i < l.count; i++)
		WANT_THAT(r, tree_is_dots(l.item[i].name) || strcmp(l.item[i].name, "made") == 0,
			  "no other name", "\"%.100s\"", l.item[i].name);
}

static const struct check checks[] = {
	{
		.id = "escape.slashes",
		.title = "names with a slash do nothing, in no opcode",
		.rows = "VIRTIO-FS-SEC-006 BUG-06",
		.sends =
			"LOOKUP, MKDIR, MKNOD, CREATE, SYMLINK, LINK, UNLINK, RMDIR, RENAME, RENAME2 "
			"(both names) with 15 names such as \"a/b\", \"/\", \"../x\", \"/etc/xyz\"",
		.wants = "an error each; nothing changes in the share or outside",
		.catches = "name-slash",
		.run = slashes,
	},
	{
		.id = "escape.empty",
		.title = "an empty name does nothing, in no opcode",
		.rows = "VIRTIO-FS-SEC-006 VIRTIO-FS-SEC-010",
		.sends = "all opcodes with a name, with an empty one",
		.wants = "an error each; nothing changes",
		.catches = "name-empty",
		.run = empty,
	},
	{
		.id = "escape.dots",
		.title = "\".\" and \"..\" cannot be made, moved or removed",
		.rows = "VIRTIO-FS-SEC-006",
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
		.wants = "an error",
		.catches = "lost:op=LOOKUP",
		.run = moved_out,
	},
	{
		.id = "escape.too-long",
		.title = "names of more than 255 bytes are ENAMETOOLONG in every opcode",
		.rows = "VIRTIO-FS-QUEUE-006",
		.sends = "all opcodes with a name, with 256, 1000 and 1200 bytes",
		.wants = "ENAMETOOLONG; nothing changes",
		.catches = "name-cut",
		.run = too_long,
	},
	{
		.id = "escape.no-nul",
		.title = "a name without its NUL is refused",
		.rows = "VIRTIO-FS-SEC-010",
		.sends = "all opcodes with a name, the message one byte shorter",
		.wants = "EINVAL, EIO, EPROTO or ENOENT; nothing changes; the device serves on",
		.catches = "name-unended",
		.run = no_nul,
	},
	{
		.id = "escape.one-of-two",
		.title = "RENAME and SYMLINK with one name are refused",
		.rows = "VIRTIO-FS-SEC-010",
		.sends = "RENAME, RENAME2, SYMLINK, their second name left out",
		.wants = "EINVAL, EIO, EPROTO or ENOENT; nothing changes; the device serves on",
		.catches = "lost:op=RENAME lost:op=RENAME2 exit-at:SYMLINK",
		.run = second_missing,
	},
	{
		.id = "escape.no-name",
		.title = "a request without any name is refused",
		.rows = "VIRTIO-FS-SEC-010",
		.sends = "all opcodes with a name, none in the message",
		.wants = "EINVAL, EIO, EPROTO or ENOENT; nothing changes; the device serves on",
		.catches = "lost:op=UNLINK lost:op=RENAME",
		.run = no_name,
	},
	{
		.id = "escape.nul-inside",
		.title = "a name ends at its first NUL",
		.rows = "VIRTIO-FS-SEC-006 VIRTIO-FS-SEC-010",
		.sends = "MKDIR and LOOKUP of \"made\\0../x\"",
		.wants = "\"made\" and nothing else, or EINVAL or ENOENT and nothing at all",
		.catches = "lost:op=MKDIR",
		.run = nul_inside,
	},
};

const struct check_area area_escape = { "escape", "Names that lead astray", checks,
					ARRAY_SIZE(checks) };
