// SPDX-License-Identifier: Apache-2.0
/*
 * The driver's end of the guest suite without a guest: lines and actions of one that is hostile, what is kept of one that
 * is not, and the checks themselves on a folder of this machine. Program: $VQ_CHECK, default build/guest/vq-check.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "scratch.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/rng.h"
#include "run/checks.h"
#include "run/checks_serve.h"

#include "conformance/guest/act.h"
#include "conformance/spec/spec.h"

#include <fcntl.h>

#define CONTROL_MS 60000

static const char *program(void)
{
	const char *path = getenv("VQ_CHECK");

	return path ? path : "build/guest/vq-check";
}

/* ---- lines ---- */

static void lines_come_back(void **state)
{
	static struct line a;
	static struct line b;
	static char text[LINE_SIZE];
	struct rng rng = { 1 };

	(void)state;
	for (unsigned turn = 0; turn < 300; turn++) {
		unsigned count = 1 + (unsigned)rng_below(&rng, LINE_WORDS);
		size_t size;

		line_clear(&a);
		for (unsigned i = 0; i < count; i++) {
			char word[1000];
			size_t n = (size_t)rng_below(&rng, sizeof(word));

			rng_fill(&rng, word, n);
			assert_int_equal(line_add(&a, word, n), 0);
		}
		size = line_format(&a, text);
		assert_int_equal(text[size - 1], '\n');
		assert_null(memchr(text, '\n', size - 1));
		assert_int_equal(line_parse(&b, text, size - 1), 0);
		assert_int_equal(b.count, count);
		for (unsigned i = 0; i < count; i++) {
			assert_int_equal(line_size(&b, i), line_size(&a, i));
			assert_memory_equal(line_at(&b, i), line_at(&a, i), line_size(&a, i));
		}
	}
	assert_string_equal(line_at(&b, LINE_WORDS), "");
}

static void bad_lines(void **state)
{
	static const struct {
		const char *text;
		int error;
	} rows[] = {
		{ "", -EBADMSG },
		{ " a", -EBADMSG },
		{ "a ", -EBADMSG },
		{ "a  b", -EBADMSG },
		{ "a\tb", -EBADMSG },
		{ "a\x01", -EBADMSG },
		{ "\xc3\xa9", -EBADMSG },
		{ "%4", -EBADMSG },
		{ "a%", -EBADMSG },
		{ "%4G", -EBADMSG },
		{ "%4A", -EBADMSG },
		{ "%% a", -EBADMSG },
		{ "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", -E2BIG },
	};
	static char large[LINE_SIZE + 1];
	static struct line w;
	int64_t n = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(line_parse(&w, rows[i].text, strlen(rows[i].text)), rows[i].error);
	memset(large, 'a', sizeof(large));
	assert_int_equal(line_parse(&w, large, LINE_ROOM), -E2BIG);
	assert_int_equal(line_parse(&w, large, LINE_SIZE), -E2BIG);
	assert_int_equal(line_parse(&w, large, LINE_ROOM - 1), 0);
	assert_int_equal(line_add(&w, "b", 1), -E2BIG);
	assert_int_equal(w.count, 1);
	assert_int_equal(
		line_parse(&w, "9223372036854775807 -5 9223372036854775808 0x1 1%00 +1 %", 56), 0);
	assert_int_equal(line_number(&w, 0, &n), 0);
	assert_int_equal(n, INT64_MAX);
	assert_int_equal(line_number(&w, 1, &n), 0);
	assert_int_equal(n, -5);
	for (unsigned i = 2; i < 9; i++)
		assert_int_equal(line_number(&w, i, &n), -EINVAL);
	assert_int_equal(n, -5);
}

/* ---- actions ---- */

static int64_t act(int root, const char *text, struct line *answer)
{
	static struct line w;
	int64_t result = 0;

	assert_int_equal(line_parse(&w, text, strlen(text)), 0);
	act_do(root, &w, 0, answer);
	assert_int_equal(line_number(answer, 0, &result), 0);
	return result;
}

