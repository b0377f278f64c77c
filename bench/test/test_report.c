// SPDX-License-Identifier: Apache-2.0
/*
 * The report of a canned run against golden files, and of the same run damaged in every way.
 * Run from the top of the checkout. VQ_GOLDEN_UPDATE=1 rewrites the golden files.
 */
#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/rng.h"
#include "base/strv.h"

#include "report/csv.h"
#include "report/html.h"
#include "report/md.h"
#include "report/page.h"
#include "report/report.h"
#include "report/summary.h"
#include "report/table.h"
#include "report/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define GOLDEN	     "bench/test/golden/report"
#define FILE_MAX     (16 * MIB)
#define GOOD_CELL    "rust-trixie.qemu-bookworm.auto.nowb.none.bookworm.metadata"
#define DAX_CELL     "rust-trixie.qemu-backports.auto.nowb.always.bookworm.seqread-psync"
#define MISSING_CELL "c-bookworm.qemu-bookworm.auto.nowb.none.bookworm.metadata"

static char work[64];	 /* folder of this process */
static char run_dir[96]; /* a fresh copy of the canned run for each test */

static int command(char *const *argv)
{
	CLEANUP(proc_output_free) struct proc_output out = { 0 };
	const struct proc_spec spec = { .argv = argv };
	struct err err;
	int e = proc_run(&spec, 64 * KIB, clock_deadline_ms(60000), &out, &err);

	return e < 0 ? e : out.status;
}

static int fresh_run(void **state)
{
	struct err err;
	char *argv[] = { (char *)(uintptr_t) "cp", (char *)(uintptr_t) "-r",
			 (char *)(uintptr_t)GOLDEN "/run", run_dir, NULL };

	(void)state;
	if (fs_remove_tree(run_dir, &err) < 0)
		return -1;
	return command(argv) == 0 ? 0 : -1;
}

static int group_setup(void **state)
{
	(void)state;
	(void)snprintf(work, sizeof(work), "/tmp/vq-report-XXXXXX");
	if (!mkdtemp(work))
		return -1;
	(void)snprintf(run_dir, sizeof(run_dir), "%s/run", work);
	return 0;
}

static int group_teardown(void **state)
{
	struct err err;

	(void)state;
	return fs_remove_tree(work, &err);
}

/* A file of the run folder as an owned string; "" when it is not there. */
static char *slurp(const char *dir, const char *name)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", dir, name);
	CLEANUP(buf_free) struct buf b = { 0 };
	struct err err;

	if (!path || fs_read(path, FILE_MAX, &b, &err) < 0)
		return strdup("");
	return buf_take(&b);
}

static int spill(const char *name, const char *text, size_t size)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", run_dir, name);
	CLEANUP(file_closep) FILE *f = path ? fopen(path, "we") : NULL;

	return f && fwrite(text, 1, size, f) == size ? 0 : -1;
}

static bool contains(const char *name, const char *what)
{
	CLEANUP(freep) char *text = slurp(run_dir, name);

	return text && strstr(text, what) != NULL;
}

/* Everything but the pixels: gnuplot's version and fonts differ between machines. */
static char *without_plots(const char *text)
{
	static const struct {
		const char *from;
		const char *to;
	} spans[] = {
		{ "<figure ", "</figure>" },
		{ "<p class=\"missing small\">No plot", "</p>" },
	};
	CLEANUP(buf_free) struct buf b = { 0 };

	while (*text) {
		size_t skip = 0;

		for (size_t i = 0; i < ARRAY_SIZE(spans) && skip == 0; i++) {
			const char *end;

			if (strncmp(text, spans[i].from, strlen(spans[i].from)) != 0)
				continue;
			end = strstr(text, spans[i].to);
			skip = end ? (size_t)(end - text) + strlen(spans[i].to) : 0;
		}
		if (buf_add(&b, skip ? "@@PLOT@@" : text, skip ? 8 : 1) < 0)
			return NULL;
		text += skip ? skip : 1;
	}
	return buf_take(&b);
}

