// SPDX-License-Identifier: Apache-2.0
/* Which messages there are, what they look like, and what the short ones do. Source: QEMU's vhost-user text. */
#include <endian.h>
#include <linux/virtio_config.h>
#include <stddef.h>
#include <string.h>

#include "conformance/ref/fault/breaks.h"
#include "conformance/ref/log.h"
#include "conformance/ref/vhost/conn.h"
#include "conformance/ref/vhost/notify.h"
#include "conformance/wire/virtio_fs.h"

#define BIT(n) (UINT64_C(1) << (n))
#define HAS(n) BIT(VHOST_USER_PROTOCOL_F_##n)

/*
 * No bit of the file system device: there is no notification queue. Not offered either: IN_ORDER, because
 * requests end in any order, and logging, because a device with a DAX window cannot be migrated.
 */
uint64_t conn_features(void)
{
	const uint64_t f = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |
			   BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_F_RING_PACKED) |
			   BIT(VHOST_USER_F_PROTOCOL_FEATURES);

	return (fault_hooked(FAULT_HOOK_FEATURES) ? fault_features(f) : f) |
	       (notify_is_on() ? BIT(VIRTIO_FS_F_NOTIFICATION) : 0);
}

/*
 * INFLIGHT_SHMFD is not offered: it is for a back end that is started again and does once more what was in
 * flight. Doing a RENAME or an exclusive CREATE once more gives another result, and node ids and file handles
 * of the FUSE session died with the old process anyway.
 */
uint64_t conn_protocol(const struct ref_options *o)
{
	uint64_t f = HAS(MQ) | HAS(REPLY_ACK) | HAS(BACKEND_REQ) | HAS(BACKEND_SEND_FD) |
		     HAS(CONFIGURE_MEM_SLOTS) | HAS(STATUS) | HAS(RESET_DEVICE);

	/* Without a tag the front end owns the configuration space. */
	if (o->tag)
		f |= HAS(CONFIG);
	if (o->dax != REF_DAX_NONE)
		f |= HAS(SHMEM);
	if (fault_at(FAULT_INFLIGHT_CLAIMED))
		f |= HAS(INFLIGHT_SHMFD);
	if (fault_at(FAULT_STATE_CLAIMED))
		f |= HAS(DEVICE_STATE);
	return f;
}

static int reply_u64(struct msg *m, uint64_t value)
{
	m->body.u64 = value;
	return sizeof(m->body.u64);
}

static int get_features(struct conn *c, struct msg *m, struct err *reterr)
{
	(void)reterr;
	return reply_u64(m, c->features_set && fault_at(FAULT_FEATURE_FADES) ? c->features
									     : conn_features());
}

static int set_features(struct conn *c, struct msg *m, struct err *reterr)
{
	uint64_t f = m->body.u64;

	if (f & ~conn_features())
		return err_set(reterr, -EINVAL, "features %#llx were never offered",
			       (unsigned long long)(f & ~conn_features()));
	if (c->features_set && fault_at(FAULT_FEATURE_ONCE))
		return err_set(reterr, -EBUSY, "features were set before");
	c->features = f;
	c->features_set = true;
	for (unsigned i = 0; i < c->queue_count; i++) {
		struct ring *r = &c->queue[i].ring;

		(void)pthread_mutex_lock(&r->lock);
		r->features = f;
		/* Without this feature there is no message that would enable a ring. */
		if (!(f & BIT(VHOST_USER_F_PROTOCOL_FEATURES)))
			r->enabled = !fault_at(FAULT_PROTOCOL_DISABLED);
		(void)pthread_mutex_unlock(&r->lock);
		queue_wake(&c->queue[i]);
	}
	return 0;
}

static int set_owner(struct conn *c, struct msg *m, struct err *reterr)
{
	(void)c;
	(void)m;
	(void)reterr;
	return 0;
}

/* Deprecated, and to be ignored. */
static int reset_owner(struct conn *c, struct msg *m, struct err *reterr)
{
	(void)m;
	(void)reterr;
	if (fault_at(FAULT_OWNER_DROPS) && !conn_session_over(c, "RESET_OWNER"))
		return CONN_LOST;
	return 0;
}

