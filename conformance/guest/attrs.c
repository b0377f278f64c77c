// SPDX-License-Identifier: Apache-2.0
/* Attributes: what one side sees of those that the other one changed. */
#include "conformance/guest/areas.h"
#include "conformance/guest/oracle.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SEED 1
/* In the past, with nanoseconds that are neither whole micro- nor milliseconds. */
#define SECONDS	    INT64_C(1234567890)
#define NANOSECONDS INT64_C(987654321)

static int64_t owner_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) < 0 ? -1 : (int64_t)st.st_uid;
}

static void host_chmods(struct check_run *r)
{
	HOST(r, host_file(r, "f", 10, SEED));
	WANT_SAME(r, 0644, "mode before", mode_of("f"));
	HOST(r, host_chmod(r, "f", 0400));
	WANT_VISIBLE(r, "B15", "mode of a file that the host has changed",
		     see_number(r, mode_of("f"), 0644, 0400));
	HOST(r, host_chown(r, "f", 1234, 1234));
	WANT_VISIBLE(r, "B15", "owner of a file that the host has changed",
		     see_number(r, owner_of("f"), 0, 1234));
}

static void host_setxattrs(struct check_run *r)
{
	char value[16] = "";
	ssize_t n;

	HOST(r, host_file(r, "f", 10, SEED));
	n = getxattr("f", "user.check", value, sizeof(value));
	NEED(r, !(n < 0 && errno == EOPNOTSUPP), "extended attributes");
	WANT_ERROR(r, ENODATA, n);
	HOST(r, host_setxattr(r, "f", "user.check", "one"));
	WANT_SAME(r, 3, "size of the value", getxattr("f", "user.check", value, sizeof(value)));
	HOST(r, host_setxattr(r, "f", "user.check", "two"));
	WANT_VISIBLE(r, "B16", "value of an attribute that the host has changed",
		     ((n = getxattr("f", "user.check", value, sizeof(value) - 1)),
		      value[n > 0 ? n : 0] = '\0', see_text(r, value, "one", "two")));
}

static void chmod_reaches_host(struct check_run *r)
{
	struct host_stat st;

	DO(r, make_file(r, "f", 10, SEED));
	WANT_OK(r, chmod("f", 04511));
	HOST(r, host_stat(r, "f", &st));
	WANT_SAME(r, S_IFREG | 04511, "mode on the host", st.mode);
	WANT_SAME(r, 04511, "mode in the guest", mode_of("f"));
}

static void chown_reaches_host(struct check_run *r)
{
	struct host_stat st;

	DO(r, make_file(r, "f", 10, SEED));
	WANT_OK(r, chown("f", 1234, 4321));
	HOST(r, host_stat(r, "f", &st));
	WANT_SAME(r, 1234, "owner on the host", st.uid);
	WANT_SAME(r, 4321, "group on the host", st.gid);
}

static void times_reach_host(struct check_run *r)
{
	const struct timespec t[2] = { { SECONDS, NANOSECONDS }, { SECONDS + 1, NANOSECONDS } };
	struct host_stat host;
	struct stat st;

	DO(r, make_file(r, "f", 10, SEED));
	WANT_OK(r, utimensat(AT_FDCWD, "f", t, 0));
	WANT_OK(r, stat("f", &st));
	WANT_SAME(r, SECONDS, "seconds of access", st.st_atim.tv_sec);
	WANT_SAME(r, NANOSECONDS, "nanoseconds of access", st.st_atim.tv_nsec);
	WANT_SAME(r, SECONDS + 1, "seconds of change", st.st_mtim.tv_sec);
	HOST(r, host_stat(r, "f", &host));
	WANT_SAME(r, (SECONDS + 1) * NS_PER_S + NANOSECONDS, "time of change on the host",
		  host.mtime_ns);
}

static void one_time_alone(struct check_run *r)
{
	const struct timespec both[2] = { { SECONDS, 0 }, { SECONDS, 0 } };
	const struct timespec access[2] = { { SECONDS + 9, 0 }, { .tv_nsec = UTIME_OMIT } };
	struct stat st;

	DO(r, make_file(r, "f", 10, SEED));
	DO(r, utimensat(AT_FDCWD, "f", both, 0));
	WANT_OK(r, utimensat(AT_FDCWD, "f", access, 0));
	WANT_OK(r, stat("f", &st));
	WANT_SAME(r, SECONDS + 9, "seconds of access", st.st_atim.tv_sec);
	WANT_SAME(r, SECONDS, "seconds of change, which was not named", st.st_mtim.tv_sec);
}

