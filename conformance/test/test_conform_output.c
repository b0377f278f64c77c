// SPDX-License-Identifier: Apache-2.0
/*
 * What virtiofs-conform writes: device.json, junit.xml, results.tap of canned results, word for word. They are the
 * conformance of the canned run, which schema, report, diff and findings are tested with.
 * Run from the top of the checkout. VQ_GOLDEN_UPDATE=1 rewrites the files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "conformance/runner/suite.h"

#define GOLDEN	"bench/test/golden/report/run/conformance"
#define CHECKS	9
#define HOSTILE "<script>alert('1')</script> ]]> & \x1b[31m \xff\xfe |`*"

static void nothing(struct check_run *r)
{
	(void)r;
}

static const struct check checks[CHECKS] = {
	{ .id = "config.queues-not-zero",
	  .title = "there is a request queue at least",
	  .rows = "VIRTIO-FS-CFG-006",
	  .sends = "GET_CONFIG of num_request_queues",
	  .wants = "one at least",
	  .run = nothing },
	{ .id = "config.tag-tail",
	  .title = "what the tag leaves of its 36 bytes is NUL",
	  .rows = "VIRTIO-FS-CFG-003 VIRTIO-FS-CFG-002",
	  .sends = "GET_CONFIG of the tag",
	  .wants = "no byte behind the name",
	  .run = nothing },
	{ .id = "names.lookup-found",
	  .title = "LOOKUP finds what is there",
	  .rows = "FUSE-ENT-003 FUSE-ATTR-011",
	  .sends = "LOOKUP of \"file\"",
	  .wants = "success",
	  .run = nothing },
	{ .id = "names.slash",
	  .title = "a name with a slash finds nothing",
	  .rows = "VIRTIO-FS-SEC-006",
	  .sends = "LOOKUP of \"dir/file\" in the root, where both exist",
	  .wants = "an error",
	  .run = nothing },
	{ .id = "sample-ring.loop",
	  .title = "a chain that is a ring does not end the device",
	  .rows = "VIRTIO-VQ-008 BUG-15",
	  .sends = "two descriptors that name each other",
	  .wants = "an answer, or none; the daemon lives",
	  .run = nothing },
	{ .id = "sample-ring.one-of-many",
	  .title = "one queue of several is enough",
	  .rows = "VIRTIO-FS-CFG-013",
	  .sends = "a request to the only queue that is enabled",
	  .wants = "an answer",
	  .run = nothing },
	{ .id = "sample-ring.used-length",
	  .title = "the used length is what was written",
	  .rows = "VIRTIO-FS-QUEUE-005",
	  .sends = "GETATTR",
	  .wants = "used.len equals out.len",
	  .run = nothing },
	{ .id = "sample-session.should",
	  .title = "a recommendation is followed",
	  .rows = "VIRTIO-DEV-005",
	  .sends = "a request that could be served better",
	  .wants = "it is served better",
	  .run = nothing },
	{ .id = "sample-session.may-end",
	  .title = "a driver that breaks the rules gets no answer",
	  .rows = "VIRTIO-VQ-004",
	  .sends = "an address outside of memory",
	  .wants = "no answer",
	  .may_die = true,
	  .run = nothing },
};

/* What came of them: one letter each, in their order. */
#define PASSED                                                                 \
	{                                                                      \
		.verdict = CHECK_PASS, .fate = "alive", .duration_ns = 2500000 \
	}
#define SKIPPED                                                                      \
	{                                                                            \
		.verdict = CHECK_SKIP, .seen = "needs a daemon with the option: tag" \
	}
#define FAILED(expected_, seen_, fate_, ...)                                                      \
	{                                                                                         \
		.verdict = CHECK_FAIL, .expected = (expected_), .seen = (seen_), .fate = (fate_), \
		.duration_ns = 12000000, .evidence = "queue 1: LOOKUP\n  12 34", __VA_ARGS__      \
	}

