/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_WORKLOADS_WL_H
#define VQ_WORKLOADS_WL_H

/* What our static workload programs share. They stand alone: no library, no other header of ours. */

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/** wl_now_ns() - CLOCK_MONOTONIC in nanoseconds. */
static inline uint64_t wl_now_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) < 0)
		abort();
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

/** wl_die() - "program: what: strerror" on stderr, exit status 1. */
static inline void __attribute__((noreturn)) wl_die(const char *program, const char *what)
{
	(void)fprintf(stderr, "%s: %s: %s\n", program, what, strerror(errno));
	exit(1);
}

/** wl_number() - a decimal argument in [min, max], or exit with status 2. */
static inline unsigned long wl_number(const char *program, const char *text, unsigned long min,
				      unsigned long max)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || end == text || *end || v < min || v > max) {
		(void)fprintf(stderr, "%s: '%s' is not a number from %lu to %lu\n", program, text,
			      min, max);
		exit(2);
	}
	return v;
}

/* ---- latencies ---- */

struct wl_samples {
	uint64_t *ns;
	size_t n;
};

static inline void wl_samples_room(const char *program, struct wl_samples *s, size_t room)
{
	*s = (struct wl_samples){ calloc(room ? room : 1, sizeof(uint64_t)), 0 };
	if (!s->ns)
		wl_die(program, "memory for samples");
}

static inline int wl_compare_ns(const void *a, const void *b)
{
	const uint64_t *x = (const uint64_t *)a;
	const uint64_t *y = (const uint64_t *)b;

	return (*x > *y) - (*x < *y);
}

/** wl_samples_print() - the value of a JSON field: n, min, mean, max and percentiles (nearest rank). */
static inline void wl_samples_print(struct wl_samples *s)
{
	static const unsigned percent[] = { 50, 90, 99 };
	uint64_t sum = 0;

	qsort(s->ns, s->n, sizeof(uint64_t), wl_compare_ns);
	for (size_t i = 0; i < s->n; i++)
		sum += s->ns[i];
	(void)printf("{\"n\": %zu", s->n);
	if (s->n) {
		(void)printf(", \"min\": %llu, \"mean\": %.1f, \"max\": %llu, \"percentile\": {",
			     (unsigned long long)s->ns[0], (double)sum / (double)s->n,
			     (unsigned long long)s->ns[s->n - 1]);
		for (size_t i = 0; i < sizeof(percent) / sizeof(percent[0]); i++)
			(void)printf("%s\"%u\": %llu", i ? ", " : "", percent[i],
				     (unsigned long long)s->ns[(s->n * percent[i] + 99) / 100 - 1]);
		(void)printf("}");
	}
	(void)printf("}");
	free(s->ns);
	*s = (struct wl_samples){ 0 };
}

/* ---- kinds of operations, timed one after the other ---- */

struct wl_op {
	const char *name;
	/* Does it @count times; returns how many operations that were. */
	unsigned long (*run)(int dir, unsigned long count);
};

static inline double wl_rate(double n, uint64_t ns)
{
	return ns ? n * 1e9 / (double)ns : 0;
}

/** wl_ops_print() - run each kind and print "ops", "ops_n", "ops_ns" and "ops_rate" as JSON fields. */
static inline void wl_ops_print(const struct wl_op *ops, size_t op_count, int dir,
				unsigned long count)
{
	unsigned long total = 0;
	uint64_t total_ns = 0;

	(void)printf("\"ops\": {");
	for (size_t i = 0; i < op_count; i++) {
		uint64_t start = wl_now_ns();
		unsigned long n = ops[i].run(dir, count);
		uint64_t ns = wl_now_ns() - start;

		(void)printf("%s\"%s\": {\"n\": %lu, \"ns\": %llu, \"rate\": %.3f}", i ? ", " : "",
			     ops[i].name, n, (unsigned long long)ns, wl_rate((double)n, ns));
		total += n;
		total_ns += ns;
	}
	(void)printf("}, \"ops_n\": %lu, \"ops_ns\": %llu, \"ops_rate\": %.3f", total,
		     (unsigned long long)total_ns, wl_rate((double)total, total_ns));
}

/** wl_repeat_ns() - for how long the driver asks to go round the data again; 0: once over it. */
static inline uint64_t wl_repeat_ns(void)
{
	const char *repeat = getenv("VQ_REPEAT");
	const char *ms = getenv("VQ_TIME");

	if (!repeat || strcmp(repeat, "1") != 0 || !ms)
		return 0;
	return (uint64_t)strtoul(ms, NULL, 10) * 1000000;
}

#endif
