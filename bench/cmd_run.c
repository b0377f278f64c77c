// SPDX-License-Identifier: Apache-2.0
/* plan, run, report. */
#include "commands.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/proc.h"
#include "report/report.h"
#include "run/attach.h"
#include "run/estimate.h"
#include "run/executor.h"
#include "run/lock.h"

#include <signal.h>
#include <string.h>
#include <time.h>

#define KERNEL_MS 120000

/* Extract and pack a kernel as the image build does for Debian's. */
static int make_kernel(const struct command_call *c, const char *id, const char *file,
		       const char *modules, const char *dir, struct err *reterr)
{
	CLEANUP(freep) char *script = fs_path("%s/guest-image/kernel", c->home);
	CLEANUP(strv_free) struct strv argv = { 0 };
	struct proc_spec spec = { 0 };
	struct proc_output o = { 0 };
	int e;

	if (!script)
		return err_set(reterr, -ENOMEM, "out of memory");
	strv_add(&argv, script);
	strv_add(&argv, "--kernel");
	strv_add(&argv, file);
	if (modules) {
		strv_add(&argv, "--modules");
		strv_add(&argv, modules);
	}
	strv_add(&argv, "--out");
	strv_add(&argv, dir);
	strv_add(&argv, "--id");
	strv_add(&argv, id);
	if (strv_failed(&argv))
		return err_set(reterr, -ENOMEM, "out of memory");
	spec.argv = argv.item;
	e = proc_run(&spec, 64 * KIB, clock_deadline_ms(KERNEL_MS), &o, reterr);
	if (e < 0)
		return e;
	if (o.status != 0)
		e = err_set(reterr, -EINVAL, "kernel %s: %s", file, buf_text(&o.err));
	proc_output_free(&o);
	return e;
}

/* The kernel that gives a cell's kernel its files, if those are made for the run; else NULL. */
static const struct kernel *made_for(const struct cell *c)
{
	return c->kernel && kernel_is_made(c->kernel) ? kernel_find(kernel_files(c->kernel)) : NULL;
}

int command_kernels(const struct command_call *c, const struct plan *p, char **ret_dir,
		    struct err *reterr)
{
	const struct opts *o = c->opts;
	CLEANUP(freep) char *dir = fs_path("%s/build/kernel-user", c->home);
	size_t made = 0;
	int e = dir ? fs_mkdirs(dir, 0755, reterr) : err_set(reterr, -ENOMEM, "out of memory");

	for (size_t i = 0; e == 0 && plan_at(p, i); i++) {
		const struct kernel *k = made_for(plan_at(p, i));
		size_t j = 0;

		while (j < i && made_for(plan_at(p, j)) != k)
			j++;
		if (!k || j < i)
			continue;
		e = k->file ? make_kernel(c, k->id, k->file, k->modules, dir, reterr)
			    : make_kernel(c, k->id, o->value[OPT_KERNEL].text,
					  o->value[OPT_MODULES].text, dir, reterr);
		made++;
	}
	if (e == 0)
		*ret_dir = made ? TAKE_PTR(dir) : NULL;
	return e;
}

static bool is_user_kernel(const struct opts *o)
{
	return opt_given(o, OPT_KERNEL) && !kernel_find(o->value[OPT_KERNEL].text);
}

int command_plan_load(struct opts *o, const char *dir, const char *name, struct plan *ret,
		      struct err *reterr)
{
	const struct plan_filter filter = {
		.stack_glob = o->value[OPT_STACK].text,
		.workload_glob = o->value[OPT_WORKLOAD].text,
		.cell_glob = o->value[OPT_CELL].text,
		.kernel = is_user_kernel(o) ? "user" : o->value[OPT_KERNEL].text,
		.suites = opt_given(o, OPT_SUITE) ? suites_parse(o->value[OPT_SUITE].text) : 0,
	};
	int e;

