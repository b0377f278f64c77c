/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_AREAS_H
#define VQ_RUNNER_AREAS_H

#include "conformance/check.h"
#include "conformance/spec/spec.h"

/* The suite "device": areas in the order in which they are run and shown. */
const struct check_area *const *device_areas(size_t *ret_count);

/** check_find() - by id; NULL: none. */
const struct check *check_find(const char *id);
/** check_row() - its first requirement row: clause, level, party. NULL is a mistake that a test finds. */
const struct spec_row *check_row(const struct check *c);
/** check_level() - of that row. */
enum spec_level check_level(const struct check *c);

/** words_next() - the next word of a list by blanks, into @word; NULL at the end. */
const char *words_next(const char *list, char *word, size_t size);

#endif
