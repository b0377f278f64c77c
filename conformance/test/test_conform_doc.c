// SPDX-License-Identifier: Apache-2.0
/*
 * What reads results and tables: diff, findings, spec-check. Input: the canned run. Golden files: conformance/test/golden;
 * VQ_GOLDEN_UPDATE=1 rewrites them. Run from the top of the checkout.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "conformance/runner/areas.h"
#include "conformance/runner/doc.h"
#include "conformance/runner/trace.h"

#define CANNED "bench/test/golden/report/run"
#define GOLDEN "conformance/test/golden"
#define C      CANNED "/conformance/c-bookworm/device.json"
#define RUST   CANNED "/conformance/rust-trixie/device.json"
#define REFDEV CANNED "/conformance/refdev/device.json"

static bool is_golden(const char *name, const char *text)
{
	CLEANUP(freep) char *path = fs_path(GOLDEN "/%s", name);
	CLEANUP(buf_free) struct buf golden = { 0 };
	struct err err = { "" };

	if (getenv("VQ_GOLDEN_UPDATE"))
		return fs_mkdirs(GOLDEN, 0755, &err) == 0 &&
		       fs_write_atomic(path, text, strlen(text), &err) == 0;
	if (fs_read(path, MIB, &golden, &err) == 0 && strcmp(buf_text(&golden), text) == 0)
		return true;
	print_error("%s differs: %s\n%s", path, err.text, text);
	return false;
}

/* ---- results ---- */

static struct doc load(const char *path)
{
	struct doc d = { 0 };
	struct err err = { "" };

	if (doc_load(path, &d, &err) < 0)
		fail_msg("%s", err.text);
	return d;
}

/* One change of the canned result of Rust; its text, or "" when it was taken. */
static const char *refused(const char *path, const char *key, json_t *take_value, struct err *err)
{
	char file[] = "/tmp/vq-test-doc-XXXXXX";
	int fd = mkstemp(file);
	struct doc d = { 0 };
	json_t *v = NULL;

	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(json_load_path(RUST, &v, err), 0);
	(void)json_object_set_new(*path ? json_at(v, path) : v, key, take_value);
	assert_int_equal(json_save_atomic(file, v, err), 0);
	json_decref(v);
	err->text[0] = '\0';
	if (doc_load(file, &d, err) == 0)
		doc_free(&d);
	(void)unlink(file);
	return err->text;
}

static void mistakes(void **state)
{
	struct err err = { "" };
	struct doc d = { 0 };

	(void)state;
	assert_string_equal(refused("", "seed", json_integer(8), &err), "");
	assert_non_null(strstr(refused("", "schema", json_integer(2), &err), "schema 1"));
	assert_non_null(strstr(refused("", "suite", json_string("gust"), &err), "suite"));
	assert_non_null(strstr(refused("", "checks", json_object(), &err), "suite"));
	assert_non_null(strstr(refused("", "target", json_null(), &err), "target"));
	assert_non_null(strstr(refused("checks[2]", "verdict", json_string("YES"), &err), "'YES'"));
	assert_non_null(strstr(refused("checks[2]", "id", json_true(), &err), "'id'"));
	assert_int_equal(doc_load("/no/such/file", &d, &err), -ENOENT);
	assert_int_equal(doc_load("/dev/zero", &d, &err), -EBADMSG);
	assert_int_equal(doc_load("Makefile", &d, &err), -EBADMSG);
}

