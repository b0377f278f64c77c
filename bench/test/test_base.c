// SPDX-License-Identifier: Apache-2.0
/* bench/base: buffers, lists, order, JSON, files, clocks, processes and logs. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/pump.h"
#include "base/rng.h"
#include "base/strv.h"

/* No test here needs a tenth of it; a hang becomes a death by SIGALRM. */
#define PATIENCE_S  100
#define PATIENCE_MS 20000
/* A user without rights, for tests that root would pass by its rights alone. */
#define NOBODY	   65534
#define OUTPUT_MAX (1 * MIB)

struct fixture {
	char dir[64];
	struct err err;
	struct buf text;
	char *joined;
	json_t *json;
	struct proc_output out;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/vq-test-base-XXXXXX");
	return mkdtemp(f->dir) && chmod(f->dir, 0755) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int e = fs_remove_tree(f->dir, NULL);

	buf_free(&f->text);
	free(f->joined);
	json_decref(f->json);
	proc_output_free(&f->out);
	free(f);
	return e < 0 ? -1 : 0;
}

static const char *in_dir(const struct fixture *f, const char *name, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s/%s", f->dir, name);
	return ret;
}

static void put_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "we");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

static void assert_file(struct fixture *f, const char *path, const char *text)
{
	buf_clear(&f->text);
	assert_int_equal(fs_read(path, OUTPUT_MAX, &f->text, &f->err), 0);
	assert_string_equal(buf_text(&f->text), text);
}

static void assert_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

/* Run a shell script to its end; its output is in f->out. */
static int run_script(struct fixture *f, const char *script, struct proc_spec spec)
{
	char *argv[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
			 (char *)(uintptr_t)script, NULL };

	spec.argv = argv;
	proc_output_free(&f->out);
	return proc_run(&spec, OUTPUT_MAX, clock_deadline_ms(PATIENCE_MS), &f->out, &f->err);
}

/* --- buf --- */

/* Goal: a limit keeps the first bytes and counts the others. Method: add across the limit. */
static void buf_limit(void **state)
{
	struct fixture *f = *state;

	f->text.max = 10;
	assert_int_equal(buf_add(&f->text, "12345678", 8), 0);
	assert_int_equal(f->text.dropped, 0);
	assert_int_equal(buf_add(&f->text, "abcde", 5), 0);
	assert_string_equal(buf_text(&f->text), "12345678ab");
	assert_int_equal(f->text.dropped, 3);
	assert_int_equal(buf_printf(&f->text, "%s", "xyz"), 0);
	assert_int_equal(f->text.size, 10);
	assert_int_equal(f->text.dropped, 6);
	buf_clear(&f->text);
	assert_string_equal(buf_text(&f->text), "");
	assert_int_equal(f->text.dropped, 0);
	assert_int_equal(f->text.max, 10);
}

/* Goal: growth keeps content, bytes may be NUL, taking empties. Method: 100000 bytes in odd steps. */
static void buf_growth_and_take(void **state)
{
	struct fixture *f = *state;
	char step[37];
	char *taken;

	assert_string_equal(buf_text(&f->text), "");
	for (size_t i = 0; i < sizeof(step); i++)
		step[i] = (char)i;
	for (unsigned i = 0; i < 3000; i++)
		assert_int_equal(buf_add(&f->text, step, sizeof(step)), 0);
	assert_int_equal(f->text.size, 3000 * sizeof(step));
	assert_memory_equal(f->text.data + 2999 * sizeof(step), step, sizeof(step));
	assert_int_equal(f->text.data[f->text.size], 0);
	taken = buf_take(&f->text);
	assert_memory_equal(taken, step, sizeof(step));
	free(taken);
	assert_int_equal(f->text.size, 0);
	taken = buf_take(&f->text);
	assert_string_equal(taken, "");
	free(taken);
}

/* --- strv --- */

