// SPDX-License-Identifier: Apache-2.0
#include "scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"

#define OUTPUT_MAX (1 * MIB)

int scratch_setup(void **state)
{
	struct scratch *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/vq-test-base-XXXXXX");
	return mkdtemp(f->dir) && chmod(f->dir, 0755) == 0 ? 0 : -1;
}

int scratch_teardown(void **state)
{
	struct scratch *f = *state;
	int e = fs_remove_tree(f->dir, NULL);

	buf_free(&f->text);
	free(f->joined);
	json_decref(f->json);
	proc_output_free(&f->out);
	free(f);
	return e < 0 ? -1 : 0;
}

const char *scratch_path(const struct scratch *f, const char *name, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s/%s", f->dir, name);
	return ret;
}

void scratch_put(const char *path, const char *text)
{
	FILE *out = fopen(path, "we");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

void scratch_holds(struct scratch *f, const char *path, const char *text)
{
	buf_clear(&f->text);
	assert_int_equal(fs_read(path, OUTPUT_MAX, &f->text, &f->err), 0);
	assert_string_equal(buf_text(&f->text), text);
}

void scratch_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

int scratch_run(struct scratch *f, const char *script, struct proc_spec spec)
{
	char *argv[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
			 (char *)(uintptr_t)script, NULL };

	spec.argv = argv;
	proc_output_free(&f->out);
	return proc_run(&spec, OUTPUT_MAX, clock_deadline_ms(SCRATCH_PATIENCE_MS), &f->out,
			&f->err);
}

void scratch_no_children(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}
