// SPDX-License-Identifier: Apache-2.0
/* Stacks without a guest: what the host itself does, and a pipeline test. */
#include "stack/rows.h"

const struct stack stack_local = {
	.id = "local",
	.title = "the host itself, on the share's disk",
	.kind = STACK_HOST,
	.on_disk = true,
	.direct_io = "honoured",
	.source = "no guest: the same workload, files and steps on the host",
};

/* Only --attach makes cells of it. */
const struct stack stack_attached = {
	.id = "attached",
	.title = "a mount of this very guest (--attach)",
	.kind = STACK_ATTACHED,
	.direct_io = "unknown",
	.source = "the mount that --attach names",
};

const struct stack stack_null = {
	.id = "null",
	.title = "the host itself, on tmpfs",
	.kind = STACK_HOST,
	.on_disk = false,
	.direct_io = "depends on the kernel (tmpfs)",
	.source = "no guest, no disk: tests the pipeline, bounds what the workload can do here",
};
