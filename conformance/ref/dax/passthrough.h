/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_DAX_PASSTHROUGH_H
#define VQ_REF_DAX_PASSTHROUGH_H

#include "base/cleanup.h"
#include "base/err.h"
#include "conformance/ref/dax/dax.h"

struct dax_passthrough;

/**
 * dax_passthrough_open() - start the broker and try it out on a file of @shared_dir that has no name.
 * Return: 0; -errno with what this host lacks, and nothing is left behind.
 */
int dax_passthrough_open(const char *shared_dir, struct dax_passthrough **ret, struct err *reterr)
	MUST_USE;
struct dax_passthrough *dax_passthrough_close(struct dax_passthrough *p);

/**
 * dax_passthrough_file() - a descriptor of the private mount for @f, the caller's; any thread.
 * Return: 0; -errno of the broker or the host; -ENOTCONN once the broker is gone.
 */
int dax_passthrough_file(struct dax_passthrough *p, const struct dax_file *f, int *ret_fd) MUST_USE;

#endif
