// SPDX-License-Identifier: Apache-2.0
/*
 * self - the project's own figures (`make bench-self`): how long a guest takes to start and to be
 * restored, what the harness adds to a pass, whether a job run by the driver gives the figures of
 * the same job typed in the guest, what recording costs a job, how long the smoke plan takes,
 * and what DAX costs and saves. Writes build/bench-self.json. "self recording" and "self dax" measure only that
 * and write nothing but their samples; "self merge" adds the rows of build/bench-load.json.
 */
#include "self_dax.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/isolate.h"
#include "base/json.h"
#include "metric/residency.h"
#include "run/recording.h"
#include "run/session.h"

#include <string.h>

#define OUT	    "build/bench-self.json"
#define LOAD_OUT    "build/bench-load.json"
#define SAMPLES	    "build/bench-self-samples.json"
#define RUN_DIR	    "build/self-run"
#define STARTS	    5
#define PAIRS	    7
#define PLAN_MS	    480000
#define TOLD	    1000 /* bytes of a failed driver's last words */
#define GROWTH_PLAN "build/self-growth.conf"
/* Bound of a recorded job, which reads its file once: some seconds. */
#define RECORDED_MS 60000

/* "": everything. */
static const char *only = "";
static struct figures figures = { .samples_file = SAMPLES };

static bool wanted(const char *part)
{
	return !only[0] || strcmp(only, part) == 0;
}

static void add_sample(const char *name, double value)
{
	figures_sample(&figures, name, value);
}

static int fail(const char *what, const struct err *e)
{
	(void)fprintf(stderr, "bench-self: %s: %s\n", what, e->text);
	return -EIO;
}

/* ---- starts ---- */

static int measure_starts(struct fleet *f, struct err *reterr)
{
	const struct vmm *vmm = vmm_find("qemu-backports");
	const struct kernel *kernel = kernel_find("bookworm");
	struct fleet_guest *g = NULL;
	int e = 0;

	for (int i = 0; e == 0 && i < STARTS; i++) {
		e = fleet_get(f, vmm, kernel, &g, reterr);
		if (e < 0)
			break;
		add_sample("cold_start", clock_seconds(g->cold_start_ns));
		fleet_drop(g);
		e = fleet_get(f, vmm, kernel, &g, reterr);
		if (e < 0)
			break;
		add_sample("restored_start", clock_seconds(g->restore_ns));
		fleet_drop(g);
		/* The next turn boots again. */
		(void)unlink(g->state);
		g->state[0] = '\0';
		g->starts = 0;
	}
	return e;
}

/* ---- by hand ---- */

static int read_bw(const struct place *p, const char *path, double *ret)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	json_auto_t *j = NULL;

	if (place_get(p, path, &text, NULL) < 0)
		return -EIO;
	j = json_loadb(text.data, text.size, 0, NULL);
	return json_number_at(j, "jobs[0].read.bw_bytes", ret);
}

static int run_job(struct session *s, const struct strv *argv, const struct strv *env,
		   const char *out, const char *name, struct err *reterr)
{
	struct place_result r = { 0 };
	double bw = 0;
	int e = residency_drop(s->share.data, reterr);

	if (e == 0)
		e = place_run(&s->place, argv, env, 60000, &r, reterr);
	if (e == 0 && (!r.ok || read_bw(&s->place, out, &bw) < 0))
		e = err_set(reterr, -EIO, "%s: %s: %s", name, r.fate, buf_text(&r.err));
	place_result_free(&r);
	if (e == 0)
		add_sample(name, bw);
	return e;
}

/* What somebody would type at the guest's shell to get the same job. */
static void typed(struct strv *argv, const struct strv *env, const struct workload_run *run)
{
	CLEANUP(freep) char *exports = strv_join_quoted(env->item);

	strv_add(argv, "/bin/bash");
	strv_add(argv, "-c");
	strv_addf(argv, "cd / && export %s && fio --output-format=json --output=/run/hand.json %s",
		  exports ? exports : "", run->job_path);
}

