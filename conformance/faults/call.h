/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FAULTS_CALL_H
#define VQ_FAULTS_CALL_H

/*
 * One system call on its way from the daemon to the kernel. Whatever name of libc a daemon uses (openat,
 * openat64, __openat64_2, syscall(SYS_openat2)), a hook makes the same struct of it; faults know numbers
 * and arguments only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>

/* Calls of libc that are no system call: numbers that the kernel does not use. */
enum call_libc {
	CALL_READDIR = 100000, /* DIR *; the result is a struct dirent * */
	CALL_FSTATVFS,
	CALL_FCHMODAT,	/* with flags, which libc emulates */
	CALL_SETGROUPS, /* libc's is for all threads */
};

struct call {
	long nr;
	long a[6];
};

/** call_do() - do it. The result, or -errno; errno stays as it was. */
long call_do(const struct call *c);
/** call_do_at() - the same with argument @index changed to @value. */
long call_do_at(const struct call *c, unsigned index, long value);

/** faults_pass() - @c with the fault that is switched on, if it is for this call. As call_do(). */
long faults_pass(struct call *c);

/** faults_result() - what a function of libc returns: -errno becomes -1 and errno. */
long faults_result(long result);

#define CALL(nr_, ...) faults_pass(&(struct call){ .nr = (nr_), .a = { __VA_ARGS__ } })
/* The whole of a hook: the call, and its result as libc's. */
#define HOOK_RESULT(type, nr_, ...) ((type)faults_result(CALL(nr_, __VA_ARGS__)))

/* Hooks are all that the library shows; everything else is hidden. */
#define HOOK __attribute__((visibility("default")))

#endif
