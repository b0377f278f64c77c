/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_COUNTS_H
#define VQ_REPORT_COUNTS_H

#include "report/model.h"

/*
 * What the observed passes counted: FUSE operations by opcode, bytes, kicks, interrupts; one line
 * per cell and phase of a workload.
 */

/* Opcodes with a column of their own; the others are added up in one more. */
#define COUNTS_OPCODES_MAX 8

struct counts_line {
	const struct cell *cell;
	const char *phase; /* its first phase_size bytes */
	size_t phase_size;
};

struct counts {
	struct counts_line *line; /* owned */
	size_t line_count;
	const char *opcode[COUNTS_OPCODES_MAX]; /* most frequent first */
	size_t opcode_count;
	bool others; /* there are more opcodes */
};

/** counts_build() - @ret is zero-initialised and belongs to the caller in any case. */
int counts_build(const struct run *r, const struct workload_info *w, struct counts *ret) MUST_USE;
void counts_free(struct counts *c);

/** counts_is_one() - is a metric one of these? */
bool counts_is_one(const char *metric);

/** counts_value() - "ops.all", "kicks", ... of a line; NULL: not counted. */
const struct value *counts_value(const struct counts_line *l, const char *name);

/** counts_others() - operations of a line whose opcode has no column. */
double counts_others(const struct counts *c, const struct counts_line *l);

/** counts_exact() - are all samples of a value the same? */
bool counts_exact(const struct value *v);

#endif
