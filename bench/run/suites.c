// SPDX-License-Identifier: Apache-2.0
#include "run/suites.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/proc.h"
#include "run/checks.h"
#include "run/probe.h"

#include <fnmatch.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Far beyond what all checks take; each of them has a deadline of its own. */
#define DEVICE_MS  3600000
#define OUTPUT_MAX (16 * MIB)
#define FOLDER	   "conformance"

static const struct {
	const char *name;
	enum plan_suite bit;
} suites[] = { { "bench", PLAN_BENCH }, { "device", PLAN_DEVICE }, { "guest", PLAN_GUEST } };

unsigned suites_parse(const char *words)
{
	unsigned all = 0;

	for (const char *w = words; *w;) {
		size_t n = strcspn(w, ",");
		unsigned bit = 0;

		for (size_t i = 0; i < ARRAY_SIZE(suites); i++)
			if (strlen(suites[i].name) == n && strncmp(w, suites[i].name, n) == 0)
				bit = suites[i].bit;
		if (!bit)
			return 0;
		all |= bit;
		w += n + (w[n] == ',');
	}
	return all;
}

json_t *suites_json(unsigned set)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(suites); i++)
		if (set & suites[i].bit)
			(void)json_array_append_new(list, json_string(suites[i].name));
	return list;
}

static void add_daemon(const struct stack *s, const char *glob, const struct stack **list,
		       size_t *count)
{
	if (s->kind != STACK_VIRTIOFS || stack_makes_socket(s) ||
	    (glob && fnmatch(glob, s->id, 0) != 0))
		return;
	for (size_t i = 0; i < *count; i++)
		if (list[i] == s)
			return;
	list[(*count)++] = s;
}

int suites_daemons(const struct plan *p, const char *glob, const struct stack ***ret,
		   size_t *ret_count)
{
	size_t count;
	const struct stack *const *all = stack_list(&count);
	size_t room = p->cells.count > count ? p->cells.count : count;
	const struct stack **list = calloc(room + 1, sizeof(const struct stack *));

	if (!list)
		return -ENOMEM;
	*ret_count = 0;
	for (size_t i = 0; i < p->cells.count; i++)
		add_daemon(p->cells.item[i].stack, glob, list, ret_count);
	for (size_t i = 0; p->cells.count == 0 && i < count; i++)
		add_daemon(all[i], glob, list, ret_count);
	*ret = list;
	return 0;
}

static int add_entry(json_t *list, const char *suite, const char *stack)
{
	return json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:n,s:s,s:s+,s:n}", "suite",
						     suite, "stack", stack, "status", "pending",
						     "reason", "version", "", "dir", FOLDER "/",
						     stack, "elapsed_s"));
}

int suites_describe(json_t *run, const struct plan *p)
{
	json_t *list = json_array();
	int e = 0;

	for (size_t i = 0; e == 0 && i < p->daemon_count; i++)
		e = add_entry(list, "device", p->daemon[i]->id);
	for (size_t i = 0; e == 0 && i < p->checks.count; i++)
		e = add_entry(list, "guest", p->checks.item[i].id);
	if (e < 0) {
		json_decref(list);
		return -ENOMEM;
	}
	(void)json_object_set_new(run, "suites", suites_json(p->suites));
	return json_object_set_new(run, "conformance", list);
}

static json_t *list_of(json_t *run)
{
	return json_object_get(run, "conformance");
}

static bool is_entry(json_t *one, const char *suite, const char *stack)
{
	return strcmp(json_str_at(one, "suite", ""), suite) == 0 &&
	       strcmp(json_str_at(one, "stack", ""), stack) == 0;
}

bool suites_same(json_t *run, const struct plan *p)
{
	if (json_array_size(list_of(run)) != p->daemon_count + p->checks.count)
		return false;
	for (size_t i = 0; i < p->daemon_count; i++)
		if (!is_entry(json_array_get(list_of(run), i), "device", p->daemon[i]->id))
			return false;
	for (size_t i = 0; i < p->checks.count; i++)
		if (!is_entry(json_array_get(list_of(run), p->daemon_count + i), "guest",
			      p->checks.item[i].id))
			return false;
	return true;
}

static bool is_status(json_t *one, const char *status)
{
	return strcmp(json_str_at(one, "status", ""), status) == 0;
}

/* Only what says that it is done, and has its results, is. */
static bool is_done(const struct store *s, json_t *one, bool retry_failed)
{
	CLEANUP(freep)
	char *path = fs_path("%s/%s/%s.json", s->dir, json_str_at(one, "dir", ""),
			     json_str_at(one, "suite", ""));

	if (is_status(one, "n/a"))
		return true;
	if (is_status(one, "failed") || is_status(one, "broken"))
		return !retry_failed;
	return is_status(one, "passed") && path && fs_exists(path);
}

size_t suites_resume(struct store *s, bool retry_failed)
{
	size_t pending = 0;
	json_t *one;
	size_t i;

	json_array_foreach(list_of(s->run), i, one) {
		if (is_done(s, one, retry_failed))
			continue;
		pending++;
		(void)json_object_set_new(one, "status", json_string("pending"));
		(void)json_object_set_new(one, "reason", json_null());
	}
	return pending;
}

