// SPDX-License-Identifier: Apache-2.0
/* Handles: from OPEN to RELEASE, and what comes after it. */
#include "conformance/device/areas.h"
#include "conformance/device/files.h"
#include "conformance/device/process.h"

#include <sys/resource.h>

#define BYTES	  2000
#define THOUSAND  1000
#define CYCLES	  100
#define IN_FLIGHT 24
#define FEW	  200

static bool reads(struct check_run *r, const struct opened *o)
{
	uint8_t data[BYTES];

	host_bytes(data, 0, sizeof(data), FILES_SEED);
	return files_read(r, o, 0, BYTES, data, sizeof(data));
}

/* By its handle a file lives on. */
static void nameless(struct check_run *r, const struct opened *o)
{
	struct fuse_setattr_in in = { .valid = FATTR_SIZE | FATTR_FH, .size = 2, .fh = o->fh };
	struct fuse_attr_out attr;

	WANT(reads(r, o));
	WANT(files_write(r, o, 0, "xyz", 3));
	WANT(files_read(r, o, 0, 3, "xyz", 3));
	WANT_OK(r, "GETATTR by its handle", front_getattr(r->f, o->nodeid, &o->fh, &attr));
	WANT_SAME(r, BYTES, "size", attr.attr.size);
	WANT_SAME(r, 0, "links", attr.attr.nlink);
	WANT_OK(r, "SETATTR of size 2 by its handle", front_setattr(r->f, o->nodeid, &in, &attr));
	WANT(files_read(r, o, 0, 10, "xy", 2));
	WANT(files_release(r, o));
}

static void unlinked(struct check_run *r)
{
	struct opened o;

	WANT(files_have(r, BYTES, O_RDWR, &o));
	WANT_OK(r, "UNLINK", front_unlink(r->f, FRONT_ROOT, "file"));
	WANT_THAT(r, !host_exists(r->share, "file"), "the name is gone", "it is there");
	nameless(r, &o);
}

static void unlinked_by_host(struct check_run *r)
{
	struct opened o;

	WANT(files_have(r, BYTES, O_RDWR, &o));
	WANT(check_host(r, "unlink", host_unlink(r->share, "file")));
	nameless(r, &o);
}

static void each_its_own(struct check_run *r)
{
	struct opened o[8];

	for (size_t i = 0; i < ARRAY_SIZE(o); i++)
		WANT(files_have(r, BYTES, O_RDONLY, &o[i]));
	for (size_t i = 0; i < ARRAY_SIZE(o); i++) {
		WANT(files_release(r, &o[i]));
		for (size_t j = i + 1; j < ARRAY_SIZE(o); j++)
			WANT(reads(r, &o[j]));
	}
}

static void released(struct check_run *r)
{
	struct opened o;
	uint64_t at;
	uint8_t byte;

	WANT(files_have(r, BYTES, O_RDWR, &o));
	WANT(files_release(r, &o));
	WANT_NOT_KNOWN(r, "READ by a handle that was released",
		       front_read(r->f, o.nodeid, o.fh, 0, &byte, 1, NULL));
	WANT_NOT_KNOWN(r, "WRITE by a handle that was released",
		       front_write(r->f, o.nodeid, o.fh, 0, "x", 1, NULL));
	WANT_ONE_OF(r, "FALLOCATE by a handle that was released",
		    front_fallocate(r->f, o.nodeid, o.fh, 0, 10, 0), NOT_KNOWN, -ENOSYS);
	WANT_ONE_OF(r, "LSEEK by a handle that was released",
		    front_lseek(r->f, o.nodeid, o.fh, 0, SEEK_DATA, &at), NOT_KNOWN, -ENOSYS);
	/* Nobody looks at what RELEASE says. */
	WANT_ONE_OF(r, "RELEASE again", front_release(r->f, o.nodeid, o.fh, 0), 0, NOT_KNOWN);
	WANT(files_keep(r, BYTES));
	WANT(check_alive(r));
}

