/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_CONFORMANCE_DEVICE_WORDS_H
#define VQ_CONFORMANCE_DEVICE_WORDS_H

/* Words that most areas use. Those that return bool are words of checks: false, and the verdict is set. */

#include "conformance/check.h"

#include <stdarg.h>
#include <string.h>

#define BIT(n) (UINT64_C(1) << (n))

/* What a device may answer for a nodeid or a handle that it does not know. Source: VIRTIO-FS-SEC-011. */
#define NOT_KNOWN			-ESTALE, -ENOENT, -EBADF
#define WANT_NOT_KNOWN(r, what, result) WANT_ONE_OF(r, what, result, NOT_KNOWN)

/* What is said in WANT_: built where a loop varies it. */
struct say {
	char text[192];
};

static inline const char *say(struct say *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
static inline const char *say(struct say *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(t->text, sizeof(t->text), fmt, ap);
	va_end(ap);
	return t->text;
}

/** node_of() - LOOKUP in the root, for its nodeid. */
static inline bool node_of(struct check_run *r, const char *name, uint64_t *ret)
{
	struct fuse_entry_out entry;

	*ret = 0;
	if (!check_ok(r, "LOOKUP", front_lookup(r->f, FRONT_ROOT, name, &entry)))
		return false;
	*ret = entry.nodeid;
	return true;
}

/** fails() - with an errno, whichever: neither success nor silence. */
static inline bool fails(struct check_run *r, const char *what, int result)
{
	return check_that(r, result < 0 && result > FRONT_TIMEOUT, "an error", "%s: %s", what,
			  result == 0		    ? "success"
			  : result == FRONT_TIMEOUT ? "no answer"
			  : result == FRONT_GONE    ? "the device hung up"
						    : "a reply that breaks a rule");
}

/** agrees() - attributes of a reply are those of the host's @name; @but_times: which a look may have changed. */
static inline bool agrees(struct check_run *r, const char *name, const struct fuse_attr *attr,
			  bool but_times)
{
	const char *differs;
	struct stat st;
	char why[128];

	if (!check_host(r, "stat", host_stat(r->share, name, &st)))
		return false;
	differs = host_compare(attr, &st, but_times, why, sizeof(why));
	return check_that(r, !differs, "the attributes that the host sees", "\"%s\": %s", name,
			  differs ? differs : "");
}

#endif
