/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_STACK_CONF_INT_H
#define VQ_STACK_CONF_INT_H

#include "base/conf.h"
#include "stack/registry.h"
#include "stack/words.h"

#include <confuse.h>

/* What the readers of a conf file's sections share. */

/* One section being read. */
struct conf_at {
	const struct conf *conf;
	const char *name; /* of the file, in results */
	const char *kind; /* "stack", "vmm", "kernel", "option" */
	cfg_t *cfg;
	size_t section; /* the same one in @conf */
	struct err *reterr;
};

/* Where a program lies: in a stack root, or on the host. */
struct conf_program {
	const char *root;
	const char *program;
	const char *host_program;
};

/** conf_enter() - the section @title of @kind inside @parent (0: the file). */
struct conf_at conf_enter(const struct conf_at *file, const char *kind, cfg_t *cfg, size_t parent);

/** conf_wrong() - "FILE:LINE: stack "ID": text"; line of word @index of @key, or of the section. */
int conf_wrong(const struct conf_at *at, const char *key, size_t index, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/** conf_has() - is the key there, if only with an empty value? */
bool conf_has(const struct conf_at *at, const char *key);

/** conf_refuse() - -EINVAL when one of @keys (NULL-terminated) is there; @why says why. */
int conf_refuse(const struct conf_at *at, const char *const *keys, const char *why) MUST_USE;

/** conf_check_id() - letters, digits and '-', at most 32. */
int conf_check_id(const struct conf_at *at, const char *key, const char *id) MUST_USE;

/* Each of these leaves *ret alone when the key is not there. What they give lives until
 * stack_conf_free(). */
int conf_text(const struct conf_at *at, const char *key, const char **ret) MUST_USE;
int conf_path(const struct conf_at *at, const char *key, const char **ret) MUST_USE;
int conf_words(const struct conf_at *at, const char *key, const char *const *names, size_t count,
	       const char *const **ret) MUST_USE;
int conf_program(const struct conf_at *at, struct conf_program *ret) MUST_USE;

/** conf_keep() - zeroed memory that lives as long; NULL when out of memory. */
void *conf_keep(size_t size) MUST_USE;
char *conf_keep_text(const char *text) MUST_USE;

/** conf_forget() - release all that was kept. */
void conf_forget(void);

/** conf_no_memory() - -ENOMEM. */
int conf_no_memory(const struct conf_at *at);

/* ---- conf_stack.c, conf_vmm.c ---- */

extern cfg_opt_t conf_stack_opts[];
extern cfg_opt_t conf_vmm_opts[];
extern cfg_opt_t conf_kernel_opts[];
int conf_load_stack(const struct conf_at *at) MUST_USE;
int conf_load_vmm(const struct conf_at *at) MUST_USE;
int conf_load_kernel(const struct conf_at *at) MUST_USE;

#endif