static void costs_nothing(struct check_run *r)
{
	unsigned before, after;
	struct opened o;
	struct fuse_open_out dir;

	NEED(r, check_daemon_pid(r) != 0, "a daemon that this program has started");
	for (unsigned i = 0; i < 2; i++) {
		WANT(files_have(r, BYTES, O_RDWR, &o));
		WANT(files_release(r, &o));
	}
	before = process_descriptors(check_daemon_pid(r), 0);
	for (unsigned i = 0; i < CYCLES; i++) {
		WANT_OK(r, "OPEN", files_open(r, "file", O_RDWR, &o));
		WANT(files_release(r, &o));
		WANT_OK(r, "OPENDIR", front_opendir(r->f, FRONT_ROOT, &dir));
		WANT_OK(r, "RELEASEDIR", front_releasedir(r->f, FRONT_ROOT, dir.fh));
	}
	after = process_descriptors(check_daemon_pid(r), 0);
	WANT_RANGE(r, 0, before + 4, "descriptors of the device after 100 OPENs and RELEASEs",
		   after);
}

/* Rejected or ignored, but the same for READ and WRITE. */
static void other_node(struct check_run *r)
{
	struct opened o, mixed;
	uint8_t seen[4] = { 0 };
	uint8_t wanted[4];
	int read, write;

	WANT(files_have(r, BYTES, O_RDWR, &o));
	WANT(check_host(r, "make another", host_fill(r->share, "other", BYTES, 9)));
	mixed.fh = o.fh;
	WANT(node_of(r, "other", &mixed.nodeid));
	read = front_read(r->f, mixed.nodeid, mixed.fh, 0, seen, sizeof(seen), NULL);
	WANT_ONE_OF(r, "READ by the handle of another nodeid", read, 0, NOT_KNOWN);
	host_bytes(wanted, 0, sizeof(wanted), FILES_SEED);
	if (read == 0)
		WANT(check_same_bytes(r, wanted, sizeof(wanted), "bytes of the handle's own file",
				      seen, sizeof(seen)));
	write = front_write(r->f, mixed.nodeid, mixed.fh, 0, wanted, sizeof(wanted), NULL);
	WANT_THAT(r, (read == 0) == (write == 0), "READ and WRITE agree",
		  "READ says %d, WRITE says %d", read, write);
	WANT(files_keep(r, BYTES));
	host_bytes(wanted, 0, sizeof(wanted), 9);
	WANT_OK(r, "OPEN of the other", files_open(r, "other", O_RDONLY, &mixed));
	WANT(files_read(r, &mixed, 0, sizeof(wanted), wanted, sizeof(wanted)));
}

static void unknown(struct check_run *r)
{
	struct say t;
	struct opened o;
	uint8_t bytes[4096];

	WANT(files_have(r, BYTES, O_RDWR, &o));
	const uint64_t list[] = {
		o.fh + 1000, o.fh + (UINT64_C(1) << 32), o.fh + (UINT64_C(1) << 63),
		UINT64_MAX,  UINT64_C(1) << 31,		 0x7ffffff0
	};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		(void)say(&t, "fh 0x%llx, where 0x%llx is open", (unsigned long long)list[i],
			  (unsigned long long)o.fh);
		WANT_NOT_KNOWN(r, t.text, front_read(r->f, o.nodeid, list[i], 0, bytes, 1, NULL));
		WANT_NOT_KNOWN(r, t.text, front_write(r->f, o.nodeid, list[i], 0, "x", 1, NULL));
		WANT_NOT_KNOWN(
			r, t.text,
			front_readdir(r->f, FRONT_ROOT, list[i], 0, bytes, sizeof(bytes), NULL));
		WANT_ONE_OF(r, t.text, front_release(r->f, o.nodeid, list[i], 0), 0, NOT_KNOWN);
		WANT_ONE_OF(r, t.text, front_releasedir(r->f, FRONT_ROOT, list[i]), 0, NOT_KNOWN);
	}
	WANT(files_keep(r, BYTES));
	WANT(reads(r, &o));
}

