// SPDX-License-Identifier: Apache-2.0
#include "conformance/guest/oracle.h"

#include "conformance/guest/act.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Longer than this is not waited for. */
#define WAIT_MAX_MS 60000
/* A machine that is busy may be late by this much; how late it was is a figure. */
#define SLACK_MS 10000
#define PAUSE_NS (5 * NS_PER_MS)

static char last_look[256];

char oracle_letter(const struct check_run *r, const char *row)
{
	const char *at = r->env->expect ? strstr(r->env->expect, row) : NULL;
	size_t n = strlen(row);

	return at && at[n] == '=' ? at[n + 1] : 'I';
}

struct oracle oracle_begin(struct check_run *r, char letter, const char *row, enum oracle_of of,
			   const char *what)
{
	last_look[0] = '\0';
	return (struct oracle){
		.r = r,
		.row = row,
		.what = what,
		.letter = letter,
		.may_last_ms = of == ORACLE_NAMES ? r->env->entry_ms : r->env->attr_ms,
		.start_ns = now_ns(),
	};
}

static bool fail(const struct oracle *o, const char *wanted)
{
	struct check_result *result = o->r->result;

	result->verdict = CHECK_FAIL;
	(void)snprintf(result->row, sizeof(result->row), "%s", o->row);
	(void)snprintf(result->expected, sizeof(result->expected), "%s: %s (%s=%c)", o->what,
		       wanted, o->row, o->letter);
	(void)snprintf(result->seen, sizeof(result->seen), "%s after %lld ms",
		       last_look[0] ? last_look : "something else",
		       (long long)((now_ns() - o->start_ns) / NS_PER_MS));
	return false;
}

static void tell(const struct oracle *o, const char *suffix, int64_t value, const char *unit)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "%s.%s", o->row, suffix);
	check_figure(o->r, name, value, unit);
}

/* The old state may be kept: for how long? */
static bool old_again(struct oracle *o, int64_t since_ms)
{
	static const struct timespec pause = { .tv_nsec = PAUSE_NS };

	if (o->letter == 'I' || o->letter == 'O' || o->letter == 'A' ||
	    (o->letter == 'T' && o->may_last_ms == 0))
		return fail(o, "the new state at once");
	if (o->letter == 'X')
		return false;
	if (o->letter != 'T') {
		tell(o, "stale", 1, "bool");
		return false;
	}
	if (o->may_last_ms > WAIT_MAX_MS) {
		check_note(o->r, "%s: it may stay as it was for %lld s, which was not waited for",
			   o->what, (long long)(o->may_last_ms / 1000));
		tell(o, "stale", 1, "bool");
		return false;
	}
	if (since_ms > o->may_last_ms + SLACK_MS)
		return fail(o, "the new state once the time is over for which it may be kept");
	(void)nanosleep(&pause, NULL);
	return true;
}

bool oracle_again(struct oracle *o, enum seen look)
{
	int64_t since_ms = (now_ns() - o->start_ns) / NS_PER_MS;

	if (o->r->result->verdict != CHECK_UNSET)
		return false;
	if (look == SEEN_WRONG)
		return fail(o, "the old state or the new one");
	if (look == SEEN_OLD)
		return old_again(o, since_ms);
	if (o->letter == 'X')
		return fail(o, "the old state, in every mode");
	if (o->letter == 'T')
		tell(o, "stale_for", since_ms, "ms");
	return false;
}

enum seen see_number(struct check_run *r, int64_t seen, int64_t old, int64_t new_one)
{
	(void)r;
	(void)snprintf(last_look, sizeof(last_look), "%lld (old %lld, new %lld)", (long long)seen,
		       (long long)old, (long long)new_one);
	return seen == new_one ? SEEN_NEW : seen == old ? SEEN_OLD : SEEN_WRONG;
}

enum seen see_error(struct check_run *r, int64_t result, int old, int new_one)
{
	int error = result < 0 ? errno : 0;

	(void)r;
	(void)snprintf(last_look, sizeof(last_look), "%s",
		       error ? strerrorname_np(error) ? strerrorname_np(error) : "an error"
			     : "success");
	return error == new_one ? SEEN_NEW : error == old ? SEEN_OLD : SEEN_WRONG;
}

enum seen see_text(struct check_run *r, const char *seen, const char *old, const char *new_one)
{
	(void)r;
	(void)snprintf(last_look, sizeof(last_look), "\"%.80s\" (old \"%.40s\", new \"%.40s\")",
		       seen, old, new_one);
	return strcmp(seen, new_one) == 0 ? SEEN_NEW
	       : strcmp(seen, old) == 0	  ? SEEN_OLD
					  : SEEN_WRONG;
}

static uint8_t wanted_byte(uint64_t seed, uint64_t offset)
{
	return seed ? act_byte(seed, offset) : 0;
}

static int64_t same_bytes(const uint8_t *bytes, int64_t count, int64_t offset, uint64_t seed)
{
	int64_t same = 0;

	while (same < count && bytes[same] == wanted_byte(seed, (uint64_t)(offset + same)))
		same++;
	return same;
}

/* A guest drops its pages one by one: each is old or new as a whole, and as long as one is old so is what is seen. */
enum seen see_bytes(struct check_run *r, const uint8_t *bytes, int64_t count, int64_t offset,
		    size_t size, uint64_t old, uint64_t new_one)
{
	enum seen seen = SEEN_NEW;

	(void)r;
	(void)snprintf(last_look, sizeof(last_look), "%lld of %zu bytes", (long long)count, size);
	if (count != (int64_t)size)
		return SEEN_WRONG;
	for (int64_t at = 0; at < count;) {
		int64_t n = PAGE - (offset + at) % PAGE;

		n = n < count - at ? n : count - at;
		if (same_bytes(bytes + at, n, offset + at, new_one) != n) {
			seen = SEEN_OLD;
			if (same_bytes(bytes + at, n, offset + at, old) != n) {
				(void)snprintf(
					last_look, sizeof(last_look),
					"%02x %02x %02x ... at offset %lld: neither what was "
					"there nor what is there,",
					bytes[at], bytes[at + n / 2], bytes[at + n - 1],
					(long long)offset + (long long)at);
				return SEEN_WRONG;
			}
		}
		at += n;
	}
	(void)snprintf(last_look, sizeof(last_look), "%s bytes", seen == SEEN_NEW ? "new" : "old");
	return seen;
}

enum seen see_host(struct check_run *r, const char *name, int64_t offset, int64_t size,
		   uint64_t old, uint64_t new_one)
{
	uint8_t bytes[4096];
	int64_t n = host_read(r, name, offset, bytes, (size_t)size);

	if (!check_host(r, "the host reads", n))
		return SEEN_WRONG;
	return see_bytes(r, bytes, n, offset, (size_t)size, old, new_one);
}

enum seen see_filled(struct check_run *r, int fd, int64_t offset, size_t size, uint64_t old,
		     uint64_t new_one)
{
	static uint8_t bytes[65536];
	int64_t n = pread(fd, bytes, size < sizeof(bytes) ? size : sizeof(bytes), offset);

	if (n < 0) {
		(void)snprintf(last_look, sizeof(last_look), "pread: %s", strerrorname_np(errno));
		return SEEN_WRONG;
	}
	return see_bytes(r, bytes, n, offset, size, old, new_one);
}
