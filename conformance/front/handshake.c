// SPDX-License-Identifier: Apache-2.0
/* From a connection to running rings, in the order of QEMU 11.1. */
#include "conformance/front/device.h"

#include <assert.h>
#include <linux/virtio_config.h>
#include <string.h>

#define BIT(n) (UINT64_C(1) << (n))

/* What a Linux driver and QEMU acknowledge when it is offered. */
#define FEATURES_USUAL                                                   \
	(BIT(VIRTIO_F_VERSION_1) | BIT(VHOST_USER_F_PROTOCOL_FEATURES) | \
	 BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX))
#define PROTOCOL_USUAL                                                                          \
	(BIT(VHOST_USER_PROTOCOL_F_MQ) | BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |                 \
	 BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) | BIT(VHOST_USER_PROTOCOL_F_CONFIG) |           \
	 BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) | BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) | \
	 BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) | BIT(VHOST_USER_PROTOCOL_F_STATUS))

#define STATUS_PROBED (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)

static int failed(struct front *f, int e, const char *step, struct err *reterr)
{
	if (e == -EREMOTEIO)
		return err_set(reterr, e, "%s: the device refused (%llu)", step,
			       (unsigned long long)f->channel.ack);
	return err_errno(reterr, e, "%s", step);
}

static int negotiate_protocol(struct front *f)
{
	const struct front_options *o = &f->options;
	uint64_t wanted = PROTOCOL_USUAL | o->protocol_more;
	int e;

	if (o->window)
		wanted |= BIT(VHOST_USER_PROTOCOL_F_SHMEM);
	f->protocol = 0;
	if (!(f->offered & BIT(VHOST_USER_F_PROTOCOL_FEATURES)) ||
	    (o->features_off & BIT(VHOST_USER_F_PROTOCOL_FEATURES)))
		return 0;
	e = front_get_protocol_features(&f->channel, &f->protocol_offered);
	if (e < 0)
		return e;
	f->protocol = f->protocol_offered & wanted & ~o->protocol_off;
	return front_set_protocol_features(&f->channel, f->protocol);
}

static int ask_limits(struct front *f)
{
	int e = 0;

	f->queue_num = 0;
	f->mem_slots = 0;
	if (front_has_protocol(f, VHOST_USER_PROTOCOL_F_MQ))
		e = front_get_queue_num(&f->channel, &f->queue_num);
	if (e == 0 && front_has_protocol(f, VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS))
		e = front_get_max_mem_slots(&f->channel, &f->mem_slots);
	return e;
}

static int give_backend_socket(struct front *f)
{
	int e;

	if (!front_has_protocol(f, VHOST_USER_PROTOCOL_F_BACKEND_REQ))
		return 0;
	e = front_set_backend_req_fd(&f->channel, f->window->device_fd);
	fd_closep(&f->window->device_fd);
	return e;
}

int front_open_rings(struct front *f)
{
	bool packed = front_has(f, VIRTIO_F_RING_PACKED);
	const struct front_ring_ops *ops = packed ? &front_packed_ops : &front_split_ops;
	int e = 0;

	/* After a new connection the old ones are kept if they fit: their memory is there already. */
	if (f->ring_count > 0 && f->ring[0].ops == ops &&
	    f->ring[0].event_idx == front_has(f, VIRTIO_RING_F_EVENT_IDX))
		return 0;
	for (unsigned i = 0; i < f->ring_count; i++)
		front_ring_close(&f->ring[i]);
	f->ring_count = 0;
	for (unsigned i = 0; e == 0 && i < f->options.queues + 1; i++) {
		e = front_ring_open(&f->ring[i], ops, i, (uint16_t)f->options.ring_size,
				    front_has(f, VIRTIO_RING_F_EVENT_IDX), f->memory, f->evidence);
		if (e == 0)
			f->ring_count++;
	}
	return e;
}

/* QEMU gives the call and error descriptors of each queue when the device is made. */
static int give_calls(struct front *f)
{
	int e = 0;

	for (unsigned i = 0; e == 0 && i < f->ring_count; i++) {
		e = front_set_vring_fd(&f->channel, VHOST_USER_SET_VRING_CALL, i,
				       f->ring[i].call_fd);
		if (e == 0)
			e = front_set_vring_fd(&f->channel, VHOST_USER_SET_VRING_ERR, i,
					       f->ring[i].err_fd);
	}
	return e;
}

