/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RELAY_MESSAGE_H
#define VQ_RELAY_MESSAGE_H

#include "base/err.h"
#include "conformance/wire/vhost_user.h"

#include <stdbool.h>
#include <stddef.h>

/* Descriptors that one message may carry: a memory table's, and one more of ours. */
#define MESSAGE_FDS_MAX (VHOST_USER_MEM_REGIONS_MAX + 1)

/* One vhost-user message. Owner of its descriptors: message_close_fds(). */
struct message {
	struct vhost_user_header head;
	union {
		uint64_t u64;
		struct vhost_user_mem_table table;
		struct vhost_user_mem_reg reg;
		struct vhost_user_vring_state state;
		struct vhost_user_vring_addr addr;
		uint8_t bytes[VHOST_USER_PAYLOAD_MAX];
	} body;
	int fd[MESSAGE_FDS_MAX];
	size_t fd_count;
};

/* One side's socket and the message that is arriving on it. */
struct channel {
	int fd;
	const char *who; /* for errors: "VMM", "daemon" */
	size_t have;	 /* bytes of `in` that have arrived */
	struct message in;
};

/**
 * channel_recv() - take what has arrived; never blocks.
 * Return: 1 when `in` is complete (hand it on, then call channel_next()); 0 when more must come;
 * -ECONNRESET when the peer has left; -EPROTO with @reterr for what is no vhost-user message.
 */
int channel_recv(struct channel *c, struct err *reterr) MUST_USE;

/** channel_next() - forget the message in `in`, closing descriptors that nobody has taken. */
void channel_next(struct channel *c);

/** channel_send() - send a message and its descriptors (borrowed); a peer that does not read is an error. */
int channel_send(const struct channel *c, const struct message *m, struct err *reterr) MUST_USE;

void channel_close(struct channel *c);
void message_close_fds(struct message *m);

#endif
