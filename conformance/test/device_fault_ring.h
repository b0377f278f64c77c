/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_TEST_DEVICE_FAULT_RING_H
#define VQ_CONFORMANCE_TEST_DEVICE_FAULT_RING_H

/* Configuration space, features, vhost-user messages, rings. */

#include "conformance/test/device_fault.h"

#define QUEUES_AT offsetof(struct virtio_fs_config, num_request_queues)

static int config(struct fixture *t, uint32_t at, void *ret, uint32_t size)
{
	return front_get_config(&t->f->channel, at, ret, size);
}

static int zero_queues(struct fixture *t)
{
	uint32_t v[2];

	TRY(config(t, QUEUES_AT, v, sizeof(v)));
	return seen_if(v[0] == 0 && v[1] == 0);
}

static int swapped_fields(struct fixture *t)
{
	uint32_t v[2];

	TRY(config(t, QUEUES_AT, v, sizeof(v)));
	return seen_if(v[0] == 0 && v[1] == 1);
}

static int big_endian(struct fixture *t)
{
	uint32_t v;

	TRY(config(t, QUEUES_AT, &v, sizeof(v)));
	return seen_if(v == UINT32_C(1) << 24);
}

static int tag_padding(struct fixture *t)
{
	uint8_t tag[VIRTIO_FS_TAG_BYTES];
	static const uint8_t zero[sizeof(tag) - 2];

	TRY(config(t, 0, tag, sizeof(tag)));
	return seen_if(memcmp(tag, "vq", 2) == 0 && memcmp(tag + 2, zero, sizeof(zero)) != 0);
}

static int tag_cut(struct fixture *t)
{
	uint8_t tag[VIRTIO_FS_TAG_BYTES];

	TRY(config(t, 0, tag, sizeof(tag)));
	return seen_if(tag[sizeof(tag) - 1] == 0 && tag[sizeof(tag) - 2] == 'z');
}

static int offset_ignored(struct fixture *t)
{
	uint8_t v[4];

	TRY(config(t, QUEUES_AT, v, sizeof(v)));
	return seen_if(memcmp(v, "vq\0\0", 4) == 0);
}

/* The front end reads it before it sets features. */
static int config_late(struct fixture *t)
{
	static const uint8_t zero[sizeof(t->f->config)];

	return seen_if(t->f->has_config && memcmp(t->f->config, zero, sizeof(zero)) == 0);
}

static int config_written(struct fixture *t)
{
	uint8_t v[2];

	(void)!front_set_config(&t->f->channel, 0, "XY", 2, 0);
	TRY(config(t, 0, v, sizeof(v)));
	return seen_if(memcmp(v, "XY", 2) == 0);
}

static int feature_unknown(struct fixture *t)
{
	return seen_if(t->f->offered & BIT(1));
}

static int feature_legacy(struct fixture *t)
{
	return seen_if(!(t->f->offered & BIT(VIRTIO_F_VERSION_1)));
}

/* Two requests: 1 when the second comes back first, 0 when not. */
static int is_second_first(struct fixture *t, const struct front_op op[2])
{
	struct front_request *r[2];
	int second;

	for (int i = 0; i < 2; i++)
		TRY(front_prepare(t->f, &op[i], &r[i]));
	for (int i = 0; i < 2; i++)
		TRY(front_enqueue(r[i]));
	front_kick(t->f, 1);
	for (int i = 0; i < 2; i++)
		TRY(front_wait(r[i], front_deadline(t->f)));
	second = r[1]->done_ns < r[0]->done_ns;
	for (int i = 0; i < 2; i++)
		front_request_free(r[i]);
	return second;
}

static int second_first(struct fixture *t)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	return is_second_first(t, (const struct front_op[2]){ op, op });
}

/* Only the first is delayed, whichever thread takes which. */
static int feature_in_order(struct fixture *t)
{
	const struct front_op op[2] = { front_op_getattr(FRONT_ROOT, NULL),
					front_op_statfs(FRONT_ROOT) };
	bool offered = front_has(t->f, VIRTIO_F_IN_ORDER);
	int second = is_second_first(t, op);

	return second < 0 ? second : seen_if(offered && second);
}

static int feature_once(struct fixture *t)
{
	return seen_if(front_reset(t->f, &t->err) < 0);
}

/* A queue cannot have no entries. */
static int ack_success(struct fixture *t)
{
	return seen_if(front_set_vring_num(&t->f->channel, 1, 0) == 0);
}

static int refused_start(struct fixture *t)
{
	return seen_if(connect_front(t) == -EREMOTEIO);
}

