// SPDX-License-Identifier: Apache-2.0
/* fio workloads: one row each; the job files take what differs from the environment. */
#include "workload/fio_metrics.h"
#include "workload/rows.h"

/* Working sets: large against a guest's L2 cache, small enough for seconds under TCG. */
#define READ_BYTES  (32 * MIB)
#define WRITE_BYTES (16 * MIB)
#define FSYNC_BYTES (1 * MIB)
#define LARGE_BYTES \
	(100 * MIB) /* what is in the guest's page cache, or not, is no question of noise */
#define BLOCK 4096
/* Files and jobs of a "-multi" row, and I/Os in flight of each asynchronous job. */
#define MULTI 4
#define DEPTH 16

/* Half of what the slowest stack manages under TCG, so that waiting is not queueing. */
#define OPEN_RATE 500
#define OPEN_N	  1100 /* 100 of them lie beyond the 90th percentile, with room for Poisson */

/* ---- the known 30 jobs: pattern x engine x one or four files ---- */

#define T_seqread   "Sequential read"
#define T_seqwrite  "Sequential write, then fsync()"
#define T_randread  "Random read"
#define T_randwrite "Random write, then fsync()"
#define T_randrw    "Random read and write, half each"
#define T_psync	    ", 4 KiB"
#define T_mmap	    " through a shared mapping, 4 KiB"
#define T_libaio    ", 4 KiB, libaio, O_DIRECT, depth 16"

#define Q_seqread  "How fast is a file read from start to end"
#define Q_seqwrite "How fast is a file overwritten until it is safe on the host's disk"
#define Q_randread "What does one small read cost when read-ahead cannot help"
#define Q_randwrite \
	"What does one small write at a random place cost, and how long until it is safe"
#define Q_randrw "What do small reads cost beside small writes, and those beside reads"
#define Q_psync	 " by plain system calls"
#define Q_mmap	 " by a program that maps files"
#define Q_libaio " by a program that keeps 16 requests in flight past the cache"

#define D_seqread   "whether read-ahead and the guest's cache work in this mode"
#define D_seqwrite  "whether writeback is worth its weaker coherence"
#define D_randread  "the price of one request round trip, and of a cache hit"
#define D_randwrite "whether small updates in place (databases, mail boxes) are usable in this mode"
#define D_randrw    "whether readers of a file suffer from its writers"
#define D_psync	    ""
#define D_mmap	    ", for mapped files: can they be used at all, and is DAX worth its window"
#define D_libaio    ", when requests may overlap: is a queue depth worth anything here"

#define MULTI_T ", 4 threads with a file each"
#define MULTI_Q ", by four threads at once, each in its own file"
#define MULTI_D ", and whether work on several files scales"

#define W_seqread   0
#define W_seqwrite  NEED_MAP_WRITE
#define W_randread  0
#define W_randwrite NEED_MAP_WRITE
#define W_randrw    NEED_MAP_WRITE

#define N_psync	 0
#define N_mmap	 NEED_MAP_SHARED
#define N_libaio NEED_DIRECT

/* 1 where a pattern that writes writes through its mapping. */
#define MAPS_psync  0
#define MAPS_mmap   1
#define MAPS_libaio 0

#define DEPTH_psync   1
#define DEPTH_mmap    1
#define DEPTH_libaio  DEPTH
#define DIRECT_psync  false
#define DIRECT_mmap   false
#define DIRECT_libaio true

#define RW_seqread   "read"
#define RW_seqwrite  "write"
#define RW_randread  "randread"
#define RW_randwrite "randwrite"
#define RW_randrw    "randrw"

#define IO(pattern, io_engine, io_fsync)                                                     \
	{                                                                                    \
		.rw = RW_##pattern, .engine = #io_engine, .block = BLOCK,                    \
		.depth = DEPTH_##io_engine, .direct = DIRECT_##io_engine, .fsync = io_fsync, \
	}

#define ROW(pattern, io_engine, suffix, t, q, d, files, bytes, io_fsync, table, ...)        \
	{                                                                                   \
		.id = #pattern "-" #io_engine suffix, .title = T_##pattern T_##io_engine t, \
		.question = Q_##pattern Q_##io_engine q "?",                                \
		.decides = D_##pattern D_##io_engine d, .tool = TOOL_FIO, .job = "io.fio",  \
		.fio = IO(pattern, io_engine, io_fsync), .layout = LAYOUT_FILES,            \
		.file_count = (files), .file_bytes = (bytes) / (files),                     \
		.needs = N_##io_engine | MAPS_##io_engine * W_##pattern, METRICS(table),    \
		__VA_ARGS__                                                                 \
	}

