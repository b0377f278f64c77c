/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_PLAN_H
#define VQ_RUN_PLAN_H

#include "run/cell.h"

/* Suites of a plan: cells of `bench`; checks of `device`, which needs no guest, and of `guest`. */
enum plan_suite {
	PLAN_BENCH = 1 << 0,
	PLAN_DEVICE = 1 << 1,
	PLAN_GUEST = 1 << 2,
};

/* A plan file: what is run, how often. Each `cells` section is a cross product of its lists. */
struct plan {
	char *name; /* file name without folder and ".conf" */
	char *title;
	char *text; /* of the file */
	unsigned rounds;
	unsigned observed;  /* untimed passes of each cell, after the rounds */
	unsigned time_ms;   /* upper bound of one phase of a workload */
	unsigned grace_ms;  /* how long past that a phase may take before it counts as hung */
	unsigned boot_ms;   /* how long a guest may take to boot */
	unsigned step_ms;   /* plug, mount, unmount, unplug, each */
	unsigned share_mib; /* size of the private file system that shares lie on */
	uint64_t seed;
	unsigned suites; /* enum plan_suite */
	struct cell_list cells;
	const struct stack **daemon; /* that the device suite checks; by plan_select() */
	size_t daemon_count;
	struct cell_list
		checks; /* cells of the guest suite: the modes of the plan; by plan_select() */
};

/* What the command line keeps of a plan; NULL keeps all. */
struct plan_filter {
	const char *stack_glob;
	const char *workload_glob;
	const char *cell_glob;
	const char *kernel; /* replaces the kernel of every cell */
	unsigned suites;    /* instead of the plan's; 0: the plan's */
};

/**
 * plan_load() - read and check a plan.
 * @name: a name (looked up as @plan_dir/NAME.conf) or a path with a slash or ".conf".
 * Return: 0; -ENOENT; -EINVAL with file, line, what is wrong and what is allowed.
 */
int plan_load(const char *plan_dir, const char *name, struct plan *ret, struct err *reterr)
	MUST_USE;

/**
 * plan_select() - drop the cells that the filter excludes, and find the daemons of the device suite. Who chooses
 * workloads or cells chooses no checks, unless the filter names suites. -ENOENT when nothing is left.
 */
int plan_select(struct plan *p, const struct plan_filter *f, struct err *reterr) MUST_USE;

/**
 * plan_order() - the seeded, shuffled order of a round: cells.count indexes; owned. Observed
 * passes go on counting behind the last timed round.
 */
size_t *plan_order(const struct plan *p, unsigned round) MUST_USE;

/**
 * plan_observed() - observed passes of a cell. A footprint has one: its rounds are untimed already, and
 * the one is there for the archive and the operations of what was measured.
 */
unsigned plan_observed(const struct plan *p, const struct cell *c);

/** plan_at() - cells of the plan, then those of its guest suite: all that guests and daemons are needed for. NULL behind. */
const struct cell *plan_at(const struct plan *p, size_t index);

void plan_free(struct plan *p);

#endif