static int negotiate(struct fixture *t)
{
	TRY(open_front(t));
	(void)!front_negotiate(t->f, &t->err);
	return CLEAN;
}

static int queue_num(struct fixture *t)
{
	return seen_if(t->f->queue_num == 1);
}

static int unknown_message(struct fixture *t)
{
	struct front_message m = front_message_of(99, NULL, 0);

	(void)!front_tell(&t->f->channel, &m);
	return CLEAN;
}

static int base_wrong(struct fixture *t)
{
	TRY(front_stop(t->f, &t->err));
	return seen_if(t->f->base[1] != t->f->ring[1].used_idx);
}

static int reset_keeps(struct fixture *t)
{
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;

	TRY(front_lookup(t->f, FRONT_ROOT, "file", &entry));
	TRY(front_reset(t->f, &t->err));
	TRY(front_start(t->f, &t->err));
	return seen_if(front_getattr(t->f, entry.nodeid, NULL, &attr) == 0);
}

/* Everything but a kick. */
static int unkicked(struct fixture *t)
{
	struct front_op op = front_op_init(7, 38, 0, FUSE_INIT_EXT);
	struct front_request *r;
	int e;

	TRY(open_front(t));
	TRY(front_negotiate(t->f, &t->err));
	TRY(front_map_memory(t->f));
	for (unsigned i = 0; i < t->f->ring_count; i++) {
		front_ring_reset(&t->f->ring[i], 0);
		TRY(front_start_ring(t->f, i, 0));
	}
	front_evidence_allow(t->f->evidence, FRONT_FAULT_NOT_USED);
	TRY(front_prepare(t->f, &op, &r));
	TRY(front_enqueue(r));
	(void)front_ring_arm(&t->f->ring[1]);
	front_ring_publish(&t->f->ring[1]);
	TRY(front_set_vring_enable(&t->f->channel, 1, true));
	e = front_wait(r, clock_deadline_ms(t->with ? LONG_MS : SHORT_MS));
	front_request_free(r);
	return seen_if(e == 0);
}

static int disabled(struct fixture *t)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	TRY(front_set_vring_enable(&t->f->channel, 1, false));
	return seen_if(do_within(t, &op, t->with ? LONG_MS : SHORT_MS) == 0);
}

/* Without its table the chain has no room for an answer. */
static int mixed(struct fixture *t)
{
	t->f->layout = (struct front_layout){ .kind = FRONT_CHAIN_MIXED, .direct = 1 };
	return getattr_root(t);
}

static int kick_for_nothing(struct fixture *t)
{
	struct fuse_attr_out out;

	TRY(front_getattr(t->f, FRONT_ROOT, NULL, &out));
	/* What is served twice writes into memory that is free again. */
	front_evidence_allow(t->f->evidence, FRONT_FAULT_CANARY);
	front_ring_kick_anyway(&t->f->ring[1]);
	(void)poll(NULL, 0, 50);
	(void)front_poll(t->f);
	return CLEAN;
}

/* Not wanting to be told. */
static int call_unwanted(struct fixture *t)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	struct front_ring *ring = &t->f->ring[1];
	struct pollfd p = { .fd = ring->call_fd, .events = POLLIN };
	uint64_t end_ns = front_deadline(t->f);
	struct front_request *r;

	front_ring_quiet(ring);
	(void)front_ring_take_calls(ring);
	TRY(submit(t, &op, &r));
	while (front_poll(t->f) == 0 && clock_now_ns() < end_ns)
		(void)poll(NULL, 0, 1);
	TRY(r->state != FRONT_DONE);
	front_request_free(r);
	return seen_if(poll(&p, 1, t->with ? LONG_MS : SHORT_MS / 2) > 0);
}

static int used_after_stop(struct fixture *t)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	uint64_t end_ns = clock_deadline_ms(3000);
	struct front_request *r;
	bool in_flight;

	TRY(submit(t, &op, &r));
	(void)poll(NULL, 0, 150); /* so that it was taken */
	TRY(front_stop(t->f, &t->err));
	in_flight = r->state == FRONT_IN_FLIGHT;
	while (r->state == FRONT_IN_FLIGHT && clock_now_ns() < end_ns) {
		(void)poll(NULL, 0, 5);
		(void)front_poll(t->f);
	}
	in_flight = in_flight && r->state == FRONT_DONE;
	front_request_free(r);
	return seen_if(in_flight);
}

