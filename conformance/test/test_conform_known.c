// SPDX-License-Identifier: Apache-2.0
/* Files of known deviations: what they may hold, and what they make of a verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "conformance/runner/areas.h"
#include "conformance/runner/known.h"

#include <dirent.h>

static int load(const char *text, struct known_list *ret, struct err *err)
{
	char path[] = "/tmp/vq-test-known-XXXXXX";
	int fd = mkstemp(path);
	int e;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
	e = known_load(path, ret, err);
	(void)unlink(path);
	return e;
}

static void rows(void **state)
{
	struct known_list l;
	struct err err;

	(void)state;
	assert_int_equal(
		load("# comment\n\na.b\tdaemon 1.*\tseen\twhy\na.b\tdaemon 2.0\treported\tx", &l,
		     &err),
		0);
	assert_int_equal(l.count, 2);
	assert_string_equal(known_find(&l, "a.b", "daemon 1.13.2")->reason, "why");
	assert_string_equal(known_find(&l, "a.b", "daemon 2.0")->status, "reported");
	assert_null(known_find(&l, "a.b", "daemon 3.0"));
	assert_null(known_find(&l, "a.c", "daemon 1.13.2"));
	known_free(&l);
	assert_int_equal(known_load("/no/such/file", &l, &err), 0);
	assert_int_equal(l.count, 0);
}

static void mistakes(void **state)
{
	static const char *const bad[] = {
		"a.b\tdaemon 1.*\tseen\n",
		"a.b\t*\tmaybe\twhy\n",
		"a.b\t*\tseen\twhy\tand more\n",
		"a.b * seen why\n",
	};
	struct known_list l;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(load(bad[i], &l, &err), -EINVAL);
		assert_non_null(strstr(err.text, ":1:"));
		assert_int_equal(l.count, 0);
	}
}

static void meanings(void **state)
{
	static const struct known_row row;

	(void)state;
	assert_int_equal(known_of(&row, true, false), KNOWN_KNOWN);
	assert_int_equal(known_of(NULL, true, false), KNOWN_NEW);
	assert_int_equal(known_of(&row, false, true), KNOWN_GONE);
	assert_int_equal(known_of(&row, false, false), KNOWN_NONE);
	assert_int_equal(known_of(NULL, false, true), KNOWN_NONE);
}

/* Those of the project can be read, and name checks that there are. */
static void shipped(void **state)
{
	DIR *d = opendir("conformance/known");
	const struct dirent *entry;
	size_t files = 0;

	(void)state;
	assert_non_null(d);
	while ((entry = readdir(d))) {
		struct known_list l;
		struct err err;
		char path[512];

		/* test_checks has those of the guest suite. */
		if (!strstr(entry->d_name, ".tsv") || strcmp(entry->d_name, "guest.tsv") == 0)
			continue;
		files++;
		(void)snprintf(path, sizeof(path), "conformance/known/%s", entry->d_name);
		if (known_load(path, &l, &err) < 0)
			fail_msg("%s", err.text);
		for (size_t i = 0; i < l.count; i++)
			if (!check_find(l.row[i].check))
				fail_msg("%s: there is no check %s", path, l.row[i].check);
		known_free(&l);
	}
	(void)closedir(d);
	assert_true(files > 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(meanings),
		cmocka_unit_test(shipped),
	};

	return cmocka_run_group_tests_name("conform_known", tests, NULL, NULL);
}
