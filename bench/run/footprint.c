// SPDX-License-Identifier: Apache-2.0
/*
 * The steps of a footprint pass. Baseline and sample are taken on a settled host; between them
 * nothing happens but that guests are restored, mount and read. An attempt whose sum does not
 * explain what the host has less of is made again with new guests: another process may have come
 * between. All attempts are recorded.
 */
#include "run/footprint.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "guest/trim.h"
#include "metric/footprint.h"
#include "metric/metric.h"
#include "metric/residency.h"
#include "run/footprint_files.h"
#include "run/footprint_judge.h"
#include "run/observe.h"
#include "run/recording.h"
#include "run/session.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#define RAW "footprint.json"
/* The first and three more. */
#define ATTEMPTS   4
#define GUESTS_MAX 16
/*
 * Settled: this many readings in a row that differ by less than SETTLED_BYTES. Where an attempt has
 * failed the host is not as quiet as it should be: more of them are wanted, and longer waited for.
 */
#define SETTLE_STEP_MS	    20
#define SETTLE_STEPS	    4
#define SETTLE_MAX_MS	    4000
#define SETTLE_STEPS_AGAIN  40
#define SETTLE_MAX_MS_AGAIN 15000
#define SETTLED_BYTES	    MIB
#define DROP_ATTEMPTS	    3
/* A VMM and a daemon beside guest RAM and translated code: measured 60 MiB, with room. */
#define PER_GUEST_MIB 128
#define PROC	      "/proc"

struct member {
	struct fleet_guest *guest;
	struct session session;
	struct recording recording; /* of an observed pass */
	struct observation observation;
	char dir[512];
};

struct footprint_run {
	struct pass_context *ctx;
	const struct cell *cell;
	const char *dir;
	struct pass_result *r;
	struct footprint_files files;
	struct share tree[GUESTS_MAX];
	size_t tree_count;
	struct member member[GUESTS_MAX];
	size_t member_count;
	bool observed; /* relays and samplers run, which cost memory: none is measured */
	unsigned attempt;
	json_t *attempts;
};

static void stage(struct footprint_run *f, const char *what)
{
	if (f->ctx->stage)
		f->ctx->stage(f->ctx->stage_arg, what);
}

static int failed(struct footprint_run *f, int e, const char *what, const struct err *err)
{
	pass_fail(f->r, "%s: %s", what, err->text);
	return e;
}

static int read_share_cache(struct footprint_run *f, uint64_t *ret, struct err *reterr)
{
	uint64_t sum = 0;
	int e = 0;

	for (size_t i = 0; e == 0 && i < f->tree_count; i++) {
		struct residency r = { 0 };

		e = residency_read(f->tree[i].data, &r, reterr);
		sum += r.cached_bytes;
	}
	*ret = sum;
	return e;
}

static int drop_trees(struct footprint_run *f, struct err *reterr)
{
	uint64_t cached = 1;
	int e = 0;

	for (int i = 0; e == 0 && cached > 0 && i < DROP_ATTEMPTS; i++) {
		for (size_t j = 0; e == 0 && j < f->tree_count; j++)
			e = residency_drop(f->tree[j].data, reterr);
		if (e == 0)
			e = read_share_cache(f, &cached, reterr);
	}
	if (e == 0 && cached > 0)
		e = err_set(reterr, -EAGAIN,
			    "%" PRIu64 " bytes of the trees stay in the host's page cache", cached);
	return e;
}

static int make_trees(struct footprint_run *f)
{
	const struct workload *w = f->cell->workload;
	size_t count = w->private_trees ? w->guests : 1;
	struct err err = { 0 };
	int e = 0;

	stage(f, "share");
	for (size_t i = 0; e == 0 && i < count; i++) {
		f->tree_count++;
		f->ctx->serial++; /* names it */
		e = share_make(f->cell, f->ctx->world, f->ctx->serial, &f->tree[i], &err);
	}
	return e < 0 ? failed(f, e, "share", &err) : 0;
}

