/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_PASS_H
#define VQ_RUN_PASS_H

#include "run/fleet.h"
#include "run/store.h"

/* Far beyond what a step takes under TCG on a busy host. */
#define PASS_STEP_MS 10000

/* What passes share. */
struct pass_context {
	const struct world *world;
	struct fleet *fleet;
	unsigned time_ms;  /* bound of one phase */
	unsigned grace_ms; /* past which it counts as hung */
	unsigned step_ms;  /* bound of plug, mount, unmount, unplug, each; 0: PASS_STEP_MS */
	unsigned serial;   /* counts passes; names share folders and sockets */
	void (*stage)(void *arg, const char *what); /* progress; may be NULL */
	void *stage_arg;
};

/**
 * pass_run() - one pass of a cell: fresh share, daemon, device and mount; all phases; take-down.
 * @kind: in an observed pass phases run once over the data without a bound on time, operations are
 *        counted, and no time becomes a metric.
 * @dir: where raw files go.
 * Everything that can be said about it is in @ret; only a broken harness (no memory, no disk)
 * leaves it without a status.
 */
void pass_run(struct pass_context *ctx, const struct cell *c, enum pass_kind kind, const char *dir,
	      struct pass_result *ret);

#endif
