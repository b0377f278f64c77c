// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/fs/iov.h"

#include <stdint.h>
#include <string.h>

/* Walks to @offset: the piece it lies in, and where in that piece. */
static unsigned iov_seek(const struct iovec *iov, unsigned count, size_t *offset)
{
	unsigned i = 0;

	while (i < count && *offset >= iov[i].iov_len)
		*offset -= iov[i++].iov_len;
	return i;
}

size_t iov_get(const struct iovec *iov, unsigned count, size_t offset, void *ret, size_t size)
{
	unsigned i = iov_seek(iov, count, &offset);
	size_t done = 0;

	for (; i < count && done < size; i++, offset = 0) {
		size_t n = iov[i].iov_len - offset;

		if (n > size - done)
			n = size - done;
		memcpy((uint8_t *)ret + done, (const uint8_t *)iov[i].iov_base + offset, n);
		done += n;
	}
	return done;
}

size_t iov_put(const struct iovec *iov, unsigned count, size_t offset, const void *data,
	       size_t size)
{
	unsigned i = iov_seek(iov, count, &offset);
	size_t done = 0;

	for (; i < count && done < size; i++, offset = 0) {
		size_t n = iov[i].iov_len - offset;

		if (n > size - done)
			n = size - done;
		memcpy((uint8_t *)iov[i].iov_base + offset, (const uint8_t *)data + done, n);
		done += n;
	}
	return done;
}

unsigned iov_slice(const struct iovec *iov, unsigned count, size_t offset, size_t size,
		   struct iovec *ret, unsigned max, size_t *ret_size)
{
	unsigned i = iov_seek(iov, count, &offset);
	unsigned pieces = 0;
	size_t done = 0;

	for (; i < count && done < size && pieces < max; i++, offset = 0) {
		size_t n = iov[i].iov_len - offset;

		if (n > size - done)
			n = size - done;
		ret[pieces++] = (struct iovec){
			.iov_base = (uint8_t *)iov[i].iov_base + offset,
			.iov_len = n,
		};
		done += n;
	}
	*ret_size = done;
	return pieces;
}