static int ask_window(struct front *f)
{
	int e;

	memset(&f->shmem, 0, sizeof(f->shmem));
	f->window->negotiated = front_has_protocol(f, VHOST_USER_PROTOCOL_F_SHMEM) &&
				front_has_protocol(f, VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD);
	if (!front_has_protocol(f, VHOST_USER_PROTOCOL_F_SHMEM))
		return 0;
	e = front_get_shmem_config(&f->channel, &f->shmem);
	if (e == 0 && f->shmem.sizes[0] % (uint64_t)sysconf(_SC_PAGESIZE) != 0) {
		front_fault(f->evidence, FRONT_FAULT_MAP_ALIGN, "the window has %llu bytes",
			    (unsigned long long)f->shmem.sizes[0]);
		return -EPROTO;
	}
	return e < 0 ? e : front_window_reserve(f->window, f->shmem.sizes[0]);
}

static int ask_config(struct front *f)
{
	int e;

	f->has_config = false;
	if (!front_has_protocol(f, VHOST_USER_PROTOCOL_F_CONFIG))
		return 0;
	e = front_get_config(&f->channel, 0, f->config, sizeof(f->config));
	f->has_config = e == 0;
	return e;
}

static int set_features(struct front *f)
{
	int e;

	if (front_has_protocol(f, VHOST_USER_PROTOCOL_F_STATUS)) {
		e = front_set_status(&f->channel, STATUS_PROBED);
		if (e < 0)
			return e;
	}
	e = front_set_features(&f->channel, f->features);
	if (e < 0 || !front_has_protocol(f, VHOST_USER_PROTOCOL_F_STATUS))
		return e;
	return front_set_status(&f->channel, STATUS_PROBED | VIRTIO_CONFIG_S_FEATURES_OK);
}

static int ask_features(struct front *f)
{
	const struct front_options *o = &f->options;
	uint64_t wanted = FEATURES_USUAL | o->features_more;
	int e = front_get_features(&f->channel, &f->offered);

	if (o->packed)
		wanted |= BIT(VIRTIO_F_RING_PACKED);
	f->features = f->offered & wanted & ~o->features_off;
	return e;
}

static int set_owner(struct front *f)
{
	return front_set_owner(&f->channel);
}

struct step {
	const char *text;
	int (*run)(struct front *f);
};

static int run_steps(struct front *f, const struct step *steps, size_t count, struct err *reterr)
{
	for (size_t i = 0; i < count; i++) {
		int e = steps[i].run(f);

		if (e < 0)
			return failed(f, e, steps[i].text, reterr);
	}
	return 0;
}

int front_negotiate(struct front *f, struct err *reterr)
{
	/* GET_FEATURES comes twice: QEMU asks again once it has the protocol features. */
	static const struct step steps[] = {
		{ "GET_FEATURES", ask_features },
		{ "protocol features", negotiate_protocol },
		{ "GET_QUEUE_NUM, GET_MAX_MEM_SLOTS", ask_limits },
		{ "SET_BACKEND_REQ_FD", give_backend_socket },
		{ "SET_OWNER", set_owner },
		{ "GET_FEATURES, again", ask_features },
		{ "rings", front_open_rings },
		{ "SET_VRING_CALL, SET_VRING_ERR", give_calls },
		{ "GET_SHMEM_CONFIG", ask_window },
		{ "GET_CONFIG", ask_config },
		{ "SET_FEATURES", set_features },
	};
	int e = run_steps(f, steps, ARRAY_SIZE(steps), reterr);

	f->negotiated = e == 0;
	f->kept = false;
	return e;
}

int front_map_memory(struct front *f)
{
	struct vhost_user_mem_table table;
	int fds[VHOST_USER_MEM_REGIONS_MAX];
	enum front_memory_how how = f->options.memory_how;
	int e = 0;

	if (how == FRONT_MEMORY_AUTO)
		how = front_has_protocol(f, VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS)
			      ? FRONT_MEMORY_SLOTS
			      : FRONT_MEMORY_TABLE;
	front_memory_table(f->memory, &table, fds);
	if (how == FRONT_MEMORY_TABLE)
		return front_set_mem_table(&f->channel, &table, fds);
	for (unsigned i = 0; e == 0 && i < table.count; i++)
		e = front_add_mem_reg(&f->channel, &table.region[i], fds[i]);
	return e;
}

