// SPDX-License-Identifier: Apache-2.0
/* The tables of the device suite: every row is complete, and every file of the folder is listed. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/runner/areas.h"

/* What a check's id may hold behind its area. */
#define ID_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789-"

static unsigned problems;

#define PROBLEM(...)                      \
	do {                              \
		problems++;               \
		print_error(__VA_ARGS__); \
		print_error("\n");        \
	} while (0)

static void complete(const struct check_area *a, const struct check *c)
{
	size_t area = strlen(a->id);

	if (strncmp(c->id, a->id, area) != 0 || c->id[area] != '.' ||
	    strspn(c->id + area + 1, ID_LETTERS) != strlen(c->id + area + 1))
		PROBLEM("%s: an id is its area, a dot, and lower case words", c->id);
	if (!c->title || strlen(c->title) < 10 || c->title[strlen(c->title) - 1] == '.')
		PROBLEM("%s: a title is a sentence without its full stop", c->id);
	if (!c->sends || !*c->sends || !c->wants || !*c->wants || !c->run)
		PROBLEM("%s: what it sends and wants is missing", c->id);
	if (!c->catches || !*c->catches)
		PROBLEM("%s: names no fault that it catches", c->id);
}

static void rows_exist(const struct check *c)
{
	char word[64];
	bool first = true;

	for (const char *at = c->rows ? c->rows : ""; (at = words_next(at, word, sizeof(word)));) {
		const struct spec_row *row = spec_find(word);

		if (!row && !spec_bug_find(word))
			PROBLEM("%s: there is no row %s", c->id, word);
		if (first && (!row || !(row->means & SPEC_D)))
			PROBLEM("%s: %s is no requirement on a device", c->id, word);
		first = false;
	}
	if (first)
		PROBLEM("%s: names no requirement", c->id);
}

static void every_row_is_complete(void **state)
{
	size_t areas;
	const struct check_area *const *area = device_areas(&areas);

	(void)state;
	problems = 0;
	for (size_t i = 0; i < areas; i++)
		for (size_t j = 0; j < area[i]->count; j++) {
			complete(area[i], &area[i]->checks[j]);
			rows_exist(&area[i]->checks[j]);
		}
	assert_int_equal(problems, 0);
}

static void ids_are_unique(void **state)
{
	size_t areas;
	const struct check_area *const *area = device_areas(&areas);

	(void)state;
	for (size_t i = 0; i < areas; i++) {
		for (size_t j = 0; j < area[i]->count; j++)
			assert_ptr_equal(check_find(area[i]->checks[j].id), &area[i]->checks[j]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(area[i]->id, area[j]->id);
	}
}

/* A file with checks that nobody lists would never run. */
static void every_file_is_listed(void **state)
{
	size_t areas;
	DIR *d = opendir("conformance/device");
	const struct dirent *entry;
	size_t files = 0;

	(void)state;
	(void)device_areas(&areas);
	assert_non_null(d);
	while ((entry = readdir(d))) {
		size_t n = strlen(entry->d_name);

		files += n > 2 && strcmp(entry->d_name + n - 2, ".c") == 0 &&
			 strcmp(entry->d_name, "areas.c") != 0;
	}
	(void)closedir(d);
	assert_int_equal(files, areas);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_complete),
		cmocka_unit_test(ids_are_unique),
		cmocka_unit_test(every_file_is_listed),
	};

	return cmocka_run_group_tests_name("conform_table", tests, NULL, NULL);
}
