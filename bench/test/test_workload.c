// SPDX-License-Identifier: Apache-2.0
/*
 * Workloads: rows against job files and programs, every command against golden/workload, and metrics
 * against what fio prints. VQ_GOLDEN_UPDATE=1 rewrites the commands. What the host lays out is in
 * test_workload_layout.c.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "metric/metric.h"
#include "workload/workload.h"

#define GOLDEN	 "bench/test/golden/workload/commands.txt"
#define JOBS	 "workloads/fio"
#define PROGRAMS "workloads/src"

struct fixture {
	struct buf text;
	struct err err;
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	buf_free(&f->text);
	free(f);
	return 0;
}

/* Goal: the known 30 jobs are all there. Method: their ids are put together once more. */
static void thirty_jobs(void **state)
{
	static const char *const pattern[] = { "seqread", "seqwrite", "randread", "randwrite",
					       "randrw" };
	static const char *const engine[] = { "psync", "mmap", "libaio" };
	size_t found = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pattern) * ARRAY_SIZE(engine) * 2; i++) {
		const char *multi = i % 2 ? "-multi" : "";
		const char *e = engine[i / 2 % ARRAY_SIZE(engine)];
		const struct workload *w;
		char id[64];

		(void)snprintf(id, sizeof(id), "%s-%s%s", pattern[i / 2 / ARRAY_SIZE(engine)], e,
			       multi);
		w = workload_find(id);
		if (!w)
			fail_msg("no row %s", id);
		assert_int_equal(w->file_count, *multi ? 4 : 1);
		assert_string_equal(w->fio.engine, e);
		assert_int_equal(w->fio.direct, strcmp(e, "libaio") == 0);
		assert_int_equal(w->needs & NEED_MAP_SHARED ? 1 : 0, strcmp(e, "mmap") == 0);
		found++;
	}
	assert_int_equal(found, 30);
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
	/* Counts of operations are there when a pass is observed. */
	if (strncmp(dot, ".ops.", 5) == 0)
		return;
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

/* run.json describes a metric once, by its name, for all workloads. */
static void assert_title_is_everybodys(const struct metric_def *m)
{
	size_t n;
	const struct workload *const *list = workload_list(&n);

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < list[i]->metric_count; j++) {
			const struct metric_def *other = &list[i]->metrics[j];

			if (strcmp(other->name, m->name) != 0)
				continue;
			assert_string_equal(other->title, m->title);
			assert_string_equal(other->unit, m->unit);
			assert_int_equal(other->better, m->better);
			assert_int_equal(other->kind, m->kind);
		}
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
	assert_title_is_everybodys(m);
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

		/* also: no two rows have the same id */
		assert_ptr_equal(workload_find(w->id), w);
		assert_int_equal(strspn(w->id, "abcdefghijklmnopqrstuvwxyz0123456789-"),
				 strlen(w->id));
		assert_true(w->title[0]);
		/* Either something is run, or the harness knows what to do. */
		assert_int_equal(w->tool == TOOL_FOOTPRINT, !w->job);
		assert_int_equal(w->tool == TOOL_FOOTPRINT, w->guests > 0);
		assert_true(w->job ? w->job[0] : w->guests > 1 || !w->private_trees);
		assert_int_equal(w->layout == LAYOUT_FILES, w->file_bytes > 0);
		assert_int_equal(w->layout == LAYOUT_FILES || w->layout == LAYOUT_PROGRAMS,
				 w->file_count > 0);
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(w->title, list[j]->title);
			assert_string_not_equal(w->question, list[j]->question);
		}
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

static bool env_has(const struct strv *env, const char *name, size_t length)
{
	for (size_t i = 0; i < env->count; i++)
		if (strncmp(env->item[i], name, length) == 0 && env->item[i][length] == '=')
			return true;
	return false;
}

/* Every ${VQ_...} of the job file is in the row's environment, and the other way round. */
static void assert_variables(const struct workload *w, const char *text)
{
	const struct workload_run r = { "/m", "/j", "/g", "/o", 1 };
	struct strv argv = { 0 };
	struct strv env = { 0 };

	assert_int_equal(workload_command(w, &w->phases[0], &r, &argv, &env), 0);
	for (const char *p = text; (p = strstr(p, "${")) != NULL; p += 2)
		if (!env_has(&env, p + 2, strcspn(p + 2, "}")))
			fail_msg("%s: %.20s is not in the environment", w->id, p);
	for (size_t i = 0; i < env.count; i++) {
		char name[64];

		if (strncmp(env.item[i], "VQ_", 3) != 0)
			continue;
		(void)snprintf(name, sizeof(name), "${%.*s}", (int)strcspn(env.item[i], "="),
			       env.item[i]);
		if (!strstr(text, name))
			fail_msg("%s: %s does not use %s", w->id, w->job, name);
	}
	strv_free(&argv);
	strv_free(&env);
}

