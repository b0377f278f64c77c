// SPDX-License-Identifier: Apache-2.0
#include "conformance/runner/seen.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/proc.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#define SCHEMA 1
/* Reading a table takes milliseconds. */
#define LIST_MS	 10000
#define LIST_MAX (4 * MIB)
/* Results hold what a guest said of each check, which is bounded before it gets here. */
#define CHECKS_MAX 10000

void seen_free(struct seen *s)
{
	for (size_t i = 0; s->suite.more && i < s->suite.count; i++)
		json_decref(s->suite.more[i]);
	free(s->suite.more);
	suite_free(&s->suite);
	free(s->checks);
	json_decref(s->areas);
	json_decref(s->root);
	*s = (struct seen){ 0 };
}

static int parse_verdict(const char *word, enum check_verdict *ret)
{
	for (enum check_verdict v = CHECK_PASS; v <= CHECK_BROKEN; v++)
		if (strcmp(word, verdict_name(v)) == 0) {
			*ret = v;
			return 0;
		}
	return -EINVAL;
}

static void copy_text(char *ret, size_t size, json_t *one, const char *key)
{
	(void)snprintf(ret, size, "%s", json_str_at(one, key, ""));
}

static int fill_result(json_t *one, struct check_result *ret)
{
	double ms = 0;

	if (parse_verdict(json_str_at(one, "verdict", ""), &ret->verdict) < 0 ||
	    json_number_at(one, "duration_ms", &ms) < 0 || ms < 0)
		return -EINVAL;
	ret->duration_ns = (uint64_t)(ms * (double)NS_PER_MS);
	copy_text(ret->expected, sizeof(ret->expected), one, "expected");
	copy_text(ret->seen, sizeof(ret->seen), one, "seen");
	copy_text(ret->row, sizeof(ret->row), one, "row");
	copy_text(ret->fate, sizeof(ret->fate), one, "fate");
	copy_text(ret->log, sizeof(ret->log), one, "log");
	return 0;
}

/* A row that is not in the catalogue has no level: it must not come out as one that binds nobody. */
static int fill_check(json_t *one, struct check *ret)
{
	*ret = (struct check){
		.id = json_str_at(one, "id", NULL),
		.title = json_str_at(one, "title", NULL),
		.rows = json_str_at(one, "rows", NULL),
		.sends = json_str_at(one, "does", NULL),
		.wants = json_str_at(one, "wants", NULL),
		.catches = json_str_at(one, "catches", NULL),
	};
	return ret->id && ret->title && ret->rows && ret->sends && ret->wants && check_row(ret)
		       ? 0
		       : -EINVAL;
}

static int add_area(json_t *areas, json_t *one)
{
	const char *id = json_str_at(one, "area", "");
	json_t *last = json_array_get(areas, json_array_size(areas) - 1);

	if (last && strcmp(json_str_at(last, "id", ""), id) == 0)
		return 0;
	return json_array_append_new(areas, json_pack("{s:s,s:s}", "id", id, "title",
						      json_str_at(one, "area_title", id)));
}

static int fill_facts(struct seen *s, json_t *one, size_t i, struct err *reterr)
{
	if (fill_check(one, &s->checks[i]) < 0)
		return err_set(reterr, -EBADMSG, "check %zu (%.80s) is not what vq-check has", i,
			       json_str_at(one, "id", "?"));
	s->suite.check[i] = &s->checks[i];
	return add_area(s->areas, one) == 0 ? 0 : -ENOMEM;
}

static int fill_one(struct seen *s, json_t *one, size_t i, struct err *reterr)
{
	json_t *note = json_object_get(one, "note");
	json_t *figures = json_object_get(one, "figures");

	int e = fill_facts(s, one, i, reterr);

	if (e < 0)
		return e;
	if (fill_result(one, &s->suite.result[i]) < 0 || !json_is_array(figures))
		return err_set(reterr, -EBADMSG, "check %zu (%.80s) has no result", i,
			       s->checks[i].id);
	s->suite.more[i] = json_pack("{s:O?,s:O}", "note", json_is_string(note) ? note : NULL,
				     "figures", figures);
	return s->suite.more[i] ? 0 : -ENOMEM;
}

