// SPDX-License-Identifier: Apache-2.0
/* `replay FILE`: a program against a daemon, step by step, compared with what it says was seen. */
#include "conformance/runner/replay.h"

#include "base/fs.h"
#include "conformance/runner/areas.h"
#include "conformance/runner/pool.h"
#include "conformance/runner/result.h"

#include <string.h>

#define STATUS_USAGE  2
#define STATUS_BROKEN 3
#define SCHEMA	      1

static bool says_something(const struct program *p)
{
	bool says = p->fate[0] || p->violations;

	for (size_t i = 0; i < p->count; i++)
		says = says || p->step[i]->seen[0];
	return says;
}

bool replay_differs(const struct program *p, const struct trial *t, char *ret, size_t size)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct program_step *s = p->step[i];
		const struct program_answer *a = &t->result.answer[i];

		if (!s->seen[0] || strcmp(s->seen, a->done ? a->seen : "not-done") == 0)
			continue;
		(void)snprintf(ret, size, "line %u: %s, not %s", s->line,
			       a->done ? a->seen : "not done", s->seen);
		return true;
	}
	if (p->fate[0] && strcmp(p->fate, t->fate) != 0) {
		(void)snprintf(ret, size, "the daemon: %s, not %s",
			       t->fate[0] ? t->fate : "unknown", p->fate);
		return true;
	}
	for (unsigned i = 0; i < FRONT_FAULT_COUNT; i++)
		if (p->violations >> i & ~(t->result.violations >> i) & 1) {
			(void)snprintf(ret, size, "no violation %s", front_faults[i].name);
			return true;
		}
	return false;
}

/* "reproduced", "not reproduced", or what was seen where the file says nothing. */
static const char *conclude(const struct program *p, const struct trial *t, char *why, size_t size)
{
	why[0] = '\0';
	if (t->broken[0])
		return "not run";
	if (!says_something(p))
		return t->bad ? "the daemon did wrong" : "nothing was wrong";
	return replay_differs(p, t, why, size) ? "not reproduced" : "reproduced";
}

static void print_steps(const struct program *p, const struct trial *t, FILE *out)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct program_answer *a = &t->result.answer[i];
		CLEANUP(buf_free) struct buf line = { .max = 200 };

		if (program_print_step(p->step[i], &line) < 0)
			continue;
		(void)fprintf(out, "%4u  %s%s\n", p->step[i]->line, buf_text(&line),
			      line.dropped ? "..." : "");
		if (!a->done) {
			(void)fprintf(out, "      not done\n");
			continue;
		}
		(void)fprintf(out, "      %s%s", a->seen, a->told[0] ? ": " : "");
		plain_text(a->told, sizeof(a->told), out);
		(void)fputc('\n', out);
	}
}

static void print_text(const struct program *p, const struct trial *t, const char *word,
		       const char *why, FILE *out)
{
	print_steps(p, t, out);
	for (unsigned i = 0; i < FRONT_FAULT_COUNT; i++)
		if (t->result.violations >> i & 1)
			(void)fprintf(out, "violation %s (%s): %s\n", front_faults[i].name,
				      front_faults[i].requirement, front_faults[i].text);
	(void)fprintf(out, "daemon: %s\n", t->fate[0] ? t->fate : "not ours");
	if (t->bad && t->log[0]) {
		(void)fprintf(out, "it said: ");
		plain_text(t->log, sizeof(t->log), out);
		(void)fputc('\n', out);
	}
	(void)fprintf(out, "%s%s%s\n", word, why[0] ? ": " : "", why);
}

static json_t *steps_json(const struct program *p, const struct trial *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->count; i++) {
		const struct program_answer *a = &t->result.answer[i];
		CLEANUP(buf_free) struct buf line = { 0 };

		(void)!program_print_step(p->step[i], &line);
		(void)json_array_append_new(
			list, json_pack("{s:i, s:s, s:s?, s:s}", "line", (int)p->step[i]->line,
					"step", buf_text(&line), "seen", a->done ? a->seen : NULL,
					"told", a->told));
	}
	return list;
}

