// SPDX-License-Identifier: Apache-2.0
/* Operations, bytes, kicks and interrupts of each phase, as the observed passes counted them. */
#include "report/page.h"

#include "report/counts.h"

#include <string.h>

static const struct scale plain = { .divide = 1, .unit = "", .whole = true };

static const struct {
	const char *name;
	const char *title;
	bool bytes;
} totals[] = {
	{ "bytes_to_device", "to device", true },
	{ "bytes_from_device", "from device", true },
	{ "kicks", "kicks", false },
	{ "interrupts", "interrupts", false },
};

static void number_cell(struct page *p, const struct value *v, bool bytes, const char *css)
{
	struct scale s = bytes && v ? scale_pick("B", v->name, v->median) : plain;

	if (!v) {
		html_elem(&p->html, "td", "n na", "\xe2\x80\x93");
		return;
	}
	html_open(&p->html, "td", "class", css, NULL);
	if (counts_exact(v)) {
		page_median(p, v, &s, NULL);
	} else {
		page_number(p, v, v->at_min, &s, NULL);
		html_text(&p->html, "\xe2\x80\x93");
		page_number(p, v, v->at_max, &s, NULL);
	}
	if (*s.unit)
		html_elemf(&p->html, "span", "u", " %s", s.unit);
	html_close(&p->html, "td");
}

static void heads(struct page *p, const struct counts *c)
{
	html_raw(&p->html, "<thead><tr><th>Cell</th><th>Phase</th><th class=\"n\">Passes</th>"
			   "<th class=\"n\">all</th>");
	for (size_t i = 0; i < c->opcode_count; i++)
		html_elem(&p->html, "th", "n", strchr(c->opcode[i], '.') + 1);
	if (c->others)
		html_elem(&p->html, "th", "n", "other");
	for (size_t i = 0; i < ARRAY_SIZE(totals); i++)
		html_elem(&p->html, "th", "n", totals[i].title);
	html_raw(&p->html, "</tr></thead><tbody>\n");
}

static size_t passes(const struct counts_line *l)
{
	static const char *const names[] = { "ops.all", "kicks", "interrupts", "bytes_to_device" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (counts_value(l, names[i]))
			return counts_value(l, names[i])->sample_count;
	return 0;
}

static void line(struct page *p, const struct counts *c, const struct counts_line *l, bool first)
{
	char number[NUMBER_SIZE];

	html_open(&p->html, "tr", NULL);
	html_open(&p->html, "th", "scope", "row", NULL);
	if (first)
		page_cell_name(p, l->cell);
	html_close(&p->html, "th");
	html_elemf(&p->html, "td", NULL, "%.*s", (int)l->phase_size, l->phase);
	html_elemf(&p->html, "td", "n", "%zu", passes(l));
	number_cell(p, counts_value(l, "ops.all"), false, "n v");
	for (size_t i = 0; i < c->opcode_count; i++)
		number_cell(p, counts_value(l, c->opcode[i]), false, "n");
	if (c->others)
		html_elem(&p->html, "td", "n", scale_number(&plain, counts_others(c, l), number));
	for (size_t i = 0; i < ARRAY_SIZE(totals); i++)
		number_cell(p, counts_value(l, totals[i].name), totals[i].bytes, "n");
	html_close(&p->html, "tr");
	html_newline(&p->html);
}

/* Return: was there anything to show? */
static bool one_workload(struct page *p, const struct workload_info *w, bool open)
{
	CLEANUP(counts_free) struct counts c = { 0 };
	CLEANUP(freep) char *title = NULL;

	if (counts_build(p->run, w, &c) < 0 ||
	    asprintf(&title, "%s \xc2\xb7 %s", w->title, w->id) < 0) {
		title = NULL;
		p->html.out.error = -ENOMEM;
		return false;
	}
	if (c.line_count == 0)
		return false;
	page_fold(p, NULL, title, open);
	page_table_open(p, "lines tall");
	heads(p, &c);
	for (size_t i = 0; i < c.line_count; i++)
		line(p, &c, &c.line[i], i == 0 || c.line[i - 1].cell != c.line[i].cell);
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
	html_close(&p->html, "details");
	html_newline(&p->html);
	return true;
}

void page_counts(struct page *p)
{
	bool any = false;

	page_section(p, "counts", "Operation counts");
	html_elem(
		&p->html, "p", "dim small",
		"From observed passes: after the timed rounds each cell ran once more, untimed, "
		"every phase exactly once, with a relay between VMM and daemon that counts what "
		"is in the rings; one method for all virtio-fs stacks. Phase \"mount\": from plug "
		"to the first phase. One number: all passes counted the same (\"Passes\" says how "
		"many); two: the smallest and the largest.");
	for (size_t i = 0; i < p->run->workload_count; i++)
		any |= one_workload(p, &p->run->workload[i],
				    p->run->cell_count <= PAGE_SMALL_RUN || !any);
	if (!any)
		html_elem(&p->html, "p", "dim", "This run has no observed pass with counts.");
	html_close(&p->html, "section");
}