/* @reason may be of a program, and so of any bytes. */
static void judge(json_t *one, const char *status, const char *reason)
{
	json_t *text = reason ? json_string(reason) : json_null();

	(void)json_object_set_new(one, "status", json_string(status));
	(void)json_object_set_new(one, "reason",
				  text ? text : json_string("it said something that is no UTF-8"));
}

/* What broke it, without the names of this machine's folders. */
static void judge_broken(json_t *one, const struct store *s, const char *home, char *text)
{
	store_hide_dir(text, s->dir);
	store_hide_dir(text, home);
	judge(one, "broken", text);
}

/* The first line of what it complains of; without a complaint what its status says. */
static void judge_end(json_t *one, const struct store *s, const char *home,
		      const struct proc_output *o)
{
	static const struct {
		int code;
		const char *status;
		const char *reason;
	} ends[] = {
		{ 0, "passed", NULL },
		{ 1, "failed", "checks that are required fail, and are not known" },
		{ 77, "n/a", "every check was skipped" },
	};
	const char *said = buf_text(&o->err);
	char text[400];

	for (size_t i = 0; WIFEXITED(o->status) && i < ARRAY_SIZE(ends); i++)
		if (WEXITSTATUS(o->status) == ends[i].code) {
			judge(one, ends[i].status, ends[i].reason);
			return;
		}
	(void)snprintf(text, sizeof(text), "%.*s", (int)strcspn(said, "\n"), said);
	if (!*text)
		(void)snprintf(text, sizeof(text), "%s",
			       WIFEXITED(o->status) && WEXITSTATUS(o->status) == 3
				       ? "checks could not be done"
				       : "virtiofs-conform did not end as it should");
	judge_broken(one, s, home, text);
}

/* virtiofs-conform, which knows how results of any suite are judged and written. */
static int conform(const struct suites_request *q, const char *out, const char *const *words,
		   struct proc_output *ret, struct err *reterr)
{
	CLEANUP(strv_free) struct strv argv = { 0 };
	struct proc_spec spec = { 0 };

	strv_addf(&argv, "%s/build/virtiofs-conform", q->home);
	strv_add(&argv, "--home");
	strv_add(&argv, q->home);
	strv_addf(&argv, "--seed=%llu", (unsigned long long)q->plan->seed);
	strv_addf(&argv, "--out=%s", out);
	strv_add_all(&argv, words);
	if (strv_failed(&argv))
		return err_set(reterr, -ENOMEM, "out of memory");
	spec.argv = argv.item;
	return proc_run(&spec, OUTPUT_MAX, clock_deadline_ms(DEVICE_MS), ret, reterr);
}

/* Results are complete in a folder of their own before run.json names them. */
static int keep(const struct store *s, json_t *one, const char *part, const struct proc_output *o,
		struct err *reterr)
{
	const char *stack = json_str_at(one, "stack", "");
	CLEANUP(freep) char *from = fs_path("%s/%s", part, stack);
	CLEANUP(freep) char *to = fs_path("%s/%s", s->dir, json_str_at(one, "dir", ""));
	CLEANUP(freep) char *log = from ? fs_path("%s/output.txt", from) : NULL;
	json_auto_t *result = NULL;
	CLEANUP(freep)
	char *file = from ? fs_path("%s/%s.json", from, json_str_at(one, "suite", "")) : NULL;
	int e = log && to && file ? fs_mkdirs(from, 0755, reterr) : -ENOMEM;

	if (e == 0)
		e = fs_write_atomic(log, buf_text(&o->out), o->out.size, reterr);
	if (e == 0)
		e = fs_remove_tree(to, reterr);
	if (e < 0)
		return e;
	if (json_load_path(file, &result, NULL) == 0)
		(void)json_object_set_new(one, "version",
					  json_string(json_str_at(result, "target.version", "")));
	else if (!is_status(one, "broken"))
		judge(one, "broken", "virtiofs-conform left no results");
	return rename(from, to) < 0 ? err_errno(reterr, -errno, "cannot complete %s", to) : 0;
}

/* What no program needs to be asked for. */
static bool is_absent(const struct stack *stack, json_t *one)
{
	const struct cell c = { .stack = stack };
	char reason[512];

	if (stack->conf) {
		judge(one, "n/a",
		      "a stack of a conf file: virtiofs-conform --daemon 'ARGV' checks it");
		return true;
	}
	if (!probe_absent(&c, reason, sizeof(reason)))
		return false;
	judge(one, "n/a", reason);
	return true;
}

static int run_daemon(struct store *s, json_t *one, const struct suites_request *q,
		      const char *part, struct err *reterr)
{
	CLEANUP(proc_output_free) struct proc_output o = { 0 };
	const struct stack *stack = stack_find(json_str_at(one, "stack", ""));
	CLEANUP(freep) char *word = stack ? fs_path("--stack=%s", stack->id) : NULL;
	const char *const words[] = { word, NULL };
	struct err why = { "" };
	int e;

	if (!word || is_absent(stack, one))
		return 0;
	e = conform(q, part, words, &o, &why);
	if (e < 0)
		judge_broken(one, s, q->home, why.text);
	else
		judge_end(one, s, q->home, &o);
	return keep(s, one, part, &o, reterr);
}

