// SPDX-License-Identifier: Apache-2.0
/* vhost-user messages of a wrong shape, and descriptors that come with messages. */
#include "conformance/device/areas.h"
#include "conformance/device/vhost.h"

/* How often descriptors are given again: leaks of one each show beside what comes and goes. */
#define AGAIN 40

static void too_small(struct check_run *r)
{
	const uint64_t value = r->f->features;
	const struct front_message list[] = {
		front_message_of(VHOST_USER_SET_VRING_ADDR, &value, sizeof(value)),
		front_message_of(VHOST_USER_SET_VRING_NUM, &value, 4),
		front_message_of(VHOST_USER_SET_FEATURES, &value, 4),
		front_message_of(VHOST_USER_SET_FEATURES, NULL, 0),
	};

	refuse_all(r, list, ARRAY_SIZE(list), "with too few bytes");
}

/* What is too much may be left unread, but not be taken for the next message. */
static void too_large(struct check_run *r)
{
	const uint8_t bytes[64] = { 0 };
	const struct front_message list[] = {
		front_message_of(VHOST_USER_SET_OWNER, bytes, 64),
		front_message_of(VHOST_USER_GET_QUEUE_NUM, bytes, 8),
	};

	allow_refusal(r);
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		enum answer a = answer_to(r, &list[i]);

		if (a == ANSWER_CLOSED)
			break;
		WANT_THAT(r, a != ANSWER_SILENT, "an answer, or the connection closed",
			  "message %u with too many bytes: %s", list[i].head.request,
			  answer_name(a));
		WANT(check_quiet(r, "a message with too many bytes"));
	}
	if (!goes_on(r))
		WANT(check_left_cleanly(r));
}

/* It says 4 GiB and sends none of them: nobody may wait for them in good faith. */
static void huge(struct check_run *r)
{
	struct vhost_user_header h = { VHOST_USER_SET_OWNER, VHOST_USER_VERSION, 0xfffffff0 };
	uint64_t value;
	enum answer a;

	allow_refusal(r);
	WANT_OK(r, "a header is sent", front_send_bytes(&r->f->channel, &h, sizeof(h), NULL, 0));
	a = answer_within(r, SOON_MS, &value);
	WANT_REFUSED(r, "a header with a size of 4294967280", a);
	WANT(check_left_cleanly(r));
}

/* What a device does with them is its own business, as long as it goes on or hangs up. */
static void odd_flags(struct check_run *r)
{
	static const uint32_t flags[] = { 0x0, 0x2, 0x3, 0x5, 0xfffffff1 };

	allow_refusal(r);
	for (size_t i = 0; i < ARRAY_SIZE(flags) && front_is_alive(r->f); i++) {
		struct front_message m = front_message_of(VHOST_USER_GET_FEATURES, NULL, 0);
		uint64_t value;

		m.head.flags = flags[i];
		WANT_OK(r, "GET_FEATURES with odd flags", front_send(&r->f->channel, &m));
		(void)answer_within(r, SILENT_MS, &value);
	}
	if (goes_on(r))
		WANT(check_served(r, "headers with odd flags"));
	else
		WANT(check_left_cleanly(r));
}

static void no_descriptors_left(struct check_run *r)
{
	static const uint32_t requests[] = { VHOST_USER_SET_VRING_CALL, VHOST_USER_SET_VRING_ERR };
	unsigned before;

	NEED(r, check_daemon_pid(r), "a daemon of our own");
	before = daemon_fds(r);
	for (int i = 0; i < AGAIN; i++)
		for (size_t j = 0; j < ARRAY_SIZE(requests); j++)
			WANT_OK(r, "SET_VRING_CALL or _ERR again",
				front_set_vring_fd(&r->f->channel, requests[j], 1,
						   j ? r->f->ring[1].err_fd
						     : r->f->ring[1].call_fd));
	WANT(check_fds(r, before, "40 times SET_VRING_CALL and SET_VRING_ERR"));
	WANT(check_alive(r));
}

/* Ignored and closed, or an error: never kept. */
static void too_many(struct check_run *r)
{
	static const unsigned counts[] = { 1, 9 };
	struct front_message m = vring_message(VHOST_USER_SET_VRING_NUM, 1, 128);
	unsigned before;

	NEED(r, check_daemon_pid(r), "a daemon of our own");
	allow_refusal(r);
	before = daemon_fds(r);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		m.fd_count = 0;
		for (unsigned j = 0; j < counts[i]; j++)
			front_message_add_fd(&m, r->f->ring[1].err_fd);
		if (answer_to(r, &m) == ANSWER_CLOSED)
			break;
	}
	if (goes_on(r))
		WANT(check_fds(r, before, "SET_VRING_NUM with 1 and 9 descriptors"));
	else
		WANT(check_left_cleanly(r));
}

