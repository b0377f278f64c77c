// SPDX-License-Identifier: Apache-2.0
/*
 * Memory footprint: how much less memory the host has once N guests have read a tree. The harness
 * runs these itself (bench/run/footprint.c); each row says how many guests on how many trees.
 */
#include "workload/rows.h"

/* Large against what a daemon and a guest's kernel need for themselves, small against the guest. */
#define TREE_FILES 8
#define FILE_BYTES (8 * MIB)

#define TERM(id, what)                                                          \
	{                                                                       \
		.name = id, .title = what, .unit = "B", .better = BETTER_LOWER, \
		.kind = KIND_MEMORY, .path = "footprint." id,                   \
	}

static const struct metric_def terms[] = {
	TERM("total", "memory of the guests: sum of the terms below"),
	TERM("guest_ram", "guest RAM that is allocated, once per guest"),
	TERM("share_cache", "host page cache of the shared trees, once per tree"),
	TERM("other_files", "host page cache of programs, libraries and guest images"),
	TERM("vmm_anon", "anonymous memory of the VMMs, without the buffer for translated code"),
	TERM("daemon_anon", "anonymous memory of the daemons"),
	TERM("page_tables", "the host's page tables for VMMs and daemons"),
	TERM("slab", "what the host kernel's slab and stacks grew by"),
	TERM("tcg_buffer", "QEMU's buffer for translated code, as far as it is used"),
	{
		.name = "host_change",
		.title = "what the host itself has less of: the check on the sum",
		.unit = "B",
		.kind = KIND_MEMORY,
		.path = "footprint.host_change",
	},
	{
		.name = "unexplained",
		.title = "host_change without the sum; beyond 5 % of it the pass fails",
		.unit = "B",
		.kind = KIND_MEMORY,
		.path = "footprint.unexplained",
	},
	{
		.name = "guest_cached",
		.title = "Cached of the guests, which lies inside guest_ram",
		.unit = "B",
		.kind = KIND_MEMORY,
		.path = "footprint.guest_cached",
	},
	{
		.name = "guests",
		.title = "guests",
		.unit = "1",
		.kind = KIND_COUNT,
		.path = "footprint.guests",
	},
};

static const struct workload_phase phases[] = { { .name = "footprint", .state = STATE_COLD } };
static const char *const headline[] = { "footprint.total", "footprint.guest_ram",
					"footprint.share_cache", NULL };

#define ROW(name, n, private, heading, ask, use)                                            \
	{                                                                                   \
		.id = name, .title = heading, .question = ask, .decides = use,              \
		.tool = TOOL_FOOTPRINT, .guests = n, .private_trees = private,              \
		.layout = LAYOUT_FILES, .file_count = TREE_FILES, .file_bytes = FILE_BYTES, \
		.phases = phases, .phase_count = ARRAY_SIZE(phases), METRICS(terms),        \
		.headline = headline,                                                       \
	}

static const struct workload rows[] = {
	ROW("footprint-1", 1, false, "One guest has read a tree of 64 MiB",
	    "How much memory does the host give for one guest and its share?",
	    "how many guests fit on a host"),
	ROW("footprint-2", 2, false, "Two guests have read the same tree",
	    "What does a second guest on the same tree cost?",
	    "how many guests fit on a host, and whether sharing a tree saves memory"),
	ROW("footprint-3", 3, false, "Three guests have read the same tree",
	    "Does a third guest on the same tree cost as much as the second?",
	    "how many guests fit on a host, and whether sharing a tree saves memory"),
	ROW("footprint-4", 4, false, "Four guests have read the same tree",
	    "Does a fourth guest on the same tree cost as much as the third?",
	    "how many guests fit on a host, and whether sharing a tree saves memory"),
	ROW("footprint-2-private", 2, true, "Two guests, each has read a tree of its own",
	    "What do two guests cost when they share nothing?",
	    "what a shared tree saves: the difference to footprint-2"),
	ROW("footprint-3-private", 3, true, "Three guests, each has read a tree of its own",
	    "What do three guests cost when they share nothing?",
	    "what a shared tree saves: the difference to footprint-3"),
	ROW("footprint-4-private", 4, true, "Four guests, each has read a tree of its own",
	    "What do four guests cost when they share nothing?",
	    "what a shared tree saves: the difference to footprint-4"),
};

const struct workload_rows workload_footprint_rows = { rows, ARRAY_SIZE(rows) };