/* Goal: of a check that was repeated the worst is told. Method: two more results of one that passed. */
static void repeated(void **state)
{
	static const struct {
		const char *verdict;
		const char *told;
	} rows[] = { { "SKIP", "SKIP" }, { "FAIL", "FAIL" }, { "PASS", "FAIL" } };
	char file[] = "/tmp/vq-test-doc-XXXXXX";
	int fd = mkstemp(file);
	json_t *v = NULL;
	struct err err;

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(json_load_path(RUST, &v, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *again = json_deep_copy(json_at(v, "checks[0]"));
		struct doc d;

		(void)json_object_set_new(again, "verdict", json_string(rows[i].verdict));
		(void)json_array_append_new(json_object_get(v, "checks"), again);
		assert_int_equal(json_save_atomic(file, v, &err), 0);
		d = load(file);
		assert_true(
			doc_is(json_object_get(d.checks, "config.queues-not-zero"), rows[i].told));
		doc_free(&d);
	}
	(void)unlink(file);
	json_decref(v);
}

/* ---- diff ---- */

static void diffs(void **state)
{
	static const struct {
		const char *a, *b;
		size_t same, differ, worse;
	} rows[] = {
		{ C, C, 9, 0, 0 },
		{ C, RUST, 2, 7, 2 },
		{ RUST, C, 2, 7, 1 },
		{ RUST, REFDEV, 5, 4, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct doc a = load(rows[i].a);
		struct doc b = load(rows[i].b);
		struct diff_result d;

		assert_int_equal(diff_make(&a, &b, &d), 0);
		assert_int_equal(d.same, rows[i].same);
		assert_int_equal(d.differ, rows[i].differ);
		assert_int_equal(d.worse, rows[i].worse);
		assert_int_equal(json_array_size(json_object_get(d.json, "differences")),
				 rows[i].differ);
		diff_free(&d);
		doc_free(&a);
		doc_free(&b);
	}
}

static void only_one_has_it(void **state)
{
	struct doc a = load(C);
	struct doc b = load(REFDEV);
	struct diff_result d;

	(void)state;
	(void)json_object_del(a.checks, "names.slash");
	(void)json_object_del(b.checks, "sample-ring.loop");
	(void)json_object_del(b.checks, "config.tag-tail");
	assert_int_equal(diff_make(&a, &b, &d), 0);
	assert_int_equal(d.only_a, 2);
	assert_int_equal(d.only_b, 1);
	assert_int_equal(d.worse, 0);
	diff_free(&d);
	doc_free(&a);
	doc_free(&b);
}

static bool diff_text_is_golden(void)
{
	CLEANUP(doc_free) struct doc a = load(C);
	CLEANUP(doc_free) struct doc b = load(RUST);
	CLEANUP(diff_free) struct diff_result d = { 0 };
	CLEANUP(freep) char *text = NULL;
	CLEANUP(freep) char *json = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f || diff_make(&a, &b, &d) < 0)
		return false;
	diff_print(&d, f);
	(void)fclose(f);
	json = json_dumps(d.json, JSON_INDENT(1) | JSON_ENSURE_ASCII);
	return is_golden("diff.txt", text) && json && is_golden("diff.json", json);
}

static void diff_texts(void **state)
{
	(void)state;
	assert_true(diff_text_is_golden());
}

/* ---- findings ---- */

static char *findings_of(const char *const *dirs, size_t *ret_count)
{
	CLEANUP(freep) struct docs *d = calloc(1, sizeof(*d));
	struct err err = { "" };
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	int e = 0;

	for (; e == 0 && *dirs; dirs++)
		e = docs_add(*dirs, d, &err);
	if (e == 0)
		*ret_count = findings_write(d, f);
	else
		(void)fputs(err.text, f);
	(void)fclose(f);
	docs_free(d);
	return text;
}

/* Goal: the worst first, each with its clause, and nothing that a file says becomes markup. */
static void findings(void **state)
{
	static const char *const dirs[] = { CANNED, NULL };
	size_t count = 0;
	char *text = findings_of(dirs, &count);
	static const char *const order[] = { "# Findings",
					     "## Ends of the daemon",
					     "sample-ring.loop",
					     "## Data lost",
					     "names.slash",
					     "## Form",
					     "sample-session.should",
					     "## Ends that are allowed",
					     "sample-session.may-end" };
	const char *at = text;
	bool golden = text && is_golden("findings.md", text);

	(void)state;
	if (!text) {
		fail();
		return;
	}
	for (size_t i = 0; at && i < ARRAY_SIZE(order); i++)
		at = strstr(at, order[i]);
	assert_non_null(at);
	assert_null(strchr(text, '\x1b'));
	assert_null(strstr(text, "\n<script>"));
	free(text);
	assert_true(golden);
	assert_int_equal(count, 4);
}

static bool says(const struct docs *d, const char *section, const char *id)
{
	CLEANUP(freep) char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	const char *at;

	(void)findings_write(d, f);
	(void)fclose(f);
	at = strstr(text, section);
	at = at ? strstr(at, id) : NULL;
	return at != NULL;
}

/* Goal: a thread that died is an end of the daemon; to leave in order is none. */
static void kinds_of_end(void **state)
{
	struct docs *d = calloc(1, sizeof(*d));
	json_t *c;

	(void)state;
	assert_non_null(d);
	d->item[d->count++] = load(RUST);
	c = json_object_get(d->item[0].checks, "sample-session.may-end");
	(void)json_object_set_new(c, "fate", json_string("exited:0"));
	assert_false(says(d, "## Ends that are allowed", "sample-session.may-end"));
	(void)json_object_set_new(c, "fate", json_string("exited:101"));
	assert_true(says(d, "## Ends that are allowed", "sample-session.may-end"));
	assert_false(says(d, "## Ends of the daemon", "sample-ring.loop"));
	c = json_object_get(d->item[0].checks, "names.slash");
	(void)json_object_set_new(c, "log", json_string("thread 'a' panicked at x.rs:1"));
	assert_true(says(d, "## Ends of the daemon", "names.slash"));
	docs_free(d);
	free(d);
}

/* Goal: the folder of a run, of --out, and of one daemon are all results; anything else is told. */
static void folders(void **state)
{
	static const char *const same[] = { CANNED, NULL };
	static const char *const out[] = { CANNED "/conformance", NULL };
	static const char *const each[] = { CANNED "/conformance/c-bookworm",
					    CANNED "/conformance/refdev",
					    CANNED "/conformance/rust-trixie", NULL };
	static const char *const none[] = { "conformance/spec", NULL };
	size_t count = 0;
	char *a = findings_of(same, &count);
	char *b = findings_of(out, &count);
	char *c = findings_of(each, &count);
	char *d = findings_of(none, &count);

	(void)state;
	assert_string_equal(a, b);
	assert_string_equal(a, c);
	assert_non_null(strstr(d, "no device.json"));
	free(a);
	free(b);
	free(c);
	free(d);
}

/* ---- spec-check ---- */

static const struct check some[] = {
	{ .id = "x.one", .rows = "VIRTIO-FS-CFG-006 VIRTIO-FS-CFG-003 BUG-01" },
	{ .id = "x.two", .rows = "VIRTIO-FS-CFG-006" },
};
static const struct check_area area = { "x", "X", some, ARRAY_SIZE(some) };
static const struct check_area *const areas[] = { &area };

static const char *no_waiver(const char *id, enum spec_means means)
{
	(void)id;
	(void)means;
	return NULL;
}

static const char *all_waived(const char *id, enum spec_means means)
{
	(void)id;
	(void)means;
	return "no time";
}

/* One that has no check, one that has, and a statement's. */
static const char *some_waived(const char *id, enum spec_means means)
{
	(void)means;
	return strcmp(id, "VIRTIO-FS-CFG-004") == 0 || strcmp(id, "VIRTIO-FS-CFG-003") == 0 ||
			       strcmp(id, "VIRTIO-FS-DAX-012") == 0
		       ? "for a reason"
		       : NULL;
}

static json_t *item(const struct trace *t, const char *id)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(t->json, "items"), i, one)
		if (strcmp(json_str_at(one, "id", ""), id) == 0)
			return one;
	fail_msg("there is no %s", id);
	return NULL;
}

