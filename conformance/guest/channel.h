/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CHECK_CHANNEL_H
#define VQ_CHECK_CHANNEL_H

#include "conformance/guest/line.h"

struct check_run;
struct check_env;

/*
 * The way to the driver: lines on standard output, answers as files that appear in a folder (the agent of a guest gives
 * jobs no input, but puts files under their name when they are complete). A control answers itself.
 */

/** channel_open() - 0; -errno when the folders cannot be used. */
int channel_open(const struct check_env *env);
/** channel_say() - one line. 0 or -errno. */
int channel_say(const struct line *w);
/** channel_ask() - @w is PARTY VERB ARGUMENT...; waits for the answer. -EOPNOTSUPP: nobody is there to do that. */
int channel_ask(struct check_run *r, const struct line *w, struct line *ret);

#endif
