// SPDX-License-Identifier: Apache-2.0
/* A suite of checks: areas x daemons (or mounts), what failed, where they differ. */
#include "report/page.h"

#include "report/conform.h"

#include <string.h>

static const char *css_of(enum conform_state s)
{
	switch (s) {
	case CONFORM_FAILED: return "failed";
	case CONFORM_BROKEN: return "missing";
	case CONFORM_KNOWN: return "diff";
	case CONFORM_PASSED: return NULL;
	case CONFORM_NOTED:
	case CONFORM_SKIPPED:
	case CONFORM_ABSENT: break;
	}
	return "na";
}

static void fold(struct page *p, const struct conform *c, const char *what, const char *title,
		 bool open)
{
	char id[64];

	(void)snprintf(id, sizeof(id), "%s-%s", c->suite->anchor, what);
	page_fold(p, id, title, open);
}

static void file_link(struct page *p, const struct conform_daemon *d, const char *name)
{
	CLEANUP(freep) char *path = NULL;

	if (asprintf(&path, "%s/%s", d->dir, name) < 0) {
		path = NULL;
		p->html.out.error = -ENOMEM;
		return;
	}
	if (!run_has_file(p->run, path))
		return;
	html_link(&p->html, path, NULL, name);
	html_text(&p->html, " ");
}