static int open_share(struct scratch *f)
{
	char path[128];
	int fd;

	assert_int_equal(fs_mkdirs(scratch_path(f, "share/in", path, sizeof(path)), 0755, &f->err),
			 0);
	assert_int_equal(fs_mkdirs(scratch_path(f, "outside", path, sizeof(path)), 0755, &f->err),
			 0);
	scratch_put(scratch_path(f, "outside/secret", path, sizeof(path)), "secret");
	fd = open(scratch_path(f, "share", path, sizeof(path)), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_return_code(fd, errno);
	return fd;
}

/* Goal: each action does what it says. Method: one after the other on one folder. */
static void actions(void **state)
{
	static const struct {
		const char *ask;
		int64_t result;
		const char *word; /* of the answer; NULL: none */
	} rows[] = {
		{ "create f 420", 0, NULL },
		{ "create f 420", -EEXIST, NULL },
		{ "write f 2 abc", 3, NULL },
		{ "append f de", 2, NULL },
		{ "read f 2 100", 5, "abcde" },
		{ "read f 100 5", 0, NULL },
		{ "truncate f 4", 0, NULL },
		{ "read f 0 100", 4, NULL },
		{ "fill f 0 10000 7", 0, NULL },
		{ "match f 0 10000 7", 10000, NULL },
		{ "match f 0 20000 7", 10000, NULL },
		{ "write f 5000 %00", 1, NULL },
		{ "match f 0 10000 7", 5000, NULL },
		{ "match f 0 10000 8", 0, NULL },
		{ "fallocate f 3 0 4096", 0, NULL },
		{ "match f 0 10 7", 0, NULL },
		{ "fsync f", 0, NULL },
		{ "chmod f 256", 0, NULL },
		{ "utime f 1234567890123456789", 0, NULL },
		{ "rename f in/g", 0, NULL },
		{ "link in/g h", 0, NULL },
		{ "unlink h", 0, NULL },
		{ "unlink h", -ENOENT, NULL },
		{ "symlink l /etc/passwd", 0, NULL },
		{ "readlink l", 11, "/etc/passwd" },
		{ "mkdir in/d 493", 0, NULL },
		{ "rmdir in", -ENOTEMPTY, NULL },
		{ "rmdir in/d", 0, NULL },
		{ "flock in/g 1", 0, NULL },
		{ "lock in/g 0", 0, NULL },
	};
	struct scratch *f = *state;
	static struct line answer;
	int root = open_share(f);
	char path[128];
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (act(root, rows[i].ask, &answer) != rows[i].result)
			fail_msg("%s: %s", rows[i].ask, line_at(&answer, 0));
		if (rows[i].word)
			assert_string_equal(line_at(&answer, 1), rows[i].word);
	}
	assert_int_equal(act(root, "stat in/g", &answer), 0);
	assert_int_equal(answer.count, 1 + ACT_STAT_COUNT);
	assert_string_equal(line_at(&answer, 1 + ACT_STAT_SIZE), "10000");
	assert_string_equal(line_at(&answer, 1 + ACT_STAT_MTIME), "1234567890123456789");
	assert_int_equal(stat(scratch_path(f, "share/in/g", path, sizeof(path)), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0400);
	(void)close(root);
}

/* What a guest may not do. */
static const char *const refused[] = {
	"read ../outside/secret 0 10",
	"read in/../../outside/secret 0 10",
	"read /etc/passwd 0 10",
	"read away/secret 0 10",
	"read away 0 10",
	"read file 0 10",
	"write file 0 x",
	"truncate file 0",
	"chmod file 511",
	"fill away/new 0 10 1",
	"create ../new 420",
	"create away/new 420",
	"create .. 420",
	"stat ..",
	"stat in/..",
	"stat .",
	"chown .. 1 1",
	"utime in/.. 5",
	"create . 420",
	"create in/ 420",
	"mkdir ../new 493",
	"symlink ../new x",
	"rename ../outside/secret stolen",
	"rename away/secret stolen",
	"rename in ../outside/in",
	"link ../outside/secret stolen",
	"link away/secret stolen",
	"unlink away/secret",
	"setxattr file user.x y",
	"getxattr file user.x",
	"write fifo 0 x",
	"read fifo 0 1",
	"append fifo x",
	"read in 0 10",
	"write in 0 x",
	"setxattr plain security.x y",
	"setxattr plain trusted.x y",
	"getxattr plain security.selinux",
	"read plain 0 4097",
	"fill plain 0 16777217 1",
	"match plain 0 16777217 1",
	"fallocate plain 0 0 16777217",
	"write plain 0",
	"write plain 0 a b",
	"write plain -1 a",
	"write plain 1099511627777 a",
	"truncate plain 9223372036854775807",
	"truncate plain x",
	"write pl%00ain 0 a",
	"create % 420",
	"shell rm",
	"writ plain 0 a",
	"write",
	"%",
};

/* Goal: nothing outside of the folder is read, made or changed, and nothing is waited for. */
static void confined(void **state)
{
	struct scratch *f = *state;
	static struct line answer;
	static char word[ACT_BYTES * 3 + 64];
	int root = open_share(f);
	char path[128];

	assert_int_equal(act(root, "symlink away ../outside", &answer), 0);
	assert_int_equal(act(root, "symlink file ../outside/secret", &answer), 0);
	assert_int_equal(act(root, "create plain 420", &answer), 0);
	assert_return_code(mkfifo(scratch_path(f, "share/fifo", path, sizeof(path)), 0600), errno);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		if (act(root, refused[i], &answer) >= 0)
			fail_msg("%s: %s", refused[i], line_at(&answer, 0));
		assert_int_equal(answer.count, 1);
	}
	(void)snprintf(word, sizeof(word), "write plain 0 %0*d", ACT_BYTES + 1, 0);
	assert_int_equal(act(root, word, &answer), -EBADMSG);
	(void)snprintf(word, sizeof(word), "create %0*d 420", 4096, 0);
	assert_int_equal(act(root, word, &answer), -EBADMSG);
	scratch_holds(f, scratch_path(f, "outside/secret", path, sizeof(path)), "secret");
	scratch_holds(f, scratch_path(f, "share/plain", path, sizeof(path)), "");
	assert_false(fs_exists(scratch_path(f, "new", path, sizeof(path))));
	assert_false(fs_exists(scratch_path(f, "outside/new", path, sizeof(path))));
	assert_false(fs_exists(scratch_path(f, "share/stolen", path, sizeof(path))));
	(void)close(root);
}

