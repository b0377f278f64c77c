// SPDX-License-Identifier: Apache-2.0
/* READ: which bytes, how many, and whose. */
#include "conformance/device/areas.h"
#include "conformance/device/files.h"

#define BYTES	  20000
#define MAX_BYTES (1 * MIB)
#define IN_FLIGHT 32
#define PART	  600

static void every_offset(struct check_run *r)
{
	static const uint32_t offsets[] = { 0, 1, 511, 4095, 4096, 4097, 8191, 16384, 19999 };
	static const uint32_t sizes[] = { 1, 2, 7, 512, 4095, 4096, 4097, 12288, 65536 };
	CLEANUP(freep) uint8_t *data = malloc(BYTES);
	struct opened o;

	WANT(check_host(r, "memory", data ? 0 : -ENOMEM));
	WANT(files_have(r, BYTES, O_RDONLY, &o));
	host_bytes(data, 0, BYTES, FILES_SEED);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
		for (size_t j = 0; j < ARRAY_SIZE(sizes); j++) {
			size_t left = BYTES - offsets[i];

			WANT(files_read(r, &o, offsets[i], sizes[j], data + offsets[i],
					sizes[j] < left ? sizes[j] : left));
		}
}

static void past_end(struct check_run *r)
{
	static const uint64_t offsets[] = { BYTES, BYTES + 1,	      24576,
					    MIB,   UINT64_C(1) << 32, UINT64_C(1) << 40 };
	struct opened o;

	WANT(files_have(r, BYTES, O_RDONLY, &o));
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
		WANT(files_read(r, &o, offsets[i], 4096, NULL, 0));
	WANT(files_have(r, 0, O_RDONLY, &o));
	WANT(files_read(r, &o, 0, 4096, NULL, 0));
}

static void holes(struct check_run *r)
{
	static uint8_t wanted[BYTES];
	struct opened o;
	CLEANUP(fd_closep) int fd = -1;

	WANT(files_have(r, 0, O_RDONLY, &o));
	fd = files_fd(r, "file", O_WRONLY);
	if (fd < 0)
		return;
	memset(wanted, 0, sizeof(wanted));
	wanted[0] = 'a';
	wanted[BYTES - 1] = 'z';
	WANT_HOST(r, "write on the host", pwrite(fd, "a", 1, 0));
	WANT_HOST(r, "write on the host", pwrite(fd, "z", 1, BYTES - 1));
	WANT(files_read(r, &o, 0, BYTES, wanted, BYTES));
	WANT(files_read(r, &o, 4096, 8192, wanted + 4096, 8192));
}

static void no_bytes(struct check_run *r)
{
	struct opened o;

	WANT(files_have(r, BYTES, O_RDONLY, &o));
	WANT(files_read(r, &o, 0, 0, NULL, 0));
	WANT(files_read(r, &o, BYTES, 0, NULL, 0));
}

static void largest(struct check_run *r)
{
	CLEANUP(freep) uint8_t *data = malloc(MAX_BYTES);
	uint32_t size = r->f->init.max_pages * 4096U;
	struct opened o;

	WANT(check_host(r, "memory", data ? 0 : -ENOMEM));
	if (size == 0 || size > MAX_BYTES)
		size = size ? MAX_BYTES : 32 * 4096;
	WANT(files_have(r, MAX_BYTES, O_RDONLY, &o));
	host_bytes(data, 0, MAX_BYTES, FILES_SEED);
	WANT(files_read(r, &o, 0, size, data, size));
	WANT(files_read(r, &o, 4097, size, data + 4097,
			size < MAX_BYTES - 4097 ? size : MAX_BYTES - 4097));
}

/* More than was agreed: all of it or an error, but less would be the end of the file. */
static void too_large(struct check_run *r)
{
	CLEANUP(freep) uint8_t *data = malloc(2 * MAX_BYTES);
	CLEANUP(freep) uint8_t *seen = malloc(2 * MAX_BYTES);
	struct opened o;
	size_t size = 0;
	int e;

	WANT(check_host(r, "memory", data && seen ? 0 : -ENOMEM));
	WANT(files_have(r, 2 * MAX_BYTES, O_RDONLY, &o));
	host_bytes(data, 0, 2 * MAX_BYTES, FILES_SEED);
	e = front_read(r->f, o.nodeid, o.fh, 0, seen, 2 * MAX_BYTES, &size);
	WANT_ONE_OF(r, "READ of 2 MiB", e, 0, -EINVAL, -ENOMEM, -E2BIG, -EIO);
	if (e == 0)
		WANT(check_same_bytes(r, data, 2 * MAX_BYTES, "READ of 2 MiB", seen, size));
	WANT(check_alive(r));
}

