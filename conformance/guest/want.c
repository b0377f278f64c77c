// SPDX-License-Identifier: Apache-2.0
/* The words of checks: each compares, and tells what was wanted and what was seen. */
#include "conformance/guest/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void say_expected(struct check_run *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say_seen(struct check_run *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void say_expected(struct check_run *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(r->result->expected, sizeof(r->result->expected), fmt, ap);
	va_end(ap);
}

static void say_seen(struct check_run *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(r->result->seen, sizeof(r->result->seen), fmt, ap);
	va_end(ap);
}

static bool decide(struct check_run *r, enum check_verdict v)
{
	if (r->result->verdict == CHECK_UNSET)
		r->result->verdict = v;
	return false;
}

static const char *error_text(int error, char *scratch, size_t size)
{
	const char *name = strerrorname_np(error);

	(void)snprintf(scratch, size, "%s", name ? name : "an error that has no name");
	return scratch;
}

bool check_ok(struct check_run *r, const char *what, int64_t result)
{
	int error = errno;
	char scratch[64];

	if (result >= 0)
		return true;
	say_expected(r, "%s: success", what);
	say_seen(r, "%s", error_text(error, scratch, sizeof(scratch)));
	return decide(r, CHECK_FAIL);
}

bool check_error(struct check_run *r, int wanted, const char *what, int64_t result)
{
	int error = errno;
	char scratch[64];

	if (result < 0 && error == wanted)
		return true;
	say_expected(r, "%s: %s", what, error_text(wanted, scratch, sizeof(scratch)));
	if (result < 0)
		say_seen(r, "%s", error_text(error, scratch, sizeof(scratch)));
	else
		say_seen(r, "success (%lld)", (long long)result);
	return decide(r, CHECK_FAIL);
}

bool check_range(struct check_run *r, int64_t least, int64_t most, const char *what, int64_t seen)
{
	if (seen >= least && seen <= most)
		return true;
	if (least == most)
		say_expected(r, "%s: %lld", what, (long long)least);
	else if (most == INT64_MAX)
		say_expected(r, "%s: at least %lld", what, (long long)least);
	else
		say_expected(r, "%s: %lld to %lld", what, (long long)least, (long long)most);
	say_seen(r, "%lld", (long long)seen);
	return decide(r, CHECK_FAIL);
}

bool check_same(struct check_run *r, int64_t wanted, const char *what, int64_t seen)
{
	return check_range(r, wanted, wanted, what, seen);
}

bool check_text(struct check_run *r, const char *wanted, const char *what, const char *seen)
{
	if (strcmp(wanted, seen) == 0)
		return true;
	say_expected(r, "%s: \"%.400s\"", what, wanted);
	say_seen(r, "\"%.400s\"", seen);
	return decide(r, CHECK_FAIL);
}

/* A few bytes from the first difference on, as hexadecimal digits. */
static void hex_text(char *ret, size_t size, const uint8_t *data, size_t count, size_t at)
{
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = at; i < count && i < at + 16 && used + 4 < size; i++)
		used += (size_t)snprintf(ret + used, size - used, "%s%02x", i > at ? " " : "",
					 data[i]);
}

bool check_bytes(struct check_run *r, const void *wanted, size_t wanted_size, const char *what,
		 const void *seen, size_t seen_size)
{
	const uint8_t *w = wanted;
	const uint8_t *s = seen;
	size_t common = wanted_size < seen_size ? wanted_size : seen_size;
	size_t at = 0;
	char hex[64];

	while (at < common && w[at] == s[at])
		at++;
	if (at == common && wanted_size == seen_size)
		return true;
	hex_text(hex, sizeof(hex), w, wanted_size, at);
	say_expected(r, "%s: %zu bytes, from byte %zu on: %s", what, wanted_size, at, hex);
	hex_text(hex, sizeof(hex), s, seen_size, at);
	say_seen(r, "%zu bytes, from byte %zu on: %s", seen_size, at, hex);
	return decide(r, CHECK_FAIL);
}

bool check_that(struct check_run *r, bool is, const char *wanted, const char *seen, ...)
{
	va_list ap;

	if (is)
		return true;
	say_expected(r, "%s", wanted);
	va_start(ap, seen);
	(void)vsnprintf(r->result->seen, sizeof(r->result->seen), seen, ap);
	va_end(ap);
	return decide(r, CHECK_FAIL);
}

bool check_host(struct check_run *r, const char *what, int64_t result)
{
	char scratch[64];

	if (result >= 0)
		return true;
	say_seen(r, "%s: %s", what, error_text((int)-result, scratch, sizeof(scratch)));
	return decide(r, CHECK_BROKEN);
}

bool check_did(struct check_run *r, const char *what, int64_t result)
{
	int error = errno;
	char scratch[64];

	if (result >= 0)
		return true;
	say_seen(r, "%s: %s", what, error_text(error, scratch, sizeof(scratch)));
	return decide(r, CHECK_BROKEN);
}

bool check_has(struct check_run *r, bool is, const char *what)
{
	if (is)
		return true;
	say_seen(r, "needs %s", what);
	return decide(r, CHECK_SKIP);
}

void check_figure(struct check_run *r, const char *name, int64_t value, const char *unit)
{
	struct figure *f = &r->result->figure[r->result->figures];

	if (r->result->figures == FIGURES)
		return;
	(void)snprintf(f->name, sizeof(f->name), "%s", name);
	(void)snprintf(f->unit, sizeof(f->unit), "%s", unit);
	f->value = value;
	r->result->figures++;
}

void check_note(struct check_run *r, const char *text, ...)
{
	size_t used = strlen(r->result->note);
	va_list ap;

	if (used + 2 < sizeof(r->result->note) && used > 0)
		used += (size_t)snprintf(r->result->note + used, sizeof(r->result->note) - used,
					 "; ");
	va_start(ap, text);
	(void)vsnprintf(r->result->note + used, sizeof(r->result->note) - used, text, ap);
	va_end(ap);
}