static void assert_folder(const char *folder, enum workload_tool tool, const char *suffix)
{
	size_t n = strlen(suffix);
	struct dirent *d;
	DIR *dir = opendir(folder);

	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL) {
		size_t length = strlen(d->d_name);

		if (length <= n || strcmp(d->d_name + length - n, suffix) != 0)
			continue;
		if (tool == TOOL_PROGRAM)
			d->d_name[length - n] = '\0';
		/* wl-hello is what wl-start starts. */
		if (rows_with_job(tool, d->d_name) == 0 && strcmp(d->d_name, "wl-hello") != 0)
			fail_msg("%s/%s has no row", folder, d->d_name);
	}
	(void)closedir(dir);
}

/* Goal: rows and files belong together. Method: folders against rows and rows against folders. */
static void files_and_rows_agree(void **state)
{
	struct fixture *f = *state;
	size_t n;
	const struct workload *const *list = workload_list(&n);
	char path[256];

	for (size_t i = 0; i < n; i++) {
		if (list[i]->tool == TOOL_FOOTPRINT)
			continue;
		if (list[i]->tool == TOOL_FIO)
			(void)snprintf(path, sizeof(path), JOBS "/%s", list[i]->job);
		else
			(void)snprintf(path, sizeof(path), PROGRAMS "/%s.c", list[i]->job);
		buf_clear(&f->text);
		if (fs_read(path, MIB, &f->text, &f->err) < 0)
			fail_msg("%s: %s", list[i]->id, f->err.text);
		if (list[i]->tool != TOOL_FIO)
			continue;
		/* No cache is dropped behind our back. */
		assert_non_null(strstr(buf_text(&f->text), "\ninvalidate=0\n"));
		assert_variables(list[i], buf_text(&f->text));
	}
	assert_folder(JOBS, TOOL_FIO, ".fio");
	assert_folder(PROGRAMS, TOOL_PROGRAM, ".c");
}

static void add_command(struct buf *text, const struct workload *w,
			const struct workload_phase *phase, unsigned time_ms)
{
	const struct workload_run r = { "/m", "/j/x.fio", "/g", "/o.json", time_ms };
	struct strv argv = { 0 };
	struct strv env = { 0 };

	assert_int_equal(workload_command(w, phase, &r, &argv, &env), 0);
	assert_string_equal(env.item[0], "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	(void)buf_printf(text, "%s %s %u:", w->id, phase->name, time_ms);
	for (size_t i = 1; i < env.count; i++)
		(void)buf_printf(text, " %s", env.item[i]);
	for (size_t i = 0; i < argv.count; i++)
		(void)buf_printf(text, " %s", argv.item[i]);
	(void)buf_printf(text, "\n");
	strv_free(&argv);
	strv_free(&env);
}

/* Goal: commands are what they were. Method: every row and phase, with and without a time limit. */
static void commands(void **state)
{
	struct fixture *f = *state;
	struct buf now = { 0 };
	size_t n;
	const struct workload *const *list = workload_list(&n);

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; list[i]->job && j < list[i]->phase_count; j++) {
			add_command(&now, list[i], &list[i]->phases[j], 250);
			add_command(&now, list[i], &list[i]->phases[j], 0);
		}
	if (getenv("VQ_GOLDEN_UPDATE"))
		assert_int_equal(fs_write_atomic(GOLDEN, now.data, now.size, &f->err), 0);
	assert_int_equal(fs_read(GOLDEN, MIB, &f->text, &f->err), 0);
	if (strcmp(buf_text(&f->text), buf_text(&now)) != 0)
		fail_msg("%s differs (VQ_GOLDEN_UPDATE=1 writes it); now:\n%s", GOLDEN,
			 buf_text(&now));
	buf_free(&now);
}

/* Goal: no time limit means once over the data. Method: what every row's command says then. */
static void once_over_the_data(void **state)
{
	struct buf text = { 0 };
	size_t n;
	const struct workload *const *list = workload_list(&n);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; list[i]->job && j < list[i]->phase_count; j++) {
			buf_clear(&text);
			add_command(&text, list[i], &list[i]->phases[j], 0);
			assert_non_null(strstr(buf_text(&text), "VQ_REPEAT=0"));
			if (list[i]->tool == TOOL_FIO)
				assert_non_null(strstr(buf_text(&text), "VQ_TIME=0ms"));
		}
	buf_free(&text);
}