/* A handle of one kind where one of the other belongs. */
static void wrong_kind(struct check_run *r)
{
	struct fuse_open_out dir;
	struct opened o;
	uint8_t bytes[4096];

	WANT(files_have(r, BYTES, O_RDWR, &o));
	WANT_OK(r, "OPENDIR", front_opendir(r->f, FRONT_ROOT, &dir));
	/* Where files and folders are counted apart the other kind has that number too, or nobody has. */
	WANT_ONE_OF(r, "READ by the handle of a folder",
		    front_read(r->f, FRONT_ROOT, dir.fh, 0, bytes, 10, NULL), -EISDIR, -EBADF,
		    -EINVAL, 0);
	WANT_ONE_OF(r, "WRITE by the handle of a folder",
		    front_write(r->f, FRONT_ROOT, dir.fh, 0, "", 0, NULL), -EISDIR, -EBADF, -EINVAL,
		    0);
	WANT_ONE_OF(r, "READDIR by the handle of a file",
		    front_readdir(r->f, o.nodeid, o.fh, 0, bytes, sizeof(bytes), NULL), -ENOTDIR,
		    -EBADF, -EINVAL, 0);
	WANT(files_keep(r, BYTES));
	WANT_ONE_OF(r, "RELEASEDIR of a file's handle", front_releasedir(r->f, o.nodeid, o.fh), 0,
		    -EBADF, -ENOTDIR, -EINVAL);
	WANT_ONE_OF(r, "RELEASE of a folder's handle", front_release(r->f, FRONT_ROOT, dir.fh, 0),
		    0, -EBADF, -EISDIR, -EINVAL);
	WANT(check_alive(r));
	WANT(files_have(r, BYTES, O_RDWR, &o));
	WANT(reads(r, &o));
}

static void thousand(struct check_run *r)
{
	CLEANUP(freep) struct opened *o = calloc(THOUSAND, sizeof(*o));
	uint8_t bytes[2];

	WANT(check_host(r, "memory", o ? 0 : -ENOMEM));
	WANT(files_have(r, BYTES, O_RDONLY, &o[0]));
	for (unsigned i = 1; i < THOUSAND; i++) {
		struct fuse_open_out open;

		WANT_OK(r, "one of 1000 OPENs",
			front_open_file(r->f, o[0].nodeid, O_RDONLY, &open));
		o[i] = (struct opened){ o[0].nodeid, open.fh, 0 };
	}
	for (unsigned i = 0; i < THOUSAND; i++) {
		host_bytes(bytes, i, sizeof(bytes), FILES_SEED);
		WANT(files_read(r, &o[i], i, sizeof(bytes), bytes, sizeof(bytes)));
		WANT(files_release(r, &o[i]));
	}
}

/* The limit is set once it runs: what it needs by itself it has by then. */
static bool few_descriptors(struct check_run *r)
{
	pid_t tree[PROCESS_MAX];
	unsigned count;

	if (!check_has(r, check_daemon_pid(r) != 0, "a daemon that this program has started"))
		return false;
	count = process_tree((pid_t)check_daemon_pid(r), tree);
	for (unsigned i = 0; i < count; i++) {
		struct rlimit limit;

		if (!check_host(r, "prlimit",
				prlimit(tree[i], RLIMIT_NOFILE, NULL, &limit) < 0 ? -errno : 0))
			return false;
		limit.rlim_cur = FEW;
		if (!check_host(r, "prlimit",
				prlimit(tree[i], RLIMIT_NOFILE, &limit, NULL) < 0 ? -errno : 0))
			return false;
	}
	return true;
}

static void run_out(struct check_run *r)
{
	struct opened o[FEW + 10];
	size_t count = 1;
	int e = 0;

	WANT(files_have(r, BYTES, O_RDONLY, &o[0]));
	WANT(few_descriptors(r));
	while (count < ARRAY_SIZE(o) && e == 0) {
		struct fuse_open_out open;

		e = front_open_file(r->f, o[0].nodeid, O_RDONLY, &open);
		if (e == 0)
			o[count++] = (struct opened){ o[0].nodeid, open.fh, 0 };
	}
	WANT_ONE_OF(r, "OPEN when the device's descriptors have run out", e, -EMFILE, -ENFILE);
	WANT(reads(r, &o[0]));
	for (size_t i = 0; i < count; i++)
		WANT(files_release(r, &o[i]));
	WANT_OK(r, "OPEN after all were released", files_open(r, "file", O_RDONLY, &o[0]));
	WANT(reads(r, &o[0]));
}

