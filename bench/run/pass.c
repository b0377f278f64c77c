// SPDX-License-Identifier: Apache-2.0
#include "run/pass.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "metric/metric.h"
#include "metric/residency.h"
#include "run/dax.h"
#include "run/footprint.h"
#include "run/observe.h"
#include "run/recording.h"
#include "run/session.h"

#include <math.h>
#include <string.h>

/* Share of the data that counts as "all" or "none" of it in a guest's global Cached counter. */
#define CACHED_TOLERANCE 0.05
/* What else moves that counter: our own tools, which the guest reads from its root, and folders. */
#define CACHED_NOISE ((double)MIB)
/* But never so much of little data that "all" and "none" would meet. */
#define CACHED_NOISE_MAX 0.3
#define STATE_ATTEMPTS	 3

/* One phase in progress. */
struct phase_run {
	struct pass_context *ctx;
	struct session *session;
	struct pass_result *r;
	const struct workload_phase *phase;
	struct observation *observation; /* NULL: a timed pass */
	char raw[64];			 /* name of the raw JSON file in the pass folder */
	json_t *json;
};

struct sample {
	double guest_cached;
	double host_cached;
	double data_bytes;
	double vmm_cpu;
	double daemon_cpu;
};

static double cpu_seconds(const struct proc *p)
{
	uint64_t ns;

	return p->pid && proc_cpu_ns(p->pid, &ns) == 0 ? clock_seconds(ns) : NAN;
}

static bool has_data(const struct session *s)
{
	return s->cell->workload->layout != LAYOUT_NONE;
}

static int take_sample(struct phase_run *p, struct sample *ret)
{
	struct session *s = p->session;
	struct residency host = { 0 };
	struct err err = { 0 };
	int e = place_cached(&s->place, &ret->guest_cached, &err);

	if (e == 0 && has_data(s))
		e = residency_read(s->share.data, &host, &err);
	if (e < 0) {
		pass_fail(p->r, "%s: %s", p->phase->name, err.text);
		return e;
	}
	ret->guest_cached -= s->cached_at_mount;
	ret->host_cached = (double)host.cached_bytes;
	ret->data_bytes = (double)s->share.data_bytes;
	ret->vmm_cpu = s->guest ? cpu_seconds(&s->guest->guest.vmm) : NAN;
	ret->daemon_cpu = cpu_seconds(&s->daemon);
	return 0;
}

static double cached_slack(double data)
{
	double slack = fmax(CACHED_TOLERANCE * data, CACHED_NOISE);

	return fmin(slack, CACHED_NOISE_MAX * data);
}

/* What a state means for this stack and mode, in words and as a verdict on the sample. */
static bool state_reached(const struct session *s, enum phase_state state, const struct sample *at,
			  const char **ret_expected)
{
	double slack = cached_slack(at->data_bytes);
	bool guest_none = at->guest_cached <= slack;
	bool guest_all = at->guest_cached >= at->data_bytes - slack;
	bool host_all = at->host_cached >= at->data_bytes;

	if (s->cell->stack->kind == STACK_ATTACHED) {
		*ret_expected = state != STATE_WARM
					? "this guest: nothing cached; the host: not known"
					: "read once; this guest: as its mount keeps data";
		return state == STATE_WARM || at->host_cached == 0;
	}
	if (!s->guest && !s->cell->stack->on_disk) {
		*ret_expected = "host: all cached (a tmpfs has no cold state)";
		return host_all;
	}
	if (state == STATE_COLD) {
		*ret_expected = s->guest ? "host: nothing cached; guest: nothing cached"
					 : "host: nothing cached";
		return at->host_cached == 0 && (!s->guest || guest_none);
	}
	if (!s->guest) {
		*ret_expected = "host: all cached";
		return host_all;
	}
	if (s->cell->stack->kind == STACK_BLK) {
		*ret_expected = state == STATE_WARM ? "guest: all cached" : "guest: nothing cached";
		return state == STATE_WARM ? guest_all : guest_none;
	}
	if (state == STATE_GUEST_COLD) {
		*ret_expected = "host: all cached; guest: nothing cached";
		return host_all && guest_none;
	}
	switch (dax_uses(s->cell) ? KEEPS_NOTHING : cache_keeps(s->cell->cache)) {
	case KEEPS_DATA:
		*ret_expected = "host: all cached; guest: all cached";
		return host_all && guest_all;
	case KEEPS_NOTHING:
		if (s->cell->workload->maps_private) {
			*ret_expected = "host: all cached; guest: what private mappings have left";
			return host_all;
		}
		*ret_expected =
			dax_uses(s->cell)
				? "host: all cached; guest: nothing cached, it maps the host's"
				: "host: all cached; guest: nothing cached, the mode does not keep data";
		return host_all && guest_none;
	case KEEPS_MAYBE:
		*ret_expected = "host: all cached; guest: as its kernel keeps data in this mode";
		return host_all;
	}
	return false;
}