static int measure_pairs(struct session *s, struct err *reterr)
{
	const struct workload *w = s->cell->workload;
	const struct workload_run run = { s->place.dir, "/run/vq-job.fio", s->place.program_dir,
					  "/run/vq-out.json", 1000 };
	CLEANUP(freep) char *job = fs_path("%s/%s", WORLD_JOBS, w->job);
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(strv_free) struct strv env = { 0 };
	CLEANUP(strv_free) struct strv hand = { 0 };
	int e = job && workload_command(w, &w->phases[0], &run, &argv, &env) == 0 ? 0 : -ENOMEM;

	typed(&hand, &env, &run);
	if (e < 0 || strv_failed(&hand))
		return err_set(reterr, -ENOMEM, "out of memory");
	e = place_put(&s->place, job, run.job_path, reterr);
	/* Who goes first alternates, so that neither side always inherits the other's wake. */
	for (int i = 0; e == 0 && i < 2 * PAIRS; i++) {
		bool driver = (i / 2 + i) % 2 == 0;

		e = driver ? run_job(s, &argv, &env, run.out_path, "job_by_driver", reterr)
			   : run_job(s, &hand, &env, "/run/hand.json", "job_by_hand", reterr);
	}
	return e;
}

/* ---- recording ---- */

/* One turn of a job, recorded or not; the job's bandwidth. */
static int run_turn(struct session *s, const struct strv *argv, const struct strv *env,
		    const char *out, bool on, double *ret_bw, struct err *reterr)
{
	struct recording rec = { 0 };
	struct place_result r = { 0 };
	json_auto_t *seen = NULL;
	uint64_t began = clock_now_ns();
	uint64_t ready;
	double host = 0;
	double guest = 0;
	int e = residency_drop(s->share.data, reterr);

	if (e == 0 && on)
		e = recording_start(&rec, s, 0, RECORDED_MS, reterr);
	ready = clock_now_ns();
	if (e == 0)
		e = place_run(&s->place, argv, env, RECORDED_MS, &r, reterr);
	if (e == 0 && (!r.ok || read_bw(&s->place, out, ret_bw) < 0))
		e = err_set(reterr, -EIO, "recorded job: %s: %s", r.fate, buf_text(&r.err));
	place_result_free(&r);
	if (e == 0 && on) {
		double sampled = clock_seconds(clock_now_ns() - ready);

		e = recording_stop(&rec, false, &seen, reterr);
		if (e == 0 && (json_number_at(seen, "host.sampler_cpu_s", &host) < 0 ||
			       json_number_at(seen, "guest.sampler_cpu_s", &guest) < 0))
			e = err_set(reterr, -ENODATA, "no CPU time of the samplers");
		add_sample("sampler_cpu_host", host / sampled);
		add_sample("sampler_cpu_guest", guest / sampled);
		add_sample("recording_start_stop", clock_seconds(clock_now_ns() - began) - sampled);
	}
	if (e < 0)
		(void)!recording_stop(&rec, true, NULL, NULL);
	return e;
}

/* Pairs of the same job with and without recording, interleaved; who goes first alternates. */
static int measure_recording(struct session *s, struct err *reterr)
{
	const struct workload *w = s->cell->workload;
	const struct workload_run run = { s->place.dir, "/run/vq-job.fio", s->place.program_dir,
					  "/run/vq-out.json", RECORDED_MS };
	CLEANUP(freep) char *job = fs_path("%s/%s", WORLD_JOBS, w->job);
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(strv_free) struct strv env = { 0 };
	int e = job && workload_command(w, &w->phases[0], &run, &argv, &env) == 0 ? 0 : -ENOMEM;

	if (e < 0)
		return err_set(reterr, e, "out of memory");
	e = place_put(&s->place, job, run.job_path, reterr);
	for (int i = 0; e == 0 && i < PAIRS; i++) {
		double bw[2] = { 0 };
		bool first = i % 2 == 0;

		e = run_turn(s, &argv, &env, run.out_path, first, &bw[first], reterr);
		if (e == 0)
			e = run_turn(s, &argv, &env, run.out_path, !first, &bw[!first], reterr);
		if (e < 0)
			break;
		add_sample("job_recorded", bw[true]);
		add_sample("job_not_recorded", bw[false]);
		add_sample("recorded_ratio", bw[true] / bw[false]);
	}
	return e;
}

