/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_REPRO_H
#define VQ_REPORT_REPRO_H

#include "report/model.h"

/** repro_write() - repro.sh: repeats the run, or one cell of it. 0 or -ENOMEM. */
int repro_write(const struct run *r, struct out *ret) MUST_USE;

/**
 * repro_command() - the command line that repeats the run, quoted for a shell; owned.
 * @cell: id of the only cell to run, or NULL.
 */
char *repro_command(const struct run *r, const char *cell) MUST_USE;

#endif