static void truncate_reaches_host(struct check_run *r)
{
	struct host_stat st;
	int fd = make_file(r, "f", 3 * PAGE, SEED);

	WANT(fd >= 0);
	WANT_OK(r, truncate("f", PAGE + 1));
	HOST(r, host_stat(r, "f", &st));
	WANT_SAME(r, PAGE + 1, "size on the host", st.size);
	WANT_OK(r, ftruncate(fd, 2 * PAGE));
	HOST(r, host_stat(r, "f", &st));
	WANT_SAME(r, 2 * PAGE, "size on the host", st.size);
	WANT(same_file(r, "read of what was kept", fd, 0, PAGE + 1, SEED));
	WANT_THAT(r, see_filled(r, fd, PAGE + 1, PAGE - 1, SEED, 0) == SEEN_NEW,
		  "zeros between the cut and the new end", "something else");
}

static int64_t write_one(void)
{
	int fd = open("f", O_WRONLY);

	return fd < 0 ? -1 : pwrite(fd, "x", 1, 0);
}

static void write_clears_set_id(struct check_run *r)
{
	struct host_stat st;

	NEED(r, !(r->env->has & NEED_DAX),
	     "files that are not in the DAX window: attrs.set-id-dax");
	DO(r, make_file(r, "f", 10, SEED));
	DO(r, chmod("f", 06777));
	WANT_OK(r, as_user(write_one));
	WANT_SAME(r, 0777, "mode after a user has written", mode_of("f"));
	HOST(r, host_stat(r, "f", &st));
	WANT_SAME(r, S_IFREG | 0777, "mode on the host", st.mode);
}

/* Inside the size: a copy into the window, of which the device is not told. */
static void dax_write_clears_set_id(struct check_run *r)
{
	DO(r, make_file(r, "f", 10, SEED));
	DO(r, chmod("f", 06777));
	WANT_OK(r, as_user(write_one));
	WANT_SAME(r, 0777, "mode after a user has written", mode_of("f"));
}

static int64_t make_own(void)
{
	return mkdir("open/own", 0700);
}

static void made_by_user(struct check_run *r)
{
	struct host_stat st;

	DO(r, mkdir("open", 0777));
	WANT_OK(r, as_user(make_own));
	HOST(r, host_stat(r, "open/own", &st));
	WANT_SAME(r, 1000, "owner on the host", st.uid);
	WANT_SAME(r, 1000, "group on the host", st.gid);
}

static int64_t open_secret(void)
{
	return open("secret", O_RDONLY);
}

static void refused_to_user(struct check_run *r)
{
	DO(r, make_file(r, "secret", 10, SEED));
	DO(r, chmod("secret", 0600));
	WANT_ERROR(r, EACCES, as_user(open_secret));
	DO(r, chmod("secret", 0604));
	WANT_OK(r, as_user(open_secret));
}

static void xattrs(struct check_run *r)
{
	char list[256];
	char value[64];
	int64_t n;

	DO(r, make_file(r, "f", 10, SEED));
	n = setxattr("f", "user.one", "1", 1, XATTR_CREATE);
	NEED(r, !(n < 0 && errno == EOPNOTSUPP), "extended attributes");
	WANT_OK(r, n);
	WANT_ERROR(r, EEXIST, setxattr("f", "user.one", "1", 1, XATTR_CREATE));
	WANT_ERROR(r, ENODATA, setxattr("f", "user.two", "2", 1, XATTR_REPLACE));
	WANT_OK(r, setxattr("f", "user.two", "two", 3, 0));
	n = getxattr("f", "user.two", value, sizeof(value));
	WANT_BYTES(r, "two", 3, "value of user.two", value, (size_t)(n > 0 ? n : 0));
	WANT_ERROR(r, ERANGE, getxattr("f", "user.two", value, 2));
	WANT_SAME(r, 18, "size of the list of names", listxattr("f", list, sizeof(list)));
	WANT_OK(r, removexattr("f", "user.one"));
	WANT_ERROR(r, ENODATA, getxattr("f", "user.one", value, sizeof(value)));
}

