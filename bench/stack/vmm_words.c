// SPDX-License-Identifier: Apache-2.0
#include "stack/vmm_words.h"

#include <string.h>

/* In the order of fill_values(). */
const char *const vmm_word_names[] = {
	"kernel",     "initramfs",   "root_image", "cmdline",	   "vcpus",
	"memory_mib", "accelerator", "cpu",	   "agent_socket", "root",
	"qmp_fd",     "fs_socket",   "share",	   "tag",	   "cache",
};
const size_t vmm_word_name_count = ARRAY_SIZE(vmm_word_names);

/* Texts that have to be made. */
struct texts {
	char vcpus[16];
	char memory_mib[16];
	char qmp_fd[16];
	char root[256];
};

static void fill_values(const struct vmm *v, const struct stack_paths *p,
			const struct vmm_config *c, struct texts *t, struct word_value *ret)
{
	static const struct vmm_device none;
	const struct vmm_device *d = c->device ? c->device : &none;
	const char *const text[ARRAY_SIZE(vmm_word_names)] = {
		c->kernel,
		c->initramfs,
		c->root_image,
		c->cmdline,
		t->vcpus,
		t->memory_mib,
		c->accelerator,
		vmm_cpu_model(v, c),
		c->agent_socket,
		v->root ? t->root : NULL,
		c->qmp_fd > 0 ? t->qmp_fd : NULL,
		d->socket,
		d->share,
		d->tag,
		cache_name(d->cache),
	};

	(void)snprintf(t->vcpus, sizeof(t->vcpus), "%u", c->vcpus);
	(void)snprintf(t->memory_mib, sizeof(t->memory_mib), "%u", c->memory_mib);
	(void)snprintf(t->qmp_fd, sizeof(t->qmp_fd), "%d", c->qmp_fd);
	(void)snprintf(t->root, sizeof(t->root), "%s/%s", p->roots, v->root ? v->root : "");
	for (size_t i = 0; i < ARRAY_SIZE(vmm_word_names); i++)
		ret[i] = (struct word_value){ vmm_word_names[i], text[i] };
}

bool vmm_words_has_device(const char *const *words)
{
	for (size_t i = 0; words && words[i]; i++)
		if (strcmp(words[i], VMM_DEVICE_WORD) == 0)
			return true;
	return false;
}

static int add_device(const struct vmm *v, const struct vmm_device *d,
		      const struct word_value *values, struct strv *ret)
{
	if (!d)
		return 0;
	if (d->stack->kind == STACK_VMM_FS)
		return stack_words(d->stack, d->options, d->writeback, values, vmm_word_name_count,
				   ret);
	return words_add(ret, v->device_args, values, vmm_word_name_count, NULL);
}

int vmm_words_extra(const struct vmm *v, const struct stack_paths *p, const struct vmm_config *c,
		    struct strv *ret)
{
	struct word_value values[ARRAY_SIZE(vmm_word_names)];
	struct texts texts;
	int e;

	fill_values(v, p, c, &texts, values);
	e = words_add(ret, v->extra_args, values, ARRAY_SIZE(values), NULL);
	return e == 0 && strv_failed(ret) ? -ENOMEM : e;
}

int vmm_words_argv(const struct vmm *v, const struct stack_paths *p, const struct vmm_config *c,
		   struct strv *ret)
{
	struct word_value values[ARRAY_SIZE(vmm_word_names)];
	struct texts texts;
	int e = 0;

	fill_values(v, p, c, &texts, values);
	program_argv(p, v->id, v->host_program, v->root, v->program, ret);
	for (size_t i = 0; e == 0 && v->args[i]; i++) {
		const char *const word[] = { v->args[i], NULL };

		e = strcmp(word[0], VMM_DEVICE_WORD) == 0
			    ? add_device(v, c->device, values, ret)
			    : words_add(ret, word, values, ARRAY_SIZE(values), NULL);
	}
	if (c->incoming) {
		strv_add(ret, "-incoming");
		strv_add(ret, "defer");
	}
	return e < 0 ? e : vmm_words_extra(v, p, c, ret);
}

static bool takes_vhost_user(const struct vmm *v)
{
	return words_use(v->args, "fs_socket") ||
	       (vmm_words_has_device(v->args) && words_use(v->device_args, "fs_socket"));
}

int vmm_serves(const struct vmm *v, const struct stack *s, unsigned options, struct err *reterr)
{
	if (v->control == VMM_CONTROL_QMP && stack_generic_device(s, options) && !v->generic_device)
		return err_set(
			reterr, -EINVAL,
			"VMM %s has no generic vhost-user device, which stack %s is plugged as: "
			"take its variant fs-device",
			v->id, s->id);
	if (s->kind == STACK_VMM_FS &&
	    !(s->args ? vmm_words_has_device(v->args) : words_use(v->args, "share")))
		return err_set(reterr, -EINVAL,
			       "stack %s is a device of its VMM, and the words of VMM %s have no "
			       "place for it (%s)",
			       s->id, v->id, s->args ? VMM_DEVICE_WORD : "{share}");
	if (v->control == VMM_CONTROL_QMP)
		return 0;
	if (s->kind == STACK_9P || s->kind == STACK_BLK)
		return err_set(reterr, -EINVAL,
			       "VMM %s has no hot-plug (control = \"none\"): stack %s cannot be "
			       "used with it",
			       v->id, s->id);
	if (s->kind == STACK_VIRTIOFS && !takes_vhost_user(v))
		return err_set(reterr, -EINVAL,
			       "VMM %s takes no vhost-user device (none of its words holds "
			       "{fs_socket}): stack %s cannot be used with it",
			       v->id, s->id);
	return 0;
}
