// SPDX-License-Identifier: Apache-2.0
/* Sections `vmm` and `kernel` of a conf file. */
#include "stack/conf_int.h"
#include "stack/vmm_words.h"

#include <string.h>

cfg_opt_t conf_vmm_opts[] = {
	CFG_STR("base", NULL, CFGF_NONE),
	CFG_STR("title", NULL, CFGF_NONE),
	CFG_STR("program", NULL, CFGF_NONE),
	CFG_STR("root", NULL, CFGF_NONE),
	CFG_STR("version", NULL, CFGF_NONE),
	CFG_STR_LIST("probe", NULL, CFGF_NONE),
	CFG_STR_LIST("args", NULL, CFGF_NONE),
	CFG_STR_LIST("extra_args", NULL, CFGF_NONE),
	CFG_STR_LIST("device", NULL, CFGF_NONE),
	CFG_STR("control", NULL, CFGF_NONE),
	CFG_STR("agent", NULL, CFGF_NONE),
	CFG_STR("console", NULL, CFGF_NONE),
	CFG_STR("cpu_tcg", NULL, CFGF_NONE),
	CFG_STR("cpu_kvm", NULL, CFGF_NONE),
	CFG_END(),
};

cfg_opt_t conf_kernel_opts[] = {
	CFG_STR("base", NULL, CFGF_NONE),
	CFG_STR("title", NULL, CFGF_NONE),
	CFG_STR("vmlinux", NULL, CFGF_NONE),
	CFG_STR("bzimage", NULL, CFGF_NONE),
	CFG_STR("modules", NULL, CFGF_NONE),
	CFG_STR_LIST("cmdline", NULL, CFGF_NONE),
	CFG_END(),
};

#define DEV "/dev/"

static int read_control(const struct conf_at *at, struct vmm *v)
{
	const char *word = NULL;
	int e = conf_text(at, "control", &word);

	if (e < 0 || !word)
		return e;
	if (strcmp(word, "qmp") != 0 && strcmp(word, "none") != 0)
		return conf_wrong(at, "control", 0, "control '%s': allowed are qmp, none", word);
	v->control = strcmp(word, "qmp") == 0 ? VMM_CONTROL_QMP : VMM_CONTROL_NONE;
	return 0;
}

static bool is_name(const char *text)
{
	return *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789") == strlen(text);
}

static int read_agent(const struct conf_at *at, struct vmm *v)
{
	const char *word = NULL;
	int e = conf_text(at, "agent", &word);

	if (e == 0)
		e = conf_text(at, "console", &v->console);
	if (e < 0)
		return e;
	if (v->console && !is_name(v->console))
		return conf_wrong(at, "console", 0, "'%s' is no console such as hvc0", v->console);
	if (!word)
		return 0;
	if (strcmp(word, "virtio-serial") == 0) {
		v->agent_tty = NULL;
		return 0;
	}
	if (strncmp(word, DEV, strlen(DEV)) != 0 || !is_name(word + strlen(DEV)) ||
	    strlen(word) > 32)
		return conf_wrong(
			at, "agent", 0,
			"agent '%s': allowed are virtio-serial (a port named vq.agent) and "
			"a terminal of the guest such as /dev/hvc0 or /dev/ttyS1",
			word);
	v->agent_tty = word;
	return 0;
}

/* {device} is a word of its own, and only in args. */
static int check_device_word(const struct conf_at *at, const struct vmm *v)
{
	bool seen = false;

	for (size_t i = 0; v->args && v->args[i]; i++) {
		if (!strstr(v->args[i], VMM_DEVICE_WORD))
			continue;
		if (strcmp(v->args[i], VMM_DEVICE_WORD) != 0 || seen)
			return conf_wrong(at, "args", i,
					  VMM_DEVICE_WORD " is a word of its own, and stands once");
		seen = true;
	}
	return 0;
}

