// SPDX-License-Identifier: Apache-2.0
/* Negotiation: virtio features, protocol features, what is there to be asked before rings run. */
#include "conformance/device/areas.h"
#include "conformance/device/vhost.h"

#include <linux/virtio_config.h>

/* No device has them: reserved bits. */
#define FEATURES_NOBODYS (BIT(63) | BIT(49) | BIT(1))
#define PROTOCOL_NOBODYS (BIT(63) | BIT(40))
#define FEATURES_LEAST	 (BIT(VIRTIO_F_VERSION_1) | BIT(VHOST_USER_F_PROTOCOL_FEATURES))

static void version_1(struct check_run *r)
{
	uint64_t offered = 0;

	WANT_OK(r, "GET_FEATURES", front_get_features(&r->f->channel, &offered));
	WANT_THAT(r, offered & BIT(VIRTIO_F_VERSION_1), "feature bit 32 is offered",
		  "features 0x%llx", (unsigned long long)offered);
}

/* A request that waits on the host, and one behind it. */
static void in_order(struct check_run *r)
{
	CLEANUP(held_end) struct held h = HELD_NONE;
	struct front_request *behind;

	NEED(r, front_has(r->f, VIRTIO_F_IN_ORDER), "virtio feature IN_ORDER");
	WANT(held_begin(r, &h, "held", 1));
	WANT_OK(r, "GETATTR, not waited for", submit_getattr(r, &behind));
	WANT(check_not_served(r, behind, "before the OPEN that came first"));
	WANT(held_let(r, &h));
	WANT_OK(r, "GETATTR", front_wait(behind, front_deadline(r->f)));
}

static void features_stay(struct check_run *r)
{
	for (int i = 0; i < 3; i++) {
		uint64_t now = 0;

		WANT_OK(r, "GET_FEATURES", front_get_features(&r->f->channel, &now));
		WANT_SAME(r, r->f->offered, "features after SET_FEATURES", now);
	}
}

static void features_again(struct check_run *r)
{
	struct err err = { "" };

	for (int i = 0; i < 3; i++)
		WANT_OK(r, "SET_FEATURES with the same bits",
			front_set_features(&r->f->channel, r->f->features));
	WANT_THAT(r, front_start(r->f, &err) == 0, "the rings start", "%s", err.text);
	WANT_OK(r, "INIT", front_init(r->f, 0, NULL));
}

static void features_not_offered(struct check_run *r)
{
	const uint64_t bits = r->f->features | (FEATURES_NOBODYS & ~r->f->offered);
	struct front_message m = front_message_of(VHOST_USER_SET_FEATURES, &bits, sizeof(bits));
	struct err err = { "" };

	allow_refusal(r);
	(void)answer_to(r, &m);
	if (!goes_on(r)) {
		WANT(check_left_cleanly(r));
		return;
	}
	/* The driver thinks better of it. */
	WANT_OK(r, "SET_FEATURES with what is offered",
		front_set_features(&r->f->channel, r->f->features));
	WANT_THAT(r, front_start(r->f, &err) == 0, "the rings start", "%s", err.text);
	WANT_OK(r, "INIT", front_init(r->f, 0, NULL));
}

/* Enough requests of several shapes that a ring which is told of in another way than agreed shows. */
static void use(struct check_run *r)
{
	struct fuse_attr_out attr;
	struct fuse_entry_out entry;
	struct fuse_open_out open;
	uint8_t data[5000];
	size_t size;

	WANT_OK(r, "INIT", front_init(r->f, 0, NULL));
	WANT(check_host(r, "make a file", host_fill(r->share, "file", sizeof(data), 1)));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &entry));
	WANT_OK(r, "OPEN", front_open_file(r->f, entry.nodeid, O_RDONLY, &open));
	for (int i = 0; i < 20; i++) {
		WANT_OK(r, "GETATTR", front_getattr(r->f, FRONT_ROOT, NULL, &attr));
		WANT_OK(r, "READ",
			front_read(r->f, entry.nodeid, open.fh, 0, data, sizeof(data), &size));
		WANT_SAME(r, sizeof(data), "bytes read", size);
		/* One lost call is enough: each takes as long as the front end is patient. */
		WANT_SAME(r, 0, "violations so far", front_evidence_count(r->f->evidence));
	}
}

