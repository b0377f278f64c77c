// SPDX-License-Identifier: Apache-2.0
/* Workloads that are static programs of ours (workloads/src/): one row each. */
#include "workload/rows.h"

#define META_RATE(op, what)                                                        \
	{                                                                          \
		.name = op, .title = what, .unit = "1/s", .better = BETTER_HIGHER, \
		.kind = KIND_TIME, .path = "ops." op ".rate",                      \
	}

static const struct metric_def metadata_metrics[] = {
	META_RATE("create", "files created and closed"),
	META_RATE("stat", "stat() of each file"),
	META_RATE("open", "open() and close() of each file"),
	META_RATE("readdir", "names listed"),
	META_RATE("rename", "renames in one folder"),
	META_RATE("unlink", "files removed"),
	{
		.name = "all",
		.title = "all operations",
		.unit = "1/s",
		.better = BETTER_HIGHER,
		.kind = KIND_TIME,
		.path = "ops_rate",
	},
};

static const struct workload_phase once[] = { { .name = "cold", .state = STATE_COLD } };
static const char *const metadata_headline[] = { "cold.all", "cold.create", "cold.stat", NULL };
static const char *const metadata_args[] = { "400", NULL };

const struct workload workload_metadata = {
	.id = "metadata",
	.title = "Create, stat, open, list, rename and remove 400 empty files",
	.question = "What do operations on names cost?",
	.decides = "whether builds and package managers are usable in this mode",
	.tool = TOOL_PROGRAM,
	.job = "wl-meta",
	.args = metadata_args,
	.phases = once,
	.phase_count = ARRAY_SIZE(once),
	.metrics = metadata_metrics,
	.metric_count = ARRAY_SIZE(metadata_metrics),
	.headline = metadata_headline,
};

static const struct metric_def ops_metrics[] = {
	{
		.name = "bw",
		.title = "throughput of both reads",
		.unit = "B/s",
		.better = BETTER_HIGHER,
		.kind = KIND_TIME,
		.path = "read_rate",
	},
};

static const char *const ops_headline[] = { "cold.ops.READ", "cold.ops.GETATTR", "cold.ops.LOOKUP",
					    NULL };
static const char *const ops_args[] = { "16", "2", "5", NULL };

const struct workload workload_ops_reference = {
	.id = "ops-reference",
	.title = "Read a file of 16 MiB twice, then stat() it five times",
	.question = "Which requests does a mode save?",
	.decides = "whether a mode does what its name says, whatever the host's speed",
	.tool = TOOL_PROGRAM,
	.job = "wl-ops",
	.args = ops_args,
	.file_bytes = 16 * MIB,
	.phases = once,
	.phase_count = ARRAY_SIZE(once),
	.metrics = ops_metrics,
	.metric_count = ARRAY_SIZE(ops_metrics),
	.headline = ops_headline,
};
