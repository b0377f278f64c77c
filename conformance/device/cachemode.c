// SPDX-License-Identifier: Apache-2.0
/* What each cache mode answers: how long replies are valid, how files and folders are opened, what INIT says. */
#include "conformance/device/areas.h"
#include "conformance/device/files.h"

#define DAY_S	     86400
#define FILE_FLAGS   (FOPEN_KEEP_CACHE | FOPEN_DIRECT_IO)
#define FOLDER_FLAGS (FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR)
#define MODE	     (S_IFREG | 0644)

static bool entry_valid(struct check_run *r, const char *what, int result, uint64_t seconds,
			const struct fuse_entry_out *e)
{
	struct say t;

	return check_ok(r, what, result) &&
	       check_same(r, seconds, say(&t, "%s: entry_valid", what), e->entry_valid) &&
	       check_same(r, seconds, say(&t, "%s: attr_valid", what), e->attr_valid) &&
	       check_same(r, 0, say(&t, "%s: nanoseconds of both", what),
			  e->entry_valid_nsec | e->attr_valid_nsec);
}

static bool attr_valid(struct check_run *r, const char *what, int result, uint64_t seconds,
		       const struct fuse_attr_out *a)
{
	struct say t;

	return check_ok(r, what, result) &&
	       check_same(r, seconds, say(&t, "%s: attr_valid", what), a->attr_valid) &&
	       check_same(r, 0, say(&t, "%s: nanoseconds", what), a->attr_valid_nsec);
}

static void validity(struct check_run *r, uint64_t s)
{
	const struct fuse_setattr_in in = { .valid = FATTR_MODE, .mode = 0600 };
	struct fuse_entry_out file, e;
	struct fuse_open_out open;
	struct fuse_attr_out a;
	struct front *f = r->f;
	int result;

	WANT(check_host(r, "make a file", host_fill(r->share, "file", 100, FILES_SEED)));
	result = front_lookup(f, FRONT_ROOT, "file", &file);
	WANT(entry_valid(r, "LOOKUP", result, s, &file));
	result = front_create(f, FRONT_ROOT, "created", O_RDWR | O_CREAT, MODE, &e, &open);
	WANT(entry_valid(r, "CREATE", result, s, &e));
	result = front_mknod(f, FRONT_ROOT, "node", MODE, 0, &e);
	WANT(entry_valid(r, "MKNOD", result, s, &e));
	result = front_mkdir(f, FRONT_ROOT, "dir", 0755, &e);
	WANT(entry_valid(r, "MKDIR", result, s, &e));
	result = front_symlink(f, FRONT_ROOT, "link", "file", &e);
	WANT(entry_valid(r, "SYMLINK", result, s, &e));
	result = front_link(f, file.nodeid, FRONT_ROOT, "hard", &e);
	WANT(entry_valid(r, "LINK", result, s, &e));
	result = front_getattr(f, file.nodeid, NULL, &a);
	WANT(attr_valid(r, "GETATTR", result, s, &a));
	result = front_setattr(f, file.nodeid, &in, &a);
	WANT(attr_valid(r, "SETATTR", result, s, &a));
}

/* @folder: FOPEN_ flags that OPENDIR must answer; @may: that it may. */
static void opened_as(struct check_run *r, uint32_t file, uint32_t folder, uint32_t may)
{
	static const uint32_t modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	struct fuse_open_out dir;
	struct opened o;
	struct say t;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		WANT(files_have(r, 100, modes[i], &o));
		WANT_SAME(r, file, say(&t, "KEEP_CACHE and DIRECT_IO of OPEN, mode %u", modes[i]),
			  o.flags & FILE_FLAGS);
	}
	WANT_OK(r, "CREATE", files_create(r, "new", O_RDWR | O_CREAT, &o));
	WANT_SAME(r, file, "KEEP_CACHE and DIRECT_IO of CREATE", o.flags & FILE_FLAGS);
	WANT_OK(r, "OPENDIR", front_opendir(r->f, FRONT_ROOT, &dir));
	WANT_SAME(r, folder, "KEEP_CACHE and CACHE_DIR of OPENDIR",
		  dir.open_flags & FOLDER_FLAGS & ~may);
}

