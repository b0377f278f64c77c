// SPDX-License-Identifier: Apache-2.0
/* The C virtiofsd that QEMU shipped until 7.2. */
#include "stack/rows.h"

static void c_argv(const struct stack *s, const struct stack_paths *p,
		   const struct daemon_config *c, struct strv *ret)
{
	root_program_argv(p, s->root, s->program, ret);
	strv_addf(ret, "--fd=%d", c->listen_fd);
	strv_addf(ret, "--rlimit-nofile=%lu", c->nofile);
	strv_add(ret, "-o");
	strv_addf(ret, "source=%s", c->share);
	strv_add(ret, "-o");
	strv_addf(ret, "cache=%s", cache_name(c->cache));
	strv_add(ret, "-o");
	strv_add(ret, c->writeback ? "writeback" : "no_writeback");
}

static const char *const probe[] = { "--version", NULL };

const struct stack stack_c_bookworm = {
	.id = "c-bookworm",
	.title = "C virtiofsd of Debian bookworm",
	.kind = STACK_VIRTIOFS,
	.root = "bookworm",
	.program = "/usr/lib/qemu/virtiofsd",
	.probe = probe,
	.cache_mask = 1U << CACHE_NONE | 1U << CACHE_AUTO | 1U << CACHE_ALWAYS,
	.direct_io = "dropped unless -o allow_direct_io",
	.source = "Debian 12 qemu-system-common, /usr/lib/qemu/virtiofsd",
	.daemon_argv = c_argv,
};
