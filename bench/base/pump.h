/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_BASE_PUMP_H
#define VQ_BASE_PUMP_H

#include "base/proc.h"

/*
 * A pump is a small child process that copies what a daemon, a VMM or a guest console prints
 * into a log file, up to a limit: whoever floods its log can neither fill the disk nor block.
 */

/** Bytes kept of one log; the rest is discarded, and the log says so. */
#define PUMP_LOG_MAX (4 * MIB)

/**
 * pump_start() - make a log.
 * @path:     file to write (truncated).
 * @ret_wr:   the write end, to be given to a child as stdout or stderr; owned by the caller.
 * @ret:      the pump; it ends by itself when all write ends are closed.
 */
int pump_start(const char *path, int *ret_wr, struct proc *ret, struct err *reterr) MUST_USE;

/** pump_finish() - wait shortly until the log is complete, then end the pump. */
void pump_finish(struct proc *p);

#endif
