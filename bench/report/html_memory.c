// SPDX-License-Identifier: Apache-2.0
/* Memory, page caches and CPU time per phase; then every other metric, folded. */
#include "report/page.h"

#include "report/counts.h"
#include "report/footprint.h"

#include <string.h>

/* Metrics are named PHASE.NAME; a table has one row per cell and phase, one column per NAME. */
#define COLUMNS_MAX 64

struct columns {
	const char *name[COLUMNS_MAX]; /* behind the phase */
	const char *metric[COLUMNS_MAX];
	struct scale scale[COLUMNS_MAX];
	double largest[COLUMNS_MAX];
	size_t count;
	size_t left_out; /* metrics beyond COLUMNS_MAX */
};

static const char *behind_phase(const char *metric)
{
	const char *dot = strchr(metric, '.');

	return dot ? dot + 1 : metric;
}

static bool same_phase(const char *a, const char *b)
{
	size_t n = strcspn(a, ".");

	return n == strcspn(b, ".") && strncmp(a, b, n) == 0;
}

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s);
	size_t m = strlen(tail);

	return n >= m && strcmp(s + n - m, tail) == 0;
}

static bool is_resource(const struct value *v)
{
	return v->kind == KIND_MEMORY || ends_with(v->name, "_cpu");
}

static bool is_headline(const struct workload_info *w, const char *metric)
{
	const json_t *name;
	size_t i;

	json_array_foreach(w->headline, i, name)
		if (strcmp(json_string_value(name), metric) == 0)
			return true;
	return false;
}

static bool wanted(const struct workload_info *w, const struct value *v, bool resources)
{
	/* Those have tables of their own. */
	if (counts_is_one(v->name) || footprint_is_term(v->name))
		return false;
	return is_resource(v) == resources && (resources || !is_headline(w, v->name));
}

static bool is_of(const struct page *p, const struct cell *c, const struct workload_info *w)
{
	return c->placed && c->status == CELL_OK && &p->run->workload[c->workload_index] == w;
}

static void add_column(struct columns *cols, const struct value *v)
{
	double size = v->median < 0 ? -v->median : v->median;
	size_t i = 0;

	while (i < cols->count && strcmp(cols->name[i], behind_phase(v->name)) != 0)
		i++;
	if (i == COLUMNS_MAX) {
		cols->left_out++;
		return;
	}
	if (i == cols->count) {
		cols->name[i] = behind_phase(v->name);
		cols->metric[i] = v->name;
		cols->largest[i] = 0;
		cols->count++;
	}
	if (size >= cols->largest[i]) {
		cols->largest[i] = size;
		/* A tenth of the largest value: small ones keep their digits. */
		cols->scale[i] = scale_pick(v->unit, v->name, size / 10);
	}
}

static void find_columns(const struct page *p, const struct workload_info *w, bool resources,
			 struct columns *cols)
{
	for (size_t i = 0; i < p->run->cell_count; i++) {
		const struct cell *c = &p->run->cell[i];

		if (!is_of(p, c, w))
			continue;
		for (size_t j = 0; j < c->value_count; j++)
			if (wanted(w, &c->value[j], resources))
				add_column(cols, &c->value[j]);
	}
}

static void head(struct page *p, const struct columns *cols)
{
	html_raw(&p->html, "<thead><tr><th>Cell</th><th>Phase</th>");
	for (size_t i = 0; i < cols->count; i++) {
		html_open(&p->html, "th", "class", "n", "title",
			  run_metric_title(p->run, cols->metric[i]), NULL);
		for (const char *s = cols->name[i]; *s;) {
			CLEANUP(freep) char *word = strndup(s, strcspn(s, "_"));

			html_text(&p->html, word ? word : "");
			s += strcspn(s, "_");
			if (*s++ == '\0')
				break;
			html_raw(&p->html, "<br>");
		}
		html_open(&p->html, "div", "class", "u", NULL);
		html_text(&p->html, cols->scale[i].unit);
		html_close(&p->html, "div");
		html_close(&p->html, "th");
	}
	html_raw(&p->html, "</tr></thead><tbody>\n");
}

