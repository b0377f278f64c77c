/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_DEVICE_PROCESS_H
#define VQ_CONFORMANCE_DEVICE_PROCESS_H

/* What the host tells of the daemon's processes: the one that was started, and those that it has started. */

#include "base/fs.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* Daemons have at most a child in their sandbox and a keeper. */
#define PROCESS_MAX 16

/** process_tree() - @pid and its children, and theirs; how many. */
static inline unsigned process_tree(pid_t pid, pid_t ret[PROCESS_MAX])
{
	unsigned count = 1;

	ret[0] = pid;
	for (unsigned i = 0; i < count; i++) {
		CLEANUP(freep)
		char *path = fs_path("/proc/%d/task/%d/children", (int)ret[i], (int)ret[i]);
		CLEANUP(file_closep) FILE *f = path ? fopen(path, "re") : NULL;
		int child;

		while (f && count < PROCESS_MAX && fscanf(f, "%d", &child) == 1)
			ret[count++] = child;
	}
	return count;
}

static inline bool process_fd_has(pid_t pid, const char *number, unsigned flags)
{
	CLEANUP(freep) char *path = fs_path("/proc/%d/fdinfo/%s", (int)pid, number);
	CLEANUP(buf_free) struct buf text = { 0 };
	const char *at;

	if (!path || fs_read(path, 65536, &text, NULL) < 0)
		return false;
	at = strstr(buf_text(&text), "flags:");
	return at && (strtoul(at + strlen("flags:"), NULL, 8) & flags) == flags;
}

/** process_descriptors() - how many all of them have open, with all of @flags of open(2). */
static inline unsigned process_descriptors(pid_t pid, unsigned flags)
{
	pid_t tree[PROCESS_MAX];
	unsigned processes = process_tree(pid, tree);
	unsigned count = 0;

	for (unsigned i = 0; i < processes; i++) {
		CLEANUP(freep) char *path = fs_path("/proc/%d/fd", (int)tree[i]);
		CLEANUP(dir_closep) DIR *d = path ? opendir(path) : NULL;
		const struct dirent *entry;

		while (d && (entry = readdir(d)))
			count += entry->d_name[0] != '.' &&
				 process_fd_has(tree[i], entry->d_name, flags);
	}
	return count;
}

#endif
