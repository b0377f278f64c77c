// SPDX-License-Identifier: Apache-2.0
/* The vhost-user codec against a *fake* peer: this process, at the other end of a socket pair. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/clock.h"
#include "conformance/front/vhost.h"

#define PATIENCE_S 60
#define SHORT_MS   30
#define REPLY	   (VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY)

struct fixture {
	struct front_evidence *e;
	struct front_channel c;
	struct front_pump pump;
	int peer;
};

static int set_up(void **state)
{
	struct fixture *t = calloc(1, sizeof(*t));
	int pair[2];

	(void)alarm(PATIENCE_S);
	assert_non_null(t);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	t->e = front_evidence_new(64);
	assert_non_null(t->e);
	t->e->traffic = true;
	t->peer = pair[1];
	t->pump.fd = -1;
	front_channel_init(&t->c, pair[0], "fake", t->e, &t->pump, SHORT_MS);
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *t = *state;

	front_channel_close(&t->c);
	if (t->peer >= 0)
		(void)close(t->peer);
	(void)front_evidence_free(t->e);
	free(t);
	return 0;
}

static void say(struct fixture *t, const void *data, size_t size, const int *fds, size_t count)
{
	struct front_channel peer;

	front_channel_init(&peer, t->peer, "fake's own", NULL, NULL, 1000);
	assert_int_equal(front_send_bytes(&peer, data, size, fds, count), 0);
}

static void reply(struct fixture *t, uint32_t request, uint32_t flags, const void *payload,
		  uint32_t size)
{
	uint8_t bytes[sizeof(struct vhost_user_header) + 4096];
	struct vhost_user_header h = { request, flags, size };

	memcpy(bytes, &h, sizeof(h));
	if (size)
		memcpy(bytes + sizeof(h), payload, size);
	say(t, bytes, sizeof(h) + size, NULL, 0);
}

static struct vhost_user_header heard(struct fixture *t, uint8_t *payload, size_t size)
{
	struct vhost_user_header h;

	assert_int_equal(recv(t->peer, &h, sizeof(h), 0), sizeof(h));
	assert_true(h.size <= size);
	if (h.size)
		assert_int_equal(recv(t->peer, payload, h.size, 0), h.size);
	return h;
}

static void polite(void **state)
{
	struct fixture *t = *state;
	uint64_t value = UINT64_C(0x123456789a);
	uint64_t seen = 0;
	uint8_t payload[64] = { 0 };
	struct vhost_user_header h;

	reply(t, VHOST_USER_GET_FEATURES, REPLY, &value, sizeof(value));
	assert_int_equal(front_get_features(&t->c, &seen), 0);
	assert_true(seen == value);
	h = heard(t, payload, sizeof(payload));
	assert_int_equal(h.request, VHOST_USER_GET_FEATURES);
	assert_int_equal(h.flags, VHOST_USER_VERSION);
	assert_int_equal(h.size, 0);
	/* Before REPLY_ACK nothing is asked for, afterwards it is. */
	assert_int_equal(front_set_features(&t->c, 5), 0);
	h = heard(t, payload, sizeof(payload));
	assert_int_equal(h.flags, VHOST_USER_VERSION);
	assert_int_equal(payload[0], 5);
	t->c.reply_ack = true;
	value = 0;
	reply(t, VHOST_USER_SET_FEATURES, REPLY, &value, sizeof(value));
	assert_int_equal(front_set_features(&t->c, 6), 0);
	h = heard(t, payload, sizeof(payload));
	assert_int_equal(h.flags, VHOST_USER_VERSION | VHOST_USER_FLAG_NEED_REPLY);
	value = 22;
	reply(t, VHOST_USER_SET_FEATURES, REPLY, &value, sizeof(value));
	assert_int_equal(front_set_features(&t->c, 6), -EREMOTEIO);
	assert_int_equal(t->c.ack, 22);
	assert_int_equal(front_evidence_count(t->e), 0);
}

static void configuration(void **state)
{
	struct fixture *t = *state;
	uint8_t body[sizeof(struct vhost_user_config) + 4] = { 36, 0, 0, 0, 4, 0, 0, 0,
							       0,  0, 0, 0, 2, 0, 0, 0 };
	uint32_t queues = 0;

	reply(t, VHOST_USER_GET_CONFIG, REPLY, body, sizeof(body));
	assert_int_equal(front_get_config(&t->c, 36, &queues, 4), 0);
	assert_int_equal(queues, 2);
	reply(t, VHOST_USER_GET_CONFIG, REPLY, NULL, 0);
	assert_int_equal(front_get_config(&t->c, 36, &queues, 4), -EOPNOTSUPP);
	assert_int_equal(front_evidence_count(t->e), 0);
	/* Of another place. */
	reply(t, VHOST_USER_GET_CONFIG, REPLY, body, sizeof(body));
	assert_int_equal(front_get_config(&t->c, 32, &queues, 4), -EPROTO);
	assert_int_equal(front_evidence_of(t->e, FRONT_FAULT_REPLY), 1);
}

