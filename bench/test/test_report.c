// SPDX-License-Identifier: Apache-2.0
/*
 * The report of a canned run against golden files.
 * Run from the top of the checkout. VQ_GOLDEN_UPDATE=1 rewrites the golden files.
 */
#include "report_fixture.h"

#include "base/fs.h"

#include "report/report.h"
#include "report/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/*
 * Everything but the pixels: gnuplot's version and fonts differ between machines. And but what grows with the
 * catalogue of requirements: test_report_conform looks at that.
 */
static char *without_plots(const char *text)
{
	static const struct {
		const char *from;
		const char *to;
	} spans[] = {
		{ "<figure ", "</figure>" },
		{ "<p class=\"missing small\">No plot", "</p>" },
		{ "<details id=\"conformance-rows\">", "</details>" },
		{ "\nRequirements: ", "\n" },
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
	golden = fixture_read(GOLDEN, name);
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
	CLEANUP(freep) char *text = fixture_read(fixture_run, name);
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
	if (report_summary(fixture_run, f, &err) < 0)
		(void)fprintf(f, "%s", err.text);
	(void)fclose(f);
	dir = strstr(text, fixture_run);
	if (dir)
		memmove(dir, dir + strlen(fixture_run), strlen(dir + strlen(fixture_run)) + 1);
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
	assert_int_equal(report_write(fixture_run, &err), 0);
	assert_true(output_is_golden("report.md"));
	assert_true(output_is_golden("results.csv"));
	assert_true(output_is_golden("repro.sh"));
	assert_true(output_is_golden("report.html"));
	assert_true(summary_is_golden());
	assert_true(summary_fits());
}

static bool plots_are_clean(void)
{
	CLEANUP(freep) char *html = fixture_read(fixture_run, "report.html");
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
	return plots == 17;
}

static void plots_are_inlined(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(report_write(fixture_run, &err), 0);
	if (fixture_contains("report.html", "No plot: gnuplot: "))
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
	if (buf_printf(&path, "%s/", fixture_run) < 0)
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
	CLEANUP(freep) char *html = fixture_read(fixture_run, "report.html");
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
	CLEANUP(freep) char *html = fixture_read(fixture_run, "report.html");
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
	assert_int_equal(report_write(fixture_run, &err), 0);
	assert_true(links_are_good(&links));
	assert_true(links > 200);
	assert_true(values_are_links(&values));
	assert_true(values > 30);
	assert_false(fixture_contains("report.html", "raw file missing"));
}

static bool is_clean(const char *name)
{
	CLEANUP(freep) char *text = fixture_read(fixture_run, name);
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
	assert_int_equal(report_write(fixture_run, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
		assert_true(is_clean(outputs[i]));
		assert_false(fixture_contains(outputs[i], fixture_dir));
	}
	assert_false(fixture_contains("report.html", "<script"));
	assert_false(fixture_contains("report.md", "<script"));
	assert_true(fixture_contains(
		"report.html", "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; ]]&gt; &amp;"));
	assert_true(fixture_contains("report.html",
				     "ERROR bad \xef\xbf\xbd\xef\xbf\xbd bytes &lt;b&gt;"));
	assert_true(
		fixture_contains("results.csv", "\"mount: <script>alert(\"\"1\"\")</script> ]]>"));
	assert_true(fixture_contains("repro.sh", "'--stack=*-tr'\\''x'"));
}

static void log_excerpt_hides_the_folder(void **state)
{
	static const char log_file[] =
		"cells/rust-trixie.qemu-backports.auto.nowb.always.bookworm.randread-4k/"
		"r1/daemon.log";
	char line[256];
	struct err err;

	(void)state;
	(void)snprintf(line, sizeof(line), "cannot open %s/cells/x\n", fixture_run);
	assert_int_equal(fixture_write(log_file, line, strlen(line)), 0);
	assert_int_equal(report_write(fixture_run, &err), 0);
	assert_true(fixture_contains("report.html", "cannot open ./cells/x"));
	assert_false(fixture_contains("report.html", fixture_run));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(goldens_are_equal, fixture_fresh),
		cmocka_unit_test_setup(plots_are_inlined, fixture_fresh),
		cmocka_unit_test_setup(every_number_has_its_file, fixture_fresh),
		cmocka_unit_test_setup(hostile_text_stays_text, fixture_fresh),
		cmocka_unit_test_setup(log_excerpt_hides_the_folder, fixture_fresh),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown) ? 1 : 0;
}
