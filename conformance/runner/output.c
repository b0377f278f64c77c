// SPDX-License-Identifier: Apache-2.0
/* What a person reads. */
#include "conformance/runner/suite.h"

#include "base/clock.h"

#include <string.h>

void plain_text(const char *text, size_t size, FILE *out)
{
	for (size_t i = 0; i < size && text[i]; i++) {
		char c = text[i];

		(void)fputc(c == '\n' || c == '\t' ? ' ' : c < ' ' || c > '~' ? '?' : c, out);
	}
}

static const char *clause(const struct check *c)
{
	const struct spec_row *row = check_row(c);

	return row ? row->source : "?";
}

char *output_repeat(const struct suite *s, const struct check *c)
{
	CLEANUP(strv_free) struct strv argv = { 0 };

	if (s->areas) {
		strv_add(&argv, "virtiofs-qual");
		strv_add(&argv, "run");
		strv_addf(&argv, "--suite=%s", s->name);
		strv_addf(&argv, "--cell=%s", s->target->id);
		strv_addf(&argv, "--only=%s", c->id);
		return strv_failed(&argv) ? NULL : strv_join_quoted(argv.item);
	}
	strv_add(&argv, "virtiofs-conform");
	if (s->target->stack)
		strv_addf(&argv, "--stack=%s", s->target->id);
	else if (s->options->daemon)
		strv_addf(&argv, "--daemon=%s", s->options->daemon);
	else if (s->options->socket)
		strv_addf(&argv, "--socket=%s", s->options->socket);
	for (size_t i = 0; i < s->options->more.count; i++)
		strv_addf(&argv, "--word=%s", s->options->more.item[i]);
	for (size_t i = 0; i < s->options->env.count; i++)
		strv_addf(&argv, "--env=%s", s->options->env.item[i]);
	strv_addf(&argv, "--seed=%llu", (unsigned long long)s->options->seed);
	strv_addf(&argv, "--only=%s", c->id);
	return strv_failed(&argv) ? NULL : strv_join_quoted(argv.item);
}

static void print_repeat(const struct suite *s, const struct check *c, FILE *out)
{
	CLEANUP(freep) char *line = output_repeat(s, c);

	(void)fprintf(out, "     repeat    %s\n", line ? line : "?");
}

/* Text of several lines, each behind the same margin; at most @max lines. */
static void print_lines(const char *name, const char *text, unsigned max, FILE *out)
{
	for (; *text && max > 0; max--) {
		size_t n = strcspn(text, "\n");

		(void)fprintf(out, "     %-9s ", name);
		plain_text(text, n, out);
		(void)fputc('\n', out);
		text += n + (text[n] == '\n');
		name = "";
	}
	if (*text)
		(void)fprintf(out, "     %-9s ...\n", "");
}

#define EVIDENCE_LINES 24
#define LOG_LINES      8

static void print_details(const struct suite *s, size_t index, FILE *out)
{
	const struct check *c = s->check[index];
	const struct check_result *r = &s->result[index];
	const struct spec_row *row = r->row[0] ? spec_find(r->row) : check_row(c);
	const struct known_row *known;

	(void)fprintf(out, "%s %s: %s\n", verdict_name(r->verdict), c->id, c->title);
	(void)fprintf(out, "     clause    %s, %s; %s\n", spec_level_name(check_level(c)),
		      row ? row->source : clause(c), r->row[0] ? r->row : c->rows);
	print_lines("sends", c->sends, 4, out);
	if (r->expected[0])
		print_lines("expected", r->expected, 6, out);
	print_lines("seen", r->seen, 6, out);
	if (r->fate[0])
		(void)fprintf(out, "     daemon    %s\n", r->fate);
	if (suite_known(s, index, &known) == KNOWN_KNOWN)
		(void)fprintf(out, "     known     %s: %s\n", known->status, known->reason);
	if (s->options->verbose || strcmp(r->fate, "alive") != 0)
		print_lines("log", r->log, LOG_LINES, out);
	if (s->options->verbose)
		print_lines("evidence", r->evidence, EVIDENCE_LINES, out);
	print_repeat(s, c, out);
	if (s->options->out)
		(void)fprintf(out, "     program   %s/%s/programs/%s.program\n", s->options->out,
			      s->target->id, c->id);
}

