// SPDX-License-Identifier: Apache-2.0
#include "run/footprint_judge.h"

#include "base/json.h"

#include <inttypes.h>
#include <math.h>

void footprint_judge(const struct footprint_sample *before, const struct footprint_sample *after,
		     unsigned guests, struct footprint_outcome *o)
{
	const struct footprint_host *b = &before->host;
	const struct footprint_host *a = &after->host;

	o->guests = guests;
	footprint_terms(before, after, o->terms);
	o->total = footprint_total(o->terms);
	o->host_change = footprint_host_change(b, a);
	o->unexplained = o->host_change - o->total;
	o->explained = o->host_change > 0 &&
		       fabs((double)o->unexplained) <= FOOTPRINT_TOLERANCE * (double)o->host_change;
	o->beside.anon = (int64_t)(a->anon - b->anon) - o->terms[FOOTPRINT_VMM_ANON] -
			 o->terms[FOOTPRINT_DAEMON_ANON] - o->terms[FOOTPRINT_TCG_BUFFER];
	o->beside.cached = (int64_t)(a->cached - b->cached) - o->terms[FOOTPRINT_SHARE_CACHE] -
			   o->terms[FOOTPRINT_OTHER_FILES];
	o->beside.shmem = (int64_t)(a->shmem - b->shmem) - o->terms[FOOTPRINT_GUEST_RAM];
}

json_t *footprint_outcome_json(const struct footprint_outcome *o)
{
	json_t *j = json_object();

	(void)json_object_set_new(j, "total", json_integer(o->total));
	for (unsigned i = 0; i < FOOTPRINT_TERM_COUNT; i++)
		(void)json_object_set_new(j, footprint_term_name((enum footprint_term)i),
					  json_integer(o->terms[i]));
	(void)json_object_set_new(j, "host_change", json_integer(o->host_change));
	(void)json_object_set_new(j, "unexplained", json_integer(o->unexplained));
	(void)json_object_set_new(j, "guest_cached", json_num(o->guest_cached));
	(void)json_object_set_new(j, "guests", json_integer(o->guests));
	return j;
}

json_t *footprint_attempt_json(const struct footprint_outcome *o,
			       const struct footprint_sample *before,
			       const struct footprint_sample *after)
{
	return json_pack("{s:b,s:o,s:{s:I,s:I,s:I},s:o,s:o}", "explained", o->explained,
			 "footprint", footprint_outcome_json(o), "beside", "anon",
			 (json_int_t)o->beside.anon, "cached", (json_int_t)o->beside.cached,
			 "shmem", (json_int_t)o->beside.shmem, "before",
			 footprint_sample_json(before), "after", footprint_sample_json(after));
}

const char *footprint_describe(const struct footprint_outcome *o, char *scratch, size_t size)
{
	double part = o->host_change ? (double)o->unexplained / (double)o->host_change : 0;

	(void)snprintf(
		scratch, size,
		"host_change %" PRId64 ", total %" PRId64 ", unexplained %" PRId64
		" bytes (%.1f %%, allowed %.0f %%); beside the guests the host's anonymous "
		"memory changed by %" PRId64 ", file cache by %" PRId64
		", shared memory by %" PRId64 ": if something else runs on this host, end it",
		o->host_change, o->total, o->unexplained, 100 * part, 100 * FOOTPRINT_TOLERANCE,
		o->beside.anon, o->beside.cached, o->beside.shmem);
	return scratch;
}
