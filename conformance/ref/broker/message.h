/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_BROKER_MESSAGE_H
#define VQ_REF_BROKER_MESSAGE_H

/* The conversation between parser and broker: SOCK_SEQPACKET, one request and one reply at a time. */

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* With exactly one descriptor. */
struct broker_request {
	uint64_t dev;
	uint64_t ino;
};
_Static_assert(sizeof(struct broker_request) == 16, "no padding");

/* With one descriptor when @error is 0 and the broker already serves. The first one says whether it does. */
struct broker_reply {
	int32_t error; /* -errno */
	char step[60]; /* of the set-up that failed */
};

/* Descriptors that a message is looked through for; one is right, the kernel drops those beyond. */
#define MESSAGE_FDS_MAX 4

/**
 * message_send() - one message of @size bytes, with @fd unless it is -1.
 * Return: 0; -errno (-EPIPE: the other side is gone; no signal).
 */
int message_send(int socket, const void *data, size_t size, int fd, int flags);

/**
 * message_receive() - one message of exactly @size bytes, with one descriptor or none (*@ret_fd is -1).
 * Return: 0; -ENOTCONN at the end; -EPROTO for any other size or number of descriptors (all are closed);
 * -EMFILE when there was no room for it; -errno.
 */
int message_receive(int socket, void *data, size_t size, int *ret_fd) MUST_USE;

#endif