void output_begin(const struct suite *s, FILE *out)
{
	(void)fprintf(out, "%s: %s, %zu checks, seed %llu\n", s->target->id, s->target->version,
		      s->count, (unsigned long long)s->options->seed);
}

static void print_short(const char *word, const struct check *c, const struct check_result *r,
			FILE *out)
{
	(void)fprintf(out, "%s %s: ", word, c->id);
	plain_text(r->seen, sizeof(r->seen), out);
	(void)fputc('\n', out);
}

void output_one(const struct suite *s, size_t index, FILE *out)
{
	const struct check_result *r = &s->result[index];
	const struct check *c = s->check[index];
	enum known known = suite_known(s, index, NULL);

	if (known == KNOWN_KNOWN && !s->options->verbose)
		print_short("known", c, r, out);
	else if (r->verdict == CHECK_FAIL || r->verdict == CHECK_BROKEN)
		print_details(s, index, out);
	else if (known == KNOWN_GONE)
		(void)fprintf(out, "GONE %s: passes, but is written down as known\n", c->id);
	else if (s->options->verbose && r->verdict == CHECK_SKIP)
		print_short("SKIP", c, r, out);
	else if (s->options->verbose)
		(void)fprintf(out, "%s %s (%.1f ms)\n", verdict_name(r->verdict), c->id,
			      (double)r->duration_ns / (double)NS_PER_MS);
	(void)fflush(out);
}

/* Why checks were skipped, each reason once with its number. */
static void print_skips(const struct suite *s, FILE *out)
{
	for (size_t i = 0; i < s->count; i++) {
		size_t count = 0;
		bool first = true;

		if (s->result[i].verdict != CHECK_SKIP)
			continue;
		for (size_t j = 0; j < s->count; j++)
			if (s->result[j].verdict == CHECK_SKIP &&
			    strcmp(s->result[j].seen, s->result[i].seen) == 0) {
				count++;
				first = first && j >= i;
			}
		if (first)
			(void)fprintf(out, "  %zu skipped: %s\n", count, s->result[i].seen);
	}
}

void output_end(const struct suite *s, FILE *out)
{
	struct suite_totals t;

	suite_count(s, &t);
	print_skips(s, out);
	(void)fprintf(out,
		      "%s: %zu passed, %zu failed (%zu required, %zu of these known), %zu "
		      "skipped, %zu broken; %.1f s\n",
		      s->target->id, t.of[CHECK_PASS], t.of[CHECK_FAIL], t.required_failed, t.known,
		      t.of[CHECK_SKIP], t.of[CHECK_BROKEN], clock_seconds(s->duration_ns));
}

void output_explain(const struct check *c, const char *repeat, FILE *out)
{
	char word[64];

	(void)fprintf(out,
		      "%s\n%s.\n\n  level     %s\n  sends     %s\n  required  %s\n  catches   %s\n",
		      c->id, c->title, spec_level_name(check_level(c)), c->sends, c->wants,
		      c->catches ? c->catches : "-");
	for (const char *at = c->rows; (at = words_next(at, word, sizeof(word)));) {
		const struct spec_row *row = spec_find(word);
		const struct spec_bug *bug = spec_bug_find(word);
		const struct spec_behaviour *seen = spec_behaviour_find(word);
		char party[SPEC_SET_TEXT];

		if (row)
			(void)fprintf(out, "\n  %s  %s, binds: %s\n    source  %s\n    %s\n",
				      row->id, spec_level_name(row->level),
				      spec_party_text(row->party, party), row->source, row->text);
		else if (bug)
			(void)fprintf(out, "\n  %s  %s\n    %s\n", bug->id, bug->title, bug->text);
		else if (seen)
			(void)fprintf(out, "\n  %s  %s; %s\n    %s\n", seen->id, seen->change,
				      seen->observe, seen->reason);
	}
	(void)fprintf(out, "\n  repeat    %s --only %s%s\n", repeat, c->id,
		      check_find(c->id) ? " --verbose" : "");
}
