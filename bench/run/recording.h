/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_RECORDING_H
#define VQ_RUN_RECORDING_H

#include "record/record.h"
#include "run/columns.h"
#include "run/session.h"

/*
 * The recording of an observed pass: host and guest sampled from when the daemon runs until the
 * share is unmounted. All functions do nothing on a zero struct, which is that of a timed pass.
 */
struct recording {
	struct record *record;
	struct agent *agent; /* NULL: no guest */
	int daemon_pidfd;
	uint32_t job;
	bool watching;
	char note[1024];	/* what was wrong with the guest's part; "" */
	struct columns columns; /* what we feed */
};

/**
 * recording_start() - begin to sample.
 * @s:           the share is laid out; daemon, relay, VMM and the guest's agent run where there are any.
 * @interval_ms: 0: the usual one.
 * @deadline_ms: after which the guest's sampler ends by itself; longer than the pass may take.
 * A guest that cannot be sampled is a note in record.json, a host that cannot is an error.
 */
int recording_start(struct recording *r, const struct session *s, unsigned interval_ms,
		    unsigned deadline_ms, struct err *reterr) MUST_USE;

/** RECORDING_BETWEEN - what the driver does between phases to make a state. */
#define RECORDING_BETWEEN "between"

/** recording_phase() - a phase begins. */
int recording_phase(struct recording *r, const char *name, struct err *reterr) MUST_USE;

/**
 * recording_stop() - end the samplers and write archives and record.json into the pass folder.
 * Call it before the share is unmounted: the guest is shown to be clean afterwards.
 * @guest_lost: the guest does not answer or is gone; it is not asked.
 * @ret:        content of record.json, new reference; may be NULL.
 */
int recording_stop(struct recording *r, bool guest_lost, json_t **ret, struct err *reterr) MUST_USE;

#endif
