// SPDX-License-Identifier: Apache-2.0
#include "opt/opt.h"

#include "base/buf.h"
#include "base/json.h"

#include <getopt.h>
#include <math.h>
#include <string.h>

enum opt_kind { OPT_FLAG, OPT_TEXT, OPT_NUMBER };

struct opt_def {
	const char *name;
	const char *arg;
	const char *help;
	const char *def;
	const char *allowed; /* words separated by '|', NULL: anything */
	bool list;	     /* several of them, parted by ',' */
	enum opt_kind kind;
	double min;
	double max;
	bool whole; /* a count: 2.5 is a mistake, not 2 */
	unsigned commands;
};

#define CMD_SELECT (CMD_PLAN | CMD_RUN)
#define CMD_ALL	   (CMD_DOCTOR | CMD_LIST | CMD_PLAN | CMD_RUN | CMD_REPORT | CMD_RESUME | CMD_COMPARE)

static const struct opt_def defs[OPT_COUNT] = {
	[OPT_PLAN] = { .name = "plan",
		       .arg = "NAME|FILE",
		       .help = "what to run",
		       .def = "quick",
		       .kind = OPT_TEXT,
		       .commands = CMD_SELECT },
	[OPT_CONF] = { .name = "conf",
		       .arg = "FILE",
		       .help = "stacks, VMMs and kernels of your own (bench/stacks/README.md); may be repeated",
		       .kind = OPT_TEXT,
		       .commands = CMD_SELECT | CMD_LIST | CMD_DOCTOR },
	[OPT_STACK] = { .name = "stack",
			.arg = "GLOB",
			.help = "only these stacks of the plan",
			.kind = OPT_TEXT,
			.commands = CMD_SELECT },
	[OPT_WORKLOAD] = { .name = "workload",
			   .arg = "GLOB",
			   .help = "only these workloads of the plan",
			   .kind = OPT_TEXT,
			   .commands = CMD_SELECT },
	[OPT_CELL] = { .name = "cell",
		       .arg = "GLOB",
		       .help = "only cells whose id matches",
		       .kind = OPT_TEXT,
		       .commands = CMD_SELECT },
	[OPT_KERNEL] = { .name = "kernel",
			 .arg = "ID|FILE",
			 .help = "guest kernel of every cell: an id of 'list', or your own bzImage or vmlinux",
			 .kind = OPT_TEXT,
			 .commands = CMD_SELECT | CMD_RESUME },
	[OPT_MODULES] = { .name = "modules",
			  .arg = "DIR",
			  .help = "its modules (a lib/modules/VERSION folder)",
			  .kind = OPT_TEXT,
			  .commands = CMD_SELECT | CMD_RESUME },
	[OPT_ACCELERATOR] = { .name = "accelerator",
			      .arg = "auto|kvm|tcg",
			      .help = "auto boots a test guest on KVM and takes TCG if that fails",
			      .def = "auto",
			      .allowed = "auto|kvm|tcg",
			      .kind = OPT_TEXT,
			      .commands = CMD_RUN | CMD_DOCTOR },
	[OPT_ROUNDS] = { .name = "rounds",
			 .arg = "N",
			 .help = "passes of each cell",
			 .kind = OPT_NUMBER,
			 .min = 1,
			 .max = 1000,
			 .whole = true,
			 .commands = CMD_SELECT },
	[OPT_OBSERVED] = { .name = "observed",
			   .arg = "N",
			   .help = "untimed passes of each cell that count operations",
			   .kind = OPT_NUMBER,
			   .max = 1000,
			   .whole = true,
			   .commands = CMD_SELECT },
	[OPT_SEED] = { .name = "seed",
		       .arg = "N",
		       .help = "order of the passes",
		       .kind = OPT_NUMBER,
		       .max = 2147483647,
		       .whole = true,
		       .commands = CMD_SELECT },
	[OPT_TIME] = { .name = "time",
		       .arg = "SECONDS",
		       .help = "upper bound of one phase of a workload",
		       .kind = OPT_NUMBER,
		       .min = 0.01,
		       .max = 3600,
		       .commands = CMD_SELECT },
	[OPT_VCPUS] = { .name = "vcpus",
			.arg = "N",
			.help = "virtual CPUs of a guest",
			.def = "1",
			.kind = OPT_NUMBER,
			.min = 1,
			.max = 64,
			.whole = true,
			.commands = CMD_RUN },
	[OPT_MEMORY] = { .name = "memory",
			 .arg = "MIB",
			 .help = "memory of a guest",
			 .def = "512",
			 .kind = OPT_NUMBER,
			 .min = 256,
			 .max = 65536,
			 .whole = true,
			 .commands = CMD_RUN },
	[OPT_OUT] = { .name = "out",
		      .arg = "DIR",
		      .help = "write the run here (default: a new folder in results/runs)",
		      .kind = OPT_TEXT,
		      .commands = CMD_RUN },
	[OPT_WAIT] = { .name = "wait",
		       .help = "when another run goes on on this machine, wait for its end",
		       .kind = OPT_FLAG,
		       .commands = CMD_RUN | CMD_RESUME },
	[OPT_RETRY_FAILED] = { .name = "retry-failed",
			       .help = "run failed passes again (default: they are kept)",
			       .kind = OPT_FLAG,
			       .commands = CMD_RESUME },
	[OPT_FORCE] = { .name = "force",
			.help = "also when versions, image or host are not those of the run; run.json says so",
			.kind = OPT_FLAG,
			.commands = CMD_RESUME },
	[OPT_ATTACH] = { .name = "attach",
			 .arg = "MOUNT",
			 .help = "inside a guest that somebody else runs: the plan's workloads on this mount",
			 .kind = OPT_TEXT,
			 .commands = CMD_SELECT | CMD_RESUME },
	[OPT_SUITE] = { .name = "suite",
			.arg = "S[,S]",
			.help = "bench, device (checks of daemons, no guest), guest (checks of mounts); default: as the plan says",
			.allowed = "bench|device|guest",
			.list = true,
			.kind = OPT_TEXT,
			.commands = CMD_SELECT | CMD_LIST },
	[OPT_ONLY] = { .name = "only",
		       .arg = "GLOB[,GLOB]",
		       .help = "of the guest suite: only checks whose id matches",
		       .kind = OPT_TEXT,
		       .commands = CMD_RUN },
	[OPT_FORMAT] = { .name = "format",
			 .arg = "text|json",
			 .help = "form of what is printed",
			 .def = "text",
			 .allowed = "text|json",
			 .kind = OPT_TEXT,
			 .commands = CMD_ALL },
	[OPT_JSON] = { .name = "json",
		       .help = "short for --format json",
		       .kind = OPT_FLAG,
		       .commands = CMD_ALL },
	[OPT_HOME] = { .name = "home",
		       .arg = "DIR",
		       .help = "the project folder (default: found from the program)",
		       .kind = OPT_TEXT,
		       .commands = CMD_ALL },
	[OPT_HELP] = { .name = "help", .help = "this text", .kind = OPT_FLAG, .commands = CMD_ALL },
};

