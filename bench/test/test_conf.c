// SPDX-License-Identifier: Apache-2.0
/* The first look at configuration files: lines, keys given twice, and input that is no such file. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/conf.h"
#include "base/fs.h"
#include "base/rng.h"
#include "run/plan.h"

#define PATIENCE_S 100
#define MUTATIONS  4000
#define SEED	   UINT64_C(20261122)

struct fixture {
	char dir[64];
	char file[96];
	struct err err;
	struct conf conf;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/vq-test-conf-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	(void)snprintf(f->file, sizeof(f->file), "%s/a.conf", f->dir);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int e = fs_remove_tree(f->dir, NULL);

	conf_free(&f->conf);
	free(f);
	return e < 0 ? -1 : 0;
}

static int read_bytes(struct fixture *f, const void *data, size_t size)
{
	assert_int_equal(fs_write_atomic(f->file, data, size, &f->err), 0);
	f->err.text[0] = '\0';
	conf_free(&f->conf);
	return conf_read(f->file, &f->conf, &f->err);
}

/* Goal: lines of keys and words are known. Method: comments, quotes and lists over many lines. */
static void lines(void **state)
{
	static const char text[] = "# one\n"
				   "title = \"a # } \\\" b\" // two\n"
				   "/* x\n y = 3 */ rounds=5\n"
				   "cells \"A b\" {\n"
				   "\tstacks = {\"p\",\n"
				   "\t\t'q', r\n"
				   "\t}\n"
				   "\tempty = {}\n"
				   "\tsub { rounds = 1 }\n"
				   "\tstacks += {\"s\"}\n"
				   "}\n"
				   "cells B { stacks = x }";
	struct fixture *f = *state;
	size_t a;

	if (read_bytes(f, text, sizeof(text) - 1) < 0)
		fail_msg("%s", f->err.text);
	a = conf_section(&f->conf, "cells", "A b");
	assert_int_equal(conf_line(&f->conf, 0, "title", 0), 2);
	assert_int_equal(conf_line(&f->conf, 0, "rounds", 0), 4);
	assert_int_equal(conf_line(&f->conf, a, NULL, 0), 5);
	assert_int_equal(conf_line(&f->conf, a, "stacks", 0), 6);
	assert_int_equal(conf_line(&f->conf, a, "stacks", 1), 7);
	assert_int_equal(conf_line(&f->conf, a, "stacks", 2), 7);
	assert_int_equal(conf_line(&f->conf, a, "stacks", 3), 11);
	assert_int_equal(conf_line(&f->conf, a, "stacks", 9), 6);
	assert_int_equal(conf_line(&f->conf, a, "empty", 0), 9);
	assert_int_equal(conf_line(&f->conf, a, "nosuch", 0), 5);
	assert_int_equal(conf_line(&f->conf, conf_section(&f->conf, "cells", "B"), "stacks", 0),
			 13);
	assert_int_equal(conf_section(&f->conf, "cells", "C"), 0);
	assert_string_equal(f->conf.text, text);
}

/* Goal: each mistake is told with its line. Method: one a row. */
static void mistakes(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} rows[] = {
		{ "a = 1\n\na = 2\n", "a.conf:3: 'a' is given a second time (first in line 1)" },
		{ "s \"x\" {\nk = 1\nk = {2}\n}\n", "a.conf:3: 'k' is given a second time" },
		{ "a = \"x\n\n", "a.conf:1: this text has no closing quote" },
		{ "\n/* x\n\n", "a.conf:2: this comment has no end" },
		{ "s {\na = 1\n", "a.conf:1: section 's' that begins here has no '}'" },
		{ "a = 1\n}\n", "a.conf:2: a key or a section should begin here" },
		{ "a\nb = 1\n", "a.conf:1: behind 'a' there is neither" },
		{ "a = {1, 2\n", "a.conf:2: this list has no '}'" },
		{ "a = }\n", "a.conf:1: there is no value" },
		{ "include(\"/etc/passwd\")\n", "a.conf:1: this is neither" },
		{ "a = 1\nb\001 = 2\n", "a.conf:2: this is no text (byte 0x01)" },
		{ "a = \"\377\"\n", "a.conf is not UTF-8" },
		{ "a{a{a{a{a{a{a{a{a{", "nested too deeply" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(read_bytes(f, rows[i].text, strlen(rows[i].text)), -EINVAL);
		if (!strstr(f->err.text, rows[i].says))
			fail_msg("\"%s\" is not in \"%s\"", rows[i].says, f->err.text);
		assert_null(f->conf.text);
	}
}