/* What is asked for before RELEASE may be served before or after it. */
static void in_flight(struct check_run *r)
{
	struct front_request *list[IN_FLIGHT] = { NULL };
	struct opened o[IN_FLIGHT / 2];
	bool good = true;

	for (unsigned i = 0; i < IN_FLIGHT && good; i++) {
		struct opened *h = &o[i / 2];
		struct front_op op;

		if (i % 2 == 0)
			good = files_have(r, BYTES, O_RDONLY, h);
		op = i % 2 ? front_op_release(h->nodeid, h->fh, O_RDONLY)
			   : front_op_read(h->nodeid, h->fh, 0, BYTES);
		good = good && check_host(r, "request", front_prepare(r->f, &op, &list[i]));
	}
	for (unsigned i = 0; i < IN_FLIGHT && good; i++)
		good = check_host(r, "ring", front_enqueue(list[i]));
	if (good)
		front_kick(r->f, list[0]->queue);
	for (unsigned i = 0; i < IN_FLIGHT && good; i++) {
		int e = front_wait(list[i], front_deadline(r->f));

		good = i % 2 ? check_ok(r, "RELEASE behind a READ in flight", e)
			     : check_one_of(r, (const int[]){ 0, NOT_KNOWN }, 4,
					    "READ in flight before RELEASE", e);
		if (good && i % 2 == 0 && e == 0)
			good = check_same(r, BYTES, "bytes of READ", list[i]->payload_size);
	}
	for (unsigned i = 0; i < IN_FLIGHT; i++)
		front_request_free(list[i]);
	if (good)
		(void)check_alive(r);
}

static void release_flags(struct check_run *r)
{
	static const uint32_t flags[] = { FUSE_RELEASE_FLUSH, FUSE_RELEASE_FLOCK_UNLOCK,
					  FUSE_RELEASE_FLUSH | FUSE_RELEASE_FLOCK_UNLOCK };
	struct opened o;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct front_op op;
		struct fuse_release_in in;
		uint8_t byte;

		WANT(files_have(r, BYTES, O_RDWR, &o));
		op = front_op_release(o.nodeid, o.fh, O_RDWR);
		memcpy(&in, op.arg, sizeof(in));
		in.release_flags = flags[i];
		in.lock_owner = 77;
		memcpy(op.arg, &in, sizeof(in));
		WANT_OK(r, "RELEASE with flags", front_do(r->f, &op, NULL, 0, NULL));
		WANT_NOT_KNOWN(r, "READ after it",
			       front_read(r->f, o.nodeid, o.fh, 0, &byte, 1, NULL));
	}
}

/* Wrong of the driver: it forgets what it has open. */
static void forgotten(struct check_run *r)
{
	struct opened o;
	uint8_t byte;

	WANT(files_have(r, BYTES, O_RDWR, &o));
	WANT_OK(r, "FORGET of an open file", front_forget(r->f, o.nodeid, 1));
	WANT_ONE_OF(r, "READ of what was forgotten",
		    front_read(r->f, o.nodeid, o.fh, 0, &byte, 1, NULL), 0, NOT_KNOWN);
	WANT_ONE_OF(r, "RELEASE of what was forgotten", front_release(r->f, o.nodeid, o.fh, O_RDWR),
		    0, NOT_KNOWN);
	WANT(check_alive(r));
	WANT_OK(r, "OPEN anew", files_open(r, "file", O_RDWR, &o));
	WANT(reads(r, &o));
}

