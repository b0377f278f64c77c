/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RELAY_FUSE_NAMES_H
#define VQ_RELAY_FUSE_NAMES_H

#include "base/metric_def.h"

#include <stddef.h>
#include <stdint.h>

/* Opcodes are counted up to this number; those above (CUSE) are counted together. */
#define FUSE_OPCODES 64

/** fuse_opcode_name() - "READ", without FUSE_; NULL for a number that no table row has. Static. */
const char *fuse_opcode_name(uint32_t opcode);

/** fuse_flag_name() - name of a bit of flags | flags2 << 32 in FUSE_INIT, without FUSE_; NULL. Static. */
const char *fuse_flag_name(unsigned bit);

/* What an observed phase yields besides its operations. The enum is the index of the table. */
enum relay_metric {
	RELAY_OPS_ALL,
	RELAY_BYTES_TO_DEVICE,
	RELAY_BYTES_FROM_DEVICE,
	RELAY_KICKS,
	RELAY_INTERRUPTS,
	RELAY_METRIC_COUNT,
};

/** relay_metric() - how it is presented; `path` is its field in a phase of ops.json. */
const struct metric_def *relay_metric(enum relay_metric m);

/** relay_op_metrics() - one per opcode, "ops.READ" and so on. */
const struct metric_def *relay_op_metrics(size_t *ret_count);

#endif
