// SPDX-License-Identifier: Apache-2.0
#include "conformance/front/vhost.h"

#include "base/clock.h"

#include <assert.h>
#include <string.h>

struct front_message front_message_of(uint32_t request, const void *payload, size_t size)
{
	struct front_message m;

	assert(size <= sizeof(m.body));
	memset(&m, 0, sizeof(m));
	m.head = (struct vhost_user_header){ request, VHOST_USER_VERSION, (uint32_t)size };
	if (size > 0)
		memcpy(&m.body, payload, size);
	return m;
}

void front_message_add_fd(struct front_message *m, int fd)
{
	assert(m->fd_count < FRONT_FDS_MAX);
	m->fd[m->fd_count++] = fd;
}

static int exchange(struct front_channel *c, const struct front_message *m,
		    struct front_message *ret)
{
	int e = front_send(c, m);

	return e < 0 ? e
		     : front_recv_reply(c, m->head.request, ret, clock_deadline_ms(c->timeout_ms));
}

static int check_reply(struct front_channel *c, const struct front_message *m, size_t size,
		       size_t fd_count)
{
	if (m->fd_count != fd_count)
		front_fault(c->evidence, FRONT_FAULT_REPLY_FDS,
			    "reply to %u came with %zu descriptors instead of %zu", m->head.request,
			    m->fd_count, fd_count);
	if (m->head.size == size)
		return 0;
	front_fault(c->evidence, FRONT_FAULT_REPLY_SIZE, "reply to %u has %u bytes instead of %zu",
		    m->head.request, m->head.size, size);
	return -EPROTO;
}

int front_ask(struct front_channel *c, const struct front_message *m, struct front_message *ret,
	      size_t size)
{
	int e = exchange(c, m, ret);

	if (e < 0)
		return e;
	e = check_reply(c, ret, size, 0);
	front_message_close(ret);
	return e;
}

int front_tell(struct front_channel *c, const struct front_message *m)
{
	struct front_message sent = *m;
	struct front_message reply;
	int e;

	c->acked = false;
	if (!c->reply_ack)
		return front_send(c, &sent);
	sent.head.flags |= VHOST_USER_FLAG_NEED_REPLY;
	e = front_ask(c, &sent, &reply, sizeof(uint64_t));
	if (e < 0)
		return e;
	c->acked = true;
	c->ack = reply.body.u64;
	return c->ack == 0 ? 0 : -EREMOTEIO;
}

int front_get_u64(struct front_channel *c, uint32_t request, uint64_t *ret)
{
	struct front_message m = front_message_of(request, NULL, 0);
	struct front_message reply;
	int e = front_ask(c, &m, &reply, sizeof(uint64_t));

	if (e == 0)
		*ret = reply.body.u64;
	return e;
}

int front_set_u64(struct front_channel *c, uint32_t request, uint64_t value)
{
	struct front_message m = front_message_of(request, &value, sizeof(value));

	return front_tell(c, &m);
}

int front_set_none(struct front_channel *c, uint32_t request)
{
	struct front_message m = front_message_of(request, NULL, 0);

	return front_tell(c, &m);
}

int front_set_vring(struct front_channel *c, uint32_t request, unsigned queue, uint32_t num)
{
	struct vhost_user_vring_state state = { queue, num };
	struct front_message m = front_message_of(request, &state, sizeof(state));

	return front_tell(c, &m);
}

int front_set_protocol_features(struct front_channel *c, uint64_t features)
{
	/* Whether this message itself may be acknowledged is not agreed yet: it is not asked for. */
	int e = front_set_u64(c, VHOST_USER_SET_PROTOCOL_FEATURES, features);

	if (e == 0)
		c->reply_ack = features >> VHOST_USER_PROTOCOL_F_REPLY_ACK & 1;
	return e;
}

int front_set_mem_table(struct front_channel *c, const struct vhost_user_mem_table *table,
			const int *fds)
{
	size_t size = offsetof(struct vhost_user_mem_table, region) +
		      table->count * sizeof(table->region[0]);
	struct front_message m;

	assert(table->count <= VHOST_USER_MEM_REGIONS_MAX);
	m = front_message_of(VHOST_USER_SET_MEM_TABLE, table, size);
	for (uint32_t i = 0; i < table->count; i++)
		front_message_add_fd(&m, fds[i]);
	return front_tell(c, &m);
}

int front_add_mem_reg(struct front_channel *c, const struct vhost_user_mem_region *region, int fd)
{
	struct vhost_user_mem_reg reg = { .region = *region };
	struct front_message m = front_message_of(VHOST_USER_ADD_MEM_REG, &reg, sizeof(reg));

	front_message_add_fd(&m, fd);
	return front_tell(c, &m);
}

