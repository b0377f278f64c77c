// SPDX-License-Identifier: Apache-2.0
#include "run/executor.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/isolate.h"
#include "base/json.h"
#include "base/version.h"
#include "metric/metric.h"
#include "relay/fuse_names.h"
#include "run/attach.h"
#include "run/dax.h"
#include "run/describe.h"
#include "run/estimate.h"
#include "run/observe.h"
#include "run/pass.h"
#include "run/probe.h"
#include "run/progress.h"
#include "run/resume.h"

#include <string.h>
#include <time.h>

/* Exit status of the inner process: it said why on stderr. */
#define INNER_FAILED 3
/* The same, before anything was touched. */
#define INNER_REFUSED 4

struct inner {
	const struct run_request *req;
	struct store *store;
	json_t *broken;	      /* programs that cannot be used, and why */
	size_t passes_before; /* of a run that goes on */
	unsigned starts;      /* of guests, that run.json tells of */
	uint64_t start_ns;
};

static json_t *utc_now(void)
{
	time_t now = time(NULL);
	struct tm tm;
	char text[32];

	(void)gmtime_r(&now, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

static void add_metric(json_t *list, const char *phase, const struct metric_def *m)
{
	char name[96];
	size_t i;
	json_t *seen;

	(void)snprintf(name, sizeof(name), "%s.%s", phase, m->name);
	json_array_foreach(list, i, seen)
		if (strcmp(json_str_at(seen, "name", ""), name) == 0)
			return;
	(void)json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:s}", "name", name, "title",
						    m->title, "unit", m->unit, "better",
						    metric_better_name(m->better), "kind",
						    metric_kind_name(m->kind)));
}

/* What observed passes of a phase may yield. */
static void describe_operations(const char *phase, json_t *metrics)
{
	size_t count;
	const struct metric_def *op = relay_op_metrics(&count);

	for (size_t i = 0; i < count; i++)
		add_metric(metrics, phase, &op[i]);
	for (size_t i = 0; i < RELAY_METRIC_COUNT; i++)
		add_metric(metrics, phase, relay_metric((enum relay_metric)i));
}

static void describe_workload(const struct workload *w, json_t *workloads, json_t *metrics)
{
	json_t *headline = json_array();

	for (const char *const *h = w->headline; *h; h++)
		(void)json_array_append_new(headline, json_string(*h));
	(void)json_array_append_new(
		workloads, json_pack("{s:s,s:s,s:s,s:s,s:I,s:o}", "id", w->id, "title", w->title,
				     "question", w->question, "decides", w->decides, "file_bytes",
				     (json_int_t)workload_bytes(w), "headline", headline));
	for (size_t i = 0; i < w->phase_count; i++) {
		for (size_t j = 0; j < w->metric_count; j++)
			add_metric(metrics, w->phases[i].name, &w->metrics[j]);
		/* Taken around a phase in one guest; a footprint has several. */
		for (size_t j = 0; j < METRIC_BUILTIN_COUNT && w->tool != TOOL_FOOTPRINT; j++)
			add_metric(metrics, w->phases[i].name,
				   metric_builtin((enum builtin_metric)j));
	}
}

static void describe_dax(const struct plan *p, json_t *metrics)
{
	size_t count;
	const struct metric_def *m = dax_metrics(&count);
	bool window = false;

	for (size_t i = 0; i < p->cells.count; i++)
		window |= p->cells.item[i].window_bytes > 0;
	for (size_t i = 0; window && i < count; i++)
		add_metric(metrics, DAX_PHASE, &m[i]);
}

static void describe_workloads(json_t *run, const struct plan *p)
{
	json_t *workloads = json_array();
	json_t *metrics = json_array();
	size_t count;
	const struct workload *const *all = workload_list(&count);

	for (size_t i = 0; i < count; i++) {
		bool used = false;

		for (size_t j = 0; j < p->cells.count; j++)
			used |= p->cells.item[j].workload == all[i];
		if (!used)
			continue;
		describe_workload(all[i], workloads, metrics);
		for (size_t j = 0; p->observed && j < all[i]->phase_count; j++)
			describe_operations(all[i]->phases[j].name, metrics);
	}
	if (p->observed)
		describe_operations(OBSERVE_MOUNT, metrics);
	describe_dax(p, metrics);
	(void)json_object_set_new(run, "workloads", workloads);
	(void)json_object_set_new(run, "metrics", metrics);
}

