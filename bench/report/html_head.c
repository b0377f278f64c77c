// SPDX-License-Identifier: Apache-2.0
/* Top of the page: what was run, how it ended, what to keep in mind; then the overview. */
#include "report/page.h"

#include "report/compare.h"

#include <string.h>

/* How the daemons of the device suite fared: one pill each. */
static void daemons(struct page *p)
{
	json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(p->run->root, "conformance"), i, entry) {
		const char *status = json_str_at(entry, "status", "");
		bool bad = strcmp(status, "failed") == 0 || strcmp(status, "broken") == 0;

		html_open(&p->html, "span", "class",
			  bad				  ? "pill failed"
			  : strcmp(status, "passed") == 0 ? "pill ok"
							  : "pill",
			  NULL);
		html_open(&p->html, "a", "href", "#conformance", NULL);
		html_textf(&p->html, "checks of %s ", json_str_at(entry, "stack", ""));
		html_elem(&p->html, "b", NULL, status);
		html_close(&p->html, "a");
		html_close(&p->html, "span");
	}
}

static void verdict(struct page *p)
{
	const struct run *r = p->run;
	const char *status = json_str_at(r->root, "status", "");

	html_open(&p->html, "p", "class", "verdict", NULL);
	daemons(p);
	for (size_t i = 0; r->cell_count > 0 && i < CELL_STATUS_COUNT; i++) {
		if (r->status_count[i] == 0 && i != CELL_OK && i != CELL_FAILED)
			continue;
		html_open(&p->html, "span", "class",
			  i == CELL_OK				       ? "pill ok"
			  : i == CELL_FAILED && r->status_count[i] > 0 ? "pill failed"
								       : "pill",
			  NULL);
		/* What has no value has its reason further down. */
		html_open(&p->html, "a", "href", i == CELL_OK ? "#glance" : "#reasons", NULL);
		html_elemf(&p->html, "b", NULL, "%zu", r->status_count[i]);
		html_textf(&p->html, " %s", cell_status_names[i]);
		html_close(&p->html, "a");
		html_close(&p->html, "span");
	}
	if (r->cell_count > 0)
		html_textf(&p->html, "of %zu cells", r->cell_count);
	if (strcmp(status, "complete") != 0)
		html_elemf(&p->html, "b", "missing", " \xc2\xb7 the run is not complete: %s",
			   status);
	html_close(&p->html, "p");
	html_newline(&p->html);
}

static void probe_evidence(struct page *p)
{
	json_t *evidence = json_at(p->run->root, "accelerator.evidence");
	const char *used = json_str_at(p->run->root, "accelerator.used", "");
	json_t *e;
	size_t i;

	json_array_foreach(evidence, i, e) {
		if (strcmp(json_str_at(e, "accelerator", ""), used) == 0)
			continue;
		html_open(&p->html, "p", NULL);
		html_textf(&p->html, "Why not %s: ", json_str_at(e, "accelerator", ""));
		html_elem(&p->html, "code", NULL, text_dash(json_str_at(e, "seen", NULL)));
		html_close(&p->html, "p");
	}
}

static void banner(struct page *p)
{
	if (!p->run->tcg)
		return;
	html_open(&p->html, "div", "class", "banner", "role", "note", NULL);
	html_elem(&p->html, "p", "lead",
		  "Software CPU emulation (TCG): absolute times mean nothing outside this run; "
		  "read ratios. The counts and memory figures do not depend on it.");
	probe_evidence(p);
	html_close(&p->html, "div");
	html_newline(&p->html);
}

static void fact(struct page *p, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	html_elem(&p->html, "dt", NULL, name);
	html_elem(&p->html, "dd", NULL, text);
}

static void host_facts(struct page *p)
{
	static const struct scale gib = { .divide = 1073741824.0 };
	json_t *root = p->run->root;
	json_t *memory = json_at(root, "host.memory_bytes");
	char number[NUMBER_SIZE];
	char text[160];

	fact(p, "Host kernel", json_str_at(root, "host.kernel", NULL));
	(void)snprintf(text, sizeof(text), "%.100s, %" JSON_INTEGER_FORMAT " CPUs",
		       text_dash(json_str_at(root, "host.cpu_model", NULL)),
		       json_integer_value(json_at(root, "host.cpus")));
	fact(p, "Host CPU", text);
	if (json_is_integer(memory)) {
		(void)snprintf(text, sizeof(text), "%s GiB",
			       scale_number(&gib, json_number_value(memory), number));
		fact(p, "Host memory", text);
	}
	fact(p, "Share on", json_str_at(root, "host.share_fs", NULL));
}

/* A mount that this project did not make: what it is, and what was out of sight. */
static void attached_facts(struct page *p)
{
	json_t *a = json_object_get(p->run->root, "attached");
	CLEANUP(out_free) struct out mount = { 0 };
	CLEANUP(out_free) struct out missing = { 0 };
	const json_t *text;
	size_t i;

	if (!a)
		return;
	out_fmt(&mount, "%s, %s (%s)", json_str_at(a, "fs_type", ""), json_str_at(a, "source", ""),
		json_str_at(a, "options", ""));
	fact(p, "Attached mount", buf_text(&mount.text));
	json_array_foreach(json_object_get(a, "missing"), i, text)
		out_fmt(&missing, "%s%s", i ? "; " : "", json_string_value(text));
	fact(p, "Not seen of it", buf_text(&missing.text));
}

