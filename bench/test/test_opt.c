// SPDX-License-Identifier: Apache-2.0
/* The option table: what is read, what is refused and how it is told, what results record. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "opt/opt.h"

static struct opts opts;
static struct err err;

/* The command's name comes first, as main() hands it over. */
static int parse(enum command_bit command, const char *const *words)
{
	static char *argv[16];
	int n = 0;

	for (; words[n]; n++)
		argv[n] = (char *)(uintptr_t)words[n];
	argv[n] = NULL;
	memset(&err, 0, sizeof(err));
	return opt_parse(n, argv, command, &opts, &err);
}

#define PARSE(command, ...) parse(command, (const char *const[]){ __VA_ARGS__, NULL })

static void assert_origin(enum opt_id id, const char *text, const char *origin)
{
	if (text)
		assert_string_equal(opts.value[id].text, text);
	else
		assert_null(opts.value[id].text);
	assert_string_equal(opts.value[id].origin, origin);
}

/* Goal: without arguments every value is its default and says so. Method: an empty command line. */
static void defaults(void **state)
{
	(void)state;
	assert_int_equal(PARSE(CMD_RUN, "run"), 0);
	assert_origin(OPT_PLAN, "quick", "default");
	assert_origin(OPT_ACCELERATOR, "auto", "default");
	assert_origin(OPT_STACK, NULL, "default");
	assert_origin(OPT_ROUNDS, NULL, "default");
	assert_true(opts.value[OPT_VCPUS].number == 1);
	assert_true(opts.value[OPT_MEMORY].number == 512);
	assert_false(opt_given(&opts, OPT_HELP));
	assert_false(opt_is_json(&opts));
	assert_int_equal(opts.operand_count, 0);
}

/* Goal: given values win and say so, in both forms, before and behind operands. Method: a mixture. */
static void given_values(void **state)
{
	(void)state;
	assert_int_equal(PARSE(CMD_RUN, "run", "one", "--plan", "smoke", "--rounds=7", "two",
			       "--time", "0.25", "--seed", "0"),
			 0);
	assert_origin(OPT_PLAN, "smoke", "command line");
	assert_origin(OPT_ROUNDS, "7", "command line");
	assert_true(opts.value[OPT_ROUNDS].number == 7);
	assert_true(opts.value[OPT_TIME].number == 0.25);
	assert_true(opts.value[OPT_SEED].number == 0);
	assert_int_equal(opts.operand_count, 2);
	assert_string_equal(opts.operands[0], "one");
	assert_string_equal(opts.operands[1], "two");
	/* the last of two wins; what was read before does not linger */
	assert_int_equal(PARSE(CMD_RUN, "run", "--rounds", "2", "--rounds", "3"), 0);
	assert_true(opts.value[OPT_ROUNDS].number == 3);
	assert_origin(OPT_PLAN, "quick", "default");
	assert_int_equal(PARSE(CMD_RUN, "run", "--", "--plan"), 0);
	assert_string_equal(opts.operands[0], "--plan");
}

