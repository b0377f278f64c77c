// SPDX-License-Identifier: Apache-2.0
/* resume: complete a run that was interrupted, from what it left in its folder. */
#include "commands.h"

#include "base/fs.h"
#include "base/json.h"
#include "run/describe.h"
#include "run/store.h"

#include <string.h>

/* Options of the run, as it recorded them; the strings live in @words. */
static int replay(json_t *run, struct strv *words, struct opts *ret, struct err *reterr)
{
	int e = opt_replay(json_object_get(run, "options"), words, reterr);

	if (e == 0)
		e = opt_parse((int)words->count, words->item, CMD_RUN, ret, reterr);
	return e < 0 ? err_prefix(reterr, e, "the run cannot go on: its options in run.json") : 0;
}

static bool was_user_kernel(json_t *run)
{
	size_t i;
	json_t *item;

	json_array_foreach(json_object_get(run, "options"), i, item)
		if (strcmp(json_str_at(item, "name", ""), "kernel") == 0)
			return strcmp(json_str_at(item, "value", ""), OPT_A_FILE) == 0;
	return false;
}

/* Where a kernel of the user lies was not recorded: it has to be given again, and only then. */
static int take_kernel(const struct command_call *c, json_t *run, struct opts *o,
		       struct err *reterr)
{
	bool given = opt_given(c->opts, OPT_KERNEL);

	if (was_user_kernel(run) && !given)
		return err_set(reterr, -EINVAL,
			       "the run was made with --kernel FILE: give that file again");
	if (!was_user_kernel(run) && (given || opt_given(c->opts, OPT_MODULES)))
		return err_set(
			reterr, -EINVAL,
			"the run was made without --kernel FILE; it goes on as it was begun");
	if (given) {
		o->value[OPT_KERNEL] = c->opts->value[OPT_KERNEL];
		o->value[OPT_MODULES] = c->opts->value[OPT_MODULES];
	}
	return 0;
}

/* The same with the mount of somebody else's guest. */
static int take_mount(const struct command_call *c, json_t *run, struct opts *o, struct err *reterr)
{
	bool was = json_is_object(json_object_get(run, "attached"));

	if (was && !opt_given(c->opts, OPT_ATTACH))
		return err_set(reterr, -EINVAL,
			       "the run was made with --attach MOUNT: give that mount again");
	if (!was && opt_given(c->opts, OPT_ATTACH))
		return err_set(reterr, -EINVAL,
			       "the run was made without --attach; it goes on as it was begun");
	o->value[OPT_ATTACH] = c->opts->value[OPT_ATTACH];
	return 0;
}

static int load_plan(const char *dir, json_t *run, struct opts *o, struct plan *ret,
		     struct err *reterr)
{
	CLEANUP(freep) char *file = fs_path("%s/" STORE_PLAN, dir);
	CLEANUP(freep) char *name = strdup(json_str_at(run, "plan.name", "plan"));
	int e = file && name ? command_plan_load(o, dir, file, ret, reterr)
			     : err_set(reterr, -ENOMEM, "out of memory");

	if (e < 0)
		return e;
	free(ret->name);
	ret->name = TAKE_PTR(name);
	return 0;
}

static int prepare(const struct command_call *c, json_t *run, struct strv *words, struct opts *o,
		   struct plan *plan, struct err *reterr)
{
	int e = replay(run, words, o, reterr);

	if (e == 0)
		e = describe_load_conf(c->opts->operands[0], reterr);
	if (e == 0)
		e = take_kernel(c, run, o, reterr);
	if (e == 0)
		e = take_mount(c, run, o, reterr);
	if (e == 0)
		e = load_plan(c->opts->operands[0], run, o, plan, reterr);
	return e;
}

int command_resume(const struct command_call *c)
{
	const char *dir = c->opts->operands[0];
	CLEANUP(plan_free) struct plan plan = { 0 };
	CLEANUP(store_free) struct store store = { 0 };
	CLEANUP(strv_free) struct strv words = { 0 };
	CLEANUP(freep) char *user_kernel = NULL;
	struct opts opts = { 0 };
	struct command_call call = { c->home, &opts };
	struct run_request req = {
		.home = c->home,
		.plan = &plan,
		.opts = &opts,
		.resume = dir,
		.retry_failed = opt_given(c->opts, OPT_RETRY_FAILED),
		.force = opt_given(c->opts, OPT_FORCE),
	};
	struct err err = { 0 };

	if (store_open(dir, &store, &err) < 0 ||
	    prepare(c, store.run, &words, &opts, &plan, &err) < 0 ||
	    command_kernels(&call, &plan, &user_kernel, &err) < 0)
		return command_error(EXIT_USAGE, &err);
	req.user_kernel = user_kernel;
	req.attach = opts.value[OPT_ATTACH].text;
	return command_execute(c, &req);
}
