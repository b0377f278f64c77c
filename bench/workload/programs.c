// SPDX-License-Identifier: Apache-2.0
/* Workloads that are static programs of ours (workloads/src/): one row each. */
#include "workload/rows.h"

#define PROGRAMS  24	     /* of about 0.8 MiB */
#define ONE_BYTES (16 * MIB) /* of a single data file */

#define TIME(n, t, u, b, p)                                                               \
	{                                                                                 \
		.name = (n), .title = (t), .unit = (u), .better = (b), .kind = KIND_TIME, \
		.path = (p)                                                               \
	}
#define RATE(n, t, p)  TIME(n, t, "1/s", BETTER_HIGHER, p)
#define BYTES(n, t, p) TIME(n, t, "B/s", BETTER_HIGHER, p)
#define MEAN(n, t, at) TIME(n, t ", mean", "ns", BETTER_LOWER, at ".mean")
#define PERCENTILE(n, t, at, which, one_in)                                                  \
	{                                                                                    \
		.name = (n), .title = (t), .unit = "ns", .better = BETTER_LOWER,             \
		.kind = KIND_TIME, .path = at ".percentile." which, .samples_path = at ".n", \
		.beyond_one_in = (one_in),                                                   \
	}
#define OP(op, what) RATE(op, what, "ops." op ".rate")

static const struct metric_def metadata_metrics[] = {
	OP("create", "files created and closed"),      OP("stat", "stat() of each file"),
	OP("open", "open() and close() of each file"), OP("readdir", "names listed"),
	OP("rename", "renames in one folder"),	       OP("unlink", "files removed"),
	RATE("all", "all operations", "ops_rate"),
};

static const struct metric_def deep_metrics[] = {
	OP("deep_mkdir", "folders made, each in the one before"),
	OP("deep_create", "files created at the end of the chain"),
	OP("deep_stat", "stat() of each by its whole path"),
	OP("deep_open", "open() and close() of each by its whole path"),
	OP("deep_unlink", "files removed by their whole path"),
	OP("deep_rmdir", "folders removed, the deepest first"),
	RATE("deep_all", "all operations on long paths", "ops_rate"),
};

static const struct metric_def small_metrics[] = {
	OP("file_write", "files created, written (4 KiB) and closed"),
	OP("file_stat", "stat() of each written file"),
	OP("file_read", "files opened, read, compared and closed"),
	OP("file_sync", "files created, written, fsynced and closed"),
	OP("file_unlink", "written files removed"),
	RATE("files_all", "all operations on small files", "ops_rate"),
};

static const struct metric_def copy_metrics[] = {
	RATE("files", "files copied", "files_rate"),
	BYTES("copied", "bytes copied", "bytes_rate"),
	TIME("copy_time", "the whole copy, folders included", "s", BETTER_LOWER, "seconds"),
};

static const struct metric_def grep_metrics[] = {
	RATE("searched_files", "files searched", "files_rate"),
	BYTES("searched", "bytes searched", "bytes_rate"),
	TIME("grep_time", "the whole search, with the walk through the folders", "s", BETTER_LOWER,
	     "seconds"),
};

static const struct metric_def start_metrics[] = {
	RATE("starts", "programs started, run and ended, one after the other", "rate"),
	MEAN("start_mean", "one start until the program has ended", "lat_ns"),
	PERCENTILE("start_p50", "one start until the program has ended, median", "lat_ns", "50", 2),
	TIME("start_max", "the slowest start", "ns", BETTER_LOWER, "lat_ns.max"),
};

#define TOUCH_METRICS                                                                            \
	MEAN("seq_touch", "first touch of a page, in order", "seq_touch"),                       \
		PERCENTILE("seq_touch_p50", "first touch of a page, in order, median",           \
			   "seq_touch", "50", 2),                                                \
		MEAN("rand_touch", "first touch of a page, random order", "rand_touch"),         \
		PERCENTILE("rand_touch_p50", "first touch of a page, random order, median",      \
			   "rand_touch", "50", 2),                                               \
		PERCENTILE("rand_touch_p90",                                                     \
			   "first touch of a page, random order, 90th percentile", "rand_touch", \
			   "90", 10),                                                            \
		BYTES("load_bw", "loads from pages that are mapped", "load_rate"),               \
		BYTES("store_bw", "stores to pages that are mapped writable", "store_rate")

static const struct metric_def faults_metrics[] = {
	TOUCH_METRICS,
	MEAN("dirty_touch", "first store to a page of a shared mapping", "write_touch"),
	PERCENTILE("dirty_touch_p50", "first store to a page of a shared mapping, median",
		   "write_touch", "50", 2),
	MEAN("msync", "64 dirty pages and msync(MS_SYNC)", "msync"),
	RATE("msync_pages", "dirty pages made safe by msync()", "msync_rate"),
};

static const struct metric_def private_metrics[] = {
	TOUCH_METRICS,
	MEAN("cow_touch", "first store to a page of a private mapping (a copy)", "write_touch"),
	PERCENTILE("cow_touch_p50", "first store to a page of a private mapping, median",
		   "write_touch", "50", 2),
};