/* Goal: a shell reads a quoted line back as it was. Method: sh prints each argument with a NUL. */
static void quoting_read_back(void **state)
{
	static const char *const words[] = {
		"plain", "",	     "a b", "it's", "'",     "''",  "$HOME", "`id`",   "\\",
		"\n",	 "a\nb",     "*",   "?",    "[a]",   "~",   "~/x",   "a;b",    "#no",
		"{a,b}", "\"",	     "\t",  "!",    "a&b",   "a|b", ">x",    "$(x)",   "-n",
		"--a=b", "\303\251", "\\'", "a%b",  "x,y:z", "()",  " lead", "trail ", NULL,
	};
	struct fixture *f = *state;
	struct strv v = { 0 };
	struct strv script = { 0 };

	strv_add_all(&v, words);
	assert_int_equal(strv_failed(&v), 0);
	assert_int_equal(v.count, ARRAY_SIZE(words) - 1);
	f->joined = strv_join_quoted(v.item);
	assert_non_null(f->joined);
	strv_addf(&script, "printf '%%s\\0' %s", f->joined);
	for (size_t i = 0; words[i]; i++)
		assert_int_equal(buf_add(&f->text, words[i], strlen(words[i]) + 1), 0);
	assert_int_equal(run_script(f, script.item[0], (struct proc_spec){ 0 }), 0);
	assert_int_equal(f->out.out.size, f->text.size);
	assert_memory_equal(f->out.out.data, f->text.data, f->text.size);
	strv_free(&v);
	strv_free(&script);
}

/* Goal: harmless words stay readable. Method: compare with the line that is expected. */
static void quoting_only_where_needed(void **state)
{
	char *argv[] = { (char *)(uintptr_t) "/usr/bin/x", (char *)(uintptr_t) "--a=b,c:d",
			 (char *)(uintptr_t) "two words", (char *)(uintptr_t) "", NULL };
	struct fixture *f = *state;

	f->joined = strv_join_quoted(argv);
	assert_string_equal(f->joined, "/usr/bin/x --a=b,c:d 'two words' ''");
}

/* Goal: a list that nothing was added to is an error. Method: ask. */
static void empty_list_fails(void **state)
{
	struct strv v = { 0 };

	(void)state;
	assert_true(strv_failed(&v));
	strv_free(&v);
}

/* --- rng --- */

/*
 * Goal: an order is the same on every machine. Method: the reference values of SplitMix64 for
 * seed 1234567 (as published by Vigna), and a shuffle computed by a second implementation.
 */
static void rng_pinned(void **state)
{
	static const uint64_t reference[] = {
		UINT64_C(6457827717110365317),	UINT64_C(3203168211198807973),
		UINT64_C(9817491932198370423),	UINT64_C(4593380528125082431),
		UINT64_C(16408922859458223821),
	};
	static const size_t shuffled[] = { 0, 9, 5, 8, 6, 4, 7, 2, 1, 3 };
	struct rng r = { 1234567 };
	size_t index[ARRAY_SIZE(shuffled)];
	unsigned char bytes[11];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(reference); i++)
		assert_true(rng_next(&r) == reference[i]);
	for (size_t i = 0; i < ARRAY_SIZE(index); i++)
		index[i] = i;
	r.state = 42;
	rng_shuffle(&r, index, ARRAY_SIZE(index));
	assert_memory_equal(index, shuffled, sizeof(index));
	r.state = 1234567;
	rng_fill(&r, bytes, sizeof(bytes));
	assert_memory_equal(bytes, reference, 8);
	assert_memory_equal(bytes + 8, &reference[1], 3);
}

/* Goal: rng_below() stays below, reaches every value, evenly. Method: many draws, also of odd n. */
static void rng_below_bounds(void **state)
{
	static const uint64_t bounds[] = { 1, 2, 3, 7, 10 };
	struct rng r = { 5 };

	(void)state;
	for (size_t b = 0; b < ARRAY_SIZE(bounds); b++) {
		unsigned seen[10] = { 0 };

		for (unsigned i = 0; i < 10000; i++) {
			uint64_t v = rng_below(&r, bounds[b]);

			assert_true(v < bounds[b]);
			seen[v]++;
		}
		/* Expected 10000/n each; 20 % off is more than six standard deviations. */
		for (uint64_t v = 0; v < bounds[b]; v++)
			assert_in_range(seen[v], 8000 / bounds[b], 12000 / bounds[b]);
	}
	for (unsigned i = 0; i < 100; i++)
		assert_true(rng_below(&r, UINT64_MAX / 2 + 2) <= UINT64_MAX / 2 + 1);
}

/* Goal: a shuffle loses and doubles nothing. Method: count every index, for sizes from 0. */
static void shuffle_is_a_permutation(void **state)
{
	(void)state;
	for (size_t n = 0; n < 60; n++) {
		struct rng r = { n };
		size_t index[60];
		unsigned seen[60] = { 0 };

		for (size_t i = 0; i < n; i++)
			index[i] = i;
		rng_shuffle(&r, index, n);
		for (size_t i = 0; i < n; i++) {
			assert_true(index[i] < n);
			seen[index[i]]++;
		}
		for (size_t i = 0; i < n; i++)
			assert_int_equal(seen[i], 1);
	}
}

