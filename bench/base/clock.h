/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_BASE_CLOCK_H
#define VQ_BASE_CLOCK_H

#include "base/cleanup.h"

#include <stddef.h>

/** clock_now_ns() - CLOCK_MONOTONIC in nanoseconds. Deadlines everywhere are absolute in this clock. */
uint64_t clock_now_ns(void);

/** clock_deadline_ms() - the absolute deadline @ms from now. */
uint64_t clock_deadline_ms(uint64_t ms);

/** clock_left_ms() - time left until @deadline_ns as poll() wants it: 0 when over, rounded up. */
int clock_left_ms(uint64_t deadline_ns);

static inline double clock_seconds(uint64_t ns)
{
	return (double)ns / (double)NS_PER_S;
}

/** clock_utc_stamp() - "20261122T101500Z" of now into @ret (at least 17 bytes). */
void clock_utc_stamp(char *ret, size_t size);

#endif
