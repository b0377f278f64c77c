/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_VHOST_RING_NOTIFY_H
#define VQ_REF_VHOST_RING_NOTIFY_H

#include "conformance/ref/vhost/ring.h"

/* The parts of kicks and calls that only the ring itself needs; ring_set_kick() and ring_call() are in ring.h. Lock held. */

/** ring_signal() - one more on the eventfd @fd; -1 is fine. */
void ring_signal(int fd);

/** ring_call_due() - @rr was pushed: shall the driver be told now, or of several later? */
bool ring_call_due(const struct ring *r, const struct ring_request *rr);

/** ring_ran_dry() - there is nothing to serve. */
void ring_ran_dry(struct ring *r);

/** ring_return_kick() - the ring stops: the kick descriptor says afterwards whether there is something to serve. */
void ring_return_kick(struct ring *r);

#endif