/* Goal: refusals are known errnos of what a row needs. Method: some that are, some that are not. */
static void refusals(void **state)
{
	static const struct {
		const char *id;
		int error;
		const char *try;
	} rows[] = {
		{ "seqread-mmap", ENODEV, "mmap" },
		{ "seqread-mmap", EIO, NULL },
		{ "seqread-psync", ENODEV, NULL },
		{ "seqread-direct", EINVAL, "direct" },
		{ "seqread-io-uring", ENOSYS, "io-uring" },
		{ "seqread-io-uring", EPERM, "io-uring" },
		{ "seqread-io-uring", 0, NULL },
		{ "mmap-private", ENODEV, NULL },
		{ "mmap-faults", EINVAL, "mmap-write" },
		{ "seqread-mmap", EINVAL, NULL },
		{ "randrw-mmap-multi", EINVAL, "mmap-write" },
		{ "seqwrite-psync", EINVAL, NULL },
		{ "mmap-faults", ENODEV, "mmap" },
		{ "seqread-libaio", ENODEV, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *try = NULL;
		const char *what = workload_refusal(workload_find(rows[i].id), rows[i].error, &try);

		assert_int_equal(what != NULL, rows[i].try != NULL);
		if (what)
			assert_string_equal(try, rows[i].try);
	}
}

/* What fio 3.33 prints, shortened to what metrics read; the numbers are chosen to be computed with. */
#define FIO_DIR(n, runtime, bytes, iops)                                                   \
	"{\"io_bytes\":" bytes ",\"bw_bytes\":1000,\"iops\":" iops ",\"runtime\":" runtime \
	",\"slat_ns\":{\"mean\":500000.0,\"N\":" n "},\"clat_ns\":{\"mean\":1.0,\"N\":" n  \
	",\"percentile\":{\"50.000000\":5,\"90.000000\":9,\"99.000000\":99}},"             \
	"\"lat_ns\":{\"mean\":2.0,\"N\":" n                                                \
	",\"percentile\":{\"50.000000\":5,\"90.000000\":9,\"99.000000\":99}}}"
#define FIO_JSON(sync_n)                                                                     \
	"{\"jobs\":[{\"error\":0,\"job options\":{\"numjobs\":\"4\",\"rate_iops\":\"500\"}," \
	"\"read\":" FIO_DIR("10000", "1000", "4096000", "300") ",\"write\":" FIO_DIR(        \
		"0", "2000", "3000000",                                                      \
		"150") ",\"sync\":{\"total_ios\":" sync_n                                    \
		       ",\"lat_ns\":{\"mean\":250000000.0,\"N\":" sync_n                     \
		       ",\"percentile\":{\"50.000000\":7}}},"                                \
		       "\"iodepth_level\":{\"1\":50.0,\"2\":0,\"4\":0,\"8\":0,\"16\":50.0,\"32\":0,\">=64\":0}}]}"

static double fio_number(const char *id, const char *metric, const char *text, int *ret_error)
{
	const struct workload *w = workload_find(id);
	json_t *raw = json_loads(text, 0, NULL);
	double v = -1;

	assert_non_null(w);
	assert_non_null(raw);
	*ret_error = -ENOENT;
	for (size_t i = 0; i < w->metric_count; i++)
		if (strcmp(w->metrics[i].name, metric) == 0)
			*ret_error = metric_read(&w->metrics[i], raw, &v);
	json_decref(raw);
	return v;
}

/* Goal: every fio metric is found in what fio prints. Method: one text with all that they read. */
static void fio_metrics_are_there(void **state)
{
	size_t n;
	const struct workload *const *list = workload_list(&n);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; list[i]->tool == TOOL_FIO && j < list[i]->metric_count; j++) {
			const char *name = list[i]->metrics[j].name;
			int e;

			(void)fio_number(list[i]->id, name, FIO_JSON("8"), &e);
			/* Too few samples of what was not done is an answer. */
			if (e < 0 && e != -ENODATA)
				fail_msg("%s: %s: %d", list[i]->id, name, e);
		}
}

/* Goal: what is computed is right. Method: by hand from the numbers of the text. */
static void fio_computed(void **state)
{
	int e;

	(void)state;
	/* 8 fsyncs of 0.25 s in 4 jobs: 0.5 s each, so 3000000 bytes were written in 1.5 s. */
	assert_true(fio_number("seqwrite-psync", "fsync_time", FIO_JSON("8"), &e) == 0.5 && e == 0);
	assert_true(fio_number("seqwrite-psync", "written_bw", FIO_JSON("8"), &e) == 2e6 && e == 0);
	/* No fsync was counted, or all the time went into it: then nothing can be said. */
	(void)fio_number("seqwrite-psync", "fsync_time", FIO_JSON("0"), &e);
	assert_int_equal(e, -ENODATA);
	(void)fio_number("seqwrite-psync", "written_bw", FIO_JSON("32"), &e);
	assert_int_equal(e, -ENODATA);
	assert_true(fio_number("seqread-libaio", "depth", FIO_JSON("8"), &e) == 8.5 && e == 0);
	/* 10000 x 0.5 ms in 4 jobs of 2 s (the longer direction). */
	assert_true(fio_number("seqread-libaio", "submit_share", FIO_JSON("8"), &e) == 0.625 &&
		    e == 0);
	assert_true(fio_number("randread-open", "rate_reached", FIO_JSON("8"), &e) == 0.9 &&
		    e == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(thirty_jobs),     TEST(rows_are_complete),
		TEST(builtin_metrics), TEST(files_and_rows_agree),
		TEST(commands),	       TEST(once_over_the_data),
		TEST(refusals),	       TEST(fio_metrics_are_there),
		TEST(fio_computed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