static void print_json(const struct target *target, const struct program *p, const struct trial *t,
		       const char *word, const char *why, FILE *out)
{
	json_t *violations = json_array();
	json_auto_t *all = NULL;

	for (unsigned i = 0; i < FRONT_FAULT_COUNT; i++)
		if (t->result.violations >> i & 1)
			(void)json_array_append_new(violations, json_string(front_faults[i].name));
	all = json_pack("{s:i, s:{s:s, s:s}, s:s, s:s, s:s, s:b, s:o, s:o}", "schema", SCHEMA,
			"target", "name", target->id, "version", target->version, "result", word,
			"differs", why, "fate", t->fate, "bad", t->bad, "violations", violations,
			"steps", steps_json(p, t));
	(void)json_dumpf(all, out, JSON_INDENT(2));
	(void)fputc('\n', out);
}

/* ---- a program of a check: the check decides ---- */

static int tell_check(const struct target *t, const struct check *c, const struct check_result *r,
		      enum output_format format, FILE *out)
{
	bool failed = r->verdict == CHECK_FAIL;
	const char *word = failed ? "reproduced" : "not reproduced";
	json_auto_t *all = NULL;

	if (format == OUTPUT_JSON) {
		all = json_pack("{s:i, s:{s:s, s:s}, s:s, s:s, s:s, s:s, s:s, s:s}", "schema",
				SCHEMA, "target", "name", t->id, "version", t->version, "result",
				word, "check", c->id, "verdict", verdict_name(r->verdict),
				"expected", r->expected, "seen", r->seen, "fate", r->fate);
		(void)json_dumpf(all, out, JSON_INDENT(2));
		(void)fputc('\n', out);
		return failed;
	}
	(void)fprintf(out, "%s: %s\n  sends     %s\n", c->id, c->title, c->sends);
	if (r->expected[0])
		(void)fprintf(out, "  expected  %s\n", r->expected);
	if (r->seen[0]) {
		(void)fprintf(out, "  seen      ");
		plain_text(r->seen, sizeof(r->seen), out);
		(void)fputc('\n', out);
	}
	(void)fprintf(out, "daemon: %s\n%s (%s)\n", r->fate[0] ? r->fate : "not ours", word,
		      verdict_name(r->verdict));
	return failed;
}

static int replay_check(const struct conform_options *o, const struct target *t,
			const struct program *p, const char *dir, FILE *out, struct err *reterr)
{
	const struct check *c = check_find(p->check);
	CLEANUP(freep) struct check_result *r = calloc(1, sizeof(*r));
	struct pool_work w = { .target = t,
			       .checks = &c,
			       .count = 1,
			       .jobs = 1,
			       .dir = dir,
			       .seed = p->seed,
			       .timeout_ms = o->timeout_ms };
	int failed;

	if (!c) {
		(void)err_set(reterr, -ENOENT, "%s: there is no check %s in this version",
			      o->operands[1], p->check);
		return STATUS_USAGE;
	}
	if (!r || pool_run(&w, r, reterr) < 0)
		return STATUS_BROKEN;
	failed = tell_check(t, c, r, o->format, out);
	return r->verdict == CHECK_BROKEN ? STATUS_BROKEN : failed;
}

int replay_run(const struct conform_options *o, const struct target *t, const char *dir, FILE *out,
	       struct err *reterr)
{
	CLEANUP(freep) char *own = fs_path("%s/replay", dir);
	CLEANUP(program_freep) struct program *p = NULL;
	struct trial_options how = { .dir = own, .timeout_ms = o->timeout_ms };
	struct trial *trial;
	char why[160];
	const char *word;
	int status;

	if (program_load(o->operands[1], &p, reterr) < 0)
		return STATUS_USAGE;
	if (p->check[0] && p->count == 0)
		return replay_check(o, t, p, dir, out, reterr);
	trial = trial_new();
	if (!trial || !own || trial_run(t, p, &how, trial, reterr) < 0) {
		(void)trial_free(trial);
		return STATUS_BROKEN;
	}
	if (p->check[0]) {
		if (o->format == OUTPUT_TEXT)
			print_steps(p, trial, out);
		(void)trial_free(trial);
		return replay_check(o, t, p, dir, out, reterr);
	}
	word = conclude(p, trial, why, sizeof(why));
	if (o->format == OUTPUT_JSON)
		print_json(t, p, trial, word, why, out);
	else
		print_text(p, trial, word, why, out);
	status = trial->bad || strcmp(word, "reproduced") == 0 ? 1 : 0;
	if (trial->broken[0]) {
		(void)err_set(reterr, -EIO, "%s", trial->broken);
		status = STATUS_BROKEN;
	}
	(void)trial_free(trial);
	return status;
}
