// SPDX-License-Identifier: Apache-2.0
/* The report of a run of the size of the full plan: in time, bounded, complete. */
#include "report_big.h"
#include "report_fixture.h"

#include "base/clock.h"
#include "base/fs.h"

#include "report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* 28 workloads on 44 rows are 1232 cells. */
#define WORKLOADS 28
#define ROUNDS	  5
#define CELLS	  1232

/* Target on two slow cores; the bound leaves room for sanitizers and for neighbours. */
#define TARGET_S 5.0
#define BOUND_S	 40.0
/* What a browser opens and a text viewer scrolls. */
#define HTML_MAX (24 * MIB)
#define MD_MAX	 (256 * KIB)

static int big_run(void **state)
{
	if (fixture_setup(state) < 0)
		return -1;
	return report_big_write(fixture_run, WORKLOADS, ROUNDS) == CELLS ? 0 : -1;
}

static size_t count_of(const char *name, const char *what)
{
	CLEANUP(freep) char *text = fixture_read(fixture_run, name);
	size_t n = 0;

	for (const char *s = text; s && (s = strstr(s, what)); s += strlen(what))
		n++;
	return n;
}

static size_t size_of(const char *name)
{
	CLEANUP(freep) char *text = fixture_read(fixture_run, name);

	return text ? strlen(text) : 0;
}

static void a_full_run_is_reported_in_time(void **state)
{
	uint64_t before = clock_now_ns();
	struct err err;
	double seconds;

	(void)state;
	assert_int_equal(report_write(fixture_run, &err), 0);
	seconds = clock_seconds(clock_now_ns() - before);
	printf("figure: report of %d cells x %d rounds: %.2f s (target %.0f s)\n", CELLS, ROUNDS,
	       seconds, TARGET_S);
	(void)fflush(stdout);
	assert_true(seconds < BOUND_S);
}

static void its_files_are_bounded(void **state)
{
	(void)state;
	assert_in_range(size_of("report.html"), 1 * MIB, HTML_MAX);
	assert_in_range(size_of("report.md"), 10 * KIB, MD_MAX);
	assert_true(fixture_contains("report.md", "20 more workloads"));
	assert_int_equal(count_of("report.md", "\n## Made-up workload"), 8);
	assert_true(fixture_contains("report.md", "more lines are in report.html"));
}

static bool summary_is_short(void)
{
	CLEANUP(freep) char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	struct err err;
	size_t lines = 0;

	if (!f)
		return false;
	if (report_summary(fixture_run, f, &err) < 0) {
		(void)fclose(f);
		return false;
	}
	(void)fclose(f);
	for (const char *s = text; *s; s++)
		lines += *s == '\n';
	return lines < 60 && strstr(text, "36 more headline metrics") &&
	       strstr(text, "26 more cells");
}

static void its_summary_is_short(void **state)
{
	(void)state;
	assert_true(summary_is_short());
}

/* Both maps have a place for each cell that is not pending, and each leads somewhere. */
static void every_cell_has_its_place(void **state)
{
	size_t places;

	(void)state;
	places = count_of("report.html", "<td class=\"hatch\"><a href=\"#n") / 2;
	places += count_of("report.html", "<td class=\"fail\"><a href=\"#f") / 2;
	places += count_of("report.html", "<a href=\"#c") / 2;
	places += count_of("report.html", "<td title=\"pending\">") / 2;
	assert_int_equal(places, CELLS);
	/* The places with values have their target in the tables. */
	assert_int_equal(count_of("report.html", "<a href=\"#c") / 2,
			 count_of("report.html", " id=\"c") -
				 count_of("report.html", " id=\"counts\""));
	assert_int_equal(count_of("report.html", "<details id=\"w"), WORKLOADS - 2);
	assert_int_equal(count_of("report.html", "<details open=\"\" id=\"w"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_run_is_reported_in_time),
		cmocka_unit_test(its_files_are_bounded),
		cmocka_unit_test(its_summary_is_short),
		cmocka_unit_test(every_cell_has_its_place),
	};

	return cmocka_run_group_tests(tests, big_run, fixture_teardown) ? 1 : 0;
}
