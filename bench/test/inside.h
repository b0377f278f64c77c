/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_INSIDE_H
#define VQ_TEST_INSIDE_H

#include "run/fleet.h"
#include "run/world.h"

#include <limits.h>

/*
 * What real_agent and real_record share: a fleet of guests of their own, inside the driver's
 * isolation, so that nothing outlives the program. Nothing in here asserts; what went wrong is in
 * inside.err.
 */
struct inside {
	char home[PATH_MAX]; /* this project */
	char dir[PATH_MAX];  /* of the program, for logs and results */
	char cmdline[PATH_MAX + 32];
	const char *accelerator;
	struct world world;
	struct fleet fleet;
	struct err err;
};

#define INSIDE_MEMORY_MIB 512

/**
 * inside_run() - hold the machine-wide lock, make the folder @name and call @body in isolation.
 * @body: returns its exit status; its argument is NULL. Return: exit status of the program.
 */
int inside_run(struct inside *in, const char *name, int (*body)(void *));

/** inside_open() - for the body: the world and the accelerator. 0 or -1; says why on stderr. */
int inside_open(struct inside *in) MUST_USE;

/** inside_fleet() - a fleet without guests yet; end it with fleet_free(). */
void inside_fleet(struct inside *in);

#endif
