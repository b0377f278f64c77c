/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_FAULTS_FAULTS_H
#define VQ_FAULTS_FAULTS_H

#include "conformance/faults/call.h"

/*
 * A fault is two functions of list.h's row: is it about this call, and what it does instead. A fault
 * that finds when it has the result that there is nothing to change says so (*fired = false).
 */

struct fault {
	const char *name;
	bool (*when)(const struct call *c);
	long (*act)(struct call *c, bool *fired);
	int from, to; /* errno that becomes another one */
};

/** faults_active() - the one that is switched on; for an act that several rows share. */
const struct fault *faults_active(void);

#define FAULT(name, when_, act_, what, calls, rows) \
	bool when_(const struct call *c);           \
	long act_(struct call *c, bool *fired);
#define FAULT_ERRNO(name, from, to, what, calls, rows)
#include "conformance/faults/list.h"
#undef FAULT
#undef FAULT_ERRNO

/* For all rows of the second kind. */
bool is_file_call(const struct call *c);
long errno_other(struct call *c, bool *fired);

#endif
