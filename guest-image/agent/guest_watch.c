// SPDX-License-Identifier: Apache-2.0
/*
 * "vq-guest watch": samples of the kernel's own counters at fixed times, one JSON object a line:
 *
 *   {"start":{"t":NS,"interval_ms":N,"keys":N}}
 *   {"t":NS,"v":[1,2,null,...]}                     one value a key, in their order
 *   {"end":{"t":NS,"samples":N,"late":N,"skipped":N,"cpu_ns":N,"reason":"..."}}
 *
 * Resident bytes and memory of processes cost milliseconds: they are in the first sample, in every
 * tenth from there, and in the last. Times are CLOCK_MONOTONIC. Sample n is due at start + n * interval: one that is taken late does
 * not move the next. It ends with SIGTERM, after one more sample, or before it would write more than MAX_BYTES.
 */
#include "guest_watch.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_MAX_MS 60000
#define DEAR_TICKS	10
/* Room for the last line, so that the bound holds and the end is still told. */
#define END_ROOM 256

static struct watch_key keys[WATCH_KEYS_MAX];
static size_t key_count;

struct watch {
	uint64_t start_ns;
	uint64_t interval_ns;
	uint64_t max_bytes;
	uint64_t written;
	uint64_t samples;
	uint64_t late;	  /* taken more than half an interval after they were due */
	uint64_t skipped; /* not taken, because the next one was due already */
	const char *reason;
};

static const struct {
	const char *word;
	enum watch_source source;
} words[] = {
	{ "meminfo", WATCH_MEMINFO },	{ "vmstat", WATCH_VMSTAT },
	{ "stat", WATCH_STAT },		{ "loadavg", WATCH_LOADAVG },
	{ "pressure", WATCH_PRESSURE }, { "resident", WATCH_RESIDENT },
	{ "tree", WATCH_TREE },
};

static int parse_column(const char *text, unsigned max, unsigned *ret)
{
	uint64_t value;

	if (guest_parse_u64(text, &value) < 0 || value > max)
		return -EINVAL;
	*ret = (unsigned)value;
	return 0;
}

/* Split @text at its first colon; what is behind it, "" when there is none. */
static char *split(char *text)
{
	char *colon = strchr(text, ':');

	if (!colon)
		return text + strlen(text);
	*colon = '\0';
	return colon + 1;
}

static bool known_pressure(const char *resource, const char *kind)
{
	return (strcmp(resource, "cpu") == 0 || strcmp(resource, "memory") == 0 ||
		strcmp(resource, "io") == 0) &&
	       (strcmp(kind, "some") == 0 || strcmp(kind, "full") == 0);
}

static int parse_rest(struct watch_key *k, char *first)
{
	char *second;
	uint64_t pid;

	if (!*first)
		return -EINVAL;
	if (k->source == WATCH_LOADAVG)
		return parse_column(first, 4, &k->column);
	if (k->source != WATCH_RESIDENT && k->source != WATCH_MEMINFO) {
		second = split(first);
		if (k->source == WATCH_STAT && parse_column(second, 9, &k->column) < 0)
			return -EINVAL;
		if (k->source == WATCH_PRESSURE && !known_pressure(first, second))
			return -EINVAL;
		(void)snprintf(k->kind, sizeof(k->kind), "%.7s", second);
		if (k->source == WATCH_TREE) {
			if (guest_parse_u64(first, &pid) < 0 || pid == 0 || pid > INT32_MAX ||
			    !tree_field_known(second))
				return -EINVAL;
			k->pid = (pid_t)pid;
			first = second;
		}
	}
	(void)snprintf(k->name, sizeof(k->name), "%s", first);
	return 0;
}

int watch_key_parse(const char *text, struct watch_key *ret)
{
	char copy[WATCH_NAME_SIZE];
	char *rest;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	(void)snprintf(copy, sizeof(copy), "%s", text);
	rest = split(copy);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(copy, words[i].word) != 0)
			continue;
		*ret = (struct watch_key){ .source = words[i].source };
		return parse_rest(ret, rest);
	}
	return -EINVAL;
}

