/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RECORD_CONVERT_H
#define VQ_RECORD_CONVERT_H

#include "record/metrics.h"
#include "record/samples.h"

/* A phase that began, on the driver's clock. */
struct record_mark {
	uint64_t real_ns;
	char name[32];
};

/* One archive: samples of one machine, and the marks. All borrowed. */
struct convert_input {
	const char *base; /* path without suffix; older files of it are replaced */
	const char *hostname;
	const struct record_metric *const *rows; /* what each value of a sample is */
	const struct record_samples *samples;
	int64_t offset_ns; /* real time = sampler's time + offset */
	/* Samples of a feed, on the driver's clock; NULL: none. */
	const struct record_samples *fed;
	const struct record_column *columns; /* what each of its values is */
	int64_t fed_offset_ns;
	const struct record_mark *marks;
	size_t mark_count;
	uint64_t gap_ns; /* a longer one is marked in the archive; 0: none is */
};

/* What became of it. */
struct convert_result {
	size_t records;
	size_t values;
	size_t gaps;
	uint64_t bytes;
	/* By row: did it have a value at any time? */
	bool seen[256];
};

/** convert() - write an archive, in a process of its own. */
int convert(const struct convert_input *in, struct convert_result *ret, struct err *reterr)
	MUST_USE;

#endif
