// SPDX-License-Identifier: Apache-2.0
#include "stack/stack.h"

#include <string.h>

static const struct {
	const char *name;
	enum cache_keeps keeps;
} caches[CACHE_COUNT] = {
	[CACHE_UNSET] = { NULL, KEEPS_DATA },
	[CACHE_NONE] = { "none", KEEPS_NOTHING },
	[CACHE_NEVER] = { "never", KEEPS_NOTHING },
	[CACHE_METADATA] = { "metadata", KEEPS_NOTHING },
	[CACHE_AUTO] = { "auto", KEEPS_DATA },
	[CACHE_ALWAYS] = { "always", KEEPS_DATA },
	[CACHE_MMAP] = { "mmap", KEEPS_MAYBE },
	[CACHE_LOOSE] = { "loose", KEEPS_DATA },
};

static const char *const daxes[DAX_COUNT] = {
	[DAX_NONE] = "none",
	[DAX_NEVER] = "never",
	[DAX_INODE] = "inode",
	[DAX_ALWAYS] = "always",
};

const char *cache_name(enum cache_mode m)
{
	return caches[m].name;
}

const char *dax_name(enum dax_mode m)
{
	return daxes[m];
}

enum cache_keeps cache_keeps(enum cache_mode m)
{
	return caches[m].keeps;
}

int cache_parse(const char *word, enum cache_mode *ret)
{
	for (unsigned i = CACHE_NONE; i < CACHE_COUNT; i++) {
		if (strcmp(caches[i].name, word) == 0) {
			*ret = (enum cache_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}

int dax_parse(const char *word, enum dax_mode *ret)
{
	for (unsigned i = DAX_NONE; i < DAX_COUNT; i++) {
		if (strcmp(daxes[i], word) == 0) {
			*ret = (enum dax_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}

static const char *const kinds[STACK_KIND_COUNT] = {
	[STACK_VIRTIOFS] = "virtiofs", [STACK_9P] = "9p",
	[STACK_BLK] = "blk",	       [STACK_HOST] = "baseline",
	[STACK_ATTACHED] = "attached", [STACK_VMM_FS] = "vmm-virtiofs",
};

const char *stack_kind_name(enum stack_kind k)
{
	return kinds[k];
}