/* Guests must fit without the host having to reclaim anything. */
static int check_room(struct footprint_run *f)
{
	const struct workload *w = f->cell->workload;
	const struct fleet_options *opt = &f->ctx->fleet->opt;
	uint64_t each = opt->memory_mib + PER_GUEST_MIB +
			(strcmp(opt->accelerator, "tcg") == 0 ? VMM_TCG_BUFFER_MIB : 0);
	uint64_t trees = f->tree_count * workload_bytes(w);
	uint64_t need = w->guests * each * MIB + trees;
	struct footprint_host host;
	struct err err = { 0 };
	int e = footprint_read_host(PROC, &host, &err);

	if (e < 0)
		return failed(f, e, "memory of the host", &err);
	if (host.available >= need)
		return 0;
	pass_fail(f->r,
		  "%u guests may need %" PRIu64 " MiB and the host has %" PRIu64
		  " MiB available: take fewer guests, or smaller ones (--memory)",
		  w->guests, need / MIB, host.available / MIB);
	return -ENOMEM;
}

/* The group's own guest has the state that others are restored from. It rests meanwhile. */
static int prepare(struct footprint_run *f, struct fleet_guest **ret_own)
{
	const struct cell *c = f->cell;
	struct err err = { 0 };
	int e;

	stage(f, "guest");
	e = fleet_get(f->ctx->fleet, c->vmm, c->kernel, ret_own, &err);
	if (e == 0)
		e = guest_pause(&(*ret_own)->guest, &err);
	if (e < 0)
		return failed(f, e, "no guest", &err);
	e = footprint_files_find(&f->files, c->stack, *ret_own, &err);
	return e < 0 ? failed(f, e, "files of the stack", &err) : 0;
}

/* Until the host's free memory rests. A host that never does is measured as it is. */
static int settle(bool again, struct footprint_host *ret, struct err *reterr)
{
	const struct timespec step = { .tv_nsec = SETTLE_STEP_MS * (long)NS_PER_MS };
	uint64_t deadline_ns = clock_deadline_ms(again ? SETTLE_MAX_MS_AGAIN : SETTLE_MAX_MS);
	int wanted = again ? SETTLE_STEPS_AGAIN : SETTLE_STEPS;
	uint64_t last = 0;
	int steps = 0;

	for (;;) {
		int e = footprint_read_host(PROC, ret, reterr);
		uint64_t moved = ret->free > last ? ret->free - last : last - ret->free;

		if (e < 0)
			return e;
		steps = moved < SETTLED_BYTES ? steps + 1 : 0;
		last = ret->free;
		if (steps >= wanted || clock_left_ms(deadline_ns) == 0)
			return 0;
		(void)nanosleep(&step, NULL); /* a period of rest is what is asked for */
	}
}

static int add_member(struct footprint_run *f, struct footprint_sample *s, struct member *m,
		      struct err *reterr)
{
	unsigned number = (unsigned)(m - f->member) + 1;
	int e = footprint_add_tree(s, PROC, m->guest->guest.vmm.pid, FOOTPRINT_VMM, number, reterr);

	if (e == 0 && m->session.daemon.pid)
		e = footprint_add_tree(s, PROC, m->session.daemon.pid, FOOTPRINT_DAEMON, number,
				       reterr);
	return e;
}

static int take_sample(struct footprint_run *f, struct footprint_sample *ret)
{
	struct err err = { 0 };
	bool again = f->attempt > 1 && f->member_count == 0;
	int e = settle(again, &ret->host, &err);

	if (e == 0)
		e = read_share_cache(f, &ret->share_cache, &err);
	if (e == 0)
		e = footprint_files_cached(&f->files, &ret->other_files, &err);
	for (size_t i = 0; e == 0 && i < f->member_count; i++)
		e = add_member(f, ret, &f->member[i], &err);
	return e < 0 ? failed(f, e, "cannot read the memory", &err) : 0;
}

static int read_tree(struct member *m, struct err *reterr)
{
	CLEANUP(freep) char *path = fs_path("%s/" WORKLOAD_DATA, m->session.place.dir);

	return path ? place_read(&m->session.place, path, reterr) : -ENOMEM;
}

/* The first guest of an observed pass is what its report links to. */
static void name_dir(const struct footprint_run *f, size_t index, char *ret, size_t size)
{
	if (f->observed && index == 0)
		(void)snprintf(ret, size, "%s", f->dir);
	else if (f->observed)
		(void)snprintf(ret, size, "%s/g%zu", f->dir, index + 1);
	else
		(void)snprintf(ret, size, "%s/try%u/g%zu", f->dir, f->attempt, index + 1);
}

