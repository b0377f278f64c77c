// SPDX-License-Identifier: Apache-2.0
/* Workloads: the registry against rows.h and the job files, commands, and the data file. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fs.h"
#include "metric/metric.h"
#include "workload/workload.h"

#define ROWS	 "bench/workload/rows.h"
#define JOBS	 "workloads/fio"
#define PROGRAMS "workloads/src"

struct fixture {
	char dir[64];
	struct buf text;
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	(void)snprintf(f->dir, sizeof(f->dir), "build/vq-test-workload-XXXXXX");
	return mkdtemp(f->dir) ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int e = fs_remove_tree(f->dir, NULL);

	buf_free(&f->text);
	free(f);
	return e < 0 ? -1 : 0;
}

/* Goal: no workload is forgotten. Method: each row of rows.h is found in the registry, none more. */
static void rows_are_listed(void **state)
{
	static const char start[] = "extern const struct workload workload_";
	struct fixture *f = *state;
	size_t declared = 0;
	size_t n;

	(void)workload_list(&n);
	assert_int_equal(fs_read(ROWS, MIB, &f->text, &f->err), 0);
	for (const char *p = buf_text(&f->text); (p = strstr(p, start)) != NULL; declared++) {
		char id[64] = { 0 };

		p += strlen(start);
		assert_true(strcspn(p, ";") < sizeof(id));
		for (size_t i = 0; p[i] != ';'; i++)
			id[i] = p[i] == '_' ? '-' : p[i];
		if (!workload_find(id))
			fail_msg("%s declares %s, which is not listed", ROWS, id);
	}
	assert_int_equal(declared, n);
	assert_null(workload_find("nosuch"));
}

static bool has_metric(const struct workload *w, const char *name)
{
	for (size_t i = 0; i < w->metric_count; i++)
		if (strcmp(w->metrics[i].name, name) == 0)
			return true;
	for (size_t i = 0; i < METRIC_BUILTIN_COUNT; i++)
		if (strcmp(metric_builtin((enum builtin_metric)i)->name, name) == 0)
			return true;
	return false;
}

static void assert_headline(const struct workload *w, const char *headline)
{
	const char *dot = strchr(headline, '.');

	assert_non_null(dot);
	for (size_t i = 0; i < w->phase_count; i++)
		if (strlen(w->phases[i].name) == (size_t)(dot - headline) &&
		    strncmp(w->phases[i].name, headline, (size_t)(dot - headline)) == 0 &&
		    has_metric(w, dot + 1))
			return;
	fail_msg("%s has no metric %s", w->id, headline);
}

static bool is_unit(const char *unit)
{
	static const char *const units[] = { "B", "B/s", "1/s", "ns", "s", "1" };

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strcmp(units[i], unit) == 0)
			return true;
	return false;
}

static void assert_metric(const struct workload *w, const struct metric_def *m)
{
	size_t same = 0;

	assert_true(m->name[0] && m->title[0] && m->path && m->path[0]);
	assert_true(is_unit(m->unit));
	/* Names become "<phase>.<metric>". */
	assert_null(strchr(m->name, '.'));
	assert_int_equal(!m->samples_path, !m->beyond_one_in);
	/* What claims to be a percentile needs its count of samples. */
	assert_int_equal(!strstr(m->path, "percentile"), !m->samples_path);
	for (size_t i = 0; i < w->metric_count; i++)
		same += strcmp(w->metrics[i].name, m->name) == 0;
	for (size_t i = 0; i < METRIC_BUILTIN_COUNT; i++)
		same += strcmp(metric_builtin((enum builtin_metric)i)->name, m->name) == 0;
	assert_int_equal(same, 1);
}

