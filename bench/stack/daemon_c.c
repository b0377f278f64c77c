// SPDX-License-Identifier: Apache-2.0
/* The C virtiofsd that QEMU shipped until 7.2. */
#include "stack/rows.h"

static const char *const probe[] = { "--version", NULL };
static const char *const args[] = {
	"--fd={fd}", "--rlimit-nofile={nofile}", "-o", "source={share}", "-o", "cache={cache}", NULL
};
static const char *const writeback[] = { "-o", "writeback", NULL };
static const char *const no_writeback[] = { "-o", "no_writeback", NULL };
static const char *const direct_io[] = { "-o", "allow_direct_io", NULL };
/* Its default is a pool of no threads as well: said, so that a table shows it. */
static const char *const pool0[] = { "--thread-pool-size=0", NULL };
static const char *const pool4[] = { "--thread-pool-size=4", NULL };

static const char *const xattr[] = { "-o", "xattr", NULL };

static const struct stack_option options[] = {
	{ .id = "pool4", .title = "thread pool of 4", .with = pool4, .without = pool0 },
	{ .id = "direct-io", .title = "-o allow_direct_io", .with = direct_io },
	{ .id = "xattr", .title = "-o xattr", .with = xattr },
};

const struct stack stack_c_bookworm = {
	.id = "c-bookworm",
	.title = "C virtiofsd of Debian bookworm",
	.kind = STACK_VIRTIOFS,
	.root = "bookworm",
	.program = "/usr/lib/qemu/virtiofsd",
	.probe = probe,
	.args = args,
	.writeback = writeback,
	.no_writeback = no_writeback,
	.options = options,
	.option_count = ARRAY_SIZE(options),
	.cache_mask = 1U << CACHE_NONE | 1U << CACHE_AUTO | 1U << CACHE_ALWAYS,
	.direct_io = "dropped unless -o allow_direct_io (direct-io)",
	.source = "Debian 12 qemu-system-common, /usr/lib/qemu/virtiofsd",
};