static void never_valid(struct check_run *r)
{
	validity(r, 0);
}

static void never_opened(struct check_run *r)
{
	opened_as(r, FOPEN_DIRECT_IO, 0, 0);
}

static void metadata_valid(struct check_run *r)
{
	validity(r, DAY_S);
}

static void metadata_opened(struct check_run *r)
{
	opened_as(r, FOPEN_DIRECT_IO, FOLDER_FLAGS, 0);
}

static void auto_valid(struct check_run *r)
{
	validity(r, 1);
}

static void auto_opened(struct check_run *r)
{
	opened_as(r, 0, 0, 0);
}

static void always_valid(struct check_run *r)
{
	validity(r, DAY_S);
}

static void always_opened(struct check_run *r)
{
	opened_as(r, FOPEN_KEEP_CACHE, FOPEN_CACHE_DIR, FOPEN_KEEP_CACHE);
}

/* Whatever the driver may keep, the device keeps nothing. */
static void follows_host(struct check_run *r)
{
	struct fuse_attr_out attr;
	struct opened o;
	struct stat st;
	char why[128];
	const char *differs;

	WANT(files_have(r, 100, O_RDONLY, &o));
	for (size_t size = 200; size < 500; size += 100) {
		WANT_OK(r, "GETATTR", front_getattr(r->f, o.nodeid, NULL, &attr));
		WANT(check_host(r, "write", host_fill(r->share, "file", size, (uint32_t)size)));
		WANT_OK(r, "GETATTR", front_getattr(r->f, o.nodeid, NULL, &attr));
		WANT(check_host(r, "stat", host_stat(r->share, "file", &st)));
		differs = host_compare(&attr.attr, &st, false, why, sizeof(why));
		WANT_THAT(r, !differs, "the attributes that the host sees now", "%s", differs);
	}
}

/* ---- INIT ---- */

static uint64_t agreed(const struct check_run *r)
{
	return front_init_flags_of(&r->f->init);
}

static void no_plus(struct check_run *r)
{
	WANT_SAME(r, 0, "DO_READDIRPLUS in the reply of INIT", agreed(r) & FUSE_DO_READDIRPLUS);
}

