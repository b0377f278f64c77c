// SPDX-License-Identifier: Apache-2.0
/* Device configuration space, read with GET_CONFIG. */
#include "conformance/device/areas.h"
#include "conformance/device/vhost.h"

#include <linux/virtio_config.h>
#include <stddef.h>

#define PROTOCOL_CONFIG PROTOCOL(CONFIG)
#define TAG		"conform"
#define TAG_BYTES	VIRTIO_FS_TAG_BYTES
#define BYTES		VIRTIO_FS_CONFIG_BYTES
#define BYTES_NOTIF	VIRTIO_FS_CONFIG_BYTES_NOTIF
#define QUEUES_AT	offsetof(struct virtio_fs_config, num_request_queues)
/* out header of a notification (16) and its smallest message, FUSE_NOTIFY_POLL (8). */
#define NOTIFY_LEAST 24

static uint32_t queues_of(const uint8_t *space)
{
	uint32_t queues;

	memcpy(&queues, space + QUEUES_AT, sizeof(queues));
	return le32toh(queues);
}

static void tag_tail(struct check_run *r)
{
	char tag[TAG_BYTES + 1] = "";

	memcpy(tag, r->f->config, TAG_BYTES);
	WANT_TEXT(r, TAG, "the tag that the device was started with", tag);
	for (size_t i = strlen(TAG); i < TAG_BYTES; i++)
		WANT_SAME(r, 0, "byte behind the tag's end", r->f->config[i]);
}

static void one_queue(struct check_run *r)
{
	WANT_RANGE(r, 1, FRONT_QUEUES_MAX, "num_request_queues", queues_of(r->f->config));
}

static void fs_features(struct check_run *r)
{
	/* Bits 0 to 23 and 50 to 127 belong to the device type; bit 0 is NOTIFICATION. */
	WANT_SAME(r, 0, "feature bits 1 to 23", r->f->offered & 0xfffffe);
	WANT_SAME(r, 0, "feature bits 50 to 63", r->f->offered >> 50);
}

static void layout(struct check_run *r)
{
	WANT_RANGE(r, 2, FRONT_QUEUES_MAX, "GET_QUEUE_NUM", r->f->queue_num);
	WANT_RANGE(r, 1, r->f->queue_num - 1, "le32 at offset 36, num_request_queues",
		   queues_of(r->f->config));
	/* So few queues are in the first byte. */
	for (size_t i = 1; i < sizeof(uint32_t); i++)
		WANT_SAME(r, 0, "byte 37, 38 or 39", r->f->config[QUEUES_AT + i]);
}

static void tag_whole(struct check_run *r)
{
	char tag[TAG_BYTES + 1] = "";

	memcpy(tag, r->f->config, TAG_BYTES);
	WANT_TEXT(r, check_tag36, "a tag of 36 bytes", tag);
}

static void every_cut(struct check_run *r)
{
	for (uint32_t size = 1; size <= BYTES; size++)
		for (uint32_t at = 0; at + size <= BYTES; at++) {
			uint8_t part[BYTES];
			char what[64];

			(void)snprintf(what, sizeof(what), "GET_CONFIG of %u bytes at %u", size,
				       at);
			WANT_OK(r, what, front_get_config(&r->f->channel, at, part, size));
			WANT(check_same_bytes(r, r->f->config + at, size, what, part, size));
		}
}

/* What lies behind the space: no answer, zeros, but nothing that is not the driver's business. */
static bool is_beyond(struct check_run *r, uint32_t at, uint32_t size)
{
	uint8_t part[VHOST_USER_PAYLOAD_MAX] = { 0 };
	uint32_t end = r->f->offered & BIT(VIRTIO_FS_F_NOTIFICATION) ? BYTES_NOTIF : BYTES;
	char what[64];
	int e = front_get_config(&r->f->channel, at, part, size);

	(void)snprintf(what, sizeof(what), "GET_CONFIG of %u bytes at %u", size, at);
	if (e != 0)
		return check_one_of(r, (const int[]){ -EOPNOTSUPP, -EPROTO, -ECONNRESET }, 3, what,
				    e);
	for (uint32_t i = 0; i < size; i++)
		if (at + i >= end && part[i] != 0)
			return check_that(r, false, "zeros behind the configuration space",
					  "%s: byte %u is 0x%02x", what, at + i, part[i]);
	return true;
}

static void out_of_range(struct check_run *r)
{
	static const uint32_t cuts[][2] = { { 36, 8 },	 { 40, 4 },	{ 44, 4 },
					    { 0, 64 },	 { 60, 16 },	{ 0, 256 },
					    { 255, 1 },	 { 256, 4 },	{ 0, 512 },
					    { 40, 300 }, { 4096, 256 }, { UINT32_MAX, 8 } };

	allow_refusal(r);
	for (size_t i = 0; i < ARRAY_SIZE(cuts) && front_is_alive(r->f); i++)
		WANT(is_beyond(r, cuts[i][0], cuts[i][1]));
	if (!goes_on(r))
		WANT(check_left_cleanly(r));
}

