// SPDX-License-Identifier: Apache-2.0
#include "report/page.h"

#include "report/conform.h"
#include "report/counts.h"
#include "report/dax.h"
#include "report/footprint.h"
#include "report/heat.h"

#include <string.h>

/* A value keeps its link only where the raw file is in the run folder. */
static void linked(struct page *p, const char *source, const char *css, const char *text)
{
	CLEANUP(freep) char *path = source_path(source);

	if (!path) {
		p->html.out.error = -ENOMEM;
		return;
	}
	if (run_has_file(p->run, path)) {
		html_link(&p->html, path, css, text);
		return;
	}
	html_open(&p->html, "span", "title", "the raw file is not in the run folder", "class",
		  css ? css : "", NULL);
	html_text(&p->html, text);
	html_elem(&p->html, "span", "missing", " (raw file missing)");
	html_close(&p->html, "span");
}

void page_number(struct page *p, const struct value *v, size_t at, const struct scale *s,
		 const char *css)
{
	char number[NUMBER_SIZE];

	linked(p, v->source[at], css, scale_number(s, v->sample[at], number));
}

void page_median(struct page *p, const struct value *v, const struct scale *s, const char *css)
{
	char number[NUMBER_SIZE];

	linked(p, v->source[v->at_median], css, scale_number(s, v->median, number));
}

void page_spread(struct page *p, const struct value *v, const struct scale *s)
{
	html_open(&p->html, "div", "class", "s", NULL);
	if (v->sample_count == 1) {
		html_text(&p->html, "n=1");
	} else {
		page_number(p, v, v->at_min, s, NULL);
		html_text(&p->html, "\xe2\x80\x93");
		page_number(p, v, v->at_max, s, NULL);
	}
	html_close(&p->html, "div");
}

bool page_looks_spread(const struct value *v, const struct scale *s)
{
	char low[NUMBER_SIZE];
	char high[NUMBER_SIZE];

	return strcmp(scale_number(s, v->sample[v->at_min], low),
		      scale_number(s, v->sample[v->at_max], high)) != 0;
}

void page_file(struct page *p, const char *path, const char *text)
{
	if (run_has_file(p->run, path))
		html_link(&p->html, path, NULL, text);
	else
		html_text(&p->html, text);
}

void page_cell_name(struct page *p, const struct cell *c)
{
	struct mode m = cell_mode(c);
	CLEANUP(freep) char *mode = NULL;

	m.name_window = c->window_bytes > 0;
	mode = mode_name(&m);
	if (!mode) {
		p->html.out.error = -ENOMEM;
		return;
	}
	html_open(&p->html, "b", NULL);
	html_textf(&p->html, "%s%s%s", c->stack, c->variant ? "+" : "",
		   c->variant ? c->variant : "");
	html_close(&p->html, "b");
	html_open(&p->html, "span", "class", "dim", NULL);
	html_textf(&p->html, " / %s", c->vmm ? c->vmm : "host");
	if (c->kernel)
		html_textf(&p->html, " / %s", c->kernel);
	html_close(&p->html, "span");
	html_textf(&p->html, " %s", mode);
}

void page_section(struct page *p, const char *id, const char *title)
{
	html_newline(&p->html);
	html_open(&p->html, "section", "id", id, NULL);
	html_elem(&p->html, "h2", NULL, title);
	html_newline(&p->html);
}

void page_fold(struct page *p, const char *id, const char *title, bool open)
{
	if (open)
		html_open(&p->html, "details", "open", "", "id", id, NULL);
	else
		html_open(&p->html, "details", "id", id, NULL);
	html_elem(&p->html, "summary", NULL, title);
	html_newline(&p->html);
}

void page_table_open(struct page *p, const char *css)
{
	html_open(&p->html, "div", "class", "scroll", NULL);
	html_open(&p->html, "table", "class", css, NULL);
	html_newline(&p->html);
}

void page_table_close(struct page *p)
{
	html_close(&p->html, "table");
	html_close(&p->html, "div");
	html_newline(&p->html);
}

static bool any_value(const struct run *r, bool (*wanted)(const char *metric))
{
	for (size_t i = 0; i < r->cell_count; i++)
		for (size_t j = 0; j < r->cell[i].value_count; j++)
			if (wanted(r->cell[i].value[j].name))
				return true;
	return false;
}

static bool has_footprint(const struct run *r)
{
	return any_value(r, footprint_is_term);
}

static bool has_counts(const struct run *r)
{
	return any_value(r, counts_is_one);
}

