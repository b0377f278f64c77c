// SPDX-License-Identifier: Apache-2.0
/* CREATE and TMPFILE. */
#include "conformance/device/areas.h"
#include "conformance/device/files.h"

#define BYTES  5000
#define RACERS 16
#define MODE   (S_IFREG | 0644)
/* As Linux sends it with CREATE. */
#define MAKE (O_RDWR | O_CREAT)

static void made(struct check_run *r)
{
	static const uint32_t flags[] = { O_WRONLY, O_RDWR, O_RDWR | O_EXCL, O_RDWR | O_TRUNC };
	struct fuse_attr_out attr;
	struct say name;
	struct opened o;
	uint8_t data[BYTES];

	host_bytes(data, 0, sizeof(data), FILES_SEED);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		(void)say(&name, "new-%zu", i);
		WANT_OK(r, "CREATE", files_create(r, name.text, flags[i] | O_CREAT, &o));
		WANT(files_write(r, &o, 0, data, sizeof(data)));
		WANT(files_hold(r, name.text, data, sizeof(data)));
		if ((flags[i] & O_ACCMODE) == O_RDWR)
			WANT(files_read(r, &o, 0, BYTES, data, sizeof(data)));
		WANT_OK(r, "GETATTR of what was created",
			front_getattr(r->f, o.nodeid, &o.fh, &attr));
		WANT_SAME(r, BYTES, "its size", attr.attr.size);
		WANT(files_release(r, &o));
	}
}

/* One lookup: the second FORGET would be of something else. */
static void counts_one(struct check_run *r)
{
	struct fuse_attr_out attr;
	struct opened o;

	WANT_OK(r, "CREATE", files_create(r, "new", MAKE, &o));
	WANT(files_release(r, &o));
	WANT_OK(r, "GETATTR", front_getattr(r->f, o.nodeid, NULL, &attr));
	WANT_OK(r, "FORGET of one lookup", front_forget(r->f, o.nodeid, 1));
	WANT_ONE_OF(r, "GETATTR of what was forgotten", front_getattr(r->f, o.nodeid, NULL, &attr),
		    NOT_KNOWN);
}

static void exclusive(struct check_run *r)
{
	struct opened o;

	WANT(check_host(r, "make a file", host_fill(r->share, "file", BYTES, FILES_SEED)));
	WANT_ERROR(r, -EEXIST, "CREATE with O_EXCL of a name that is there",
		   files_create(r, "file", MAKE | O_EXCL, &o));
	WANT_ERROR(r, -EEXIST, "CREATE with O_EXCL | O_TRUNC of a name that is there",
		   files_create(r, "file", MAKE | O_EXCL | O_TRUNC, &o));
	WANT(files_keep(r, BYTES));
}

/* All of them in the ring before the device hears of any. */
static void race(struct check_run *r, struct front_request *list[RACERS], unsigned *ret_won)
{
	struct say t;

	for (unsigned i = 0; i < RACERS; i++) {
		struct front_op op = front_op_create(FRONT_ROOT, "new", MAKE | O_EXCL, MODE);

		WANT(check_host(r, "request", front_prepare(r->f, &op, &list[i])));
		WANT(check_host(r, "ring", front_enqueue(list[i])));
	}
	front_kick(r->f, list[0]->queue);
	for (unsigned i = 0; i < RACERS; i++) {
		int e = front_wait(list[i], front_deadline(r->f));

		WANT_ONE_OF(r, say(&t, "CREATE %u of %u", i, RACERS), e, 0, -EEXIST);
		*ret_won += e == 0;
	}
}

static void exclusive_race(struct check_run *r)
{
	struct front_request *list[RACERS] = { NULL };
	unsigned won = 0;

	race(r, list, &won);
	for (unsigned i = 0; i < RACERS; i++)
		front_request_free(list[i]);
	if (r->verdict == CHECK_UNSET)
		WANT_SAME(r, 1, "how many of them succeed", won);
}

static void existing_kept(struct check_run *r)
{
	struct opened o;
	uint8_t data[BYTES];
	int e;

	WANT(check_host(r, "make a file", host_fill(r->share, "file", BYTES, FILES_SEED)));
	e = files_create(r, "file", MAKE, &o);
	WANT_OK(r, "CREATE of a name that is there", e);
	WANT(files_keep(r, BYTES));
	host_bytes(data, 0, sizeof(data), FILES_SEED);
	WANT(files_read(r, &o, 0, BYTES, data, sizeof(data)));
	WANT(check_alive(r));
}

static void existing_cut(struct check_run *r)
{
	struct opened o;
	int e;

	WANT(check_host(r, "make a file", host_fill(r->share, "file", BYTES, FILES_SEED)));
	e = files_create(r, "file", MAKE | O_TRUNC, &o);
	WANT_OK(r, "CREATE with O_TRUNC of a name that is there", e);
	WANT(files_size(r, "file", 0));
	WANT(check_alive(r));
}

