/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_OPTIONS_H
#define VQ_RUNNER_OPTIONS_H

#include "base/err.h"
#include "base/strv.h"
#include "conformance/spec/spec.h"

#include <stdbool.h>
#include <stdint.h>

enum output_format {
	OUTPUT_TEXT,
	OUTPUT_JSON,
	OUTPUT_TAP,
	OUTPUT_JUNIT,
	OUTPUT_FORMATS,
};

#define OPTIONS_STACKS_MAX 8

struct conform_options {
	const char *stack[OPTIONS_STACKS_MAX];
	unsigned stack_count;
	const char *daemon;
	const char *socket;
	const char *share;
	struct strv only; /* globs; none: all */
	struct strv more; /* words for the daemon */
	struct strv env;
	bool has_level;
	enum spec_level level; /* the weakest that is run */
	bool strict;	       /* SHOULD counts */
	unsigned repeat;
	bool shuffle;
	uint64_t seed;
	unsigned timeout_ms; /* of each answer */
	unsigned jobs;	     /* 0: as many as processors */
	enum output_format format;
	const char *out;    /* folder for json, junit and tap; NULL: none */
	const char *known;  /* file of known deviations; NULL: the product's own */
	const char *golden; /* prove: file of required kills */
	const char
		*resume; /* prove: file of results, appended to; what it holds is not done again */
	bool all;	 /* prove: every fault against every check, not only those that name it */
	unsigned time_s; /* fuzz: for so long; 0: until `count` */
	unsigned count;	 /* fuzz: so many programs; 0: until the time is over */
	bool hostile;	 /* fuzz: what no guest may do, too */
	const char *home;
	bool list;
	bool verbose;
	bool help;
	bool version;
	/* a command and its operands, such as "explain ID" */
	char **operands;
	int operand_count;
};

/** conform_options_parse() - 0; -EINVAL with what is wrong and what is allowed. */
int conform_options_parse(int argc, char **argv, struct conform_options *ret, struct err *reterr)
	MUST_USE;
/** conform_is_prove() - is the command "prove": are the checks tested instead of a daemon? */
bool conform_is_prove(const struct conform_options *o);
/** conform_is() - is the command @name, such as "fuzz"? */
bool conform_is(const struct conform_options *o, const char *name);
/** conform_meets_daemon() - does the command start one: a suite, prove, replay, fuzz? */
bool conform_meets_daemon(const struct conform_options *o);
void conform_options_free(struct conform_options *o);
void conform_options_help(FILE *out);

#endif
