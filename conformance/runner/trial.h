/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_TRIAL_H
#define VQ_RUNNER_TRIAL_H

#include "conformance/program/exec.h"
#include "conformance/runner/target.h"

#define TRIAL_LOG 2048

/* What is held against a daemon when it has met a program. */
enum trial_oracle {
	TRIAL_FATE,    /* that it ended, hung, wrote outside of the share */
	TRIAL_HOSTILE, /* and broke the rules of rings and memory where the program did not */
	TRIAL_MILD,    /* and any other rule of the front end; did not answer */
};

struct trial_options {
	const char *dir; /* to be made and removed */
	unsigned timeout_ms;
	enum trial_oracle oracle;
};

/* One daemon, one program. Lies in memory that processes share. */
struct trial {
	char broken[512]; /* "": it could be done */
	char fate
		[32]; /* "alive", "exited:N", "signal:N", "hung", "escaped", "sanitizer", "no-answer", ... */
	bool bad;      /* that, or a violation, should not be */
	char what[64]; /* the one word for it: the fate, or violation:NAME */
	char log[TRIAL_LOG];
	struct program_result result;
};

/** trial_new() - memory for one. */
struct trial *trial_new(void) MUST_USE;
struct trial *trial_free(struct trial *t);

/**
 * trial_run() - a fresh daemon and share, the program in a process of its own, with a deadline; then: does it live,
 * does it answer, does it end well? Return: 0 (look at @ret); -errno when no process could be made.
 */
int trial_run(const struct target *t, const struct program *p, const struct trial_options *o,
	      struct trial *ret, struct err *reterr) MUST_USE;

#endif
