/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_PRELOAD_H
#define VQ_RUNNER_PRELOAD_H

#include "base/err.h"
#include "base/strv.h"
#include "conformance/faults/shared.h"

#include <stddef.h>

/* The library of system-call faults, seen from whoever loads it into a daemon. */

struct preload_row {
	const char *name;
	const char *what;
	const char *calls; /* that it changes */
	const char *rows;  /* requirements that it breaks */
};

/** preload_rows() - all faults, in the order of their counters. */
const struct preload_row *preload_rows(size_t *ret_count);
/** preload_find() - index of the fault that @text names, modifiers aside; -ENOENT. */
int preload_find(const char *text);

/* The file that a daemon and we map. */
struct preload_file {
	char path[160];
	struct faults_shared *shared;
};

/** preload_file_new() - @path is made; nothing fires before shared->armed is set. 0 or -errno. */
int preload_file_new(const char *path, struct preload_file *ret, struct err *reterr) MUST_USE;
/** preload_file_free() - unmap and remove. */
void preload_file_free(struct preload_file *f);
/** preload_env() - add what loads @library with @fault. -EINVAL: a path that the loader would split. */
int preload_env(const char *library, const char *fault, const struct preload_file *f,
		struct strv *env, struct err *reterr) MUST_USE;

#endif