static int fill_suite(struct seen *s, json_t *checks,
		      int (*fill)(struct seen *s, json_t *one, size_t i, struct err *reterr),
		      struct err *reterr)
{
	size_t count = json_array_size(checks);
	json_t *one;
	size_t i;
	int e = 0;

	s->checks = calloc(count, sizeof(*s->checks));
	s->suite.check = calloc(count, sizeof(const struct check *));
	s->suite.result = calloc(count, sizeof(*s->suite.result));
	s->suite.more = calloc(count, sizeof(json_t *));
	s->areas = json_array();
	if (!s->checks || !s->suite.check || !s->suite.result || !s->suite.more || !s->areas)
		return err_errno(reterr, -ENOMEM, "checks");
	s->suite.count = count;
	s->suite.areas = s->areas;
	json_array_foreach(checks, i, one)
		if (e == 0)
			e = fill(s, one, i, reterr);
	return e;
}

static void fill_target(struct seen *s)
{
	s->target.name = json_str_at(s->root, "stack", "");
	copy_text(s->target.id, sizeof(s->target.id), s->root, "target.name");
	copy_text(s->target.version, sizeof(s->target.version), s->root, "target.version");
	s->suite.target = &s->target;
}

int seen_load(const char *path, const struct conform_options *o, struct seen *ret,
	      struct err *reterr)
{
	json_t *checks;
	double ms = 0;
	int e = json_load_path(path, &ret->root, reterr);

	if (e < 0)
		return e;
	checks = json_object_get(ret->root, "checks");
	if (json_integer_value(json_object_get(ret->root, "schema")) != SCHEMA ||
	    json_number_at(ret->root, "duration_ms", &ms) < 0 || json_array_size(checks) == 0 ||
	    json_array_size(checks) > CHECKS_MAX)
		return err_set(reterr, -EBADMSG, "%s: nothing that was seen in a guest", path);
	ret->suite = (struct suite){ .name = json_str_at(ret->root, "suite", ""),
				     .options = o,
				     .duration_ns = (uint64_t)(ms * (double)NS_PER_MS) };
	if (strcmp(ret->suite.name, "guest") != 0)
		return err_set(reterr, -EBADMSG, "%s: no suite '%.40s' is known", path,
			       ret->suite.name);
	fill_target(ret);
	return fill_suite(ret, checks, fill_one, reterr);
}

/* Lines of JSON, one object each, of our own program. */
static int parse_list(const char *text, json_t **ret)
{
	json_auto_t *list = json_array();

	while (*text) {
		size_t n = strcspn(text, "\n");
		json_t *one = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);

		if (!one || json_array_append_new(list, one) < 0)
			return -EBADMSG;
		text += n + (text[n] == '\n');
	}
	*ret = json_incref(list);
	return 0;
}

int seen_list(struct seen *s, struct err *reterr)
{
	CLEANUP(proc_output_free) struct proc_output o = { 0 };
	char path[PATH_MAX];
	char *const argv[] = { path, (char *)(uintptr_t) "list", NULL };
	const struct proc_spec spec = { .argv = argv };
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof("/guest/vq-check"));
	int e;

	if (s->root)
		return 0;
	path[n > 0 ? n : 0] = '\0';
	(void)snprintf(path + (strrchr(path, '/') ? strrchr(path, '/') - path : 0),
		       sizeof("/guest/vq-check"), "/guest/vq-check");
	e = proc_run(&spec, LIST_MAX, clock_deadline_ms(LIST_MS), &o, reterr);
	if (e < 0)
		return e;
	if (parse_list(buf_text(&o.out), &s->root) < 0 || json_array_size(s->root) == 0)
		return err_set(reterr, -EBADMSG, "vq-check list: %.200s", buf_text(&o.err));
	return fill_suite(s, s->root, fill_facts, reterr);
}