/* Goal: each row says all that reports need. Method: every text, phase, metric and headline. */
static void rows_are_complete(void **state)
{
	size_t n;
	const struct workload *const *list = workload_list(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const struct workload *w = list[i];

		assert_ptr_equal(workload_find(w->id), w);
		assert_int_equal(strspn(w->id, "abcdefghijklmnopqrstuvwxyz0123456789-"),
				 strlen(w->id));
		assert_true(w->title[0] && w->job[0]);
		assert_int_equal(w->question[strlen(w->question) - 1], '?');
		/* Shown as "Decides <this>." */
		assert_true(w->decides[0] && w->decides[strlen(w->decides) - 1] != '.');
		assert_true(w->phase_count >= 1 && w->metric_count >= 1);
		for (size_t j = 0; j < w->phase_count; j++) {
			assert_null(strchr(w->phases[j].name, '.'));
			for (size_t k = 0; k < j; k++)
				assert_string_not_equal(w->phases[j].name, w->phases[k].name);
		}
		for (size_t j = 0; j < w->metric_count; j++)
			assert_metric(w, &w->metrics[j]);
		assert_non_null(w->headline[0]);
		for (size_t j = 0; w->headline[j]; j++)
			assert_headline(w, w->headline[j]);
	}
}

/* Goal: what the harness takes itself is described. Method: every row of the builtin table. */
static void builtin_metrics(void **state)
{
	(void)state;
	for (size_t i = 0; i < METRIC_BUILTIN_COUNT; i++) {
		const struct metric_def *m = metric_builtin((enum builtin_metric)i);

		assert_non_null(m->name);
		assert_true(m->name[0] && m->title && m->title[0] && m->unit && is_unit(m->unit));
		assert_null(m->path);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(m->name,
						metric_builtin((enum builtin_metric)j)->name);
	}
}

/* How many rows of @tool name this job? */
static size_t rows_with_job(enum workload_tool tool, const char *job)
{
	size_t n;
	const struct workload *const *list = workload_list(&n);
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += list[i]->tool == tool && strcmp(list[i]->job, job) == 0;
	return found;
}

/* Goal: rows and files belong together. Method: folders against rows and rows against folders. */
static void files_and_rows_agree(void **state)
{
	struct fixture *f = *state;
	size_t n;
	const struct workload *const *list = workload_list(&n);
	char path[256];
	struct dirent *d;
	DIR *dir;

	for (size_t i = 0; i < n; i++) {
		if (list[i]->tool == TOOL_FIO)
			(void)snprintf(path, sizeof(path), JOBS "/%s", list[i]->job);
		else
			(void)snprintf(path, sizeof(path), PROGRAMS "/%s.c", list[i]->job);
		buf_clear(&f->text);
		if (fs_read(path, MIB, &f->text, &f->err) < 0)
			fail_msg("%s: %s", list[i]->id, f->err.text);
		if (list[i]->tool != TOOL_FIO)
			continue;
		/* The file that the host lays out, and no cache dropped behind our back. */
		assert_non_null(strstr(buf_text(&f->text), "\nfilename=" WORKLOAD_FILE "\n"));
		assert_non_null(strstr(buf_text(&f->text), "\ninvalidate=0\n"));
		(void)snprintf(path, sizeof(path), "\n[%s]\n", list[i]->id);
		assert_non_null(strstr(buf_text(&f->text), path));
	}
	dir = opendir(JOBS);
	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL)
		if (strstr(d->d_name, ".fio") && rows_with_job(TOOL_FIO, d->d_name) == 0)
			fail_msg(JOBS "/%s has no row", d->d_name);
	(void)closedir(dir);
	dir = opendir(PROGRAMS);
	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL) {
		char *end = strstr(d->d_name, ".c");

		if (strncmp(d->d_name, "wl-", 3) != 0 || !end || end[2])
			continue;
		*end = '\0';
		if (rows_with_job(TOOL_PROGRAM, d->d_name) == 0)
			fail_msg(PROGRAMS "/%s.c has no row", d->d_name);
	}
	(void)closedir(dir);
}

