// SPDX-License-Identifier: Apache-2.0
/* FINDINGS.md: every deviation and every end of a daemon in some results, the worst first. */
#include "conformance/runner/doc.h"

#include "base/json.h"
#include "conformance/spec/spec.h"

#include <fnmatch.h>
#include <string.h>

enum severity { CRASH, LOSS, WRONG, FORM, SEVERITIES, ALLOWED = SEVERITIES, NONE };

static const struct {
	const char *title;
	const char *text;
} sections[] = {
	[CRASH] = { "Ends of the daemon",
		    "A guest's request ends it, one of its threads, or its answers: every "
		    "user of the share loses it." },
	[LOSS] = { "Data lost or changed, rights too many, reach beyond the share",
		   "What was written is not there, somebody may do what he may not, or what is outside of the share can be reached." },
	[WRONG] = { "Wrong results", "Something else comes of a request than is required." },
	[FORM] = { "Form", "Recommendations that are not followed, permissions that are not used, "
			   "fields of a reply." },
	[ALLOWED] = { "Ends that are allowed",
		      "The check passed: a device may stop working on such a driver. Who wants to "
		      "stay up for others may want to know." },
};

/* Checks whose failure means lost data, a right too many or an escape. */
static const char *const loss[] = { "append.*",	 "copy.*",  "disk.*",	  "escape.*",
				    "mapping.*", "privs.*", "races.*",	  "readonly.*",
				    "space.*",	 "sync.*",  "truncate.*", "write.*" };

#define ESCAPE_ROWS "VIRTIO-FS-SEC-"

static bool is_loss(json_t *check)
{
	if (strncmp(doc_text(check, "rows"), ESCAPE_ROWS, strlen(ESCAPE_ROWS)) == 0 ||
	    strstr(doc_text(check, "expected"), "outside of the share"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(loss); i++)
		if (fnmatch(loss[i], doc_text(check, "id"), 0) == 0)
			return true;
	return false;
}

/* What a Rust program writes when one of its threads dies; the others go on, and the ring is never looked at again. */
#define THREAD_DIED "panicked at"

static bool is_end(json_t *check)
{
	return doc_ended(check) || strstr(doc_text(check, "log"), THREAD_DIED);
}

static enum severity severity_of(json_t *check)
{
	const char *level = doc_text(check, "level");

	/* To leave in order when the front end has left is what they all do. */
	if (doc_is(check, "PASS") && doc_ended(check) &&
	    strcmp(doc_text(check, "fate"), "exited:0") != 0)
		return ALLOWED;
	if (!doc_is(check, "FAIL"))
		return NONE;
	if (is_end(check))
		return CRASH;
	/* A rule of the transport that the front end saw broken, beside what the check was about. */
	if ((strcmp(level, "MUST") != 0 && strcmp(level, "DEFACTO") != 0) ||
	    *doc_text(check, "broken_row"))
		return FORM;
	return is_loss(check) ? LOSS : WRONG;
}

/* Text of results in a paragraph: no markup, one line. */
static void put(FILE *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (strchr("\\`*_[]<>&|#~", c))
			(void)fputc('\\', out);
		(void)fputc(c < ' ' || c == 0x7f ? ' ' : c, out);
	}
}

