/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RECORD_ARCHIVE_H
#define VQ_RECORD_ARCHIVE_H

#include "base/err.h"
#include "record/metrics.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A thin layer over libpcp_import: PCP archives from values that are already there. The library
 * keeps its state in globals that it never frees and may end the process when memory runs out: use
 * this in a process of its own (see convert.h).
 */
struct archive {
	int context;
	int64_t last_us; /* time of the newest record */
	bool open;
};

/**
 * archive_open() - begin an archive.
 * @base:     path without suffix: BASE.0, BASE.index and BASE.meta must not exist.
 * @hostname: what the archive says it is from; the time zone is UTC.
 */
int archive_open(struct archive *a, const char *base, const char *hostname, struct err *reterr)
	MUST_USE;

/** archive_define() - make a row known, once per archive; then its instance, if it has one. */
int archive_define(struct archive *a, const struct record_metric *m, struct err *reterr) MUST_USE;
int archive_define_instance(struct archive *a, const struct record_metric *m, const char *instance,
			    int id, struct err *reterr) MUST_USE;

/** archive_put() - a value of the next record, as text; @instance NULL for a single value. */
int archive_put(struct archive *a, const struct record_metric *m, const char *instance,
		const char *value, struct err *reterr) MUST_USE;

/** archive_write() - write the record. @real_ns: since 1970; records are put into order if they are not. */
int archive_write(struct archive *a, uint64_t real_ns, struct err *reterr) MUST_USE;

/** archive_gap() - tools must not draw a line from the newest record to the next. */
int archive_gap(struct archive *a, struct err *reterr) MUST_USE;

/** archive_close() - complete the files. */
int archive_close(struct archive *a, struct err *reterr) MUST_USE;

#endif
