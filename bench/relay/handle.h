/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RELAY_HANDLE_H
#define VQ_RELAY_HANDLE_H

#include "relay/serve.h"

#define BIT(n) (UINT64_C(1) << (n))

/* @in is the VMM's message, @out the one that the daemon will get: a copy with borrowed descriptors. */
typedef int request_fn(struct serve *s, struct message *in, struct message *out,
		       struct err *reterr);
/* The daemon has done it: @reply is its answer, NULL when it gives none. */
typedef int done_fn(struct serve *s, const struct vhost_user_vring_state *state,
		    struct message *reply, struct err *reterr);

/* Messages about rings. */
request_fn handle_set_num, handle_set_base, handle_set_addr, handle_set_kick, handle_set_call,
	handle_set_enable, handle_get_base, handle_reset;
done_fn handle_kick_done, handle_enable_done, handle_base_done;

#endif
