/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_DEVICE_RINGS_H
#define VQ_CONFORMANCE_DEVICE_RINGS_H

/* What the areas of queues and rings share. Those that return bool are words of checks: false, and the verdict is set. */

#include "base/clock.h"
#include "conformance/device/held.h"
#include "conformance/front/packed.h"
#include "conformance/front/split.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <poll.h>

#define FEATURE_INDIRECT BIT(VIRTIO_RING_F_INDIRECT_DESC)
#define FEATURE_EVENT	 BIT(VIRTIO_RING_F_EVENT_IDX)
#define FEATURE_PACKED	 BIT(VIRTIO_F_RING_PACKED)
#define IN_HEADER	 sizeof(struct fuse_in_header)
#define OUT_HEADER	 sizeof(struct fuse_out_header)
#define RINGS_SEED	 1
/* Requests of one batch at most. */
#define BATCH_MAX 256
/* A chain that makes no sense need not come back. How long silence is listened to. */
#define SILENCE_MS 200
/* A request that must come although another one is held. */
#define MEANWHILE_MS 1000
/* What must still work after a chain that makes no sense: a device that hangs is waited for that long. */
#define SURVIVAL_MS 500

/* ---- requests ---- */

/** rings_submit() - prepared and made available. 0 or FRONT_FAILED. */
static inline int rings_submit(struct front *f, const struct front_op *op,
			       struct front_request **ret)
{
	int e = front_prepare(f, op, ret);

	return e == 0 ? front_submit(*ret) : e;
}

/** rings_within() - ask, and wait for so long only. A result as front_wait(). */
static inline int rings_within(struct front *f, const struct front_op *op, uint64_t ms)
{
	struct front_request *q = NULL;
	int e = rings_submit(f, op, &q);

	if (e == 0)
		e = front_wait(q, clock_deadline_ms(ms));
	front_request_free(q);
	return e;
}

/** rings_root() - GETATTR of the root on queue @queue. */
static inline int rings_root(struct front *f, unsigned queue)
{
	struct front_op op = front_op_getattr(FRONT_ROOT, NULL);

	op.queue = queue;
	return front_do(f, &op, NULL, 0, NULL);
}

/** rings_batch() - @count times @op, published by one index and one kick; all must come back, well. */
static inline bool rings_batch(struct check_run *r, const struct front_op *op, unsigned count)
{
	struct front_request *q[BATCH_MAX] = { NULL };
	struct say t;
	bool good = true;

	for (unsigned i = 0; good && i < count; i++) {
		good = check_ok(r, "prepare", front_prepare(r->f, op, &q[i]));
		if (good && front_enqueue(q[i]) != 0)
			good = check_ok(r, "put into the ring", FRONT_FAILED);
	}
	if (good)
		front_kick(r->f, q[0]->queue);
	for (unsigned i = 0; good && i < count; i++)
		good = check_ok(r, say(&t, "request %u of a batch of %u", i, count),
				front_wait(q[i], front_deadline(r->f)));
	for (unsigned i = 0; i < count; i++)
		front_request_free(q[i]);
	return good;
}

/* ---- rings begun again ---- */

/** rings_again() - stop all, change the size if @size, and start at @base; then a new session. Split only. */
static inline bool rings_again(struct check_run *r, unsigned size, uint16_t base)
{
	struct front *f = r->f;
	struct err err = { "" };
	int e = front_stop(f, &err);

	for (unsigned i = 0; e == 0 && size && i < f->ring_count; i++) {
		bool event_idx = f->ring[i].event_idx;
		const struct front_ring_ops *ops = f->ring[i].ops;

		front_ring_close(&f->ring[i]);
		e = front_ring_open(&f->ring[i], ops, i, (uint16_t)size, event_idx, f->memory,
				    f->evidence);
	}
	for (unsigned i = 0; e == 0 && i < f->ring_count; i++) {
		front_ring_reset(&f->ring[i], base);
		f->base[i] = base;
		/* As the device has left it at that index: it wants to be told of the next one. */
		if (f->ring[i].event_idx)
			*front_split_avail_event(&f->ring[i]) = htole16(base);
	}
	f->kept = true;
	if (e == 0)
		e = front_start(f, &err);
	return check_that(r, e == 0, "rings can be stopped and started again", "%s", err.text) &&
	       check_ok(r, "INIT of a new session", front_init(f, 0, NULL));
}

#endif