static const struct check checks[] = {
	{
		.id = "attrs.host-chmods",
		.title = "Mode and owner that the host changes become visible",
		.rows = "B15",
		.does = "guest: stat; host: chmod, chown; guest: stat",
		.wants = "the new ones, at the latest when the time for attributes is over",
		.catches = "valid-long",
		.needs = NEED_HOST,
		.run = host_chmods,
	},
	{
		.id = "attrs.host-setxattrs",
		.title = "The value of an extended attribute is that of the host at once",
		.rows = "B16",
		.does = "guest: getxattr; host: setxattr twice; guest: getxattr after each",
		.wants = "the newest value in every mode",
		.catches = "error:GETXATTR:ENODATA",
		.needs = NEED_HOST,
		.run = host_setxattrs,
	},
	{
		.id = "attrs.chmod",
		.title = "chmod reaches the host",
		.rows = "FUSE-META-001",
		.does = "guest: chmod 04511; host: stat; guest: stat",
		.wants = "that mode on both sides",
		.catches = "setattr-lost",
		.needs = NEED_HOST,
		.run = chmod_reaches_host,
	},
	{
		.id = "attrs.chown",
		.title = "chown reaches the host",
		.rows = "FUSE-META-001",
		.does = "guest: chown; host: stat",
		.wants = "owner and group",
		.catches = "setattr-lost",
		.needs = NEED_HOST,
		.run = chown_reaches_host,
	},
	{
		.id = "attrs.times",
		.title = "Times that are set keep their nanoseconds, on the host as well",
		.rows = "FUSE-META-002",
		.does = "guest: utimensat; guest and host: stat",
		.wants = "the times that were given",
		.catches = "time-seconds attr-nsec",
		.needs = NEED_HOST,
		.run = times_reach_host,
	},
	{
		.id = "attrs.one-time",
		.title = "A time that is not named stays",
		.rows = "FUSE-META-003",
		.does = "guest: utimensat of both times, then of the access alone",
		.wants = "the time of change is as before",
		.catches = "time-both",
		.run = one_time_alone,
	},
	{
		.id = "attrs.truncate",
		.title = "A file that is cut and grown again has zeros there",
		.rows = "FUSE-FILE-009",
		.does = "guest: truncate, ftruncate; host: stat after each; guest: read",
		.wants = "those sizes on the host; what was kept, then zeros",
		.catches = "size-lost",
		.needs = NEED_HOST,
		.run = truncate_reaches_host,
	},
	{
		.id = "attrs.set-id",
		.title = "A write by a user clears the set-id bits",
		.rows = "FUSE-KP-001",
		.does = "guest: chmod 06777; another user writes; guest and host: stat",
		.wants = "mode 0777 on both sides",
		.catches = "setattr-lost",
		.needs = NEED_HOST,
		.run = write_clears_set_id,
	},
	{
		.id = "attrs.set-id-dax",
		.title = "A write by a user through the DAX window clears the set-id bits",
		.rows = "FUSE-KP-001",
		.does = "guest: chmod 06777; another user writes inside the size; guest: stat",
		.wants = "mode 0777",
		.needs = NEED_DAX,
		.run = dax_write_clears_set_id,
	},
	{
		.id = "attrs.maker",
		.title = "What a user makes belongs to it on the host",
		.rows = "VIRTIO-FS-SEC-001",
		.does = "guest: user 1000 makes a folder; host: stat",
		.wants = "owner and group 1000",
		.catches = "sender-ignored",
		.needs = NEED_HOST,
		.run = made_by_user,
	},
	{
		.id = "attrs.refused",
		.title = "Who may not read a file cannot open it",
		.rows = "VIRTIO-FS-SEC-002",
		.does = "guest: mode 0600; user 1000 opens it; mode 0604, and again",
		.wants = "EACCES, then success",
		.catches = "setattr-lost",
		.run = refused_to_user,
	},
	{
		.id = "attrs.xattrs",
		.title = "Extended attributes are set, replaced, listed and removed",
		.rows = "FUSE-META-008 FUSE-META-009",
		.does = "guest: setxattr with both flags, getxattr, listxattr, removexattr",
		.wants = "values, EEXIST, ENODATA and ERANGE as xattr(7) says",
		.catches = "xattr-lost xattr-flags xattr-cut xattr-list xattr-kept",
		.run = xattrs,
	},
};

const struct check_area area_attrs = { "attrs", "Attributes", checks, ARRAY_SIZE(checks) };
