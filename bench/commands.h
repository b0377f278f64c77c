/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_COMMANDS_H
#define VQ_COMMANDS_H

#include "opt/opt.h"
#include "run/executor.h"

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
int command_compare(const struct command_call *c);
int command_resume(const struct command_call *c);

/** command_error() - print an error of a command; returns @status. */
int command_error(int status, const struct err *e);

/* What run and resume share; see cmd_run.c. */

/** command_plan_load() - plan @name of @dir as the options @o change it. 0 or -errno. */
int command_plan_load(struct opts *o, const char *dir, const char *name, struct plan *ret,
		      struct err *reterr) MUST_USE;
/**
 * command_kernels() - make the files of the kernels that the plan uses and the image lacks: of
 * --kernel FILE and of conf files. @ret_dir is NULL when there are none.
 */
int command_kernels(const struct command_call *c, const struct plan *p, char **ret_dir,
		    struct err *reterr) MUST_USE;
/** command_execute() - lock, head, run, report, outcome. Returns an exit status. */
int command_execute(const struct command_call *c, struct run_request *req);

#endif
