// SPDX-License-Identifier: Apache-2.0
/* Lookup counts: what FORGET and BATCH_FORGET take back. */
#include "conformance/device/areas.h"
#include "conformance/device/tree.h"

static int seen(struct front *f, uint64_t nodeid)
{
	struct fuse_attr_out attr;

	return front_getattr(f, nodeid, NULL, &attr);
}

static void counted(struct check_run *r)
{
	struct fuse_entry_out e;

	HOST(r, "make a file", host_write(r->share, "file", "x", 1));
	for (unsigned i = 0; i < 5; i++)
		WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &e));
	WANT_OK(r, "FORGET of 2 lookups of 5", front_forget(r->f, e.nodeid, 2));
	WANT_OK(r, "GETATTR, 3 lookups being left", seen(r->f, e.nodeid));
	WANT_OK(r, "FORGET of 2 more", front_forget(r->f, e.nodeid, 2));
	WANT_OK(r, "GETATTR, 1 lookup being left", seen(r->f, e.nodeid));
	WANT_OK(r, "FORGET of the last", front_forget(r->f, e.nodeid, 1));
	WANT_NOT_KNOWN(r, "GETATTR, no lookup being left", seen(r->f, e.nodeid));
}

/* Each opcode that answers with an entry; "file" exists. The entry in @ret. */
static int make_by(struct front *f, unsigned how, struct fuse_entry_out *ret)
{
	struct fuse_open_out open;
	int e;

	switch (how) {
	case 0: return front_mkdir(f, FRONT_ROOT, "made", 0755, ret);
	case 1: return front_mknod(f, FRONT_ROOT, "made", S_IFREG | 0644, 0, ret);
	case 2: return front_mknod(f, FRONT_ROOT, "made", S_IFIFO | 0644, 0, ret);
	case 3: return front_symlink(f, FRONT_ROOT, "made", "target", ret);
	default:
		e = front_create(f, FRONT_ROOT, "made", O_RDWR, 0644, ret, &open);
		return e ? e : front_release(f, ret->nodeid, open.fh, 0);
	}
}

static const char *const make_names[] = { "MKDIR", "MKNOD of a file", "MKNOD of a FIFO", "SYMLINK",
					  "CREATE" };

static void each_counts(struct check_run *r)
{
	for (unsigned how = 0; how < ARRAY_SIZE(make_names); how++) {
		struct fuse_entry_out e, again;

		WANT_OK(r, make_names[how], make_by(r->f, how, &e));
		WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "made", &again));
		WANT_SAME(r, e.nodeid, "nodeid, as LOOKUP gives it", again.nodeid);
		WANT_OK(r, "FORGET of one lookup of two", front_forget(r->f, e.nodeid, 1));
		WANT_OK(r, "GETATTR, one being left", seen(r->f, e.nodeid));
		WANT_OK(r, "FORGET of the other", front_forget(r->f, e.nodeid, 1));
		WANT_NOT_KNOWN(r, "GETATTR, none being left", seen(r->f, e.nodeid));
		HOST(r, "remove what was made", host_unlink(r->share, "made"));
	}
}

static void link_counts(struct check_run *r)
{
	struct fuse_entry_out e, linked;

	HOST(r, "make a file", host_write(r->share, "file", "x", 1));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &e));
	WANT_OK(r, "LINK", front_link(r->f, e.nodeid, FRONT_ROOT, "other", &linked));
	WANT_SAME(r, e.nodeid, "nodeid of the link", linked.nodeid);
	WANT_OK(r, "FORGET of one lookup of two", front_forget(r->f, e.nodeid, 1));
	WANT_OK(r, "GETATTR, one being left", seen(r->f, e.nodeid));
	WANT_OK(r, "FORGET of the other", front_forget(r->f, e.nodeid, 1));
	WANT_NOT_KNOWN(r, "GETATTR, none being left", seen(r->f, e.nodeid));
}

/* A failed request has made no lookup. */
static void failure_counts_not(struct check_run *r)
{
	struct fuse_entry_out e, dir;
	struct fuse_open_out open;

	WANT_OK(r, "MKDIR", front_mkdir(r->f, FRONT_ROOT, "dir", 0755, &dir));
	WANT_ERROR(r, -EEXIST, "MKDIR of what is there",
		   front_mkdir(r->f, FRONT_ROOT, "dir", 0755, &e));
	WANT_ERROR(r, -EEXIST, "MKNOD of what is there",
		   front_mknod(r->f, FRONT_ROOT, "dir", S_IFREG | 0644, 0, &e));
	WANT_ERROR(r, -EEXIST, "SYMLINK of what is there",
		   front_symlink(r->f, FRONT_ROOT, "dir", "x", &e));
	WANT_ERROR(
		r, -EEXIST, "CREATE with O_EXCL of what is there",
		front_create(r->f, FRONT_ROOT, "dir", O_RDWR | O_CREAT | O_EXCL, 0644, &e, &open));
	WANT_OK(r, "FORGET of the one lookup", front_forget(r->f, dir.nodeid, 1));
	WANT_NOT_KNOWN(r, "GETATTR, no lookup being left", seen(r->f, dir.nodeid));
}

