// SPDX-License-Identifier: Apache-2.0
/* Wrong answers to the front end, and wrong entries in rings. */
#include "conformance/ref/fault/breaks.h"

#include "base/clock.h"
#include "conformance/ref/log.h"
#include "conformance/wire/virtio_fs.h"

#include <byteswap.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define BIT(n) (UINT64_C(1) << (n))
/* No file system device has it. */
#define FEATURE_NONE 1
/* fault_wait_alone() waits at most that long: a test that fails is better than one that hangs. */
#define ALONE_MS 20000
#define EARLY_MS 50

static struct {
	bool set;
	uint32_t offset;
	size_t size;
	uint8_t bytes[256];
} written; /* one front end configures at a time */

void fault_config_write(uint32_t offset, const void *data, size_t size)
{
	if (size > sizeof(written.bytes) || offset > sizeof(written.bytes) - size)
		return;
	memcpy(written.bytes, data, size);
	written.offset = offset;
	written.size = size;
	written.set = true;
}

static void change_queues(uint8_t *space)
{
	const size_t at = offsetof(struct virtio_fs_config, num_request_queues);
	uint32_t queues;

	memcpy(&queues, space + at, sizeof(queues));
	if (fault_at(FAULT_CFG_SWAPPED)) {
		memcpy(space + at + sizeof(queues), &queues, sizeof(queues));
		queues = 0;
	}
	if (fault_at(FAULT_CFG_BIG_ENDIAN))
		queues = bswap_32(queues);
	if (fault_at(FAULT_CFG_ZERO_QUEUES))
		queues = 0;
	memcpy(space + at, &queues, sizeof(queues));
}

void fault_config(uint8_t *space, size_t size, uint32_t *offset, bool features_set)
{
	size_t tag = strnlen((const char *)space, VIRTIO_FS_TAG_BYTES);

	if (tag < VIRTIO_FS_TAG_BYTES && fault_at(FAULT_CFG_TAG_PADDING))
		memset(space + tag, ' ', VIRTIO_FS_TAG_BYTES - tag);
	if (tag == VIRTIO_FS_TAG_BYTES && fault_at(FAULT_CFG_TAG_CUT))
		space[VIRTIO_FS_TAG_BYTES - 1] = '\0';
	change_queues(space);
	if (written.set && written.offset + written.size <= size && fault_at(FAULT_CFG_WRITTEN))
		memcpy(space + written.offset, written.bytes, written.size);
	if (size > VIRTIO_FS_CONFIG_BYTES && fault_at(FAULT_CFG_OVERREAD))
		memset(space + VIRTIO_FS_CONFIG_BYTES, 0x5a, size - VIRTIO_FS_CONFIG_BYTES);
	if (!features_set && fault_at(FAULT_CFG_LATE))
		memset(space, 0, size);
	if (*offset != 0 && fault_at(FAULT_CFG_OFFSET))
		*offset = 0;
}

uint64_t fault_features(uint64_t features)
{
	if (fault_at(FAULT_FEATURE_UNKNOWN))
		features |= BIT(FEATURE_NONE);
	if (fault_at(FAULT_FEATURE_LEGACY))
		features &= ~BIT(VIRTIO_F_VERSION_1);
	if (fault_at(FAULT_FEATURE_NOTIFICATION))
		features |= BIT(VIRTIO_FS_F_NOTIFICATION);
	if (fault_at(FAULT_FEATURE_PLATFORM))
		features |= BIT(VIRTIO_F_ACCESS_PLATFORM);
	if (fault_at(FAULT_FEATURE_SUSPEND))
		features |= BIT(VIRTIO_F_SUSPEND);
	if (fault_at(FAULT_FEATURE_IN_ORDER))
		features |= BIT(VIRTIO_F_IN_ORDER);
	return features;
}

void fault_shmem_config(struct vhost_user_shmem_config *s)
{
	static _Atomic unsigned asked;

	if (s->region_count == 0)
		return;
	if (fault_at(FAULT_SHMEM_GROWS))
		s->sizes[0] <<= asked++ % 8;
	if (fault_at(FAULT_SHMEM_ODD))
		s->sizes[0]++;
	if (fault_at(FAULT_SHMEM_SMALL))
		s->sizes[0] = MIB;
	if (fault_at(FAULT_SHMEM_COUNT))
		s->region_count = 2;
	if (fault_at(FAULT_SHMEM_ID)) {
		s->sizes[1] = s->sizes[0];
		s->sizes[0] = 0;
	}
}

void fault_mmap(struct vhost_user_mmap *m)
{
	if (fault_at(FAULT_MAP_PADDING))
		memset(m->padding, 0x5a, sizeof(m->padding));
	/* The flags of FUSE: WRITE is 1, READ is 2. */
	if (fault_at(FAULT_MAP_FLAGS))
		m->flags |= FUSE_SETUPMAPPING_FLAG_READ;
}

