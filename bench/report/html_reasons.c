// SPDX-License-Identifier: Apache-2.0
/* Why cells have no value: n/a by reason, failed one by one. */
#include "report/page.h"

#include <string.h>

/* Beyond these a page would be lists only; everything is in cell.json and results.csv. */
#define CASES_IN_FULL  100
#define CELLS_PER_NOTE 40

static void evidence(struct page *p, const struct cell *c)
{
	json_t *list = json_object_get(c->root, "evidence");
	const json_t *e;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	html_open(&p->html, "ul", "class", "cells", NULL);
	json_array_foreach(list, i, e) {
		const char *file = json_string_value(json_object_get(e, "file"));
		const char *seen = json_string_value(json_object_get(e, "seen"));

		html_open(&p->html, "li", NULL);
		html_text(&p->html, json_string_value(json_object_get(e, "what")));
		if (seen && *seen) {
			html_text(&p->html, ": ");
			html_elem(&p->html, "code", NULL, seen);
		}
		if (file) {
			html_text(&p->html, " \xc2\xb7 ");
			page_file(p, file, file);
		}
		html_close(&p->html, "li");
	}
	html_close(&p->html, "ul");
}

static void cell_link(struct page *p, const struct cell *c)
{
	CLEANUP(freep) char *path = cell_json_path(c);

	if (path)
		page_file(p, path, c->id);
	else
		p->html.out.error = -ENOMEM;
}

static void note_cells(struct page *p, size_t number)
{
	size_t shown = 0;

	html_open(&p->html, "ul", "class", "cells", NULL);
	for (size_t i = 0; i < p->run->cell_count; i++) {
		const struct cell *c = &p->run->cell[i];

		if (c->note != number || shown++ >= CELLS_PER_NOTE)
			continue;
		html_open(&p->html, "li", NULL);
		cell_link(p, c);
		evidence(p, c);
		html_close(&p->html, "li");
	}
	if (shown > CELLS_PER_NOTE)
		html_elemf(&p->html, "li", NULL, "and %zu more, see results.csv",
			   shown - CELLS_PER_NOTE);
	html_close(&p->html, "ul");
}

static void note_details(struct page *p, size_t number, const struct note *n)
{
	/* A short list is read at once; a long one is folded. */
	html_open(&p->html, "details", n->cell_count <= 4 ? "open" : NULL, "", NULL);
	html_elemf(&p->html, "summary", NULL, "%zu cell%s and what was seen", n->cell_count,
		   n->cell_count == 1 ? "" : "s");
	note_cells(p, number);
	html_close(&p->html, "details");
}

static void not_applicable(struct page *p)
{
	html_elemf(&p->html, "h3", NULL, "n/a (%zu)", p->run->status_count[CELL_NA]);
	if (p->run->note_count == 0)
		html_elem(&p->html, "p", "dim", "None.");
	for (size_t i = 0; i < p->run->note_count; i++) {
		const struct note *n = &p->run->note[i];

		html_raw(&p->html, "<div class=\"case\" id=\"n");
		out_fmt(&p->html.out, "%zu\">", i + 1);
		html_open(&p->html, "h3", NULL);
		html_elemf(&p->html, "span", "dim", "n%zu  ", i + 1);
		html_text(&p->html, n->reason);
		html_close(&p->html, "h3");
		if (i < CASES_IN_FULL)
			note_details(p, i + 1, n);
		html_raw(&p->html, "</div>\n");
	}
}

/* The last lines of the first log that the evidence names. */
static void excerpt(struct page *p, const struct cell *c)
{
	json_t *list = json_object_get(c->root, "evidence");
	const json_t *e;
	size_t i;

	json_array_foreach(list, i, e) {
		const char *file = json_string_value(json_object_get(e, "file"));
		CLEANUP(out_free) struct out text = { 0 };

		if (!file || strstr(file, ".json"))
			continue;
		run_excerpt(p->run, file, &text);
		if (text.text.size == 0)
			continue;
		html_open(&p->html, "div", "class", "small dim", NULL);
		html_text(&p->html, "End of ");
		page_file(p, file, file);
		html_close(&p->html, "div");
		html_elem(&p->html, "pre", NULL, buf_text(&text.text));
		return;
	}
}

static void failed_rounds(struct page *p, const struct cell *c)
{
	const json_t *r;
	size_t i;

	json_array_foreach(json_object_get(c->root, "rounds"), i, r) {
		const char *reason = json_string_value(json_object_get(r, "reason"));
		const char *dir = json_string_value(json_object_get(r, "dir"));

		if (!reason)
			continue;
		html_open(&p->html, "p", "class", "small", NULL);
		html_textf(&p->html, "Round %" JSON_INTEGER_FORMAT ": ",
			   json_integer_value(json_object_get(r, "round")));
		if (strcmp(reason, c->reason) != 0)
			html_textf(&p->html, "%s \xc2\xb7 ", reason);
		page_file(p, dir, dir);
		html_close(&p->html, "p");
	}
}

static void one_failure(struct page *p, const struct cell *c, bool full)
{
	html_raw(&p->html, "<div class=\"case bad\" id=\"f");
	out_fmt(&p->html.out, "%zu\">", (size_t)(c - p->run->cell));
	html_open(&p->html, "h3", NULL);
	cell_link(p, c);
	html_close(&p->html, "h3");
	html_elem(&p->html, "p", NULL, c->reason);
	if (full) {
		failed_rounds(p, c);
		evidence(p, c);
		excerpt(p, c);
	}
	html_raw(&p->html, "</div>\n");
}

/* Of a long list the first are read at once. */
#define CASES_OPEN 10

static void failures(struct page *p)
{
	size_t count = p->run->status_count[CELL_FAILED];
	size_t shown = 0;
	char title[64];

	html_elemf(&p->html, "h3", NULL, "Failed (%zu)", count);
	if (count == 0)
		html_elem(&p->html, "p", "dim", "None.");
	for (size_t i = 0; i < p->run->cell_count; i++) {
		if (p->run->cell[i].status != CELL_FAILED)
			continue;
		if (shown == CASES_OPEN) {
			(void)snprintf(title, sizeof(title), "%zu more failed cells",
				       count - CASES_OPEN);
			page_fold(p, NULL, title, false);
		}
		one_failure(p, &p->run->cell[i], shown++ < CASES_IN_FULL);
	}
	if (shown > CASES_OPEN)
		html_close(&p->html, "details");
}

static void pending(struct page *p)
{
	if (p->run->status_count[CELL_PENDING] == 0)
		return;
	html_elemf(&p->html, "h3", NULL, "Pending (%zu)", p->run->status_count[CELL_PENDING]);
	html_open(&p->html, "ul", "class", "cells", NULL);
	for (size_t i = 0; i < p->run->cell_count; i++) {
		const struct cell *c = &p->run->cell[i];

		if (c->status != CELL_PENDING)
			continue;
		html_open(&p->html, "li", NULL);
		cell_link(p, c);
		html_textf(&p->html, ": %zu of %" JSON_INTEGER_FORMAT " rounds%s%s", cell_rounds(c),
			   json_integer_value(json_at(p->run->root, "plan.rounds")),
			   c->reason ? "; " : "", c->reason ? c->reason : "");
		html_close(&p->html, "li");
	}
	html_close(&p->html, "ul");
}

void page_reasons(struct page *p)
{
	page_section(p, "reasons", "Cells without a value");
	failures(p);
	not_applicable(p);
	pending(p);
	html_close(&p->html, "section");
}
