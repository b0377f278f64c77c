/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_BASE_CONF_H
#define VQ_BASE_CONF_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * A first look at a configuration file, before libconfuse reads it: that library takes the last of
 * two values without a word, forgets in which line a value stood, and its scanner may end the
 * process on odd input. This finds keys that are given twice, remembers lines, and lets nothing
 * through that is no text of sections, keys and values.
 */
#define CONF_BYTES_MAX 262144 /* a hand-written file; beyond it is a mistake */
#define CONF_TOKEN_MAX 4096
#define CONF_DEPTH_MAX 8

struct conf_section {
	char *name;  /* "" for the file itself, which is section 0 */
	char *title; /* "" without */
	unsigned line;
	size_t parent;
};

struct conf_item {
	char *key;
	size_t section;
	unsigned line;
	unsigned *word_line; /* line of each word of its value */
	size_t word_count;
};

struct conf {
	char *file;
	char *text; /* all of it, NUL-terminated */
	struct conf_section *section;
	size_t section_count;
	struct conf_item *item;
	size_t item_count;
};

/**
 * conf_read() - read and scan a file.
 * Return: 0; -ENOENT when @path is no file; -EFBIG; -EINVAL with file, line and what is wrong.
 */
int conf_read(const char *path, struct conf *ret, struct err *reterr) MUST_USE;

/** conf_section() - index of the section @name with @title; 0, the file, when there is none. */
size_t conf_section(const struct conf *c, const char *name, const char *title);

/**
 * conf_line() - where the word @index of the value of @key stands; of the key when there is no such
 * word, of the section when there is no such key.
 */
unsigned conf_line(const struct conf *c, size_t section, const char *key, size_t index);

void conf_free(struct conf *c);

#endif
