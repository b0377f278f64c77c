/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_DEVICE_INIT_H
#define VQ_CONFORMANCE_DEVICE_INIT_H

/* INIT in other words than front_init(). */

#include "conformance/device/meta.h"

#define INIT_MINOR     38
#define INIT_READAHEAD (128 * KIB)

/** init_ask() - INIT of major 7 succeeds. */
static inline bool init_ask(struct check_run *r, uint32_t minor, uint64_t flags,
			    struct fuse_init_out *ret)
{
	struct say t;

	return check_ok(r, say(&t, "INIT 7.%u with flags 0x%llx", minor, (unsigned long long)flags),
			front_init_with(r->f, FUSE_KERNEL_VERSION, minor, flags, ret));
}

/** init_of() - with @size bytes of struct fuse_init_in, whatever the flags are. As front_do(). */
static inline int init_of(struct check_run *r, size_t size, uint64_t flags,
			  struct fuse_init_out *ret)
{
	struct fuse_init_in in = { .major = FUSE_KERNEL_VERSION,
				   .minor = INIT_MINOR,
				   .max_readahead = INIT_READAHEAD,
				   .flags = (uint32_t)flags,
				   .flags2 = (uint32_t)(flags >> 32) };
	struct front_op op = front_op_init(FUSE_KERNEL_VERSION, INIT_MINOR, INIT_READAHEAD, 0);

	memcpy(op.arg, &in, sizeof(in));
	op.arg_size = size;
	return front_do(r->f, &op, ret, sizeof(*ret), NULL);
}

#endif
