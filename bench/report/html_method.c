// SPDX-License-Identifier: Apache-2.0
/* How the figures were made, so that someone else can make them again. */
#include "report/page.h"

#include "base/strv.h"
#include "report/repro.h"
#include "stats/stats.h"

#include <string.h>

/* A shell-quoted line of an argv that shape_check_*() has accepted. Owned or NULL. */
static char *argv_line(const json_t *argv)
{
	CLEANUP(strv_free) struct strv v = { 0 };
	const json_t *word;
	size_t i;

	json_array_foreach((json_t *)argv, i, word)
		strv_add(&v, json_string_value(word));
	if (v.count == 0 && !v.failed)
		return strdup("(none)");
	return strv_failed(&v) ? NULL : strv_join_quoted(v.item);
}

static void command_block(struct page *p, const char *who, const json_t *argv)
{
	CLEANUP(freep) char *line = argv_line(argv);

	html_elem(&p->html, "div", "small dim", who);
	html_elem(&p->html, "pre", NULL, line ? line : "out of memory");
}

static void repeat(struct page *p)
{
	CLEANUP(freep) char *command = repro_command(p->run, NULL);

	html_elem(&p->html, "h3", NULL, "Repeat this run");
	html_elem(&p->html, "pre", NULL, command ? command : "out of memory");
	html_open(&p->html, "p", "class", "small dim", NULL);
	html_text(&p->html, "The same is in ");
	html_link(&p->html, "repro.sh", NULL, "repro.sh");
	html_text(&p->html, "; give it a cell's id to run that cell only.");
	html_close(&p->html, "p");
}

static char *scalar_text(const json_t *v)
{
	return json_is_string(v) ? strdup(json_string_value(v)) : json_dumps(v, JSON_ENCODE_ANY);
}

static void options(struct page *p)
{
	const json_t *o;
	size_t i;

	html_elem(&p->html, "h3", NULL, "Options");
	page_table_open(p, "lines");
	html_raw(&p->html,
		 "<thead><tr><th>Option</th><th>Value</th><th>From</th></tr></thead><tbody>\n");
	json_array_foreach(json_object_get(p->run->root, "options"), i, o) {
		CLEANUP(freep) char *value = scalar_text(json_object_get(o, "value"));

		html_open(&p->html, "tr", NULL);
		html_elem(&p->html, "td", "mono", json_string_value(json_object_get(o, "name")));
		html_elem(&p->html, "td", "mono", value ? value : "");
		html_elem(&p->html, "td", "dim", json_string_value(json_object_get(o, "origin")));
		html_close(&p->html, "tr");
		html_newline(&p->html);
	}
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
}

static void seconds(struct page *p, const json_t *v)
{
	if (json_is_number(v))
		html_elemf(&p->html, "td", "n", "%.2f s", json_number_value(v));
	else
		html_elem(&p->html, "td", "n na", "\xe2\x80\x93");
}

static void guests(struct page *p)
{
	static const struct scale mib = { .divide = 1048576.0 };
	json_t *list = json_object_get(p->run->root, "guests");
	char number[NUMBER_SIZE];
	const json_t *g;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	html_elem(&p->html, "h3", NULL, "Guests");
	page_table_open(p, "lines");
	html_raw(&p->html,
		 "<thead><tr><th>VMM</th><th>Kernel</th><th class=\"n\">Cold start</th>"
		 "<th class=\"n\">Restore</th><th class=\"n\">Snapshot</th></tr></thead><tbody>\n");
	json_array_foreach(list, i, g) {
		const json_t *bytes = json_object_get(g, "snapshot_bytes");

		html_open(&p->html, "tr", NULL);
		html_elem(&p->html, "td", NULL, json_string_value(json_object_get(g, "vmm")));
		html_elem(&p->html, "td", NULL, json_string_value(json_object_get(g, "kernel")));
		seconds(p, json_object_get(g, "cold_start_s"));
		seconds(p, json_object_get(g, "restore_s"));
		if (json_is_integer(bytes))
			html_elemf(&p->html, "td", "n", "%s MiB",
				   scale_number(&mib, json_number_value(bytes), number));
		else
			html_elem(&p->html, "td", "n na", "\xe2\x80\x93");
		html_close(&p->html, "tr");
		html_newline(&p->html);
	}
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
	html_open(&p->html, "details", NULL);
	html_elem(&p->html, "summary", NULL, "Commands of the guests");
	json_array_foreach(list, i, g)
		command_block(p, json_string_value(json_object_get(g, "vmm")),
			      json_object_get(g, "argv"));
	html_close(&p->html, "details");
}

