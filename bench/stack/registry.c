// SPDX-License-Identifier: Apache-2.0
#include "stack/rows.h"

#include <string.h>

static const struct stack *const stacks[] = {
	&stack_c_bookworm, &stack_rust_trixie, &stack_rust_sid, &stack_9p,
	&stack_blk,	   &stack_local,       &stack_null,	&stack_attached,
};

static const struct vmm *const vmms[] = {
	&vmm_qemu_bookworm,
	&vmm_qemu_backports,
};

static const struct kernel kernels[] = {
	{
		.id = "bookworm",
		.title = "Linux of Debian bookworm",
		.source = "Debian 12 linux-image-amd64",
	},
	{
		.id = "trixie",
		.title = "Linux of Debian trixie",
		.source = "Debian 13 linux-image-amd64",
	},
	{
		.id = "backports",
		.title = "Linux of Debian trixie-backports",
		.source = "Debian 13 backports linux-image-amd64",
	},
	{
		.id = "user",
		.title = "the kernel given with --kernel",
		.source = "user",
	},
};

const struct stack *const *stack_list(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(stacks);
	return stacks;
}

const struct stack *stack_find(const char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++)
		if (strcmp(stacks[i]->id, id) == 0)
			return stacks[i];
	return NULL;
}

const struct vmm *const *vmm_list(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(vmms);
	return vmms;
}

const struct vmm *vmm_find(const char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(vmms); i++)
		if (strcmp(vmms[i]->id, id) == 0)
			return vmms[i];
	return NULL;
}

const struct kernel *kernel_list(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(kernels);
	return kernels;
}

const struct kernel *kernel_find(const char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++)
		if (strcmp(kernels[i].id, id) == 0)
			return &kernels[i];
	return NULL;
}

void root_program_argv(const struct stack_paths *p, const char *root, const char *program,
		       struct strv *ret)
{
	strv_addf(ret, "%s/%s/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", p->roots, root);
	strv_add(ret, "--library-path");
	/* QEMU of bookworm links a library in a folder of its own. */
	strv_addf(ret, "%s/%s/usr/lib/x86_64-linux-gnu:%s/%s/usr/lib/x86_64-linux-gnu/pulseaudio",
		  p->roots, root, p->roots, root);
	strv_addf(ret, "%s/%s%s", p->roots, root, program);
}

int stack_probe_argv(const struct stack *s, const struct stack_paths *p, struct strv *ret)
{
	root_program_argv(p, s->root, s->program, ret);
	strv_add_all(ret, s->probe);
	return strv_failed(ret) ? -ENOMEM : 0;
}