static int measure_by_hand(struct fleet *f, const struct world *w, struct err *reterr)
{
	/* A mode that keeps no data in the guest: every turn starts alike without a new mount. */
	struct cell c = {
		.stack = stack_find("rust-trixie"),
		.vmm = vmm_find("qemu-backports"),
		.kernel = kernel_find("bookworm"),
		.cache = CACHE_NEVER,
		.dax = DAX_NONE,
		.workload = workload_find("seqread-psync"),
	};
	struct pass_context ctx = {
		.world = w, .fleet = f, .time_ms = 1000, .grace_ms = 60000, .serial = 1
	};
	struct session s = { .cell = &c, .dir = "build/self-log" };
	struct pass_result r = { 0 };
	int e;

	cell_name(&c);
	e = session_open(&ctx, &s, &r);
	if (e < 0)
		(void)err_set(reterr, e, "%s", r.reason);
	if (e == 0 && wanted("job"))
		e = measure_pairs(&s, reterr);
	if (e == 0)
		e = measure_recording(&s, reterr);
	session_close(&ctx, &s, &r);
	pass_result_free(&r);
	return e;
}

static int inner(void *arg)
{
	const struct world_source src = { .home = arg };
	struct world w = { 0 };
	struct fleet_options o = {
		.accelerator = "tcg",
		.vcpus = 1,
		.memory_mib = 512,
		.cmdline_path = "guest-image/cmdline",
		.log_dir = "build/self-log",
		.world = &w,
	};
	struct fleet f;
	struct err err = { 0 };
	int e = world_make(&src, &w, &err);

	figures.samples = json_object();
	fleet_init(&f, &o);
	if (e == 0)
		e = fs_mkdirs("build/self-log", 0755, &err);
	if (e == 0 && wanted("starts"))
		e = measure_starts(&f, &err);
	if (e == 0)
		e = measure_by_hand(&f, &w, &err);
	fleet_free(&f);
	if (e == 0)
		e = json_save_atomic(SAMPLES, figures.samples, &err);
	json_decref(figures.samples);
	if (e < 0)
		return fail("guests", &err) < 0;
	return 0;
}

/* ---- the smoke plan ---- */

/* Run a plan with the driver into RUN_DIR. @ret: its run.json. */
static int run_plan(const char *plan, json_t **ret, uint64_t *ret_ns, struct err *reterr)
{
	char *const argv[] = { (char *)(uintptr_t) "build/virtiofs-qual",
			       (char *)(uintptr_t) "run",
			       (char *)(uintptr_t) "--wait",
			       (char *)(uintptr_t) "--plan",
			       (char *)(uintptr_t)plan,
			       (char *)(uintptr_t) "--out",
			       (char *)(uintptr_t)RUN_DIR,
			       NULL };
	const struct proc_spec spec = { .argv = argv };
	struct proc_output o = { 0 };
	int e = fs_remove_tree(RUN_DIR, reterr);

	if (e == 0)
		e = proc_run(&spec, MIB, clock_deadline_ms(PLAN_MS), &o, reterr);
	if (e == 0 && o.status != 0)
		e = err_set(reterr, -EIO, "plan %s failed: %s", plan,
			    buf_text(&o.err) + (o.err.size > TOLD ? o.err.size - TOLD : 0));
	*ret_ns = o.run_ns;
	proc_output_free(&o);
	return e < 0 ? e : json_load_path(RUN_DIR "/run.json", ret, reterr);
}

static int measure_smoke(struct err *reterr)
{
	json_auto_t *run = NULL;
	uint64_t ns = 0;
	size_t i;
	json_t *id;
	int e = run_plan("smoke", &run, &ns, reterr);

	if (e == 0)
		add_sample("smoke", clock_seconds(ns));
	json_array_foreach(json_object_get(run, "cells"), i, id) {
		CLEANUP(freep)
		char *path = fs_path(RUN_DIR "/cells/%s/cell.json", json_string_value(id));
		json_auto_t *cell = NULL;
		double s;

		if (path && json_load_path(path, &cell, NULL) == 0 &&
		    json_number_at(cell, "overhead_s", &s) == 0)
			add_sample("harness_per_pass", s);
	}
	return e;
}