static void describe_order(json_t *run, const struct plan *p)
{
	json_t *order = json_array();
	json_t *cells = json_array();

	for (size_t i = 0; i < p->cells.count; i++)
		(void)json_array_append_new(cells, json_string(p->cells.item[i].id));
	for (unsigned round = 1; round <= p->rounds + p->observed; round++) {
		CLEANUP(freep) size_t *index = plan_order(p, round);
		json_t *list = json_array();

		for (size_t i = 0; index && i < p->cells.count; i++)
			(void)json_array_append_new(list, json_string(p->cells.item[index[i]].id));
		(void)json_array_append_new(order, list);
	}
	(void)json_object_set_new(run, "cells", cells);
	(void)json_object_set_new(run, "order", order);
}

/* What is known before anything runs. */
static int describe_run(struct store *s, const struct run_request *req, struct err *reterr)
{
	const struct plan *p = req->plan;
	json_t *run = s->run;
	CLEANUP(estimate_free) struct estimate expected = { 0 };

	if (estimate_plan(p, &expected) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	(void)json_object_set_new(run, "schema", json_integer(1));
	(void)json_object_set_new(
		run, "program",
		json_pack("{s:s,s:s}", "name", "virtiofs-qual", "version", VQ_VERSION));
	(void)json_object_set_new(run, "plan",
				  json_pack("{s:s,s:s,s:i,s:i}", "name", p->name, "title", p->title,
					    "rounds", (int)p->rounds, "observed",
					    (int)p->observed));
	(void)json_object_set_new(run, "seed", json_integer((json_int_t)p->seed));
	(void)json_object_set_new(run, "started", utc_now());
	(void)json_object_set_new(run, "finished", json_null());
	(void)json_object_set_new(run, "expected_s", json_num(expected.seconds));
	(void)json_object_set_new(run, "elapsed_s", json_null());
	(void)json_object_set_new(run, "status", json_string("running"));
	(void)json_object_set_new(run, "cause", json_null());
	(void)json_object_set_new(run, "options", opt_json(req->opts, CMD_RUN));
	(void)json_object_set_new(run, "host", json_object());
	(void)json_object_set_new(run, "accelerator",
				  json_pack("{s:s,s:s,s:[]}", "used", "tcg", "requested",
					    req->opts->value[OPT_ACCELERATOR].text, "evidence"));
	(void)json_object_set_new(run, "versions", json_object());
	(void)json_object_set_new(run, "image", json_object());
	(void)json_object_set_new(run, "guests", json_array());
	(void)json_object_set_new(run, "stacks", describe_stacks(p));
	if (req->attach)
		(void)json_object_set_new(run, "attached", attach_describe(req->attach));
	if (suites_describe(run, p) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	(void)json_object_set_new(run, "vmms", describe_vmms(p));
	(void)json_object_set_new(run, "kernels", describe_kernels(p));
	describe_workloads(run, p);
	describe_order(run, p);
	return store_save_run(s, reterr);
}

static bool needs_guest(const struct plan *p)
{
	for (size_t i = 0; plan_at(p, i); i++)
		if (plan_at(p, i)->vmm)
			return true;
	return false;
}

static int probe_accel(struct inner *in, const struct world *w, const char **ret_accel,
		       struct err *reterr)
{
	json_t *run = in->store->run;
	json_t *accel = NULL;
	int e = 0;

	*ret_accel = "none";
	if (needs_guest(in->req->plan))
		e = probe_accelerator(w, in->req->opts->value[OPT_ACCELERATOR].text, ret_accel,
				      &accel, reterr);
	if (e < 0)
		return e;
	if (accel)
		(void)json_object_set_new(run, "accelerator", accel);
	else
		(void)json_object_set_new(json_object_get(run, "accelerator"), "used",
					  json_string("none"));
	return 0;
}

/* A run that goes on must find the machine that it was begun on. */
static int compare_machine(struct inner *in, json_t *was, struct err *reterr)
{
	json_auto_t *differences = resume_differences(was, in->store->run);

	if (!differences)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (json_array_size(differences) && !in->req->force)
		return resume_refuse(differences, reterr);
	resume_record(in->store->run, utc_now(), in->passes_before, differences);
	return store_tidy(in->store, &in->req->plan->cells, reterr);
}

static int probe_all(struct inner *in, const struct world *w, const char **ret_accel,
		     struct err *reterr)
{
	json_t *run = in->store->run;
	json_auto_t *was = json_deep_copy(run);
	int e;

	(void)json_object_set_new(run, "host", probe_host(w));
	(void)json_object_set_new(run, "versions", probe_versions(in->req->plan, &in->broken));
	if (!in->req->attach)
		(void)json_object_set_new(run, "image", probe_image());
	e = probe_accel(in, w, ret_accel, reterr);
	if (e == 0 && in->req->resume)
		e = compare_machine(in, was, reterr);
	if (e == 0)
		e = store_add_cells(in->store, &in->req->plan->cells, *ret_accel, reterr);
	return e < 0 ? e : store_save_run(in->store, reterr);
}

static int run_pass(struct inner *in, struct pass_context *ctx, struct progress *progress,
		    const struct cell *c, struct turn turn, struct err *reterr)
{
	const struct plan *p = in->req->plan;
	CLEANUP(freep) char *dir = NULL;
	struct pass_result r = { 0 };
	const char *broken;
	int e;

	if (store_has_pass(in->store, c, turn))
		return 0; /* of a run that goes on */
	/* What a stack answered once it will answer again: n/a is not asked for in later rounds. */
	if (strcmp(store_cell_status(in->store, c), "n/a") == 0 ||
	    (turn.kind == PASS_OBSERVED && turn.number > plan_observed(p, c))) {
		progress->total--;
		return 0;
	}
	e = store_check_room(in->store, reterr);
	if (e == 0)
		e = store_pass_begin(in->store, c, turn, &dir, reterr);
	if (e < 0)
		return e;
	progress_pass(progress, c, turn);
	broken = probe_broken(in->broken, c);
	r.guest = "none";
	if (probe_absent(c, r.reason, sizeof(r.reason))) {
		r.status = PASS_NA;
		pass_add_evidence(&r, "what set-up was told", r.reason, NULL);
	} else if (broken) {
		pass_fail(&r, "%s", broken);
	} else {
		pass_run(ctx, c, turn.kind, dir, &r);
	}
	/* What failed because the results have no room says nothing about its cell. */
	if (r.status == PASS_FAILED && store_check_room(in->store, reterr) < 0) {
		pass_result_free(&r);
		return -ENOSPC;
	}
	e = store_pass_commit(in->store, c, turn, p->rounds + plan_observed(p, c), &r, reterr);
	progress_done(progress, &r);
	pass_result_free(&r);
	return e;
}

/* An interrupted run tells of its guests too. */
static int note_guests(struct inner *in, const struct fleet *f, struct err *reterr)
{
	unsigned starts = 0;

	for (size_t i = 0; i < f->count; i++)
		starts += f->item[i].starts;
	if (starts == in->starts)
		return 0;
	in->starts = starts;
	resume_merge_guests(in->store->run, fleet_describe(f));
	return store_save_run(in->store, reterr);
}

static int run_rounds(struct inner *in, struct pass_context *ctx, struct err *reterr)
{
	const struct plan *p = in->req->plan;
	struct progress progress;
	int e = 0;

	progress_start(&progress, p->cells.count * (p->rounds + p->observed) - in->passes_before);
	ctx->stage = progress_stage;
	ctx->stage_arg = &progress;
	for (unsigned round = 1; e == 0 && round <= p->rounds + p->observed; round++) {
		CLEANUP(freep) size_t *order = plan_order(p, round);

		if (!order)
			e = err_set(reterr, -ENOMEM, "out of memory");
		for (size_t i = 0; e == 0 && order && i < p->cells.count; i++) {
			e = run_pass(in, ctx, &progress, &p->cells.item[order[i]],
				     turn_of(p, round), reterr);
			if (e == 0)
				e = note_guests(in, ctx->fleet, reterr);
		}
	}
	progress_end(&progress);
	ctx->stage_arg = NULL;
	ctx->stage = NULL;
	return e;
}

/* Guests of a run that went on are logged apart. */
static char *guest_log_dir(const struct inner *in)
{
	size_t n = json_array_size(json_object_get(in->store->run, "resumptions"));

	return n ? fs_path("%s/guests.resumed%zu", in->store->dir, n)
		 : fs_path("%s/guests", in->store->dir);
}

static int save_complete(struct store *s, uint64_t start_ns, struct err *reterr)
{
	/* Of a run that was resumed nobody saw all of the time. */
	json_t *elapsed = start_ns && !json_object_get(s->run, "resumptions")
				  ? json_num(clock_seconds(clock_now_ns() - start_ns))
				  : json_null();

	(void)json_object_set_new(s->run, "status", json_string("complete"));
	(void)json_object_set_new(s->run, "finished", utc_now());
	(void)json_object_set_new(s->run, "elapsed_s", elapsed);
	return store_save_run(s, reterr);
}

static int run_in_world(struct inner *in, const struct world *w, struct err *reterr)
{
	const struct opts *o = in->req->opts;
	CLEANUP(freep) char *log_dir = NULL;
	CLEANUP(freep) char *cmdline = fs_path("%s/guest-image/cmdline", in->req->home);
	struct fleet_options fo = {
		.vcpus = (unsigned)o->value[OPT_VCPUS].number,
		.memory_mib = (unsigned)o->value[OPT_MEMORY].number,
		.boot_ms = in->req->plan->boot_ms,
		.cmdline_path = cmdline,
		.world = w,
	};
	struct fleet fleet;
	struct pass_context ctx = { .world = w,
				    .fleet = &fleet,
				    .time_ms = in->req->plan->time_ms,
				    .grace_ms = in->req->plan->grace_ms,
				    .step_ms = in->req->plan->step_ms };
	const struct suites_request suites = { .home = in->req->home,
					       .plan = in->req->plan,
					       .context = &ctx,
					       .only = o->value[OPT_ONLY].text,
					       .broken = &in->broken };
	int e = probe_all(in, w, &fo.accelerator, reterr);

	fo.log_dir = log_dir = guest_log_dir(in);
	if (e < 0 || !log_dir || !cmdline)
		return e < 0 ? e : -ENOMEM;
	fleet_init(&fleet, &fo);
	/* The shortest first: the device suite boots no guest. */
	e = suites_run(in->store, &suites, reterr);
	if (e == 0 && in->req->plan->cells.count > 0)
		e = run_rounds(in, &ctx, reterr);
	resume_merge_guests(in->store->run, fleet_describe(&fleet));
	fleet_free(&fleet);
	return e < 0 ? e : save_complete(in->store, in->start_ns, reterr);
}

/* Best effort: what stopped the run may be a full disk. */
static void save_cause(struct store *s, struct err *why)
{
	(void)json_object_set_new(s->run, "status", json_string("interrupted"));
	(void)json_object_set_new(s->run, "finished", utc_now());
	store_hide_dir(why->text, s->dir);
	(void)json_object_set_new(s->run, "cause", json_string(why->text));
	(void)!store_save_run(s, NULL);
}

static int inner_main(void *arg)
{
	struct inner *in = arg;
	const struct world_source src = { .home = in->req->home,
					  .attach = in->req->attach,
					  .user_kernel = in->req->user_kernel,
					  .checks_only = !plan_at(in->req->plan, 0),
					  .share_mib = in->req->plan->share_mib };
	struct world w = { 0 };
	struct err err = { 0 };
	int e = world_make(&src, &w, &err);

	if (e == 0)
		e = run_in_world(in, &w, &err);
	if (e < 0)
		(void)fprintf(stderr, "virtiofs-qual: %s\n", err.text);
	if (e < 0 && e != -ESTALE)
		save_cause(in->store, &err);
	if (e == -ESTALE)
		return INNER_REFUSED;
	return e < 0 ? INNER_FAILED : 0;
}

/* The inner process may have been killed: the truth is on disk. */
static int settle(const char *dir, bool interrupted, struct run_outcome *o, struct err *reterr)
{
	CLEANUP(freep) char *path = fs_path("%s/run.json", dir);
	json_auto_t *run = NULL;
	size_t i;
	json_t *id;
	int e = path ? json_load_path(path, &run, reterr) : -ENOMEM;

	if (e < 0)
		return e;
	if (interrupted) {
		(void)json_object_set_new(run, "status", json_string("interrupted"));
		(void)json_object_set_new(run, "finished", utc_now());
		e = json_save_atomic(path, run, reterr);
	}
	suites_count(run, &o->suites);
	json_array_foreach(json_object_get(run, "cells"), i, id) {
		CLEANUP(freep)
		char *cell_path = fs_path("%s/cells/%s/cell.json", dir, json_string_value(id));
		json_auto_t *cell = NULL;
		const char *status;

		if (!cell_path || json_load_path(cell_path, &cell, NULL) < 0) {
			o->pending++;
			continue;
		}
		status = json_str_at(cell, "status", "pending");
		o->ok += strcmp(status, "ok") == 0;
		o->na += strcmp(status, "n/a") == 0;
		o->failed += strcmp(status, "failed") == 0;
		o->pending += strcmp(status, "pending") == 0;
	}
	return e;
}

static int begin(const struct run_request *req, struct store *s, struct err *reterr)
{
	CLEANUP(freep)
	char *base = req->out ? strdup(req->out) : fs_path("%s/results/runs", req->home);
	CLEANUP(freep) char *plan = NULL;
	int e = base ? store_create(base, req->out != NULL, req->plan->name, s, reterr)
		     : err_set(reterr, -ENOMEM, "out of memory");

	if (e < 0)
		return e;
	/* run.json comes last: with it the folder is one that can be resumed. */
	plan = fs_path("%s/" STORE_PLAN, s->dir);
	e = plan ? fs_write_atomic(plan, req->plan->text, strlen(req->plan->text), reterr)
		 : err_set(reterr, -ENOMEM, "out of memory");
	if (e == 0)
		e = describe_save_conf(s->dir, reterr);
	return e < 0 ? e : describe_run(s, req, reterr);
}

static int go_on(struct inner *in, bool *ret_done, struct err *reterr)
{
	const struct run_request *req = in->req;
	struct store *s = in->store;
	int e = store_open(req->resume, s, reterr);

	if (e == 0)
		e = resume_check_plan(s->run, req->plan, reterr);
	if (e == 0)
		e = store_load_cells(s, req->plan, req->retry_failed, &in->passes_before, reterr);
	if (e < 0)
		return e;
	*ret_done = resume_pending(s, req->plan) + suites_resume(s, req->retry_failed) == 0;
	if (*ret_done) /* it may have been killed right behind its last pass */
		return strcmp(json_str_at(s->run, "status", ""), "complete") == 0
			       ? 0
			       : save_complete(s, 0, reterr);
	(void)json_object_set_new(s->run, "status", json_string("running"));
	(void)json_object_set_new(s->run, "finished", json_null());
	(void)json_object_set_new(s->run, "elapsed_s", json_null());
	(void)json_object_set_new(s->run, "cause", json_null());
	return 0;
}

static int run_isolated(struct inner *in, bool *ret_interrupted, struct err *reterr)
{
	struct isolate_result how = { 0 };
	const char *dir = in->store->dir;
	int e = isolate_run(inner_main, in, &how, reterr);

	/* The one thing that would outlive the namespace, also when the run was interrupted. */
	if (in->req->attach)
		attach_clean(in->req->attach);
	if (e < 0)
		return e;
	*ret_interrupted = how.interrupted;
	if (how.interrupted || how.status == 0)
		return 0;
	if (how.status == INNER_REFUSED)
		return err_set(reterr, -EPERM, "nothing was run, and %s is as it was", dir);
	if (how.status == INNER_FAILED)
		return err_set(reterr, -EIO,
			       "the run stopped (see above); what was done is in %s, and can be "
			       "completed with: virtiofs-qual resume %s",
			       dir, dir);
	return err_set(reterr, -EIO, "the run ended with status %d; what was done is in %s",
		       how.status, dir);
}

int run_execute(const struct run_request *req, struct run_outcome *ret, struct err *reterr)
{
	struct run_outcome o = { 0 };
	struct store store = { 0 };
	struct inner in = { .req = req, .store = &store, .start_ns = clock_now_ns() };
	int e = world_prepare(reterr);

	if (e == 0)
		e = req->resume ? go_on(&in, &o.nothing_to_do, reterr) : begin(req, &store, reterr);
	if (e == 0 && !o.nothing_to_do)
		e = run_isolated(&in, &o.interrupted, reterr);
	if (e == 0)
		e = settle(store.dir, o.interrupted, &o, reterr);
	if (e == 0) {
		o.dir = TAKE_PTR(store.dir);
		*ret = o;
	}
	store_free(&store);
	return e;
}

void run_outcome_free(struct run_outcome *o)
{
	free(o->dir);
	*o = (struct run_outcome){ 0 };
}
