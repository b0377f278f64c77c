// SPDX-License-Identifier: Apache-2.0
#include "report/md_part.h"

#include "report/conform.h"

#include <string.h>

/* Longer lists are in report.html. */
#define FAILURES_MAX 60

static void heads(struct out *o, const struct conform *c, const char *first)
{
	out_fmt(o, "\n| %s |", first);
	for (size_t i = 0; i < c->count; i++) {
		if (!c->daemon[i].root)
			continue;
		out_str(o, " ");
		md_text(o, c->daemon[i].stack);
		out_str(o, " |");
	}
	out_str(o, "\n|---|");
	for (size_t i = 0; i < c->count; i++)
		if (c->daemon[i].root)
			out_str(o, "---|");
	out_str(o, "\n");
}

static void matrix_line(struct out *o, const struct conform *c, const char *area, const char *title,
			bool normative)
{
	char cell[CONFORM_CELL];
	struct conform_counts n;
	size_t all = 0;

	for (size_t i = 0; i < c->count; i++) {
		conform_count(&c->daemon[i], area, normative, &n);
		all += n.all;
	}
	if (all == 0)
		return;
	out_str(o, "| ");
	md_text(o, title);
	out_str(o, " |");
	for (size_t i = 0; i < c->count; i++) {
		if (!c->daemon[i].root)
			continue;
		conform_count(&c->daemon[i], area, normative, &n);
		out_fmt(o, " %s |", conform_cell(&n, cell));
	}
	out_str(o, "\n");
}

static void matrix(struct out *o, const struct conform *c, const char *title, bool normative)
{
	const char *area;
	json_t *name;

	out_fmt(o, "\n**%s**\n", title);
	heads(o, c, "area");
	json_object_foreach(c->areas, area, name)
		matrix_line(o, c, area, json_string_value(name), normative);
	matrix_line(o, c, NULL, "all", normative);
}

static void daemons(struct out *o, const struct conform *c)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct conform_daemon *d = &c->daemon[i];

		out_str(o, "- ");
		md_text(o, d->stack);
		out_str(o, " (");
		md_text(o, text_dash(*d->version ? d->version : NULL));
		out_fmt(o, "): %s%s", d->status, d->reason ? ", " : "");
		md_text(o, d->reason ? d->reason : "");
		if (d->damage.text[0]) {
			out_str(o, "; its results cannot be used: ");
			md_text(o, d->damage.text);
		}
		out_str(o, "\n");
	}
}

static void failure(struct out *o, const struct conform_daemon *d, const char *id, json_t *check)
{
	const char *status = conform_text(check, "known_status");
	const char *fate = conform_text(check, "fate");

	out_str(o, "- ");
	md_text(o, d->stack);
	out_str(o, ", ");
	md_text(o, id);
	out_fmt(o, ": %s; %s, ", conform_word(conform_state(d, check)),
		conform_text(check, "level"));
	md_text(o, conform_source(check));
	out_str(o, ". Expected: ");
	md_text(o, text_dash(conform_text(check, "expected")));
	out_str(o, "; seen: ");
	md_text(o, text_dash(conform_text(check, "seen")));
	if (fate && strcmp(fate, "alive") != 0) {
		out_str(o, "; daemon ");
		md_text(o, fate);
	}
	if (status) {
		out_fmt(o, "; written down as %s: ", status);
		md_text(o, text_dash(conform_text(check, "known_reason")));
	}
	out_str(o, ". Repeat: ");
	md_text(o, text_dash(conform_text(check, "repeat")));
	out_str(o, "\n");
}

static void failures(struct out *o, const struct conform *c)
{
	size_t shown = 0;
	const char *id;
	json_t *first;

	json_object_foreach(c->ids, id, first) {
		for (size_t i = 0; i < c->count; i++) {
			json_t *check = conform_check(&c->daemon[i], id);
			enum conform_state s = conform_state(&c->daemon[i], check);

			if (s == CONFORM_PASSED || s == CONFORM_SKIPPED || s == CONFORM_ABSENT)
				continue;
			if (shown == 0)
				out_str(o, "\n**What failed or could not be done**\n\n");
			if (shown++ < FAILURES_MAX)
				failure(o, &c->daemon[i], id, check);
		}
	}
	if (shown > FAILURES_MAX)
		out_fmt(o, "- %zu more are in report.html\n", shown - FAILURES_MAX);
}

/* Requirements by what came of them; the table of all is in report.html. */
static void requirements(struct out *o, const struct conform *c)
{
	for (size_t i = 0; i < c->count; i++) {
		struct conform_counts n = { 0 };
		size_t untested = 0;
		const struct spec_row *row;
		char cell[CONFORM_CELL];

		if (!c->daemon[i].root)
			continue;
		for (size_t j = 0; (row = spec_row_at(j)); j++) {
			enum conform_state s = conform_row_state(&c->daemon[i], row);

			if (!conform_row_is_listed(c, row))
				continue;
			if (s == CONFORM_ABSENT)
				untested++;
			else
				n.of[s]++;
		}
		out_str(o, i == 0 ? "\nRequirements: " : "; ");
		md_text(o, c->daemon[i].stack);
		out_fmt(o, ": %s, %zu not looked at", conform_cell(&n, cell), untested);
	}
	out_str(o, ". Each of them with its checks is in report.html.\n");
}

static void suite_part(const struct run *r, const struct conform_suite *suite, struct out *o)
{
	CLEANUP(conform_free) struct conform c = { 0 };

	if (conform_build(r, suite, &c) < 0) {
		o->error = -ENOMEM;
		return;
	}
	out_fmt(o, "\n## %s\n\n%s\n\n", suite->title, suite->about);
	daemons(o, &c);
	if (json_object_size(c.ids) == 0)
		return;
	matrix(o, &c, "What the standards require", true);
	matrix(o, &c, "De-facto behaviour", false);
	failures(o, &c);
	requirements(o, &c);
}

void md_conform(const struct run *r, struct out *o)
{
	size_t count;
	const struct conform_suite *suites = conform_suites(&count);

	for (size_t i = 0; i < count; i++)
		if (conform_has(r, suites[i].id))
			suite_part(r, &suites[i], o);
}