/* A pattern with an engine: on one file, and on four. */
#define PAIR(pattern, engine, bytes, fsync, table, ...)                                        \
	ROW(pattern, engine, "", "", "", "", 1, bytes, fsync, table, __VA_ARGS__),             \
		ROW(pattern, engine, "-multi", MULTI_T, MULTI_Q, MULTI_D, MULTI, bytes, fsync, \
		    table, __VA_ARGS__)

#define SEQREAD(engine, table)                                                 \
	PAIR(seqread, engine, READ_BYTES, FSYNC_NONE, table, PHASES_COLD_WARM, \
	     .headline = LIST("cold.bw", "warm.bw"))
#define RANDREAD(engine, table)                                                 \
	PAIR(randread, engine, READ_BYTES, FSYNC_NONE, table, PHASES_COLD_WARM, \
	     .headline = LIST("cold.iops", "warm.iops"))
#define SEQWRITE(engine, table)                                             \
	PAIR(seqwrite, engine, WRITE_BYTES, FSYNC_LAST, table, PHASES_COLD, \
	     .headline = LIST("cold.bw"))
#define RANDWRITE(engine, table)                                             \
	PAIR(randwrite, engine, WRITE_BYTES, FSYNC_LAST, table, PHASES_COLD, \
	     .headline = LIST("cold.iops"))
#define RANDRW(engine, table)                                            \
	PAIR(randrw, engine, WRITE_BYTES, FSYNC_END, table, PHASES_COLD, \
	     .headline = LIST("cold.read_iops", "cold.write_iops"))

/* ---- the others ---- */

#define FILES(bytes) .layout = LAYOUT_FILES, .file_count = 1, .file_bytes = (bytes)
#define FIO(file)    .tool = TOOL_FIO, .job = (file)

