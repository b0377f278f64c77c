// SPDX-License-Identifier: Apache-2.0
/* virtiofs-qual: qualification suite for virtio-fs. This file knows the commands and nothing else. */
#include "commands.h"

#include "base/fs.h"
#include "stack/conf_rows.h"

#include <limits.h>
#include <string.h>

static const struct command {
	const char *name;
	const char *operands;
	const char *help;
	enum command_bit bit;
	size_t operand_count;
	int (*run)(const struct command_call *c);
} commands[] = {
	{ "doctor", "", "is this host ready? (changes nothing)", CMD_DOCTOR, 0, command_doctor },
	{ "list", "", "stacks, VMMs, kernels, workloads, metrics, plans", CMD_LIST, 0,
	  command_list },
	{ "plan", "", "the cells of a plan and the time they need; runs nothing", CMD_PLAN, 0,
	  command_plan },
	{ "run", "", "run a plan and write its report; results go to results/runs", CMD_RUN, 0,
	  command_run },
	{ "resume", " DIR", "complete a run that was interrupted, and write its report", CMD_RESUME,
	  1, command_resume },
	{ "report", " DIR", "write the report of an old run again", CMD_REPORT, 1, command_report },
	{ "compare", " BASE NEW", "two runs side by side; cells that cannot be compared are named",
	  CMD_COMPARE, 2, command_compare },
};

static void usage(FILE *out)
{
	(void)fprintf(out, "usage: virtiofs-qual COMMAND [OPTIONS]\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(out, "  %-8s%-9s %s\n", commands[i].name, commands[i].operands,
			      commands[i].help);
	(void)fprintf(
		out,
		"\n'virtiofs-qual COMMAND --help' shows the options of a command.\n"
		"Exit status: 0 good, 1 a check of the device suite failed, 2 usage or nothing selected,\n"
		"3 a failed cell or a broken host, 77 everything selected was n/a, 130 interrupted.\n");
}

int command_error(int status, const struct err *e)
{
	(void)fprintf(stderr, "virtiofs-qual: %s\n", e->text);
	return status;
}

/* The program lies in build/ of the project. */
static char *find_home(const struct opts *o)
{
	char exe[PATH_MAX];
	ssize_t n;

	if (opt_given(o, OPT_HOME))
		return realpath(o->value[OPT_HOME].text, NULL);
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n < 0)
		return NULL;
	exe[n] = '\0';
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(exe, '/');

		if (!slash)
			return NULL;
		*slash = '\0';
	}
	return strdup(exe[0] ? exe : "/");
}

static int run_command(const struct command *cmd, int argc, char **argv)
{
	CLEANUP(freep) char *home = NULL;
	struct opts opts = { 0 };
	struct command_call call = { .opts = &opts };
	struct err err = { 0 };
	int status;

	if (opt_parse(argc, argv, cmd->bit, &opts, &err) < 0) {
		(void)fprintf(stderr, "virtiofs-qual %s: %s (see: virtiofs-qual %s --help)\n",
			      cmd->name, err.text, cmd->name);
		return EXIT_USAGE;
	}
	if (opt_given(&opts, OPT_HELP)) {
		(void)printf("usage: virtiofs-qual %s%s [OPTIONS]\n%s\n\n", cmd->name,
			     cmd->operands, cmd->help);
		opt_help(stdout, cmd->bit);
		return EXIT_OK;
	}
	if (opts.operand_count != cmd->operand_count) {
		(void)fprintf(
			stderr,
			"virtiofs-qual %s: takes %zu operand%s, not %zu (see: virtiofs-qual %s --help)\n",
			cmd->name, cmd->operand_count, cmd->operand_count == 1 ? "" : "s",
			opts.operand_count, cmd->name);
		return EXIT_USAGE;
	}
	home = find_home(&opts);
	if (!home) {
		(void)err_set(&err, 0, "cannot find the project folder; give it with --home");
		return command_error(EXIT_USAGE, &err);
	}
	call.home = home;
	for (size_t i = 0; i < opts.conf_count; i++) {
		if (stack_conf_load(opts.conf[i], NULL, &err) < 0) {
			stack_conf_free();
			return command_error(EXIT_USAGE, &err);
		}
	}
	status = cmd->run(&call);
	stack_conf_free();
	return status;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return EXIT_OK;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return run_command(&commands[i], argc - 1, argv + 1);
	(void)fprintf(stderr, "virtiofs-qual: no command '%s' (see: virtiofs-qual --help)\n",
		      argv[1]);
	return EXIT_USAGE;
}
