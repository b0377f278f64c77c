// SPDX-License-Identifier: Apache-2.0
/* When a session begins and ends, and what is left of it. */
#include "conformance/device/areas.h"
#include "conformance/device/meta.h"

#define SESSIONS 100

/* Whether it is answered is a check of its own. */
static int destroy(struct check_run *r)
{
	struct front_op op = front_op_destroy();

	op.maybe_no_reply = true;
	return front_do(r->f, &op, NULL, 0, NULL);
}

/* Nothing is served; @nodeid is one that was once good. */
static bool all_refused(struct check_run *r, uint64_t nodeid)
{
	const struct fuse_setattr_in in = { .valid = FATTR_MODE, .mode = 0600 };
	struct front *f = r->f;
	struct fuse_statfs_out statfs;
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	struct fuse_attr_out attr;

	return fails(r, "LOOKUP", front_lookup(f, FRONT_ROOT, "file", &entry)) &&
	       fails(r, "GETATTR", front_getattr(f, nodeid, NULL, &attr)) &&
	       fails(r, "SETATTR", front_setattr(f, nodeid, &in, &attr)) &&
	       fails(r, "OPENDIR", front_opendir(f, FRONT_ROOT, &open)) &&
	       fails(r, "STATFS", front_statfs(f, FRONT_ROOT, &statfs)) &&
	       fails(r, "MKDIR", front_mkdir(f, FRONT_ROOT, "made", 0755, &entry)) &&
	       fails(r, "CREATE",
		     front_create(f, FRONT_ROOT, "made", O_RDWR | O_CREAT, S_IFREG | 0644, &entry,
				  &open)) &&
	       fails(r, "UNLINK", front_unlink(f, FRONT_ROOT, "file"));
}

static void before_init(struct check_run *r)
{
	uint64_t before = 0, after = 0;

	WANT(check_host(r, "make a file", host_fill(r->share, "file", 1000, 1)));
	WANT(check_host(r, "digest", host_digest(r->share, &before)));
	WANT(all_refused(r, FRONT_ROOT));
	WANT(check_host(r, "digest", host_digest(r->share, &after)));
	WANT_SAME(r, before, "digest of the share", after);
	WANT(check_session(r, r->f, 0));
	WANT(check_alive(r));
}

static void destroy_first(struct check_run *r)
{
	int e = destroy(r);

	WANT_THAT(r, e <= 0 && e > -1000, "any answer to DESTROY without a session", "result %d",
		  e);
	WANT(check_session(r, r->f, 0));
	WANT(check_alive(r));
}

struct left {
	uint64_t nodeid;
	uint64_t fh;
	uint64_t dir;
};

/* What a session has: a node, an open file, a folder. */
static bool have(struct check_run *r, struct left *ret)
{
	struct fuse_open_out open;

	if (!check_host(r, "make a folder", host_mkdir(r->share, "dir", 0755)) ||
	    !meta_file(r, "file", &ret->nodeid) || !node_of(r, "dir", &ret->dir) ||
	    !check_ok(r, "OPEN", front_open_file(r->f, ret->nodeid, O_RDWR, &open)))
		return false;
	ret->fh = open.fh;
	return true;
}

static bool nodes_unknown(struct check_run *r, const struct left *l)
{
	static const int unknown[] = { NOT_KNOWN };
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;
	struct fuse_open_out open;
	const size_t n = ARRAY_SIZE(unknown);

	return check_one_of(r, unknown, n, "GETATTR of an old nodeid",
			    front_getattr(r->f, l->nodeid, NULL, &attr)) &&
	       check_one_of(r, unknown, n, "OPEN of an old nodeid",
			    front_open_file(r->f, l->nodeid, O_RDONLY, &open)) &&
	       check_one_of(r, unknown, n, "MKDIR in an old nodeid",
			    front_mkdir(r->f, l->dir, "made", 0755, &entry)) &&
	       check_alive(r);
}

static bool handle_unknown(struct check_run *r, const struct left *l)
{
	static const int unknown[] = { NOT_KNOWN };
	uint8_t data[100] = { 0 };
	uint32_t done = 0;
	uint64_t again;
	size_t got = 0;

	return node_of(r, "file", &again) &&
	       check_one_of(r, unknown, ARRAY_SIZE(unknown), "READ with an old handle",
			    front_read(r->f, again, l->fh, 0, data, sizeof(data), &got)) &&
	       check_one_of(r, unknown, ARRAY_SIZE(unknown), "WRITE with an old handle",
			    front_write(r->f, again, l->fh, 0, data, sizeof(data), &done)) &&
	       check_alive(r);
}