static const struct metric_def ops_metrics[] = {
	BYTES("both_reads", "throughput of both reads", "read_rate"),
};

#define PROGRAM(name, ...) .tool = TOOL_PROGRAM, .job = (name), .args = LIST(__VA_ARGS__)

static const struct workload rows[] = {
	{
		.id = "metadata",
		.no_data = true,
		.title = "Create, stat, open, list, rename and remove 400 empty files",
		.question = "What do operations on names cost?",
		.decides = "whether builds and package managers are usable in this mode",
		PROGRAM("wl-meta", "400"),
		PHASES_COLD,
		METRICS(metadata_metrics),
		.headline = LIST("cold.all", "cold.create", "cold.stat"),
	},
	{
		.id = "metadata-deep",
		.no_data = true,
		.title = "Operations on 100 files at the end of a chain of 16 folders",
		.question =
			"What does a long path cost, whose every folder may be asked for again?",
		.decides =
			"whether deep trees (node_modules, Maven repositories) need a mode that keeps names",
		PROGRAM("wl-deep", "16", "100"),
		PHASES_COLD,
		METRICS(deep_metrics),
		.headline = LIST("cold.deep_all", "cold.deep_stat"),
	},
	{
		.id = "small-files",
		.title = "Write, stat, read, sync and remove 200 files of 4 KiB",
		.question = "How many small files a second can be written and read back?",
		.decides =
			"whether mail folders, caches and unpacked archives are usable in this mode",
		PROGRAM("wl-small", "200", "4096"),
		PHASES_COLD,
		METRICS(small_metrics),
		.headline = LIST("cold.file_write", "cold.file_read"),
	},
	{
		.id = "source-copy",
		.title = "Copy a tree of 300 source files",
		.question = "How long does a copy of a source tree take inside the share?",
		.decides = "whether to check out and unpack on the share or beside it",
		PROGRAM("wl-tree", "copy"),
		.layout = LAYOUT_TREE,
		PHASES_COLD_WARM_ONCE,
		METRICS(copy_metrics),
		.headline = LIST("cold.files", "warm.files"),
	},
	{
		.id = "source-grep",
		.title = "Search a tree of 300 source files for a word",
		.question = "How long does a search through a source tree take?",
		.decides =
			"whether an editor or a compiler can work on sources that the host keeps",
		PROGRAM("wl-tree", "grep"),
		.layout = LAYOUT_TREE,
		PHASES_COLD_WARM_ONCE,
		METRICS(grep_metrics),
		.headline = LIST("cold.searched_files", "warm.searched_files"),
	},
	{
		.id = "program-start",
		.title = "Start 24 static programs, each with its configuration",
		.question = "How long does a program take to start when it lies on the share?",
		.decides = "whether a root file system or a tool chain can be shared",
		PROGRAM("wl-start", NULL),
		.layout = LAYOUT_PROGRAMS,
		.file_count = PROGRAMS,
		.maps_private = true,
		PHASES_COLD_WARM,
		METRICS(start_metrics),
		.headline = LIST("cold.starts", "warm.starts"),
	},
	{
		.id = "mmap-faults",
		.title = "Page faults, loads, stores and msync() of a shared mapping",
		.question =
			"What does the first touch of a mapped page cost, and what does msync()?",
		.decides =
			"whether programs that live on mapped files are usable, and what DAX would save",
		PROGRAM("wl-mmap", "shared"),
		.layout = LAYOUT_FILES,
		.file_count = 1,
		.file_bytes = ONE_BYTES,
		.needs = NEED_MAP_SHARED | NEED_MAP_WRITE,
		PHASES_COLD_WARM_ONCE,
		METRICS(faults_metrics),
		.headline = LIST("cold.rand_touch", "warm.rand_touch"),
	},
	{
		.id = "mmap-private",
		.title = "Page faults, loads and copies on write of a private mapping",
		.question = "What does a program pay that maps a file only for itself?",
		.decides = "how fast libraries and programs are mapped, in every mode",
		PROGRAM("wl-mmap", "private"),
		.layout = LAYOUT_FILES,
		.file_count = 1,
		.file_bytes = ONE_BYTES,
		.maps_private = true,
		PHASES_COLD,
		METRICS(private_metrics),
		.headline = LIST("cold.rand_touch", "cold.cow_touch"),
	},
	{
		.id = "ops-reference",
		.title = "Read half of a file of 32 MiB twice, then stat() it five times",
		.question = "Which requests does a mode save?",
		.decides = "whether a mode does what its name says, whatever the host's speed",
		PROGRAM("wl-ops", "16", "2", "5"),
		.layout = LAYOUT_FILES,
		.file_count = 1,
		/* Larger than what is read, so that read-ahead past it shows. */
		.file_bytes = 32 * MIB,
		PHASES_COLD,
		METRICS(ops_metrics),
		.headline = LIST("cold.ops.READ", "cold.ops.GETATTR", "cold.ops.LOOKUP"),
	},
};

const struct workload_rows workload_program_rows = { rows, ARRAY_SIZE(rows) };
