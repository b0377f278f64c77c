// SPDX-License-Identifier: Apache-2.0
#include "base/err.h"

#include <stdarg.h>
#include <string.h>

int err_set(struct err *reterr, int code, const char *fmt, ...)
{
	va_list ap;

	if (reterr) {
		va_start(ap, fmt);
		(void)vsnprintf(reterr->text, sizeof(reterr->text), fmt, ap);
		va_end(ap);
	}
	return code;
}

int err_errno(struct err *reterr, int code, const char *fmt, ...)
{
	va_list ap;
	size_t used;

	if (reterr) {
		va_start(ap, fmt);
		(void)vsnprintf(reterr->text, sizeof(reterr->text), fmt, ap);
		va_end(ap);
		used = strlen(reterr->text);
		(void)snprintf(reterr->text + used, sizeof(reterr->text) - used, ": %s",
			       strerror(-code));
	}
	return code;
}

int err_prefix(struct err *reterr, int code, const char *fmt, ...)
{
	char old[sizeof(reterr->text)];
	va_list ap;
	size_t used;

	if (reterr) {
		(void)memcpy(old, reterr->text, sizeof(old));
		va_start(ap, fmt);
		(void)vsnprintf(reterr->text, sizeof(reterr->text), fmt, ap);
		va_end(ap);
		used = strlen(reterr->text);
		(void)snprintf(reterr->text + used, sizeof(reterr->text) - used, ": %s", old);
	}
	return code;
}