/* A run may be one of checks alone. */
static bool has_cells(const struct run *r)
{
	return r->cell_count > 0;
}

static bool has_device(const struct run *r)
{
	return conform_has(r, "device");
}

static bool has_guest(const struct run *r)
{
	return conform_has(r, "guest");
}

static bool has_negotiated(const struct run *r)
{
	for (size_t i = 0; i < r->cell_count; i++)
		if (json_is_object(json_object_get(r->cell[i].root, "negotiated")))
			return true;
	for (size_t i = 0; i < r->stack_count; i++)
		if (r->stack[i].set_up)
			return true;
	return false;
}

struct part {
	const char *href;
	const char *text;
	void (*write)(struct page *p);
	bool (*has)(const struct run *r); /* NULL: always has something to show */
};

static const struct part part_glance = { "#glance", "At a glance", page_glance, has_cells };
static const struct part part_reasons = { "#reasons", "Failed and n/a", page_reasons, has_cells };
static const struct part part_tables = { "#headline", "Results", page_tables, has_cells };
static const struct part part_footprint = { "#footprint", "Memory per guest", page_footprint,
					    has_footprint };
static const struct part part_dax = { "#dax", "DAX", page_dax, dax_any };
static const struct part part_counts = { "#counts", "Operation counts", page_counts, has_counts };
static const struct part part_conform = { "#conformance", "Conformance", page_conform, has_device };
static const struct part part_guest = { "#guest", "In guests", page_guest, has_guest };
static const struct part part_negotiated = { "#negotiated", "Negotiated", page_negotiated,
					     has_negotiated };
static const struct part part_memory = { "#memory", "Caches and CPU", page_memory, has_cells };
static const struct part part_method = { "#method", "How it was made", page_method, NULL };

#define PARTS 11

/* The headline comes first. Under TCG that is what does not depend on the CPU's speed. */
static const struct part *const orders[][PARTS] = {
	{ &part_glance, &part_reasons, &part_conform, &part_guest, &part_tables, &part_dax,
	  &part_footprint, &part_counts, &part_negotiated, &part_memory, &part_method },
	{ &part_dax, &part_footprint, &part_counts, &part_conform, &part_guest, &part_glance,
	  &part_reasons, &part_tables, &part_negotiated, &part_memory, &part_method },
};

static void navigation(struct page *p, const struct part *const *parts)
{
	html_open(&p->html, "nav", NULL);
	for (size_t i = 0; i < PARTS; i++) {
		if (parts[i]->has && !parts[i]->has(p->run))
			continue;
		html_open(&p->html, "a", "href", parts[i]->href, NULL);
		html_text(&p->html, parts[i]->text);
		html_close(&p->html, "a");
	}
	html_link(&p->html, "report.md", NULL, "Markdown");
	html_link(&p->html, "results.csv", NULL, "CSV");
	html_link(&p->html, "run.json", NULL, "run.json");
	html_close(&p->html, "nav");
}

int page_write(const struct tables *t, struct out *ret)
{
	const struct part *const *parts = orders[t->run->tcg ? 1 : 0];
	struct page p = { .run = t->run, .tables = t };
	int e;

	html_raw(&p.html, "<!DOCTYPE html>\n");
	html_open(&p.html, "html", "lang", "en", NULL);
	html_open(&p.html, "head", NULL);
	html_raw(&p.html, "<meta charset=\"utf-8\">"
			  "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
			  "<meta name=\"referrer\" content=\"no-referrer\">\n");
	html_elemf(&p.html, "title", NULL, "%s - virtiofs-qual",
		   json_str_at(t->run->root, "plan.title", ""));
	html_raw(&p.html, "\n<style>");
	html_raw(&p.html, page_style());
	heat_style(&p.html.out);
	html_raw(&p.html, "</style>\n");
	html_close(&p.html, "head");
	html_open(&p.html, "body", NULL);
	html_open(&p.html, "main", NULL);
	page_head(&p);
	navigation(&p, parts);
	for (size_t i = 0; i < PARTS; i++)
		if (!parts[i]->has || parts[i]->has(t->run))
			parts[i]->write(&p);
	html_close(&p.html, "main");
	html_close(&p.html, "body");
	html_close(&p.html, "html");
	html_newline(&p.html);
	e = p.html.out.error;
	if (e == 0)
		out_bytes(ret, buf_text(&p.html.out.text), p.html.out.text.size);
	html_free(&p.html);
	return e < 0 ? e : ret->error;
}