/* The same as a block of code, @margin blanks in. */
static void put_block(FILE *out, const char *name, const char *text)
{
	for (; *text; name = "") {
		(void)fprintf(out, "      %-9s ", name);
		for (; *text && *text != '\n'; text++)
			(void)fputc((unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text, out);
		(void)fputc('\n', out);
		text += *text == '\n';
	}
}

static const char *clause_of(json_t *check)
{
	const struct spec_row *row = spec_find(doc_text(check, "broken_row"));

	return row ? row->source : doc_text(check, "clause");
}

static void put_one(const struct doc *d, json_t *check, FILE *out)
{
	const char *status = doc_text(check, "known_status");

	(void)fprintf(out, "- **");
	put(out, d->name);
	(void)fprintf(out, "**");
	if (*status) {
		(void)fprintf(out, " (written down as %s: ", status);
		put(out, doc_text(check, "known_reason"));
		(void)fprintf(out, ")");
	}
	(void)fprintf(out, "\n\n");
	put_block(out, "required", doc_text(check, "expected"));
	put_block(out, "seen", doc_text(check, "seen"));
	put_block(out, "daemon", doc_text(check, "fate"));
	put_block(out, "repeat", doc_text(check, "repeat"));
	(void)fprintf(out, "\n");
}

/* One finding: a check, and the daemons that it found something about. */
static void put_finding(const struct docs *d, const char *id, json_t *first, enum severity s,
			FILE *out)
{
	(void)fprintf(out, "### ");
	put(out, id);
	(void)fprintf(out, ": ");
	put(out, doc_text(first, "title"));
	(void)fprintf(out, "\n\n%s, ", doc_text(first, "level"));
	put(out, clause_of(first));
	(void)fprintf(out, " (");
	put(out, *doc_text(first, "broken_row") ? doc_text(first, "broken_row")
						: doc_text(first, "rows"));
	(void)fprintf(out, "). Request: ");
	put(out, doc_text(first, "sends"));
	(void)fprintf(out, "\n\n");
	for (size_t i = 0; i < d->count; i++) {
		json_t *check = json_object_get(d->item[i].checks, id);

		if (check && severity_of(check) == s)
			put_one(&d->item[i], check, out);
	}
}

/* The first result with that check and severity tells it: is that @index? */
static bool is_first(const struct docs *d, size_t index, const char *id, enum severity s)
{
	for (size_t i = 0; i < index; i++) {
		json_t *check = json_object_get(d->item[i].checks, id);

		if (check && severity_of(check) == s)
			return false;
	}
	return true;
}

static size_t put_section(const struct docs *d, enum severity s, FILE *out)
{
	size_t count = 0;

	for (size_t i = 0; i < d->count; i++) {
		const char *id;
		json_t *check;

		json_object_foreach(d->item[i].checks, id, check) {
			if (severity_of(check) != s || !is_first(d, i, id, s))
				continue;
			if (count++ == 0)
				(void)fprintf(out, "## %s\n\n%s\n\n", sections[s].title,
					      sections[s].text);
			put_finding(d, id, check, s, out);
		}
	}
	return count;
}

static size_t count_verdict(const struct doc *d, const char *verdict)
{
	size_t count = 0;
	const char *id;
	json_t *check;

	json_object_foreach(d->checks, id, check)
		count += doc_is(check, verdict);
	return count;
}

static void put_daemons(const struct docs *d, FILE *out)
{
	static const char *const verdicts[] = { "PASS", "FAIL", "SKIP", "BROKEN" };

	(void)fprintf(out, "| daemon | version | checks | passed | failed | skipped | not done |\n"
			   "|---|---|---:|---:|---:|---:|---:|\n");
	for (size_t i = 0; i < d->count; i++) {
		(void)fprintf(out, "| ");
		put(out, d->item[i].name);
		(void)fprintf(out, " | ");
		put(out, d->item[i].version);
		(void)fprintf(out, " | %zu |", json_object_size(d->item[i].checks));
		for (size_t j = 0; j < ARRAY_SIZE(verdicts); j++)
			(void)fprintf(out, " %zu |", count_verdict(&d->item[i], verdicts[j]));
		(void)fprintf(out, "\n");
	}
	(void)fprintf(out, "\n");
}

size_t findings_write(const struct docs *d, FILE *out)
{
	size_t count = 0;

	(void)fprintf(
		out,
		"# Findings\n\nGenerated by `make findings` from results of `virtiofs-conform`: what "
		"these daemons did that a requirement forbids, and what ended them. Nothing stands "
		"here that was not run. A check that fails is no proof of a bug: the clause says who "
		"is right, `virtiofs-conform explain CHECK` why it matters. Each line `repeat` does "
		"one of them again, in a moment and without a guest.\n\n");
	put_daemons(d, out);
	for (unsigned s = 0; s < SEVERITIES; s++)
		count += put_section(d, (enum severity)s, out);
	if (count == 0)
		(void)fprintf(out, "No check found anything.\n\n");
	(void)put_section(d, ALLOWED, out);
	return count;
}