	if (opt_given(o, OPT_KERNEL) && strcmp(o->value[OPT_KERNEL].text, "user") == 0)
		return err_set(reterr, -EINVAL,
			       "--kernel user: give the file of your kernel instead");
	if (opt_given(o, OPT_MODULES) && !is_user_kernel(o))
		return err_set(reterr, -EINVAL, "--modules belongs to --kernel FILE");
	if (is_user_kernel(o) && !fs_exists(o->value[OPT_KERNEL].text))
		return err_set(reterr, -ENOENT,
			       "--kernel '%s' is neither an id of 'virtiofs-qual list' nor a file",
			       o->value[OPT_KERNEL].text);
	e = plan_load(dir, name, ret, reterr);
	if (e < 0)
		return e;
	ret->rounds = (unsigned)opt_from_plan(o, OPT_ROUNDS, ret->rounds);
	ret->observed = (unsigned)opt_from_plan(o, OPT_OBSERVED, ret->observed);
	ret->seed = (uint64_t)opt_from_plan(o, OPT_SEED, (double)ret->seed);
	ret->time_ms = (unsigned)(opt_from_plan(o, OPT_TIME, ret->time_ms / 1000.0) * 1000.0 + 0.5);
	if (opt_given(o, OPT_ATTACH)) {
		/* There is neither daemon nor host inside of a guest. */
		ret->suites &= ~(unsigned)(PLAN_DEVICE | PLAN_GUEST);
		if (filter.suites & (PLAN_DEVICE | PLAN_GUEST))
			e = err_set(
				reterr, -EINVAL,
				"--attach goes with --suite bench only: the other suites need the "
				"host");
		if (e == 0)
			e = attach_check(o->value[OPT_ATTACH].text, reterr);
		if (e == 0)
			e = attach_plan(ret, reterr);
	}
	if (e == 0)
		e = plan_select(ret, &filter, reterr);
	if (e < 0)
		plan_free(ret);
	return e;
}

/* Who asks for checks alone, and no plan, is asked about every daemon. */
static const char *default_plan(const struct opts *o)
{
	bool given = strcmp(o->value[OPT_PLAN].origin, "default") != 0;

	if (given || !opt_given(o, OPT_SUITE))
		return o->value[OPT_PLAN].text;
	switch (suites_parse(o->value[OPT_SUITE].text)) {
	case PLAN_DEVICE: return "device";
	case PLAN_GUEST: return "guest";
	default: return o->value[OPT_PLAN].text;
	}
}

static int load_selected(const struct command_call *c, struct plan *ret, struct err *reterr)
{
	CLEANUP(freep) char *dir = fs_path("%s/bench/plans", c->home);

	if (!dir)
		return err_set(reterr, -ENOMEM, "out of memory");
	return command_plan_load(c->opts, dir, default_plan(c->opts), ret, reterr);
}

/* What will run and how long it will take, stack by stack. */
static void print_head(FILE *out, const struct plan *p)
{
	CLEANUP(estimate_free) struct estimate e = { 0 };

	if (estimate_plan(p, &e) < 0)
		return;
	(void)fprintf(
		out,
		"plan %s: %s\n%zu cells x %u round%s and %u observed, phases of at most %.2g s, seed %llu; about %.0f s\n\n",
		p->name, p->title, p->cells.count, p->rounds, p->rounds == 1 ? "" : "s",
		p->observed, p->time_ms / 1000.0, (unsigned long long)p->seed, e.seconds);
	(void)fprintf(out, "  %-16s %6s %13s %8s\n", "stack", "cells", "expected n/a", "about s");
	for (size_t i = 0; i < e.stack_count; i++)
		(void)fprintf(out, "  %-16s %6zu %13zu %8.0f\n", e.stack[i].stack->id,
			      e.stack[i].cells, e.stack[i].na, e.stack[i].seconds);
	for (size_t i = 0; i < p->daemon_count; i++)
		(void)fprintf(out, "  %-16s %20s %8.0f\n", p->daemon[i]->id, "device suite",
			      (double)ESTIMATE_DEVICE_S);
	if (e.guests)
		(void)fprintf(out, "  starting %zu guest%s %*.0f\n", e.guests,
			      e.guests == 1 ? " " : "s", 28, e.guests_s);
	for (size_t i = 0; i < p->checks.count; i++)
		(void)fprintf(out, "  %s\n", p->checks.item[i].id);
	(void)fprintf(out, "\n");
}

