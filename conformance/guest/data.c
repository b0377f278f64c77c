// SPDX-License-Identifier: Apache-2.0
/* Data: what one side reads of what the other one wrote. */
#include "conformance/guest/areas.h"
#include "conformance/guest/oracle.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OLD_SEED 1
#define NEW_SEED 2
#define SIZE	 (2 * PAGE)

/* A file of the host that the guest has open and has read, so that it may keep what it can. */
static int read_before(struct check_run *r, int flags)
{
	int fd;

	if (!check_host(r, "on the host: make a file", host_file(r, "f", SIZE, OLD_SEED)))
		return -1;
	fd = open("f", flags);
	if (!check_ok(r, "open", fd) ||
	    !same_file(r, "read of what the host has made", fd, 0, SIZE, OLD_SEED))
		return -1;
	return fd;
}

static void host_overwrites(struct check_run *r)
{
	int fd = read_before(r, O_RDONLY);

	WANT(fd >= 0);
	HOST(r, host_fill(r, "f", 0, SIZE, NEW_SEED));
	WANT_VISIBLE(r, "B07", "read of what the host has written over, same descriptor",
		     see_filled(r, fd, 0, SIZE, OLD_SEED, NEW_SEED));
}

static enum seen see_anew(struct check_run *r)
{
	int fd = open("f", O_RDONLY);
	enum seen seen = see_filled(r, fd, 0, SIZE, OLD_SEED, NEW_SEED);

	(void)close(fd);
	return seen;
}

static void host_overwrites_reopened(struct check_run *r)
{
	int fd = read_before(r, O_RDONLY);

	WANT(fd >= 0);
	WANT_OK(r, close(fd));
	HOST(r, host_fill(r, "f", 0, SIZE, NEW_SEED));
	WANT_VISIBLE(r, "B08", "read of what the host has written over, opened anew", see_anew(r));
}

static void host_appends_size(struct check_run *r)
{
	int fd = read_before(r, O_RDONLY);

	WANT(fd >= 0);
	WANT_SAME(r, SIZE, "size before", size_of("f"));
	HOST(r, host_fill(r, "f", SIZE, PAGE, OLD_SEED));
	WANT_VISIBLE(r, "B09", "size of a file that the host has appended to",
		     see_number(r, size_of("f"), SIZE, SIZE + PAGE));
}

/* Nothing behind the end is the old state. */
static enum seen see_tail(struct check_run *r, int fd)
{
	uint8_t bytes[PAGE];
	ssize_t n = pread(fd, bytes, sizeof(bytes), SIZE);

	if (n == 0)
		return SEEN_OLD;
	return see_bytes(r, bytes, n, SIZE, PAGE, OLD_SEED, NEW_SEED);
}

static void host_appends_read(struct check_run *r)
{
	int fd = read_before(r, O_RDONLY);

	WANT(fd >= 0);
	HOST(r, host_fill(r, "f", SIZE, PAGE, NEW_SEED));
	WANT_VISIBLE(r, "B10", "read of what the host has appended, same descriptor",
		     see_tail(r, fd));
	/* A read asks for no attributes there: once they are known anew, it must. */
	if (oracle_letter(r, "B10") == 'S')
		WANT_LETTER(r, 'T', "B10", ORACLE_ATTRIBUTES,
			    "read of what the host has appended, behind a stat",
			    ((void)size_of("f"), see_tail(r, fd)));
}

/* What is cut is gone, or as it was; zeros stand where a guest knows the old size and has no page. */
static enum seen see_cut(struct check_run *r, int fd)
{
	uint8_t bytes[PAGE];
	ssize_t n = pread(fd, bytes, sizeof(bytes), PAGE);

	if (n == 0)
		return SEEN_NEW;
	return see_bytes(r, bytes, n, PAGE, PAGE, OLD_SEED, 0) == SEEN_WRONG ? SEEN_WRONG
									     : SEEN_OLD;
}

static void host_truncates(struct check_run *r)
{
	int fd;

	NEED(r, oracle_letter(r, "B11") != 'U',
	     "a mode in which the guest survives it: suite races");
	fd = read_before(r, O_RDONLY);
	WANT(fd >= 0);
	HOST(r, host_truncate(r, "f", PAGE));
	WANT_VISIBLE(r, "B11", "read of what the host has cut off", see_cut(r, fd));
	WANT(same_file(r, "read of what was kept", fd, 0, PAGE, OLD_SEED));
}

