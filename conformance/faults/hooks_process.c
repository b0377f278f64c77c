// SPDX-License-Identifier: Apache-2.0
/* Functions of libc about the process, locks, rings and memory; and syscall(), by which any call may go. */
#include "conformance/faults/call.h"

#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CALL_ARGUMENTS 6

/* In process.c. */
void faults_own_eventfd(int fd);

/*
 * How many arguments there are only the kernel knows; reading as many as there can be reads what libc's own
 * syscall() does.
 */
HOOK long syscall(long nr, ...)
{
	struct call c = { .nr = nr };
	va_list ap;

	va_start(ap, nr);
	for (unsigned i = 0; i < CALL_ARGUMENTS; i++)
		c.a[i] = va_arg(ap, long);
	va_end(ap);
	return faults_result(faults_pass(&c));
}

/* ---- who we are ---- */

HOOK mode_t umask(mode_t mask)
{
	return (mode_t)CALL(SYS_umask, mask);
}

HOOK int setgroups(size_t count, const gid_t *groups)
{
	return HOOK_RESULT(int, CALL_SETGROUPS, (long)count, (long)groups);
}

int capset(void *header, const void *data);

/* For libcap-ng, which daemons use. */
HOOK int capset(void *header, const void *data)
{
	return HOOK_RESULT(int, SYS_capset, (long)header, (long)data);
}

/* ---- locks ---- */

HOOK int flock(int fd, int operation)
{
	return HOOK_RESULT(int, SYS_flock, fd, operation);
}

static int control(int fd, int command, va_list ap)
{
	return HOOK_RESULT(int, SYS_fcntl, fd, command, va_arg(ap, long));
}

HOOK int fcntl(int fd, int command, ...)
{
	va_list ap;
	int r;

	va_start(ap, command);
	r = control(fd, command, ap);
	va_end(ap);
	return r;
}

HOOK int fcntl64(int fd, int command, ...)
{
	va_list ap;
	int r;

	va_start(ap, command);
	r = control(fd, command, ap);
	va_end(ap);
	return r;
}

/* ---- rings ---- */

HOOK int eventfd(unsigned value, int flags)
{
	int fd = HOOK_RESULT(int, SYS_eventfd2, value, flags);

	faults_own_eventfd(fd);
	return fd;
}

HOOK int eventfd_write(int fd, eventfd_t value)
{
	return write(fd, &value, sizeof(value)) == sizeof(value) ? 0 : -1;
}

HOOK void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	return (void *)faults_result(
		CALL(SYS_mmap, (long)at, (long)size, protection, flags, fd, offset));
}

HOOK void *mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t offset)
{
	return mmap(at, size, protection, flags, fd, offset);
}