static void negative(struct check_run *r)
{
	static const uint64_t offsets[] = { INT64_MAX, INT64_MAX - 4095, UINT64_C(1) << 63,
					    UINT64_MAX, UINT64_MAX - 4095 };
	struct say t;
	uint8_t seen[4096];
	struct opened o;

	WANT(files_have(r, BYTES, O_RDONLY, &o));
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		size_t size = 0;
		int e = front_read(r->f, o.nodeid, o.fh, offsets[i], seen, sizeof(seen), &size);

		(void)say(&t, "READ of 4096 bytes at 0x%llx", (unsigned long long)offsets[i]);
		WANT_ONE_OF(r, t.text, e, 0, -EINVAL, -EOVERFLOW, -EFBIG);
		WANT_SAME(r, 0, t.text, size);
	}
	WANT(check_alive(r));
}

static void by_writer(struct check_run *r)
{
	uint8_t data[PART];
	struct opened o;

	WANT(files_have(r, BYTES, O_WRONLY, &o));
	host_bytes(data, 100, sizeof(data), FILES_SEED);
	WANT(files_read(r, &o, 100, PART, data, sizeof(data)));
	WANT_OK(r, "CREATE with O_WRONLY", files_create(r, "new", O_WRONLY | O_CREAT, &o));
	WANT(files_write(r, &o, 0, data, PART));
	WANT(files_read(r, &o, 0, PART, data, sizeof(data)));
}

/* ---- what the host does meanwhile ---- */

static void sees_changes(struct check_run *r)
{
	uint8_t data[PART];
	struct opened o;
	CLEANUP(fd_closep) int fd = -1;

	WANT(files_have(r, BYTES, O_RDONLY, &o));
	fd = files_fd(r, "file", O_WRONLY);
	if (fd < 0)
		return;
	for (uint32_t seed = FILES_SEED; seed < FILES_SEED + 3; seed++) {
		host_bytes(data, 0, sizeof(data), seed);
		WANT_HOST(r, "write on the host", pwrite(fd, data, sizeof(data), 4000));
		WANT(files_read(r, &o, 4000, PART, data, sizeof(data)));
	}
}

static void sees_growth(struct check_run *r)
{
	struct opened o;
	CLEANUP(fd_closep) int fd = -1;

	WANT(files_have(r, 0, O_RDONLY, &o));
	fd = files_fd(r, "file", O_WRONLY | O_APPEND);
	if (fd < 0)
		return;
	WANT(files_read(r, &o, 0, 10, NULL, 0));
	WANT_HOST(r, "append on the host", write(fd, "abc", 3));
	WANT(files_read(r, &o, 0, 10, "abc", 3));
	WANT_HOST(r, "append on the host", write(fd, "def", 3));
	WANT(files_read(r, &o, 0, 10, "abcdef", 6));
}

static void sees_cut(struct check_run *r)
{
	static const uint8_t zero[PART];
	uint8_t data[PART];
	struct opened o;
	CLEANUP(fd_closep) int fd = -1;

	WANT(files_have(r, BYTES, O_RDONLY, &o));
	fd = files_fd(r, "file", O_WRONLY);
	if (fd < 0)
		return;
	host_bytes(data, 4096, sizeof(data), FILES_SEED);
	WANT(files_read(r, &o, 4096, PART, data, sizeof(data)));
	WANT_HOST(r, "shrink on the host", ftruncate(fd, 4096));
	WANT(files_read(r, &o, 4096, PART, NULL, 0));
	WANT_HOST(r, "grow on the host", ftruncate(fd, BYTES));
	WANT(files_read(r, &o, 4096, PART, zero, sizeof(zero)));
}