static int make_state(struct phase_run *p)
{
	struct session *s = p->session;
	/* Somebody else's host is out of reach: there the guest's cache is all that can be emptied. */
	bool cold = p->phase->state == STATE_COLD ||
		    (p->phase->state == STATE_GUEST_COLD && s->cell->stack->kind == STACK_ATTACHED);
	CLEANUP(freep) char *seen = fs_path("%s/" WORKLOAD_DATA, s->place.dir);
	struct err err = { 0 };
	int e = seen ? 0 : -ENOMEM;

	if (!has_data(s))
		return 0;
	if (e == 0 && cold)
		e = residency_drop(s->share.data, &err);
	else if (e == 0 && p->phase->state == STATE_WARM)
		e = place_read(&s->place, seen, &err);
	/* An image is mostly holes; its data are in the guest. */
	if (e == 0 && !cold && s->cell->stack->kind != STACK_BLK)
		e = residency_fill(s->share.data, &err);
	if (e < 0)
		pass_fail(p->r, "%s: cannot make the state: %s", p->phase->name, err.text);
	return e;
}

static void record_state(struct phase_run *p, const struct sample *at, const char *expected,
			 bool reached, int attempts)
{
	json_t *j = json_pack(
		"{s:s,s:s,s:o,s:o,s:o,s:b,s:i}", "phase", p->phase->name, "expected", expected,
		"host_cached_bytes", json_num(at->host_cached), "guest_cached_delta_bytes",
		p->session->guest ? json_num(at->guest_cached) : json_null(), "file_bytes",
		json_num(at->data_bytes), "reached", reached, "attempts", attempts);

	if (!p->r->states)
		p->r->states = json_array();
	(void)json_array_append_new(p->r->states, j);
}

/*
 * Make the state, look, and make it again if the host's own reclaim or readahead came between. A
 * state that is not reached then fails the pass.
 */
static int reach_state(struct phase_run *p, struct sample *ret)
{
	const char *expected = "";
	bool reached = false;
	int attempt = 0;

	while (!reached && attempt < STATE_ATTEMPTS) {
		int e = make_state(p);

		if (e == 0)
			e = take_sample(p, ret);
		if (e < 0)
			return e;
		attempt++;
		if (!has_data(p->session))
			return 0;
		reached = state_reached(p->session, p->phase->state, ret, &expected);
	}
	record_state(p, ret, expected, reached, attempt);
	if (reached)
		return 0;
	pass_fail(p->r,
		  "%s: state not reached: expected %s; seen: host %.0f, guest %+.0f of %.0f bytes",
		  p->phase->name, expected, ret->host_cached, ret->guest_cached, ret->data_bytes);
	return -EAGAIN;
}

static int save_raw(struct phase_run *p, const char *name, const struct buf *text)
{
	CLEANUP(freep) char *path = fs_path("%s/%s", p->session->dir, name);
	struct err err = { 0 };
	int e = path ? fs_write_atomic(path, buf_text(text), text->size, &err) : -ENOMEM;

	if (e < 0)
		pass_fail(p->r, "%s", err.text);
	return e;
}