/* The host gives a read lease only for a file that nobody has open to write. */
static bool nobody_writes(struct check_run *r)
{
	CLEANUP(fd_closep) int fd = host_open(r->share, "file", O_RDONLY, 0);

	if (!check_host(r, "open", fd))
		return false;
	return check_that(r, fcntl(fd, F_SETLEASE, F_RDLCK) == 0,
			  "the device has closed the file that was open in its last session",
			  "it is open to write (F_SETLEASE: %s)", strerrorname_np(errno));
}

static void init_forgets_nodes(struct check_run *r)
{
	struct left l;

	WANT(have(r, &l));
	WANT_OK(r, "a second INIT", front_init(r->f, 0, NULL));
	WANT(nodes_unknown(r, &l));
}

static void init_forgets_handles(struct check_run *r)
{
	struct left l;

	WANT(have(r, &l));
	WANT_OK(r, "a second INIT", front_init(r->f, 0, NULL));
	WANT(handle_unknown(r, &l));
}

static void init_closes(struct check_run *r)
{
	struct left l;

	WANT(have(r, &l));
	WANT_OK(r, "a second INIT", front_init(r->f, 0, NULL));
	WANT(check_alive(r));
	WANT(nobody_writes(r));
}

static void init_renegotiates(struct check_run *r)
{
	struct fuse_init_out first, none, again;

	WANT_OK(r, "INIT", front_init(r->f, 0, &first));
	WANT_OK(r, "INIT without flags", front_init_with(r->f, FUSE_KERNEL_VERSION, 38, 0, &none));
	WANT_OK(r, "INIT", front_init(r->f, 0, &again));
	WANT_SAME(r, 0, "flags of the second session that the first had alone",
		  front_init_flags_of(&none) & ~(uint64_t)FUSE_BIG_WRITES);
	WANT_SAME(r, front_init_flags_of(&first), "flags of the third session, as the first",
		  front_init_flags_of(&again));
	WANT(check_alive(r));
}

static void destroy_answered(struct check_run *r)
{
	WANT_OK(r, "DESTROY", front_destroy(r->f));
}

static void destroy_forgets(struct check_run *r)
{
	struct left l;

	WANT(have(r, &l));
	WANT_OK(r, "DESTROY", destroy(r));
	WANT(check_session(r, r->f, 0));
	WANT(nodes_unknown(r, &l));
	WANT(handle_unknown(r, &l));
}

static void destroy_closes(struct check_run *r)
{
	struct left l;

	WANT(have(r, &l));
	WANT_OK(r, "DESTROY", destroy(r));
	WANT(nobody_writes(r));
	WANT(check_session(r, r->f, 0));
	WANT(check_alive(r));
}

static void destroy_ends(struct check_run *r)
{
	uint64_t before = 0, after = 0;
	struct left l;

	WANT(have(r, &l));
	WANT(check_host(r, "digest", host_digest(r->share, &before)));
	WANT_OK(r, "DESTROY", destroy(r));
	WANT(all_refused(r, l.nodeid));
	WANT(check_host(r, "digest", host_digest(r->share, &after)));
	WANT_SAME(r, before, "digest of the share", after);
}

static void many(struct check_run *r)
{
	struct say t;

	WANT(check_host(r, "make a file", host_fill(r->share, "file", 1000, 1)));
	for (unsigned i = 0; i < SESSIONS; i++) {
		struct fuse_open_out open;
		uint64_t nodeid;

		WANT(node_of(r, "file", &nodeid));
		WANT_OK(r, say(&t, "OPEN in session %u", i + 1),
			front_open_file(r->f, nodeid, O_RDWR, &open));
		/* Every second one is ended by the next INIT alone. */
		if (i % 2 == 0)
			WANT_OK(r, "DESTROY", destroy(r));
		WANT_OK(r, say(&t, "INIT of session %u", i + 2), front_init(r->f, 0, NULL));
	}
	WANT(nobody_writes(r));
}

