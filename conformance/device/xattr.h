/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_DEVICE_XATTR_H
#define VQ_CONFORMANCE_DEVICE_XATTR_H

/* What the areas of extended attributes share: all are words of checks. */

#include "conformance/device/meta.h"

#include <sys/xattr.h>

#define XATTR_VALUE_MAX 65536

/* A device that ends over a message need not be waited for. */
static const struct front_options xattr_impatient = { .timeout_ms = 1000 };

/** xattr_is() - the host sees exactly this value. */
static inline bool xattr_is(struct check_run *r, const char *name, const char *key,
			    const void *wanted, size_t size)
{
	CLEANUP(freep) uint8_t *seen = malloc(XATTR_VALUE_MAX);
	struct say t;
	size_t got = 0;

	(void)say(&t, "the host's %.100s of \"%s\"", key, name);
	if (!check_host(r, "memory", seen ? 0 : -ENOMEM) ||
	    !check_ok(r, t.text, host_get_xattr(r->share, name, key, seen, XATTR_VALUE_MAX, &got)))
		return false;
	return check_same_bytes(r, wanted, size, t.text, seen, got);
}

/** xattr_gone() - the host sees none of that name. */
static inline bool xattr_gone(struct check_run *r, const char *name, const char *key)
{
	struct say t;
	size_t got;

	return check_error(r, -ENODATA, say(&t, "the host's %s of \"%s\"", key, name),
			   host_get_xattr(r->share, name, key, NULL, 0, &got));
}

/** xattr_listed() - is @key in the list of a reply, once? Names end with NUL, the last as well. */
static inline bool xattr_listed(struct check_run *r, const char *list, size_t size, const char *key,
				bool wanted)
{
	struct say t;
	unsigned count = 0;

	for (size_t at = 0; at < size;) {
		size_t n = strnlen(list + at, size - at);

		if (!check_that(r, at + n < size, "names that end with NUL",
				"the last of %zu bytes does not", size))
			return false;
		count += strcmp(list + at, key) == 0;
		at += n + 1;
	}
	return check_same(r, wanted, say(&t, "times that %s is listed", key), count);
}

#endif
