// SPDX-License-Identifier: Apache-2.0
/* Times: as exact and as far as the host has them. */
#include "conformance/device/areas.h"
#include "conformance/device/meta.h"

#define YEAR_2001 1000000000
#define BOTH	  (FATTR_ATIME | FATTR_MTIME)

static struct fuse_setattr_in both(int64_t s, uint32_t ns)
{
	return (struct fuse_setattr_in){ .valid = BOTH,
					 .atime = (uint64_t)s,
					 .atimensec = ns,
					 .mtime = (uint64_t)s,
					 .mtimensec = ns };
}

/* The same is done to "twin" on the host: what its file system cannot hold, nobody can. */
static bool as_twin(struct check_run *r, uint64_t nodeid, int64_t s, uint32_t ns)
{
	const struct timespec times[2] = { { s, ns }, { s, ns } };
	const struct fuse_setattr_in in = both(s, ns);
	char path[META_PATH];
	struct stat twin, st;
	struct say t;

	if (!check_host(r, "set times",
			utimensat(AT_FDCWD, meta_path(r, "twin", path), times, 0) < 0 ? -errno
										      : 0) ||
	    !meta_set(r, nodeid, "file", &in) || !meta_stat(r, "twin", &twin) ||
	    !meta_stat(r, "file", &st))
		return false;
	(void)say(&t, "time %lld.%09u, as utimensat() of the host sets it", (long long)s, ns);
	return check_same(r, (uint64_t)twin.st_mtim.tv_sec, t.text, (uint64_t)st.st_mtim.tv_sec) &&
	       check_same(r, (uint64_t)twin.st_mtim.tv_nsec, t.text,
			  (uint64_t)st.st_mtim.tv_nsec) &&
	       check_same(r, (uint64_t)twin.st_atim.tv_sec, t.text, (uint64_t)st.st_atim.tv_sec);
}

static bool have_twin(struct check_run *r, uint64_t *ret)
{
	return meta_file(r, "file", ret) &&
	       check_host(r, "make a file", host_fill(r->share, "twin", 1000, 1));
}

static void nanoseconds(struct check_run *r)
{
	static const uint32_t ns[] = { 0, 1, 500000000, 123456789, 999999999 };
	uint64_t nodeid;

	WANT(have_twin(r, &nodeid));
	for (size_t i = 0; i < ARRAY_SIZE(ns); i++)
		WANT(as_twin(r, nodeid, YEAR_2001, ns[i]));
}

static void before_1970(struct check_run *r)
{
	static const int64_t seconds[] = { -1, -86400, -1000000000, INT32_MIN };
	uint64_t nodeid;

	WANT(have_twin(r, &nodeid));
	for (size_t i = 0; i < ARRAY_SIZE(seconds); i++)
		WANT(as_twin(r, nodeid, seconds[i], 250000000));
}

static void after_2038(struct check_run *r)
{
	static const int64_t seconds[] = { INT32_MAX, INT64_C(1) << 31, UINT32_MAX,
					   INT64_C(1) << 32, INT64_C(12345678901) };
	uint64_t nodeid;

	WANT(have_twin(r, &nodeid));
	for (size_t i = 0; i < ARRAY_SIZE(seconds); i++)
		WANT(as_twin(r, nodeid, seconds[i], 750000000));
}

static void extreme(struct check_run *r)
{
	static const int64_t seconds[] = { INT64_MAX, INT64_MIN, INT64_C(1) << 40,
					   -(INT64_C(1) << 40) };
	uint64_t nodeid;

	WANT(have_twin(r, &nodeid));
	for (size_t i = 0; i < ARRAY_SIZE(seconds); i++)
		WANT(as_twin(r, nodeid, seconds[i], 0));
}

/* Nobody says what they mean; some are UTIME_NOW and UTIME_OMIT to the host. */
static void odd_nanoseconds(struct check_run *r)
{
	static const uint32_t ns[] = { 1000000000, 0x3fffffff, 0x3ffffffe, UINT32_MAX };
	struct fuse_attr_out out;
	uint64_t nodeid;

	WANT(meta_file(r, "file", &nodeid));
	for (size_t i = 0; i < ARRAY_SIZE(ns); i++) {
		const struct fuse_setattr_in in = both(YEAR_2001, ns[i]);

		WANT_ONE_OF(r, "SETATTR with nanoseconds out of range",
			    front_setattr(r->f, nodeid, &in, &out), 0, -EINVAL, -EOVERFLOW);
		WANT_OK(r, "GETATTR", front_getattr(r->f, nodeid, NULL, &out));
		WANT(agrees(r, "file", &out.attr, false));
	}
}