static int read_past_end(struct fixture *t)
{
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	uint8_t bytes[FILE_BYTES + 100];

	TRY(front_lookup(t->f, FRONT_ROOT, "file", &entry));
	TRY(front_open_file(t->f, entry.nodeid, O_RDONLY, &open));
	(void)!front_read(t->f, entry.nodeid, open.fh, 0, bytes, sizeof(bytes), NULL);
	return CLEAN;
}

static int forget_file(struct fixture *t)
{
	struct fuse_entry_out entry;

	TRY(front_lookup(t->f, FRONT_ROOT, "file", &entry));
	(void)!front_forget(t->f, entry.nodeid, 1);
	return CLEAN;
}

/* What follows a chain of several slots is where the device does not look. */
static int direct_twice(struct fixture *t)
{
	t->f->layout.kind = FRONT_CHAIN_DIRECT;
	(void)getattr_root(t);
	return getattr_root(t);
}

#define ONE_QUEUE_OFF BIT(VIRTIO_RING_F_EVENT_IDX)
#define TAG_36	      "--tag=abcdefghijklmnopqrstuvwxyzabcdefghz!"

static const struct fault_case ring_cases[] = {
	CASE("cfg-zero-queues", zero_queues),
	CASE("cfg-swapped-fields", swapped_fields),
	CASE("cfg-big-endian", big_endian),
	CASE("cfg-tag-padding", tag_padding),
	CASE("cfg-tag-cut", tag_cut, .words = TAG_36),
	CASE("cfg-offset-ignored", offset_ignored),
	CASE("cfg-late", config_late),
	CASE("cfg-written", config_written),
	CASE("feature-unknown", feature_unknown),
	CASE("feature-legacy", feature_legacy),
	CASE("feature-in-order", feature_in_order,
	     .words = "--threads=1 --fault=delay:GETATTR:1000:count=1",
	     .front.features_more = BIT(VIRTIO_F_IN_ORDER)),
	CASE("feature-once", feature_once),
	CASE("ack-success", ack_success),
	CASE("ack-failure", refused_start, .by_hand = true),
	SHOWS("ack-missing", negotiate, SILENT, .by_hand = true, .waits = true),
	SHOWS("ack-twice", negotiate, REPLY, .by_hand = true),
	CASE("queue-num", queue_num),
	SHOWS("unknown-silent", unknown_message, SILENT, .waits = true),
	CASE("base-wrong", base_wrong),
	CASE("queue-size", refused_start, .by_hand = true, .front.ring_size = 512),
	CASE("reset-keeps-session", reset_keeps),
	CASE("ring-unkicked", unkicked, .by_hand = true),
	CASE("ring-disabled", disabled),
	SHOWS("ring-stuck:1:after=1", getattr_root, NOT_USED, .waits = true),
	SHOWS("ring-flags", getattr_root, USED_FLAGS),
	SHOWS("desc-written", getattr_root, DESC_WRITTEN),
	SHOWS("indirect-mixed", mixed, SHORT_REPLY),
	SHOWS("kick-replays", kick_for_nothing, USED_ID,
	      .front.features_off = BIT(VIRTIO_RING_F_INDIRECT_DESC)),
	/* Late enough that the driver sleeps: one that still looks needs no call. */
	SHOWS("call-lost:after=1", getattr_root, LOST_CALL, .waits = true,
	      .words = "--fault=delay:GETATTR:100"),
	CASE("call-spurious", call_unwanted, .front.features_off = ONE_QUEUE_OFF),
	SHOWS("used-head:op=GETATTR", getattr_root, USED_ID, .waits = true),
	SHOWS("used-twice:op=GETATTR", getattr_root, USED_ID),
	SHOWS("used-never:op=GETATTR", getattr_root, NOT_USED, .waits = true),
	CASE("used-reordered:op=GETATTR:count=1", second_first),
	CASE("used-after-stop", used_after_stop, .words = "--fault=delay:GETATTR:700"),
	SHOWS("used-len-zero:op=GETATTR", getattr_root, SHORT_REPLY),
	SHOWS("used-len-header:op=GETATTR", getattr_root, OUT_LEN),
	SHOWS("used-len-capacity:op=READ", read_past_end, OUT_LEN),
	SHOWS("used-len-readable:op=GETATTR", getattr_root, USED_LEN),
	SHOWS("used-len-more:op=READ", read_past_end, OUT_LEN),
	SHOWS("packed-hiprio", forget_file, NOT_USED, .front.packed = true, .waits = true),
	SHOWS("packed-slots", direct_twice, NOT_USED, .front.packed = true, .waits = true),
};

#endif
