// SPDX-License-Identifier: Apache-2.0
/* bench/base: JSON and files, and what is left of them when a write fails. */
#include "scratch.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"

/* --- json --- */

/* Goal: every path form that metrics use. Method: a document in the shape of fio's. */
static void json_paths(void **state)
{
	static const char *const missing[] = {
		"nothing",
		"jobs[2]",
		"jobs[-1]",
		"jobs[1x]",
		"jobs[",
		"jobs[]",
		"jobs[0].read.clat_ns.percentile[50.000000]",
		"a..b",
		"a.",
		"jobs.read",
		"text.more",
		"jobs[0].read.iops.x",
	};
	struct scratch *f = *state;
	double v = 0;

	f->json = json_loads("{\"jobs\":[{\"read\":{\"iops\":12.5,\"clat_ns\":{\"percentile\":"
			     "{\"99.000000\":77}}}},{\"read\":{\"iops\":3}}],\"text\":\"t\","
			     "\"a\":{\"b\":1}}",
			     0, NULL);
	assert_non_null(f->json);
	assert_ptr_equal(json_at(f->json, ""), f->json);
	assert_int_equal(json_number_at(f->json, "jobs[0].read.iops", &v), 0);
	assert_true(v == 12.5);
	assert_int_equal(json_number_at(f->json, "jobs[1].read.iops", &v), 0);
	assert_true(v == 3);
	assert_int_equal(json_number_at(f->json, "jobs[0].read.clat_ns.percentile[99.000000]", &v),
			 0);
	assert_true(v == 77);
	for (size_t i = 0; i < ARRAY_SIZE(missing); i++)
		if (json_at(f->json, missing[i]))
			fail_msg("found something at \"%s\"", missing[i]);
	assert_int_equal(json_number_at(f->json, "nothing", &v), -ENOENT);
	assert_int_equal(json_number_at(f->json, "text", &v), -EINVAL);
	assert_true(v == 77);
	assert_string_equal(json_str_at(f->json, "text", "no"), "t");
	assert_string_equal(json_str_at(f->json, "a.b", "no"), "no");
}

/* Goal: numbers are exact, and never NaN. Method: the text that each value becomes. */
static void json_numbers(void **state)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = {
		{ NAN, "null" },
		{ INFINITY, "null" },
		{ -INFINITY, "null" },
		{ 0, "0" },
		{ -0.0, "0" },
		{ 1.5, "1.5" },
		{ -3, "-3" },
		{ 9007199254740991.0, "9007199254740991" },
		{ -9007199254740991.0, "-9007199254740991" },
		/* from 2^53 on neighbours are more than one apart: no claim to a whole number */
		{ 9007199254740992.0, "9007199254740992.0" },
		{ 1152921504606846976.0, "1.152921504606847e18" },
	};
	struct scratch *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *v = json_num(rows[i].value);

		f->joined = json_dumps(v, JSON_ENCODE_ANY);
		json_decref(v);
		assert_string_equal(f->joined, rows[i].text);
		free(f->joined);
		f->joined = NULL;
	}
}

/* Goal: what is saved is loaded, bad files are named with their line. Method: round trip, bad text. */
static void json_files(void **state)
{
	struct scratch *f = *state;
	char path[96];

	(void)scratch_path(f, "a.json", path, sizeof(path));
	f->json = json_pack("{s:s,s:I}", "b", "\303\251", "a", (json_int_t)1);
	assert_int_equal(json_save_atomic(path, f->json, &f->err), 0);
	scratch_holds(f, path, "{\n  \"b\": \"\\u00E9\",\n  \"a\": 1\n}\n");
	json_decref(f->json);
	f->json = NULL;
	assert_int_equal(json_load_path(path, &f->json, &f->err), 0);
	assert_int_equal(json_integer_value(json_object_get(f->json, "a")), 1);
	json_decref(f->json);
	f->json = NULL;
	scratch_put(path, "{\n\"a\": 1,\n\"a\": 2}\n");
	assert_int_equal(json_load_path(path, &f->json, &f->err), -EBADMSG);
	scratch_says(f->err.text, "a.json:3: ");
	scratch_put(path, "");
	assert_int_equal(json_load_path(path, &f->json, &f->err), -EBADMSG);
	(void)scratch_path(f, "none.json", path, sizeof(path));
	assert_int_equal(json_load_path(path, &f->json, &f->err), -ENOENT);
	scratch_says(f->err.text, "none.json");
	assert_null(f->json);
}

