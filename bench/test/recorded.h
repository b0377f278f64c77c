/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_TEST_RECORDED_H
#define VQ_TEST_RECORDED_H

#include "base/err.h"
#include "base/proc.h"
#include "record/convert.h"

#include <jansson.h>

/* What the test_record* programs share: a folder, and what a test made of samples. */
struct recorded {
	char dir[64];
	char base[96]; /* of an archive in it */
	struct err err;
	struct record_samples samples;
	struct buf text;
	struct proc p; /* a sampler */
	json_t *json;
};

/** recorded_open() / recorded_close() - setup and teardown of a test. 0 or negative. */
int recorded_open(struct recorded *f);
int recorded_close(struct recorded *f);

/** recorded_tool() - vq-guest, which samples: $VQ_GUEST, default build/guest/vq-guest. */
const char *recorded_tool(void);

/** recorded_pause() - let samples be taken. */
void recorded_pause(unsigned ms);

#endif