/* Goal: each mistake is named with what is allowed, and changes nothing. Method: one row each. */
static void mistakes(void **state)
{
	static const struct {
		enum command_bit command;
		const char *word[4];
		const char *text;
	} rows[] = {
		{ CMD_RUN,
		  { "--rounds", "many" },
		  "--rounds 'many' is not a whole number from 1 to 1000" },
		{ CMD_RUN,
		  { "--rounds", "3x" },
		  "--rounds '3x' is not a whole number from 1 to 1000" },
		{ CMD_RUN, { "--rounds=" }, "--rounds '' is not a whole number from 1 to 1000" },
		{ CMD_RUN, { "--rounds", "0" }, "is not a whole number from 1 to 1000" },
		{ CMD_RUN, { "--rounds", "1001" }, "is not a whole number from 1 to 1000" },
		{ CMD_RUN, { "--rounds", "2.5" }, "--rounds '2.5' is not a whole number" },
		{ CMD_RUN, { "--seed", "-1" }, "--seed '-1' is not a whole number from 0 to" },
		{ CMD_RUN, { "--seed", "1.5" }, "--seed '1.5' is not a whole number" },
		{ CMD_RUN, { "--vcpus", "1.5" }, "--vcpus '1.5' is not a whole number" },
		{ CMD_RUN, { "--memory", "512.5" }, "--memory '512.5' is not a whole number" },
		{ CMD_RUN, { "--time", "nan" }, "--time 'nan' is not a number from 0.01 to 3600" },
		{ CMD_RUN, { "--time", "inf" }, "--time 'inf' is not a number" },
		{ CMD_RUN, { "--time", "1e999" }, "--time '1e999' is not a number" },
		{ CMD_RUN, { "--nonsense" }, "unknown option --nonsense" },
		{ CMD_RUN, { "--nonsense=5" }, "unknown option --nonsense=5" },
		{ CMD_RUN, { "--json", "-x" }, "unknown option -x" },
		{ CMD_RUN, { "-xyz" }, "unknown option -x" },
		{ CMD_RUN, { "--json=yes" }, "--json takes no value" },
		{ CMD_RUN, { "--plan" }, "--plan needs a value" },
		{ CMD_RUN, { "--plan", "" }, "--plan needs NAME|FILE, not an empty text" },
		{ CMD_RUN, { "--stack=" }, "--stack needs GLOB, not an empty text" },
		{ CMD_RUN, { "--format", "xml" }, "--format 'xml': allowed are text|json" },
		{ CMD_RUN, { "--format", "tex" }, "--format 'tex': allowed are text|json" },
		{ CMD_RUN, { "--format", "text|json" }, "allowed are text|json" },
		{ CMD_RUN, { "--accelerator", "xen" }, "allowed are auto|kvm|tcg" },
		{ CMD_RUN,
		  { "--suite", "gust" },
		  "--suite 'gust': allowed are bench|device|guest" },
		{ CMD_RUN, { "--suite", "bench," }, "--suite 'bench,': allowed are" },
		{ CMD_RUN, { "--suite", "bench,,device" }, "allowed are bench|device" },
		{ CMD_LIST, { "--plan", "x" }, "--plan does not belong to 'cmd'" },
		{ CMD_PLAN, { "--out", "x" }, "--out does not belong to 'cmd'" },
		{ CMD_REPORT, { "--rounds", "1" }, "--rounds does not belong to 'cmd'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *const *w = rows[i].word;

		memset(&opts, 0x55, sizeof(opts));
		assert_int_equal(PARSE(rows[i].command, "cmd", w[0], w[1], w[2]), -EINVAL);
		if (!strstr(err.text, rows[i].text))
			fail_msg("\"%s\" is not in \"%s\"", rows[i].text, err.text);
		assert_int_equal(opts.operand_count, (size_t)UINT64_C(0x5555555555555555));
	}
}

/* Goal: both ways to ask for JSON work, the default is text. Method: each. */
static void json_is_asked_for(void **state)
{
	(void)state;
	assert_int_equal(PARSE(CMD_LIST, "list", "--json"), 0);
	assert_true(opt_is_json(&opts));
	assert_int_equal(PARSE(CMD_LIST, "list", "--format", "json"), 0);
	assert_true(opt_is_json(&opts));
	assert_int_equal(PARSE(CMD_LIST, "list", "--format", "text"), 0);
	assert_false(opt_is_json(&opts));
}

/* Goal: a plan's number counts unless the command line gave one. Method: both. */
static void numbers_from_a_plan(void **state)
{
	(void)state;
	assert_int_equal(PARSE(CMD_RUN, "run", "--seed", "9"), 0);
	assert_true(opt_from_plan(&opts, OPT_ROUNDS, 3) == 3);
	assert_string_equal(opts.value[OPT_ROUNDS].origin, "plan");
	assert_true(opt_from_plan(&opts, OPT_SEED, 1) == 9);
	assert_string_equal(opts.value[OPT_SEED].origin, "command line");
}

static json_t *find(json_t *list, const char *name)
{
	size_t i;
	json_t *item;

	json_array_foreach(list, i, item)
		if (strcmp(json_str_at(item, "name", ""), name) == 0)
			return item;
	return NULL;
}

/* Goal: results record values with their type and origin. Method: look some of each kind up. */
static void recorded(void **state)
{
	json_t *list;
	size_t i;
	json_t *item;

	(void)state;
	assert_int_equal(PARSE(CMD_RUN, "run", "--plan", "smoke", "--vcpus", "2", "--json"), 0);
	(void)opt_from_plan(&opts, OPT_ROUNDS, 3);
	list = opt_json(&opts, CMD_RUN);
	assert_string_equal(json_str_at(find(list, "plan"), "value", ""), "smoke");
	assert_string_equal(json_str_at(find(list, "plan"), "origin", ""), "command line");
	assert_int_equal(json_integer_value(json_at(find(list, "vcpus"), "value")), 2);
	assert_int_equal(json_integer_value(json_at(find(list, "rounds"), "value")), 3);
	assert_string_equal(json_str_at(find(list, "rounds"), "origin", ""), "plan");
	assert_true(json_is_null(json_at(find(list, "stack"), "value")));
	assert_true(json_is_null(json_at(find(list, "time"), "value")));
	assert_string_equal(json_str_at(find(list, "memory"), "origin", ""), "default");
	json_array_foreach(list, i, item)
		assert_ptr_equal(find(list, json_str_at(item, "name", "")), item);
	json_decref(list);
	list = opt_json(&opts, CMD_LIST);
	assert_null(find(list, "plan"));
	json_decref(list);
}

/* Goal: no path of this machine gets into results. Method: give one to every option that takes one. */
static void no_machine_paths(void **state)
{
	json_t *list;
	char *text;

	(void)state;
	assert_int_equal(PARSE(CMD_RUN, "run", "--plan", "/home/somebody/a.conf", "--out",
			       "/home/somebody/out", "--home", "/home/somebody", "--kernel",
			       "/home/somebody/bzImage", "--modules", "/home/somebody/lib",
			       "--conf", "/home/somebody/own.conf", "--conf", "x.conf"),
			 0);
	list = opt_json(&opts, CMD_RUN);
	text = json_dumps(list, 0);
	json_decref(list);
	if (strstr(text, "somebody"))
		fail_msg("%s", text);
	assert_non_null(strstr(text, "(a file)"));
	assert_non_null(strstr(text, "\"own.conf, x.conf\""));
	assert_int_equal(opts.conf_count, 2);
	assert_string_equal(opts.conf[1], "x.conf");
	free(text);
	/* an id is no path */
	assert_int_equal(PARSE(CMD_RUN, "run", "--kernel", "backports"), 0);
	list = opt_json(&opts, CMD_RUN);
	assert_string_equal(json_str_at(find(list, "kernel"), "value", ""), "backports");
	json_decref(list);
}

/* Goal: a run's options can be given again from what it recorded. Method: there and back. */
static void replayed(void **state)
{
	struct strv words = { 0 };
	json_t *list;
	json_t *again;

	(void)state;
	assert_int_equal(PARSE(CMD_RUN, "run", "--plan", "/x/a.conf", "--cell", "*.auto.*",
			       "--rounds", "3", "--time", "0.3", "--json", "--wait", "--seed", "5"),
			 0);
	(void)opt_from_plan(&opts, OPT_TIME, 9);
	list = opt_json(&opts, CMD_RUN);
	assert_int_equal(opt_replay(list, &words, &err), 0);
	assert_int_equal(opt_parse((int)words.count, words.item, CMD_RUN, &opts, &err), 0);
	assert_string_equal(opts.value[OPT_CELL].text, "*.auto.*");
	assert_true(opts.value[OPT_ROUNDS].number == 3);
	assert_true(opts.value[OPT_TIME].number == 0.3);
	assert_true(opts.value[OPT_SEED].number == 5);
	assert_true(opts.value[OPT_MEMORY].number == 512);
	assert_string_equal(opts.value[OPT_ACCELERATOR].text, "auto");
	assert_null(opts.value[OPT_STACK].text);
	/* how the command spoke is not repeated, nor is what lies on this machine */
	assert_false(opt_is_json(&opts));
	assert_false(opt_given(&opts, OPT_WAIT));
	assert_string_equal(opts.value[OPT_PLAN].text, "quick");
	strv_free(&words);
	(void)json_array_append_new(list, json_pack("{s:s,s:s}", "name", "nosuch", "value", "1"));
	assert_int_equal(opt_replay(list, &words, &err), -EINVAL);
	assert_non_null(strstr(err.text, "nosuch"));
	strv_free(&words);
	again = json_object();
	assert_int_equal(opt_replay(again, &words, &err), -EINVAL);
	json_decref(again);
	json_decref(list);
}

/* Goal: help lists a command's options and no other. Method: compare with what parsing accepts. */
static void help_and_parsing_agree(void **state)
{
	static const enum command_bit all[] = { CMD_DOCTOR, CMD_LIST,	CMD_PLAN,   CMD_RUN,
						CMD_REPORT, CMD_RESUME, CMD_COMPARE };
	static const char *const names[] = {
		"plan",	    "stack",  "workload", "cell",	 "kernel", "modules",	   "rounds",
		"seed",	    "vcpus",  "memory",	  "out",	 "suite",  "format",	   "json",
		"home",	    "help",   "time",	  "accelerator", "wait",   "retry-failed", "force",
		"observed", "attach", "conf",	  "only"
	};

	(void)state;
	assert_int_equal(ARRAY_SIZE(names), OPT_COUNT);
	for (size_t c = 0; c < ARRAY_SIZE(all); c++) {
		char *text = NULL;
		size_t size = 0;
		FILE *out = open_memstream(&text, &size);

		opt_help(out, all[c]);
		assert_int_equal(fclose(out), 0);
		for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
			char option[32], shown[40];

			(void)snprintf(option, sizeof(option), "--%s", names[i]);
			(void)snprintf(shown, sizeof(shown), "  %s ", option);
			(void)PARSE(all[c], "cmd", option, "1");
			assert_int_equal(!strstr(err.text, "does not belong"),
					 !!strstr(text, shown));
		}
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(given_values),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(json_is_asked_for),
		cmocka_unit_test(numbers_from_a_plan),
		cmocka_unit_test(recorded),
		cmocka_unit_test(no_machine_paths),
		cmocka_unit_test(replayed),
		cmocka_unit_test(help_and_parsing_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
