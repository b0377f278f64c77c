/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_PROGRAMS_H
#define VQ_RUNNER_PROGRAMS_H

#include "conformance/runner/suite.h"

/** programs_dir() - where the programs of @s's failed checks go, made if needed. Owned; NULL: nowhere. */
char *programs_dir(const struct suite *s) MUST_USE;

/**
 * programs_verify() - the steps of each one that checks have left there are repeated with a fresh daemon. Those that are
 * not answered as in the check (it did more than they say) are left out: then it only names the check. 0; -errno with text.
 */
int programs_verify(const struct suite *s, const char *dir, struct err *reterr) MUST_USE;

#endif
