/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_PCP_TOOL_H
#define VQ_TEST_PCP_TOOL_H

#include "base/err.h"
#include "base/proc.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * PCP's own tools, those of the guest image, run through their own loader; and what they print.
 * Nothing in here asserts.
 */
struct pcp_tool {
	char root[PATH_MAX + 16]; /* the guest image, unpacked */
	const char *dir;	  /* archives are named relative to it */
	struct proc_output o;	  /* what the last tool said */
};

/** pcp_tool_open() - unpack the image into @dir, which is kept. 0 or -errno. */
int pcp_tool_open(struct pcp_tool *p, const char *dir, struct err *reterr) MUST_USE;

/** pcp_tool_close() - remove it. 0 or -errno. */
int pcp_tool_close(struct pcp_tool *p);

/** pcp_tool_run() - run a tool on an archive to its end; p->o has what it said. 0 or -errno. */
int pcp_tool_run(struct pcp_tool *p, const char *name, const char *const *options,
		 const char *archive, const char *const *metrics, struct err *reterr) MUST_USE;

/* Values of a metric in an archive. */
struct pcp_values {
	size_t count;
	double first, last, lowest, highest;
};

/** pcp_values_of() - all values in what pmdumplog printed. */
struct pcp_values pcp_values_of(const char *text);

/** pcp_instance_of() - all values of one instance in it. */
struct pcp_values pcp_instance_of(const char *text, const char *instance);

/** pcp_block_of() - the block of a metric in what pminfo or pmdumplog printed, or NULL. */
const char *pcp_block_of(const char *text, const char *name, size_t *ret_size);

/** pcp_same_line() - does the block have the line that starts with @word in the other block too? */
bool pcp_same_line(const char *a, size_t a_size, const char *b, size_t b_size, const char *word);

#endif