/* A line goes out whole or not at all. 0, or -errno. */
static int put_line(struct watch *w, const char *line, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = write(STDOUT_FILENO, line + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	w->written += size;
	return 0;
}

__attribute__((format(printf, 2, 3))) static int say(struct watch *w, const char *fmt, ...)
{
	char line[END_ROOM];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	return put_line(w, line, (size_t)n);
}

/* 0; -ENOSPC when the bound is reached; -errno of the write. */
static int take_sample(struct watch *w, bool dear)
{
	static char line[64 + WATCH_KEYS_MAX * (WATCH_VALUE_SIZE + 1)];
	char value[WATCH_VALUE_SIZE];
	size_t used;

	watch_refresh(keys, key_count, dear);
	used = (size_t)sprintf(line, "{\"t\":%" PRIu64 ",\"v\":[", guest_now_ns());
	for (size_t i = 0; i < key_count; i++) {
		watch_value(&keys[i], value);
		used += (size_t)sprintf(line + used, "%s%s", i ? "," : "", value);
	}
	used += (size_t)sprintf(line + used, "]}\n");
	if (w->written + used + END_ROOM > w->max_bytes)
		return -ENOSPC;
	w->samples++;
	return put_line(w, line, used);
}

/* Wait until @due_ns. True when SIGTERM came. */
static bool wait_until(const sigset_t *set, uint64_t due_ns)
{
	uint64_t now = guest_now_ns();
	uint64_t left = due_ns > now ? due_ns - now : 0;
	struct timespec ts = { (time_t)(left / NS_PER_S), (long)(left % NS_PER_S) };

	return sigtimedwait(set, NULL, &ts) == SIGTERM;
}

static int watch_loop(struct watch *w, const sigset_t *set)
{
	uint64_t dear_tick = 0;
	uint64_t tick = 0;
	bool last = false;
	int e = 0;

	while (e == 0 && !last) {
		uint64_t due = w->start_ns + tick * w->interval_ns;
		bool dear;

		last = wait_until(set, due);
		w->late += guest_now_ns() > due + w->interval_ns / 2;
		dear = last || tick >= dear_tick;
		if (dear)
			dear_tick = tick + DEAR_TICKS;
		e = take_sample(w, dear);
		tick++;
		while (w->start_ns + (tick + 1) * w->interval_ns <= guest_now_ns()) {
			w->skipped++;
			tick++;
		}
	}
	w->reason = e == -ENOSPC ? "limit" : "signal";
	return e == -ENOSPC ? 0 : e;
}

int cmd_watch(int argc, char **argv)
{
	struct watch w = { 0 };
	struct timespec cpu = { 0 };
	uint64_t interval_ms;
	sigset_t set;
	int e;

	if (argc < 3 || argc - 2 > WATCH_KEYS_MAX || guest_parse_u64(argv[0], &interval_ms) < 0 ||
	    interval_ms == 0 || interval_ms > INTERVAL_MAX_MS ||
	    guest_parse_u64(argv[1], &w.max_bytes) < 0)
		return 2;
	key_count = (size_t)argc - 2;
	for (size_t i = 0; i < key_count; i++)
		if (watch_key_parse(argv[i + 2], &keys[i]) < 0)
			return guest_fail(EINVAL, "cannot watch \"%s\"", argv[i + 2]);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	watch_open();
	w.interval_ns = interval_ms * NS_PER_MS;
	w.start_ns = guest_now_ns();
	e = say(&w, "{\"start\":{\"t\":%" PRIu64 ",\"interval_ms\":%" PRIu64 ",\"keys\":%zu}}\n",
		w.start_ns, interval_ms, key_count);
	if (e == 0)
		e = watch_loop(&w, &set);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	if (e == 0)
		e = say(&w,
			"{\"end\":{\"t\":%" PRIu64 ",\"samples\":%" PRIu64 ",\"late\":%" PRIu64
			",\"skipped\":%" PRIu64 ",\"cpu_ns\":%" PRIu64 ",\"reason\":\"%s\"}}\n",
			guest_now_ns(), w.samples, w.late, w.skipped,
			(uint64_t)cpu.tv_sec * NS_PER_S + (uint64_t)cpu.tv_nsec, w.reason);
	return e < 0 ? guest_fail(-e, "write to stdout") : 0;
}