static void assert_list(const struct strv *v, const char *const *want)
{
	size_t n = 0;

	for (; want[n]; n++) {
		assert_true(n < v->count);
		assert_string_equal(v->item[n], want[n]);
	}
	assert_int_equal(v->count, n);
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Goal: commands are what they were. Method: one of fio in both phases, one of ours. */
static void commands(void **state)
{
	const struct workload *fio = workload_find("seqread-psync");
	const struct workload *meta = workload_find("metadata");
	const struct workload_run r = { .dir = "/m",
					.job_path = "/j/x.fio",
					.program_dir = "/g",
					.out_path = "/o.json",
					.time_ms = 250 };
	struct strv argv = { 0 };
	struct strv env = { 0 };

	(void)state;
	for (size_t i = 0; i < fio->phase_count; i++) {
		assert_int_equal(workload_command(fio, &fio->phases[i], &r, &argv, &env), 0);
		assert_list(&argv,
			    LIST("fio", "--output-format=json", "--output=/o.json", "/j/x.fio"));
		assert_list(&env, LIST("PATH=/usr/sbin:/usr/bin:/sbin:/bin", "VQ_DIR=/m",
				       "VQ_SIZE=33554432", "VQ_TIME=250ms",
				       i == 0 ? "VQ_REPEAT=0" : "VQ_REPEAT=1"));
		strv_free(&argv);
		strv_free(&env);
	}
	assert_int_equal(fio->phase_count, 2);
	assert_int_equal(workload_command(meta, &meta->phases[0], &r, &argv, &env), 0);
	assert_list(&argv, LIST("/g/wl-meta", "/m", "400"));
	assert_list(&env, LIST("PATH=/usr/sbin:/usr/bin:/sbin:/bin"));
	strv_free(&argv);
	strv_free(&env);
}

static int compare_blocks(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

/*
 * Goal: the data file has its exact size, no hole, and cannot be compressed. Method: SEEK_HOLE,
 * blocks, frequency of each byte value, and no two 4 KiB blocks that begin alike.
 */
static void layout(void **state)
{
	struct workload w = { .id = "x", .file_bytes = 3 * MIB + 123 };
	struct fixture *f = *state;
	unsigned frequency[256] = { 0 };
	size_t blocks = (size_t)w.file_bytes / 4096;
	char path[128], again[128];
	char *begin;
	struct stat st;
	off_t hole;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/" WORKLOAD_FILE, f->dir);
	assert_int_equal(workload_layout(&w, f->dir, &f->err), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	hole = lseek(fd, 0, SEEK_HOLE);
	(void)close(fd);
	assert_int_equal(st.st_size, w.file_bytes);
	assert_true((uint64_t)st.st_blocks * 512 >= w.file_bytes);
	assert_int_equal(hole, st.st_size);
	assert_int_equal(fs_read(path, 4 * MIB, &f->text, &f->err), 0);
	for (size_t i = 0; i < f->text.size; i++)
		frequency[(unsigned char)f->text.data[i]]++;
	/* 12288 expected, standard deviation 111: these bounds are ten of them away. */
	for (size_t i = 0; i < ARRAY_SIZE(frequency); i++)
		assert_in_range(frequency[i], 11200, 13400);
	begin = malloc(blocks * 16);
	assert_non_null(begin);
	for (size_t i = 0; i < blocks; i++)
		memcpy(begin + 16 * i, f->text.data + 4096 * i, 16);
	qsort(begin, blocks, 16, compare_blocks);
	for (size_t i = 1; i < blocks; i++)
		assert_memory_not_equal(begin + 16 * i, begin + 16 * (i - 1), 16);
	free(begin);
	/* a second one is the same, and none is overwritten */
	assert_int_equal(workload_layout(&w, f->dir, &f->err), -EEXIST);
	(void)snprintf(again, sizeof(again), "%s/first", f->dir);
	assert_int_equal(rename(path, again), 0);
	assert_int_equal(workload_layout(&w, f->dir, &f->err), 0);
	begin = buf_take(&f->text);
	assert_int_equal(fs_read(path, 4 * MIB, &f->text, &f->err), 0);
	assert_memory_equal(f->text.data, begin, f->text.size);
	free(begin);
}

/* Goal: a workload without a file gets none, a bad folder is told. Method: both. */
static void layout_without_file(void **state)
{
	struct workload w = { .id = "some-id" };
	struct fixture *f = *state;

	assert_int_equal(workload_layout(&w, f->dir, &f->err), 0);
	assert_int_equal(rmdir(f->dir), 0);
	w.file_bytes = 5;
	assert_int_equal(workload_layout(&w, f->dir, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, "some-id"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_are_listed),	    TEST(rows_are_complete), TEST(builtin_metrics),
		TEST(files_and_rows_agree), TEST(commands),	     TEST(layout),
		TEST(layout_without_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