static bool equals_golden(const char *name, const char *text)
{
	CLEANUP(freep) char *golden = NULL;
	CLEANUP(freep) char *path = fs_path(GOLDEN "/%s", name);
	struct err err;

	if (getenv("VQ_GOLDEN_UPDATE"))
		return path && fs_write_atomic(path, text, strlen(text), &err) == 0;
	golden = slurp(GOLDEN, name);
	if (golden && strcmp(golden, text) == 0)
		return true;
	for (size_t i = 0; golden; i++) {
		if (golden[i] == text[i] && text[i])
			continue;
		print_error("%s differs at byte %zu: ...%.120s\n", name, i,
			    text + (i > 20 ? i - 20 : 0));
		break;
	}
	return false;
}

static bool output_is_golden(const char *name)
{
	CLEANUP(freep) char *text = slurp(run_dir, name);
	CLEANUP(freep) char *plain = text ? without_plots(text) : NULL;

	return plain && *plain && equals_golden(name, plain);
}

/* The summary of the run, with the folder's name taken out. */
static char *summary_text(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	struct err err;
	char *dir;

	if (!f)
		return NULL;
	if (report_summary(run_dir, f, &err) < 0)
		(void)fprintf(f, "%s", err.text);
	(void)fclose(f);
	dir = strstr(text, run_dir);
	if (dir)
		memmove(dir, dir + strlen(run_dir), strlen(dir + strlen(run_dir)) + 1);
	return text;
}

static bool summary_is_golden(void)
{
	CLEANUP(freep) char *text = summary_text();

	return text && equals_golden("summary.txt", text);
}

static bool summary_fits(void)
{
	CLEANUP(freep) char *text = summary_text();
	char *rest = text;
	const char *line;

	while (rest && (line = strsep(&rest, "\n")))
		if (text_columns(line) > 100)
			return false;
	return text && *text;
}

static void goldens_are_equal(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(report_write(run_dir, &err), 0);
	assert_true(output_is_golden("report.md"));
	assert_true(output_is_golden("results.csv"));
	assert_true(output_is_golden("repro.sh"));
	assert_true(output_is_golden("report.html"));
	assert_true(summary_is_golden());
	assert_true(summary_fits());
}

static bool plots_are_clean(void)
{
	CLEANUP(freep) char *html = slurp(run_dir, "report.html");
	const char *s = html;
	size_t plots = 0;

	while (s && (s = strstr(s, "<svg"))) {
		const char *end = strstr(s, "</svg>");
		CLEANUP(freep) char *svg = end ? strndup(s, (size_t)(end - s)) : NULL;

		if (!svg || strstr(svg, " id=") || strstr(svg, "<title") || strstr(svg, "href") ||
		    strstr(svg, "black"))
			return false;
		plots++;
		s = end;
	}
	return plots == 5;
}

static void plots_are_inlined(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(report_write(run_dir, &err), 0);
	if (contains("report.html", "No plot: gnuplot: "))
		skip();
	assert_true(plots_are_clean());
}

