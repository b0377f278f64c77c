// SPDX-License-Identifier: Apache-2.0
#include "stack/registry.h"

#include "stack/rows.h"

#include <string.h>

/* Built-in rows and those of conf files: beyond it is a mistake. */
#define ROWS_MAX 64

static const struct stack *const builtin_stacks[] = {
	&stack_c_bookworm, &stack_rust_trixie, &stack_rust_sid, &stack_refdev,	 &stack_9p,
	&stack_blk,	   &stack_local,       &stack_null,	&stack_attached,
};

static const struct vmm *const builtin_vmms[] = {
	&vmm_qemu_bookworm,
	&vmm_qemu_backports,
};

static const struct kernel builtin_kernels[] = {
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

/* Filled from the tables above at first use; rows never move, so that pointers to them stay good. */
static const struct stack *stacks[ROWS_MAX];
static const struct vmm *vmms[ROWS_MAX];
static struct kernel kernels[ROWS_MAX];
static size_t stack_count;
static size_t vmm_count;
static size_t kernel_count;

void registry_reset(void)
{
	memcpy(stacks, builtin_stacks, sizeof(builtin_stacks));
	memcpy(vmms, builtin_vmms, sizeof(builtin_vmms));
	memcpy(kernels, builtin_kernels, sizeof(builtin_kernels));
	stack_count = ARRAY_SIZE(builtin_stacks);
	vmm_count = ARRAY_SIZE(builtin_vmms);
	kernel_count = ARRAY_SIZE(builtin_kernels);
}

static void fill(void)
{
	if (!stack_count)
		registry_reset();
}

const struct stack *const *stack_list(size_t *ret_count)
{
	fill();
	*ret_count = stack_count;
	return stacks;
}

const struct stack *stack_find(const char *id)
{
	fill();
	for (size_t i = 0; i < stack_count; i++)
		if (strcmp(stacks[i]->id, id) == 0)
			return stacks[i];
	return NULL;
}

const struct vmm *const *vmm_list(size_t *ret_count)
{
	fill();
	*ret_count = vmm_count;
	return vmms;
}

const struct vmm *vmm_find(const char *id)
{
	fill();
	for (size_t i = 0; i < vmm_count; i++)
		if (strcmp(vmms[i]->id, id) == 0)
			return vmms[i];
	return NULL;
}

const struct vmm *vmm_find_builtin(const char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(builtin_vmms); i++)
		if (strcmp(builtin_vmms[i]->id, id) == 0)
			return builtin_vmms[i];
	return NULL;
}

const struct kernel *kernel_list(size_t *ret_count)
{
	fill();
	*ret_count = kernel_count;
	return kernels;
}

static struct kernel *find_kernel(const char *id)
{
	fill();
	for (size_t i = 0; i < kernel_count; i++)
		if (strcmp(kernels[i].id, id) == 0)
			return &kernels[i];
	return NULL;
}

const struct kernel *kernel_find(const char *id)
{
	return find_kernel(id);
}

const char *kernel_files(const struct kernel *k)
{
	return k->files ? k->files : k->id;
}

bool kernel_is_made(const struct kernel *k)
{
	const struct kernel *from = kernel_find(kernel_files(k));

	return k->file || (from && from->file) || strcmp(kernel_files(k), "user") == 0;
}

int registry_put_stack(const struct stack *s)
{
	fill();
	for (size_t i = 0; i < stack_count; i++) {
		if (strcmp(stacks[i]->id, s->id) == 0) {
			stacks[i] = s;
			return 0;
		}
	}
	if (stack_count == ROWS_MAX)
		return -ENOSPC;
	stacks[stack_count++] = s;
	return 0;
}

int registry_put_vmm(const struct vmm *v)
{
	fill();
	for (size_t i = 0; i < vmm_count; i++) {
		if (strcmp(vmms[i]->id, v->id) == 0) {
			vmms[i] = v;
			return 0;
		}
	}
	if (vmm_count == ROWS_MAX)
		return -ENOSPC;
	vmms[vmm_count++] = v;
	return 0;
}

int registry_put_kernel(const struct kernel *k)
{
	struct kernel *old = find_kernel(k->id);

	if (!old && kernel_count == ROWS_MAX)
		return -ENOSPC;
	*(old ? old : &kernels[kernel_count++]) = *k;
	return 0;
}

void program_argv(const struct stack_paths *p, const char *id, const char *host_program,
		  const char *root, const char *program, struct strv *ret)
{
	if (host_program)
		strv_addf(ret, "%s/%s%s", p->conf, id, strrchr(host_program, '/'));
	else
		root_program_argv(p, root, program, ret);
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

void stack_program_argv(const struct stack *s, const struct stack_paths *p, struct strv *ret)
{
	if (s->own && !s->host_program)
		strv_addf(ret, "%s%s", p->own, s->program);
	else
		program_argv(p, s->id, s->host_program, s->root, s->program, ret);
}

int stack_probe_argv(const struct stack *s, const struct stack_paths *p, struct strv *ret)
{
	stack_program_argv(s, p, ret);
	strv_add_all(ret, s->probe);
	return strv_failed(ret) ? -ENOMEM : 0;
}
