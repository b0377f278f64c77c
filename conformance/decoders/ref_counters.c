// SPDX-License-Identifier: Apache-2.0
/* `virtiofs-refdev --show-counters`: a file that anybody may have written. */
#include "conformance/decoders/fuzz.h"

#include "conformance/ref/ledger/ledger.h"

int fuzz_target(const uint8_t *data, size_t size)
{
	CLEANUP(freep) char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	struct fuzz_path path = { "" };
	struct err err;
	int fd = fuzz_file(data, size, &path);

	if (!out)
		abort();
	(void)!ledger_show(path.text, out, &err);
	(void)fclose(out);
	(void)close(fd);
	return 0;
}