static const struct workload rows[] = {
	SEQREAD(psync, fio_read_metrics),
	SEQREAD(mmap, fio_read_metrics),
	SEQREAD(libaio, fio_read_async_metrics),
	SEQWRITE(psync, fio_write_metrics),
	SEQWRITE(mmap, fio_write_metrics),
	SEQWRITE(libaio, fio_write_async_metrics),
	RANDREAD(psync, fio_read_metrics),
	RANDREAD(mmap, fio_read_metrics),
	RANDREAD(libaio, fio_read_async_metrics),
	RANDWRITE(psync, fio_write_metrics),
	RANDWRITE(mmap, fio_write_metrics),
	RANDWRITE(libaio, fio_write_async_metrics),
	RANDRW(psync, fio_mixed_metrics),
	RANDRW(mmap, fio_mixed_metrics),
	RANDRW(libaio, fio_mixed_async_metrics),
	{
		.id = "seqread-io-uring",
		.title = "Sequential read, 4 KiB, io_uring, O_DIRECT, depth 16",
		.question = "Does io_uring read a file faster than libaio does?",
		.decides = "whether programs should be moved to io_uring on such a share",
		FIO("io.fio"),
		.fio = { .rw = "read",
			 .engine = "io_uring",
			 .block = BLOCK,
			 .depth = DEPTH,
			 .direct = true },
		FILES(READ_BYTES),
		.needs = NEED_IO_URING | NEED_DIRECT,
		METRICS(fio_read_async_metrics),
		PHASES_COLD_WARM,
		.headline = LIST("cold.bw", "warm.bw"),
	},
	{
		.id = "randread-io-uring",
		.title = "Random read, 4 KiB, io_uring, O_DIRECT, depth 16",
		.question = "Do small reads overlap when io_uring submits them?",
		.decides = "whether a database on such a share gains from io_uring",
		FIO("io.fio"),
		.fio = { .rw = "randread",
			 .engine = "io_uring",
			 .block = BLOCK,
			 .depth = DEPTH,
			 .direct = true },
		FILES(READ_BYTES),
		.needs = NEED_IO_URING | NEED_DIRECT,
		METRICS(fio_read_async_metrics),
		PHASES_COLD_WARM,
		.headline = LIST("cold.iops", "warm.iops"),
	},
	{
		.id = "seqread-direct",
		.title = "Sequential read, 4 KiB, O_DIRECT, one at a time",
		.question = "What does each request of a file's reader cost when no cache helps?",
		.decides =
			"how much of the buffered rate is read-ahead, and whether O_DIRECT is honoured",
		FIO("io.fio"),
		.fio = { .rw = "read",
			 .engine = "psync",
			 .block = BLOCK,
			 .depth = 1,
			 .direct = true },
		FILES(READ_BYTES),
		.needs = NEED_DIRECT,
		METRICS(fio_read_metrics),
		PHASES_COLD_WARM,
		.headline = LIST("cold.bw", "warm.bw"),
	},
	{
		.id = "randread-direct",
		.title = "Random read, 4 KiB, O_DIRECT, one at a time",
		.question = "How long is the way of one small request to the host's disk and back?",
		.decides = "the latency that a program pays that keeps its own cache",
		FIO("io.fio"),
		.fio = { .rw = "randread",
			 .engine = "psync",
			 .block = BLOCK,
			 .depth = 1,
			 .direct = true },
		FILES(READ_BYTES),
		.needs = NEED_DIRECT,
		METRICS(fio_read_metrics),
		PHASES_COLD_WARM,
		.headline = LIST("cold.iops", "warm.iops"),
	},
	{
		.id = "seqread-1m",
		.title = "Sequential read, 1 MiB",
		.question = "How fast is a file read when each call asks for a lot?",
		.decides = "the highest rate of this mode, with the cost of requests spread thin",
		FIO("io.fio"),
		.fio = { .rw = "read", .engine = "psync", .block = 1 << 20, .depth = 1 },
		FILES(READ_BYTES),
		METRICS(fio_read_metrics),
		PHASES_COLD_WARM,
		.headline = LIST("cold.bw", "warm.bw"),
	},
	{
		.id = "seqread-100m",
		.title = "Sequential read of 100 MiB, 1 MiB",
		.question =
			"How fast is a large file read, and how much of it does the guest keep?",
		.decides = "what a guest's page cache costs beside the host's",
		FIO("io.fio"),
		.fio = { .rw = "read", .engine = "psync", .block = 1 << 20, .depth = 1 },
		FILES(LARGE_BYTES),
		METRICS(fio_read_metrics),
		PHASES_GUEST_COLD,
		.headline = LIST("guest-cold.bw", "warm.bw"),
	},
	{
		.id = "mapread-100m",
		.title = "Sequential read of 100 MiB through a shared mapping, 1 MiB",
		.question =
			"How fast is a large mapped file read, and how much does the guest keep?",
		.decides = "what DAX saves where programs map what they read",
		FIO("io.fio"),
		.fio = { .rw = "read", .engine = "mmap", .block = 1 << 20, .depth = 1 },
		FILES(LARGE_BYTES),
		.needs = NEED_MAP_SHARED,
		METRICS(fio_read_metrics),
		PHASES_GUEST_COLD,
		.headline = LIST("guest-cold.bw", "warm.bw"),
	},
	{
		.id = "fsync-write",
		.title = "Write 4 KiB and fsync(), again and again",
		.question = "How many small writes a second are each safe on the host's disk?",
		.decides = "whether databases and journals can live on such a share",
		FIO("io.fio"),
		.fio = { .rw = "write",
			 .engine = "psync",
			 .block = BLOCK,
			 .depth = 1,
			 .fsync = FSYNC_EACH },
		FILES(FSYNC_BYTES),
		METRICS(fio_fsync_metrics),
		PHASES_COLD,
		.headline = LIST("cold.iops", "cold.fsync_mean"),
	},
	{
		.id = "randread-open",
		.title = "Random read, 4 KiB, 500 a second at random moments (open loop)",
		.question =
			"How long does a small read take at a load that does not wait for answers?",
		.decides = "the latency to promise for a service whose load comes from outside",
		FIO("open-loop.fio"),
		.fio = { .rw = "randread",
			 .engine = "libaio",
			 .block = BLOCK,
			 .depth = DEPTH,
			 .direct = true,
			 .rate = OPEN_RATE,
			 .rate_n = OPEN_N },
		FILES(READ_BYTES),
		.needs = NEED_DIRECT,
		METRICS(fio_open_read_metrics),
		PHASES_COLD,
		.headline = LIST("cold.lat_p50", "cold.rate_reached"),
	},
	{
		.id = "seqwrite-open",
		.title = "Sequential write, 4 KiB, 500 a second at random moments (open loop)",
		.question =
			"How long does a small write take at a load that does not wait for answers?",
		.decides = "the latency to promise for a log that is written at a given rate",
		FIO("open-loop.fio"),
		.fio = { .rw = "write",
			 .engine = "libaio",
			 .block = BLOCK,
			 .depth = DEPTH,
			 .direct = true,
			 .rate = OPEN_RATE,
			 .rate_n = OPEN_N },
		FILES(WRITE_BYTES),
		.needs = NEED_DIRECT,
		METRICS(fio_open_write_metrics),
		PHASES_COLD,
		.headline = LIST("cold.lat_p50", "cold.rate_reached"),
	},
};

const struct workload_rows workload_fio_rows = { rows, ARRAY_SIZE(rows) };
