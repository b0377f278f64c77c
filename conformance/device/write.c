// SPDX-License-Identifier: Apache-2.0
/* WRITE: which bytes, how many, and no others. */
#include "conformance/device/areas.h"
#include "conformance/device/files.h"
#include "conformance/device/process.h"

#include <sys/resource.h>

#define BYTES	  20000
#define IN_FLIGHT 32
#define PART	  700
#define SEED	  9

static void every_offset(struct check_run *r)
{
	static const uint32_t offsets[] = { 0, 1, 511, 4095, 4096, 8191, 12289 };
	static const uint32_t sizes[] = { 1, 2, 7, 512, 4095, 4096, 4097, 7000 };
	CLEANUP(freep) uint8_t *model = malloc(BYTES);
	uint8_t data[7000];
	struct opened o;

	WANT(check_host(r, "memory", model ? 0 : -ENOMEM));
	WANT(files_have(r, BYTES, O_RDWR, &o));
	host_bytes(model, 0, BYTES, FILES_SEED);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
		for (size_t j = 0; j < ARRAY_SIZE(sizes); j++) {
			host_bytes(data, 0, sizes[j], (uint32_t)(100 * i + j + SEED));
			memcpy(model + offsets[i], data, sizes[j]);
			WANT(files_write(r, &o, offsets[i], data, sizes[j]));
			WANT(files_hold(r, "file", model, BYTES));
		}
	WANT(files_read(r, &o, 0, BYTES, model, BYTES));
}

static void leaves_hole(struct check_run *r)
{
	static uint8_t wanted[BYTES + PART];
	struct opened o;

	WANT(files_have(r, 100, O_WRONLY, &o));
	memset(wanted, 0, sizeof(wanted));
	host_bytes(wanted, 0, 100, FILES_SEED);
	host_bytes(wanted + BYTES, 0, PART, SEED);
	WANT(files_write(r, &o, BYTES, wanted + BYTES, PART));
	WANT(files_hold(r, "file", wanted, sizeof(wanted)));
}

static void no_bytes(struct check_run *r)
{
	static const uint64_t offsets[] = { 0, 50, 100, 5000 };
	struct opened o;

	WANT(files_have(r, 100, O_WRONLY, &o));
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
		WANT(files_write(r, &o, offsets[i], "", 0));
	WANT(files_keep(r, 100));
}

static void largest(struct check_run *r)
{
	uint32_t size = r->f->init.max_write;
	CLEANUP(freep) uint8_t *data = NULL;
	struct opened o;

	WANT_RANGE(r, 4096, 64 * MIB, "max_write of INIT", size);
	if (size > 4 * MIB)
		size = 4 * MIB;
	data = malloc(size);
	WANT(check_host(r, "memory", data ? 0 : -ENOMEM));
	host_bytes(data, 0, size, SEED);
	WANT(files_have(r, 0, O_WRONLY, &o));
	WANT(files_write(r, &o, 0, data, size));
	WANT(files_hold(r, "file", data, size));
}

static void too_large(struct check_run *r)
{
	uint32_t size = 2 * MIB + 4096;
	CLEANUP(freep) uint8_t *data = malloc(size);
	uint32_t done = 0;
	struct opened o;
	int e;

	WANT(check_host(r, "memory", data ? 0 : -ENOMEM));
	host_bytes(data, 0, size, SEED);
	WANT(files_have(r, 0, O_WRONLY, &o));
	e = front_write(r->f, o.nodeid, o.fh, 0, data, size, &done);
	WANT_ONE_OF(r, "WRITE of more than max_write", e, 0, -EINVAL, -ENOMEM, -E2BIG, -EIO);
	WANT(files_hold(r, "file", data, e == 0 ? done : 0));
	WANT(check_alive(r));
}

