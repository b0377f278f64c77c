/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_VHOST_RING_POOL_H
#define VQ_REF_VHOST_RING_POOL_H

#include "conformance/ref/vhost/ring.h"

/* What a ring keeps between requests: its request objects, and its view of guest memory. Lock held. */

/** ring_pool_fit() - as many objects as the ring has entries. 0; -EBUSY with some in use; -ENOMEM. */
int ring_pool_fit(struct ring *r) MUST_USE;
void ring_pool_free(struct ring *r);
struct ring_request *ring_pool_get(struct ring *r);
void ring_pool_put(struct ring *r, struct ring_request *rr);

/** ring_view_refresh() - look the ring up in the table of now, if that changed or @force. 0; -EFAULT; -ENOMEM. */
int ring_view_refresh(struct ring *r, bool force) MUST_USE;

/** ring_view_leave() - @rr needs its view no longer. */
void ring_view_leave(struct ring *r, struct ring_request *rr);

/** ring_view_tidy() - an idle ring gives up a view of an old table. */
void ring_view_tidy(struct ring *r);
void ring_view_drop(struct ring *r);

#endif