static int allowed_word(const char *allowed, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = allowed; *p; p += strcspn(p, "|"), p += *p == '|')
		if (strcspn(p, "|") == n && strncmp(p, word, n) == 0)
			return 1;
	return 0;
}

static int allowed_words(const struct opt_def *d, const char *text)
{
	char word[32];

	if (!d->list)
		return allowed_word(d->allowed, text);
	for (;; text++) {
		size_t n = strcspn(text, ",");

		(void)snprintf(word, sizeof(word), "%.*s", (int)n, text);
		if (n >= sizeof(word) || !allowed_word(d->allowed, word))
			return 0;
		text += n;
		if (!*text)
			return 1;
	}
}

static int set_value(struct opt_value *v, const struct opt_def *d, const char *text,
		     const char *origin, struct err *reterr)
{
	char *end;

	if (d->kind == OPT_TEXT && text[0] == '\0')
		return err_set(reterr, -EINVAL, "--%s needs %s, not an empty text", d->name,
			       d->arg);
	if (d->allowed && !allowed_words(d, text))
		return err_set(reterr, -EINVAL, "--%s '%s': allowed are %s", d->name, text,
			       d->allowed);
	if (d->kind == OPT_NUMBER) {
		errno = 0;
		v->number = strtod(text, &end);
		if (errno || end == text || *end || !isfinite(v->number) || v->number < d->min ||
		    v->number > d->max || (d->whole && v->number != floor(v->number)))
			return err_set(reterr, -EINVAL, "--%s '%s' is not a %snumber from %g to %g",
				       d->name, text, d->whole ? "whole " : "", d->min, d->max);
	}
	v->text = text;
	v->origin = origin;
	return 0;
}

static int set_defaults(struct opts *o, struct err *reterr)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < OPT_COUNT; i++) {
		o->value[i] = (struct opt_value){ .origin = "default" };
		if (defs[i].def)
			e = set_value(&o->value[i], &defs[i], defs[i].def, "default", reterr);
	}
	return e;
}

/* getopt names a flag that was given a value by its row, a short option by its letter. */
static int refused(const char *word, struct err *reterr)
{
	if (optopt > 0 && optopt < OPT_COUNT)
		return err_set(reterr, -EINVAL, "--%s takes no value", defs[optopt].name);
	if (optopt > 0)
		return err_set(reterr, -EINVAL, "unknown option -%c", optopt);
	return err_set(reterr, -EINVAL, "unknown option %s", word);
}

static int add_conf(struct opts *o, const char *file, struct err *reterr)
{
	if (o->conf_count == OPT_CONF_MAX)
		return err_set(reterr, -EINVAL, "--conf is given more than %d times", OPT_CONF_MAX);
	o->conf[o->conf_count++] = file;
	return 0;
}

