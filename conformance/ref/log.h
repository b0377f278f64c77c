/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REF_LOG_H
#define VQ_REF_LOG_H

#include "base/cleanup.h"

enum ref_log_level { REF_LOG_ERROR, REF_LOG_WARN, REF_LOG_INFO, REF_LOG_DEBUG };

/**
 * ref_log() - one line on standard error, with its level and a newline of its own; any thread may call it.
 * What a guest or a front end can cause again and again is rate-limited: a line says how many were left out.
 */
void ref_log(enum ref_log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

/** ref_log_set_level() - drop lines beyond @level; REF_LOG_INFO at the start. */
void ref_log_set_level(enum ref_log_level level);

/** ref_log_level_from() - "error", "warn", "info" or "debug"; -EINVAL for anything else. */
int ref_log_level_from(const char *name, enum ref_log_level *ret) MUST_USE;

/** ref_log_left_out() - lines that the rate limit has dropped since the start. */
uint64_t ref_log_left_out(void);

#endif
