/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FRONT_FUSE_BUILD_H
#define VQ_FRONT_FUSE_BUILD_H

#include "conformance/front/request.h"

/* Parts of front_op_NAME(); also for opcodes that fuse.h does not know. */

/** front_build() - fixed arguments, and a reply of exactly @out bytes behind its header. */
struct front_op front_build(uint32_t opcode, uint64_t nodeid, const void *arg, size_t size,
			    size_t out);
/** front_build_tail() - bytes behind them; borrowed until front_prepare(). */
void front_build_tail(struct front_op *op, const void *data, size_t size);

#endif
