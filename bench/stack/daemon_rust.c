// SPDX-License-Identifier: Apache-2.0
/* The Rust virtiofsd, of every suite that has one. */
#include "stack/rows.h"

static const char *const probe[] = { "--version", NULL };
static const char *const args[] = { "--fd={fd}", "--shared-dir={share}", "--cache={cache}",
				    "--rlimit-nofile={nofile}", NULL };
static const char *const writeback[] = { "--writeback", NULL };
static const char *const pool0[] = { "--thread-pool-size=0", NULL };
static const char *const pool4[] = { "--thread-pool-size=4", NULL };
static const char *const direct_io[] = { "--allow-direct-io", NULL };
static const char *const xattr[] = { "--xattr", NULL };
static const char *const allow_mmap[] = { "--allow-mmap", NULL };

static const struct stack_option options[] = {
	{ .id = "pool4", .title = "thread pool of 4", .with = pool4, .without = pool0 },
	{ .id = "direct-io", .title = "--allow-direct-io", .with = direct_io },
	{ .id = "mmap", .title = "--allow-mmap", .with = allow_mmap },
	{ .id = "xattr", .title = "--xattr", .with = xattr },
};

#define RUST_VIRTIOFSD                                                                             \
	.kind = STACK_VIRTIOFS, .program = "/usr/libexec/virtiofsd", .probe = probe, .args = args, \
	.writeback = writeback, .options = options, .option_count = ARRAY_SIZE(options),           \
	.cache_mask = 1U << CACHE_NEVER | 1U << CACHE_METADATA | 1U << CACHE_AUTO |                \
		      1U << CACHE_ALWAYS,                                                          \
	.direct_io = "dropped unless --allow-direct-io (direct-io)"

const struct stack stack_rust_trixie = {
	.id = "rust-trixie",
	.title = "Rust virtiofsd of Debian trixie",
	.root = "backports",
	.source = "Debian 13 virtiofsd, /usr/libexec/virtiofsd",
	RUST_VIRTIOFSD,
};

const struct stack stack_rust_sid = {
	.id = "rust-sid",
	.title = "Rust virtiofsd of Debian sid",
	.root = "sid",
	.source = "Debian sid virtiofsd, /usr/libexec/virtiofsd",
	RUST_VIRTIOFSD,
};