static void sees_punch(struct check_run *r)
{
	static const uint8_t zero[PART];
	uint8_t data[PART];
	struct opened o;
	CLEANUP(fd_closep) int fd = -1;

	WANT(files_have(r, BYTES, O_RDONLY, &o));
	fd = files_fd(r, "file", O_WRONLY);
	if (fd < 0)
		return;
	host_bytes(data, 4096, sizeof(data), FILES_SEED);
	WANT(files_read(r, &o, 4096, PART, data, sizeof(data)));
	NEED(r, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096) == 0,
	     "a host's file system with holes");
	WANT(files_read(r, &o, 4096, PART, zero, sizeof(zero)));
}

/* ---- the message ---- */

static void other_fields(struct check_run *r)
{
	static const uint32_t flags[] = { 0, O_RDWR, O_NONBLOCK, O_DIRECT, UINT32_MAX };
	uint8_t data[PART], seen[PART];
	struct fuse_read_in in;
	struct front_op op;
	struct opened o;
	size_t size = 0;

	WANT(files_have(r, BYTES, O_RDONLY, &o));
	host_bytes(data, 1, sizeof(data), FILES_SEED);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		op = front_op_read(o.nodeid, o.fh, 1, PART);
		memcpy(&in, op.arg, sizeof(in));
		in.read_flags = FUSE_READ_LOCKOWNER;
		in.lock_owner = UINT64_C(0x1234567812345678);
		in.flags = flags[i];
		memcpy(op.arg, &in, sizeof(in));
		WANT_OK(r, "READ with a lock owner and flags",
			front_do(r->f, &op, seen, sizeof(seen), &size));
		WANT(check_same_bytes(r, data, sizeof(data), "READ with a lock owner and flags",
				      seen, size));
	}
}

/* The size says more than there is room for. */
static void small_room(struct check_run *r)
{
	struct front_request *q = NULL;
	struct front_op op;
	struct opened o;
	int e;

	WANT(files_have(r, BYTES, O_RDONLY, &o));
	op = front_op_read(o.nodeid, o.fh, 0, 8192);
	WANT(check_host(r, "request", front_prepare(r->f, &op, &q)));
	q->out_size = sizeof(struct fuse_out_header) + PART;
	q->out_max = PART;
	e = front_submit(q) == 0 ? front_wait(q, front_deadline(r->f)) : FRONT_FAILED;
	front_request_free(q);
	WANT_ONE_OF(r, "READ of 8192 bytes with room for 600", e, 0, -EINVAL, -EIO, -ENOMEM, -E2BIG,
		    -ERANGE, -EFAULT);
	WANT(check_alive(r));
}

static bool answered(struct check_run *r, struct front_request *q, unsigned number)
{
	uint8_t data[PART];
	struct say t;

	(void)say(&t, "READ %u of %u in flight", number, IN_FLIGHT);
	if (!check_ok(r, t.text, front_wait(q, front_deadline(r->f))))
		return false;
	host_bytes(data, (uint64_t)number * PART, sizeof(data), FILES_SEED);
	return check_same_bytes(r, data, sizeof(data), t.text, q->payload, q->payload_size);
}

static void in_flight(struct check_run *r)
{
	struct front_request *list[IN_FLIGHT] = { NULL };
	struct opened o;
	bool good = true;

	WANT(files_have(r, BYTES, O_RDONLY, &o));
	for (unsigned i = 0; i < IN_FLIGHT && good; i++) {
		struct front_op op = front_op_read(o.nodeid, o.fh, (uint64_t)i * PART, PART);

		good = check_host(r, "request", front_prepare(r->f, &op, &list[i])) &&
		       check_host(r, "ring", front_enqueue(list[i]));
	}
	if (good)
		front_kick(r->f, list[0]->queue);
	for (unsigned i = 0; i < IN_FLIGHT && good; i++)
		good = answered(r, list[i], i);
	for (unsigned i = 0; i < IN_FLIGHT; i++)
		front_request_free(list[i]);
}

