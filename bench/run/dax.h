/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_DAX_H
#define VQ_RUN_DAX_H

#include "run/session.h"

/*
 * What a cell with a DAX window has to show: the proof that mappings are live, and how many its workload
 * made. The device counts them (conformance/wire/refdev.h); one that does not is proved by what the guest
 * sees alone, and says so.
 */

/** dax_uses() - does the guest map files in this cell? Then its page cache stays empty. */
bool dax_uses(const struct cell *c);

/** dax_flag() - dax=inode: mark every laid out file, so that the device announces it. 0 or -errno. */
int dax_flag(const struct cell *c, const struct share *share, struct err *reterr) MUST_USE;

/**
 * dax_prove() - after the mount, before any phase: a file is mapped in the guest, the host changes a byte,
 * the guest must see it without a request, and with nothing of it in its page cache. Leaves no mapping.
 * Fails @r with what was seen instead; metrics dax.proof.*. A cell without a window has nothing to prove.
 */
int dax_prove(struct session *s, struct pass_result *r) MUST_USE;

/** dax_finish() - after the last phase: metrics dax.workload.*, against what the workload's row expects. */
void dax_finish(struct session *s, struct pass_result *r);

/** DAX_PHASE - the pseudo-phase of its metrics. */
#define DAX_PHASE "dax"

/** dax_metrics() - the table of all of them, for run.json. */
const struct metric_def *dax_metrics(size_t *ret_count);

#endif