static const struct value *phase_value(const struct cell *c, const char *like, const char *name)
{
	for (size_t i = 0; i < c->value_count; i++)
		if (same_phase(c->value[i].name, like) &&
		    strcmp(behind_phase(c->value[i].name), name) == 0)
			return &c->value[i];
	return NULL;
}

static void line(struct page *p, const struct cell *c, const char *like, const struct columns *cols,
		 bool first)
{
	html_open(&p->html, "tr", NULL);
	html_open(&p->html, "th", "scope", "row", NULL);
	if (first)
		page_cell_name(p, c);
	html_close(&p->html, "th");
	html_open(&p->html, "td", NULL);
	if (strchr(like, '.'))
		html_textf(&p->html, "%.*s", (int)strcspn(like, "."), like);
	html_close(&p->html, "td");
	for (size_t i = 0; i < cols->count; i++) {
		const struct value *v = phase_value(c, like, cols->name[i]);

		html_open(&p->html, "td", "class", "n", NULL);
		if (v) {
			page_median(p, v, &cols->scale[i], NULL);
			if (p->run->cell_count <= PAGE_SMALL_RUN &&
			    page_looks_spread(v, &cols->scale[i]))
				page_spread(p, v, &cols->scale[i]);
		} else {
			html_elem(&p->html, "span", "na", "\xe2\x80\x93");
		}
		html_close(&p->html, "td");
	}
	html_close(&p->html, "tr");
	html_newline(&p->html);
}

static void lines(struct page *p, const struct workload_info *w, bool resources,
		  const struct columns *cols)
{
	for (size_t i = 0; i < p->run->cell_count; i++) {
		const struct cell *c = &p->run->cell[i];
		bool first = true;

		if (!is_of(p, c, w))
			continue;
		for (size_t j = 0; j < c->value_count; j++) {
			const char *name = c->value[j].name;
			bool seen = !wanted(w, &c->value[j], resources);

			for (size_t k = 0; k < j && !seen; k++)
				seen = wanted(w, &c->value[k], resources) &&
				       same_phase(c->value[k].name, name);
			if (seen)
				continue;
			line(p, c, name, cols, first);
			first = false;
		}
	}
}

static void one_workload(struct page *p, const struct workload_info *w, bool resources, bool open)
{
	struct columns cols = { .count = 0 };

	find_columns(p, w, resources, &cols);
	if (cols.count == 0)
		return;
	html_open(&p->html, "details", open ? "open" : NULL, "", NULL);
	html_elemf(&p->html, "summary", NULL, "%s", w->title);
	page_table_open(p, "lines");
	head(p, &cols);
	lines(p, w, resources, &cols);
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
	if (cols.left_out)
		html_elemf(&p->html, "p", "dim small",
			   "More than %d metrics; all are in results.csv.", COLUMNS_MAX);
	html_close(&p->html, "details");
	html_newline(&p->html);
}

void page_memory(struct page *p)
{
	bool open = p->run->cell_count <= PAGE_SMALL_RUN;

	page_section(p, "memory", "Memory, page caches and CPU time");
	html_elemf(
		&p->html, "p", "dim small",
		"Medians over rounds%s Guest Cached is inside the guest's RAM: it is never added "
		"to the host's page cache.",
		open ? ", with the smallest and largest where they differ."
		     : "; every round is in results.csv.");
	for (size_t i = 0; i < p->run->workload_count; i++)
		one_workload(p, &p->run->workload[i], true, open);
	html_elem(&p->html, "h3", NULL, "Every other metric");
	for (size_t i = 0; i < p->run->workload_count; i++)
		one_workload(p, &p->run->workload[i], false, false);
	html_close(&p->html, "section");
}
