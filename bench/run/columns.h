/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_COLUMNS_H
#define VQ_RUN_COLUMNS_H

#include "base/err.h"
#include "record/record.h"

struct relay;

/*
 * What the driver itself reads for the recording of an observed pass: requests by opcode of the relay, and
 * what virtiofs-refdev counts (conformance/wire/refdev.h). Both in one sample, one behind the other.
 */
struct columns {
	const struct relay *relay; /* NULL: none */
	const char *counters;	   /* the device's file, which may not be there yet; NULL: none */
	uint64_t window_bytes;
	struct record_column *column;
	struct column_source *source; /* of each column */
	size_t count;		      /* 0: there is nothing to read */
};

/** columns_make() - @relay, @counters ("": none): borrowed until columns_free(). 0 or -ENOMEM. */
int columns_make(struct columns *ret, const struct relay *relay, const char *counters,
		 uint64_t window_bytes) MUST_USE;
void columns_free(struct columns *c);

/** columns_read() - a record_read; its argument is the struct columns. */
record_read columns_read;

/** column_opcode_name() - of an instance: "READ", "OTHER" for 0, "opcode_7" where there is no name. Static. */
const char *column_opcode_name(uint32_t opcode);

#endif
