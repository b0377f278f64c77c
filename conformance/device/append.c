// SPDX-License-Identifier: Apache-2.0
/* O_APPEND: where the end is when a WRITE comes, not where the driver last saw it. */
#include "conformance/device/areas.h"
#include "conformance/device/files.h"

#define APPEND (O_WRONLY | O_APPEND)

static void at_end(struct check_run *r)
{
	static const uint64_t offsets[] = { 0, 3, 1000 };
	static const uint8_t added[3] = { 'n', 'e', 'w' };
	uint8_t wanted[16] = { 'o', 'l', 'd' };
	struct opened o;

	WANT(check_host(r, "make a file", host_write(r->share, "file", "old", 3)));
	WANT_OK(r, "OPEN with O_APPEND", files_open(r, "file", APPEND, &o));
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		WANT_OK(r, "WRITE with O_APPEND",
			files_write_as(r, &o, offsets[i], added, 3, APPEND, 0));
		memcpy(wanted + 3 + 3 * i, added, sizeof(added));
		WANT(files_hold(r, "file", wanted, 6 + 3 * i));
	}
}

/* Two handles and the host by turns: what each believes of the end is old. */
static void nobody_loses(struct check_run *r)
{
	struct opened a, b;
	static const uint8_t turn[12] = {
		'o', 'n', 'e', '-', 'h', 'o', 's', 't', 't', 'w', 'o', '-'
	};
	uint8_t wanted[5 * sizeof(turn)];
	CLEANUP(fd_closep) int fd = -1;

	WANT(check_host(r, "make a file", host_write(r->share, "file", "", 0)));
	WANT_OK(r, "OPEN with O_APPEND", files_open(r, "file", APPEND, &a));
	WANT_OK(r, "OPEN with O_APPEND", files_open(r, "file", APPEND, &b));
	fd = files_fd(r, "file", APPEND);
	if (fd < 0)
		return;
	for (unsigned i = 0; i < 5; i++) {
		WANT_OK(r, "WRITE by one", files_write_as(r, &a, 0, "one-", 4, APPEND, 0));
		WANT_HOST(r, "append on the host", write(fd, "host", 4));
		WANT_OK(r, "WRITE by the other", files_write_as(r, &b, 0, "two-", 4, APPEND, 0));
		memcpy(wanted + i * sizeof(turn), turn, sizeof(turn));
		WANT(files_hold(r, "file", wanted, (i + 1) * sizeof(turn)));
	}
}

#define RECORDS 24

static void in_flight(struct check_run *r)
{
	struct front_request *list[RECORDS] = { NULL };
	CLEANUP(buf_free) struct buf seen = { 0 };
	unsigned found = 0;
	struct opened o;
	bool good = true;

	WANT(check_host(r, "make a file", host_write(r->share, "file", "", 0)));
	WANT_OK(r, "OPEN with O_APPEND", files_open(r, "file", APPEND, &o));
	for (unsigned i = 0; i < RECORDS && good; i++) {
		char record[4] = { (char)('a' + i), '-', '-', '-' };
		struct front_op op = front_op_write(o.nodeid, o.fh, 0, record, sizeof(record));
		struct fuse_write_in in;

		memcpy(&in, op.arg, sizeof(in));
		in.flags = APPEND;
		memcpy(op.arg, &in, sizeof(in));
		good = check_host(r, "request", front_prepare(r->f, &op, &list[i])) &&
		       check_host(r, "ring", front_enqueue(list[i]));
	}
	if (good)
		front_kick(r->f, list[0]->queue);
	for (unsigned i = 0; i < RECORDS && good; i++)
		good = check_ok(r, "WRITE with O_APPEND, one of 24 in flight",
				front_wait(list[i], front_deadline(r->f)));
	for (unsigned i = 0; i < RECORDS; i++)
		front_request_free(list[i]);
	if (!good)
		return;
	WANT(check_host(r, "read the file", host_read(r->share, "file", 65536, &seen)));
	WANT_SAME(r, (uint64_t)RECORDS * 4, "bytes of 24 records of 4", seen.size);
	for (unsigned i = 0; i < RECORDS; i++) {
		const char record[] = { (char)('a' + i), '-', '-', '-', '\0' };

		found += strstr(buf_text(&seen), record) != NULL;
	}
	WANT_SAME(r, RECORDS, "records that are whole", found);
}

