/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_STACK_CONF_ROWS_H
#define VQ_STACK_CONF_ROWS_H

#include "base/err.h"

#include <stddef.h>

/*
 * Rows from conf files (bench/stacks/README.md): a section with the id of a row that is there
 * changes what it names, one with a new id adds a row. What is loaded is checked whole, except that
 * programs and kernels need not be there: that is the fault of the cells that use them.
 */
#define STACK_CONF_FILES_MAX 16

struct stack_conf_file {
	const char *name; /* without folder: results say no path of a machine */
	const char *text; /* as it was read */
};

/**
 * stack_conf_load() - read a conf file into the registries.
 * @name: what results call it; NULL: the name of the file.
 * Return: 0; -ENOENT; -ENOSPC; -EINVAL with file, line, what is wrong and what is allowed. After a
 * failure the registries hold a part of the file: stack_conf_free().
 */
int stack_conf_load(const char *path, const char *name, struct err *reterr) MUST_USE;

/** stack_conf_files() - what was loaded, in order. Borrowed. */
const struct stack_conf_file *stack_conf_files(size_t *ret_count);

/** stack_conf_free() - forget them all: the built-in rows alone are left. */
void stack_conf_free(void);

#endif