static void notify_field(struct check_run *r)
{
	uint8_t part[4] = { 0 };
	uint32_t bytes;

	if (!(r->f->offered & BIT(VIRTIO_FS_F_NOTIFICATION))) {
		allow_refusal(r);
		WANT(is_beyond(r, BYTES, 4));
		return;
	}
	WANT_OK(r, "GET_CONFIG of notify_buf_size",
		front_get_config(&r->f->channel, BYTES, part, sizeof(part)));
	memcpy(&bytes, part, sizeof(bytes));
	WANT_RANGE(r, NOTIFY_LEAST, UINT32_MAX, "notify_buf_size", le32toh(bytes));
}

static void before_features(struct check_run *r)
{
	uint64_t offered = 0;
	uint8_t early[BYTES];
	uint8_t late[BYTES];

	WANT_OK(r, "GET_FEATURES", front_get_features(&r->f->channel, &r->f->offered));
	WANT_OK(r, "GET_PROTOCOL_FEATURES", front_get_protocol_features(&r->f->channel, &offered));
	NEED(r, offered & PROTOCOL_CONFIG, "vhost-user protocol feature CONFIG");
	WANT_OK(r, "SET_PROTOCOL_FEATURES",
		front_set_protocol_features(&r->f->channel,
					    offered & (PROTOCOL_CONFIG | PROTOCOL(REPLY_ACK))));
	WANT_OK(r, "SET_OWNER", front_set_owner(&r->f->channel));
	WANT_OK(r, "GET_CONFIG before SET_FEATURES",
		front_get_config(&r->f->channel, 0, early, BYTES));
	WANT_RANGE(r, 1, FRONT_QUEUES_MAX, "num_request_queues before SET_FEATURES",
		   queues_of(early));
	WANT_THAT(r, early[0] != 0, "a tag before SET_FEATURES", "byte 0 is 0");
	WANT_OK(r, "SET_FEATURES",
		front_set_features(&r->f->channel,
				   r->f->offered & (BIT(VIRTIO_F_VERSION_1) |
						    BIT(VHOST_USER_F_PROTOCOL_FEATURES))));
	WANT_OK(r, "GET_CONFIG after SET_FEATURES",
		front_get_config(&r->f->channel, 0, late, BYTES));
	WANT(check_same_bytes(r, early, BYTES, "the space after SET_FEATURES", late, BYTES));
}

static void while_running(struct check_run *r)
{
	uint8_t now[BYTES];

	WANT_OK(r, "GET_CONFIG while rings run", front_get_config(&r->f->channel, 0, now, BYTES));
	WANT(check_same_bytes(r, r->f->config, BYTES, "the space while rings run", now, BYTES));
	WANT(check_alive(r));
}

/* Refused or taken without effect: both are fine. */
static void write_changes_nothing(struct check_run *r)
{
	static const uint32_t cuts[][2] = { { 0, 1 }, { 0, 36 }, { 36, 4 }, { 0, 40 } };
	uint8_t junk[BYTES];
	uint8_t now[BYTES];

	allow_refusal(r);
	memset(junk, 'Z', sizeof(junk));
	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		(void)!front_set_config(&r->f->channel, cuts[i][0], junk, cuts[i][1], 0);
		if (!goes_on(r)) {
			WANT(check_left_cleanly(r));
			return;
		}
		WANT_OK(r, "GET_CONFIG after SET_CONFIG",
			front_get_config(&r->f->channel, 0, now, BYTES));
		WANT(check_same_bytes(r, r->f->config, BYTES, "the space after SET_CONFIG", now,
				      BYTES));
	}
}