static int unhex(char c)
{
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* The file that a link of the page leads to is there; one inside the page has its target. */
static bool link_leads_somewhere(const char *html, const char *href)
{
	CLEANUP(buf_free) struct buf path = { 0 };
	CLEANUP(freep) char *id = NULL;

	if (*href == '#') {
		id = fs_path("id=\"%s\"", href + 1);
		return id && strstr(html, id);
	}
	if (buf_printf(&path, "%s/", run_dir) < 0)
		return false;
	for (; *href; href++) {
		char c = *href;

		if (c == '%') {
			c = (char)(unhex(href[1]) * 16 + unhex(href[2]));
			href += 2;
		}
		if (buf_add(&path, &c, 1) < 0)
			return false;
	}
	return fs_exists(buf_text(&path));
}

static bool links_are_good(size_t *ret_count)
{
	CLEANUP(freep) char *html = slurp(run_dir, "report.html");
	const char *s = html;

	while (s && (s = strstr(s, "href=\""))) {
		CLEANUP(freep) char *href = NULL;

		s += 6;
		href = strndup(s, strcspn(s, "\""));
		if (!href || !link_leads_somewhere(html, href)) {
			print_error("dead link %s\n", href ? href : "");
			return false;
		}
		++*ret_count;
	}
	return true;
}

/* Where a value is shown, its first child is a link. */
static bool values_are_links(size_t *ret_count)
{
	CLEANUP(freep) char *html = slurp(run_dir, "report.html");
	const char *s = html;

	while (s && (s = strstr(s, "class=\"v\">"))) {
		s += strlen("class=\"v\">");
		if (strncmp(s, "<a href=\"cells/", 15) != 0)
			return false;
		++*ret_count;
	}
	return true;
}

static void every_number_has_its_file(void **state)
{
	struct err err;
	size_t links = 0;
	size_t values = 0;

	(void)state;
	assert_int_equal(report_write(run_dir, &err), 0);
	assert_true(links_are_good(&links));
	assert_true(links > 200);
	assert_true(values_are_links(&values));
	assert_true(values > 30);
	assert_false(contains("report.html", "raw file missing"));
}

static bool is_clean(const char *name)
{
	CLEANUP(freep) char *text = slurp(run_dir, name);
	CLEANUP(out_free) struct out again = { 0 };

	if (!text)
		return false;
	text_clean(&again, text, strlen(text), TEXT_MANY_LINES);
	return again.error == 0 && strcmp(buf_text(&again.text), text) == 0;
}

static void hostile_text_stays_text(void **state)
{
	static const char *const outputs[] = { "report.html", "report.md", "results.csv",
					       "repro.sh" };
	struct err err;

	(void)state;
	assert_int_equal(report_write(run_dir, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
		assert_true(is_clean(outputs[i]));
		assert_false(contains(outputs[i], work));
	}
	assert_false(contains("report.html", "<script"));
	assert_false(contains("report.md", "<script"));
	assert_true(contains("report.html",
			     "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; ]]&gt; &amp;"));
	assert_true(contains("report.html", "ERROR bad \xef\xbf\xbd\xef\xbf\xbd bytes &lt;b&gt;"));
	assert_true(contains("results.csv", "\"mount: <script>alert(\"\"1\"\")</script> ]]>"));
	assert_true(contains("repro.sh", "'--stack=*-tr'\\''x'"));
}

static void log_excerpt_hides_the_folder(void **state)
{
	static const char log_file[] =
		"cells/rust-trixie.qemu-backports.auto.nowb.always.bookworm.randread-4k/"
		"r1/daemon.log";
	char line[256];
	struct err err;

	(void)state;
	(void)snprintf(line, sizeof(line), "cannot open %s/cells/x\n", run_dir);
	assert_int_equal(spill(log_file, line, strlen(line)), 0);
	assert_int_equal(report_write(run_dir, &err), 0);
	assert_true(contains("report.html", "cannot open ./cells/x"));
	assert_false(contains("report.html", run_dir));
}

/* Everything that a report consists of, in memory and without plots. */
static int render(size_t *ret_failed, size_t *ret_cells)
{
	CLEANUP(run_free) struct run run = RUN_INIT;
	CLEANUP(tables_free) struct tables tables = { 0 };
	CLEANUP(out_free) struct out o = { 0 };
	struct err err;
	int e = run_load(run_dir, &run, &err);

	if (e == 0)
		e = tables_build(&run, &tables, &err);
	if (e == 0)
		e = page_write(&tables, &o);
	if (e == 0)
		e = md_write(&tables, &o);
	if (e == 0)
		e = csv_write(&run, &o);
	if (e == 0)
		e = summary_write(&tables, &o);
	*ret_failed = run.status_count[CELL_FAILED];
	*ret_cells = run.cell_count;
	return e;
}

static int save_json(const char *name, const json_t *v)
{
	CLEANUP(freep) char *text = json_dumps(v, 0);

	return text ? spill(name, text, strlen(text)) : -1;
}

static json_t *load_json(const char *dir, const char *name)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", dir, name);
	struct err err;
	json_t *v = NULL;

	return path && json_load_path(path, &v, &err) == 0 ? v : NULL;
}

/* Remove a key, or give it a value of a type that the format never has there. */
static int damage_key(const char *name, const char *key, bool remove_it)
{
	json_auto_t *v = load_json(GOLDEN "/run", name);
	bool is_object = json_is_object(json_object_get(v, key));

	if (!v || !json_object_get(v, key))
		return -1;
	if (remove_it)
		(void)json_object_del(v, key);
	else
		(void)json_object_set_new(v, key, is_object ? json_array() : json_object());
	return save_json(name, v);
}

/* Keys of a document as an owned list. */
static int list_keys(const char *name, struct strv *ret)
{
	json_auto_t *v = load_json(GOLDEN "/run", name);
	const char *key;
	json_t *value;

	json_object_foreach(v, key, value)
		strv_add(ret, key);
	return strv_failed(ret) ? -1 : 0;
}

static void cell_keys_are_required(void **state)
{
	struct strv keys = { 0 };
	size_t before;
	size_t failed;
	size_t cells;

	(void)state;
	assert_int_equal(render(&before, &cells), 0);
	assert_int_equal(list_keys("cells/" GOOD_CELL "/cell.json", &keys), 0);
	for (size_t i = 0; i < 2 * keys.count; i++) {
		assert_int_equal(
			damage_key("cells/" GOOD_CELL "/cell.json", keys.item[i / 2], i % 2), 0);
		assert_int_equal(render(&failed, &cells), 0);
		assert_int_equal(failed, before + 1);
	}
	strv_free(&keys);
}

static void run_keys_are_required(void **state)
{
	struct strv keys = { 0 };
	size_t failed;
	size_t cells;

	(void)state;
	assert_int_equal(list_keys("run.json", &keys), 0);
	for (size_t i = 0; i < 2 * keys.count; i++) {
		/* Nothing but free keys is required of image. */
		assert_int_equal(damage_key("run.json", keys.item[i / 2], i % 2), 0);
		assert_int_equal(render(&failed, &cells), -EBADMSG);
	}
	strv_free(&keys);
}

/* One change inside a cell.json, by path; the cell must be shown as failed. */
static int damage_inside(const char *path, const char *key, json_t *take_value)
{
	json_auto_t *v = load_json(GOLDEN "/run", "cells/" GOOD_CELL "/cell.json");
	json_t *at = v ? json_at(v, path) : NULL;
	int e = at ? json_object_set_new(at, key, take_value) : -1;

	return e < 0 ? e : save_json("cells/" GOOD_CELL "/cell.json", v);
}

static void contradictions_fail_the_cell(void **state)
{
	const struct {
		const char *path;
		const char *key;
		json_t *value;
	} damages[] = {
		{ "", "id", json_string("another") },
		{ "", "schema", json_integer(2) },
		{ "", "status", json_string("fine") },
		{ "", "status", json_string("failed") },
		{ "", "stack", json_string("unheard-of") },
		{ "", "workload", json_string("unheard-of") },
		{ "", "window_bytes", json_string("1") },
		{ "metrics[0]", "median", json_real(1.5) },
		{ "metrics[0]", "median", json_null() },
		{ "metrics[0]", "samples", json_pack("[s]", "1") },
		{ "metrics[0]", "samples", json_pack("[i]", 1) },
		{ "metrics[0]", "sources", json_array() },
		{ "metrics[0]", "better", json_string("bigger") },
		{ "metrics[0]", "kind", json_null() },
		{ "metrics[0]", "unit", json_integer(1) },
		{ "rounds[0]", "dir", json_null() },
		{ "states[0]", "reached", json_string("yes") },
		{ "commands[0]", "argv", json_pack("[i]", 1) },
		{ "commands[0]", "who", json_string("me") },
	};
	size_t before;
	size_t failed;
	size_t cells;

	(void)state;
	assert_int_equal(render(&before, &cells), 0);
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		assert_int_equal(damage_inside(damages[i].path, damages[i].key, damages[i].value),
				 0);
		assert_int_equal(render(&failed, &cells), 0);
		assert_int_equal(failed, before + 1);
	}
}

