/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_BASE_PROC_H
#define VQ_BASE_PROC_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/* What to start. Zero-initialise; every descriptor not named here is closed in the child. */
struct proc_spec {
	char *const *argv; /* argv[0] is a path, or a name found through PATH */
	char *const *env;  /* "NAME=value" list added to a minimal environment; may be NULL */
	const char *cwd;   /* may be NULL */
	int stdin_fd;	   /* 0 or -1: /dev/null. Borrowed, like the next two */
	int stdout_fd;
	int stderr_fd;
	const int *keep_fds; /* stay open under their own numbers */
	size_t keep_count;
	uid_t uid; /* 0: stay who we are; else this user with no other groups */
	gid_t gid;
};

/* A child process of ours. Zero is "none". */
struct proc {
	pid_t pid;
	int pidfd;
	bool running;
	int status; /* wait status once it does not run any more */
};

/**
 * proc_start() - start a child that dies with this thread (PR_SET_PDEATHSIG) and dumps no core.
 * Return: 0, or -errno of whatever failed up to and including execve, told in @reterr.
 */
int proc_start(const struct proc_spec *spec, struct proc *ret, struct err *reterr) MUST_USE;

/** proc_wait() - until it has ended or the deadline passed. 0 or -ETIMEDOUT. */
int proc_wait(struct proc *p, uint64_t deadline_ns);

/** proc_alive() - has it not ended yet? Reaps it when it has. */
bool proc_alive(struct proc *p);

/** proc_kill() - SIGKILL (unless it has ended) and reap. Accepts a zero struct. */
void proc_kill(struct proc *p);

/** proc_end() - SIGTERM, then after @grace_ms SIGKILL; reaps. Was SIGTERM enough? */
bool proc_end(struct proc *p, unsigned grace_ms);

/** proc_fate() - "exited:N", "signal:N" or "alive", as results files say it. Returns @scratch. */
const char *proc_fate(struct proc *p, char *scratch, size_t size);

/**
 * proc_cpu_ns() - CPU time that @pid and its living descendants have used, user + system, ns.
 * Threads that have ended are included, children that have been reaped are not.
 * Return: 0 or -ESRCH.
 */
int proc_cpu_ns(pid_t pid, uint64_t *ret_ns) MUST_USE;

/**
 * proc_sleeps() - does no thread of @pid and its descendants run, wait for a processor or for a disk, or is held by a
 * debugger? @ret_ns: as proc_cpu_ns(): that it stays the same between two looks says that none ran meanwhile.
 * Return: 1, 0, or -ESRCH.
 */
int proc_sleeps(pid_t pid, uint64_t *ret_ns) MUST_USE;

/* Result of a command that was run to its end. */
struct proc_output {
	struct buf out;
	struct buf err;
	int status;
	uint64_t run_ns;
};

/**
 * proc_run() - run a command, collect its output (each stream up to @max bytes, the rest is
 * counted), kill it at the deadline.
 * Return: 0 when it ended by itself (look at status); -ETIMEDOUT; -errno when it could not start.
 */
int proc_run(const struct proc_spec *spec, size_t max, uint64_t deadline_ns,
	     struct proc_output *ret, struct err *reterr) MUST_USE;
void proc_output_free(struct proc_output *o);

#endif
