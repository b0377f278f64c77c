/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_REPORT_OUT_H
#define VQ_REPORT_OUT_H

#include "base/buf.h"

/*
 * A document under construction. The first failure is kept and later additions do nothing, so
 * that a writer needs one check at its end (as struct strv does). Zero-initialise it ({0}).
 */
struct out {
	struct buf text;
	int error; /* 0 or -ENOMEM */
};

void out_str(struct out *o, const char *s);
void out_bytes(struct out *o, const char *s, size_t size);
void out_fmt(struct out *o, const char *fmt, ...) PRINTF_LIKE(2, 3);
void out_free(struct out *o);

#endif
