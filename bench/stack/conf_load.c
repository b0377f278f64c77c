// SPDX-License-Identifier: Apache-2.0
/* A conf file as a whole. */
#include "stack/conf_int.h"
#include "stack/conf_rows.h"

#include <stdarg.h>
#include <string.h>

static cfg_opt_t file_opts[] = {
	CFG_SEC("stack", conf_stack_opts, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_SEC("vmm", conf_vmm_opts, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_SEC("kernel", conf_kernel_opts, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_END(),
};

static struct stack_conf_file files[STACK_CONF_FILES_MAX];
static size_t file_count;

/* libconfuse reports through a callback without a user pointer; one file is read at a time. */
static struct err *parse_err;
static const char *parse_file;

static void PRINTF_LIKE(2, 0) on_parse_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	char text[512];

	if (parse_err->text[0])
		return; /* the first one is the cause */
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	(void)err_set(parse_err, 0, "%s:%d: %s", parse_file, cfg ? cfg->line : 0, text);
}

/* How long the comment at @at is; 0: there is none. One begins where a word could. */
static size_t comment_size(const char *text, const char *at)
{
	const char *end;

	if (*at == '#')
		return strcspn(at, "\n");
	if (*at != '/' || (at > text && !strchr(" \t\r\n{},=", at[-1])))
		return 0;
	if (at[1] == '/')
		return strcspn(at, "\n");
	end = at[1] == '*' ? strstr(at + 2, "*/") : NULL;
	return end ? (size_t)(end + 2 - at) : 0;
}

/* libconfuse takes no comment inside a list, where a command line wants one. */
static void blank_comments(char *text)
{
	char quote = '\0';

	for (char *at = text; *at; at++) {
		size_t size = quote ? 0 : comment_size(text, at);

		for (size_t i = 0; i < size; i++)
			if (at[i] != '\n')
				at[i] = ' ';
		if (quote && *at == '\\' && at[1])
			at++;
		else if (quote && *at == quote)
			quote = '\0';
		else if (!quote && (*at == '"' || *at == '\''))
			quote = *at;
	}
}

static int parse(cfg_t *cfg, const struct conf *conf, struct err *reterr)
{
	struct err err = { 0 };
	int e;

	parse_err = &err;
	parse_file = conf->file;
	(void)cfg_set_error_function(cfg, on_parse_error);
	e = cfg_parse_buf(cfg, conf->text);
	parse_err = NULL;
	if (e == CFG_SUCCESS)
		return 0;
	return err_set(reterr, -EINVAL, "%s%s", err.text[0] ? err.text : "cannot read ",
		       err.text[0] ? "" : conf->file);
}

/* Two sections with one title: libconfuse would merge what the second one says into the first. */
static int check_titles(const struct conf *c, struct err *reterr)
{
	for (size_t i = 1; i < c->section_count; i++)
		for (size_t j = 1; j < i; j++)
			if (c->section[i].parent == c->section[j].parent &&
			    strcmp(c->section[i].name, c->section[j].name) == 0 &&
			    strcmp(c->section[i].title, c->section[j].title) == 0)
				return err_set(reterr, -EINVAL,
					       "%s:%u: %s \"%s\" is given a second time (first in "
					       "line %u)",
					       c->file, c->section[i].line, c->section[i].name,
					       c->section[i].title, c->section[j].line);
	return 0;
}

static int read_sections(const struct conf_at *file)
{
	static const struct {
		const char *kind;
		int (*load)(const struct conf_at *at);
	} kinds[] = {
		{ "stack", conf_load_stack },
		{ "vmm", conf_load_vmm },
		{ "kernel", conf_load_kernel },
	};
	unsigned seen = 0;
	int e = 0;

	for (size_t k = 0; e == 0 && k < ARRAY_SIZE(kinds); k++) {
		unsigned n = cfg_size(file->cfg, kinds[k].kind);

		seen += n;
		for (unsigned i = 0; e == 0 && i < n; i++) {
			cfg_t *cfg = cfg_getnsec(file->cfg, kinds[k].kind, i);
			const struct conf_at at = conf_enter(file, kinds[k].kind, cfg, 0);

			e = kinds[k].load(&at);
			if (e == -ENOSPC)
				return err_set(file->reterr, e, "%s: there are too many rows",
					       file->conf->file);
		}
	}
	if (e == 0 && seen == 0)
		e = err_set(file->reterr, -EINVAL, "%s has no section stack, vmm or kernel",
			    file->conf->file);
	return e;
}

static void cfg_freep(cfg_t **cfg)
{
	if (*cfg)
		(void)cfg_free(*cfg);
	*cfg = NULL;
}

static int load(const struct conf *conf, const char *name, struct err *reterr)
{
	CLEANUP(cfg_freep) cfg_t *cfg = cfg_init(file_opts, CFGF_NONE);
	const struct conf_at at = { .conf = conf, .name = name, .cfg = cfg, .reterr = reterr };
	int e = cfg ? check_titles(conf, reterr) : conf_no_memory(&at);

	if (e == 0)
		e = parse(cfg, conf, reterr);
	return e < 0 ? e : read_sections(&at);
}

int stack_conf_load(const char *path, const char *name, struct err *reterr)
{
	CLEANUP(conf_free) struct conf conf = { 0 };
	const char *slash = strrchr(path, '/');
	struct stack_conf_file f;
	int e;

	if (file_count == STACK_CONF_FILES_MAX)
		return err_set(reterr, -ENOSPC, "more than %d conf files", STACK_CONF_FILES_MAX);
	e = conf_read(path, &conf, reterr);
	if (e < 0)
		return e;
	f.name = conf_keep_text(name ? name : slash ? slash + 1 : path);
	f.text = conf_keep_text(conf.text);
	if (!f.name || !f.text)
		return err_set(reterr, -ENOMEM, "out of memory reading %s", path);
	blank_comments(conf.text);
	e = load(&conf, f.name, reterr);
	if (e == 0)
		files[file_count++] = f;
	return e;
}

const struct stack_conf_file *stack_conf_files(size_t *ret_count)
{
	*ret_count = file_count;
	return files;
}

void stack_conf_free(void)
{
	registry_reset();
	file_count = 0;
	conf_forget();
}