#define BATCH 100

static void batch(struct check_run *r)
{
	struct fuse_forget_one list[BATCH];

	HOST(r, "make 100 files", tree_many(r->share, BATCH, 4));
	for (unsigned i = 0; i < BATCH; i++) {
		struct fuse_entry_out e;
		char name[16];

		(void)snprintf(name, sizeof(name), "f-%04u", i);
		for (unsigned n = 0; n <= i % 3; n++)
			WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, name, &e));
		list[i] = (struct fuse_forget_one){ e.nodeid, 1 };
	}
	WANT_OK(r, "BATCH_FORGET of one lookup of each", front_batch_forget(r->f, list, BATCH));
	for (unsigned i = 0; i < BATCH; i++) {
		if (i % 3)
			WANT_OK(r, "GETATTR of one that has lookups left",
				seen(r->f, list[i].nodeid));
		else
			WANT_NOT_KNOWN(r, "GETATTR of one that has none",
				       seen(r->f, list[i].nodeid));
	}
}

/* A count that says more than there is, or less; what is said wrong may be left out. */
static void batch_odd(struct check_run *r)
{
	static const uint32_t counts[] = { 0, 1, 3, 1000, UINT32_MAX };
	struct fuse_entry_out e;

	HOST(r, "make a file", host_write(r->share, "file", "x", 1));
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct fuse_forget_one list[2] = { { 0x7777, 1 }, { UINT64_MAX, UINT64_MAX } };
		struct front_op op = front_op_batch_forget(list, ARRAY_SIZE(list));
		struct front_request *q = NULL;
		int result;

		WANT_OK(r, "BATCH_FORGET in the making", front_prepare(r->f, &op, &q));
		memcpy(q->in + sizeof(struct fuse_in_header), &counts[i], sizeof(counts[i]));
		/* The count comes first in struct fuse_batch_forget_in. */
		q->raw = true;
		result = front_submit(q);
		if (result == 0)
			result = front_wait(q, front_deadline(r->f));
		front_request_free(q);
		WANT_THAT(r, result != FRONT_TIMEOUT && result != FRONT_GONE,
			  "the buffer comes back", "count %u: it does not", counts[i]);
	}
	WANT_OK(r, "LOOKUP after that", front_lookup(r->f, FRONT_ROOT, "file", &e));
	WANT_OK(r, "GETATTR", seen(r->f, e.nodeid));
}

static void too_many(struct check_run *r)
{
	static const uint64_t counts[] = { 2, 1000, INT64_MAX, UINT64_MAX - 1, UINT64_MAX };
	struct fuse_entry_out keep;

	HOST(r, "make a file", host_write(r->share, "file", "x", 1));
	HOST(r, "make another", host_write(r->share, "keep", "x", 1));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "keep", &keep));
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct fuse_entry_out e;

		WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &e));
		WANT_OK(r, "FORGET of more lookups than there were",
			front_forget(r->f, e.nodeid, counts[i]));
		WANT_NOT_KNOWN(r, "GETATTR, no lookup being left", seen(r->f, e.nodeid));
		WANT_OK(r, "GETATTR of another file", seen(r->f, keep.nodeid));
	}
}

static void root(struct check_run *r)
{
	struct fuse_forget_one list[2] = { { FRONT_ROOT, 1 }, { FRONT_ROOT, UINT64_MAX } };
	struct fuse_entry_out e;

	HOST(r, "make a file", host_write(r->share, "file", "x", 1));
	WANT_OK(r, "FORGET of the root", front_forget(r->f, FRONT_ROOT, 1));
	WANT(check_alive(r));
	WANT_OK(r, "FORGET of 2^64-1 lookups of the root",
		front_forget(r->f, FRONT_ROOT, UINT64_MAX));
	WANT_OK(r, "BATCH_FORGET of the root, twice", front_batch_forget(r->f, list, 2));
	WANT(check_alive(r));
	WANT_OK(r, "LOOKUP in the root", front_lookup(r->f, FRONT_ROOT, "file", &e));
}

