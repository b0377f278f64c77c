// SPDX-License-Identifier: Apache-2.0
/* Sessions of the other byte order. */
#include "conformance/device/areas.h"
#include "conformance/device/meta.h"

#include <byteswap.h>

/* INIT as a driver of the other byte order writes it; what the answer says is the device's choice. */
static bool swapped_init(struct check_run *r)
{
	struct front_op op = front_op_init(FUSE_KERNEL_VERSION, 38, 128 * KIB, 0);
	struct front_request *q;
	uint32_t word, len;
	uint64_t unique;
	bool good;
	int e;

	if (!check_host(r, "request", front_prepare(r->f, &op, &q)))
		return false;
	/* All of it is of 32-bit words, but for the nodeid, which is 0, and unique. */
	for (size_t at = 0; at + 4 <= q->in_size; at += 4) {
		memcpy(&word, q->in + at, 4);
		word = bswap_32(word);
		memcpy(q->in + at, &word, 4);
	}
	unique = bswap_64(q->unique);
	memcpy(q->in + offsetof(struct fuse_in_header, unique), &unique, sizeof(unique));
	q->raw = true;
	e = front_submit(q);
	if (e == 0)
		e = front_wait(q, front_deadline(r->f));
	good = check_that(r, q->state == FRONT_DONE && q->used >= sizeof(q->head),
			  "an answer of 16 bytes or more to a swapped INIT",
			  "result %d, %u bytes used", e, q->used);
	len = q->head.len;
	front_request_free(q);
	return good && check_that(r, len >= 16 && (len < 4096 || bswap_32(len) < 4096),
				  "a length in one of the two byte orders", "%u", len);
}

static void answered(struct check_run *r)
{
	WANT(swapped_init(r));
	WANT(check_session(r, r->f, 0));
	WANT(check_alive(r));
}

static void between(struct check_run *r)
{
	uint64_t nodeid;

	WANT(meta_file(r, "file", &nodeid));
	WANT(swapped_init(r));
	WANT(check_session(r, r->f, 0));
	WANT(node_of(r, "file", &nodeid));
}

static const struct check checks[] = {
	{
		.id = "byteorder.answered",
		.title = "INIT of the other byte order is answered",
		.rows = "VIRTIO-FS-INIT-007",
		.sends = "INIT with each field swapped, then INIT",
		.wants = "an answer with a length in one of the two orders, then a session",
		.catches = "init-swapped-hangs",
		.start = CHECK_RINGS,
		.run = answered,
	},
	{
		.id = "byteorder.between",
		.title = "a session of ours can follow one of the other byte order",
		.rows = "VIRTIO-FS-INIT-008 VIRTIO-FS-INIT-007",
		.sends = "LOOKUP, INIT with each field swapped, INIT, LOOKUP",
		.wants = "an answer to each, success in our byte order",
		.catches = "init-swapped-hangs",
		.run = between,
	},
};

const struct check_area area_byteorder = { "byteorder", "Byte order of a session", checks,
					   ARRAY_SIZE(checks) };