/* Goal: what is no file of this kind is told. Method: a folder, nothing, empty, huge, zeroes. */
static void odd_files(void **state)
{
	struct fixture *f = *state;
	char *huge = calloc(1, CONF_BYTES_MAX + 1);

	assert_non_null(huge);
	assert_int_equal(conf_read(f->dir, &f->conf, &f->err), -ENOENT);
	assert_int_equal(conf_read("/dev/zero", &f->conf, &f->err), -ENOENT);
	assert_int_equal(conf_read("/nonexistent", &f->conf, &f->err), -ENOENT);
	assert_int_equal(read_bytes(f, "", 0), 0);
	assert_int_equal(f->conf.item_count, 0);
	assert_int_equal(read_bytes(f, huge, 100), -EINVAL);
	memset(huge, 'a', CONF_BYTES_MAX + 1);
	assert_int_equal(read_bytes(f, huge, CONF_BYTES_MAX + 1), -EFBIG);
	assert_int_equal(read_bytes(f, huge, CONF_TOKEN_MAX + 1), -EINVAL);
	free(huge);
}

static size_t mutate(struct rng *rng, char *text, size_t size, size_t room)
{
	static const char bytes[] = "{}=\"'\\#/*,\n \t+()$a1\0\377";
	size_t changes = 1 + rng_below(rng, 4);

	for (size_t i = 0; i < changes && size > 2; i++) {
		size_t at = rng_below(rng, size);
		size_t n = 1 + rng_below(rng, 40);

		switch (rng_below(rng, 4)) {
		case 0: /* another byte */
			text[at] = bytes[rng_below(rng, sizeof(bytes) - 1)];
			break;
		case 1: /* cut off */ size = at + 1; break;
		case 2: /* take out */
			n = n < size - at ? n : size - at;
			memmove(text + at, text + at + n, size - at - n);
			size -= n;
			break;
		default: /* repeat a piece */
			n = n < size - at ? n : size - at;
			if (size + n > room)
				break;
			memmove(text + at + n, text + at, size - at);
			size += n;
		}
	}
	return size;
}

/*
 * Goal: no plan file ends the process, hangs it, or is refused without a word. Method: seeded
 * mutations of one that we ship; alarm() is the bound.
 */
static void mutated_plans(void **state)
{
	struct fixture *f = *state;
	struct rng rng = { SEED };
	struct buf smoke = { 0 };
	char *text = malloc(64 * KIB);
	unsigned good = 0;

	assert_non_null(text);
	assert_int_equal(fs_read("bench/plans/smoke.conf", 32 * KIB, &smoke, &f->err), 0);
	for (unsigned i = 0; i < MUTATIONS; i++) {
		struct plan p = { 0 };
		size_t size;
		FILE *out = fopen(f->file, "we");
		int e;

		memcpy(text, smoke.data, smoke.size);
		size = mutate(&rng, text, smoke.size, 64 * KIB);
		assert_non_null(out);
		(void)fwrite(text, 1, size, out);
		assert_int_equal(fclose(out), 0);
		f->err.text[0] = '\0';
		e = plan_load(f->dir, "a", &p, &f->err);
		if (e < 0 && !strstr(f->err.text, "a.conf"))
			fail_msg("mutation %u: error %d names no file: \"%s\"", i, e, f->err.text);
		good += e == 0;
		plan_free(&p);
	}
	free(text);
	buf_free(&smoke);
	/* mutations of comments and titles are plans, most others are not */
	assert_in_range(good, MUTATIONS / 100, MUTATIONS * 9 / 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(lines), TEST(mistakes), TEST(odd_files),
					    TEST(mutated_plans) };

	(void)alarm(PATIENCE_S);
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
