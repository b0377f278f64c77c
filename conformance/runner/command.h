/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_RUNNER_COMMAND_H
#define VQ_RUNNER_COMMAND_H

#include "conformance/runner/options.h"

/**
 * command_run() - "explain", "diff", "findings", "spec-check": what starts no daemon. To @out.
 * Return: an exit status; 2 with text when it is no such command, or its operands are wrong.
 */
int command_run(const struct conform_options *o, FILE *out, struct err *reterr) MUST_USE;

#endif
