/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_SELF_DAX_H
#define VQ_TEST_SELF_DAX_H

#include "self_figures.h"

#define SELF_DAX_PLAN "bench/test/self-dax.conf"

/** self_dax_take() - the samples of a run of SELF_DAX_PLAN in the folder @run; -EIO when a cell is not ok. */
int self_dax_take(struct figures *f, const char *run, struct err *reterr) MUST_USE;

/** self_dax_rows() - the figures of DAX. 0, or -ENOENT when they were not measured. */
int self_dax_rows(struct figures *f) MUST_USE;

#endif
