/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_BASE_CLEANUP_H
#define VQ_BASE_CLEANUP_H

/*
 * Scope-bound release of resources, and the few macros that everything uses.
 * Initialise a CLEANUP variable on the line that declares it. Never call a cmocka assert or
 * skip while one is live: those leave by longjmp and the handler does not run.
 */

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	       (sizeof(a) / sizeof((a)[0]))
#define CLEANUP(func)	       __attribute__((cleanup(func)))
#define MUST_USE	       __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

#define KIB	  (UINT64_C(1) << 10)
#define MIB	  (UINT64_C(1) << 20)
#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

/* Hand a resource on: evaluates to its value and leaves "nothing" behind. */
#define TAKE_FD(fd)                          \
	({                                   \
		int *take_fd_ = &(fd);       \
		int take_value_ = *take_fd_; \
		*take_fd_ = -1;              \
		take_value_;                 \
	})
#define TAKE_PTR(p)                                     \
	({                                              \
		__typeof__(p) *take_ptr_ = &(p);        \
		__typeof__(p) take_value_ = *take_ptr_; \
		*take_ptr_ = NULL;                      \
		take_value_;                            \
	})

static inline void fd_closep(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

static inline void freep(void *p)
{
	free(*(void **)p);
	*(void **)p = NULL;
}

static inline void file_closep(FILE **f)
{
	if (*f)
		(void)fclose(*f);
	*f = NULL;
}

static inline void dir_closep(DIR **d)
{
	if (*d)
		(void)closedir(*d);
	*d = NULL;
}

#endif
