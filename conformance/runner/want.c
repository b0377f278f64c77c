// SPDX-License-Identifier: Apache-2.0
/* The words of checks: each compares, and tells what was wanted and what was seen. */
#include "conformance/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

static bool decide(struct check_run *r, enum check_verdict v)
{
	if (r->verdict == CHECK_UNSET)
		r->verdict = v;
	return false;
}

/* "0 (success)", "-ENOENT", or which failure of the front end. */
static const char *result_text(int result, char *scratch, size_t size)
{
	const char *name;

	switch (result) {
	case 0: return "success";
	/* No time is named: how long it was waited for depends on whether it could still come. */
	case FRONT_TIMEOUT: return "no answer";
	case FRONT_GONE: return "the device hung up";
	case FRONT_BROKEN: return "a reply that breaks a rule (see the evidence)";
	default:
		name = strerrorname_np(-result);
		(void)snprintf(scratch, size, "%s%s", name ? "-" : "error ", name ? name : "");
		if (!name)
			(void)snprintf(scratch, size, "error %d", result);
		return scratch;
	}
}

static bool is_ours(struct check_run *r, const char *what, int result)
{
	if (result != FRONT_FAILED)
		return false;
	(void)snprintf(r->seen, sizeof(r->seen), "%s: the front end had no room for it", what);
	(void)decide(r, CHECK_BROKEN);
	return true;
}

bool check_one_of(struct check_run *r, const int *list, size_t count, const char *what, int result)
{
	CLEANUP(buf_free) struct buf wanted = { 0 };
	char scratch[64];

	for (size_t i = 0; i < count; i++)
		if (result == list[i])
			return true;
	if (is_ours(r, what, result))
		return false;
	for (size_t i = 0; i < count; i++)
		(void)buf_printf(&wanted, "%s%s", i ? " or " : "",
				 result_text(list[i], scratch, sizeof(scratch)));
	(void)snprintf(r->expected, sizeof(r->expected), "%s: %s", what, buf_text(&wanted));
	(void)snprintf(r->seen, sizeof(r->seen), "%s",
		       result_text(result, scratch, sizeof(scratch)));
	return decide(r, CHECK_FAIL);
}

bool check_ok(struct check_run *r, const char *what, int result)
{
	return check_one_of(r, (const int[]){ 0 }, 1, what, result);
}

bool check_error(struct check_run *r, int wanted, const char *what, int result)
{
	return check_one_of(r, &wanted, 1, what, result);
}

bool check_range(struct check_run *r, uint64_t least, uint64_t most, const char *what,
		 uint64_t seen)
{
	if (seen >= least && seen <= most)
		return true;
	if (least == most)
		(void)snprintf(r->expected, sizeof(r->expected), "%s: %" PRIu64 " (0x%" PRIx64 ")",
			       what, least, least);
	else if (most == UINT64_MAX)
		(void)snprintf(r->expected, sizeof(r->expected), "%s: at least %" PRIu64, what,
			       least);
	else
		(void)snprintf(r->expected, sizeof(r->expected), "%s: %" PRIu64 " to %" PRIu64,
			       what, least, most);
	(void)snprintf(r->seen, sizeof(r->seen), "%" PRIu64 " (0x%" PRIx64 ")", seen, seen);
	return decide(r, CHECK_FAIL);
}

bool check_same(struct check_run *r, uint64_t wanted, const char *what, uint64_t seen)
{
	return check_range(r, wanted, wanted, what, seen);
}

bool check_same_text(struct check_run *r, const char *wanted, const char *what, const char *seen)
{
	if (strcmp(wanted, seen) == 0)
		return true;
	(void)snprintf(r->expected, sizeof(r->expected), "%s: \"%.400s\"", what, wanted);
	(void)snprintf(r->seen, sizeof(r->seen), "\"%.400s\"", seen);
	return decide(r, CHECK_FAIL);
}

/* A few bytes around the first difference, as hexadecimal digits. */
static void hex_text(char *ret, size_t size, const uint8_t *data, size_t count, size_t at)
{
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = at; i < count && i < at + 16 && used + 4 < size; i++)
		used += (size_t)snprintf(ret + used, size - used, "%s%02x", i > at ? " " : "",
					 data[i]);
}

bool check_same_bytes(struct check_run *r, const void *wanted, size_t wanted_size, const char *what,
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
	(void)snprintf(r->expected, sizeof(r->expected), "%s: %zu bytes, from byte %zu on: %s",
		       what, wanted_size, at, hex);
	hex_text(hex, sizeof(hex), s, seen_size, at);
	(void)snprintf(r->seen, sizeof(r->seen), "%zu bytes, from byte %zu on: %s", seen_size, at,
		       hex);
	return decide(r, CHECK_FAIL);
}

bool check_that(struct check_run *r, bool is, const char *wanted, const char *seen, ...)
{
	va_list ap;

	if (is)
		return true;
	(void)snprintf(r->expected, sizeof(r->expected), "%s", wanted);
	va_start(ap, seen);
	(void)vsnprintf(r->seen, sizeof(r->seen), seen, ap);
	va_end(ap);
	return decide(r, CHECK_FAIL);
}

bool check_host(struct check_run *r, const char *what, int result)
{
	if (result >= 0)
		return true;
	(void)snprintf(r->seen, sizeof(r->seen), "on the host: %s: %s", what, strerror(-result));
	return decide(r, CHECK_BROKEN);
}

bool check_has(struct check_run *r, bool is, const char *what, ...)
{
	char text[256];
	va_list ap;

	if (is)
		return true;
	va_start(ap, what);
	(void)vsnprintf(text, sizeof(text), what, ap);
	va_end(ap);
	(void)snprintf(r->seen, sizeof(r->seen), "needs %s", text);
	return decide(r, CHECK_SKIP);
}
