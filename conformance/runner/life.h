/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_LIFE_H
#define VQ_RUNNER_LIFE_H

#include "base/proc.h"
#include "conformance/runner/target.h"

/* A daemon that was started for one check, and the folders that it works in. */
struct life {
	const struct target *target;
	char dir[128];
	char share[160];
	char outside[160];
	char socket[160];
	char log[160];
	char counters[160];
	char mounted[176];  /* a file system below the share; "": none */
	char readonly[176]; /* what the daemon is given instead of the share; "": nothing */
	bool own_disk;
	bool started; /* by us */
	struct proc daemon;
	uint64_t outside_digest;
	/* life_is_stalled(): when it was asked last, what processor time the daemon had, since when it is asleep */
	uint64_t asked_ns;
	uint64_t cpu_ns;
	uint64_t asleep_ns;
};

/** life_start() - folders below @dir (which is made), then the daemon. 0; -errno with text. */
int life_start(struct life *l, const struct target *t, unsigned options, const char *dir,
	       struct err *reterr) MUST_USE;
/** life_fate() - "alive", "exited:N", "signal:N"; @leaving: give it a moment to end first. Returns @scratch. */
const char *life_fate(struct life *l, bool leaving, char *scratch, size_t size);
/**
 * life_is_stalled() - has no thread of the daemon run for a while, and is none about to? Then no answer will come to what
 * it was told. For struct front_options; @life is a struct life. False where its processes are not known to be ours.
 */
bool life_is_stalled(void *life);
/** life_log() - the end of what it said. */
void life_log(const struct life *l, char *ret, size_t size);
/** life_end() - stop what is left of it, remove the folders. */
void life_end(struct life *l);
/** life_sweep() - folders and disks of a life in @dir whose process was killed. */
void life_sweep(const char *dir);

/** reap_all() - kill and reap every child of this process but those in @keep. */
void reap_all(const pid_t *keep, size_t count);

#endif
