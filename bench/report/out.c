// SPDX-License-Identifier: Apache-2.0
#include "report/out.h"

#include <stdarg.h>
#include <string.h>

void out_bytes(struct out *o, const char *s, size_t size)
{
	if (o->error == 0)
		o->error = buf_add(&o->text, s, size);
}

void out_str(struct out *o, const char *s)
{
	out_bytes(o, s, strlen(s));
}

void out_fmt(struct out *o, const char *fmt, ...)
{
	CLEANUP(freep) char *text = NULL;
	va_list ap;
	int n;

	if (o->error < 0)
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		o->error = -ENOMEM;
		return;
	}
	out_bytes(o, text, (size_t)n);
}

void out_free(struct out *o)
{
	buf_free(&o->text);
	o->error = 0;
}