/* ---- what is kept ---- */

static json_t *two_checks(void)
{
	return json_pack("[{s:s},{s:s},{s:s}]", "id", "a.one", "id", "a.two", "id", "a.three");
}

static int hear(struct checks_serve *s, const char *text, struct err *err)
{
	static struct line answer;
	int64_t number;

	return checks_serve_line(s, text, strlen(text), &number, &answer, err);
}

static void kept(void **state)
{
	struct checks_serve s = { .root = -1, .list = two_checks(), .fate = "alive" };
	struct scratch *f = *state;
	static struct line answer;
	int64_t number = -1;
	json_t *one;

	assert_int_equal(checks_serve_next(&s), 0);
	assert_int_equal(hear(&s, "begin a.one", &f->err), 0);
	assert_int_equal(hear(&s, "figure B03.stale_for -5 ms", &f->err), 0);
	assert_int_equal(checks_serve_line(&s, "ask 12 host stat x", 18, &number, &answer, &f->err),
			 0);
	assert_int_equal(number, 12);
	assert_string_equal(line_at(&answer, 0), "-95"); /* EOPNOTSUPP: no share on the host */
	assert_int_equal(hear(&s, "end a.one FAIL 1500 B03 this%0aand%1b[31m that % %", &f->err),
			 0);
	assert_int_equal(number, 12);
	one = json_object_get(s.results, "a.one");
	assert_string_equal(json_str_at(one, "verdict", ""), "FAIL");
	assert_string_equal(json_str_at(one, "row", ""), "B03");
	assert_string_equal(json_str_at(one, "expected", ""), "this\nand?[31m");
	assert_string_equal(json_str_at(one, "seen", ""), "that");
	assert_true(json_is_null(json_object_get(one, "note")));
	assert_string_equal(json_str_at(one, "fate", ""), "alive");
	assert_int_equal(json_integer_value(json_at(one, "figures[0].value")), -5);
	assert_int_equal(checks_serve_next(&s), 1);
	/* A guest that is lost has a result for the check that did it. */
	assert_int_equal(hear(&s, "begin a.three", &f->err), 0);
	assert_int_equal(checks_serve_lost(&s, "signal:11", "it is gone", "panic\x07"), 0);
	one = json_object_get(s.results, "a.three");
	assert_string_equal(json_str_at(one, "verdict", ""), "FAIL");
	assert_string_equal(json_str_at(one, "fate", ""), "signal:11");
	assert_string_equal(json_str_at(one, "log", ""), "panic?");
	assert_int_equal(checks_serve_next(&s), 3);
	assert_int_equal(checks_serve_lost(&s, "", "twice", ""), 0);
	assert_int_equal(json_object_size(s.results), 2);
	assert_int_equal(hear(&s, "done", &f->err), 0);
	assert_true(s.done);
	assert_int_equal(hear(&s, "begin a.two", &f->err), -EPROTO);
	checks_serve_free(&s);
	json_decref(s.list);
}

