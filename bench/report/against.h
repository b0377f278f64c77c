/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_AGAINST_H
#define VQ_REPORT_AGAINST_H

#include "report/model.h"

/*
 * Two runs side by side, cell by cell of the same id. It shows ratios and says which cells are not
 * comparable, with the reason; it judges no regression.
 */

struct against_pair {
	const struct cell *base;
	const struct cell *new; /* NULL: the other run has no such cell */
	const char *why_not;	/* static text; NULL: compared */
};

struct against {
	struct against_pair *pair; /* owned; in the order of the base run */
	size_t count;
	size_t compared;
	size_t only_new; /* cells that the base run lacks */
};

/** against_refusal() - why two cells of one id are not compared; NULL: they are. Static text. */
const char *against_refusal(const struct cell *base, const struct cell *new);

/** against_build() - @ret is zero-initialised and belongs to the caller in any case. 0 or -ENOMEM. */
int against_build(const struct run *base, const struct run *new, struct against *ret) MUST_USE;
void against_free(struct against *a);

/** against_text() - for people: the headline metrics of each pair, then what was not compared. */
void against_text(const struct run *base, const struct against *a, struct out *ret);

/** against_json() - {schema, compared, only_new, cells: [{id, reason, metrics: [...]}]}; owned, NULL: no memory. */
json_t *against_json(const struct run *base, const struct against *a) MUST_USE;

#endif
