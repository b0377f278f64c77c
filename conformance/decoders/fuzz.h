/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_FUZZ_H
#define VQ_CONFORMANCE_FUZZ_H

/*
 * What all targets share: the function that each of them is, and how it takes its input apart. An input is read
 * from its start; behind its end are zeros, so that every input means something.
 */

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

/** fuzz_target() - decode @data as the decoder does that the file is named after. Always 0. */
int fuzz_target(const uint8_t *data, size_t size);

struct fuzz_in {
	const uint8_t *at;
	size_t left;
};

/** fuzz_bytes() - the next @want bytes, or as many as there are; borrowed. */
static inline const uint8_t *fuzz_bytes(struct fuzz_in *in, size_t want, size_t *ret_size)
{
	const uint8_t *at = in->at;

	*ret_size = want < in->left ? want : in->left;
	in->at += *ret_size;
	in->left -= *ret_size;
	return at;
}

/** fuzz_number() - the next @bytes (at most 8) as a little-endian number. */
static inline uint64_t fuzz_number(struct fuzz_in *in, unsigned bytes)
{
	uint64_t value = 0;
	size_t size;
	const uint8_t *at = fuzz_bytes(in, bytes, &size);

	for (size_t i = 0; i < size; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

/** fuzz_copy() - the next bytes, @want at most, over what is at @to; how many. */
static inline size_t fuzz_copy(struct fuzz_in *in, void *to, size_t want)
{
	size_t size;
	const uint8_t *at = fuzz_bytes(in, want, &size);

	if (size > 0)
		memcpy(to, at, size);
	return size;
}

struct fuzz_path {
	char text[40];
};

/** fuzz_file() - a file that holds @data, by a path that readers of files take. The descriptor is the caller's. */
static inline int fuzz_file(const uint8_t *data, size_t size, struct fuzz_path *ret)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || (size > 0 && write(fd, data, size) != (ssize_t)size))
		abort();
	(void)snprintf(ret->text, sizeof(ret->text), "/proc/self/fd/%d", fd);
	return fd;
}

#define FUZZ_FDS_MAX 16
/*
 * Of one input. The kernel counts descriptors on their way for all processes of a user, and refuses more to one that may
 * have few open: a test beside this one would fail.
 */
#define FUZZ_FDS_IN_ALL 32

static inline bool fuzz_send(int to, const uint8_t *data, size_t size, const int *fds,
			     size_t fd_count)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(FUZZ_FDS_MAX * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)data, size };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd_count > 0) {
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, fd_count * sizeof(int));
	}
	return sendmsg(to, &h, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size;
}

/**
 * fuzz_feed() - a stream with descriptors in it, in records: a byte whose lower half says how many descriptors
 * come along and the next two bits of which kind (of @kinds), a byte for the size, and so many bytes. Nobody sends more.
 */
static inline void fuzz_feed(int to, struct fuzz_in *in, const int kinds[4])
{
	size_t sent = 0;

	while (in->left > 2) {
		unsigned what = (unsigned)fuzz_number(in, 1);
		size_t want = (size_t)fuzz_number(in, 1);
		size_t count = sent < FUZZ_FDS_IN_ALL ? what % FUZZ_FDS_MAX : 0;
		int fds[FUZZ_FDS_MAX];
		size_t size;
		const uint8_t *data = fuzz_bytes(in, want, &size);

		sent += count;
		for (size_t i = 0; i < count; i++)
			fds[i] = kinds[what >> 4 & 3];
		if (size > 0 && !fuzz_send(to, data, size, fds, count))
			break;
	}
	(void)shutdown(to, SHUT_WR);
}

#endif
