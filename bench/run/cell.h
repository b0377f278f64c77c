/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_CELL_H
#define VQ_RUN_CELL_H

#include "base/err.h"
#include "stack/stack.h"
#include "workload/workload.h"

#define CELL_ID_SIZE 192

/* One combination that a plan asks for. Baselines have no VMM, kernel or modes. */
struct cell {
	char id[CELL_ID_SIZE];
	const struct stack *stack;
	const struct vmm *vmm;	     /* NULL: baseline */
	const struct kernel *kernel; /* NULL: baseline */
	unsigned options;	     /* bits of the stack's options: its variant */
	enum cache_mode cache;	     /* CACHE_UNSET, DAX_UNSET: the stack has none */
	bool writeback;
	enum dax_mode dax;
	uint64_t window_bytes; /* of the DAX window; 0: none, whatever dax asks for */
	const struct workload *workload;
};

struct cell_list {
	struct cell *item;
	size_t count;
};

/**
 * cell_name() - fill in the id: parts joined by dots, in the order of DESIGN, fit for a file name.
 * Parts that do not apply to the stack are left out.
 */
void cell_name(struct cell *c);

/** cells_add() - append unless a cell with the same id is there. 0 or -ENOMEM. */
int cells_add(struct cell_list *l, const struct cell *c) MUST_USE;
const struct cell *cells_find(const struct cell_list *l, const char *id);
void cells_free(struct cell_list *l);

#endif