static void traced(void **state)
{
	static const struct {
		const char *id;
		const char *state;
		size_t checks;
	} rows[] = {
		{ "VIRTIO-FS-CFG-006", "checked", 2 },
		{ "VIRTIO-FS-CFG-003", "checked", 1 },
		{ "VIRTIO-FS-CFG-004", "waived", 0 },
		{ "VIRTIO-FS-CFG-002", "untraced", 0 },
		{ "VIRTIO-FS-QUEUE-005", "checked", 1 }, /* the front end, in every check */
		{ "virtio 1.4, 5.11.4.2, device 1", "checked", 2 },
		{ "virtio 1.4, 5.11.4.2, device 2", "untraced", 0 },
		{ "virtio 1.4, 5.11.6.4.2, driver 3", "waived", 0 },
		{ "BUG-01", "checked", 1 },
		{ "BUG-02", "untraced", 0 },
	};
	struct trace t;

	(void)state;
	assert_int_equal(trace_make(areas, ARRAY_SIZE(areas), some_waived, &t), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *one = item(&t, rows[i].id);

		if (strcmp(json_str_at(one, "state", ""), rows[i].state) != 0 ||
		    json_array_size(json_object_get(one, "checks")) != rows[i].checks)
			fail_msg("%s is %s", rows[i].id, json_str_at(one, "state", ""));
	}
	assert_int_equal(t.spare, 1);
	assert_int_equal(t.rows_waived, 1);
	assert_int_equal(t.rows, t.rows_checked + t.rows_waived + t.rows_untraced);
	assert_false(t.many);
	assert_false(trace_is_good(&t));
	trace_free(&t);
}

/* Goal: everything waived is not good either. */
static void too_many(void **state)
{
	struct trace t;

	(void)state;
	assert_int_equal(trace_make(areas, ARRAY_SIZE(areas), all_waived, &t), 0);
	assert_int_equal(t.rows_untraced + t.sentences_untraced + t.bugs_untraced, 0);
	assert_true(t.many);
	assert_false(trace_is_good(&t));
	trace_free(&t);
	assert_int_equal(trace_make(NULL, 0, no_waiver, &t), 0);
	assert_int_equal(t.bugs_checked, 0);
	assert_int_equal(t.spare, 0);
	trace_free(&t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes),	cmocka_unit_test(repeated),
		cmocka_unit_test(diffs),	cmocka_unit_test(only_one_has_it),
		cmocka_unit_test(diff_texts),	cmocka_unit_test(findings),
		cmocka_unit_test(kinds_of_end), cmocka_unit_test(folders),
		cmocka_unit_test(traced),	cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests_name("conform_doc", tests, NULL, NULL);
}