static void print_cells(const struct plan *p)
{
	for (size_t i = 0; i < p->cells.count; i++) {
		char scratch[160];
		const char *na = estimate_na(&p->cells.item[i], scratch, sizeof(scratch));

		(void)printf("  %s%s%s\n", p->cells.item[i].id, na ? "  expected n/a: " : "",
			     na ? na : "");
	}
	(void)printf("\n");
}

static json_t *stacks_json(const struct estimate *e)
{
	json_t *list = json_array();

	for (size_t i = 0; i < e->stack_count; i++)
		(void)json_array_append_new(
			list, json_pack("{s:s,s:I,s:I,s:o}", "id", e->stack[i].stack->id, "cells",
					(json_int_t)e->stack[i].cells, "expected_na",
					(json_int_t)e->stack[i].na, "expected_s",
					json_num(e->stack[i].seconds)));
	return list;
}

static json_t *plan_json(const struct plan *p)
{
	CLEANUP(estimate_free) struct estimate e = { 0 };
	json_t *cells = json_array();
	json_t *na = json_array();
	json_t *daemons = json_array();

	if (estimate_plan(p, &e) < 0)
		return NULL;
	for (size_t i = 0; i < p->cells.count; i++) {
		const struct cell *c = &p->cells.item[i];
		char scratch[160];
		const char *why = estimate_na(c, scratch, sizeof(scratch));

		(void)json_array_append_new(cells, json_string(c->id));
		if (why)
			(void)json_array_append_new(
				na, json_pack("{s:s,s:s}", "id", c->id, "reason", why));
	}
	for (size_t i = 0; i < p->daemon_count; i++)
		(void)json_array_append_new(daemons, json_string(p->daemon[i]->id));
	return json_pack("{s:i,s:s,s:s,s:i,s:i,s:I,s:o,s:{s:I,s:o},s:o,s:o,s:o,s:o,s:o}", "schema",
			 1, "name", p->name, "title", p->title, "rounds", (int)p->rounds,
			 "observed", (int)p->observed, "seed", (json_int_t)p->seed, "expected_s",
			 json_num(e.seconds), "guests", "count", (json_int_t)e.guests, "expected_s",
			 json_num(e.guests_s), "stacks", stacks_json(&e), "expected_na", na,
			 "cells", cells, "suites", suites_json(p->suites), "daemons", daemons);
}

int command_plan(const struct command_call *c)
{
	CLEANUP(plan_free) struct plan plan = { 0 };
	struct err err = { 0 };

	if (load_selected(c, &plan, &err) < 0)
		return command_error(EXIT_USAGE, &err);
	if (opt_is_json(c->opts)) {
		json_auto_t *j = plan_json(&plan);

		(void)json_dumpf(j, stdout, JSON_INDENT(2));
		(void)printf("\n");
		return EXIT_OK;
	}
	print_head(stdout, &plan);
	print_cells(&plan);
	return EXIT_OK;
}

static int outcome_status(const struct run_outcome *o)
{
	if (o->interrupted)
		return EXIT_INTERRUPTED;
	if (o->failed || o->pending || o->suites.broken || o->suites.pending)
		return EXIT_BROKEN;
	if (o->suites.failed)
		return EXIT_FAIL;
	return o->ok || o->suites.passed ? EXIT_OK : EXIT_SKIPPED;
}

static json_t *suites_counts_json(const struct suites_outcome *o)
{
	return json_pack("{s:I,s:I,s:I,s:I,s:I}", "passed", (json_int_t)o->passed, "failed",
			 (json_int_t)o->failed, "broken", (json_int_t)o->broken, "n/a",
			 (json_int_t)o->na, "pending", (json_int_t)o->pending);
}