int opt_parse(int argc, char **argv, enum command_bit command, struct opts *ret, struct err *reterr)
{
	struct option rows[OPT_COUNT + 1] = { { 0 } };
	struct opts o = { 0 };
	int e = set_defaults(&o, reterr);
	int c;

	for (size_t i = 0; i < OPT_COUNT; i++)
		rows[i] = (struct option){ defs[i].name, defs[i].kind != OPT_FLAG, NULL, (int)i };
	optind = 0; /* glibc: start anew, with permutation */
	opterr = 0;
	while (e == 0 && (c = getopt_long(argc, argv, ":", rows, NULL)) != -1) {
		if (c == ':')
			e = err_set(reterr, -EINVAL, "%s needs a value", argv[optind - 1]);
		else if (c == '?')
			e = refused(argv[optind - 1], reterr);
		else if (!(defs[c].commands & command))
			e = err_set(reterr, -EINVAL, "--%s does not belong to '%s'", defs[c].name,
				    argv[0]);
		else
			e = set_value(&o.value[c], &defs[c],
				      defs[c].kind == OPT_FLAG ? "yes" : optarg, "command line",
				      reterr);
		if (e == 0 && c == OPT_CONF)
			e = add_conf(&o, optarg, reterr);
	}
	if (e < 0)
		return e;
	o.operands = (const char *const *)argv + optind;
	o.operand_count = (size_t)(argc - optind);
	*ret = o;
	return 0;
}

void opt_help(FILE *out, enum command_bit command)
{
	for (size_t i = 0; i < OPT_COUNT; i++) {
		const struct opt_def *d = &defs[i];
		char left[48];

		if (!(d->commands & command))
			continue;
		(void)snprintf(left, sizeof(left), "--%s%s%s", d->name, d->arg ? " " : "",
			       d->arg ? d->arg : "");
		(void)fprintf(out, "  %-28s %s%s%s%s\n", left, d->help, d->def ? " (default: " : "",
			      d->def ? d->def : "", d->def ? ")" : "");
	}
}

bool opt_is_json(const struct opts *o)
{
	return opt_given(o, OPT_JSON) || strcmp(o->value[OPT_FORMAT].text, "json") == 0;
}

double opt_from_plan(struct opts *o, enum opt_id id, double plan_value)
{
	struct opt_value *v = &o->value[id];

	if (!v->text) {
		v->number = plan_value;
		v->origin = "plan";
	}
	return v->number;
}

/* Names alone: where the files lie on this machine is nobody's business. */
static json_t *conf_names(const struct opts *o)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	for (size_t i = 0; i < o->conf_count; i++) {
		const char *slash = strrchr(o->conf[i], '/');

		(void)buf_printf(&text, "%s%s", i ? ", " : "", slash ? slash + 1 : o->conf[i]);
	}
	return json_string(buf_text(&text));
}

json_t *opt_json(const struct opts *o, enum command_bit command)
{
	json_t *list = json_array();

	for (size_t i = 0; i < OPT_COUNT; i++) {
		const struct opt_value *v = &o->value[i];
		json_t *value;

		/* Where things lie on this machine is nobody's business. */
		if (!(defs[i].commands & command) || i == OPT_HOME || i == OPT_HELP ||
		    i == OPT_OUT || i == OPT_MODULES || i == OPT_WAIT || i == OPT_ATTACH)
			continue;
		if (defs[i].kind == OPT_NUMBER && (v->text || strcmp(v->origin, "plan") == 0))
			value = json_num(v->number);
		else if (i == OPT_CONF && v->text)
			value = conf_names(o);
		else if ((i == OPT_KERNEL || i == OPT_PLAN) && v->text && strchr(v->text, '/'))
			value = json_string(OPT_A_FILE);
		else
			value = v->text ? json_string(v->text) : json_null();
		(void)json_array_append_new(list, json_pack("{s:s,s:o,s:s}", "name", defs[i].name,
							    "value", value, "origin", v->origin));
	}
	return list;
}

/* Options that say how a command speaks, not what it runs; conf files are in the run's folder. */
static bool is_manner(enum opt_id id)
{
	return id == OPT_FORMAT || id == OPT_JSON || id == OPT_CONF;
}

static int find_row(const char *name)
{
	for (int i = 0; i < OPT_COUNT; i++)
		if (strcmp(defs[i].name, name) == 0)
			return i;
	return -1;
}

int opt_replay(json_t *list, struct strv *ret, struct err *reterr)
{
	size_t i;
	json_t *item;

	if (!json_is_array(list))
		return err_set(reterr, -EINVAL, "there is no list of options");
	strv_add(ret, "run");
	json_array_foreach(list, i, item) {
		const char *name = json_str_at(item, "name", "?");
		json_t *value = json_object_get(item, "value");
		int row = find_row(name);

		if (row < 0 ||
		    !(json_is_string(value) || json_is_number(value) || json_is_null(value)))
			return err_set(reterr, -EINVAL, "it has an option '%s' that is not known",
				       name);
		if (json_is_null(value) || is_manner((enum opt_id)row) ||
		    (json_is_string(value) && strcmp(json_string_value(value), OPT_A_FILE) == 0))
			continue;
		strv_addf(ret, "--%s", name);
		if (json_is_number(value))
			strv_addf(ret, "%.17g", json_number_value(value));
		else if (defs[row].kind != OPT_FLAG)
			strv_add(ret, json_string_value(value));
	}
	return strv_failed(ret) ? err_set(reterr, -ENOMEM, "out of memory") : 0;
}
