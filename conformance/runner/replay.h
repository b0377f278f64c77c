/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_REPLAY_H
#define VQ_RUNNER_REPLAY_H

#include "conformance/runner/options.h"
#include "conformance/runner/trial.h"

#include <jansson.h>

/** replay_differs() - does @t show something else than @p says was seen? In @ret the first of it. */
bool replay_differs(const struct program *p, const struct trial *t, char *ret, size_t size);

/**
 * replay_run() - the program of the command line against one daemon; told to @out.
 * Return: exit status: 1 what it shows happened again, or the daemon did something else that is wrong; 0 neither;
 * 2 the file is no program; 3 it could not be run.
 */
int replay_run(const struct conform_options *o, const struct target *t, const char *dir, FILE *out,
	       struct err *reterr) MUST_USE;

#endif