/* What a workload that failed has left: stderr, and fio's own output file or stdout. */
static void collect_words(struct phase_run *p, const struct workload_run *run,
			  const struct place_result *out, struct buf *ret)
{
	ret->max = 64 * KIB;
	(void)buf_add(ret, buf_text(&out->err), out->err.size);
	if (p->session->cell->workload->tool == TOOL_FIO)
		(void)!place_get(&p->session->place, run->out_path, ret, NULL);
	else
		(void)buf_add(ret, buf_text(&out->out), out->out.size);
}

/* The errno that the workload names in its JSON (fio prints messages before); 0: there is none. */
static int named_errno(const struct buf *said, enum workload_tool tool)
{
	const char *json = strchr(buf_text(said), '{');
	json_auto_t *j = json ? json_loads(json, JSON_DISABLE_EOF_CHECK, NULL) : NULL;

	return (int)json_integer_value(json_at(j, tool == TOOL_FIO ? "jobs[0].error" : "error"));
}

/*
 * A stack may refuse what a workload needs: that is an answer, not a fault. The workload does not
 * always say which call failed, so the place is asked for that one call with the same file.
 */
static const char *refused(struct phase_run *p, int error, json_t **ret_answer)
{
	struct session *s = p->session;
	const struct workload *w = s->cell->workload;
	const char *file_name = w->file_count > 1 ? WORKLOAD_DATA "/0" : WORKLOAD_DATA;
	CLEANUP(freep) char *file = fs_path("%s/%s", s->place.dir, file_name);
	const char *try = NULL;
	const char *what = workload_refusal(w, error, &try);

	if (!what || !file || place_try(&s->place, try, file, ret_answer, NULL) < 0)
		return NULL;
	return json_integer_value(json_object_get(*ret_answer, "errno")) == error ? what : NULL;
}

static void judge_failure(struct phase_run *p, const struct workload_run *run,
			  const struct place_result *out)
{
	const struct workload *w = p->session->cell->workload;
	bool fio = w->tool == TOOL_FIO;
	CLEANUP(buf_free) struct buf said = { 0 };
	CLEANUP(freep) char *seen = NULL;
	json_auto_t *answer = NULL;
	const char *what;
	char printed[64];
	int error;

	collect_words(p, run, out, &said);
	(void)save_raw(p, "workload.err", &said);
	error = named_errno(&said, w->tool);
	what = refused(p, error, &answer);
	if (!what) {
		pass_fail(p->r, "%s: %s %s%s%s: %.*s", p->phase->name, w->job, out->fate,
			  error ? ", error " : "", error ? strerror(error) : "",
			  (int)strcspn(buf_text(&said), "\n{"), buf_text(&said));
		return;
	}
	seen = json_dumps(answer, JSON_COMPACT);
	if (p->r->status != PASS_FAILED) {
		p->r->status = PASS_NA;
		(void)snprintf(p->r->reason, sizeof(p->r->reason),
			       "%s on this mount: %s (errno %d); %s: error %d", what,
			       strerror(error), error, fio ? "fio" : w->job, error);
	}
	(void)snprintf(printed, sizeof(printed), "%s = %d", fio ? "jobs[0].error" : "error", error);
	pass_add_evidence(p->r, fio ? "what fio printed" : "what the program printed", printed,
			  "workload.err");
	pass_add_evidence(p->r, "the same place is asked for that one call", seen ? seen : "?",
			  NULL);
}

static int read_output(struct phase_run *p, const struct workload_run *run,
		       struct place_result *out)
{
	CLEANUP(buf_free) struct buf fetched = { 0 };
	const struct buf *raw = &out->out;
	struct err err = { 0 };
	json_error_t je;
	int e = 0;

