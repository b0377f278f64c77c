/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_CSV_H
#define VQ_REPORT_CSV_H

#include "report/model.h"

/**
 * csv_write() - results.csv: one line per cell, metric and round; a cell without samples has one
 * line, so that no cell is missing. Fields are quoted as in RFC 4180; lines end with LF, because
 * the tools that read it here would take a CR as part of the last field. 0 or -ENOMEM.
 */
int csv_write(const struct run *r, struct out *ret) MUST_USE;

#endif
