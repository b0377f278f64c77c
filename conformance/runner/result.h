/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_RESULT_H
#define VQ_RUNNER_RESULT_H

#include "conformance/check.h"

#define RESULT_EVIDENCE 16384
#define RESULT_LOG	4096

/*
 * What came of one check. Lives in memory that the check's process shares with the runner: it is filled as
 * the check goes on, so that one that dies or hangs leaves what it knew.
 */
struct check_result {
	enum check_verdict verdict;
	char expected[CHECK_TEXT];
	char seen[CHECK_TEXT];
	char row[64];  /* the requirement that was broken, where it is not the check's first */
	char fate[32]; /* of the daemon before it was stopped; "" when it is not ours */
	uint64_t duration_ns;
	char evidence[RESULT_EVIDENCE]; /* violations and traffic, as text */
	char log[RESULT_LOG];		/* end of what the daemon said */
};

/**
 * plain_text() - at most @size bytes of @text that may come from a daemon: nothing in it that a terminal obeys, and
 * line ends become blanks.
 */
void plain_text(const char *text, size_t size, FILE *out);

/** verdict_name() - "PASS", ... */
const char *verdict_name(enum check_verdict v);

#endif
