// SPDX-License-Identifier: Apache-2.0
/* Text, numbers and markup of reports. */
#include "report/html.h"
#include "report/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
