/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_TEST_CONFORM_CLI_H
#define VQ_CONFORMANCE_TEST_CONFORM_CLI_H

/* virtiofs-conform as a program, what it says and its exit status. Include it after cmocka's headers. */

#include "base/buf.h"
#include "base/clock.h"
#include "base/proc.h"
#include "base/strv.h"

#include <string.h>
#include <sys/wait.h>

#define DEADLINE_MS 60000

struct outcome {
	int status;
	struct proc_output said;
};

/* Of this build: the flavour of the test. */
static const char *program(void)
{
	static char path[512];
	char self[400];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	*strrchr(self, '/') = '\0';
	(void)snprintf(path, sizeof(path), "%s/virtiofs-conform", self);
	return path;
}

static void conform(struct outcome *o, const char *const *words)
{
	struct strv argv = { 0 };
	struct proc_spec spec = { 0 };
	struct err err = { "" };

	*o = (struct outcome){ 0 };
	strv_add(&argv, program());
	strv_add_all(&argv, words);
	assert_false(strv_failed(&argv));
	spec.argv = argv.item;
	if (proc_run(&spec, MIB, clock_deadline_ms(DEADLINE_MS), &o->said, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(WIFEXITED(o->said.status));
	o->status = WEXITSTATUS(o->said.status);
	strv_free(&argv);
}

#define CONFORM(o, ...) conform(o, (const char *const[]){ __VA_ARGS__, NULL })

static bool says(const struct outcome *o, const char *text)
{
	return strstr(buf_text(&o->said.out), text) || strstr(buf_text(&o->said.err), text);
}

static void expect(struct outcome *o, int status, const char *text)
{
	if (o->status != status || !says(o, text))
		fail_msg("status %d, wanted %d with \"%s\": %s%s", o->status, status, text,
			 buf_text(&o->said.out), buf_text(&o->said.err));
	proc_output_free(&o->said);
}

#endif
