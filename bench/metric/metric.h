/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_METRIC_METRIC_H
#define VQ_METRIC_METRIC_H

#include "base/err.h"
#include "base/metric_def.h"

#include <jansson.h>

/*
 * Metrics that the harness takes around every phase of every workload, whatever the workload is.
 * The enum is the index of the table.
 */
enum builtin_metric {
	METRIC_GUEST_CACHED_BEFORE,
	METRIC_GUEST_CACHED_AFTER,
	METRIC_HOST_CACHED_BEFORE,
	METRIC_HOST_CACHED_AFTER,
	METRIC_VMM_CPU,
	METRIC_DAEMON_CPU,
	METRIC_RUN_TIME,
	METRIC_BUILTIN_COUNT,
};

const struct metric_def *metric_builtin(enum builtin_metric m);

/**
 * metric_read() - read one metric from the raw JSON of a phase.
 * Return: 0; -ENOENT no such field; -ENODATA a percentile with fewer than 100 samples beyond it;
 * -EINVAL not a finite number.
 */
int metric_read(const struct metric_def *m, json_t *raw, double *ret) MUST_USE;

#endif
