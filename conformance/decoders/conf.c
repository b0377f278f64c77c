// SPDX-License-Identifier: Apache-2.0
/* Files that people write: the first look at any of them, and a plan. */
#include "conformance/decoders/fuzz.h"

#include "base/conf.h"
#include "run/plan.h"

int fuzz_target(const uint8_t *data, size_t size)
{
	struct fuzz_path path = { "" };
	struct conf c;
	struct plan p;
	struct err err;
	int fd = fuzz_file(data, size, &path);

	if (conf_read(path.text, &c, &err) == 0) {
		(void)conf_line(&c, conf_section(&c, "cells", "c"), "stacks", 1);
		conf_free(&c);
	}
	if (plan_load("", path.text, &p, &err) == 0)
		plan_free(&p);
	(void)close(fd);
	return 0;
}
