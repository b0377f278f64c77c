// SPDX-License-Identifier: Apache-2.0
/* A program is asked for its version: what is taken, and what makes it one that cannot be used. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "run/version.h"

struct row {
	const char *script;
	const char *wanted;
	int code;
	const char *seen;
	const char *says;
};

static const struct row rows[] = {
	{ "echo tool 1.14.0; echo more", NULL, 0, "tool 1.14.0", "" },
	{ "echo tool 1.14.0 >&2", NULL, 0, "tool 1.14.0", "" },
	{ "echo tool 1.14.0", "tool 1.14.*", 0, "tool 1.14.0", "" },
	{ "printf 'a\\001b\\n'", NULL, 0, "a?b", "" },
	{ "echo tool 1.14.0", "tool 1.13.*", -ENOTUNIQ, "tool 1.14.0",
	  "expected 'tool 1.13.*', seen 'tool 1.14.0'" },
	{ "exit 0", NULL, -ENODATA, "", "printed nothing" },
	{ "echo; echo late", NULL, -ENODATA, "", "printed nothing" },
	{ "echo no library >&2; exit 127", NULL, -EIO, "no library", "exited:127: no library" },
	{ "echo tool 1; kill -9 $$", NULL, -EIO, "tool 1", "signal:9" },
};

/* Goal: each answer is judged, and told with what was seen. Method: a shell that plays the program. */
static void answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strv argv = { 0 };
		struct err err = { 0 };
		char seen[64] = "";
		int e;

		strv_add(&argv, "/bin/sh");
		strv_add(&argv, "-c");
		strv_add(&argv, rows[i].script);
		e = version_probe(&argv, rows[i].wanted, seen, sizeof(seen), &err);
		strv_free(&argv);
		if (e != rows[i].code || strcmp(seen, rows[i].seen) != 0 ||
		    !strstr(err.text, rows[i].says))
			fail_msg("row %zu: %d, seen \"%s\": %s", i, e, seen, err.text);
	}
}

/* Goal: a program that is not there is told with what to do. Method: one that is not there. */
static void missing(void **state)
{
	struct strv argv = { 0 };
	struct err err = { 0 };
	char seen[64] = "";
	int e;

	(void)state;
	strv_add(&argv, "/nonexistent/loader");
	strv_add(&argv, "--library-path");
	strv_add(&argv, "/x");
	strv_add(&argv, "/root/usr/libexec/virtiofsd");
	e = version_probe(&argv, NULL, seen, sizeof(seen), &err);
	strv_free(&argv);
	assert_int_equal(e, -ENOENT);
	assert_non_null(strstr(err.text, "/root/usr/libexec/virtiofsd does not run"));
	assert_non_null(strstr(err.text, "make setup"));
	assert_string_equal(seen, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(answers), cmocka_unit_test(missing) };

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
