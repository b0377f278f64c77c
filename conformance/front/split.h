/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FRONT_SPLIT_H
#define VQ_FRONT_SPLIT_H

#include "conformance/front/ring.h"

/* A split ring, raw: every byte of it can be written. The polite way is ring.h. */

struct vring_desc *front_split_desc(const struct front_ring *r);
struct vring_avail *front_split_avail(const struct front_ring *r);
struct vring_used *front_split_used(const struct front_ring *r);
__virtio16 *front_split_used_event(const struct front_ring *r);
__virtio16 *front_split_avail_event(const struct front_ring *r);

/** front_split_take() - a descriptor that is free, for a raw chain; -ENOSPC. */
int front_split_take(struct front_ring *r) MUST_USE;
/** front_split_write() - any descriptor; what is compared later is what was written last. */
void front_split_write(struct front_ring *r, uint16_t at, uint64_t guest, uint32_t len,
		       uint16_t flags, uint16_t next);
/** front_split_offer() - put any head into the next entry of the available ring; publish makes it seen. */
void front_split_offer(struct front_ring *r, uint16_t head);
/** front_split_set_index() - any available index, at once. The polite functions go on from there. */
void front_split_set_index(struct front_ring *r, uint16_t index);

#endif
