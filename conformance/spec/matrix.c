// SPDX-License-Identifier: Apache-2.0
/* Who sees when what another one did: per change and observation, one letter for each mode. */
#include "conformance/spec/rows.h"

#include <string.h>

/*
 * How to read it. (1) In never and metadata files carry FOPEN_DIRECT_IO, so writeback does not
 * delay write(2), yet the guest still ignores the server's size and mtime. (2) DAX replaces the
 * mode for file data only: names, attributes and size follow the mode. (3) Durability is an axis
 * of its own: FSYNC and SYNCFS only. (4) always is meant for trees that nobody else changes: 24
 * hours of staleness are no fault there. (5) DAX columns hold for inodes with DAX in effect
 * (STATX_ATTR_DAX); others follow the column without DAX.
 *
 * The sixteen letters: four modes (never, metadata, auto, always) without writeback and DAX, then
 * with writeback, then with DAX, then with both: spec_mode().
 */

static const struct spec_visibility codes[] = {
	{ 'I', true, "immediate", "visible at once" },
	{ 'T', false, "timeout",
	  "visible after the mode's timeout for entries or attributes, earlier is no fault" },
	{ 'O', false, "open", "visible at the next open" },
	{ 'C', false, "writeback",
	  "visible after the writer's close, fsync, msync or background writeback" },
	{ 'S', false, "size",
	  "visible after the guest refreshed the size (stat, open by path, lookup, each subject "
	  "to T)" },
	{ 'N', false, "never",
	  "may never be visible while the inode stays cached, or never by design; to see it is no "
	  "fault unless the row forbids it" },
	{ 'E', true, "refused", "the operation is refused (ENODEV; with --allow-mmap as in auto)" },
	{ 'A', true, "atomic", "atomic, nothing is lost" },
	{ 'U', false, "undefined",
	  "undefined or a hazard: safety only (no crash, no foreign data)" },
};

