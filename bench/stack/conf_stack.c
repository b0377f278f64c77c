// SPDX-License-Identifier: Apache-2.0
/* Sections `stack` of a conf file. */
#include "stack/conf_int.h"
#include "stack/vmm_words.h"

#include <string.h>

static cfg_opt_t option_opts[] = {
	CFG_STR("title", NULL, CFGF_NONE),
	CFG_STR_LIST("with", NULL, CFGF_NONE),
	CFG_STR_LIST("without", NULL, CFGF_NONE),
	CFG_STR("mount", NULL, CFGF_NONE),
	CFG_END(),
};

cfg_opt_t conf_stack_opts[] = {
	CFG_STR("base", NULL, CFGF_NONE),
	CFG_STR("kind", NULL, CFGF_NONE),
	CFG_STR("title", NULL, CFGF_NONE),
	CFG_STR("program", NULL, CFGF_NONE),
	CFG_STR("root", NULL, CFGF_NONE),
	CFG_STR("version", NULL, CFGF_NONE),
	CFG_STR_LIST("probe", NULL, CFGF_NONE),
	CFG_STR_LIST("args", NULL, CFGF_NONE),
	CFG_STR_LIST("writeback", NULL, CFGF_NONE),
	CFG_STR_LIST("no_writeback", NULL, CFGF_NONE),
	CFG_STR_LIST("window", NULL, CFGF_NONE),
	CFG_BOOL("generic_device", cfg_false, CFGF_NODEFAULT),
	CFG_STR_LIST("caches", NULL, CFGF_NONE),
	CFG_STR("mount_options", NULL, CFGF_NONE),
	CFG_STR("direct_io", NULL, CFGF_NONE),
	CFG_SEC("option", option_opts, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_END(),
};

static const char *const daemon_names[] = { "fd",  "socket", "share",  "cache",	  "nofile",
					    "tag", "dax",    "window", "counters" };
static const char *const mount_names[] = { "cache" };
static const char *const default_probe[] = { "--version", NULL };

/* The names that the words of a stack of this kind may hold. */
static const char *const *names_of(const struct stack *s, size_t *ret_count)
{
	if (s->kind == STACK_VMM_FS) {
		*ret_count = vmm_word_name_count;
		return vmm_word_names;
	}
	*ret_count = ARRAY_SIZE(daemon_names);
	return daemon_names;
}

static int read_caches(const struct conf_at *at, struct stack *s)
{
	unsigned mask = 0;

	if (!conf_has(at, "caches"))
		return 0;
	for (unsigned i = 0; i < cfg_size(at->cfg, "caches"); i++) {
		const char *word = cfg_getnstr(at->cfg, "caches", i);
		enum cache_mode m;

		if (cache_parse(word, &m) < 0)
			return conf_wrong(at, "caches", i,
					  "'%s' is no cache mode; there are none, never, metadata, "
					  "auto, always; 9p: none, mmap, loose",
					  word);
		if (mask & 1U << m)
			return conf_wrong(at, "caches", i, "'%s' stands there twice", word);
		mask |= 1U << m;
	}
	if (!mask)
		return conf_wrong(at, "caches", 0, "'caches' is empty");
	s->cache_mask = mask;
	return 0;
}

static int read_option(const struct conf_at *at, const struct stack *s, struct stack_option *o)
{
	size_t count;
	const char *const *names = names_of(s, &count);
	const char *title = o->title;
	int e = conf_check_id(at, NULL, cfg_title(at->cfg));

	o->id = conf_keep_text(cfg_title(at->cfg));
	if (!o->id)
		return conf_no_memory(at);
	if (e == 0)
		e = conf_text(at, "title", &title);
	if (e == 0)
		e = conf_words(at, "with", names, count, &o->with);
	if (e == 0)
		e = conf_words(at, "without", names, count, &o->without);
	if (e == 0)
		e = conf_text(at, "mount", &o->mount);
	if (e < 0)
		return e;
	o->title = title ? title : o->id;
	if (!o->with && !o->without && !o->mount && !o->host_direct)
		return conf_wrong(at, NULL, 0,
				  "it changes nothing: give 'with', 'without' or 'mount'");
	if (!stack_is_virtiofs(s) && (o->with || o->without))
		return conf_wrong(at, NULL, 0, "a stack of kind %s has no daemon: only 'mount'",
				  stack_kind_name(s->kind));
	return 0;
}

static int read_options(const struct conf_at *at, struct stack *s)
{
	unsigned n = cfg_size(at->cfg, "option");
	struct stack_option *list;
	int e = 0;

	if (n == 0)
		return 0;
	list = conf_keep(STACK_OPTIONS_MAX * sizeof(*list));
	if (!list)
		return conf_no_memory(at);
	if (s->option_count)
		memcpy(list, s->options, s->option_count * sizeof(*list));
	s->options = list;
	for (unsigned i = 0; e == 0 && i < n; i++) {
		cfg_t *cfg = cfg_getnsec(at->cfg, "option", i);
		const struct conf_at option = conf_enter(at, "option", cfg, at->section);
		size_t j;

		for (j = 0; j < s->option_count; j++)
			if (strcmp(list[j].id, cfg_title(cfg)) == 0)
				break;
		if (j == STACK_OPTIONS_MAX)
			return conf_wrong(&option, NULL, 0, "a stack has at most %d options",
					  STACK_OPTIONS_MAX);
		e = read_option(&option, s, &list[j]);
		s->option_count += j == s->option_count;
	}
	return e;
}

static int read_words(const struct conf_at *at, struct stack *s)
{
	size_t count;
	const char *const *names = names_of(s, &count);
	const char *const *mount = NULL;
	int e = conf_words(at, "args", names, count, &s->args);

	if (e == 0)
		e = conf_words(at, "probe", NULL, 0, &s->probe);
	if (e == 0)
		e = conf_words(at, "writeback", names, count, &s->writeback);
	if (e == 0)
		e = conf_words(at, "no_writeback", names, count, &s->no_writeback);
	if (e == 0)
		e = conf_words(at, "window", names, count, &s->window);
	if (e == 0 && conf_has(at, "generic_device"))
		s->generic_device = cfg_getbool(at->cfg, "generic_device");
	if (e == 0)
		e = conf_text(at, "mount_options", &s->mount_options);
	if (e == 0 && s->mount_options) {
		const char *const one[] = { s->mount_options, NULL };
		struct err why = { 0 };
		size_t bad;

		mount = one;
		if (words_check(mount, mount_names, ARRAY_SIZE(mount_names), &bad, &why) < 0)
			e = conf_wrong(at, "mount_options", 0, "%s", why.text);
	}
	return e;
}

static int read_kind(const struct conf_at *at, bool fresh, struct stack *s)
{
	const char *kind = "virtiofs";
	int e = conf_text(at, "kind", &kind);

	if (e < 0)
		return e;
	if (!fresh)
		return conf_has(at, "kind")
			       ? conf_wrong(at, "kind", 0,
					    "'kind' is that of the row it is made of (%s)",
					    stack_kind_name(s->kind))
			       : 0;
	if (strcmp(kind, "virtiofs") == 0)
		s->kind = STACK_VIRTIOFS;
	else if (strcmp(kind, "vmm-virtiofs") == 0)
		s->kind = STACK_VMM_FS;
	else
		return conf_wrong(at, "kind", 0, "kind '%s': allowed are virtiofs, vmm-virtiofs",
				  kind);
	return 0;
}

static int need(const struct conf_at *at, const char *key, bool there)
{
	return there ? 0
		     : conf_wrong(at, NULL, 0,
				  "'%s' is missing: a stack with a new id needs it, or a 'base'",
				  key);
}

static int check_daemon(const struct conf_at *at, const struct stack *s)
{
	int e = need(at, "program", s->program || s->host_program);

	if (e == 0)
		e = need(at, "args", s->args != NULL);
	if (e == 0 && words_use(s->args, "fd") == words_use(s->args, "socket"))
		e = conf_wrong(
			at, "args", 0,
			"the daemon is told its socket by exactly one of {fd} (an inherited, "
			"listening one) and {socket} (a path where it makes one)");
	if (e == 0 && !words_use(s->args, "share"))
		e = conf_wrong(at, "args", 0, "no word tells the daemon what to share ({share})");
	return e;
}

static int check_stack(const struct conf_at *at, const struct stack *s)
{
	static const char *const daemon_keys[] = { "program", "root", "version", "probe", NULL };
	static const char *const word_keys[] = { "args", "writeback", "no_writeback", "window",
						 NULL };
	static const char *const cache_keys[] = { "caches", NULL };
	int e = need(at, "title", s->title != NULL);

	if (e == 0 && s->kind == STACK_VIRTIOFS)
		e = check_daemon(at, s);
	else if (e == 0)
		e = conf_refuse(at, daemon_keys, "a stack of this kind has no daemon");
	if (e == 0 && !stack_is_virtiofs(s))
		e = conf_refuse(at, word_keys, "a stack of this kind has no daemon");
	if (e == 0 && !stack_has_cache(s))
		e = conf_refuse(at, cache_keys, "a stack of this kind has no cache modes");
	if (e == 0 && stack_has_cache(s))
		e = need(at, "caches", s->cache_mask != 0);
	return e;
}

/* The row that this one is made of: `base`, or the one with its id. */
static int find_base(const struct conf_at *at, const struct stack **ret)
{
	const char *base = NULL;
	int e = conf_text(at, "base", &base);

	if (e < 0)
		return e;
	*ret = stack_find(base ? base : cfg_title(at->cfg));
	if (base && !*ret)
		return conf_wrong(at, "base", 0, "there is no stack '%s' to be made of", base);
	if (*ret && !stack_is_guest(*ret))
		return conf_wrong(at, "base", 0, "'%s' is a baseline: it has nothing to be set",
				  (*ret)->id);
	return 0;
}

int conf_load_stack(const struct conf_at *at)
{
	struct stack *s = conf_keep(sizeof(*s));
	const struct stack *base = NULL;
	struct conf_program where;
	int e = conf_check_id(at, NULL, cfg_title(at->cfg));

	if (e == 0)
		e = find_base(at, &base);
	if (e < 0 || !s)
		return e < 0 ? e : conf_no_memory(at);
	if (base)
		*s = *base;
	else
		*s = (struct stack){ .direct_io = "not said", .source = "a conf file" };
	s->conf = at->name;
	s->id = conf_keep_text(cfg_title(at->cfg));
	where = (struct conf_program){ s->root, s->program, s->host_program };
	if (!s->id)
		return conf_no_memory(at);
	if (vmm_find(s->id))
		return conf_wrong(at, NULL, 0, "this is the id of a VMM");
	e = read_kind(at, !base, s);
	if (e == 0)
		e = conf_program(at, &where);
	if (e == 0)
		e = conf_text(at, "title", &s->title);
	if (e == 0)
		e = conf_text(at, "direct_io", &s->direct_io);
	if (e == 0)
		e = conf_text(at, "version", &s->version);
	if (e == 0)
		e = read_words(at, s);
	if (e == 0)
		e = read_caches(at, s);
	if (e == 0)
		e = read_options(at, s);
	s->root = where.root;
	s->program = where.program;
	s->host_program = where.host_program;
	if (s->kind == STACK_VIRTIOFS && !s->probe)
		s->probe = default_probe;
	if (e == 0)
		e = check_stack(at, s);
	return e < 0 ? e : registry_put_stack(s);
}