static const struct check checks[] = {
	{
		.id = "session.before-init",
		.title = "nothing is served before INIT",
		.rows = "VIRTIO-FS-INIT-009",
		.sends =
			"LOOKUP, GETATTR, SETATTR, OPENDIR, STATFS, MKDIR, CREATE, UNLINK; then INIT",
		.wants = "errors, a share that is as it was, and a session after INIT",
		.catches = "init-not-needed",
		.start = CHECK_RINGS,
		.run = before_init,
	},
	{
		.id = "session.destroy-first",
		.title = "DESTROY without a session does no harm",
		.rows = "FUSE-INIT-015",
		.sends = "DESTROY, INIT, GETATTR",
		.wants = "any answer to DESTROY, then a session",
		.catches = "exit-at:DESTROY",
		.start = CHECK_RINGS,
		.run = destroy_first,
	},
	{
		.id = "session.init-forgets-nodes",
		.title = "a second INIT makes the nodeids of the first session unknown",
		.rows = "VIRTIO-FS-INIT-005 VIRTIO-FS-INIT-006",
		.sends = "LOOKUP, INIT, then GETATTR, OPEN and MKDIR with the old nodeids",
		.wants = "ESTALE, ENOENT or EBADF",
		.catches = "init-keeps-session init-once",
		.run = init_forgets_nodes,
	},
	{
		.id = "session.init-forgets-handles",
		.title = "a second INIT makes the handles of the first session unknown",
		.rows = "VIRTIO-FS-INIT-005 VIRTIO-FS-INIT-006",
		.sends = "OPEN, INIT, LOOKUP, then READ and WRITE with the old handle",
		.wants = "ESTALE, ENOENT or EBADF",
		.catches = "init-keeps-session",
		.run = init_forgets_handles,
	},
	{
		.id = "session.init-closes",
		.title = "a second INIT closes what the first session had open",
		.rows = "VIRTIO-FS-INIT-006",
		.sends = "OPEN to write, INIT, GETATTR; the host asks for a lease",
		.wants = "the host is given a read lease: nobody has the file open to write",
		.catches = "init-keeps-session",
		.run = init_closes,
	},
	{
		.id = "session.init-renegotiates",
		.title = "each INIT is answered by what it offers",
		.rows = "VIRTIO-FS-INIT-005",
		.sends = "INIT with the flags of Linux, with none, with those of Linux",
		.wants = "no flags the second time, and the third time those of the first",
		.catches = "init-once init-flags-more",
		.start = CHECK_RINGS,
		.run = init_renegotiates,
	},
	{
		.id = "session.destroy-answered",
		.title = "DESTROY is answered",
		.rows = "VIRTIO-FS-QUEUE-023 FUSE-INIT-015",
		.sends = "DESTROY",
		.wants = "an answer of 16 bytes: success",
		.catches = "error:DESTROY:EIO used-len-zero:op=DESTROY",
		.run = destroy_answered,
	},
	{
		.id = "session.destroy-forgets",
		.title = "DESTROY leaves no nodeid and no handle",
		.rows = "FUSE-INIT-015",
		.sends = "LOOKUP, OPEN, DESTROY, INIT; then the old nodeids and handle",
		.wants = "ESTALE, ENOENT or EBADF",
		.catches = "destroy-keeps-session",
		.run = destroy_forgets,
	},
	{
		.id = "session.destroy-closes",
		.title = "DESTROY closes what was open",
		.rows = "FUSE-INIT-015",
		.sends = "OPEN to write, DESTROY; the host asks for a lease",
		.wants = "the host is given a read lease",
		.catches = "destroy-keeps-session",
		.run = destroy_closes,
	},
	{
		.id = "session.destroy-ends",
		.title = "after DESTROY nothing is served",
		.rows = "FUSE-INIT-015 VIRTIO-FS-INIT-009",
		.sends =
			"DESTROY, then LOOKUP, GETATTR, SETATTR, OPENDIR, STATFS, MKDIR, CREATE, UNLINK",
		.wants = "errors, and a share that is as it was",
		.catches = "destroy-keeps-session",
		.run = destroy_ends,
	},
	{
		.id = "session.many",
		.title = "a hundred sessions cost no more than one",
		.rows = "FUSE-INIT-015 VIRTIO-FS-INIT-006",
		.sends =
			"100 times LOOKUP, OPEN, INIT, every second time with DESTROY,; the host asks for a lease",
		.wants = "success each time, and a read lease: none of them left the file open",
		.catches = "init-keeps-session init-once",
		.run = many,
	},
};

const struct check_area area_session = { "session", "Sessions", checks, ARRAY_SIZE(checks) };
