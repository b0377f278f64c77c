/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VQ_STACK_REGISTRY_H
#define VQ_STACK_REGISTRY_H

#include "stack/stack.h"

/* What conf files may do to the registries: rows of theirs go behind the built-in ones, or take the
 * place of one with the same id. Rows are borrowed until registry_reset(). */

/** registry_put_stack() and so on - 0; -ENOSPC when there are too many rows. */
int registry_put_stack(const struct stack *s) MUST_USE;
int registry_put_vmm(const struct vmm *v) MUST_USE;
int registry_put_kernel(const struct kernel *k) MUST_USE;

/** registry_reset() - the built-in rows alone. */
void registry_reset(void);

/** program_argv() - start a command line for a program of the host or of a stack root. */
void program_argv(const struct stack_paths *p, const char *id, const char *host_program,
		  const char *root, const char *program, struct strv *ret);

/** stack_program_argv() - the same for a stack's daemon, which may be a program of this project. */
void stack_program_argv(const struct stack *s, const struct stack_paths *p, struct strv *ret);

#endif
