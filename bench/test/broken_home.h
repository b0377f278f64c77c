/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_BROKEN_HOME_H
#define VQ_TEST_BROKEN_HOME_H

#include "conduct.h"

/*
 * Homes in the folder of a test of conduct, made of links to this project but for one part, which
 * the test then breaks. Nothing in here asserts; what went wrong is in conduct.err.
 * @ret: path of the home. Return: 0 or -errno.
 */

/** broken_home_copy() - with a copy of folder @what of @part; its files are hard links where that goes. */
int broken_home_copy(struct conduct *c, const char *name, const char *part, const char *what,
		     char *ret, size_t size) MUST_USE;

/**
 * broken_home_loader() - its only stack root is backports, with our loader in it that breaks programs.
 * @behaviour: lines of fakes/broken-loader.
 */
int broken_home_loader(struct conduct *c, const char *name, const char *behaviour, char *ret,
		       size_t size) MUST_USE;

/** broken_home_command() - run a command to its end. 0, or -EIO with its words when it fails. */
int broken_home_command(struct conduct *c, const char *const *argv) MUST_USE;

#endif
