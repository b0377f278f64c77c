// SPDX-License-Identifier: Apache-2.0
/* A target as libFuzzer calls it. */
#include "conformance/decoders/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_target(data, size);
}
