// SPDX-License-Identifier: Apache-2.0
#include "problems.h"

#include <stdarg.h>
#include <stdio.h>

void problem(struct problems *p, const char *fmt, ...)
{
	char line[3000];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	(void)buf_printf(&p->text, "  %s\n", line);
	p->count++;
}

size_t problems_tell(struct problems *p)
{
	size_t count = p->count;

	(void)fprintf(stderr, "%s", buf_text(&p->text));
	buf_free(&p->text);
	*p = (struct problems){ .count = 0 };
	return count;
}
