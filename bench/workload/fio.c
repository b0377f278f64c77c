// SPDX-License-Identifier: Apache-2.0
/* fio workloads: one job file each in workloads/fio/, one row each here. */
#include "workload/rows.h"

/* Working set: large against a guest's L2 cache, small enough for seconds under TCG. */
#define FILE_BYTES (32 * MIB)

#define FIO_METRICS(dir)                                                                        \
	{                                                                                       \
		.name = "bw",                                                                   \
		.title = "throughput",                                                          \
		.unit = "B/s",                                                                  \
		.better = BETTER_HIGHER,                                                        \
		.kind = KIND_TIME,                                                              \
		.path = "jobs[0]." dir ".bw_bytes",                                             \
	},                                                                                      \
		{                                                                               \
			.name = "iops",                                                         \
			.title = "completed I/Os",                                              \
			.unit = "1/s",                                                          \
			.better = BETTER_HIGHER,                                                \
			.kind = KIND_TIME,                                                      \
			.path = "jobs[0]." dir ".iops",                                         \
		},                                                                              \
		{                                                                               \
			.name = "clat_p50",                                                     \
			.title = "completion latency, median",                                  \
			.unit = "ns",                                                           \
			.better = BETTER_LOWER,                                                 \
			.kind = KIND_TIME,                                                      \
			.path = "jobs[0]." dir ".clat_ns.percentile[50.000000]",                \
			.samples_path = "jobs[0]." dir ".clat_ns.N",                            \
			.beyond_one_in = 2,                                                     \
		},                                                                              \
		{                                                                               \
			.name = "clat_p99",                                                     \
			.title = "completion latency, 99th percentile",                         \
			.unit = "ns",                                                           \
			.better = BETTER_LOWER,                                                 \
			.kind = KIND_TIME,                                                      \
			.path = "jobs[0]." dir ".clat_ns.percentile[99.000000]",                \
			.samples_path = "jobs[0]." dir ".clat_ns.N",                            \
			.beyond_one_in = 100,                                                   \
		},                                                                              \
	{                                                                                       \
		.name = "io_bytes", .title = "bytes moved", .unit = "B", .better = BETTER_NONE, \
		.kind = KIND_TIMED_COUNT, .path = "jobs[0]." dir ".io_bytes",                   \
	}

static const struct metric_def read_metrics[] = { FIO_METRICS("read") };
static const struct metric_def write_metrics[] = { FIO_METRICS("write") };

static const struct workload_phase cold_warm[] = {
	{ .name = "cold", .state = STATE_COLD },
	{ .name = "warm", .state = STATE_WARM, .repeat = true },
};

static const struct workload_phase cold_only[] = {
	{ .name = "cold", .state = STATE_COLD },
};

static const char *const bw_cold_warm[] = { "cold.bw", "warm.bw", NULL };
static const char *const iops_cold_warm[] = { "cold.iops", "warm.iops", NULL };
static const char *const bw_cold[] = { "cold.bw", NULL };

#define READ_COLD_WARM                                                                       \
	.file_bytes = FILE_BYTES, .phases = cold_warm, .phase_count = ARRAY_SIZE(cold_warm), \
	.metrics = read_metrics, .metric_count = ARRAY_SIZE(read_metrics)

const struct workload workload_seqread_psync = {
	.id = "seqread-psync",
	.title = "Sequential read(), 4 KiB",
	.question = "How fast does one thread read a file from start to end?",
	.decides = "whether read-ahead and the guest's cache work in this mode",
	.tool = TOOL_FIO,
	.job = "seqread-psync.fio",
	READ_COLD_WARM,
	.headline = bw_cold_warm,
};

const struct workload workload_seqread_mmap = {
	.id = "seqread-mmap",
	.title = "Sequential read through a shared mapping, 4 KiB",
	.question = "What does a program pay that maps files instead of reading them?",
	.decides =
		"whether mapped files can be used in this mode, and whether DAX is worth its window",
	.tool = TOOL_FIO,
	.job = "seqread-mmap.fio",
	READ_COLD_WARM,
	.maps_shared = true,
	.headline = bw_cold_warm,
};

const struct workload workload_randread_psync = {
	.id = "randread-psync",
	.title = "Random read(), 4 KiB",
	.question = "What does one small read cost when read-ahead cannot help?",
	.decides = "the price of one request round trip, and of a cache hit",
	.tool = TOOL_FIO,
	.job = "randread-psync.fio",
	READ_COLD_WARM,
	.headline = iops_cold_warm,
};

const struct workload workload_seqwrite_psync = {
	.id = "seqwrite-psync",
	.title = "Sequential write(), 4 KiB, then fsync()",
	.question = "How fast is a file overwritten until it is safe on the host's disk?",
	.decides = "whether writeback is worth its weaker coherence",
	.tool = TOOL_FIO,
	.job = "seqwrite-psync.fio",
	.file_bytes = FILE_BYTES,
	.phases = cold_only,
	.phase_count = ARRAY_SIZE(cold_only),
	.metrics = write_metrics,
	.metric_count = ARRAY_SIZE(write_metrics),
	.headline = bw_cold,
};