static void overhead(struct page *p)
{
	CLEANUP(freep) double *s = calloc(p->run->cell_count + 1, sizeof(*s));
	double median;
	double low;
	double high;
	size_t n = 0;

	for (size_t i = 0; s && i < p->run->cell_count; i++) {
		const json_t *v = json_object_get(p->run->cell[i].root, "overhead_s");

		if (json_is_number(v))
			s[n++] = json_number_value(v);
	}
	if (!s || stats_median(s, n, &median) < 0 || stats_range(s, n, &low, &high) < 0)
		return;
	html_elemf(&p->html, "p", NULL,
		   "The harness's own time per pass: median %.2f s over %zu cells, from %.2f to "
		   "%.2f s.",
		   median, n, low, high);
}

static void bytes(struct page *p, const json_t *v)
{
	char number[NUMBER_SIZE];
	struct scale s;

	if (!json_is_integer(v)) {
		html_elem(&p->html, "td", "n na", "\xe2\x80\x93");
		return;
	}
	s = scale_pick("B", "", json_number_value(v));
	html_elemf(&p->html, "td", "n", "%s %s", scale_number(&s, json_number_value(v), number),
		   s.unit);
}

static bool text_is(const json_t *v, const char *word)
{
	return json_is_string(v) && strcmp(json_string_value(v), word) == 0;
}

static void state_line(struct page *p, const struct cell *c, const json_t *s, size_t i)
{
	const json_t *reached = json_object_get(s, "reached");
	const char *expected = json_string_value(json_object_get(s, "expected"));
	CLEANUP(freep) char *path = i == 0 ? cell_json_path(c) : NULL;

	html_open(&p->html, "tr", NULL);
	html_open(&p->html, "th", "scope", "row", NULL);
	if (i == 0) {
		page_cell_name(p, c);
		html_text(&p->html, " ");
		if (path)
			page_file(p, path, "cell.json");
	}
	html_close(&p->html, "th");
	html_elemf(&p->html, "td", "n", "%s%" JSON_INTEGER_FORMAT,
		   text_is(json_object_get(s, "kind"), "observed") ? "observed " : "",
		   json_integer_value(json_object_get(s, "round")));
	html_elem(&p->html, "td", NULL, json_string_value(json_object_get(s, "phase")));
	html_elem(&p->html, "td", NULL, text_dash(expected));
	html_elem(&p->html, "td", json_is_false(reached) ? "failed" : NULL,
		  json_is_true(reached)	   ? "yes"
		  : json_is_false(reached) ? "no"
					   : "\xe2\x80\x93");
	bytes(p, json_object_get(s, "host_cached_bytes"));
	bytes(p, json_object_get(s, "guest_cached_delta_bytes"));
	bytes(p, json_object_get(s, "file_bytes"));
	html_close(&p->html, "tr");
	html_newline(&p->html);
}

/* Of a large run only the states that were not reached are listed; cell.json has them all. */
static bool is_listed(const struct run *r, const json_t *s)
{
	return r->cell_count <= PAGE_SMALL_RUN || !json_is_true(json_object_get(s, "reached"));
}

static bool has_states(const struct run *r, const struct workload_info *w)
{
	for (size_t i = 0; i < r->cell_count; i++) {
		const json_t *s;
		size_t j;

		if (!r->cell[i].placed || &r->workload[r->cell[i].workload_index] != w)
			continue;
		json_array_foreach(json_object_get(r->cell[i].root, "states"), j, s)
			if (is_listed(r, s))
				return true;
	}
	return false;
}

static void states_of(struct page *p, const struct workload_info *w)
{
	html_open(&p->html, "details", NULL);
	html_elem(&p->html, "summary", NULL, w->title);
	page_table_open(p, "lines");
	html_raw(&p->html,
		 "<thead><tr><th>Cell</th><th class=\"n\">Round</th><th>Phase</th>"
		 "<th>Expected</th><th>Reached</th><th class=\"n\">Host cache of file</th>"
		 "<th class=\"n\">Guest Cached change</th><th class=\"n\">File</th>"
		 "</tr></thead><tbody>\n");
	for (size_t i = 0; i < p->run->cell_count; i++) {
		const struct cell *c = &p->run->cell[i];
		const json_t *s;
		size_t j;

		if (!c->placed || &p->run->workload[c->workload_index] != w)
			continue;
		json_array_foreach(json_object_get(c->root, "states"), j, s)
			if (is_listed(p->run, s))
				state_line(p, c, s, j);
	}
	html_raw(&p->html, "</tbody>");
	page_table_close(p);
	html_close(&p->html, "details");
}