/* Goal: a shuffle makes every order. Method: all six of three items, over a few seeds. */
static void shuffle_reaches_every_order(void **state)
{
	unsigned seen[3][3] = { { 0 } };

	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct rng r = { seed };
		size_t index[] = { 0, 1, 2 };

		rng_shuffle(&r, index, ARRAY_SIZE(index));
		seen[index[0]][index[1]]++;
	}
	/* Of 100 each order has 16.7 expected: fewer than 4 has a chance below 1 in 10000. */
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < 3; j++)
			assert_in_range(seen[i][j], i == j ? 0 : 4, i == j ? 0 : 40);
}

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
	struct fixture *f = *state;
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
	struct fixture *f = *state;

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
	struct fixture *f = *state;
	char path[96];

	(void)in_dir(f, "a.json", path, sizeof(path));
	f->json = json_pack("{s:s,s:I}", "b", "\303\251", "a", (json_int_t)1);
	assert_int_equal(json_save_atomic(path, f->json, &f->err), 0);
	assert_file(f, path, "{\n  \"b\": \"\\u00E9\",\n  \"a\": 1\n}\n");
	json_decref(f->json);
	f->json = NULL;
	assert_int_equal(json_load_path(path, &f->json, &f->err), 0);
	assert_int_equal(json_integer_value(json_object_get(f->json, "a")), 1);
	json_decref(f->json);
	f->json = NULL;
	put_file(path, "{\n\"a\": 1,\n\"a\": 2}\n");
	assert_int_equal(json_load_path(path, &f->json, &f->err), -EBADMSG);
	assert_says(f->err.text, "a.json:3: ");
	put_file(path, "");
	assert_int_equal(json_load_path(path, &f->json, &f->err), -EBADMSG);
	(void)in_dir(f, "none.json", path, sizeof(path));
	assert_int_equal(json_load_path(path, &f->json, &f->err), -ENOENT);
	assert_says(f->err.text, "none.json");
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
	struct fixture *f = *state;
	char dir[80], path[96], part[112];

	(void)in_dir(f, "sub", dir, sizeof(dir));
	(void)snprintf(path, sizeof(path), "%s/x.json", dir);
	(void)snprintf(part, sizeof(part), "%s.part", path);
	assert_int_equal(mkdir(dir, 0755), 0);
	put_file(path, "old\n");
	assert_int_equal(save_in_child(path, true), EFBIG);
	assert_file(f, path, "old\n");
	assert_false(fs_exists(part));
	assert_int_equal(chmod(dir, 0555), 0);
	assert_int_equal(save_in_child(path, false), EACCES);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_file(f, path, "old\n");
	assert_false(fs_exists(part));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(fs_write_atomic(path, "x", 1, &f->err), -EISDIR);
	assert_says(f->err.text, path);
	assert_false(fs_exists(part));
}

/* --- fs --- */

