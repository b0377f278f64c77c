/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_STACK_WORDS_H
#define VQ_STACK_WORDS_H

#include "base/err.h"
#include "base/strv.h"

#include <stdbool.h>
#include <stddef.h>

/* Command lines as data: words in which {name} stands for a value, and {{ for a brace. */
struct word_value {
	const char *name;
	const char *text; /* NULL: known, but without a value here */
};

/**
 * word_fill() - @word with its {names} replaced; owned.
 * Return: 0; -EINVAL for a name that is not among @values, or that has no value; -ENOMEM.
 */
int word_fill(const char *word, const struct word_value *values, size_t count, char **ret,
	      struct err *reterr) MUST_USE;

/** words_add() - append all of @words (NULL-terminated; NULL: none), filled. As word_fill(). */
int words_add(struct strv *to, const char *const *words, const struct word_value *values,
	      size_t count, struct err *reterr) MUST_USE;

/** words_check() - is every {name} among @names? -EINVAL, with the word in *ret_index. */
int words_check(const char *const *words, const char *const *names, size_t count, size_t *ret_index,
		struct err *reterr) MUST_USE;

/** words_use() - does one of @words (NULL: none) hold {name}? */
bool words_use(const char *const *words, const char *name);

#endif