static const struct check checks[] = {
	{
		.id = "config.tag-tail",
		.title =
			"the tag is the one that was given, and what it leaves of its 36 bytes is NUL",
		.rows = "VIRTIO-FS-CFG-003 VIRTIO-FS-CFG-002 VIRTIO-FS-CFG-020",
		.sends = "GET_CONFIG of the whole space",
		.wants = "the tag as the device was given it, then NUL bytes up to byte 36",
		.catches = "cfg-tag-padding",
		.start = CHECK_NEGOTIATED,
		.options = CHECK_TAG,
		.protocol = PROTOCOL_CONFIG,
		.run = tag_tail,
	},
	{
		.id = "config.queues-not-zero",
		.title = "there is a request queue at least",
		.rows = "VIRTIO-FS-CFG-006",
		.sends = "GET_CONFIG of the whole space",
		.wants = "num_request_queues is 1 or more",
		.catches = "cfg-zero-queues",
		.start = CHECK_NEGOTIATED,
		.options = CHECK_TAG,
		.protocol = PROTOCOL_CONFIG,
		.run = one_queue,
	},
	{
		.id = "config.no-other-features",
		.title = "the device offers no feature that its type does not have",
		.rows = "VIRTIO-FS-CFG-017",
		.sends = "GET_FEATURES",
		.wants = "of bits 0 to 23 and 50 to 63 none but NOTIFICATION (0) is set",
		.catches = "feature-unknown",
		.start = CHECK_NEGOTIATED,
		.run = fs_features,
	},
	{
		.id = "config.layout",
		.title = "num_request_queues is le32 at offset 36, and so many rings are there",
		.rows = "VIRTIO-FS-CFG-002 VIRTIO-FS-CFG-014 VU-002",
		.sends = "GET_CONFIG of the whole space, GET_QUEUE_NUM",
		.wants =
			"the number at offset 36 is 1 or more, and less than that of GET_QUEUE_NUM; bytes 37 to 39 are 0",
		.catches = "cfg-swapped-fields cfg-big-endian queue-num",
		.start = CHECK_NEGOTIATED,
		.options = CHECK_TAG,
		.protocol = PROTOCOL_CONFIG | PROTOCOL(MQ),
		.run = layout,
	},
	{
		.id = "config.tag-of-36-bytes",
		.title = "a tag may fill its 36 bytes and has no terminator then",
		.rows = "VIRTIO-FS-CFG-004",
		.sends = "GET_CONFIG of a device with such a tag",
		.wants = "all 36 bytes of the tag",
		.catches = "cfg-tag-cut",
		.start = CHECK_NEGOTIATED,
		.options = CHECK_TAG36,
		.protocol = PROTOCOL_CONFIG,
		.run = tag_whole,
	},
	{
		.id = "config.every-cut",
		.title = "any part of the configuration space reads as it does in the whole",
		.rows = "VIRTIO-FS-CFG-016 VU-010",
		.sends = "GET_CONFIG of every offset and size within the 40 bytes",
		.wants = "the bytes that a read of the whole space has there",
		.catches = "cfg-offset-ignored",
		.start = CHECK_NEGOTIATED,
		.options = CHECK_TAG,
		.protocol = PROTOCOL_CONFIG,
		.run = every_cut,
	},
	{
		.id = "config.out-of-range",
		.title = "reads behind the configuration space fail or give zeros",
		.rows = "VIRTIO-FS-CFG-016 VU-010",
		.sends = "GET_CONFIG of 12 ranges that end behind the space, up to 2^32",
		.wants = "a reply without payload, zeros, or a closed connection",
		.catches = "cfg-overread",
		.start = CHECK_NEGOTIATED,
		.options = CHECK_TAG,
		.protocol = PROTOCOL_CONFIG,
		.may_die = true,
		.run = out_of_range,
	},
	{
		.id = "config.notify-buf-size",
		.title = "notify_buf_size is there exactly where the notification queue is offered",
		.rows = "VIRTIO-FS-CFG-009",
		.sends = "GET_CONFIG of 4 bytes at 40 before the features are used",
		.wants = "room for a notification if NOTIFICATION is offered; else an error or 0",
		.catches = "cfg-overread",
		.start = CHECK_NEGOTIATED,
		.options = CHECK_TAG,
		.protocol = PROTOCOL_CONFIG,
		.may_die = true,
		.run = notify_field,
	},
	{
		.id = "config.before-features",
		.title = "the configuration space can be read before features are set",
		.rows = "VIRTIO-DEV-009 VIRTIO-FS-CFG-008",
		.sends = "GET_CONFIG before and after SET_FEATURES",
		.wants = "tag and num_request_queues, the same both times",
		.catches = "cfg-late",
		.start = CHECK_CONNECTED,
		.options = CHECK_TAG,
		.run = before_features,
	},
	{
		.id = "config.while-running",
		.title = "the configuration space is the same while rings run",
		.rows = "VIRTIO-FS-CFG-008",
		.sends = "GET_CONFIG in a session, where the first was before SET_FEATURES",
		.wants = "the same bytes",
		.catches = "cfg-late",
		.options = CHECK_TAG,
		.protocol = PROTOCOL_CONFIG,
		.run = while_running,
	},
	{
		.id = "config.write-changes-nothing",
		.title = "a driver that writes the configuration space changes nothing",
		.rows = "VIRTIO-FS-CFG-012",
		.sends = "SET_CONFIG of the tag, of num_request_queues, of all",
		.wants = "refused or not, GET_CONFIG says what it said before",
		.catches = "cfg-written",
		.start = CHECK_NEGOTIATED,
		.options = CHECK_TAG,
		.protocol = PROTOCOL_CONFIG,
		.may_die = true,
		.run = write_changes_nothing,
	},
};

const struct check_area area_config = { "config", "Configuration space", checks,
					ARRAY_SIZE(checks) };
