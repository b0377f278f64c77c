/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_LOAD_H
#define VQ_REPORT_LOAD_H

#include "report/model.h"

/* What the parts of the loader share: load.c reads the run, load_cell.c one cell, model.c has the
 * files of a run and what can be asked of what was read. */

/** load_text() - a string member that shape_check_*() has seen; borrowed, NULL for null. */
static inline const char *load_text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

/**
 * load_json() - a JSON file of the run, at most @max bytes of it.
 * @path: of the file; @name is what messages call it.
 * @size: its size is added.
 */
int load_json(const struct run *r, const char *path, const char *name, size_t max, size_t *size,
	      json_t **ret, struct err *reterr) MUST_USE;

/**
 * load_cell() - read the cell.json of @c, which has its id and nothing else. One that cannot be
 * used makes @c a damaged cell, with the cause. @total: bytes of all cells read so far.
 * Return: 0 or -ENOMEM.
 */
int load_cell(const struct run *r, struct cell *c, size_t *total, struct err *reterr) MUST_USE;

/** load_cell_free() - release what @c owns; it is not to be used again. */
void load_cell_free(struct cell *c);

#endif
