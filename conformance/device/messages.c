// SPDX-License-Identifier: Apache-2.0
/* vhost-user messages: acknowledgements, and what becomes of those that are wrong. */
#include "conformance/device/areas.h"
#include "conformance/device/vhost.h"

#include <linux/virtio_config.h>

#define ACK PROTOCOL(REPLY_ACK)
/* A queue that no device has. */
#define QUEUE_NONE 250

/* Features up to REPLY_ACK, by hand: a device without acknowledgements fails here, not in the harness. */
static bool agree(struct check_run *r)
{
	uint64_t offered = 0;
	struct front_channel *c = &r->f->channel;

	c->timeout_ms = SOON_MS;
	if (!check_ok(r, "GET_FEATURES", front_get_features(c, &r->f->offered)) ||
	    !check_ok(r, "GET_PROTOCOL_FEATURES", front_get_protocol_features(c, &offered)) ||
	    !check_has(r, offered & ACK, "vhost-user protocol feature REPLY_ACK"))
		return false;
	r->f->features = r->f->offered &
			 (BIT(VIRTIO_F_VERSION_1) | BIT(VHOST_USER_F_PROTOCOL_FEATURES));
	return check_ok(r, "SET_PROTOCOL_FEATURES",
			front_set_protocol_features(c, offered & (ACK | PROTOCOL(MQ))));
}

/* Some that every device takes, one after the other. */
static int tell_all(struct check_run *r, const char **ret_what)
{
	struct front_channel *c = &r->f->channel;
	int e;

	*ret_what = "SET_OWNER";
	e = front_set_owner(c);
	if (e == 0) {
		*ret_what = "SET_FEATURES";
		e = front_set_features(c, r->f->features);
	}
	if (e == 0) {
		*ret_what = "SET_MEM_TABLE";
		e = front_map_memory(r->f);
	}
	for (unsigned i = 0; e == 0 && i < 2; i++) {
		*ret_what = "SET_VRING_NUM";
		e = front_set_vring_num(c, i, 128);
		if (e == 0) {
			*ret_what = "SET_VRING_BASE";
			e = front_set_vring_base(c, i, 0);
		}
	}
	return e;
}

static void each_acknowledged(struct check_run *r)
{
	const char *what;
	int e;

	WANT(agree(r));
	e = tell_all(r, &what);
	WANT_OK(r, what, e);
	WANT(check_quiet(r, "acknowledged messages"));
}

static void none_unasked(struct check_run *r)
{
	const char *what;
	int e;

	WANT(agree(r));
	r->f->channel.reply_ack = false;
	e = tell_all(r, &what);
	WANT_OK(r, what, e);
	WANT(check_quiet(r, "messages without need_reply"));
}

static void get_once(struct check_run *r)
{
	static const uint32_t gets[] = { VHOST_USER_GET_FEATURES, VHOST_USER_GET_PROTOCOL_FEATURES,
					 VHOST_USER_GET_QUEUE_NUM };

	WANT(agree(r));
	for (size_t i = 0; i < ARRAY_SIZE(gets); i++) {
		struct front_message m = front_message_of(gets[i], NULL, 0);
		uint64_t value;
		enum answer a;

		m.head.flags |= VHOST_USER_FLAG_NEED_REPLY;
		WANT_OK(r, "a GET message is sent", front_send(&r->f->channel, &m));
		a = answer_within(r, SOON_MS, &value);
		WANT_THAT(r, a == ANSWER_ACK || a == ANSWER_REFUSED, "a reply with a u64",
			  "to message %u: %s", gets[i], answer_name(a));
		WANT(check_quiet(r, "a GET message with need_reply"));
	}
}

