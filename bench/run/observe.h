/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_OBSERVE_H
#define VQ_RUN_OBSERVE_H

#include "run/session.h"

/*
 * What the relay of an observed pass has seen, phase by phase. Everything that the guest asked
 * between plug and the first phase is the pseudo-phase "mount"; what the driver does between
 * phases to make a state belongs to none. Where the device counts as well, the two must be equal at
 * each border (agree.h), or the pass fails. Zero-initialise; a session without a relay has nothing
 * to observe, and all of these then do nothing.
 */
struct observation {
	json_t *last;	   /* newest snapshot; NULL before the first */
	json_t *phases;	   /* phase -> what it took */
	json_t *device;	   /* what the device had counted by then; NULL: it does not count */
	unsigned compared; /* how often relay and device were found to be equal */
};

/** observe_before() - a phase is about to begin. */
int observe_before(struct observation *o, const struct session *s, struct pass_result *r) MUST_USE;

/** observe_after() - it has ended: keep the difference. */
int observe_after(struct observation *o, const struct session *s, const char *phase,
		  struct pass_result *r) MUST_USE;

/** observe_finish() - write ops.json, make metrics of it, note what was negotiated. Releases @o. */
void observe_finish(struct observation *o, const struct session *s, struct pass_result *r);

/** observe_difference() - counters of @after without those of @before (NULL: zero). New reference. */
json_t *observe_difference(json_t *after, json_t *before);

/** OBSERVE_MOUNT - the pseudo-phase. */
#define OBSERVE_MOUNT "mount"

#endif
