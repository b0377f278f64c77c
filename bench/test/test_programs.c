// SPDX-License-Identifier: Apache-2.0
/*
 * The static workload programs, and fio, run on this machine: every metric of their rows is in what
 * they print, and the programs fail where the share lies, lacks something or is full. Folder of the
 * programs: that of $VQ_GUEST, default build/guest.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "metric/metric.h"
#include "workload/workload.h"

struct fixture {
	char dir[64];
	char programs[256];
	struct buf out;
	struct buf said; /* stderr */
	struct err err;
	uint64_t bytes;
	json_t *json;
	int code;
	rlim_t file_limit; /* 0: none */
};

static int setup(void **state)
{
	const char *guest = getenv("VQ_GUEST");
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	(void)snprintf(f->programs, sizeof(f->programs), "%s",
		       guest ? guest : "build/guest/vq-guest");
	*strrchr(f->programs, '/') = '\0';
	(void)snprintf(f->dir, sizeof(f->dir), "build/vq-test-programs-XXXXXX");
	return mkdtemp(f->dir) ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int e = fs_remove_tree(f->dir, NULL);

	buf_free(&f->out);
	buf_free(&f->said);
	json_decref(f->json);
	free(f);
	return e < 0 ? -1 : 0;
}

static void child(const struct fixture *f, char *const *argv, char *const *env, const char *out,
		  const char *said)
{
	const struct rlimit limit = { f->file_limit, f->file_limit };

	if (f->file_limit && setrlimit(RLIMIT_FSIZE, &limit) < 0)
		_exit(125);
	if (!freopen(out, "w", stdout) || !freopen(said, "w", stderr))
		_exit(126);
	execvpe(argv[0], argv, env);
	_exit(127);
}

static void run(struct fixture *f, const struct strv *argv, const struct strv *env)
{
	char out[96];
	char said[96];
	int status;
	pid_t pid;

	(void)snprintf(out, sizeof(out), "%s.out", f->dir);
	(void)snprintf(said, sizeof(said), "%s.err", f->dir);
	pid = fork();
	if (pid == 0)
		child(f, argv->item, env->item, out, said);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	f->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	buf_clear(&f->out);
	buf_clear(&f->said);
	assert_int_equal(fs_read(out, MIB, &f->out, &f->err), 0);
	assert_int_equal(fs_read(said, MIB, &f->said, &f->err), 0);
	assert_int_equal(unlink(out) | unlink(said), 0);
	json_decref(f->json);
	f->json = json_loadb(buf_text(&f->out), f->out.size, JSON_REJECT_DUPLICATES, NULL);
}

static void run_words(struct fixture *f, const char *program, const char *const *args)
{
	struct strv argv = { 0 };
	struct strv env = { 0 };

	strv_addf(&argv, "%s/%s", f->programs, program);
	strv_add(&argv, f->dir);
	strv_add_all(&argv, args);
	strv_add(&env, "PATH=/bin");
	assert_int_equal(strv_failed(&argv) || strv_failed(&env), 0);
	run(f, &argv, &env);
	strv_free(&argv);
	strv_free(&env);
}

#define RUN(f, program, ...) run_words(f, program, (const char *const[]){ __VA_ARGS__, NULL })

static void assert_fails(const struct fixture *f, const char *words)
{
	if (f->code != 1 || !strstr(buf_text(&f->said), words))
		fail_msg("exit code %d, not 1 with \"%s\": %s", f->code, words, buf_text(&f->said));
}

static void lay_out(struct fixture *f, const char *id)
{
	assert_int_equal(
		workload_lay_out(workload_find(id), f->programs, f->dir, &f->bytes, &f->err), 0);
}

static double number(const struct fixture *f, const char *path)
{
	double v = -1;

	if (json_number_at(f->json, path, &v) < 0)
		fail_msg("no number at %s in %s", path, buf_text(&f->out));
	return v;
}

static char *data_path(const struct fixture *f, const char *below)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/" WORKLOAD_DATA "%s", f->dir, below);
	return path;
}

