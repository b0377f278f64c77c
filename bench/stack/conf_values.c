// SPDX-License-Identifier: Apache-2.0
/* Values of a conf file's section, checked, and what keeps them. */
#include "stack/conf_int.h"
#include "stack/conf_rows.h"

#include <stdarg.h>
#include <string.h>

/* Bounds: beyond them it is a mistake, not a command line. */
#define WORDS_MAX 256
#define TEXT_MAX  1024
#define ID_MAX	  32

/* Everything that rows point to, until all are forgotten. */
struct block {
	struct block *next;
	max_align_t data[];
};

static struct block *blocks;

void *conf_keep(size_t size)
{
	struct block *b = calloc(1, sizeof(*b) + size);

	if (!b)
		return NULL;
	b->next = blocks;
	blocks = b;
	return b->data;
}

char *conf_keep_text(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = conf_keep(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

void conf_forget(void)
{
	while (blocks) {
		struct block *b = blocks;

		blocks = b->next;
		free(b);
	}
}

int conf_no_memory(const struct conf_at *at)
{
	return err_set(at->reterr, -ENOMEM, "out of memory reading %s", at->conf->file);
}

struct conf_at conf_enter(const struct conf_at *file, const char *kind, cfg_t *cfg, size_t parent)
{
	const struct conf *c = file->conf;
	struct conf_at at = *file;

	at.kind = kind;
	at.cfg = cfg;
	at.section = parent;
	for (size_t i = 1; i < c->section_count; i++)
		if (c->section[i].parent == parent && strcmp(c->section[i].name, kind) == 0 &&
		    strcmp(c->section[i].title, cfg_title(cfg)) == 0)
			at.section = i;
	return at;
}

int conf_wrong(const struct conf_at *at, const char *key, size_t index, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(at->reterr, -EINVAL, "%s:%u: %s \"%s\": %s", at->conf->file,
		       conf_line(at->conf, at->section, key, index), at->kind, cfg_title(at->cfg),
		       text);
}

bool conf_has(const struct conf_at *at, const char *key)
{
	for (size_t i = 0; i < at->conf->item_count; i++)
		if (at->conf->item[i].section == at->section &&
		    strcmp(at->conf->item[i].key, key) == 0)
			return true;
	return false;
}

int conf_refuse(const struct conf_at *at, const char *const *keys, const char *why)
{
	for (size_t i = 0; keys[i]; i++)
		if (conf_has(at, keys[i]))
			return conf_wrong(at, keys[i], 0, "'%s' cannot be set: %s", keys[i], why);
	return 0;
}

int conf_check_id(const struct conf_at *at, const char *key, const char *id)
{
	size_t size = strlen(id);

	if (size == 0 || size > ID_MAX || id[0] == '-' ||
	    strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") != size)
		return conf_wrong(
			at, key, 0,
			"'%s' is no id: it is made of at most %d of a-z, 0-9 and '-', and "
			"does not begin with '-'",
			id, ID_MAX);
	return 0;
}

/* Nothing that would change a line of a log, a table or a file name. */
static int check_text(const struct conf_at *at, const char *key, size_t index, const char *text)
{
	if (!text || !text[0])
		return conf_wrong(at, key, index, "'%s' is empty; leave it out instead", key);
	if (strlen(text) > TEXT_MAX)
		return conf_wrong(at, key, index, "'%s' is longer than %d bytes", key, TEXT_MAX);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return conf_wrong(at, key, index, "'%s' holds a control character", key);
	return 0;
}

int conf_text(const struct conf_at *at, const char *key, const char **ret)
{
	const char *text = cfg_getstr(at->cfg, key);
	int e;

	if (!conf_has(at, key))
		return 0;
	e = check_text(at, key, 0, text);
	if (e < 0)
		return e;
	*ret = conf_keep_text(text);
	return *ret ? 0 : conf_no_memory(at);
}

int conf_path(const struct conf_at *at, const char *key, const char **ret)
{
	const char *path = NULL;
	int e = conf_text(at, key, &path);

	if (e < 0 || !path)
		return e;
	if (path[0] != '/' || path[strlen(path) - 1] == '/')
		return conf_wrong(at, key, 0, "%s = '%s' is no absolute path of a file", key, path);
	*ret = path;
	return 0;
}

int conf_words(const struct conf_at *at, const char *key, const char *const *names, size_t count,
	       const char *const **ret)
{
	unsigned size = cfg_size(at->cfg, key);
	struct err why = { 0 };
	size_t bad = 0;
	char **list;
	int e = 0;

	if (!conf_has(at, key))
		return 0;
	if (size == 0 || size > WORDS_MAX)
		return conf_wrong(at, key, 0,
				  size ? "'%s' has more than %d words"
				       : "'%s' is empty; leave it out, or name 1 to %d words",
				  key, WORDS_MAX);
	list = conf_keep((size + 1) * sizeof(*list));
	for (unsigned i = 0; e == 0 && list && i < size; i++) {
		const char *word = cfg_getnstr(at->cfg, key, i);

		e = check_text(at, key, i, word);
		if (e == 0 && !(list[i] = conf_keep_text(word)))
			list = NULL;
	}
	if (e < 0 || !list)
		return e < 0 ? e : conf_no_memory(at);
	if (words_check((const char *const *)list, names, count, &bad, &why) < 0)
		return conf_wrong(at, key, bad, "%s: %s ({{ stands for a brace)", key, why.text);
	*ret = (const char *const *)list;
	return 0;
}

int conf_program(const struct conf_at *at, struct conf_program *ret)
{
	const char *path = NULL;
	const char *root = NULL;
	const char *name;
	int e = conf_path(at, "program", &path);

	if (e == 0)
		e = conf_text(at, "root", &root);
	if (e == 0 && root)
		e = conf_check_id(at, "root", root);
	if (e < 0 || (!path && !root))
		return e;
	if (root) {
		ret->root = root;
		if (path)
			ret->program = path;
		ret->host_program = NULL;
		return ret->program
			       ? 0
			       : conf_wrong(at, "root", 0, "'root' needs 'program', a path in it");
	}
	name = strrchr(path, '/') + 1;
	if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-") !=
	    strlen(name))
		return conf_wrong(
			at, "program", 0,
			"the program's name '%s' may hold letters, digits and . _ + - only", name);
	*ret = (struct conf_program){ .host_program = path };
	return 0;
}
