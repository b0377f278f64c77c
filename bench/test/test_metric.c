// SPDX-License-Identifier: Apache-2.0
/* Metrics: reading a field of raw results, and the page cache of a file. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "metric/metric.h"
#include "metric/residency.h"

/* Not whole pages: the last one counts with the bytes that are in the file. */
#define FILE_BYTES (5 * MIB + 1234)

struct fixture {
	char dir[64];
	char file[96];
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char chunk[4096];
	FILE *out;

	*state = f;
	if (!f)
		return -1;
	(void)snprintf(f->dir, sizeof(f->dir), "build/vq-test-metric-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	(void)snprintf(f->file, sizeof(f->file), "%s/data", f->dir);
	out = fopen(f->file, "we");
	if (!out)
		return -1;
	memset(chunk, 'x', sizeof(chunk));
	for (size_t left = FILE_BYTES; left > 0;) {
		size_t n = left < sizeof(chunk) ? left : sizeof(chunk);

		if (fwrite(chunk, 1, n, out) != n)
			return -1;
		left -= n;
	}
	return fclose(out);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int e = fs_remove_tree(f->dir, NULL);

	free(f);
	return e < 0 ? -1 : 0;
}

static int read_from(const char *json, const struct metric_def *m, double *ret)
{
	json_t *raw = json_loads(json, 0, NULL);
	int e;

	assert_non_null(raw);
	e = metric_read(m, raw, ret);
	json_decref(raw);
	return e;
}

/* Goal: a field is read as it is, and what is none is told apart. Method: each kind of field. */
static void plain_fields(void **state)
{
	const struct metric_def m = { .name = "m", .path = "a[0].b" };
	double v = 42;

	(void)state;
	assert_int_equal(read_from("{\"a\":[{\"b\":1.25}]}", &m, &v), 0);
	assert_true(v == 1.25);
	assert_int_equal(read_from("{\"a\":[{\"b\":0}]}", &m, &v), 0);
	assert_true(v == 0);
	v = 42;
	assert_int_equal(read_from("{\"a\":[]}", &m, &v), -ENOENT);
	assert_int_equal(read_from("{\"a\":[{\"b\":\"1\"}]}", &m, &v), -EINVAL);
	assert_int_equal(read_from("{\"a\":[{\"b\":null}]}", &m, &v), -EINVAL);
	assert_int_equal(read_from("{\"a\":[{\"b\":true}]}", &m, &v), -EINVAL);
	assert_true(v == 42);
}

/* Goal: a percentile has 100 samples beyond it or is left out. Method: one sample less, and enough. */
static void percentile_rule(void **state)
{
	static const struct {
		unsigned one_in;
		unsigned samples;
		int result;
	} rows[] = {
		{ 100, 9999, -ENODATA }, { 100, 10000, 0 },  { 2, 199, -ENODATA },
		{ 2, 200, 0 },		 { 2, 0, -ENODATA },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct metric_def m = { .name = "p",
					      .path = "p[99.000000]",
					      .samples_path = "n",
					      .beyond_one_in = rows[i].one_in };
		char json[64];
		double v = 42;

		(void)snprintf(json, sizeof(json), "{\"n\":%u,\"p\":{\"99.000000\":7}}",
			       rows[i].samples);
		assert_int_equal(read_from(json, &m, &v), rows[i].result);
		assert_true(v == (rows[i].result == 0 ? 7 : 42));
	}
}

/* Goal: a percentile without its number of samples is none. Method: leave either out. */
static void percentile_without_samples(void **state)
{
	const struct metric_def m = {
		.name = "p", .path = "p", .samples_path = "n", .beyond_one_in = 2
	};
	double v;

	(void)state;
	assert_int_equal(read_from("{\"p\":7}", &m, &v), -ENOENT);
	assert_int_equal(read_from("{\"n\":500}", &m, &v), -ENOENT);
	assert_int_equal(read_from("{\"n\":\"500\",\"p\":7}", &m, &v), -EINVAL);
}

static void skip_on_tmpfs(const struct fixture *f)
{
	char scratch[64];

	if (strcmp(fs_type_name(f->dir, scratch, sizeof(scratch)), "tmpfs") != 0)
		return;
	print_message("SKIP: build/ is on tmpfs, where the page cache is the file\n");
	skip();
}

/* Goal: dropped is 0, filled is all, each seen by itself. Method: drop, fill, drop on a real disk. */
static void drop_and_fill(void **state)
{
	struct fixture *f = *state;
	struct residency r = { 0 };

	skip_on_tmpfs(f);
	/* just written: all of it is cached, some of it dirty */
	assert_int_equal(residency_read(f->file, &r, &f->err), 0);
	assert_int_equal(r.file_bytes, FILE_BYTES);
	assert_int_equal(r.cached_bytes, FILE_BYTES);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(residency_drop(f->file, &f->err), 0);
		assert_int_equal(residency_read(f->file, &r, &f->err), 0);
		assert_int_equal(r.file_bytes, FILE_BYTES);
		assert_int_equal(r.cached_bytes, 0);
		assert_int_equal(residency_fill(f->file, &f->err), 0);
		assert_int_equal(residency_read(f->file, &r, &f->err), 0);
		assert_int_equal(r.cached_bytes, FILE_BYTES);
	}
}

