// SPDX-License-Identifier: Apache-2.0
/* The notification queue, and where request queues begin. */
#include "conformance/device/areas.h"
#include "conformance/device/held.h"
#include "conformance/device/vhost.h"

/* The largest of enum fuse_notify_code, FUSE_NOTIFY_PRUNE. Source: FUSE 7.45. */
#define NOTIFY_CODES 9
#define BUFFERS	     16
/* Where the device does not say notify_buf_size. */
#define BUFFER_BYTES 4096
/* Guest memory is small here. */
#define BUFFER_MOST (64 * KIB)

/* Features, and how many queues there are, before the front end makes rings for them. */
static bool ask_queues(struct check_run *r, uint64_t *ret_features, uint64_t *ret_queues)
{
	uint64_t protocol = 0;

	*ret_queues = 0;
	return check_ok(r, "GET_FEATURES", front_get_features(&r->f->channel, ret_features)) &&
	       check_ok(r, "GET_PROTOCOL_FEATURES",
			front_get_protocol_features(&r->f->channel, &protocol)) &&
	       check_has(r, protocol & PROTOCOL(MQ), "vhost-user protocol feature MQ") &&
	       check_ok(r, "SET_PROTOCOL_FEATURES",
			front_set_protocol_features(&r->f->channel, protocol & PROTOCOL(MQ))) &&
	       check_ok(r, "GET_QUEUE_NUM", front_get_queue_num(&r->f->channel, ret_queues));
}

/*
 * Each queue behind hiprio, and behind the notification queue where there is one, takes requests. What the
 * standard numbers from 2 without that queue everybody numbers from 1. @ret_first: the first of them.
 */
static bool start_all(struct check_run *r, unsigned *ret_first)
{
	uint64_t offered = 0, queues = 0;
	struct err err = { "" };

	if (!ask_queues(r, &offered, &queues))
		return false;
	*ret_first = offered & BIT(VIRTIO_FS_F_NOTIFICATION) ? 2 : 1;
	if (!check_range(r, *ret_first + 1, FRONT_QUEUES_MAX, "queues, hiprio included", queues))
		return false;
	r->f->options.queues = (unsigned)queues - 1;
	r->f->queue = *ret_first;
	return check_that(r, front_negotiate(r->f, &err) == 0 && front_start(r->f, &err) == 0,
			  "all queues that GET_QUEUE_NUM counts can be started", "%s", err.text) &&
	       check_ok(r, "INIT on the first request queue", front_init(r->f, 0, NULL));
}

static void numbers(struct check_run *r)
{
	unsigned first;

	WANT(start_all(r, &first));
	for (unsigned i = first; i < r->f->ring_count; i++) {
		char what[64];

		r->f->queue = i;
		(void)snprintf(what, sizeof(what), "INIT, on queue %u of %u", i, r->f->ring_count);
		WANT(check_served(r, what));
	}
}

/* Buffers of just the size that the device asks for. */
static bool give_buffers(struct check_run *r, struct front_buf **b)
{
	uint32_t bytes = BUFFER_BYTES;

	if (front_has_protocol(r->f, VHOST_USER_PROTOCOL_F_CONFIG)) {
		if (!check_ok(r, "GET_CONFIG of notify_buf_size",
			      front_get_config(&r->f->channel, VIRTIO_FS_CONFIG_BYTES, &bytes,
					       sizeof(bytes))))
			return false;
		bytes = le32toh(bytes);
	}
	if (!check_range(r, sizeof(struct fuse_out_header), UINT32_MAX, "notify_buf_size", bytes) ||
	    !check_has(r, bytes <= BUFFER_MOST, "notifications of 64 KiB at most"))
		return false;
	for (size_t i = 0; i < BUFFERS; i++) {
		struct front_span span = { .len = bytes, .flags = VRING_DESC_F_WRITE };

		b[i] = front_buf_new(r->f->memory, bytes);
		if (!b[i])
			return check_host(r, "guest memory", -ENOMEM);
		front_buf_poison(b[i]);
		span.guest = b[i]->guest;
		if (!check_host(r, "room in the ring",
				front_ring_add(&r->f->ring[1], &span, 1, NULL, 0, NULL, NULL)))
			return false;
	}
	(void)front_ring_kick(&r->f->ring[1]);
	return true;
}

/* The node that a notification drops something of, its first field. 0: there is none. */
static uint64_t told_node(const struct front_buf *b)
{
	struct fuse_out_header h;
	uint64_t node;

	memcpy(&h, b->at, sizeof(h));
	if (b->size < sizeof(h) + sizeof(node) ||
	    (h.error != FUSE_NOTIFY_INVAL_INODE && h.error != FUSE_NOTIFY_INVAL_ENTRY &&
	     h.error != FUSE_NOTIFY_STORE && h.error != FUSE_NOTIFY_DELETE))
		return 0;
	memcpy(&node, b->at + sizeof(h), sizeof(node));
	return node;
}