static void host_punches(struct check_run *r)
{
	int fd = read_before(r, O_RDONLY);

	WANT(fd >= 0);
	HOST(r, host_fallocate(r, "f", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
	WANT_VISIBLE(r, "B13", "read of a hole that the host has made",
		     see_filled(r, fd, 0, PAGE, OLD_SEED, 0));
}

static void host_cuts_and_grows(struct check_run *r)
{
	int fd;

	NEED(r, oracle_letter(r, "B11") != 'U' || oracle_letter(r, "B14") != 'U',
	     "a mode that says what becomes of data");
	fd = read_before(r, O_RDONLY);
	WANT(fd >= 0);
	HOST(r, host_truncate(r, "f", 0));
	HOST(r, host_truncate(r, "f", SIZE));
	WANT_VISIBLE(r, "B14", "read of a file that the host has cut and grown again",
		     ((void)size_of("f"), see_filled(r, fd, 0, SIZE, OLD_SEED, 0)));
}

/* A file of the guest that both have as it is, open to be written. */
static int written_before(struct check_run *r, int flags)
{
	int fd;

	if (!check_host(r, "on the host: make a file", host_file(r, "f", SIZE, OLD_SEED)))
		return -1;
	fd = open("f", O_RDWR | flags);
	return check_ok(r, "open", fd) ? fd : -1;
}

static int64_t write_bytes(int fd, int64_t offset, size_t size, uint64_t seed)
{
	static uint8_t bytes[SIZE] __attribute__((aligned(PAGE)));

	fill_bytes(bytes, size, seed, offset);
	return pwrite(fd, bytes, size, offset);
}

static void guest_writes(struct check_run *r)
{
	int fd = written_before(r, 0);

	WANT(fd >= 0);
	WANT_SAME(r, PAGE, "bytes written", write_bytes(fd, 0, PAGE, NEW_SEED));
	WANT_VISIBLE(r, "B19", "the host reads what the guest has written, before close",
		     see_host(r, "f", 0, PAGE, OLD_SEED, NEW_SEED));
	WANT_OK(r, close(fd));
	WANT_VISIBLE(r, "B21", "the host reads what the guest has written, behind close",
		     see_host(r, "f", 0, PAGE, OLD_SEED, NEW_SEED));
}

static int64_t host_size(struct check_run *r)
{
	struct host_stat st;
	int64_t e = host_stat(r, "f", &st);

	return e < 0 ? e : st.size;
}

static void guest_extends(struct check_run *r)
{
	int fd = written_before(r, 0);

	WANT(fd >= 0);
	WANT_SAME(r, PAGE, "bytes written", write_bytes(fd, SIZE, PAGE, NEW_SEED));
	WANT_VISIBLE(r, "B20", "size on the host of a file that the guest extends, before fsync",
		     see_number(r, host_size(r), SIZE, SIZE + PAGE));
	/* No size without its data. */
	if (host_size(r) == SIZE + PAGE)
		WANT_VISIBLE(r, "B20", "the host reads what the guest has appended",
			     see_host(r, "f", SIZE, PAGE, 0, NEW_SEED));
	WANT_OK(r, fsync(fd));
	WANT_VISIBLE(r, "B22", "size on the host behind fsync",
		     see_number(r, host_size(r), SIZE, SIZE + PAGE));
	WANT_VISIBLE(r, "B22", "the host reads what the guest has appended, behind fsync",
		     see_host(r, "f", SIZE, PAGE, 0, NEW_SEED));
}

static int64_t host_mtime(struct check_run *r)
{
	struct host_stat st;
	int64_t e = host_stat(r, "f", &st);

	return e < 0 ? e : st.mtime_ns;
}

static void guest_write_time(struct check_run *r)
{
	int64_t before;
	int fd = written_before(r, 0);

	WANT(fd >= 0);
	before = host_mtime(r);
	WANT_SAME(r, PAGE, "bytes written", write_bytes(fd, 0, PAGE, NEW_SEED));
	WANT_VISIBLE(r, "B24", "time of change on the host, before close",
		     host_mtime(r) > before ? SEEN_NEW : SEEN_OLD);
	WANT_OK(r, fsync(fd));
	WANT_OK(r, close(fd));
	if (!(r->env->has & NEED_DAX))
		WANT_RANGE(r, before + 1, INT64_MAX, "time of change on the host, behind fsync",
			   host_mtime(r));
}

static void direct_read(struct check_run *r)
{
	static uint8_t bytes[PAGE] __attribute__((aligned(PAGE)));
	int fd = read_before(r, O_RDONLY);
	int direct;

	WANT(fd >= 0);
	direct = open("f", O_RDONLY | O_DIRECT);
	NEED(r, direct >= 0 || errno != EINVAL, "O_DIRECT");
	WANT_OK(r, direct);
	HOST(r, host_fill(r, "f", 0, SIZE, NEW_SEED));
	WANT_VISIBLE(
		r, "B29", "O_DIRECT read of what the host has written",
		see_bytes(r, bytes, pread(direct, bytes, PAGE, 0), 0, PAGE, OLD_SEED, NEW_SEED));
}

static void direct_write(struct check_run *r)
{
	int fd = written_before(r, 0);
	int direct = open("f", O_RDWR | O_DIRECT);

	WANT(fd >= 0);
	NEED(r, direct >= 0 || errno != EINVAL, "O_DIRECT");
	WANT_OK(r, direct);
	WANT(same_file(r, "buffered read before", fd, 0, SIZE, OLD_SEED));
	WANT_SAME(r, PAGE, "bytes written with O_DIRECT", write_bytes(direct, 0, PAGE, NEW_SEED));
	WANT_VISIBLE(r, "B30", "the host reads what the guest has written with O_DIRECT",
		     see_host(r, "f", 0, PAGE, OLD_SEED, NEW_SEED));
	/* The guest's own other descriptor sees it as well. */
	WANT(same_file(r, "buffered read behind it", fd, 0, PAGE, NEW_SEED));
	WANT_SAME(r, PAGE, "bytes appended with O_DIRECT",
		  write_bytes(direct, SIZE, PAGE, NEW_SEED));
	WANT_VISIBLE(r, "B30", "the host reads what the guest has appended with O_DIRECT",
		     see_host(r, "f", SIZE, PAGE, 0, NEW_SEED));
}

static void appends_of_both(struct check_run *r)
{
	char seen[16] = "";
	int64_t n;
	int fd = open("log", O_WRONLY | O_CREAT | O_APPEND, 0644);

	NEED(r, oracle_letter(r, "B36") != 'U', "a mode in which each append is one on the host");
	DO(r, fd);
	WANT_SAME(r, 3, "bytes appended by the guest", write(fd, "aaa", 3));
	HOST(r, host_append(r, "log", "bbb"));
	WANT_SAME(r, 3, "bytes appended by the guest", write(fd, "ccc", 3));
	HOST(r, n = host_read(r, "log", 0, seen, sizeof(seen) - 1));
	WANT_TEXT(r, "aaabbbccc", "what the file holds", seen);
	WANT_SAME(r, 9, "its size", n);
}

static const struct check checks[] = {
	{
		.id = "data.host-overwrites",
		.title = "What the host writes over is read through an open file as the mode says",
		.rows = "B07 MODE-AUTO-003 FUSE-ATTR-005",
		.does = "guest: open, read; host: write over it; guest: read",
		.wants = "old or new pages, the new ones when the mode says so",
		.catches = "attr-mtime valid-long",
		.needs = NEED_HOST,
		.run = host_overwrites,
	},
	{
		.id = "data.host-overwrites-reopened",
		.title = "What the host writes over is read by who opens the file then",
		.rows = "B08 MODE-AUTO-002 FUSE-OPEN-001",
		.does = "guest: open, read, close; host: write over it; guest: open, read",
		.wants = "the new bytes, unless the mode keeps files",
		.catches = "open-keep-cache",
		.needs = NEED_HOST,
		.run = host_overwrites_reopened,
	},
	{
		.id = "data.host-appends-size",
		.title = "The size of a file that the host appends to becomes known",
		.rows = "B09 FUSE-ATTR-008",
		.does = "guest: open, read, stat; host: append; guest: stat",
		.wants = "the new size, at the latest when the time for attributes is over",
		.catches = "attr-size valid-long",
		.needs = NEED_HOST,
		.run = host_appends_size,
	},
	{
		.id = "data.host-appends-read",
		.title = "What the host appends is read through an open file as the mode says",
		.rows = "B10 DAXK-030",
		.does = "guest: open, read; host: append; guest: read behind the old end, with DAX also stat before",
		.wants = "nothing, or the new bytes when the mode says so",
		.catches = "attr-size",
		.needs = NEED_HOST,
		.run = host_appends_read,
	},
	{
		.id = "data.host-truncates",
		.title =
			"What the host cuts off is not read when the mode says so, and never turns into something else",
		.rows = "B11 FUSE-ATTR-004",
		.does = "guest: open, read; host: truncate; guest: read what was cut and what was kept",
		.wants =
			"the end of the file, old bytes or zeros before; what was kept is as it was",
		.catches = "never/read-zeros",
		.needs = NEED_HOST,
		.run = host_truncates,
	},
	{
		.id = "data.host-punches",
		.title = "A hole that the host makes is read as zeros when the mode says so",
		.rows = "B13 HTRUNC-006",
		.does = "guest: open, read; host: punch a hole; guest: read",
		.wants = "zeros, old bytes before",
		.catches = "attr-mtime read-stale",
		.needs = NEED_HOST,
		.run = host_punches,
	},
	{
		.id = "data.host-cuts-and-grows",
		.title = "A file that the host cuts and grows again shows zeros, not what it held",
		.rows = "B14 HTRUNC-005",
		.does = "guest: open, read; host: truncate to 0 and back; guest: stat, read",
		.wants = "zeros, old bytes before",
		.catches = "attr-mtime read-stale",
		.needs = NEED_HOST,
		.run = host_cuts_and_grows,
	},
	{
		.id = "data.guest-writes",
		.title = "The host reads what the guest has written",
		.rows = "B19 B21 FUSE-WB-001",
		.does = "guest: write inside the size; host: read; guest: close; host: read",
		.wants = "the new bytes, at the latest behind close",
		.catches = "write-lost write-shifted",
		.needs = NEED_HOST,
		.run = guest_writes,
	},
	{
		.id = "data.guest-extends",
		.title = "A file that the guest extends has its size and data on the host",
		.rows = "B20 B22 FUSE-WB-001",
		.does = "guest: write behind the end; host: size, data; guest: fsync; host: size, data",
		.wants = "both, at the latest behind fsync, and no size without its data",
		.catches = "write-lost write-shifted",
		.needs = NEED_HOST,
		.run = guest_extends,
	},
	{
		.id = "data.guest-write-time",
		.title = "A write of the guest changes the time of the file on the host",
		.rows = "B24",
		.does = "guest: write; host: time of change; guest: fsync, close; host: the same",
		.wants = "a new time, at the latest behind fsync (with DAX not even then)",
		.catches = "write-lost",
		.needs = NEED_HOST,
		.run = guest_write_time,
	},
	{
		.id = "data.direct-read",
		.title = "O_DIRECT reads what the host has, whatever the guest keeps",
		.rows = "B29 FUSE-DIO-001",
		.does = "guest: read buffered; host: write over it; guest: read with O_DIRECT",
		.wants = "the new bytes in every mode",
		.catches = "read-stale",
		.needs = NEED_HOST,
		.run = direct_read,
	},
	{
		.id = "data.direct-write",
		.title =
			"What is written with O_DIRECT is there for the host and for who reads buffered",
		.rows = "B30 FUSE-DIO-001",
		.does = "guest: read buffered, write with O_DIRECT inside and behind the end; both: read",
		.wants = "the new bytes at once",
		.catches = "write-lost write-shifted",
		.needs = NEED_HOST,
		.run = direct_write,
	},
	{
		.id = "data.appends-of-both",
		.title = "Appends of guest and host follow each other",
		.rows = "B36 MULTI-007 FUSE-OPEN-010",
		.does = "guest: append; host: append; guest: append through the same descriptor",
		.wants = "all three, in that order",
		.catches = "append-ignored",
		.needs = NEED_HOST,
		.run = appends_of_both,
	},
};

const struct check_area area_data = { "data", "Data that the other side changes", checks,
				      ARRAY_SIZE(checks) };