static void damaged_cells_are_told(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(damage_key("cells/" GOOD_CELL "/cell.json", "metrics", true), 0);
	assert_int_equal(report_write(run_dir, &err), 0);
	assert_true(contains("report.html", "cell.json is damaged: metrics is missing"));
	assert_true(contains("report.html", "cell.json cannot be opened: No such file"));
	assert_true(contains("report.html", "not valid JSON: premature end of input"));
	assert_true(contains("results.csv",
			     MISSING_CELL ",c-bookworm,qemu-bookworm,bookworm,auto,false,"
					  "none,metadata,tcg,failed,cell.json cannot be opened"));
	assert_true(contains("report.md", "- " MISSING_CELL ": cell.json cannot be opened"));
}

static char big[5 * MIB];

static void unreadable_cells_do_not_hang(void **state)
{
	char path[256];
	size_t before;
	size_t failed;
	size_t cells;

	(void)state;
	assert_int_equal(render(&before, &cells), 0);
	memset(big, ' ', sizeof(big));
	assert_int_equal(spill("cells/" GOOD_CELL "/cell.json", big, sizeof(big)), 0);
	assert_int_equal(render(&failed, &cells), 0);
	assert_int_equal(failed, before + 1);
	(void)snprintf(path, sizeof(path), "%s/cells/" GOOD_CELL "/cell.json", run_dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(render(&failed, &cells), 0);
	assert_int_equal(failed, before + 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(render(&failed, &cells), 0);
	assert_int_equal(failed, before + 1);
}

static int add_cell(const char *id)
{
	json_auto_t *v = load_json(GOLDEN "/run", "run.json");

	if (!v || json_array_append_new(json_object_get(v, "cells"), json_string(id)) < 0)
		return -1;
	return save_json("run.json", v);
}

static void ids_cannot_leave_the_folder(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(add_cell("../../evil"), 0);
	assert_int_equal(report_write(run_dir, &err), 0);
	assert_true(contains("results.csv", "../../evil,,,,,,,,,failed,the cell's id is not fit"));
	assert_true(contains("report.html", "the cell&#39;s id is not fit for a file name"));
	assert_int_equal(add_cell(GOOD_CELL), 0);
	assert_int_equal(report_write(run_dir, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "listed twice"));
}

static void sources_cannot_leave_the_folder(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(damage_inside("metrics[0]", "sources",
				       json_pack("[s,s,s]", "../../../etc/passwd#a",
						 "javascript:alert(1)#b", "/etc/passwd#c")),
			 0);
	assert_int_equal(report_write(run_dir, &err), 0);
	assert_true(contains("report.html", "raw file missing"));
	assert_false(contains("report.html", "href=\"javascript"));
	assert_false(contains("report.html", "href=\"/etc"));
	assert_false(contains("report.html", "href=\"../"));
}

static void no_run_no_report(void **state)
{
	char path[128];
	struct err err;

	(void)state;
	assert_int_equal(report_write("/nonexistent/run", &err), -ENOENT);
	(void)snprintf(path, sizeof(path), "%s/run.json", run_dir);
	assert_int_equal(truncate(path, 1000), 0);
	assert_int_equal(report_write(run_dir, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "run.json"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(report_write(run_dir, &err), -ENOENT);
	assert_int_equal(report_summary(run_dir, stderr, &err), -ENOENT);
}

/* One to four bytes of a file changed, dropped or doubled. */
static void mutate(struct rng *rng, char *text, size_t *size)
{
	static const char likely[] = "\"{}[]:,0-9.eE\\ntfu\x80\xff\n";
	uint64_t count = 1 + rng_below(rng, 4);

	while (count-- > 0 && *size > 2) {
		size_t at = (size_t)rng_below(rng, *size - 1);

		switch (rng_below(rng, 4)) {
		case 0: text[at] = (char)rng_below(rng, 256); break;
		case 1: text[at] = likely[rng_below(rng, sizeof(likely) - 1)]; break;
		case 2:
			memmove(text + at, text + at + 1, *size - at - 1);
			--*size;
			break;
		default: *size = rng_below(rng, 8) ? *size : at; break;
		}
	}
}

static int mutate_file(const char *name, struct rng *rng)
{
	CLEANUP(freep) char *path = fs_path(GOLDEN "/run/%s", name);
	CLEANUP(buf_free) struct buf b = { 0 };
	struct err err;
	size_t size;

	if (!path || fs_read(path, FILE_MAX, &b, &err) < 0)
		return -1;
	size = b.size;
	mutate(rng, b.data, &size);
	return spill(name, b.data, size);
}

static int restore_file(const char *name)
{
	CLEANUP(freep) char *text = slurp(GOLDEN "/run", name);

	return text ? spill(name, text, strlen(text)) : -1;
}

static void mutated_files_never_crash(void **state)
{
	static const char *const files[] = {
		"run.json",
		"cells/" GOOD_CELL "/cell.json",
		"cells/" DAX_CELL "/cell.json",
		"cells/rust-trixie.qemu-backports.auto.nowb.always.bookworm.randread-4k/cell.json",
		"cells/c-bookworm.qemu-bookworm.auto.nowb.always.bookworm.seqread-psync/cell.json",
		"cells/local.seqread-psync/cell.json",
	};
	enum { MUTATIONS = 60 };
	struct rng rng = { .state = 20261122 };
	size_t failed;
	size_t cells;
	size_t hit = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		for (int j = 0; j < MUTATIONS; j++) {
			int e;

			assert_int_equal(mutate_file(files[i], &rng), 0);
			e = render(&failed, &cells);
			assert_true(e == 0 || (i == 0 && e < 0));
			assert_true(e < 0 || cells > 0);
			hit += e < 0 || failed > 3;
		}
		assert_int_equal(restore_file(files[i]), 0);
	}
	/* Most changes hit the structure; the rest only changed a text. */
	assert_true(hit > ARRAY_SIZE(files) * MUTATIONS / 2);
}

static int fake_gnuplot(const char *script)
{
	CLEANUP(freep) char *path = fs_path("%s/bin", work);
	CLEANUP(freep) char *file = fs_path("%s/bin/gnuplot", work);
	CLEANUP(file_closep) FILE *f = NULL;
	struct err err;

	if (!path || !file || fs_mkdirs(path, 0755, &err) < 0)
		return -1;
	f = fopen(file, "we");
	if (!f || fputs(script, f) < 0 || fchmod(fileno(f), 0755) < 0)
		return -1;
	return setenv("PATH", path, 1);
}

static void without_gnuplot_the_page_says_so(void **state)
{
	char *path = strdup(getenv("PATH"));
	struct err err;

	(void)state;
	assert_int_equal(setenv("PATH", "/nonexistent", 1), 0);
	assert_int_equal(report_write(run_dir, &err), 0);
	assert_true(contains("report.html", "No plot: gnuplot: "));
	assert_false(contains("report.html", "<svg"));
	assert_int_equal(fake_gnuplot("#!/bin/sh\necho 'no <svg> here' >&2\nexit 3\n"), 0);
	assert_int_equal(report_write(run_dir, &err), 0);
	assert_true(contains("report.html", "No plot: gnuplot failed: no &lt;svg&gt; here"));
	assert_int_equal(fake_gnuplot("#!/bin/sh\necho nothing\n"), 0);
	assert_int_equal(report_write(run_dir, &err), 0);
	assert_true(contains("report.html", "No plot: gnuplot wrote no such plot"));
	assert_int_equal(setenv("PATH", path, 1), 0);
	free(path);
}

static bool cleans_to(const char *from, enum text_lines lines, const char *to)
{
	CLEANUP(out_free) struct out o = { 0 };

	text_clean(&o, from, strlen(from), lines);
	return strcmp(buf_text(&o.text), to) == 0;
}

static void text_is_cleaned(void **state)
{
	(void)state;
	assert_true(cleans_to("a\tb\nc", TEXT_ONE_LINE, "a b c"));
	assert_true(cleans_to("a\tb\r\nc", TEXT_MANY_LINES, "a\tb\nc"));
	assert_true(cleans_to("\x1b[1;31mred\x1b[0m\x07", TEXT_ONE_LINE, "red"));
	assert_true(cleans_to("end\x1b[", TEXT_ONE_LINE, "end"));
	assert_true(cleans_to("\xc2\xb5 \xe2\x82\xac", TEXT_ONE_LINE, "\xc2\xb5 \xe2\x82\xac"));
	/* overlong slash, surrogate, beyond U+10FFFF, cut short */
	assert_true(cleans_to("\xc0\xaf", TEXT_ONE_LINE, "\xef\xbf\xbd\xef\xbf\xbd"));
	assert_true(
		cleans_to("\xed\xa0\x80", TEXT_ONE_LINE, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"));
	assert_true(cleans_to("\xf4\x90\x80\x80", TEXT_ONE_LINE,
			      "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"));
	assert_true(cleans_to("\xe2\x82", TEXT_ONE_LINE, "\xef\xbf\xbd\xef\xbf\xbd"));
	/* right-to-left override, C1 control */
	assert_true(cleans_to("a\xe2\x80\xae"
			      "b\xc2\x9b"
			      "c",
			      TEXT_ONE_LINE, "abc"));
}

static void numbers_are_for_people(void **state)
{
	struct scale s = scale_pick("B/s", "cold.bw", 3.2e8);
	char n[NUMBER_SIZE];

	(void)state;
	assert_string_equal(s.unit, "MiB/s");
	assert_string_equal(scale_number(&s, 314572800, n), "300");
	assert_string_equal(scale_number(&s, 1048576, n), "1.00");
	s = scale_pick("1/s", "cold.iops", 2500);
	assert_string_equal(s.unit, "kIOPS");
	assert_string_equal(scale_number(&s, 2512, n), "2.51");
	s = scale_pick("ns", "cold.clat_p99", 912345);
	assert_string_equal(s.unit, "\xc2\xb5s");
	assert_string_equal(scale_number(&s, 912345, n), "912");
	s = scale_pick("1", "ops", 5);
	assert_string_equal(s.unit, "");
	assert_string_equal(scale_number(&s, 123456, n), "123456");
	assert_string_equal(scale_number(&s, 0, n), "0");
	assert_string_equal(scale_number(&s, -0.0, n), "0");
	s = scale_pick("furlong", "x", 5);
	assert_string_equal(s.unit, "furlong");
	assert_string_equal(text_ratio(1, n), "1.00");
	assert_string_equal(text_ratio(0.0123, n), "0.012");
	assert_string_equal(text_exact(0.1, n), "0.1");
	assert_string_equal(text_exact(1.0 / 3, n), "0.3333333333333333");
	assert_string_equal(text_exact(9007199254740991.0, n), "9007199254740991");
}

static bool writes(struct html *h, const char *expected)
{
	bool same = h->out.error == 0 && strcmp(buf_text(&h->out.text), expected) == 0;

	html_free(h);
	return same;
}

static void html_escapes(void **state)
{
	struct html h = { .depth = 0 };

	(void)state;
	html_open(&h, "td", "title", "a\"b'c<d>&", NULL);
	html_text(&h, "</td><script>\x01\xff");
	html_close(&h, "td");
	html_link(&h, "cells/a b?#\"x/..%41", NULL, "<x>");
	assert_true(writes(&h,
			   "<td title=\"a&quot;b&#39;c&lt;d&gt;&amp;\">&lt;/td&gt;&lt;script&gt;"
			   "\xef\xbf\xbd</td>"
			   "<a href=\"cells/a%20b%3F%23%22x/..%2541\">&lt;x&gt;</a>"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_cleaned),
		cmocka_unit_test(numbers_are_for_people),
		cmocka_unit_test(html_escapes),
		cmocka_unit_test_setup(goldens_are_equal, fresh_run),
		cmocka_unit_test_setup(plots_are_inlined, fresh_run),
		cmocka_unit_test_setup(every_number_has_its_file, fresh_run),
		cmocka_unit_test_setup(hostile_text_stays_text, fresh_run),
		cmocka_unit_test_setup(log_excerpt_hides_the_folder, fresh_run),
		cmocka_unit_test_setup(cell_keys_are_required, fresh_run),
		cmocka_unit_test_setup(run_keys_are_required, fresh_run),
		cmocka_unit_test_setup(contradictions_fail_the_cell, fresh_run),
		cmocka_unit_test_setup(damaged_cells_are_told, fresh_run),
		cmocka_unit_test_setup(unreadable_cells_do_not_hang, fresh_run),
		cmocka_unit_test_setup(ids_cannot_leave_the_folder, fresh_run),
		cmocka_unit_test_setup(sources_cannot_leave_the_folder, fresh_run),
		cmocka_unit_test_setup(no_run_no_report, fresh_run),
		cmocka_unit_test_setup(mutated_files_never_crash, fresh_run),
		cmocka_unit_test_setup(without_gnuplot_the_page_says_so, fresh_run),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown) ? 1 : 0;
}