/* What the request is, from its own bytes; 0 when it has too few. */
static uint32_t opcode_of(const struct ref_request *r)
{
	uint8_t bytes[offsetof(struct fuse_in_header, opcode) + sizeof(uint32_t)];
	uint32_t opcode;
	size_t have = 0;

	for (unsigned i = 0; i < r->in_count && have < sizeof(bytes); i++) {
		size_t part = r->in[i].iov_len;

		if (part > sizeof(bytes) - have)
			part = sizeof(bytes) - have;
		memcpy(bytes + have, r->in[i].iov_base, part);
		have += part;
	}
	if (have < sizeof(bytes))
		return 0;
	memcpy(&opcode, bytes + offsetof(struct fuse_in_header, opcode), sizeof(opcode));
	return opcode;
}

static bool never_used(const struct ref_request *r, uint32_t opcode)
{
	bool silent = opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET;
	bool ordinary = !silent && opcode != FUSE_INTERRUPT;

	if (r->queue != REF_HIPRIO && silent && fault_at(FAULT_FORGET_HANGS))
		return true;
	if (r->queue == REF_HIPRIO && ordinary && fault_at(FAULT_HIPRIO_HANGS))
		return true;
	if (opcode == FUSE_INIT_BSWAP_RESERVED && fault_at(FAULT_INIT_SWAPPED_HANGS))
		return true;
	if (ordinary && r->out_bytes < sizeof(struct fuse_out_header) &&
	    fault_at(FAULT_NO_ROOM_HANGS))
		return true;
	return fault_at(FAULT_USED_NEVER);
}

static uint32_t wrong_length(const struct ref_request *r, uint32_t opcode, uint32_t used)
{
	if (opcode == FUSE_FORGET && fault_at(FAULT_FORGET_ANSWERED))
		return sizeof(struct fuse_out_header);
	/* There is nothing to be wrong about. */
	if (used == 0)
		return 0;
	if (fault_at(FAULT_USED_LEN_ZERO))
		return 0;
	if (used > sizeof(struct fuse_out_header) && fault_at(FAULT_USED_LEN_HEADER))
		return sizeof(struct fuse_out_header);
	if (used < r->out_bytes && fault_at(FAULT_USED_LEN_CAPACITY))
		return (uint32_t)r->out_bytes;
	if (fault_at(FAULT_USED_LEN_READABLE))
		return used + (uint32_t)r->in_bytes;
	return used + fault_at(FAULT_USED_LEN_MORE);
}

/* The one that waits for its successor on the same queue. */
static struct {
	pthread_mutex_t lock;
	bool there;
	uint16_t queue;
	struct fault_element e;
} held = { .lock = PTHREAD_MUTEX_INITIALIZER };

static unsigned reorder(const struct ref_request *r, struct fault_element *e)
{
	unsigned count = 1;

	(void)pthread_mutex_lock(&held.lock);
	if (held.there && held.queue == r->queue) {
		e[1] = held.e;
		held.there = false;
		count = 2;
	} else if (!held.there && fault_at(FAULT_USED_REORDERED)) {
		held.there = true;
		held.queue = r->queue;
		held.e = e[0];
		count = 0;
	}
	(void)pthread_mutex_unlock(&held.lock);
	return count;
}

unsigned fault_used(const struct ref_request *r, struct fault_element e[FAULT_ELEMENTS_MAX])
{
	uint32_t opcode = opcode_of(r);

	fault_serving.opcode = opcode;
	if (never_used(r, opcode))
		return 0;
	e[0].used = wrong_length(r, opcode, e[0].used);
	if (fault_at(FAULT_USED_HEAD))
		e[0].head++;
	if (fault_at(FAULT_USED_TWICE)) {
		e[1] = e[0];
		return 2;
	}
	return reorder(r, e);
}

void fault_exit(const char *why)
{
	ref_log(REF_LOG_ERROR, "ending, as --fault says: %s", why);
	_exit(FAULT_EXIT_CODE);
}

void fault_early_hide(const struct ref_request *r, struct fuse_out_header *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (r->out_count == 0 || r->out[0].iov_len < sizeof(*ret))
		return;
	memcpy(ret, r->out[0].iov_base, sizeof(*ret));
	memset(r->out[0].iov_base, 0, sizeof(*ret));
}

void fault_early_show(const struct ref_request *r, const struct fuse_out_header *h)
{
	(void)poll(NULL, 0, EARLY_MS);
	if (h->len != 0)
		memcpy(r->out[0].iov_base, h, sizeof(*h));
}

bool fault_call(bool wanted)
{
	if (wanted)
		return !fault_at(FAULT_CALL_LOST);
	return fault_at(FAULT_CALL_SPURIOUS);
}

void fault_wait_alone(const unsigned *in_flight)
{
	uint64_t end_ns = clock_deadline_ms(ALONE_MS);

	while (__atomic_load_n(in_flight, __ATOMIC_SEQ_CST) > 1 && clock_now_ns() < end_ns)
		(void)poll(NULL, 0, 1);
}
