// SPDX-License-Identifier: Apache-2.0
#include "stack/words.h"

#include "base/buf.h"

#include <string.h>

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