static int read_words(const struct conf_at *at, struct vmm *v)
{
	const char *names[32];
	size_t count = vmm_word_name_count;
	int e;

	memcpy(names, vmm_word_names, count * sizeof(*names));
	names[count] = "device";
	e = conf_words(at, "args", names, count + 1, &v->args);
	if (e == 0)
		e = check_device_word(at, v);
	if (e == 0)
		e = conf_words(at, "extra_args", names, count, &v->extra_args);
	if (e == 0)
		e = conf_words(at, "device", names, count, &v->device_args);
	if (e == 0)
		e = conf_words(at, "probe", NULL, 0, &v->probe);
	/* Words of the device belong to the words that they came with. */
	if (conf_has(at, "args") && !conf_has(at, "device") && !vmm_words_has_device(v->args))
		v->device_args = NULL;
	return e;
}

static int need_name(const struct conf_at *at, const struct vmm *v, const char *name, bool wanted)
{
	if (words_use(v->args, name) == wanted)
		return 0;
	return conf_wrong(at, "args", 0,
			  wanted ? "{%s} is missing among the words"
				 : "{%s} cannot be used with this 'control'",
			  name);
}

static int check_args(const struct conf_at *at, const struct vmm *v)
{
	bool none = v->control == VMM_CONTROL_NONE;
	bool device = vmm_words_has_device(v->args);
	int e = need_name(at, v, "kernel", true);

	if (e == 0)
		e = need_name(at, v, "agent_socket", true);
	if (e == 0)
		e = need_name(at, v, "qmp_fd", !none);
	if (e == 0 && !none)
		e = need_name(at, v, "fs_socket", false);
	if (e == 0 && none && !device && !words_use(v->args, "fs_socket") &&
	    !words_use(v->args, "share"))
		e = conf_wrong(at, "args", 0,
			       "no file system device is among the words: " VMM_DEVICE_WORD
			       ", {fs_socket} or {share}");
	if (e == 0 && !none && device)
		e = conf_wrong(at, "args", 0, VMM_DEVICE_WORD " is for control = \"none\"");
	if (e == 0 && v->device_args && !device)
		e = conf_wrong(at, "device", 0,
			       "'device' needs " VMM_DEVICE_WORD " as a word of 'args'");
	if (e == 0 && !v->root && (words_use(v->args, "root") || words_use(v->extra_args, "root")))
		e = conf_wrong(at, "args", 0, "{root} needs 'root', the stack root of the program");
	return e;
}

static int check_vmm(const struct conf_at *at, const struct vmm *v)
{
	if (!v->title || (!v->program && !v->host_program))
		return conf_wrong(at, NULL, 0,
				  "'%s' is missing: a VMM with a new id needs it, or a 'base'",
				  v->title ? "program" : "title");
	if (v->args)
		return check_args(at, v);
	if (v->control == VMM_CONTROL_NONE)
		return conf_wrong(
			at, "control", 0,
			"a VMM that is told nothing needs 'args', its whole command line");
	if (!v->device)
		return conf_wrong(at, NULL, 0,
				  "'args' is missing: a VMM with a new id needs it, or a 'base'");
	if (v->device_args)
		return conf_wrong(at, "device", 0, "'device' needs 'args'");
	return 0;
}

static int find_base(const struct conf_at *at, const struct vmm **ret)
{
	const char *base = NULL;
	int e = conf_text(at, "base", &base);

	if (e < 0)
		return e;
	*ret = vmm_find(base ? base : cfg_title(at->cfg));
	if (base && !*ret)
		return conf_wrong(at, "base", 0, "there is no VMM '%s' to be made of", base);
	if (!*ret && !conf_has(at, "control"))
		return conf_wrong(
			at, NULL, 0,
			"'control' is missing: a VMM with a new id needs it, or a 'base'");
	return 0;
}

