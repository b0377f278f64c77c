// SPDX-License-Identifier: Apache-2.0
#include "run/describe.h"

#include "base/fs.h"
#include "base/json.h"
#include "stack/conf_rows.h"

#include <dirent.h>
#include <string.h>

json_t *describe_origin(const char *conf)
{
	return conf ? json_sprintf("conf: %s", conf) : json_string("built-in");
}

static void add_words(json_t *to, const char *key, const char *const *words)
{
	if (words)
		(void)json_object_set_new(to, key, json_argv((char *const *)(uintptr_t)words));
}

static void add_text(json_t *to, const char *key, const char *text)
{
	if (text)
		(void)json_object_set_new(to, key, json_string(text));
}

/* A program of the host by its name, one of a stack root by its place in it. */
static void add_program(json_t *to, const char *root, const char *program, const char *host_program)
{
	add_text(to, "program", host_program ? strrchr(host_program, '/') + 1 : program);
	add_text(to, "root", host_program ? NULL : root);
}

static json_t *stack_as_words(const struct stack *s)
{
	json_t *words = json_object();
	json_t *caches = json_array();

	add_program(words, s->root, s->program, s->host_program);
	add_text(words, "version", s->version);
	add_words(words, "args", s->args);
	add_words(words, "writeback", s->writeback);
	add_words(words, "no_writeback", s->no_writeback);
	add_text(words, "mount_options", s->mount_options);
	for (unsigned m = CACHE_NONE; m < CACHE_COUNT; m++)
		if (s->cache_mask & 1U << m)
			(void)json_array_append_new(caches,
						    json_string(cache_name((enum cache_mode)m)));
	(void)json_object_set_new(words, "caches", caches);
	return words;
}

static json_t *describe_options(const struct stack *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->option_count; i++) {
		const struct stack_option *o = &s->options[i];
		json_t *j = json_pack("{s:s,s:s}", "id", o->id, "title", o->title);

		if (s->conf) {
			add_words(j, "with", o->with);
			add_words(j, "without", o->without);
			add_text(j, "mount", o->mount);
		}
		(void)json_array_append_new(list, j);
	}
	return list;
}

static json_t *describe_stack(const struct stack *s)
{
	json_t *j = json_pack("{s:s,s:s,s:s,s:s,s:s?,s:o,s:o}", "id", s->id, "title", s->title,
			      "kind", stack_kind_name(s->kind), "direct_io", s->direct_io, "set_up",
			      s->set_up, "options", describe_options(s), "origin",
			      describe_origin(s->conf));

	if (s->conf)
		(void)json_object_set_new(j, "words", stack_as_words(s));
	return j;
}

json_t *describe_stacks(const struct plan *p)
{
	json_t *list = json_array();
	size_t count;
	const struct stack *const *all = stack_list(&count);

	for (size_t i = 0; i < count; i++) {
		bool used = false;

		for (size_t j = 0; plan_at(p, j); j++)
			used |= plan_at(p, j)->stack == all[i];
		if (used)
			(void)json_array_append_new(list, describe_stack(all[i]));
	}
	return list;
}

static json_t *describe_vmm(const struct vmm *v)
{
	json_t *j = json_pack("{s:s,s:s,s:s,s:s,s:o}", "id", v->id, "title", v->title, "control",
			      v->control == VMM_CONTROL_QMP ? "qmp" : "none", "agent",
			      v->agent_tty ? v->agent_tty : "virtio-serial", "origin",
			      describe_origin(v->conf));
	json_t *words;

	if (!v->conf)
		return j;
	words = json_object();
	add_program(words, v->root, v->program, v->host_program);
	add_text(words, "version", v->version);
	add_text(words, "console", v->console);
	add_words(words, "args", v->args);
	add_words(words, "extra_args", v->extra_args);
	add_words(words, "device", v->device_args);
	(void)json_object_set_new(j, "words", words);
	return j;
}

json_t *describe_vmms(const struct plan *p)
{
	json_t *list = json_array();
	size_t count;
	const struct vmm *const *all = vmm_list(&count);

	for (size_t i = 0; i < count; i++) {
		bool used = false;

		for (size_t j = 0; plan_at(p, j); j++)
			used |= plan_at(p, j)->vmm == all[i];
		if (used)
			(void)json_array_append_new(list, describe_vmm(all[i]));
	}
	return list;
}

json_t *describe_kernels(const struct plan *p)
{
	json_t *list = json_array();
	size_t count;
	const struct kernel *all = kernel_list(&count);

	for (size_t i = 0; i < count; i++) {
		const struct kernel *k = &all[i];
		bool used = false;
		json_t *j;

		for (size_t n = 0; plan_at(p, n); n++)
			used |= plan_at(p, n)->kernel == k;
		if (!used)
			continue;
		j = json_pack("{s:s,s:s,s:o}", "id", k->id, "title", k->title, "origin",
			      describe_origin(k->conf));
		add_words(j, "cmdline", k->cmdline);
		(void)json_array_append_new(list, j);
	}
	return list;
}

int describe_save_conf(const char *dir, struct err *reterr)
{
	size_t count;
	const struct stack_conf_file *files = stack_conf_files(&count);
	CLEANUP(freep) char *folder = fs_path("%s/conf", dir);
	int e = folder ? 0 : err_set(reterr, -ENOMEM, "out of memory");

	if (e == 0 && count)
		e = fs_mkdirs(folder, 0755, reterr);
	for (size_t i = 0; e == 0 && i < count; i++) {
		CLEANUP(freep) char *path = fs_path("%s/%zu-%s", folder, i + 1, files[i].name);

		e = path ? fs_write_atomic(path, files[i].text, strlen(files[i].text), reterr)
			 : err_set(reterr, -ENOMEM, "out of memory");
	}
	return e;
}

static int is_copy(const struct dirent *d)
{
	const char *dash = strchr(d->d_name, '-');

	return dash && dash > d->d_name &&
	       strspn(d->d_name, "0123456789") == (size_t)(dash - d->d_name);
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
	unsigned long x = strtoul((*a)->d_name, NULL, 10);
	unsigned long y = strtoul((*b)->d_name, NULL, 10);

	return (x > y) - (x < y);
}

int describe_load_conf(const char *dir, struct err *reterr)
{
	CLEANUP(freep) char *folder = fs_path("%s/conf", dir);
	struct dirent **names = NULL;
	int n = folder ? scandir(folder, &names, is_copy, by_number) : -1;
	int e = 0;

	/* A run without conf files has no such folder. */
	for (int i = 0; i < n; i++) {
		CLEANUP(freep) char *path = fs_path("%s/%s", folder, names[i]->d_name);

		if (e == 0)
			e = path ? stack_conf_load(path, strchr(names[i]->d_name, '-') + 1, reterr)
				 : err_set(reterr, -ENOMEM, "out of memory");
		free(names[i]);
	}
	free(names);
	return e;
}
