// SPDX-License-Identifier: Apache-2.0
/* Stacks without a daemon: devices of the VMM itself, to compare virtio-fs with. */
#include "stack/rows.h"

/* The largest message that virtio-9p of Linux takes by default is smaller than its transport allows. */
static const struct stack_option options_9p[] = {
	{ .id = "msize1m", .title = "messages of 1 MiB", .mount = "msize=1048576" },
};

const struct stack stack_9p = {
	.id = "9p",
	.title = "virtio-9p of the VMM",
	.kind = STACK_9P,
	.mount_options = "trans=virtio,version=9p2000.L,cache={cache}",
	.options = options_9p,
	.option_count = ARRAY_SIZE(options_9p),
	.cache_mask = 1U << CACHE_NONE | 1U << CACHE_MMAP | 1U << CACHE_LOOSE,
	.direct_io = "not passed on: the host's page cache is used",
	.set_up = "fsdev local, security_model=none, msize of the guest's kernel unless msize1m",
	.source = "QEMU virtio-9p-pci, the guest's 9p",
};

static const struct stack_option options_blk[] = {
	{ .id = "host-direct",
	  .title = "image opened with O_DIRECT (cache.direct=on)",
	  .host_direct = true },
};

const struct stack stack_blk = {
	.id = "blk",
	.title = "ext4 on virtio-blk of the VMM",
	.kind = STACK_BLK,
	.options = options_blk,
	.option_count = ARRAY_SIZE(options_blk),
	.direct_io = "ends in the host's page cache; reaches its disk with host-direct",
	.set_up = "raw image, cache.direct=off unless host-direct, aio=threads, no iothread",
	.source = "QEMU virtio-blk-pci, the guest's ext4",
};