static void run_row(struct fixture *f, const struct workload *w, const struct workload_phase *phase)
{
	const struct workload_run r = { .dir = f->dir, .program_dir = f->programs, .time_ms = 50 };
	struct strv argv = { 0 };
	struct strv env = { 0 };

	assert_int_equal(workload_command(w, phase, &r, &argv, &env), 0);
	run(f, &argv, &env);
	strv_free(&argv);
	strv_free(&env);
	if (f->code != 0 || !f->json)
		fail_msg("%s %s: exit code %d: %s%s", w->id, phase->name, f->code,
			 buf_text(&f->out), buf_text(&f->said));
	for (size_t i = 0; i < w->metric_count; i++) {
		double v = 0;
		int e = metric_read(&w->metrics[i], f->json, &v);

		/* Too few samples for a percentile is an answer. */
		if ((e < 0 && e != -ENODATA) || (e == 0 && !(v > 0)))
			fail_msg("%s: %s: %d, %f", w->id, w->metrics[i].name, e, v);
	}
}

/* Goal: every metric of every row is printed. Method: the row's own command, all phases, twice. */
static void rows_run_here(void **state)
{
	struct fixture *f = *state;
	size_t n;
	const struct workload *const *list = workload_list(&n);
	size_t ran = 0;

	for (size_t i = 0; i < n; i++) {
		if (list[i]->tool != TOOL_PROGRAM)
			continue;
		lay_out(f, list[i]->id);
		for (size_t j = 0; j < 2 * list[i]->phase_count; j++, ran++)
			run_row(f, list[i], &list[i]->phases[j / 2]);
		assert_int_equal(fs_remove_tree(data_path(f, ""), &f->err), 0);
	}
	assert_true(ran >= 16);
}

static bool is_installed(const char *path)
{
	return access(path, X_OK) == 0;
}

/* Bytes that all jobs of a row move in one turn. */
static double one_turn(const struct strv *env)
{
	double jobs = 0;
	double bytes = 0;

	for (size_t i = 0; i < env->count; i++) {
		if (strncmp(env->item[i], "VQ_JOBS=", 8) == 0)
			jobs = strtod(env->item[i] + 8, NULL);
		if (strncmp(env->item[i], "VQ_IO=", 6) == 0)
			bytes = strtod(env->item[i] + 6, NULL);
	}
	return jobs * bytes;
}

/*
 * Goal: without a time limit fio goes exactly once over the data, and the metrics are in what it
 * prints. Method: a row of each family that needs nothing of the file system (not O_DIRECT).
 */
static void fio_once_over_the_data(void **state)
{
	static const char *const ids[] = { "seqread-psync", "randwrite-psync-multi",
					   "seqwrite-mmap", "randrw-psync", "fsync-write" };
	struct fixture *f = *state;
	char job[128];

	if (!is_installed("/usr/bin/fio")) {
		print_message("SKIP: no fio here\n");
		skip();
	}
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		const struct workload *w = workload_find(ids[i]);
		const struct workload_run r = { f->dir, job, f->programs, "/dev/stdout", 0 };
		struct strv argv = { 0 };
		struct strv env = { 0 };

		(void)snprintf(job, sizeof(job), "workloads/fio/%s", w->job);
		lay_out(f, w->id);
		assert_int_equal(workload_command(w, &w->phases[0], &r, &argv, &env), 0);
		run(f, &argv, &env);
		if (f->code != 0 || !f->json)
			fail_msg("%s: exit code %d: %s%s", w->id, f->code, buf_text(&f->out),
				 buf_text(&f->said));
		assert_true(number(f, "jobs[0].read.io_bytes") +
				    number(f, "jobs[0].write.io_bytes") ==
			    one_turn(&env));
		for (size_t j = 0; j < w->metric_count; j++) {
			double v;
			int e = metric_read(&w->metrics[j], f->json, &v);

			if (e < 0 && e != -ENODATA)
				fail_msg("%s: %s: %d", w->id, w->metrics[j].name, e);
		}
		strv_free(&argv);
		strv_free(&env);
		assert_int_equal(fs_remove_tree(data_path(f, ""), &f->err), 0);
	}
}