struct bad_reply {
	const char *what;
	struct vhost_user_header head;
	enum front_fault fault;
	int result;
};

static void bad_replies(void **state)
{
	static const struct bad_reply rows[] = {
		{ "version",
		  { VHOST_USER_GET_FEATURES, 2 | VHOST_USER_FLAG_REPLY, 8 },
		  FRONT_FAULT_HEADER,
		  -EPROTO },
		{ "far too long",
		  { VHOST_USER_GET_FEATURES, REPLY, 1U << 20 },
		  FRONT_FAULT_HEADER,
		  -EPROTO },
		{ "not marked",
		  { VHOST_USER_GET_FEATURES, VHOST_USER_VERSION, 8 },
		  FRONT_FAULT_REPLY,
		  -ETIMEDOUT },
		{ "more flags",
		  { VHOST_USER_GET_FEATURES, REPLY | VHOST_USER_FLAG_NEED_REPLY, 8 },
		  FRONT_FAULT_REPLY,
		  -ETIMEDOUT },
		{ "another message",
		  { VHOST_USER_GET_QUEUE_NUM, REPLY, 8 },
		  FRONT_FAULT_REPLY,
		  -ETIMEDOUT },
		{ "short", { VHOST_USER_GET_FEATURES, REPLY, 4 }, FRONT_FAULT_REPLY_SIZE, -EPROTO },
		{ "long", { VHOST_USER_GET_FEATURES, REPLY, 16 }, FRONT_FAULT_REPLY_SIZE, -EPROTO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fixture *t;
		uint8_t bytes[12 + 16] = { 0 };
		uint64_t value = 7;
		void *own = NULL;

		(void)state;
		assert_int_equal(set_up(&own), 0);
		t = own;
		memcpy(bytes, &rows[i].head, sizeof(rows[i].head));
		say(t, bytes, 12 + (rows[i].head.size <= 16 ? rows[i].head.size : 16), NULL, 0);
		if (front_get_features(&t->c, &value) != rows[i].result ||
		    front_evidence_of(t->e, rows[i].fault) != 1 || value != 7)
			fail_msg("%s: not seen", rows[i].what);
		assert_int_equal(tear_down(&own), 0);
	}
}

static void silence_and_leaving(void **state)
{
	struct fixture *t = *state;
	const uint8_t half[] = { 1, 0, 0, 0, 5 };
	uint64_t value;

	assert_true(front_channel_alive(&t->c));
	assert_int_equal(front_get_features(&t->c, &value), -ETIMEDOUT);
	assert_int_equal(front_evidence_of(t->e, FRONT_FAULT_SILENT), 1);
	assert_true(front_channel_alive(&t->c));
	/* Half a header: nothing can be read behind it. */
	say(t, half, sizeof(half), NULL, 0);
	assert_int_equal(front_get_features(&t->c, &value), -ETIMEDOUT);
	assert_true(t->c.broken);
	t->c.broken = false;
	(void)close(t->peer);
	t->peer = -1;
	assert_int_equal(front_get_features(&t->c, &value), -ECONNRESET);
	assert_false(front_channel_alive(&t->c));
}

static void descriptors(void **state)
{
	struct fixture *t = *state;
	struct front_channel peer;
	struct front_message m;
	uint64_t payload = 0;
	uint8_t bytes[20];
	struct vhost_user_header h = { VHOST_USER_GET_FEATURES, REPLY, 8 };
	int fds[2] = { 0, 1 };

	memcpy(bytes, &h, sizeof(h));
	memcpy(bytes + sizeof(h), &payload, sizeof(payload));
	say(t, bytes, sizeof(bytes), fds, 2);
	assert_int_equal(front_get_features(&t->c, &payload), 0);
	assert_int_equal(front_evidence_of(t->e, FRONT_FAULT_REPLY_FDS), 1);
	/* With the payload instead of the header. */
	say(t, bytes, sizeof(h), NULL, 0);
	say(t, bytes + sizeof(h), sizeof(payload), fds, 1);
	assert_int_equal(front_recv(&t->c, &m, clock_deadline_ms(1000)), 0);
	assert_true(m.late_fds && m.fd_count == 1);
	assert_int_equal(front_evidence_of(t->e, FRONT_FAULT_REPLY_FDS), 2);
	front_message_close(&m);
	/* Ours go with the first byte, whatever is sent. */
	(void)heard(t, NULL, 0);
	assert_int_equal(front_send_bytes(&t->c, bytes, sizeof(bytes), fds, 2), 0);
	front_channel_init(&peer, t->peer, "fake's own", t->e, NULL, SHORT_MS);
	assert_int_equal(front_recv(&peer, &m, clock_deadline_ms(SHORT_MS)), 0);
	assert_true(m.fd_count == 2 && !m.late_fds && m.head.request == h.request);
	front_message_close(&m);
}

/* A nested exchange reads the outer one's reply first, as with a SHMEM_MAP inside of GET_VRING_BASE. */
static void nested(void *context)
{
	struct fixture *t = context;
	uint64_t queues = 0;
	uint8_t byte;

	assert_int_equal(recv(t->pump.fd, &byte, 1, 0), 1);
	(void)close(t->pump.fd);
	t->pump.fd = -1;
	assert_int_equal(front_get_queue_num(&t->c, &queues), 0);
	assert_int_equal(queues, 9);
}

static void stash(void **state)
{
	struct fixture *t = *state;
	struct vhost_user_vring_state base = { 1, 77 };
	uint64_t queues = 9;
	uint32_t seen = 0;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	t->pump = (struct front_pump){ .fd = pair[0], .serve = nested, .context = t };
	assert_int_equal(write(pair[1], "x", 1), 1);
	/* The device answers the outer question first, as it must. The pump is served before both. */
	t->c.timeout_ms = 5000;
	{
		/* Nothing to read yet: the wait begins with serving, which waits for both. */
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0) {
			uint8_t payload[64];

			(void)heard(t, payload, sizeof(payload));
			(void)heard(t, payload, sizeof(payload));
			reply(t, VHOST_USER_GET_VRING_BASE, REPLY, &base, sizeof(base));
			reply(t, VHOST_USER_GET_QUEUE_NUM, REPLY, &queues, sizeof(queues));
			_exit(0);
		}
	}
	assert_int_equal(front_get_vring_base(&t->c, 1, &seen), 0);
	assert_int_equal(seen, 77);
	assert_int_equal(t->pump.fd, -1);
	assert_int_equal(front_evidence_count(t->e), 0);
	(void)close(pair[1]);
}

