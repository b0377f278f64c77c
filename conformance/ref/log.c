// SPDX-License-Identifier: Apache-2.0
#include "conformance/ref/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"

/*
 * A bucket that holds BURST lines and gains one each REFILL_NS: a device that works writes a handful of
 * lines, so that nothing is lost, and a hostile guest can neither fill a disk nor slow the device down.
 */
#define BURST	  100
#define REFILL_NS (NS_PER_S / 10)
#define LINE_MAX  512

static const char *const names[] = { "error", "warn", "info", "debug" };

static _Atomic int limit = REF_LOG_INFO;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	uint64_t filled_ns; /* 0: never */
	unsigned tokens;
	uint64_t pending; /* left out since the last line that was written */
	uint64_t left_out;
} bucket;

void ref_log_set_level(enum ref_log_level level)
{
	atomic_store_explicit(&limit, (int)level, memory_order_relaxed);
}

int ref_log_level_from(const char *name, enum ref_log_level *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret = (enum ref_log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

uint64_t ref_log_left_out(void)
{
	uint64_t n;

	(void)pthread_mutex_lock(&lock);
	n = bucket.left_out;
	(void)pthread_mutex_unlock(&lock);
	return n;
}

/* May one more line be written? @ret_skipped: how many were not, up to now. */
static bool take_token(uint64_t *ret_skipped)
{
	uint64_t now = clock_now_ns();
	uint64_t gained;
	bool ok;

	(void)pthread_mutex_lock(&lock);
	if (bucket.filled_ns == 0) {
		bucket.filled_ns = now;
		bucket.tokens = BURST;
	}
	gained = (now - bucket.filled_ns) / REFILL_NS;
	if (gained > 0) {
		bucket.tokens = gained > BURST - bucket.tokens ? BURST
							       : bucket.tokens + (unsigned)gained;
		bucket.filled_ns += gained * REFILL_NS;
	}
	ok = bucket.tokens > 0;
	if (ok) {
		bucket.tokens--;
		*ret_skipped = bucket.pending;
		bucket.pending = 0;
	} else {
		bucket.pending++;
		bucket.left_out++;
	}
	(void)pthread_mutex_unlock(&lock);
	return ok;
}

/* Text that came from outside may not forge a second line. */
static void one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

void ref_log(enum ref_log_level level, const char *fmt, ...)
{
	char line[LINE_MAX];
	uint64_t skipped = 0;
	va_list ap;

	if ((int)level > atomic_load_explicit(&limit, memory_order_relaxed) ||
	    !take_token(&skipped))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	one_line(line);
	/* One write each, so that lines of several threads do not mix. */
	if (skipped > 0)
		(void)dprintf(STDERR_FILENO,
			      "virtiofs-refdev: warn: %llu messages were left out (too many)\n",
			      (unsigned long long)skipped);
	(void)dprintf(STDERR_FILENO, "virtiofs-refdev: %s: %s\n", names[level], line);
}
