// SPDX-License-Identifier: Apache-2.0
/* Flags of INIT: what is answered of what is offered. */
#include "conformance/device/areas.h"
#include "conformance/device/init.h"

/* A device that ends over such a message need not be waited for. */
static const struct front_options impatient = { .timeout_ms = 1000 };

#define BIT_31	  (UINT64_C(1) << 31)
#define FLAGS_ALL (UINT64_MAX & ~BIT_31)

/* Flags by the minor that brought them; older ones are as old as any device. */
static const struct {
	uint64_t flags;
	uint32_t minor;
} since[] = {
	{ FUSE_MAX_PAGES | FUSE_CACHE_SYMLINKS, 28 },
	{ FUSE_NO_OPENDIR_SUPPORT, 29 },
	{ FUSE_EXPLICIT_INVAL_DATA, 30 },
	{ FUSE_MAP_ALIGNMENT, 31 },
	{ FUSE_SUBMOUNTS, 32 },
	{ FUSE_HANDLE_KILLPRIV_V2 | FUSE_SETXATTR_EXT, 33 },
	{ FUSE_INIT_EXT | FUSE_SECURITY_CTX | FUSE_HAS_INODE_DAX, 36 },
	{ FUSE_CREATE_SUPP_GROUP | FUSE_HAS_EXPIRE_ONLY, 38 },
	{ FUSE_DIRECT_IO_ALLOW_MMAP, 39 },
	{ FUSE_PASSTHROUGH, 40 },
};

/* Flags that FUSE 7.45 knows nothing of. */
#define FLAGS_NOBODYS (UINT64_C(0xffff) << 48)

static void early_flags(struct check_run *r)
{
	struct fuse_init_out out;

	for (uint32_t minor = 31; minor <= 40; minor++) {
		uint32_t agreed;

		WANT(init_ask(r, minor, FLAGS_ALL & ~FLAGS_NOBODYS, &out));
		agreed = out.minor < minor ? out.minor : minor;
		for (size_t i = 0; i < ARRAY_SIZE(since); i++) {
			uint64_t early = front_init_flags_of(&out) & since[i].flags;

			WANT_THAT(r, early == 0 || agreed >= since[i].minor,
				  "no flag that is younger than the minor agreed on",
				  "flags 0x%llx of 7.%u in the answer to 7.%u",
				  (unsigned long long)early, since[i].minor, minor);
		}
	}
}

static void subset(struct check_run *r)
{
	struct fuse_init_out out;

	for (unsigned bit = 0; bit <= 64; bit++) {
		uint64_t offered = bit < 64 ? UINT64_C(1) << bit : 0;

		if (bit == 31)
			continue;
		if (bit >= 32 && bit < 64)
			offered |= FUSE_INIT_EXT;
		WANT(init_ask(r, INIT_MINOR, offered, &out));
		WANT_SAME(r, 0, "flags of the answer that were not offered",
			  front_init_flags_of(&out) & ~offered);
	}
	WANT(init_ask(r, INIT_MINOR, front_init_flags, &out));
	WANT_SAME(r, 0, "flags of the answer that were not offered",
		  front_init_flags_of(&out) & ~front_init_flags);
}

static void bit_31(struct check_run *r)
{
	struct fuse_init_out out;

	WANT(init_ask(r, INIT_MINOR, UINT64_MAX, &out));
	WANT_SAME(r, 0, "bit 31 of the answer, offered", out.flags & BIT_31);
	WANT(init_ask(r, INIT_MINOR, FLAGS_ALL, &out));
	WANT_SAME(r, 0, "bit 31 of the answer, not offered", out.flags & BIT_31);
}

static void unknown_flags(struct check_run *r)
{
	struct fuse_init_out out;

	WANT(init_ask(r, 99, UINT64_MAX, &out));
	WANT_SAME(r, 0, "flags of the answer that no version has",
		  front_init_flags_of(&out) & FLAGS_NOBODYS);
	WANT(check_alive(r));
}

