// SPDX-License-Identifier: Apache-2.0
#include "conformance/front/channel.h"

#include "base/clock.h"

#include <assert.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define HEAD_SIZE sizeof(struct vhost_user_header)
/* A connection is tried again that often while nobody listens yet. */
#define CONNECT_EVERY_MS 10

static int try_connect(const struct sockaddr_un *at, int *ret_fd)
{
	CLEANUP(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)at, sizeof(*at)) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int front_connect(const char *path, uint64_t deadline_ns, int *ret_fd, struct err *reterr)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int e;

	if (strlen(path) >= sizeof(at.sun_path))
		return err_set(reterr, -ENAMETOOLONG, "the socket's path is too long: %s", path);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	for (;;) {
		e = try_connect(&at, ret_fd);
		/* Not there yet, nobody accepts yet, or the backlog is full. */
		if (e != -ENOENT && e != -ECONNREFUSED && e != -EAGAIN)
			break;
		if (clock_now_ns() >= deadline_ns)
			break;
		(void)poll(NULL, 0, CONNECT_EVERY_MS);
	}
	return e < 0 ? err_errno(reterr, e, "cannot connect to %s", path) : 0;
}

void front_channel_init(struct front_channel *c, int take_fd, const char *who,
			struct front_evidence *evidence, struct front_pump *pump,
			uint64_t timeout_ms)
{
	*c = (struct front_channel){ .fd = take_fd,
				     .who = who,
				     .evidence = evidence,
				     .pump = pump,
				     .timeout_ms = timeout_ms };
}

static void drop_stash(struct front_channel *c)
{
	for (size_t i = 0; i < c->stash_count; i++) {
		front_message_close(c->stash[i]);
		free(c->stash[i]);
	}
	c->stash_count = 0;
}

void front_channel_close(struct front_channel *c)
{
	drop_stash(c);
	fd_closep(&c->fd);
	c->broken = true;
}

void front_message_close(struct front_message *m)
{
	for (size_t i = 0; i < m->fd_count; i++)
		fd_closep(&m->fd[i]);
	m->fd_count = 0;
}

static int gone(struct front_channel *c)
{
	c->broken = true;
	return -ECONNRESET;
}

/* Room for one descriptor more than is taken, so that too many of them show. */
union control {
	struct cmsghdr align;
	char room[CMSG_SPACE((FRONT_FDS_MAX + 1) * sizeof(int))];
};

static void put_fds(struct msghdr *h, union control *control, const int *fds, size_t count)
{
	struct cmsghdr *m = &control->align;

	memset(control, 0, sizeof(*control));
	h->msg_control = control;
	h->msg_controllen = CMSG_SPACE(count * sizeof(int));
	m->cmsg_level = SOL_SOCKET;
	m->cmsg_type = SCM_RIGHTS;
	m->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(m), fds, count * sizeof(int));
}

int front_send_bytes(struct front_channel *c, const void *data, size_t size, const int *fds,
		     size_t fd_count)
{
	uint64_t deadline_ns = clock_deadline_ms(c->timeout_ms);
	union control control;
	size_t done = 0;

	assert(fd_count <= FRONT_FDS_MAX && size > 0);
	if (c->fd < 0)
		return gone(c);
	while (done < size) {
		struct pollfd pfd = { .fd = c->fd, .events = POLLOUT };
		struct iovec iov = { (uint8_t *)data + done, size - done };
		struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n;

		if (done == 0 && fd_count > 0)
			put_fds(&h, &control, fds, fd_count);
		n = sendmsg(c->fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0)
			done += (size_t)n;
		else if (errno == EPIPE || errno == ECONNRESET)
			return gone(c);
		else if (errno != EAGAIN && errno != EINTR)
			return -errno;
		else if (front_pump_wait(c->pump, &pfd, 1, deadline_ns) < 0)
			return -ETIMEDOUT;
	}
	return 0;
}

int front_send(struct front_channel *c, const struct front_message *m)
{
	uint8_t bytes[HEAD_SIZE + sizeof(m->body)];
	size_t size = m->head.size < sizeof(m->body) ? m->head.size : sizeof(m->body);

	memcpy(bytes, &m->head, HEAD_SIZE);
	memcpy(bytes + HEAD_SIZE, &m->body, size);
	front_note(c->evidence, bytes, HEAD_SIZE + size, "to %s: message %u, %zu descriptors",
		   c->who, m->head.request, m->fd_count);
	return front_send_bytes(c, bytes, HEAD_SIZE + size, m->fd, m->fd_count);
}

static void take_fds(struct front_channel *c, struct msghdr *h, struct front_message *m, bool late)
{
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(h); cm; cm = CMSG_NXTHDR(h, cm)) {
		size_t count = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		m->late_fds |= late && count > 0;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(int));
			if (m->fd_count < FRONT_FDS_MAX)
				m->fd[m->fd_count++] = fd;
			else
				(void)close(fd);
		}
	}
	if (h->msg_flags & MSG_CTRUNC)
		front_fault(c->evidence, FRONT_FAULT_REPLY_FDS, "more than %d descriptors at once",
			    FRONT_FDS_MAX);
}

