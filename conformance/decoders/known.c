// SPDX-License-Identifier: Apache-2.0
/* Files of known deviations. */
#include "conformance/decoders/fuzz.h"

#include "conformance/runner/known.h"

int fuzz_target(const uint8_t *data, size_t size)
{
	struct known_list list;
	struct fuzz_path path = { "" };
	struct err err;
	int fd = fuzz_file(data, size, &path);

	if (known_load(path.text, &list, &err) == 0) {
		(void)known_find(&list, "names.slash", "virtiofsd 1.13.2");
		known_free(&list);
	}
	(void)close(fd);
	return 0;
}
