/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_SCRATCH_H
#define VQ_TEST_SCRATCH_H

#include "base/err.h"
#include "base/proc.h"

#include <jansson.h>

/* What the test_base* programs share: a folder, and room for what functions return. */
struct scratch {
	char dir[64];
	struct err err;
	struct buf text;
	char *joined;
	json_t *json;
	struct proc_output out;
};

/* No test needs a tenth of it; a hang becomes a death by SIGALRM. */
#define SCRATCH_PATIENCE_S  100
#define SCRATCH_PATIENCE_MS 20000
/* A user without rights, for tests that root would pass by its rights alone. */
#define NOBODY 65534

/* setup and teardown of a test; its state is a struct scratch. */
int scratch_setup(void **state);
int scratch_teardown(void **state);

/** scratch_path() - path of a name in the folder; returns @ret. */
const char *scratch_path(const struct scratch *f, const char *name, char *ret, size_t size);

/** scratch_put() - a file with this text. */
void scratch_put(const char *path, const char *text);

/** scratch_holds() - fail the test if the file holds another text. */
void scratch_holds(struct scratch *f, const char *path, const char *text);

/** scratch_says() - fail the test if @part is not in @text. */
void scratch_says(const char *text, const char *part);

/** scratch_run() - run a shell script to its end; its output is in f->out. 0 or -errno. */
int scratch_run(struct scratch *f, const char *script, struct proc_spec spec);

/** scratch_no_children() - fail the test if a child is left, dead or alive. */
void scratch_no_children(void);

#endif