/* Goal: a guest that says what vq-check does not is believed nothing. */
static void hostile(void **state)
{
	static const struct {
		const char *before; /* by line ends; NULL: nothing */
		const char *line;
	} rows[] = {
		{ NULL, "begin b.one" },
		{ NULL, "begin" },
		{ NULL, "begin a.one a.two" },
		{ NULL, "end a.one PASS 1 % % % % %" },
		{ NULL, "figure x 1 ms" },
		{ NULL, "ask 0 host stat x" },
		{ NULL, "verdict PASS" },
		{ NULL, "\x1b[2J" },
		{ "begin a.one", "begin a.two" },
		{ "begin a.one", "done" },
		{ "begin a.one", "end a.two PASS 1 % % % % %" },
		{ "begin a.one", "end a.one GOOD 1 % % % % %" },
		{ "begin a.one", "end a.one PASS -1 % % % % %" },
		{ "begin a.one", "end a.one PASS 1 % % % %" },
		{ "begin a.one", "figure x y ms" },
		{ "begin a.one", "ask x host stat y" },
		{ "begin a.one", "ask -1 host stat y" },
		{ "begin a.one", "ask 1 host" },
		{ "begin a.one\nend a.one PASS 1 % % % % %", "begin a.one" },
		{ "stuck", "begin a.one" },
	};
	struct scratch *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct checks_serve s = { .root = -1, .list = two_checks() };
		const char *at = rows[i].before ? rows[i].before : "";

		while (*at) {
			char line[64];

			(void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
			assert_int_equal(hear(&s, line, &f->err), 0);
			at += strcspn(at, "\n") + (at[strcspn(at, "\n")] == '\n');
		}
		if (hear(&s, rows[i].line, &f->err) != -EPROTO)
			fail_msg("%s", rows[i].line);
		assert_null(strchr(f->err.text, '\x1b'));
		checks_serve_free(&s);
		json_decref(s.list);
	}
}

static void many_figures(void **state)
{
	struct checks_serve s = { .root = -1, .list = two_checks() };
	struct scratch *f = *state;
	unsigned count = 0;

	assert_int_equal(hear(&s, "begin a.one", &f->err), 0);
	while (hear(&s, "figure x 1 ms", &f->err) == 0)
		if (++count > 1000)
			fail_msg("a guest may fill our memory");
	assert_in_range(count, 8, 100);
	checks_serve_free(&s);
	json_decref(s.list);
}

/* ---- the oracle ---- */