static void protocol_early(struct check_run *r)
{
	uint64_t protocol = 0;
	uint64_t ignored;

	WANT_OK(r, "GET_FEATURES", front_get_features(&r->f->channel, &r->f->offered));
	NEED(r, r->f->offered & BIT(VHOST_USER_F_PROTOCOL_FEATURES),
	     "vhost-user protocol features");
	WANT_OK(r, "GET_PROTOCOL_FEATURES before SET_FEATURES",
		front_get_protocol_features(&r->f->channel, &protocol));
	WANT_THAT(r, protocol != 0, "some protocol features", "none before SET_FEATURES");
	WANT_OK(r, "SET_PROTOCOL_FEATURES before SET_FEATURES",
		front_set_protocol_features(&r->f->channel,
					    protocol & (PROTOCOL(MQ) | PROTOCOL(REPLY_ACK))));
	if (protocol & PROTOCOL(MQ))
		WANT_OK(r, "GET_QUEUE_NUM, of a feature that is in effect at once",
			front_get_queue_num(&r->f->channel, &ignored));
	if (protocol & PROTOCOL(REPLY_ACK))
		WANT_OK(r, "SET_OWNER with an acknowledgement", front_set_owner(&r->f->channel));
}

static void protocol_not_offered(struct check_run *r)
{
	uint64_t offered = 0;
	uint64_t bits;
	struct front_message m;

	WANT_OK(r, "GET_FEATURES", front_get_features(&r->f->channel, &r->f->offered));
	NEED(r, r->f->offered & BIT(VHOST_USER_F_PROTOCOL_FEATURES),
	     "vhost-user protocol features");
	WANT_OK(r, "GET_PROTOCOL_FEATURES", front_get_protocol_features(&r->f->channel, &offered));
	WANT_SAME(r, 0, "reserved protocol features", offered & PROTOCOL_NOBODYS);
	bits = PROTOCOL_NOBODYS | (offered & PROTOCOL(MQ));
	allow_refusal(r);
	m = front_message_of(VHOST_USER_SET_PROTOCOL_FEATURES, &bits, sizeof(bits));
	WANT_OK(r, "SET_PROTOCOL_FEATURES is sent", front_send(&r->f->channel, &m));
	if (front_get_features(&r->f->channel, &bits) != 0) {
		WANT(check_left_cleanly(r));
		return;
	}
	WANT_OK(r, "SET_PROTOCOL_FEATURES with what is offered",
		front_set_protocol_features(&r->f->channel,
					    offered & (PROTOCOL(MQ) | PROTOCOL(REPLY_ACK))));
	WANT_OK(r, "SET_OWNER", front_set_owner(&r->f->channel));
}

static void queue_num(struct check_run *r)
{
	WANT_RANGE(r, 2, FRONT_QUEUES_MAX, "GET_QUEUE_NUM: hiprio and one request queue at least",
		   r->f->queue_num);
}

static void reset_owner(struct check_run *r)
{
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;

	WANT(check_host(r, "make a file", host_write(r->share, "file", "x", 1)));
	WANT_OK(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &entry));
	WANT_OK(r, "RESET_OWNER", front_reset_owner(&r->f->channel));
	/* It may have disabled the rings, which is the other way that is allowed. */
	for (unsigned i = 0; i < r->f->ring_count; i++)
		WANT(check_enable(r, i, true));
	WANT_OK(r, "GETATTR of a node that was known before RESET_OWNER",
		front_getattr(r->f, entry.nodeid, NULL, &attr));
}

