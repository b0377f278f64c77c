/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_TEST_LOAD_PING_H
#define VQ_CONFORMANCE_TEST_LOAD_PING_H

/*
 * What the front end adds to what any two threads pay that tell each other of something: a request of the load
 * generator, and one of a check, against a device that answers at once, beside two eventfds and a counter each.
 */

#include "base/json.h"

#include <stdio.h>

enum load_ping_side {
	PING_BARE,  /* no front end: eventfds and indexes */
	PING_LOAD,  /* the load generator */
	PING_CHECK, /* front_getattr(), with all that it verifies */
	PING_SIDES,
};

#define PING_ROUNDS 21

struct load_ping {
	unsigned rounds;
	double ns[PING_SIDES][PING_ROUNDS]; /* of a round trip */
};

/** load_ping_run() - all sides in turns, round by round; the threads have the CPU of the caller. */
int load_ping_run(struct load_ping *ret, struct err *reterr) MUST_USE;

/** load_ping_ratio() - median of @side by median of the bare one. -ENODATA without rounds. */
int load_ping_ratio(const struct load_ping *p, enum load_ping_side side, double *ret) MUST_USE;

void load_ping_print(const struct load_ping *p, FILE *out);
/** load_ping_figures() - append rows as those of build/bench-self.json to @list. */
void load_ping_figures(const struct load_ping *p, json_t *list);
/** load_ping_samples() - all that was measured. New reference. */
json_t *load_ping_samples(const struct load_ping *p);

#endif