static void facts(struct page *p)
{
	json_t *root = p->run->root;
	const char *used = json_str_at(root, "accelerator.used", "");
	const char *key;
	json_t *version;
	char text[160];

	html_open(&p->html, "dl", "class", "facts", NULL);
	fact(p, "Started", json_str_at(root, "started", NULL));
	fact(p, "Finished", json_str_at(root, "finished", "not finished"));
	fact(p, "Plan", json_str_at(root, "plan.name", NULL));
	(void)snprintf(text, sizeof(text),
		       "%" JSON_INTEGER_FORMAT " rounds, seed %" JSON_INTEGER_FORMAT,
		       json_integer_value(json_at(root, "plan.rounds")),
		       json_integer_value(json_at(root, "seed")));
	fact(p, "Order", text);
	(void)snprintf(text, sizeof(text), "%.60s (asked for: %.60s)", used,
		       json_str_at(root, "accelerator.requested", "nothing"));
	fact(p, "Accelerator", text);
	host_facts(p);
	json_object_foreach(json_object_get(root, "versions"), key, version)
		fact(p, key, text_dash(json_string_value(version)));
	attached_facts(p);
	html_close(&p->html, "dl");
	html_newline(&p->html);
}

void page_head(struct page *p)
{
	json_t *root = p->run->root;

	html_open(&p->html, "header", NULL);
	html_elemf(&p->html, "p", "kicker",
		   "%s %s \xc2\xb7 plan %s \xc2\xb7 %s \xc2\xb7 seed %" JSON_INTEGER_FORMAT
		   " \xc2\xb7 %s",
		   json_str_at(root, "program.name", ""), json_str_at(root, "program.version", ""),
		   json_str_at(root, "plan.name", ""), json_str_at(root, "started", ""),
		   json_integer_value(json_at(root, "seed")), json_str_at(root, "status", ""));
	html_elem(&p->html, "h1", NULL, json_str_at(root, "plan.title", ""));
	verdict(p);
	banner(p);
	facts(p);
	html_close(&p->html, "header");
	html_newline(&p->html);
}

/* A figure of the overview: value, where, ratio to the base. */
static void glance_figure(struct page *p, const struct table *t, const struct grid *g, size_t at,
			  const struct figure *base, bool is_base)
{
	const struct figure *f = &g->figure[at];
	const struct row *row = &t->row[at / t->column_count];
	CLEANUP(freep) char *row_text = row_name(row);
	CLEANUP(freep) char *mode = mode_name(&t->mode[at % t->column_count]);
	char number[NUMBER_SIZE];

	if (!row_text || !mode) {
		p->html.out.error = -ENOMEM;
		return;
	}
	html_open(&p->html, "td", NULL);
	if (f == base && !is_base) {
		html_elem(&p->html, "div", "s", "the base");
		html_close(&p->html, "td");
		return;
	}
	html_open(&p->html, "div", "class", "v", NULL);
	page_median(p, f->value, &g->scale, NULL);
	html_elemf(&p->html, "span", "u", " %s", g->scale.unit);
	if (f != base && base->value->median > 0)
		html_elemf(&p->html, "span", "u", " \xc2\xb7 \xc3\x97%s",
			   text_ratio(f->value->median / base->value->median, number));
	html_close(&p->html, "div");
	html_elem(&p->html, "div", "s", row_text);
	html_elem(&p->html, "div", "s", mode);
	html_close(&p->html, "td");
}

static void glance_row(struct page *p, const struct table *t, const struct grid *g)
{
	struct glance_pick pick;
	char anchor[32];

	(void)snprintf(anchor, sizeof(anchor), "#w%zu", (size_t)(t - p->tables->table));
	html_open(&p->html, "tr", NULL);
	html_open(&p->html, "th", "scope", "row", NULL);
	html_open(&p->html, "a", "href", anchor, NULL);
	html_text(&p->html, t->workload->id);
	html_close(&p->html, "a");
	html_elem(&p->html, "div", "s", g->metric);
	html_close(&p->html, "th");
	if (glance_choose(t, g, &pick)) {
		glance_figure(p, t, g, pick.base, &g->figure[pick.base], true);
		if (g->better == BETTER_NONE) {
			html_elem(&p->html, "td", "dim", "no direction");
			html_elem(&p->html, "td", "dim", "");
		} else {
			glance_figure(p, t, g, pick.best, &g->figure[pick.base], false);
			glance_figure(p, t, g, pick.worst, &g->figure[pick.base], false);
		}
	} else {
		html_open(&p->html, "td", "class", "na", "colspan", "3", NULL);
		html_text(&p->html, glance_nothing(t, g));
		html_close(&p->html, "td");
	}
	html_close(&p->html, "tr");
	html_newline(&p->html);
}

/* A longer list starts folded: the heat map says it in less space. */
#define GLANCE_OPEN_MAX 12

void page_glance(struct page *p)
{
	size_t grids = 0;

	for (size_t i = 0; i < p->tables->count; i++)
		grids += p->tables->table[i].grid_count;
	page_section(p, "glance", "At a glance");
	page_heat(p);
	page_fold(p, NULL, "Base, best and worst of each workload", grids <= GLANCE_OPEN_MAX);
	html_elem(&p->html, "p", "dim small",
		  "Base: the first virtio-fs row in its first mode without DAX. Best and worst: "
		  "among "
		  "all virtio-fs cells of the workload, with their ratio to the base.");
	page_table_open(p, "glance");
	html_raw(&p->html, "<thead><tr><th>Workload, metric</th><th>Base</th><th>Best</th>"
			   "<th>Worst</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < p->tables->count; i++)
		for (size_t j = 0; j < p->tables->table[i].grid_count; j++)
			glance_row(p, &p->tables->table[i], &p->tables->table[i].grid[j]);
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
	html_close(&p->html, "details");
	html_close(&p->html, "section");
}
