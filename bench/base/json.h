/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_BASE_JSON_H
#define VQ_BASE_JSON_H

#include "base/err.h"

#include <jansson.h>

/* json_auto_t (jansson) releases at scope end. Reals are never NaN or infinite: json_num() refuses them. */

/** json_load_path() - parse a file (duplicate keys are an error). -errno with file, line and cause in @reterr. */
int json_load_path(const char *path, json_t **ret, struct err *reterr) MUST_USE;

/** json_save_atomic() - write, fsync, rename; sorted by insertion, two-space indent. */
int json_save_atomic(const char *path, const json_t *value, struct err *reterr) MUST_USE;

/**
 * json_at() - look a value up by a path such as "jobs[0].read.clat_ns.percentile[99.000000]".
 * A name in brackets that is not an index is an object key (needed for keys with dots).
 * Return: borrowed value or NULL when there is none.
 */
json_t *json_at(json_t *root, const char *path);

/** json_number_at() - the number at @path; -ENOENT when missing, -EINVAL when not a number. */
int json_number_at(json_t *root, const char *path, double *ret) MUST_USE;

/** json_str_at() - the string at @path, or @fallback. Borrowed. */
const char *json_str_at(json_t *root, const char *path, const char *fallback);

/** json_num() - a real, or an integer where the value is whole; null when not finite. New reference. */
json_t *json_num(double value);

/** json_argv() - a list of strings as an array. New reference. */
json_t *json_argv(char *const *argv);

#endif
