// SPDX-License-Identifier: Apache-2.0
/* Results of earlier runs, as `diff` and `findings` read them. */
#include "conformance/decoders/fuzz.h"

#include "conformance/runner/doc.h"

int fuzz_target(const uint8_t *data, size_t size)
{
	CLEANUP(freep) char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	struct fuzz_path path = { "" };
	struct diff_result diff;
	struct docs docs = { .count = 1 };
	struct err err;
	int fd = fuzz_file(data, size, &path);

	if (!out)
		abort();
	if (doc_load(path.text, &docs.item[0], &err) == 0) {
		if (diff_make(&docs.item[0], &docs.item[0], &diff) == 0) {
			diff_print(&diff, out);
			diff_free(&diff);
		}
		(void)findings_write(&docs, out);
		docs_free(&docs);
	}
	(void)fclose(out);
	(void)close(fd);
	return 0;
}