#define SLASH "LOOKUP of \"dir/file\": -EINVAL or -ENOENT"

static const struct canned {
	const char *id;
	const char *version;
	struct check_result result[CHECKS];
} canned[] = {
	{ "c-bookworm",
	  "virtiofsd version 7.2.22",
	  { SKIPPED,
	    SKIPPED,
	    PASSED,
	    PASSED,
	    FAILED("the daemon goes on", "the daemon: exited:1", "exited:1",
		   .log = "/tmp/vq-canned-dir/4/share: a loop of descriptors"),
	    PASSED,
	    PASSED,
	    PASSED,
	    { .verdict = CHECK_PASS, .fate = "exited:1", .duration_ns = 900000 } } },
	{ "rust-trixie",
	  "virtiofsd 1.13.2",
	  { PASSED, PASSED, PASSED, FAILED(SLASH, "success", "alive"), PASSED, PASSED,
	    FAILED("not: used.len is not what was written", "used-length: 80 of 104", "alive",
		   .row = "VIRTIO-FS-QUEUE-005"),
	    FAILED("it is served better", HOSTILE, "alive"), PASSED } },
	{ "refdev",
	  "virtiofs-refdev 0.1.0",
	  { PASSED,
	    PASSED,
	    PASSED,
	    PASSED,
	    PASSED,
	    PASSED,
	    PASSED,
	    PASSED,
	    { .verdict = CHECK_BROKEN, .seen = "start: no room for the share" } } },
};

/* The deviations that are written down, of all of them. */
static char *known_words[] = { (char *)(uintptr_t) "names.slash",
			       (char *)(uintptr_t) "virtiofsd 1.1[34].*",
			       (char *)(uintptr_t) "reported",
			       (char *)(uintptr_t) "names are not looked at" };

struct rendered {
	struct suite suite;
	struct target target;
	struct conform_options options;
	struct stack stack;
	struct known_row known;
	const struct check *list[CHECKS];
	struct check_result result[CHECKS];
};

static void canned_suite(const struct canned *c, struct rendered *r)
{
	r->options = (struct conform_options){ .seed = 7, .repeat = 1 };
	r->target = (struct target){ .stack = &r->stack, .name = c->id };
	(void)snprintf(r->target.id, sizeof(r->target.id), "%s", c->id);
	(void)snprintf(r->target.version, sizeof(r->target.version), "%s", c->version);
	r->known = (struct known_row){ known_words[0], known_words[1], known_words[2],
				       known_words[3] };
	for (size_t i = 0; i < CHECKS; i++) {
		r->list[i] = &checks[i];
		r->result[i] = c->result[i];
	}
	r->suite = (struct suite){ .name = "device",
				   .target = &r->target,
				   .options = &r->options,
				   .check = r->list,
				   .result = r->result,
				   .count = CHECKS,
				   .duration_ns = 1500000000,
				   .known = { &r->known, 1 },
				   .dir = "/tmp/vq-canned-dir",
				   .home = "/somebody/home" };
}

static bool is_golden(const char *target, const char *name, const char *text)
{
	CLEANUP(freep) char *dir = fs_path(GOLDEN "/%s", target);
	CLEANUP(freep) char *path = fs_path(GOLDEN "/%s/%s", target, name);
	CLEANUP(buf_free) struct buf golden = { 0 };
	struct err err = { "" };

	if (getenv("VQ_GOLDEN_UPDATE"))
		return fs_mkdirs(dir, 0755, &err) == 0 &&
		       fs_write_atomic(path, text, strlen(text), &err) == 0;
	if (fs_read(path, MIB, &golden, &err) == 0 && strcmp(buf_text(&golden), text) == 0)
		return true;
	print_error("%s differs: %s\n%s", path, err.text, text);
	return false;
}

static bool prints(const struct suite *s, const char *name,
		   void (*print)(const struct suite *s, FILE *out))
{
	CLEANUP(freep) char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	print(s, f);
	(void)fclose(f);
	return is_golden(s->target->id, name, text);
}

