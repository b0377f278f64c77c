// SPDX-License-Identifier: Apache-2.0
/* INIT: versions, flags and the numbers of its answer. */
#include "conformance/device/init.h"
#include "conformance/device/areas.h"

#define TIME_GRAN_MAX 1000000000

static void lower_major(struct check_run *r)
{
	struct fuse_init_out out = { 0 };
	int e = front_init_with(r->f, 6, 1, 0, &out);

	if (e == 0)
		WANT_RANGE(r, 1, 6, "major of the answer to major 6", out.major);
	else
		WANT_ONE_OF(r, "INIT with major 6", e, -EPROTO, -EINVAL);
	WANT(init_ask(r, INIT_MINOR, front_init_flags, &out));
	WANT(check_alive(r));
}

static void higher_major(struct check_run *r)
{
	struct fuse_init_out out;

	WANT_OK(r, "INIT with major 8", front_init_with(r->f, 8, 0, front_init_flags, &out));
	WANT_SAME(r, FUSE_KERNEL_VERSION, "major of the answer to major 8", out.major);
	WANT(init_ask(r, INIT_MINOR, front_init_flags, &out));
	WANT_SAME(r, FUSE_KERNEL_VERSION, "major of the answer to major 7", out.major);
	WANT(check_alive(r));
}

static void higher_major_waits(struct check_run *r)
{
	struct fuse_init_out out;
	struct fuse_attr_out attr;
	int e;

	WANT_OK(r, "INIT with major 8", front_init_with(r->f, 8, 0, front_init_flags, &out));
	e = front_getattr(r->f, FRONT_ROOT, NULL, &attr);
	WANT(fails(r, "GETATTR of the root before there is an agreed INIT", e));
	WANT(init_ask(r, INIT_MINOR, front_init_flags, &out));
	WANT(check_alive(r));
}

static void smaller_minor(struct check_run *r)
{
	static const uint32_t minors[] = { 31, 36, 38, 45, 99, UINT32_MAX };
	struct fuse_init_out out;
	uint32_t own;

	WANT(init_ask(r, UINT32_MAX, front_init_flags, &out));
	own = out.minor;
	WANT_RANGE(r, 27, 1000, "the device's own minor", own);
	for (size_t i = 0; i < ARRAY_SIZE(minors); i++) {
		uint32_t smaller = minors[i] < own ? minors[i] : own;

		WANT(init_ask(r, minors[i], front_init_flags, &out));
		WANT_SAME(r, FUSE_KERNEL_VERSION, "major", out.major);
		WANT_THAT(r, out.minor == smaller || out.minor == own,
			  "the smaller minor, or always the device's own",
			  "minor %u for %u, and %u for %u", out.minor, minors[i], own, UINT32_MAX);
		WANT(check_alive(r));
	}
}

static void old_minor(struct check_run *r)
{
	static const uint32_t minors[] = { 1, 4, 8, 12, 22, 23, 26, 27, 28, 30 };
	struct fuse_init_out out = { 0 };
	struct say t;

	for (size_t i = 0; i < ARRAY_SIZE(minors); i++) {
		int e = front_init_with(r->f, FUSE_KERNEL_VERSION, minors[i], 0, &out);

		WANT_ONE_OF(r, say(&t, "INIT 7.%u", minors[i]), e, 0, -EPROTO, -EINVAL);
		WANT(init_ask(r, INIT_MINOR, front_init_flags, &out));
		WANT(check_alive(r));
	}
}

static void short_message(struct check_run *r)
{
	struct fuse_init_out out = { 0 };
	uint64_t flags = front_init_flags & ~(uint64_t)FUSE_INIT_EXT;

	WANT_OK(r, "INIT of 16 bytes", init_of(r, 16, flags, &out));
	WANT_SAME(r, 0, "flags2 and INIT_EXT of the answer",
		  out.flags2 | (out.flags & FUSE_INIT_EXT));
	WANT(check_alive(r));
}

static void max_write(struct check_run *r)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	struct fuse_init_out out;
	uint8_t data[4096];
	uint32_t done = 0;

	WANT(init_ask(r, INIT_MINOR, front_init_flags, &out));
	WANT_RANGE(r, 4096, UINT32_MAX, "max_write", out.max_write);
	host_bytes(data, 0, sizeof(data), 1);
	WANT_OK(r, "CREATE",
		front_create(r->f, FRONT_ROOT, "file", O_RDWR | O_CREAT, S_IFREG | 0644, &entry,
			     &open));
	WANT_OK(r, "WRITE of 4096 bytes",
		front_write(r->f, entry.nodeid, open.fh, 0, data, sizeof(data), &done));
	WANT_SAME(r, sizeof(data), "bytes written", done);
}

static void max_readahead(struct check_run *r)
{
	static const uint32_t asked[] = { 0, 4096, INIT_READAHEAD, 1024 * KIB };
	struct fuse_init_out out;

	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		struct front_op op = front_op_init(FUSE_KERNEL_VERSION, INIT_MINOR, asked[i],
						   front_init_flags);

		WANT_OK(r, "INIT", front_do(r->f, &op, &out, sizeof(out), NULL));
		WANT_RANGE(r, 0, asked[i], "max_readahead", out.max_readahead);
	}
}

