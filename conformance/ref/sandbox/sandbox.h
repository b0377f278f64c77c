/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_SANDBOX_SANDBOX_H
#define VQ_REF_SANDBOX_SANDBOX_H

/*
 * What guests write is parsed by a process that can reach nothing but the shared directory.
 *
 *   keeper, the program itself --- waits, hands signals on, removes the sockets, ends as the parser ended
 *     '--- parser, pid 1 of its namespaces; returns from sandbox_enter() and does all the work
 *
 * When either dies, however, the other one ends.
 */

#include "base/cleanup.h"
#include "base/err.h"
#include "conformance/ref/options.h"

struct sandbox_plan {
	enum ref_sandbox how; /* not REF_SANDBOX_NONE */
	const char *shared_dir;
	bool readonly;
	int signal_fd;		      /* signals that the keeper hands on; kept by both */
	void (*ended)(void *context); /* in the keeper, when the parser has gone */
	void *context;
};

/* What the parser has. */
struct sandbox {
	int root_fd;   /* the shared directory, and root of all paths */
	int proc_fd;   /* /proc/self/fd, and nothing else of /proc */
	uint64_t keep; /* capabilities that sandbox_lock() leaves */
};

/**
 * sandbox_enter() - become the keeper, who does not return, and the parser, who does.
 *
 * Before threads. What is open stays open in the parser: sockets, the way to the broker, the ledger.
 * Return: 0 in the parser; -errno with what this host does not allow and what to do, in the parser or, where
 * there is none yet, in the caller.
 */
int sandbox_enter(const struct sandbox_plan *p, struct sandbox *ret, struct err *reterr) MUST_USE;

/** sandbox_lock() - capabilities and system calls, for good; when all is open, before threads. 0; -errno with text. */
int sandbox_lock(const struct sandbox *s, struct err *reterr) MUST_USE;

/* Parts. */

/* user_namespace_enter() - one where every id is itself; for who may not act for others, only his own one is there. */
int user_namespace_enter(struct err *reterr) MUST_USE;

/* mounts_enter() - a mount namespace that holds the shared directory only. Fills the descriptors of @ret. */
int mounts_enter(const struct sandbox_plan *p, struct sandbox *ret, struct err *reterr) MUST_USE;

/* keeper_main() - body of the keeper. */
_Noreturn void keeper_main(pid_t parser, const struct sandbox_plan *p);

/* sandbox_calls() - the parser's system calls are limited from here on. */
int sandbox_calls(void) MUST_USE;

#endif
