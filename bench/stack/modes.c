// SPDX-License-Identifier: Apache-2.0
#include "stack/stack.h"

#include <string.h>

static const struct {
	const char *name;
	bool keeps_data;
} caches[CACHE_COUNT] = {
	[CACHE_NONE] = { "none", false },	  [CACHE_NEVER] = { "never", false },
	[CACHE_METADATA] = { "metadata", false }, [CACHE_AUTO] = { "auto", true },
	[CACHE_ALWAYS] = { "always", true },
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

bool cache_keeps_data(enum cache_mode m)
{
	return caches[m].keeps_data;
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
