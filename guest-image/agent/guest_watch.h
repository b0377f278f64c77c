/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_GUEST_WATCH_H
#define VQ_GUEST_WATCH_H

/* What "vq-guest watch" reads. Values go through here as text that is a JSON number. */

#include "guest.h"

#include <sys/types.h>

#define WATCH_VALUE_SIZE 32
#define WATCH_NAME_SIZE	 256
#define WATCH_KEYS_MAX	 200

enum watch_source {
	WATCH_MEMINFO,
	WATCH_VMSTAT,
	WATCH_STAT,
	WATCH_LOADAVG,
	WATCH_PRESSURE,
	WATCH_RESIDENT,
	WATCH_TREE,
};

/* One value to read, as named on the command line. */
struct watch_key {
	enum watch_source source;
	char name[WATCH_NAME_SIZE]; /* of a line, a resource, a file or a field */
	char kind[8];		    /* WATCH_PRESSURE: "some" or "full" */
	unsigned column;	    /* WATCH_STAT, WATCH_LOADAVG: counted from 0 */
	pid_t pid;		    /* WATCH_TREE */
};

/** watch_key_parse() - "SOURCE:..." as in the usage text; 0 or -EINVAL. */
int watch_key_parse(const char *text, struct watch_key *ret);

/** watch_open() - open what is read over and over. A source that the kernel lacks reads as absent. */
void watch_open(void);

/**
 * watch_refresh() - read all sources that @keys need, once.
 * @dear: also those that cost milliseconds, because the kernel walks page tables or a file's pages
 *        for them; without it their values are absent.
 */
void watch_refresh(const struct watch_key *keys, size_t count, bool dear);

/** watch_value() - the value of a key at the last refresh as a JSON number, or "null". */
void watch_value(const struct watch_key *key, char ret[WATCH_VALUE_SIZE]);

/* ---- guest_tree.c: a process and its living descendants ---- */

/** tree_refresh() - look at the processes below @pid. At most two roots are kept (VMM and daemon).
 * @memory: also at what they map, which costs 20 us per MiB. */
void tree_refresh(pid_t pid, bool memory);

/**
 * tree_value() - sum of a field over the tree: "cpu" (ns), "anon" and "pss" (KiB), "read_bytes",
 * "write_bytes", "fds", "threads". 0, -ENOENT when the root process is gone or may not be read, or
 * for memory that was not looked at.
 */
int tree_value(pid_t pid, const char *field, uint64_t *ret);

/** tree_field_known() */
bool tree_field_known(const char *field);

#endif
