/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FRONT_PACKED_H
#define VQ_FRONT_PACKED_H

#include "conformance/front/ring.h"

/* A packed ring, raw: every byte of it can be written. The polite way is ring.h. */

struct vring_packed_desc *front_packed_desc(const struct front_ring *r);
struct vring_packed_desc_event *front_packed_driver_event(const struct front_ring *r);
struct vring_packed_desc_event *front_packed_device_event(const struct front_ring *r);

/** front_packed_write() - any descriptor, flags last; nothing else changes. */
void front_packed_write(struct front_ring *r, uint16_t at, uint64_t guest, uint32_t len,
			uint16_t id, uint16_t flags);

#endif