/* Beyond what can be a file's size: the host's errno where the host was asked, never success. */
static void beyond(struct check_run *r)
{
	static const uint64_t offsets[] = { INT64_MAX, INT64_MAX - 1, UINT64_C(1) << 63, UINT64_MAX,
					    UINT64_MAX - 3 };
	struct say t;
	struct opened o;

	WANT(files_have(r, 100, O_WRONLY, &o));
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
		WANT_ONE_OF(r,
			    say(&t, "WRITE of 4 bytes at 0x%llx", (unsigned long long)offsets[i]),
			    front_write(r->f, o.nodeid, o.fh, offsets[i], "late", 4, NULL), -EFBIG,
			    -EINVAL, -EOVERFLOW);
	WANT(files_keep(r, 100));
	WANT(check_alive(r));
}

static void as_host(struct check_run *r)
{
	static const uint64_t offsets[] = { (UINT64_C(1) << 44) - 4096, UINT64_C(1) << 44,
					    UINT64_C(1) << 48, INT64_MAX - 8192 };
	struct say t;
	struct opened o;
	CLEANUP(fd_closep) int fd = -1;

	WANT(check_host(r, "make a file", host_fill(r->share, "twin", 100, FILES_SEED)));
	WANT(files_have(r, 100, O_WRONLY, &o));
	fd = files_fd(r, "twin", O_WRONLY);
	if (fd < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		int host = pwrite(fd, "far", 3, (off_t)offsets[i]) < 0 ? -errno : 0;
		struct stat st;

		WANT_ERROR(r, host,
			   say(&t, "WRITE of 3 bytes at 0x%llx, as the host answers",
			       (unsigned long long)offsets[i]),
			   front_write(r->f, o.nodeid, o.fh, offsets[i], "far", 3, NULL));
		WANT(check_host(r, "stat", host_stat(r->share, "twin", &st)));
		WANT(files_size(r, "file", (uint64_t)st.st_size));
	}
}

/* The limit is the host's own. Its signal ends a process that is not prepared. */
static void size_limit(struct check_run *r)
{
	pid_t tree[PROCESS_MAX];
	const struct rlimit limit = { MIB, MIB };
	unsigned count;
	struct opened o;

	NEED(r, check_daemon_pid(r) != 0, "a daemon that this program has started");
	WANT(files_have(r, 0, O_WRONLY, &o));
	count = process_tree(check_daemon_pid(r), tree);
	for (unsigned i = 0; i < count; i++)
		WANT_HOST(r, "prlimit", prlimit(tree[i], RLIMIT_FSIZE, &limit, NULL));
	WANT(files_write(r, &o, 0, "text", 4));
	WANT_ERROR(r, -EFBIG, "WRITE behind the host's limit",
		   front_write(r->f, o.nodeid, o.fh, MIB, "text", 4, NULL));
	WANT(files_hold(r, "file", "text", 4));
	WANT(check_alive(r));
}

/* The size says something else than what came. */
static void wrong_size(struct check_run *r)
{
	static const uint32_t sizes[] = { 100, 0, 1, 99, 101, 4096, MIB, UINT32_MAX };
	struct say t;
	uint8_t data[100], wanted[200];
	struct opened o;

	memset(data, 'x', sizeof(data));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct front_op op;
		struct fuse_write_in in;
		struct stat st;
		int e;

		WANT(files_have(r, 200, O_WRONLY, &o));
		op = front_op_write(o.nodeid, o.fh, 0, data, sizeof(data));
		memcpy(&in, op.arg, sizeof(in));
		in.size = sizes[i];
		memcpy(op.arg, &in, sizeof(in));
		e = front_do(r->f, &op, NULL, 0, NULL);
		WANT_ONE_OF(r, say(&t, "WRITE of 100 bytes that says %u", sizes[i]), e, 0, -EINVAL,
			    -EIO, -E2BIG, -EFAULT, -ENOMEM);
		WANT(check_host(r, "stat", host_stat(r->share, "file", &st)));
		WANT_SAME(r, 200, t.text, (uint64_t)st.st_size);
		host_bytes(wanted, 0, sizeof(wanted), FILES_SEED);
		if (e == 0)
			memset(wanted, 'x', sizes[i] < sizeof(data) ? sizes[i] : sizeof(data));
		WANT(files_hold_after(r, t.text, "file", wanted, sizeof(wanted)));
	}
	WANT(check_alive(r));
}