/* clang-format off */
static const struct check checks[] = {
	{ "read.every-offset", "READ answers the bytes of that place, short only at the end",
	  "VIRTIO-FS-QUEUE-025 FUSE-FILE-002",
	  "READ of 1 to 65536 bytes at 9 offsets of a file of 20000",
	  "its bytes; fewer than asked for only where the file ends",
	  "read-short read-zeros preload:read-short", .run = every_offset },
	{ "read.past-end", "READ behind the end answers no byte", "VIRTIO-FS-QUEUE-025",
	  "READ at the end, behind it, at 2^32 and 2^40, and in an empty file",
	  "success with no data", "read-zeros error:READ:EINVAL", .run = past_end },
	{ "read.hole", "a hole reads as zeros", "FUSE-FILE-002",
	  "READ of a file of which the host wrote the first and the last byte only",
	  "these bytes, and zeros between them", "read-short preload:read-short", .run = holes },
	{ "read.size-zero", "READ of no bytes answers none", "FUSE-FILE-002",
	  "READ of size 0 at 0 and at the end", "success with no data", "error:READ:EINVAL",
	  .run = no_bytes },
	{ "read.largest", "READ of as much as INIT agreed on comes in full",
	  "VIRTIO-FS-QUEUE-025 FUSE-INIT-007",
	  "READ of max_pages * 4096 bytes (32 pages without MAX_PAGES), at 0 and at 4097",
	  "all of it; short only at the end", "read-short", .run = largest },
	{ "read.too-large", "READ of more than was agreed is not a short one",
	  "VIRTIO-FS-QUEUE-025 VIRTIO-FS-SEC-010", "READ of 2 MiB of a file of 2 MiB",
	  "all of it, or EINVAL, EIO, ENOMEM, E2BIG; the device goes on",
	  "read-short exit-at:READ", .run = too_large },
	{ "read.negative-offset", "READ at what is no offset harms nobody",
	  "VIRTIO-FS-SEC-010 FUSE-FILE-002",
	  "READ of 4096 bytes at 2^63 - 1, 2^63 - 4096, 2^63, 2^64 - 4096, 2^64 - 1",
	  "EINVAL, EOVERFLOW, EFBIG or no data; the device goes on", "exit-at:READ",
	  .front = &(const struct front_options){ .timeout_ms = 2000 }, .run = negative },
	{ "read.by-writer", "with WRITEBACK_CACHE an O_WRONLY handle can be read",
	  "FUSE-WB-003 MODE-WB-002", "OPEN and CREATE with O_WRONLY, then READ by that handle",
	  "the file's bytes", "wronly-unreadable", .options = CHECK_WRITEBACK,
	  .init = FUSE_WRITEBACK_CACHE, .run = by_writer },
	{ "read.sees-changes", "READ sees what the host has written since", "FUSE-FILE-002 BUG-45",
	  "READ of one place after each of three writes of the host", "the newest bytes",
	  "read-stale preload:read-stale", .run = sees_changes },
	{ "read.sees-growth", "READ sees what the host has appended since", "FUSE-FILE-002 BUG-45",
	  "READ of 10 bytes of an empty file, then after each of two appends of the host",
	  "what is there then", "read-zeros error:READ:EIO:after=1", .run = sees_growth },
	{ "read.sees-cut", "what the host has cut off never comes back",
	  "HTRUNC-005 FUSE-FILE-002",
	  "READ of one place; again after the host shrinks the file below it; and after it grows",
	  "its bytes, no data, zeros", "read-stale preload:read-stale", .run = sees_cut },
	{ "read.sees-punch", "a hole that the host punches is there at once",
	  "HTRUNC-006 FUSE-FILE-002", "READ of one place before and after the host punches a hole",
	  "its bytes, then zeros", "read-stale preload:read-stale", .run = sees_punch },
	{ "read.other-fields", "lock owner and flags of READ change no byte", "FUSE-FILE-002",
	  "READ with READ_LOCKOWNER and flags O_RDWR, O_NONBLOCK, O_DIRECT, all bits",
	  "the file's bytes", "read-short error:READ:EINVAL:after=1", .run = other_fields },
	{ "read.small-room", "READ never writes behind the room that there is",
	  "VIRTIO-FS-QUEUE-017 VIRTIO-FS-QUEUE-016 VIRTIO-FS-SEC-010",
	  "READ of 8192 bytes with 600 bytes of room for data",
	  "an error, or 600 bytes at most; nothing behind them; the device goes on",
	  "reply-overrun exit-at:READ", .run = small_room },
	{ "read.in-flight", "READs in flight at once each get their own bytes",
	  "VIRTIO-FS-QUEUE-005 FUSE-FILE-002", "32 READs of different places, all in flight",
	  "the bytes of each place with each unique", "unique-other read-short", .run = in_flight },
};
/* clang-format on */

const struct check_area area_read = { "read", "Reading", checks, ARRAY_SIZE(checks) };