/* How many phases began in the state that they need; the rest has failed its cell. */
static void states(struct page *p)
{
	size_t reached = 0;
	size_t total = 0;

	for (size_t i = 0; i < p->run->cell_count; i++) {
		const json_t *s;
		size_t j;

		json_array_foreach(json_object_get(p->run->cell[i].root, "states"), j, s) {
			const json_t *r = json_object_get(s, "reached");

			reached += json_is_true(r);
			total += json_is_boolean(r);
		}
	}
	html_elem(&p->html, "h3", NULL, "Cache states before each phase");
	html_elemf(&p->html, "p", NULL, "%zu of %zu phases began in the state that they need.%s",
		   reached, total,
		   p->run->cell_count <= PAGE_SMALL_RUN
			   ? ""
			   : " Only the others are listed here; all are in cell.json.");
	for (size_t i = 0; i < p->run->workload_count; i++)
		if (has_states(p->run, &p->run->workload[i]))
			states_of(p, &p->run->workload[i]);
}

/* A command line that someone may paste: words of the run stay words. */
static void archive_command(struct page *p, const char *program, const char *base,
			    const char *metric)
{
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(freep) char *line = NULL;

	strv_add(&argv, program);
	strv_add(&argv, "-a");
	strv_add(&argv, base);
	if (metric)
		strv_add(&argv, metric);
	line = strv_failed(&argv) ? NULL : strv_join_quoted(argv.item);
	html_elem(&p->html, "pre", NULL, line ? line : "out of memory");
}

/* One archive of an observed pass; commands are for the run's folder. */
static void archive(struct page *p, const char *dir, const char *who)
{
	CLEANUP(freep) char *path = NULL;
	CLEANUP(freep) char *base = NULL;

	if (asprintf(&path, "%s/pcp-%s.meta", dir, who) < 0) {
		path = NULL;
		p->html.out.error = -ENOMEM;
		return;
	}
	if (!run_has_file(p->run, path))
		return;
	base = strndup(path, strlen(path) - strlen(".meta"));
	if (!base) {
		p->html.out.error = -ENOMEM;
		return;
	}
	html_open(&p->html, "div", "class", "small dim", NULL);
	html_textf(&p->html, "PCP archive of the %s: ", who);
	page_file(p, path, path);
	html_text(&p->html, "; in this folder, list its metrics, then read one:");
	html_close(&p->html, "div");
	archive_command(p, "pminfo", base, NULL);
	archive_command(p, "pmval", base, "kernel.all.cpu.user");
}

static void archives(struct page *p, const struct cell *c)
{
	json_t *r;
	size_t i;

	json_array_foreach(json_object_get(c->root, "rounds"), i, r) {
		if (strcmp(json_str_at(r, "kind", "timed"), "observed") != 0)
			continue;
		archive(p, json_str_at(r, "dir", ""), "host");
		archive(p, json_str_at(r, "dir", ""), "guest");
	}
}

static void cell_commands(struct page *p, const struct cell *c)
{
	CLEANUP(freep) char *again = repro_command(p->run, c->id);
	CLEANUP(freep) char *path = cell_json_path(c);
	const json_t *command;
	size_t i;

	html_open(&p->html, "details", NULL);
	html_elem(&p->html, "summary", "mono", c->id);
	html_elem(&p->html, "div", "small dim", "repeat this cell");
	html_elem(&p->html, "pre", NULL, again ? again : "out of memory");
	json_array_foreach(json_object_get(c->root, "commands"), i, command)
		if (p->run->cell_count <= PAGE_SMALL_RUN)
			command_block(p, json_string_value(json_object_get(command, "who")),
				      json_object_get(command, "argv"));
	archives(p, c);
	if (path)
		page_file(p, path, "cell.json");
	if (p->run->cell_count > PAGE_SMALL_RUN)
		html_elem(&p->html, "span", "small dim", " has the command lines");
	html_close(&p->html, "details");
	html_newline(&p->html);
}

void page_method(struct page *p)
{
	page_section(p, "method", "How it was made");
	html_open(&p->html, "p", NULL);
	html_textf(&p->html,
		   "Each round ran its cells in an order of its own, shuffled with seed "
		   "%" JSON_INTEGER_FORMAT
		   "; each pass had a fresh device, daemon, share and mount. Order, options and "
		   "versions are in ",
		   json_integer_value(json_object_get(p->run->root, "seed")));
	html_link(&p->html, "run.json", NULL, "run.json");
	html_text(&p->html, ".");
	html_close(&p->html, "p");
	overhead(p);
	repeat(p);
	options(p);
	guests(p);
	states(p);
	html_elem(&p->html, "h3", NULL, "Commands and archives of each cell");
	html_open(&p->html, "details", NULL);
	html_elemf(&p->html, "summary", NULL, "%zu cells", p->run->cell_count);
	for (size_t i = 0; i < p->run->cell_count; i++)
		cell_commands(p, &p->run->cell[i]);
	html_close(&p->html, "details");
	html_close(&p->html, "section");
	html_newline(&p->html);
}
