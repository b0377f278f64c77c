// SPDX-License-Identifier: Apache-2.0
#include "guest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* Whether the next value or key follows another one in the same bracket. */
static bool comma;

static void separate(void)
{
	if (comma)
		(void)putchar(',');
	comma = true;
}

void json_open(char bracket)
{
	separate();
	(void)putchar(bracket);
	comma = false;
}

void json_close(char bracket)
{
	(void)putchar(bracket);
	comma = true;
}

static void put_string(const char *text)
{
	(void)putchar('"');
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			(void)printf("\\%c", *p);
		else if (*p < 0x20 || *p > 0x7e)
			(void)printf("\\u%04x", *p);
		else
			(void)putchar(*p);
	}
	(void)putchar('"');
}

void json_key(const char *name)
{
	separate();
	put_string(name);
	(void)putchar(':');
	comma = false;
}

void json_string(const char *text)
{
	separate();
	put_string(text);
}

void json_u64(uint64_t value)
{
	separate();
	(void)printf("%" PRIu64, value);
}

void json_i64(int64_t value)
{
	separate();
	(void)printf("%" PRId64, value);
}

void json_raw(const char *text)
{
	separate();
	(void)fputs(text, stdout);
}

void json_bool(bool value)
{
	json_raw(value ? "true" : "false");
}

void json_null(void)
{
	json_raw("null");
}

int json_end(void)
{
	(void)putchar('\n');
	return fflush(stdout) != 0 || ferror(stdout) ? -EIO : 0;
}
