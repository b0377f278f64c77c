// SPDX-License-Identifier: Apache-2.0
/* The words of --daemon, and what is put into them. */
#include "conformance/decoders/fuzz.h"

#include "conformance/runner/target.h"

int fuzz_target(const uint8_t *data, size_t size)
{
	static const struct target_places at = { "/share", "/socket", "/counters", -1 };
	CLEANUP(freep) char *line = strndup((const char *)data, size);
	CLEANUP(strv_free) struct strv argv = { 0 };
	struct target t;
	struct err err;

	if (!line)
		abort();
	if (target_from_words(line, &t, &err) < 0)
		return 0;
	(void)!target_argv(&t, 0, &at, &argv);
	target_free(&t);
	return 0;
}