static bool dumps(const struct suite *s)
{
	json_auto_t *j = output_json(s);
	CLEANUP(freep) char *text = json_dumps(j, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	CLEANUP(freep) char *line = NULL;

	return text && asprintf(&line, "%s\n", text) > 0 &&
	       is_golden(s->target->id, "device.json", line);
}

static void files_are_golden(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(canned); i++) {
		struct rendered *r = calloc(1, sizeof(*r));

		assert_non_null(r);
		canned_suite(&canned[i], r);
		assert_true(dumps(&r->suite));
		assert_true(prints(&r->suite, "junit.xml", output_junit));
		assert_true(prints(&r->suite, "results.tap", output_tap));
		free(r);
	}
}

/* Goal: folders of the machine stand in no result. */
static void folders_are_hidden(void **state)
{
	struct rendered *r = calloc(1, sizeof(*r));
	json_t *j;
	char *text;

	(void)state;
	assert_non_null(r);
	canned_suite(&canned[0], r);
	(void)snprintf(r->result[4].log, sizeof(r->result[4].log),
		       "a /tmp/vq-canned-dir/12/share b /somebody/home/build/x c "
		       "/tmp/vq-canned-dir d");
	j = output_json(&r->suite);
	text = json_dumps(j, 0);
	assert_non_null(strstr(text, "a {dir}/share b {home}/build/x c {dir} d"));
	assert_null(strstr(text, "vq-canned-dir"));
	assert_null(strstr(text, "somebody"));
	free(text);
	json_decref(j);
	free(r);
}

/* Text as it comes out of the log of a suite whose folders are these. The caller's. */
static char *hidden(const char *dir, const char *home, const char *log)
{
	struct rendered *r = calloc(1, sizeof(*r));
	json_t *j;
	char *text;

	assert_non_null(r);
	canned_suite(&canned[0], r);
	r->suite.dir = dir;
	r->suite.home = home;
	(void)snprintf(r->result[4].log, sizeof(r->result[4].log), "%s", log);
	j = output_json(&r->suite);
	text = strdup(json_string_value(
		json_object_get(json_array_get(json_object_get(j, "checks"), 4), "log")));
	json_decref(j);
	free(r);
	return text;
}

/* Goal: only what is the path of the folder is taken for it, however short or odd the folder's name is. */
static void only_folders_are_hidden(void **state)
{
	static const struct {
		const char *home;
		const char *log;
		const char *wanted;
	} rows[] = {
		{ ".", "in.len 7.31 ../x", "in.len 7.31 ../x" },
		{ "", "a.b", "a.b" },
		{ "/", "a /b/c", "a /b/c" },
		{ "/srv", "/srv/a /srv", "/srv/a /srv" },
		{ "srv/vq", "srv/vq/a", "srv/vq/a" },
		{ "/srv/vq", "/srv/vq/a /srv/vq", "{home}/a {home}" },
		{ "/srv/vq", "/srv/vq2 /srv/vq-old/x /srv/vq.d/x",
		  "/srv/vq2 /srv/vq-old/x /srv/vq.d/x" },
		{ "/srv/vq", "/mnt/srv/vq x/srv/vq", "/mnt/srv/vq x/srv/vq" },
		{ "/srv/vq", "--home=/srv/vq: not in /srv/vq.", "--home={home}: not in {home}." },
		{ "/srv/vq", "'/srv/vq' (/srv/vq/12/log)", "'{home}' ({home}/log)" },
		{ "/srv/vq", "/srv/vq2 and /srv/vq", "/srv/vq2 and {home}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *text = hidden(NULL, rows[i].home, rows[i].log);

		assert_string_equal(text, rows[i].wanted);
		free(text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_golden),
		cmocka_unit_test(folders_are_hidden),
		cmocka_unit_test(only_folders_are_hidden),
	};

	return cmocka_run_group_tests_name("conform_output", tests, NULL, NULL);
}