int front_rem_mem_reg(struct front_channel *c, const struct vhost_user_mem_region *region)
{
	struct vhost_user_mem_reg reg = { .region = *region };
	struct front_message m = front_message_of(VHOST_USER_REM_MEM_REG, &reg, sizeof(reg));

	return front_tell(c, &m);
}

int front_set_vring_addr(struct front_channel *c, const struct vhost_user_vring_addr *addr)
{
	struct front_message m = front_message_of(VHOST_USER_SET_VRING_ADDR, addr, sizeof(*addr));

	return front_tell(c, &m);
}

int front_get_vring_base(struct front_channel *c, unsigned queue, uint32_t *ret)
{
	struct vhost_user_vring_state state = { queue, 0 };
	struct front_message m = front_message_of(VHOST_USER_GET_VRING_BASE, &state, sizeof(state));
	struct front_message reply;
	int e = front_ask(c, &m, &reply, sizeof(state));

	if (e < 0)
		return e;
	if (reply.body.state.index != queue) {
		front_fault(c->evidence, FRONT_FAULT_REPLY, "the base of queue %u came for %u",
			    reply.body.state.index, queue);
		return -EPROTO;
	}
	*ret = reply.body.state.num;
	return 0;
}

int front_set_vring_fd(struct front_channel *c, uint32_t request, unsigned queue, int fd)
{
	uint64_t value = queue | (fd < 0 ? VHOST_USER_VRING_NOFD : 0);
	struct front_message m = front_message_of(request, &value, sizeof(value));

	if (fd >= 0)
		front_message_add_fd(&m, fd);
	return front_tell(c, &m);
}

int front_get_config(struct front_channel *c, uint32_t offset, void *ret, uint32_t size)
{
	struct vhost_user_config head = { .offset = offset, .size = size };
	struct front_message m = front_message_of(VHOST_USER_GET_CONFIG, &head, sizeof(head));
	struct front_message reply;
	int e;

	if (size > sizeof(m.body) - sizeof(head))
		return -EINVAL;
	m.head.size += size; /* the bytes are sent too, as zeroes */
	e = exchange(c, &m, &reply);
	if (e < 0)
		return e;
	if (reply.head.size == 0) {
		front_message_close(&reply);
		return -EOPNOTSUPP;
	}
	e = check_reply(c, &reply, m.head.size, 0);
	front_message_close(&reply);
	if (e == 0 && memcmp(&reply.body.config, &head, 2 * sizeof(uint32_t)) != 0) {
		front_fault(c->evidence, FRONT_FAULT_REPLY, "configuration %u+%u came for %u+%u",
			    reply.body.config.offset, reply.body.config.size, offset, size);
		e = -EPROTO;
	}
	if (e == 0)
		memcpy(ret, reply.body.bytes + sizeof(head), size);
	return e;
}

int front_set_config(struct front_channel *c, uint32_t offset, const void *data, uint32_t size,
		     uint32_t flags)
{
	struct vhost_user_config head = { offset, size, flags };
	struct front_message m = front_message_of(VHOST_USER_SET_CONFIG, &head, sizeof(head));

	if (size > sizeof(m.body) - sizeof(head))
		return -EINVAL;
	memcpy(m.body.bytes + sizeof(head), data, size);
	m.head.size += size;
	return front_tell(c, &m);
}

int front_set_backend_req_fd(struct front_channel *c, int fd)
{
	struct front_message m = front_message_of(VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0);

	front_message_add_fd(&m, fd);
	return front_tell(c, &m);
}

int front_get_shmem_config(struct front_channel *c, struct vhost_user_shmem_config *ret)
{
	struct front_message m = front_message_of(VHOST_USER_GET_SHMEM_CONFIG, NULL, 0);
	struct front_message reply;
	int e = front_ask(c, &m, &reply, sizeof(*ret));

	if (e == 0)
		*ret = reply.body.shmem;
	return e;
}

int front_get_inflight_fd(struct front_channel *c, uint16_t queues, uint16_t queue_size,
			  struct front_inflight *ret, int *ret_fd)
{
	struct front_inflight area = { .num_queues = queues, .queue_size = queue_size };
	struct front_message m = front_message_of(VHOST_USER_GET_INFLIGHT_FD, &area, sizeof(area));
	struct front_message reply;
	int e = exchange(c, &m, &reply);

	if (e < 0)
		return e;
	e = check_reply(c, &reply, sizeof(area), reply.head.size ? 1 : 0);
	if (e == 0) {
		memcpy(ret, &reply.body, sizeof(*ret));
		*ret_fd = reply.fd_count ? TAKE_FD(reply.fd[0]) : -1;
	}
	front_message_close(&reply);
	return e;
}

int front_set_inflight_fd(struct front_channel *c, const struct front_inflight *area, int fd)
{
	struct front_message m = front_message_of(VHOST_USER_SET_INFLIGHT_FD, area, sizeof(*area));

	front_message_add_fd(&m, fd);
	return front_tell(c, &m);
}
