// SPDX-License-Identifier: Apache-2.0
#include "workload/fio_metrics.h"

#include "base/err.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

/* fio repeats the options of the job as strings. */
static int option(json_t *raw, const char *path, double *ret)
{
	const char *text = json_str_at(raw, path, "");
	char *end;

	*ret = strtod(text, &end);
	return end == text || *end || !(*ret > 0) ? -EINVAL : 0;
}

/*
 * Time that one job spent in fsync(). fio counts a job's fsyncs only when they come after a given
 * number of writes (fsync=N), not the one of end_fsync.
 */
static int fsync_time(json_t *raw, double *ret)
{
	double n = 0;
	double mean = 0;
	double jobs = 0;
	int e = json_number_at(raw, "jobs[0].sync.lat_ns.N", &n);

	if (e == 0)
		e = json_number_at(raw, "jobs[0].sync.lat_ns.mean", &mean);
	if (e == 0)
		e = option(raw, "jobs[0].job options.numjobs", &jobs);
	if (e == 0 && n < jobs)
		e = -ENODATA;
	if (e == 0)
		*ret = n * mean / jobs / (double)NS_PER_S;
	return e;
}

/*
 * fio's runtime ends when fsync() has returned; without it, it ends with the last write. fio gives
 * it in milliseconds, so nothing can be said when less than ten of them are left.
 */
static int written_bw(json_t *raw, double *ret)
{
	double bytes = 0;
	double ms = 0;
	double sync = 0;
	int e = json_number_at(raw, "jobs[0].write.io_bytes", &bytes);

	if (e == 0)
		e = json_number_at(raw, "jobs[0].write.runtime", &ms);
	if (e == 0)
		e = fsync_time(raw, &sync);
	if (e < 0)
		return e;
	ms -= sync * 1000;
	if (ms < 10)
		return -ENODATA;
	*ret = bytes / ms * 1000;
	return 0;
}

/* fio's levels are powers of two, rounded down, in percent of the I/Os. */
static int depth(json_t *raw, double *ret)
{
	static const struct {
		const char *path;
		double level;
	} levels[] = {
		{ "jobs[0].iodepth_level.1", 1 },     { "jobs[0].iodepth_level.2", 2 },
		{ "jobs[0].iodepth_level.4", 4 },     { "jobs[0].iodepth_level.8", 8 },
		{ "jobs[0].iodepth_level.16", 16 },   { "jobs[0].iodepth_level.32", 32 },
		{ "jobs[0].iodepth_level.>=64", 64 },
	};
	double sum = 0;
	double share = 0;

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		int e = json_number_at(raw, levels[i].path, &share);

		if (e < 0)
			return e;
		sum += levels[i].level * share / 100;
	}
	*ret = sum;
	return 0;
}

static int add_submit(json_t *raw, const char *n_path, const char *mean_path, double *sum)
{
	double n = 0;
	double mean = 0;
	int e = json_number_at(raw, n_path, &n);

	if (e == 0)
		e = json_number_at(raw, mean_path, &mean);
	if (e == 0)
		*sum += n * mean;
	return e;
}

/*
 * fio counts an I/O as in flight until it has fetched its result, also one that io_submit() has
 * completed before it returned. What tells the two apart is where the time goes.
 */
static int submit_share(json_t *raw, double *ret)
{
	double jobs = 0;
	double read_ms = 0;
	double write_ms = 0;
	double sum = 0;
	int e = option(raw, "jobs[0].job options.numjobs", &jobs);

	if (e == 0)
		e = json_number_at(raw, "jobs[0].read.runtime", &read_ms);
	if (e == 0)
		e = json_number_at(raw, "jobs[0].write.runtime", &write_ms);
	if (e == 0)
		e = add_submit(raw, "jobs[0].read.slat_ns.N", "jobs[0].read.slat_ns.mean", &sum);
	if (e == 0)
		e = add_submit(raw, "jobs[0].write.slat_ns.N", "jobs[0].write.slat_ns.mean", &sum);
	if (e == 0 && !(read_ms + write_ms > 0))
		e = -ENODATA;
	if (e == 0)
		*ret = sum / jobs / (read_ms > write_ms ? read_ms : write_ms) / (double)NS_PER_MS;
	return e;
}

static int rate_reached(json_t *raw, double *ret)
{
	double asked = 0;
	double reads = 0;
	double writes = 0;
	int e = option(raw, "jobs[0].job options.rate_iops", &asked);

	if (e == 0)
		e = json_number_at(raw, "jobs[0].read.iops", &reads);
	if (e == 0)
		e = json_number_at(raw, "jobs[0].write.iops", &writes);
	if (e == 0)
		*ret = (reads + writes) / asked;
	return e;
}

/* One line of a table: name, title, unit, better, kind, path. */
#define NUMBER(n, t, u, b, k, p) \
	.name = (n), .title = (t), .unit = (u), .better = (b), .kind = (k), .path = (p)

#define IO_METRICS(prefix, dir)                                                               \
	{ NUMBER(prefix "bw", "throughput (of writes: until fsync() has returned)", "B/s",    \
		 BETTER_HIGHER, KIND_TIME, "jobs[0]." dir ".bw_bytes") },                     \
		{ NUMBER(prefix "iops", "completed I/Os", "1/s", BETTER_HIGHER, KIND_TIME,    \
			 "jobs[0]." dir ".iops") },                                           \
		{ NUMBER(prefix "clat_p50", "completion latency, median", "ns", BETTER_LOWER, \
			 KIND_TIME, "jobs[0]." dir ".clat_ns.percentile[50.000000]"),         \
		  .samples_path = "jobs[0]." dir ".clat_ns.N", .beyond_one_in = 2 },          \
		{ NUMBER(prefix "clat_p99", "completion latency, 99th percentile", "ns",      \
			 BETTER_LOWER, KIND_TIME,                                             \
			 "jobs[0]." dir ".clat_ns.percentile[99.000000]"),                    \
		  .samples_path = "jobs[0]." dir ".clat_ns.N", .beyond_one_in = 100 },        \
	{                                                                                     \
		NUMBER(prefix "io_bytes", "bytes moved", "B", BETTER_NONE, KIND_TIMED_COUNT,  \
		       "jobs[0]." dir ".io_bytes")                                            \
	}