static int recv_part(struct front_channel *c, struct front_message *m, void *to, size_t size,
		     bool is_head, uint64_t deadline_ns)
{
	size_t done = 0;

	while (done < size) {
		struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
		struct iovec iov = { (uint8_t *)to + done, size - done };
		union control control;
		struct msghdr h = { .msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = &control,
				    .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(c->fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		int e;

		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return gone(c);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0) {
			take_fds(c, &h, m, !is_head || done > 0);
			done += (size_t)n;
			continue;
		}
		e = front_pump_wait(c->pump, &pfd, 1, deadline_ns);
		if (e < 0) {
			/* Half a message: what follows could not be told apart any more. */
			c->broken |= done > 0 || !is_head;
			return e;
		}
		/* What was served may have read the message that we wait for. */
		if (e > 0 && done == 0 && is_head && c->stash_count > 0)
			return -EAGAIN;
	}
	return 0;
}

static int check_head(struct front_channel *c, const struct vhost_user_header *h)
{
	if ((h->flags & VHOST_USER_VERSION_MASK) == VHOST_USER_VERSION &&
	    h->size <= VHOST_USER_PAYLOAD_MAX)
		return 0;
	front_fault(c->evidence, FRONT_FAULT_HEADER,
		    "%s sent message %u with flags %#x and %u bytes", c->who, h->request, h->flags,
		    h->size);
	c->broken = true;
	return -EPROTO;
}

/* As front_recv(), and -EAGAIN when a message lies in the stash now. */
static int recv_message(struct front_channel *c, struct front_message *ret, uint64_t deadline_ns)
{
	int e;

	memset(ret, 0, sizeof(*ret));
	if (c->fd < 0 || c->broken)
		return -ECONNRESET;
	e = recv_part(c, ret, &ret->head, HEAD_SIZE, true, deadline_ns);
	if (e == 0)
		e = check_head(c, &ret->head);
	if (e == 0)
		e = recv_part(c, ret, &ret->body, ret->head.size, false, deadline_ns);
	if (e < 0) {
		front_message_close(ret);
		return e;
	}
	front_note(c->evidence, &ret->head, HEAD_SIZE + ret->head.size,
		   "from %s: message %u, flags %#x, %zu descriptors", c->who, ret->head.request,
		   ret->head.flags, ret->fd_count);
	if (ret->late_fds)
		front_fault(c->evidence, FRONT_FAULT_REPLY_FDS,
			    "descriptors of message %u came behind its header", ret->head.request);
	return 0;
}

/* A nested exchange has read it: take it from there. @request: NULL takes any. */
static bool from_stash(struct front_channel *c, const uint32_t *request, struct front_message *ret)
{
	for (size_t i = 0; i < c->stash_count; i++) {
		if (request && c->stash[i]->head.request != *request)
			continue;
		*ret = *c->stash[i];
		free(c->stash[i]);
		c->stash_count--;
		memmove(&c->stash[i], &c->stash[i + 1], (c->stash_count - i) * sizeof(*c->stash));
		return true;
	}
	return false;
}

int front_recv(struct front_channel *c, struct front_message *ret, uint64_t deadline_ns)
{
	int e = 0;

	c->waiting++;
	if (!from_stash(c, NULL, ret))
		e = recv_message(c, ret, deadline_ns);
	if (e == -EAGAIN)
		e = from_stash(c, NULL, ret) ? 0 : -ETIMEDOUT;
	c->waiting--;
	return e;
}

static bool to_stash(struct front_channel *c, struct front_message *m)
{
	struct front_message *copy;

	if (c->waiting < 2 || c->stash_count == FRONT_STASH_MAX)
		return false;
	copy = malloc(sizeof(*copy));
	if (!copy)
		return false;
	*copy = *m;
	m->fd_count = 0;
	c->stash[c->stash_count++] = copy;
	return true;
}

static bool is_reply(const struct front_message *m, uint32_t request)
{
	return m->head.request == request &&
	       m->head.flags == (VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY);
}

static int await_reply(struct front_channel *c, uint32_t request, struct front_message *ret,
		       uint64_t deadline_ns)
{
	/* Each turn takes one message; a flood of them ends at the deadline. */
	for (;;) {
		int e;

		if (from_stash(c, &request, ret))
			return 0;
		e = recv_message(c, ret, deadline_ns);
		if (e == -EAGAIN)
			continue;
		if (e == -ETIMEDOUT)
			front_fault(c->evidence, FRONT_FAULT_SILENT, "no reply to message %u",
				    request);
		if (e == -ECONNRESET)
			front_fault(c->evidence, FRONT_FAULT_GONE, "instead of a reply to %u",
				    request);
		if (e < 0 || is_reply(ret, request))
			return e;
		if (to_stash(c, ret))
			continue;
		front_fault(c->evidence, FRONT_FAULT_REPLY,
			    "message %u with flags %#x instead of a reply to %u", ret->head.request,
			    ret->head.flags, request);
		front_message_close(ret);
		if (clock_now_ns() >= deadline_ns)
			return -ETIMEDOUT;
	}
}

int front_recv_reply(struct front_channel *c, uint32_t request, struct front_message *ret,
		     uint64_t deadline_ns)
{
	int e;

	c->waiting++;
	e = await_reply(c, request, ret, deadline_ns);
	c->waiting--;
	return e;
}

bool front_channel_alive(struct front_channel *c)
{
	uint8_t byte;
	ssize_t n;

	if (c->fd < 0 || c->broken)
		return false;
	n = recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		c->broken = true;
		return false;
	}
	if (n > 0 && c->waiting == 0) {
		struct front_message m;

		if (recv_message(c, &m, clock_deadline_ms(c->timeout_ms)) == 0) {
			front_fault(c->evidence, FRONT_FAULT_REPLY, "message %u, unasked",
				    m.head.request);
			front_message_close(&m);
		}
	}
	return !c->broken;
}