static void too_few(struct check_run *r)
{
	const struct vhost_user_mem_table table = { .count = 1,
						    .region = { r->f->memory->region[0].wire } };
	const uint64_t queue = 1;
	const struct front_message list[] = {
		front_message_of(VHOST_USER_SET_VRING_KICK, &queue, sizeof(queue)),
		front_message_of(VHOST_USER_SET_MEM_TABLE, &table,
				 offsetof(struct vhost_user_mem_table, region[1])),
	};

	refuse_all(r, list, ARRAY_SIZE(list), "without its descriptor");
}

/* Descriptors that nobody can signal: requests are served all the same. */
static void dead_call(struct check_run *r)
{
	CLEANUP(fd_closep) int readable = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const uint64_t queue = 1;
	struct front_message m = front_message_of(VHOST_USER_SET_VRING_CALL, &queue, sizeof(queue));
	struct front_request *q;

	WANT_HOST(r, "open /dev/null", readable);
	front_evidence_allow(r->f->evidence, FRONT_FAULT_LOST_CALL);
	allow_refusal(r);
	front_message_add_fd(&m, readable);
	if (answer_to(r, &m) == ANSWER_CLOSED) {
		WANT(check_left_cleanly(r));
		return;
	}
	WANT_OK(r, "GETATTR, not waited for", submit_getattr(r, &q));
	WANT_THAT(r, came_back(q, SOON_MS), "the request is used", "it is not");
	WANT_OK(r, "SET_VRING_CALL with the one from before",
		front_set_vring_fd(&r->f->channel, VHOST_USER_SET_VRING_CALL, 1,
				   r->f->ring[1].call_fd));
	WANT(check_served(r, "a call descriptor that cannot be written"));
}

static const struct check checks[] = {
	{
		.id = "malformed.too-small",
		.title = "a message with too few bytes fails",
		.rows = "VU-017",
		.sends =
			"SET_VRING_ADDR of 8 bytes, SET_VRING_NUM and SET_FEATURES of 4, SET_FEATURES of 0",
		.wants = "a failure is acknowledged, or the connection closed; no crash",
		.catches = "message-abort",
		.start = CHECK_NEGOTIATED,
		.protocol = PROTOCOL(REPLY_ACK),
		.may_die = true,
		.run = too_small,
	},
	{
		.id = "malformed.too-large",
		.title = "a message with too many bytes fails, or they are ignored",
		.rows = "VU-017",
		.sends = "SET_OWNER of 64 bytes, GET_QUEUE_NUM of 8",
		.wants =
			"the connection is closed; or an answer, and the next message is understood",
		.catches = "message-abort",
		.start = CHECK_NEGOTIATED,
		.protocol = PROTOCOL(REPLY_ACK),
		.may_die = true,
		.run = too_large,
	},
	{
		.id = "malformed.huge",
		.title = "a header that announces 4 GiB ends the connection",
		.rows = "VU-017",
		.sends = "SET_OWNER with a size of 0xfffffff0 and no byte behind it",
		.wants = "the connection is closed within 2 s; no crash",
		.catches = "message-abort",
		.start = CHECK_NEGOTIATED,
		.may_die = true,
		.run = huge,
	},
	{
		.id = "malformed.odd-flags",
		.title = "headers with other versions and flags do no harm",
		.rows = "VU-017",
		.sends = "GET_FEATURES with version 0, 2, 3, as a reply, with all reserved flags",
		.wants = "the session goes on, or the connection is closed; no crash",
		.catches = "message-abort",
		.may_die = true,
		.run = odd_flags,
	},
	{
		.id = "malformed.descriptors-replaced",
		.title = "descriptors of calls that are replaced are closed",
		.rows = "VU-012",
		.sends = "40 times SET_VRING_CALL and SET_VRING_ERR",
		.wants = "as many descriptors in /proc/PID/fd as before",
		.catches = "message-fd-leak",
		.run = no_descriptors_left,
	},
	{
		.id = "malformed.descriptors-unasked",
		.title = "descriptors with a message that has none are closed",
		.rows = "VU-012",
		.sends = "SET_VRING_NUM with 1 and with 9 descriptors",
		.wants = "as many descriptors as before, or the connection closed; no crash",
		.catches = "message-abort",
		.may_die = true,
		.run = too_many,
	},
	{
		.id = "malformed.descriptors-missing",
		.title = "a message without the descriptor that belongs to it fails",
		.rows = "VU-012",
		.sends =
			"SET_VRING_KICK without a descriptor or the flag that says so, SET_MEM_TABLE of a region without",
		.wants = "a failure is acknowledged, or the connection closed; no crash",
		.catches = "message-abort ack-success",
		.start = CHECK_NEGOTIATED,
		.protocol = PROTOCOL(REPLY_ACK),
		.may_die = true,
		.run = too_few,
	},
	{
		.id = "malformed.dead-call",
		.title = "a call descriptor that cannot be written harms nobody",
		.rows = "VU-012",
		.sends = "SET_VRING_CALL with a read-only descriptor, GETATTR",
		.wants = "the request is used, and others after a good descriptor",
		.catches = "used-never:after=1",
		.may_die = true,
		.run = dead_call,
	},
};

const struct check_area area_malformed = { "malformed", "Malformed vhost-user messages", checks,
					   ARRAY_SIZE(checks) };
