/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_NEGOTIATED_H
#define VQ_REPORT_NEGOTIATED_H

#include "report/model.h"

/* What guests and daemons agreed on: one line per stack and mode, more where its cells differ. */

struct negotiated_field {
	const char *key; /* of cell.json, "negotiated" */
	const char *title;
	bool bytes;
};

extern const struct negotiated_field negotiated_fields[];
extern const size_t negotiated_field_count;

struct negotiated_line {
	const struct cell *cell; /* the first of them */
	size_t cell_count;
	size_t base;   /* line it is compared with, its own index: none */
	char *differs; /* owned: what more than the compared thing differs; NULL: nothing */
};

struct negotiated {
	const struct run *run;
	struct negotiated_line *line; /* owned */
	size_t line_count;
};

/** negotiated_build() - @ret is zero-initialised and belongs to the caller in any case. */
int negotiated_build(const struct run *r, struct negotiated *ret) MUST_USE;
void negotiated_free(struct negotiated *n);

/** negotiated_text() - a field of a line as text; @ret when it is a number, "-" for none. */
const char *negotiated_text(const struct negotiated_line *l, const struct negotiated_field *f,
			    char ret[48]);

/** negotiated_flags() - INIT flags that every line has (@common), or those of @l that not all have. */
void negotiated_flags(const struct negotiated *n, const struct negotiated_line *l, bool common,
		      struct out *ret);

#endif