/* clang-format off */
static const struct check checks[] = {
	{ "life.unlinked", "a file that was unlinked lives on by its handle", "FUSE-FILE-010",
	  "OPEN, UNLINK; READ, WRITE, GETATTR, SETATTR by the handle", "success; 0 links",
	  "error:READ:ENOENT error:SETATTR:ENOENT preload:unlink-lost", .run = unlinked },
	{ "life.unlinked-by-host", "a file that the host unlinks lives on by its handle",
	  "FUSE-FILE-010 BUG-45", "OPEN; the host unlinks; READ, WRITE, GETATTR, SETATTR by the handle",
	  "success; 0 links", "error:READ:ENOENT error:GETATTR:ESTALE error:SETATTR:ENOENT",
	  .run = unlinked_by_host },
	{ "life.each-its-own", "RELEASE of one handle leaves the others alone", "FUSE-FILE-010",
	  "8 OPENs of one file; RELEASE of each, READ by all that are left", "the file's bytes",
	  "error:READ:EBADF:after=3", .run = each_its_own },
	{ "life.released", "a handle that was released is unknown", "VIRTIO-FS-SEC-011 FUSE-FILE-010",
	  "RELEASE; READ, WRITE, FALLOCATE, LSEEK, RELEASE by the same handle",
	  "EBADF, ENOENT or ESTALE (0 for RELEASE); the file is as it was", "release-keeps", .run = released },
	{ "life.costs-nothing", "what was released costs the device no descriptor",
	  "FUSE-FILE-010 BUG-01", "100 times OPEN, RELEASE, OPENDIR, RELEASEDIR",
	  "the device has as many descriptors as before", "release-keeps preload:close-lost",
	  .run = costs_nothing },
	{ "life.other-node", "the handle of another nodeid is rejected or ignored, always the same way",
	  "VIRTIO-FS-SEC-011", "READ and WRITE with the nodeid of one file and the handle of another",
	  "an error for both, or both are of the handle's file", "handle-any:op=READ", .run = other_node },
	{ "life.unknown", "what was never a handle is unknown", "VIRTIO-FS-SEC-011",
	  "READ, WRITE, READDIR, RELEASE, RELEASEDIR with six handles that are not open",
	  "EBADF, ENOENT or ESTALE (0 for RELEASE and RELEASEDIR); what is open stays open",
	  "error:READ:EIO exit-at:RELEASE", .run = unknown },
	{ "life.wrong-kind", "handles of files and folders mixed up harm nobody",
	  "VIRTIO-FS-SEC-010 VIRTIO-FS-SEC-011",
	  "READ and WRITE by a folder's handle, READDIR by a file's, RELEASEDIR of a file's, RELEASE of "
	  "a folder's", "an error, or nothing of note; the device goes on",
	  "exit-at:RELEASEDIR error:READ:EIO", .run = wrong_kind },
	{ "life.thousand", "a thousand handles work at once", "FUSE-FILE-010",
	  "1000 OPENs of one file; READ and RELEASE by each", "the file's bytes by each",
	  "error:OPEN:EMFILE:after=700 read-short:after=900", .run = thousand },
	{ "life.descriptors-run-out", "a device that has no descriptor left says so and recovers",
	  "VIRTIO-FS-SEC-010 BUG-01 BUG-46",
	  "OPEN until the device's 200 descriptors have run out; RELEASE all; OPEN",
	  "EMFILE or ENFILE; READ by what is open; success once all are released",
	  "release-keeps error:OPEN:EIO:after=30", .run = run_out },
	{ "life.release-in-flight", "RELEASE may overtake a READ and neither is lost",
	  "VIRTIO-FS-QUEUE-028 FUSE-FILE-010", "12 pairs of READ and RELEASE of its handle, all in flight",
	  "the bytes or EBADF for each READ, success for each RELEASE",
	  "read-short exit-at:RELEASE:after=3 error:RELEASE:EIO:after=5", .run = in_flight },
	{ "life.release-flags", "RELEASE with flags is a RELEASE", "FUSE-FILE-010",
	  "RELEASE with FLUSH, with FLOCK_UNLOCK, with both; READ", "success; EBADF, ENOENT or ESTALE",
	  "release-keeps error:RELEASE:EINVAL", .run = release_flags },
	{ "life.forgotten", "FORGET of an open file harms nobody", "VIRTIO-FS-SEC-010 BUG-15",
	  "OPEN, FORGET; READ and RELEASE by the handle; OPEN anew",
	  "success or an error; then success; the device goes on", "exit-at:RELEASE read-short",
	  .run = forgotten },
};
/* clang-format on */

const struct check_area area_life = { "life", "Handles", checks, ARRAY_SIZE(checks) };
