/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_DEVICE_VHOST_H
#define VQ_DEVICE_VHOST_H

/* Words that the checks of the vhost-user side share. Each area uses some of them. */

#include "conformance/device/held.h"
#include "conformance/device/process.h"
#include "conformance/front/split.h"

#define PROTOCOL(n) BIT(VHOST_USER_PROTOCOL_F_##n)

/* Silence is the evidence: how long nothing must happen. */
#define SILENT_MS 40
/* What must happen, happens within that. */
#define SOON_MS 2000

/* What a device did with a message that it should not take. */
enum answer {
	ANSWER_ACK,	/* success */
	ANSWER_REFUSED, /* an acknowledgement that says failure, or a reply without payload */
	ANSWER_CLOSED,
	ANSWER_SILENT,
	ANSWER_REPLY, /* something else */
};

/* Violations that a wrong message provokes: what comes of it is the check's to judge. */
static inline void allow_refusal(struct check_run *r)
{
	front_evidence_allow(r->f->evidence, FRONT_FAULT_GONE);
	front_evidence_allow(r->f->evidence, FRONT_FAULT_SILENT);
	front_evidence_allow(r->f->evidence, FRONT_FAULT_REPLY);
	front_evidence_allow(r->f->evidence, FRONT_FAULT_REPLY_SIZE);
}

static inline enum answer answer_within(struct check_run *r, unsigned ms, uint64_t *ret_value)
{
	struct front_message reply;
	int e = front_recv(&r->f->channel, &reply, clock_deadline_ms(ms));
	enum answer a;

	if (e == -ETIMEDOUT)
		return ANSWER_SILENT;
	if (e < 0)
		return ANSWER_CLOSED;
	*ret_value = reply.head.size >= sizeof(uint64_t) ? reply.body.u64 : 0;
	if (reply.head.size == 0)
		a = ANSWER_REFUSED;
	else if (reply.head.size != sizeof(uint64_t))
		a = ANSWER_REPLY;
	else
		a = *ret_value ? ANSWER_REFUSED : ANSWER_ACK;
	front_message_close(&reply);
	return a;
}

/*
 * Has the connection outlived a message that was refused? A device may send its refusal and hang up a moment
 * later: only one that answers what comes behind it goes on.
 */
static inline bool goes_on(struct check_run *r)
{
	uint64_t offered;

	return front_is_alive(r->f) && front_get_features(&r->f->channel, &offered) == 0;
}

/* Send it with need_reply, and take whatever comes first. */
static inline enum answer answer_to(struct check_run *r, const struct front_message *m)
{
	struct front_message sent = *m;
	uint64_t value;

	sent.head.flags |= VHOST_USER_FLAG_NEED_REPLY;
	if (front_send(&r->f->channel, &sent) < 0)
		return ANSWER_CLOSED;
	return answer_within(r, SOON_MS, &value);
}

static inline const char *answer_name(enum answer a)
{
	static const char *const names[] = {
		"acknowledged with success", "refused", "connection closed", "no answer",
		"a reply of another size",
	};

	return names[a];
}

static inline bool check_refused(struct check_run *r, const char *what, enum answer a)
{
	return check_that(r, a == ANSWER_REFUSED || a == ANSWER_CLOSED,
			  "a failure is acknowledged, or the connection closed", "%s: %s", what,
			  answer_name(a));
}
#define WANT_REFUSED(r, what, answer) WANT(check_refused(r, what, answer))

/* Messages that no device can do. Once one has ended the connection the others cannot be asked. */
static inline void refuse_all(struct check_run *r, const struct front_message *list, size_t count,
			      const char *what)
{
	allow_refusal(r);
	for (size_t i = 0; i < count && front_is_alive(r->f); i++) {
		char text[96];

		(void)snprintf(text, sizeof(text), "message %u, %s", list[i].head.request, what);
		WANT_REFUSED(r, text, answer_to(r, &list[i]));
	}
	if (!goes_on(r))
		WANT(check_left_cleanly(r));
}

