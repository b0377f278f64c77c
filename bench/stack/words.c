// SPDX-License-Identifier: Apache-2.0
#include "stack/words.h"

#include "base/buf.h"

#include <string.h>

/* More than any table of names here has. */
#define WORD_NAMES_MAX 32

static const struct word_value *find(const struct word_value *values, size_t count,
				     const char *name, size_t size)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(values[i].name) == size && strncmp(values[i].name, name, size) == 0)
			return &values[i];
	return NULL;
}

static int bad_name(const char *word, const char *name, size_t size,
		    const struct word_value *values, size_t count, struct err *reterr)
{
	CLEANUP(buf_free) struct buf known = { 0 };

	for (size_t i = 0; i < count; i++)
		(void)buf_printf(&known, "%s{%s}", i ? ", " : "", values[i].name);
	return err_set(reterr, -EINVAL, "'%s': there is no {%.*s}; known are %s", word, (int)size,
		       name, buf_text(&known));
}

int word_fill(const char *word, const struct word_value *values, size_t count, char **ret,
	      struct err *reterr)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	const char *at = word;
	int e = 0;

	while (e == 0 && *at) {
		const struct word_value *v;
		size_t plain = strcspn(at, "{");
		size_t size;

		e = buf_add(&text, at, plain);
		at += plain;
		if (e < 0 || !*at)
			break;
		if (at[1] == '{') {
			e = buf_add(&text, at, 1);
			at += 2;
			continue;
		}
		size = strcspn(++at, "}");
		v = at[size] ? find(values, count, at, size) : NULL;
		if (!v)
			return bad_name(word, at, size, values, count, reterr);
		if (!v->text)
			return err_set(reterr, -EINVAL, "'%s': {%s} has no value here", word,
				       v->name);
		e = buf_add(&text, v->text, strlen(v->text));
		at += size + 1;
	}
	if (e == 0 && !(*ret = buf_take(&text)))
		e = -ENOMEM;
	return e < 0 ? err_set(reterr, e, "out of memory") : 0;
}

int words_add(struct strv *to, const char *const *words, const struct word_value *values,
	      size_t count, struct err *reterr)
{
	for (size_t i = 0; words && words[i]; i++) {
		CLEANUP(freep) char *word = NULL;
		int e = word_fill(words[i], values, count, &word, reterr);

		if (e < 0)
			return e;
		strv_add(to, word);
	}
	return strv_failed(to) ? err_set(reterr, -ENOMEM, "out of memory") : 0;
}

int words_check(const char *const *words, const char *const *names, size_t count, size_t *ret_index,
		struct err *reterr)
{
	struct word_value values[WORD_NAMES_MAX];

	if (count > ARRAY_SIZE(values))
		return err_set(reterr, -E2BIG, "more than %d names", WORD_NAMES_MAX);
	for (size_t i = 0; i < count; i++)
		values[i] = (struct word_value){ names[i], "" };
	for (size_t i = 0; words && words[i]; i++) {
		CLEANUP(freep) char *word = NULL;
		int e = word_fill(words[i], values, count, &word, reterr);

		*ret_index = i;
		if (e < 0)
			return e;
	}
	return 0;
}

bool words_use(const char *const *words, const char *name)
{
	size_t size = strlen(name);

	for (size_t i = 0; words && words[i]; i++) {
		for (const char *at = words[i]; (at = strchr(at, '{')); at++) {
			if (at[1] == '{')
				at++;
			else if (strncmp(at + 1, name, size) == 0 && at[1 + size] == '}')
				return true;
		}
	}
	return false;
}
