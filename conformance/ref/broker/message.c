// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/broker/message.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* How often, and after how many nanoseconds, what the kernel has no room for now is sent again. */
#define CROWDED_TRIES 2000
#define CROWDED_NS    1000000

/*
 * The kernel counts descriptors that are on their way for a user, all processes of all devices together, but against
 * the limit of the process that sends: so a device with few descriptors is refused because of what others do at that
 * moment. Source: unix(7), ETOOMANYREFS.
 */
static bool is_crowded(unsigned *tries)
{
	const struct timespec pause = { .tv_nsec = CROWDED_NS };

	if (errno != ETOOMANYREFS || ++*tries > CROWDED_TRIES)
		return false;
	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	return true;
}

int message_send(int socket, const void *data, size_t size, int fd, int flags)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec io = { .iov_base = (void *)data, .iov_len = size };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1 };
	unsigned tries = 0;
	ssize_t n;

	if (fd >= 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	do
		n = sendmsg(socket, &m, flags | MSG_NOSIGNAL);
	while (n < 0 && (errno == EINTR || is_crowded(&tries)));
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EPROTO;
}

/* All descriptors of @m; one that is alone goes to *@ret_fd. Return: how many there were. */
static unsigned take_fds(struct msghdr *m, int *ret_fd)
{
	unsigned count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t bytes = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i + sizeof(int) <= bytes; i += sizeof(int)) {
			fd_closep(ret_fd);
			memcpy(ret_fd, CMSG_DATA(c) + i, sizeof(int));
			count++;
		}
	}
	return count;
}

int message_receive(int socket, void *data, size_t size, int *ret_fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(MESSAGE_FDS_MAX * sizeof(int))];
	} control;
	struct iovec io = { .iov_base = data, .iov_len = size };
	struct msghdr m = { .msg_iov = &io,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	unsigned count;
	ssize_t n;

	*ret_fd = -1;
	do
		n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	count = take_fds(&m, ret_fd);
	if (n > 0 && (size_t)n == size && count <= 1 && !(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return 0;
	fd_closep(ret_fd);
	if (n == 0)
		return -ENOTCONN;
	/* A descriptor was sent, but our table is full. */
	return m.msg_flags & MSG_CTRUNC && !count ? -EMFILE : -EPROTO;
}
