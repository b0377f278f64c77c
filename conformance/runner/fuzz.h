/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_FUZZ_H
#define VQ_RUNNER_FUZZ_H

#include "conformance/runner/options.h"
#include "conformance/runner/trial.h"

/**
 * fuzz_run() - programs that nobody wrote against one daemon, each with a fresh one, until the time is over. What
 * falls over is made small, repeated and written to --out. Told to @out.
 * Return: exit status: 0 nothing did; 1 something; 3 the daemon could not be tried.
 */
int fuzz_run(const struct conform_options *o, const struct target *t, const char *dir, FILE *out,
	     struct err *reterr) MUST_USE;

#endif
