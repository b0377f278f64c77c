// SPDX-License-Identifier: Apache-2.0
/* Device configuration space, read with GET_CONFIG. */
#include "conformance/device/areas.h"

#include <linux/virtio_config.h>
#include <stddef.h>
#include <string.h>

#define PROTOCOL_CONFIG (UINT64_C(1) << VHOST_USER_PROTOCOL_F_CONFIG)
#define TAG		"conform"
#define TAG_BYTES	36

static void tag_tail(struct check_run *r)
{
	size_t end = strnlen((const char *)r->f->config, TAG_BYTES);

	WANT_SAME(r, strlen(TAG), "length of the tag", end);
	for (size_t i = end; i < TAG_BYTES; i++)
		WANT_SAME(r, 0, "byte behind the tag's end", r->f->config[i]);
}

static void one_queue(struct check_run *r)
{
	uint32_t queues;

	memcpy(&queues, r->f->config + offsetof(struct virtio_fs_config, num_request_queues),
	       sizeof(queues));
	WANT_RANGE(r, 1, FRONT_QUEUES_MAX, "num_request_queues", le32toh(queues));
}

static void fs_features(struct check_run *r)
{
	/* Bits 0 to 23 and 50 to 127 belong to the device type; bit 0 is NOTIFICATION. */
	WANT_SAME(r, 0, "feature bits 1 to 23", r->f->offered & 0xfffffe);
	WANT_SAME(r, 0, "feature bits 50 to 63", r->f->offered >> 50);
}

static const struct check checks[] = {
	{
		.id = "config.tag-tail",
		.title = "what the tag leaves of its 36 bytes is NUL",
		.rows = "VIRTIO-FS-CFG-003 VIRTIO-FS-CFG-002",
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
};

const struct check_area area_config = { "config", "Configuration space", checks,
					ARRAY_SIZE(checks) };