static void evidence(void **state)
{
	struct fixture *t = *state;
	CLEANUP(buf_free) struct buf text = { 0 };
	bool found;

	for (int i = 0; i < 100; i++)
		front_note(t->e, "0123456789abcdefXYZ", 19, "message %d", i);
	for (int i = 0; i < 40; i++)
		front_fault(t->e, FRONT_FAULT_CANARY, "fault %d", i);
	front_evidence_allow(t->e, FRONT_FAULT_UNIQUE);
	front_fault(t->e, FRONT_FAULT_UNIQUE, "provoked");
	if (front_evidence_text(t->e, true, &text) < 0)
		return;
	/* The first violations and the newest events; counts of all. */
	found = strstr(buf_text(&text), "40 violations") && strstr(buf_text(&text), "fault 0\n") &&
		strstr(buf_text(&text), "fault 39\n") && strstr(buf_text(&text), "message 99\n") &&
		!strstr(buf_text(&text), "message 70\n") &&
		strstr(buf_text(&text), "  0123456789abcdef\n") &&
		strstr(buf_text(&text), "77 older events");
	buf_free(&text);
	assert_true(found);
	assert_int_equal(front_evidence_count(t->e), 40);
	assert_int_equal(front_evidence_of(t->e, FRONT_FAULT_UNIQUE), 1);
	for (int i = 0; i < FRONT_FAULT_COUNT; i++) {
		assert_non_null(front_faults[i].name);
		assert_non_null(front_faults[i].requirement);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(front_faults[i].name, front_faults[j].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(polite, set_up, tear_down),
		cmocka_unit_test_setup_teardown(configuration, set_up, tear_down),
		cmocka_unit_test(bad_replies),
		cmocka_unit_test_setup_teardown(silence_and_leaving, set_up, tear_down),
		cmocka_unit_test_setup_teardown(descriptors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stash, set_up, tear_down),
		cmocka_unit_test_setup_teardown(evidence, set_up, tear_down),
	};

	(void)signal(SIGCHLD, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