static void unknown(struct check_run *r)
{
	static const uint64_t wild[] = { 0, 0x7777, UINT32_MAX, UINT64_C(1) << 63, UINT64_MAX };
	struct fuse_entry_out e;

	HOST(r, "make a file", host_write(r->share, "file", "x", 1));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &e));
	for (size_t i = 0; i < ARRAY_SIZE(wild); i++)
		WANT_OK(r, "FORGET of a nodeid never given", front_forget(r->f, wild[i], 1));
	WANT_OK(r, "GETATTR of a file that is known", seen(r->f, e.nodeid));
}

static void while_open(struct check_run *r)
{
	struct fuse_entry_out e;
	struct fuse_open_out open;
	char text[8] = "";
	size_t got = 0;
	int result;

	HOST(r, "make a file", host_write(r->share, "file", "abc", 3));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &e));
	WANT_OK(r, "OPEN", front_open_file(r->f, e.nodeid, O_RDONLY, &open));
	WANT_OK(r, "FORGET", front_forget(r->f, e.nodeid, 1));
	/* Linux never asks so; a device may know handles by themselves. */
	result = front_read(r->f, e.nodeid, open.fh, 0, text, 4, &got);
	WANT_ONE_OF(r, "READ by an open handle of a forgotten node", result, 0, NOT_KNOWN);
	if (result == 0)
		WANT_TEXT(r, "abc", "content", text);
	WANT_ONE_OF(r, "RELEASE of it", front_release(r->f, e.nodeid, open.fh, 0), 0, NOT_KNOWN);
	WANT_OK(r, "LOOKUP again", front_lookup(r->f, FRONT_ROOT, "file", &e));
	WANT_OK(r, "OPEN and READ again", tree_reads(r->f, e.nodeid, text, sizeof(text)));
	WANT_TEXT(r, "abc", "content", text);
}

static void parent_first(struct check_run *r)
{
	struct fuse_entry_out dir, e, child;
	char text[8];

	HOST(r, "make a folder", host_mkdir(r->share, "dir", 0755));
	HOST(r, "make a folder in it", host_mkdir(r->share, "dir/sub", 0755));
	HOST(r, "make a file", host_write(r->share, "dir/sub/file", "abc", 3));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "dir", &dir));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, dir.nodeid, "sub", &e));
	WANT_OK(r, "FORGET of the parent", front_forget(r->f, dir.nodeid, 1));
	WANT_OK(r, "LOOKUP in its child", front_lookup(r->f, e.nodeid, "file", &child));
	WANT_OK(r, "OPEN and READ there", tree_reads(r->f, child.nodeid, text, sizeof(text)));
	WANT_TEXT(r, "abc", "content", text);
}

#define RACES 200

/* A LOOKUP and a FORGET of the lookup before it are under way together, on two queues. */
static void against_lookup(struct check_run *r)
{
	struct fuse_entry_out e;

	HOST(r, "make a file", host_write(r->share, "file", "x", 1));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &e));
	for (unsigned i = 0; i < RACES; i++) {
		struct front_op look = front_op_lookup(FRONT_ROOT, "file");
		struct front_op forget = front_op_forget(e.nodeid, 1);
		struct front_request *a = NULL, *b = NULL;
		int first, second;

		WANT_OK(r, "LOOKUP in the making", front_prepare(r->f, &look, &a));
		WANT_OK(r, "FORGET in the making", front_prepare(r->f, &forget, &b));
		first = front_submit(a);
		second = front_submit(b);
		if (first == 0)
			first = front_wait(a, front_deadline(r->f));
		if (second == 0)
			second = front_wait(b, front_deadline(r->f));
		if (first == 0)
			memcpy(&e, a->payload, sizeof(e));
		front_request_free(a);
		front_request_free(b);
		WANT_OK(r, "LOOKUP, beside a FORGET", first);
		WANT_OK(r, "FORGET, beside a LOOKUP", second);
		WANT_OK(r, "GETATTR by the LOOKUP's nodeid", seen(r->f, e.nodeid));
	}
	WANT_OK(r, "FORGET of the last lookup", front_forget(r->f, e.nodeid, 1));
	WANT_NOT_KNOWN(r, "GETATTR, no lookup being left", seen(r->f, e.nodeid));
}

static const struct front_options impatient = { .timeout_ms = 1000 };

