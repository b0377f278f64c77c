// SPDX-License-Identifier: Apache-2.0
#include "conformance/runner/options.h"

#include "conformance/runner/pool.h"

#include <getopt.h>
#include <string.h>

enum id {
	ID_STACK,
	ID_DAEMON,
	ID_SOCKET,
	ID_SHARE,
	ID_ONLY,
	ID_WORD,
	ID_ENV,
	ID_LEVEL,
	ID_STRICT,
	ID_REPEAT,
	ID_SHUFFLE,
	ID_SEED,
	ID_JOBS,
	ID_TIMEOUT,
	ID_FORMAT,
	ID_JSON,
	ID_OUT,
	ID_KNOWN,
	ID_GOLDEN,
	ID_ALL,
	ID_RESUME,
	ID_TIME,
	ID_PROGRAMS,
	ID_HOSTILE,
	ID_LIST,
	ID_VERBOSE,
	ID_HOME,
	ID_HELP,
	ID_VERSION,
	ID_COUNT,
};

static const struct {
	const char *name;
	const char *value; /* NULL: none */
	const char *help;
} rows[ID_COUNT] = {
	[ID_STACK] = { "stack", "ID", "a daemon of the stack table; may be given 8 times" },
	[ID_DAEMON] = { "daemon", "'ARGV'",
			"a command line with {share} and {socket} (or {fd}) in it; no shell" },
	[ID_SOCKET] = { "socket", "PATH",
			"a daemon that listens there, connection after "
			"connection" },
	[ID_SHARE] = { "share", "DIR", "with --socket: the folder that it shares, if it is here" },
	[ID_ONLY] = { "only", "GLOB", "checks whose id matches; may be given several times" },
	[ID_WORD] = { "word", "WORD", "one more word for the daemon, such as --fault=NAME" },
	[ID_ENV] = { "env", "NAME=VALUE", "environment of the daemon" },
	[ID_LEVEL] = { "level", "LEVEL",
		       "checks that bind at least so: MUST, SHOULD, MAY, "
		       "DEFACTO, INFO" },
	[ID_STRICT] = { "strict", NULL, "a SHOULD that is not followed is a failure" },
	[ID_REPEAT] = { "repeat", "N", "run each check so often (default: 1)" },
	[ID_SHUFFLE] = { "shuffle", NULL, "in an order that the seed decides" },
	[ID_SEED] = { "seed", "N", "of all that is random (default: 1)" },
	[ID_JOBS] = { "jobs", "N", "checks at once (default: as many as processors)" },
	[ID_TIMEOUT] = { "timeout", "MS", "for each answer of the daemon (default: 5000)" },
	[ID_FORMAT] = { "format", "HOW", "text, json, tap or junit (default: text)" },
	[ID_JSON] = { "json", NULL, "the same as --format json" },
	[ID_OUT] = { "out", "DIR",
		     "write device.json (or guest.json), results.tap and junit.xml there as well" },
	[ID_KNOWN] = { "known", "FILE",
		       "deviations that are no news (default: conformance/known/PRODUCT.tsv)" },
	[ID_GOLDEN] = { "golden", "FILE",
			"prove: the kills that must come out (VQ_GOLDEN_UPDATE=1 writes them)" },
	[ID_ALL] = { "all", NULL, "prove: every fault against every check, claimed or not" },
	[ID_RESUME] = { "resume", "FILE",
			"prove: write results there as they come, and go on from them" },
	[ID_TIME] = { "time", "SECONDS", "fuzz: for so long (default: 60)" },
	[ID_PROGRAMS] = { "count", "N", "fuzz: so many programs instead" },
	[ID_HOSTILE] = { "hostile", NULL, "fuzz: also what no driver may do" },
	[ID_LIST] = { "list", NULL, "say which checks there are, and end" },
	[ID_VERBOSE] = { "verbose", NULL, "name each check that passed or was skipped" },
	[ID_HOME] = { "home", "DIR", "folder of the project, where build/roots lies" },
	[ID_HELP] = { "help", NULL, "this text" },
	[ID_VERSION] = { "version", NULL, "the version" },
};

static const char *const formats[OUTPUT_FORMATS] = {
	[OUTPUT_TEXT] = "text",
	[OUTPUT_JSON] = "json",
	[OUTPUT_TAP] = "tap",
	[OUTPUT_JUNIT] = "junit",
};

