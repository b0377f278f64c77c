/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_SHAPE_H
#define VQ_REPORT_SHAPE_H

#include "base/err.h"
#include "base/json.h"

/** shape_check_run() - is @root a run.json as results/README.md describes it? 0 or -EBADMSG. */
int shape_check_run(const json_t *root, struct err *reterr) MUST_USE;

/** shape_check_cell() - the same for a cell.json. 0 or -EBADMSG. */
int shape_check_cell(const json_t *root, struct err *reterr) MUST_USE;

/** shape_check_device() - the same for a device.json of the device suite. 0 or -EBADMSG. */
int shape_check_device(const json_t *root, struct err *reterr) MUST_USE;

#endif
