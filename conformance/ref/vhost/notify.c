// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/vhost/notify.h"

#include <endian.h>
#include <stddef.h>
#include <string.h>

#include "conformance/ref/fault/fault.h"
#include "conformance/wire/virtio_fs.h"

struct message {
	struct fuse_out_header head;
	struct fuse_notify_inval_inode_out body;
};
_Static_assert(sizeof(struct message) == 40, "wire size");

/* What notify-large says to be enough: a header and the smallest of all messages. */
#define TOO_FEW (sizeof(struct fuse_out_header) + sizeof(struct fuse_notify_poll_wakeup_out))

bool notify_is_on(void)
{
	return fault_armed(FAULT_NOTIFY_UNIQUE) || fault_armed(FAULT_NOTIFY_LARGE) ||
	       fault_armed(FAULT_NOTIFY_INSIDE);
}

void notify_config(uint8_t *space, unsigned queues)
{
	uint32_t requests = htole32(queues - 2);
	uint32_t bytes = htole32(fault_at(FAULT_NOTIFY_LARGE) ? TOO_FEW : sizeof(struct message));

	memcpy(space + offsetof(struct virtio_fs_config, num_request_queues), &requests,
	       sizeof(requests));
	memcpy(space + VIRTIO_FS_CONFIG_BYTES, &bytes, sizeof(bytes));
}

static void put(const struct ref_request *r, const void *data, size_t size)
{
	const uint8_t *from = data;

	for (unsigned i = 0; i < r->out_count && size > 0; i++) {
		size_t part = r->out[i].iov_len < size ? r->out[i].iov_len : size;

		memcpy(r->out[i].iov_base, from, part);
		from += part;
		size -= part;
	}
}

/* Without a buffer nothing is said: whoever caches finds out by himself. */
static void say(struct queue *to, uint64_t nodeid, uint64_t unique)
{
	const struct message m = {
		.head = { .len = sizeof(m), .error = FUSE_NOTIFY_INVAL_INODE, .unique = unique },
		.body = { .ino = nodeid },
	};
	struct ring_request *rr;
	size_t bytes;

	(void)pthread_mutex_lock(&to->ring.lock);
	/* Its own thread may be late to see the kick that starts it. */
	if (!to->ring.started && !to->ring.stopped_at_set)
		(void)ring_start(&to->ring);
	rr = ring_pop(&to->ring, 1);
	(void)pthread_mutex_unlock(&to->ring.lock);
	if (!rr)
		return;
	bytes = rr->pub.out_bytes < sizeof(m) ? rr->pub.out_bytes : sizeof(m);
	put(&rr->pub, &m, bytes);
	ref_request_done(&rr->pub, (uint32_t)bytes);
}

void notify_begin(struct queue *to, const struct ref_request *r, struct fuse_in_header *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (r->in_count > 0 && r->in[0].iov_len >= sizeof(*ret))
		memcpy(ret, r->in[0].iov_base, sizeof(*ret));
	if (ret->nodeid && fault_at(FAULT_NOTIFY_INSIDE))
		say(to, ret->nodeid, 0);
}

void notify_end(struct queue *to, const struct fuse_in_header *of)
{
	if (of->nodeid)
		say(to, of->nodeid, fault_at(FAULT_NOTIFY_UNIQUE) ? of->unique : 0);
}
