// SPDX-License-Identifier: Apache-2.0
#include "conformance/runner/suite.h"

#include "base/clock.h"
#include "base/rng.h"
#include "conformance/runner/pool.h"
#include "conformance/runner/programs.h"

#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

const char *verdict_name(enum check_verdict v)
{
	static const char *const names[] = {
		[CHECK_UNSET] = "UNSET", [CHECK_PASS] = "PASS",	    [CHECK_FAIL] = "FAIL",
		[CHECK_SKIP] = "SKIP",	 [CHECK_BROKEN] = "BROKEN",
	};

	return names[v];
}

static bool is_selected(const struct conform_options *o, const struct check *c)
{
	bool match = o->only.count == 0;

	for (size_t i = 0; i < o->only.count && !match; i++)
		match = fnmatch(o->only.item[i], c->id, 0) == 0;
	/* The levels are ordered from MUST on, but what practice requires binds as well. */
	return match && (!o->has_level || check_level(c) <= o->level);
}

static void shuffle(struct suite *s, uint64_t seed)
{
	struct rng rng = { seed };

	for (size_t i = s->count; i > 1; i--) {
		size_t j = (size_t)(rng_below(&rng, i));
		const struct check *c = s->check[i - 1];

		s->check[i - 1] = s->check[j];
		s->check[j] = c;
	}
}

static size_t select_once(const struct conform_options *o, const struct check **ret)
{
	size_t areas;
	const struct check_area *const *area = device_areas(&areas);
	size_t count = 0;

	for (size_t i = 0; i < areas; i++)
		for (size_t j = 0; j < area[i]->count; j++)
			if (is_selected(o, &area[i]->checks[j])) {
				if (ret)
					ret[count] = &area[i]->checks[j];
				count++;
			}
	return count;
}

int suite_select(const struct conform_options *o, struct suite *ret, struct err *reterr)
{
	size_t once = select_once(o, NULL);

	*ret = (struct suite){ .name = "device", .options = o, .count = once * o->repeat };
	if (once == 0)
		return err_set(reterr, -ENOENT,
			       "no check is selected: see virtiofs-conform --list");
	ret->check = calloc(ret->count, sizeof(const struct check *));
	ret->result = calloc(ret->count, sizeof(*ret->result));
	if (!ret->check || !ret->result)
		return err_errno(reterr, -ENOMEM, "checks");
	for (unsigned i = 0; i < o->repeat; i++)
		(void)select_once(o, ret->check + i * once);
	if (o->shuffle)
		shuffle(ret, o->seed);
	return 0;
}

void suite_free(struct suite *s)
{
	free(s->check);
	free(s->result);
	known_free(&s->known);
}

static void told(void *context, size_t index, const struct check_result *r)
{
	const struct suite *s = context;

	(void)r;
	if (s->options->format == OUTPUT_TEXT)
		output_one(s, index, stdout);
}

unsigned suite_jobs(const struct conform_options *o)
{
	unsigned jobs = o->jobs ? o->jobs : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);

	return jobs > POOL_JOBS_MAX ? POOL_JOBS_MAX : jobs;
}

int suite_run(struct suite *s, const char *dir, struct err *reterr)
{
	struct pool_work w = {
		.target = s->target,
		.checks = s->check,
		.count = s->count,
		.jobs = suite_jobs(s->options),
		.dir = dir,
		.seed = s->options->seed,
		.timeout_ms = s->options->timeout_ms,
		.done = told,
		.context = s,
	};
	CLEANUP(freep) char *programs = programs_dir(s);
	uint64_t start = clock_now_ns();
	int e;

	w.programs = programs;

	/* One that listens already has one share, and one front end at a time. */
	if (s->target->socket)
		w.jobs = 1;
	e = pool_run(&w, s->result, reterr);
	s->duration_ns = clock_now_ns() - start;
	/* One that listens already has met what the checks did: its programs name them, or are not verified. */
	return e == 0 && programs && !s->target->socket ? programs_verify(s, dir, reterr) : e;
}

static bool is_required(const struct suite *s, size_t i)
{
	enum spec_level level = check_level(s->check[i]);

	return level == SPEC_MUST || level == SPEC_DEFACTO ||
	       (level == SPEC_SHOULD && s->options->strict);
}

enum known suite_known(const struct suite *s, size_t index, const struct known_row **ret_row)
{
	const struct known_row *row = known_find(&s->known, s->check[index]->id,
						 s->target->version);
	enum check_verdict v = s->result[index].verdict;

	if (ret_row)
		*ret_row = row;
	return known_of(row, v == CHECK_FAIL, v == CHECK_PASS);
}

void suite_count(const struct suite *s, struct suite_totals *ret)
{
	*ret = (struct suite_totals){ 0 };
	for (size_t i = 0; i < s->count; i++) {
		enum known known = suite_known(s, i, NULL);
		bool failed = s->result[i].verdict == CHECK_FAIL && is_required(s, i);

		ret->of[s->result[i].verdict]++;
		ret->required_failed += failed;
		ret->known += failed && known == KNOWN_KNOWN;
		ret->gone += known == KNOWN_GONE;
	}
}

int suite_status(const struct suite *s)
{
	struct suite_totals t;

	suite_count(s, &t);
	if (t.of[CHECK_BROKEN] || t.of[CHECK_UNSET])
		return 3;
	if (t.required_failed > t.known || t.gone)
		return 1;
	return t.of[CHECK_SKIP] == s->count ? 77 : 0;
}
