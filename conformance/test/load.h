/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_TEST_LOAD_H
#define VQ_CONFORMANCE_TEST_LOAD_H

/* What the load program measures, and what it makes of that: the second half knows no daemon and can be tested. */

#include "base/json.h"
#include "conformance/front/load.h"

#define LOAD_SAMPLES_FILE "build/bench-load-samples.json"
#define LOAD_DEPTHS	  2
#define LOAD_ROUNDS_MAX	  64
#define LOAD_DEVICES_MAX  8

extern const unsigned load_depths[LOAD_DEPTHS];

/* One turn. */
struct load_sample {
	double per_s;
	double cpu_ns;	  /* of the device, each request */
	double client_ns; /* of the client, each request */
};

enum load_role {
	LOAD_PACKAGED, /* somebody else's daemon: the best of these is what ours is held against */
	LOAD_OWN,      /* the reference device as it is */
	LOAD_BARE,     /* the same without its ledger */
	LOAD_CLIENT,   /* a device that does nothing: the client's own ceiling */
};

/* One device in one table. Rounds are the same for all, but for the client's ceiling, which is looked at less often. */
struct load_series {
	const char *id;
	enum load_role role;
	bool cannot_poll; /* it has no such option: only the client polls */
	unsigned rounds;
	struct load_sample sample[FRONT_LOAD_KINDS][LOAD_DEPTHS][LOAD_ROUNDS_MAX];
};

struct load_table {
	bool busy_poll;
	unsigned count;
	struct load_series *series[LOAD_DEVICES_MAX];
	bool kinds[FRONT_LOAD_KINDS]; /* those that were asked for */
};

/**
 * load_ratio() - median over the rounds of @a's figure by that of @b in the same round: what the machine did to
 * both at that time cancels out. @cpu: CPU time, else requests per second.
 * Return: 0; -ENODATA without rounds, or when @b's figure is 0.
 */
int load_ratio(const struct load_series *a, const struct load_series *b, enum front_load_kind kind,
	       unsigned depth, bool cpu, double *ret) MUST_USE;

/**
 * load_against_best() - @t's own device by the packaged one against which it does worst.
 * Return: 0; -ENODATA when there is no such pair.
 */
int load_against_best(const struct load_table *t, enum front_load_kind kind, unsigned depth,
		      bool cpu, double *ret) MUST_USE;

/** load_print() - the table. Returns the rows in which the reference device is behind. */
unsigned load_print(const struct load_table *t, FILE *out);

/** load_figures() - append rows as those of build/bench-self.json to @list. */
void load_figures(const struct load_table *t, json_t *list);

/** load_medians(), load_samples() - a table as JSON: one row for each request, depth and device. */
json_t *load_medians(const struct load_table *t);
json_t *load_samples(const struct load_table *t);

#endif
