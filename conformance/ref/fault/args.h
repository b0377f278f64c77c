/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_FAULT_ARGS_H
#define VQ_REF_FAULT_ARGS_H

#include "conformance/ref/fault/fault.h"

/* What stands behind a fault's name. Opcode 0: any. */
struct fault_args {
	uint32_t opcode;
	uint64_t ms;
	int error; /* -errno */
	uint64_t number;
	uint64_t after; /* times that it could have fired and did not, before it does */
	uint64_t count; /* times that it fires at most; 0: no limit */
	uint64_t percent;
	uint64_t seed;
};

/** fault_parse() - a whole --fault text. -EINVAL with what is wrong. */
int fault_parse(const char *text, enum fault_id *ret, struct fault_args *ret_args,
		struct err *reterr) MUST_USE;

/** fault_takes() - "OPCODE:MS" and so on, as --list-faults shows it; "" without. */
const char *fault_takes(const struct fault_row *row, char *scratch, size_t size);

#endif
