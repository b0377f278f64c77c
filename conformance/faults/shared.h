/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FAULTS_SHARED_H
#define VQ_FAULTS_SHARED_H

/*
 * What the library of system-call faults and whoever loads it into a daemon agree on: names in the
 * environment, and the file that both map. The library opens the file when it is loaded, before the daemon
 * builds its sandbox; a process that the daemon forks goes on with the same memory.
 */

#include <stdint.h>

#define FAULTS_ENV_NAME	 "VQ_FAULT"	  /* NAME[:after=N][:count=N], or FAULTS_TRACE */
#define FAULTS_ENV_COUNT "VQ_FAULT_COUNT" /* path of the file; without it nobody counts */
/* No fault: only count, for each of the list, how often it could have fired. */
#define FAULTS_TRACE "trace"

#define FAULTS_MAGIC UINT32_C(0x56514631)
/* Room for rows of list.h: it is part of the layout, so it leaves some. */
#define FAULTS_MAX 160

struct faults_shared {
	uint32_t magic;	 /* an empty file gets it, and is armed, from the library */
	uint32_t armed;	 /* 0: faults wait; set by whoever made the file */
	uint32_t loaded; /* processes that the library was loaded into; a fork is not counted */
	uint32_t pad;
	uint64_t chances;	    /* calls that the fault is about, while armed */
	uint64_t fired;		    /* of these: changed */
	uint64_t would[FAULTS_MAX]; /* with FAULTS_TRACE: chances of each row */
};

#endif