/* Goal: a search that finds less or more is a failure. Method: another expected number, a lost file. */
static void tree_is_checked(void **state)
{
	struct fixture *f = *state;
	struct workload_tree t;
	char files[32];
	char bytes[32];
	char matches[32];
	char fewer[32];

	lay_out(f, "source-grep");
	assert_int_equal(workload_tree_make(NULL, &t, &f->err), 0);
	(void)snprintf(files, sizeof(files), "%d", (int)t.files);
	(void)snprintf(bytes, sizeof(bytes), "%d", (int)t.bytes);
	(void)snprintf(matches, sizeof(matches), "%d", (int)t.matches);
	(void)snprintf(fewer, sizeof(fewer), "%d", (int)t.matches - 1);
	RUN(f, "wl-tree", "grep", files, bytes, matches);
	assert_int_equal(f->code, 0);
	assert_int_equal(number(f, "matches"), t.matches);
	assert_int_equal(number(f, "folders"), t.folders);
	RUN(f, "wl-tree", "grep", files, bytes, fewer);
	assert_fails(f, "lines with the word");
	RUN(f, "wl-tree", "copy", files, bytes, fewer);
	assert_fails(f, "lines with the word");
	/* the copy that failed is still there */
	RUN(f, "wl-tree", "copy", files, bytes, matches);
	assert_fails(f, "vq.copy: File exists");
	assert_int_equal(fs_write_atomic(data_path(f, "/part0/more"), "x", 1, &f->err), 0);
	RUN(f, "wl-tree", "grep", files, bytes, matches);
	assert_fails(f, "301 files, not 300");
	RUN(f, "wl-tree", "nonsense", files, bytes, matches);
	assert_int_equal(f->code, 2);
}

/* Goal: a share that is full is told. Method: a limit on the size of files stands in for ENOSPC. */
static void full_disk(void **state)
{
	struct fixture *f = *state;

	f->file_limit = 1000;
	RUN(f, "wl-small", "4", "4096");
	assert_fails(f, "write: No space left on device");
}

/* Goal: what is missing, or there too often, is told. Method: each program without its data. */
static void missing_data(void **state)
{
	struct fixture *f = *state;

	RUN(f, "wl-mmap", "shared");
	assert_fails(f, "No such file or directory");
	RUN(f, "wl-tree", "grep", "1", "1", "1");
	assert_fails(f, "vq.data: No such file or directory");
	RUN(f, "wl-start", "1");
	assert_fails(f, "hello: No such file or directory");
	assert_int_equal(fs_write_atomic(data_path(f, ""), "x", 1, &f->err), 0);
	RUN(f, "wl-mmap", "shared");
	assert_fails(f, "fewer than 512");
	RUN(f, "wl-small", "2", "10");
	assert_int_equal(f->code, 0);
}

/* Goal: a program that says something else is no start. Method: another answer; a program that fails. */
static void starts_are_checked(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(workload_programs(f->programs, data_path(f, ""), 3, &f->bytes, &f->err),
			 0);
	RUN(f, "wl-start", "3");
	assert_int_equal(f->code, 0);
	assert_int_equal(number(f, "starts"), 3);
	assert_int_equal(number(f, "lat_ns.n"), 3);
	assert_int_equal(
		fs_write_atomic(data_path(f, "/p001/hello.conf"), "answer-002\n", 11, &f->err), 0);
	RUN(f, "wl-start", "3");
	assert_fails(f, "p001/hello: printed something else");
	assert_int_equal(unlink(data_path(f, "/p001/hello.conf")), 0);
	RUN(f, "wl-start", "3");
	assert_fails(f, "p001/hello: did not end with 0");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_run_here), TEST(fio_once_over_the_data), TEST(tree_is_checked),
		TEST(full_disk),     TEST(missing_data),	   TEST(starts_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
