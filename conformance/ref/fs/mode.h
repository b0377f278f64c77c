/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_FS_MODE_H
#define VQ_REF_FS_MODE_H

#include "conformance/ref/options.h"

/* What a cache mode tells the guest. */
struct fs_mode {
	uint64_t valid_s;    /* of entries and of attributes */
	uint32_t file_flags; /* FOPEN_* of OPEN and CREATE */
	uint32_t dir_flags;  /* FOPEN_* of OPENDIR */
	bool readdirplus; /* never: attributes that come with a listing would only be thrown away */
};

const struct fs_mode *fs_mode(enum ref_cache cache);

#endif