static int use_tree(struct footprint_run *f, struct member *m)
{
	const char *phase = f->cell->workload->phases[0].name;
	struct err err = { 0 };
	int e = observe_before(&m->observation, &m->session, f->r);

	if (e < 0)
		return e;
	e = recording_phase(&m->recording, phase, &err);
	if (e == 0)
		e = read_tree(m, &err);
	if (e == 0)
		e = recording_phase(&m->recording, RECORDING_BETWEEN, &err);
	if (e < 0)
		return failed(f, e, "reading the tree", &err);
	return observe_after(&m->observation, &m->session, phase, f->r);
}

static int open_member(struct footprint_run *f, struct fleet_guest *own, size_t index)
{
	struct member *m = &f->member[index];
	struct err err = { 0 };
	uint64_t start;
	int e;

	*m = (struct member){ 0 };
	name_dir(f, index, m->dir, sizeof(m->dir));
	m->session = (struct session){ .cell = f->cell,
				       .dir = m->dir,
				       .lent = true,
				       .unproved = !f->observed || index > 0,
				       .observed = f->observed,
				       .recording = f->observed ? &m->recording : NULL };
	m->session.share = f->tree[index % f->tree_count];
	e = fs_mkdirs(m->dir, 0755, &err);
	if (e == 0)
		e = fleet_extra(f->ctx->fleet, own, &m->guest, &err);
	if (e < 0)
		return failed(f, e, "no guest", &err);
	f->member_count++;
	m->session.guest = m->guest;
	e = guest_trim(&m->guest->guest, &err);
	if (e < 0)
		return failed(f, e, "trimming the guest", &err);
	f->ctx->serial++; /* names its socket */
	e = session_open(f->ctx, &m->session, f->r);
	if (e < 0)
		return e;
	stage(f, "footprint");
	start = clock_now_ns();
	e = use_tree(f, m);
	f->r->work_ns += clock_now_ns() - start;
	return e;
}

/* Guests stand still while they are sampled. */
static int rest_members(struct footprint_run *f, double *ret_cached)
{
	struct err err = { 0 };
	int e = 0;

	*ret_cached = 0;
	for (size_t i = 0; e == 0 && i < f->member_count; i++) {
		double cached;

		e = place_cached(&f->member[i].session.place, &cached, &err);
		if (e == 0)
			e = guest_pause(&f->member[i].guest->guest, &err);
		if (e == 0)
			*ret_cached += cached;
	}
	return e < 0 ? failed(f, e, "pausing the guests", &err) : 0;
}

/* Metrics are of the first guest; the others do the same and leave their own files. */
static void end_observation(struct footprint_run *f, struct member *m)
{
	struct pass_result other = { 0 };
	struct pass_result *r = m == f->member ? f->r : &other;
	struct err err = { 0 };

	if (recording_stop(&m->recording, m->session.guest_lost, NULL, &err) < 0)
		pass_fail(f->r, "the recording is incomplete: %s", err.text);
	observe_finish(&m->observation, &m->session, r);
	if (other.status == PASS_FAILED)
		pass_fail(f->r, "%s", other.reason);
	pass_result_free(&other);
}

static void close_members(struct footprint_run *f)
{
	for (size_t i = 0; i < f->member_count; i++) {
		struct member *m = &f->member[i];
		struct err err = { 0 };

		end_observation(f, m);
		if (!f->observed && guest_resume(&m->guest->guest, &err) < 0) {
			pass_fail(f->r, "cannot resume the guest: %s", err.text);
			m->session.guest_lost = true;
		}
		session_close(f->ctx, &m->session, f->r);
		m->guest = fleet_extra_free(m->guest);
	}
	f->member_count = 0;
}

static void judge(struct footprint_run *f, const struct footprint_sample *before,
		  const struct footprint_sample *after, struct footprint_outcome *o)
{
	char text[1024];

	footprint_judge(before, after, f->cell->workload->guests, o);
	(void)json_array_append_new(f->attempts, footprint_attempt_json(o, before, after));
	if (o->explained || f->attempt < ATTEMPTS)
		return;
	pass_fail(f->r,
		  "in %d attempts the sum of the terms did not explain what the host has less "
		  "of; in the last: %s; see " RAW,
		  ATTEMPTS, footprint_describe(o, text, sizeof(text)));
}

