// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/mode.h"

#include "base/cleanup.h"

#include <assert.h>
#include <linux/fuse.h>

/* A day: only who changes a file itself may use it. */
#define LONG_S 86400

/* As virtiofsd (Rust) 1.13 and 1.14 answer, measured; so that a cell differs in the daemon alone. */
static const struct fs_mode modes[] = {
	[REF_CACHE_NEVER] = {
		.valid_s = 0,
		.file_flags = FOPEN_DIRECT_IO,
	},
	[REF_CACHE_METADATA] = {
		.valid_s = LONG_S,
		.file_flags = FOPEN_DIRECT_IO,
		.dir_flags = FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR,
		.readdirplus = true,
	},
	[REF_CACHE_AUTO] = {
		.valid_s = 1,
		.readdirplus = true,
	},
	[REF_CACHE_ALWAYS] = {
		.valid_s = LONG_S,
		.file_flags = FOPEN_KEEP_CACHE,
		.dir_flags = FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR,
		.readdirplus = true,
	},
};

const struct fs_mode *fs_mode(enum ref_cache cache)
{
	assert((size_t)cache < ARRAY_SIZE(modes));
	return &modes[cache];
}