static void in_flight(struct check_run *r)
{
	struct front_request *list[IN_FLIGHT] = { NULL };
	CLEANUP(freep) uint8_t *data = malloc(IN_FLIGHT * PART);
	struct say t;
	struct opened o;
	bool good;

	WANT(check_host(r, "memory", data ? 0 : -ENOMEM));
	host_bytes(data, 0, IN_FLIGHT * PART, SEED);
	good = files_have(r, 0, O_WRONLY, &o);
	for (unsigned i = 0; i < IN_FLIGHT && good; i++) {
		/* 13 and 32 have no common factor: each place once, in no order. */
		unsigned at = i * 13 % IN_FLIGHT * PART;
		struct front_op op = front_op_write(o.nodeid, o.fh, at, data + at, PART);

		good = check_host(r, "request", front_prepare(r->f, &op, &list[i])) &&
		       check_host(r, "ring", front_enqueue(list[i]));
	}
	if (good)
		front_kick(r->f, list[0]->queue);
	for (unsigned i = 0; i < IN_FLIGHT && good; i++)
		good = check_ok(r, say(&t, "WRITE %u of %u in flight", i, IN_FLIGHT),
				front_wait(list[i], front_deadline(r->f)));
	if (good)
		(void)files_hold(r, "file", data, IN_FLIGHT * PART);
	for (unsigned i = 0; i < IN_FLIGHT; i++)
		front_request_free(list[i]);
}

static void attributes(struct check_run *r)
{
	const struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
	struct fuse_attr_out attr;
	char why[128];
	const char *differs;
	struct opened o;
	struct stat st;
	CLEANUP(fd_closep) int fd = -1;

	WANT(files_have(r, 100, O_WRONLY, &o));
	fd = files_fd(r, "file", O_WRONLY);
	if (fd < 0)
		return;
	WANT_HOST(r, "set the times", futimens(fd, old));
	WANT_OK(r, "GETATTR", front_getattr(r->f, o.nodeid, NULL, &attr));
	WANT(files_write(r, &o, 90, "0123456789abcdef", 16));
	WANT_OK(r, "GETATTR after WRITE", front_getattr(r->f, o.nodeid, NULL, &attr));
	WANT_SAME(r, 106, "size after WRITE", attr.attr.size);
	WANT_RANGE(r, 1001, UINT64_MAX, "mtime after WRITE", attr.attr.mtime);
	WANT(check_host(r, "stat", host_stat(r->share, "file", &st)));
	differs = host_compare(&attr.attr, &st, false, why, sizeof(why));
	WANT_THAT(r, !differs, "the attributes that the host sees", "%s", differs);
}

/* What a cache writes back carries any handle of the file, and nobody's ids. */
static void delayed(struct check_run *r)
{
	static const uint8_t back[4] = { 'b', 'a', 'c', 'k' };
	struct opened first, second;
	struct front_op op;
	struct fuse_write_in in;
	uint8_t wanted[100];

	WANT(files_have(r, 100, O_RDWR, &first));
	WANT_OK(r, "OPEN again", files_open(r, "file", O_WRONLY, &second));
	op = front_op_write(second.nodeid, second.fh, 10, back, sizeof(back));
	memcpy(&in, op.arg, sizeof(in));
	in.write_flags = FUSE_WRITE_CACHE;
	in.flags = O_RDWR;
	memcpy(op.arg, &in, sizeof(in));
	op.uid = op.gid = 54321;
	op.pid = 0;
	WANT_OK(r, "WRITE with WRITE_CACHE by another handle, of another user",
		front_do(r->f, &op, NULL, 0, NULL));
	host_bytes(wanted, 0, sizeof(wanted), FILES_SEED);
	memcpy(wanted + 10, back, sizeof(back));
	WANT(files_hold(r, "file", wanted, sizeof(wanted)));
}