static int one_attempt(struct footprint_run *f, struct fleet_guest *own,
		       struct footprint_outcome *ret)
{
	struct footprint_sample before = { 0 };
	struct footprint_sample after = { 0 };
	struct err err = { 0 };
	int e = drop_trees(f, &err);

	if (e == 0)
		e = footprint_files_hold(&f->files, &err);
	if (e < 0)
		return failed(f, e, "cannot make the state before", &err);
	ret->guest_cached = 0;
	e = take_sample(f, &before);
	for (size_t i = 0; e == 0 && i < f->cell->workload->guests; i++)
		e = open_member(f, own, i);
	if (e == 0)
		e = rest_members(f, &ret->guest_cached);
	if (e == 0)
		e = take_sample(f, &after);
	if (e == 0)
		judge(f, &before, &after, ret);
	close_members(f);
	footprint_files_release(&f->files);
	footprint_sample_free(&before);
	footprint_sample_free(&after);
	return e;
}

/* Nothing is measured: operations are counted, and host and guests sampled, while they do the same. */
static int observe_once(struct footprint_run *f, struct fleet_guest *own)
{
	struct err err = { 0 };
	int e = drop_trees(f, &err);

	if (e < 0)
		return failed(f, e, "cannot make the state before", &err);
	for (size_t i = 0; e == 0 && i < f->cell->workload->guests; i++)
		e = open_member(f, own, i);
	close_members(f);
	return e;
}

static void report(struct footprint_run *f, const struct footprint_outcome *o)
{
	const struct workload *w = f->cell->workload;
	CLEANUP(freep) char *path = fs_path("%s/" RAW, f->dir);
	json_auto_t *raw = json_pack("{s:o,s:f,s:i,s:I,s:O}", "footprint",
				     footprint_outcome_json(o), "tolerance", FOOTPRINT_TOLERANCE,
				     "trees", (int)f->tree_count, "tree_bytes",
				     (json_int_t)workload_bytes(w), "attempts", f->attempts);
	struct err err = { 0 };
	int e = path && raw ? json_save_atomic(path, raw, &err) : -ENOMEM;

	if (e < 0) {
		pass_fail(f->r, "cannot write " RAW ": %s", err.text);
		return;
	}
	for (size_t i = 0; i < w->metric_count; i++) {
		const struct metric_def *m = &w->metrics[i];
		double value;

		e = metric_read(m, raw, &value);
		if (e == 0)
			e = pass_add_metric(f->r, w->phases[0].name, m, value, RAW, m->path);
		if (e < 0)
			pass_fail(f->r, RAW " has no number at %s", m->path);
	}
}

void footprint_run(struct pass_context *ctx, const struct cell *c, enum pass_kind kind,
		   const char *dir, struct pass_result *ret)
{
	struct footprint_run *f = calloc(1, sizeof(*f));
	struct fleet_guest *own = NULL;
	struct footprint_outcome o = { 0 };
	int e;

	assert(c->vmm); /* plans have no other */
	ret->guest = "none";
	if (!f || c->workload->guests > GUESTS_MAX) {
		pass_fail(ret, "out of memory, or more than %d guests", GUESTS_MAX);
		free(f);
		return;
	}
	*f = (struct footprint_run){ .ctx = ctx, .cell = c, .dir = dir, .r = ret };
	f->observed = kind == PASS_OBSERVED;
	f->attempts = json_array();
	e = make_trees(f);
	if (e == 0)
		e = check_room(f);
	if (e == 0)
		e = prepare(f, &own);
	if (e == 0 && f->observed)
		e = observe_once(f, own);
	while (e == 0 && !f->observed && !o.explained && f->attempt < ATTEMPTS) {
		f->attempt++;
		e = one_attempt(f, own, &o);
	}
	if (json_array_size(f->attempts) > 0)
		report(f, &o);
	for (size_t i = 0; i < f->tree_count; i++)
		share_remove(&f->tree[i]);
	footprint_files_free(&f->files);
	json_decref(f->attempts);
	free(f);
}
