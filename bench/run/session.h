/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_SESSION_H
#define VQ_RUN_SESSION_H

#include "run/counters.h"
#include "run/pass.h"
#include "run/place.h"
#include "run/share.h"

/* What the guest finds the device by, and where it mounts it. */
#define SESSION_TAG   "vq"
#define SESSION_MOUNT "/mnt/vq"
/* An answer of the guest's tool, in steps: it may itself wait for one. */
#define SESSION_TOOL_STEPS 2

/* A share that is served and mounted for one pass. Zero-initialise; session_close() undoes all. */
struct session {
	const struct cell *cell;
	const char *dir; /* raw files of the pass */
	unsigned
		step_ms; /* bound of each step around the phases; session_open() takes it from its context */
	struct share share;
	struct place place;
	struct fleet_guest *guest; /* NULL: baseline */
	bool lent;		   /* share and guest are the caller's, set before session_open() */
	struct proc daemon;
	struct proc daemon_pump;
	bool unproved;			/* DAX is proved in another session of the pass, or pass */
	bool observed;			/* a relay goes between VMM and daemon */
	struct relay *relay;		/* NULL: none */
	struct recording *recording;	/* begun before the device is plugged; NULL: none */
	char socket[108];		/* that the VMM connects to */
	char counters[96];		/* file that the daemon counts in; "": it does not */
	struct counters counters_start; /* before the first phase */
	char daemon_socket[108];  /* that the daemon listens on, behind a relay; "": the same */
	struct vmm_device device; /* on the command line of a VMM without hot-plug */
	bool plugged;
	bool mounted;
	bool daemon_told;	/* the reason already has its fate */
	bool guest_lost;	/* does not answer, or is gone: drop it */
	double cached_at_mount; /* guest "Cached" right after the mount */
};

/** session_open() - share, daemon, relay if observed, device, mount. Fills status and reason of @r when that fails. */
int session_open(struct pass_context *ctx, struct session *s, struct pass_result *r) MUST_USE;

/** session_close() - unmount, unplug, collect logs and fates, show that the guest is clean. */
void session_close(struct pass_context *ctx, struct session *s, struct pass_result *r);

/** session_beyond_stack() - is the cell's cache mode one that its stack is not known to have? Then a
 * refusal is its answer. */
bool session_beyond_stack(const struct cell *c);

#endif
