// SPDX-License-Identifier: Apache-2.0
/* Lines of a sampler in a guest. */
#include "conformance/decoders/fuzz.h"

#include "record/samples.h"

int fuzz_target(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct record_samples s;
	struct err err;
	size_t keys = (size_t)fuzz_number(&in, 1) % 8;
	size_t over;

	if (samples_parse((const char *)in.at, in.left, keys, &s, &err) < 0)
		return 0;
	(void)samples_longest_gap_ns(&s, NS_PER_S, &over);
	samples_free(&s);
	return 0;
}
