/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_VHOST_NOTIFY_H
#define VQ_REF_VHOST_NOTIFY_H

/*
 * A notification queue, only there with --fault=notify-...: the device offers NOTIFICATION then, keeps the
 * buffers of queue 1, and tells of a node after each request on it. All is as the standard has it but for what
 * the fault breaks.
 */

#include "conformance/ref/vhost/queue.h"

#include <linux/fuse.h>

/* Its index. Source: virtio 1.4, 5.11.2. */
#define NOTIFY_QUEUE 1

/** notify_is_on() - is one of its faults asked for? */
bool notify_is_on(void);

/** notify_config() - the fields of @space that depend on it; @queues: all of them. */
void notify_config(uint8_t *space, unsigned queues);

/** notify_begin() - @r is about to be served; its header goes to @ret. */
void notify_begin(struct queue *to, const struct ref_request *r, struct fuse_in_header *ret);
/** notify_end() - it was served. */
void notify_end(struct queue *to, const struct fuse_in_header *of);

#endif