static int get_protocol_features(struct conn *c, struct msg *m, struct err *reterr)
{
	uint64_t f = conn_protocol(c->options);

	(void)reterr;
	if ((f & HAS(SHMEM)) && fault_at(FAULT_SHMEM_ALONE))
		f &= ~HAS(REPLY_ACK);
	return reply_u64(m, !c->features_set && fault_at(FAULT_PROTOCOL_LATE) ? 0 : f);
}

/* The window needs the channel, descriptors on it, and replies; without one of them there is no window. */
static void set_window(struct conn *c)
{
	const uint64_t needed = HAS(SHMEM) | HAS(BACKEND_REQ) | HAS(BACKEND_SEND_FD) |
				HAS(REPLY_ACK);
	bool whole = (c->protocol & needed) == needed || fault_at(FAULT_SHMEM_UNASKED);

	__atomic_store_n(&c->window->bytes, whole ? c->options->window_bytes : 0, __ATOMIC_RELAXED);
	if (!whole && (c->protocol & HAS(SHMEM)))
		ref_log(REF_LOG_WARN, "the front end wants shared memory but not the channel, the "
				      "descriptors and the replies it needs: no DAX");
}

static int set_protocol_features(struct conn *c, struct msg *m, struct err *reterr)
{
	uint64_t f = m->body.u64;

	if (f & ~conn_protocol(c->options))
		return err_set(reterr, -EINVAL, "protocol features %#llx were never offered",
			       (unsigned long long)(f & ~conn_protocol(c->options)));
	c->protocol = f;
	set_window(c);
	return 0;
}

static int get_queue_num(struct conn *c, struct msg *m, struct err *reterr)
{
	(void)reterr;
	return reply_u64(m, c->queue_count - fault_at(FAULT_QUEUE_NUM));
}

static int get_max_mem_slots(struct conn *c, struct msg *m, struct err *reterr)
{
	(void)c;
	(void)reterr;
	return reply_u64(m, MEMORY_SLOTS);
}

static int set_backend_req_fd(struct conn *c, struct msg *m, struct err *reterr)
{
	(void)reterr;
	shmem_attach(c->shmem, msg_take_fd(m));
	return 0;
}

/* An error is told by a reply without payload. */
static int get_config(struct conn *c, struct msg *m, struct err *reterr)
{
	struct vhost_user_config *g = &m->body.config;
	uint8_t space[CONN_CONFIG_MAX] = { 0 };
	uint32_t queues = htole32(c->queue_count - 1);
	uint32_t offset = g->offset;

	memcpy(space, c->options->tag, strnlen(c->options->tag, VIRTIO_FS_TAG_BYTES));
	memcpy(space + offsetof(struct virtio_fs_config, num_request_queues), &queues,
	       sizeof(queues));
	if (m->head.size != sizeof(*g) + g->size || g->offset > sizeof(space) ||
	    g->size > sizeof(space) - g->offset)
		return err_set(reterr, -EINVAL, "%u bytes at %u of the configuration space",
			       g->size, g->offset);
	if (notify_is_on())
		notify_config(space, c->queue_count);
	if (fault_hooked(FAULT_HOOK_CONFIG))
		fault_config(space, sizeof(space), &offset, c->features_set);
	memcpy(m->body.bytes + sizeof(*g), space + offset, g->size);
	return (int)(sizeof(*g) + g->size);
}

/* No field may be written by a driver (virtio 5.11.4.1). */
static int set_config(struct conn *c, struct msg *m, struct err *reterr)
{
	(void)c;
	if (fault_at(FAULT_CFG_WRITTEN)) {
		fault_config_write(m->body.config.offset, m->body.bytes + sizeof(m->body.config),
				   m->head.size - sizeof(m->body.config));
		return 0;
	}
	return err_set(reterr, -EPERM, "the configuration space is read-only");
}

static int get_status(struct conn *c, struct msg *m, struct err *reterr)
{
	(void)reterr;
	return reply_u64(m, fault_at(FAULT_STATUS_LOST) ? 0 : c->status);
}

/* The window is region 0 (virtio 5.11.6.4.1). The answer is the same as long as the connection lasts. */
static int get_shmem_config(struct conn *c, struct msg *m, struct err *reterr)
{
	struct vhost_user_shmem_config *s = &m->body.shmem;

	(void)reterr;
	memset(s, 0, sizeof(*s));
	s->sizes[0] = c->window->bytes;
	s->region_count = s->sizes[0] > 0 ? 1 : 0;
	if (fault_hooked(FAULT_HOOK_SHMEM))
		fault_shmem_config(s);
	return sizeof(*s);
}

