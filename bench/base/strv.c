// SPDX-License-Identifier: Apache-2.0
#include "base/strv.h"

#include "base/buf.h"

#include <stdarg.h>
#include <string.h>

static void strv_take(struct strv *v, char *take_text)
{
	char **p;

	if (v->failed || !take_text) {
		v->failed = 1;
		free(take_text);
		return;
	}
	p = reallocarray(v->item, v->count + 2, sizeof(*p));
	if (!p) {
		v->failed = 1;
		free(take_text);
		return;
	}
	v->item = p;
	v->item[v->count++] = take_text;
	v->item[v->count] = NULL;
}

void strv_add(struct strv *v, const char *text)
{
	strv_take(v, strdup(text));
}

void strv_addf(struct strv *v, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	strv_take(v, n < 0 ? NULL : text);
}

void strv_add_all(struct strv *v, const char *const *list)
{
	for (; *list; list++)
		strv_add(v, *list);
}

int strv_failed(const struct strv *v)
{
	return v->failed || !v->item;
}

void strv_free(struct strv *v)
{
	for (size_t i = 0; i < v->count; i++)
		free(v->item[i]);
	free(v->item);
	*v = (struct strv){ 0 };
}

static int quote(struct buf *b, const char *s)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
	int e;

	if (*s && s[strspn(s, plain)] == '\0')
		return buf_add(b, s, strlen(s));
	e = buf_add(b, "'", 1);
	for (; e == 0 && *s; s++)
		e = *s == '\'' ? buf_add(b, "'\\''", 4) : buf_add(b, s, 1);
	return e < 0 ? e : buf_add(b, "'", 1);
}

char *strv_join_quoted(char *const *argv)
{
	CLEANUP(buf_free) struct buf b = { 0 };

	for (size_t i = 0; argv[i]; i++) {
		if (i && buf_add(&b, " ", 1) < 0)
			return NULL;
		if (quote(&b, argv[i]) < 0)
			return NULL;
	}
	return buf_take(&b);
}