static int show_outcome(const struct command_call *c, const struct run_outcome *o)
{
	struct err err = { 0 };
	int e = report_write(o->dir, &err);

	if (e < 0)
		return command_error(EXIT_BROKEN, &err);
	if (opt_is_json(c->opts)) {
		json_auto_t *j = json_pack("{s:i,s:s,s:b,s:I,s:I,s:I,s:I,s:o}", "schema", 1, "dir",
					   o->dir, "interrupted", o->interrupted, "ok",
					   (json_int_t)o->ok, "n/a", (json_int_t)o->na, "failed",
					   (json_int_t)o->failed, "pending", (json_int_t)o->pending,
					   "device", suites_counts_json(&o->suites));

		(void)json_dumpf(j, stdout, JSON_INDENT(2));
		(void)printf("\n");
		return outcome_status(o);
	}
	e = report_summary(o->dir, stdout, &err);
	if (e < 0)
		return command_error(EXIT_BROKEN, &err);
	if (o->interrupted)
		(void)printf("interrupted: %zu cells and %zu suites were not finished; what was "
			     "done is in %s\ncomplete it with: virtiofs-qual resume %s\n",
			     o->pending, o->suites.pending, o->dir, o->dir);
	return outcome_status(o);
}

/* Wait for the lock of this machine; -EINTR when somebody ends us meanwhile. */
static int wait_for_lock(struct err *reterr)
{
	static const struct timespec retry = { .tv_nsec = 500000000 };
	pid_t told = -1;
	sigset_t ends;
	sigset_t old;
	int fd;

	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGINT);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &ends, &old);
	while ((fd = lock_take(reterr)) == -EBUSY) {
		pid_t holder = lock_holder();

		if (holder > 0 && holder != told) {
			(void)fprintf(stderr, "waiting for the run of process %d to end\n",
				      (int)holder);
			told = holder;
		}
		if (sigtimedwait(&ends, NULL, &retry) > 0) {
			fd = -EINTR;
			break;
		}
	}
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	return fd;
}

int command_execute(const struct command_call *c, struct run_request *req)
{
	CLEANUP(fd_closep) int lock = -1;
	struct run_outcome outcome = { 0 };
	struct err err = { 0 };
	int status;
	int e;

	lock = opt_given(c->opts, OPT_WAIT) ? wait_for_lock(&err) : lock_take(&err);
	if (lock == -EINTR)
		return EXIT_INTERRUPTED;
	if (lock < 0)
		return command_error(EXIT_BROKEN, &err);
	print_head(stderr, req->plan);
	if (req->attach)
		attach_explain(stderr);
	e = run_execute(req, &outcome, &err);
	if (e < 0)
		return command_error(req->resume && (e == -ENOENT || e == -EBADMSG || e == -EINVAL)
					     ? EXIT_USAGE
					     : EXIT_BROKEN,
				     &err);
	if (outcome.nothing_to_do)
		(void)fprintf(stderr, "the run in %s is complete: there is nothing to do\n",
			      outcome.dir);
	status = show_outcome(c, &outcome);
	run_outcome_free(&outcome);
	return status;
}

int command_run(const struct command_call *c)
{
	CLEANUP(plan_free) struct plan plan = { 0 };
	CLEANUP(freep) char *user_kernel = NULL;
	struct run_request req = {
		.home = c->home,
		.out = c->opts->value[OPT_OUT].text,
		.plan = &plan,
		.opts = c->opts,
		.attach = c->opts->value[OPT_ATTACH].text,
	};
	struct err err = { 0 };

	if (load_selected(c, &plan, &err) < 0 || command_kernels(c, &plan, &user_kernel, &err) < 0)
		return command_error(EXIT_USAGE, &err);
	req.user_kernel = user_kernel;
	return command_execute(c, &req);
}

int command_report(const struct command_call *c)
{
	const char *dir = c->opts->operands[0];
	struct err err = { 0 };

	if (report_write(dir, &err) < 0)
		return command_error(EXIT_BROKEN, &err);
	if (opt_is_json(c->opts))
		(void)printf(
			"{\"schema\": 1, \"written\": [\"report.html\", \"report.md\", \"results.csv\", \"repro.sh\"]}\n");
	else
		(void)printf("%s/report.html\n%s/report.md\n%s/results.csv\n", dir, dir, dir);
	return EXIT_OK;
}
