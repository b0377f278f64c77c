// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <assert.h>
#include <limits.h>
#include <time.h>

uint64_t clock_now_ns(void)
{
	struct timespec ts;

	assert(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t clock_deadline_ms(uint64_t ms)
{
	return clock_now_ns() + ms * NS_PER_MS;
}

int clock_left_ms(uint64_t deadline_ns)
{
	uint64_t now = clock_now_ns();
	uint64_t left;

	if (now >= deadline_ns)
		return 0;
	left = (deadline_ns - now + NS_PER_MS - 1) / NS_PER_MS;
	return left > INT_MAX ? INT_MAX : (int)left;
}

void clock_utc_stamp(char *ret, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;

	assert(size >= sizeof("20261122T101500Z"));
	(void)gmtime_r(&now, &tm);
	(void)strftime(ret, size, "%Y%m%dT%H%M%SZ", &tm);
}