static void short_with_ext(struct check_run *r)
{
	static const size_t sizes[] = { 16, 20, 24, 32, 63 };
	struct say t;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct fuse_init_out out = { 0 };
		uint64_t had = sizes[i] < 20 ? 0 : UINT32_MAX;
		int e = init_of(r, sizes[i], FLAGS_ALL, &out);

		WANT_ONE_OF(r, say(&t, "INIT of %zu bytes with INIT_EXT", sizes[i]), e, 0, -EINVAL,
			    -EPROTO, -EIO);
		if (e == 0)
			WANT_SAME(r, 0, "flags2 of the answer that the message did not hold",
				  out.flags2 & ~had);
		WANT(init_ask(r, INIT_MINOR, front_init_flags, &out));
		WANT(check_alive(r));
	}
}

static void high_without_ext(struct check_run *r)
{
	struct fuse_init_out out = { 0 };

	WANT_OK(r, "INIT of 64 bytes with flags2 but without INIT_EXT",
		init_of(r, sizeof(struct fuse_init_in), FLAGS_ALL & ~(uint64_t)FUSE_INIT_EXT,
			&out));
	WANT_SAME(r, 0, "INIT_EXT of the answer", out.flags & FUSE_INIT_EXT);
	WANT_SAME(r, 0, "flags2 of the answer", out.flags2);
	WANT(init_ask(r, INIT_MINOR, front_init_flags & UINT32_MAX, &out));
	WANT_SAME(r, 0, "flags2 of the answer to INIT_EXT with flags2 0", out.flags2);
}

static const struct check checks[] = {
	{
		.id = "flags.subset",
		.title = "no flag is answered that was not offered",
		.rows = "FUSE-INIT-003",
		.sends = "INIT with no flag, with each of 63 alone, with those of Linux",
		.wants = "flags of the answer are among those of the request",
		.catches = "init-flags-more init-writeback init-flags-all",
		.start = CHECK_RINGS,
		.run = subset,
	},
	{
		.id = "flags.reserved-bit",
		.title = "bit 31 is never answered",
		.rows = "FUSE-INIT-005",
		.sends = "INIT with all 64 flags, and without bit 31",
		.wants = "bit 31 of the answer is 0",
		.catches = "init-bit-31",
		.start = CHECK_RINGS,
		.run = bit_31,
	},
	{
		.id = "flags.unknown",
		.title = "flags that no version has are not answered",
		.rows = "FUSE-INIT-003",
		.sends = "INIT 7.99 with all 64 flags",
		.wants = "bits 48 to 63 of the answer are 0",
		.catches = "init-flags-all",
		.start = CHECK_RINGS,
		.run = unknown_flags,
	},
	{
		.id = "flags.above-minor",
		.title = "no flag is answered that is younger than the agreed minor",
		.rows = "FUSE-INIT-016",
		.sends = "INIT 7.31 to 7.40 with all flags that there are",
		.wants = "flags of the answer are not younger than the smaller of both minors",
		.catches = "init-flags-early init-minor:12",
		.start = CHECK_RINGS,
		.run = early_flags,
	},
	{
		.id = "flags.short-message",
		.title = "of a message that ends early no later field is read",
		.rows = "VIRTIO-FS-SEC-010 FUSE-INIT-004",
		.sends = "INIT of 16, 20, 24, 32 and 63 bytes with INIT_EXT",
		.wants =
			"an error, or success with flags2 0 where the message held none; then a session",
		.catches = "init-allow-mmap",
		.start = CHECK_RINGS,
		.front = &impatient,
		.run = short_with_ext,
	},
	{
		.id = "flags.high-without-ext",
		.title = "flags2 counts only with INIT_EXT",
		.rows = "FUSE-INIT-004",
		.sends =
			"INIT of 64 bytes with all of flags2 and no INIT_EXT, then with INIT_EXT and no flags2",
		.wants = "flags2 of the answer is 0",
		.catches = "init-allow-mmap init-flags-all",
		.start = CHECK_RINGS,
		.run = high_without_ext,
	},
};

const struct check_area area_flags = { "flags", "Flags of INIT", checks, ARRAY_SIZE(checks) };
