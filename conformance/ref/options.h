/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_OPTIONS_H
#define VQ_REF_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* What the cache modes of a virtio-fs daemon are called; fs/mode.c says what each returns. */
enum ref_cache { REF_CACHE_NEVER, REF_CACHE_METADATA, REF_CACHE_AUTO, REF_CACHE_ALWAYS };

/* none: a device without a window; inode: FUSE_ATTR_DAX on files that ask for it; always: on every file. */
enum ref_dax { REF_DAX_NONE, REF_DAX_INODE, REF_DAX_ALWAYS };

/* How the last page of a file and its growth are served; AUTO takes passthrough where the host can. */
enum ref_tail { REF_TAIL_AUTO, REF_TAIL_PASSTHROUGH, REF_TAIL_SHADOW };

enum ref_sandbox { REF_SANDBOX_NAMESPACE, REF_SANDBOX_NONE };

/* The command line; texts are borrowed from argv. One row of the table in options.c for each. */
struct ref_options {
	const char *
		socket_path; /* one front end at a time; --socket-path may be repeated, one guest each */
	const char *more_sockets[7];
	unsigned socket_count;
	int fd; /* a listening socket that was inherited, or -1 */
	const char *shared_dir;
	const char *tag; /* at most 36 bytes; NULL: the front end owns the configuration space */
	enum ref_cache cache;
	bool writeback;
	bool readonly;
	bool xattr;
	bool posix_acl;
	bool allow_direct_io;
	bool allow_mmap;
	bool killpriv_v2;
	bool announce_submounts;
	enum ref_dax dax;
	enum ref_tail tail;
	uint64_t window_bytes;
	unsigned queues;  /* request queues, without hiprio */
	unsigned threads; /* workers of each request queue beside its own thread; 0: none */
	unsigned poll_us; /* busy-poll a ring that long before sleeping; 0: never */
	uint64_t rlimit_nofile;
	enum ref_sandbox sandbox;
	const char *log_level;
};

#endif
