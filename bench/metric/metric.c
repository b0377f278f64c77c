// SPDX-License-Identifier: Apache-2.0
#include "metric/metric.h"

#include "base/json.h"

#include <assert.h>
#include <math.h>

/* DESIGN "Fair measurement": a percentile needs this many samples beyond it. */
#define BEYOND_MIN 100

static const struct metric_def builtin[METRIC_BUILTIN_COUNT] = {
	[METRIC_GUEST_CACHED_BEFORE] = {
		.name = "guest_cached_before",
		.title = "guest Cached before the phase, over the freshly mounted guest",
		.unit = "B",
		.kind = KIND_MEMORY,
	},
	[METRIC_GUEST_CACHED_AFTER] = {
		.name = "guest_cached_after",
		.title = "guest Cached after the phase, over the freshly mounted guest",
		.unit = "B",
		.kind = KIND_MEMORY,
	},
	[METRIC_HOST_CACHED_BEFORE] = {
		.name = "host_cached_before",
		.title = "host page cache of the data file before the phase",
		.unit = "B",
		.kind = KIND_MEMORY,
	},
	[METRIC_HOST_CACHED_AFTER] = {
		.name = "host_cached_after",
		.title = "host page cache of the data file after the phase",
		.unit = "B",
		.kind = KIND_MEMORY,
	},
	[METRIC_VMM_CPU] = {
		.name = "vmm_cpu",
		.title = "CPU time of the VMM, all threads",
		.unit = "s",
		.better = BETTER_LOWER,
		.kind = KIND_TIME,
	},
	[METRIC_DAEMON_CPU] = {
		.name = "daemon_cpu",
		.title = "CPU time of the daemon, all processes",
		.unit = "s",
		.better = BETTER_LOWER,
		.kind = KIND_TIME,
	},
	[METRIC_RUN_TIME] = {
		.name = "run_time",
		.title = "the workload's process, from start to end",
		.unit = "s",
		.better = BETTER_NONE,
		.kind = KIND_TIME,
	},
};

const struct metric_def *metric_builtin(enum builtin_metric m)
{
	assert(m < METRIC_BUILTIN_COUNT);
	return &builtin[m];
}

int metric_read(const struct metric_def *m, json_t *raw, double *ret)
{
	double samples;
	double value;
	int e;

	assert(m->path);
	if (m->samples_path) {
		e = json_number_at(raw, m->samples_path, &samples);
		if (e < 0)
			return e;
		if (samples / m->beyond_one_in < BEYOND_MIN)
			return -ENODATA;
	}
	e = m->compute ? m->compute(raw, &value) : json_number_at(raw, m->path, &value);
	if (e < 0)
		return e;
	if (!isfinite(value))
		return -EINVAL;
	*ret = value;
	return 0;
}