/* What the harness took of each pass of a run. */
static int add_overheads(json_t *run, const char *name, struct err *reterr)
{
	size_t i;
	size_t r;
	json_t *id;
	json_t *round;

	json_array_foreach(json_object_get(run, "cells"), i, id) {
		CLEANUP(freep)
		char *path = fs_path(RUN_DIR "/cells/%s/cell.json", json_string_value(id));
		json_auto_t *cell = NULL;
		int e = path ? json_load_path(path, &cell, reterr) : -ENOMEM;

		if (e < 0)
			return e;
		json_array_foreach(json_object_get(cell, "rounds"), r, round)
			add_sample(name, json_number_value(json_object_get(round, "overhead_s")));
	}
	return 0;
}

/* The same cells, for more and more rounds: the mix of modes stays, the number of passes grows. */
static int measure_growth(struct err *reterr)
{
	static const struct {
		const char *name;
		unsigned rounds;
	} sizes[] = { { "plan_1x", 3 }, { "plan_2x", 6 }, { "plan_4x", 12 } };
	int e = 0;

	for (size_t i = 0; e == 0 && i < ARRAY_SIZE(sizes); i++) {
		CLEANUP(buf_free) struct buf plan = { 0 };
		json_auto_t *run = NULL;
		uint64_t ns = 0;

		(void)buf_printf(
			&plan,
			"rounds = %u\nobserved = 0\ncells \"c\" { stacks={\"rust-trixie\"} "
			"vmms={\"qemu-backports\"} kernels={\"bookworm\"} "
			"caches={\"auto\", \"always\"} writeback={\"off\", \"on\"} "
			"workloads={\"metadata\"} }\n",
			sizes[i].rounds);
		e = fs_write_atomic(GROWTH_PLAN, buf_text(&plan), plan.size, reterr);
		if (e == 0)
			e = run_plan(GROWTH_PLAN, &run, &ns, reterr);
		if (e == 0)
			e = add_overheads(run, sizes[i].name, reterr);
	}
	return e;
}

/* ---- figures ---- */

static int add_at_most(const char *name, const char *from, double limit, const char *target)
{
	struct range r;

	if (figures_range(&figures, from, &r) < 0)
		return -ENOENT;
	figures_row(&figures, name, r.median, "s", target, r.median <= limit);
	return 0;
}

/* Within the noise: each side's median lies inside the other side's range. */
static int add_agreement(void)
{
	struct range a;
	struct range b;

	if (figures_range(&figures, "job_by_driver", &a) < 0 ||
	    figures_range(&figures, "job_by_hand", &b) < 0)
		return -ENOENT;
	figures_row(&figures, "job by driver / same job by hand", a.median / b.median, "1",
		    "inside the repeats",
		    a.median >= b.min && a.median <= b.max && b.median >= a.min &&
			    b.median <= a.max);
	return 0;
}

/* Of untimed passes: it says how far what they show is from what timed ones do. */
static int add_recording(void)
{
	struct range ratio;
	struct range host;
	struct range guest;
	struct range extra;

	if (figures_range(&figures, "recorded_ratio", &ratio) < 0 ||
	    figures_range(&figures, "sampler_cpu_host", &host) < 0 ||
	    figures_range(&figures, "sampler_cpu_guest", &guest) < 0 ||
	    figures_range(&figures, "recording_start_stop", &extra) < 0)
		return -ENOENT;
	figures_row(&figures, "job recorded / not recorded", ratio.median, "1", ">= 0.9",
		    ratio.median >= 0.9);
	(void)printf("%-34s %8.3f to %.3f in %d pairs\n", "  its range", ratio.min, ratio.max,
		     PAIRS);
	figures_row(&figures, "CPU of the host's sampler", host.median, "1", "<= 0.05 of a CPU",
		    host.median <= 0.05);
	figures_row(&figures, "CPU of the guest's sampler", guest.median, "1", "<= 0.05 of a CPU",
		    guest.median <= 0.05);
	figures_row(&figures, "recording: start, stop, archives", extra.median, "s", "<= 1.0",
		    extra.median <= 1.0);
	return 0;
}

