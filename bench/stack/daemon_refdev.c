// SPDX-License-Identifier: Apache-2.0
/* The reference device of this project: the one daemon with a DAX window that a packaged VMM can use. */
#include "stack/rows.h"

static const char *const probe[] = { "--version", NULL };
static const char *const args[] = { "--fd={fd}",
				    "--shared-dir={share}",
				    "--tag={tag}",
				    "--cache={cache}",
				    "--rlimit-nofile={nofile}",
				    "--counters={counters}",
				    NULL };
static const char *const writeback[] = { "--writeback", NULL };
static const char *const window[] = { "--dax={dax}", "--window={window}", NULL };
static const char *const threads4[] = { "--threads=4", NULL };
static const char *const direct_io[] = { "--allow-direct-io", NULL };
static const char *const xattr[] = { "--xattr", NULL };
static const char *const shadow[] = { "--tail=shadow", NULL };

static const struct stack_option options[] = {
	{ .id = "pool4", .title = "four workers for each queue", .with = threads4 },
	{ .id = "direct-io", .title = "--allow-direct-io", .with = direct_io },
	{ .id = "fs-device",
	  .title = "the VMM's vhost-user-fs device, as other daemons have it: no window",
	  .fs_device = true },
	{ .id = "shadow", .title = "DAX tails without a passthrough mount", .with = shadow },
	{ .id = "xattr", .title = "extended attributes", .with = xattr },
};

const struct stack stack_refdev = {
	.id = "refdev",
	.title = "reference device, virtiofs-refdev",
	.kind = STACK_VIRTIOFS,
	.program = "/virtiofs-refdev",
	.own = true,
	.probe = probe,
	.args = args,
	.writeback = writeback,
	.window = window,
	.generic_device = true,
	.options = options,
	.option_count = ARRAY_SIZE(options),
	.cache_mask = 1U << CACHE_NEVER | 1U << CACHE_METADATA | 1U << CACHE_AUTO |
		      1U << CACHE_ALWAYS,
	.direct_io = "dropped unless --allow-direct-io (direct-io)",
	.source = "this project, conformance/ref",
};