/* What has the name already is no regular file. */
static void over_others(struct check_run *r)
{
	static const char *const names[] = { "link", "dangling", "dir", "fifo" };
	struct say t;
	struct opened o;
	uint64_t before, now;
	char path[512];

	WANT(check_host(r, "make a link", host_symlink(r->share, "link", "../outside/secret")));
	WANT(check_host(r, "make a link", host_symlink(r->share, "dangling", "../outside/new")));
	WANT(check_host(r, "make a folder", host_mkdir(r->share, "dir", 0755)));
	(void)snprintf(path, sizeof(path), "%s/fifo", r->share);
	WANT_HOST(r, "make a FIFO", mkfifo(path, 0644));
	WANT(check_host(r, "digest", host_digest(r->share, &before)));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		WANT_ONE_OF(r, say(&t, "CREATE over a %s", names[i]),
			    files_create(r, names[i], MAKE | O_TRUNC, &o), -EEXIST, -EISDIR, -ELOOP,
			    -EBADF, -ENXIO);
	WANT(check_host(r, "digest", host_digest(r->share, &now)));
	WANT_THAT(r, before == now, "nothing in the share changes", "it has changed");
	WANT(check_alive(r));
}

/* Success or not, never half of it. */
static void odd_flags(struct check_run *r)
{
	static const uint32_t flags[] = { O_RDWR | O_DIRECTORY, O_PATH, O_TMPFILE | O_RDWR,
					  0x80000000U | O_RDWR, O_ACCMODE };
	struct say name, t;
	struct opened o;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		int e;

		(void)say(&name, "odd-%zu", i);
		e = files_create(r, name.text, flags[i] | O_CREAT, &o);
		WANT_ONE_OF(r, say(&t, "CREATE with flags 0x%x", flags[i]), e, 0, -EINVAL, -ENOTDIR,
			    -EISDIR, -EEXIST, -EPERM, -EACCES, -EOPNOTSUPP, -ENOENT);
		WANT_THAT(r, host_exists(r->share, name.text) == (e == 0),
			  "a file if it was successful, none if not", "CREATE with flags 0x%x: %s",
			  flags[i], e == 0 ? "success, and no file" : "an error, and a file");
	}
	WANT(check_alive(r));
}

/* Who makes a file may write it, whatever its mode says of others. */
static void mode_zero(struct check_run *r)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	struct opened o;
	struct stat st;

	WANT_OK(r, "CREATE with mode 0",
		front_create(r->f, FRONT_ROOT, "new", MAKE, S_IFREG, &entry, &open));
	o = (struct opened){ entry.nodeid, open.fh, open.open_flags };
	WANT(files_write(r, &o, 0, "text", 4));
	WANT(files_hold(r, "new", "text", 4));
	WANT(check_host(r, "stat", host_stat(r->share, "new", &st)));
	WANT_SAME(r, 0, "its mode", st.st_mode & 07777);
}

static void bad_parent(struct check_run *r)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	uint64_t file, dir;
	char path[512];

	WANT(check_host(r, "make a file", host_fill(r->share, "file", BYTES, FILES_SEED)));
	WANT(check_host(r, "make a folder", host_mkdir(r->share, "dir", 0755)));
	WANT(node_of(r, "file", &file));
	WANT(node_of(r, "dir", &dir));
	(void)snprintf(path, sizeof(path), "%s/dir", r->share);
	WANT_HOST(r, "remove it", rmdir(path));
	WANT_ERROR(r, -ENOTDIR, "CREATE in a file",
		   front_create(r->f, file, "new", MAKE, MODE, &entry, &open));
	WANT_ONE_OF(r, "CREATE in a folder that was removed",
		    front_create(r->f, dir, "new", MAKE, MODE, &entry, &open), -ENOENT, -ESTALE);
	WANT_ONE_OF(r, "CREATE in a nodeid that was never given",
		    front_create(r->f, UINT64_MAX, "new", MAKE, MODE, &entry, &open), NOT_KNOWN);
}

static void nameless(struct check_run *r)
{
	struct fuse_entry_out entry, linked;
	struct fuse_open_out open;
	uint64_t before, now;
	struct opened o;
	int e;

	WANT(check_host(r, "digest", host_digest(r->share, &before)));
	e = front_tmpfile(r->f, FRONT_ROOT, O_RDWR, MODE, &entry, &open);
	WANT_ONE_OF(r, "TMPFILE", e, 0, -ENOSYS, -EOPNOTSUPP);
	WANT(check_host(r, "digest", host_digest(r->share, &now)));
	WANT_THAT(r, before == now, "no name in the share", "it has changed");
	if (e != 0)
		return;
	o = (struct opened){ entry.nodeid, open.fh, open.open_flags };
	WANT(files_write(r, &o, 0, "text", 4));
	WANT_OK(r, "LINK gives it a name",
		front_link(r->f, entry.nodeid, FRONT_ROOT, "named", &linked));
	WANT(files_hold(r, "named", "text", 4));
}

