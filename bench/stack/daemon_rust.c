// SPDX-License-Identifier: Apache-2.0
/* The Rust virtiofsd. */
#include "stack/rows.h"

static void rust_argv(const struct stack *s, const struct stack_paths *p,
		      const struct daemon_config *c, struct strv *ret)
{
	root_program_argv(p, s->root, s->program, ret);
	strv_addf(ret, "--fd=%d", c->listen_fd);
	strv_addf(ret, "--shared-dir=%s", c->share);
	strv_addf(ret, "--cache=%s", cache_name(c->cache));
	strv_addf(ret, "--rlimit-nofile=%lu", c->nofile);
	strv_add(ret, "--thread-pool-size=0");
	if (c->writeback)
		strv_add(ret, "--writeback");
}

static const char *const probe[] = { "--version", NULL };

const struct stack stack_rust_trixie = {
	.id = "rust-trixie",
	.title = "Rust virtiofsd of Debian trixie",
	.kind = STACK_VIRTIOFS,
	.root = "backports",
	.program = "/usr/libexec/virtiofsd",
	.probe = probe,
	.cache_mask = 1U << CACHE_NEVER | 1U << CACHE_METADATA | 1U << CACHE_AUTO |
		      1U << CACHE_ALWAYS,
	.direct_io = "dropped unless --allow-direct-io",
	.source = "Debian 13 virtiofsd, /usr/libexec/virtiofsd",
	.daemon_argv = rust_argv,
};