static void expected(void **state)
{
	static const struct {
		const char *stack;
		enum cache_mode cache;
		bool writeback;
		enum dax_mode dax;
		uint64_t window;
		const char *says;
	} rows[] = {
		{ "refdev", CACHE_NEVER, false, DAX_NONE, 0, "B03=I" },
		{ "refdev", CACHE_AUTO, false, DAX_NONE, 0, "B03=T" },
		{ "refdev", CACHE_AUTO, false, DAX_NONE, 0, "B08=O" },
		{ "refdev", CACHE_AUTO, true, DAX_NONE, 0, "B19=C" },
		{ "refdev", CACHE_METADATA, false, DAX_NONE, 0, "B25=E" },
		{ "c-bookworm", CACHE_NONE, true, DAX_NONE, 0, "B09=N" },
		{ "refdev", CACHE_AUTO, false, DAX_ALWAYS, 64 * MIB, "B27=I" },
		{ "refdev", CACHE_AUTO, false, DAX_NEVER, 64 * MIB, "B27=N" },
		{ "refdev", CACHE_AUTO, false, DAX_ALWAYS, 0, "B27=N" },
		{ "refdev", CACHE_AUTO, false, DAX_NONE, 0, "B28=X" },
		{ "local", CACHE_UNSET, false, DAX_UNSET, 0, "B09=I" },
		{ "local", CACHE_UNSET, false, DAX_UNSET, 0, "B28=X" },
		{ "9p", CACHE_NONE, false, DAX_UNSET, 0, "B03=I" },
		{ "9p", CACHE_LOOSE, false, DAX_UNSET, 0, "B03=U" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct cell c = { .stack = stack_find(rows[i].stack),
					.cache = rows[i].cache,
					.writeback = rows[i].writeback,
					.dax = rows[i].dax,
					.window_bytes = rows[i].window,
					.workload = &checks_workload };
		char text[512];

		checks_expect(&c, text, sizeof(text));
		if (!strstr(text, rows[i].says))
			fail_msg("%s: %s is not in %s", rows[i].stack, rows[i].says, text);
		assert_true(strlen(text) < sizeof(text) - 1);
		assert_non_null(strstr(text, "B37="));
	}
}

/* ---- the checks ---- */

static const char *text_at(json_t *one, const char *key)
{
	return json_str_at(one, key, "");
}

static void assert_rows(json_t *one)
{
	char rows[256];
	char *save = NULL;

	(void)snprintf(rows, sizeof(rows), "%s", text_at(one, "rows"));
	for (char *w = strtok_r(rows, " ", &save); w; w = strtok_r(NULL, " ", &save))
		if (!spec_find(w) && !spec_behaviour_find(w))
			fail_msg("%s: there is no row %s", text_at(one, "id"), w);
}

static void table(void **state)
{
	static const char *const texts[] = { "title", "rows", "does", "wants" };
	struct scratch *f = *state;
	json_t *one;
	size_t i;

	if (checks_list(program(), &f->json, &f->err) < 0)
		fail_msg("%s", f->err.text);
	json_array_foreach(f->json, i, one) {
		const char *id = text_at(one, "id");
		size_t n = strlen(text_at(one, "area"));

		assert_true(n > 0 && strncmp(id, text_at(one, "area"), n) == 0 && id[n] == '.');
		assert_int_equal(strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-."), strlen(id));
		for (size_t j = 0; j < ARRAY_SIZE(texts); j++)
			if (!*text_at(one, texts[j]))
				fail_msg("%s has no %s", id, texts[j]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(id, text_at(json_array_get(f->json, j), "id"));
		assert_rows(one);
	}
	assert_true(json_array_size(f->json) >= 80);
}

/* Goal: every row of the matrix that one guest can see is checked; the others are named here. */
static void matrix_is_complete(void **state)
{
	/* B23 takes the host down; B31 to B35 take a second guest. */
	static const char later[] = "B23 B31 B32 B33 B34 B35";
	struct scratch *f = *state;
	size_t count;
	const struct spec_behaviour *rows = spec_behaviours(&count);

	assert_int_equal(checks_list(program(), &f->json, &f->err), 0);
	for (size_t i = 0; i < count; i++) {
		bool checked = false;
		json_t *one;
		size_t j;

		json_array_foreach(f->json, j, one)
			checked |= strstr(text_at(one, "rows"), rows[i].id) != NULL;
		if (checked == (strstr(later, rows[i].id) != NULL))
			fail_msg("%s", rows[i].id);
	}
}

/* Goal: what is written down as known is of checks that exist. */
static void known_rows(void **state)
{
	struct scratch *f = *state;
	char *save = NULL;
	size_t rows = 0;

	assert_int_equal(checks_list(program(), &f->json, &f->err), 0);
	assert_int_equal(fs_read("conformance/known/guest.tsv", MIB, &f->text, &f->err), 0);
	for (char *l = strtok_r(f->text.data, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		bool found = *l == '#';
		json_t *one;
		size_t i;

		rows += !found;
		json_array_foreach(f->json, i, one)
			found |= strncmp(l, text_at(one, "id"), strcspn(l, "\t")) == 0 &&
				 strlen(text_at(one, "id")) == strcspn(l, "\t");
		if (!found)
			fail_msg("there is no check %s", l);
	}
	assert_true(rows > 0);
}

/* Goal: a check that fails on a local file system is a bug of the check. */
static void control(void **state)
{
	struct scratch *f = *state;
	char script[256];
	struct proc_spec spec = { 0 };

	(void)snprintf(script, sizeof(script), "mkdir %s/c; exec %s control --dir %s/c", f->dir,
		       program(), f->dir);
	assert_int_equal(scratch_run(f, script, spec), 0);
	if (f->out.status != 0)
		fail_msg("%s%s", buf_text(&f->out.out), buf_text(&f->out.err));
	scratch_says(buf_text(&f->out.out), " passed, 0 failed,");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_come_back),
		cmocka_unit_test(bad_lines),
		TEST(actions),
		TEST(confined),
		TEST(kept),
		TEST(hostile),
		TEST(many_figures),
		cmocka_unit_test(expected),
		TEST(table),
		TEST(matrix_is_complete),
		TEST(known_rows),
		TEST(control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
