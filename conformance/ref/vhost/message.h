/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_VHOST_MESSAGE_H
#define VQ_REF_VHOST_MESSAGE_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "conformance/wire/vhost_user.h"

/* The largest message with descriptors is a memory table. */
#define MSG_FDS_MAX VHOST_USER_MEM_REGIONS_MAX

/* A message that has arrived; owns its descriptors until somebody takes them. */
struct msg {
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
	int fd[MSG_FDS_MAX];
	size_t fd_count;
	size_t have; /* bytes of header and payload that are here */
};

/**
 * msg_recv() - add what the socket has to @m; never blocks.
 * Return: 1 when @m is complete; 0 when more must come; -ECONNRESET when the peer has left; -EPROTO for
 * what cannot be a vhost-user message (version, size, descriptors in its middle); -errno.
 */
int msg_recv(int fd, struct msg *m, struct err *reterr) MUST_USE;

/** msg_clear() - forget it; descriptors that nobody has taken are closed. */
void msg_clear(struct msg *m);

/** msg_take_fd() - the first descriptor, now the caller's; -1 without. */
int msg_take_fd(struct msg *m);

/**
 * msg_send() - header and @size bytes of @body, with @pass (or -1) as its descriptor.
 * @deadline_ns: for a peer that does not read.
 * Return: 0; -ETIMEDOUT with nothing sent; -ECONNRESET; -errno.
 */
int msg_send(int fd, uint32_t request, uint32_t flags, const void *body, size_t size, int pass,
	     uint64_t deadline_ns) MUST_USE;

#endif
