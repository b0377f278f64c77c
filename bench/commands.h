/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_COMMANDS_H
#define VQ_COMMANDS_H

#include "opt/opt.h"

/* Exit statuses of every program of the project (DESIGN). Never a count. */
enum exit_status {
	EXIT_OK = 0,
	EXIT_FAIL = 1,
	EXIT_USAGE = 2,
	EXIT_BROKEN = 3,
	EXIT_REGRESSION = 4,
	EXIT_SKIPPED = 77,
	EXIT_INTERRUPTED = 130,
};

/* The program layer: it alone prints errors, and each once. */
struct command_call {
	const char *home; /* project folder */
	struct opts *opts;
};

int command_doctor(const struct command_call *c);
int command_list(const struct command_call *c);
int command_plan(const struct command_call *c);
int command_run(const struct command_call *c);
int command_report(const struct command_call *c);

/** command_error() - print an error of a command; returns @status. */
int command_error(int status, const struct err *e);

#endif