void conform_options_help(FILE *out)
{
	(void)fprintf(
		out,
		"usage: virtiofs-conform --stack ID | --daemon 'ARGV' | --socket PATH [OPTION]...\n"
		"       virtiofs-conform prove --stack ID [--all] [--golden FILE] [OPTION]...\n"
		"       virtiofs-conform replay FILE --stack ID | --daemon 'ARGV' | --socket PATH\n"
		"       virtiofs-conform fuzz --stack ID | --daemon 'ARGV' [--hostile] [--seed N] "
		"[--time S] [--out DIR]\n"
		"       virtiofs-conform explain CHECK\n"
		"       virtiofs-conform diff A.json B.json [--format json]\n"
		"       virtiofs-conform findings RESULT_DIR...\n"
		"       virtiofs-conform spec-check [--verbose] [--format json]\n"
		"       virtiofs-conform --list [--format json]\n"
		"       virtiofs-conform guest-checks [--format json]\n"
		"       virtiofs-conform results SEEN.json [--out DIR]\n\n"
		"Checks a virtio-fs daemon over its vhost-user socket, without a guest.\n\n");
	for (unsigned i = 0; i < ID_COUNT; i++) {
		char left[40];

		(void)snprintf(left, sizeof(left), "--%s%s%s", rows[i].name,
			       rows[i].value ? " " : "", rows[i].value ? rows[i].value : "");
		(void)fprintf(out, "  %-22s %s\n", left, rows[i].help);
	}
	(void)fprintf(out,
		      "\nExit status: 0 what is required holds; 1 a failure at MUST or DEFACTO "
		      "that is not known;\n2 usage, or nothing selected; 3 a check could not be "
		      "done; 4 diff: B fails what A passes; 77 all were skipped; 130 "
		      "interrupted.\nreplay: 1 what the file shows happened again, or the "
		      "daemon did something else that is wrong. fuzz: 1 a hit.\n");
}

static int number(const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *ret,
		  struct err *reterr)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || n < least || n > most)
		return err_set(reterr, -EINVAL, "--%s %s: a number from %llu to %llu is wanted",
			       name, text, (unsigned long long)least, (unsigned long long)most);
	*ret = n;
	return 0;
}

static int level(const char *text, struct conform_options *o, struct err *reterr)
{
	for (unsigned i = 0; i < SPEC_LEVELS; i++)
		if (strcasecmp(text, spec_level_name((enum spec_level)i)) == 0) {
			o->level = (enum spec_level)i;
			o->has_level = true;
			return 0;
		}
	return err_set(reterr, -EINVAL, "--level %s: MUST, SHOULD, MAY, DEFACTO or INFO is wanted",
		       text);
}

static int format(const char *text, struct conform_options *o, struct err *reterr)
{
	for (unsigned i = 0; i < OUTPUT_FORMATS; i++)
		if (strcmp(text, formats[i]) == 0) {
			o->format = (enum output_format)i;
			return 0;
		}
	return err_set(reterr, -EINVAL, "--format %s: text, json, tap or junit is wanted", text);
}

static int stack(const char *text, struct conform_options *o, struct err *reterr)
{
	if (o->stack_count == OPTIONS_STACKS_MAX)
		return err_set(reterr, -EINVAL, "--stack: at most %d", OPTIONS_STACKS_MAX);
	o->stack[o->stack_count++] = text;
	return 0;
}

static int apply(enum id id, const char *text, struct conform_options *o, struct err *reterr)
{
	uint64_t n = 0;
	int e = 0;

	switch (id) {
	case ID_STACK: return stack(text, o, reterr);
	case ID_DAEMON: o->daemon = text; break;
	case ID_SOCKET: o->socket = text; break;
	case ID_SHARE: o->share = text; break;
	case ID_ONLY: strv_add(&o->only, text); break;
	case ID_WORD: strv_add(&o->more, text); break;
	case ID_ENV:
		if (!strchr(text, '='))
			return err_set(reterr, -EINVAL, "--env %s: NAME=VALUE is wanted", text);
		strv_add(&o->env, text);
		break;
	case ID_LEVEL: return level(text, o, reterr);
	case ID_STRICT: o->strict = true; break;
	case ID_REPEAT:
		e = number("repeat", text, 1, 100000, &n, reterr);
		o->repeat = (unsigned)n;
		break;
	case ID_SHUFFLE: o->shuffle = true; break;
	case ID_SEED: return number("seed", text, 0, UINT64_MAX, &o->seed, reterr);
	case ID_JOBS:
		e = number("jobs", text, 1, POOL_JOBS_MAX, &n, reterr);
		o->jobs = (unsigned)n;
		break;
	case ID_TIMEOUT:
		e = number("timeout", text, 10, 600000, &n, reterr);
		o->timeout_ms = (unsigned)n;
		break;
	case ID_FORMAT: return format(text, o, reterr);
	case ID_JSON: o->format = OUTPUT_JSON; break;
	case ID_OUT: o->out = text; break;
	case ID_KNOWN: o->known = text; break;
	case ID_GOLDEN: o->golden = text; break;
	case ID_ALL: o->all = true; break;
	case ID_RESUME: o->resume = text; break;
	case ID_TIME:
		e = number("time", text, 1, 1000000, &n, reterr);
		o->time_s = (unsigned)n;
		break;
	case ID_PROGRAMS:
		e = number("count", text, 1, 1000000000, &n, reterr);
		o->count = (unsigned)n;
		break;
	case ID_HOSTILE: o->hostile = true; break;
	case ID_LIST: o->list = true; break;
	case ID_VERBOSE: o->verbose = true; break;
	case ID_HOME: o->home = text; break;
	case ID_HELP: o->help = true; break;
	case ID_VERSION: o->version = true; break;
	case ID_COUNT: break;
	}
	return e;
}