/* Goal: looking does not change what is seen. Method: look twice at a dropped file. */
static void looking_is_harmless(void **state)
{
	struct fixture *f = *state;
	struct residency r = { 0 };

	skip_on_tmpfs(f);
	assert_int_equal(residency_drop(f->file, &f->err), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(residency_read(f->file, &r, &f->err), 0);
		assert_int_equal(r.cached_bytes, 0);
	}
}

/* Goal: an empty file is fine, a missing one and a link are told. Method: each of them, each call. */
static void odd_files(void **state)
{
	struct fixture *f = *state;
	struct residency r = { .file_bytes = 1, .cached_bytes = 1 };
	char link[96];

	(void)snprintf(link, sizeof(link), "%s/link", f->dir);
	assert_int_equal(symlink("data", link), 0);
	assert_int_equal(residency_read(link, &r, &f->err), -ELOOP);
	assert_int_equal(residency_drop(link, &f->err), -ELOOP);
	assert_int_equal(residency_fill(link, &f->err), -ELOOP);
	assert_int_equal(truncate(f->file, 0), 0);
	assert_int_equal(residency_read(f->file, &r, &f->err), 0);
	assert_int_equal(r.file_bytes, 0);
	assert_int_equal(r.cached_bytes, 0);
	assert_int_equal(residency_fill(f->file, &f->err), 0);
	assert_int_equal(unlink(f->file), 0);
	r.file_bytes = 77;
	assert_int_equal(residency_read(f->file, &r, &f->err), -ENOENT);
	assert_int_equal(r.file_bytes, 77);
	assert_non_null(strstr(f->err.text, f->file));
	assert_int_equal(residency_drop(f->file, &f->err), -ENOENT);
	assert_int_equal(residency_fill(f->file, &f->err), -ENOENT);
}

static void make_tree(struct fixture *f, char *tree, size_t size)
{
	static const char *const names[] = { "a", "sub/b", "sub/deep/c" };
	char path[160];

	(void)snprintf(tree, size, "%s/tree", f->dir);
	(void)snprintf(path, sizeof(path), "%s/sub/deep", tree);
	assert_int_equal(fs_mkdirs(path, 0755, &f->err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char text[5000] = { 'x' };

		(void)snprintf(path, sizeof(path), "%s/%s", tree, names[i]);
		assert_int_equal(fs_write_atomic(path, text, sizeof(text), &f->err), 0);
	}
	/* a link to something large does not count */
	(void)snprintf(path, sizeof(path), "%s/sub/link", tree);
	assert_int_equal(symlink("../../data", path), 0);
}

/* Goal: a folder is the sum of its files, at every depth, without links. Method: drop and fill one. */
static void folders_are_sums(void **state)
{
	struct fixture *f = *state;
	struct residency r = { 0 };
	char tree[128];

	skip_on_tmpfs(f);
	make_tree(f, tree, sizeof(tree));
	assert_int_equal(residency_drop(tree, &f->err), 0);
	assert_int_equal(residency_read(tree, &r, &f->err), 0);
	assert_int_equal(r.files, 3);
	assert_int_equal(r.file_bytes, 3 * 5000);
	assert_int_equal(r.cached_bytes, 0);
	assert_int_equal(residency_fill(tree, &f->err), 0);
	assert_int_equal(residency_read(tree, &r, &f->err), 0);
	assert_int_equal(r.cached_bytes, 3 * 5000);
	assert_int_equal(fs_remove_tree(tree, &f->err), 0);
}

/* Goal: a tree without end is refused. Method: one folder more than the limit. */
static void too_deep(void **state)
{
	struct fixture *f = *state;
	struct residency r = { 0 };
	char path[512];
	size_t at = (size_t)snprintf(path, sizeof(path), "%s/deep", f->dir);

	for (unsigned i = 0; i < 33; i++)
		at += (size_t)snprintf(path + at, sizeof(path) - at, "/d");
	assert_int_equal(fs_mkdirs(path, 0755, &f->err), 0);
	(void)snprintf(path, sizeof(path), "%s/deep", f->dir);
	assert_int_equal(residency_read(path, &r, &f->err), -ELOOP);
	assert_non_null(strstr(f->err.text, "folders deep"));
	assert_int_equal(fs_remove_tree(path, &f->err), 0);
}

static int twice(json_t *raw, double *ret)
{
	double v;
	int e = json_number_at(raw, "n", &v);

	if (e == 0 && v < 0)
		return -ENODATA;
	*ret = 2 * v;
	return e;
}

/* Goal: a computed number, or why there is none. Method: one function, all its results. */
static void computed(void **state)
{
	const struct metric_def m = { .name = "p", .path = "nosuch", .compute = twice };
	double v = 42;

	(void)state;
	assert_int_equal(read_from("{\"n\":-1}", &m, &v), -ENODATA);
	assert_int_equal(read_from("{}", &m, &v), -ENOENT);
	assert_true(v == 42);
	assert_int_equal(read_from("{\"n\":21.5}", &m, &v), 0);
	assert_true(v == 43);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_fields),
		cmocka_unit_test(percentile_rule),
		cmocka_unit_test(percentile_without_samples),
		TEST(drop_and_fill),
		TEST(looking_is_harmless),
		TEST(odd_files),
		TEST(folders_are_sums),
		TEST(too_deep),
		cmocka_unit_test(computed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
