// SPDX-License-Identifier: Apache-2.0
#include "report/repro.h"

#include "base/strv.h"

#include "report/text.h"

#include <string.h>

#define PROGRAM "virtiofs-qual"

/* Options that the command has anyway, or that only say where results go and how they look. */
static const char *const not_repeated[] = {
	"plan", "seed", "cell", "out", "format", "json", "verbose", "quiet",
};

static bool is_repeated(const json_t *option)
{
	const char *name = json_string_value(json_object_get(option, "name"));

	if (strcmp(json_string_value(json_object_get(option, "origin")), "command line") != 0 ||
	    !*name)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(not_repeated); i++)
		if (strcmp(not_repeated[i], name) == 0)
			return false;
	return true;
}

static void add_value(struct strv *argv, const char *name, const json_t *value)
{
	char number[NUMBER_SIZE];

	if (json_is_string(value))
		strv_addf(argv, "--%s=%s", name, json_string_value(value));
	else if (json_is_integer(value))
		strv_addf(argv, "--%s=%" JSON_INTEGER_FORMAT, name, json_integer_value(value));
	else if (json_is_real(value))
		strv_addf(argv, "--%s=%s", name, text_exact(json_number_value(value), number));
	else if (json_is_true(value))
		strv_addf(argv, "--%s", name);
}

static void add_options(const struct run *r, struct strv *argv)
{
	const json_t *option;
	const json_t *item;
	size_t i;
	size_t j;

	json_array_foreach(json_object_get(r->root, "options"), i, option) {
		const char *name = json_string_value(json_object_get(option, "name"));
		json_t *value = json_object_get(option, "value");

		if (!is_repeated(option))
			continue;
		if (json_is_array(value)) {
			json_array_foreach(value, j, item)
				add_value(argv, name, item);
		} else {
			add_value(argv, name, value);
		}
	}
}

char *repro_command(const struct run *r, const char *cell)
{
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(freep) char *line = NULL;

	strv_add(&argv, PROGRAM);
	strv_add(&argv, "run");
	strv_add(&argv, "--plan");
	strv_add(&argv, json_str_at(r->root, "plan.name", ""));
	strv_add(&argv, "--seed");
	strv_addf(&argv, "%" JSON_INTEGER_FORMAT,
		  json_integer_value(json_object_get(r->root, "seed")));
	add_options(r, &argv);
	if (cell) {
		strv_add(&argv, "--cell");
		strv_add(&argv, cell);
	}
	if (strv_failed(&argv))
		return NULL;
	line = strv_join_quoted(argv.item);
	/* A line end inside quotes would still be one argument, but not one line. */
	return line ? text_clean_str(line) : NULL;
}

static void comment(struct out *o, const char *text)
{
	out_str(o, "# ");
	text_clean(o, text, strlen(text), TEXT_ONE_LINE);
	out_str(o, "\n");
}

/* What came from a conf file is not on the command line: say so. */
static void conf_options(const struct run *r, struct out *o)
{
	const json_t *option;
	size_t i;

	json_array_foreach(json_object_get(r->root, "options"), i, option) {
		const char *origin = json_string_value(json_object_get(option, "origin"));
		CLEANUP(freep) char *line = NULL;

		if (!strcmp(origin, "default") || !strcmp(origin, "plan") ||
		    !strcmp(origin, "command line"))
			continue;
		if (asprintf(&line, "Option %s was set by %s: keep that file in place.",
			     json_string_value(json_object_get(option, "name")), origin) < 0) {
			line = NULL;
			o->error = -ENOMEM;
			return;
		}
		comment(o, line);
	}
}

int repro_write(const struct run *r, struct out *ret)
{
	CLEANUP(freep) char *command = repro_command(r, NULL);

	if (!command)
		return -ENOMEM;
	out_str(ret,
		"#!/bin/sh\n# Repeats this run; with a cell's id as argument, that cell only:\n"
		"#     sh repro.sh [CELL-ID]\n");
	comment(ret, json_str_at(r->root, "plan.title", ""));
	conf_options(r, ret);
	out_fmt(ret, "set -eu\nif [ $# -gt 0 ]; then\n\texec %s --cell \"$1\"\nfi\nexec %s\n",
		command, command);
	return ret->error;
}