static void no_such_queue(struct check_run *r)
{
	const struct vhost_user_vring_addr addr = { .index = QUEUE_NONE };
	const uint64_t nofd = QUEUE_NONE | VHOST_USER_VRING_NOFD;
	const struct front_message list[] = {
		vring_message(VHOST_USER_SET_VRING_NUM, QUEUE_NONE, 128),
		vring_message(VHOST_USER_SET_VRING_BASE, QUEUE_NONE, 0),
		vring_message(VHOST_USER_SET_VRING_ENABLE, QUEUE_NONE, 1),
		front_message_of(VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr)),
		front_message_of(VHOST_USER_SET_VRING_KICK, &nofd, sizeof(nofd)),
		front_message_of(VHOST_USER_SET_VRING_CALL, &nofd, sizeof(nofd)),
	};

	refuse_all(r, list, ARRAY_SIZE(list), "of queue 250");
}

static void unknown(struct check_run *r)
{
	const struct front_message list[] = {
		front_message_of(200, NULL, 0),
		front_message_of(0, NULL, 0),
		front_message_of(UINT32_MAX, NULL, 0),
		vring_message(199, 1, 2),
	};

	refuse_all(r, list, ARRAY_SIZE(list), "unknown");
}

static void unknown_quiet(struct check_run *r)
{
	struct front_message m = vring_message(200, 1, 2);

	WANT_OK(r, "an unknown message is sent", front_send(&r->f->channel, &m));
	allow_refusal(r);
	if (!check_quiet(r, "an unknown message") && !goes_on(r)) {
		/* It may hang up. */
		r->verdict = CHECK_UNSET;
		WANT(check_left_cleanly(r));
	}
}

/* A stream has no message boundaries. */
static void payload_later(struct check_run *r)
{
	struct vhost_user_header h = { VHOST_USER_SET_VRING_NUM,
				       VHOST_USER_VERSION | VHOST_USER_FLAG_NEED_REPLY, 8 };
	struct vhost_user_vring_state state = { 1, 128 };
	uint64_t value;
	enum answer a;

	WANT_OK(r, "a header is sent", front_send_bytes(&r->f->channel, &h, sizeof(h), NULL, 0));
	/* Time to read it: a device that then gives up has shown what there is to show. */
	(void)poll(NULL, 0, SILENT_MS);
	WANT_OK(r, "its payload is sent",
		front_send_bytes(&r->f->channel, &state, sizeof(state), NULL, 0));
	a = answer_within(r, SOON_MS, &value);
	WANT_THAT(r, a == ANSWER_ACK, "SET_VRING_NUM in two pieces is acknowledged", "%s",
		  answer_name(a));
}

static void several_at_once(struct check_run *r)
{
	struct {
		struct vhost_user_header h;
		struct vhost_user_vring_state state;
	} __attribute__((packed)) m[8];

	for (unsigned i = 0; i < ARRAY_SIZE(m); i++) {
		m[i].h = (struct vhost_user_header){ VHOST_USER_SET_VRING_NUM,
						     VHOST_USER_VERSION |
							     VHOST_USER_FLAG_NEED_REPLY,
						     sizeof(m[i].state) };
		m[i].state = (struct vhost_user_vring_state){ i % 2, 128 };
	}
	WANT_OK(r, "8 messages are sent in one piece",
		front_send_bytes(&r->f->channel, m, sizeof(m), NULL, 0));
	for (unsigned i = 0; i < ARRAY_SIZE(m); i++) {
		uint64_t value;
		enum answer a = answer_within(r, SOON_MS, &value);

		WANT_THAT(r, a == ANSWER_ACK, "8 acknowledgements", "number %u: %s", i + 1,
			  answer_name(a));
	}
	WANT(check_quiet(r, "8 messages in one piece"));
}

static void rings_first(struct check_run *r)
{
	struct err err = { "" };
	struct vhost_user_vring_addr addr;
	struct front_message m;

	allow_refusal(r);
	front_ring_addr(&r->f->ring[1], &addr);
	m = front_message_of(VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr));
	(void)answer_to(r, &m);
	if (!goes_on(r)) {
		WANT(check_left_cleanly(r));
		return;
	}
	WANT_THAT(r, front_start(r->f, &err) == 0, "memory and rings in the right order are taken",
		  "%s", err.text);
	WANT_OK(r, "INIT", front_init(r->f, 0, NULL));
}

