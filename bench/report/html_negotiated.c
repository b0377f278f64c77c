// SPDX-License-Identifier: Apache-2.0
/* What each stack and mode agreed on, and where that makes rows unlike. */
#include "report/page.h"

#include "report/negotiated.h"

#include <string.h>

static void flags_in_common(struct page *p, const struct negotiated *n)
{
	CLEANUP(out_free) struct out o = { 0 };

	negotiated_flags(n, &n->line[0], true, &o);
	html_open(&p->html, "p", "class", "small", NULL);
	html_text(&p->html, "INIT flags that every row has: ");
	html_elem(&p->html, "code", NULL, buf_text(&o.text));
	html_close(&p->html, "p");
}

static void line(struct page *p, const struct negotiated *n, const struct negotiated_line *l)
{
	const struct negotiated_line *base = &n->line[l->base];
	CLEANUP(out_free) struct out flags = { 0 };
	char ours[NUMBER_SIZE];
	char theirs[NUMBER_SIZE];

	html_open(&p->html, "tr", NULL);
	html_open(&p->html, "th", "scope", "row", NULL);
	page_cell_name(p, l->cell);
	html_close(&p->html, "th");
	html_elemf(&p->html, "td", "n", "%zu", l->cell_count);
	for (size_t i = 0; i < negotiated_field_count; i++) {
		const char *text = negotiated_text(l, &negotiated_fields[i], ours);
		bool same = strcmp(text, negotiated_text(base, &negotiated_fields[i], theirs)) == 0;

		html_elem(&p->html, "td", same ? "n" : "n diff", text);
	}
	negotiated_flags(n, l, false, &flags);
	html_elem(&p->html, "td", "mono wide", buf_text(&flags.text));
	if (*l->differs)
		html_elemf(&p->html, "td", "diff", "differs in more than one thing: %s",
			   l->differs);
	else
		html_elem(&p->html, "td", "dim", l->base == (size_t)(l - n->line) ? "base" : "");
	html_close(&p->html, "tr");
	html_newline(&p->html);
}

/* Stacks without INIT: what was chosen instead. */
static void set_ups(struct page *p)
{
	html_open(&p->html, "ul", "class", "cells", NULL);
	for (size_t i = 0; i < p->run->stack_count; i++) {
		const struct stack_info *s = &p->run->stack[i];

		if (!s->set_up)
			continue;
		html_open(&p->html, "li", NULL);
		html_elem(&p->html, "b", NULL, s->id);
		html_textf(&p->html, ": %s", s->set_up);
		html_close(&p->html, "li");
	}
	html_close(&p->html, "ul");
}

void page_negotiated(struct page *p)
{
	CLEANUP(negotiated_free) struct negotiated n = { 0 };

	page_section(p, "negotiated", "What was negotiated");
	if (negotiated_build(p->run, &n) < 0)
		p->html.out.error = -ENOMEM;
	if (n.line_count == 0)
		html_elem(&p->html, "p", "dim", "No cell of this run has recorded it.");
	if (n.line_count > 0) {
		html_elem(
			&p->html, "p", "dim small",
			"As the relay saw INIT and the vhost-user session. Modes are compared "
			"with the first row of their stack, stacks with the first row of the same "
			"mode; what differs there is marked. A row that differs in more than the "
			"one thing that is compared says so.");
		flags_in_common(p, &n);
		page_table_open(p, "lines");
		html_raw(&p->html, "<thead><tr><th>Stack, mode</th><th class=\"n\">Cells</th>");
		for (size_t i = 0; i < negotiated_field_count; i++)
			html_elem(&p->html, "th", "n", negotiated_fields[i].title);
		html_raw(&p->html, "<th>INIT flags that not all have</th><th>Compared</th></tr>"
				   "</thead><tbody>\n");
		for (size_t i = 0; i < n.line_count; i++)
			line(p, &n, &n.line[i]);
		html_raw(&p->html, "</tbody>");
		page_table_close(p);
	}
	set_ups(p);
	html_close(&p->html, "section");
}