	if (p->session->cell->workload->tool == TOOL_FIO) {
		e = place_get(&p->session->place, run->out_path, &fetched, &err);
		raw = &fetched;
	}
	if (e < 0) {
		pass_fail(p->r, "%s: no output: %s", p->phase->name, err.text);
		return e;
	}
	e = save_raw(p, p->raw, raw);
	if (e < 0)
		return e;
	p->json = json_loadb(buf_text(raw), raw->size, 0, &je);
	if (!p->json) {
		pass_fail(p->r, "%s: %s line %d: %s", p->phase->name, p->raw, je.line, je.text);
		return -EBADMSG;
	}
	return 0;
}

static int run_tool(struct phase_run *p, uint64_t *ret_run_ns)
{
	struct session *s = p->session;
	const struct workload *w = s->cell->workload;
	CLEANUP(freep) char *host_job = fs_path("%s/%s", WORLD_JOBS, w->job);
	CLEANUP(freep) char *job = fs_path("%s/vq-job.fio", s->place.tmp);
	CLEANUP(freep) char *out_path = fs_path("%s/vq-out.json", s->place.tmp);
	CLEANUP(strv_free) struct strv argv = { 0 };
	CLEANUP(strv_free) struct strv env = { 0 };
	/* Observed: once over the data, however long that takes; `grace_ms` still means hung. */
	struct workload_phase phase = *p->phase;
	const struct workload_run run = { s->place.dir, job, s->place.program_dir, out_path,
					  p->observation ? 0 : p->ctx->time_ms };
	struct place_result out = { 0 };
	struct err err = { 0 };
	int e;

	phase.repeat = phase.repeat && !p->observation;
	if (!host_job || !job || !out_path || workload_command(w, &phase, &run, &argv, &env) < 0) {
		pass_fail(p->r, "out of memory");
		return -ENOMEM;
	}
	e = w->tool == TOOL_FIO ? place_put(&s->place, host_job, job, &err) : 0;
	if (e == 0)
		e = place_run(&s->place, &argv, &env, p->ctx->time_ms + p->ctx->grace_ms, &out,
			      &err);
	if (e < 0) {
		s->guest_lost = true;
		pass_fail(p->r, "%s: %s", p->phase->name, err.text);
		return e;
	}
	if (!p->r->commands)
		p->r->commands = json_array();
	(void)json_array_append_new(p->r->commands,
				    json_pack("{s:s,s:o,s:o}", "who", s->guest ? "guest" : "host",
					      "argv", json_argv(argv.item), "env",
					      json_argv(env.item)));
	*ret_run_ns = out.run_ns;
	s->guest_lost |= out.lost;
	if (out.ok)
		e = read_output(p, &run, &out);
	else
		judge_failure(p, &run, &out);
	if (!out.ok)
		e = -EIO;
	place_result_free(&out);
	return e;
}

/* A number that the harness has made: its source is the pass itself. */
static void add_own(struct phase_run *p, const struct metric_def *def, double value)
{
	char field[128];

	(void)snprintf(field, sizeof(field), "metrics[%s.%s]", p->phase->name, def->name);
	if (pass_add_metric(p->r, p->phase->name, def, value, "pass.json", field) < 0)
		pass_fail(p->r, "out of memory");
}

static void add(struct phase_run *p, enum builtin_metric m, double value)
{
	if (isfinite(value))
		add_own(p, metric_builtin(m), value);
}

static void add_builtin(struct phase_run *p, const struct sample *before,
			const struct sample *after, uint64_t run_ns)
{
	/* Inside somebody else's guest all that can be seen is that guest's. */
	bool attached = p->session->cell->stack->kind == STACK_ATTACHED;
	bool file = has_data(p->session) && !attached;
	bool guest = p->session->guest || attached;

	add(p, METRIC_GUEST_CACHED_BEFORE, guest ? before->guest_cached : NAN);
	add(p, METRIC_GUEST_CACHED_AFTER, guest ? after->guest_cached : NAN);
	add(p, METRIC_HOST_CACHED_BEFORE, file ? before->host_cached : NAN);
	add(p, METRIC_HOST_CACHED_AFTER, file ? after->host_cached : NAN);
	add(p, METRIC_VMM_CPU, after->vmm_cpu - before->vmm_cpu);
	add(p, METRIC_DAEMON_CPU, after->daemon_cpu - before->daemon_cpu);
	add(p, METRIC_RUN_TIME, clock_seconds(run_ns));
}

