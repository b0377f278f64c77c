/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_SHAPE_INT_H
#define VQ_REPORT_SHAPE_INT_H

#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>

/* How forms are written down; for shape*.c only. */

enum {
	T_STRING = 1 << 0,
	T_INTEGER = 1 << 1,
	T_NUMBER = 1 << 2, /* integers too */
	T_BOOL = 1 << 3,
	T_NULL = 1 << 4,
	T_ARRAY = 1 << 5,
	T_OBJECT = 1 << 6,
	T_SCALAR = T_STRING | T_NUMBER | T_BOOL | T_NULL,
};

/* One key of an object, or all values of a list or of an object with free keys (key NULL). */
struct field {
	const char *key;
	unsigned int types;
	bool optional;		   /* the key may be missing */
	const char *const *words;  /* the only texts allowed, ended by NULL; NULL: any */
	const struct field *inner; /* of an object, or of each item of a list */
	size_t inner_count;
};

#define INNER(table) .inner = (table), .inner_count = ARRAY_SIZE(table)

/** shape_check_document() - has @root this form, and the schema number that this program reads? */
int shape_check_document(const struct field *f, size_t count, const json_t *root,
			 struct err *reterr) MUST_USE;

#endif
