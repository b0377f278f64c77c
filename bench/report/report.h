/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_REPORT_H
#define VQ_REPORT_REPORT_H

#include "base/err.h"

#include <stdbool.h>
#include <stdio.h>

/*
 * Reports of one run. They read what is on disk in the run folder (results/README.md says what)
 * and nothing else, so that any old run can be rendered again.
 */

/**
 * report_write() - write report.html, report.md, results.csv and repro.sh into a run folder.
 * Each file is replaced atomically. A cell whose cell.json is missing or damaged is reported as
 * a failed cell; a plot that cannot be drawn is replaced by the cause.
 * Return: 0; -ENOENT without run.json; -EBADMSG when run.json is not what results/README.md
 * describes; -E2BIG when a table would be beyond any reader; -ENOMEM; -errno of a write.
 */
int report_write(const char *run_dir, struct err *reterr) MUST_USE;

/**
 * report_summary() - what is shown at the end of a run: counts, headline table, where the
 * report is. Plain UTF-8 text, at most 100 columns.
 * @out: borrowed, neither flushed nor closed.
 * Return: as report_write(); -EIO when @out takes no more.
 */
int report_summary(const char *run_dir, FILE *out, struct err *reterr) MUST_USE;

/**
 * report_compare() - two runs side by side, as text or as one JSON object; reads and writes nothing else.
 * @ret_compared: how many cells could be compared; the others are named with the reason.
 * Return: as report_summary().
 */
int report_compare(const char *base_dir, const char *new_dir, FILE *out, bool json,
		   size_t *ret_compared, struct err *reterr) MUST_USE;

#endif