/* clang-format off */
static const struct check checks[] = {
	{ "write.every-offset", "WRITE changes the bytes that it names and no others",
	  "FUSE-FILE-003 VIRTIO-FS-QUEUE-026",
	  "WRITE of 1 to 7000 bytes at 7 offsets of a file of 20000",
	  "the host's file has exactly these bytes after each",
	  "write-lost write-shifted write-more preload:write-lost preload:write-shift",
	  .run = every_offset },
	{ "write.leaves-hole", "WRITE behind the end leaves zeros between", "FUSE-FILE-003",
	  "WRITE of 700 bytes at 20000 of a file of 100",
	  "100 old bytes, zeros, 700 new ones", "write-shifted write-lost", .run = leaves_hole },
	{ "write.size-zero", "WRITE of no bytes changes nothing", "FUSE-FILE-003",
	  "WRITE of size 0 inside the file, at its end and behind it",
	  "success, 0 bytes written; the file is as it was", "write-more error:WRITE:EINVAL",
	  .run = no_bytes },
	{ "write.largest", "WRITE of max_write bytes is taken in full",
	  "FUSE-META-015 FUSE-INIT-006 FUSE-FILE-003", "WRITE of as many bytes as INIT's max_write says",
	  "max_write is 4096 or more; all bytes are in the host's file",
	  "write-lost init-max-write-zero preload:write-lost", .run = largest },
	{ "write.too-large", "what WRITE says of more than max_write is true",
	  "VIRTIO-FS-SEC-010 FUSE-FILE-003", "WRITE of 2 MiB + 4096 bytes",
	  "an error and an empty file, or as many bytes as the answer says", "write-lost exit-at:WRITE",
	  .run = too_large },
	{ "write.beyond-offsets", "WRITE at what is no offset harms nobody",
	  "VIRTIO-FS-SEC-010 FUSE-FILE-003",
	  "WRITE of 4 bytes at 2^63 - 2, 2^63 - 1, 2^63, 2^64 - 4, 2^64 - 1",
	  "EFBIG, EINVAL or EOVERFLOW; the file is as it was, the device goes on",
	  "exit-at:WRITE error:WRITE:EIO",
	  .front = &(const struct front_options){ .timeout_ms = 2000 }, .run = beyond },
	{ "write.as-host", "WRITE far out is what the host makes of it", "FUSE-FILE-003",
	  "WRITE of 3 bytes at 2^44 - 4096, 2^44, 2^48, 2^63 - 8193",
	  "what the host's pwrite() does with another file: success or EFBIG, and the same size",
	  "write-lost error:WRITE:EIO", .run = as_host },
	{ "write.size-limit", "a host's limit of file sizes is EFBIG, and the device's end is not",
	  "FUSE-FILE-003", "WRITE behind the RLIMIT_FSIZE that the device's processes have",
	  "EFBIG; the device goes on", "error:WRITE:EIO:after=1 exit-at:WRITE:after=1",
	  .run = size_limit },
	{ "write.wrong-size", "a WRITE whose size is not what came writes what it says, or nothing",
	  "FUSE-FILE-003 VIRTIO-FS-SEC-010",
	  "WRITE of 100 bytes whose size says 100, 0, 1, 99, 101, 4096, 1 MiB, 2^32 - 1",
	  "an error and the file as it was, or as many bytes as it says and as came; the device goes on",
	  "write-shifted exit-at:WRITE", .run = wrong_size },
	{ "write.in-flight", "WRITEs in flight at once all arrive", "VIRTIO-FS-QUEUE-005 FUSE-FILE-003",
	  "32 WRITEs of different places out of order, all in flight",
	  "success for each; the host's file has all of them", "unique-other write-lost write-lost:after=9",
	  .run = in_flight },
	{ "write.attributes", "after WRITE the attributes are new", "FUSE-ATTR-011",
	  "GETATTR, WRITE over the end, GETATTR", "the new size and time, as the host sees them",
	  "attr-size attr-mtime write-lost preload:stat-mtime preload:stat-size", .run = attributes },
	{ "write.delayed", "what a cache writes back needs no ids and takes any handle",
	  "FUSE-WB-004", "WRITE with WRITE_CACHE by another handle, with the ids of a stranger",
	  "success; the bytes are in the host's file", "write-lost error:WRITE:EACCES",
	  .run = delayed },
};
/* clang-format on */

const struct check_area area_write = { "write", "Writing", checks, ARRAY_SIZE(checks) };
