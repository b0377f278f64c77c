/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_OPTIONS_H
#define VQ_REF_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

/* What the cache modes of a virtio-fs daemon are called; fs/mode.c says what each returns. */
enum ref_cache { REF_CACHE_NEVER, REF_CACHE_METADATA, REF_CACHE_AUTO, REF_CACHE_ALWAYS };

/* none: a device without a window; inode: FUSE_ATTR_DAX on files that ask for it; always: on every file. */
enum ref_dax { REF_DAX_NONE, REF_DAX_INODE, REF_DAX_ALWAYS };

/* How the last page of a file and its growth are served; AUTO takes passthrough where the host can. */
enum ref_tail { REF_TAIL_AUTO, REF_TAIL_PASSTHROUGH, REF_TAIL_SHADOW };

/* In namespaces of its own, a user namespace included; without that one; not at all. README.md says more. */
enum ref_sandbox { REF_SANDBOX_NAMESPACE, REF_SANDBOX_PRIVILEGED, REF_SANDBOX_NONE };

/* Guests that one process serves at most. */
#define REF_SOCKETS_MAX 8

/* Faults that one command line may ask for. */
#define REF_FAULTS_MAX 32

/* The command line; texts are borrowed from argv. One row of the table in options.c for each. */
struct ref_options {
	const char *
		socket_path; /* one front end at a time; --socket-path may be repeated, one guest each */
	const char *more_sockets[REF_SOCKETS_MAX - 1];
	unsigned socket_count;
	int fd;	   /* a listening socket that was inherited, or -1 */
	bool keep; /* wait for the next front end after one has left */
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
	unsigned queues;	/* request queues, without hiprio */
	unsigned threads;	/* workers of each request queue beside its own thread; 0: none */
	unsigned poll_us;	/* busy-poll a ring that long before sleeping; 0: never */
	unsigned linger_us;	/* the same, but only as often as it finds something; 0: never */
	uint64_t rlimit_nofile; /* 0: as high as allowed */
	enum ref_sandbox sandbox;
	const char *counters;		    /* file; NULL: none */
	const char *ledger;		    /* file; NULL: none */
	unsigned ledger_size;		    /* events */
	bool no_ledger;			    /* not even counters in memory */
	const char *faults[REF_FAULTS_MAX]; /* as they were given; fault/ reads them */
	unsigned fault_count;
	bool list_json; /* --list-faults as JSON */
	const char *log_level;
};

/* What the command line asks for. */
enum ref_command {
	REF_RUN,
	REF_HELP,
	REF_VERSION,
	REF_CAPABILITIES,
	REF_LIST_FAULTS,
	REF_SHOW_COUNTERS
};

/**
 * ref_options_parse() - read the command line.
 * @ret: filled with the defaults first. On REF_RUN all values fit each other.
 * Return: 0 with @ret_command; -EINVAL with what is wrong, where, and what to do.
 */
int ref_options_parse(int argc, char **argv, struct ref_options *ret, enum ref_command *ret_command,
		      struct err *reterr) MUST_USE;

/** ref_options_socket() - path of socket @index, from 0; NULL beyond the last one. */
const char *ref_options_socket(const struct ref_options *o, unsigned index);

/** ref_options_version() - one line: the version of the project, and of libfuse (@library). */
void ref_options_version(const char *library, FILE *out);

/** ref_options_help() - the whole table as text. */
void ref_options_help(FILE *out);

/** ref_options_capabilities() - as the conventions for vhost-user back ends want it (JSON). */
void ref_options_capabilities(FILE *out);

#endif