static void max_pages(struct check_run *r)
{
	struct fuse_init_out out;

	WANT(init_ask(r, INIT_MINOR, front_init_flags, &out));
	NEED(r, out.flags & FUSE_MAX_PAGES, "MAX_PAGES in the answer to INIT");
	WANT_RANGE(r, 1, UINT16_MAX, "max_pages", out.max_pages);
}

static void numbers(struct check_run *r)
{
	struct fuse_init_out out;

	WANT(init_ask(r, INIT_MINOR, front_init_flags, &out));
	WANT_RANGE(r, 0, TIME_GRAN_MAX, "time_gran", out.time_gran);
	WANT_SAME(r, 0, "map_alignment without MAP_ALIGNMENT", out.map_alignment);
	for (size_t i = 0; i < ARRAY_SIZE(out.unused); i++)
		WANT_SAME(r, 0, "an unused field", out.unused[i]);
	if (out.max_background)
		WANT_RANGE(r, 0, out.max_background, "congestion_threshold",
			   out.congestion_threshold);
}

static const struct check checks[] = {
	{
		.id = "init.lower-major",
		.title = "an older major is refused or fallen back to",
		.rows = "FUSE-INIT-001",
		.sends = "INIT 6.1, then 7.38",
		.wants = "EPROTO, EINVAL or an answer with a major of 6 at most; then a session",
		.catches = "init-older",
		.start = CHECK_RINGS,
		.run = lower_major,
	},
	{
		.id = "init.higher-major",
		.title = "a newer major is answered with the device's own",
		.rows = "FUSE-INIT-001",
		.sends = "INIT 8.0, then 7.38",
		.wants = "success with major 7 for both, and a session",
		.catches = "init-newer",
		.start = CHECK_RINGS,
		.run = higher_major,
	},
	{
		.id = "init.higher-major-waits",
		.title = "there is no session before a version is agreed on",
		.rows = "FUSE-INIT-001 VIRTIO-FS-INIT-009",
		.sends = "INIT 8.0, GETATTR of the root, INIT 7.38, GETATTR",
		.wants = "an error for the first GETATTR alone",
		.catches = "init-not-needed",
		.start = CHECK_RINGS,
		.run = higher_major_waits,
	},
	{
		.id = "init.smaller-minor",
		.title = "the minor of the answer is the smaller one, or always the device's own",
		.rows = "FUSE-INIT-002",
		.sends = "INIT with minors 31 to 4294967295",
		.wants =
			"success; the minor that was asked for where it is the smaller one, or the same each time",
		.catches = "init-minor:31:count=1",
		.start = CHECK_RINGS,
		.run = smaller_minor,
	},
	{
		.id = "init.old-minor",
		.title =
			"a driver that is too old is refused or served, and the next one is served",
		.rows = "FUSE-INIT-002",
		.sends = "INIT with minors 1 to 30, each followed by 7.38",
		.wants = "success, EPROTO or EINVAL for each, and a session afterwards",
		.catches = "init-once error:INIT:ENOMEM",
		.start = CHECK_RINGS,
		.run = old_minor,
	},
	{
		.id = "init.short-message",
		.title = "INIT of 16 bytes, as before 7.36, is accepted",
		.rows = "FUSE-INIT-004",
		.sends = "INIT of 16 bytes without INIT_EXT",
		.wants = "success, flags2 0",
		.catches = "init-short init-allow-mmap",
		.start = CHECK_RINGS,
		.run = short_message,
	},
	{
		.id = "init.max-write",
		.title = "WRITE of 4096 bytes is possible",
		.rows = "FUSE-META-015 FUSE-INIT-006",
		.sends = "INIT, CREATE, WRITE of 4096 bytes",
		.wants = "max_write of 4096 or more, and all bytes written",
		.catches = "init-max-write-zero error:WRITE:EINVAL",
		.start = CHECK_RINGS,
		.run = max_write,
	},
	{
		.id = "init.max-readahead",
		.title = "max_readahead is not above what was asked for",
		.rows = "FUSE-META-015",
		.sends = "INIT with max_readahead 0, 4096, 131072, 1048576",
		.wants = "max_readahead of the answer is that or less",
		.catches = "init-readahead",
		.start = CHECK_RINGS,
		.run = max_readahead,
	},
	{
		.id = "init.max-pages",
		.title = "max_pages is there where MAX_PAGES is",
		.rows = "FUSE-META-015",
		.sends = "INIT with MAX_PAGES",
		.wants = "max_pages of 1 or more",
		.catches = "init-max-pages-zero",
		.start = CHECK_RINGS,
		.run = max_pages,
	},
	{
		.id = "init.numbers",
		.title = "the other numbers of the answer can be worked with",
		.rows = "FUSE-META-015",
		.sends = "INIT without MAP_ALIGNMENT",
		.wants =
			"time_gran of a second at most; map_alignment and unused fields 0; the congestion threshold not above max_background",
		.catches = "init-time-gran init-map-alignment",
		.start = CHECK_RINGS,
		.run = numbers,
	},
};

const struct check_area area_init = { "init", "Negotiation by INIT", checks, ARRAY_SIZE(checks) };
