/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_TEST_FAULT_LIST_H
#define VQ_CONFORMANCE_TEST_FAULT_LIST_H

/* virtiofs-refdev of this build, and the table of its faults as --list-faults tells it. */

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/proc.h"

#include <string.h>
#include <unistd.h>

#define FAULT_LIST_MS 20000

/* Of the flavour (sanitizers) that the test itself is: build/.../conformance/NAME. */
static char *device_path(void)
{
	char self[256];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(self, '/');

		if (slash)
			*slash = '\0';
	}
	return fs_path("%s/virtiofs-refdev", self);
}

static json_t *list_faults(void)
{
	CLEANUP(freep) char *device = device_path();
	char list_word[] = "--list-faults";
	char format[] = "--format=json";
	char *argv[] = { device, list_word, format, NULL };
	struct proc_spec spec = { .argv = argv };
	struct proc_output out = { 0 };
	struct err err;
	json_t *list = NULL;

	if (proc_run(&spec, MIB, clock_deadline_ms(FAULT_LIST_MS), &out, &err) == 0 &&
	    out.status == 0)
		list = json_loads(buf_text(&out.out), JSON_REJECT_DUPLICATES, NULL);
	proc_output_free(&out);
	return list;
}

#endif
