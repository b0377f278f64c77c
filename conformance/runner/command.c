// SPDX-License-Identifier: Apache-2.0
/* Commands of virtiofs-conform that read tables and results, and start nothing. */
#include "conformance/runner/command.h"

#include "conformance/runner/doc.h"
#include "conformance/runner/seen.h"
#include "conformance/runner/suite.h"
#include "conformance/runner/trace.h"

#include <string.h>

#define STATUS_FAIL	  1
#define STATUS_USAGE	  2
#define STATUS_BROKEN	  3
#define STATUS_REGRESSION 4

static int explain(const struct conform_options *o, FILE *out, struct err *reterr)
{
	const struct check *c = check_find(o->operands[1]);
	CLEANUP(seen_free) struct seen guest = { 0 };

	if (c) {
		output_explain(c, "virtiofs-conform --stack ID", out);
		return 0;
	}
	/* Those of guests are rows of the program that runs there. */
	for (size_t i = 0; seen_list(&guest, reterr) == 0 && i < guest.suite.count; i++)
		if (strcmp(guest.checks[i].id, o->operands[1]) == 0) {
			output_explain(&guest.checks[i], "virtiofs-qual run --suite guest", out);
			return 0;
		}
	(void)err_set(reterr, -ENOENT,
		      "explain: there is no such check; see virtiofs-conform --list");
	return STATUS_USAGE;
}

static int print_diff(const struct conform_options *o, const struct diff_result *d, FILE *out)
{
	if (o->format == OUTPUT_JSON) {
		(void)json_dumpf(d->json, out, JSON_INDENT(2));
		(void)fputc('\n', out);
	} else {
		diff_print(d, out);
	}
	return d->worse ? STATUS_REGRESSION : 0;
}

static int diff(const struct conform_options *o, FILE *out, struct err *reterr)
{
	CLEANUP(doc_free) struct doc a = { 0 };
	CLEANUP(doc_free) struct doc b = { 0 };
	CLEANUP(diff_free) struct diff_result d = { 0 };

	if (doc_load(o->operands[1], &a, reterr) < 0 || doc_load(o->operands[2], &b, reterr) < 0)
		return STATUS_USAGE;
	if (strcmp(a.suite, b.suite) != 0) {
		(void)err_set(reterr, -EINVAL, "diff: %s is of the suite %s, %s of %s",
			      o->operands[1], a.suite, o->operands[2], b.suite);
		return STATUS_USAGE;
	}
	if (diff_make(&a, &b, &d) < 0) {
		(void)err_set(reterr, -ENOMEM, "out of memory");
		return STATUS_BROKEN;
	}
	return print_diff(o, &d, out);
}

static int findings(const struct conform_options *o, FILE *out, struct err *reterr)
{
	CLEANUP(freep) struct docs *d = calloc(1, sizeof(*d));
	int e = d ? 0 : err_set(reterr, -ENOMEM, "out of memory");

	for (int i = 1; e == 0 && i < o->operand_count; i++)
		e = docs_add(o->operands[i], d, reterr);
	if (e == 0)
		(void)findings_write(d, out);
	if (d)
		docs_free(d);
	return e == 0 ? 0 : STATUS_USAGE;
}

static int spec_check(const struct conform_options *o, FILE *out, struct err *reterr)
{
	CLEANUP(trace_free) struct trace t = { 0 };
	size_t count;
	const struct check_area *const *areas = device_areas(&count);

	if (trace_make(areas, count, spec_waived, &t) < 0) {
		(void)err_set(reterr, -ENOMEM, "out of memory");
		return STATUS_BROKEN;
	}
	if (o->format == OUTPUT_JSON) {
		(void)json_dumpf(t.json, out, JSON_INDENT(2));
		(void)fputc('\n', out);
	} else {
		trace_print(&t, o->verbose, out);
	}
	return trace_is_good(&t) ? 0 : STATUS_FAIL;
}

/* What was seen in a guest, judged: written and told as what this program sees itself. */
static int results(const struct conform_options *o, FILE *out, struct err *reterr)
{
	CLEANUP(seen_free) struct seen seen = { 0 };
	int e = seen_load(o->operands[1], o, &seen, reterr);

	if (e == 0)
		e = suite_load_known(&seen.suite, o->home ? o->home : ".", reterr);
	if (e < 0)
		return STATUS_USAGE;
	if (o->format == OUTPUT_TEXT)
		output_begin(&seen.suite, out);
	for (size_t i = 0; o->format == OUTPUT_TEXT && i < seen.suite.count; i++)
		output_one(&seen.suite, i, out);
	output_all(&seen.suite, out);
	if (o->out && suite_save(&seen.suite, reterr) < 0)
		return STATUS_BROKEN;
	return suite_status(&seen.suite);
}

static int guest_checks(const struct conform_options *o, FILE *out, struct err *reterr)
{
	CLEANUP(seen_free) struct seen guest = { 0 };

	if (seen_list(&guest, reterr) < 0)
		return STATUS_BROKEN;
	output_list_checks("guest", guest.suite.check, guest.suite.count, o, out);
	return 0;
}

static const struct {
	const char *name;
	const char *operands;
	int least, most;
	int (*run)(const struct conform_options *o, FILE *out, struct err *reterr);
} commands[] = {
	{ "explain", "CHECK", 1, 1, explain },
	{ "diff", "A.json B.json", 2, 2, diff },
	{ "findings", "RESULT_DIR...", 1, 1000, findings },
	{ "spec-check", "", 0, 0, spec_check },
	{ "results", "SEEN.json", 1, 1, results },
	{ "guest-checks", "", 0, 0, guest_checks },
};

int command_run(const struct conform_options *o, FILE *out, struct err *reterr)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		int operands = o->operand_count - 1;

		if (strcmp(o->operands[0], commands[i].name) != 0)
			continue;
		if (operands >= commands[i].least && operands <= commands[i].most)
			return commands[i].run(o, out, reterr);
		(void)err_set(reterr, -EINVAL, "usage: virtiofs-conform %s %s", commands[i].name,
			      commands[i].operands);
		return STATUS_USAGE;
	}
	(void)err_set(reterr, -EINVAL, "there is no command '%.40s'; see virtiofs-conform --help",
		      o->operands[0]);
	return STATUS_USAGE;
}