/* Nothing more comes: the reply to GET_FEATURES is the next message. */
static inline bool check_quiet(struct check_run *r, const char *after)
{
	struct front_message m = front_message_of(VHOST_USER_GET_FEATURES, NULL, 0);
	struct front_message reply;
	int e = front_send(&r->f->channel, &m);
	bool is;

	if (e == 0)
		e = front_recv(&r->f->channel, &reply, front_deadline(r->f));
	if (e != 0)
		return check_that(r, false, "GET_FEATURES is answered", "after %s: %s", after,
				  strerror(-e));
	is = reply.head.request == VHOST_USER_GET_FEATURES && reply.body.u64 == r->f->offered;
	front_message_close(&reply);
	return check_that(r, is, "the next message is the reply to GET_FEATURES",
			  "after %s: message %u of %u bytes, value 0x%llx", after,
			  reply.head.request, reply.head.size, (unsigned long long)reply.body.u64);
}

/* Rings serve: if the front end has got as far as that. */
static inline bool check_served(struct check_run *r, const char *after)
{
	struct fuse_attr_out attr;
	char what[160];

	(void)snprintf(what, sizeof(what), "GETATTR of the root after %s", after);
	return check_ok(r, what, front_getattr(r->f, FRONT_ROOT, NULL, &attr));
}

/* ---- requests that are not waited for ---- */

static inline int submit_getattr(struct check_run *r, struct front_request **ret)
{
	const struct front_op op = front_op_getattr(FRONT_ROOT, NULL);
	int e = front_prepare(r->f, &op, ret);

	return e < 0 ? e : front_submit(*ret);
}

/* Within @ms, without evidence of it: has it come back? */
static inline bool came_back(struct front_request *q, unsigned ms)
{
	uint64_t end = clock_deadline_ms(ms);

	while (q->state == FRONT_IN_FLIGHT && clock_now_ns() < end) {
		(void)front_poll(q->front);
		if (front_is_stalled(q->front))
			break;
		(void)poll(NULL, 0, 1);
	}
	(void)front_poll(q->front);
	return q->state != FRONT_IN_FLIGHT;
}

static inline bool check_not_served(struct check_run *r, struct front_request *q, const char *when)
{
	return check_that(r, !came_back(q, SILENT_MS), "the request stays where it is",
			  "it was used %s", when);
}

/* ---- raw messages of a ring ---- */

static inline struct front_message vring_message(uint32_t request, unsigned queue, uint32_t num)
{
	const struct vhost_user_vring_state state = { queue, num };

	return front_message_of(request, &state, sizeof(state));
}

/* Enable or disable; then the device has seen it, acknowledged or not. */
static inline bool check_enable(struct check_run *r, unsigned queue, bool on)
{
	uint64_t offered;

	return check_ok(r, on ? "SET_VRING_ENABLE 1" : "SET_VRING_ENABLE 0",
			front_set_vring_enable(&r->f->channel, queue, on)) &&
	       check_ok(r, "GET_FEATURES", front_get_features(&r->f->channel, &offered));
}

static inline bool rings_start(struct check_run *r)
{
	struct err err = { "" };

	return check_that(r, front_start(r->f, &err) == 0, "the rings start", "%s", err.text);
}

static inline bool rings_stop(struct check_run *r)
{
	struct err err = { "" };

	return check_that(r, front_stop(r->f, &err) == 0, "the rings stop", "%s", err.text);
}

/* ---- descriptors of the daemon, its descendants included ---- */

static inline unsigned daemon_fds(const struct check_run *r)
{
	return process_descriptors((pid_t)check_daemon_pid(r), 0);
}

/* As many as before, soon: what a thread still holds goes when it is done. */
static inline bool check_fds(struct check_run *r, unsigned before, const char *after)
{
	uint64_t end = clock_deadline_ms(SOON_MS);
	unsigned now;

	while ((now = daemon_fds(r)) > before && clock_now_ns() < end)
		(void)poll(NULL, 0, 2);
	return check_that(r, now <= before, "the daemon has no more descriptors than before",
			  "%u before, %u after %s", before, now, after);
}

#endif
