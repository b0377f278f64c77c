/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_WIRE_REFDEV_H
#define VQ_WIRE_REFDEV_H

/*
 * The counters file of virtiofs-refdev (--counters FILE): a page-aligned, shared, fixed layout that a
 * reader maps, or reads, while the device runs. conformance/ref/README.md has the offsets for others. Numbers only; every u64 is written whole, in the byte order of the
 * host, and only grows, but for those that say "now". There is no lock: a reader that wants sums that
 * fit together reads while nothing is asked of the device.
 */

#include <stddef.h>
#include <stdint.h>

#define REFDEV_COUNTERS_MAGIC	UINT32_C(0x71766472)
#define REFDEV_COUNTERS_VERSION 3
/* By opcode; opcodes beyond are counted as 0, which FUSE does not use. */
#define REFDEV_OPCODES 64

struct refdev_opcode_counters {
	uint64_t requests;
	uint64_t errors;
	uint64_t ns;	    /* from taken off the ring to given back, summed */
	uint64_t bytes_in;  /* that the device could read: headers, arguments, data */
	uint64_t bytes_out; /* that it wrote, as the used ring says */
};

struct refdev_counters {
	uint32_t magic; /* written last, when all else is there */
	uint32_t version;
	struct refdev_opcode_counters op[REFDEV_OPCODES];
	uint64_t bytes_read;	/* payload of READ */
	uint64_t bytes_written; /* payload of WRITE */
	uint64_t kicks;		/* notifications of the driver */
	uint64_t interrupts;	/* notifications to the driver */
	/* The DAX window: setups = removals + live, whenever nothing is under way. */
	uint64_t setups;
	uint64_t removals;
	uint64_t upgrades;
	uint64_t refused;	 /* by the front end */
	uint64_t live;		 /* now */
	uint64_t live_bytes;	 /* now */
	uint64_t live_bytes_max; /* high-water mark */
	uint64_t map_ns;	 /* round trips to the front end, summed */
	uint64_t unmap_ns;
	/* SETUPMAPPING from ring to ring, summed; what is in neither of the next two is the device's own time. */
	uint64_t setup_ns;
	uint64_t setup_wait_ns; /* of it: until the front end had replied */
	uint64_t setup_told_ns; /* of it: from then on until the front end announced the memory */
	uint64_t tail_shadow;	/* 1: tails are served by shadow pages; 0: by passthrough */
};
/* As README.md tells others: a change is a new version. */
_Static_assert(sizeof(struct refdev_opcode_counters) == 40, "documented layout");
_Static_assert(offsetof(struct refdev_counters, op) == 8, "documented layout");
_Static_assert(offsetof(struct refdev_counters, bytes_read) == 2568, "documented layout");
_Static_assert(offsetof(struct refdev_counters, setups) == 2600, "documented layout");
_Static_assert(sizeof(struct refdev_counters) == 2704, "documented layout");

#endif
