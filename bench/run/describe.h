/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_DESCRIBE_H
#define VQ_RUN_DESCRIBE_H

#include "run/plan.h"

#include <jansson.h>

/*
 * The rows that a plan uses, as run.json holds them. A row says where it is from ("built-in" or
 * "conf: FILE"); one of a conf file also its words, so that a result shows what was run without
 * that file. No path of the machine is among them.
 */

/** describe_stacks() and so on - arrays in order of presentation. New references. */
json_t *describe_stacks(const struct plan *p);
json_t *describe_vmms(const struct plan *p);
json_t *describe_kernels(const struct plan *p);

/** describe_origin() - "built-in" or "conf: FILE". New reference. */
json_t *describe_origin(const char *conf);

/** describe_save_conf() - copies of the conf files in the run folder, as conf/<n>-<name>. */
int describe_save_conf(const char *dir, struct err *reterr) MUST_USE;

/** describe_load_conf() - the rows of a run that was begun earlier, from those copies. */
int describe_load_conf(const char *dir, struct err *reterr) MUST_USE;

#endif