static const struct check checks[] = {
	{
		.id = "create.handle-works",
		.title = "CREATE makes a file and opens it as asked",
		.rows = "FUSE-OPEN-009 FUSE-FILE-001",
		.sends = "CREATE with O_WRONLY, O_RDWR, O_EXCL, O_TRUNC; WRITE, READ, GETATTR",
		.wants = "success; the bytes are in the host's file",
		.catches = "write-lost write-shifted attr-size",
		.run = made,
	},
	{
		.id = "create.counts-one-lookup",
		.title = "CREATE counts one lookup",
		.rows = "FUSE-OPEN-009 FUSE-ENT-004",
		.sends = "CREATE, RELEASE, GETATTR, FORGET of one lookup, GETATTR",
		.wants = "the nodeid is known before FORGET and unknown after it",
		.catches = "error:GETATTR:EIO:after=1",
		.run = counts_one,
	},
	{
		.id = "create.exclusive",
		.title = "CREATE with O_EXCL of a name that is there is EEXIST",
		.rows = "FUSE-OPEN-009",
		.sends = "CREATE with O_EXCL, and with O_EXCL | O_TRUNC, of a file of the host",
		.wants = "EEXIST; the file is as it was",
		.catches = "excl-ignored preload:open-no-excl",
		.run = exclusive,
	},
	{
		.id = "create.exclusive-race",
		.title = "of several CREATEs with O_EXCL at once one succeeds",
		.rows = "MULTI-009 FUSE-OPEN-009",
		.sends = "16 CREATEs of one new name with O_EXCL, all in flight",
		.wants = "success for one, EEXIST for all others",
		.catches = "excl-ignored preload:open-no-excl",
		.run = exclusive_race,
	},
	{
		.id = "create.existing-kept",
		.title = "CREATE without O_EXCL opens the file that is there",
		.rows = "FUSE-OPEN-009 VIRTIO-FS-SEC-010",
		.sends = "CREATE with O_RDWR | O_CREAT of a file of the host",
		.wants = "success and a handle that reads it; the file is as it was",
		.catches = "exit-at:CREATE",
		.run = existing_kept,
	},
	{
		.id = "create.existing-truncated",
		.title = "CREATE with O_TRUNC empties the file that is there",
		.rows = "FUSE-OPEN-007",
		.sends = "CREATE with O_RDWR | O_CREAT | O_TRUNC of a file of the host",
		.wants = "success and an empty file",
		.catches = "trunc-ignored",
		.init = FUSE_ATOMIC_O_TRUNC,
		.run = existing_cut,
	},
	{
		.id = "create.over-others",
		.title =
			"CREATE over a link, a folder or a FIFO follows, changes and blocks nothing",
		.rows = "VIRTIO-FS-SEC-014 VIRTIO-FS-SEC-006",
		.sends =
			"CREATE with O_TRUNC over a link out of the share, a dangling one, a folder, a "
			"FIFO",
		.wants =
			"EEXIST, EISDIR, ELOOP, EBADF or ENXIO at once; share and the folder beside it are as they were",
		.catches = "error:CREATE:EIO preload:open-follow",
		.front = &(const struct front_options){ .timeout_ms = 2000 },
		.run = over_others,
	},
	{
		.id = "create.odd-flags",
		.title = "a CREATE that fails leaves no file, one that succeeds does",
		.rows = "FUSE-FILE-001",
		.sends = "CREATE with O_DIRECTORY, O_PATH, O_TMPFILE, bit 31, access mode 3",
		.wants = "success with a file, or an error without one; the device goes on",
		.catches = "exit-at:CREATE:after=2",
		.run = odd_flags,
	},
	{
		.id = "create.mode-zero",
		.title = "a file created with mode 0 can be written by its handle",
		.rows = "FUSE-FILE-001",
		.sends = "CREATE with O_RDWR and mode 0; WRITE",
		.wants = "success; mode 0 and the bytes on the host",
		.catches = "write-lost error:WRITE:EACCES",
		.run = mode_zero,
	},
	{
		.id = "create.bad-parent",
		.title = "CREATE in what is no folder of the share is refused",
		.rows = "FUSE-NAME-002 VIRTIO-FS-SEC-011",
		.sends = "CREATE in a file, in a folder that was removed, in an unknown nodeid",
		.wants = "ENOTDIR; ENOENT or ESTALE; ESTALE, ENOENT or EBADF",
		.catches = "error:CREATE:EIO",
		.run = bad_parent,
	},
	{
		.id = "create.tmpfile",
		.title = "TMPFILE makes a file without a name, or does not exist",
		.rows = "VIRTIO-FS-QUEUE-018 FUSE-FILE-010",
		.sends = "TMPFILE in the root, WRITE, LINK",
		.wants = "ENOSYS or EOPNOTSUPP; or no name appears, and LINK gives one",
		.catches = "error:TMPFILE:EIO write-lost preload:link-lost",
		.run = nameless,
	},
};

const struct check_area area_create = { "create", "Creating files", checks, ARRAY_SIZE(checks) };