static bool is_notification(struct check_run *r, struct front_buf *b)
{
	struct fuse_out_header h;

	if (front_buf_untouched(b, 0) == b->size)
		return true;
	memcpy(&h, b->at, sizeof(h));
	return check_range(r, sizeof(h), b->size,
			   "length of a notification, at most notify_buf_size", h.len) &&
	       check_same(r, 0, "unique of a notification", h.unique) &&
	       check_range(r, 1, NOTIFY_CODES, "error of a notification, its code",
			   (uint32_t)h.error) &&
	       check_that(r, front_buf_check(r->f->memory, b, "a notification buffer") == 0,
			  "nothing is written beside a buffer", "it is");
}

/* What the guest itself does to a file is no news to it, least of all before it is done. */
static bool not_inside(struct check_run *r, struct front_buf *const *b)
{
	struct fuse_in_header in;
	CLEANUP(held_end) struct held h = HELD_NONE;
	bool told = false;

	if (!held_begin(r, &h, "held", FRONT_QUEUE_AUTO))
		return false;
	memcpy(&in, h.open->in, sizeof(in));
	for (size_t i = 0; i < BUFFERS; i++)
		told |= told_node(b[i]) == in.nodeid;
	return check_that(r, !told, "no notification on a file whose OPEN is being served",
			  "there is one") &&
	       held_let(r, &h);
}

/* Of files that the guest knows. Whatever a device tells of it must be right. */
static bool host_changes(struct check_run *r)
{
	struct fuse_entry_out e;
	struct fuse_attr_out a;

	for (uint32_t i = 1; i <= 3; i++) {
		if (!check_host(r, "write a file", host_fill(r->share, "file", i * 100, i)) ||
		    !check_ok(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, "file", &e)) ||
		    !check_ok(r, "GETATTR", front_getattr(r->f, e.nodeid, NULL, &a)) ||
		    !check_same(r, i * 100, "size that the host has made", a.attr.size))
			return false;
	}
	return true;
}

/* There is no place for a notification: least of all the buffer of a request that waits. */
static void without_queue(struct check_run *r)
{
	CLEANUP(held_end) struct held h = HELD_NONE;

	WANT(host_changes(r));
	WANT(held_begin(r, &h, "held", FRONT_QUEUE_AUTO));
	WANT(check_host(r, "write a file", host_fill(r->share, "file", 1000, 9)));
	WANT(check_not_served(r, h.open, "while it waits for the host"));
	WANT(held_let(r, &h));
	WANT(host_changes(r));
}

static void notifications(struct check_run *r)
{
	struct front_buf *b[BUFFERS];
	struct err err = { "" };
	unsigned first;

	WANT(start_all(r, &first));
	if (first == 1) {
		without_queue(r);
		return;
	}
	WANT(give_buffers(r, b));
	WANT(not_inside(r, b));
	WANT(host_changes(r));
	/* Then nothing is on its way any more. */
	WANT_THAT(r, front_stop(r->f, &err) == 0, "the rings stop", "%s", err.text);
	for (size_t i = 0; i < BUFFERS; i++)
		WANT(is_notification(r, b[i]));
}

static const struct front_options notifies = { .features_more = BIT(VIRTIO_FS_F_NOTIFICATION) };

static const struct check checks[] = {
	{
		.id = "notify.queues",
		.title =
			"request queues begin at 1, at 2 with NOTIFICATION, and all behind take requests",
		.rows = "VIRTIO-FS-NOTIF-001 VIRTIO-FS-NOTIF-002 VIRTIO-FS-NOTIF-003",
		.sends =
			"GET_QUEUE_NUM; INIT on queue 1, or 2 with NOTIFICATION; GETATTR on each from there",
		.wants = "a reply on all; the standard's table begins with 2 always, Linux with 1",
		.catches = "queue-num feature-notification ring-stuck:1:after=1",
		.start = CHECK_CONNECTED,
		.front = &notifies,
		.run = numbers,
	},
	{
		.id = "notify.messages",
		.title = "notifications are in their queue, whole and in form, or there are none",
		.rows = "VIRTIO-FS-NOTIF-005 VIRTIO-FS-NOTIF-004 VIRTIO-FS-NOTIF-010 VIRTIO-FS-NOTIF-011 "
			"VIRTIO-FS-NOTIF-014 VIRTIO-FS-CFG-010",
		.sends =
			"buffers of notify_buf_size where NOTIFICATION is offered; an OPEN that the host holds "
			"back; files changed by the host while it waits, and then",
		.wants =
			"each message fits its buffer, says its length, unique 0 and a code from 1 to 9, and none "
			"is on the file whose OPEN waits; without NOTIFICATION no buffer of a request is used for one",
		.catches = "notify-unique notify-large notify-inside",
		.start = CHECK_CONNECTED,
		.wishes = CHECK_TAG,
		.front = &notifies,
		.run = notifications,
	},
};

const struct check_area area_notify = { "notify", "Notifications", checks, ARRAY_SIZE(checks) };
