/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUN_VERSION_H
#define VQ_RUN_VERSION_H

#include "base/err.h"
#include "base/strv.h"

/**
 * version_probe() - run a program that prints its version and judge it.
 * @argv:   the command.
 * @wanted: glob that the version has to match; NULL: any.
 * @ret:    first line of stdout, or of stderr; filled in whenever there is one.
 * Return: 0; -errno with what was expected and what was seen: it cannot be started, did not exit
 * with 0, printed nothing, or another version.
 */
int version_probe(const struct strv *argv, const char *wanted, char *ret, size_t size,
		  struct err *reterr) MUST_USE;

#endif
