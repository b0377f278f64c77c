/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_OPT_OPT_H
#define VQ_OPT_OPT_H

#include "base/err.h"
#include "base/strv.h"

#include <jansson.h>
#include <stdbool.h>

/* Every option of every command is a row of one table; help, parsing and run.json come from it. */
enum command_bit {
	CMD_DOCTOR = 1 << 0,
	CMD_LIST = 1 << 1,
	CMD_PLAN = 1 << 2,
	CMD_RUN = 1 << 3,
	CMD_REPORT = 1 << 4,
	CMD_RESUME = 1 << 5,
	CMD_COMPARE = 1 << 6,
};

enum opt_id {
	OPT_PLAN,
	OPT_CONF,
	OPT_STACK,
	OPT_WORKLOAD,
	OPT_CELL,
	OPT_KERNEL,
	OPT_MODULES,
	OPT_ACCELERATOR,
	OPT_ROUNDS,
	OPT_OBSERVED,
	OPT_SEED,
	OPT_TIME,
	OPT_VCPUS,
	OPT_MEMORY,
	OPT_OUT,
	OPT_WAIT,
	OPT_RETRY_FAILED,
	OPT_FORCE,
	OPT_ATTACH,
	OPT_SUITE,
	OPT_ONLY,
	OPT_FORMAT,
	OPT_JSON,
	OPT_HOME,
	OPT_HELP,
	OPT_COUNT,
};

struct opt_value {
	const char *text;   /* NULL: not given and no default */
	double number;	    /* of OPT_NUMBER rows */
	const char *origin; /* "default", "plan" or "command line" */
};

/* Options that may be given more than once: OPT_CONF. */
#define OPT_CONF_MAX 16

struct opts {
	const char *conf[OPT_CONF_MAX];
	size_t conf_count;
	struct opt_value value[OPT_COUNT];
	const char *const *operands;
	size_t operand_count;
};

/**
 * opt_parse() - read the arguments behind the command's name.
 * Return: 0; -EINVAL with what is wrong and what is allowed.
 */
int opt_parse(int argc, char **argv, enum command_bit command, struct opts *ret, struct err *reterr)
	MUST_USE;

/** opt_help() - the options of a command as text. */
void opt_help(FILE *out, enum command_bit command);

static inline bool opt_given(const struct opts *o, enum opt_id id)
{
	return o->value[id].text != NULL;
}

/** opt_is_json() - was JSON asked for, by --format json or --json? */
bool opt_is_json(const struct opts *o);

/** opt_from_plan() - record that a number came from the plan, unless the command line gave it. */
double opt_from_plan(struct opts *o, enum opt_id id, double plan_value);

/** opt_json() - [{name, value, origin}] of a command. New reference. */
json_t *opt_json(const struct opts *o, enum command_bit command);

/* What a result says instead of the name of a file on this machine. */
#define OPT_A_FILE "(a file)"

/**
 * opt_replay() - the arguments that give a run's options again, from what opt_json() wrote.
 * Files of the machine, and how the command spoke, are not among them.
 * Return: 0; -ENOMEM; -EINVAL when it is no such list.
 */
int opt_replay(json_t *list, struct strv *ret, struct err *reterr) MUST_USE;

#endif