int conf_load_vmm(const struct conf_at *at)
{
	struct vmm *v = conf_keep(sizeof(*v));
	const struct vmm *base = NULL;
	struct conf_program where;
	int e = conf_check_id(at, NULL, cfg_title(at->cfg));

	if (e == 0)
		e = find_base(at, &base);
	if (e < 0 || !v)
		return e < 0 ? e : conf_no_memory(at);
	if (base)
		*v = *base;
	else
		*v = (struct vmm){ .cpu_tcg = "qemu64",
				   .cpu_kvm = "host",
				   .device = "vhost-user-fs-pci",
				   .source = "a conf file" };
	v->conf = at->name;
	v->id = conf_keep_text(cfg_title(at->cfg));
	where = (struct conf_program){ v->root, v->program, v->host_program };
	if (!v->id)
		return conf_no_memory(at);
	if (stack_find(v->id))
		return conf_wrong(at, NULL, 0, "this is the id of a stack");
	e = conf_program(at, &where);
	if (e == 0)
		e = conf_text(at, "title", &v->title);
	if (e == 0)
		e = conf_text(at, "version", &v->version);
	if (e == 0)
		e = conf_text(at, "cpu_tcg", &v->cpu_tcg);
	if (e == 0)
		e = conf_text(at, "cpu_kvm", &v->cpu_kvm);
	if (e == 0)
		e = read_control(at, v);
	if (e == 0)
		e = read_agent(at, v);
	v->root = where.root;
	v->program = where.program;
	v->host_program = where.host_program;
	if (e == 0)
		e = read_words(at, v);
	if (e == 0 && !base && !v->args)
		e = conf_wrong(at, NULL, 0,
			       "'args' is missing: a VMM with a new id needs it, or a 'base'");
	if (e == 0)
		e = check_vmm(at, v);
	return e < 0 ? e : registry_put_vmm(v);
}

/* ---- kernels ---- */

static int read_files(const struct conf_at *at, struct kernel *k)
{
	const char *base = NULL;
	const struct kernel *from;
	int e = conf_text(at, "base", &base);

	if (e == 0)
		e = conf_path(at, "vmlinux", &k->file);
	if (e == 0 && conf_has(at, "bzimage") && conf_has(at, "vmlinux"))
		e = conf_wrong(at, "bzimage", 0, "give 'vmlinux' or 'bzimage', not both");
	if (e == 0)
		e = conf_path(at, "bzimage", &k->file);
	if (e == 0)
		e = conf_path(at, "modules", &k->modules);
	if (e < 0)
		return e;
	if (base && k->file)
		return conf_wrong(at, "base", 0, "give a 'base' or a file, not both");
	if (k->file && (conf_has(at, "vmlinux") || conf_has(at, "bzimage")))
		k->files = NULL;
	if (k->modules && !k->file)
		return conf_wrong(at, "modules", 0, "'modules' belongs to 'vmlinux' or 'bzimage'");
	if (!base)
		return 0;
	from = kernel_find(base);
	if (!from || strcmp(base, "user") == 0)
		return conf_wrong(at, "base", 0, "there is no kernel '%s' to be made of", base);
	k->files = kernel_files(from);
	if (!k->title)
		k->title = from->title;
	return 0;
}

int conf_load_kernel(const struct conf_at *at)
{
	const char *id = cfg_title(at->cfg);
	const struct kernel *old = kernel_find(id);
	struct kernel k = { .source = "a conf file" };
	int e = conf_check_id(at, NULL, id);

	if (e < 0)
		return e;
	if (strcmp(id, "user") == 0)
		return conf_wrong(at, NULL, 0, "'user' is the kernel of --kernel; take another id");
	if (old)
		k = *old;
	k.conf = at->name;
	k.id = conf_keep_text(id);
	if (!k.id)
		return conf_no_memory(at);
	e = conf_text(at, "title", &k.title);
	if (e == 0)
		e = read_files(at, &k);
	if (e == 0)
		e = conf_words(at, "cmdline", NULL, 0, &k.cmdline);
	if (e == 0 && !old && !k.file && !k.files)
		e = conf_wrong(at, NULL, 0,
			       "a kernel with a new id needs 'vmlinux', 'bzimage' or 'base'");
	if (e == 0 && !k.title)
		e = conf_wrong(at, NULL, 0, "'title' is missing");
	return e < 0 ? e : registry_put_kernel(&k);
}