static void add_measured(struct phase_run *p)
{
	const struct workload *w = p->session->cell->workload;

	for (size_t i = 0; i < w->metric_count; i++) {
		const struct metric_def *m = &w->metrics[i];
		double value;
		int e = metric_read(m, p->json, &value);

		if (e == 0 && m->compute)
			add_own(p, m, value);
		else if (e == 0)
			e = pass_add_metric(p->r, p->phase->name, m, value, p->raw, m->path);
		/* Too few samples for a percentile: it is left out. Anything else is a broken result. */
		if (e < 0 && e != -ENODATA)
			pass_fail(p->r, "%s: %s has no number at %s", p->phase->name, p->raw,
				  m->path);
	}
}

static int mark(struct session *s, const char *phase, struct pass_result *r)
{
	struct err err = { 0 };
	int e = s->recording ? recording_phase(s->recording, phase, &err) : 0;

	if (e < 0)
		pass_fail(r, "%s", err.text);
	return e;
}

static void finish_recording(struct session *s, struct pass_result *r)
{
	struct err err = { 0 };

	if (s->recording && recording_stop(s->recording, s->guest_lost, NULL, &err) < 0)
		pass_fail(r, "the recording is incomplete: %s", err.text);
}

static int run_phase(struct pass_context *ctx, struct session *s,
		     const struct workload_phase *phase, struct observation *observation,
		     struct pass_result *r)
{
	struct phase_run p = {
		.ctx = ctx, .session = s, .r = r, .phase = phase, .observation = observation
	};
	struct sample before = { 0 };
	struct sample after = { 0 };
	uint64_t run_ns = 0;
	int e;

	(void)snprintf(p.raw, sizeof(p.raw), "%s-%s.json",
		       s->cell->workload->tool == TOOL_FIO ? "fio" : "program", phase->name);
	if (ctx->stage)
		ctx->stage(ctx->stage_arg, phase->name);
	e = reach_state(&p, &before);
	if (e == 0 && observation)
		e = observe_before(observation, s, r);
	if (e == 0)
		e = mark(s, phase->name, r);
	if (e == 0)
		e = run_tool(&p, &run_ns);
	if (e == 0)
		e = mark(s, RECORDING_BETWEEN, r);
	if (e == 0 && observation)
		e = observe_after(observation, s, phase->name, r);
	if (e == 0)
		e = take_sample(&p, &after);
	r->work_ns += run_ns;
	if (e == 0 && !observation) {
		add_builtin(&p, &before, &after, run_ns);
		add_measured(&p);
	}
	json_decref(p.json);
	return e;
}

void pass_run(struct pass_context *ctx, const struct cell *c, enum pass_kind kind, const char *dir,
	      struct pass_result *ret)
{
	bool observed = kind == PASS_OBSERVED;
	struct session s = { .cell = c, .dir = dir, .observed = observed };
	struct observation observation = { 0 };
	struct recording recording = { 0 };
	uint64_t start = clock_now_ns();
	int e;

	ctx->serial++;
	if (c->workload->tool == TOOL_FOOTPRINT) {
		footprint_run(ctx, c, kind, dir, ret);
		ret->wall_ns = clock_now_ns() - start;
		return;
	}
	s.recording = observed ? &recording : NULL;
	e = session_open(ctx, &s, ret);
	for (size_t i = 0; e == 0 && i < c->workload->phase_count; i++)
		e = run_phase(ctx, &s, &c->workload->phases[i], observed ? &observation : NULL,
			      ret);
	if (e == 0)
		dax_finish(&s, ret);
	finish_recording(&s, ret);
	observe_finish(&observation, &s, ret);
	session_close(ctx, &s, ret);
	ret->wall_ns = clock_now_ns() - start;
}