static int add_growth(void)
{
	struct range x1;
	struct range x2;
	struct range x4;
	double worst;

	if (figures_range(&figures, "plan_1x", &x1) < 0 ||
	    figures_range(&figures, "plan_2x", &x2) < 0 ||
	    figures_range(&figures, "plan_4x", &x4) < 0)
		return -ENOENT;
	worst = (x2.median > x4.median ? x2.median : x4.median) / x1.median;
	figures_row(&figures, "harness time per pass, plan 2x or 4x / 1x", worst, "1", "<= 1.25",
		    worst <= 1.25);
	return 0;
}

static int measure_dax(struct err *reterr)
{
	json_auto_t *run = NULL;
	uint64_t ns = 0;
	int e = run_plan(SELF_DAX_PLAN, &run, &ns, reterr);

	return e < 0 ? e : self_dax_take(&figures, RUN_DIR, reterr);
}

/* What was measured is kept, whatever else failed. */
static int add_figures(struct err *reterr)
{
	int missing = 0;
	int e;

	figures.rows = json_array();
	if (wanted("recording"))
		missing |= add_recording();
	if (wanted("dax"))
		missing |= self_dax_rows(&figures);
	if (!only[0]) {
		missing |= add_at_most("cold start to first answer", "cold_start", 3.0, "<= 3.0");
		missing |= add_at_most("restored start to first answer", "restored_start", 1.0,
				       "<= 1.0");
		missing |= add_at_most("harness time per pass, median", "harness_per_pass", 0.7,
				       "<= 0.7");
		missing |= add_at_most("smoke plan, set up", "smoke", 180, "<= 180");
		missing |= add_agreement();
		missing |= add_growth();
	}
	e = json_save_atomic(SAMPLES, figures.samples, reterr);
	if (e == 0 && !only[0])
		e = json_save_atomic(OUT, figures.rows, reterr);
	json_decref(figures.rows);
	if (e == 0 && missing)
		e = err_set(reterr, -ENOENT, "not everything was measured");
	return e;
}

/* Each runs the driver, and none needs another. */
static const struct {
	const char *part;
	int (*measure)(struct err *reterr);
} plans[] = {
	{ "smoke", measure_smoke },
	{ "growth", measure_growth },
	{ "dax", measure_dax },
};

static int measure(char *home)
{
	struct isolate_result how = { 0 };
	struct err err = { 0 };
	int e = 0;

	figures.samples = json_object();
	if (strcmp(only, "dax") != 0) {
		json_decref(figures.samples);
		e = isolate_run(inner, home, &how, &err);
		if (e == 0 && (how.interrupted || how.status != 0))
			return 3;
		if (e == 0)
			e = json_load_path(SAMPLES, &figures.samples, &err);
	}
	if (e < 0)
		return -fail("cannot measure", &err);
	for (size_t i = 0; i < ARRAY_SIZE(plans); i++)
		if (wanted(plans[i].part) && plans[i].measure(&err) < 0)
			(void)fail(plans[i].part, &err);
	e = add_figures(&err);
	json_decref(figures.samples);
	return e < 0 ? -fail("cannot measure", &err) : 0;
}

int main(int argc, char **argv)
{
	CLEANUP(freep) char *home = realpath(".", NULL);
	struct err err = { 0 };
	int e;

	only = argc == 2 ? argv[1] : "";
	if (argc == 2 && strcmp(only, "merge") == 0) {
		e = figures_merge(OUT, LOAD_OUT, &err);
		return e < 0 ? -fail("merge", &err) : 0;
	}
	if (argc > 2 || (only[0] && strcmp(only, "recording") != 0 && strcmp(only, "dax") != 0))
		return 2;
	e = home ? world_prepare(&err) : -ENOMEM;
	return e < 0 ? -fail("cannot measure", &err) : measure(home);
}
