// SPDX-License-Identifier: Apache-2.0
/* vhost-user messages as a program says them: any header, any bytes, any descriptors. */
#include "conformance/program/exec.h"

#include "base/clock.h"

#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define FDS_MAX 8

enum fd_kind { FD_NONE, FD_EVENT, FD_MEMORY, FD_SOCKET, FD_NULL, FD_KINDS };

static int make_fd(const struct program_run *r, enum fd_kind kind)
{
	int pair[2];

	switch (kind) {
	case FD_EVENT: return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	case FD_MEMORY: return fcntl(r->f->memory->region[0].fd, F_DUPFD_CLOEXEC, 0);
	case FD_SOCKET:
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			return -1;
		(void)close(pair[1]);
		return pair[0];
	case FD_NULL: return open("/dev/null", O_RDWR | O_CLOEXEC);
	case FD_NONE:
	case FD_KINDS: break;
	}
	return -1;
}

static bool has_reply(uint32_t request, uint32_t flags)
{
	switch (request) {
	case VHOST_USER_GET_FEATURES:
	case VHOST_USER_GET_PROTOCOL_FEATURES:
	case VHOST_USER_GET_QUEUE_NUM:
	case VHOST_USER_GET_VRING_BASE:
	case VHOST_USER_GET_CONFIG:
	case VHOST_USER_GET_INFLIGHT_FD:
	case VHOST_USER_GET_MAX_MEM_SLOTS:
	case VHOST_USER_GET_STATUS:
	case VHOST_USER_SET_DEVICE_STATE_FD:
	case VHOST_USER_CHECK_DEVICE_STATE:
	case VHOST_USER_GET_SHMEM_CONFIG: return true;
	default: return flags & VHOST_USER_FLAG_NEED_REPLY;
	}
}

static void take_reply(struct program_run *r, struct program_answer *a)
{
	struct front_message reply;
	int e = front_recv(&r->f->channel, &reply, front_deadline(r->f));

	if (e < 0) {
		program_tell(a, e == -ETIMEDOUT ? "silent" : "gone", "no reply");
		return;
	}
	if (reply.head.size == sizeof(uint64_t))
		program_tell(a, reply.body.u64 ? "value" : "zero", "%#llx",
			     (unsigned long long)reply.body.u64);
	else
		program_tell(a, "reply", "%u bytes, %zu descriptors", reply.head.size,
			     reply.fd_count);
	front_message_close(&reply);
}

static int send_all(struct program_run *r, const struct program_step *s,
		    struct vhost_user_header *head, const struct buf *payload)
{
	CLEANUP(buf_free) struct buf b = { 0 };
	int fd[FDS_MAX];
	size_t count = program_number(r, s, "fds", 1);
	enum fd_kind kind = (enum fd_kind)(program_number(r, s, "fd", FD_NONE) % FD_KINDS);
	size_t made = 0;
	int e;

	count = kind == FD_NONE ? 0 : count < FDS_MAX ? count : FDS_MAX;
	while (made < count && (fd[made] = make_fd(r, kind)) >= 0)
		made++;
	e = buf_add(&b, head, sizeof(*head));
	if (e == 0 && payload->size)
		e = buf_add(&b, payload->data, payload->size);
	if (e == 0)
		e = front_send_bytes(&r->f->channel, b.data, b.size, fd, made);
	for (size_t i = 0; i < made; i++)
		fd_closep(&fd[i]);
	return e;
}

void program_do_message(struct program_run *r, const struct program_step *s,
			struct program_answer *a)
{
	CLEANUP(buf_free) struct buf payload = { 0 };
	uint32_t need = r->f->channel.reply_ack ? VHOST_USER_FLAG_NEED_REPLY : 0;
	struct vhost_user_header head;
	int e = program_bytes(r, program_get(s, "bytes"), &payload);

	head = (struct vhost_user_header){
		.request = (uint32_t)program_number(r, s, "request", 0),
		.flags = (uint32_t)program_number(r, s, "flags", VHOST_USER_VERSION | need),
		.size = (uint32_t)program_number(r, s, "size", payload.size),
	};
	if (e == 0)
		e = send_all(r, s, &head, &payload);
	if (e < 0) {
		program_tell(a, e == -ECONNRESET ? "gone" : "failed", "it could not be sent");
		return;
	}
	/* Half a message: the daemon waits for the rest, and so must not we. */
	if (head.size != payload.size || !has_reply(head.request, head.flags)) {
		program_tell(a, "sent", "no reply is waited for");
		return;
	}
	take_reply(r, a);
}
