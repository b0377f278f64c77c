/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FRONT_VHOST_H
#define VQ_FRONT_VHOST_H

#include "conformance/front/channel.h"

/*
 * vhost-user, polite: one function for each message of the front end. Messages without a reply ask for
 * an acknowledgement once REPLY_ACK is negotiated.
 * All return 0; -EREMOTEIO when the device acknowledged with failure (channel's `ack`); -EOPNOTSUPP when it
 * replied "not supported" (an empty configuration); -EPROTO for a reply of a wrong form; -ETIMEDOUT and
 * -ECONNRESET as front_recv_reply().
 */

/* The area for descriptors in flight, as QEMU's text describes it. */
struct front_inflight {
	uint64_t mmap_size;
	uint64_t mmap_offset;
	uint16_t num_queues;
	uint16_t queue_size;
	uint32_t padding; /* QEMU and libvhost-user send the structure with its tail */
};
_Static_assert(sizeof(struct front_inflight) == 24, "wire size");

/* A polite message: for checks that vary one field of it. */
struct front_message front_message_of(uint32_t request, const void *payload, size_t size);
void front_message_add_fd(struct front_message *m, int fd);

/** front_ask() - send @m, take the reply with exactly @size bytes and no descriptors. */
int front_ask(struct front_channel *c, const struct front_message *m, struct front_message *ret,
	      size_t size) MUST_USE;
/** front_tell() - send @m, which has no reply of its own; wait for its acknowledgement if there is one. */
int front_tell(struct front_channel *c, const struct front_message *m) MUST_USE;

int front_get_u64(struct front_channel *c, uint32_t request, uint64_t *ret) MUST_USE;
int front_set_u64(struct front_channel *c, uint32_t request, uint64_t value) MUST_USE;
int front_set_none(struct front_channel *c, uint32_t request) MUST_USE;
int front_set_vring(struct front_channel *c, uint32_t request, unsigned queue, uint32_t num)
	MUST_USE;

static inline int front_get_features(struct front_channel *c, uint64_t *ret)
{
	return front_get_u64(c, VHOST_USER_GET_FEATURES, ret);
}
static inline int front_set_features(struct front_channel *c, uint64_t features)
{
	return front_set_u64(c, VHOST_USER_SET_FEATURES, features);
}
static inline int front_get_protocol_features(struct front_channel *c, uint64_t *ret)
{
	return front_get_u64(c, VHOST_USER_GET_PROTOCOL_FEATURES, ret);
}
static inline int front_get_queue_num(struct front_channel *c, uint64_t *ret)
{
	return front_get_u64(c, VHOST_USER_GET_QUEUE_NUM, ret);
}
static inline int front_get_max_mem_slots(struct front_channel *c, uint64_t *ret)
{
	return front_get_u64(c, VHOST_USER_GET_MAX_MEM_SLOTS, ret);
}
static inline int front_get_status(struct front_channel *c, uint64_t *ret)
{
	return front_get_u64(c, VHOST_USER_GET_STATUS, ret);
}
static inline int front_set_status(struct front_channel *c, uint64_t status)
{
	return front_set_u64(c, VHOST_USER_SET_STATUS, status);
}
static inline int front_set_owner(struct front_channel *c)
{
	return front_set_none(c, VHOST_USER_SET_OWNER);
}
static inline int front_reset_owner(struct front_channel *c)
{
	return front_set_none(c, VHOST_USER_RESET_OWNER);
}
static inline int front_reset_device(struct front_channel *c)
{
	return front_set_none(c, VHOST_USER_RESET_DEVICE);
}
static inline int front_set_vring_num(struct front_channel *c, unsigned queue, uint32_t num)
{
	return front_set_vring(c, VHOST_USER_SET_VRING_NUM, queue, num);
}
static inline int front_set_vring_base(struct front_channel *c, unsigned queue, uint32_t base)
{
	return front_set_vring(c, VHOST_USER_SET_VRING_BASE, queue, base);
}
static inline int front_set_vring_enable(struct front_channel *c, unsigned queue, bool on)
{
	return front_set_vring(c, VHOST_USER_SET_VRING_ENABLE, queue, on);
}

/** front_set_protocol_features() - from here on acknowledgements are asked for if @features has REPLY_ACK. */
int front_set_protocol_features(struct front_channel *c, uint64_t features) MUST_USE;
int front_set_mem_table(struct front_channel *c, const struct vhost_user_mem_table *table,
			const int *fds) MUST_USE;
int front_add_mem_reg(struct front_channel *c, const struct vhost_user_mem_region *region, int fd)
	MUST_USE;
int front_rem_mem_reg(struct front_channel *c, const struct vhost_user_mem_region *region) MUST_USE;
int front_set_vring_addr(struct front_channel *c, const struct vhost_user_vring_addr *addr)
	MUST_USE;
int front_get_vring_base(struct front_channel *c, unsigned queue, uint32_t *ret) MUST_USE;
/** front_set_vring_fd() - SET_VRING_KICK, _CALL or _ERR; @fd borrowed, -1: "no descriptor". */
int front_set_vring_fd(struct front_channel *c, uint32_t request, unsigned queue, int fd) MUST_USE;
int front_get_config(struct front_channel *c, uint32_t offset, void *ret, uint32_t size) MUST_USE;
int front_set_config(struct front_channel *c, uint32_t offset, const void *data, uint32_t size,
		     uint32_t flags) MUST_USE;
int front_set_backend_req_fd(struct front_channel *c, int fd) MUST_USE;
int front_get_shmem_config(struct front_channel *c, struct vhost_user_shmem_config *ret) MUST_USE;
/** front_get_inflight_fd() - *@ret_fd is the caller's; -1 when the device gave none. */
int front_get_inflight_fd(struct front_channel *c, uint16_t queues, uint16_t queue_size,
			  struct front_inflight *ret, int *ret_fd) MUST_USE;
int front_set_inflight_fd(struct front_channel *c, const struct front_inflight *area, int fd)
	MUST_USE;

#endif
