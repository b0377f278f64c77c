// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/vhost/message.h"

#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "conformance/ref/fault/fault.h"

#define HEAD_BYTES sizeof(struct vhost_user_header)

/* Room for one more than any message may carry: the kernel cuts off the rest and says so. */
union control {
	struct cmsghdr align;
	char room[CMSG_SPACE((MSG_FDS_MAX + 1) * sizeof(int))];
};

void msg_clear(struct msg *m)
{
	for (size_t i = 0; i < m->fd_count && !fault_at(FAULT_MESSAGE_FD_LEAK); i++)
		fd_closep(&m->fd[i]);
	m->fd_count = 0;
	m->have = 0;
	/* No field of one message may be read as part of the next. */
	memset(&m->head, 0, sizeof(m->head));
	memset(&m->body, 0, sizeof(m->body));
}

int msg_take_fd(struct msg *m)
{
	return m->fd_count > 0 ? TAKE_FD(m->fd[0]) : -1;
}

static bool keep_fds(struct msg *m, const struct cmsghdr *c)
{
	size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	bool fits = true;

	for (size_t i = 0; i < count; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
		if (m->fd_count < MSG_FDS_MAX) {
			m->fd[m->fd_count++] = fd;
		} else {
			(void)close(fd);
			fits = false;
		}
	}
	return fits;
}

/* Descriptors belong to the first byte of a header; all of them are owned or closed when this returns. */
static int take_fds(struct msg *m, struct msghdr *h, struct err *reterr)
{
	bool fits = !(h->msg_flags & MSG_CTRUNC);
	bool any = false;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		any = true;
		fits = keep_fds(m, c) && fits;
	}
	if (!fits)
		return err_set(reterr, -EPROTO, "more than %d descriptors with one message",
			       MSG_FDS_MAX);
	if (any && m->have > 0)
		return err_set(reterr, -EPROTO, "descriptors in the middle of a message");
	return 0;
}

static int check_head(const struct msg *m, struct err *reterr)
{
	if ((m->head.flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION)
		return err_set(reterr, -EPROTO, "message %u of version %u", m->head.request,
			       m->head.flags & VHOST_USER_VERSION_MASK);
	if (m->head.size > sizeof(m->body))
		return err_set(reterr, -EPROTO, "message %u with %u bytes (at most %zu)",
			       m->head.request, m->head.size, sizeof(m->body));
	return 0;
}

/* Never asks for a byte of the next message, whose descriptors would come with it. */
static struct iovec wanted(struct msg *m)
{
	if (m->have < HEAD_BYTES)
		return (struct iovec){ (uint8_t *)&m->head + m->have, HEAD_BYTES - m->have };
	return (struct iovec){ m->body.bytes + (m->have - HEAD_BYTES),
			       HEAD_BYTES + m->head.size - m->have };
}

int msg_recv(int fd, struct msg *m, struct err *reterr)
{
	for (;;) {
		union control control;
		struct iovec iov = wanted(m);
		struct msghdr h = { .msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = &control,
				    .msg_controllen = sizeof(control) };
		ssize_t n;
		int e;

		if (iov.iov_len == 0)
			return 1;
		n = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && m->have > 0 && fault_at(FAULT_MESSAGE_WHOLE))
			return err_set(reterr, -EPROTO, "a message that is not whole");
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return err_set(reterr, -ECONNRESET, "the front end has left%s",
				       m->have > 0 ? " in the middle of a message" : "");
		if (n < 0)
			return err_errno(reterr, -errno, "cannot read from the front end");
		e = take_fds(m, &h, reterr);
		if (e < 0)
			return e;
		m->have += (size_t)n;
		if (m->have == HEAD_BYTES && check_head(m, reterr) < 0)
			return -EPROTO;
	}
}

static void add_fd(struct msghdr *h, union control *control, int fd)
{
	struct cmsghdr *c = &control->align;

	memset(control, 0, sizeof(*control));
	h->msg_control = control;
	h->msg_controllen = CMSG_SPACE(sizeof(int));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
}

int msg_send(int fd, uint32_t request, uint32_t flags, const void *body, size_t size, int pass,
	     uint64_t deadline_ns)
{
	struct vhost_user_header head = { request, flags | VHOST_USER_VERSION, (uint32_t)size };
	uint8_t bytes[HEAD_BYTES + sizeof(struct vhost_user_shmem_config)];
	union control control;
	size_t sent = 0;

	if (size > sizeof(bytes) - HEAD_BYTES)
		return -EMSGSIZE;
	memcpy(bytes, &head, HEAD_BYTES);
	if (size > 0)
		memcpy(bytes + HEAD_BYTES, body, size);
	while (sent < HEAD_BYTES + size) {
		struct iovec iov = { bytes + sent, HEAD_BYTES + size - sent };
		struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		ssize_t n;

		if (pass >= 0 && sent == 0)
			add_fd(&h, &control, pass);
		n = sendmsg(fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0) {
			sent += (size_t)n;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return -ECONNRESET;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (clock_left_ms(deadline_ns) == 0)
			return sent == 0 ? -ETIMEDOUT : -EIO;
		(void)poll(&p, 1, clock_left_ms(deadline_ns));
	}
	return 0;
}