static void daemon_line(struct page *p, const struct conform_daemon *d)
{
	static const char *const files[] = { "device.json", "guest.json", "junit.xml",
					     "results.tap", "output.txt" };

	html_open(&p->html, "tr", NULL);
	html_open(&p->html, "th", "scope", "row", NULL);
	html_elem(&p->html, "b", NULL, d->stack);
	html_close(&p->html, "th");
	html_elem(&p->html, "td", NULL, text_dash(*d->version ? d->version : NULL));
	html_elemf(&p->html, "td", "n", "%zu", json_object_size(d->checks));
	html_elem(&p->html, "td", strcmp(d->status, "passed") == 0 ? NULL : "failed", d->status);
	html_open(&p->html, "td", "class", "wide", NULL);
	if (d->reason)
		html_textf(&p->html, "%s. ", d->reason);
	if (d->damage.text[0])
		html_elemf(&p->html, "span", "missing", "Its results cannot be used: %s",
			   d->damage.text);
	html_close(&p->html, "td");
	html_open(&p->html, "td", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		file_link(p, d, files[i]);
	html_close(&p->html, "td");
	html_close(&p->html, "tr");
	html_newline(&p->html);
}

static void daemons(struct page *p, const struct conform *c)
{
	page_table_open(p, "lines");
	html_raw(&p->html, "<thead><tr>");
	html_elem(&p->html, "th", NULL, c->suite->subject);
	html_raw(&p->html, "<th>Version</th><th class=\"n\">Checks</th>"
			   "<th>Status</th><th>Why</th><th>Files</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < c->count; i++)
		daemon_line(p, &c->daemon[i]);
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
}

static void count_cell(struct page *p, const struct conform_counts *n)
{
	const char *gap = "";

	html_open(&p->html, "td", "class", n->all ? "n" : "n na", NULL);
	if (n->all == 0)
		html_text(&p->html, "\xe2\x80\x93");
	for (unsigned s = 0; s < CONFORM_STATES; s++) {
		if (n->of[s] == 0)
			continue;
		html_text(&p->html, gap);
		html_elemf(&p->html, "span", css_of((enum conform_state)s), "%zu %s", n->of[s],
			   conform_word((enum conform_state)s));
		gap = ", ";
	}
	html_close(&p->html, "td");
}

static void heads(struct page *p, const struct conform *c, const char *first)
{
	html_raw(&p->html, "<thead><tr>");
	html_elem(&p->html, "th", NULL, first);
	for (size_t i = 0; i < c->count; i++)
		if (c->daemon[i].root)
			html_elem(&p->html, "th", "n", c->daemon[i].stack);
	html_raw(&p->html, "</tr></thead><tbody>\n");
}

static void matrix_line(struct page *p, const struct conform *c, const char *area,
			const char *title, bool normative)
{
	struct conform_counts n;
	size_t all = 0;

	for (size_t i = 0; i < c->count; i++) {
		conform_count(&c->daemon[i], area, normative, &n);
		all += n.all;
	}
	if (all == 0)
		return;
	html_open(&p->html, "tr", NULL);
	html_open(&p->html, "th", "scope", "row", NULL);
	html_elem(&p->html, area ? "span" : "b", NULL, title);
	if (area)
		html_elemf(&p->html, "span", "dim", " %s.*", area);
	html_close(&p->html, "th");
	for (size_t i = 0; i < c->count; i++) {
		if (!c->daemon[i].root)
			continue;
		conform_count(&c->daemon[i], area, normative, &n);
		count_cell(p, &n);
	}
	html_close(&p->html, "tr");
	html_newline(&p->html);
}

static void matrix(struct page *p, const struct conform *c, const char *title, const char *text,
		   bool normative)
{
	const char *area;
	json_t *name;

	html_elem(&p->html, "h3", NULL, title);
	html_elem(&p->html, "p", "dim small", text);
	page_table_open(p, "lines");
	heads(p, c, "Area");
	json_object_foreach(c->areas, area, name)
		matrix_line(p, c, area, json_string_value(name), normative);
	matrix_line(p, c, NULL, "All", normative);
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
}

static void failure_line(struct page *p, const struct conform_daemon *d, json_t *check)
{
	enum conform_state s = conform_state(d, check);
	const char *status = conform_text(check, "known_status");

	html_open(&p->html, "tr", NULL);
	html_open(&p->html, "th", "scope", "row", NULL);
	html_elem(&p->html, "b", NULL, d->stack);
	html_close(&p->html, "th");
	html_open(&p->html, "td", NULL);
	html_elem(&p->html, "span", css_of(s), conform_word(s));
	if (status)
		html_textf(&p->html, " (written down as %s: %s)", status,
			   text_dash(conform_text(check, "known_reason")));
	html_close(&p->html, "td");
	html_elem(&p->html, "td", "wide", text_dash(conform_text(check, "expected")));
	html_elem(&p->html, "td", "wide", text_dash(conform_text(check, "seen")));
	html_elem(&p->html, "td", NULL, text_dash(conform_text(check, "fate")));
	html_elem(&p->html, "td", "mono", text_dash(conform_text(check, "repeat")));
	html_close(&p->html, "tr");
	html_newline(&p->html);
}

static bool is_shown(json_t *check)
{
	return text_same(conform_text(check, "verdict"), "FAIL") ||
	       text_same(conform_text(check, "verdict"), "BROKEN");
}

static void failure(struct page *p, const struct conform *c, const char *id)
{
	json_t *first = NULL;

	for (size_t i = 0; i < c->count && !first; i++)
		if (is_shown(conform_check(&c->daemon[i], id)))
			first = conform_check(&c->daemon[i], id);
	html_open(&p->html, "div", "class", "case bad", NULL);
	html_open(&p->html, "h3", NULL);
	html_elem(&p->html, "code", NULL, id);
	html_textf(&p->html, " %s", conform_text(first, "title"));
	html_close(&p->html, "h3");
	html_elemf(&p->html, "p", "small", "%s, %s (%s). Sends: %s", conform_text(first, "level"),
		   conform_source(first),
		   conform_text(first, "broken_row") ? conform_text(first, "broken_row")
						     : conform_text(first, "rows"),
		   conform_text(first, "sends"));
	page_table_open(p, "lines");
	html_raw(&p->html, "<thead><tr>");
	html_elem(&p->html, "th", NULL, c->suite->subject);
	html_raw(&p->html, "<th>Result</th><th>Expected</th><th>Seen</th>"
			   "<th>Daemon then</th><th>Repeat</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < c->count; i++) {
		json_t *check = conform_check(&c->daemon[i], id);

		if (is_shown(check))
			failure_line(p, &c->daemon[i], check);
	}
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
	html_close(&p->html, "div");
}

static void failures(struct page *p, const struct conform *c)
{
	size_t count = 0;
	const char *id;
	json_t *check;

	json_object_foreach(c->ids, id, check)
		count += conform_is_failure(c, id);
	if (count == 0)
		return;
	fold(p, c, "failures", "What failed or could not be done", count <= 20);
	json_object_foreach(c->ids, id, check)
		if (conform_is_failure(c, id))
			failure(p, c, id);
	html_close(&p->html, "details");
}

static void difference(struct page *p, const struct conform *c, const char *id, json_t *check)
{
	html_open(&p->html, "tr", NULL);
	html_open(&p->html, "th", "scope", "row", NULL);
	html_elem(&p->html, "code", NULL, id);
	html_elemf(&p->html, "div", "s", "%s", conform_text(check, "title"));
	html_close(&p->html, "th");
	for (size_t i = 0; i < c->count; i++) {
		json_t *one = conform_check(&c->daemon[i], id);
		enum conform_state s = conform_state(&c->daemon[i], one);
		const char *fate = one ? conform_text(one, "fate") : NULL;

		if (!c->daemon[i].root)
			continue;
		html_open(&p->html, "td", "class", "n", NULL);
		html_elem(&p->html, "span", css_of(s), conform_word(s));
		if (fate && strcmp(fate, "alive") != 0)
			html_elem(&p->html, "div", "s", fate);
		html_close(&p->html, "td");
	}
	html_close(&p->html, "tr");
	html_newline(&p->html);
}

static void differences(struct page *p, const struct conform *c)
{
	size_t count = 0;
	const char *id;
	json_t *check;

	json_object_foreach(c->ids, id, check)
		count += conform_differs(c, id);
	if (count == 0)
		return;
	fold(p, c, "differences",
	     c->suite->means == SPEC_D ? "Where daemons differ" : "Where mounts differ", true);
	page_table_open(p, "lines tall");
	heads(p, c, "Check");
	json_object_foreach(c->ids, id, check)
		if (conform_differs(c, id))
			difference(p, c, id, check);
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
	html_close(&p->html, "details");
}

static void row_line(struct page *p, const struct conform *c, const struct spec_row *row)
{
	CLEANUP(freep) char *checks = conform_row_checks(c, row);
	const char *waiver = conform_row_waiver(c, row);

	if (!checks) {
		p->html.out.error = -ENOMEM;
		return;
	}
	html_open(&p->html, "tr", NULL);
	html_open(&p->html, "th", "scope", "row", NULL);
	html_elem(&p->html, "code", NULL, row->id);
	html_close(&p->html, "th");
	html_elemf(&p->html, "td", NULL, "%s%s", spec_level_name(row->level),
		   spec_is_normative(row) ? "" : " (practice)");
	html_elem(&p->html, "td", NULL, row->source);
	html_elem(&p->html, "td", "wide", row->text);
	if (waiver)
		html_elemf(&p->html, "td", "na", "waived: %s", waiver);
	else
		html_elem(&p->html, "td", *checks ? "mono" : "missing", *checks ? checks : "none");
	for (size_t i = 0; i < c->count; i++) {
		enum conform_state s = conform_row_state(&c->daemon[i], row);

		if (c->daemon[i].root)
			html_elem(&p->html, "td", css_of(s), conform_word(s));
	}
	html_close(&p->html, "tr");
	html_newline(&p->html);
}

static void rows(struct page *p, const struct conform *c)
{
	const struct spec_row *row;

	fold(p, c, "rows", "Each requirement, its checks and their results", false);
	html_elem(
		&p->html, "p", "dim small",
		c->suite->means == SPEC_D
			? "Every requirement that a client without a guest can check. A requirement that "
			  "every check looks after besides its own has passed when none saw it broken."
			: "Every requirement that can be checked inside a guest.");
	page_table_open(p, "lines tall");
	html_raw(&p->html, "<thead><tr><th>Requirement</th><th>Level</th><th>Clause</th>"
			   "<th>Says</th><th>Checks</th>");
	for (size_t i = 0; i < c->count; i++)
		if (c->daemon[i].root)
			html_elem(&p->html, "th", NULL, c->daemon[i].stack);
	html_raw(&p->html, "</tr></thead><tbody>\n");
	for (size_t i = 0; (row = spec_row_at(i)); i++)
		if (conform_row_is_listed(c, row))
			row_line(p, c, row);
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
	html_close(&p->html, "details");
}

static void suite_section(struct page *p, const struct conform_suite *suite)
{
	CLEANUP(conform_free) struct conform c = { 0 };

	page_section(p, suite->anchor, suite->title);
	if (conform_build(p->run, suite, &c) < 0) {
		p->html.out.error = -ENOMEM;
		html_close(&p->html, "section");
		return;
	}
	html_elemf(
		&p->html, "p", "dim small",
		"%s failed: a MUST or de-facto requirement is broken; known: the same, "
		"written down with its status; noted: a SHOULD that is not followed or a MAY that "
		"is not used; skipped: what the check needs is not offered; broken: the check "
		"could not be done.",
		suite->about);
	daemons(p, &c);
	if (json_object_size(c.ids) > 0) {
		matrix(p, &c, "What the standards require",
		       "virtio and vhost-user, in their own words: a failure is one of conformance.",
		       true);
		matrix(p, &c, "De-facto behaviour",
		       "FUSE and Linux have no normative text: what guests rely on all the same.",
		       false);
		differences(p, &c);
		failures(p, &c);
		rows(p, &c);
	}
	html_close(&p->html, "section");
}

static void section_of(struct page *p, const char *id)
{
	size_t count;
	const struct conform_suite *suites = conform_suites(&count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(suites[i].id, id) == 0)
			suite_section(p, &suites[i]);
}

void page_conform(struct page *p)
{
	section_of(p, "device");
}

void page_guest(struct page *p)
{
	section_of(p, "guest");
}