/* What was seen in the guest goes to virtiofs-conform, which makes the results of it. */
static int judge_checks(struct store *s, json_t *one, const struct suites_request *q,
			const char *part, struct checks_result *r, struct err *reterr)
{
	CLEANUP(freep) char *raw = fs_path("%s/%s/seen.json", part, json_str_at(one, "stack", ""));
	const char *const words[] = { "results", raw, NULL };
	CLEANUP(proc_output_free) struct proc_output o = { 0 };
	struct err why = { "" };
	int e = raw ? json_save_atomic(raw, r->results, reterr) : -ENOMEM;

	if (e < 0)
		return e;
	e = conform(q, part, words, &o, &why);
	if (e < 0)
		judge_broken(one, s, q->home, why.text);
	else
		judge_end(one, s, q->home, &o);
	(void)unlink(raw);
	/* Whatever its checks said, a stack that did not come to its end is broken. */
	if (r->status == PASS_FAILED)
		judge_broken(one, s, q->home, r->reason);
	return keep(s, one, part, &o, reterr);
}

static int run_checks(struct store *s, json_t *one, const struct suites_request *q,
		      const char *part, struct err *reterr)
{
	const struct cell *c = cells_find(&q->plan->checks, json_str_at(one, "stack", ""));
	CLEANUP(freep) char *dir = c ? fs_path("%s/%s", part, c->id) : NULL;
	struct checks_result r = { 0 };
	const char *broken;
	int e = dir ? fs_mkdirs(dir, 0755, reterr) : -ENOMEM;

	if (e < 0)
		return e;
	broken = probe_broken(*q->broken, c);
	if (probe_absent(c, r.reason, sizeof(r.reason))) {
		judge(one, "n/a", r.reason);
		return 0;
	}
	if (broken) {
		judge(one, "broken", broken);
		return 0;
	}
	e = checks_run(q->context, c, q->only, json_object_get(s->run, "versions"), dir, &r,
		       reterr);
	if (e == 0 && r.status == PASS_NA)
		judge(one, "n/a", r.reason);
	else if (e == 0 && json_array_size(json_object_get(r.results, "checks")) == 0)
		judge_broken(one, s, q->home,
			     r.reason[0] ? r.reason : (char[]){ "no check was run" });
	else if (e == 0)
		e = judge_checks(s, one, q, part, &r, reterr);
	checks_result_free(&r);
	return e;
}

static int run_one(struct store *s, json_t *one, const struct suites_request *q, struct err *reterr)
{
	CLEANUP(freep) char *part = fs_path("%s/" FOLDER ".part", s->dir);
	CLEANUP(freep) char *folder = fs_path("%s/" FOLDER, s->dir);
	bool guest = strcmp(json_str_at(one, "suite", ""), "guest") == 0;
	uint64_t start = clock_now_ns();
	int e = part && folder ? fs_remove_tree(part, reterr) : -ENOMEM;

	if (e == 0)
		e = fs_mkdirs(part, 0755, reterr);
	if (e == 0)
		e = fs_mkdirs(folder, 0755, reterr);
	if (e == 0)
		e = guest ? run_checks(s, one, q, part, reterr)
			  : run_daemon(s, one, q, part, reterr);
	(void)json_object_set_new(one, "elapsed_s",
				  json_num(clock_seconds(clock_now_ns() - start)));
	return e < 0 ? e : fs_remove_tree(part, reterr);
}

int suites_run(struct store *s, const struct suites_request *q, struct err *reterr)
{
	size_t count = json_array_size(list_of(s->run));
	json_t *one;
	size_t i;
	int e = 0;

	json_array_foreach(list_of(s->run), i, one) {
		const char *suite = json_str_at(one, "suite", "");

		if (e < 0 || !is_status(one, "pending"))
			continue;
		(void)fprintf(stderr, "%s suite [%zu/%zu] %s\n", suite, i + 1, count,
			      json_str_at(one, "stack", ""));
		e = store_check_room(s, reterr);
		if (e == 0)
			e = run_one(s, one, q, reterr);
		if (e == 0)
			e = store_save_run(s, reterr);
		(void)fprintf(stderr, "%s suite [%zu/%zu] %s  %s%s%s\n", suite, i + 1, count,
			      json_str_at(one, "stack", ""), json_str_at(one, "status", ""),
			      json_str_at(one, "reason", NULL) ? ": " : "",
			      json_str_at(one, "reason", ""));
	}
	return e;
}

void suites_count(json_t *run, struct suites_outcome *ret)
{
	json_t *one;
	size_t i;

	*ret = (struct suites_outcome){ 0 };
	json_array_foreach(list_of(run), i, one) {
		ret->passed += is_status(one, "passed");
		ret->failed += is_status(one, "failed");
		ret->broken += is_status(one, "broken");
		ret->na += is_status(one, "n/a");
		ret->pending += is_status(one, "pending");
	}
}
