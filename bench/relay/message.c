// SPDX-License-Identifier: Apache-2.0
#include "relay/message.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#define HEAD_SIZE sizeof(struct vhost_user_header)

void message_close_fds(struct message *m)
{
	for (size_t i = 0; i < m->fd_count; i++)
		fd_closep(&m->fd[i]);
	m->fd_count = 0;
}

/* Descriptors come with the header; more than a message may carry are closed and refused. */
static int take_fds(struct channel *c, struct msghdr *h, struct err *reterr)
{
	bool fits = !(h->msg_flags & MSG_CTRUNC);

	for (struct cmsghdr *m = CMSG_FIRSTHDR(h); m; m = CMSG_NXTHDR(h, m)) {
		size_t count = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(m) + i * sizeof(int), sizeof(int));
			if (c->in.fd_count < MESSAGE_FDS_MAX) {
				c->in.fd[c->in.fd_count++] = fd;
			} else {
				(void)close(fd);
				fits = false;
			}
		}
	}
	return fits ? 0
		    : err_set(reterr, -EPROTO, "the %s sent more than %d descriptors at once",
			      c->who, MESSAGE_FDS_MAX);
}

static int check_head(const struct channel *c, struct err *reterr)
{
	const struct vhost_user_header *h = &c->in.head;

	if ((h->flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION)
		return err_set(reterr, -EPROTO, "the %s sent a message of version %u", c->who,
			       h->flags & VHOST_USER_VERSION_MASK);
	if (h->size > sizeof(c->in.body))
		return err_set(reterr, -EPROTO,
			       "the %s sent message %u with %u bytes (at most %zu)", c->who,
			       h->request, h->size, sizeof(c->in.body));
	return 0;
}

/* Where the next bytes go, and how many are wanted: never past one message. */
static size_t wanted(struct channel *c, void **ret_at)
{
	if (c->have < HEAD_SIZE) {
		*ret_at = (uint8_t *)&c->in.head + c->have;
		return HEAD_SIZE - c->have;
	}
	*ret_at = c->in.body.bytes + (c->have - HEAD_SIZE);
	return HEAD_SIZE + c->in.head.size - c->have;
}

int channel_recv(struct channel *c, struct err *reterr)
{
	for (;;) {
		union {
			struct cmsghdr align;
			char room[CMSG_SPACE((MESSAGE_FDS_MAX + 1) * sizeof(int))];
		} control;
		struct iovec iov = { 0 };
		struct msghdr h = { .msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = &control,
				    .msg_controllen = sizeof(control) };
		ssize_t n;
		int e;

		iov.iov_len = wanted(c, &iov.iov_base);
		if (iov.iov_len == 0)
			return 1;
		n = recvmsg(c->fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return err_set(reterr, -ECONNRESET, "the %s has left", c->who);
		if (n < 0)
			return err_errno(reterr, -errno, "cannot read from the %s", c->who);
		e = take_fds(c, &h, reterr);
		if (e < 0)
			return e;
		c->have += (size_t)n;
		if (c->have == HEAD_SIZE && check_head(c, reterr) < 0)
			return -EPROTO;
	}
}

void channel_next(struct channel *c)
{
	message_close_fds(&c->in);
	c->have = 0;
	/* No field of one message may be read as part of the next. */
	memset(&c->in.body, 0, sizeof(c->in.body));
}

int channel_send(const struct channel *c, const struct message *m, struct err *reterr)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(MESSAGE_FDS_MAX * sizeof(int))];
	} control = { 0 };
	struct iovec iov[2] = { { (void *)&m->head, HEAD_SIZE },
				{ (void *)&m->body, m->head.size } };
	struct msghdr h = { .msg_iov = iov, .msg_iovlen = 2 };
	size_t size = HEAD_SIZE + m->head.size;
	ssize_t n;

	if (m->fd_count > 0) {
		struct cmsghdr *cm = &control.align;

		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(m->fd_count * sizeof(int));
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(m->fd_count * sizeof(int));
		memcpy(CMSG_DATA(cm), m->fd, m->fd_count * sizeof(int));
	}
	do
		n = sendmsg(c->fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
		return err_set(reterr, -ECONNRESET, "the %s has left", c->who);
	/* Messages are small and few: a full socket means that the peer has stopped reading. */
	if (n != (ssize_t)size)
		return err_set(reterr, -EIO, "cannot send message %u to the %s", m->head.request,
			       c->who);
	return 0;
}

void channel_close(struct channel *c)
{
	message_close_fds(&c->in);
	fd_closep(&c->fd);
	c->have = 0;
}
