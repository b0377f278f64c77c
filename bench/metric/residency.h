/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_METRIC_RESIDENCY_H
#define VQ_METRIC_RESIDENCY_H

#include "base/err.h"

/* The host's page cache of a file, or of all files below a folder. Links are not followed. */
struct residency {
	uint64_t file_bytes;
	uint64_t cached_bytes;
	uint64_t files;
};

/** residency_read() - how much of it is in the page cache (mincore, as fincore(1) does). */
int residency_read(const char *path, struct residency *ret, struct err *reterr) MUST_USE;

/** residency_drop() - fsync and POSIX_FADV_DONTNEED of each file. Says nothing about success: read it. */
int residency_drop(const char *path, struct err *reterr) MUST_USE;

/** residency_fill() - read each file once. */
int residency_fill(const char *path, struct err *reterr) MUST_USE;

#endif