/* Save over `path` in a child: as nobody, or with files limited to 4 bytes. Exit status: -errno. */
static int save_in_child(const char *path, bool short_files)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit four = { 4, 4 };
		json_t *j = json_pack("{s:s}", "new", "content");
		int e;

		(void)signal(SIGXFSZ, SIG_IGN);
		if (short_files && setrlimit(RLIMIT_FSIZE, &four) < 0)
			_exit(255);
		if (!short_files && geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(255);
		e = json_save_atomic(path, j, NULL);
		json_decref(j);
		_exit(-e);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/*
 * Goal: a write that fails leaves the old content and no part. Method: an unwritable folder, a
 * write that breaks off in the middle, a target that cannot be replaced.
 */
static void failed_save_changes_nothing(void **state)
{
	struct scratch *f = *state;
	char dir[80], path[96], part[112];

	(void)scratch_path(f, "sub", dir, sizeof(dir));
	(void)snprintf(path, sizeof(path), "%s/x.json", dir);
	(void)snprintf(part, sizeof(part), "%s.part", path);
	assert_int_equal(mkdir(dir, 0755), 0);
	scratch_put(path, "old\n");
	assert_int_equal(save_in_child(path, true), EFBIG);
	scratch_holds(f, path, "old\n");
	assert_false(fs_exists(part));
	assert_int_equal(chmod(dir, 0555), 0);
	assert_int_equal(save_in_child(path, false), EACCES);
	assert_int_equal(chmod(dir, 0755), 0);
	scratch_holds(f, path, "old\n");
	assert_false(fs_exists(part));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(fs_write_atomic(path, "x", 1, &f->err), -EISDIR);
	scratch_says(f->err.text, path);
	assert_false(fs_exists(part));
}

/* --- fs --- */

/* Goal: folders are made, again is fine, a file in the way is not. Method: each case. */
static void mkdirs(void **state)
{
	struct scratch *f = *state;
	char path[128];
	struct stat st;

	(void)scratch_path(f, "a/b//c", path, sizeof(path));
	assert_int_equal(fs_mkdirs(path, 0700, &f->err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(fs_mkdirs(path, 0700, &f->err), 0);
	scratch_put(scratch_path(f, "file", path, sizeof(path)), "");
	assert_int_equal(fs_mkdirs(scratch_path(f, "file/sub", path, sizeof(path)), 0755, &f->err),
			 -ENOTDIR);
	scratch_says(f->err.text, "file");
	assert_int_equal(fs_mkdirs(scratch_path(f, "file", path, sizeof(path)), 0755, &f->err),
			 -ENOTDIR);
	assert_true(fs_mkdirs("", 0755, &f->err) < 0);
}

/* Goal: a tree is removed and nothing outside of it. Method: links out, to a folder and a file. */
static void remove_tree(void **state)
{
	struct scratch *f = *state;
	char path[128], target[128];

	assert_int_equal(mkdir(scratch_path(f, "outside", path, sizeof(path)), 0755), 0);
	scratch_put(scratch_path(f, "outside/keep", path, sizeof(path)), "kept");
	assert_int_equal(fs_mkdirs(scratch_path(f, "tree/a/b", path, sizeof(path)), 0755, &f->err),
			 0);
	scratch_put(scratch_path(f, "tree/a/b/x", path, sizeof(path)), "");
	(void)scratch_path(f, "outside", target, sizeof(target));
	assert_int_equal(symlink(target, scratch_path(f, "tree/a/out", path, sizeof(path))), 0);
	(void)scratch_path(f, "outside/keep", target, sizeof(target));
	assert_int_equal(symlink(target, scratch_path(f, "tree/file", path, sizeof(path))), 0);
	assert_int_equal(symlink("nowhere", scratch_path(f, "tree/dangling", path, sizeof(path))),
			 0);
	(void)scratch_path(f, "tree", target, sizeof(target));
	assert_int_equal(symlink(target, scratch_path(f, "link", path, sizeof(path))), 0);
	/* a link itself, then the tree, then what is not there */
	assert_int_equal(fs_remove_tree(path, &f->err), 0);
	assert_int_equal(access(target, F_OK), 0);
	assert_int_equal(fs_remove_tree(target, &f->err), 0);
	assert_int_equal(access(target, F_OK), -1);
	assert_int_equal(fs_remove_tree(target, &f->err), 0);
	scratch_holds(f, scratch_path(f, "outside/keep", path, sizeof(path)), "kept");
}

/* Goal: a file at the limit is read, one beyond is refused. Method: limits around 5 bytes. */
static void read_limit(void **state)
{
	struct scratch *f = *state;
	char path[96];

	scratch_put(scratch_path(f, "five", path, sizeof(path)), "12345");
	assert_int_equal(fs_read(path, 5, &f->text, &f->err), 0);
	assert_string_equal(buf_text(&f->text), "12345");
	assert_int_equal(fs_read(path, 4, &f->text, &f->err), -EFBIG);
	scratch_says(f->err.text, "larger than 4 bytes");
	assert_int_equal(fs_read(f->dir, 4, &f->text, &f->err), -EISDIR);
	assert_int_equal(fs_read("/nonexistent/x", 5, &f->text, &f->err), -ENOENT);
	scratch_says(f->err.text, "/nonexistent/x");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(json_paths), TEST(json_numbers),
		TEST(json_files), TEST(failed_save_changes_nothing),
		TEST(mkdirs),	  TEST(remove_tree),
		TEST(read_limit),
	};

	(void)alarm(SCRATCH_PATIENCE_S);
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