static bool earlier(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

static bool is_between(struct check_run *r, const char *what, const struct timespec *t,
		       const struct timespec *from, const struct timespec *to)
{
	return check_that(r, !earlier(t, from) && !earlier(to, t),
			  "a time of now by the host's clock",
			  "%s %lld.%09ld, not from %lld.%09ld to %lld.%09ld", what,
			  (long long)t->tv_sec, t->tv_nsec, (long long)from->tv_sec, from->tv_nsec,
			  (long long)to->tv_sec, to->tv_nsec);
}

/* The clock that the host's files see: coarser than the others. */
static bool stamp(struct check_run *r, struct timespec *ret)
{
	struct stat st;
	char path[META_PATH];

	if (!check_host(r, "touch",
			utimensat(AT_FDCWD, meta_path(r, "clock", path), NULL, 0) < 0 ? -errno
										      : 0) ||
	    !meta_stat(r, "clock", &st))
		return false;
	*ret = st.st_mtim;
	return true;
}

static void now(struct check_run *r)
{
	static const uint32_t valid[] = { FATTR_ATIME | FATTR_ATIME_NOW,
					  FATTR_MTIME | FATTR_MTIME_NOW,
					  BOTH | FATTR_ATIME_NOW | FATTR_MTIME_NOW };
	struct timespec from, to;
	uint64_t nodeid;

	WANT(meta_file(r, "file", &nodeid));
	WANT(check_host(r, "make a file", host_write(r->share, "clock", "", 0)));
	for (size_t i = 0; i < ARRAY_SIZE(valid); i++) {
		struct fuse_setattr_in in = both(YEAR_2001, 5);
		struct stat st;

		WANT(meta_set(r, nodeid, "file", &in));
		in.valid = valid[i];
		WANT(stamp(r, &from));
		WANT(meta_set(r, nodeid, "file", &in));
		WANT(stamp(r, &to));
		WANT(meta_stat(r, "file", &st));
		if (in.valid & FATTR_ATIME_NOW)
			WANT(is_between(r, "atime", &st.st_atim, &from, &to));
		if (in.valid & FATTR_MTIME_NOW)
			WANT(is_between(r, "mtime", &st.st_mtim, &from, &to));
		if (!(in.valid & FATTR_MTIME_NOW))
			WANT_SAME(r, YEAR_2001, "mtime, of which nothing was said",
				  (uint64_t)st.st_mtim.tv_sec);
		if (!(in.valid & FATTR_ATIME_NOW))
			WANT_SAME(r, YEAR_2001, "atime, of which nothing was said",
				  (uint64_t)st.st_atim.tv_sec);
	}
}

static void one_alone(struct check_run *r)
{
	struct fuse_setattr_in in = both(YEAR_2001, 5);
	struct stat st;
	uint64_t nodeid;

	WANT(meta_file(r, "file", &nodeid));
	WANT(meta_set(r, nodeid, "file", &in));
	in = both(2 * YEAR_2001, 7);
	in.valid = FATTR_ATIME;
	WANT(meta_set(r, nodeid, "file", &in));
	WANT(meta_stat(r, "file", &st));
	WANT_SAME(r, 2 * YEAR_2001, "atime", (uint64_t)st.st_atim.tv_sec);
	WANT_SAME(r, YEAR_2001, "mtime, of which nothing was said", (uint64_t)st.st_mtim.tv_sec);
	WANT_SAME(r, 5, "its nanoseconds", (uint64_t)st.st_mtim.tv_nsec);
	in.valid = FATTR_MTIME;
	in.atime = 3;
	WANT(meta_set(r, nodeid, "file", &in));
	WANT(meta_stat(r, "file", &st));
	WANT_SAME(r, 2 * YEAR_2001, "mtime", (uint64_t)st.st_mtim.tv_sec);
	WANT_SAME(r, 2 * YEAR_2001, "atime, of which nothing was said",
		  (uint64_t)st.st_atim.tv_sec);
}

static void types(struct check_run *r)
{
	const struct fuse_setattr_in in = both(YEAR_2001, 77);
	struct stat st;
	uint64_t nodeid;

	WANT(meta_make_types(r));
	for (size_t i = 0; i < ARRAY_SIZE(meta_types); i++) {
		WANT(node_of(r, meta_types[i].name, &nodeid));
		WANT(meta_set(r, nodeid, meta_types[i].name, &in));
		WANT(meta_stat(r, meta_types[i].name, &st));
		WANT_SAME(r, YEAR_2001, "mtime", (uint64_t)st.st_mtim.tv_sec);
		WANT_SAME(r, 77, "nanoseconds of mtime", (uint64_t)st.st_mtim.tv_nsec);
	}
	WANT(meta_stat(r, "target", &st));
	WANT_THAT(r, st.st_mtim.tv_sec != YEAR_2001, "the link's target keeps its times",
		  "it has those that the link was given");
}

static void change_time(struct check_run *r)
{
	struct fuse_setattr_in in = both(YEAR_2001, 5);
	struct timespec from, to;
	struct stat st;
	uint64_t nodeid;

	WANT(meta_file(r, "file", &nodeid));
	WANT(check_host(r, "make a file", host_write(r->share, "clock", "", 0)));
	WANT(stamp(r, &from));
	in.valid |= FATTR_CTIME;
	in.ctime = YEAR_2001;
	WANT(meta_set(r, nodeid, "file", &in));
	WANT(stamp(r, &to));
	WANT(meta_stat(r, "file", &st));
	WANT(is_between(r, "ctime", &st.st_ctim, &from, &to));
	WANT_SAME(r, YEAR_2001, "mtime", (uint64_t)st.st_mtim.tv_sec);
}

static void with_size(struct check_run *r)
{
	struct fuse_setattr_in in = both(YEAR_2001, 5);
	struct stat st;
	uint64_t nodeid;

	WANT(meta_file(r, "file", &nodeid));
	in.valid |= FATTR_SIZE;
	in.size = 10;
	WANT(meta_set(r, nodeid, "file", &in));
	WANT(meta_stat(r, "file", &st));
	WANT_SAME(r, 10, "size", (uint64_t)st.st_size);
	WANT_SAME(r, YEAR_2001, "mtime", (uint64_t)st.st_mtim.tv_sec);
}

static const struct check checks[] = {
	{
		.id = "times.nanoseconds",
		.title = "times are set with their nanoseconds",
		.rows = "FUSE-META-002",
		.sends =
			"SETATTR of atime and mtime; utimensat() of a twin on the host: 0 to 999999999 ns",
		.wants =
			"success; the answer is what the host sees, and it is what the host made of the twin",
		.catches = "time-seconds setattr-lost",
		.run = nanoseconds,
	},
	{
		.id = "times.before-1970",
		.title = "times before 1970 are set as the host sets them",
		.rows = "FUSE-META-002",
		.sends =
			"SETATTR of atime and mtime; utimensat() of a twin on the host: -1 s to -2^31 s",
		.wants =
			"success; the answer is what the host sees, and it is what the host made of the twin",
		.catches = "time-unsigned",
		.run = before_1970,
	},
	{
		.id = "times.after-2038",
		.title = "times after 2038 are set as the host sets them",
		.rows = "FUSE-META-002",
		.sends =
			"SETATTR of atime and mtime; utimensat() of a twin on the host: 2^31 - 1 s to 12345678901 s",
		.wants =
			"success; the answer is what the host sees, and it is what the host made of the twin",
		.catches = "setattr-lost",
		.run = after_2038,
	},
	{
		.id = "times.extreme",
		.title = "times that no file system can hold are set as the host sets them",
		.rows = "FUSE-META-002",
		.sends =
			"SETATTR of atime and mtime; utimensat() of a twin on the host: 2^63 - 1 s, -2^63 s, 2^40 s, -2^40 s",
		.wants =
			"success; the answer is what the host sees, and it is what the host made of the twin",
		.catches = "time-unsigned",
		.run = extreme,
	},
	{
		.id = "times.odd-nanoseconds",
		.title = "a second has 1000000000 nanoseconds",
		.rows = "FUSE-META-002",
		.sends = "SETATTR with 1000000000, 0x3fffffff, 0x3ffffffe and 0xffffffff ns",
		.wants =
			"EINVAL, EOVERFLOW or success, then GETATTR with the times that the host sees",
		.catches = "error:SETATTR:EIO exit-at:SETATTR",
		.run = odd_nanoseconds,
	},
	{
		.id = "times.now",
		.title = "_NOW is the time of the host, not that of the request",
		.rows = "FUSE-META-003",
		.sends = "SETATTR with ATIME_NOW, MTIME_NOW and both; the time fields say 2001",
		.wants = "a time between two of the host's own; what is not named stays",
		.catches = "now-ignored time-both",
		.run = now,
	},
	{
		.id = "times.one-alone",
		.title = "one of the times is set and the other stays",
		.rows = "FUSE-META-003",
		.sends = "SETATTR of atime alone, then of mtime alone",
		.wants = "the one that is named changes",
		.catches = "time-both",
		.run = one_alone,
	},
	{
		.id = "times.types",
		.title = "times of files of every type are set, of links their own",
		.rows = "FUSE-META-001",
		.sends = "SETATTR of times of a file, folder, link, FIFO, socket and device",
		.wants = "the times on the host; the link's target keeps its own",
		.catches = "setattr-lost",
		.run = types,
	},
	{
		.id = "times.change-time",
		.title = "the time of change is the host's",
		.rows = "FUSE-META-003",
		.sends = "SETATTR with FATTR_CTIME of 2001",
		.wants = "success; the host's ctime is now",
		.catches = "setattr-lost",
		.run = change_time,
	},
	{
		.id = "times.with-size",
		.title = "a size and times are set together",
		.rows = "FUSE-META-001",
		.sends = "SETATTR of size, atime and mtime",
		.wants = "size and times as asked for: the new size does not make mtime now",
		.catches = "setattr-first",
		.run = with_size,
	},
};

const struct check_area area_times = { "times", "Times", checks, ARRAY_SIZE(checks) };