#define ASYNC_METRICS                                                                           \
	{ NUMBER("depth", "I/Os in flight as fio counts them, mean (levels rounded down)", "1", \
		 BETTER_NONE, KIND_TIMED_COUNT, "jobs[0].iodepth_level"),                       \
	  .compute = depth },                                                                   \
	{                                                                                       \
		NUMBER("submit_share",                                                          \
		       "share of the time spent inside the submitting call: near 1, the "       \
		       "engine is synchronous whatever its depth",                              \
		       "1", BETTER_NONE, KIND_TIME, "jobs[0]"),                                 \
			.compute = submit_share                                                 \
	}

#define FSYNC_METRICS                                                                        \
	{ NUMBER("written_bw", "throughput until the last write() has returned", "B/s",      \
		 BETTER_HIGHER, KIND_TIME, "jobs[0].write"),                                 \
	  .compute = written_bw },                                                           \
	{                                                                                    \
		NUMBER("fsync_time", "the fsync() behind the last write", "s", BETTER_LOWER, \
		       KIND_TIME, "jobs[0].sync.lat_ns"),                                    \
			.compute = fsync_time                                                \
	}

#define OPEN_METRICS(dir)                                                                          \
	{ NUMBER("rate", "I/Os a second that were really issued and completed", "1/s",             \
		 BETTER_NONE, KIND_TIME, "jobs[0]." dir ".iops") },                                \
		{ NUMBER("rate_reached",                                                           \
			 "share of the asked rate; below 0.9 the stack cannot keep up and "        \
			 "the latencies are those of an overload",                                 \
			 "1", BETTER_HIGHER, KIND_TIME, "jobs[0]." dir ".iops"),                   \
		  .compute = rate_reached },                                                       \
		{ NUMBER("lat_mean", "latency at the asked rate, mean", "ns", BETTER_LOWER,        \
			 KIND_TIME, "jobs[0]." dir ".lat_ns.mean") },                              \
		{ NUMBER("lat_p50", "latency at the asked rate, median", "ns", BETTER_LOWER,       \
			 KIND_TIME, "jobs[0]." dir ".lat_ns.percentile[50.000000]"),               \
		  .samples_path = "jobs[0]." dir ".lat_ns.N", .beyond_one_in = 2 },                \
		{ NUMBER("lat_p90", "latency at the asked rate, 90th percentile", "ns",            \
			 BETTER_LOWER, KIND_TIME, "jobs[0]." dir ".lat_ns.percentile[90.000000]"), \
		  .samples_path = "jobs[0]." dir ".lat_ns.N", .beyond_one_in = 10 },               \
	{                                                                                          \
		NUMBER("lat_p99", "latency at the asked rate, 99th percentile", "ns",              \
		       BETTER_LOWER, KIND_TIME, "jobs[0]." dir ".lat_ns.percentile[99.000000]"),   \
			.samples_path = "jobs[0]." dir ".lat_ns.N", .beyond_one_in = 100           \
	}

const struct metric_def fio_read_metrics[FIO_IO] = { IO_METRICS("", "read") };
const struct metric_def fio_read_async_metrics[FIO_IO + FIO_ASYNC] = {
	IO_METRICS("", "read"),
	ASYNC_METRICS,
};
const struct metric_def fio_write_metrics[FIO_IO + FIO_SYNC] = {
	IO_METRICS("", "write"),
	FSYNC_METRICS,
};
const struct metric_def fio_write_async_metrics[FIO_IO + FIO_SYNC + FIO_ASYNC] = {
	IO_METRICS("", "write"),
	FSYNC_METRICS,
	ASYNC_METRICS,
};
const struct metric_def fio_mixed_metrics[2 * FIO_IO] = {
	IO_METRICS("read_", "read"),
	IO_METRICS("write_", "write"),
};
const struct metric_def fio_mixed_async_metrics[2 * FIO_IO + FIO_ASYNC] = {
	IO_METRICS("read_", "read"),
	IO_METRICS("write_", "write"),
	ASYNC_METRICS,
};
const struct metric_def fio_fsync_metrics[FIO_IO + FIO_EACH] = {
	IO_METRICS("", "write"),
	{ NUMBER("fsync_mean", "one fsync() of 4 KiB, mean", "ns", BETTER_LOWER, KIND_TIME,
		 "jobs[0].sync.lat_ns.mean") },
	{ NUMBER("fsync_p50", "one fsync() of 4 KiB, median", "ns", BETTER_LOWER, KIND_TIME,
		 "jobs[0].sync.lat_ns.percentile[50.000000]"),
	  .samples_path = "jobs[0].sync.lat_ns.N", .beyond_one_in = 2 },
	{ NUMBER("fsync_n", "fsync() calls", "1", BETTER_NONE, KIND_TIMED_COUNT,
		 "jobs[0].sync.lat_ns.N") },
};
const struct metric_def fio_open_read_metrics[FIO_OPEN] = { OPEN_METRICS("read") };
const struct metric_def fio_open_write_metrics[FIO_OPEN] = { OPEN_METRICS("write") };