static void default_flags(struct check_run *r)
{
	static const struct {
		uint64_t flag;
		const char *name;
		uint32_t minor; /* that brought it; an older device cannot know it */
	} flags[] = {
		{ FUSE_ASYNC_READ, "ASYNC_READ", 0 },
		{ FUSE_BIG_WRITES, "BIG_WRITES", 0 },
		{ FUSE_ATOMIC_O_TRUNC, "ATOMIC_O_TRUNC", 0 },
		{ FUSE_AUTO_INVAL_DATA, "AUTO_INVAL_DATA", 0 },
		{ FUSE_PARALLEL_DIROPS, "PARALLEL_DIROPS", 0 },
		{ FUSE_ASYNC_DIO, "ASYNC_DIO", 0 },
		{ FUSE_MAX_PAGES, "MAX_PAGES", 28 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		WANT_THAT(r, agreed(r) & flags[i].flag || r->f->init.minor < flags[i].minor,
			  "what is offered is taken: all of the "
			  "default set in the reply",
			  "%s is missing", flags[i].name);
}

static void no_writeback(struct check_run *r)
{
	WANT_SAME(r, 0, "WRITEBACK_CACHE in the reply of INIT", agreed(r) & FUSE_WRITEBACK_CACHE);
}

static void writeback(struct check_run *r)
{
	struct fuse_init_out out;

	WANT_OK(r, "INIT that offers WRITEBACK_CACHE", front_init(r->f, 0, &out));
	WANT_SAME(r, FUSE_WRITEBACK_CACHE, "WRITEBACK_CACHE in the reply",
		  out.flags & FUSE_WRITEBACK_CACHE);
}

static void writeback_offered(struct check_run *r)
{
	struct fuse_init_out out;

	WANT_OK(r, "INIT that does not offer WRITEBACK_CACHE",
		front_init_with(r->f, FUSE_KERNEL_VERSION, 38,
				front_init_flags & ~(uint64_t)FUSE_WRITEBACK_CACHE, &out));
	WANT_SAME(r, 0, "WRITEBACK_CACHE in the reply", out.flags & FUSE_WRITEBACK_CACHE);
}

static void no_mmap(struct check_run *r)
{
	struct fuse_init_out out;

	WANT_OK(r, "INIT that offers DIRECT_IO_ALLOW_MMAP",
		front_init_with(r->f, FUSE_KERNEL_VERSION, 39,
				front_init_flags | FUSE_DIRECT_IO_ALLOW_MMAP, &out));
	WANT_SAME(r, 0, "DIRECT_IO_ALLOW_MMAP in the reply",
		  front_init_flags_of(&out) & FUSE_DIRECT_IO_ALLOW_MMAP);
}

static void no_killpriv(struct check_run *r)
{
	struct fuse_init_out out;

	WANT_OK(r, "INIT that does not offer HANDLE_KILLPRIV_V2",
		front_init_with(r->f, FUSE_KERNEL_VERSION, 38,
				front_init_flags & ~(uint64_t)FUSE_HANDLE_KILLPRIV_V2, &out));
	WANT_SAME(r, 0, "HANDLE_KILLPRIV_V2 in the reply", out.flags & FUSE_HANDLE_KILLPRIV_V2);
}

#define VALID_SENDS "LOOKUP, CREATE, MKNOD, MKDIR, SYMLINK, LINK, GETATTR, SETATTR"
#define OPEN_SENDS  "OPEN with O_RDONLY, O_WRONLY, O_RDWR; CREATE; OPENDIR"

/* One of both for each mode. */
#define VALID(mode, options_, row, seconds, faults)                                               \
	{                                                                                         \
		.id = "cachemode." #mode "-validity",                                             \
		.title = "with cache " #mode " every reply is valid for " seconds, .rows = (row), \
		.sends = VALID_SENDS, .wants = "entry_valid and attr_valid of each are " seconds, \
		.catches = (faults), .options = (options_), .run = mode##_valid                   \
	}
#define OPENED(mode, options_, row, flags, faults)                                       \
	{                                                                                \
		.id = "cachemode." #mode "-open-flags",                                  \
		.title = "with cache " #mode " files and folders are opened for it",     \
		.rows = (row), .sends = OPEN_SENDS, .wants = flags, .catches = (faults), \
		.options = (options_), .run = mode##_opened                              \
	}

static const struct check checks[] = {
	VALID(never, CHECK_CACHE_NEVER, "MODE-NEVER-001 MODE-VER-003", "0 s",
	      "valid-long valid-nsec"),
	VALID(metadata, CHECK_CACHE_METADATA, "MODE-META-001", "86400 s", "valid-zero"),
	VALID(auto, CHECK_DEFAULTS, "MODE-AUTO-001 MODE-VER-003", "1 s",
	      "valid-long valid-zero valid-nsec"),
	VALID(always, CHECK_CACHE_ALWAYS, "MODE-ALWAYS-001", "86400 s", "valid-zero"),
	OPENED(never, CHECK_CACHE_NEVER, "MODE-NEVER-002",
	       "DIRECT_IO and no KEEP_CACHE for files; neither KEEP_CACHE nor CACHE_DIR for folders",
	       "open-not-direct open-keep-cache"),
	OPENED(metadata, CHECK_CACHE_METADATA, "MODE-META-001",
	       "DIRECT_IO and no KEEP_CACHE for files; KEEP_CACHE and CACHE_DIR for folders",
	       "open-keep-cache open-not-direct opendir-flags"),
	OPENED(auto, CHECK_DEFAULTS, "MODE-AUTO-001",
	       "neither DIRECT_IO nor KEEP_CACHE for files; neither KEEP_CACHE nor CACHE_DIR for "
	       "folders",
	       "open-keep-cache open-direct-io"),
	OPENED(always, CHECK_CACHE_ALWAYS, "MODE-ALWAYS-001",
	       "KEEP_CACHE and no DIRECT_IO for files; CACHE_DIR for folders",
	       "open-direct-io opendir-flags"),
	{
		.id = "cachemode.always-follows-host",
		.title = "in no cache mode does the device itself keep attributes",
		.rows = "FUSE-ATTR-011",
		.sends =
			"GETATTR before and after the host changes the file, thrice, with cache always",
		.wants = "the attributes that the host sees",
		.catches = "attr-size attr-mtime preload:stat-size preload:stat-mtime",
		.options = CHECK_CACHE_ALWAYS,
		.run = follows_host,
	},
	{
		.id = "cachemode.never-no-readdirplus",
		.title = "with cache never READDIRPLUS is off",
		.rows = "MODE-NEVER-003",
		.sends = "INIT that offers DO_READDIRPLUS and READDIRPLUS_AUTO, with cache never",
		.wants = "DO_READDIRPLUS is not in the reply",
		.catches = "init-readdirplus",
		.options = CHECK_CACHE_NEVER,
		.run = no_plus,
	},
	{
		.id = "cachemode.default-flags",
		.title = "INIT agrees on what every mode relies on",
		.rows = "MODE-DEF-001",
		.sends = "INIT that offers what Linux 6.12 does",
		.wants =
			"ASYNC_READ, BIG_WRITES, ATOMIC_O_TRUNC, AUTO_INVAL_DATA, PARALLEL_DIROPS, "
			"ASYNC_DIO and MAX_PAGES are in the reply",
		.catches = "init-flags-none",
		.options = CHECK_DEFAULTS,
		.run = default_flags,
	},
	{
		.id = "cachemode.writeback-off",
		.title = "WRITEBACK_CACHE is off unless the device is told so",
		.rows = "MODE-WB-001",
		.sends = "INIT that offers WRITEBACK_CACHE, to a device without that option",
		.wants = "it is not in the reply",
		.catches = "init-writeback",
		.options = CHECK_DEFAULTS,
		.run = no_writeback,
	},
	{
		.id = "cachemode.writeback-on",
		.title = "WRITEBACK_CACHE is on when both sides want it",
		.rows = "MODE-WB-001",
		.sends = "INIT that offers WRITEBACK_CACHE, to a device with that option",
		.wants = "it is in the reply",
		.catches = "init-flags-none",
		.start = CHECK_RINGS,
		.options = CHECK_WRITEBACK,
		.run = writeback,
	},
	{
		.id = "cachemode.writeback-not-offered",
		.title = "WRITEBACK_CACHE is off when the driver does not offer it",
		.rows = "MODE-WB-001 FUSE-INIT-003",
		.sends = "INIT without WRITEBACK_CACHE, to a device with that option",
		.wants = "it is not in the reply",
		.catches = "init-writeback",
		.start = CHECK_RINGS,
		.options = CHECK_WRITEBACK,
		.run = writeback_offered,
	},
	{
		.id = "cachemode.no-shared-mmap",
		.title = "DIRECT_IO_ALLOW_MMAP is off unless the device is told so",
		.rows = "MODE-MMAP-001",
		.sends = "INIT of 7.39 that offers it, with cache never",
		.wants = "it is not in the reply",
		.catches = "init-allow-mmap",
		.start = CHECK_RINGS,
		.options = CHECK_CACHE_NEVER,
		.run = no_mmap,
	},
	{
		.id = "cachemode.killpriv-not-offered",
		.title = "HANDLE_KILLPRIV_V2 is off when the driver does not offer it",
		.rows = "MODE-KILL-001",
		.sends = "INIT without HANDLE_KILLPRIV_V2",
		.wants = "it is not in the reply",
		.catches = "init-killpriv",
		.start = CHECK_RINGS,
		.run = no_killpriv,
	},
};

const struct check_area area_cachemode = { "cachemode", "Cache modes", checks, ARRAY_SIZE(checks) };
