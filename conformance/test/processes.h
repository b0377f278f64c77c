/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_TEST_PROCESSES_H
#define VQ_CONFORMANCE_TEST_PROCESSES_H

/* The processes that virtiofs-refdev consists of: keeper, parser, broker. See conformance/ref/sandbox. */

#include "base/fs.h"

#include <string.h>

/* What the parser is called, and the whole program where it has no sandbox. */
#define REFDEV_NAME "virtiofs-refdev"

/* The name of process @pid; -EIO when it has gone. */
static int process_name(pid_t pid, char *ret, size_t size)
{
	CLEANUP(freep) char *path = fs_path("/proc/%d/comm", (int)pid);
	CLEANUP(buf_free) struct buf b = { 0 };

	if (!path || fs_read(path, 64, &b, NULL) < 0)
		return -EIO;
	(void)snprintf(ret, size, "%.*s", (int)strcspn(buf_text(&b), "\n"), buf_text(&b));
	return 0;
}

/* Calls @each for the children of @pid until it returns something else than 0, and returns that. */
static int process_children(pid_t pid, int (*each)(void *context, pid_t child), void *context)
{
	CLEANUP(freep) char *path = fs_path("/proc/%d/task/%d/children", (int)pid, (int)pid);
	CLEANUP(buf_free) struct buf b = { 0 };
	int child, used = 0, r = 0;

	if (!path || fs_read(path, 4096, &b, NULL) < 0)
		return -EIO;
	for (const char *at = buf_text(&b); r == 0 && sscanf(at, "%d %n", &child, &used) == 1;
	     at += used)
		r = each(context, child);
	return r;
}

static __attribute__((unused)) int process_is_parser(void *context, pid_t child)
{
	char name[32] = "";

	if (process_name(child, name, sizeof(name)) < 0 || strcmp(name, REFDEV_NAME) != 0)
		return 0;
	*(pid_t *)context = child;
	return 1;
}

/* The process that does the work of the program that was started as @pid: that one, or its child. -EIO: none does. */
static __attribute__((unused)) pid_t process_parser(pid_t pid)
{
	char name[32] = "";
	pid_t parser = -EIO;

	if (process_children(pid, process_is_parser, &parser) != 0)
		return parser;
	if (process_name(pid, name, sizeof(name)) == 0 && strcmp(name, REFDEV_NAME) == 0)
		parser = pid;
	return parser;
}

#endif
