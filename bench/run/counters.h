/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_COUNTERS_H
#define VQ_RUN_COUNTERS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct refdev_counters;

/* What a device counts by itself (conformance/wire/refdev.h), as far as a pass needs it. */
struct counters {
	bool known;	  /* false: the daemon does not count, and all else is 0 */
	const char *tail; /* how last pages are served: "passthrough", "shadow" */
	uint64_t requests;
	uint64_t kicks; /* of the guest's driver */
	uint64_t setups;
	uint64_t removals;
	uint64_t upgrades;
	uint64_t live;
	uint64_t live_bytes_max;
	uint64_t map_ns;
	uint64_t bytes_read;	/* payload of READ */
	uint64_t bytes_written; /* and of WRITE */
	bool shadow;		/* the last, partly filled page of a mapped file is a copy */
	uint64_t setup_ns;
	uint64_t setup_wait_ns;
	uint64_t setup_told_ns;
};

/** counters_load() - all of the file as it is now. -EPROTO when it is not such a file, or not yet. */
int counters_load(const char *path, struct refdev_counters *ret, struct err *reterr) MUST_USE;

/** counters_read() - of the file at @path (""; not known). -EPROTO when it is not such a file. */
int counters_read(const char *path, struct counters *ret, struct err *reterr) MUST_USE;

#endif