static const struct check checks[] = {
	{
		.id = "messages.each-acknowledged",
		.title = "each message with need_reply is acknowledged once, with success",
		.rows = "VU-007",
		.sends =
			"SET_OWNER, SET_FEATURES, SET_MEM_TABLE, SET_VRING_NUM and _BASE with need_reply",
		.wants = "a u64 of 0 for each, and nothing more",
		.catches = "ack-missing ack-twice ack-failure",
		.start = CHECK_CONNECTED,
		.run = each_acknowledged,
	},
	{
		.id = "messages.none-unasked",
		.title = "a message without need_reply is not acknowledged",
		.rows = "VU-007",
		.sends = "the same messages without need_reply, REPLY_ACK negotiated",
		.wants = "no message but the reply to GET_FEATURES behind them",
		.catches = "ack-unasked",
		.start = CHECK_CONNECTED,
		.run = none_unasked,
	},
	{
		.id = "messages.get-once",
		.title = "a message that has a reply gets no acknowledgement beside it",
		.rows = "VU-007",
		.sends = "GET_FEATURES, GET_PROTOCOL_FEATURES, GET_QUEUE_NUM with need_reply",
		.wants = "one reply each",
		.catches = "ack-get",
		.start = CHECK_CONNECTED,
		.run = get_once,
	},
	{
		.id = "messages.no-such-queue",
		.title = "messages about a queue that does not exist fail",
		.rows = "VU-007",
		.sends = "SET_VRING_NUM, _BASE, _ENABLE, _ADDR, _KICK, _CALL of queue 250",
		.wants = "a failure is acknowledged, or the connection closed; no crash",
		.catches = "ack-success message-abort",
		.start = CHECK_NEGOTIATED,
		.protocol = PROTOCOL(REPLY_ACK),
		.may_die = true,
		.run = no_such_queue,
	},
	{
		.id = "messages.unknown-refused",
		.title = "an unknown message with need_reply fails",
		.rows = "VU-017",
		.sends = "messages 200, 0, 4294967295 and 199 with need_reply",
		.wants = "a failure is acknowledged, or the connection closed; no crash",
		.catches = "unknown-silent ack-success message-abort",
		.start = CHECK_NEGOTIATED,
		.protocol = PROTOCOL(REPLY_ACK),
		.may_die = true,
		.run = unknown,
	},
	{
		.id = "messages.unknown-quiet",
		.title = "an unknown message without need_reply is ignored",
		.rows = "VU-017",
		.sends = "message 200 with 8 bytes, then GET_FEATURES",
		.wants = "the reply to GET_FEATURES only, or the connection closed",
		.catches = "ack-unasked message-abort",
		.start = CHECK_NEGOTIATED,
		.protocol = PROTOCOL(REPLY_ACK),
		.may_die = true,
		.run = unknown_quiet,
	},
	{
		.id = "messages.payload-later",
		.title = "the payload of a message may come behind its header",
		.rows = "VU-017",
		.sends = "SET_VRING_NUM with need_reply: its header, 40 ms later its payload",
		.wants = "success",
		.catches = "message-whole",
		.start = CHECK_NEGOTIATED,
		.protocol = PROTOCOL(REPLY_ACK),
		.run = payload_later,
	},
	{
		.id = "messages.several-at-once",
		.title = "messages may come together",
		.rows = "VU-007",
		.sends = "8 times SET_VRING_NUM with need_reply in one send()",
		.wants = "8 acknowledgements of success",
		.catches = "ack-twice",
		.start = CHECK_NEGOTIATED,
		.protocol = PROTOCOL(REPLY_ACK),
		.run = several_at_once,
	},
	{
		.id = "messages.rings-before-memory",
		.title =
			"ring addresses before memory fail or wait, and the right order then works",
		.rows = "VU-006",
		.sends = "SET_VRING_ADDR before any memory, then memory and rings",
		.wants = "the connection ends, or a session",
		.catches = "mem-user",
		.start = CHECK_NEGOTIATED,
		.protocol = PROTOCOL(REPLY_ACK),
		.may_die = true,
		.run = rings_first,
	},
};

const struct check_area area_messages = { "messages", "vhost-user messages", checks,
					  ARRAY_SIZE(checks) };
