/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_PROVE_H
#define VQ_RUNNER_PROVE_H

#include "conformance/runner/suite.h"

/*
 * Are the checks any good? Each names faults; each fault is switched on in a daemon, and the check has to
 * notice. The reference device has switches of its own; into others a library is loaded.
 */

/* A word of `catches` that names a fault of the library, not of the reference device. */
#define PROVE_PRELOAD "preload:"

enum proof_verdict {
	PROOF_CAUGHT,	   /* it fired, and the check failed */
	PROOF_MISSED,	   /* it fired, and the check passed: it is no good */
	PROOF_NOT_REACHED, /* it never fired: nothing is known */
	PROOF_LEFT_OUT,	   /* the check does not pass on this daemon without a fault either */
	PROOF_BROKEN,	   /* the check could not be done */
	PROOF_VERDICTS,
};

#define PROOF_WORD 96

/* One fault of one daemon against one check. */
struct proof_row {
	char stack[PROOF_WORD];
	char fault[PROOF_WORD]; /* as in `catches` */
	char check[PROOF_WORD];
	enum proof_verdict verdict;
	char seen[256];
	bool claimed; /* the check names the fault */
};

struct proof_table {
	struct proof_row **row; /* in the order in which they came */
	size_t count, room;
	void *index;  /* by stack, fault and check */
	FILE *resume; /* each row that has run is appended; NULL: nowhere */
};

/** proof_verdict_name() - "caught", "missed", "not reached", ... */
const char *proof_verdict_name(enum proof_verdict v);
/** proof_add() - a copy of @r; one of the same pair stays as it was. 0 or -errno. */
int proof_add(struct proof_table *t, const struct proof_row *r) MUST_USE;
struct proof_row *proof_find(const struct proof_table *t, const char *stack, const char *fault,
			     const char *check);
/** proof_resume() - read @path, if it is there, and append to it from now on. -EINVAL: not such a file. */
int proof_resume(struct proof_table *t, const char *path, struct err *reterr) MUST_USE;
void proof_free(struct proof_table *t);

/** prove_run() - all claims (with --all: every pair) of one target into @table. 0; -errno with text. */
int prove_run(const struct target *t, const char *library, const struct suite *s, const char *dir,
	      struct proof_table *table, struct err *reterr) MUST_USE;

/** prove_print() - what was not caught, then figures of each stack, and a line that counts. */
void prove_print(const struct proof_table *t, FILE *out);
/** prove_json() - the same for programs. New reference. */
json_t *prove_json(const struct proof_table *t);
/** prove_failures() - claims that do not hold. */
size_t prove_failures(const struct proof_table *t);

/**
 * prove_golden() - was each kill of the file @path (fault, tab, check) seen on one of the stacks? Only what
 * they and @o->only could show is asked for. What is lost is told on @out and counted; what is new is no
 * failure. With VQ_GOLDEN_UPDATE in the environment the file is written instead: what was caught, and what
 * this run could not show.
 */
int prove_golden(const struct proof_table *t, const struct conform_options *o, const char *path,
		 FILE *out, size_t *ret_lost, struct err *reterr) MUST_USE;

#endif
