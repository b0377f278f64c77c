// SPDX-License-Identifier: Apache-2.0
#include "report/page.h"

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
	CLEANUP(freep) char *mode = mode_name(&m);

	if (!mode) {
		p->html.out.error = -ENOMEM;
		return;
	}
	html_elem(&p->html, "b", NULL, c->stack);
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

static void navigation(struct page *p)
{
	static const struct {
		const char *href;
		const char *text;
	} links[] = {
		{ "#glance", "At a glance" },	  { "#headline", "Results" },
		{ "#memory", "Memory and CPU" },  { "#reasons", "n/a and failed" },
		{ "#method", "How it was made" },
	};

	html_open(&p->html, "nav", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		html_open(&p->html, "a", "href", links[i].href, NULL);
		html_text(&p->html, links[i].text);
		html_close(&p->html, "a");
	}
	html_link(&p->html, "report.md", NULL, "Markdown");
	html_link(&p->html, "results.csv", NULL, "CSV");
	html_link(&p->html, "run.json", NULL, "run.json");
	html_close(&p->html, "nav");
}

int page_write(const struct tables *t, struct out *ret)
{
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
	html_raw(&p.html, "</style>\n");
	html_close(&p.html, "head");
	html_open(&p.html, "body", NULL);
	html_open(&p.html, "main", NULL);
	page_head(&p);
	navigation(&p);
	page_glance(&p);
	page_tables(&p);
	page_memory(&p);
	page_reasons(&p);
	page_method(&p);
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
