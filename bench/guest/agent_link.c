// SPDX-License-Identifier: Apache-2.0
/* The link to the guest's agent: bytes in and out, frames in them, deadlines, what went wrong. */
#include "guest/agent_int.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"

/* Bytes from the guest that are no frame, before the connection is given up. */
#define GARBAGE_MAX MIB

/* ---- connection ---- */

static int socket_connect(const char *path, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	CLEANUP(fd_closep) int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* The VMM makes its socket some time after its start: there is nothing to wait on but the clock. */
int agent_link_connect(const char *path, int watch_fd, uint64_t deadline_ns, int *ret_fd,
		       struct err *reterr)
{
	struct pollfd watch = { .fd = watch_fd, .events = POLLIN };
	int pause_ms = 1;

	for (;;) {
		int e = socket_connect(path, ret_fd);
		int left_ms = clock_left_ms(deadline_ns);

		if (e == 0)
			return 0;
		if ((e != -ENOENT && e != -ECONNREFUSED && e != -EAGAIN) || left_ms == 0)
			return err_errno(reterr, e,
					 "cannot connect to the agent's socket %s (is the VMM "
					 "running, with a "
					 "virtserialport on a chardev of that path?)",
					 path);
		if (poll(&watch, 1, pause_ms < left_ms ? pause_ms : left_ms) > 0)
			return err_set(reterr, -EOWNERDEAD,
				       "the VMM ended before the agent in its guest answered");
		if (pause_ms < CONNECT_POLL_MAX_MS)
			pause_ms *= 2;
	}
}

/* ---- frames out ---- */

/* Room for one frame of any size remains whenever the last one was sent; acknowledgements use the
 * rest. */
int agent_link_put(struct agent *a, enum vqp_type type, uint32_t job, const void *head,
		   size_t head_size, const void *body, size_t body_size)
{
	unsigned char *frame;

	assert(head_size + body_size <= VQP_PAYLOAD_MAX);
	if (a->out_start > 0) {
		memmove(a->out, a->out + a->out_start, a->out_size);
		a->out_start = 0;
	}
	if (a->out_size + VQP_HEADER_SIZE + head_size + body_size > sizeof(a->out))
		return -ENOBUFS;
	frame = a->out + a->out_size;
	if (head_size)
		memcpy(frame + VQP_HEADER_SIZE, head, head_size);
	if (body_size)
		memcpy(frame + VQP_HEADER_SIZE + head_size, body, body_size);
	vqp_seal(frame, type, job, head_size + body_size);
	a->out_size += VQP_HEADER_SIZE + head_size + body_size;
	return 0;
}

int agent_link_flush(struct agent *a)
{
	while (a->out_size > 0) {
		ssize_t n = send(a->fd, a->out + a->out_start, a->out_size,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -ECONNRESET;
		a->out_start += (size_t)n;
		a->out_size -= (size_t)n;
	}
	a->out_start = 0;
	return 0;
}

/* ---- frames in ---- */

static int parse_input(struct agent *a)
{
	size_t at = 0;

	for (;;) {
		struct vqp_frame f;
		size_t used;
		enum vqp_scan found = vqp_scan(a->in + at, a->in_size - at, &used, &f);

		if (found == VQP_SCAN_MORE)
			break;
		if (found == VQP_SCAN_FRAME)
			agent_dispatch(a, &f);
		else
			a->garbage += used;
		at += used;
	}
	a->in_size -= at;
	memmove(a->in, a->in + at, a->in_size);
	return a->garbage > GARBAGE_MAX ? -EPROTO : 0;
}

static int fill_input(struct agent *a)
{
	ssize_t n = recv(a->fd, a->in + a->in_size, sizeof(a->in) - a->in_size, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -ECONNRESET;
	a->in_size += (size_t)n;
	return parse_input(a);
}

/* ---- waiting ---- */

/*
 * One turn of input and output; returns after some progress, or when nothing happened until
 * @deadline_ns. A turn that begins after the deadline ends with -ETIMEDOUT, having taken in what
 * was there: callers that loop end, whatever the guest sends, and look at what they wait for before
 * they believe the error.
 */
int agent_link_pump(struct agent *a, uint64_t deadline_ns)
{
	struct pollfd p[2] = { { .fd = a->fd, .events = POLLIN },
			       { .fd = a->watch_fd, .events = POLLIN } };
	int left_ms = clock_left_ms(deadline_ns);
	bool had_output = a->out_size > 0;
	int n, e;

	if (a->fd < 0)
		return -ECONNRESET;
	e = agent_link_flush(a);
	/* That was the progress: a caller that only wants to send must not wait for input now. */
	if (e == 0 && had_output && a->out_size == 0)
		return 0;
	if (a->out_size > 0)
		p[0].events |= POLLOUT;
	n = poll(p, ARRAY_SIZE(p), left_ms);
	if (n < 0 && errno != EINTR)
		return -errno;
	if (n > 0 && (p[0].revents & (POLLIN | POLLHUP | POLLERR)))
		e = fill_input(a);
	else if (n > 0 && p[1].revents && e == 0)
		e = -EOWNERDEAD;
	if (e == 0 && a->restarted)
		e = -ECONNRESET;
	if (e == 0 && left_ms == 0)
		e = -ETIMEDOUT;
	if (e == -ECONNRESET || e == -EPROTO)
		fd_closep(&a->fd);
	return e;
}

/* Say what went wrong with @what, which waited since @since_ns. */
int agent_link_error(const struct agent *a, int e, const char *what, uint64_t since_ns,
		     struct err *reterr)
{
	uint64_t ms = (clock_now_ns() - since_ns) / NS_PER_MS;
	const char *note = a->link_note[0] ? "; the agent last complained: " : "";

	if (e == -ETIMEDOUT)
		return err_set(reterr, e,
			       "guest hung: no answer for %" PRIu64
			       " ms to %s%s%s (look at the guest's console and at "
			       "query-status of the VMM)",
			       ms, what, note, a->link_note);
	if (e == -ECONNRESET && a->restarted)
		return err_set(reterr, e,
			       "the agent in the guest was restarted during %s (look for "
			       "VQ-AGENT-DIED on the console)",
			       what);
	if (e == -ECONNRESET)
		return err_set(reterr, e,
			       "the connection to the guest's agent is closed; it ended during %s "
			       "(the VMM or the guest "
			       "died: look at the VMM's exit state and log)",
			       what);
	if (e == -EOWNERDEAD)
		return err_set(reterr, e, "a process on the host that %s needs has ended", what);
	if (e == -EPROTO)
		return err_set(reterr, e,
			       "the guest sent more than %" PRIu64
			       " bytes that are no frames during %s (is another "
			       "program writing to the agent's port?)",
			       GARBAGE_MAX, what);
	return err_errno(reterr, e, "%s", what);
}

/* Wait until all that was queued has left, so that there is room for a frame of any size. */
int agent_link_drain(struct agent *a, uint64_t deadline_ns)
{
	int e = a->fd < 0 ? -ECONNRESET : agent_link_flush(a);

	while (e == 0 && a->out_size > 0)
		e = agent_link_pump(a, deadline_ns);
	return e;
}

int agent_link_send(struct agent *a, enum vqp_type type, uint32_t job, const void *head,
		    size_t head_size, const void *body, size_t body_size, uint64_t deadline_ns)
{
	int e = agent_link_drain(a, deadline_ns);

	if (e == 0)
		e = agent_link_put(a, type, job, head, head_size, body, body_size);
	if (e == 0)
		e = agent_link_flush(a);
	return e;
}
