/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_KNOWN_H
#define VQ_RUNNER_KNOWN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Deviations that a product is known to have: conformance/known/PRODUCT.tsv, one row for each check and
 * range of versions. They never change a verdict; they say whether it is news.
 */

enum known {
	KNOWN_NONE, /* passed or was not run, and nothing else was known */
	KNOWN_NEW,  /* fails, and nobody has written it down */
	KNOWN_KNOWN,
	KNOWN_GONE, /* passes, though it is written down: the row has to go */
};

struct known_row {
	char *check;
	char *version; /* glob of the line that the product prints of itself */
	char *status;  /* seen, reported, accepted or disputed */
	char *reason;
};

struct known_list {
	struct known_row *row;
	size_t count;
};

/** known_load() - a missing file is an empty list. -EINVAL with file, line and what is wrong. */
int known_load(const char *path, struct known_list *ret, struct err *reterr) MUST_USE;
void known_free(struct known_list *l);
/** known_find() - the row for a check of this version; NULL: none. */
const struct known_row *known_find(const struct known_list *l, const char *check,
				   const char *version);
/** known_of() - what a failure or a pass means. */
enum known known_of(const struct known_row *row, bool failed, bool passed);
/** known_name() - "new", "known", "gone"; NULL for KNOWN_NONE. */
const char *known_name(enum known k);

#endif
