/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_ATTACH_H
#define VQ_RUN_ATTACH_H

#include "run/plan.h"

#include <jansson.h>

/*
 * `run --attach MOUNT`: the driver runs inside a guest that somebody else made and measures a share
 * that is mounted there. It sees neither daemon nor VMM nor host.
 */

/**
 * attach_plan() - the plan's workloads, each once, on the stack "attached".
 * Return: 0; -ENOENT when none of them can run that way; -ENOMEM.
 */
int attach_plan(struct plan *p, struct err *reterr) MUST_USE;

/** attach_check() - may @mount be used? -EINVAL, -ENOTDIR, -EROFS ... with what to do. */
int attach_check(const char *mount, struct err *reterr) MUST_USE;

#define ATTACH_NAME_SIZE 32

/**
 * attach_folder_name() - name of our folder on the mount. It is that of this boot: what a run that
 * was killed has left is removed by the next one here, never by one in another guest of the share.
 */
int attach_folder_name(char ret[ATTACH_NAME_SIZE], struct err *reterr) MUST_USE;

/** attach_clean() - remove that folder, when nothing of the run is left. */
void attach_clean(const char *mount);

/**
 * attach_describe() - the "attached" object of run.json: what is mounted, and what a run from inside
 * cannot see. New reference. The path itself is the machine's business and is left out.
 */
json_t *attach_describe(const char *mount);

/** attach_explain() - the same list for a person. */
void attach_explain(FILE *out);

#endif
