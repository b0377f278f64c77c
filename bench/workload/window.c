// SPDX-License-Identifier: Apache-2.0
/*
 * Window pressure: a working set that fits a DAX window, and ones that do not. The rows name the working
 * set; what it is against the window is for a plan to choose (window 16m: 0.25 to 8), and the report to
 * show. Without DAX the same rows say what the guest's page cache does with as much data.
 */
#include "workload/rows.h"

static const struct metric_def window_metrics[] = {
	{
		.name = "window_bw",
		.title = "bytes touched through the mapping, whole pages",
		.unit = "B/s",
		.better = BETTER_HIGHER,
		.kind = KIND_TIME,
		.path = "rate",
	},
	{
		.name = "touched",
		.title = "bytes touched, what mappings are counted against",
		.unit = "B",
		.kind = KIND_TIMED_COUNT,
		.path = "touched_bytes",
	},
};

static const struct workload_phase phases[] = {
	{ .name = "warm", .state = STATE_WARM, .repeat = true }
};
static const char *const headline[] = { "warm.window_bw", NULL };

#define ROW(order, op, mib, how)                                                                   \
	{                                                                                          \
		.id = "window-" order "-" op "-" #mib "m",                                         \
		.title = "Go round " #mib " MiB of a shared mapping, " how,                        \
		.question = "What does a working set of " #mib " MiB cost, " how ", where the "    \
			    "DAX window is smaller, or larger?",                                   \
		.decides = "how large a window must be", .tool = TOOL_PROGRAM, .job = "wl-window", \
		.args = LIST(order, op), .layout = LAYOUT_FILES, .file_count = 1,                  \
		.file_bytes = (mib)*MIB, .needs = NEED_MAP_SHARED | NEED_MAP_WRITE,                \
		.phases = phases, .phase_count = ARRAY_SIZE(phases), METRICS(window_metrics),      \
		.headline = headline,                                                              \
	}
#define ROWS(mib)                                                       \
	ROW("seq", "read", mib, "reading each page in order"),          \
		ROW("rand", "read", mib, "reading pages at random"),    \
		ROW("seq", "write", mib, "writing each page in order"), \
		ROW("rand", "write", mib, "writing pages at random")

static const struct workload rows[] = {
	ROWS(4), ROWS(8), ROWS(16), ROWS(32), ROWS(64), ROWS(128),
};

const struct workload_rows workload_window_rows = { rows, ARRAY_SIZE(rows) };