static const struct check checks[] = {
	{
		.id = "forget.counted",
		.title = "a node lives until all its lookups are taken back",
		.rows = "VIRTIO-FS-HIPRIO-008",
		.sends = "LOOKUP 5 times; FORGET 2, 2, 1 with GETATTR after each",
		.wants = "success twice; ESTALE, ENOENT or EBADF at last",
		.catches = "forget-drops lost:op=FORGET",
		.run = counted,
	},
	{
		.id = "forget.each-counts",
		.title = "each reply with an entry counts one lookup",
		.rows = "FUSE-ENT-004",
		.sends = "MKDIR, MKNOD, SYMLINK, CREATE, each with LOOKUP, FORGET 1, FORGET 1",
		.wants = "the node is there after the first FORGET and not after the second",
		.catches = "make-uncounted forget-drops lost:op=FORGET",
		.run = each_counts,
	},
	{
		.id = "forget.link-counts",
		.title = "LINK counts a lookup of the file that it links",
		.rows = "FUSE-ENT-004 FUSE-ENT-003",
		.sends = "LOOKUP, LINK, FORGET 1, FORGET 1",
		.wants = "the node is there after the first FORGET and not after the second",
		.catches = "make-uncounted forget-drops",
		.run = link_counts,
	},
	{
		.id = "forget.failure",
		.title = "a request that fails counts no lookup",
		.rows = "FUSE-ENT-004",
		.sends =
			"MKDIR; MKDIR, MKNOD, SYMLINK, CREATE with O_EXCL of the same name; FORGET 1",
		.wants = "EEXIST each; then the node is gone",
		.catches = "lost:op=FORGET",
		.run = failure_counts_not,
	},
	{
		.id = "forget.batch",
		.title = "BATCH_FORGET applies all its entries",
		.rows = "VIRTIO-FS-HIPRIO-010",
		.sends = "LOOKUP of 100 files once to three times; one BATCH_FORGET of 1 each",
		.wants = "files looked up once are gone, the others are there",
		.catches = "batch-forget lost:op=BATCH_FORGET",
		.run = batch,
	},
	{
		.id = "forget.batch-odd",
		.title = "a BATCH_FORGET whose count is wrong does no harm",
		.rows = "VIRTIO-FS-HIPRIO-010 VIRTIO-FS-SEC-010",
		.sends = "BATCH_FORGET with two unknown nodeids and counts 0, 1, 3, 1000, 2^32-1",
		.wants = "the buffer comes back, the device serves on",
		.catches = "exit-at:BATCH_FORGET",
		.front = &impatient,
		.run = batch_odd,
	},
	{
		.id = "forget.too-many",
		.title = "a FORGET of more than there is ends that node and no other",
		.rows = "VIRTIO-FS-HIPRIO-008 BUG-15",
		.sends = "LOOKUP, FORGET of 2, 1000, 2^63-1, 2^64-2, 2^64-1",
		.wants = "the node is gone, another is there, the device serves on",
		.catches = "forget-wraps",
		.run = too_many,
	},
	{
		.id = "forget.root",
		.title = "the root cannot be forgotten",
		.rows = "VIRTIO-FS-HIPRIO-009 BUG-15",
		.sends = "FORGET of nodeid 1 with 1 and 2^64-1; BATCH_FORGET of it",
		.wants = "GETATTR of the root and LOOKUP in it work",
		.catches = "forget-root",
		.run = root,
	},
	{
		.id = "forget.unknown",
		.title = "a FORGET of a nodeid that was never given does nothing",
		.rows = "VIRTIO-FS-HIPRIO-009",
		.sends = "FORGET of nodeids 0, 0x7777, 2^32-1, 2^63, 2^64-1",
		.wants = "the device serves on, and other nodes are there",
		.catches = "exit-at:FORGET",
		.run = unknown,
	},
	{
		.id = "forget.while-open",
		.title = "a FORGET while a file is open breaks nothing",
		.rows = "VIRTIO-FS-SEC-011",
		.sends = "LOOKUP, OPEN, FORGET, READ, RELEASE, LOOKUP, OPEN, READ",
		.wants = "the content or an error at first, the content at last",
		.catches = "lost:op=OPEN",
		.run = while_open,
	},
	{
		.id = "forget.parent-first",
		.title = "a forgotten folder's children work on",
		.rows = "VIRTIO-FS-HIPRIO-008 FUSE-ENT-004",
		.sends =
			"LOOKUP of a folder and of one in it; FORGET of the first; LOOKUP in the second",
		.wants = "success, with the right content",
		.catches = "lookup-first",
		.run = parent_first,
	},
	{
		.id = "forget.against-lookup",
		.title = "a FORGET beside a LOOKUP leaves the count exact",
		.rows = "VIRTIO-FS-HIPRIO-014",
		.sends = "200 times LOOKUP and FORGET 1 of the same file, in flight together",
		.wants = "the nodeid that LOOKUP gave works each time; one FORGET ends it at last",
		.catches = "forget-drops lost:op=FORGET:after=100",
		.run = against_lookup,
	},
};

const struct check_area area_forget = { "forget", "Lookup counts", checks, ARRAY_SIZE(checks) };