int front_start_ring(struct front *f, unsigned queue, uint32_t base)
{
	struct front_ring *r = &f->ring[queue];
	struct vhost_user_vring_addr addr;
	int e = front_set_vring_num(&f->channel, queue, r->size);

	front_ring_addr(r, &addr);
	if (e == 0)
		e = front_set_vring_base(&f->channel, queue, base);
	if (e == 0)
		e = front_set_vring_addr(&f->channel, &addr);
	/* From here on it may run: a kick that was not answered when it stopped is in the descriptor still. */
	f->window->rings_run |= e == 0;
	if (e == 0)
		e = front_set_vring_fd(&f->channel, VHOST_USER_SET_VRING_KICK, queue, r->kick_fd);
	if (e == 0)
		e = front_set_vring_fd(&f->channel, VHOST_USER_SET_VRING_CALL, queue, r->call_fd);
	return e;
}

static int start_rings(struct front *f)
{
	uint32_t fresh = front_has(f, VIRTIO_F_RING_PACKED) ? UINT32_C(0x80008000) : 0;
	int e = 0;

	for (unsigned i = 0; e == 0 && i < f->ring_count; i++) {
		if (!f->kept)
			front_ring_reset(&f->ring[i], fresh);
		e = front_start_ring(f, i, f->kept ? f->base[i] : fresh);
		f->ring[i].started = e == 0;
	}
	return e;
}

static int enable_rings(struct front *f)
{
	int e = 0;

	/* Without bit 30 rings begin enabled. */
	if (!front_has(f, VHOST_USER_F_PROTOCOL_FEATURES))
		return 0;
	for (unsigned i = 0; e == 0 && i < f->ring_count; i++)
		e = front_set_vring_enable(&f->channel, i, true);
	return e;
}

static int driver_ok(struct front *f)
{
	if (!front_has_protocol(f, VHOST_USER_PROTOCOL_F_STATUS))
		return 0;
	return front_set_status(&f->channel, STATUS_PROBED | VIRTIO_CONFIG_S_FEATURES_OK |
						     VIRTIO_CONFIG_S_DRIVER_OK);
}

static int map_once(struct front *f)
{
	int e = f->mapped ? 0 : front_map_memory(f);

	f->mapped = e == 0;
	return e;
}

/*
 * Without acknowledgements nothing says that the device has come so far; a kick that overtakes SET_VRING_ENABLE may
 * be lost on it. A question with a reply comes behind all that was sent, as QEMU asks one after SET_MEM_TABLE.
 */
static int settle(struct front *f)
{
	uint64_t features;

	if (front_has_protocol(f, VHOST_USER_PROTOCOL_F_REPLY_ACK))
		return 0;
	return front_get_features(&f->channel, &features);
}

int front_start(struct front *f, struct err *reterr)
{
	static const struct step steps[] = {
		{ "memory", map_once },
		{ "rings", start_rings },
		{ "SET_VRING_ENABLE", enable_rings },
		{ "SET_STATUS", driver_ok },
		{ "GET_FEATURES, behind all that", settle },
	};
	int e;

	assert(f->negotiated && !f->started);
	e = run_steps(f, steps, ARRAY_SIZE(steps), reterr);
	f->started = e == 0;
	return e;
}

int front_stop(struct front *f, struct err *reterr)
{
	assert(f->started);
	for (unsigned i = 0; i < f->ring_count; i++) {
		int e = front_get_vring_base(&f->channel, i, &f->base[i]);

		if (e < 0)
			return failed(f, e, "GET_VRING_BASE", reterr);
		f->ring[i].started = false;
	}
	f->window->rings_run = false;
	f->started = false;
	f->kept = true;
	(void)front_poll(f);
	return 0;
}

int front_reset(struct front *f, struct err *reterr)
{
	int e = -EOPNOTSUPP;

	if (front_has_protocol(f, VHOST_USER_PROTOCOL_F_STATUS))
		e = front_set_status(&f->channel, 0);
	else if (front_has_protocol(f, VHOST_USER_PROTOCOL_F_RESET_DEVICE))
		e = front_reset_device(&f->channel);
	if (e < 0)
		return failed(f, e, "reset", reterr);
	assert(f->window);
	for (struct front_request *r = f->requests, *next; r; r = next) {
		next = r->next;
		front_request_lose(r, FRONT_GONE);
	}
	front_window_drop(f->window);
	for (unsigned i = 0; i < f->ring_count; i++)
		f->ring[i].started = false;
	f->window->rings_run = false;
	f->started = false;
	f->kept = false;
	return set_features(f) < 0 ? failed(f, -EIO, "SET_FEATURES after reset", reterr) : 0;
}