/* clang-format off */
static const struct spec_behaviour rows[] = {
	{ .id = "B01",
	  .change = "host creates a file",
	  .observe = "guest opens or stats it by name",
	  .expect = "IIII" "IIII" "IIII" "IIII",
	  .reason = "ENOENT is an error reply, so no negative entry is cached (a device that "
	            "answers nodeid 0 with entry_valid > 0 changes this to T)" },
	{ .id = "B02",
	  .change = "host creates a file",
	  .observe = "guest opens and reads the directory",
	  .expect = "ITIT" "ITIT" "ITIT" "ITIT",
	  .reason = "CACHE_DIR only in metadata and always; a cached listing is checked against "
	            "the cached mtime of the directory" },
	{ .id = "B03",
	  .change = "host unlinks a file or renames it away",
	  .observe = "guest uses the old name",
	  .expect = "ITTT" "ITTT" "ITTT" "ITTT",
	  .reason = "entry_valid; within it the old name still opens the old inode; O_EXCL and "
	            "rename targets are revalidated at once" },
	{ .id = "B04",
	  .change = "host renames a file",
	  .observe = "guest uses the new name",
	  .expect = "IIII" "IIII" "IIII" "IIII",
	  .reason = "a name that is not cached is looked up" },
	{ .id = "B05",
	  .change = "host renames a new file over a name",
	  .observe = "guest opens the name",
	  .expect = "ITTT" "ITTT" "ITTT" "ITTT",
	  .reason = "entry_valid of the name; descriptors that are open keep the old inode in "
	            "every mode" },
	{ .id = "B06",
	  .change = "host deletes a file",
	  .observe = "guest uses its open descriptor",
	  .expect = "IIII" "IIII" "IIII" "IIII",
	  .reason = "\"I\" means that it goes on with the unlinked inode; the device holds a "
	            "descriptor" },
	{ .id = "B07",
	  .change = "host overwrites in place",
	  .observe = "guest read(2), same open descriptor",
	  .expect = "IITT" "IINN" "IIII" "IIII",
	  .reason = "DIRECT_IO (never, metadata); AUTO_INVAL_DATA compares mtime after the "
	            "attribute timeout (auto, always); writeback ignores the server's mtime; "
	            "DAX reads the host's page cache" },
	{ .id = "B08",
	  .change = "host overwrites in place",
	  .observe = "guest closes, opens again, reads",
	  .expect = "IIOT" "IION" "IIII" "IIII",
	  .reason = "an open without KEEP_CACHE drops pages (auto); always keeps them" },
	{ .id = "B09",
	  .change = "host appends",
	  .observe = "guest stat: size",
	  .expect = "ITTT" "NNNN" "ITTT" "NNNN",
	  .reason = "attr_valid; with writeback the server's size, mtime and ctime are ignored "
	            "while the inode stays cached (of DIRECT_IO and DAX inodes too)" },
	{ .id = "B10",
	  .change = "host appends",
	  .observe = "guest read(2) of the new tail, same open descriptor",
	  .expect = "IITT" "IINN" "SSSS" "NNNN",
	  .reason = "a synchronous direct read is not cut at the cached i_size; a cached read "
	            "at end of file refreshes only when expired; a DAX read never refreshes "
	            "size: it needs stat or open by path first (subject to the timeout)" },
	{ .id = "B11",
	  .change = "host truncates",
	  .observe = "guest read(2) of the cut range",
	  .expect = "IITT" "IINN" "UUUU" "UUUU",
	  .reason = "short READ; stale cached pages otherwise; DAX touches a page past the "
	            "host's end of file until attributes are refreshed (HTRUNC-001)" },
	{ .id = "B12",
	  .change = "host truncates",
	  .observe = "guest load through an existing MAP_SHARED mapping",
	  .expect = "EENN" "EENN" "UUUU" "UUUU",
	  .reason = "DIRECT_IO forbids MAP_SHARED; resident pages stay until attributes are "
	            "refreshed, and a load refreshes none" },
	{ .id = "B13",
	  .change = "host punches a hole",
	  .observe = "guest read(2)",
	  .expect = "IITT" "IINN" "IIII" "IIII",
	  .reason = "same size, same pages: DAX sees zeros at once" },
	{ .id = "B14",
	  .change = "host shrinks a file, then grows it",
	  .observe = "guest read(2) after a refresh",
	  .expect = "IITT" "IINN" "IIII" "IIII",
	  .reason = "zeros or new bytes, never old ones (DAX: given no access in between)" },
	{ .id = "B15",
	  .change = "host chmod or chown",
	  .observe = "guest stat",
	  .expect = "ITTT" "ITTT" "ITTT" "ITTT",
	  .reason = "attr_valid; writeback hides only size, mtime and ctime" },
	{ .id = "B16",
	  .change = "host setxattr",
	  .observe = "guest getxattr",
	  .expect = "IIII" "IIII" "IIII" "IIII",
	  .weak = true,
	  .reason = "values are not cached (POSIX ACLs may be: T)" },
	{ .id = "B17",
	  .change = "host replaces a symbolic link",
	  .observe = "guest readlink by name",
	  .expect = "ITTT" "ITTT" "ITTT" "ITTT",
	  .weak = true,
	  .reason = "a new inode behind a cached name; CACHE_SYMLINKS is off by default" },
	{ .id = "B18",
	  .change = "guest creates, mkdirs, renames or unlinks",
	  .observe = "host looks up",
	  .expect = "IIII" "IIII" "IIII" "IIII",
	  .reason = "operations on names are synchronous requests" },
	{ .id = "B19",
	  .change = "guest write(2) inside the size",
	  .observe = "host reads before close",
	  .expect = "IIII" "IICC" "IIII" "IIII",
	  .reason = "write-through sends a WRITE per call; writeback affects only files without "
	            "DIRECT_IO; DAX copies to shared pages" },
	{ .id = "B20",
	  .change = "guest write(2) that extends",
	  .observe = "host: size and data before close",
	  .expect = "IIII" "IICC" "IIII" "IIII",
	  .reason = "DAX sends extending writes as FUSE_WRITE" },
	{ .id = "B21",
	  .change = "guest writes",
	  .observe = "host reads after the guest's close",
	  .expect = "IIII" "IIII" "IIII" "IIII",
	  .reason = "close writes dirty pages, then FLUSH (not durable)" },
	{ .id = "B22",
	  .change = "guest writes",
	  .observe = "host reads after fsync",
	  .expect = "IIII" "IIII" "IIII" "IIII",
	  .reason = "visible and durable (FSYNC was used)" },
	{ .id = "B23",
	  .change = "guest writes",
	  .observe = "host crashes before fsync",
	  .expect = "UUUU" "UUUU" "UUUU" "UUUU",
	  .reason = "nothing is durable without FSYNC or SYNCFS (with DAX a flush of the CPU's "
	            "caches means nothing)" },
	{ .id = "B24",
	  .change = "guest writes",
	  .observe = "host: mtime of the file",
	  .expect = "IIII" "IICC" "CCCC" "CCCC",
	  .weak = true,
	  .reason = "DAX: the host's file system sets mtime at the first write fault or at "
	            "writeback; it may lag until FSYNC" },
	{ .id = "B25",
	  .change = "guest stores through MAP_SHARED",
	  .observe = "host reads before msync",
	  .expect = "EECC" "EECC" "IIII" "IIII",
	  .reason = "page cache against shared pages; with --allow-mmap E becomes C" },
	{ .id = "B26",
	  .change = "guest stores through MAP_SHARED",
	  .observe = "host reads after msync, munmap or close",
	  .expect = "EEII" "EEII" "IIII" "IIII",
	  .reason = "msync(MS_SYNC), the last unmap and close write back; durable only with "
	            "FSYNC" },
	{ .id = "B27",
	  .change = "host writes",
	  .observe = "guest load of a resident page through MAP_SHARED",
	  .expect = "EENN" "EENN" "IIII" "IIII",
	  .reason = "the host cannot invalidate what the guest caches" },
	{ .id = "B28",
	  .change = "guest stores through MAP_PRIVATE",
	  .observe = "host reads",
	  .expect = "NNNN" "NNNN" "NNNN" "NNNN",
	  .never = true,
	  .reason = "copy-on-write: must never be visible" },
	{ .id = "B29",
	  .change = "host writes",
	  .observe = "guest O_DIRECT read",
	  .expect = "IIII" "IIII" "IIII" "IIII",
	  .reason = "bounded by the cached i_size in auto and always; on a DAX inode O_DIRECT "
	            "is served through the window" },
	{ .id = "B30",
	  .change = "guest O_DIRECT write",
	  .observe = "host reads",
	  .expect = "IIII" "IIII" "IIII" "IIII",
	  .reason = "direct WRITE; DAX: a copy through the window, or FUSE_WRITE when it extends" },
	{ .id = "B31",
	  .change = "guest A write(2), flushed",
	  .observe = "guest B read(2), open descriptor",
	  .expect = "IITT" "IINN" "IIII" "IIII",
	  .reason = "B sees it as a change by the host; with writeback add A's delay to flush" },
	{ .id = "B32",
	  .change = "guest A write(2), not flushed",
	  .observe = "guest B read(2)",
	  .expect = "IITT" "IINN" "IIII" "IIII",
	  .reason = "writeback: A's dirty pages are invisible to all until C" },
	{ .id = "B33",
	  .change = "guest A stores through MAP_SHARED",
	  .observe = "guest B load through MAP_SHARED",
	  .expect = "EENN" "EENN" "IIII" "IIII",
	  .reason = "both with DAX: the same pages of the host, atomics work" },
	{ .id = "B34",
	  .change = "guest A extends a file",
	  .observe = "guest B read(2) of the new tail",
	  .expect = "IITT" "IINN" "SSSS" "NNNN",
	  .reason = "size is not shared" },
	{ .id = "B35",
	  .change = "guest A truncates",
	  .observe = "guest B load through a mapping",
	  .expect = "EENN" "EENN" "UUUU" "UUUU",
	  .reason = "for B a truncation by the host" },
	{ .id = "B36",
	  .change = "guest A writes with O_APPEND",
	  .observe = "guest B writes with O_APPEND to the same file",
	  .expect = "AAAA" "AAUU" "AAAA" "AAAA",
	  .reason = "A: records are atomic and none is lost (each append is one on the host); "
	            "writeback takes the offset from the cached size" },
	{ .id = "B37",
	  .change = "guest A locks with fcntl or flock",
	  .observe = "guest B or the host sees the lock",
	  .expect = "NNNN" "NNNN" "NNNN" "NNNN",
	  .weak = true,
	  .reason = "locks are local to the guest unless remote locks are offered" },
};
/* clang-format on */

