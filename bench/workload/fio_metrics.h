/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_WORKLOAD_FIO_METRICS_H
#define VQ_WORKLOAD_FIO_METRICS_H

#include "base/metric_def.h"

/* What is read from fio's JSON, by kind of job. A test finds a table that is shorter than it says. */
enum {
	FIO_IO = 5,    /* rates and latencies of one direction */
	FIO_ASYNC = 2, /* what more than one I/O in flight adds */
	FIO_SYNC = 2,  /* what an fsync behind the last write adds */
	FIO_EACH = 3,  /* what an fsync after each write adds */
	FIO_OPEN = 6,
};

extern const struct metric_def fio_read_metrics[FIO_IO];
extern const struct metric_def fio_read_async_metrics[FIO_IO + FIO_ASYNC];
extern const struct metric_def fio_write_metrics[FIO_IO + FIO_SYNC];
extern const struct metric_def fio_write_async_metrics[FIO_IO + FIO_SYNC + FIO_ASYNC];
extern const struct metric_def fio_mixed_metrics[2 * FIO_IO];
extern const struct metric_def fio_mixed_async_metrics[2 * FIO_IO + FIO_ASYNC];
extern const struct metric_def fio_fsync_metrics[FIO_IO + FIO_EACH];
extern const struct metric_def fio_open_read_metrics[FIO_OPEN];
extern const struct metric_def fio_open_write_metrics[FIO_OPEN];

#endif