#define RULE(id, min, max, fd_min, fd_max, answers, feature, function)                         \
	{                                                                                      \
		.request = VHOST_USER_##id, .name = #id, .size_min = min, .size_max = max,     \
		.fds_min = fd_min, .fds_max = fd_max, .replies = answers, .protocol = feature, \
		.run = function                                                                \
	}
#define ADDR   sizeof(struct vhost_user_vring_addr)
#define STATE  sizeof(struct vhost_user_vring_state)
#define REG    sizeof(struct vhost_user_mem_reg)
#define U64    sizeof(uint64_t)
#define CONFIG sizeof(struct vhost_user_config)
#define REGION sizeof(struct vhost_user_mem_region)

static const struct conn_rule rules[] = {
	RULE(GET_FEATURES, 0, 0, 0, 0, true, 0, get_features),
	RULE(SET_FEATURES, U64, U64, 0, 0, false, 0, set_features),
	RULE(SET_OWNER, 0, 0, 0, 0, false, 0, set_owner),
	RULE(RESET_OWNER, 0, 0, 0, 0, false, 0, reset_owner),
	RULE(SET_MEM_TABLE, 8, 8 + VHOST_USER_MEM_REGIONS_MAX * REGION, 0,
	     VHOST_USER_MEM_REGIONS_MAX, false, 0, conn_set_mem_table),
	RULE(SET_VRING_NUM, STATE, STATE, 0, 0, false, 0, conn_set_vring_num),
	RULE(SET_VRING_ADDR, ADDR, ADDR, 0, 0, false, 0, conn_set_vring_addr),
	RULE(SET_VRING_BASE, STATE, STATE, 0, 0, false, 0, conn_set_vring_base),
	RULE(GET_VRING_BASE, STATE, STATE, 0, 0, true, 0, conn_get_vring_base),
	RULE(SET_VRING_KICK, U64, U64, 0, 1, false, 0, conn_set_vring_kick),
	RULE(SET_VRING_CALL, U64, U64, 0, 1, false, 0, conn_set_vring_call),
	RULE(SET_VRING_ERR, U64, U64, 0, 1, false, 0, conn_set_vring_err),
	RULE(GET_PROTOCOL_FEATURES, 0, 0, 0, 0, true, 0, get_protocol_features),
	RULE(SET_PROTOCOL_FEATURES, U64, U64, 0, 0, false, 0, set_protocol_features),
	RULE(GET_QUEUE_NUM, 0, 0, 0, 0, true, HAS(MQ), get_queue_num),
	RULE(SET_VRING_ENABLE, STATE, STATE, 0, 0, false, 0, conn_set_vring_enable),
	RULE(SET_BACKEND_REQ_FD, 0, U64, 1, 1, false, HAS(BACKEND_REQ), set_backend_req_fd),
	RULE(GET_CONFIG, CONFIG, CONFIG + CONN_CONFIG_MAX, 0, 0, true, HAS(CONFIG), get_config),
	RULE(SET_CONFIG, CONFIG, VHOST_USER_PAYLOAD_MAX, 0, 0, false, HAS(CONFIG), set_config),
	RULE(RESET_DEVICE, 0, 0, 0, 0, false, HAS(RESET_DEVICE), conn_reset_device),
	RULE(GET_MAX_MEM_SLOTS, 0, 0, 0, 0, true, HAS(CONFIGURE_MEM_SLOTS), get_max_mem_slots),
	RULE(ADD_MEM_REG, REG, REG, 1, 1, false, HAS(CONFIGURE_MEM_SLOTS), conn_add_mem_reg),
	/* A descriptor is allowed for the sake of old front ends, and closed. */
	RULE(REM_MEM_REG, REG, REG, 0, 1, false, HAS(CONFIGURE_MEM_SLOTS), conn_rem_mem_reg),
	RULE(SET_STATUS, U64, U64, 0, 0, false, HAS(STATUS), conn_set_status),
	RULE(GET_STATUS, 0, 0, 0, 0, true, HAS(STATUS), get_status),
	RULE(GET_SHMEM_CONFIG, 0, 0, 0, 0, true, HAS(SHMEM), get_shmem_config),
};

const struct conn_rule *conn_rule(uint32_t request)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].request == request)
			return &rules[i];
	return NULL;
}
