/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FRONT_CHANNEL_H
#define VQ_FRONT_CHANNEL_H

#include "base/err.h"
#include "conformance/front/evidence.h"
#include "conformance/front/pump.h"
#include "conformance/wire/vhost_user.h"

/*
 * The vhost-user socket as messages, raw: any header, any bytes, any descriptors can be sent, and what
 * comes is taken as it is. vhost.h has the polite way.
 */

/* Descriptors that the front end takes with one message; the specification never has more than 8. */
#define FRONT_FDS_MAX 16
/* Replies that may wait while a nested exchange runs on the same socket. */
#define FRONT_STASH_MAX 4

/* One message. Owner of received descriptors: front_message_close(). */
struct front_message {
	struct vhost_user_header head;
	union {
		uint64_t u64;
		struct vhost_user_mem_table table;
		struct vhost_user_mem_reg reg;
		struct vhost_user_vring_state state;
		struct vhost_user_vring_addr addr;
		struct vhost_user_config config;
		struct vhost_user_shmem_config shmem;
		struct vhost_user_mmap mmap;
		uint8_t bytes[VHOST_USER_PAYLOAD_MAX];
	} body;
	int fd[FRONT_FDS_MAX];
	size_t fd_count;
	bool late_fds; /* some came behind the header */
};

struct front_channel {
	int fd;
	const char *who; /* for evidence: "device", "back-end requests" */
	uint64_t timeout_ms;
	struct front_evidence *evidence;
	struct front_pump *pump; /* served while waiting; may be NULL */
	bool broken;		 /* the stream cannot be read any more, or the peer has left */
	bool reply_ack;		 /* REPLY_ACK was negotiated: see vhost.h */
	bool acked;		 /* did the last polite setter get an acknowledgement? */
	uint64_t ack;		 /* and which: 0 is success */
	size_t stash_count;
	struct front_message *stash[FRONT_STASH_MAX];
	unsigned waiting; /* replies awaited, nested */
};

/**
 * front_connect() - connect to a listening UNIX socket; retried until the deadline while nobody listens.
 * Return: 0 and a descriptor of the caller's (non-blocking, close-on-exec); -errno with text.
 */
int front_connect(const char *path, uint64_t deadline_ns, int *ret_fd, struct err *reterr) MUST_USE;

void front_channel_init(struct front_channel *c, int take_fd, const char *who,
			struct front_evidence *evidence, struct front_pump *pump,
			uint64_t timeout_ms);
void front_channel_close(struct front_channel *c);

/**
 * front_send_bytes() - put exactly these bytes, with these descriptors (borrowed) at the first of them.
 * Return: 0; -ECONNRESET; -ETIMEDOUT when the peer does not read; -errno.
 */
int front_send_bytes(struct front_channel *c, const void *data, size_t size, const int *fds,
		     size_t fd_count) MUST_USE;

/** front_send() - header, head.size bytes of the body (at most the room there is), descriptors. */
int front_send(struct front_channel *c, const struct front_message *m) MUST_USE;

/**
 * front_recv() - the next message, whatever it is.
 * Return: 0 (@ret owns descriptors); -ETIMEDOUT; -ECONNRESET; -EPROTO when the stream makes no sense
 * (evidence recorded). After the last two, and after a timeout within a message, the channel is broken.
 */
int front_recv(struct front_channel *c, struct front_message *ret, uint64_t deadline_ns) MUST_USE;

/**
 * front_recv_reply() - the reply to @request, with the flags of a reply.
 * A reply that an outer call of this function waits for is kept for it; any other is evidence.
 * Return: as front_recv(); silence and hanging up are evidence here.
 */
int front_recv_reply(struct front_channel *c, uint32_t request, struct front_message *ret,
		     uint64_t deadline_ns) MUST_USE;

/** front_channel_alive() - is the peer still there? Bytes that nobody asked for are evidence. */
bool front_channel_alive(struct front_channel *c);

void front_message_close(struct front_message *m);

#endif
