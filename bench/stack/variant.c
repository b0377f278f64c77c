// SPDX-License-Identifier: Apache-2.0
/* What a cell switches on of its stack, as words and as command lines. */
#include "base/buf.h"
#include "stack/registry.h"
#include "stack/stack.h"
#include "stack/words.h"

#include <inttypes.h>
#include <string.h>

#define DEFAULT_WORD "default"

const char *stack_variant(const struct stack *s, unsigned options, char *ret, size_t size)
{
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < s->option_count; i++)
		if (options & 1U << i && used < size)
			used += (size_t)snprintf(ret + used, size - used, "%s%s", used ? "+" : "",
						 s->options[i].id);
	return ret;
}

static int no_option(const struct stack *s, const char *word, size_t size, struct err *reterr)
{
	CLEANUP(buf_free) struct buf known = { 0 };

	for (size_t i = 0; i < s->option_count; i++)
		(void)buf_printf(&known, ", %s", s->options[i].id);
	return err_set(reterr, -EINVAL, "stack %s has no option '%.*s'; it has " DEFAULT_WORD "%s",
		       s->id, (int)size, word, buf_text(&known));
}

int stack_variant_parse(const struct stack *s, const char *word, unsigned *ret, struct err *reterr)
{
	unsigned options = 0;

	if (strcmp(word, DEFAULT_WORD) == 0) {
		*ret = 0;
		return 0;
	}
	for (const char *at = word;; at++) {
		size_t size = strcspn(at, "+");
		size_t i;

		for (i = 0; i < s->option_count; i++)
			if (strlen(s->options[i].id) == size &&
			    strncmp(s->options[i].id, at, size) == 0)
				break;
		if (i == s->option_count || options & 1U << i)
			return no_option(s, at, size, reterr);
		options |= 1U << i;
		at += size;
		if (!*at)
			break;
	}
	*ret = options;
	return 0;
}

bool stack_is_guest(const struct stack *s)
{
	return s->kind != STACK_HOST && s->kind != STACK_ATTACHED;
}

bool stack_has_cache(const struct stack *s)
{
	return stack_is_virtiofs(s) || s->kind == STACK_9P;
}

bool stack_is_virtiofs(const struct stack *s)
{
	return s->kind == STACK_VIRTIOFS || s->kind == STACK_VMM_FS;
}

bool stack_generic_device(const struct stack *s, unsigned options)
{
	bool fs_device = false;

	for (size_t i = 0; i < s->option_count; i++)
		fs_device |= options & 1U << i && s->options[i].fs_device;
	return s->generic_device && !fs_device;
}

bool stack_has_window(const struct stack *s, unsigned options)
{
	return s->window && stack_generic_device(s, options);
}

bool stack_counts(const struct stack *s)
{
	return words_use(s->args, "counters");
}

bool stack_makes_socket(const struct stack *s)
{
	return words_use(s->args, "socket");
}

int stack_mount_options(const struct stack *s, enum cache_mode cache, unsigned options, char *ret,
			size_t size)
{
	const struct word_value values[] = { { "cache", cache_name(cache) } };
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(freep) char *first = NULL;
	int e = s->mount_options
			? word_fill(s->mount_options, values, ARRAY_SIZE(values), &first, NULL)
			: 0;

	if (e == 0 && first)
		e = buf_add(&text, first, strlen(first));
	for (size_t i = 0; e == 0 && i < s->option_count; i++)
		if (options & 1U << i && s->options[i].mount)
			e = buf_printf(&text, "%s%s", text.size ? "," : "", s->options[i].mount);
	if (e == 0 && text.size >= size)
		e = -ENAMETOOLONG;
	if (e == 0)
		(void)snprintf(ret, size, "%s", buf_text(&text));
	return e;
}

int stack_words(const struct stack *s, unsigned options, bool writeback,
		const struct word_value *values, size_t count, struct strv *ret)
{
	int e = words_add(ret, s->args, values, count, NULL);

	for (size_t i = 0; e == 0 && i < s->option_count; i++)
		e = words_add(ret, options & 1U << i ? s->options[i].with : s->options[i].without,
			      values, count, NULL);
	if (e == 0)
		e = words_add(ret, writeback ? s->writeback : s->no_writeback, values, count, NULL);
	return e;
}

int stack_daemon_argv(const struct stack *s, const struct stack_paths *p,
		      const struct daemon_config *c, struct strv *ret)
{
	char fd[16];
	char nofile[32];
	char window[32];
	/* Whether a guest uses a window is for its mount to say. */
	const char *dax = dax_name(c->dax == DAX_NEVER ? DAX_ALWAYS : c->dax);
	const struct word_value values[] = {
		{ "fd", fd },
		{ "socket", c->socket },
		{ "share", c->share },
		{ "cache", cache_name(c->cache) },
		{ "nofile", nofile },
		{ "tag", c->tag },
		{ "dax", dax },
		{ "window", window },
		{ "counters", c->counters },
	};
	int e;

	(void)snprintf(fd, sizeof(fd), "%d", c->listen_fd);
	(void)snprintf(nofile, sizeof(nofile), "%lu", c->nofile);
	(void)snprintf(window, sizeof(window), "%" PRIu64, c->window_bytes);
	stack_program_argv(s, p, ret);
	e = stack_words(s, c->options, c->writeback, values, ARRAY_SIZE(values), ret);
	if (e == 0 && c->window_bytes)
		e = words_add(ret, s->window, values, ARRAY_SIZE(values), NULL);
	return e;
}