bool conform_is(const struct conform_options *o, const char *name)
{
	return o->operand_count > 0 && strcmp(o->operands[0], name) == 0;
}

bool conform_is_prove(const struct conform_options *o)
{
	return o->operand_count == 1 && conform_is(o, "prove");
}

bool conform_meets_daemon(const struct conform_options *o)
{
	return o->operand_count == 0 || conform_is_prove(o) || conform_is(o, "replay") ||
	       conform_is(o, "fuzz");
}

static int complete_command(const struct conform_options *o, struct err *reterr)
{
	bool fuzz = conform_is(o, "fuzz");
	bool replay = conform_is(o, "replay");

	if (replay && o->operand_count != 2)
		return err_set(reterr, -EINVAL, "usage: virtiofs-conform replay FILE");
	if (fuzz && o->operand_count != 1)
		return err_set(reterr, -EINVAL, "fuzz takes no operand");
	if (fuzz && o->socket)
		return err_set(reterr, -EINVAL,
			       "fuzz: a daemon that listens already is not started anew when it "
			       "dies; give --stack or --daemon");
	if ((replay || fuzz) && o->format != OUTPUT_TEXT && o->format != OUTPUT_JSON)
		return err_set(reterr, -EINVAL, "%s: --format text or json", o->operands[0]);
	if ((o->time_s || o->count || o->hostile) && !fuzz)
		return err_set(reterr, -EINVAL, "--time, --count and --hostile go with fuzz only");
	return 0;
}

static int complete(const struct conform_options *o, struct err *reterr)
{
	unsigned kinds = (o->stack_count > 0) + (o->daemon != NULL) + (o->socket != NULL);

	int e;

	if (o->help || o->version || o->list || !conform_meets_daemon(o))
		return 0;
	e = complete_command(o, reterr);
	if (e < 0)
		return e;
	if (kinds != 1)
		return err_set(reterr, -EINVAL,
			       "what is to be checked? give one of --stack, --daemon and --socket "
			       "(virtiofs-conform --help)");
	if (o->share && !o->socket)
		return err_set(reterr, -EINVAL, "--share goes with --socket only");
	if ((o->golden || o->all || o->resume) && !conform_is_prove(o))
		return err_set(reterr, -EINVAL, "--golden, --all and --resume go with prove only");
	if (conform_is_prove(o) && o->socket)
		return err_set(reterr, -EINVAL,
			       "prove: a daemon that listens already takes no fault");
	return 0;
}

int conform_options_parse(int argc, char **argv, struct conform_options *ret, struct err *reterr)
{
	struct option table[ID_COUNT + 1] = { 0 };

	*ret = (struct conform_options){ .repeat = 1, .seed = 1, .timeout_ms = 5000 };
	for (int i = 0; i < ID_COUNT; i++)
		table[i] = (struct option){ .name = rows[i].name,
					    .has_arg = rows[i].value ? required_argument
								     : no_argument,
					    .val = i + 256 };
	opterr = 0;
	optind = 0;
	for (;;) {
		int c = getopt_long(argc, argv, ":", table, NULL);
		int e;

		if (c < 0)
			break;
		if (c == '?' || c == ':')
			return err_set(reterr, -EINVAL, "%s: %s (virtiofs-conform --help)",
				       argv[optind - 1],
				       c == ':' ? "wants a value" : "there is no such option");
		e = apply((enum id)(c - 256), optarg, ret, reterr);
		if (e < 0)
			return e;
	}
	ret->operands = argv + optind;
	ret->operand_count = argc - optind;
	return complete(ret, reterr);
}

void conform_options_free(struct conform_options *o)
{
	strv_free(&o->only);
	strv_free(&o->more);
	strv_free(&o->env);
}
