/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_FOOTPRINT_FILES_H
#define VQ_RUN_FOOTPRINT_FILES_H

#include "base/strv.h"
#include "run/fleet.h"

/*
 * The host's page cache of files that guests need whatever their share holds: programs, libraries,
 * images. They are read in before a baseline is taken, so that guests do not seem to cost them, and
 * locked, because a host may reclaim what nobody has used for a few seconds. Where that is not
 * allowed they are only read; what the host did with them until the sample is a term of its own.
 */
struct footprint_files {
	struct strv path; /* regular files, each once, no links */
	struct footprint_hold {
		void *map;
		size_t size;
	} * hold;
	size_t hold_count;
};

/** footprint_files_find() - of a running guest's VMM, and of the stack's daemon. */
int footprint_files_find(struct footprint_files *ret, const struct stack *stack,
			 const struct fleet_guest *guest, struct err *reterr) MUST_USE;
/** footprint_files_hold() - read them all in and keep them there until footprint_files_release(). */
int footprint_files_hold(struct footprint_files *f, struct err *reterr) MUST_USE;
void footprint_files_release(struct footprint_files *f);
/** footprint_files_cached() - bytes of them in the page cache. */
int footprint_files_cached(const struct footprint_files *f, uint64_t *ret, struct err *reterr)
	MUST_USE;
void footprint_files_free(struct footprint_files *f);

#endif
