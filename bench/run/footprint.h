/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_FOOTPRINT_H
#define VQ_RUN_FOOTPRINT_H

#include "run/pass.h"

/**
 * footprint_run() - a pass of a TOOL_FOOTPRINT workload: newly restored guests, a session in each,
 * every guest reads its tree, all terms are added up and checked against the host's own change.
 * @kind: an observed pass does the same once behind relays and with samplers, and measures no memory.
 * @dir: where raw files go: footprint.json with every attempt, try<N>/g<M> of each guest.
 */
void footprint_run(struct pass_context *ctx, const struct cell *c, enum pass_kind kind,
		   const char *dir, struct pass_result *ret);

#endif