static const struct front_options without_event_idx = {
	.features_off = BIT(VIRTIO_RING_F_EVENT_IDX),
	.timeout_ms = 1500,
};
static const struct front_options without_indirect = {
	.features_off = BIT(VIRTIO_RING_F_INDIRECT_DESC),
	.timeout_ms = 1500,
};
static const struct front_options least = {
	.features_off = ~FEATURES_LEAST,
	.timeout_ms = 1500,
};
static const struct front_options with_in_order = { .features_more = BIT(VIRTIO_F_IN_ORDER) };
static const struct front_options without_protocol = {
	.features_off = BIT(VHOST_USER_F_PROTOCOL_FEATURES),
	.timeout_ms = 1500,
};
static const struct front_options no_protocol_bits = { .protocol_off = ~UINT64_C(0) };
static const struct front_options without_acks = { .protocol_off = PROTOCOL(REPLY_ACK) };
static const struct front_options without_queues = { .protocol_off = PROTOCOL(MQ) };
static const struct front_options without_slots = {
	.protocol_off = PROTOCOL(CONFIGURE_MEM_SLOTS),
	.timeout_ms = 1500,
};

static const struct check checks[] = {
	{
		.id = "handshake.version-1",
		.title = "VERSION_1 is offered",
		.rows = "VIRTIO-DEV-003",
		.sends = "GET_FEATURES",
		.wants = "bit 32",
		.catches = "feature-legacy",
		.start = CHECK_CONNECTED,
		.run = version_1,
	},
	{
		.id = "handshake.in-order-kept",
		.title = "a device that offers IN_ORDER uses buffers in order",
		.rows = "VIRTIO-DEV-014",
		.sends = "an OPEN that waits on the host and a GETATTR behind it, IN_ORDER "
			 "acknowledged if it is offered",
		.wants = "GETATTR is used after OPEN",
		.catches = "feature-in-order",
		.options = CHECK_THREADS4,
		.front = &with_in_order,
		.run = in_order,
	},
	{
		.id = "handshake.features-stay",
		.title = "what is offered does not change with what was acknowledged",
		.rows = "VU-020",
		.sends = "GET_FEATURES three times after SET_FEATURES with fewer bits",
		.wants = "what was offered before",
		.catches = "feature-fades",
		.start = CHECK_NEGOTIATED,
		.front = &without_event_idx,
		.run = features_stay,
	},
	{
		.id = "handshake.features-again",
		.title = "the same features can be set again",
		.rows = "VU-020 VIRTIO-DEV-005",
		.sends = "SET_FEATURES three times more, then INIT",
		.wants = "success, and a session",
		.catches = "feature-once",
		.start = CHECK_NEGOTIATED,
		.run = features_again,
	},
	{
		.id = "handshake.features-not-offered",
		.title = "features that were not offered do no harm",
		.rows = "VU-021 VIRTIO-DEV-004",
		.sends = "SET_FEATURES with bits 1, 49 and 63, then with what is offered",
		.wants = "refused or not, the second counts: a session",
		.catches = "feature-once",
		.start = CHECK_NEGOTIATED,
		.may_die = true,
		.run = features_not_offered,
	},
	{
		.id = "handshake.without-event-idx",
		.title = "a driver without EVENT_IDX is served",
		.rows = "VIRTIO-DEV-004",
		.sends = "42 requests on rings without EVENT_IDX",
		.wants = "success",
		.catches = "used-never:after=8",
		.start = CHECK_RINGS,
		.front = &without_event_idx,
		.run = use,
	},
	{
		.id = "handshake.without-indirect",
		.title = "a driver without INDIRECT_DESC is served",
		.rows = "VIRTIO-DEV-004",
		.sends = "42 requests in direct chains",
		.wants = "success",
		.catches = "used-never:after=8",
		.start = CHECK_RINGS,
		.front = &without_indirect,
		.run = use,
	},
	{
		.id = "handshake.least-features",
		.title = "a driver that takes nothing but VERSION_1 is served",
		.rows = "VIRTIO-DEV-004",
		.sends = "42 requests with no other feature",
		.wants = "success",
		.catches = "used-never:after=8",
		.start = CHECK_RINGS,
		.front = &least,
		.run = use,
	},
	{
		.id = "handshake.protocol-before-features",
		.title = "protocol features are agreed before SET_FEATURES",
		.rows = "VU-001",
		.sends = "GET_ and SET_PROTOCOL_FEATURES, GET_QUEUE_NUM before SET_FEATURES",
		.wants = "they are there, and in effect at once",
		.catches = "protocol-late",
		.start = CHECK_CONNECTED,
		.run = protocol_early,
	},
	{
		.id = "handshake.enabled-without-bit-30",
		.title = "without PROTOCOL_FEATURES rings begin enabled",
		.rows = "VU-001",
		.sends = "a session with bit 30 not acknowledged and no SET_VRING_ENABLE",
		.wants = "requests are served",
		.catches = "protocol-disabled",
		.start = CHECK_RINGS,
		.front = &without_protocol,
		.run = use,
	},
	{
		.id = "handshake.no-protocol-features",
		.title = "a front end that wants none of the protocol features is served",
		.rows = "VU-021 VU-001",
		.sends = "SET_PROTOCOL_FEATURES 0, then a session",
		.wants = "requests are served",
		.catches = "used-never:after=8",
		.start = CHECK_RINGS,
		.front = &no_protocol_bits,
		.run = use,
	},
	{
		.id = "handshake.without-reply-ack",
		.title = "without REPLY_ACK nothing is acknowledged and all works",
		.rows = "VU-007",
		.sends = "a session without REPLY_ACK",
		.wants = "requests are served, no message that was not asked for",
		.catches = "used-never:after=8",
		.start = CHECK_RINGS,
		.front = &without_acks,
		.run = use,
	},
	{
		.id = "handshake.without-mq",
		.title = "without MQ the two queues are there all the same",
		.rows = "VU-002",
		.sends = "a session without MQ",
		.wants = "requests are served",
		.catches = "used-never:after=8",
		.start = CHECK_RINGS,
		.front = &without_queues,
		.run = use,
	},
	{
		.id = "handshake.without-mem-slots",
		.title = "without CONFIGURE_MEM_SLOTS memory comes as a table",
		.rows = "VU-005",
		.sends = "a session with SET_MEM_TABLE",
		.wants = "requests are served",
		.catches = "mem-user",
		.start = CHECK_RINGS,
		.front = &without_slots,
		.run = use,
	},
	{
		.id = "handshake.protocol-not-offered",
		.title = "protocol features that were not offered do no harm",
		.rows = "VU-021 VU-001",
		.sends = "SET_PROTOCOL_FEATURES with bits 40 and 63, then with what is offered",
		.wants = "the connection ends, or the second counts",
		.catches = "message-abort",
		.start = CHECK_CONNECTED,
		.may_die = true,
		.run = protocol_not_offered,
	},
	{
		.id = "handshake.queue-num",
		.title = "GET_QUEUE_NUM counts hiprio as well",
		.rows = "VU-002",
		.sends = "GET_QUEUE_NUM",
		.wants = "2 or more",
		.catches = "queue-num",
		.start = CHECK_NEGOTIATED,
		.protocol = PROTOCOL(MQ),
		.run = queue_num,
	},
	{
		.id = "handshake.reset-owner",
		.title = "RESET_OWNER is ignored, or disables rings, and nothing else",
		.rows = "VU-022",
		.sends = "RESET_OWNER in a session, SET_VRING_ENABLE, GETATTR",
		.wants = "the session goes on",
		.catches = "owner-drops",
		.run = reset_owner,
	},
};

const struct check_area area_handshake = { "handshake", "Negotiation", checks, ARRAY_SIZE(checks) };
