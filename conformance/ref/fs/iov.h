/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_FS_IOV_H
#define VQ_REF_FS_IOV_H

#include <stddef.h>
#include <sys/uio.h>

/* Pieces of guest memory. Sums were checked by who made them; bytes behind them change at any time. */

/** iov_get() - copy up to @size bytes from @offset on; returns how many there were. */
size_t iov_get(const struct iovec *iov, unsigned count, size_t offset, void *ret, size_t size);

/** iov_put() - copy up to @size bytes to @offset on; returns how many fit. */
size_t iov_put(const struct iovec *iov, unsigned count, size_t offset, const void *data,
	       size_t size);

/**
 * iov_slice() - the part [offset, offset + size) of @iov as at most @max pieces into @ret.
 * Return: pieces in @ret; *ret_size says what they cover, which is less than @size when they ran out.
 */
unsigned iov_slice(const struct iovec *iov, unsigned count, size_t offset, size_t size,
		   struct iovec *ret, unsigned max, size_t *ret_size);

#endif