/* Only the driver knows where cached bytes belong. */
static void delayed(struct check_run *r)
{
	struct opened o;

	WANT(check_host(r, "make a file", host_write(r->share, "file", "0123456789", 10)));
	WANT_OK(r, "OPEN with O_APPEND", files_open(r, "file", O_RDWR | O_APPEND, &o));
	WANT_OK(r, "WRITE with WRITE_CACHE",
		files_write_as(r, &o, 2, "ab", 2, O_RDWR | O_APPEND, FUSE_WRITE_CACHE));
	WANT(files_hold(r, "file", "01ab456789", 10));
	WANT_OK(r, "WRITE with WRITE_CACHE at the end",
		files_write_as(r, &o, 10, "cd", 2, O_RDWR | O_APPEND, FUSE_WRITE_CACHE));
	WANT(files_hold(r, "file", "01ab456789cd", 12));
}

/* Without O_APPEND in the WRITE the offset holds, whatever the handle was opened with before F_SETFL. */
static void changed_mind(struct check_run *r)
{
	struct opened o;

	WANT(check_host(r, "make a file", host_write(r->share, "file", "0123456789", 10)));
	WANT_OK(r, "OPEN", files_open(r, "file", O_RDWR, &o));
	WANT_OK(r, "WRITE with O_APPEND", files_write_as(r, &o, 0, "ab", 2, O_RDWR | O_APPEND, 0));
	WANT(files_hold(r, "file", "0123456789ab", 12));
	WANT_OK(r, "WRITE without", files_write_as(r, &o, 0, "cd", 2, O_RDWR, 0));
	WANT(files_hold(r, "file", "cd23456789ab", 12));
}

/* clang-format off */
static const struct check checks[] = {
	{ "append.at-end", "WRITE with O_APPEND writes at the end, whatever its offset says",
	  "FUSE-OPEN-010 MODE-WB-003",
	  "OPEN with O_APPEND; WRITE with O_APPEND at offsets 0, 3 and 1000",
	  "each is behind what was there", "append-ignored preload:open-no-append", .run = at_end },
	{ "append.nobody-loses", "of several writers with O_APPEND none overwrites another",
	  "FUSE-OPEN-010 MULTI-007",
	  "WRITE with O_APPEND at offset 0 by two handles, the host appends in between; 5 times",
	  "all records in their order", "append-ignored write-lost", .run = nobody_loses },
	{ "append.in-flight", "WRITEs with O_APPEND in flight at once are all kept whole",
	  "FUSE-OPEN-010 MULTI-007", "24 WRITEs of 4 bytes with O_APPEND at offset 0, all in flight",
	  "24 whole records in any order", "append-ignored write-lost:after=3:count=1",
	  .run = in_flight },
	{ "append.delayed", "what a cache writes back goes where it says, O_APPEND or not",
	  "MODE-WB-003 FUSE-OPEN-010 BUG-42",
	  "OPEN with O_APPEND; WRITE with WRITE_CACHE and O_APPEND inside the file and at its end",
	  "the bytes are at their offsets", "append-delayed", .options = CHECK_WRITEBACK,
	  .init = FUSE_WRITEBACK_CACHE, .run = delayed },
	{ "append.changed-mind", "O_APPEND of a WRITE holds for that WRITE alone", "FUSE-OPEN-010",
	  "OPEN without O_APPEND; WRITE with O_APPEND; WRITE without it",
	  "the first is at the end, the second at its offset", "append-ignored", .run = changed_mind },
};
/* clang-format on */

const struct check_area area_append = { "append", "Appending", checks, ARRAY_SIZE(checks) };
