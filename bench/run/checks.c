// SPDX-License-Identifier: Apache-2.0
#include "run/checks.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "run/checks_serve.h"
#include "run/checks_talk.h"
#include "run/session.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST_MS	 10000
#define LIST_MAX (4 * MIB)
#define SCHEMA	 1

const struct workload checks_workload = {
	.id = "guest",
	.title = "guest suite",
	.question = "does the mount behave as its mode says?",
	.decides = "whether the stack can be relied on",
	.layout = LAYOUT_NONE,
};

bool checks_fit(const struct stack *s)
{
	return s->kind != STACK_ATTACHED;
}

int checks_list(const char *path, json_t **ret, struct err *reterr)
{
	char *const argv[] = { (char *)(uintptr_t)path, (char *)(uintptr_t) "list", NULL };
	const struct proc_spec spec = { .argv = argv };
	CLEANUP(proc_output_free) struct proc_output o = { 0 };
	json_auto_t *list = json_array();
	json_error_t je;
	int e = proc_run(&spec, LIST_MAX, clock_deadline_ms(LIST_MS), &o, reterr);

	for (const char *at = buf_text(&o.out); e == 0 && *at;) {
		size_t n = strcspn(at, "\n");
		json_t *one = json_loadb(at, n, JSON_REJECT_DUPLICATES, &je);

		if (!one || json_array_append_new(list, one) < 0)
			return err_set(reterr, -EPROTO, "%s list: %s", path, je.text);
		at += n + (at[n] == '\n');
	}
	if (e == 0 && json_array_size(list) == 0)
		e = err_set(reterr, -ENOENT, "%s list: it has no checks", path);
	if (e == 0)
		*ret = json_incref(list);
	return e;
}

/* ---- results ---- */

void checks_result_free(struct checks_result *r)
{
	json_decref(r->results);
	*r = (struct checks_result){ 0 };
}

/* The program and the kernel that were tested, as one line. */
static json_t *version_json(const struct cell *c, json_t *versions, const char *kernel)
{
	const char *daemon = json_string_value(json_object_get(versions, c->stack->id));
	const char *vmm = c->vmm ? json_string_value(json_object_get(versions, c->vmm->id)) : NULL;
	const char *first = daemon ? daemon : vmm ? vmm : c->stack->id;

	return json_sprintf("%s%s%s", first, kernel[0] ? "; " : "", kernel);
}

static int add_check(json_t *list, json_t *facts, json_t *result)
{
	json_t *one = json_copy(facts);

	if (one && json_object_update(one, result) == 0)
		return json_array_append_new(list, one) < 0 ? -ENOMEM : 0;
	json_decref(one);
	return -ENOMEM;
}

static int make_results(const struct checks_talk *t, const struct cell *c, json_t *versions,
			uint64_t duration_ns, json_t **ret)
{
	json_auto_t *checks = json_array();
	json_t *facts;
	size_t i;
	int e = checks ? 0 : -ENOMEM;

	json_array_foreach(t->serve.list, i, facts) {
		json_t *result = json_object_get(t->serve.results, json_str_at(facts, "id", ""));

		if (e == 0 && result)
			e = add_check(checks, facts, result);
	}
	if (e < 0)
		return e;
	*ret = json_pack("{s:i,s:s,s:s,s:{s:s,s:o},s:o,s:O}", "schema", SCHEMA, "suite", "guest",
			 "stack", c->stack->id, "target", "name", c->id, "version",
			 version_json(c, versions, t->kernel), "duration_ms",
			 json_num((double)duration_ns / (double)NS_PER_MS), "checks", checks);
	return *ret ? 0 : -ENOMEM;
}

/* ---- one boot after the other ---- */

static char *boot_dir(const char *dir, unsigned boot, struct err *reterr)
{
	CLEANUP(freep) char *path = boot ? fs_path("%s/again-%u", dir, boot) : strdup(dir);

	return path && fs_mkdirs(path, 0755, reterr) == 0 ? TAKE_PTR(path) : NULL;
}

/* What of a session that could not be opened is the result of the cell, or of the checks that are left. */
static void not_opened(struct checks_talk *t, const struct pass_result *r,
		       struct checks_result *ret)
{
	bool first = json_object_size(t->serve.results) == 0;

	ret->status = first ? r->status : PASS_FAILED;
	(void)snprintf(ret->reason, sizeof(ret->reason), "%s%.1900s",
		       first ? "" : "the guest could not be replaced: ", r->reason);
}

/* One boot and mount, and as many checks as it survives. Returns whether there is more to do. */
static bool one_boot(struct checks_talk *t, struct pass_context *ctx, const struct cell *c,
		     const char *dir, struct checks_result *ret)
{
	/* What DAX does is for the checks to say. */
	struct session s = { .cell = c, .dir = dir, .unproved = true };
	struct pass_result r = { 0 };
	unsigned before = checks_serve_next(&t->serve);
	bool more = false;
	int e;

	ctx->serial++;
	t->session = &s;
	e = session_open(ctx, &s, &r);
	if (e < 0) {
		not_opened(t, &r, ret);
	} else {
		struct err err = { 0 };

		e = s.place.agent ? checks_talk_guest(t, &err) : checks_talk_control(t, &err);
		more = e == -ERESTART;
		if (e < 0 && !more) {
			ret->status = PASS_FAILED;
			(void)snprintf(ret->reason, sizeof(ret->reason), "%s", err.text);
		}
		if (more)
			s.guest_lost = true;
	}
	session_close(ctx, &s, &r);
	if (e == 0 && r.status == PASS_FAILED) {
		ret->status = PASS_FAILED;
		(void)snprintf(ret->reason, sizeof(ret->reason), "behind the last check: %.1900s",
			       r.reason);
	}
	pass_result_free(&r);
	t->session = NULL;
	/* One that takes a guest with it and is not even told of would go round for ever. */
	return more && checks_serve_next(&t->serve) > before;
}

int checks_run(struct pass_context *ctx, const struct cell *c, const char *only, json_t *versions,
	       const char *dir, struct checks_result *ret, struct err *reterr)
{
	struct checks_talk t = { .only = only, .cell = c };
	uint64_t start = clock_now_ns();
	bool more = true;
	int e = checks_list(WORLD_GUEST "/vq-check", &t.serve.list, reterr);

	*ret = (struct checks_result){ .status = PASS_OK };
	checks_expect(c, t.expect, sizeof(t.expect));
	for (unsigned boot = 0; e == 0 && more; boot++) {
		CLEANUP(freep) char *path = boot_dir(dir, boot, reterr);

		if (!path)
			e = -EIO;
		else
			more = one_boot(&t, ctx, c, path, ret);
	}
	if (e == 0)
		e = make_results(&t, c, versions, clock_now_ns() - start, &ret->results);
	json_decref(t.serve.list);
	checks_serve_free(&t.serve);
	return e;
}