static const char *const mode_names[SPEC_MODES] = {
	"never",	"metadata",	   "auto",	  "always",
	"never+wb",	"metadata+wb",	   "auto+wb",	  "always+wb",
	"never+dax",	"metadata+dax",	   "auto+dax",	  "always+dax",
	"never+wb+dax", "metadata+wb+dax", "auto+wb+dax", "always+wb+dax",
};

size_t spec_mode(enum spec_cache cache, bool writeback, bool dax)
{
	return (size_t)cache + (writeback ? SPEC_CACHES : 0) + (dax ? 2 * SPEC_CACHES : 0);
}

const char *spec_mode_name(size_t mode)
{
	return mode < SPEC_MODES ? mode_names[mode] : NULL;
}

unsigned spec_cache_timeout_s(enum spec_cache cache)
{
	/* Source: rows MODE-NEVER-001, MODE-META-001, MODE-AUTO-001, MODE-ALWAYS-001. */
	static const unsigned timeout_s[SPEC_CACHES] = {
		[SPEC_CACHE_NEVER] = 0,
		[SPEC_CACHE_METADATA] = 86400,
		[SPEC_CACHE_AUTO] = 1,
		[SPEC_CACHE_ALWAYS] = 86400,
	};

	return (unsigned)cache < SPEC_CACHES ? timeout_s[cache] : 0;
}

const struct spec_visibility *spec_visibilities(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(codes);
	return codes;
}

const struct spec_visibility *spec_visibility_find(char code)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		if (codes[i].code == code)
			return &codes[i];
	}
	return NULL;
}

const struct spec_behaviour *spec_behaviours(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(rows);
	return rows;
}

const struct spec_behaviour *spec_behaviour_find(const char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strcmp(rows[i].id, id) == 0)
			return &rows[i];
	}
	return NULL;
}
