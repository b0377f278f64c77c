// SPDX-License-Identifier: Apache-2.0
#include "recorded.h"

#include <stdlib.h>
#include <time.h>

#include "base/fs.h"

const char *recorded_tool(void)
{
	const char *path = getenv("VQ_GUEST");

	return path ? path : "build/guest/vq-guest";
}

int recorded_open(struct recorded *f)
{
	*f = (struct recorded){ .p = { .pidfd = -1 } };
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/vq-test-record-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	(void)snprintf(f->base, sizeof(f->base), "%s/a", f->dir);
	return 0;
}

int recorded_close(struct recorded *f)
{
	proc_kill(&f->p);
	samples_free(&f->samples);
	buf_free(&f->text);
	json_decref(f->json);
	return fs_remove_tree(f->dir, NULL);
}

void recorded_pause(unsigned ms)
{
	const struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&ts, NULL);
}