/* Goal: folders are made, again is fine, a file in the way is not. Method: each case. */
static void mkdirs(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct stat st;

	(void)in_dir(f, "a/b//c", path, sizeof(path));
	assert_int_equal(fs_mkdirs(path, 0700, &f->err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(fs_mkdirs(path, 0700, &f->err), 0);
	put_file(in_dir(f, "file", path, sizeof(path)), "");
	assert_int_equal(fs_mkdirs(in_dir(f, "file/sub", path, sizeof(path)), 0755, &f->err),
			 -ENOTDIR);
	assert_says(f->err.text, "file");
	assert_int_equal(fs_mkdirs(in_dir(f, "file", path, sizeof(path)), 0755, &f->err), -ENOTDIR);
	assert_true(fs_mkdirs("", 0755, &f->err) < 0);
}

/* Goal: a tree is removed and nothing outside of it. Method: links out, to a folder and a file. */
static void remove_tree(void **state)
{
	struct fixture *f = *state;
	char path[128], target[128];

	assert_int_equal(mkdir(in_dir(f, "outside", path, sizeof(path)), 0755), 0);
	put_file(in_dir(f, "outside/keep", path, sizeof(path)), "kept");
	assert_int_equal(fs_mkdirs(in_dir(f, "tree/a/b", path, sizeof(path)), 0755, &f->err), 0);
	put_file(in_dir(f, "tree/a/b/x", path, sizeof(path)), "");
	(void)in_dir(f, "outside", target, sizeof(target));
	assert_int_equal(symlink(target, in_dir(f, "tree/a/out", path, sizeof(path))), 0);
	(void)in_dir(f, "outside/keep", target, sizeof(target));
	assert_int_equal(symlink(target, in_dir(f, "tree/file", path, sizeof(path))), 0);
	assert_int_equal(symlink("nowhere", in_dir(f, "tree/dangling", path, sizeof(path))), 0);
	(void)in_dir(f, "tree", target, sizeof(target));
	assert_int_equal(symlink(target, in_dir(f, "link", path, sizeof(path))), 0);
	/* a link itself, then the tree, then what is not there */
	assert_int_equal(fs_remove_tree(path, &f->err), 0);
	assert_int_equal(access(target, F_OK), 0);
	assert_int_equal(fs_remove_tree(target, &f->err), 0);
	assert_int_equal(access(target, F_OK), -1);
	assert_int_equal(fs_remove_tree(target, &f->err), 0);
	assert_file(f, in_dir(f, "outside/keep", path, sizeof(path)), "kept");
}

/* Goal: a file at the limit is read, one beyond is refused. Method: limits around 5 bytes. */
static void read_limit(void **state)
{
	struct fixture *f = *state;
	char path[96];

	put_file(in_dir(f, "five", path, sizeof(path)), "12345");
	assert_int_equal(fs_read(path, 5, &f->text, &f->err), 0);
	assert_string_equal(buf_text(&f->text), "12345");
	assert_int_equal(fs_read(path, 4, &f->text, &f->err), -EFBIG);
	assert_says(f->err.text, "larger than 4 bytes");
	assert_int_equal(fs_read(f->dir, 4, &f->text, &f->err), -EISDIR);
	assert_int_equal(fs_read("/nonexistent/x", 5, &f->text, &f->err), -ENOENT);
	assert_says(f->err.text, "/nonexistent/x");
}

/* --- err --- */

/* Goal: context is put before, causes behind, and nothing overflows. Method: long texts. */
static void error_texts(void **state)
{
	struct fixture *f = *state;
	char longer[3000];

	assert_int_equal(err_errno(&f->err, -ENOENT, "open %s", "x"), -ENOENT);
	assert_string_equal(f->err.text, "open x: No such file or directory");
	assert_int_equal(err_prefix(&f->err, -EIO, "while %d", 5), -EIO);
	assert_string_equal(f->err.text, "while 5: open x: No such file or directory");
	memset(longer, 'y', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(err_errno(&f->err, -EIO, "%s", longer), -EIO);
	assert_int_equal(strlen(f->err.text), sizeof(f->err.text) - 1);
	assert_int_equal(err_prefix(&f->err, -EIO, "z"), -EIO);
	assert_memory_equal(f->err.text, "z: yyy", 6);
	assert_int_equal(strlen(f->err.text), sizeof(f->err.text) - 1);
	assert_int_equal(err_set(NULL, -EPERM, "dropped"), -EPERM);
	assert_int_equal(err_prefix(NULL, -EPERM, "dropped"), -EPERM);
}

/* --- clock --- */

static uint64_t ceil_ms(uint64_t ns)
{
	return (ns + NS_PER_MS - 1) / NS_PER_MS;
}

/* Goal: time left is rounded up, so that poll() never spins. Method: bounds by the clock around. */
static void left_rounds_up(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 200; i++) {
		uint64_t before = clock_now_ns();
		uint64_t deadline = before + 10 * NS_PER_MS + i * 7919;
		uint64_t left = (uint64_t)clock_left_ms(deadline);
		uint64_t after = clock_now_ns();

		assert_true(left <= ceil_ms(deadline - before));
		if (after < deadline)
			assert_true(left >= ceil_ms(deadline - after));
	}
	assert_int_equal(clock_left_ms(0), 0);
	assert_int_equal(clock_left_ms(clock_now_ns()), 0);
	assert_int_equal(clock_left_ms(UINT64_MAX - NS_PER_S), INT_MAX);
	assert_in_range(clock_left_ms(clock_deadline_ms(5000)), 1, 5000);
}

/* Goal: a stamp sorts by time and names no zone but UTC. Method: its form, and the day by gmtime. */
static void utc_stamp(void **state)
{
	char stamp[17], day[9];
	time_t before = time(NULL);
	time_t after;
	struct tm tm;

	(void)state;
	clock_utc_stamp(stamp, sizeof(stamp));
	after = time(NULL);
	assert_int_equal(strlen(stamp), 16);
	assert_int_equal(strspn(stamp, "0123456789"), 8);
	assert_int_equal(stamp[8], 'T');
	assert_int_equal(strspn(stamp + 9, "0123456789"), 6);
	assert_int_equal(stamp[15], 'Z');
	(void)strftime(day, sizeof(day), "%Y%m%d", gmtime_r(&before, &tm));
	if (memcmp(stamp, day, 8) != 0)
		(void)strftime(day, sizeof(day), "%Y%m%d", gmtime_r(&after, &tm));
	assert_memory_equal(stamp, day, 8);
}

/* --- proc --- */

static void assert_no_children(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* Goal: what cannot start says which step failed and leaves no child. Method: three bad commands. */
static void start_failures(void **state)
{
	static const struct {
		const char *program;
		const char *cwd;
		int code;
		const char *step;
	} rows[] = {
		{ "vq-no-such-program", NULL, -ENOENT, "(execve)" },
		{ "/etc/passwd", NULL, -EACCES, "(execve)" },
		{ "true", "/nonexistent/folder", -ENOENT, "(chdir)" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *argv[] = { (char *)(uintptr_t)rows[i].program, NULL };
		struct proc_spec spec = { .argv = argv, .cwd = rows[i].cwd };
		struct proc p = { .pid = -77 };

		assert_int_equal(proc_start(&spec, &p, &f->err), rows[i].code);
		assert_says(f->err.text, rows[i].program);
		assert_says(f->err.text, rows[i].step);
		assert_int_equal(p.pid, -77);
		assert_no_children();
	}
}

/* Goal: a child gets the descriptors it was promised and no other. Method: it looks for three. */
static void only_kept_descriptors(void **state)
{
	struct fixture *f = *state;
	int kept = fcntl(0, F_DUPFD_CLOEXEC, 40);
	int inherited = fcntl(0, F_DUPFD, 50);
	char script[256];
	int e;

	(void)snprintf(script, sizeof(script),
		       "for n in %d %d; do [ -e /proc/$$/fd/$n ] && echo $n; done; readlink "
		       "/proc/$$/fd/0",
		       kept, inherited);
	e = run_script(f, script, (struct proc_spec){ .keep_fds = &kept, .keep_count = 1 });
	(void)close(kept);
	(void)close(inherited);
	assert_int_equal(e, 0);
	assert_string_equal(buf_text(&f->out.out), "40\n/dev/null\n");
}

/* Goal: nothing of our environment leaks. Method: a variable of ours, and what `env` prints. */
static void environment_is_minimal(void **state)
{
	static char extra[] = "VQ_EXTRA=1 2";
	char *env[] = { extra, NULL };
	struct fixture *f = *state;

	assert_int_equal(setenv("VQ_SECRET", "x", 1), 0);
	assert_int_equal(run_script(f, "exec env", (struct proc_spec){ .env = env }), 0);
	assert_int_equal(unsetenv("VQ_SECRET"), 0);
	assert_null(strstr(buf_text(&f->out.out), "VQ_SECRET"));
	assert_says(buf_text(&f->out.out), "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:");
	assert_says(buf_text(&f->out.out), "LANG=C.UTF-8\n");
	assert_says(buf_text(&f->out.out), "HOME=/\n");
	assert_says(buf_text(&f->out.out), "VQ_EXTRA=1 2\n");
}

/* Goal: a child dumps no core, whatever our limit is. Method: raise ours, ask the child. */
static void no_core(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, high;

	assert_int_equal(getrlimit(RLIMIT_CORE, &old), 0);
	high = (struct rlimit){ old.rlim_max, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_CORE, &high), 0);
	assert_int_equal(run_script(f, "ulimit -Sc; ulimit -Hc", (struct proc_spec){ 0 }), 0);
	assert_int_equal(setrlimit(RLIMIT_CORE, &old), 0);
	assert_string_equal(buf_text(&f->out.out), "0\n0\n");
}

/* Goal: a child runs as another user, in its folder. Method: it prints who and where it is. */
static void user_and_folder(void **state)
{
	struct fixture *f = *state;
	struct proc_spec spec = { .cwd = "/", .uid = NOBODY, .gid = NOBODY };
	const gid_t more[] = { 4, 6 };
	gid_t old[64];
	int old_count;
	int e;

	if (geteuid() != 0) {
		print_message("SKIP: only root can change user\n");
		skip();
	}
	/* Groups of ours that it must not keep. */
	old_count = getgroups(ARRAY_SIZE(old), old);
	assert_true(old_count >= 0);
	assert_int_equal(setgroups(ARRAY_SIZE(more), more), 0);
	e = run_script(f, "id -u; id -G; pwd", spec);
	assert_int_equal(setgroups((size_t)old_count, old), 0);
	assert_int_equal(e, 0);
	assert_string_equal(buf_text(&f->out.out), "65534\n65534\n/\n");
}

/* A child that starts a grandchild through proc_start(), tells its pid and waits to be killed. */
static void child_with_grandchild(int wr)
{
	static char sleeper[] = "sleep", seconds[] = "300";
	char *argv[] = { sleeper, seconds, NULL };
	const struct proc_spec spec = { .argv = argv };
	struct proc p = { 0 };

	if (proc_start(&spec, &p, NULL) < 0 || write(wr, &p.pid, sizeof(p.pid)) != sizeof(p.pid))
		_exit(1);
	for (;;)
		(void)pause();
}

/* Goal: nothing outlives who started it. Method: kill -9 a child, wait for its own child's end. */
static void dies_with_parent(void **state)
{
	struct pollfd pfd = { .events = POLLIN };
	pid_t grandchild = 0;
	int fds[2];
	pid_t pid;
	int status;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		child_with_grandchild(fds[1]);
	assert_true(pid > 0);
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	(void)close(fds[0]);
	/* We are the subreaper: its number cannot be used again before we wait for it. */
	pfd.fd = (int)syscall(SYS_pidfd_open, grandchild, 0);
	assert_true(pfd.fd >= 0);
	assert_int_equal(poll(&pfd, 1, 0), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	if (poll(&pfd, 1, PATIENCE_MS) != 1) {
		(void)kill(grandchild, SIGKILL);
		fail_msg("the grandchild lives on");
	}
	(void)close(pfd.fd);
	assert_int_equal(waitpid(grandchild, &status, 0), grandchild);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Goal: a command is killed at its deadline. Method: one that would take minutes. */
static void run_deadline(void **state)
{
	static char sleeper[] = "sleep", seconds[] = "300";
	char *argv[] = { sleeper, seconds, NULL };
	const struct proc_spec spec = { .argv = argv };
	struct fixture *f = *state;
	uint64_t start = clock_now_ns();

	assert_int_equal(proc_run(&spec, 10, clock_deadline_ms(50), &f->out, &f->err), -ETIMEDOUT);
	assert_in_range(clock_now_ns() - start, 50 * NS_PER_MS, PATIENCE_MS * NS_PER_MS);
	assert_string_equal(f->err.text, "sleep did not end in time and was killed");
	assert_no_children();
}

/* Goal: output over the limit is counted, both streams apart. Method: two known amounts. */
static void run_output_limit(void **state)
{
	static char sh[] = "sh", c[] = "-c";
	static char script[] = "head -c 100000 /dev/zero; printf 123456 >&2; exit 5";
	char *argv[] = { sh, c, script, NULL };
	const struct proc_spec spec = { .argv = argv };
	struct fixture *f = *state;

	assert_int_equal(proc_run(&spec, 1000, clock_deadline_ms(PATIENCE_MS), &f->out, &f->err),
			 0);
	assert_int_equal(f->out.out.size, 1000);
	assert_int_equal(f->out.out.dropped, 99000);
	assert_string_equal(buf_text(&f->out.err), "123456");
	assert_int_equal(f->out.err.dropped, 0);
	assert_true(WIFEXITED(f->out.status) && WEXITSTATUS(f->out.status) == 5);
	assert_true(f->out.run_ns > 0);
}

/* Goal: an orphan that holds the pipe does not hold us. Method: a command leaves a sleeper behind. */
static void run_with_orphan(void **state)
{
	struct fixture *f = *state;
	uint64_t start = clock_now_ns();
	int e = run_script(f, "sleep 300 & echo $!", (struct proc_spec){ 0 });
	pid_t orphan = (pid_t)atoi(buf_text(&f->out.out));
	uint64_t took = clock_now_ns() - start;

	/* We are the subreaper, so the number is still that of the orphan. */
	assert_true(orphan > 1);
	(void)kill(orphan, SIGKILL);
	assert_int_equal(waitpid(orphan, NULL, 0), orphan);
	assert_int_equal(e, 0);
	assert_true(took < PATIENCE_MS * NS_PER_MS / 2);
}

/* Goal: the words that results use for an end. Method: one process of each kind. */
static void fates(void **state)
{
	static const struct {
		const char *script;
		const char *fate;
	} rows[] = { { "exit 3", "exited:3" }, { "kill -9 $$", "signal:9" }, { ":", "exited:0" } };
	static char sh[] = "sh", c[] = "-c", hang[] = "exec sleep 300";
	struct fixture *f = *state;
	char *argv[] = { sh, c, hang, NULL };
	struct proc_spec spec = { .argv = argv };
	struct proc p = { 0 };
	char word[32];

	assert_string_equal(proc_fate(&p, word, sizeof(word)), "never started");
	proc_kill(&p);
	assert_int_equal(proc_start(&spec, &p, &f->err), 0);
	assert_string_equal(proc_fate(&p, word, sizeof(word)), "alive");
	assert_int_equal(proc_wait(&p, clock_deadline_ms(20)), -ETIMEDOUT);
	assert_true(proc_alive(&p));
	proc_kill(&p);
	assert_string_equal(proc_fate(&p, word, sizeof(word)), "signal:9");
	proc_kill(&p);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		argv[2] = (char *)(uintptr_t)rows[i].script;
		assert_int_equal(proc_start(&spec, &p, &f->err), 0);
		assert_int_equal(proc_wait(&p, clock_deadline_ms(PATIENCE_MS)), 0);
		assert_string_equal(proc_fate(&p, word, sizeof(word)), rows[i].fate);
	}
	assert_no_children();
}

/* Goal: SIGTERM comes first, and SIGKILL behind it. Method: one that obeys, one that does not. */
static void ending_a_process(void **state)
{
	static char sh[] = "sh", c[] = "-c";
	static char obeys[] = "exec sleep 300";
	static char ignores[] = "trap '' TERM; echo ready; exec sleep 300";
	struct fixture *f = *state;
	char *argv[] = { sh, c, obeys, NULL };
	struct proc_spec spec = { .argv = argv };
	struct proc p = { 0 };
	char word[32];
	int fds[2];

	assert_true(proc_end(&p, 1));
	assert_int_equal(proc_start(&spec, &p, &f->err), 0);
	assert_true(proc_end(&p, PATIENCE_MS));
	assert_string_equal(proc_fate(&p, word, sizeof(word)), "signal:15");
	assert_true(proc_end(&p, 1));
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	spec.stdout_fd = fds[1];
	argv[2] = ignores;
	assert_int_equal(proc_start(&spec, &p, &f->err), 0);
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], word, sizeof(word)), 6);
	(void)close(fds[0]);
	assert_false(proc_end(&p, 50));
	assert_string_equal(proc_fate(&p, word, sizeof(word)), "signal:9");
	assert_no_children();
}

static uint64_t own_cpu_ns(pid_t pid)
{
	clockid_t clock;
	struct timespec ts;

	assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
	assert_int_equal(clock_gettime(clock, &ts), 0);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* Goal: CPU time of a tree is the sum of its parts. Method: a shell whose child computed. */
static void cpu_of_a_tree(void **state)
{
	static char sh[] = "sh", c[] = "-c";
	static char script[] = "(i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; echo ready; "
			       "exec sleep 300) & echo $!; wait";
	char *argv[] = { sh, c, script, NULL };
	struct fixture *f = *state;
	struct proc_spec spec = { .argv = argv };
	struct proc p = { 0 };
	uint64_t low, high, child_ns, sum = 0;
	char line[32];
	FILE *in;
	int fds[2];
	pid_t child;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	spec.stdout_fd = fds[1];
	assert_int_equal(proc_start(&spec, &p, &f->err), 0);
	(void)close(fds[1]);
	in = fdopen(fds[0], "re");
	assert_non_null(fgets(line, sizeof(line), in));
	child = (pid_t)atoi(line);
	assert_non_null(fgets(line, sizeof(line), in));
	assert_string_equal(line, "ready\n");
	(void)fclose(in);
	child_ns = own_cpu_ns(child);
	low = own_cpu_ns(p.pid) + child_ns;
	assert_int_equal(proc_cpu_ns(p.pid, &sum), 0);
	high = own_cpu_ns(p.pid) + own_cpu_ns(child);
	proc_kill(&p);
	(void)kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_true(child_ns > 0);
	assert_in_range(sum, low, high);
	assert_int_equal(proc_cpu_ns(child, &sum), -ESRCH);
}

/* --- pump --- */

/* Until the pump has read what was written; only then is the next write a read of its own. */
static void wait_drained(int fd)
{
	uint64_t deadline = clock_deadline_ms(PATIENCE_MS);
	int waiting = 1;

	while (waiting > 0 && clock_now_ns() < deadline) {
		assert_int_equal(ioctl(fd, FIONREAD, &waiting), 0);
		(void)sched_yield();
	}
	assert_int_equal(waiting, 0);
}

static void write_fully(int fd, char byte, size_t size)
{
	char chunk[4096];

	memset(chunk, byte, sizeof(chunk));
	while (size > 0) {
		ssize_t n = write(fd, chunk, size < sizeof(chunk) ? size : sizeof(chunk));

		assert_true(n > 0);
		size -= (size_t)n;
	}
}

/* Goal: a pump copies, ends with its last writer, names a bad path. Method: two writers. */
static void pump_copies(void **state)
{
	struct fixture *f = *state;
	struct proc pump = { 0 };
	char path[96];
	int wr = -1;
	int second;

	assert_int_equal(pump_start("/nonexistent/log", &wr, &pump, &f->err), -ENOENT);
	assert_says(f->err.text, "/nonexistent/log");
	assert_int_equal(wr, -1);
	(void)in_dir(f, "log", path, sizeof(path));
	assert_int_equal(pump_start(path, &wr, &pump, &f->err), 0);
	second = dup(wr);
	assert_int_equal(write(wr, "one\n", 4), 4);
	(void)close(wr);
	assert_int_equal(write(second, "two\n", 4), 4);
	wait_drained(second);
	assert_true(proc_alive(&pump));
	(void)close(second);
	assert_int_equal(proc_wait(&pump, clock_deadline_ms(PATIENCE_MS)), 0);
	assert_int_equal(pump.status, 0);
	pump_finish(&pump);
	assert_file(f, path, "one\ntwo\n");
	assert_no_children();
}

/*
 * Goal: a log stops at its limit, says so once at its end, and does not block the writer. Method:
 * write up to 100 bytes below, then more than fits, then little enough to fit again.
 */
static void pump_limit(void **state)
{
	static const char cut[] = "\n[log limit reached: the rest was discarded]\n";
	struct fixture *f = *state;
	struct proc pump = { 0 };
	char path[96];
	size_t kept;
	int wr = -1;

	(void)in_dir(f, "log", path, sizeof(path));
	assert_int_equal(pump_start(path, &wr, &pump, &f->err), 0);
	write_fully(wr, 'A', PUMP_LOG_MAX - 100);
	wait_drained(wr);
	write_fully(wr, 'B', 4096);
	wait_drained(wr);
	write_fully(wr, 'X', 50);
	(void)close(wr);
	assert_int_equal(proc_wait(&pump, clock_deadline_ms(PATIENCE_MS)), 0);
	assert_int_equal(fs_read(path, 2 * PUMP_LOG_MAX, &f->text, &f->err), 0);
	assert_null(strchr(buf_text(&f->text), 'X'));
	assert_in_range(f->text.size, PUMP_LOG_MAX - 100 + strlen(cut), PUMP_LOG_MAX + strlen(cut));
	kept = f->text.size - strlen(cut);
	assert_string_equal(f->text.data + kept, cut);
	assert_int_equal(strspn(f->text.data, "AB"), kept);
}

/* Goal: a writer left behind does not hold pump_finish(). Method: keep our end open. */
static void pump_finish_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct proc pump = { 0 };
	uint64_t start;
	char path[96];
	int wr = -1;

	assert_int_equal(pump_start(in_dir(f, "log", path, sizeof(path)), &wr, &pump, &f->err), 0);
	start = clock_now_ns();
	pump_finish(&pump);
	assert_true(clock_now_ns() - start < PATIENCE_MS * NS_PER_MS);
	assert_false(proc_alive(&pump));
	(void)close(wr);
	assert_no_children();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(buf_limit),
		TEST(buf_growth_and_take),
		TEST(quoting_read_back),
		TEST(quoting_only_where_needed),
		TEST(empty_list_fails),
		TEST(rng_pinned),
		TEST(rng_below_bounds),
		TEST(shuffle_is_a_permutation),
		TEST(shuffle_reaches_every_order),
		TEST(json_paths),
		TEST(json_numbers),
		TEST(json_files),
		TEST(failed_save_changes_nothing),
		TEST(mkdirs),
		TEST(remove_tree),
		TEST(read_limit),
		TEST(error_texts),
		TEST(left_rounds_up),
		TEST(utc_stamp),
		TEST(start_failures),
		TEST(only_kept_descriptors),
		TEST(environment_is_minimal),
		TEST(no_core),
		TEST(user_and_folder),
		TEST(dies_with_parent),
		TEST(run_deadline),
		TEST(run_output_limit),
		TEST(run_with_orphan),
		TEST(fates),
		TEST(ending_a_process),
		TEST(cpu_of_a_tree),
		TEST(pump_copies),
		TEST(pump_limit),
		TEST(pump_finish_is_bounded),
	};

	(void)alarm(PATIENCE_S);
	/* Orphans of tests come to us, so that their numbers stay theirs. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
